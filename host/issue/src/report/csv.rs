//! CSV by RFC 4180: a header, CRLF, a field in quotes where it must be.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula; such a
//! cell, where its text is not ours, gets an apostrophe before it. Line breaks in a cell become spaces, so a
//! record is a line. Several values in a cell are parted by `; `. Cells are cut where Excel cuts them.

use std::borrow::Borrow;
use std::io;

use super::text::{cut, percent, signed, time};
use super::{Written, ids};
use crate::Issue;
use crate::facts::Kind;
use crate::issue::{AgainstLastScan, ExclusionKind, SlaState, Status};

/// Characters that Excel keeps of a cell are 32,767.
const MAX_CELL: usize = 32_000;
/// Values in a cell; how many more there are is written after them.
const MAX_VALUES: usize = 100;

/// The columns, each with what it holds. Numbers have a full stop and no unit; times are RFC 3339 in UTC.
pub const COLUMNS: [(&str, &str); 49] = [
    ("id", "Number of the issue, as OX-1"),
    (
        "severity",
        "What comes out: Appoxalypse, Critical, High, Medium, Low or Info",
    ),
    (
        "severity_before",
        "The tool's severity, before prioritisation",
    ),
    ("severity_before_why", "Who said so"),
    (
        "severity_score",
        "The rank before rounding, 0 (Info) to 5 (Appoxalypse)",
    ),
    ("severity_set_by", "Who set the severity by hand, and why"),
    (
        "factors",
        "What changed the severity: [category] name change",
    ),
    ("title", "One line"),
    (
        "kind",
        "vulnerability, secret, misconfiguration, licence or other",
    ),
    ("category", "Category of the container policy"),
    ("status", "open, resolved, removed, or how it was excluded"),
    ("status_reason", "What resolved, removed or excluded it"),
    ("excluded_by", "Who excluded it"),
    ("excluded_until", "When the exclusion ends"),
    (
        "against_last_scan",
        "new, same, changed, reopened or closed",
    ),
    ("primary_id", "The id it is known by"),
    ("identifiers", "All its ids"),
    ("cvss_score", "The highest base score"),
    ("cvss_vector", "Its vector"),
    (
        "epss_percent",
        "Probability of exploitation in 30 days, 0 to 100",
    ),
    (
        "epss_percentile",
        "Part of all CVEs that have at most this, 0 to 100",
    ),
    (
        "known_exploited",
        "Day that it was added to the KEV catalogue",
    ),
    (
        "ransomware",
        "yes when ransomware campaigns are known to use it",
    ),
    ("package", "Name of the package"),
    ("package_ecosystem", "Its ecosystem"),
    ("package_url", "Its package URL, without version"),
    ("versions", "Installed versions"),
    ("fix", "The lowest fixed version"),
    ("remediation", "What to do"),
    ("command", "A command or line of a Dockerfile that does it"),
    ("base_image", "The base image to move to"),
    ("application", "The application"),
    ("service", "The service in it"),
    ("team", "The team"),
    ("business_priority", "Of the application"),
    ("environment", "The environment"),
    ("owner", "Owners, the nearest first"),
    ("assignee", "Who works on it"),
    ("source_tool", "The tool of the connection"),
    ("connection", "Name of the connection"),
    ("project", "Path of the project"),
    ("repository", "Registry and path of the repository"),
    ("images", "Images that have it, by tag or digest"),
    ("image_count", "How many"),
    ("first_seen", "When it was first seen"),
    ("last_seen", "When it was last seen"),
    ("sla_state", "overdue, near or within"),
    ("sla_due", "The deadline"),
    ("compliance", "Controls that it touches"),
];

/// One record that is being written.
struct Record {
    line: String,
    cells: usize,
}

impl Record {
    /// A cell of ours: a word, a number, a time.
    fn own(&mut self, text: &str) {
        if self.cells > 0 {
            self.line.push(',');
        }
        self.cells += 1;
        if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
            self.line.push('"');
            self.line.push_str(&text.replace('"', "\"\""));
            self.line.push('"');
        } else {
            self.line.push_str(text);
        }
    }

    /// A cell of somebody else's text.
    fn text(&mut self, text: &str) {
        self.own(&defused(text));
    }

    fn option(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }

    fn values(&mut self, values: impl ExactSizeIterator<Item = String>) {
        let more = values.len().saturating_sub(MAX_VALUES);
        let mut all: Vec<String> = values.take(MAX_VALUES).collect();
        if more > 0 {
            all.push(format!("and {more} more"));
        }
        self.text(&all.join("; "));
    }
}

/// The text without line breaks and control characters, and with an apostrophe where a spreadsheet would
/// compute it. The first character counts with and without the spaces before it.
pub(super) fn defused(text: &str) -> String {
    let clean = cut(text, MAX_CELL);
    let computes = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '|' | '%' | '＝' | '＋' | '－' | '＠'
        )
    };
    let first = text.chars().next().is_some_and(computes);
    if first || clean.trim_start().starts_with(computes) {
        format!("'{clean}")
    } else {
        clean
    }
}

pub(super) fn write<I>(issues: I, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut record = Record {
        line: String::new(),
        cells: 0,
    };
    for (name, _) in COLUMNS {
        record.own(name);
    }
    let mut written = Written::default();
    record.line.push_str("\r\n");
    out.write_all(record.line.as_bytes())?;
    for issue in issues {
        record.line.clear();
        record.cells = 0;
        cells(issue.borrow(), &mut record);
        debug_assert_eq!(record.cells, COLUMNS.len(), "a cell for each column");
        record.line.push_str("\r\n");
        out.write_all(record.line.as_bytes())?;
        written.issues += 1;
    }
    Ok(written)
}

