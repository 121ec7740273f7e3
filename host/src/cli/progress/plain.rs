//! One line for each thing that happens; for logs and pipelines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Reporter, ended, loudness};
use crate::cli::output::{Output, lock};
use crate::contract::LogLevel;
use crate::host::{Event, Events};
use crate::report::text::{count, duration, inert};
use crate::report::words;

/// Time between two lines that say how far one location is.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Plain {
    out: Arc<Output>,
    least: LogLevel,
    /// When each running location was last heard of on the screen.
    told: Mutex<HashMap<String, Instant>>,
}

impl Plain {
    pub(super) fn new(out: Arc<Output>, least: LogLevel) -> Self {
        Self {
            out,
            least,
            told: Mutex::default(),
        }
    }

    fn line(&self, text: &str) {
        self.out.note(&format!("{text}\n"));
    }

    /// Whether it is time for another line about this location.
    fn is_due(&self, path: &str) -> bool {
        let mut told = lock(&self.told);
        let now = Instant::now();
        match told.get_mut(path) {
            Some(last) if now.duration_since(*last) < PROGRESS_EVERY => false,
            Some(last) => {
                *last = now;
                true
            }
            None => false,
        }
    }
}

impl Events for Plain {
    fn event(&self, event: Event) {
        match event {
            // The command prints the ticks itself where they are what was asked for.
            Event::Step(step) => {
                self.line(&format!(
                    "verify {}: {}, {}",
                    inert(&step.id),
                    words::step_status(step.status),
                    inert(&step.seen)
                ));
            }
            Event::Listed(_) => {}
            Event::ScanStarted { locations, .. } => {
                self.line(&format!(
                    "scanning {}",
                    count(locations as u64, "location", "locations")
                ));
            }
            Event::LocationStarted { path, resumed } => {
                let word = if resumed { "resumed" } else { "started" };
                // Where it goes on is news; that it begins is for those who ask.
                if resumed || loudness(self.least) < loudness(LogLevel::Warn) {
                    self.line(&format!("{}: {word}", inert(&path)));
                }
                lock(&self.told).insert(path, Instant::now());
            }
            Event::LocationProgress { path, progress } => {
                if self.is_due(&path) {
                    let (done, total) = (progress.done, progress.total);
                    self.line(&format!(
                        "{}: {done} of {total}, {}",
                        inert(&path),
                        inert(&progress.doing)
                    ));
                }
            }
            Event::LocationRetried {
                path,
                message,
                wait_ms,
            } => {
                let wait = duration(wait_ms);
                self.line(&format!(
                    "{}: {}; again in {wait}",
                    inert(&path),
                    inert(&message)
                ));
            }
            Event::LocationEnded(report) => {
                lock(&self.told).remove(&report.path);
                self.line(&format!("{}: {}", inert(&report.path), ended(&report)));
            }
            // Quick, and told at the end.
            Event::Matched { .. } | Event::Weighed { .. } => {}
            Event::Log {
                subject,
                level,
                message,
            } => {
                if loudness(level) >= loudness(self.least) {
                    let level = words::log_level(level);
                    self.line(&format!("{level} {}: {}", inert(&subject), inert(&message)));
                }
            }
        }
    }
}

impl Reporter for Plain {
    fn remark(&self, text: &str) {
        self.line(text);
    }
}
