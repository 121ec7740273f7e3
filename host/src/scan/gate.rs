//! One address's patience is shared by all who ask it.
//!
//! Scans of different connections, and the locations of one scan, often ask the same server. When it tells one of
//! them to wait, the others would only find out by asking: so they wait too, before they begin anything new. What is
//! under way goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::location::pause;
use super::retry::ScanStop;

/// When an address may be asked again.
#[derive(Debug, Default)]
pub struct Gate {
    until: Mutex<Option<Instant>>,
}

impl Gate {
    /// Nobody begins anything at this address before so long has passed.
    pub fn close_for(&self, wait: Duration) {
        let mut until = held(&self.until);
        let this = Instant::now().checked_add(wait);
        *until = (*until).max(this);
    }

    /// How long it is closed.
    pub fn closed_for(&self) -> Option<Duration> {
        let until = (*held(&self.until))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Waits until it is open. Whoever is told to wait meanwhile makes everybody wait longer.
    pub(super) async fn pass(&self, cancel: &CancellationToken) -> Result<(), ScanStop> {
        while let Some(wait) = self.closed_for() {
            pause(wait, cancel).await?;
        }
        Ok(())
    }
}

/// The gates of a host, by origin. One that nobody uses is forgotten.
#[derive(Debug, Default)]
pub struct Gates(Mutex<HashMap<String, Weak<Gate>>>);

impl Gates {
    /// That of an origin.
    pub fn of(&self, origin: &str) -> Arc<Gate> {
        let mut gates = held(&self.0);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(origin).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::new(Gate::default());
        gates.insert(origin.to_owned(), Arc::downgrade(&gate));
        gate
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_waits_for_the_longest_wait_that_was_asked_for() {
        let gates = Gates::default();
        let gate = gates.of("https://gitlab.example.com");
        let same = gates.of("https://gitlab.example.com");
        let other = gates.of("https://gitlab.example.org");
        gate.close_for(Duration::from_millis(60));
        same.close_for(Duration::from_millis(5));
        assert_eq!(other.closed_for(), None);
        let begun = Instant::now();
        let cancel = CancellationToken::new();
        assert!(same.pass(&cancel).await.is_ok());
        assert!(begun.elapsed() >= Duration::from_millis(60));
        assert!(other.pass(&cancel).await.is_ok());
    }

    #[tokio::test]
    async fn who_is_cancelled_does_not_wait() {
        let gate = Gate::default();
        gate.close_for(Duration::from_secs(60));
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(matches!(gate.pass(&cancel).await, Err(ScanStop::Cancelled)));
    }
}
