//! Runs: from the wish that something is scanned to its end.
//!
//! A run is a row of the store before anybody is told that it exists. One connection has at most one run that
//! is not over: who asks for another joins it. Connections take turns for the places there are.

mod types;

use std::sync::Arc;

pub use types::*;

use super::ServeOptions;
use super::bus::Bus;
use super::metrics::Metrics;
use crate::host::{Host, HostError};

/// What is running, and what waits.
pub struct Runs {
    _host: Arc<Host>,
}

impl Runs {
    pub(super) fn new(
        host: Arc<Host>,
        _bus: Arc<Bus>,
        _metrics: Arc<Metrics>,
        _options: &ServeOptions,
    ) -> Arc<Self> {
        Arc::new(Self { _host: host })
    }

    /// Asks for a run. Answers it, and true when it is one that was there already and was joined.
    pub async fn ask(&self, _request: RunRequest) -> Result<(Run, bool), HostError> {
        Err(not_yet())
    }

    /// Stops it where it is; what was stored stays, and the connection is free.
    pub async fn cancel(&self, _run: i64, _by: &str) -> Result<Run, HostError> {
        Err(not_yet())
    }

    /// Stops it where it is until it is resumed; the connection waits with it.
    pub async fn pause(&self, _run: i64, _by: &str) -> Result<Run, HostError> {
        Err(not_yet())
    }

    /// Lets a paused run go on.
    pub async fn resume(&self, _run: i64, _by: &str) -> Result<Run, HostError> {
        Err(not_yet())
    }

    /// Asks for a run of what failed or was left in a run that is over.
    pub async fn retry(&self, _run: i64, _by: &str) -> Result<(Run, bool), HostError> {
        Err(not_yet())
    }

    /// One run.
    pub fn run(&self, _run: i64) -> Result<RunDetail, HostError> {
        Err(not_yet())
    }

    /// Runs, the newest first; those before `before` where a page goes on.
    pub fn runs(
        &self,
        _filter: &RunFilter,
        _before: Option<i64>,
        _limit: usize,
    ) -> Result<Vec<Run>, HostError> {
        Ok(Vec::new())
    }

    /// Lines of a run's log after `after` (0 for all that are kept).
    pub fn lines(&self, _run: i64, _after: u64) -> Result<Vec<RunLine>, HostError> {
        Ok(Vec::new())
    }
}

fn not_yet() -> HostError {
    HostError::Other(anyhow::anyhow!("not built yet"))
}
