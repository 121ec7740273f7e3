//! Exploit prediction scores (EPSS): how likely a vulnerability is exploited in the next 30 days.

use serde::{Deserialize, Serialize};

/// One CVE's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The CVE.
    pub cve: String,
    /// Probability, 0 to 1.
    pub score: f64,
    /// The part of all CVEs that have at most this score, 0 to 1.
    pub percentile: f64,
    /// Day of the score (`2026-05-18`).
    pub date: String,
}
