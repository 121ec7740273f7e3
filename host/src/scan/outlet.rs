//! Where what a connector emits goes.
//!
//! [`StoreOutlet`] is that of one attempt at one location: it commits every batch before it answers, so
//! the connector's next step is taken only after this one is durable. [`EventOutlet`] is that of calls
//! that emit nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::flights::{Claim, Flights, PATIENCE};
use crate::contract::{LogLevel, Observation, Progress, Stop};
use crate::host::{Event, Events};
use crate::plugin::Outlet;
use crate::store::{Store, StoreError};
use crate::tally::tally;

/// The outlet of one attempt at one location.
pub struct StoreOutlet {
    pub(super) store: Arc<Store>,
    pub(super) events: Arc<dyn Events>,
    pub(super) cancel: CancellationToken,
    pub(super) connection: i64,
    pub(super) scan: i64,
    pub(super) location: i64,
    pub(super) path: String,
    pub(super) attempt: i64,
    pub(super) still_batches: u32,
    pub(super) state: Mutex<Gathered>,
    pub(super) flights: Arc<Flights>,
    /// Number of this attempt among those that share the flights.
    pub(super) call: u64,
}

/// What an attempt has stored so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// The cursor of the last batch that is durable.
    pub(super) cursor: Option<String>,
    /// Batches in a row that did not move it.
    pub(super) still: u32,
    /// Why a batch was refused, when one was.
    pub(super) refusal: Option<Refusal>,
}

/// Why the host would take no more.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The connector's fault: this location ends.
    Connector(String),
    /// The host's fault: everything ends.
    Host(String),
}

impl StoreOutlet {
    fn gathered<T>(&self, look: impl FnOnce(&mut Gathered) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The cursor of the last batch that is durable.
    pub(super) fn cursor(&self) -> Option<String> {
        self.gathered(|gathered| gathered.cursor.clone())
    }

    /// Why a batch was refused, when one was.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.gathered(|gathered| gathered.refusal.clone())
    }

    /// Waits while another call is making that value. `Err` when this one is to end.
    async fn wait_for(&self, key: &str) -> Result<(), ()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Claim::Wait(mut done) = self.flights.claim(self.call, key) {
            let ended = tokio::select! {
                // An error says that the other call is done with it.
                _ = done.changed() => Ok(true),
                () = self.cancel.cancelled() => Err(()),
                () = tokio::time::sleep_until(deadline) => Ok(false),
            };
            self.flights.awake(self.call);
            if !ended? {
                break;
            }
        }
        Ok(())
    }

    fn refuse(&self, refusal: Refusal, stop: Stop) -> Result<(), Stop> {
        self.gathered(|gathered| gathered.refusal.get_or_insert(refusal).clone());
        Err(stop)
    }
}

#[async_trait]
impl Outlet for StoreOutlet {
    async fn emit(&self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if self.refusal().is_some() {
            return Err(Stop::OverLimit);
        }
        let stuck = self.gathered(|gathered| {
            let moved = gathered.cursor.as_deref() != Some(cursor.as_str());
            gathered.still = if moved {
                0
            } else {
                gathered.still.saturating_add(1)
            };
            gathered.still >= self.still_batches
        });
        if stuck {
            let message = format!(
                "it sent {} batches without moving its cursor: it makes no progress",
                self.still_batches
            );
            return self.refuse(Refusal::Connector(message), Stop::OverLimit);
        }
        let committed = self
            .store
            .commit_batch(
                self.scan,
                self.location,
                self.attempt,
                observations,
                cursor.clone(),
            )
            .await;
        match committed {
            Ok(()) => {
                self.gathered(|gathered| gathered.cursor = Some(cursor));
                Ok(())
            }
            Err(error @ StoreError::Contract(_)) => {
                self.refuse(Refusal::Connector(error.to_string()), Stop::StoreFailed)
            }
            Err(StoreError::Superseded { .. }) => Err(Stop::Cancelled),
            Err(error) => self.refuse(Refusal::Host(error.to_string()), Stop::StoreFailed),
        }
    }

    fn progress(&self, progress: Progress) {
        if let Progress::Scan(progress) = progress {
            self.events.event(Event::LocationProgress {
                path: self.path.clone(),
                progress,
            });
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.events.event(Event::Log {
            subject: self.path.clone(),
            level,
            message: message.to_owned(),
        });
    }

    async fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        self.wait_for(key).await.ok()?;
        let (store, connection, wanted) = (self.store.clone(), self.connection, key.to_owned());
        let read = tokio::task::spawn_blocking(move || store.cache_get(connection, &wanted)).await;
        // A cache that can't answer has forgotten.
        let value = read.ok().and_then(Result::ok).flatten();
        if value.is_some() {
            tally().cache_hits.add(1);
            self.flights.done(self.call, key);
        } else {
            tally().cache_misses.add(1);
        }
        value
    }

    async fn cache_put(&self, key: &str, value: Vec<u8>) {
        if !value.is_empty() {
            let kept = self
                .store
                .cache_put(self.connection, key.to_owned(), value)
                .await;
            if let Err(error) = kept {
                tracing::debug!(location = %self.path, %error, "a blob was not kept");
            }
        }
        self.flights.done(self.call, key);
    }
}

impl Drop for StoreOutlet {
    fn drop(&mut self) {
        self.flights.end(self.call);
    }
}

/// The outlet of calls that emit nothing: their steps and log lines become events.
pub struct EventOutlet {
    subject: &'static str,
    events: Arc<dyn Events>,
    refused: AtomicBool,
}

impl EventOutlet {
    /// `subject` is the name of the call.
    pub fn new(subject: &'static str, events: Arc<dyn Events>) -> Self {
        Self {
            subject,
            events,
            refused: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Outlet for EventOutlet {
    async fn emit(&self, _: Vec<Observation>, _: String) -> Result<(), Stop> {
        if !self.refused.swap(true, Ordering::Relaxed) {
            let message = format!(
                "the connector emitted observations in {}; only scan may",
                self.subject
            );
            self.log(LogLevel::Warn, &message);
        }
        Err(Stop::OverLimit)
    }

    fn progress(&self, progress: Progress) {
        if let Progress::Step(step) = progress {
            self.events.event(Event::Step(step));
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.events.event(Event::Log {
            subject: self.subject.to_owned(),
            level,
            message: message.to_owned(),
        });
    }

    async fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn cache_put(&self, _: &str, _: Vec<u8>) {}
}
