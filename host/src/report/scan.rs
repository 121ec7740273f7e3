//! A scan's end: each location, the totals, what was found, what was not looked at.

use super::findings::{by_severity, rows_table};
use super::json::ScanResult;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{bytes, count, duration, inert, number, wrap};
use super::{skipped, words};
use crate::host::{FindingRow, LocationOutcome, ScanReport};

/// Findings that the summary shows; the rest is for `ox-host findings`.
const WORST: usize = 10;

/// Locations that the last line names before it counts the others.
const NAMED: usize = 8;

/// Columns of a sentence where the screen does not say how wide it is.
const MAX_LINE: usize = 120;

/// The whole summary. `more` is the command that lists all findings, where there is one.
pub fn summary(result: &ScanResult<'_>, more: Option<&str>, look: Look) -> String {
    let report = result.report;
    let mut out = locations(report, look);
    push_section(&mut out, &failures(report, look));
    push_section(&mut out, &refused(report, look));
    push_section(&mut out, &found(result.findings, more, look));
    if !result.skipped.is_empty() {
        let heading = look.strong("Not looked at");
        push_section(
            &mut out,
            &format!("{heading}\n{}", skipped::by_reason(result.skipped, look)),
        );
    }
    push_section(&mut out, &totals(report, look));
    out
}

fn push_section(out: &mut String, section: &str) {
    if section.is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(section);
}

fn locations(report: &ScanReport, look: Look) -> String {
    let mut table = Table::new([
        Column::fixed(""),
        Column::text("LOCATION"),
        Column::number("TAGS"),
        Column::number("IMAGES"),
        Column::number("PACKAGES"),
        Column::number("FINDINGS"),
        Column::number("SKIPPED"),
        Column::number("TIME"),
    ]);
    for location in &report.locations {
        let counts = &location.counts;
        let mark = match location.outcome {
            LocationOutcome::Complete => Cell::toned("✓", Tone::Good),
            LocationOutcome::Partial => Cell::toned("!", Tone::Warn),
            LocationOutcome::Failed { .. } => Cell::toned("✗", Tone::Bad),
            LocationOutcome::Interrupted => Cell::toned("–", Tone::Faint),
        };
        table.row([
            mark,
            location.path.as_str().into(),
            number(counts.tags).into(),
            number(counts.images).into(),
            number(counts.packages).into(),
            number(counts.findings).into(),
            number(counts.skipped).into(),
            Cell::toned(duration(location.milliseconds), Tone::Faint),
        ]);
    }
    table.render(look)
}

fn failures(report: &ScanReport, look: Look) -> String {
    let room = look.width.map(|screen| screen.saturating_sub(4).max(20));
    let mut out = String::new();
    for location in &report.locations {
        if let LocationOutcome::Failed { message, hint, .. } = &location.outcome {
            out.push_str(&format!(
                "{} {}\n",
                look.bad("✗"),
                look.strong(&inert(&location.path))
            ));
            for text in [message, hint] {
                if !text.is_empty() {
                    for line in wrap(&inert(text), room) {
                        out.push_str(&format!("    {line}\n"));
                    }
                }
            }
        }
    }
    out
}

fn refused(report: &ScanReport, look: Look) -> String {
    if report.refused.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "{}\n",
        look.warn("Requests that were refused, and what would allow them")
    );
    for line in &report.refused {
        out.push_str(&format!("  {}\n", inert(line)));
    }
    out
}

