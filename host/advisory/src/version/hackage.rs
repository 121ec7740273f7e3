//! Haskell's order (`Data.Version`): numbers between dots; a longer version is above what it begins with, so
//! `1.0` is below `1.0.0`. What isn't a number is below any.

use std::cmp::Ordering;

use super::text::{is_number, part_lists};

fn is_separator(letter: char) -> bool {
    letter == '.'
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    part_lists(a.trim(), b.trim(), is_separator)
}

pub(super) fn is_version(version: &str) -> bool {
    version
        .trim()
        .split(is_separator)
        .all(|part| is_number(part.as_bytes()))
}
