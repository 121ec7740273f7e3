//! JSON: one document, or one line an issue.
//!
//! The document is an object: `schema_version`, `kind` (`issues`), `tool`, `generated_at`, `filter`, `funnel`
//! (`found`, `prioritised`, `issues`; absent when it is not known), `issues`, and at the end `count`. A line
//! is an issue with `schema_version` and `kind` (`issue`) in it. Keys are snake_case, times RFC 3339,
//! severities OX's words, `epss.score` and `epss.percentile` fractions of 1. Fields may be added under one
//! `schema_version`; a field that goes or changes its meaning raises it.

use std::borrow::Borrow;
use std::io;

use serde::Serialize;

use super::stream::{JsonStream, line};
use super::text::seconds;
use super::{Funnel, ReportMeta, TOOL, Written, ids};
use crate::factor::Factor;
use crate::facts::Kind;
use crate::issue::{
    AgainstLastScan, BusinessContext, Control, CvssScore, Exclusion, Identifier, IssuePackage,
    Occurrence, Remediation, SeverityOverride, Sla, Source, Status,
};
use crate::{Issue, Severity};

/// Version of the JSON that this crate writes.
pub const SCHEMA_VERSION: u32 = 1;

/// An issue as the JSON has it: the names that scripts see, whatever the record's own fields are called.
#[derive(Serialize)]
struct View<'a> {
    id: String,
    number: i64,
    fingerprint: String,
    issue_kind: Kind,
    title: &'a str,
    description: &'a str,
    status: &'a Status,
    against_last_scan: AgainstLastScan,
    severity: Severity,
    severity_before: Severity,
    severity_before_why: &'a str,
    severity_score: f64,
    severity_held: Option<&'a str>,
    severity_override: Option<&'a SeverityOverride>,
    factors: &'a [Factor],
    primary_id: &'a str,
    identifiers: &'a [Identifier],
    cvss: &'a [CvssScore],
    epss: Option<&'a ox_advisory::epss::Score>,
    known_exploited: Option<&'a ox_advisory::kev::Known>,
    references: &'a [String],
    package: Option<&'a IssuePackage>,
    remediation: &'a Remediation,
    sources: &'a [Source],
    occurrences: &'a [Occurrence],
    connection: &'a str,
    source_tool: &'a str,
    registry: Option<&'a str>,
    location: &'a str,
    project: &'a str,
    web_url: Option<&'a str>,
    context: &'a BusinessContext,
    compliance: &'a [Control],
    category: &'a str,
    sla: Option<&'a Sla>,
    assignee: Option<&'a str>,
    comments: u32,
    exclusion: Option<&'a Exclusion>,
    first_seen: &'a str,
    last_seen: &'a str,
    closed_at: Option<&'a str>,
}

impl<'a> View<'a> {
    fn of(issue: &'a Issue) -> Self {
        Self {
            id: format!("OX-{}", issue.id),
            number: issue.id,
            fingerprint: ids::fingerprint(issue),
            issue_kind: issue.kind,
            title: &issue.title,
            description: &issue.description,
            status: &issue.status,
            against_last_scan: issue.against_last_scan,
            severity: issue.severity,
            severity_before: issue.verdict.original,
            severity_before_why: &issue.verdict.original_why,
            severity_score: issue.verdict.score,
            severity_held: issue.verdict.held.as_deref(),
            severity_override: issue.override_.as_ref(),
            factors: &issue.verdict.factors,
            primary_id: &issue.primary,
            identifiers: &issue.identifiers,
            cvss: &issue.cvss,
            epss: issue.epss.as_ref(),
            known_exploited: issue.known_exploited.as_ref(),
            references: &issue.references,
            package: issue.package.as_ref(),
            remediation: &issue.remediation,
            sources: &issue.sources,
            occurrences: &issue.occurrences,
            connection: &issue.connection,
            source_tool: &issue.source_tool,
            registry: issue.registry.as_deref(),
            location: &issue.location,
            project: &issue.project,
            web_url: issue.web_url.as_deref(),
            context: &issue.context,
            compliance: &issue.compliance,
            category: &issue.category,
            sla: issue.sla.as_ref(),
            assignee: issue.assignee.as_deref(),
            comments: issue.comments,
            exclusion: issue.exclusion.as_ref(),
            first_seen: &issue.first_seen,
            last_seen: &issue.last_seen,
            closed_at: issue.closed_at.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    kind: &'static str,
    #[serde(flatten)]
    issue: View<'a>,
}

/// The document.
pub(super) fn document<I>(
    issues: I,
    meta: &ReportMeta,
    out: &mut dyn io::Write,
) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut json = JsonStream::open(out)?;
    json.field("schema_version", &SCHEMA_VERSION)?;
    json.field("kind", &"issues")?;
    json.field(
        "tool",
        &Tool {
            name: TOOL,
            version: &meta.tool_version,
        },
    )?;
    json.field("generated_at", &seconds(meta.generated_at))?;
    json.field("filter", &meta.filter)?;
    let funnel: Option<Funnel> = meta.funnel;
    if let Some(funnel) = funnel {
        json.field("funnel", &funnel)?;
    }
    let mut written = Written::default();
    json.open_list("issues")?;
    for issue in issues {
        json.element(&View::of(issue.borrow()))?;
        written.issues += 1;
    }
    json.close_list()?;
    json.field("count", &written.issues)?;
    json.finish()?;
    Ok(written)
}

/// One line an issue.
pub(super) fn lines<I>(issues: I, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut written = Written::default();
    let mut text = String::new();
    for issue in issues {
        let one = Line {
            schema_version: SCHEMA_VERSION,
            kind: "issue",
            issue: View::of(issue.borrow()),
        };
        line(&one, &mut text, out)?;
        written.issues += 1;
    }
    Ok(written)
}
