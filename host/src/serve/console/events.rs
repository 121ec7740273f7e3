//! `/events`: what changed, for the live parts of pages (`js/live.js`).
//!
//! Only that something changed is sent, never what: the page is asked for that, with the rights of whoever asks. A
//! stream ends after some minutes, so that a browser whose session is over does not listen for ever; the browser
//! comes back by itself, behind the last event it saw.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State as With};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use futures_util::Stream;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::serve::Server;
use crate::serve::auth::{Actor, Viewer};
use crate::serve::bus::{BusEvent, Listener, Topic};

/// A burst of events becomes one of each.
const BURST: Duration = Duration::from_millis(200);
/// Events of one burst.
const BURST_MOST: usize = 512;
/// A stream ends after it.
const LONGEST: Duration = Duration::from_secs(5 * 60);

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/events", get(events))
}

async fn events(
    Viewer(actor): Viewer,
    With(server): With<Arc<Server>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let query = query.unwrap_or_default();
    let asked = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = last.map(str::to_owned).or_else(|| asked("after"));
    let listening = Listening {
        listener: server.bus.listen(after.and_then(|id| id.parse().ok())),
        topics: asked("topics")
            .map(|topics| topics.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        actor,
        server,
        waiting: VecDeque::new(),
        until: Instant::now() + LONGEST,
    };
    let stream = futures_util::stream::unfold(listening, |mut listening| async move {
        let event = listening.next().await?;
        Some((Ok(event), listening))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}

struct Listening {
    listener: Listener,
    /// Topics that are wanted; empty takes all.
    topics: Vec<String>,
    actor: Actor,
    server: Arc<Server>,
    waiting: VecDeque<BusEvent>,
    until: Instant,
}

impl Listening {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let data = json!({ "topic": event.topic, "subject": event.subject });
                return Some(
                    Event::default()
                        .event("change")
                        .id(event.seq.to_string())
                        .data(data.to_string()),
                );
            }
            let server = self.server.clone();
            let first = tokio::select! {
                // Without this the daemon would wait for every open page before it ends.
                () = server.stopping.cancelled() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                event = self.listener.next() => event?,
            };
            self.take(first);
            let burst = Instant::now() + BURST;
            for _ in 0..BURST_MOST {
                match tokio::time::timeout_at(burst, self.listener.next()).await {
                    Ok(Some(event)) => self.take(event),
                    Ok(None) | Err(_) => break,
                }
            }
        }
    }

    /// Keeps an event; of several about the same, the last.
    fn take(&mut self, event: BusEvent) {
        if !self.may_see(&event) {
            return;
        }
        self.waiting
            .retain(|other| other.topic != event.topic || other.subject != event.subject);
        self.waiting.push_back(event);
    }

    fn may_see(&self, event: &BusEvent) -> bool {
        if event.topic == Topic::Missed {
            return true;
        }
        // An attempt is its owner's alone.
        if event.topic == Topic::Verify
            && self
                .server
                .attempts
                .get(&event.subject, self.actor.user)
                .is_none()
        {
            return false;
        }
        let word = serde_json::to_value(event.topic).ok();
        let word = word.as_ref().and_then(Value::as_str).unwrap_or_default();
        self.topics.is_empty() || self.topics.iter().any(|topic| topic == word)
    }
}
