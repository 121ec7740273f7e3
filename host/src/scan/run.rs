//! Many locations at once: as many instances as jobs, each scanning one location after another.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::location::{LocationRun, Shared, scan_location};
use super::retry::{Policy, ScanStop};
use super::runner::Connector;
use crate::host::{Event, Events, LocationOutcome};
use crate::store::{ScanRow, Store};

/// Refused lines that a report keeps.
const REFUSALS: usize = 100;

/// A scan to run.
pub struct ScanJob {
    /// Where it is kept.
    pub store: Arc<Store>,
    /// What scans.
    pub connector: Arc<dyn Connector>,
    /// Row of the connection.
    pub connection: i64,
    /// The scan, with what is still to be done.
    pub scan: ScanRow,
    /// Instances at the same time; at least one.
    pub jobs: usize,
    /// How patient.
    pub policy: Policy,
    /// Who watches.
    pub events: Arc<dyn Events>,
    /// Ends it, with everything that was acknowledged kept.
    pub cancel: CancellationToken,
}

/// What became of it.
pub struct ScanRun {
    /// Why it ended before its end, when it did. What is unfinished is resumable.
    pub stop: Option<ScanStop>,
    /// What the egress policy refused.
    pub refused: Vec<String>,
}

/// Scans all targets. Returns when the last call has ended.
pub async fn run_scan(job: ScanJob) -> ScanRun {
    // Ours to end: a failure that concerns every location ends the others too.
    let cancel = job.cancel.child_token();
    let shared = Arc::new(Shared {
        store: job.store,
        connector: job.connector,
        events: job.events.clone(),
        policy: job.policy,
        connection: job.connection,
        scan: job.scan.id,
        cancel: cancel.clone(),
        flights: Arc::default(),
    });
    job.events.event(Event::ScanStarted {
        scan: job.scan.id,
        ended: job.scan.ended,
        locations: job.scan.targets.len(),
    });

    let mut waiting = VecDeque::from(job.scan.targets);
    let mut running = JoinSet::new();
    let mut run = ScanRun {
        stop: None,
        refused: Vec::new(),
    };
    loop {
        while running.len() < job.jobs.max(1) && !cancel.is_cancelled() {
            let Some(target) = waiting.pop_front() else {
                break;
            };
            running.spawn(scan_location(shared.clone(), target));
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let LocationRun { end, refused } = match ended {
            Ok(ended) => ended,
            // A panic of our own code: that is a fault of the host, said as one.
            Err(error) => LocationRun {
                end: Err(ScanStop::Host(format!(
                    "a scan of this host ended unexpectedly: {error}"
                ))),
                refused: Vec::new(),
            },
        };
        for line in refused {
            if !run.refused.contains(&line) && run.refused.len() < REFUSALS {
                run.refused.push(line);
            }
        }
        match end {
            Ok(report) => {
                debug_assert!(!matches!(report.outcome, LocationOutcome::Interrupted));
                job.events.event(Event::LocationEnded(report));
            }
            Err(stop) => {
                // The first reason is the cause; those after it are its consequences.
                let cause = match &run.stop {
                    None => true,
                    Some(ScanStop::Cancelled) => !matches!(stop, ScanStop::Cancelled),
                    Some(_) => false,
                };
                if cause {
                    run.stop = Some(stop);
                }
                cancel.cancel();
            }
        }
    }
    if run.stop.is_none() && job.cancel.is_cancelled() && !waiting.is_empty() {
        run.stop = Some(ScanStop::Cancelled);
    }
    run
}
