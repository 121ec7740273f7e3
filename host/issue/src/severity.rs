//! The six severities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad an issue is, in OX's words and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
    /// Critical, and everything around it makes it worse. No tool says so; only factors lead here.
    Appoxalypse,
}

impl Severity {
    /// From the worst down.
    pub const ALL: [Self; 6] = [
        Self::Appoxalypse,
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// 0 (info) to 5 (Appoxalypse).
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The severity of a rank; what is above the last is the last.
    pub fn from_rank(rank: u8) -> Self {
        match rank {
            0 => Self::Info,
            1 => Self::Low,
            2 => Self::Medium,
            3 => Self::High,
            4 => Self::Critical,
            _ => Self::Appoxalypse,
        }
    }

    /// OX's spelling.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
            Self::Appoxalypse => "Appoxalypse",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The text is none of the six severities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a severity; they are appoxalypse, critical, high, medium, low and info")]
pub struct NotASeverity(pub String);

impl FromStr for Severity {
    type Err = NotASeverity;

    fn from_str(text: &str) -> Result<Self, NotASeverity> {
        Self::ALL
            .into_iter()
            .find(|one| one.word().eq_ignore_ascii_case(text))
            .ok_or_else(|| NotASeverity(text.to_owned()))
    }
}
