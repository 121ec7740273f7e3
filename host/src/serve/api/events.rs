//! What happens, as it happens: server-sent events.
//!
//! A listener that comes back says with `Last-Event-ID` what it saw last and goes on behind it. One that was away
//! for too long is told `missed`, and reads again what it shows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Query;
use super::{ApiError, ErrorCode};
use crate::serve::Server;
use crate::serve::auth::Viewer;
use crate::serve::bus::{BusEvent, Listener, Topic};

/// Streams at the same time.
const STREAMS: usize = 200;
/// How often something is sent where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

static PLACES: Semaphore = Semaphore::const_new(STREAMS);

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only these topics; all unless told otherwise. `missed` always comes.
    topic: Vec<Topic>,
    /// Only about this subject: number of a run, name of a connection, digest.
    subject: Option<String>,
    /// Go on behind this event. `Last-Event-ID` says the same, and counts more.
    after: Option<u64>,
}

struct Stream {
    listener: Listener,
    asked: EventQuery,
    server: Arc<Server>,
    _place: SemaphorePermit<'static>,
}

impl Stream {
    fn wants(&self, event: &BusEvent) -> bool {
        if event.topic == Topic::Missed {
            return true;
        }
        (self.asked.topic.is_empty() || self.asked.topic.contains(&event.topic))
            && self
                .asked
                .subject
                .as_ref()
                .is_none_or(|subject| *subject == event.subject)
    }

    async fn next(&mut self) -> Option<BusEvent> {
        loop {
            let event = tokio::select! {
                // Ends with the daemon, so that it does not wait for listeners.
                () = self.server.stopping.cancelled() => return None,
                event = self.listener.next() => event?,
            };
            if self.wants(&event) {
                return Some(event);
            }
        }
    }
}

fn sent(event: &BusEvent) -> Event {
    let topic = match event.topic {
        Topic::Run => "run",
        Topic::RunLine => "run-line",
        Topic::Verify => "verify",
        Topic::Queue => "queue",
        Topic::Connection => "connection",
        Topic::Plugin => "plugin",
        Topic::Advisories => "advisories",
        Topic::Missed => "missed",
    };
    Event::default()
        .id(event.seq.to_string())
        .event(topic)
        // Without line breaks: one line of data.
        .data(serde_json::to_string(event).unwrap_or_default())
}

/// Listen to what happens
///
/// Each event has its number as `id`, its topic as `event` and a `BusEvent` as `data`. A comment comes every 15
/// seconds. The stream ends when the daemon ends.
#[utoipa::path(get, path = "/events", tag = "events",
    params(EventQuery,
           ("Last-Event-ID" = Option<u64>, Header, description = "Number of the event that was seen last")),
    responses((status = 200, description = "Events, one after the other", content_type = "text/event-stream",
               body = BusEvent)))]
async fn stream_events(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = match headers.get("last-event-id") {
        None => asked.after,
        Some(value) => {
            let number = value
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok());
            Some(number.ok_or_else(|| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    "Last-Event-ID is no number of an event",
                )
                .field("Last-Event-ID")
            })?)
        }
    };
    let place = PLACES.try_acquire().map_err(|_| {
        let mut error = ApiError::new(
            ErrorCode::TooMany,
            format!("{STREAMS} programs and pages listen already"),
        );
        error.retry_after = Some(30);
        error
    })?;
    let stream = Stream {
        listener: server.bus.listen(after),
        asked,
        server,
        _place: place,
    };
    let events = futures_util::stream::unfold(stream, async |mut stream| {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(sent(&event)), stream))
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response())
}
