//! The catalogue of known exploited vulnerabilities (KEV), as CISA publishes it.

use serde::{Deserialize, Serialize};

/// One vulnerability that is known to be exploited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The CVE.
    pub cve: String,
    /// The catalogue's name of it.
    pub name: String,
    /// Day that it was added (`2021-12-10`).
    pub added: String,
    /// Day until which it must be remedied, in the catalogue's own world.
    pub due: String,
    /// True when it is known to be used in ransomware campaigns.
    pub ransomware: bool,
    /// What the catalogue asks for.
    pub action: String,
}
