//! Runs: from the wish that something is scanned to its end.
//!
//! A run is a row of the store before anybody is told that it exists. One connection has at most one run that
//! is not over: who asks for another joins it. Connections take turns for the places there are.
//!
//! What is due is read from the store ([`dispatch`]), at every wish and every few seconds, so nothing that matters
//! is in memory alone: a daemon that was killed finds what it had begun, and the same scan goes on. In memory is
//! only how what runs can be stopped ([`going`]) and how far it is ([`watch`]).

mod dispatch;
mod ends;
mod going;
mod health;
#[cfg(test)]
mod tests;
mod types;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use health::ConnectionHealth;
pub use types::*;

use super::ServeOptions;
use super::bus::{Bus, Topic};
use super::metrics::Metrics;
use crate::host::{Host, HostError, LocationOutcome, LocationReport};
use crate::scan::Patterns;
use crate::store::{NewTask, TaskRow};
use ends::Stop;
use going::Going;

/// How long whoever stops a run waits for its end; the end itself takes less.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
/// Locations that a retry names one by one; with more, it takes everything that was selected.
const RETRIED: usize = 2000;

/// What is running, and what waits.
pub struct Runs {
    host: Arc<Host>,
    bus: Arc<Bus>,
    metrics: Arc<Metrics>,
    places: usize,
    /// Something may be due.
    wake: Notify,
    /// Nothing is begun any more.
    closed: CancellationToken,
    /// What runs, by number.
    going: Mutex<HashMap<i64, Arc<Going>>>,
    /// The queue is to be brought up to what is stored.
    gather: AtomicBool,
}

/// What a run is not in a state for. The API answers 409.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Conflict(pub(crate) String);

