//! PHP's order (`version_compare`) without the `v` in front, which is what Composer sorts by and what
//! Packagist's advisories were checked with: parts are numbers or words, and the words that count are
//! `dev < alpha < beta < RC < the end < a number < pl`; every other word is below `dev`.
//!
//! A sign in front or at the end has an empty part beside it, which is such a word (`1.0-` is below `1.0`).
//! There `version_compare` is no order: it calls `1.0.` below `1.0.x` and the other way round; here they are
//! equal. And `#` only separates, as the public vectors nearly have it; PHP sees a number in it, of any value.

use std::cmp::Ordering;

use super::text::{numbers, run, skip_one};

/// What stands at one place. The sequence is the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Other,
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number,
    Patch,
}

/// Words by what they begin with, as PHP has them, case and all.
const WORDS: &[(&[u8], Kind)] = &[
    (b"dev", Kind::Dev),
    (b"a", Kind::Alpha),
    (b"b", Kind::Beta),
    (b"RC", Kind::Candidate),
    (b"rc", Kind::Candidate),
    (b"p", Kind::Patch),
];

/// Reads parts: digits, or letters.
struct Parts<'v> {
    rest: &'v [u8],
    begins: bool,
    after_digit: bool,
}

impl<'v> Parts<'v> {
    fn of(version: &'v str) -> Self {
        Self {
            rest: without_v(version),
            begins: true,
            after_digit: false,
        }
    }

    fn next(&mut self) -> (Kind, &'v [u8]) {
        // A sign that separates nothing else begins a part behind a digit (`1:2`).
        let is_odd = |byte: &u8| !byte.is_ascii_alphanumeric() && !b".-_+#".contains(byte);
        if std::mem::take(&mut self.after_digit) && skip_one(&mut self.rest, is_odd) {
            run(&mut self.rest, u8::is_ascii_alphabetic);
            return (Kind::Other, b"");
        }
        let signs = run(&mut self.rest, |byte| !byte.is_ascii_alphanumeric());
        if std::mem::take(&mut self.begins) && !signs.is_empty() {
            // A dot in front has an empty part before it, and other signs swallow what follows them.
            if !signs.starts_with(b".") {
                self.take_run();
            }
            return (Kind::Other, b"");
        }
        if self.rest.is_empty() && signs.last().is_some_and(|sign| b".-_+".contains(sign)) {
            return (Kind::Other, b"");
        }
        self.take_run()
    }

    fn take_run(&mut self) -> (Kind, &'v [u8]) {
        let digits = run(&mut self.rest, u8::is_ascii_digit);
        if !digits.is_empty() {
            self.after_digit = true;
            return (Kind::Number, digits);
        }
        let word = run(&mut self.rest, u8::is_ascii_alphabetic);
        if word.is_empty() {
            return (Kind::End, word);
        }
        let kind = WORDS
            .iter()
            .find(|(start, _)| word.starts_with(start))
            .map_or(Kind::Other, |(_, kind)| *kind);
        (kind, word)
    }
}

fn without_v(version: &str) -> &[u8] {
    version.trim().trim_start_matches(['v', 'V']).as_bytes()
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Parts::of(a), Parts::of(b));
    if a.rest.is_empty() || b.rest.is_empty() {
        return b.rest.is_empty().cmp(&a.rest.is_empty());
    }
    loop {
        let ((a_kind, a_text), (b_kind, b_text)) = (a.next(), b.next());
        let order = a_kind.cmp(&b_kind);
        if order.is_ne() {
            return order;
        }
        let order = match a_kind {
            Kind::End => return Ordering::Equal,
            Kind::Number => numbers(a_text, b_text),
            _ => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Begins with a number: `dev-main` is a branch and has no place among versions.
pub(super) fn is_version(version: &str) -> bool {
    let version = without_v(version);
    version.first().is_some_and(u8::is_ascii_digit) && version.iter().all(u8::is_ascii_graphic)
}
