//! Watches one run: its events become progress, lines of its log, and news on the bus.
//!
//! Events come from scanning itself and must not wait, so they are only noted here; a beat some times a second
//! writes and tells what was noted. What is told less often than it happens is never less true.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{RunLine, RunProgress};
use crate::contract::{LogLevel, StepStatus};
use crate::host::{Counts, Event, Events, LocationOutcome, LocationReport};
use crate::report::text::{count, duration};
use crate::report::words;
use crate::serve::bus::{Bus, Topic};
use crate::store::Store;

/// How often what was noted is written and told.
const BEAT: Duration = Duration::from_millis(250);
/// Lines between two beats; more are dropped and counted.
const LINES: usize = 1000;
/// Lines of one beat that are told on the bus; the log has them all.
const LINES_TOLD: usize = 50;
/// Longest subject and message, in bytes.
const TEXT: usize = 4096;
/// Locations that a progress names.
const DOING: usize = 32;

/// Watches one run.
pub(super) struct Watcher {
    run: i64,
    store: Arc<Store>,
    bus: Arc<Bus>,
    noted: Mutex<Noted>,
}

struct Noted {
    progress: RunProgress,
    doing: BTreeMap<String, String>,
    changed: bool,
    /// The scan, and whether the store knows it.
    scan: Option<i64>,
    scan_written: bool,
    lines: Vec<RunLine>,
    dropped: u64,
    next: u64,
}

impl Watcher {
    pub(super) fn new(run: i64, store: Arc<Store>, bus: Arc<Bus>) -> Arc<Self> {
        let next = store.last_task_line(run).unwrap_or(0).saturating_add(1);
        Arc::new(Self {
            run,
            store,
            bus,
            noted: Mutex::new(Noted {
                progress: RunProgress::default(),
                doing: BTreeMap::new(),
                changed: false,
                scan: None,
                scan_written: true,
                lines: Vec::new(),
                dropped: 0,
                next,
            }),
        })
    }

    /// How far it is.
    pub(super) fn progress(&self) -> RunProgress {
        let noted = self.noted();
        let mut progress = noted.progress.clone();
        progress.doing = noted
            .doing
            .iter()
            .take(DOING)
            .map(|(path, doing)| (path.clone(), doing.clone()))
            .collect();
        progress
    }

    /// The scan, once there is one.
    pub(super) fn scan(&self) -> Option<i64> {
        self.noted().scan
    }

    /// Says what is going on now.
    pub(super) fn phase(&self, phase: &str) {
        let mut noted = self.noted();
        if noted.progress.phase != phase {
            phase.clone_into(&mut noted.progress.phase);
            noted.changed = true;
        }
    }

    /// Adds a line to the log.
    pub(super) fn line(&self, level: LogLevel, subject: &str, message: &str) {
        self.noted().line(level, subject, message);
    }

