//! What changed between two scans, grouped by what happened; and the list of scans.

use super::issue::sentence;
use super::issues::tone;
use super::look::Look;
use super::table::{Cell, Column, Table};
use super::text::{count, inert, minute, number};
use crate::host::{ScanDiff, ScanSummaryRow};

/// Kinds of events in the order in which people ask for them, with their headings.
const KINDS: [(&str, &str); 6] = [
    ("opened", "New"),
    ("reopened", "Back"),
    ("changed", "Changed"),
    ("resolved", "Resolved"),
    ("removed", "Removed"),
    ("kept", "Kept open"),
];

/// Changes, by what happened.
pub fn text(diff: &ScanDiff, look: Look) -> String {
    let from = match diff.from {
        0 => "the beginning".to_owned(),
        scan => format!("scan {scan}"),
    };
    let mut out = format!(
        "{} of {}\n",
        look.strong(&format!("From {from} to scan {}", diff.to)),
        inert(&diff.connection)
    );
    for (kind, heading) in KINDS {
        let of_kind: Vec<_> = diff
            .changes
            .iter()
            .filter(|(event, _)| event.kind == kind)
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        out.push_str(&format!(
            "\n{} ({})\n",
            look.strong(heading),
            number(of_kind.len() as u64)
        ));
        let mut table = Table::new([
            Column::fixed("ID"),
            Column::fixed("SEVERITY"),
            Column::text("ISSUE"),
            Column::text("LOCATION"),
            Column::text("WHAT HAPPENED"),
        ]);
        for (event, issue) in of_kind {
            table.row([
                format!("OX-{}", issue.id).into(),
                Cell::toned(issue.severity.word(), tone(issue.severity)),
                issue.title.as_str().into(),
                issue.location.as_str().into(),
                sentence(event).into(),
            ]);
        }
        out.push_str(&table.render(look));
    }
    if diff.changes.is_empty() {
        out.push_str("Nothing changed.\n");
    }
    out
}

/// Scans, newest first.
pub fn scans(rows: &[ScanSummaryRow], look: Look) -> String {
    let mut table = Table::new([
        Column::number("SCAN"),
        Column::text("CONNECTION"),
        Column::fixed("BEGAN"),
        Column::fixed("ENDED"),
        Column::number("LOCATIONS"),
        Column::number("IMAGES"),
        Column::number("FINDINGS"),
        Column::fixed("STATE"),
    ]);
    for row in rows {
        table.row([
            row.scan.to_string().into(),
            row.connection.as_str().into(),
            minute(&row.started_at).into(),
            row.ended_at
                .as_deref()
                .map(minute)
                .unwrap_or_default()
                .into(),
            number(row.locations as u64).into(),
            number(row.counts.images).into(),
            number(row.counts.findings).into(),
            match (row.unfinished, row.complete) {
                (0, true) => "complete".into(),
                (0, false) => "partial".into(),
                (many, _) => format!("{} left", count(many as u64, "location", "locations")).into(),
            },
        ]);
    }
    table.render(look)
}
