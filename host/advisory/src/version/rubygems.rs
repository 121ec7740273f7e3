//! Ruby's order (`Gem::Version`): runs of digits and of letters; letters make a pre-release, a dash means
//! `.pre.`, and zeros at the end don't count.
//!
//! A platform behind the version (`1.13.0-x86_64-linux`, `1.6.7-java`) is not part of it. Lists of gems write
//! it so; `Gem::Version` by itself would read it as a pre-release.

use std::cmp::Ordering;

use super::text::{is_zero, numbers, run};

/// What platforms begin with, behind the dash.
const PLATFORMS: &[&str] = &[
    "aarch64",
    "arm",
    "armv5",
    "armv6",
    "armv7",
    "arm64",
    "dalvik",
    "i386",
    "i486",
    "i586",
    "i686",
    "java",
    "jruby",
    "mingw",
    "mingw32",
    "mswin",
    "mswin32",
    "mswin64",
    "powerpc",
    "ppc64le",
    "riscv64",
    "ruby",
    "s390x",
    "sparc",
    "universal",
    "x64",
    "x86",
    "x86_64",
];

#[derive(PartialEq, Eq)]
enum Segment<'v> {
    Text(&'v [u8]),
    Number(&'v [u8]),
}

/// The version without a platform.
fn without_platform(version: &str) -> &str {
    let version = version.trim();
    match version.split_once('-') {
        Some((version, platform))
            if platform
                .split('-')
                .next()
                .is_some_and(|cpu| PLATFORMS.contains(&cpu)) =>
        {
            version
        }
        _ => version,
    }
}

/// The segments, without zeros before the first letters and at the end.
fn segments(version: &str) -> Vec<Segment<'_>> {
    let mut rest = without_platform(version).as_bytes();
    let mut segments = Vec::new();
    let mut has_text = false;
    while let Some(first) = rest.first() {
        let next = if first.is_ascii_digit() {
            Segment::Number(run(&mut rest, u8::is_ascii_digit))
        } else if first.is_ascii_alphabetic() {
            Segment::Text(run(&mut rest, u8::is_ascii_alphabetic))
        } else {
            let signs = run(&mut rest, |byte| !byte.is_ascii_alphanumeric());
            for _ in signs.iter().filter(|sign| **sign == b'-') {
                push(&mut segments, &mut has_text, Segment::Text(b"pre"));
            }
            continue;
        };
        push(&mut segments, &mut has_text, next);
    }
    drop_zeros(&mut segments);
    segments
}

fn push<'v>(segments: &mut Vec<Segment<'v>>, has_text: &mut bool, next: Segment<'v>) {
    if !*has_text && matches!(next, Segment::Text(_)) {
        drop_zeros(segments);
        *has_text = true;
    }
    segments.push(next);
}

fn drop_zeros(segments: &mut Vec<Segment<'_>>) {
    while let Some(Segment::Number(number)) = segments.last()
        && is_zero(number)
    {
        segments.pop();
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (segments(a), segments(b));
    for place in 0..a.len().max(b.len()) {
        // What is missing is 0.
        let order = match (
            a.get(place).unwrap_or(&Segment::Number(b"")),
            b.get(place).unwrap_or(&Segment::Number(b"")),
        ) {
            (Segment::Number(a), Segment::Number(b)) => numbers(a, b),
            (Segment::Text(a), Segment::Text(b)) => a.cmp(b),
            (Segment::Text(_), Segment::Number(_)) => Ordering::Less,
            (Segment::Number(_), Segment::Text(_)) => Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// What `Gem::Version.correct?` takes, but nothing at all, and with a platform.
pub(super) fn is_version(version: &str) -> bool {
    let version = without_platform(version);
    let (release, pre) = match version.split_once('-') {
        Some((release, pre)) => (release, Some(pre)),
        None => (version, None),
    };
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let dashed = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut parts = release.split('.');
    parts
        .next()
        .is_some_and(|first| super::text::is_number(first.as_bytes()))
        && parts.all(word)
        && pre.is_none_or(|pre| pre.split('.').all(dashed))
}
