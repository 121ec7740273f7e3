//! Findings and what was skipped, as JSON.

use serde::{Deserialize, Serialize};

use super::enums::{FindingKind, FindingState, Severity, SkipReason, SkipSubject};
use super::{Attributes, attributes, document, line, pairs};
use crate::contract;
use crate::host::{FindingRow, SkippedRow};

/// What a tool found.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// Name of the connection.
    pub connection: String,
    /// The tool of the connection ("GitLab").
    pub source_tool: String,
    /// Path of the location.
    pub location: String,
    /// The connector's id of it.
    pub id: String,
    /// Which part of the tool said it.
    pub source: String,
    /// What it is about.
    pub category: FindingKind,
    /// One line.
    pub title: String,
    /// What the tool says.
    pub description: String,
    /// How bad, on the scale that all tools share.
    pub severity: Severity,
    /// How bad, in the tool's own word.
    pub severity_as_said: String,
    /// How it stands in the tool.
    pub state: FindingState,
    /// Why it stands so.
    pub state_reason: Option<String>,
    /// The tool does not see it any more.
    pub no_longer_detected: bool,
    /// CVE and other ids.
    pub identifiers: Vec<Identifier>,
    /// What found it.
    pub scanner: Scanner,
    /// The package.
    pub package_name: Option<String>,
    /// Its version.
    pub package_version: Option<String>,
    /// The operating system, as the tool says it.
    pub operating_system: Option<String>,
    /// The image, as the tool says it.
    pub image_reference: Option<String>,
    /// Digest of the image.
    pub image_digest: Option<String>,
    /// What to do, as the tool says it.
    pub solution: Option<String>,
    /// Pages.
    pub links: Vec<Link>,
    /// Scores.
    pub cvss: Vec<Cvss>,
    /// RFC 3339.
    pub detected_at: Option<String>,
    /// RFC 3339.
    pub changed_at: Option<String>,
    /// Where a person can look at it.
    pub web_url: Option<String>,
    /// What shows that it is so.
    pub evidence: Attributes,
    /// What else the connector says.
    pub attributes: Attributes,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
}

/// An id of a finding.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = FindingIdentifier)]
pub struct Identifier {
    /// `cve`, `ghsa`, `cwe`, …
    pub kind: String,
    /// Its value.
    pub value: String,
    /// How the tool writes it.
    pub name: String,
    /// Where it is described.
    pub url: Option<String>,
}

/// What found it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scanner {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
}

/// A page.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Link {
    /// Its title.
    pub name: Option<String>,
    /// Its address.
    pub url: String,
}

/// A CVSS score of a finding.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = FindingCvss)]
pub struct Cvss {
    /// Who rated it.
    pub vendor: String,
    /// The vector.
    pub vector: String,
    /// The score.
    pub score: Option<f64>,
}

impl From<&FindingRow> for Finding {
    fn from(row: &FindingRow) -> Self {
        let finding = row.finding.clone();
        Self {
            connection: row.connection.clone(),
            source_tool: row.source_tool.clone(),
            location: row.location.clone(),
            id: finding.id,
            source: finding.source,
            category: finding.kind.into(),
            title: finding.title,
            description: finding.description,
            severity: finding.severity.into(),
            severity_as_said: finding.severity_as_said,
            state: finding.state.into(),
            state_reason: finding.state_reason,
            no_longer_detected: finding.no_longer_detected,
            identifiers: finding
                .identifiers
                .into_iter()
                .map(|known| Identifier {
                    kind: known.kind,
                    value: known.value,
                    name: known.name,
                    url: known.url,
                })
                .collect(),
            scanner: Scanner {
                id: finding.scanner_id,
                name: finding.scanner_name,
                vendor: finding.scanner_vendor,
            },
            package_name: finding.package_name,
            package_version: finding.package_version,
            operating_system: finding.operating_system,
            image_reference: finding.image_reference,
            image_digest: finding.image_digest,
            solution: finding.solution,
            links: finding
                .links
                .into_iter()
                .map(|link| Link {
                    name: link.name,
                    url: link.url,
                })
                .collect(),
            cvss: finding
                .cvss
                .into_iter()
                .map(|cvss| Cvss {
                    vendor: cvss.vendor,
                    vector: cvss.vector,
                    score: cvss.score,
                })
                .collect(),
            detected_at: finding.detected_at,
            changed_at: finding.changed_at,
            web_url: finding.web_url,
            evidence: attributes(&finding.evidence),
            attributes: attributes(&finding.attributes),
            first_seen: row.first_seen.clone(),
            last_seen: row.last_seen.clone(),
        }
    }
}

