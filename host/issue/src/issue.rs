//! An issue, as lists, pages and reports show it.
//!
//! The record is whole: a report can be written from a list of them without asking anybody.

use serde::{Deserialize, Serialize};

use crate::facts::Kind;
use crate::{Severity, Verdict};

/// Something that a person can work on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Issue {
    /// Number in the store; `OX-<number>` to people. Never used twice.
    pub id: i64,
    /// What it is about.
    pub kind: Kind,
    /// One line ("CVE-2023-45853 in zlib1g", "AWS secret access key in srv/.env").
    pub title: String,
    /// What the advisory or the tool says; Markdown.
    pub description: String,
    /// Where it stands.
    pub status: Status,
    /// Against the last scan of its location.
    pub against_last_scan: AgainstLastScan,
    /// What comes out: OX's severity, or what a person set.
    pub severity: Severity,
    /// The chain from the tool's severity to OX's.
    pub verdict: Verdict,
    /// A person's own severity, above the verdict.
    pub override_: Option<SeverityOverride>,
    /// The id it is known by: a CVE where there is one, else the advisory's, else the tool's.
    pub primary: String,
    /// All ids: CVE, GHSA, the distribution's, CWE; the primary first.
    pub identifiers: Vec<Identifier>,
    /// Scores, the highest first.
    pub cvss: Vec<CvssScore>,
    /// EPSS of its worst CVE.
    pub epss: Option<ox_advisory::epss::Score>,
    /// KEV of its CVEs, the first.
    pub known_exploited: Option<ox_advisory::kev::Known>,
    /// Pages.
    pub references: Vec<String>,
    /// The package, when there is one.
    pub package: Option<IssuePackage>,
    /// Names by which tools know it: its own, its source package's, its binary packages'. Lower case.
    #[serde(default)]
    pub package_names: Vec<String>,
    /// What to do.
    pub remediation: Remediation,
    /// Who said it: the host's own match, GitLab, the connector.
    pub sources: Vec<Source>,
    /// Where it is: every image that has it.
    pub occurrences: Vec<Occurrence>,
    /// Name of the connection.
    pub connection: String,
    /// The tool of the connection ("GitLab").
    pub source_tool: String,
    /// Path of the location.
    pub location: String,
    /// Path of the project.
    pub project: String,
    /// Registry host of the images, where there are any.
    pub registry: Option<String>,
    /// Where a person can look at the repository.
    pub web_url: Option<String>,
    /// Application, service, team, owners.
    pub context: BusinessContext,
    /// Controls that it touches.
    pub compliance: Vec<Control>,
    /// OX's category of the container policy ("Vulnerable dependency from base image").
    pub category: String,
    /// The deadline.
    pub sla: Option<Sla>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Comments, how many.
    pub comments: u32,
    /// Why it is not in the queue, when it is not.
    pub exclusion: Option<Exclusion>,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
    /// When it was resolved or removed; RFC 3339.
    pub closed_at: Option<String>,
}

/// Where an issue stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[schema(as = IssueStatus)]
pub enum Status {
    /// To be worked on.
    Open,
    /// The cause is mended; `how` says by what ("web-store:1.5 has zlib1g 1:1.3").
    Resolved {
        /// A sentence.
        how: String,
    },
    /// What had it is no longer there, or the advisory was withdrawn.
    Removed {
        /// A sentence.
        why: String,
    },
}

/// An issue against the last scan of its location.
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
#[serde(rename_all = "kebab-case")]
pub enum AgainstLastScan {
    /// Seen for the first time.
    New,
    /// Seen again, as it was.
    Same,
    /// Seen again; its severity, fix or occurrences changed.
    Changed,
    /// Closed before, and there again.
    Reopened,
    /// No longer there.
    Closed,
}

/// A severity that a person set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeverityOverride {
    /// Theirs.
    pub severity: Severity,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

/// An id.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[schema(as = IssueIdentifier)]
pub struct Identifier {
    /// `cve`, `ghsa`, `cwe`, `advisory`, `rule`, `gitlab`.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// True when it names the same thing; false when an advisory only mentions it (a CVE among those that
    /// an update mends, a class of weaknesses).
    #[serde(default)]
    pub same: bool,
    /// Where it is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A CVSS score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CvssScore {
    /// Who rated it.
    pub source: String,
    /// `2.0`, `3.0`, `3.1`, `4.0`.
    pub version: String,
    /// The vector.
    pub vector: String,
    /// Base score, from the vector.
    pub score: f64,
}

