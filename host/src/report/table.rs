//! A small table: aligned columns, one line a row, nothing wrapped.
//!
//! A row that breaks over several lines can't be read by `grep` or by an eye that runs down a column. So a
//! table that is too wide for the screen gives up columns' width, widest first and down to each one's
//! minimum, and cuts with `…`. Sent to a file or a program, cells are only cut at [`MAX_CELL`].

use super::look::{Look, Tone};
use super::text::{cut, inert, width};

/// Columns of one cell where the screen does not say how wide it is.
pub(crate) const MAX_CELL: usize = 200;

/// Spaces between two columns.
const GAP: usize = 2;

/// Columns below which a flexible column is not pressed.
const MIN_FLEXIBLE: usize = 8;

/// One column: its heading, and how it behaves.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    right: bool,
    flexible: bool,
    max: usize,
}

impl Column {
    /// Text that may be cut to fit.
    pub(crate) const fn text(heading: &'static str) -> Self {
        Self {
            heading,
            right: false,
            flexible: true,
            max: MAX_CELL,
        }
    }

    /// Text that is shown whole, because a part of it is worth nothing.
    pub(crate) const fn fixed(heading: &'static str) -> Self {
        Self {
            heading,
            right: false,
            flexible: false,
            max: MAX_CELL,
        }
    }

    /// The same up to so many columns.
    pub(crate) const fn capped(heading: &'static str, max: usize) -> Self {
        Self {
            heading,
            right: false,
            flexible: false,
            max,
        }
    }

    /// A number.
    pub(crate) const fn number(heading: &'static str) -> Self {
        Self {
            heading,
            right: true,
            flexible: false,
            max: MAX_CELL,
        }
    }
}

/// One cell: its text, made inert, and its tone.
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: inert(text.as_ref()),
            tone,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Rows below headings.
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The whole table, each line ended; empty without rows. A column without any text is left out.
    pub(crate) fn render(&self, look: Look) -> String {
        if self.is_empty() {
            return String::new();
        }
        let widths = self.widths(look);
        let mut out = String::new();
        let headings = self
            .columns
            .map(|column| Cell::toned(column.heading, Tone::Faint));
        line(&mut out, look, &self.columns, &widths, &headings);
        for row in &self.rows {
            line(&mut out, look, &self.columns, &widths, row);
        }
        out
    }

    fn widths(&self, look: Look) -> [usize; N] {
        let mut widths = [0; N];
        for row in &self.rows {
            for ((widest, cell), column) in widths.iter_mut().zip(row).zip(&self.columns) {
                *widest = (*widest).max(width(&cell.text).min(column.max));
            }
        }
        for (widest, column) in widths.iter_mut().zip(&self.columns) {
            if *widest > 0 {
                *widest = (*widest).max(width(column.heading));
            }
        }
        let Some(screen) = look.width else {
            return widths;
        };
        loop {
            let shown = widths.iter().filter(|&&w| w > 0).count();
            let total = widths.iter().sum::<usize>() + shown.saturating_sub(1) * GAP;
            let Some(excess) = total.checked_sub(screen).filter(|&excess| excess > 0) else {
                return widths;
            };
            let flexible = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(w, column)| column.flexible && **w > MIN_FLEXIBLE)
                .map(|(w, _)| w);
            // Only as far as the second widest in one step, so that columns of one size shrink together.
            let mut flexible = flexible.collect::<Vec<_>>();
            flexible.sort_unstable_by_key(|w| std::cmp::Reverse(**w));
            let second = flexible
                .get(1)
                .map_or(MIN_FLEXIBLE, |w| **w)
                .max(MIN_FLEXIBLE);
            let Some(widest) = flexible.into_iter().next() else {
                return widths;
            };
            let step = excess.min((*widest).saturating_sub(second).max(1));
            *widest = widest.saturating_sub(step).max(MIN_FLEXIBLE);
        }
    }
}

fn line<const N: usize>(
    out: &mut String,
    look: Look,
    columns: &[Column; N],
    widths: &[usize; N],
    cells: &[Cell; N],
) {
    let mut pending = 0;
    let mut first = true;
    for ((column, &columns_wide), cell) in columns.iter().zip(widths).zip(cells) {
        if columns_wide == 0 {
            continue;
        }
        if !first {
            pending += GAP;
        }
        first = false;
        let text = cut(&cell.text, columns_wide);
        let fill = columns_wide.saturating_sub(width(&text));
        let (before, after) = if column.right { (fill, 0) } else { (0, fill) };
        if text.is_empty() {
            pending += fill;
            continue;
        }
        // Spaces are written only before text, so that no line ends in them.
        out.push_str(&" ".repeat(pending + before));
        out.push_str(&look.tone(cell.tone, &text));
        pending = after;
    }
    out.push('\n');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sample() -> Table<3> {
        let mut table = Table::new([
            Column::text("NAME"),
            Column::number("N"),
            Column::text("WHY"),
        ]);
        table.row([
            "alpha".into(),
            "1,204".into(),
            "a sentence that is rather long for a screen".into(),
        ]);
        table.row(["a-name-that-is-longer".into(), "3".into(), "".into()]);
        table
    }

    #[test]
    fn columns_align_and_lines_end_without_spaces() {
        insta::assert_snapshot!(sample().render(Look::PLAIN), @r"
        NAME                       N  WHY
        alpha                  1,204  a sentence that is rather long for a screen
        a-name-that-is-longer      3
        ");
    }

    #[test]
    fn a_narrow_screen_cuts_the_widest_columns_and_never_wraps() {
        let look = Look {
            width: Some(44),
            colour: false,
        };
        let text = sample().render(look);
        assert!(text.lines().all(|line| width(line) <= 44), "{text}");
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains('…'));
    }

    #[test]
    fn a_screen_narrower_than_the_minimum_ends_the_shrinking() {
        let text = sample().render(Look {
            width: Some(3),
            colour: false,
        });
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn colours_do_not_disturb_the_alignment() {
        let coloured = sample().render(Look {
            width: None,
            colour: true,
        });
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(
            console::strip_ansi_codes(&coloured),
            sample().render(Look::PLAIN)
        );
    }

    #[test]
    fn a_hostile_cell_stays_one_line() {
        let mut table = Table::new([Column::text("A")]);
        table.row(["x\ny\u{1b}[2J".into()]);
        assert_eq!(table.render(Look::PLAIN).lines().count(), 2);
        assert!(!table.render(Look::PLAIN).contains('\u{1b}'));
    }
}
