//! A connector as scanning needs it: four calls, set up for one connection.
//!
//! The sandbox is adapted to this in one file (`host/sandboxed.rs`); tests use a scripted one.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::contract::{Failure, LocationPage, ScanRequest, ScanSummary, Verification};
use crate::plugin::Outlet;

/// What a call sent and received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Bytes of bodies received.
    pub bytes_read: u64,
    /// What the egress policy refused, each with the line that would allow it.
    pub refused: Vec<String>,
}

impl Traffic {
    /// Adds another call's.
    pub fn add(&mut self, other: Traffic) {
        self.requests = self.requests.saturating_add(other.requests);
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
        for line in other.refused {
            if !self.refused.contains(&line) && self.refused.len() < REFUSALS {
                self.refused.push(line);
            }
        }
    }
}

/// Different refusals that are kept for one scan. They are lines to add to an allow list: more than that
/// nobody reads.
const REFUSALS: usize = 100;

/// A call that came back with a value.
#[derive(Clone, Debug)]
pub struct Ended<T> {
    /// What the connector answered.
    pub value: T,
    /// What it took.
    pub traffic: Traffic,
}

/// A call that did not.
#[derive(Clone, Debug)]
pub struct CallFailed {
    /// Why.
    pub fault: Fault,
    /// What it took.
    pub traffic: Traffic,
}

/// Why a call came back without a value.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connector answered a failure of the contract.
    Failure(Failure),
    /// The component trapped, panicked, or answered what the contract does not allow.
    Crash(String),
    /// A limit of the sandbox was reached: memory, time, emitted bytes.
    Limit(String),
    /// The call was cancelled.
    Cancelled,
    /// The host itself could not do it.
    Host(String),
}

/// A connector, set up for one connection. Every call runs in an instance of its own, so calls may run at
/// the same time.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Tries everything that a scan will need.
    async fn verify(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Ended<Verification>, CallFailed>;

    /// One page of the locations below `parent`.
    async fn list_locations(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<Ended<LocationPage>, CallFailed>;

    /// Scans one location.
    async fn scan(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed>;
}
