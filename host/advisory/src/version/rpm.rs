//! RPM's order (`rpm-version(7)`): `epoch:version-release`; the parts are runs of digits and of letters, and
//! everything else only separates them, but for `~`, which comes before the end, and `^`, just after it.
//!
//! Own code: the crates read the string in other ways when a part is missing.

use std::cmp::Ordering;

use super::text::{numbers, run, skip_one};

struct Version<'v> {
    epoch: &'v [u8],
    version: &'v [u8],
    release: Option<&'v [u8]>,
}

impl<'v> Version<'v> {
    /// As `rpm` does: digits before the first colon are the epoch, the last dash begins the release.
    fn of(text: &'v str) -> Self {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            _ => ("", text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release.as_bytes())),
            None => (rest, None),
        };
        Self {
            epoch: epoch.as_bytes(),
            version: version.as_bytes(),
            release,
        }
    }
}

/// A missing epoch is 0; a missing release comes before any, even an empty one.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    numbers(a.epoch, b.epoch)
        .then_with(|| parts(a.version, b.version))
        .then_with(|| match (a.release, b.release) {
            (Some(a), Some(b)) => parts(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

/// A letter or digit at least, and the signs that packages may have.
pub(super) fn is_version(version: &str) -> bool {
    let version = version.trim();
    version.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && version.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What follows at one place. The sequence is the order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

fn next(rest: &mut &[u8]) -> Next {
    run(rest, |byte| {
        !byte.is_ascii_alphanumeric() && *byte != b'~' && *byte != b'^'
    });
    match rest.first() {
        None => Next::End,
        Some(b'~') => Next::Tilde,
        Some(b'^') => Next::Caret,
        Some(digit) if digit.is_ascii_digit() => Next::Digits,
        Some(_) => Next::Letters,
    }
}

fn parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (a_next, b_next) = (next(&mut a), next(&mut b));
        let order = a_next.cmp(&b_next);
        if order.is_ne() {
            return order;
        }
        let order = match a_next {
            Next::End => return Ordering::Equal,
            Next::Tilde | Next::Caret => {
                skip_one(&mut a, |_| true);
                skip_one(&mut b, |_| true);
                Ordering::Equal
            }
            Next::Letters => {
                run(&mut a, u8::is_ascii_alphabetic).cmp(run(&mut b, u8::is_ascii_alphabetic))
            }
            Next::Digits => numbers(
                run(&mut a, u8::is_ascii_digit),
                run(&mut b, u8::is_ascii_digit),
            ),
        };
        if order.is_ne() {
            return order;
        }
    }
}
