//! What a list takes: the filters, and what they are told with.

use ox_issue::facts::Kind;
use ox_issue::issue::AgainstLastScan;
use ox_issue::severity::Severity;
use serde::{Deserialize, Serialize};

/// Where issues stand.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// To be worked on: open and not excluded.
    #[default]
    Open,
    /// Open and excluded, snoozed or dismissed.
    Excluded,
    /// Mended.
    Resolved,
    /// Gone.
    Removed,
}

/// Which way a severity was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reprioritised {
    /// Above what the tool said.
    Increased,
    /// Below what the tool said.
    Decreased,
    /// As the tool said.
    Unchanged,
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SlaFilter {
    /// It has passed.
    Overdue,
    /// It is near.
    Near,
    /// There is time.
    Within,
    /// There is none.
    None,
}

/// Which issues a list takes. Empty lists and `None` take all; several values of one field are "or",
/// several fields are "and".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueFilter {
    /// Numbers.
    pub ids: Vec<i64>,
    /// Where they stand; empty means open.
    pub standing: Vec<Standing>,
    /// The tool of the connection ("GitLab").
    pub source_tool: Vec<String>,
    /// Who reported it ("GitLab", "OSV match", "OX connector").
    pub reported_by: Vec<String>,
    /// Names of connections.
    pub connection: Vec<String>,
    /// Globs over paths of locations.
    pub location: Vec<String>,
    /// OX's severities.
    pub severity: Vec<Severity>,
    /// At least this severe.
    pub min_severity: Option<Severity>,
    /// The tool's severities.
    pub severity_before: Vec<Severity>,
    /// Which way it was moved.
    pub reprioritised: Vec<Reprioritised>,
    /// Rules of factors (`known-exploited`).
    pub factor: Vec<String>,
    /// Kinds.
    pub kind: Vec<Kind>,
    /// OX's categories.
    pub category: Vec<String>,
    /// CVEs and other ids.
    pub id: Vec<String>,
    /// Names of packages, source packages too.
    pub package: Vec<String>,
    /// A fixed version is known.
    pub fixable: Option<bool>,
    /// In the catalogue of known exploited vulnerabilities.
    pub known_exploited: Option<bool>,
    /// EPSS score at least, 0 to 1.
    pub min_epss: Option<f64>,
    /// Applications.
    pub application: Vec<String>,
    /// Owners.
    pub owner: Vec<String>,
    /// Teams.
    pub team: Vec<String>,
    /// Services.
    pub service: Vec<String>,
    /// Environments.
    pub environment: Vec<String>,
    /// Business priorities.
    pub priority: Vec<String>,
    /// Repositories in the registry.
    pub repository: Vec<String>,
    /// Tags of images.
    pub tag: Vec<String>,
    /// Digests of images, or beginnings of them.
    pub digest: Vec<String>,
    /// Seen first at or after; RFC 3339.
    pub first_seen_from: Option<String>,
    /// Seen first before; RFC 3339.
    pub first_seen_until: Option<String>,
    /// Against the last scan.
    pub against_last_scan: Vec<AgainstLastScan>,
    /// Deadlines.
    pub sla: Vec<SlaFilter>,
    /// Standards, or controls with their standard in front ("PCI DSS 4.0.1 6.3.3").
    pub compliance: Vec<String>,
    /// Who works on it; the empty text means nobody.
    pub assignee: Vec<String>,
    /// In title, ids, package, application or location.
    pub text: Option<String>,
}
