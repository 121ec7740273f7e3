//! One location: attempts until it ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::flights::Flights;
use super::gate::Gate;
use super::outlet::{Gathered, Refusal, StoreOutlet};
use super::retry::{Budget, Decision, Policy, ScanStop};
use super::runner::{CallFailed, Connector, Ended, Fault, Traffic};
use crate::contract::{Failure, LogLevel, ScanRequest, ScanSummary};
use crate::host::{Counts, Event, Events, FailureClass, LocationReport};
use crate::store::{FailureReason, LocationEnd, LocationState, ScanTarget, Store};
use crate::tally::tally;

/// What all locations of a run share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) events: Arc<dyn Events>,
    pub(super) policy: Policy,
    pub(super) connection: i64,
    pub(super) scan: i64,
    /// Closed while the address asks everybody to wait.
    pub(super) gate: Arc<Gate>,
    /// What calls are making for the cache.
    pub(super) flights: Arc<Flights>,
    /// Ends all calls of the run.
    pub(super) cancel: CancellationToken,
}

/// How a location's run ended.
pub(super) struct LocationRun {
    /// `Err` when everything has to end; the location is resumable then.
    pub(super) end: Result<LocationReport, ScanStop>,
    pub(super) refused: Vec<String>,
}

/// Scans one location to its end, over as many attempts as the retry table allows.
pub(super) async fn scan_location(shared: Arc<Shared>, target: ScanTarget) -> LocationRun {
    let mut refused = Vec::new();
    let end = attempts(&shared, &target, &mut refused).await;
    LocationRun { end, refused }
}

async fn attempts(
    shared: &Shared,
    target: &ScanTarget,
    refused: &mut Vec<String>,
) -> Result<LocationReport, ScanStop> {
    let store = &shared.store;
    let host = |error: crate::store::StoreError| ScanStop::Host(error.to_string());
    let mut budget = Budget::new(shared.policy);
    let mut first = true;
    loop {
        if let Some(wait) = shared.gate.closed_for() {
            shared.events.event(Event::Log {
                subject: target.path.clone(),
                level: LogLevel::Info,
                message: format!(
                    "the address asked for a pause; this location waits {} seconds with the others",
                    wait.as_secs().saturating_add(1)
                ),
            });
            shared.gate.pass(&shared.cancel).await?;
        }
        if shared.cancel.is_cancelled() {
            return Err(ScanStop::Cancelled);
        }
        let begun = Instant::now();
        let start = store
            .start_attempt(shared.scan, target.location)
            .await
            .map_err(host)?;
        if std::mem::take(&mut first) {
            let resumed = start.cursor.is_some();
            shared.events.event(Event::LocationStarted {
                path: target.path.clone(),
                resumed,
            });
        }
        let outlet = Arc::new(StoreOutlet {
            store: store.clone(),
            events: shared.events.clone(),
            cancel: shared.cancel.clone(),
            connection: shared.connection,
            scan: shared.scan,
            location: target.location,
            path: target.path.clone(),
            attempt: start.attempt,
            flights: shared.flights.clone(),
            call: shared.flights.call(),
            still_batches: shared.policy.still_batches,
            state: Mutex::new(Gathered {
                cursor: start.cursor.clone(),
                ..Gathered::default()
            }),
        });
        let request = ScanRequest {
            location: target.external_id.clone(),
            cursor: start.cursor,
        };
        let called = call(shared, outlet.clone(), request).await;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (result, traffic) = match called {
            Ok(Ended { value, traffic }) => (Ok(value), traffic),
            Err(CallFailed { fault, traffic }) => (Err(fault), traffic),
        };
        let counted = counts_of(&traffic);
        for line in traffic.refused {
            if !refused.contains(&line) {
                refused.push(line);
            }
        }
        let end = |end: LocationEnd| {
            store.end_location(
                shared.scan,
                target.location,
                start.attempt,
                end,
                counted,
                ms,
            )
        };

        let fault = match (outlet.refusal(), result) {
            (Some(Refusal::Host(message)), _) => Fault::Host(message),
            (Some(Refusal::Connector(message)), _) => {
                let hint = "Everything that was stored before is kept. Report it to the connector's author.";
                return end(failed(
                    FailureClass::Connector,
                    &format!("The connector's output was refused: {message}"),
                    hint,
                ))
                .await
                .map_err(host);
            }
            (None, Ok(summary)) => return end(ended(&summary)).await.map_err(host),
            (None, Err(fault)) => fault,
        };
        match budget.decide(&fault, outlet.cursor().as_deref()) {
            Decision::Stop(stop) => {
                // The attempt is over for the store too: a late batch of it is refused.
                let suspended = store
                    .suspend(shared.scan, target.location, start.attempt, counted, ms)
                    .await;
                return match (suspended, stop) {
                    // A `stopped` that nobody asked for is the connector's fault, and not the end of all.
                    (Ok(()), ScanStop::Cancelled) if !shared.cancel.is_cancelled() => {
                        let restarted = store
                            .start_attempt(shared.scan, target.location)
                            .await
                            .map_err(host)?;
                        let reason = failed(
                            FailureClass::Connector,
                            "The connector answered \"stopped\", and nobody had stopped it.",
                            "Report it to the connector's author.",
                        );
                        store
                            .end_location(
                                shared.scan,
                                target.location,
                                restarted.attempt,
                                reason,
                                Counts::default(),
                                0,
                            )
                            .await
                            .map_err(host)
                    }
                    (_, stop) => Err(stop),
                };
            }
            Decision::GiveUp {
                class,
                message,
                hint,
            } => {
                return end(failed(class, &message, &hint)).await.map_err(host);
            }
            Decision::Again { wait, message } => {
                if matches!(fault, Fault::Failure(Failure::RateLimited(_))) {
                    shared.gate.close_for(wait);
                }
                store
                    .suspend(shared.scan, target.location, start.attempt, counted, ms)
                    .await
                    .map_err(host)?;
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                shared.events.event(Event::LocationRetried {
                    path: target.path.clone(),
                    message,
                    wait_ms,
                });
                pause(wait, &shared.cancel).await?;
            }
        }
    }
}

