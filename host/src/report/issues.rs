//! The queue as a table, the funnel above it, and what one column shows.

use ox_issue::Issue;
use ox_issue::issue::{AgainstLastScan, ExclusionKind, SlaState, Status};
use ox_issue::severity::Severity;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, number};
use crate::store::issues::{Funnel, SeverityCounts};

/// How many columns there are to choose from.
const COLUMNS: usize = 20;

/// The columns of the queue, in their order: name on the command line, heading, and whether it is shown
/// unless others are asked for.
const CHOICE: [(&str, Column, bool); COLUMNS] = [
    ("id", Column::fixed("ID"), true),
    ("severity", Column::fixed("SEVERITY"), true),
    ("before", Column::fixed("WAS"), true),
    ("issue", Column::capped("ISSUE", 24), true),
    ("package", Column::text("PACKAGE"), true),
    ("installed", Column::text("INSTALLED"), true),
    ("fix", Column::text("FIXED IN"), true),
    ("location", Column::text("LOCATION"), true),
    ("images", Column::number("IMAGES"), true),
    ("status", Column::fixed("STATUS"), true),
    ("sla", Column::fixed("DUE"), true),
    ("why", Column::text("WHY"), true),
    ("epss", Column::number("EPSS"), false),
    ("exploited", Column::fixed("KEV"), false),
    ("application", Column::text("APPLICATION"), false),
    ("owner", Column::text("OWNER"), false),
    ("first-seen", Column::fixed("FIRST SEEN"), false),
    ("source", Column::text("SOURCE"), false),
    ("category", Column::text("CATEGORY"), false),
    ("title", Column::text("TITLE"), false),
];

/// Names of the columns.
pub fn columns() -> impl Iterator<Item = &'static str> {
    CHOICE.iter().map(|(name, _, _)| *name)
}

/// One line an issue. `chosen` names columns; empty takes the usual ones.
pub fn table(issues: &[Issue], chosen: &[String], look: Look) -> String {
    let mut table = Table::new(CHOICE.map(|(_, column, _)| column));
    for issue in issues {
        table.row(CHOICE.map(|(name, _, usual)| {
            let shown = if chosen.is_empty() {
                usual
            } else {
                chosen.iter().any(|one| one == name)
            };
            if shown {
                cell(name, issue)
            } else {
                Cell::from("")
            }
        }));
    }
    table.render(look)
}

fn cell(column: &str, issue: &Issue) -> Cell {
    match column {
        "id" => format!("OX-{}", issue.id).into(),
        "severity" => Cell::toned(issue.severity.word(), tone(issue.severity)),
        "before" => Cell::toned(
            if issue.severity == issue.verdict.original {
                ""
            } else {
                issue.verdict.original.word()
            },
            Tone::Faint,
        ),
        "issue" => issue.primary.as_str().into(),
        "package" => issue.package.as_ref().map_or("", |one| &one.name).into(),
        "installed" => versions(issue).into(),
        "fix" => issue
            .remediation
            .fixed_version
            .as_deref()
            .unwrap_or_default()
            .into(),
        "location" => issue.location.as_str().into(),
        "images" => number(images(issue)).into(),
        "status" => Cell::toned(status(issue), Tone::Faint),
        "sla" => match &issue.sla {
            Some(sla) => Cell::toned(due(sla.days_left), sla_tone(sla.state)),
            None => "".into(),
        },
        "why" => why(issue).into(),
        "epss" => issue
            .epss
            .as_ref()
            .map(|epss| format!("{:.1} %", epss.score * 100.0))
            .unwrap_or_default()
            .into(),
        "exploited" => Cell::toned(
            match &issue.known_exploited {
                Some(known) if known.ransomware => "ransomware",
                Some(_) => "yes",
                None => "",
            },
            Tone::Bad,
        ),
        "application" => issue.context.application.as_str().into(),
        "owner" => issue
            .context
            .owners
            .first()
            .map_or("", |owner| &owner.name)
            .into(),
        "first-seen" => day(&issue.first_seen).into(),
        "source" => {
            let mut tools: Vec<&str> = issue.sources.iter().map(|one| one.tool.as_str()).collect();
            tools.sort_unstable();
            tools.dedup();
            tools.join(", ").into()
        }
        "category" => issue.category.as_str().into(),
        "title" => issue.title.as_str().into(),
        _ => "".into(),
    }
}

