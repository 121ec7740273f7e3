//! A version of a connector that is loaded, with what is going on in it: calls, those who hold it, crashes.
//!
//! Whoever begins something with a version holds it to the end: a scan its [`Connected`], a call its
//! [`Call`]. So a swap changes what the next one begins with and nothing else, and a version is freed when
//! the last of its holders is gone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Account;
use crate::contract::{LocationPage, Profile, ScanRequest, ScanSummary, Verification};
use crate::egress::{Egress, EgressCounters};
use crate::plugin::{CallEnd, CallError, CallSetup, Limits, LoadedConnector, NoWay, Outlet, Ways};
use crate::scan::{CallFailed, Connector, Ended, Fault, Traffic};

/// Crashes are counted over that time.
const CRASH_WINDOW: Duration = Duration::from_secs(15 * 60);

/// So many crashes in the window make a version one that keeps crashing.
pub(super) const CRASHES: u64 = 5;

/// Crashes that are remembered; more than that says no more.
const CRASHES_KEPT: usize = 1000;

/// A loaded version of a connector.
pub(super) struct LiveVersion {
    connector: Arc<LoadedConnector>,
    /// Calls that are being made with it.
    calls: AtomicU64,
    /// Scans, listings and verifications that began with it and have not ended.
    holders: AtomicU64,
    /// Told when a call ends.
    ended: Notify,
    crashes: Mutex<VecDeque<Instant>>,
}

impl LiveVersion {
    pub(super) fn new(connector: Arc<LoadedConnector>) -> Arc<Self> {
        Arc::new(Self {
            connector,
            calls: AtomicU64::new(0),
            holders: AtomicU64::new(0),
            ended: Notify::new(),
            crashes: Mutex::default(),
        })
    }

    pub(super) fn connector(&self) -> &Arc<LoadedConnector> {
        &self.connector
    }

    pub(super) fn id(&self) -> &str {
        &self.connector.manifest().id
    }

    pub(super) fn digest(&self) -> &str {
        self.connector.digest()
    }

    /// Calls that are being made with it now.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire)
    }

    /// Scans and the like that go on with it.
    pub(super) fn holders(&self) -> u64 {
        self.holders.load(Ordering::Acquire)
    }

    /// Crashes of the last while.
    pub(super) fn crashes(&self) -> u64 {
        let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
        while crashes
            .front()
            .is_some_and(|at| at.elapsed() > CRASH_WINDOW)
        {
            crashes.pop_front();
        }
        crashes.len() as u64
    }

    fn crashed(&self) {
        let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
        if crashes.len() == CRASHES_KEPT {
            crashes.pop_front();
        }
        crashes.push_back(Instant::now());
    }

    /// Waits until no call is being made with it, and not longer than that. True when there is none.
    pub(super) async fn drained(&self, bound: Duration) -> bool {
        let idle = async {
            loop {
                // Asked for before the look, so that an end between the two is not missed.
                let ended = self.ended.notified();
                if self.calls() == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(bound, idle).await.is_ok()
    }

    fn call(self: &Arc<Self>) -> Call {
        self.calls.fetch_add(1, Ordering::AcqRel);
        Call(Arc::clone(self))
    }

    /// `configure` with this version, without a way out.
    pub(super) async fn configure(
        self: &Arc<Self>,
        account: &Account,
        limits: &Limits,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Profile, CallFailed> {
        let call = self.call();
        let setup = setup(account, Arc::new(NoWay), limits, outlet, cancel);
        let answer = self.connector.configure(setup).await;
        call.answered(answer).map_err(failed)
    }
}

/// One call, until this is dropped.
struct Call(Arc<LiveVersion>);

impl Call {
    /// Counts the answer, where it is a crash.
    fn answered<T>(&self, answer: Result<T, CallError>) -> Result<T, CallError> {
        if let Err(
            CallError::Crash { .. }
            | CallError::BadAnswer { .. }
            | CallError::Limit { .. }
            | CallError::Timeout { .. },
        ) = &answer
        {
            self.0.crashed();
        }
        answer
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

/// A connector in its sandbox, set up for one account, of the version that it was set up with.
pub(super) struct Connected {
    version: Arc<LiveVersion>,
    egress: Arc<Egress>,
    account: Account,
    limits: Limits,
}

impl Connected {
    pub(super) fn new(
        version: Arc<LiveVersion>,
        egress: Arc<Egress>,
        account: Account,
        limits: Limits,
    ) -> Self {
        version.holders.fetch_add(1, Ordering::AcqRel);
        Self {
            version,
            egress,
            account,
            limits,
        }
    }

    fn setup(&self, outlet: Arc<dyn Outlet>, cancel: CancellationToken) -> CallSetup {
        setup(
            &self.account,
            self.egress.clone(),
            &self.limits,
            outlet,
            cancel,
        )
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.version.holders.fetch_sub(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl Connector for Connected {
    async fn verify(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Ended<Verification>, CallFailed> {
        let call = self.version.call();
        let connector = &self.version.connector;
        ended(call.answered(connector.verify(self.setup(outlet, cancel)).await))
    }

    async fn list_locations(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<Ended<LocationPage>, CallFailed> {
        let call = self.version.call();
        let connector = &self.version.connector;
        let setup = self.setup(outlet, cancel);
        ended(call.answered(connector.list_locations(setup, parent, cursor).await))
    }

    async fn scan(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed> {
        let call = self.version.call();
        let connector = &self.version.connector;
        ended(call.answered(connector.scan(self.setup(outlet, cancel), request).await))
    }
}

fn setup(
    account: &Account,
    egress: Arc<dyn Ways>,
    limits: &Limits,
    outlet: Arc<dyn Outlet>,
    cancel: CancellationToken,
) -> CallSetup {
    CallSetup {
        settings: account.settings.clone(),
        secrets: account.secrets.clone(),
        egress,
        outlet,
        cancel,
        limits: limits.clone(),
    }
}

fn ended<T>(result: Result<CallEnd<T>, CallError>) -> Result<Ended<T>, CallFailed> {
    match result {
        Ok(end) => Ok(Ended {
            value: end.value,
            traffic: traffic(end.counters),
        }),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: CallError) -> CallFailed {
    let traffic = traffic(error.counters());
    let message = error.message();
    let fault = match error {
        CallError::Failure { failure, .. } => Fault::Failure(failure),
        CallError::Crash { .. } | CallError::BadAnswer { .. } => Fault::Crash(message),
        CallError::Limit { .. } | CallError::Timeout { .. } => Fault::Limit(message),
        CallError::Cancelled => Fault::Cancelled,
        // An origin that is not opened now is not opened for the next location either.
        CallError::Refused { .. } | CallError::Host(_) => Fault::Host(message),
    };
    CallFailed { fault, traffic }
}

fn traffic(counters: EgressCounters) -> Traffic {
    Traffic {
        requests: counters.requests,
        bytes_read: counters.bytes_received,
        refused: counters.refused,
    }
}
