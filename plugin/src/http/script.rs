//! A scripted transport for tests: what to answer, and what was asked.
//!
//! ```text
//! let script = Script::new()
//!     .on(Get, "https://gitlab.example/api/v4/user", Reply::json(200, r#"{"id":1}"#))
//!     .on(Get, "https://gitlab.example/api/v4/groups", Reply::status(503))   // first
//!     .on(Get, "https://gitlab.example/api/v4/groups", Reply::json(200, "[]")); // then, for ever
//! let client = script.client();
//! ```
//!
//! Replies to one method and address are given in the order written; the last one is given again and
//! again. A request that nothing was written for fails the test, unless [`Script::otherwise`] answers it.
//! The clock is virtual: `sleep` and [`Reply::delay`] move it, nothing waits. Random numbers repeat.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    Client, Headers, Method, Pending, Request, Response, RetryPolicy, Transport, TransportError,
    TroubleKind,
};

/// The wall clock when a script begins: 2026-11-22T14:08:00Z.
pub const START: u64 = 1_795_356_480;

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    drop_after: Option<usize>,
    trouble: Option<TroubleKind>,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self::bytes(status, Vec::new())
    }

    /// An answer with any body, without a content type.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            drop_after: None,
            trouble: None,
        }
    }

    /// An answer of JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, body.into()).with("content-type", "application/json")
    }

    /// An answer of plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, body.into()).with("content-type", "text/plain")
    }

    /// No answer, but trouble.
    pub fn trouble(kind: TroubleKind) -> Self {
        Self {
            trouble: Some(kind),
            ..Self::status(0)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The connection breaks after that many bytes of the body.
    #[must_use]
    pub fn drop_after(mut self, bytes: usize) -> Self {
        self.drop_after = Some(bytes);
        self
    }

    /// The head of the answer comes that long after the request, by the virtual clock.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Fallback = Box<dyn Fn(&Request) -> Reply>;

#[derive(Default)]
struct State {
    table: RefCell<HashMap<(&'static str, String), VecDeque<Reply>>>,
    otherwise: RefCell<Option<Fallback>>,
    requests: RefCell<Vec<Request>>,
    sleeps: RefCell<Vec<Duration>>,
    clock: Cell<Duration>,
    random: Cell<u64>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
}

/// A transport that answers what the test wrote. Clones share everything.
#[derive(Clone, Default)]
pub struct Script {
    state: Rc<State>,
}

impl Script {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer to a method and an exact address.
    #[must_use]
    pub fn on(self, method: Method, url: impl Into<String>, reply: Reply) -> Self {
        self.state
            .table
            .borrow_mut()
            .entry((word(method), url.into()))
            .or_default()
            .push_back(reply);
        self
    }

    /// Answers every request that nothing else was written for.
    #[must_use]
    pub fn otherwise(self, answer: impl Fn(&Request) -> Reply + 'static) -> Self {
        *self.state.otherwise.borrow_mut() = Some(Box::new(answer));
        self
    }

    /// A client over this script, with the usual patience.
    pub fn client(&self) -> Client<'_> {
        Client::new(self, RetryPolicy::default())
    }

    /// Every request so far, in the order they were started.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.borrow().clone()
    }

    /// `GET https://…` for every request so far, in the order they were started.
    pub fn lines(&self) -> Vec<String> {
        self.state
            .requests
            .borrow()
            .iter()
            .map(|r| format!("{} {}", word(r.method), r.url))
            .collect()
    }

    /// How often this address was asked for, by any method.
    pub fn count(&self, url: &str) -> usize {
        self.state
            .requests
            .borrow()
            .iter()
            .filter(|r| r.url == url)
            .count()
    }

    /// Every sleep so far.
    pub fn sleeps(&self) -> Vec<Duration> {
        self.state.sleeps.borrow().clone()
    }

    /// The most requests that were under way at one time: started, and their body neither read to its end
    /// nor dropped.
    pub fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.get()
    }

    /// Requests under way now.
    pub fn in_flight(&self) -> usize {
        self.state.in_flight.get()
    }

    /// Moves the clock.
    pub fn pass(&self, time: Duration) {
        self.state.clock.set(self.state.clock.get() + time);
    }

    fn reply_to(&self, request: &Request) -> Reply {
        if let Some(replies) = self
            .state
            .table
            .borrow_mut()
            .get_mut(&(word(request.method), request.url.clone()))
        {
            return if replies.len() > 1 {
                replies.pop_front().unwrap()
            } else {
                replies[0].clone()
            };
        }
        match &*self.state.otherwise.borrow() {
            Some(answer) => answer(request),
            None => panic!(
                "nothing is scripted for {} {}",
                word(request.method),
                request.url
            ),
        }
    }
}

