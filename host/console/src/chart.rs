//! The trend as an inline SVG: areas that lie on each other, one for each severity, and the same numbers as a
//! table. Colours come from the sheet by class; each area has a pattern of its own and its name at its end, so
//! that nothing is told by colour alone.

use crate::parts::Badge;
use crate::text;

/// Size of the drawing, in its own units.
pub const WIDTH: f64 = 720.0;
/// Height of the drawing.
pub const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 92.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// Days that are drawn; more are cut at their beginning.
const DAYS: usize = 366;
/// Distance between two names at the end of their areas.
const LINE: f64 = 13.0;

/// How the queue stood at the end of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// `2026-11-23`.
    pub day: String,
    /// Open issues by rank of their severity, from Info up.
    pub open: [u64; 6],
    /// Opened on that day.
    pub opened: u64,
    /// Closed on that day.
    pub closed: u64,
}

impl Day {
    /// All that were open.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.open.iter().sum()
    }
}

/// An area of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// Its severity.
    pub badge: Badge,
    /// Outline, for `d`.
    pub path: String,
    /// Upper edge, for `points`.
    pub edge: String,
    /// Where its name stands; `None` where there is nothing on the last day.
    pub label_y: Option<f64>,
    /// Number on the last day.
    pub last: u64,
}

impl Area {
    /// The name with its number.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.badge.label, text::count(self.last))
    }
}

/// A number or a date beside the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub at: f64,
    /// What.
    pub label: String,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The day.
    pub day: String,
    /// From Appoxalypse down.
    pub open: Vec<String>,
    /// The sum.
    pub total: String,
    /// Opened on that day.
    pub opened: String,
    /// Closed on that day.
    pub closed: String,
}

/// The drawing and its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows, in a sentence, with the first and the last number.
    pub summary: String,
    /// From the lowest up.
    pub areas: Vec<Area>,
    /// Numbers at the left.
    pub rows_at: Vec<Tick>,
    /// Dates below.
    pub days_at: Vec<Tick>,
    /// Severities, from Appoxalypse down, for the head of the table.
    pub heads: Vec<Badge>,
    /// The newest day first.
    pub rows: Vec<Row>,
    /// Left edge of the drawing.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

/// A step of the left scale: 1, 2 or 5 with noughts.
fn step(most: u64) -> u64 {
    let wanted = most.div_ceil(4).max(1);
    let mut unit = 1_u64;
    loop {
        for one in [1, 2, 5] {
            let step = unit.saturating_mul(one);
            if step >= wanted {
                return step;
            }
        }
        let next = unit.saturating_mul(10);
        if next == unit {
            return unit;
        }
        unit = next;
    }
}

impl Chart {
    /// From days, the oldest first. `None` where there are none.
    #[must_use]
    pub fn new(days: &[Day]) -> Option<Self> {
        let days = days.get(days.len().saturating_sub(DAYS)..)?;
        let (first, last) = (days.first()?, days.last()?);
        let most = days.iter().map(Day::total).max().unwrap_or(0);
        let step = step(most);
        let top = most.div_ceil(step).max(1).saturating_mul(step);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let x = |at: usize| {
            // One day is drawn as wide as the drawing.
            let of = days.len().saturating_sub(1).max(1);
            LEFT + (right - LEFT) * (at as f64) / (of as f64)
        };
        let y = |value: u64| bottom - (bottom - TOP) * (value as f64) / (top as f64);
        let point = |x: f64, y: f64| format!("{x:.1},{y:.1}");
        let mut below = vec![0_u64; days.len()];
        let mut areas = Vec::new();
        // The worst lies at the bottom: its changes are read without those of the others.
        for severity in ox_issue::Severity::ALL {
            let rank = usize::from(severity.rank());
            let of = |day: &Day| day.open.get(rank).copied().unwrap_or(0);
            if days.iter().all(|day| of(day) == 0) {
                continue;
            }
            let above: Vec<u64> = below
                .iter()
                .zip(days)
                .map(|(below, day)| below.saturating_add(of(day)))
                .collect();
            let line = |edge: &[u64]| -> Vec<String> {
                let mut points: Vec<String> = edge
                    .iter()
                    .enumerate()
                    .map(|(at, value)| point(x(at), y(*value)))
                    .collect();
                if let (1, Some(value)) = (edge.len(), edge.first()) {
                    points.push(point(right, y(*value)));
                }
                points
            };
            let upper = line(&above);
            let mut outline = upper.clone();
            outline.extend(line(&below).into_iter().rev());
            let now = of(last);
            let middle = match (above.last(), below.last()) {
                (Some(above), Some(below)) if now > 0 => Some((y(*above) + y(*below)) / 2.0 + 4.0),
                _ => None,
            };
            areas.push(Area {
                badge: Badge::of(severity),
                path: format!("M{}Z", outline.join("L")),
                edge: upper.join(" "),
                label_y: middle,
                last: now,
            });
            below = above;
        }
        spread(&mut areas, bottom);
        let rows_at = (0..=top / step)
            .map(|at| Tick {
                at: y(at * step),
                label: text::count(at * step),
            })
            .collect();
        let every = days.len().div_ceil(6).max(1);
        let days_at = days
            .iter()
            .enumerate()
            .filter(|(at, _)| at % every == 0)
            .map(|(at, day)| Tick {
                at: x(at),
                label: day.day.get(5..).unwrap_or_default().to_owned(),
            })
            .collect();
        Some(Self {
            summary: format!(
                "Open issues at the end of each day from {} ({}) to {} ({}).",
                text::plain(&first.day),
                text::count(first.total()),
                text::plain(&last.day),
                text::count(last.total())
            ),
            areas,
            rows_at,
            days_at,
            heads: ox_issue::Severity::ALL.map(Badge::of).to_vec(),
            rows: days.iter().rev().map(row).collect(),
            left: LEFT,
            right,
            bottom,
        })
    }
}

