//! The tables.

use std::io::{self, Write};
use std::time::Duration;

use ox_harness::measure::Measured;

/// One line: a program, or several runs of it one after the other.
pub(crate) struct Row {
    name: String,
    pub(crate) took: Measured,
    packages: Option<u64>,
    note: String,
}

impl Row {
    /// A run.
    pub(crate) fn new(name: &str, took: Measured) -> Self {
        Self {
            name: name.to_owned(),
            took,
            packages: None,
            note: String::new(),
        }
    }

    /// With what it found.
    pub(crate) fn packages(mut self, packages: u64) -> Self {
        self.packages = Some(packages);
        self
    }

    /// With some words at the end.
    pub(crate) fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }
}

/// Adds what another run took: times are summed, of memory the larger peak counts.
pub(crate) fn add(sum: &mut Measured, run: &Measured) {
    sum.wall += run.wall;
    sum.cpu += run.cpu;
    sum.peak = sum.peak.max(run.peak);
}

/// A table under its title. The first row is ours, and every other one says what share of it ours is.
pub(crate) fn write(out: &mut impl Write, title: &str, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "{title}")?;
    writeln!(
        out,
        "  {:<26} {:>8} {:>6} {:>8} {:>6} {:>10} {:>6} {:>9}",
        "", "time", "ours", "cpu", "ours", "memory", "ours", "packages"
    )?;
    let Some(first) = rows.first() else {
        return Ok(());
    };
    for row in rows {
        let share = |ours: f64, theirs: f64| format!("{:.2}", ours / theirs.max(f64::MIN_POSITIVE));
        let (ours, own) = (&first.took, &row.took);
        let line = format!(
            "  {:<26} {:>7.2}s {:>6} {:>7.2}s {:>6} {:>10} {:>6} {:>9}  {}",
            row.name,
            own.wall.as_secs_f64(),
            share(ours.wall.as_secs_f64(), own.wall.as_secs_f64()),
            own.cpu.as_secs_f64(),
            share(ours.cpu.as_secs_f64(), own.cpu.as_secs_f64()),
            megabytes(own.peak),
            share(ours.peak as f64, own.peak as f64),
            row.packages.map_or(String::new(), |n| n.to_string()),
            row.note
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)
}

/// `12.3 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// One step of several that are measured one after the other.
pub(crate) struct Step {
    name: &'static str,
    took: Duration,
    note: String,
}

impl Step {
    pub(crate) fn new(name: &'static str, took: Duration, note: String) -> Self {
        Self { name, took, note }
    }
}

/// The same steps of several runs: the best and the worst of each.
pub(crate) fn steps(out: &mut impl Write, title: &str, runs: &[Vec<Step>]) -> io::Result<()> {
    writeln!(out, "{title}")?;
    writeln!(out, "  {:<26} {:>10} {:>10}", "", "best", "worst")?;
    for (at, step) in runs
        .iter()
        .flat_map(|run| run.iter().enumerate())
        .take(runs.first().map_or(0, Vec::len))
    {
        let took = || runs.iter().filter_map(|run| Some(run.get(at)?.took));
        let line = format!(
            "  {:<26} {:>10} {:>10}  {}",
            step.name,
            milliseconds(took().min().unwrap_or_default()),
            milliseconds(took().max().unwrap_or_default()),
            step.note
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)
}

/// Questions that were each asked often: the median and the 95th of a hundred.
pub(crate) fn questions(
    out: &mut impl Write,
    title: &str,
    questions: &mut [(String, Vec<Duration>, String)],
) -> io::Result<()> {
    writeln!(out, "{title}")?;
    writeln!(out, "  {:<34} {:>10} {:>10}", "", "p50", "p95")?;
    for (name, took, note) in questions {
        took.sort();
        let percentile = |percent: usize| {
            let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
            milliseconds(took.get(at).copied().unwrap_or_default())
        };
        let line = format!(
            "  {name:<34} {:>10} {:>10}  {note}",
            percentile(50),
            percentile(95)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)
}

/// `12.3 ms`.
fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
