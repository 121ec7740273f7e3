//! The six severities, and how an issue gets the one it has.
//!
//! The tool's severity is the start. `factors` holds the rules, one file a family, each declared once as data
//! with the function that judges it; `weigh` runs them over the facts of an issue and adds their numbers up;
//! `bounds` holds the outcome within what no sum of small reasons may leave. `tuning` is the operator's say,
//! `table` the documentation that is generated from the rules, `ladder` the way from the tool's severity to
//! ours, step by step, and `diff` what changed since the last time. The same facts and the same tuning give
//! the same verdict, byte by byte: nothing here reads a clock, a file or the network.
//!
//! Two principles. What is not known is said, with number 0, and never taken for "no". And while KEV or EPSS
//! are not there, nothing is lowered because it seems not to be exploited.

mod bounds;
mod case;
mod diff;
mod factors;
mod input;
mod ladder;
mod original;
mod rule;
mod table;
mod tuning;
mod weigh;

#[cfg(test)]
mod tests;

pub use diff::{DiffStatus, FactorChange, diff};
pub use input::Input;
pub use ladder::{Step, StepKind, explain, ladder, not_known};
pub use rule::{Change, Rule, Threshold};
pub use table::{RuleRow, markdown, table};
pub use tuning::{MAX_CHANGE, RuleTuning, Tuning, TuningError};
pub use weigh::weigh;

/// Every rule, in the order in which equal numbers are read.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    factors::all()
}

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad an issue is, in OX's words and order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[schema(as = IssueSeverity)]
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
