//! A CVE id as one integer, which sorts as the ids do and takes a fourth of their room.

use std::fmt;

/// `CVE-2021-44228`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cve(i64);

/// A number has at most nine digits; today's have seven.
const NUMBERS: i64 = 1_000_000_000;

impl Cve {
    /// Takes an id apart; `None` for what is no CVE id in its usual spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.strip_prefix("CVE-")?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || !(4..=9).contains(&number.len()) || !digits(year) || !digits(number) {
            return None;
        }
        // Only numbers of four digits are filled up with zeros.
        if number.len() > 4 && number.starts_with('0') {
            return None;
        }
        let (year, number): (i64, i64) = (year.parse().ok()?, number.parse().ok()?);
        Some(Self(year * NUMBERS + number))
    }

    pub(crate) fn key(self) -> i64 {
        self.0
    }

    pub(crate) fn from_key(key: i64) -> Self {
        Self(key)
    }
}

impl fmt::Display for Cve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{:04}-{:04}", self.0 / NUMBERS, self.0 % NUMBERS)
    }
}
