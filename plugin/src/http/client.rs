//! A transport with patience: retries, rate limits, and a window of requests that overlap.
//!
//! Every request of the connector reads, so every request may be sent again. What is tried again, and how
//! often, is decided in one place ([`Client::settle`]); what is remembered between requests is kept for
//! each origin, so that a dead registry does not cost the API its patience.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use super::retry::{asked_wait, exhausted_for, is_passing_status, jitter};
use super::{
    Fetched, Headers, Method, Pending, Request, Response, RetryPolicy, Transport, TransportError,
};

/// Requests that one instance keeps in flight.
pub const WINDOW: usize = 16;

/// Bytes that are read of the body of an answer from status 400 on: it is for people, or a short JSON.
pub const ERROR_BODY_CAP: usize = 64 * 1024;

/// Origins that are remembered. Addresses come from answers too, so a hostile server could name new ones
/// for ever.
const MOST_PEERS: usize = 64;

/// A transport with patience.
pub struct Client<'t> {
    transport: &'t dyn Transport,
    policy: RetryPolicy,
    peers: RefCell<BTreeMap<String, Peer>>,
    /// How many requests are under way: see [`Place`].
    under_way: Rc<Cell<usize>>,
}

/// What is remembered of one origin. Times are those of [`Transport::monotonic`].
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    /// Fruitless tries since the last answer.
    failures: u32,
    /// Time spent on them, waits included.
    lost: Duration,
    /// When the newest wait began.
    wait_began: Option<Duration>,
    /// Its allowance of requests is used up until then.
    quiet_until: Duration,
    /// Places of the window that it does not get for now: half of what it has goes with every 429, one comes
    /// back with every answer.
    narrowed: usize,
}

impl Peer {
    /// A server that is crowded gets fewer requests at a time, until it has answered as many.
    fn heed_crowding(&mut self, status: u16) {
        self.narrowed = if status == 429 {
            let open = WINDOW.saturating_sub(self.narrowed);
            self.narrowed + open / 2
        } else {
            self.narrowed.saturating_sub(1)
        };
    }
}

/// A request that was started.
struct Flight {
    pending: Box<dyn Pending>,
    started: Duration,
    place: Place,
}

impl<'t> Client<'t> {
    /// A client over `transport`.
    pub fn new(transport: &'t dyn Transport, policy: RetryPolicy) -> Self {
        Self {
            transport,
            policy,
            peers: RefCell::default(),
            under_way: Rc::default(),
        }
    }

