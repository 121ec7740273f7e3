//! Listening, readiness, and the end: a first signal drains, a second one ends at once.

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;

use super::Server;

/// Answers requests until the server is told to stop.
pub async fn serve(server: Arc<Server>, listener: TcpListener) -> anyhow::Result<()> {
    let stopping = server.stopping.clone();
    let router = server.router();
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopping.cancelled().await })
        .await
        .context("the server ended")
}
