//! Dart's order (`pub_semver`): Semantic Versioning, but builds count: a version with one is above the same
//! without, and two builds compare as pre-releases do.

use std::cmp::Ordering;

use super::semver::{Version, identifiers};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    a.compare(&b).then_with(|| match (a.build, b.build) {
        (Some(a), Some(b)) => {
            identifiers(a.split(|byte| *byte == b'.'), b.split(|byte| *byte == b'.'))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

pub(super) fn is_version(version: &str) -> bool {
    Version::of(version).is_good()
}
