//! NuGet's order: four numbers, and a pre-release as in Semantic Versioning, in which case doesn't count.
//! Builds don't count.

use std::cmp::Ordering;

use super::semver::Version;

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    Version::of(&a).compare(&Version::of(&b))
}

pub(super) fn is_version(version: &str) -> bool {
    let version = Version::of(version);
    version.numbers.len() <= 4 && version.is_good()
}