fn versions(issue: &Issue) -> String {
    let versions = issue
        .package
        .as_ref()
        .map(|one| one.versions.as_slice())
        .unwrap_or_default();
    match versions {
        [] => String::new(),
        [one] => one.clone(),
        [one, more @ ..] => format!("{one} +{}", more.len()),
    }
}

/// How many images have it.
pub(super) fn images(issue: &Issue) -> u64 {
    let digests: std::collections::BTreeSet<&str> = issue
        .occurrences
        .iter()
        .map(|one| one.digest.as_str())
        .collect();
    digests.len() as u64
}

/// Against the last scan, or why it is not in the queue.
pub(super) fn status(issue: &Issue) -> &'static str {
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { .. }, _) => "resolved",
        (Status::Removed { .. }, _) => "removed",
        (Status::Open, Some(exclusion)) => exclusion_word(exclusion.kind),
        (Status::Open, None) => match issue.against_last_scan {
            AgainstLastScan::New => "new",
            AgainstLastScan::Changed => "changed",
            AgainstLastScan::Reopened => "reopened",
            AgainstLastScan::Same | AgainstLastScan::Closed => "",
        },
    }
}

/// Why an issue is not in the queue.
pub(super) fn exclusion_word(kind: ExclusionKind) -> &'static str {
    match kind {
        ExclusionKind::Excluded => "excluded",
        ExclusionKind::FalsePositive => "false positive",
        ExclusionKind::Snoozed => "snoozed",
        ExclusionKind::DismissedInTool => "dismissed in tool",
        ExclusionKind::Vex => "VEX",
    }
}

/// The two factors that count most.
fn why(issue: &Issue) -> String {
    if let Some(own) = &issue.override_ {
        return format!("set by {}", own.by);
    }
    let counted = issue
        .verdict
        .factors
        .iter()
        .filter(|factor| factor.change != 0.0);
    let shown: Vec<String> = counted
        .take(2)
        .map(|factor| {
            let sign = if factor.change > 0.0 { '+' } else { '−' };
            format!("{sign} {}", factor.short_name)
        })
        .collect();
    shown.join(", ")
}

fn due(days_left: i64) -> String {
    match days_left {
        ..0 => format!("{} d late", number(days_left.unsigned_abs())),
        days => format!("{} d", number(days.unsigned_abs())),
    }
}

pub(super) fn sla_tone(state: SlaState) -> Tone {
    match state {
        SlaState::Overdue => Tone::Bad,
        SlaState::Near => Tone::Warn,
        SlaState::Within => Tone::Plain,
    }
}

/// The day of a time.
pub(crate) fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

pub(super) fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Appoxalypse | Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
        Severity::Info => Tone::Faint,
    }
}

/// `12 found → 9 prioritised → 4 issues`, with the severities of each.
pub fn funnel(funnel: &Funnel, look: Look) -> String {
    let total = |counts: &SeverityCounts| counts.iter().map(|(_, count)| count).sum::<u64>();
    let row = |label: &str, counts: &SeverityCounts| {
        let parts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| {
                look.tone(tone(*severity), &format!("{} {severity}", number(*count)))
            })
            .collect();
        let sum = number(total(counts));
        format!("{label:<12}{sum:>9}  {}\n", parts.join(", "))
    };
    let mut out = String::new();
    out.push_str(&row("found", &funnel.found));
    out.push_str(&row("prioritised", &funnel.prioritised));
    out.push_str(&row("issues", &funnel.issues));
    out
}

/// The three numbers of a funnel, as reports carry them.
pub fn totals(funnel: &Funnel) -> ox_issue::report::Funnel {
    let total = |counts: &SeverityCounts| counts.iter().map(|(_, count)| count).sum();
    ox_issue::report::Funnel {
        found: total(&funnel.found),
        prioritised: total(&funnel.prioritised),
        issues: total(&funnel.issues),
    }
}

/// `4 issues: 1 Critical, 3 High`, and how many there are beyond the page.
pub fn total(shown: usize, total: u64, look: Look) -> String {
    let text = count(total, "issue", "issues");
    if (shown as u64) < total {
        return look.faint(&format!("{text}, {} of them shown\n", number(shown as u64)));
    }
    look.faint(&format!("{text}\n"))
}
