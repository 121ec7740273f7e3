//! How much processor time a call takes.
//!
//! Counted is the time in which the call occupies a thread: from each poll of its future to the poll's end.
//! A call that waits for the network costs nothing, however long it waits. The epoch callback reads the same
//! meter from inside a poll, which is how a loop without end is found.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Not inside a poll.
const OUTSIDE: u64 = u64::MAX;

/// Adds up what one call spends.
#[derive(Debug)]
pub(crate) struct Meter {
    origin: Instant,
    spent: AtomicU64,
    entered: AtomicU64,
}

impl Meter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            spent: AtomicU64::new(0),
            entered: AtomicU64::new(OUTSIDE),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(OUTSIDE - 1)
    }

    /// What was spent so far, the running poll included.
    pub(crate) fn spent(&self) -> Duration {
        let running = match self.entered.load(Ordering::Relaxed) {
            OUTSIDE => 0,
            entered => self.now().saturating_sub(entered),
        };
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(running))
    }

    /// The future, metered.
    pub(crate) fn measure<F: Future>(self: &Arc<Self>, future: F) -> Measured<F> {
        Measured {
            future: Box::pin(future),
            meter: Arc::clone(self),
        }
    }
}

/// A future whose polls are measured.
pub(crate) struct Measured<F> {
    future: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let entered = self.meter.now();
        self.meter.entered.store(entered, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(context);
        let took = self.meter.now().saturating_sub(entered);
        self.meter.entered.store(OUTSIDE, Ordering::Relaxed);
        self.meter.spent.fetch_add(took, Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_is_free_and_working_is_not() {
        let meter = Meter::new();
        meter
            .measure(tokio::time::sleep(Duration::from_millis(80)))
            .await;
        assert!(
            meter.spent() < Duration::from_millis(40),
            "{:?}",
            meter.spent()
        );

        let inner = Arc::clone(&meter);
        let seen = meter
            .measure(async move {
                std::thread::sleep(Duration::from_millis(60));
                inner.spent()
            })
            .await;
        assert!(
            seen >= Duration::from_millis(60),
            "seen from inside: {seen:?}"
        );
        assert!(meter.spent() >= seen);
    }
}
