//! What several orders need: numbers as strings of digits, runs of letters, lists of parts.

use std::cmp::Ordering;

/// Takes the bytes that `of` accepts from the front.
pub(super) fn run<'t>(rest: &mut &'t [u8], of: impl Fn(&u8) -> bool) -> &'t [u8] {
    let end = rest.iter().position(|byte| !of(byte)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

/// Takes one byte from the front when it is one of those.
pub(super) fn skip_one(rest: &mut &[u8], of: impl Fn(&u8) -> bool) -> bool {
    match rest.split_first() {
        Some((first, left)) if of(first) => {
            *rest = left;
            true
        }
        _ => false,
    }
}

/// Takes a word from the front.
pub(super) fn skip_word(rest: &mut &[u8], word: &[u8]) -> bool {
    match rest.strip_prefix(word) {
        Some(left) => {
            *rest = left;
            true
        }
        None => false,
    }
}

/// Compares two strings of digits as numbers. None at all is zero.
pub(super) fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// True for zero, and for no digits at all.
pub(super) fn is_zero(digits: &[u8]) -> bool {
    without_zeros(digits).is_empty()
}

fn without_zeros(mut digits: &[u8]) -> &[u8] {
    run(&mut digits, |byte| *byte == b'0');
    digits
}

/// True for one digit or more, and nothing else.
pub(super) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Compares two lists of numbers where a missing one is zero.
pub(super) fn padded(a: &[&[u8]], b: &[&[u8]]) -> Ordering {
    for place in 0..a.len().max(b.len()) {
        let order = numbers(
            a.get(place).copied().unwrap_or_default(),
            b.get(place).copied().unwrap_or_default(),
        );
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Compares two strings of parts. A number is above any text, and a list above what it begins with.
pub(super) fn part_lists(a: &str, b: &str, separator: fn(char) -> bool) -> Ordering {
    let part = |a: &str, b: &str| {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        match (is_number(a), is_number(b)) {
            (true, true) => numbers(a, b),
            (false, false) => a.cmp(b),
            (a, b) => a.cmp(&b),
        }
    };
    let (mut left, mut right) = (a.split(separator), b.split(separator));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => part(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}