    /// The transport below, for clocks.
    pub fn transport(&self) -> &'t dyn Transport {
        self.transport
    }

    /// Sends one request and waits for the head of its answer. Passing trouble, 429 and 5xx are tried again
    /// within the budget; what is left after it is answered as it came. So is a 429 that asks for more than
    /// [`RetryPolicy::longest_wait`]: the caller answers `failure.rate-limited` ([`Client::rate_limited`]).
    ///
    /// Trouble while the body is read is the caller's; [`Client::fetch`] takes care of that too.
    pub fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.settle(request, self.start(request), Ok)
    }

    /// Sends all of them, at most [`WINDOW`] in flight, and yields each answer in the order of the requests.
    ///
    /// A request keeps its place until its body was read to the end or dropped. A caller that keeps bodies
    /// gets its next answer all the same, but without overlap.
    pub fn overlapped<'c, K: 'c>(
        &'c self,
        requests: impl IntoIterator<Item = (K, Request)> + 'c,
    ) -> impl Iterator<Item = (K, Result<Response, TransportError>)> + 'c {
        self.overlapped_within(WINDOW, requests)
    }

    /// [`Client::overlapped`] with a window of its own: small for long bodies, whose connections would
    /// otherwise idle into the server's time-out.
    pub fn overlapped_within<'c, K: 'c>(
        &'c self,
        window: usize,
        requests: impl IntoIterator<Item = (K, Request)> + 'c,
    ) -> impl Iterator<Item = (K, Result<Response, TransportError>)> + 'c {
        self.in_order(window, requests, Ok)
    }

    /// Sends one request and reads the answer whole, at most `cap` bytes. A connection that breaks while the
    /// body is read is tried again too. Of an answer from 400 on, the beginning is enough
    /// ([`ERROR_BODY_CAP`]).
    pub fn fetch(&self, request: &Request, cap: usize) -> Result<Fetched, TransportError> {
        self.settle(request, self.start(request), |response| {
            read_whole(response, cap)
        })
    }

    /// [`Client::fetch`] for many, at most [`WINDOW`] in flight, answered in the order of the requests.
    pub fn fetch_overlapped<'c, K: 'c>(
        &'c self,
        requests: impl IntoIterator<Item = (K, Request)> + 'c,
        cap: usize,
    ) -> impl Iterator<Item = (K, Result<Fetched, TransportError>)> + 'c {
        self.in_order(WINDOW, requests, move |response| read_whole(response, cap))
    }

    /// How long the answer asks to wait before the next request (`Retry-After`, `RateLimit-Reset`,
    /// `RateLimit-ResetTime`).
    pub fn asked_wait(&self, headers: &Headers) -> Option<Duration> {
        asked_wait(headers, self.transport.unix_now())
    }

    fn in_order<'c, K: 'c, T: 'c>(
        &'c self,
        window: usize,
        requests: impl IntoIterator<Item = (K, Request)> + 'c,
        finish: impl Fn(Response) -> Result<T, TransportError> + 'c,
    ) -> impl Iterator<Item = (K, Result<T, TransportError>)> + 'c {
        let mut requests = requests.into_iter().peekable();
        let mut flying = VecDeque::new();
        std::iter::from_fn(move || {
            while let Some((_, request)) = requests.peek() {
                let open = window.saturating_sub(self.peer(&request.url, |peer| peer.narrowed));
                let room = self.under_way.get() < open.max(1) && !self.is_quiet(&request.url);
                if !room && !flying.is_empty() {
                    break;
                }
                let (key, request) = requests.next()?;
                let flight = self.start(&request);
                flying.push_back((key, request, flight));
            }
            let (key, request, flight) = flying.pop_front()?;
            let outcome = self.settle(&request, flight, &finish);
            Some((key, outcome))
        })
    }

    /// Starts a request, after the pause that its origin asked for.
    fn start(&self, request: &Request) -> Flight {
        let quiet_until = self.peer(&request.url, |peer| peer.quiet_until);
        self.sleep(quiet_until.saturating_sub(self.transport.monotonic()));
        let place = Place::take(&self.under_way);
        Flight {
            started: self.transport.monotonic(),
            pending: self.transport.start(request),
            place,
        }
    }

    /// Waits for the answer, tries again where that may help, and lets `finish` make of the answer what the
    /// caller wants. Trouble in `finish` is trouble of the request.
    fn settle<T>(
        &self,
        request: &Request,
        mut flight: Flight,
        finish: impl Fn(Response) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        let mut attempt = 1;
        loop {
            let wait_from = self.transport.monotonic();
            let Flight {
                pending,
                started,
                place,
            } = flight;
            let headed = pending
                .wait()
                .map(|response| inspect(request, response, place));
            let (asked, refusal) = match headed {
                Ok((response, passing)) => {
                    self.heed_allowance(&request.url, &response.headers);
                    self.peer(&request.url, |peer| peer.heed_crowding(response.status));
                    if passing {
                        (self.asked_wait(&response.headers), Ok(response))
                    } else {
                        match finish(response) {
                            Err(error) if error.is_passing() => (None, Err(error)),
                            outcome => {
                                self.peer(&request.url, |peer| {
                                    peer.failures = 0;
                                    peer.lost = Duration::ZERO;
                                });
                                return outcome;
                            }
                        }
                    }
                }
                Err(error) if error.is_passing() => (None, Err(error)),
                Err(error) => return Err(error),
            };
            let lost = self.transport.monotonic().saturating_sub(wait_from);
            let Some(wait) = self.next_wait(&request.url, attempt, started, lost, asked) else {
                return refusal.and_then(&finish);
            };
            drop(refusal);
            self.sleep(wait);
            attempt = attempt.saturating_add(1);
            flight = self.start(request);
        }
    }

    /// How long to wait before the next try; `None` when there is none.
    fn next_wait(
        &self,
        url: &str,
        attempt: u32,
        started: Duration,
        lost: Duration,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let policy = &self.policy;
        let backoff = policy.backoff(attempt, self.transport.random());
        let wait = match asked {
            Some(asked) if asked > policy.longest_wait => return None,
            // Behind the time asked for, and not all at once.
            Some(asked) => backoff.max(asked + jitter(policy.first_wait, self.transport.random())),
            None => backoff,
        };
        let now = self.transport.monotonic();
        self.peer(url, |peer| {
            peer.failures = peer.failures.saturating_add(1);
            peer.lost = peer.lost.saturating_add(lost);
            if attempt >= policy.attempts
                || peer.failures >= policy.budget
                || peer.lost >= policy.patience
            {
                return None;
            }
            // The request may have failed together with another one that has waited since.
            let had = peer
                .wait_began
                .filter(|began| started <= *began)
                .map(|began| now.saturating_sub(began));
            if had.is_none() {
                peer.wait_began = Some(now);
            }
            let wait = wait.saturating_sub(had.unwrap_or_default());
            peer.lost = peer.lost.saturating_add(wait);
            Some(wait)
        })
    }

    /// Remembers that this answer was the last one of an allowance.
    fn heed_allowance(&self, url: &str, headers: &Headers) {
        if let Some(pause) = exhausted_for(headers, self.transport.unix_now()) {
            let until = self.transport.monotonic() + pause.min(self.policy.longest_wait);
            self.peer(url, |peer| peer.quiet_until = until);
        }
    }

    fn is_quiet(&self, url: &str) -> bool {
        self.peer(url, |peer| peer.quiet_until) > self.transport.monotonic()
    }

    fn peer<T>(&self, url: &str, look: impl FnOnce(&mut Peer) -> T) -> T {
        let mut peers = self.peers.borrow_mut();
        let origin = origin(url);
        if let Some(peer) = peers.get_mut(origin) {
            return look(peer);
        }
        if peers.len() >= MOST_PEERS {
            peers.clear();
        }
        look(peers.entry(origin.to_owned()).or_default())
    }

    fn sleep(&self, duration: Duration) {
        if !duration.is_zero() {
            self.transport.sleep(duration);
        }
    }
}

