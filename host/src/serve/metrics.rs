//! The daemon's numbers for Prometheus, and whether it is alive and ready.
//!
//! Names begin with `oxhost_`, units are base units. No name of a repository, a person or a token is in them: labels
//! are words of ours, hosts that connectors asked (at most 200, the rest is `other`), and templates of routes.
//!
//! `/metrics` is answered to this machine. To others only with `--metrics-open`, or to whoever has an API token;
//! what comes through a proxy on this machine is from others. `/healthz` and `/readyz` are open: they say one word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Server;
use super::bus::Topic;
use super::runs::{RunKind, RunState};
use crate::host::HostError;
use crate::tally::tally;

/// How long a look whether the store can be written may take.
const READY_WITHIN: Duration = Duration::from_secs(2);

type Labels<const N: usize> = [(&'static str, String); N];
type Counted<const N: usize> = Family<Labels<N>, Counter>;
type Measured<const N: usize> = Family<Labels<N>, Gauge>;

/// What is counted.
pub struct Metrics {
    registry: Registry,
    runs_ended: Counted<2>,
    served: Counted<3>,
    swaps: Counted<1>,
    // Read from elsewhere when somebody looks.
    runs_open: Measured<1>,
    requests: Counted<2>,
    bytes: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    in_flight: Gauge,
    limits: Counted<1>,
    queue: Measured<1>,
    advisories_age: Measured<1>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("oxhost"),
            runs_ended: Family::default(),
            served: Family::default(),
            swaps: Family::default(),
            runs_open: Family::default(),
            requests: Family::default(),
            bytes: Counter::default(),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
            in_flight: Gauge::default(),
            limits: Family::default(),
            queue: Family::default(),
            advisories_age: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "runs_ended",
            "Runs that ended, by kind and outcome",
            self.runs_ended.clone(),
        );
        registry.register(
            "runs_open",
            "Runs that are not over, by state",
            self.runs_open.clone(),
        );
        registry.register(
            "http_requests",
            "Requests that were answered, by method, route and status",
            self.served.clone(),
        );
        registry.register(
            "connector_swaps",
            "Swaps of a connector's version, by outcome",
            self.swaps.clone(),
        );
        registry.register(
            "connector_requests",
            "Requests of connectors, by host and class of status; none: not answered",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "connector_received",
            "Bodies that connectors received",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register(
            "cache_hits",
            "Values that a connector asked the cache for and got",
            self.cache_hits.clone(),
        );
        registry.register(
            "cache_misses",
            "Values that a connector asked the cache for in vain",
            self.cache_misses.clone(),
        );
        registry.register(
            "connector_calls",
            "Instances of connectors that scan now",
            self.in_flight.clone(),
        );
        registry.register(
            "connector_limits_reached",
            "Limits of the sandbox that were reached, by name",
            self.limits.clone(),
        );
        registry.register(
            "queue_issues",
            "Open issues that are not excluded, by severity",
            self.queue.clone(),
        );
        registry.register_with_unit(
            "advisories_age",
            "Time since a source of advisories was last looked at, by source",
            Unit::Seconds,
            self.advisories_age.clone(),
        );
    }

    /// A run ended.
    pub(crate) fn run_ended(&self, kind: RunKind, state: RunState) {
        if state.is_over() {
            let labels = [("kind", word(&kind)), ("outcome", word(&state))];
            self.runs_ended.get_or_create(&labels).inc();
        }
    }

    /// A swap of a connector's version ended: `swapped` or `refused`.
    pub(crate) fn swap_ended(&self, outcome: &'static str) {
        self.swaps
            .get_or_create(&[("outcome", outcome.to_owned())])
            .inc();
    }

    fn answered(&self, method: &Method, route: &str, status: StatusCode) {
        // Methods can be made up; there are few that anybody answers.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        self.served.get_or_create(&labels).inc();
    }

    /// Brings what is kept elsewhere up to date.
    fn look(&self, server: &Server) -> Result<(), HostError> {
        let store = server.host.store();
        let states = [RunState::Queued, RunState::Running, RunState::Paused];
        let open = store.task_counts()?;
        for state in states {
            let many = open
                .iter()
                .filter(|(known, _)| *known == state)
                .map(|(_, many)| *many)
                .sum();
            self.runs_open
                .get_or_create(&[("state", word(&state))])
                .set(signed(many));
        }
        for (severity, size) in store.queue_sizes()? {
            let labels = [("severity", severity.word().to_lowercase())];
            self.queue.get_or_create(&labels).set(signed(size));
        }
        let tally = tally();
        for (host, class, many) in tally.requests() {
            let labels = [("host", host), ("status", class.to_owned())];
            set(&self.requests.get_or_create(&labels), many);
        }
        for (limit, many) in tally.limits() {
            set(
                &self.limits.get_or_create(&[("limit", limit.to_owned())]),
                many,
            );
        }
        set(&self.bytes, tally.bytes.get());
        set(&self.cache_hits, tally.cache_hits.get());
        set(&self.cache_misses, tally.cache_misses.get());
        self.in_flight.set(tally.in_flight());
        self.look_at_advisories(server)
    }

    fn look_at_advisories(&self, server: &Server) -> Result<(), HostError> {
        let status = server
            .host
            .advisories()?
            .status()
            .map_err(anyhow::Error::from)?;
        let now = jiff::Timestamp::now();
        let set = |source: &str, checked_at: &str| {
            if let Ok(at) = checked_at.parse::<jiff::Timestamp>() {
                let labels = [("source", source.to_owned())];
                self.advisories_age
                    .get_or_create(&labels)
                    .set(now.duration_since(at).as_secs().max(0));
            }
        };
        // Ecosystems only: loose records have the name of a file.
        for source in status
            .sources
            .iter()
            .filter(|source| source.ecosystem.is_some())
        {
            set(&source.name, &source.checked_at);
        }
        if let Some(kev) = &status.kev {
            set("KEV", &kev.checked_at);
        }
        if let Some(epss) = &status.epss {
            set("EPSS", &epss.checked_at);
        }
        Ok(())
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Sets a counter to what was counted elsewhere.
fn set(counter: &Counter<u64, AtomicU64>, value: u64) {
    counter
        .inner()
        .store(value, std::sync::atomic::Ordering::Relaxed);
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The word of an enumeration as the API has it.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// `/healthz`, `/readyz` and `/metrics`: open, and without any data of the store.
pub(super) fn probes() -> Router<Arc<Server>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Counts what is answered, by the template of its route: what people type is in no label.
pub(super) async fn count(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    server.metrics.answered(&method, route, response.status());
    response
}

/// Counts what is told on the bus, until the daemon ends.
pub(super) async fn follow(server: Arc<Server>) {
    let mut news = server.bus.listen(None);
    loop {
        let event = tokio::select! {
            event = news.next() => event,
            () = server.stopping.cancelled() => None,
        };
        let Some(event) = event else { return };
        if event.topic == Topic::Plugin
            && let Some(outcome) = outcome_of_swap(&event.data)
        {
            server.metrics.swap_ended(outcome);
        }
    }
}

/// What became of a version that was installed or made active; `None` where nothing ended.
fn outcome_of_swap(data: &serde_json::Value) -> Option<&'static str> {
    let version = data.get("version")?;
    match version.pointer("/report/refused") {
        Some(serde_json::Value::String(_)) => Some("refused"),
        _ => Some("swapped"),
    }
}

async fn ready(State(server): State<Arc<Server>>) -> Response {
    let unready = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if server.stopping.is_cancelled() {
        return unready("stopping\n");
    }
    match tokio::time::timeout(READY_WITHIN, server.host.store().can_write()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::error!("the store can't be written: {error}");
            unready("the store can't be written; the log says why\n")
        }
        Err(_) => unready("the store is busy\n"),
    }
}

async fn metrics(
    State(server): State<Arc<Server>>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let known = match bearer {
        Some(token) => server
            .accounts
            .of_token(token)
            .await
            .ok()
            .flatten()
            .is_some(),
        None => false,
    };
    let here = peer
        .is_some_and(|axum::Extension(ConnectInfo(peer))| peer.ip().to_canonical().is_loopback())
        && !headers.contains_key(header::FORWARDED)
        && !headers.contains_key("x-forwarded-for");
    if !here && !known && !server.options.metrics_open {
        let why = "metrics are for this machine: send an API token (Authorization: Bearer oxh_…), or start with \
                   --metrics-open to answer everybody who reaches the port\n";
        return (StatusCode::UNAUTHORIZED, why).into_response();
    }
    if let Err(error) = server.metrics.look(&server) {
        // What was counted in memory is true all the same.
        tracing::error!("some metrics could not be read: {error}");
    }
    match server.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn numbers_have_our_prefix_their_unit_and_help() {
        let metrics = Metrics::default();
        metrics.run_ended(RunKind::Scan, RunState::Partial);
        metrics.run_ended(RunKind::Scan, RunState::Paused);
        metrics.answered(
            &Method::from_bytes(b"BREW").unwrap(),
            "/api/v1/runs/{id}",
            StatusCode::OK,
        );
        metrics.swap_ended("refused");
        let text = metrics.text().unwrap();
        for line in [
            "oxhost_runs_ended_total{kind=\"scan\",outcome=\"partial\"} 1",
            "oxhost_http_requests_total{method=\"other\",route=\"/api/v1/runs/{id}\",status=\"200\"} 1",
            "oxhost_connector_swaps_total{outcome=\"refused\"} 1",
            "oxhost_connector_received_bytes_total 0",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|known| known == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(!text.contains("paused"), "a pause is no end");
        let named = text
            .lines()
            .filter(|line| line.starts_with("# TYPE"))
            .count();
        assert_eq!(
            named,
            text.lines()
                .filter(|line| line.starts_with("# HELP"))
                .count()
        );
    }
}
