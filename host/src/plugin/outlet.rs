//! Where a call's observations, progress and log lines go, and where its cached blobs live.
//!
//! The sandbox knows nothing of stores or terminals: it hands everything to an [`Outlet`].

use async_trait::async_trait;

use crate::contract::{LogLevel, Observation, Progress, Stop};

/// The host's side of the contract's `sink`, `log` and `cache`.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Stores observations and cursor in one transaction; returns once both are durable.
    async fn emit(&self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop>;
    /// What the call has done so far.
    fn progress(&self, progress: Progress);
    /// One log line, already cut, cleaned and free of secrets.
    fn log(&self, level: LogLevel, message: &str);
    /// A blob that an earlier call kept.
    async fn cache_get(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps a blob; never fails.
    async fn cache_put(&self, key: &str, value: Vec<u8>);
}