impl Runs {
    pub(super) fn new(
        host: Arc<Host>,
        bus: Arc<Bus>,
        metrics: Arc<Metrics>,
        options: &ServeOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            bus,
            metrics,
            places: options.scans_at_once.max(1),
            wake: Notify::new(),
            closed: CancellationToken::new(),
            going: Mutex::default(),
            // At the start: the last process may have stored what it did not gather any more.
            gather: AtomicBool::new(true),
        })
    }

    /// Asks for a run. Answers it, and true when it is one that was there already and was joined.
    pub async fn ask(&self, request: RunRequest) -> Result<(Run, bool), HostError> {
        let connection = match (request.kind, &request.connection) {
            (RunKind::Advisories, _) => None,
            (RunKind::Scan, None) => {
                return Err(HostError::Settings(anyhow::anyhow!(
                    "a scan needs the name of a connection"
                )));
            }
            (RunKind::Scan, Some(name)) => Some(self.connection(name)?),
        };
        Patterns::new(&request.locations)
            .map_err(|why| HostError::Settings(anyhow::Error::msg(why)))?;
        let (task, joined) = self
            .host
            .store()
            .ask_task(NewTask {
                kind: request.kind,
                connection,
                cause: request.cause,
                by: request.by,
                locations: request.locations,
                fresh: request.fresh,
            })
            .await?;
        let run = self.shown(task);
        self.tell(&run);
        self.wake.notify_one();
        Ok((run, joined))
    }

    /// Stops it where it is; what was stored stays, and the connection is free.
    pub async fn cancel(&self, run: i64, by: &str) -> Result<Run, HostError> {
        let waiting = &[RunState::Queued, RunState::Paused];
        let message = format!("Cancelled by {by} before it went on.");
        self.stop(
            run,
            Stop::Cancel(by.to_owned()),
            waiting,
            RunState::Cancelled,
            message,
        )
        .await
    }

    /// Stops it where it is until it is resumed; the connection waits with it.
    pub async fn pause(&self, run: i64, by: &str) -> Result<Run, HostError> {
        let message = format!("Paused by {by}. It goes on when somebody resumes it.");
        self.stop(
            run,
            Stop::Pause(by.to_owned()),
            &[RunState::Queued],
            RunState::Paused,
            message,
        )
        .await
    }

    /// Lets a paused run go on.
    pub async fn resume(&self, run: i64, by: &str) -> Result<Run, HostError> {
        tracing::info!(run, by, "a run is resumed");
        let store = self.host.store();
        match store
            .move_task(run, &[RunState::Paused], RunState::Queued, None)
            .await?
        {
            Some(task) => {
                let run = self.shown(task);
                self.tell(&run);
                self.wake.notify_one();
                Ok(run)
            }
            None => {
                let task = self.task(run)?;
                // Asked twice, or by two: it goes on, as both want.
                if matches!(task.run.state, RunState::Queued | RunState::Running) {
                    return Ok(self.shown(task));
                }
                Err(conflict(format!(
                    "run {run} is over, so it can't go on; ask for a new one, or retry it"
                )))
            }
        }
    }

    /// Asks for a run of what failed or was left in a run that is over.
    pub async fn retry(&self, run: i64, by: &str) -> Result<(Run, bool), HostError> {
        let task = self.task(run)?;
        if !task.run.state.is_over() {
            return Err(conflict(format!(
                "run {run} is not over yet; wait for its end, or cancel it"
            )));
        }
        let mut locations = task.request.locations.clone();
        if task.run.kind == RunKind::Scan {
            let left: Vec<String> = self
                .report(&task)?
                .into_iter()
                .filter(|location| location.outcome != LocationOutcome::Complete)
                .map(|location| literal(&location.path))
                .collect();
            if left.is_empty() && task.run.state == RunState::Complete {
                return Err(conflict(format!(
                    "nothing of run {run} failed or was left; ask for a new one"
                )));
            }
            // One that ended before its scan began, or left very much, is asked for again as it was.
            if !left.is_empty() && left.len() <= RETRIED {
                locations = left;
            }
        }
        self.ask(RunRequest {
            kind: task.run.kind,
            connection: task.run.connection,
            locations,
            fresh: false,
            cause: Cause::Retry,
            by: by.to_owned(),
        })
        .await
    }

    /// One run.
    pub fn run(&self, run: i64) -> Result<RunDetail, HostError> {
        let task = self.task(run)?;
        let mut locations = self.report(&task)?;
        locations
            .sort_by(|one, other| (trouble(one), &one.path).cmp(&(trouble(other), &other.path)));
        let refused = task
            .outcome
            .as_ref()
            .map(|outcome| outcome.refused.clone())
            .unwrap_or_default();
        Ok(RunDetail {
            run: self.shown(task),
            locations,
            refused,
        })
    }

    /// Runs, the newest first; those before `before` where a page goes on.
    pub fn runs(
        &self,
        filter: &RunFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Run>, HostError> {
        let tasks = self.host.store().tasks(filter, before, limit)?;
        Ok(tasks.into_iter().map(|task| self.shown(task)).collect())
    }

    /// Lines of a run's log after `after` (0 for all that are kept).
    pub fn lines(&self, run: i64, after: u64) -> Result<Vec<RunLine>, HostError> {
        Ok(self.host.store().task_lines(run, after)?)
    }

    // ---- Inside ----------------------------------------------------------------------------------

    fn connection(&self, name: &str) -> Result<i64, HostError> {
        let record = self
            .host
            .store()
            .connection(name)?
            .ok_or_else(|| HostError::Unknown {
                what: "connection",
                name: name.to_owned(),
                list: "connections",
            })?;
        if record.ephemeral {
            return Err(HostError::Settings(anyhow::anyhow!(
                "{name:?} was a scan without a saved connection, and its token was not kept; connect the account first"
            )));
        }
        Ok(record.id)
    }

    fn task(&self, run: i64) -> Result<TaskRow, HostError> {
        self.host
            .store()
            .task(run)?
            .ok_or_else(|| HostError::Unknown {
                what: "run",
                name: run.to_string(),
                list: "runs",
            })
    }

    /// The locations of a run's scan, as the store has them.
    fn report(&self, task: &TaskRow) -> Result<Vec<LocationReport>, HostError> {
        let scan = task
            .run
            .scan
            .or_else(|| self.going(task.run.id)?.watcher.scan());
        let report = scan
            .map(|scan| self.host.store().scan_report(scan))
            .transpose()?
            .flatten();
        Ok(report.map(|report| report.locations).unwrap_or_default())
    }

    /// A run as everybody sees it: one that goes on with how far it is.
    fn shown(&self, task: TaskRow) -> Run {
        let mut run = task.run;
        if run.state == RunState::Running
            && let Some(going) = self.going(run.id)
        {
            run.progress = going.watcher.progress();
            run.scan = run.scan.or_else(|| going.watcher.scan());
        }
        run
    }

    async fn stop(
        &self,
        run: i64,
        stop: Stop,
        waiting: &'static [RunState],
        to: RunState,
        message: String,
    ) -> Result<Run, HostError> {
        let store = self.host.store();
        // Twice: it may begin, or end, between the look and the touch.
        for _ in 0..2 {
            if let Some(task) = store
                .move_task(run, waiting, to, Some(message.clone()))
                .await?
            {
                let run = self.shown(task);
                self.tell(&run);
                self.wake.notify_one();
                return Ok(run);
            }
            if let Some(going) = self.going(run) {
                going.stop(stop.clone());
                if tokio::time::timeout(STOPPED_WITHIN, going.over.cancelled())
                    .await
                    .is_err()
                {
                    tracing::warn!(run, "a run that was stopped is not over yet");
                }
                break;
            }
        }
        let task = self.task(run)?;
        if task.run.state == to || !task.run.state.is_over() {
            return Ok(self.shown(task));
        }
        Err(conflict(format!("run {run} was over already")))
    }

    fn tell(&self, run: &Run) {
        let data = serde_json::to_value(run).unwrap_or_default();
        self.bus.publish(Topic::Run, run.id.to_string(), data);
    }

    fn going(&self, run: i64) -> Option<Arc<Going>> {
        self.all_going().get(&run).cloned()
    }

    fn all_going(&self) -> MutexGuard<'_, HashMap<i64, Arc<Going>>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn conflict(message: String) -> HostError {
    HostError::Other(anyhow::Error::new(Conflict(message)))
}

/// The troubled ones first.
fn trouble(location: &LocationReport) -> u8 {
    match location.outcome {
        LocationOutcome::Failed { .. } => 0,
        LocationOutcome::Partial => 1,
        LocationOutcome::Interrupted => 2,
        LocationOutcome::Complete => 3,
    }
}

/// A pattern that means that path.
fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
