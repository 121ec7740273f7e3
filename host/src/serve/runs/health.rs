//! How a connection fares: what its last runs say.
//!
//! Nothing of this is kept apart: it is read from the runs, so it is true after a restart, and a run that
//! succeeds ends it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RunFilter, RunKind, RunState, Runs};
use crate::host::{FailureClass, HostError};
use crate::store::TaskRow;

/// Runs that are looked at.
const LOOKED_AT: usize = 50;
/// Wait after the second crash in a row; doubled for each further one.
const BACKOFF: SignedDuration = SignedDuration::from_mins(15);
/// Longest wait.
const BACKOFF_MOST: SignedDuration = SignedDuration::from_hours(24);

/// How a connection fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionHealth {
    /// When the first of the runs that failed in a row ended; RFC 3339. `None` when the last one did not fail.
    pub failing_since: Option<String>,
    /// How many failed in a row.
    pub failures: u32,
    /// Before this time the schedule does not try again, because the connector crashes; RFC 3339. A person may.
    pub next_try: Option<String>,
    /// Why the last one failed; a sentence and what to do.
    pub why: Option<String>,
}

impl Runs {
    /// How a connection fares.
    pub fn health(&self, connection: &str) -> Result<ConnectionHealth, HostError> {
        let filter = RunFilter {
            connection: Some(connection.to_owned()),
            states: vec![RunState::Complete, RunState::Partial, RunState::Failed],
        };
        Ok(of_runs(&self.host.store().tasks(&filter, None, LOOKED_AT)?))
    }
}

/// What the newest runs that are over say, the newest first.
pub(super) fn of_runs(tasks: &[TaskRow]) -> ConnectionHealth {
    let failed: Vec<&TaskRow> = tasks
        .iter()
        .filter(|task| task.run.kind == RunKind::Scan)
        .take_while(|task| task.run.state == RunState::Failed)
        .collect();
    let (Some(newest), Some(oldest)) = (failed.first(), failed.last()) else {
        return ConnectionHealth::default();
    };
    let crashes = failed
        .iter()
        .take_while(|task| {
            task.outcome.as_ref().and_then(|outcome| outcome.class) == Some(FailureClass::Connector)
        })
        .count();
    let failures = u32::try_from(failed.len()).unwrap_or(u32::MAX);
    let next_try = backoff(crashes).and_then(|wait| {
        let ended: Timestamp = newest.run.ended_at.as_deref()?.parse().ok()?;
        Some(format!("{:.3}", ended.checked_add(wait).ok()?))
    });
    let mut why = newest.run.message.clone();
    if let (Some(why), Some(until)) = (&mut why, &next_try) {
        why.push_str(&format!(
            " The connector failed {crashes} times in a row, so the schedule waits until {until}; a scan that somebody \
             asks for is tried at once."
        ));
    }
    ConnectionHealth {
        failing_since: oldest.run.ended_at.clone(),
        failures,
        next_try,
        why,
    }
}

/// How long the schedule waits after so many crashes in a row.
pub(super) fn backoff(crashes: usize) -> Option<SignedDuration> {
    let doublings = u32::try_from(crashes).ok()?.checked_sub(2)?.min(16);
    let wait = BACKOFF.checked_mul(1 << doublings).unwrap_or(BACKOFF_MOST);
    Some(wait.min(BACKOFF_MOST))
}
