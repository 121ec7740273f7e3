//! A large body, read ahead of the guest: while the guest inflates one piece, the next ones arrive and are
//! counted, hashed and redacted on another core.
//!
//! A few pieces at most, and no more until the guest takes one: a guest that stops reading stops the line, as
//! before. Small answers are not worth a task.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use wasmtime_wasi_http::Error;

use super::body::EgressBody;
use super::call::CallEgress;

/// Bytes from which on a body is read ahead.
pub(super) const FROM: u64 = 256 << 10;

/// Pieces that wait for the guest. hyper's grow to some hundred kilobytes.
const PIECES: usize = 8;

/// What the task tells.
enum Told {
    Piece(Result<Frame<Bytes>, Error>),
    End,
}

/// See the module.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Told>,
    done: bool,
}

impl ReadAhead {
    /// Starts reading. Dropping the result ends it.
    pub(super) fn new(mut body: EgressBody) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            loop {
                // Room first: what nobody takes is not read.
                let Ok(room) = sender.reserve().await else {
                    return;
                };
                let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
                let piece = tokio::select! {
                    piece = next => piece,
                    () = sender.closed() => return,
                };
                let Some(piece) = piece else {
                    room.send(Told::End);
                    return;
                };
                let last = piece.is_err();
                room.send(Told::Piece(piece));
                if last {
                    return;
                }
            }
        });
        Self {
            pieces,
            done: false,
        }
    }
}

impl Body for ReadAhead {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let told = match self.pieces.poll_recv(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(told) => told,
        };
        Poll::Ready(match told {
            Some(Told::Piece(Ok(piece))) => Some(Ok(piece)),
            Some(Told::Piece(Err(error))) => {
                self.done = true;
                Some(Err(error))
            }
            Some(Told::End) => {
                self.done = true;
                None
            }
            // The task is gone without a word (a shutdown). That is no end of the body: nobody has checked
            // its digest.
            None => {
                self.done = true;
                Some(Err(CallEgress::ended().error()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }
}
