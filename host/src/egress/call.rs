//! The outbound side of one call of a connector.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::Egress;
use super::body::{BodySetup, EgressBody, body_too_large};
use super::client::{Outgoing, Times, head_too_large};
use super::digest::Expected;
use super::fault::{Code, Fault};
use super::limits::{EgressLimits, clamp};
use super::origin::{Host, Origin, OriginError, Scheme};
use super::policy::{Allowance, Denied, allow_flag};
use super::redact::Redactor;
use super::redirect::{Trail, drop_credentials, drop_hop_by_hop};
use super::secrets::{Gate, Secrets, StandIn};
use super::target::Target;
use crate::contract::Explanation;
use crate::secret::SecretString;

/// Origins that a connector may declare.
const MAX_GRANTS: usize = 64;
/// Explanations kept for `explain`; the oldest goes first.
const MAX_EXPLANATIONS: usize = 256;
/// Bytes of a URL under which an explanation is kept.
const MAX_KEY: usize = 8 << 10;
/// Refusals kept for the report.
const MAX_REFUSED: usize = 100;
/// Hosts counted by name; further ones are summed under `…`.
const MAX_HOSTS: usize = 256;
/// Bytes of a request's body that are read and thrown away after its limit, so that the guest sees the
/// refusal and not a broken pipe.
const MAX_DRAIN: usize = 16 << 20;

/// The outbound side of one call. Closed until [`CallEgress::grant`].
#[derive(Debug)]
pub struct CallEgress {
    shared: Arc<Egress>,
    secrets: Secrets,
    redactor: Arc<Redactor>,
    places: Arc<Semaphore>,
    /// Requests that have a place or wait for one.
    present: AtomicUsize,
    /// Bytes of collected request bodies.
    held: AtomicUsize,
    requests: AtomicU64,
    bytes: AtomicU64,
    retried: AtomicU64,
    cancel: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    granted: Option<Arc<[Origin]>>,
    secrets_declared: bool,
    explanations: VecDeque<(String, Explanation)>,
    refused: Vec<String>,
    hosts: BTreeMap<String, HostCounters>,
}

/// Why the origins that a connector declared are not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    /// More than the cap.
    #[error("the connector declared {0} origins; at most {MAX_GRANTS} are granted")]
    TooMany(usize),
    /// Not an origin.
    #[error("the connector declared the origin {0:?}, which {1}")]
    Unreadable(String, OriginError),
    /// Plain http elsewhere than on the operator's own plain-http site.
    #[error("the connector declared {0}, which is plain http; add `{flag}` if this is right", flag = allow_flag(.0))]
    PlainHttp(Origin),
    /// Secrets elsewhere than at the operator's URL.
    #[error(
        "the connector wants to send secrets to {0}; they go only to {1}, the address of the connection"
    )]
    SecretsElsewhere(Origin, Origin),
}

/// What a call has sent and received.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EgressCounters {
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Bytes of response bodies.
    pub bytes_received: u64,
    /// Dead idle connections that were replaced in silence.
    pub retried_connections: u64,
    /// The same by host.
    pub by_host: BTreeMap<String, HostCounters>,
    /// What was refused, each with the exact flag that would allow it where one would.
    pub refused: Vec<String>,
}

/// What went to and came from one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct HostCounters {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of response bodies.
    pub bytes_received: u64,
}

/// A place in flight, held until the body is read or dropped.
pub(super) struct Slot {
    call: Arc<CallEgress>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.permit = None;
        self.call.present.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes of a collected body, given back when the request is over.
struct Held<'c> {
    call: &'c CallEgress,
    bytes: usize,
}

