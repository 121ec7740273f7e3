//! Patience with clients, and its end: connections on which nothing happens, and bodies that do not come.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// Between two pieces of a body.
const PIECE: Duration = Duration::from_secs(30);
/// For a whole body: a component of 256 MiB at 4 Mbit/s.
const WHOLE: Duration = Duration::from_mins(10);

/// A connection that is closed when nothing moves on it, in either direction.
pub(super) struct Patient {
    stream: TcpStream,
    idle: Duration,
    until: Pin<Box<Sleep>>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, idle: Duration) -> Self {
        Self {
            stream,
            idle,
            until: Box::pin(tokio::time::sleep(idle)),
        }
    }

    /// Something moved.
    fn moved(&mut self) {
        self.until.as_mut().reset(Instant::now() + self.idle);
    }

    /// Nothing moves; an error when that has been so for too long.
    fn still<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.still(context),
            ended => {
                self.moved();
                ended
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.still(context),
            ended => {
                self.moved();
                ended
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, pieces) {
            Poll::Pending => self.still(context),
            ended => {
                self.moved();
                ended
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A body that has to move, and to end.
pub(super) struct Moving {
    body: Incoming,
    end: Instant,
    until: Pin<Box<Sleep>>,
}

impl Moving {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            end: Instant::now() + WHOLE,
            until: Box::pin(tokio::time::sleep(PIECE)),
        }
    }
}

impl Body for Moving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => {
                ready!(self.until.as_mut().poll(context));
                let error = io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the body of the request did not come in time",
                );
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(frame) => {
                let end = (Instant::now() + PIECE).min(self.end);
                self.until.as_mut().reset(end);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
