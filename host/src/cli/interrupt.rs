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
    // Listening begins here, and goes on between the two: a signal at any moment counts.
    let mut signals = Signals::listen();
    Watch(tokio::spawn(async move {
        signals.next().await;
        cancel.cancel();
        reporter.remark("Stopping: what was acknowledged is stored. Ctrl-C again stops at once.");
        signals.next().await;
        reporter.finish();
        std::process::exit(Exit::Interrupted.code().into());
    }))
}

/// Ctrl-C and SIGTERM.
#[cfg(unix)]
pub(super) struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        // One that can't be listened to keeps the system's own meaning: the end.
        Self(kinds.map(|kind| signal(kind).ok()))
    }

    pub(super) async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            () = one(interrupt) => {}
            () = one(terminate) => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> Self {
        Self
    }

    pub(super) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::ProgressChoice;
    use crate::cli::progress::reporter;
    use crate::cli::testing::Capture;
    use std::time::Duration;

    #[cfg(unix)]
    #[tokio::test]
    async fn the_first_signal_cancels_and_says_so() {
        let capture = Capture::new();
        let cancel = CancellationToken::new();
        let reporter = reporter(ProgressChoice::Plain, 0, &capture.output());
        let _watch = watch(cancel.clone(), reporter);
        // The handler has to stand before the signal comes; without it the test process would end.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &std::process::id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
        let stopped = tokio::time::timeout(Duration::from_secs(10), cancel.cancelled()).await;
        assert!(stopped.is_ok());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(capture.stderr().contains("Ctrl-C again stops at once"));
    }
}
