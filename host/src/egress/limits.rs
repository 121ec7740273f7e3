//! What a connector may ask for, and for how long the host waits.

use std::time::Duration;

/// Sizes, counts and times of the outbound side. Every one that is reached ends in an error that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressLimits {
    /// Bytes of one request body, collected before anything is sent. Default 1 MiB: connectors send queries,
    /// not content.
    pub request_body_bytes: usize,
    /// Bytes of request bodies that one call has collected and not yet sent. Default 16 MiB.
    pub request_bodies_bytes: usize,
    /// Bytes of one request's headers, and of its URL. Default 64 KiB.
    pub request_head_bytes: usize,
    /// Bytes of one response's head. Default 64 KiB.
    pub response_head_bytes: usize,
    /// Header fields of one response. Default 200.
    pub response_headers: usize,
    /// Bytes of one response body. Default 16 GiB: a layer of an image is often large.
    pub response_body_bytes: u64,
    /// Requests of one call that are in flight, until their bodies are read or dropped. Default 64.
    pub in_flight: usize,
    /// Requests of one call that may wait for a place in flight. Default 1024.
    pub queued: usize,
    /// How long one of them waits. Default 60 s.
    pub queue_wait: Duration,
    /// Requests of one call, redirects included. Default 1,000,000.
    pub requests: u64,
    /// Bytes of response bodies of one call. Default 4 TiB.
    pub call_bytes: u64,
    /// Open connections of one connection, idle ones included. Default 256.
    pub connections: usize,
    /// Idle connections kept for each origin. Default 32: a cap below the window of requests makes every
    /// burst dial anew.
    pub idle_per_origin: usize,
    /// How long an idle connection is kept. Default 60 s, below the 75 s of common servers.
    pub idle: Duration,
    /// Resolving, waiting for a connection permit, dialling and a proxy's answer together. Default 10 s.
    pub connect: Duration,
    /// The TLS handshake. Default 10 s.
    pub tls: Duration,
    /// From the request to the head of the answer; also collecting the request's body. Default 60 s.
    pub first_byte: Duration,
    /// Between two pieces of a body, while the connector waits for one. Default 30 s.
    pub between_bytes: Duration,
    /// The time over which `minimum_bytes` must come, counting only time spent waiting. Default 30 s.
    pub pace_window: Duration,
    /// Bytes that must come in each `pace_window`. Default 4 KiB: a server that drips is given up.
    pub minimum_bytes: u64,
    /// Redirects followed for one request. Default 5.
    pub redirects: usize,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            request_body_bytes: 1 << 20,
            request_bodies_bytes: 16 << 20,
            request_head_bytes: 64 << 10,
            response_head_bytes: 64 << 10,
            response_headers: 200,
            response_body_bytes: 16 << 30,
            in_flight: 64,
            queued: 1024,
            queue_wait: Duration::from_secs(60),
            requests: 1_000_000,
            call_bytes: 4 << 40,
            connections: 256,
            idle_per_origin: 32,
            idle: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
            pace_window: Duration::from_secs(30),
            minimum_bytes: 4 << 10,
            redirects: 5,
        }
    }
}

/// What a guest may shorten: `None` and zero mean the operator's value, and nothing exceeds it.
pub(super) fn clamp(asked: Option<Duration>, limit: Duration) -> Duration {
    match asked {
        Some(asked) if !asked.is_zero() => asked.min(limit),
        _ => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_can_shorten_a_timeout_and_never_lengthen_it() {
        let limit = Duration::from_secs(10);
        assert_eq!(clamp(None, limit), limit);
        assert_eq!(clamp(Some(Duration::ZERO), limit), limit);
        assert_eq!(clamp(Some(Duration::MAX), limit), limit);
        assert_eq!(
            clamp(Some(Duration::from_secs(1)), limit),
            Duration::from_secs(1)
        );
    }
}
