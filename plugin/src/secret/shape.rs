//! Whether a token of a certain shape stands at a place.

use std::ops::Range;

use super::rules::{Class, Part};

/// A token in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// All of it.
    pub(super) all: Range<usize>,
    /// Where what is secret in it begins: behind the text that all of its kind have.
    pub(super) secret: usize,
}

/// The token that begins at `at`, or whose keyword does where something stands before it.
pub(super) fn find(
    text: &[u8],
    at: usize,
    before: Option<(Class, u16, u16)>,
    parts: &[Part],
) -> Option<Found> {
    let (end, mut secret) = fits(text, at, parts)?;
    let mut start = at;
    if let Some((class, least, most)) = before {
        let head = text.get(..at)?;
        let length = head
            .iter()
            .rev()
            .take(usize::from(most))
            .take_while(|byte| class.has(**byte))
            .count();
        if length < usize::from(least) {
            return None;
        }
        start = at - length;
        secret = start;
    }
    // A header of HTTP and a name with `=` begin a token by themselves.
    if !begins(text, start) || !ends(text, end, parts) {
        return None;
    }
    Some(Found {
        all: start..end,
        secret,
    })
}

/// Where the parts that begin at `at` end, and where the first of them that is not given begins.
pub(super) fn fits(text: &[u8], at: usize, parts: &[Part]) -> Option<(usize, usize)> {
    let mut end = at;
    let mut secret = None;
    for part in parts {
        let rest = text.get(end..)?;
        match part {
            Part::Lit(given) => {
                if !rest.starts_with(given.as_bytes()) {
                    return None;
                }
                end += given.len();
            }
            Part::Any(given) => {
                if !rest
                    .get(..given.len())?
                    .eq_ignore_ascii_case(given.as_bytes())
                {
                    return None;
                }
                end += given.len();
            }
            Part::Run(class, least, most) => {
                let length = rest
                    .iter()
                    .take(usize::from(*most))
                    .take_while(|byte| class.has(**byte))
                    .count();
                // The end of a sentence is none of it.
                let dots = match class {
                    Class::Dotted | Class::Tilde => rest
                        .get(..length)?
                        .iter()
                        .rev()
                        .take_while(|byte| **byte == b'.')
                        .count(),
                    _ => 0,
                };
                let length = length - dots;
                if length < usize::from(*least) {
                    return None;
                }
                secret = secret.or(Some(end));
                end += length;
            }
        }
    }
    Some((end, secret.unwrap_or(end)))
}

/// True when no word goes on at a place.
fn begins(text: &[u8], start: usize) -> bool {
    let Some(last) = start.checked_sub(1).and_then(|last| text.get(last)) else {
        return true;
    };
    if !last.is_ascii_alphanumeric() && *last != b'_' {
        return true;
    }
    // The `n` of an escaped end of line, the `D` of an encoded `=`.
    let two = start.checked_sub(2).and_then(|two| text.get(two));
    let three = start
        .checked_sub(3)
        .and_then(|three| text.get(three..start));
    (two == Some(&b'\\') && matches!(last, b'n' | b'r' | b't'))
        || three.is_some_and(
            |three| matches!(three, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
        )
}

/// True when what ends at a place has no more of its last part behind it.
fn ends(text: &[u8], end: usize, parts: &[Part]) -> bool {
    let Some(next) = text.get(end) else {
        return true;
    };
    match parts.last() {
        Some(Part::Run(class, _, _)) if *class != Class::Dotted && *class != Class::Tilde => {
            !class.has(*next) && !next.is_ascii_alphanumeric() && *next != b'_'
        }
        _ => !next.is_ascii_alphanumeric() && *next != b'_',
    }
}

/// True when the parts are all of a value.
pub(super) fn is_whole(value: &[u8], parts: &[Part]) -> bool {
    fits(value, 0, parts).is_some_and(|(end, _)| end == value.len())
}
