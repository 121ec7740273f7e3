//! Debian's order (`deb-version(7)`): `epoch:upstream-revision`, in which digits are numbers, letters come
//! before other signs, and `~` comes before everything, even the end.
//!
//! Own code: it is short, and the crate `debversion` answers an error where `dpkg` only warns.

use std::cmp::Ordering;

use super::text::{is_number, numbers, run};

struct Version<'v> {
    epoch: &'v str,
    upstream: &'v str,
    revision: &'v str,
}

impl<'v> Version<'v> {
    /// Takes it apart. What stands before a colon and isn't a number is no epoch but text.
    fn of(version: &'v str) -> Self {
        let version = version.trim();
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) if is_number(epoch.as_bytes()) => (epoch, rest),
            _ => ("", version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    numbers(a.epoch.as_bytes(), b.epoch.as_bytes())
        .then_with(|| fragments(a.upstream.as_bytes(), b.upstream.as_bytes()))
        .then_with(|| fragments(a.revision.as_bytes(), b.revision.as_bytes()))
}

/// As `dpkg` has it, with its one warning let pass: that the upstream version doesn't begin with a digit.
pub(super) fn is_version(version: &str) -> bool {
    let version = version.trim();
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch, rest),
        None => ("0", version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b".+~".contains(&byte);
    is_number(epoch.as_bytes())
        && !upstream.is_empty()
        && upstream
            .bytes()
            .all(|byte| sign(byte) || byte == b'-' || byte == b':')
        && !revision.is_empty()
        && revision.bytes().all(sign)
}

/// The same rule over a whole string, as opam has it.
pub(super) fn compare_whole(a: &str, b: &str) -> Ordering {
    fragments(a.as_bytes(), b.as_bytes())
}

/// What opam takes.
pub(super) fn is_whole(version: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+.~".contains(&byte);
    !version.is_empty() && version.bytes().all(sign)
}

/// Text and numbers in turns.
fn fragments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, b_text) = (
            run(&mut a, |byte| !byte.is_ascii_digit()),
            run(&mut b, |byte| !byte.is_ascii_digit()),
        );
        for place in 0..a_text.len().max(b_text.len()) {
            let order = weight(a_text.get(place)).cmp(&weight(b_text.get(place)));
            if order.is_ne() {
                return order;
            }
        }
        let (a_number, b_number) = (
            run(&mut a, u8::is_ascii_digit),
            run(&mut b, u8::is_ascii_digit),
        );
        let order = numbers(a_number, b_number);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Where a sign stands. `None` is the end of the text, which a number or the end of all follows.
fn weight(sign: Option<&u8>) -> i32 {
    match sign {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(sign) if sign.is_ascii() => i32::from(*sign) + 256,
        // In no version. `dpkg` sees these bytes as negative numbers.
        Some(other) => i32::from(*other),
    }
}