impl From<Finding> for FindingRow {
    fn from(json: Finding) -> Self {
        Self {
            connection: json.connection,
            source_tool: json.source_tool,
            location: json.location,
            first_seen: json.first_seen,
            last_seen: json.last_seen,
            finding: contract::Finding {
                id: json.id,
                source: json.source,
                kind: json.category.into(),
                title: json.title,
                description: json.description,
                severity: json.severity.into(),
                severity_as_said: json.severity_as_said,
                state: json.state.into(),
                state_reason: json.state_reason,
                no_longer_detected: json.no_longer_detected,
                identifiers: json
                    .identifiers
                    .into_iter()
                    .map(|known| contract::Identifier {
                        kind: known.kind,
                        value: known.value,
                        name: known.name,
                        url: known.url,
                    })
                    .collect(),
                scanner_id: json.scanner.id,
                scanner_name: json.scanner.name,
                scanner_vendor: json.scanner.vendor,
                package_name: json.package_name,
                package_version: json.package_version,
                operating_system: json.operating_system,
                image_reference: json.image_reference,
                image_digest: json.image_digest,
                solution: json.solution,
                links: json
                    .links
                    .into_iter()
                    .map(|link| contract::Link {
                        name: link.name,
                        url: link.url,
                    })
                    .collect(),
                cvss: json
                    .cvss
                    .into_iter()
                    .map(|cvss| contract::Cvss {
                        vendor: cvss.vendor,
                        vector: cvss.vector,
                        score: cvss.score,
                    })
                    .collect(),
                detected_at: json.detected_at,
                changed_at: json.changed_at,
                web_url: json.web_url,
                evidence: pairs(json.evidence),
                attributes: pairs(json.attributes),
            },
        }
    }
}

/// What was not looked at, and why.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Skipped {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// What it is.
    pub subject: SkipSubject,
    /// Its name.
    pub name: String,
    /// Digest of its image.
    pub image: Option<String>,
    /// Why, in a word.
    pub reason: SkipReason,
    /// Why, in a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// RFC 3339.
    pub seen: String,
}

impl From<&SkippedRow> for Skipped {
    fn from(row: &SkippedRow) -> Self {
        let skipped = row.skipped.clone();
        Self {
            connection: row.connection.clone(),
            location: row.location.clone(),
            subject: skipped.subject.into(),
            name: skipped.name,
            image: skipped.image,
            reason: skipped.skip.reason.into(),
            message: skipped.skip.why.message,
            hint: skipped.skip.why.hint,
            seen: row.seen.clone(),
        }
    }
}

impl From<Skipped> for SkippedRow {
    fn from(json: Skipped) -> Self {
        Self {
            connection: json.connection,
            location: json.location,
            skipped: contract::Skipped {
                subject: json.subject.into(),
                name: json.name,
                image: json.image,
                skip: contract::Skip {
                    reason: json.reason.into(),
                    why: contract::Explanation {
                        message: json.message,
                        hint: json.hint,
                    },
                },
            },
            seen: json.seen,
        }
    }
}

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct SkippedList {
    skipped: Vec<Skipped>,
}

/// `{"kind": "findings", "findings": […]}`.
pub fn findings(rows: &[FindingRow]) -> String {
    document(
        "findings",
        Findings {
            findings: rows.iter().map(Finding::from).collect(),
        },
    )
}

/// One `{"kind": "finding", …}` a line.
pub fn finding_lines(rows: &[FindingRow]) -> String {
    rows.iter()
        .map(|row| line("finding", Finding::from(row)))
        .collect()
}

/// `{"kind": "skipped-list", "skipped": […]}`.
pub fn skipped(rows: &[SkippedRow]) -> String {
    document(
        "skipped-list",
        SkippedList {
            skipped: rows.iter().map(Skipped::from).collect(),
        },
    )
}

/// One `{"kind": "skipped", …}` a line.
pub fn skipped_lines(rows: &[SkippedRow]) -> String {
    rows.iter()
        .map(|row| line("skipped", Skipped::from(row)))
        .collect()
}
