//! The fallback for ecosystems that have no order of their own, or none that is written down: as a person
//! reads versions. Runs of digits are numbers, runs of letters words, in which case doesn't count; signs only
//! separate, and a `v` in front doesn't count. At one place,
//! `a word of pre-releases < the end < another word < a number`.

use std::cmp::Ordering;

use super::text::{numbers, run};

/// Words that make a version lower, in their order.
const PRE: &[&[u8]] = &[
    b"dev",
    b"snapshot",
    b"nightly",
    b"preview",
    b"alpha",
    b"beta",
    b"pre",
    b"rc",
];

/// What stands at one place. The sequence is the order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next<'v> {
    Pre(usize),
    End,
    Word(&'v [u8]),
    Number(&'v [u8]),
}

fn next<'v>(rest: &mut &'v [u8]) -> Next<'v> {
    run(rest, |byte| !byte.is_ascii_alphanumeric());
    let digits = run(rest, u8::is_ascii_digit);
    if !digits.is_empty() {
        return Next::Number(digits);
    }
    let word = run(rest, u8::is_ascii_alphabetic);
    if word.is_empty() {
        return Next::End;
    }
    match PRE.iter().position(|pre| *pre == word) {
        Some(place) => Next::Pre(place),
        None => Next::Word(word),
    }
}

fn without_v(version: &str) -> &[u8] {
    let version = version.trim();
    version.strip_prefix('v').unwrap_or(version).as_bytes()
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let (mut a, mut b) = (without_v(&a), without_v(&b));
    loop {
        let order = match (next(&mut a), next(&mut b)) {
            (Next::End, Next::End) => return Ordering::Equal,
            (Next::Number(a), Next::Number(b)) => numbers(a, b),
            (a, b) => a.cmp(&b),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A digit is in it, and no blank.
pub(super) fn is_version(version: &str) -> bool {
    let version = version.trim();
    version.bytes().any(|byte| byte.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_graphic())
}
