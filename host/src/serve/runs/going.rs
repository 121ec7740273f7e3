//! One run that goes on: how it is stopped, and what it does from its beginning to its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ox_advisory::import::{self, Ended, Step};
use tokio_util::sync::CancellationToken;

use super::ends::{self, End, Stop};
use super::watch::Watcher;
use super::{RunKind, RunState, Runs};
use crate::contract::LogLevel;
use crate::host::{Events, Gathered, HostError, ScanOptions, ScanReport};
use crate::report::text::count;
use crate::serve::bus::Topic;
use crate::store::{TaskOutcome, TaskRow};

/// How long a stopped scan may end by itself before it is dropped. Dropping loses nothing: what was acknowledged
/// is stored, and the rest is done by whoever goes on.
const GRACE: Duration = Duration::from_millis(900);

/// A run that goes on.
pub(super) struct Going {
    pub(super) kind: RunKind,
    pub(super) watcher: Arc<Watcher>,
    /// Cancelled when its end is in the store.
    pub(super) over: CancellationToken,
    cancel: CancellationToken,
    stop: Mutex<Option<Stop>>,
}

impl Going {
    pub(super) fn new(kind: RunKind, watcher: Arc<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            watcher,
            over: CancellationToken::new(),
            cancel: CancellationToken::new(),
            stop: Mutex::default(),
        })
    }

    /// Stops it. Who cancels wins over who pauses, and both over the end of the daemon.
    pub(super) fn stop(&self, stop: Stop) {
        let mut slot = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = |stop: &Stop| match stop {
            Stop::Drain => 0,
            Stop::Pause(_) => 1,
            Stop::Cancel(_) => 2,
            Stop::Gone => 3,
        };
        if slot
            .as_ref()
            .is_none_or(|known| weight(known) < weight(&stop))
        {
            *slot = Some(stop);
        }
        drop(slot);
        self.cancel.cancel();
    }

    fn stopped(&self) -> Option<Stop> {
        self.stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Runs {
    /// Does a run that has begun, and writes its end down.
    pub(super) async fn do_run(self: Arc<Self>, task: TaskRow, going: Arc<Going>) {
        let id = task.run.id;
        let connection = task.run.connection.clone().unwrap_or_default();
        tracing::info!(run = id, connection, kind = ?task.run.kind, "a run begins");
        let quiet = CancellationToken::new();
        let beating = {
            let (runs, watcher, quiet) = (self.clone(), going.watcher.clone(), quiet.clone());
            tokio::spawn(async move {
                let tell = || {
                    if let Ok(Some(task)) = runs.host.store().task(id) {
                        runs.tell(&runs.shown(task));
                    }
                };
                watcher.beat(quiet, tell).await;
            })
        };
        // In a task of its own: a panic of ours ends this run, with a sentence, and nothing else.
        let work = {
            let (runs, going, task) = (self.clone(), going.clone(), task.clone());
            tokio::spawn(async move {
                match task.run.kind {
                    RunKind::Scan => runs.scan(&task, &going).await,
                    RunKind::Advisories => runs.update(&going).await,
                }
            })
        };
        let (state, outcome) = match work.await {
            Ok(end) => end,
            Err(error) => {
                let error = anyhow::anyhow!(
                    "a run of this host ended unexpectedly: {error}; please report it"
                );
                ends::failed(&HostError::Other(error), going.watcher.progress())
            }
        };
        self.last_words(&going, state, &outcome);
        quiet.cancel();
        let _ = beating.await;
        self.write_end(id, state, outcome).await;
        tracing::info!(run = id, connection, ?state, "a run ends");
        self.all_going().remove(&id);
        going.over.cancel();
        self.wake.notify_one();
    }

    fn last_words(&self, going: &Going, state: RunState, outcome: &TaskOutcome) {
        let level = match state {
            RunState::Failed => LogLevel::Error,
            RunState::Partial => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        let message = match (&outcome.message, state) {
            (Some(message), _) => message.clone(),
            (None, RunState::Queued) => {
                "The daemon ends; the next one goes on from here.".to_owned()
            }
            (None, _) => "Everything was looked at.".to_owned(),
        };
        going.watcher.line(level, "end", &message);
    }

    async fn write_end(&self, id: i64, state: RunState, outcome: TaskOutcome) {
        let mut wait = Duration::from_millis(100);
        // A disk that is full for a moment must not make a run that ended look as if it ran.
        for _ in 0..5 {
            match self.host.store().end_task(id, state, outcome.clone()).await {
                Ok(Some(task)) => {
                    self.metrics.run_ended(task.run.kind, task.run.state);
                    return self.tell(&task.run);
                }
                // Its connection is gone, and the run with it.
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(run = id, %error, "the end of a run could not be written down");
                }
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    // ---- Scans -----------------------------------------------------------------------------------

    async fn scan(self: &Arc<Self>, task: &TaskRow, going: &Arc<Going>) -> End {
        if let Some(end) = self.ended_before(task, going) {
            return end;
        }
        going.watcher.phase("listing locations");
        let name = task.run.connection.clone().unwrap_or_default();
        let options = ScanOptions {
            locations: task.request.locations.clone(),
            // Once it has begun anew, a restart goes on with what was begun.
            fresh: task.request.fresh && task.run.scan.is_none(),
            resume: task.run.scan,
        };
        let events: Arc<dyn Events> = going.watcher.clone();
        let ended = {
            let scan = self.host.scan(&name, options, events, going.cancel.clone());
            let cut = async {
                going.cancel.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                biased;
                ended = scan => Some(ended),
                () = cut => None,
            }
        };
        match (ended, going.stopped()) {
            (Some(Ok(report)), stop) => {
                self.gathered(&report.queue);
                match stop {
                    Some(stop) if was_cut_short(&report) => {
                        let (_, outcome) = ends::scanned(&report, going.watcher.progress());
                        ends::stopped(&stop, outcome.progress)
                    }
                    _ => ends::scanned(&report, going.watcher.progress()),
                }
            }
            (_, Some(stop)) => {
                // It may have been cut before what it stored was gathered.
                self.gather_soon();
                ends::stopped(&stop, self.so_far(going))
            }
            (Some(Err(error)), None) => {
                self.gather_soon();
                ends::failed(&error, self.so_far(going))
            }
            (None, None) => ends::failed(
                &HostError::Other(anyhow::anyhow!("the scan was stopped, and nobody said why")),
                self.so_far(going),
            ),
        }
    }

    /// The end of a scan that ended when the process before this one was killed before it could say so.
    fn ended_before(&self, task: &TaskRow, going: &Going) -> Option<End> {
        let scan = task.run.scan?;
        let report = self.host.store().scan_report(scan).ok().flatten()?;
        report.ended_at.as_ref()?;
        self.gather_soon();
        let report = ScanReport {
            scan,
            connection: report.connection,
            started_at: report.started_at,
            milliseconds: 0,
            counts: ends::counts_of(&report.locations),
            locations: report.locations,
            refused: Vec::new(),
            complete: report.complete,
            queue: Gathered::default(),
        };
        Some(ends::scanned(&report, going.watcher.progress()))
    }

    /// How far a scan came that did not say so itself.
    fn so_far(&self, going: &Going) -> super::RunProgress {
        let mut progress = going.watcher.progress();
        progress.phase.clear();
        progress.doing.clear();
        let report = going
            .watcher
            .scan()
            .and_then(|scan| self.host.store().scan_report(scan).ok().flatten());
        if let Some(report) = report {
            progress.counts = ends::counts_of(&report.locations);
        }
        progress
    }

    // ---- Advisories ------------------------------------------------------------------------------

    async fn update(self: &Arc<Self>, going: &Arc<Going>) -> End {
        going.watcher.phase("downloading advisories");
        let options = match super::super::schedule::update_options(&self.host) {
            Ok(options) => options,
            Err(error) => return ends::failed(&error, going.watcher.progress()),
        };
        let cancel = import::Cancel::new();
        let work = {
            let (host, cancel) = (self.host.clone(), cancel.clone());
            let steps = Steps(going.watcher.clone());
            tokio::spawn(async move { host.update_advisories(&options, &steps, &cancel).await })
        };
        let ended = tokio::select! {
            biased;
            ended = work => Some(ended),
            // It ends at its next block; nobody has to wait for that.
            () = going.cancel.cancelled() => {
                cancel.cancel();
                None
            }
        };
        if let Some(stop) = going.stopped() {
            return ends::stopped(&stop, going.watcher.progress());
        }
        let report = match ended {
            Some(Ok(Ok(report))) => report,
            Some(Ok(Err(error))) => return ends::failed(&error, going.watcher.progress()),
            Some(Err(error)) => {
                return ends::failed(&HostError::Other(error.into()), going.watcher.progress());
            }
            None => return ends::stopped(&Stop::Drain, going.watcher.progress()),
        };
        self.bus.publish(
            Topic::Advisories,
            "",
            serde_json::to_value(&report).unwrap_or_default(),
        );
        going.watcher.phase("matching packages");
        let events: Arc<dyn Events> = going.watcher.clone();
        let gathered = tokio::select! {
            biased;
            gathered = self.host.gather(&events) => Some(gathered),
            () = going.cancel.cancelled() => None,
        };
        match gathered {
            Some(Ok(gathered)) => {
                self.gathered(&gathered);
                updated(&report, &gathered, going)
            }
            Some(Err(error)) => ends::failed(&error, going.watcher.progress()),
            None => {
                self.gather_soon();
                ends::stopped(
                    &going.stopped().unwrap_or(Stop::Drain),
                    going.watcher.progress(),
                )
            }
        }
    }

    /// Tells that the queue changed, when it did.
    pub(super) fn gathered(&self, gathered: &Gathered) {
        let totals = &gathered.issues;
        if totals.opened + totals.reopened + totals.changed + totals.resolved + totals.removed > 0 {
            let data = serde_json::to_value(gathered).unwrap_or_default();
            self.bus.publish(Topic::Queue, "", data);
        }
    }
}

/// True when a scan was stopped before everything was looked at.
fn was_cut_short(report: &ScanReport) -> bool {
    report
        .locations
        .iter()
        .any(|location| location.outcome == crate::host::LocationOutcome::Interrupted)
}

fn updated(report: &import::Report, gathered: &Gathered, going: &Going) -> End {
    let mut progress = going.watcher.progress();
    progress.phase.clear();
    progress.of = report.outcomes.len();
    progress.done = report.outcomes.len();
    let failed: Vec<String> = report
        .outcomes
        .iter()
        .filter_map(|outcome| match &outcome.result {
            Ended::Failed(why) => Some(format!("{}: {why}", outcome.source)),
            _ => None,
        })
        .collect();
    progress.troubled = failed.len();
    let issues = &gathered.issues;
    let queue = format!(
        "{} opened, {} changed, {} resolved.",
        count(issues.opened as u64, "issue", "issues"),
        issues.changed,
        issues.resolved
    );
    let (state, message) = match failed.first() {
        None if report.outcomes.is_empty() => (
            RunState::Complete,
            "There was nothing to bring up to date: no package of an image is of an ecosystem that is known.".to_owned(),
        ),
        None => (RunState::Complete, queue),
        Some(first) if failed.len() == report.outcomes.len() => (
            RunState::Failed,
            format!("No source could be brought up to date; what was known before counts. The first: {first}"),
        ),
        Some(first) => (
            RunState::Partial,
            format!(
                "{} could not be brought up to date and keep their old state. The first: {first} {queue}",
                count(failed.len() as u64, "source", "sources")
            ),
        ),
    };
    (
        state,
        TaskOutcome {
            progress,
            message: Some(message),
            ..TaskOutcome::default()
        },
    )
}

/// Steps of an update as lines of the run's log.
struct Steps(Arc<Watcher>);

impl import::Progress for Steps {
    fn report(&self, step: Step<'_>) {
        match step {
            Step::Downloading { source, bytes, .. } => {
                self.0
                    .phase(&format!("downloading {source}: {} MiB", bytes >> 20));
            }
            Step::Reading {
                source, records, ..
            } => {
                // Every thousand: a record is read in microseconds.
                self.0.phase(&format!(
                    "reading {source}: {} thousand records",
                    records / 1000
                ));
            }
            Step::Ended(outcome) => {
                let (level, message) = match &outcome.result {
                    Ended::Imported(counts) => {
                        (LogLevel::Info, format!("{} records", counts.records))
                    }
                    Ended::Unchanged => (LogLevel::Info, "unchanged".to_owned()),
                    Ended::Failed(why) => (LogLevel::Error, why.clone()),
                    Ended::Cancelled => {
                        (LogLevel::Warn, "stopped; it keeps its old state".to_owned())
                    }
                };
                self.0.line(level, &outcome.source, &message);
            }
        }
    }
}
