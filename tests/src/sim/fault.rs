//! Things that go wrong, told in advance: the n-th request that fits fails in a given way, so many times.

use super::http::{Incoming, Reply};
use super::world::World;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// REST.
    Api,
    /// GraphQL.
    GraphQl,
    /// `/jwt/auth`.
    Jwt,
    /// The registry.
    Registry,
    /// The storage behind the registry.
    Storage,
    /// GitLab's web pages: nothing of the API.
    Web,
}

/// Something that changes.
pub type Change = Arc<dyn Fn(&mut World) + Send + Sync>;

/// What goes wrong.
#[derive(Clone)]
pub enum Trouble {
    /// This is answered instead.
    Answer(Reply),
    /// The answer is right, but the connection ends after so many bytes of its body.
    Cut(usize),
    /// The connection ends without an answer.
    HangUp,
    /// The answer comes late.
    Late(Duration),
    /// Something changes first (a token is revoked, a tag is deleted); then the request is answered.
    Change(Change),
}

impl fmt::Debug for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(reply) => write!(out, "Answer({})", reply.status),
            Self::Cut(bytes) => write!(out, "Cut({bytes})"),
            Self::HangUp => out.write_str("HangUp"),
            Self::Late(time) => write!(out, "Late({time:?})"),
            Self::Change(_) => out.write_str("Change"),
        }
    }
}

impl Trouble {
    /// Something changes before the request is answered.
    pub fn change(change: impl Fn(&mut World) + Send + Sync + 'static) -> Self {
        Self::Change(Arc::new(change))
    }

    /// Rack::Attack's 429: plain text, with its headers.
    pub fn rack_attack(retry_after: u64) -> Self {
        Self::Answer(super::throttle::refusal(retry_after, 60, 61))
    }

    /// The application's own 429: JSON, and no headers.
    pub fn application_limit() -> Self {
        let text = "This endpoint has been requested too many times. Try again later.";
        Self::Answer(Reply::json(429, &json!({ "message": { "error": text } })))
    }

    /// The registry's 429: the seconds are a fraction.
    pub fn registry_limit(retry_after: f64) -> Self {
        let body = json!({ "errors": [{
            "code": "TOOMANYREQUESTS", "message": "too many requests",
            "detail": { "ip": "127.0.0.1", "limit": "ip", "retry_after": format!("{retry_after}s"),
                        "remaining": "0" },
        }]});
        Self::Answer(
            Reply::json(429, &body)
                .header("retry-after", format!("{retry_after:.6}"))
                .header("x-ratelimit-limit", "60")
                .header("x-ratelimit-remaining", "0")
                .header("ratelimit", "limit=60, remaining=0, reset=12")
                .header("ratelimit-policy", "60;w=60"),
        )
    }

    /// The ban of an address: plain text.
    pub fn ban() -> Self {
        Self::Answer(Reply::text(403, "Forbidden\n"))
    }

    /// A proxy's error page.
    pub fn gateway(status: u16) -> Self {
        let page = format!("<html><head><title>{status}</title></head><body>nginx</body></html>");
        Self::Answer(Reply::of(status, "text/html", page))
    }

    /// GraphQL's time-out.
    pub fn graphql_timeout() -> Self {
        let text =
            "Request timed out. Please try a less complex query or a smaller set of records.";
        Self::Answer(Reply::json(
            503,
            &json!({ "errors": [{ "message": text }] }),
        ))
    }
}

/// A fault: which requests, and what happens to them.
#[derive(Clone, Debug)]
pub struct Fault {
    place: Option<Place>,
    path: Option<String>,
    after: usize,
    times: usize,
    trouble: Trouble,
    seen: usize,
}

impl Fault {
    /// Happens to the first request anywhere, once.
    pub fn new(trouble: Trouble) -> Self {
        Self {
            place: None,
            path: None,
            after: 0,
            times: 1,
            trouble,
            seen: 0,
        }
    }

    /// Only at this place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Only where path and query contain this text.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Lets so many requests pass first.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.after = requests;
        self
    }

    /// Happens so many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Happens from now on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    fn fits(&self, place: Place, request: &Incoming) -> bool {
        self.place.is_none_or(|wanted| wanted == place)
            && self
                .path
                .as_ref()
                .is_none_or(|part| request.path.contains(part) || request.raw_query.contains(part))
    }
}

/// What the faults make of one request.
#[derive(Default)]
pub(crate) struct Effect {
    pub(crate) answer: Option<Reply>,
    cut: Option<usize>,
    hang_up: bool,
    late: Duration,
    pub(crate) changes: Vec<Change>,
}

impl Effect {
    pub(crate) fn finish(self, mut reply: Reply) -> Reply {
        reply.cut_after = self.cut.or(reply.cut_after);
        reply.hang_up |= self.hang_up;
        reply.delay += self.late;
        reply
    }
}

pub(crate) fn effect(faults: &mut [Fault], place: Place, request: &Incoming) -> Effect {
    let mut effect = Effect::default();
    for fault in faults.iter_mut().filter(|fault| fault.fits(place, request)) {
        fault.seen = fault.seen.saturating_add(1);
        let due = fault.seen > fault.after && fault.seen - fault.after <= fault.times;
        if !due {
            continue;
        }
        match &fault.trouble {
            Trouble::Answer(reply) => effect.answer = Some(reply.clone()),
            Trouble::Cut(bytes) => effect.cut = Some(*bytes),
            Trouble::HangUp => effect.hang_up = true,
            Trouble::Late(time) => effect.late += *time,
            Trouble::Change(change) => effect.changes.push(Arc::clone(change)),
        }
    }
    effect
}
