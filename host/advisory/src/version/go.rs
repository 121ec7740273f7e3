//! Go's order: semantic versions of modules (`v1.2.3`, `v2.0.0+incompatible`, pseudo-versions, which are
//! pre-releases), and of the toolchain, whose versions the modules `stdlib` and `toolchain` have: `go1.22.3`,
//! `1.21rc2`, which is `1.21.0-rc.2`.
//!
//! Of a toolchain's name, what its maker added behind a dash or a blank doesn't count (`go1.22.3-fips`,
//! `go1.21.9 (Red Hat …)`), as in Go itself. A missing patch is 0, as advisories mean it; Go itself puts the
//! language version 1.21 before 1.21rc1.

use std::cmp::Ordering;

use super::semver::Version;
use super::text::{is_number, run};

fn read(version: &str) -> Version<'_> {
    let version = version.trim();
    let named = version
        .strip_prefix("go")
        .filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    let version = match named {
        Some(rest) => rest.split(['-', ' ', '\t', '+']).next().unwrap_or(rest),
        None => version,
    };
    let mut read = Version::of(version);
    // `1.21rc2`: a word and its number in one.
    if !version.contains('-')
        && let [glued] = read.pre.as_slice()
    {
        let mut number = *glued;
        let word = run(&mut number, u8::is_ascii_lowercase);
        if matches!(word, b"alpha" | b"beta" | b"rc") && is_number(number) {
            read.pre = vec![word, number];
        }
    }
    read
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    read(a).compare(&read(b))
}

pub(super) fn is_version(version: &str) -> bool {
    read(version).is_good()
}
