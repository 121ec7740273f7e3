//! Findings and what was skipped, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{attributes, document, line};
use crate::host::{FindingRow, SkippedRow};
use crate::report::words;

#[derive(Serialize)]
pub(super) struct Finding<'a> {
    connection: &'a str,
    source_tool: &'a str,
    location: &'a str,
    id: &'a str,
    source: &'a str,
    category: &'static str,
    title: &'a str,
    description: &'a str,
    severity: &'static str,
    severity_as_said: &'a str,
    state: &'static str,
    state_reason: Option<&'a str>,
    no_longer_detected: bool,
    identifiers: Vec<Identifier<'a>>,
    scanner: Scanner<'a>,
    package_name: Option<&'a str>,
    package_version: Option<&'a str>,
    operating_system: Option<&'a str>,
    image_reference: Option<&'a str>,
    image_digest: Option<&'a str>,
    solution: Option<&'a str>,
    links: Vec<Link<'a>>,
    cvss: Vec<Cvss<'a>>,
    detected_at: Option<&'a str>,
    changed_at: Option<&'a str>,
    web_url: Option<&'a str>,
    evidence: BTreeMap<&'a str, Vec<&'a str>>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
    first_seen: &'a str,
    last_seen: &'a str,
}

#[derive(Serialize)]
struct Identifier<'a> {
    kind: &'a str,
    value: &'a str,
    name: &'a str,
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Scanner<'a> {
    id: &'a str,
    name: &'a str,
    vendor: &'a str,
}

#[derive(Serialize)]
struct Link<'a> {
    name: Option<&'a str>,
    url: &'a str,
}

#[derive(Serialize)]
struct Cvss<'a> {
    vendor: &'a str,
    vector: &'a str,
    score: Option<f64>,
}

impl<'a> From<&'a FindingRow> for Finding<'a> {
    fn from(row: &'a FindingRow) -> Self {
        let finding = &row.finding;
        Self {
            connection: &row.connection,
            source_tool: &row.source_tool,
            location: &row.location,
            id: &finding.id,
            source: &finding.source,
            category: words::finding_kind(finding.kind),
            title: &finding.title,
            description: &finding.description,
            severity: words::severity(finding.severity),
            severity_as_said: &finding.severity_as_said,
            state: words::finding_state(finding.state),
            state_reason: finding.state_reason.as_deref(),
            no_longer_detected: finding.no_longer_detected,
            identifiers: finding
                .identifiers
                .iter()
                .map(|known| Identifier {
                    kind: &known.kind,
                    value: &known.value,
                    name: &known.name,
                    url: known.url.as_deref(),
                })
                .collect(),
            scanner: Scanner {
                id: &finding.scanner_id,
                name: &finding.scanner_name,
                vendor: &finding.scanner_vendor,
            },
            package_name: finding.package_name.as_deref(),
            package_version: finding.package_version.as_deref(),
            operating_system: finding.operating_system.as_deref(),
            image_reference: finding.image_reference.as_deref(),
            image_digest: finding.image_digest.as_deref(),
            solution: finding.solution.as_deref(),
            links: finding
                .links
                .iter()
                .map(|link| Link {
                    name: link.name.as_deref(),
                    url: &link.url,
                })
                .collect(),
            cvss: finding
                .cvss
                .iter()
                .map(|cvss| Cvss {
                    vendor: &cvss.vendor,
                    vector: &cvss.vector,
                    score: cvss.score,
                })
                .collect(),
            detected_at: finding.detected_at.as_deref(),
            changed_at: finding.changed_at.as_deref(),
            web_url: finding.web_url.as_deref(),
            evidence: attributes(&finding.evidence),
            attributes: attributes(&finding.attributes),
            first_seen: &row.first_seen,
            last_seen: &row.last_seen,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Skipped<'a> {
    connection: &'a str,
    location: &'a str,
    subject: &'static str,
    name: &'a str,
    image: Option<&'a str>,
    reason: &'static str,
    message: &'a str,
    hint: &'a str,
    seen: &'a str,
}

impl<'a> From<&'a SkippedRow> for Skipped<'a> {
    fn from(row: &'a SkippedRow) -> Self {
        let skipped = &row.skipped;
        Self {
            connection: &row.connection,
            location: &row.location,
            subject: words::skip_subject(skipped.subject),
            name: &skipped.name,
            image: skipped.image.as_deref(),
            reason: words::skip_reason(skipped.skip.reason),
            message: &skipped.skip.why.message,
            hint: &skipped.skip.why.hint,
            seen: &row.seen,
        }
    }
}

#[derive(Serialize)]
struct Findings<'a> {
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct SkippedList<'a> {
    skipped: Vec<Skipped<'a>>,
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
