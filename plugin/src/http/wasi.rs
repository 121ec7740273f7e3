//! The transport over `wasi:http`: the only place that speaks to the host's HTTP.
//!
//! `outgoing-handler.handle` starts a request and answers at once with a future, so any number of requests
//! overlap while this thread waits for one of them. Two rules of the component model shape the code: a
//! resource must be dropped before the one it came from (a pollable before its stream, the stream before
//! its body, the body before its response; anything else traps), and only what `check-write` allows may
//! be written.

use std::io::Read;
use std::time::Duration;

use url::Url;
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse,
    Method as WasiMethod, OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasi::io::poll;
use wasi::io::streams::{Error as IoError, InputStream, OutputStream, StreamError};
use wasi::random::random;

use super::{Headers, Method, Pending, Request, Response, Transport, TransportError, TroubleKind};
use crate::contract::egress;

/// Until a connection stands. The host takes the shorter of this and its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Until the first byte of an answer: what GitLab itself gives a request before it ends it.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two pieces of a body.
const BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that are asked for in one read of a body: few calls, and little memory for each open body.
const CHUNK: usize = 128 * 1024;
/// Header fields that the host sets itself and refuses from a guest.
const HOSTS_OWN: [&str; 8] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// The host's HTTP, clocks and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct WasiTransport;

impl Transport for WasiTransport {
    fn start(&self, request: &Request) -> Box<dyn Pending> {
        match Flight::start(request) {
            Ok(flight) => Box::new(flight),
            Err(error) => Box::new(Refused(error)),
        }
    }

    fn sleep(&self, duration: Duration) {
        monotonic_clock::subscribe_duration(nanos(duration)).block();
    }

    fn unix_now(&self) -> u64 {
        wall_clock::now().seconds
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn random(&self) -> u64 {
        random::get_random_u64()
    }
}

/// A request that could not be started.
struct Refused(TransportError);

impl Pending for Refused {
    fn wait(self: Box<Self>) -> Result<Response, TransportError> {
        Err(self.0)
    }
}

/// Where a request goes, for messages and for `egress.explain`.
#[derive(Clone)]
struct Address(Url);

impl Address {
    fn parse(url: &str) -> Result<Self, TransportError> {
        let unusable = |why: &str| TransportError {
            kind: TroubleKind::Denied,
            message: format!("An address that was to be asked for can't be used: {why}."),
            hint: String::new(),
        };
        let mut parsed = Url::parse(url).map_err(|error| unusable(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(unusable("it is neither http nor https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(unusable("it contains a user name or a password"));
        }
        parsed.set_fragment(None);
        Ok(Self(parsed))
    }

    fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Without the query: signed addresses have their signature in it.
    fn shown(&self) -> &str {
        let text = self.0.as_str();
        text.split_once('?').map_or(text, |(before, _)| before)
    }

    /// The error for `code`, in the host's words where it has some.
    fn trouble(&self, code: &ErrorCode) -> TransportError {
        let (kind, words) = kind_and_words(code);
        self.host_trouble(kind, &words)
    }

    fn host_trouble(&self, kind: TroubleKind, words: &str) -> TransportError {
        let mut error = self.own_trouble(kind, words);
        let mut said = words.to_owned();
        if let Some(why) = egress::explain(self.0.as_str()) {
            said.clone_from(&why.message);
            error.message = why.message;
            error.hint = why.hint;
        }
        // The codes of `wasi:http` have no case for some kinds; the host's words say which it is.
        if let Some((kind, sentence)) =
            TroubleKind::from_words(&said).or_else(|| TroubleKind::from_words(words))
        {
            error.kind = kind;
            if !sentence.is_empty() {
                error.message = sentence.to_owned();
            }
        }
        error
    }

    /// Trouble that never reached the host's HTTP, so the host has no words for it.
    fn own_trouble(&self, kind: TroubleKind, words: &str) -> TransportError {
        TransportError {
            kind,
            message: format!("{}: {words}.", self.shown()),
            hint: String::new(),
        }
    }
}

/// A request under way. Dropping it gives it up.
///
/// The order of the fields is the order in which they are dropped.
struct Flight {
    upload: Option<Upload>,
    future: FutureIncomingResponse,
    address: Address,
}

impl Flight {
    fn start(request: &Request) -> Result<Self, TransportError> {
        let address = Address::parse(&request.url)?;
        let outgoing = OutgoingRequest::new(fields(request, &address)?);
        let method = match request.method {
            Method::Get => WasiMethod::Get,
            Method::Head => WasiMethod::Head,
            Method::Post => WasiMethod::Post,
        };
        let scheme = if address.0.scheme() == "http" {
            Scheme::Http
        } else {
            Scheme::Https
        };
        let path = match address.0.query() {
            Some(query) => format!("{}?{query}", address.0.path()),
            None => address.0.path().to_owned(),
        };
        outgoing
            .set_method(&method)
            .and_then(|()| outgoing.set_scheme(Some(&scheme)))
            .and_then(|()| outgoing.set_authority(Some(&address.authority())))
            // Needed: without a path the host answers with a protocol error.
            .and_then(|()| outgoing.set_path_with_query(Some(&path)))
            .map_err(|()| {
                address.own_trouble(TroubleKind::Denied, "the host does not take this address")
            })?;

        // The body has to be taken before the request is handed over.
        let upload = match request.method {
            Method::Post => Upload::prepare(&outgoing, request.body.clone()),
            Method::Get | Method::Head => None,
        };
        let future = outgoing_handler::handle(outgoing, Some(options()))
            .map_err(|code| address.trouble(&code))?;
        let mut flight = Self {
            upload,
            future,
            address,
        };
        flight.upload = flight.upload.take().and_then(Upload::advance);
        Ok(flight)
    }

    /// Sends the rest of the body until it is gone or the answer is there, whichever is first.
    fn finish_upload(&mut self) {
        while let Some(upload) = self.upload.take() {
            {
                let writable = upload.stream.subscribe();
                let answered = self.future.subscribe();
                if poll::poll(&[&writable, &answered]).contains(&1) {
                    // Answered early, and nobody reads the rest.
                    drop(writable);
                    drop(upload);
                    return;
                }
            }
            self.upload = upload.advance();
        }
    }
}

impl Pending for Flight {
    fn wait(mut self: Box<Self>) -> Result<Response, TransportError> {
        self.finish_upload();
        // What `handle` answers is asked for once only, after the pollable says that it is there.
        let outcome = loop {
            match self.future.get() {
                Some(outcome) => break outcome,
                None => self.future.subscribe().block(),
            }
        };
        let response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(code)) => return Err(self.address.trouble(&code)),
            Err(()) => {
                return Err(self
                    .address
                    .own_trouble(TroubleKind::Dropped, "the answer was taken already"));
            }
        };
        let status = response.status();
        let headers = {
            // Values that are not text are of no use to anyone here.
            let fields = response.headers();
            let text =
                |(name, value): (String, Vec<u8>)| Some((name, String::from_utf8(value).ok()?));
            Headers::new(fields.entries().into_iter().filter_map(text))
        };
        let body = Body::of(response, self.address.clone())?;
        Ok(Response {
            status,
            headers,
            body: Box::new(body),
        })
    }
}

/// The body of a request on its way out. Fields are dropped in this order.
struct Upload {
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    sent: usize,
}

impl Upload {
    fn prepare(request: &OutgoingRequest, bytes: Vec<u8>) -> Option<Self> {
        let body = request.body().ok()?;
        let stream = body.write().ok()?;
        Some(Self {
            stream,
            body,
            bytes,
            sent: 0,
        })
    }

