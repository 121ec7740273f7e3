//! The pooled HTTP client of one connection: HTTP/1.1 and HTTP/2, one request at a time for its callers.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use tokio::time::timeout;

use super::connect::Connector;
use super::fault::{Code, Fault};
use super::limits::EgressLimits;
use super::origin::Scheme;
use super::proxy::Proxy;
use super::stream::Served;
use super::target::Target;

/// Added to the time for a connection, so that the more precise error of the connector comes first.
const GRACE: Duration = Duration::from_millis(500);

/// Two clients with one way to dial: one that keeps connections, and one that never does, for the second
/// try after a kept connection turned out to be dead.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    kept: Client<Connector, Full<Bytes>>,
    fresh: Client<Connector, Full<Bytes>>,
    proxy: Option<Arc<Proxy>>,
    response_head: u32,
}

/// How long one request may take, up to the head of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) connect: Duration,
    pub(super) first_byte: Duration,
}

/// What to send.
#[derive(Clone, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) method: &'a Method,
    pub(super) target: &'a Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer, and whether a dead connection had to be replaced for it.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) retried: bool,
}

impl Pool {
    pub(super) fn new(
        connector: Connector,
        proxy: Option<Arc<Proxy>>,
        limits: &EgressLimits,
    ) -> Self {
        let build = |idle: usize| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(idle)
                .pool_idle_timeout(limits.idle)
                .http1_max_buf_size(limits.response_head_bytes.max(8 << 10))
                .http1_max_headers(limits.response_headers)
                .http2_max_header_list_size(
                    u32::try_from(limits.response_head_bytes).unwrap_or(u32::MAX),
                )
                .http2_adaptive_window(true)
                .build(connector.clone())
        };
        Self {
            kept: build(limits.idle_per_origin),
            fresh: build(0),
            proxy,
            response_head: u32::try_from(limits.response_head_bytes).unwrap_or(u32::MAX),
        }
    }

    /// Sends. A GET or HEAD that broke on a connection which had served before is sent once more on a new one.
    pub(super) async fn send(&self, outgoing: Outgoing<'_>, times: Times) -> Result<Answer, Fault> {
        let repeatable = matches!(*outgoing.method, Method::GET | Method::HEAD);
        let again = repeatable.then(|| outgoing.clone());
        match self.once(&self.kept, outgoing, times).await {
            Ok(response) => Ok(Answer {
                response,
                retried: false,
            }),
            Err(Failure { stale: true, fault }) => match again {
                Some(outgoing) => {
                    // The origin alone: a path that a server redirected to may hold anything.
                    tracing::debug!(origin = %outgoing.target.origin, "an idle connection was dead; dialling anew");
                    let response = self
                        .once(&self.fresh, outgoing, times)
                        .await
                        .map_err(|f| f.fault)?;
                    Ok(Answer {
                        response,
                        retried: true,
                    })
                }
                None => Err(fault),
            },
            Err(failure) => Err(failure.fault),
        }
    }

    async fn once(
        &self,
        client: &Client<Connector, Full<Bytes>>,
        outgoing: Outgoing<'_>,
        times: Times,
    ) -> Result<Response<Incoming>, Failure> {
        let target = outgoing.target;
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = target.uri()?;
        *request.headers_mut() = outgoing.headers;
        if target.origin.scheme == Scheme::Http
            && let Some(value) = self
                .proxy
                .as_ref()
                .and_then(|proxy| proxy.authorization.as_ref())
        {
            request.headers_mut().insert(
                HeaderName::from_static("proxy-authorization"),
                value.clone(),
            );
        }
        let mut connection = capture_connection(&mut request);
        let mut answer = std::pin::pin!(client.request(request));
        let connected = tokio::select! {
            answer = &mut answer => Err(answer),
            connected = timeout(times.connect + GRACE, async { connection.wait_for_connection_metadata().await; }) => Ok(connected),
        };
        let answer = match connected {
            Err(answer) => answer,
            Ok(Err(_)) => {
                return Err(Fault::new(
                    Code::ConnectTimeout,
                    format!("No connection to {} within {:?}.", target.origin, times.connect),
                    "Check the address and port, and whether a firewall or proxy stands in between.",
                )
                .into());
            }
            Ok(Ok(())) => match timeout(times.first_byte, answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    return Err(Fault::new(
                        Code::ResponseTimeout,
                        format!("{target} did not answer within {:?}.", times.first_byte),
                        "The server may be overloaded; try again later.",
                    )
                    .into());
                }
            },
        };
        match answer {
            Ok(response) => {
                if let Some(served) = response.extensions().get::<Served>() {
                    served.set();
                }
                Ok(response)
            }
            Err(error) => Err(Failure {
                stale: is_stale(&error),
                fault: self.fault(&error, target),
            }),
        }
    }

    fn fault(&self, error: &ClientError, target: &Target) -> Fault {
        if let Some(fault) = find::<Fault>(error) {
            return fault.clone();
        }
        match find::<hyper::Error>(error) {
            Some(e) if e.is_parse_too_large() => head_too_large(target, self.response_head),
            Some(e) if e.is_parse() => Fault::new(
                Code::Protocol,
                format!("{target} answered something that is not HTTP: {e}."),
                "Check the port, and whether a proxy stands in between.",
            ),
            _ => Fault::new(
                Code::Terminated,
                format!(
                    "{target} closed the connection before it answered: {}.",
                    innermost(error)
                ),
                "The server, or a proxy before it, may be overloaded or restarting; try again later.",
            ),
        }
    }
}

/// The fault for a head over its limit, however that was noticed.
pub(super) fn head_too_large(target: &Target, limit: u32) -> Fault {
    Fault::new(
        Code::ResponseHead(limit),
        format!(
            "The head of the answer of {target} is larger than {limit} bytes or has too many fields."
        ),
        "Look at what the server, or a proxy before it, adds to its answers.",
    )
}

struct Failure {
    fault: Fault,
    stale: bool,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            stale: false,
        }
    }
}

/// Whether a connection broke that had served before, and not in a way that a new one would repeat.
fn is_stale(error: &ClientError) -> bool {
    let mut extensions = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extensions);
    }
    let served = extensions.get::<Served>().is_some_and(Served::get);
    served
        && !find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
        && !find::<hyper::Error>(error).is_some_and(hyper::Error::is_user)
}

fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An io::Error hides what it wraps from `source`.
        if let Some(found) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<T>())
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
