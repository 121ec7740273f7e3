//! One request of a call, from what the guest handed over to the answer that it gets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::ahead::{self, ReadAhead};
use super::body::{BodySetup, EgressBody, body_too_large};
use super::call::{CallEgress, key_of};
use super::client::{Outgoing, Times, head_too_large};
use super::digest::Expected;
use super::echo;
use super::fault::{Code, Fault};
use super::limits::{EgressLimits, clamp};
use super::origin::Origin;
use super::policy::{Allowance, Denied, allow_flag};
use super::redirect::{Trail, drop_credentials, drop_hop_by_hop};
use super::secrets::Gate;
use super::target::Target;
use crate::tally::tally;

/// Bytes of a request's body that are read and thrown away after its limit, so that the guest sees the
/// refusal and not a broken pipe.
const MAX_DRAIN: usize = 16 << 20;

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
            answer.map_err(|fault| call.record(&key, fault))
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
            Method::GET | Method::HEAD | Method::OPTIONS | Method::POST
        ) {
            return Err(Fault::connector(
                Code::Method,
                format!(
                    "The connector used the method {method}, which is not sent: a connector reads, with GET, \
                     HEAD and OPTIONS, and with POST for queries and sign-ins."
                ),
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
            let (response, carried) = self
                .hop(&method, &target, headers.clone(), body.clone(), times)
                .await?;
            let Some(next) = trail.next(&method, &target, response.status(), response.headers())?
            else {
                if carried {
                    echo::readable(response.headers(), &target)?;
                }
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

    /// One request to one target: secrets, counters, client. Answers whether a secret went along.
    async fn hop(
        &self,
        method: &Method,
        target: &Target,
        mut headers: HeaderMap,
        body: Bytes,
        times: GuestTimes,
    ) -> Result<(Response<Incoming>, bool), Fault> {
        let declared = self.state().secrets_declared;
        let gate = Gate {
            origin: self.shared.policy.operator(),
            declared,
        };
        let carries = self.secrets.apply(&mut headers, target, &body, gate)?;
        if carries {
            echo::ask_for_plain(&mut headers);
        }
        self.count_request(&target.origin.host)?;
        let outgoing = Outgoing {
            method,
            target,
            headers,
            body,
        };
        let answer = self.shared.client.send(outgoing, times.head).await;
        let status = answer
            .as_ref()
            .ok()
            .map(|answer| answer.response.status().as_u16());
        tally().request(&target.origin.host.to_string(), status);
        let answer = answer?;
        if answer.retried {
            self.retried.fetch_add(1, Ordering::Relaxed);
        }
        Ok((answer.response, carries))
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
        let body = if announced >= ahead::FROM {
            ReadAhead::new(body).boxed_unsync()
        } else {
            body.boxed_unsync()
        };
        let mut response = Response::new(body);
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

/// Names and values, with the four bytes that a line needs besides them.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}