    /// Writes what the host takes now; `None` when nothing is left to do. A host that closes the body early
    /// says why in its answer, so trouble here is not looked at.
    fn advance(mut self) -> Option<Self> {
        loop {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                let _ = self.stream.flush();
                drop(self.stream);
                let _ = OutgoingBody::finish(self.body, None);
                return None;
            }
            let allowed = match self.stream.check_write() {
                Ok(0) => return Some(self),
                Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
                Err(_) => return None,
            };
            let piece = rest.get(..allowed).unwrap_or(rest);
            if self.stream.write(piece).is_err() {
                return None;
            }
            self.sent += piece.len();
        }
    }
}

/// The body of an answer.
struct Body {
    open: Option<Open>,
    address: Address,
    /// What was read from the host and not yet by the caller.
    chunk: Vec<u8>,
    given: usize,
}

/// The resources behind a body that has not ended. Fields are dropped in this order.
struct Open {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Body {
    fn of(response: IncomingResponse, address: Address) -> Result<Self, TransportError> {
        let gone = |()| address.own_trouble(TroubleKind::Dropped, "the host gave no body");
        let body = response.consume().map_err(gone)?;
        let stream = body.stream().map_err(gone)?;
        let open = Open {
            stream,
            _body: body,
            _response: response,
        };
        Ok(Self {
            open: Some(open),
            address,
            chunk: Vec::new(),
            given: 0,
        })
    }

    /// Waits for the next piece; empty at the end. Nothing stays open after the end or an error.
    fn next_chunk(&mut self) -> std::io::Result<Vec<u8>> {
        let Some(open) = &self.open else {
            return Ok(Vec::new());
        };
        let asked = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let error = loop {
            match open.stream.read(asked) {
                Ok(piece) if piece.is_empty() => open.stream.subscribe().block(),
                Ok(piece) => return Ok(piece),
                Err(StreamError::Closed) => break None,
                Err(StreamError::LastOperationFailed(error)) => break Some(self.trouble(&error)),
            }
        };
        self.open = None;
        error.map_or(Ok(Vec::new()), |error| Err(error.into_io()))
    }