/// Waits, unless cancelled first.
pub(super) async fn pause(wait: Duration, cancel: &CancellationToken) -> Result<(), ScanStop> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ScanStop::Cancelled),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

/// One call. A cancelled one that does not end by itself is dropped, instance and all.
async fn call(
    shared: &Shared,
    outlet: Arc<StoreOutlet>,
    request: ScanRequest,
) -> Result<Ended<ScanSummary>, CallFailed> {
    let _in_flight = tally().call();
    let mut call = shared
        .connector
        .scan(outlet, shared.cancel.clone(), request);
    let grace = async {
        shared.cancel.cancelled().await;
        tokio::time::sleep(shared.policy.grace).await;
    };
    tokio::select! {
        biased;
        ended = &mut call => ended,
        () = grace => Err(CallFailed { fault: Fault::Cancelled, traffic: Traffic::default() }),
    }
}

fn counts_of(traffic: &Traffic) -> Counts {
    Counts {
        requests: traffic.requests,
        bytes_read: traffic.bytes_read,
        ..Counts::default()
    }
}

fn failed(class: FailureClass, message: &str, hint: &str) -> LocationEnd {
    LocationEnd {
        state: LocationState::Failed,
        summary: Counts::default(),
        reason: Some(FailureReason {
            class,
            message: message.to_owned(),
            hint: hint.to_owned(),
        }),
    }
}

fn ended(summary: &ScanSummary) -> LocationEnd {
    LocationEnd {
        state: if summary.complete {
            LocationState::Complete
        } else {
            LocationState::Partial
        },
        summary: Counts {
            tags: summary.tags,
            images: summary.images,
            packages: summary.packages,
            findings: summary.findings,
            skipped: summary.skipped,
            layers_read: summary.layers_read,
            layers_reused: summary.layers_reused,
            requests: 0,
            bytes_read: 0,
        },
        reason: None,
    }
}
