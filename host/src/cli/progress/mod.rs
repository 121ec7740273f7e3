//! What goes on, on stderr: bars for a person, plain lines for a log, JSON lines for a program, or nothing.

mod bars;
mod json;
mod plain;

use std::sync::Arc;

use super::args::ProgressChoice;
use super::output::Output;
use crate::contract::LogLevel;
use crate::host::{Event, Events, LocationOutcome, LocationReport};
use crate::report::text::{count, duration, inert};
use crate::report::words;

/// Takes events and shows them.
pub(crate) trait Reporter: Events {
    /// A sentence for people, between what else is shown.
    fn remark(&self, text: &str);
    /// Nothing more will come: leaves a clean screen.
    fn finish(&self) {}
}

/// The reporter that was chosen. `Auto` is decided before.
pub(crate) fn reporter(
    choice: ProgressChoice,
    verbose: u8,
    out: &Arc<Output>,
) -> Arc<dyn Reporter> {
    let least = match verbose {
        0 => LogLevel::Warn,
        1 => LogLevel::Info,
        _ => LogLevel::Debug,
    };
    match choice {
        ProgressChoice::Bars => Arc::new(bars::Bars::new(Arc::clone(out))),
        ProgressChoice::Json => Arc::new(json::Json::new(Arc::clone(out))),
        ProgressChoice::Auto | ProgressChoice::Plain => {
            Arc::new(plain::Plain::new(Arc::clone(out), least))
        }
        ProgressChoice::None => Arc::new(Nothing),
    }
}

/// Shows nothing.
struct Nothing;

impl Events for Nothing {
    fn event(&self, _: Event) {}
}

impl Reporter for Nothing {
    fn remark(&self, _: &str) {}
}

/// How loud a log line is, as a number that can be compared.
fn loudness(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 0,
        LogLevel::Info => 1,
        LogLevel::Warn => 2,
        LogLevel::Error => 3,
    }
}

/// `complete, 14 images, 1,204 packages, 37 findings, 2.1 s`.
fn ended(report: &LocationReport) -> String {
    let outcome = match &report.outcome {
        LocationOutcome::Failed { message, .. } => return format!("failed: {}", inert(message)),
        other => words::outcome(other),
    };
    let counts = &report.counts;
    format!(
        "{outcome}, {}, {}, {}, {}",
        count(counts.images, "image", "images"),
        count(counts.packages, "package", "packages"),
        count(counts.findings, "finding", "findings"),
        duration(report.milliseconds)
    )
}

#[cfg(test)]
mod tests;