    fn trouble(&self, error: &IoError) -> TransportError {
        match http_error_code(error) {
            Some(code) => self.address.trouble(&code),
            None => self
                .address
                .host_trouble(TroubleKind::Dropped, &error.to_debug_string()),
        }
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.given >= self.chunk.len() {
            self.chunk = self.next_chunk()?;
            self.given = 0;
        }
        let mut rest = self.chunk.get(self.given..).unwrap_or_default();
        let length = rest.read(out)?;
        self.given += length;
        Ok(length)
    }
}

fn fields(request: &Request, address: &Address) -> Result<Fields, TransportError> {
    let fields = Fields::new();
    let length = request.body.len().to_string();
    let own = matches!(request.method, Method::Post).then_some(("content-length", length.as_str()));
    let given = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(given) {
        if HOSTS_OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            continue;
        }
        fields.append(name, value.as_bytes()).map_err(|error| {
            // The value may be a credential.
            address.own_trouble(
                TroubleKind::Denied,
                &format!("the header field {name} is refused ({error:?})"),
            )
        })?;
    }
    Ok(fields)
}

/// The host takes the shorter of these and its own; one that it does not take stays its own.
fn options() -> RequestOptions {
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(nanos(CONNECT_TIMEOUT)));
    let _ = options.set_first_byte_timeout(Some(nanos(FIRST_BYTE_TIMEOUT)));
    let _ = options.set_between_bytes_timeout(Some(nanos(BETWEEN_BYTES_TIMEOUT)));
    options
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a code means here, and what to say when the host has no words of its own.
fn kind_and_words(code: &ErrorCode) -> (TroubleKind, String) {
    use ErrorCode as E;
    use TroubleKind as K;
    let (kind, words) = match code {
        E::DnsTimeout => (K::Dns, "the name could not be resolved in time"),
        E::DnsError(_) | E::DestinationNotFound => (K::Dns, "the name could not be resolved"),
        E::DestinationUnavailable | E::DestinationIpUnroutable => {
            (K::Connect, "the network does not lead there")
        }
        E::DestinationIpProhibited => (K::Denied, "the host's policy refuses this network address"),
        E::ConnectionRefused => (K::Connect, "nothing listens there"),
        E::ConnectionTerminated => (K::Dropped, "the connection broke"),
        E::ConnectionTimeout => (K::Timeout, "no connection within the time allowed"),
        E::ConnectionReadTimeout | E::ConnectionWriteTimeout | E::HttpResponseTimeout => {
            (K::Timeout, "no answer within the time allowed")
        }
        E::ConnectionLimitReached => (K::OverLimit, "too many connections at once"),
        E::TlsProtocolError | E::TlsAlertReceived(_) => (K::Tls, "the TLS handshake failed"),
        E::TlsCertificateError => (K::Tls, "the certificate is not trusted"),
        E::HttpRequestDenied => (K::Denied, "the host's policy refuses this address"),
        E::LoopDetected => (K::Denied, "it redirects without end"),
        E::ConfigurationError => (K::Denied, "the host is not set up for this request"),
        E::HttpRequestMethodInvalid | E::HttpRequestUriInvalid | E::HttpRequestLengthRequired => {
            (K::Denied, "the host does not take this request")
        }
        E::HttpRequestUriTooLong
        | E::HttpRequestBodySize(_)
        | E::HttpRequestHeaderSectionSize(_)
        | E::HttpRequestHeaderSize(_)
        | E::HttpRequestTrailerSectionSize(_)
        | E::HttpRequestTrailerSize(_) => {
            (K::OverLimit, "the request is larger than the host allows")
        }
        E::HttpResponseHeaderSectionSize(_)
        | E::HttpResponseHeaderSize(_)
        | E::HttpResponseBodySize(_)
        | E::HttpResponseTrailerSectionSize(_)
        | E::HttpResponseTrailerSize(_) => {
            (K::OverLimit, "the answer is larger than the host allows")
        }
        E::HttpResponseIncomplete => (
            K::Dropped,
            "the connection broke before the answer was complete",
        ),
        E::HttpResponseTransferCoding(_)
        | E::HttpResponseContentCoding(_)
        | E::HttpUpgradeFailed
        | E::HttpProtocolError => (K::Dropped, "the answer is not proper HTTP"),
        E::InternalError(Some(words)) => return (K::Dropped, words.clone()),
        E::InternalError(None) => (K::Dropped, "the host failed without saying why"),
    };
    (kind, words.to_owned())
}