fn found(rows: &[FindingRow], more: Option<&str>, look: Look) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut open: Vec<FindingRow> = rows
        .iter()
        .filter(|row| words::is_open(row.finding.state))
        .cloned()
        .collect();
    open.sort_by_key(|row| std::cmp::Reverse(words::severity_rank(row.finding.severity)));
    let closed = rows.len() - open.len();
    let shown = open.get(..WORST).unwrap_or(&open);
    let mut out = rows_table(shown, look);
    if !shown.is_empty() {
        out.push('\n');
    }
    let mut line = count(open.len() as u64, "open finding", "open findings");
    if !open.is_empty() {
        line.push_str(": ");
        line.push_str(&by_severity(open.iter(), look));
    }
    if closed > 0 {
        line.push_str(&look.faint(&format!(
            "; {} resolved or dismissed",
            number(closed as u64)
        )));
    }
    out.push_str(&line);
    out.push('\n');
    if let (Some(command), true) = (more, rows.len() > shown.len()) {
        out.push_str(&look.faint(&format!("All of them: {command}")));
        out.push('\n');
    }
    out
}

fn totals(report: &ScanReport, look: Look) -> String {
    let counts = &report.counts;
    let found = [
        count(report.locations.len() as u64, "location", "locations"),
        count(counts.tags, "tag", "tags"),
        count(counts.images, "image", "images"),
        count(counts.packages, "package", "packages"),
        count(counts.findings, "finding", "findings"),
        format!("{} skipped", number(counts.skipped)),
    ];
    let worked = [
        count(counts.requests, "request", "requests"),
        format!("{} read", bytes(counts.bytes_read)),
        format!("{} read", count(counts.layers_read, "layer", "layers")),
        format!("{} reused", number(counts.layers_reused)),
        duration(report.milliseconds),
    ];
    let mut out = format!(
        "{}\n{}\n{}",
        look.strong(&found.join(" · ")),
        look.faint(&worked.join(", ")),
        super::gathered::sentence(&report.queue)
    );
    let interrupted = report
        .locations
        .iter()
        .any(|one| matches!(one.outcome, LocationOutcome::Interrupted));
    if interrupted {
        out.push_str(&look.warn("Interrupted: the next scan goes on where this one stopped."));
        out.push('\n');
    } else if !report.complete && !report.locations.is_empty() {
        let room = look.width.unwrap_or(MAX_LINE);
        for line in wrap(&not_complete(report), Some(room)) {
            out.push_str(&look.warn(&line));
            out.push('\n');
        }
    }
    out
}

/// Which locations were not looked at completely, and what that means.
fn not_complete(report: &ScanReport) -> String {
    let paths: Vec<String> = report
        .locations
        .iter()
        .filter(|one| !matches!(one.outcome, LocationOutcome::Complete))
        .map(|one| inert(&one.path))
        .collect();
    let rest = "nothing there is closed because it was not seen";
    let shown = paths.get(..NAMED).unwrap_or(&paths);
    match paths.len().saturating_sub(shown.len()) as u64 {
        _ if paths.is_empty() => {
            "Not complete: not everything could be listed; nothing is closed because it was not seen."
                .to_owned()
        }
        0 => format!("Not complete: {}; {rest}.", shown.join(", ")),
        more => format!(
            "Not complete: {} and {}; {rest}.",
            shown.join(", "),
            count(more, "other", "others")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn result_of(look: Look) -> String {
        let report = samples::scan_report();
        let (findings, images, skipped) =
            (samples::findings(), samples::images(), samples::skipped());
        let result = ScanResult {
            report: &report,
            findings: &findings,
            images: &images,
            skipped: &skipped,
        };
        summary(&result, Some("ox-host findings --connection work"), look)
    }

    #[test]
    fn a_scan_reads_well() {
        insta::assert_snapshot!(result_of(Look::PLAIN));
    }

    #[test]
    fn a_scan_fits_eighty_columns() {
        let text = result_of(Look {
            width: Some(80),
            colour: false,
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_quiet_scan_is_short() {
        let mut report = samples::scan_report();
        report.locations.truncate(1);
        report.refused.clear();
        report.complete = true;
        let result = ScanResult {
            report: &report,
            findings: &[],
            images: &[],
            skipped: &[],
        };
        assert_eq!(summary(&result, None, Look::PLAIN).lines().count(), 6);
    }
}
