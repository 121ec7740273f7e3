//! What was not scanned: never left out in silence.

use std::collections::{BTreeMap, HashMap};

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, cut, inert, number, pad, short_digest, width, wrap};
use super::words;
use crate::contract::{Skip, SkipReason};
use crate::host::SkippedRow;

/// Columns of a sentence where the screen does not say how wide it is.
const MAX_LINE: usize = 120;

/// Examples of names that a group shows.
const EXAMPLES: usize = 3;

/// Grouped by why: each reason is said once and in full, whatever the width of the screen, and below it
/// stands, one line each, what it was said of.
pub fn table(rows: &[SkippedRow], look: Look) -> String {
    let mut groups: Vec<(&Skip, Vec<&SkippedRow>)> = Vec::new();
    let mut places = HashMap::new();
    for row in rows {
        let skip = &row.skipped.skip;
        let key = (
            words::skip_reason(skip.reason),
            &skip.why.message,
            &skip.why.hint,
        );
        let place = *places.entry(key).or_insert_with(|| {
            groups.push((skip, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, rows)) = groups.get_mut(place) {
            rows.push(row);
        }
    }
    groups.sort_by_key(|(skip, rows)| {
        (
            words::skip_reason(skip.reason),
            std::cmp::Reverse(rows.len()),
        )
    });
    let mut out = String::new();
    for (skip, rows) in &groups {
        push_group(&mut out, skip, rows, look);
        out.push('\n');
    }
    if !rows.is_empty() {
        out.push_str(&format!(
            "{} skipped\n",
            count(rows.len() as u64, "thing", "things")
        ));
    }
    out
}

fn push_group(out: &mut String, skip: &Skip, rows: &[&SkippedRow], look: Look) {
    let reason = look.tone(tone(skip.reason), words::skip_reason(skip.reason));
    let column = width(words::skip_reason(skip.reason)) + 2;
    let room = look
        .width
        .unwrap_or(MAX_LINE)
        .saturating_sub(column)
        .max(20);
    let mut lines = wrap(&inert(&skip.why.message), Some(room));
    let said = lines.len();
    if !skip.why.hint.is_empty() {
        lines.extend(wrap(&inert(&skip.why.hint), Some(room)));
    }
    for (number, line) in lines.iter().enumerate() {
        let line = match number {
            0 => format!("{}  {line}", look.strong(&reason)),
            _ if number < said => format!("{}{line}", " ".repeat(column)),
            _ => format!("{}{}", " ".repeat(column), look.faint(line)),
        };
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let mut table = Table::new([
        Column::fixed(""),
        Column::text(""),
        Column::fixed(""),
        Column::text(""),
    ]);
    for row in rows {
        let skipped = &row.skipped;
        table.row([
            "  ".into(),
            row.location.as_str().into(),
            Cell::toned(words::skip_subject(skipped.subject), Tone::Faint),
            name(&skipped.name).into(),
        ]);
    }
    let text = table.render(look);
    out.push_str(text.split_once('\n').map_or("", |(_, rows)| rows));
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
        let mut examples = examples(&rows);
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

/// A few of them by name; those of one name are counted.
fn examples(rows: &[&SkippedRow]) -> String {
    let mut named: Vec<(String, u64)> = Vec::new();
    let mut places = HashMap::new();
    for row in rows {
        let name = cut(&inert(&name(&row.skipped.name)), 48);
        let name = format!("{} {name}", words::skip_subject(row.skipped.subject));
        let place = *places.entry(name.clone()).or_insert_with(|| {
            named.push((name, 0));
            named.len() - 1
        });
        if let Some((_, many)) = named.get_mut(place) {
            *many += 1;
        }
    }
    let shown = named.iter().take(EXAMPLES).map(|(name, many)| match many {
        1 => name.clone(),
        many => format!("{name} ({})", number(*many)),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if named.len() > EXAMPLES {
        text.push_str(", …");
    }
    text
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
