//! One JSON object a line: `{"schema_version", "kind", "seq", "ts", …}`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::{Value, json};

use super::Reporter;
use crate::cli::output::{Output, lock};
use crate::host::{Event, Events};
use crate::report::json::{line, location_report};
use crate::report::words;

pub(super) struct Json {
    out: Arc<Output>,
    seq: AtomicU64,
    /// Held from numbering to writing, so that lines come in the order of their numbers.
    order: Mutex<()>,
}

#[derive(Serialize)]
struct Line {
    seq: u64,
    ts: String,
    #[serde(flatten)]
    rest: Value,
}

impl Json {
    pub(super) fn new(out: Arc<Output>) -> Self {
        Self {
            out,
            seq: AtomicU64::new(0),
            order: Mutex::default(),
        }
    }

    fn line(&self, kind: &str, rest: Value) {
        let _order = lock(&self.order);
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let ts = format!("{:.3}", jiff::Timestamp::now());
        self.out.note(&line(kind, Line { seq, ts, rest }));
    }
}

impl Events for Json {
    fn event(&self, event: Event) {
        match event {
            Event::Step(step) => self.line(
                "step",
                json!({
                    "id": step.id,
                    "status": words::step_status(step.status),
                    "seen": step.seen,
                    "hint": step.hint,
                }),
            ),
            Event::Listed(locations) => self.line("listed", json!({ "locations": locations })),
            Event::ScanStarted { locations, .. } => {
                self.line("scan-started", json!({ "locations": locations }));
            }
            Event::LocationStarted { path, resumed } => {
                self.line(
                    "location-started",
                    json!({ "path": path, "resumed": resumed }),
                );
            }
            Event::LocationProgress { path, progress } => self.line(
                "location-progress",
                json!({
                    "path": path,
                    "done": progress.done,
                    "total": progress.total,
                    "doing": progress.doing,
                }),
            ),
            Event::LocationRetried {
                path,
                message,
                wait_ms,
            } => self.line(
                "location-retried",
                json!({ "path": path, "message": message, "wait_milliseconds": wait_ms }),
            ),
            Event::LocationEnded(report) => self.line("location-ended", location_report(&report)),
            Event::Matched { done, of } => {
                self.line("matched", json!({ "done": done, "of": of }));
            }
            Event::Weighed { done, of } => {
                self.line("weighed", json!({ "done": done, "of": of }));
            }
            Event::Log {
                subject,
                level,
                message,
            } => self.line(
                "log",
                json!({ "subject": subject, "level": words::log_level(level), "message": message }),
            ),
        }
    }
}

impl Reporter for Json {
    fn remark(&self, text: &str) {
        self.line("remark", json!({ "message": text }));
    }
}
