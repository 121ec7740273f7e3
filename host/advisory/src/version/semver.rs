//! Semantic Versioning 2 (npm, crates.io, Hex, Swift, Julia and others), as loosely as `node-semver` reads
//! it: blanks, `=` and `v` in front, and a pre-release without its dash. As advisories have it, numbers may
//! be missing at the end (they are 0) or be more than three. Builds don't count.
//!
//! What doesn't begin with a number counts as a pre-release of 0. Own code: the crates keep numbers in 64
//! bits and are strict.

use std::cmp::Ordering;

use super::text::{is_number, numbers, padded, run, skip_one};

/// A version, taken apart.
pub(super) struct Version<'v> {
    pub(super) numbers: Vec<&'v [u8]>,
    /// The parts of the pre-release; empty for a release.
    pub(super) pre: Vec<&'v [u8]>,
    /// What follows the plus.
    pub(super) build: Option<&'v [u8]>,
}

impl<'v> Version<'v> {
    pub(super) fn of(version: &'v str) -> Self {
        let version = version.trim();
        let mut rest = version
            .trim_start_matches(|letter: char| {
                letter.is_whitespace() || matches!(letter, '=' | 'v' | 'V')
            })
            .as_bytes();
        let mut numbers = Vec::new();
        let mut after = rest;
        loop {
            match run(&mut after, u8::is_ascii_digit) {
                b"" => break,
                number => numbers.push(number),
            }
            rest = after;
            if !skip_one(&mut after, |byte| *byte == b'.') {
                break;
            }
        }
        if !skip_one(&mut rest, |byte| *byte == b'-') && !numbers.is_empty() {
            skip_one(&mut rest, |byte| *byte == b'.');
        }
        let (pre, build) = match rest.iter().position(|byte| *byte == b'+') {
            Some(plus) => {
                let (pre, build) = rest.split_at(plus);
                (pre, build.get(1..))
            }
            None => (rest, None),
        };
        let pre = match pre {
            b"" => Vec::new(),
            pre => pre.split(|byte| *byte == b'.').collect(),
        };
        Self {
            numbers,
            pre,
            build,
        }
    }

    /// Without the build.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        padded(&self.numbers, &other.numbers).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (false, false) => identifiers(self.pre.iter().copied(), other.pre.iter().copied()),
                (a, b) => a.cmp(&b),
            }
        })
    }

    /// True when nothing but the signs of the grammar is there.
    pub(super) fn is_good(&self) -> bool {
        let good = |part: &[u8]| {
            part.iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        !self.numbers.is_empty()
            && self.pre.iter().all(|part| !part.is_empty() && good(part))
            && self
                .build
                .is_none_or(|build| build.split(|byte| *byte == b'.').all(good))
    }
}

/// Compares identifiers: a number is below any text, and a list above what it begins with.
pub(super) fn identifiers<'v>(
    mut a: impl Iterator<Item = &'v [u8]>,
    mut b: impl Iterator<Item = &'v [u8]>,
) -> Ordering {
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => numbers(a, b),
                (false, false) => a.cmp(b),
                (a, b) => b.cmp(&a),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    Version::of(a).compare(&Version::of(b))
}

pub(super) fn is_version(version: &str) -> bool {
    Version::of(version).is_good()
}
