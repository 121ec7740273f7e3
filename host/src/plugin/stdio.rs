//! What a component prints: the last of it is kept, to explain a crash.
//!
//! A Rust component that panics prints the reason and then runs into `unreachable`, so the last line on its
//! standard error is the best there is. The stream is our own, not the library's adapter: that one spawns a
//! task and queues writes without end (GHSA-5m8g-xhq4-4h93); this one holds a bounded tail and nothing else.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes that are kept of what a call printed.
const TAIL: usize = 8 << 10;

/// Bytes that a component may write at once.
const PERMIT: usize = 64 << 10;

/// The last bytes that were printed.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let bytes = bytes
            .get(bytes.len().saturating_sub(TAIL)..)
            .unwrap_or(bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = (kept.len() + bytes.len())
            .saturating_sub(TAIL)
            .min(kept.len());
        kept.drain(..surplus);
        kept.extend(bytes);
    }

    /// What explains a crash: the message of a panic, else the last line that is not empty.
    ///
    /// Rust prints `thread 'main' panicked at file:line:` and the message on the next line, then a note on
    /// backtraces; the message and the place are put into one line.
    pub(crate) fn explanation(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        drop(kept);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("note: "))
            .collect();
        if let Some(position) = lines.iter().rposition(|line| line.contains("panicked at "))
            && let Some(place) = lines
                .get(position)
                .and_then(|line| line.split_once("panicked at "))
                .map(|(_, place)| place.trim_end_matches(':'))
        {
            let message = lines.get(position + 1..).unwrap_or_default().join(" ");
            return Some(if message.is_empty() {
                format!("panicked at {place}")
            } else {
                format!("{message} (at {place})")
            });
        }
        lines.last().map(|line| (*line).to_owned())
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl AsyncWrite for Tail {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_one_line_with_its_place() {
        let tail = Tail::default();
        tail.push(b"warming up\n\nthread 'main' panicked at src/lib.rs:7:5:\nno such layer\n");
        tail.push(
            b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        );
        assert_eq!(
            tail.explanation().unwrap(),
            "no such layer (at src/lib.rs:7:5)"
        );
    }

    #[test]
    fn without_a_panic_the_last_line_explains() {
        let tail = Tail::default();
        assert_eq!(tail.explanation(), None);
        tail.push(b"one\nmemory allocation of 65536 bytes failed\n\n");
        assert_eq!(
            tail.explanation().unwrap(),
            "memory allocation of 65536 bytes failed"
        );
    }

    #[test]
    fn a_flood_keeps_its_end_and_no_more() {
        let tail = Tail::default();
        for number in 0..100_000 {
            tail.push(format!("line {number}\n").as_bytes());
            tail.push(b"");
        }
        tail.push(&vec![b'x'; 3 * TAIL]);
        tail.push(b"\nthe end");
        assert_eq!(tail.explanation().unwrap(), "the end");
        assert!(tail.0.lock().unwrap().len() <= TAIL);
    }
}