impl Transport for Script {
    fn start(&self, request: &Request) -> Box<dyn Pending> {
        self.state.requests.borrow_mut().push(request.clone());
        let reply = self.reply_to(request);
        let ready = self.state.clock.get() + reply.delay;
        Box::new(Waiting {
            request: request.clone(),
            reply,
            ready,
            place: Place::take(&self.state),
        })
    }

    fn sleep(&self, duration: Duration) {
        self.state.sleeps.borrow_mut().push(duration);
        self.pass(duration);
    }

    fn unix_now(&self) -> u64 {
        START + self.state.clock.get().as_secs()
    }

    fn monotonic(&self) -> Duration {
        self.state.clock.get()
    }

    fn random(&self) -> u64 {
        // Knuth's multiplier: well spread, and the same in every run.
        let next = self
            .state
            .random
            .get()
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state.random.set(next);
        next
    }
}

/// A request under way; dropped when it no longer is.
struct Place(Rc<State>);

impl Place {
    fn take(state: &Rc<State>) -> Self {
        let now = state.in_flight.get() + 1;
        state.in_flight.set(now);
        state
            .most_in_flight
            .set(state.most_in_flight.get().max(now));
        Self(Rc::clone(state))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

struct Waiting {
    request: Request,
    reply: Reply,
    ready: Duration,
    place: Place,
}

impl Pending for Waiting {
    fn wait(self: Box<Self>) -> Result<Response, TransportError> {
        let state = &self.place.0;
        state.clock.set(state.clock.get().max(self.ready));
        if let Some(kind) = self.reply.trouble {
            return Err(trouble(kind, &self.request.url));
        }
        let expected = self
            .request
            .headers
            .iter()
            .find(|(name, _)| name == "ox-expect-digest");
        let digest_differs = expected.is_some_and(|(_, digest)| {
            use std::fmt::Write;
            let mut found = "sha256:".to_owned();
            for byte in Sha256::digest(&self.reply.body) {
                write!(found, "{byte:02x}").unwrap();
            }
            *digest != found
        });
        let body = if self.request.method == Method::Head {
            Vec::new()
        } else {
            self.reply.body
        };
        Ok(Response {
            status: self.reply.status,
            headers: Headers::new(self.reply.headers),
            body: Box::new(Body {
                url: self.request.url,
                bytes: body.into(),
                given: 0,
                drop_after: self.reply.drop_after,
                digest_differs,
                place: Some(self.place),
            }),
        })
    }
}

struct Body {
    url: String,
    bytes: VecDeque<u8>,
    given: usize,
    drop_after: Option<usize>,
    digest_differs: bool,
    place: Option<Place>,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let left = self
            .drop_after
            .map_or(usize::MAX, |limit| limit - self.given);
        if left == 0 {
            self.place = None;
            return Err(trouble(TroubleKind::Dropped, &self.url).into_io());
        }
        let length = out.len().min(left);
        let read = self.bytes.read(&mut out[..length])?;
        self.given += read;
        if read == 0 && !out.is_empty() {
            self.place = None;
            if self.digest_differs {
                return Err(trouble(TroubleKind::Digest, &self.url).into_io());
            }
        }
        Ok(read)
    }
}

fn trouble(kind: TroubleKind, url: &str) -> TransportError {
    TransportError {
        kind,
        message: format!("{url}: scripted trouble ({kind:?})"),
        hint: String::new(),
    }
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    }
}
