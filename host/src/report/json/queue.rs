//! The queue as JSON: issues with their history, exclusions, advisories, matches, scans and their differences.

use ox_advisory::import::Outcome;
use serde::Serialize;

use super::{document, line};
use crate::host::{AdvisoryStatus, IssueDetail, ScanDiff, ScanSummaryRow};
use crate::report::advisories::MatchRow;
use crate::store::issues::{ExclusionRow, IssueEvent};

/// One issue.
pub fn issue(detail: &IssueDetail) -> String {
    document("issue", detail)
}

/// Exclusions.
pub fn exclusions(rows: &[ExclusionRow]) -> String {
    #[derive(Serialize)]
    struct List<'a> {
        exclusions: &'a [ExclusionRow],
    }
    document("exclusions", List { exclusions: rows })
}

/// What was imported.
pub fn advisory_status(status: &AdvisoryStatus) -> String {
    document("advisory-status", status)
}

/// What came of an import, one line a source.
pub fn import_lines(outcomes: &[Outcome]) -> String {
    outcomes
        .iter()
        .map(|outcome| line("advisory-source", outcome))
        .collect()
}

/// What the advisories say of packages, one line a package.
pub fn match_lines(rows: &[MatchRow]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        purl: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        component: Option<&'a ox_advisory::matching::Component>,
        #[serde(skip_serializing_if = "Option::is_none")]
        matches: Option<&'a [ox_advisory::matching::Match]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_matched: Option<&'a str>,
    }
    rows.iter()
        .map(|(purl, answer)| {
            line(
                "match",
                Line {
                    purl,
                    component: answer.as_ref().ok().map(|(component, _)| component),
                    matches: answer.as_ref().ok().map(|(_, found)| found.as_slice()),
                    not_matched: answer.as_ref().err().map(String::as_str),
                },
            )
        })
        .collect()
}

/// Scans.
pub fn scans(rows: &[ScanSummaryRow]) -> String {
    #[derive(Serialize)]
    struct List<'a> {
        scans: &'a [ScanSummaryRow],
    }
    document("scans", List { scans: rows })
}

/// What changed between two scans.
pub fn diff(diff: &ScanDiff) -> String {
    #[derive(Serialize)]
    struct Change<'a> {
        #[serde(flatten)]
        event: &'a IssueEvent,
        title: &'a str,
        severity: ox_issue::Severity,
        location: &'a str,
    }
    #[derive(Serialize)]
    struct Diff<'a> {
        connection: &'a str,
        from: i64,
        to: i64,
        changes: Vec<Change<'a>>,
    }
    document(
        "diff",
        Diff {
            connection: &diff.connection,
            from: diff.from,
            to: diff.to,
            changes: diff
                .changes
                .iter()
                .map(|(event, issue)| Change {
                    event,
                    title: &issue.title,
                    severity: issue.severity,
                    location: &issue.location,
                })
                .collect(),
        },
    )
}
