//! Findings: what a tool says, worst first.

use super::detail::attribute;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, number};
use super::words::{self, SEVERITIES};
use crate::contract::{Finding, FindingKind, FindingState, Severity};
use crate::host::FindingRow;

/// Columns of an identifier that are shown.
const MAX_ID: usize = 24;

/// One line a finding, then how many there are of each severity.
pub fn table(rows: &[FindingRow], look: Look) -> String {
    let mut out = rows_table(rows, look);
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&count(rows.len() as u64, "finding", "findings"));
        out.push_str(": ");
        out.push_str(&by_severity(rows.iter(), look));
        out.push('\n');
    }
    out
}

/// The lines alone, for a scan's end.
pub(crate) fn rows_table(rows: &[FindingRow], look: Look) -> String {
    let several = rows
        .first()
        .is_some_and(|first| rows.iter().any(|row| row.connection != first.connection));
    let mut table = Table::new([
        Column::fixed("SEVERITY"),
        Column::capped("ID", MAX_ID),
        Column::text("PACKAGE"),
        Column::text("VERSION"),
        Column::text("LOCATION"),
        Column::text("TITLE"),
        Column::text("PATH"),
        Column::text("MATCH"),
        Column::fixed("STATE"),
        Column::text("CONNECTION"),
    ]);
    for row in rows {
        let finding = &row.finding;
        // A path says little about a vulnerability, whose package is known, and much about what the image
        // itself shows.
        let (path, shown) = if shows_evidence(finding) {
            (place(finding), seen(finding))
        } else {
            (String::new(), String::new())
        };
        table.row([
            Cell::toned(words::severity(finding.severity), tone(finding.severity)),
            best_identifier(finding).into(),
            finding.package_name.as_deref().unwrap_or_default().into(),
            finding
                .package_version
                .as_deref()
                .unwrap_or_default()
                .into(),
            row.location.as_str().into(),
            finding.title.as_str().into(),
            path.into(),
            shown.into(),
            Cell::toned(state(finding), Tone::Faint),
            if several {
                row.connection.as_str().into()
            } else {
                "".into()
            },
        ]);
    }
    table.render(look)
}

/// `3 critical, 12 high, 22 low`.
pub fn by_severity<'r>(rows: impl Iterator<Item = &'r FindingRow> + Clone, look: Look) -> String {
    let mut parts = Vec::new();
    for severity in SEVERITIES {
        let many = rows
            .clone()
            .filter(|row| row.finding.severity == severity)
            .count();
        if many > 0 {
            let words = format!("{} {}", number(many as u64), words::severity(severity));
            parts.push(look.tone(tone(severity), &words));
        }
    }
    parts.join(", ")
}

/// Whether its evidence is what a person looks for first.
fn shows_evidence(finding: &Finding) -> bool {
    finding.source == "connector"
        || matches!(
            finding.kind,
            FindingKind::Secret | FindingKind::Misconfiguration
        )
}

/// The file and the line that show it (`app/.env:3`), or the place in the config (`env TOKEN`); empty where
/// the evidence names none.
pub(crate) fn place(finding: &Finding) -> String {
    let of = |key| attribute(&finding.evidence, key);
    let Some(path) = of("path").or_else(|| of("place")) else {
        return String::new();
    };
    let mut text = path.to_owned();
    if let Some(line) = of("line").filter(|line| *line != "0") {
        text.push_str(&format!(":{line}"));
    }
    let paths = finding.evidence.iter().filter(|(key, _)| key == "path");
    let more = of("more").and_then(|more| more.parse().ok()).unwrap_or(0);
    let others = paths.count().saturating_sub(1).saturating_add(more);
    if others > 0 {
        text.push_str(&format!(" +{}", number(others as u64)));
    }
    text
}

/// What was seen there: the masked value, permissions, or the first other fact of the evidence (`port 22/tcp`).
pub(crate) fn seen(finding: &Finding) -> String {
    /// Keys that say where, how often or why; these stand elsewhere or are long.
    const NOT_SEEN: [&str; 13] = [
        "path",
        "place",
        "line",
        "lines",
        "layer",
        "layer.command",
        "layers",
        "more",
        "note",
        "uid",
        "removed-by",
        "count",
        "files",
    ];
    if let Some(masked) = attribute(&finding.evidence, "match") {
        return masked.to_owned();
    }
    let mut others = finding.evidence.iter();
    others
        .find(|(key, value)| !value.is_empty() && !NOT_SEEN.contains(&key.as_str()))
        .map_or_else(String::new, |(key, value)| format!("{key} {value}"))
}

/// Its state; what most findings are needs no words.
pub(crate) fn state(finding: &Finding) -> &'static str {
    match finding.state {
        state if finding.no_longer_detected && words::is_open(state) => "not seen any more",
        FindingState::Detected => "",
        state => words::finding_state(state),
    }
}

/// The identifier that people search for: a CVE, else the first one, else the finding's own id.
fn best_identifier(finding: &Finding) -> &str {
    finding
        .identifiers
        .iter()
        .find(|known| known.kind.eq_ignore_ascii_case("cve"))
        .or_else(|| finding.identifiers.first())
        .map_or(finding.id.as_str(), |known| known.value.as_str())
}

pub(super) fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
        Severity::Info | Severity::Unknown => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn findings_read_well() {
        insta::assert_snapshot!(table(&samples::findings(), Look::PLAIN));
    }

    #[test]
    fn findings_fit_a_narrow_screen() {
        let look = Look {
            width: Some(80),
            colour: false,
        };
        let text = table(&samples::findings(), look);
        assert!(
            text.lines()
                .all(|line| super::super::text::width(line) <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_the_image_itself_shows_is_told_with_its_place_and_its_masked_value() {
        insta::assert_snapshot!(table(&samples::seen(), Look::PLAIN));
    }

    #[test]
    fn several_files_are_counted_and_any_fact_is_better_than_none() {
        let mut finding = samples::seen().swap_remove(1).finding;
        let of = |list: &[(&str, &str)]| {
            list.iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        finding.evidence = of(&[
            ("layer", "sha256:1"),
            ("path", "/a"),
            ("mode", "4755"),
            ("path", "/b"),
            ("mode", "6755"),
            ("more", "7"),
        ]);
        assert_eq!(place(&finding), "/a +8");
        assert_eq!(seen(&finding), "mode 4755");
        finding.evidence = of(&[("note", "long"), ("port", "22/tcp")]);
        assert_eq!(
            (place(&finding).as_str(), seen(&finding).as_str()),
            ("", "port 22/tcp")
        );
        finding.evidence = of(&[("path", "/a"), ("more", "18446744073709551615")]);
        assert!(place(&finding).starts_with("/a +"));
    }

    #[test]
    fn no_findings_make_no_table() {
        assert_eq!(table(&[], Look::PLAIN), "");
    }
}