impl Held<'_> {
    fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let before = self.call.held.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.call.limits().request_bodies_bytes
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.call.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl CallEgress {
    pub(super) fn new(shared: Arc<Egress>, secrets: &[(StandIn, SecretString)]) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(shared.limits.in_flight)),
            secrets: Secrets::new(secrets),
            redactor: Arc::new(Redactor::new(secrets.iter().map(|(_, secret)| secret))),
            shared,
            present: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            cancel: CancellationToken::new(),
            state: Mutex::default(),
        })
    }

    /// Opens the gate for what `configure` declared. All or nothing.
    pub fn grant(&self, origins: &[crate::contract::Origin]) -> Result<(), GrantRefused> {
        if origins.len() > MAX_GRANTS {
            return Err(GrantRefused::TooMany(origins.len()));
        }
        let policy = &self.shared.policy;
        let operator = policy.operator();
        let mut granted = Vec::new();
        let mut secrets_declared = false;
        for declared in origins {
            let origin: Origin = declared.url.parse().map_err(|why| {
                GrantRefused::Unreadable(
                    self.redactor
                        .text(&declared.url)
                        .chars()
                        .take(200)
                        .collect(),
                    why,
                )
            })?;
            // With an empty grant the policy says what the operator's own words allow.
            if origin.scheme == Scheme::Http && policy.judge(&origin, Some(&[])).is_err() {
                return Err(GrantRefused::PlainHttp(origin));
            }
            if declared.secrets {
                if origin != *operator {
                    return Err(GrantRefused::SecretsElsewhere(origin, operator.clone()));
                }
                secrets_declared = true;
            }
            granted.push(origin);
        }
        let mut state = self.state();
        state.granted = Some(granted.into());
        state.secrets_declared = secrets_declared;
        Ok(())
    }

    /// The host's words on the newest refused or failed request to that URL.
    pub fn explain(&self, url: &str) -> Option<Explanation> {
        let key = key_of(url);
        let state = self.state();
        let found = state
            .explanations
            .iter()
            .rev()
            .find(|(known, _)| *known == key);
        found.map(|(_, why)| why.clone())
    }

    /// What happened so far.
    pub fn counters(&self) -> EgressCounters {
        let state = self.state();
        EgressCounters {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_received: self.bytes.load(Ordering::Relaxed),
            retried_connections: self.retried.load(Ordering::Relaxed),
            by_host: state.hosts.clone(),
            refused: state.refused.clone(),
        }
    }

    /// Removes this call's secrets from texts.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }

    /// Ends the call: what is in flight is aborted, what comes later is refused.
    pub fn close(&self) {
        self.cancel.cancel();
    }

    /// Sends a guest's request. Its place in the queue is taken at once, before anything is polled.
    pub fn send(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> impl Future<Output = Result<Response<WasiBody>, Error>> + Send + use<> {
        let call = Arc::clone(self);
        let present = self.present.fetch_add(1, Ordering::Relaxed);
        let slot = Slot {
            call: Arc::clone(self),
            permit: None,
        };
        let room = present < self.limits().in_flight.saturating_add(self.limits().queued);
        async move {
            let key = key_of(&request.uri().to_string());
            let answer = async {
                let times = GuestTimes::new(options, call.limits());
                let (parts, body) = request.into_parts();
                // The body first, whatever comes: a guest whose body is not taken sees a broken pipe and
                // not the reason.
                let (body, _held) = call.collect(body, room).await?;
                if !room {
                    return Err(call.crowded());
                }
                call.perform(parts, body, times, slot, &key).await
            };
            let answer = tokio::select! {
                biased;
                () = call.cancel.cancelled() => Err(Self::ended()),
                answer = answer => answer,
            };
            answer.map_err(|fault| {
                call.record(&key, &fault);
                fault.error()
            })
        }
    }

    /// All hops of one request.
    async fn perform(
        self: &Arc<Self>,
        parts: http::request::Parts,
        body: Bytes,
        times: GuestTimes,
        mut slot: Slot,
        key: &str,
    ) -> Result<Response<WasiBody>, Fault> {
        let mut target = Target::from_guest(&parts.uri)?;
        let method = parts.method;
        if !matches!(
            method,
            Method::GET
                | Method::HEAD
                | Method::POST
                | Method::PUT
                | Method::PATCH
                | Method::DELETE
                | Method::OPTIONS
        ) {
            return Err(Fault::connector(
                Code::Method,
                format!("The connector used the method {method}, which is not sent."),
            ));
        }
        let mut headers = parts.headers;
        let expected = Expected::take(&mut headers)?;
        drop_hop_by_hop(&mut headers);
        for name in [HOST, CONTENT_LENGTH, EXPECT] {
            headers.remove(name);
        }
        let head = head_bytes(&headers).saturating_add(target.url().len());
        if head > self.limits().request_head_bytes {
            return Err(Fault::connector(
                Code::RequestHead,
                format!(
                    "The URL and headers of a request have {head} bytes; at most {} are sent.",
                    self.limits().request_head_bytes
                ),
            ));
        }
        self.judge(&target.origin)?;
        slot.permit = Some(self.place().await?);

        let mut trail = Trail::new(&target, self.limits().redirects);
        loop {
            let response = self
                .hop(&method, &target, headers.clone(), body.clone(), times)
                .await?;
            let Some(next) = trail.next(&method, &target, response.status(), response.headers())?
            else {
                return self.answer(response, &method, target, expected, times, slot, key);
            };
            if next.origin != target.origin {
                self.judge(&next.origin).map_err(|mut fault| {
                    fault.message =
                        format!("{} redirects elsewhere. {}", target.origin, fault.message);
                    fault
                })?;
                let leaks = |text: &[u8]| self.redactor.mentions(text);
                let decoded: Vec<u8> = percent_encoding::percent_decode_str(next.path()).collect();
                if leaks(next.url().as_bytes()) || leaks(&decoded) {
                    return Err(Fault::new(
                        Code::Denied,
                        format!(
                            "{} redirects to {} with the secret in the URL, so the redirect was not followed.",
                            target.origin, next.origin
                        ),
                        "Look at the server's configuration: it hands credentials on to another server.",
                    ));
                }
                drop_credentials(&mut headers);
            }
            target = next;
        }
    }

    /// One request to one target: secrets, counters, client.
    async fn hop(
        &self,
        method: &Method,
        target: &Target,
        mut headers: HeaderMap,
        body: Bytes,
        times: GuestTimes,
    ) -> Result<Response<Incoming>, Fault> {
        let declared = self.state().secrets_declared;
        let gate = Gate {
            origin: self.shared.policy.operator(),
            declared,
        };
        self.secrets.apply(&mut headers, target, &body, gate)?;
        self.count_request(&target.origin.host)?;
        let outgoing = Outgoing {
            method,
            target,
            headers,
            body,
        };
        let answer = self.shared.client.send(outgoing, times.head).await?;
        if answer.retried {
            self.retried.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answer.response)
    }

    /// What the guest gets of the last answer.
    #[expect(
        clippy::too_many_arguments,
        reason = "the last step of one function, cut for reading"
    )]
    fn answer(
        self: &Arc<Self>,
        response: Response<Incoming>,
        method: &Method,
        target: Target,
        expected: Option<Expected>,
        times: GuestTimes,
        slot: Slot,
        key: &str,
    ) -> Result<Response<WasiBody>, Fault> {
        let (parts, incoming) = response.into_parts();
        let limits = self.limits();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::new(
                Code::Upgrade,
                format!("{target} wants to switch to another protocol."),
                "Check the port, and whether a proxy stands in between.",
            ));
        }
        if parts.headers.len() > limits.response_headers
            || head_bytes(&parts.headers) > limits.response_head_bytes
        {
            let limit = u32::try_from(limits.response_head_bytes).unwrap_or(u32::MAX);
            return Err(head_too_large(&target, limit));
        }
        let announced = http_body::Body::size_hint(&incoming).lower();
        if announced > limits.response_body_bytes {
            return Err(body_too_large(&target, limits.response_body_bytes));
        }
        let mut headers = parts.headers;
        drop_hop_by_hop(&mut headers);
        self.redact_headers(&mut headers);
        let hashed = parts.status == StatusCode::OK && *method != Method::HEAD;
        let body = EgressBody::new(
            incoming,
            BodySetup {
                call: Arc::clone(self),
                key: key.to_owned(),
                target,
                hasher: expected.filter(|_| hashed).map(Expected::hasher),
                between_bytes: times.between_bytes,
                slot,
            },
        );
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = parts.status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    fn redact_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.redactor.mask(&mut bytes)
                && let Ok(clean) = HeaderValue::from_bytes(&bytes)
            {
                *value = clean;
            }
        }
    }

    /// The whole of a guest's body, up to its limit; what is beyond is read and thrown away.
    async fn collect(&self, body: WasiBody, keep: bool) -> Result<(Bytes, Held<'_>), Fault> {
        let limit = self.limits().request_body_bytes;
        let mut body = body;
        let mut kept = BytesMut::new();
        let mut length = 0_usize;
        let mut held = Held {
            call: self,
            bytes: 0,
        };
        let mut affordable = true;
        let reading = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    return Err(Fault::connector(
                        Code::RequestBody,
                        "The connector broke off the body of a request.",
                    ));
                };
                // Trailers are not sent.
                let Ok(piece) = frame.into_data() else {
                    continue;
                };
                length = length.saturating_add(piece.len());
                if length <= limit && keep && affordable {
                    affordable = held.add(piece.len());
                    kept.extend_from_slice(&piece);
                } else if length > MAX_DRAIN {
                    break;
                }
            }
            Ok(())
        };
        match timeout(self.limits().first_byte, reading).await {
            Ok(done) => done?,
            Err(_) => {
                return Err(Fault::connector(
                    Code::RequestBody,
                    format!(
                        "The connector did not finish the body of a request within {:?}.",
                        self.limits().first_byte
                    ),
                ));
            }
        }
        if length > limit {
            return Err(Fault::connector(
                Code::RequestBody,
                format!("The body of a request has more than {limit} bytes, which is the limit."),
            ));
        }
        if !affordable {
            return Err(Fault::connector(
                Code::LimitReached,
                format!(
                    "The bodies of the requests that this call has started have more than {} bytes together, which is the limit.",
                    self.limits().request_bodies_bytes
                ),
            ));
        }
        Ok((kept.freeze(), held))
    }

    fn judge(&self, origin: &Origin) -> Result<Allowance, Fault> {
        let granted = self.state().granted.clone();
        let operator = self.shared.policy.operator();
        self.shared.policy.judge(origin, granted.as_deref()).map_err(|why| match why {
            Denied::Closed => Fault::connector(
                Code::Denied,
                format!("The connector sent a request to {origin} before it was configured; `describe` and `configure` have no network."),
            ),
            Denied::Undeclared | Denied::PlainHttp => {
                let flag = allow_flag(origin);
                let message = match why {
                    Denied::PlainHttp => format!("{origin} is plain http, while the connection's address {operator} is https, so the request was refused."),
                    _ => format!("{origin} is neither declared by the connector nor on the site of {operator}, so the request was refused."),
                };
                Fault {
                    allow: Some(flag.clone()),
                    ..Fault::new(Code::Denied, message, format!("If this is right, allow it with `{flag}`."))
                }
            }
        })
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        timeout(self.limits().queue_wait, Arc::clone(&self.places).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Fault::connector(
                    Code::LimitReached,
                    format!(
                        "{} requests of this call are in flight, which is the limit, and none of them ended in {:?}.",
                        self.limits().in_flight,
                        self.limits().queue_wait
                    ),
                )
            })
    }

    fn crowded(&self) -> Fault {
        Fault::connector(
            Code::LimitReached,
            format!(
                "{} requests of this call are in flight and {} wait, which is the limit.",
                self.limits().in_flight,
                self.limits().queued
            ),
        )
    }

    pub(super) fn ended() -> Fault {
        Fault::new(
            Code::Terminated,
            "The call has ended, so its requests were aborted.",
            "",
        )
    }

    pub(super) fn limits(&self) -> &EgressLimits {
        &self.shared.limits
    }

    pub(super) fn cancelled(&self) -> WaitForCancellationFutureOwned {
        self.cancel.clone().cancelled_owned()
    }

    fn count_request(&self, host: &Host) -> Result<(), Fault> {
        let limit = self.limits().requests;
        if self.requests.fetch_add(1, Ordering::Relaxed) >= limit {
            self.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Fault::connector(
                Code::LimitReached,
                format!("The call has sent {limit} requests, which is the limit for one call."),
            ));
        }
        self.count_host(host, |counters| counters.requests += 1);
        Ok(())
    }

    pub(super) fn count_bytes(&self, host: &Host, length: u64) -> Result<(), Fault> {
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        self.count_host(host, |counters| counters.bytes_received += length);
        let limit = self.limits().call_bytes;
        if before.saturating_add(length) > limit {
            return Err(Fault::new(
                Code::ResponseBody(limit),
                format!("The call has received {limit} bytes, which is the limit for one call."),
                "Raise the limit, or leave large images out.",
            ));
        }
        Ok(())
    }

    fn count_host(&self, host: &Host, count: impl FnOnce(&mut HostCounters)) {
        let mut name = host.to_string();
        let mut state = self.state();
        if state.hosts.len() >= MAX_HOSTS && !state.hosts.contains_key(&name) {
            "…".clone_into(&mut name);
        }
        count(state.hosts.entry(name).or_default());
    }

    /// Keeps what happened, for `explain` and the report.
    pub(super) fn record(&self, key: &str, fault: &Fault) {
        let mut why = fault.explanation();
        why.message = self.redactor.text(&why.message).into_owned();
        why.hint = self.redactor.text(&why.hint).into_owned();
        tracing::debug!(code = ?fault.code, "egress: {}", why.message);
        let mut state = self.state();
        if matches!(fault.code, Code::Denied | Code::AddressProhibited)
            && state.refused.len() < MAX_REFUSED
        {
            let line = format!("{} {}", why.message, why.hint);
            if !state.refused.contains(&line) {
                state.refused.push(line);
            }
        }
        if state.explanations.len() >= MAX_EXPLANATIONS {
            state.explanations.pop_front();
        }
        state.explanations.push_back((key.to_owned(), why));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, counters and sentences are still true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guest's timeouts, clamped to the operator's.
#[derive(Clone, Copy, Debug)]
struct GuestTimes {
    head: Times,
    between_bytes: Duration,
}

impl GuestTimes {
    fn new(options: Option<RequestOptions>, limits: &EgressLimits) -> Self {
        let asked = options.unwrap_or_default();
        Self {
            head: Times {
                connect: clamp(asked.connect_timeout, limits.connect + limits.tls),
                first_byte: clamp(asked.first_byte_timeout, limits.first_byte),
            },
            between_bytes: clamp(asked.between_bytes_timeout, limits.between_bytes),
        }
    }
}

/// One spelling for a URL, as far as it can be read.
fn key_of(url: &str) -> String {
    let normal = url
        .parse()
        .ok()
        .and_then(|uri| Target::from_guest(&uri).ok());
    let mut key = normal.map_or_else(|| url.to_owned(), |target| target.url());
    if key.len() > MAX_KEY {
        let cut = (0..=MAX_KEY)
            .rev()
            .find(|&at| key.is_char_boundary(at))
            .unwrap_or(0);
        key.truncate(cut);
    }
    key
}

/// Names and values, with the four bytes that a line needs besides them.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}