fn row(day: &Day) -> Row {
    Row {
        day: text::plain(&day.day),
        open: day.open.iter().rev().map(|one| text::count(*one)).collect(),
        total: text::count(day.total()),
        opened: text::count(day.opened),
        closed: text::count(day.closed),
    }
}

/// Moves names apart that would lie on each other: each at least a line above the one below it.
fn spread(areas: &mut [Area], bottom: f64) {
    let mut lowest = bottom + LINE;
    for y in areas.iter_mut().filter_map(|area| area.label_y.as_mut()) {
        if *y > lowest - LINE {
            *y = lowest - LINE;
        }
        lowest = *y;
    }
    // What was pushed out at the top comes down again.
    let mut highest = 0.0;
    for y in areas
        .iter_mut()
        .rev()
        .filter_map(|area| area.label_y.as_mut())
    {
        if *y < highest + LINE {
            *y = highest + LINE;
        }
        highest = *y;
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use proptest::prelude::*;

    use super::*;

    fn day(number: usize, open: [u64; 6]) -> Day {
        Day {
            day: format!("2026-11-{number:02}"),
            open,
            opened: 1,
            closed: 2,
        }
    }

    /// The value that a height of the drawing means.
    fn value(chart: &Chart, y: f64) -> f64 {
        let (zero, one) = (&chart.rows_at[0], chart.rows_at.last().unwrap());
        let most: f64 = one.label.replace('\u{202f}', "").parse().unwrap();
        (zero.at - y) / (zero.at - one.at) * most
    }

    #[test]
    fn what_is_drawn_is_what_the_table_says() {
        let days = [
            day(1, [5, 0, 7, 3, 1, 0]),
            day(2, [5, 2, 9, 4, 0, 1]),
            day(3, [0, 2, 9, 1, 2, 1]),
        ];
        let chart = Chart::new(&days).unwrap();
        for (at, given) in days.iter().enumerate() {
            let mut below = 0.0;
            let row = &chart.rows[days.len() - 1 - at];
            assert_eq!(row.day, given.day);
            for (place, head) in chart.heads.iter().enumerate() {
                let told: f64 = row.open[place].parse().unwrap();
                let Some(area) = chart.areas.iter().find(|area| area.badge == *head) else {
                    assert!(told == 0.0, "{} has no area", head.label);
                    continue;
                };
                let edge: Vec<f64> = area
                    .edge
                    .split(' ')
                    .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
                    .collect();
                let above = value(&chart, edge[at]);
                assert!(
                    (above - below - told).abs() < 0.1,
                    "{} {above} {below} {told}",
                    head.label
                );
                below = above;
            }
        }
    }

    #[test]
    fn one_day_is_as_wide_as_the_drawing_and_none_is_no_drawing() {
        assert_eq!(Chart::new(&[]), None);
        let chart = Chart::new(&[day(1, [0, 0, 0, 0, 3, 0])]).unwrap();
        let edge = &chart.areas[0].edge;
        assert!(
            edge.starts_with("44.0,") && edge.contains(" 628.0,"),
            "{edge}"
        );
    }

    proptest! {
        #[test]
        fn names_never_lie_on_each_other_and_nothing_leaves_the_drawing(
            all in proptest::collection::vec(proptest::array::uniform6(0_u64..1_000_000_000), 1..40)
        ) {
            let days: Vec<Day> = all.into_iter().enumerate().map(|(at, open)| day(at, open)).collect();
            let chart = Chart::new(&days).unwrap();
            let mut last = f64::INFINITY;
            for y in chart.areas.iter().filter_map(|area| area.label_y) {
                prop_assert!(last - y > LINE - 0.01, "{last} {y}");
                prop_assert!((0.0..=HEIGHT).contains(&y));
                last = y;
            }
            for area in &chart.areas {
                for point in area.edge.split(' ') {
                    let (x, y) = point.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    prop_assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y));
                }
            }
        }
    }
}