    /// Writes and tells what was noted, until the run is over and everything is said.
    pub(super) async fn beat(&self, over: CancellationToken, tell: impl Fn() + Send) {
        loop {
            let last = over.is_cancelled();
            let (lines, changed) = self.take();
            self.write_scan().await;
            if !lines.is_empty() {
                self.write(lines).await;
            }
            if changed && !last {
                tell();
            }
            if last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                () = over.cancelled() => {}
            }
        }
    }

    /// The number of the scan is in the store as soon as there is one: after a crash the run still knows it.
    async fn write_scan(&self) {
        let scan = {
            let noted = self.noted();
            noted.scan.filter(|_| !noted.scan_written)
        };
        if let Some(scan) = scan {
            match self.store.set_task_scan(self.run, scan).await {
                Ok(()) => self.noted().scan_written = true,
                Err(error) => {
                    tracing::warn!(run = self.run, %error, "the scan of a run was not kept");
                }
            }
        }
    }

    async fn write(&self, lines: Vec<RunLine>) {
        let told = lines.len().saturating_sub(LINES_TOLD);
        if let Err(error) = self.store.add_task_lines(self.run, lines.clone()).await {
            tracing::warn!(run = self.run, %error, "lines of a run's log were not kept");
        }
        for line in lines.into_iter().skip(told) {
            let data = serde_json::to_value(&line).unwrap_or_default();
            self.bus.publish(Topic::RunLine, self.run.to_string(), data);
        }
    }

    fn take(&self) -> (Vec<RunLine>, bool) {
        let mut noted = self.noted();
        let dropped = std::mem::take(&mut noted.dropped);
        if dropped > 0 {
            let message = format!("{dropped} lines came too fast and were left out here.");
            let line = noted.numbered(LogLevel::Warn, "log", &message);
            noted.lines.push(line);
        }
        let lines = std::mem::take(&mut noted.lines);
        (lines, std::mem::take(&mut noted.changed))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn numbered(&mut self, level: LogLevel, subject: &str, message: &str) -> RunLine {
        let seq = self.next;
        self.next = self.next.saturating_add(1);
        RunLine {
            seq,
            at: crate::store::now(),
            level: words::log_level(level).to_owned(),
            subject: cut(subject),
            message: cut(message),
        }
    }

    fn line(&mut self, level: LogLevel, subject: &str, message: &str) {
        if self.lines.len() >= LINES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let line = self.numbered(level, subject, message);
        self.lines.push(line);
    }

    fn ended(&mut self, report: &LocationReport) {
        let progress = &mut self.progress;
        progress.done = progress.done.saturating_add(1);
        progress.counts = progress.counts.plus(&report.counts);
        self.doing.remove(&report.path);
        let (level, message) = match &report.outcome {
            LocationOutcome::Failed { message, hint, .. } => {
                (LogLevel::Error, format!("failed: {message} {hint}"))
            }
            outcome => {
                let Counts {
                    images,
                    packages,
                    findings,
                    ..
                } = report.counts;
                let level = match outcome {
                    LocationOutcome::Complete => LogLevel::Info,
                    _ => LogLevel::Warn,
                };
                let message = format!(
                    "{}: {}, {}, {}, {}",
                    words::outcome(outcome),
                    count(images, "image", "images"),
                    count(packages, "package", "packages"),
                    count(findings, "finding", "findings"),
                    duration(report.milliseconds)
                );
                (level, message)
            }
        };
        if level != LogLevel::Info {
            progress.troubled = progress.troubled.saturating_add(1);
        }
        self.line(level, &report.path, message.trim_end());
    }
}

impl Events for Watcher {
    fn event(&self, event: Event) {
        let mut noted = self.noted();
        noted.changed = true;
        match event {
            Event::Step(step) => {
                let level = match step.status {
                    StepStatus::Failed => LogLevel::Error,
                    StepStatus::Warning => LogLevel::Warn,
                    _ => LogLevel::Info,
                };
                noted.line(level, &step.id, &step.seen);
                noted.changed = false;
            }
            Event::Listed(so_far) => {
                let many = count(so_far as u64, "location", "locations");
                noted.progress.phase = format!("listing locations: {many} so far");
            }
            Event::ScanStarted {
                scan,
                ended,
                locations,
            } => {
                noted.scan = Some(scan);
                noted.scan_written = false;
                noted.progress.phase = "scanning".to_owned();
                noted.progress.done = ended;
                noted.progress.of = ended.saturating_add(locations);
                let mut message = format!(
                    "scan {scan}: {} to look at",
                    count(locations as u64, "location", "locations")
                );
                if ended > 0 {
                    message.push_str(&format!("; {ended} ended before it was interrupted"));
                }
                noted.line(LogLevel::Info, "scan", &message);
            }
            Event::LocationStarted { path, resumed } => {
                let doing = if resumed {
                    "going on where it was left"
                } else {
                    ""
                };
                noted.doing.insert(path, doing.to_owned());
            }
            Event::LocationProgress { path, progress } => {
                let mut doing = cut(&progress.doing);
                if progress.total > 0 {
                    doing = format!("{doing} ({} of {})", progress.done, progress.total)
                        .trim_start()
                        .to_owned();
                }
                noted.doing.insert(path, doing);
            }
            Event::LocationRetried {
                path,
                message,
                wait_ms,
            } => {
                let (waits, waited) = noted.progress.waits;
                noted.progress.waits = (waits.saturating_add(1), waited.saturating_add(wait_ms));
                let again = format!("{message} Tried again in {}.", duration(wait_ms));
                noted.line(LogLevel::Warn, &path, &again);
                noted
                    .doing
                    .insert(path, format!("waits {}", duration(wait_ms)));
            }
            Event::LocationEnded(report) => noted.ended(&report),
            Event::Matched { done, of } => {
                noted.progress.phase = format!("matching packages: {done} of {of}");
            }
            Event::Weighed { done, of } => {
                noted.progress.phase = format!("weighing issues: {done} of {of} locations");
            }
            Event::Log {
                subject,
                level,
                message,
            } => {
                noted.line(level, &subject, &message);
                noted.changed = false;
            }
        }
    }
}

/// A text that is not longer than a line may be.
fn cut(text: &str) -> String {
    if text.len() <= TEXT {
        return text.to_owned();
    }
    let end = (0..=TEXT)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}
