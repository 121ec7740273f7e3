//! Bars for a person: one for the whole, one line for each location that is being scanned. They vanish at
//! the end; the summary says it all again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Reporter, loudness};
use crate::cli::output::{Output, lock};
use crate::contract::LogLevel;
use crate::host::{Event, Events, LocationOutcome};
use crate::report::text::{cut, duration, inert};

/// Locations whose lines are shown at once; the screen belongs to the person.
const MAX_LINES: usize = 12;

/// Columns of a location's path.
const PATH_COLUMNS: usize = 40;

pub(super) struct Bars {
    out: Arc<Output>,
    all: MultiProgress,
    total: ProgressBar,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    pub(super) fn new(out: Arc<Output>) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {msg}"));
        Self {
            out,
            all,
            total,
            running: Mutex::default(),
        }
    }

    /// A line that stays, above the bars.
    fn line(&self, text: &str) {
        self.all.suspend(|| self.out.note(&format!("{text}\n")));
    }
}

/// A style of our own templates; a broken template would show the default style.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
        .progress_chars("━━─")
}

impl Events for Bars {
    fn event(&self, event: Event) {
        let look = self.out.err_look;
        match event {
            Event::Step(step) => self.total.set_message(inert(&step.id)),
            Event::Listed(locations) => {
                self.total.enable_steady_tick(Duration::from_millis(120));
                self.total
                    .set_message(format!("listing locations: {locations}"));
            }
            Event::ScanStarted { locations, .. } => {
                self.total.disable_steady_tick();
                self.total.set_length(locations as u64);
                self.total.set_position(0);
                self.total.reset_elapsed();
                self.total
                    .set_style(style("{bar:32} {pos} of {len} locations  {elapsed}"));
                self.total.tick();
            }
            Event::LocationStarted { path, resumed } => {
                let mut running = lock(&self.running);
                if running.len() >= MAX_LINES {
                    return;
                }
                let bar = self
                    .all
                    .insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_style(style("{spinner} {prefix}  {wide_msg}"));
                bar.set_prefix(cut(&inert(&path), PATH_COLUMNS));
                bar.set_message(if resumed { "resumed" } else { "" });
                bar.enable_steady_tick(Duration::from_millis(120));
                running.insert(path, bar);
            }
            Event::LocationProgress { path, progress } => {
                if let Some(bar) = lock(&self.running).get(&path) {
                    let doing = inert(&progress.doing);
                    bar.set_message(format!("{}/{}  {doing}", progress.done, progress.total));
                }
            }
            Event::LocationRetried {
                path,
                message,
                wait_ms,
            } => {
                if let Some(bar) = lock(&self.running).get(&path) {
                    bar.set_message(format!(
                        "again in {}: {}",
                        duration(wait_ms),
                        inert(&message)
                    ));
                }
            }
            Event::LocationEnded(report) => {
                if let Some(bar) = lock(&self.running).remove(&report.path) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
                if let LocationOutcome::Failed { message, .. } = &report.outcome {
                    let (path, message) = (inert(&report.path), inert(message));
                    self.line(&format!("{} {path}: {message}", look.bad("✗")));
                }
                self.total.inc(1);
            }
            Event::Matched { done, of } => {
                self.total
                    .set_message(format!("matched {done} of {of} components"));
            }
            Event::Weighed { done, of } => {
                self.total
                    .set_message(format!("weighed {done} of {of} locations"));
            }
            Event::Log {
                subject,
                level,
                message,
            } => {
                if loudness(level) >= loudness(LogLevel::Warn) {
                    let (subject, message) = (inert(&subject), inert(&message));
                    self.line(&format!("{} {subject}: {message}", look.warn("!")));
                }
            }
        }
    }
}

impl Reporter for Bars {
    fn remark(&self, text: &str) {
        self.line(text);
    }

    fn finish(&self) {
        for (_, bar) in lock(&self.running).drain() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
        let _ = self.all.clear();
    }
}
