//! When to try again, and how long to wait before it.
use std::time::Duration;

/// How patient the client is.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Tries of one request that bring no progress before it fails.
    pub attempts: u32,
    /// The first wait; doubles with each try, with jitter.
    pub first_wait: Duration,
    /// The longest single wait. A server that asks for more gets `failure.rate-limited`, so that the host waits.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
        }
    }
}
