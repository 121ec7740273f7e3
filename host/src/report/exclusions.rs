//! Exclusions: what is kept out of the queue, why, and until when.

use super::issues::{day, exclusion_word};
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use crate::store::issues::ExclusionRow;

/// One line an exclusion.
pub fn table(rows: &[ExclusionRow], look: Look) -> String {
    let mut table = Table::new([
        Column::number("NUMBER"),
        Column::fixed("KIND"),
        Column::text("COVERS"),
        Column::fixed("UNTIL"),
        Column::text("REASON"),
        Column::text("BY"),
        Column::fixed("SINCE"),
        Column::text("ENDED"),
    ]);
    for row in rows {
        table.row([
            row.id.to_string().into(),
            exclusion_word(row.kind).into(),
            row.covers.words().into(),
            row.until.as_deref().map_or("", day).into(),
            row.reason.as_str().into(),
            row.by.as_str().into(),
            day(&row.at).into(),
            Cell::toned(
                row.ended
                    .as_ref()
                    .map(|(at, by)| format!("{} ({by})", day(at)))
                    .unwrap_or_default(),
                Tone::Faint,
            ),
        ]);
    }
    table.render(look)
}