/// In the order of [`COLUMNS`].
fn cells(issue: &Issue, record: &mut Record) {
    record.own(&format!("OX-{}", issue.id));
    record.own(issue.severity.word());
    record.own(issue.verdict.original.word());
    record.text(&issue.verdict.original_why);
    record.own(&decimal(issue.verdict.score, 2));
    record.option(
        issue
            .override_
            .as_ref()
            .map(|one| format!("{}: {}", one.by, one.reason))
            .as_deref(),
    );
    record.values(issue.verdict.factors.iter().map(|factor| {
        format!(
            "[{:?}] {} {}",
            factor.category,
            factor.short_name,
            signed(factor.change)
        )
    }));
    record.text(&issue.title);
    record.own(kind(issue.kind));
    record.text(&issue.category);
    status(issue, record);
    record.own(match issue.against_last_scan {
        AgainstLastScan::New => "new",
        AgainstLastScan::Same => "same",
        AgainstLastScan::Changed => "changed",
        AgainstLastScan::Reopened => "reopened",
        AgainstLastScan::Closed => "closed",
    });
    record.text(&issue.primary);
    record.values(issue.identifiers.iter().map(|one| one.value.clone()));
    threat(issue, record);
    let package = issue.package.as_ref();
    record.option(package.map(|one| one.name.as_str()));
    record.option(package.map(|one| one.ecosystem.as_str()));
    record.option(package.map(|one| one.purl.as_str()));
    let versions = package.map(|one| one.versions.as_slice());
    record.values(versions.unwrap_or_default().iter().cloned());
    record.option(issue.remediation.fixed_version.as_deref());
    record.text(&issue.remediation.summary);
    record.option(issue.remediation.command.as_deref());
    record.option(issue.remediation.base_image.as_deref());
    let context = &issue.context;
    record.text(&context.application);
    record.option(context.service.as_deref());
    record.option(context.team.as_deref());
    record.option(context.priority.as_deref());
    record.option(context.environment.as_deref());
    record.values(context.owners.iter().map(|one| one.name.clone()));
    record.option(issue.assignee.as_deref());
    record.text(&issue.source_tool);
    record.text(&issue.connection);
    record.text(&issue.project);
    record.text(&ids::repository_name(issue));
    record.values(
        issue
            .occurrences
            .iter()
            .map(|one| ids::image_reference(issue, one)),
    );
    record.own(&issue.occurrences.len().to_string());
    moment(record, Some(&issue.first_seen));
    moment(record, Some(&issue.last_seen));
    record.own(match issue.sla.as_ref().map(|one| one.state) {
        Some(SlaState::Overdue) => "overdue",
        Some(SlaState::Near) => "near",
        Some(SlaState::Within) => "within",
        None => "",
    });
    moment(record, issue.sla.as_ref().map(|one| one.due.as_str()));
    record.values(
        issue
            .compliance
            .iter()
            .map(|one| format!("{} {}", one.standard, one.control)),
    );
}

fn status(issue: &Issue, record: &mut Record) {
    let exclusion = issue.exclusion.as_ref();
    let (word, reason) = match (&issue.status, exclusion) {
        (Status::Resolved { how }, _) => ("resolved", how.as_str()),
        (Status::Removed { why }, _) => ("removed", why.as_str()),
        (Status::Open, Some(exclusion)) => (
            match exclusion.kind {
                ExclusionKind::Excluded => "excluded",
                ExclusionKind::FalsePositive => "false-positive",
                ExclusionKind::Snoozed => "snoozed",
                ExclusionKind::DismissedInTool => "dismissed-in-tool",
                ExclusionKind::Vex => "vex",
            },
            exclusion.reason.as_str(),
        ),
        (Status::Open, None) => ("open", ""),
    };
    record.own(word);
    record.text(reason);
    record.option(exclusion.map(|one| one.by.as_str()));
    moment(record, exclusion.and_then(|one| one.until.as_deref()));
}

fn threat(issue: &Issue, record: &mut Record) {
    let worst = issue.cvss.first();
    record.own(&worst.map(|one| decimal(one.score, 1)).unwrap_or_default());
    record.option(worst.map(|one| one.vector.as_str()));
    let epss = issue.epss.as_ref();
    let percents = |part: fn(&ox_advisory::epss::Score) -> f64| {
        epss.and_then(|one| percent(part(one), 3))
            .unwrap_or_default()
    };
    record.own(&percents(|one| one.score));
    record.own(&percents(|one| one.percentile));
    let known = issue.known_exploited.as_ref();
    record.option(known.map(|one| one.added.as_str()));
    record.own(match known {
        Some(known) if known.ransomware => "yes",
        Some(_) => "no",
        None => "",
    });
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Vulnerability => "vulnerability",
        Kind::Secret => "secret",
        Kind::Misconfiguration => "misconfiguration",
        Kind::Licence => "licence",
        Kind::Other => "other",
    }
}

fn decimal(value: f64, places: usize) -> String {
    if value.is_finite() {
        format!("{value:.places$}")
    } else {
        String::new()
    }
}

fn moment(record: &mut Record, at: Option<&str>) {
    match at.and_then(time) {
        Some(at) => record.own(&at),
        None => record.option(at),
    }
}
