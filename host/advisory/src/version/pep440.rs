//! Python's order (PEP 440): `epoch!release[pre][post][dev]+local`, in all the spellings that `packaging`
//! takes. What is no such version sorts before all that are, by the order that setuptools had before the PEP.
//!
//! Own code: `pep440_rs` keeps 64 bits of a number and knows no versions from before.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::text::{is_number, is_zero, numbers, run, skip_one, skip_word};

/// Spellings of pre-releases, the longer of two that begin alike first, and their places.
const PRE: &[(&[u8], u8)] = &[
    (b"alpha", 0),
    (b"a", 0),
    (b"beta", 1),
    (b"b", 1),
    (b"preview", 2),
    (b"pre", 2),
    (b"rc", 2),
    (b"c", 2),
];
const POST: &[(&[u8], u8)] = &[(b"post", 0), (b"rev", 0), (b"r", 0)];
const DEV: &[(&[u8], u8)] = &[(b"dev", 0)];

/// A word and its number.
type Part<'v> = Option<(u8, &'v [u8])>;

struct Version<'v> {
    epoch: &'v [u8],
    release: Vec<&'v [u8]>,
    pre: Part<'v>,
    post: Part<'v>,
    dev: Part<'v>,
    local: Option<&'v [u8]>,
}

impl<'v> Version<'v> {
    /// Reads a version in lower case.
    fn of(version: &'v str) -> Option<Self> {
        let mut rest = version.trim().as_bytes();
        skip_one(&mut rest, |byte| *byte == b'v');
        let mut epoch: &[u8] = b"0";
        let mut first = run(&mut rest, u8::is_ascii_digit);
        if !first.is_empty() && skip_one(&mut rest, |byte| *byte == b'!') {
            epoch = first;
            first = run(&mut rest, u8::is_ascii_digit);
        }
        if first.is_empty() {
            return None;
        }
        let mut release = vec![first];
        loop {
            let mut after = rest;
            if !skip_one(&mut after, |byte| *byte == b'.') {
                break;
            }
            match run(&mut after, u8::is_ascii_digit) {
                b"" => break,
                number => release.push(number),
            }
            rest = after;
        }
        while release.len() > 1 && release.last().is_some_and(|number| is_zero(number)) {
            release.pop();
        }
        let pre = part(&mut rest, PRE);
        let post = implicit_post(&mut rest).or_else(|| part(&mut rest, POST));
        let dev = part(&mut rest, DEV);
        let local = match rest.split_first() {
            None => None,
            Some((b'+', local)) => {
                let good =
                    |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric);
                if !local.split(is_separator).all(good) {
                    return None;
                }
                Some(local)
            }
            Some(_) => return None,
        };
        Some(Self {
            epoch,
            release,
            pre,
            post,
            dev,
            local,
        })
    }

    /// A development release of the final one comes before its pre-releases.
    fn is_only_dev(&self) -> bool {
        self.pre.is_none() && self.post.is_none() && self.dev.is_some()
    }

    fn compare(&self, other: &Self) -> Ordering {
        numbers(self.epoch, other.epoch)
            .then_with(|| super::text::padded(&self.release, &other.release))
            .then_with(|| other.is_only_dev().cmp(&self.is_only_dev()))
            .then_with(|| missing_last(self.pre, other.pre))
            .then_with(|| match (self.post, other.post) {
                (Some(a), Some(b)) => numbers(a.1, b.1),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
            .then_with(|| missing_last(self.dev, other.dev))
            .then_with(|| match (self.local, other.local) {
                (Some(a), Some(b)) => locals(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }
}

fn missing_last(a: Part<'_>, b: Part<'_>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.0.cmp(&b.0).then_with(|| numbers(a.1, b.1)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

/// A word with what may stand around it: `.rc_1`.
fn part<'v>(rest: &mut &'v [u8], words: &[(&[u8], u8)]) -> Part<'v> {
    let mut after = *rest;
    skip_one(&mut after, is_separator);
    let place = words
        .iter()
        .find(|(word, _)| skip_word(&mut after, word))
        .map(|(_, place)| *place)?;
    skip_one(&mut after, is_separator);
    let number = run(&mut after, u8::is_ascii_digit);
    *rest = after;
    Some((place, number))
}

/// A post release without a word: `1.0-1`.
fn implicit_post<'v>(rest: &mut &'v [u8]) -> Part<'v> {
    let mut after = *rest;
    if !skip_one(&mut after, |byte| *byte == b'-') {
        return None;
    }
    let number = run(&mut after, u8::is_ascii_digit);
    if number.is_empty() {
        return None;
    }
    *rest = after;
    Some((0, number))
}

/// Parts of local versions: a number is above text.
fn locals(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a.split(is_separator), b.split(is_separator));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) if a.is_none() || b.is_none() => return a.is_some().cmp(&b.is_some()),
            (a, b) => {
                let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
                match (is_number(a), is_number(b)) {
                    (true, true) => numbers(a, b),
                    (false, false) => a.cmp(b),
                    (a, b) => a.cmp(&b),
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    match (Version::of(&a), Version::of(&b)) {
        (Some(a), Some(b)) => a.compare(&b),
        (None, None) => legacy(&a).cmp(&legacy(&b)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

pub(super) fn is_version(version: &str) -> bool {
    Version::of(&version.to_ascii_lowercase()).is_some()
}

/// The key of a version from before the PEP: words with a star, numbers filled up to eight digits, without
/// what doesn't matter.
fn legacy(version: &str) -> Vec<Cow<'_, str>> {
    const FINAL: &str = "*final";
    const DASH: &str = "*final-";
    const ZERO: &str = "00000000";
    let mut key: Vec<Cow<'_, str>> = Vec::new();
    let mut rest = version;
    loop {
        let kind = |letter: char| match letter {
            '0'..='9' => 1,
            'a'..='z' => 2,
            '.' | '-' => 3,
            _ => 4,
        };
        let first = rest.chars().next().map(kind);
        let end = match first {
            None => 0,
            Some(3) => 1,
            Some(first) => rest
                .find(|letter| kind(letter) != first)
                .unwrap_or(rest.len()),
        };
        let (word, left) = rest.split_at(end);
        rest = left;
        let part: Cow<'_, str> = match (first, word) {
            (None, _) => FINAL.into(),
            (_, ".") => continue,
            (_, "-") => DASH.into(),
            (_, "pre" | "preview" | "rc") => "*c".into(),
            (_, "dev") => "*@".into(),
            (Some(1), number) => format!("{number:0>8}").into(),
            (_, word) => format!("*{word}").into(),
        };
        if part.starts_with('*') {
            if *part < *FINAL {
                while key.last().is_some_and(|last| last == DASH) {
                    key.pop();
                }
            }
            while key.last().is_some_and(|last| last == ZERO) {
                key.pop();
            }
        }
        key.push(part);
        if first.is_none() {
            return key;
        }
    }
}