/// The package of an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuePackage {
    /// Ecosystem as OSV writes it (`Debian:12`), or the format where there is none.
    pub ecosystem: String,
    /// `dpkg`, `npm`, …
    pub format: String,
    /// Name.
    pub name: String,
    /// Source package, where it differs.
    pub source_name: Option<String>,
    /// Installed versions, of all occurrences.
    pub versions: Vec<String>,
    /// Package URL without version.
    pub purl: String,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Remediation {
    /// A sentence.
    pub summary: String,
    /// The lowest version with the fix.
    pub fixed_version: Option<String>,
    /// A command or a line of a Dockerfile, to be copied.
    pub command: Option<String>,
    /// The base image to move to, when a known one holds the fix.
    pub base_image: Option<String>,
}

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = IssueSource)]
pub struct Source {
    /// "GitLab", "OSV match", "OX connector".
    pub tool: String,
    /// Its scanner ("Trivy"), where it has several.
    pub scanner: Option<String>,
    /// Its id of it: a finding's, or an advisory's.
    pub id: String,
    /// Its severity, in its own word.
    pub severity: Option<String>,
    /// Its state (`detected`, `dismissed`, …) and the reason that its users gave.
    pub state: Option<String>,
    /// Reason of that state.
    pub state_reason: Option<String>,
    /// What shows that it is so: record, range, version, file, layer; masked value and line of a secret.
    pub evidence: Vec<crate::Evidence>,
    /// `certain`, `likely`, `unsure`.
    pub certainty: Option<String>,
    /// Where a person can look at it.
    pub url: Option<String>,
}

/// One image that has it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Occurrence {
    /// Repository in the registry.
    pub repository: String,
    /// Digest of the manifest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// `linux/amd64`.
    pub platform: String,
    /// Operating system, in words ("Debian GNU/Linux 12 (bookworm)").
    pub operating_system: Option<String>,
    /// Index of the layer.
    pub layer: Option<u32>,
    /// Its digest.
    pub layer_digest: Option<String>,
    /// The command that made it.
    pub layer_command: Option<String>,
    /// True when the layer is the base image's.
    pub from_base: Option<bool>,
    /// The file that says so.
    pub path: String,
    /// Installed version.
    pub version: String,
    /// Package URL.
    pub purl: String,
    /// `base-image`, `operating-system`, …
    pub origin: String,
    /// RFC 3339.
    pub first_seen: String,
}

/// Whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BusinessContext {
    /// The application; by default the project.
    pub application: String,
    /// The service within it.
    pub service: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// `critical`, `high`, `medium`, `low`.
    pub priority: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// Owners, each with where it is known from, the nearest first.
    pub owners: Vec<Owner>,
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Owner {
    /// `@mira`, `mira@example.com`, `team-shop`.
    pub name: String,
    /// `policy`, `codeowners`, `label`, `maintainer`.
    pub from: String,
}

/// A control of a compliance standard.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Control {
    /// "CIS Docker 1.6.0", "NIST SSDF 1.1", "PCI DSS 4.0".
    pub standard: String,
    /// "4.1".
    pub control: String,
    /// What it asks for, in our own words.
    pub description: String,
}

/// A deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sla {
    /// RFC 3339.
    pub due: String,
    /// How it stands.
    pub state: SlaState,
    /// Days until then; negative when it has passed.
    pub days_left: i64,
}

/// How a deadline stands.
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
#[serde(rename_all = "kebab-case")]
pub enum SlaState {
    /// It has passed.
    Overdue,
    /// It is near.
    Near,
    /// There is time.
    Within,
}

/// Why an issue is not in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = IssueExclusion)]
pub struct Exclusion {
    /// Number of the exclusion; `None` when the tool's own users dismissed it.
    pub id: Option<i64>,
    /// What kind.
    pub kind: ExclusionKind,
    /// What it covers, in words ("this issue", "rule posture/runs-as-root", "application shop").
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// RFC 3339.
    pub at: String,
    /// When it ends by itself; RFC 3339.
    pub until: Option<String>,
}

/// Kinds of exclusion.
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
#[serde(rename_all = "kebab-case")]
pub enum ExclusionKind {
    /// Accepted.
    Excluded,
    /// It is not so.
    FalsePositive,
    /// Later.
    Snoozed,
    /// The tool's users dismissed it there.
    DismissedInTool,
    /// A VEX document says that it does not affect the product.
    Vex,
}