/// A request under way: started, and its body neither read to its end nor dropped.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(under_way: &Rc<Cell<usize>>) -> Self {
        under_way.set(under_way.get().saturating_add(1));
        Self(Rc::clone(under_way))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A body that gives its place back when it ends.
struct Held {
    body: Box<dyn Read>,
    place: Option<Place>,
}

impl Read for Held {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.body.read(out);
        match &read {
            Ok(0) if !out.is_empty() => self.place = None,
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => self.place = None,
            _ => {}
        }
        read
    }
}

/// Ties the place to the body, and says whether the answer may be another one in a moment.
fn inspect(request: &Request, mut response: Response, place: Place) -> (Response, bool) {
    if request.method == Method::Head {
        response.body = Box::new(std::io::empty());
        let passing = is_passing_status(response.status);
        return (response, passing);
    }
    response.body = Box::new(Held {
        body: response.body,
        place: Some(place),
    });
    if response.status != 400 {
        let passing = is_passing_status(response.status);
        return (response, passing);
    }
    // The registry answers 400 when its storage dropped the connection. What can't be read of the body now
    // can't be read by the caller either, so an error is left to them.
    let mut beginning = Vec::new();
    let limit = u64::try_from(ERROR_BODY_CAP).unwrap_or(u64::MAX);
    let _ = (&mut response.body).take(limit).read_to_end(&mut beginning);
    let passing = is_connection_reset(&beginning);
    response.body = Box::new(std::io::Cursor::new(beginning).chain(response.body));
    (response, passing)
}

fn is_connection_reset(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: String,
    }
    serde_json::from_slice::<Envelope>(body).is_ok_and(|envelope| {
        envelope
            .errors
            .iter()
            .any(|entry| matches!(entry.code.as_str(), "CONNECTIONRESET" | "REQUESTCANCELED"))
    })
}

fn read_whole(mut response: Response, cap: usize) -> Result<Fetched, TransportError> {
    let body = if response.status < 400 {
        response.read_capped(cap)?
    } else {
        let mut beginning = Vec::new();
        let limit = u64::try_from(ERROR_BODY_CAP).unwrap_or(u64::MAX);
        // Status and headers say enough; a body that breaks off does not change what they say.
        let _ = response.body.take(limit).read_to_end(&mut beginning);
        beginning
    };
    Ok(Fetched {
        status: response.status,
        headers: response.headers,
        body,
    })
}

/// Scheme, host and port, as written.
fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .get(authority..)
        .and_then(|rest| rest.find(['/', '?', '#']))
        .map_or(url.len(), |length| authority + length);
    url.get(..end).unwrap_or(url)
}
