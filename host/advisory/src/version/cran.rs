//! R's order (`package_version`): numbers between dots and dashes, which mean the same; a longer version is
//! above what it begins with. What isn't a number is below any.

use std::cmp::Ordering;

use super::text::{is_number, part_lists};

fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | '-')
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    part_lists(a.trim(), b.trim(), is_separator)
}

/// One number is enough here, for advisories begin at `0`.
pub(super) fn is_version(version: &str) -> bool {
    version
        .trim()
        .split(is_separator)
        .all(|part| is_number(part.as_bytes()))
}
