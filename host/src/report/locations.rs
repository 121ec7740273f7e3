//! Locations: as a list of what can be scanned, and as the tree they stand in.

use std::collections::{HashMap, HashSet};

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, cut, inert, minute, width};
use crate::host::LocationRow;

/// Levels of the tree that are drawn; what lies deeper stands on the last one.
const MAX_DEPTH: usize = 64;

/// One line a location that a scan could take.
pub fn table(rows: &[LocationRow], look: Look) -> String {
    let mut table = Table::new([
        Column::fixed(""),
        Column::text("LOCATION"),
        Column::fixed("KIND"),
        Column::text("LAST SCAN"),
        Column::text("WHY NOT"),
    ]);
    for row in rows.iter().filter(|row| is_candidate(row)) {
        let (mark, tone, why) = state(row);
        let last = match &row.last_scan {
            Some((at, true)) => Cell::from(minute(at)),
            Some((at, false)) => Cell::toned(format!("{} (partial)", minute(at)), Tone::Warn),
            None => Cell::toned("never", Tone::Faint),
        };
        table.row([
            Cell::toned(mark, tone),
            row.location.path.as_str().into(),
            Cell::toned(&row.location.kind, Tone::Faint),
            last,
            Cell::toned(why, Tone::Faint),
        ]);
    }
    let mut out = table.render(look);
    out.push_str(&totals(rows, look));
    out
}

/// All locations below those that hold them.
pub fn tree(rows: &[LocationRow], look: Look) -> String {
    let known: HashSet<&str> = rows.iter().map(|row| row.location.id.as_str()).collect();
    let mut children: HashMap<&str, Vec<&LocationRow>> = HashMap::new();
    let mut roots = Vec::new();
    for row in rows {
        match row.location.parent.as_deref() {
            Some(parent) if known.contains(parent) => children.entry(parent).or_default().push(row),
            _ => roots.push(row),
        }
    }
    for list in children.values_mut() {
        list.sort_by(|a, b| a.location.name.cmp(&b.location.name));
    }
    roots.sort_by(|a, b| a.location.path.cmp(&b.location.path));

    let mut out = String::new();
    let mut drawn: HashSet<&str> = HashSet::new();
    draw(&mut out, roots, &children, &mut drawn, look);
    // A connector may answer parents that form a circle. No root leads there; they are not lost.
    let lost: Vec<_> = rows
        .iter()
        .filter(|row| !drawn.contains(row.location.id.as_str()))
        .collect();
    for row in lost {
        draw(&mut out, vec![row], &children, &mut drawn, look);
    }
    out.push_str(&totals(rows, look));
    out
}

/// Draws without recursion: how deep the tree is, is the other side's choice.
fn draw<'a>(
    out: &mut String,
    roots: Vec<&'a LocationRow>,
    children: &HashMap<&'a str, Vec<&'a LocationRow>>,
    drawn: &mut HashSet<&'a str>,
    look: Look,
) {
    // The row, the lines that lead down to its children, and the branch in front of it.
    let mut todo: Vec<(&LocationRow, String, &'static str)> = roots
        .into_iter()
        .rev()
        .map(|row| (row, String::new(), ""))
        .collect();
    while let Some((row, lead, branch)) = todo.pop() {
        if !drawn.insert(&row.location.id) {
            continue;
        }
        out.push_str(&entry(row, &format!("{lead}{branch}"), look));
        let below = match branch {
            "" => lead,
            "├─ " => format!("{lead}│  "),
            _ => format!("{lead}   "),
        };
        let below: String = below.chars().take(MAX_DEPTH * 3).collect();
        let list = children
            .get(row.location.id.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default();
        for (place, child) in list.iter().enumerate().rev() {
            let branch = if place + 1 == list.len() {
                "└─ "
            } else {
                "├─ "
            };
            todo.push((child, below.clone(), branch));
        }
    }
}

fn entry(row: &LocationRow, lead: &str, look: Look) -> String {
    let name = inert(if lead.is_empty() {
        &row.location.path
    } else {
        &row.location.name
    });
    let name = if name.is_empty() {
        "(root image)".to_owned()
    } else {
        name
    };
    if !is_candidate(row) {
        return format!("{}{}\n", look.faint(lead), look.strong(&name));
    }
    let (mark, tone, why) = state(row);
    let why = inert(&why);
    let used = width(lead) + 2 + width(&name) + 2;
    let why = match look.width {
        Some(screen) => cut(&why, screen.saturating_sub(used).max(8)),
        None => why,
    };
    let why = if why.is_empty() {
        why
    } else {
        format!("  {}", look.faint(&why))
    };
    format!(
        "{}{} {name}{why}\n",
        look.faint(lead),
        look.tone(tone, mark)
    )
}

/// Whether it can be scanned, or could if something did not stand in the way.
fn is_candidate(row: &LocationRow) -> bool {
    row.location.scannable || row.location.unscannable.is_some()
}

fn state(row: &LocationRow) -> (&'static str, Tone, String) {
    if let Some(skip) = &row.location.unscannable {
        ("!", Tone::Warn, skip.why.message.clone())
    } else if row.selected {
        ("✓", Tone::Good, String::new())
    } else {
        (
            "–",
            Tone::Faint,
            row.reason
                .clone()
                .unwrap_or_else(|| "not selected".to_owned()),
        )
    }
}

/// `8 of 12 locations are selected`.
pub fn totals(rows: &[LocationRow], look: Look) -> String {
    let scannable = rows.iter().filter(|row| is_candidate(row)).count();
    let selected = rows
        .iter()
        .filter(|row| row.selected && row.location.unscannable.is_none())
        .count();
    let closed = rows
        .iter()
        .filter(|row| row.location.unscannable.is_some())
        .count();
    let mut line = if selected == scannable {
        format!(
            "{} selected",
            count(scannable as u64, "location", "locations")
        )
    } else {
        format!(
            "{selected} of {} selected",
            count(scannable as u64, "location", "locations")
        )
    };
    if closed > 0 {
        line.push_str(&look.warn(&format!(", {closed} can't be scanned")));
    }
    format!("\n{line}\n")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_list_reads_well() {
        insta::assert_snapshot!(table(&samples::locations(), Look::PLAIN));
    }

    #[test]
    fn the_tree_reads_well() {
        insta::assert_snapshot!(tree(&samples::locations(), Look::PLAIN));
    }

    #[test]
    fn a_circle_of_parents_is_drawn_once_and_ends() {
        let mut rows = samples::locations();
        rows.truncate(2);
        for (row, (id, parent)) in rows.iter_mut().zip([("a", "b"), ("b", "a")]) {
            row.location.id = id.to_owned();
            row.location.parent = Some(parent.to_owned());
        }
        let text = tree(&rows, Look::PLAIN);
        assert_eq!(
            text.lines().filter(|line| !line.is_empty()).count(),
            3,
            "{text}"
        );
    }

    #[test]
    fn a_very_deep_tree_neither_overflows_nor_grows_without_end() {
        let one = samples::locations().swap_remove(0);
        let rows: Vec<_> = (0..5_000)
            .map(|depth: usize| {
                let mut row = one.clone();
                row.location.id = depth.to_string();
                row.location.parent = depth.checked_sub(1).map(|up| up.to_string());
                row
            })
            .collect();
        let text = tree(&rows, Look::PLAIN);
        assert!(text.lines().all(|line| width(line) < MAX_DEPTH * 3 + 100));
        assert!(text.lines().count() >= 5_000);
    }
}
