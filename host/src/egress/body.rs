//! A response's body on its way to the guest: pulled; counted, timed, hashed, redacted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use wasmtime_wasi_http::Error;

use super::call::CallEgress;
use super::digest::Hasher;
use super::fault::{Code, Fault};
use super::redact::RedactStream;
use super::request::Slot;
use super::target::Target;

/// See the module.
pub(super) struct EgressBody {
    inner: Incoming,
    call: Arc<CallEgress>,
    /// Under which URL `explain` finds what went wrong.
    key: String,
    /// Where the bytes come from, after redirects.
    target: Target,
    hasher: Option<Hasher>,
    redact: RedactStream,
    received: u64,
    between_bytes: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    pace: Pace,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    done: bool,
    _slot: Slot,
}

/// What a body needs to know.
pub(super) struct BodySetup {
    pub(super) call: Arc<CallEgress>,
    pub(super) key: String,
    pub(super) target: Target,
    pub(super) hasher: Option<Hasher>,
    pub(super) between_bytes: Duration,
    pub(super) slot: Slot,
}

impl EgressBody {
    pub(super) fn new(inner: Incoming, setup: BodySetup) -> Self {
        Self {
            inner,
            redact: setup.call.redactor().stream(),
            cancelled: Box::pin(setup.call.cancelled()),
            pace: Pace::new(
                setup.call.limits().pace_window,
                setup.call.limits().minimum_bytes,
            ),
            call: setup.call,
            key: setup.key,
            target: setup.target,
            hasher: setup.hasher,
            received: 0,
            between_bytes: setup.between_bytes,
            timer: None,
            done: false,
            _slot: setup.slot,
        }
    }

    fn fail(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.done = true;
        Poll::Ready(Some(Err(self.call.record(&self.key, fault))))
    }

    /// Takes one piece in: caps, hash, redaction. What comes out may be empty.
    fn take(&mut self, piece: Bytes) -> Result<Bytes, Fault> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(length);
        let limit = self.call.limits().response_body_bytes;
        if self.received > limit {
            return Err(body_too_large(&self.target, limit));
        }
        self.call.count_bytes(&self.target.origin.host, length)?;
        self.pace.arrived(length).map_err(|window| {
            Fault::new(
                Code::ReadTimeout,
                format!(
                    "{} sends too slowly: less than {} bytes in {window:?}.",
                    self.target, self.pace.minimum
                ),
                "The server, or the line to it, may be overloaded; try again later.",
            )
        })?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        let mut settled = self.redact.push(piece);
        // The last piece is judged before the guest has it: a guest that counts bytes and does not read on
        // must not miss the verdict.
        if self.inner.is_end_stream() {
            let rest = self.end()?;
            if !rest.is_empty() {
                settled = BytesMut::from_iter(settled.into_iter().chain(rest)).freeze();
            }
        }
        Ok(settled)
    }

    fn end(&mut self) -> Result<Bytes, Fault> {
        self.done = true;
        if let Some(hasher) = self.hasher.take() {
            hasher.finish(&self.target.to_string())?;
        }
        Ok(self.redact.finish())
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let between_bytes = self.between_bytes;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(between_bytes)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let fault = Fault::new(
            Code::ReadTimeout,
            format!(
                "{} sent nothing for {between_bytes:?} in the middle of its answer.",
                self.target
            ),
            "The server, or the line to it, may be overloaded; try again later.",
        );
        self.fail(fault)
    }
}

/// The fault for a body over its limit, announced or not.
pub(super) fn body_too_large(target: &Target, limit: u64) -> Fault {
    Fault::new(
        Code::ResponseBody(limit),
        format!(
            "The answer of {target} is larger than {limit} bytes, which is the limit for one answer."
        ),
        "Raise the limit if such answers are to be read.",
    )
}

impl Body for EgressBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        if this.cancelled.as_mut().poll(cx).is_ready() {
            let fault = CallEgress::ended();
            return this.fail(fault);
        }
        loop {
            let waker = this.pace.waker(cx.waker());
            match Pin::new(&mut this.inner).poll_frame(&mut Context::from_waker(&waker)) {
                Poll::Pending => {
                    this.pace.waits();
                    return this.wait(cx);
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) if piece.is_empty() => {
                        // Empty pieces are no progress: the timer goes on, and others get their turn.
                        cx.waker().wake_by_ref();
                        return this.wait(cx);
                    }
                    Ok(piece) => {
                        this.timer = None;
                        match this.take(piece) {
                            Err(fault) => return this.fail(fault),
                            Ok(piece) if piece.is_empty() && !this.done => {}
                            Ok(piece) if piece.is_empty() => return Poll::Ready(None),
                            Ok(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                        }
                    }
                    // Trailers are dropped: nothing that connectors read has any.
                    Err(_) => {}
                },
                Poll::Ready(Some(Err(error))) => {
                    let fault = Fault::new(
                        Code::Terminated,
                        format!(
                            "The connection to {} broke after {} bytes of its answer: {error}.",
                            this.target, this.received
                        ),
                        "The server, or a proxy before it, may be overloaded or restarting; try again later.",
                    );
                    return this.fail(fault);
                }
                Poll::Ready(None) => {
                    return match this.end() {
                        Err(fault) => this.fail(fault),
                        Ok(rest) if rest.is_empty() => Poll::Ready(None),
                        Ok(rest) => Poll::Ready(Some(Ok(Frame::data(rest)))),
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }
}

/// The least speed. Time counts from when the guest finds nothing to read until data is there; how long the
/// guest then takes to come back for it does not.
struct Pace {
    window: Duration,
    minimum: u64,
    waited: Duration,
    bytes: u64,
    since: Option<Instant>,
    /// When the waker of the newest poll was called.
    woken: Arc<OnceLock<Instant>>,
    /// The same of the poll before it: the one that had to wait.
    previous: Arc<OnceLock<Instant>>,
}

impl Pace {
    fn new(window: Duration, minimum: u64) -> Self {
        Self {
            window,
            minimum,
            waited: Duration::ZERO,
            bytes: 0,
            since: None,
            woken: Arc::default(),
            previous: Arc::default(),
        }
    }

    fn waits(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn waker(&mut self, waker: &Waker) -> Waker {
        self.previous = std::mem::take(&mut self.woken);
        Waker::from(Arc::new(Alarm {
            waker: waker.clone(),
            woken: Arc::clone(&self.woken),
        }))
    }

    fn arrived(&mut self, bytes: u64) -> Result<(), Duration> {
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(since) = self.since.take() {
            let until = self.previous.get().copied().unwrap_or_else(Instant::now);
            self.waited += until.saturating_duration_since(since);
        }
        if self.waited < self.window {
            return Ok(());
        }
        let enough = self.bytes >= self.minimum;
        self.waited = Duration::ZERO;
        self.bytes = 0;
        if enough { Ok(()) } else { Err(self.window) }
    }
}

struct Alarm {
    waker: Waker,
    woken: Arc<OnceLock<Instant>>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = self.woken.set(Instant::now());
        self.waker.wake_by_ref();
    }
}
