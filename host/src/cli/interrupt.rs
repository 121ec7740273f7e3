//! Ctrl-C: once stops orderly - what is under way is stored or given up, and the cursor says where to go on
//! - and twice stops now. A request to terminate (SIGTERM) counts as the first.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::progress::Reporter;

/// Watches while it lives.
pub(crate) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Turns the first signal into a cancellation and the second one into the end.
pub(crate) fn watch(cancel: CancellationToken, reporter: Arc<dyn Reporter>) -> Watch {
    Watch(tokio::spawn(async move {
        signal().await;
        cancel.cancel();
        reporter.remark("Stopping: what was acknowledged is stored. Ctrl-C again stops at once.");
        signal().await;
        reporter.finish();
        std::process::exit(Exit::Interrupted.code().into());
    }))
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
