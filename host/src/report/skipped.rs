//! What was not scanned: never left out in silence.

use std::collections::BTreeMap;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, cut, inert, number, pad, short_digest, width};
use super::words;
use crate::contract::SkipReason;
use crate::host::SkippedRow;

/// Examples of names that a group shows.
const EXAMPLES: usize = 3;

/// One line a thing that was skipped.
pub fn table(rows: &[SkippedRow], look: Look) -> String {
    let mut table = Table::new([
        Column::text("LOCATION"),
        Column::fixed("WHAT"),
        Column::text("NAME"),
        Column::fixed("REASON"),
        Column::text("WHY"),
        Column::text("WHAT TO DO"),
    ]);
    for row in rows {
        let skipped = &row.skipped;
        table.row([
            row.location.as_str().into(),
            words::skip_subject(skipped.subject).into(),
            name(&skipped.name).into(),
            Cell::toned(
                words::skip_reason(skipped.skip.reason),
                tone(skipped.skip.reason),
            ),
            skipped.skip.why.message.as_str().into(),
            Cell::toned(&skipped.skip.why.hint, Tone::Faint),
        ]);
    }
    let mut out = table.render(look);
    if !rows.is_empty() {
        out.push_str(&format!(
            "\n{} skipped\n",
            count(rows.len() as u64, "thing", "things")
        ));
    }
    out
}

/// One line a reason: how many, and a few of them by name.
pub fn by_reason(rows: &[SkippedRow], look: Look) -> String {
    let mut groups: BTreeMap<&str, (SkipReason, Vec<&SkippedRow>)> = BTreeMap::new();
    for row in rows {
        let reason = row.skipped.skip.reason;
        groups
            .entry(words::skip_reason(reason))
            .or_insert((reason, Vec::new()))
            .1
            .push(row);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let phrases = groups
        .iter()
        .map(|(reason, _)| width(words::skip_reason_phrase(*reason)));
    let column = phrases.max().unwrap_or(0);
    let digits = groups
        .iter()
        .map(|(_, rows)| number(rows.len() as u64).len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (reason, rows) in groups {
        let names = rows.iter().take(EXAMPLES).map(|row| {
            let name = cut(&inert(&name(&row.skipped.name)), 48);
            format!("{} {name}", words::skip_subject(row.skipped.subject))
        });
        let mut examples = names.collect::<Vec<_>>().join(", ");
        if rows.len() > EXAMPLES {
            examples.push_str(", …");
        }
        let many = number(rows.len() as u64);
        let phrase = look.tone(
            tone(reason),
            &pad(words::skip_reason_phrase(reason), column),
        );
        let used = 2 + digits + 2 + column + 2;
        if let Some(screen) = look.width {
            examples = cut(&examples, screen.saturating_sub(used).max(12));
        }
        out.push_str(&format!(
            "  {many:>digits$}  {phrase}  {}\n",
            look.faint(&examples)
        ));
    }
    out
}

/// A name as lists show it: of a digest its beginning is enough.
fn name(name: &str) -> String {
    if name.starts_with("sha256:") {
        short_digest(name)
    } else {
        name.to_owned()
    }
}

/// What was meant to be left out is quiet; what should have been read is not.
fn tone(reason: SkipReason) -> Tone {
    match reason {
        SkipReason::NotSelected
        | SkipReason::NotAnImage
        | SkipReason::Empty
        | SkipReason::NotLicensed
        | SkipReason::UnavailableHere
        | SkipReason::Gone => Tone::Plain,
        SkipReason::Forbidden
        | SkipReason::Unsupported
        | SkipReason::OverLimit
        | SkipReason::Corrupt
        | SkipReason::Unreachable => Tone::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn skipped_things_read_well() {
        insta::assert_snapshot!(table(&samples::skipped(), Look::PLAIN));
    }

    #[test]
    fn reasons_are_grouped_most_first() {
        insta::assert_snapshot!(by_reason(&samples::skipped(), Look::PLAIN));
    }
}
