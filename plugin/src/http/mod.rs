//! Outbound HTTP as the rest of the connector sees it.
//!
//! Two layers. A [`Transport`] starts requests without waiting and answers them later, so that many
//! overlap in a single-threaded guest; `wasi.rs` implements it over `wasi:http`, tests with scripts. A
//! [`Client`] adds what every call to GitLab or a registry needs: a window of requests, retries within a
//! budget that progress resets, and the patience that rate-limit headers ask for.

mod client;
mod failure;
mod headers;
pub mod link;
mod retry;
#[cfg(target_arch = "wasm32")]
pub mod wasi;

#[cfg(test)]
pub mod script;

use std::io::Read;
use std::time::Duration;

pub use client::{Client, ERROR_BODY_CAP, WINDOW};
pub use headers::Headers;
pub use retry::RetryPolicy;

/// The methods that the connector uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read the headers only.
    Head,
    /// GraphQL queries, which read too.
    Post,
}

/// One request, kept whole so that it can be sent again.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Absolute address, without credentials.
    pub url: String,
    /// In the order given; names in any case.
    pub headers: Vec<(String, String)>,
    /// Empty but for [`Method::Post`].
    pub body: Vec<u8>,
}

impl Request {
    /// A GET of `url` without headers.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A HEAD of `url` without headers.
    pub fn head(url: impl Into<String>) -> Self {
        Self {
            method: Method::Head,
            ..Self::get(url)
        }
    }

    /// A POST of JSON to `url`.
    pub fn post_json(url: impl Into<String>, body: Vec<u8>) -> Self {
        let request = Self {
            method: Method::Post,
            body,
            ..Self::get(url)
        };
        request.with("content-type", "application/json")
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Lets the host hash the body while it streams and fail it at the end if it differs.
    #[must_use]
    pub fn expect_digest(self, digest: &str) -> Self {
        self.with("ox-expect-digest", digest)
    }
}

/// The head of an answer, and its body as a stream.
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Headers,
    /// The body. Errors of this reader wrap a [`TransportError`] where the transport failed.
    pub body: Box<dyn Read>,
}

impl Response {
    /// Reads the body whole, at most `cap` bytes; one byte more is [`TransportError::over_limit`].
    pub fn read_capped(&mut self, cap: usize) -> Result<Vec<u8>, TransportError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
        (&mut self.body)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(TransportError::from_io)?;
        if bytes.len() > cap {
            return Err(TransportError::over_limit(cap));
        }
        Ok(bytes)
    }
}

/// An answer that was read whole.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Headers,
    /// The body; of an answer from 400 on, only its beginning ([`ERROR_BODY_CAP`]).
    pub body: Vec<u8>,
}

/// What kind of trouble a request met before (or while) an answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The host's policy refused the address.
    Denied,
    /// The name could not be resolved.
    Dns,
    /// Nothing listens there, or the network does not lead there.
    Connect,
    /// The TLS handshake failed: untrusted, expired, another name.
    Tls,
    /// A time-out.
    Timeout,
    /// The connection broke while a body was on its way, or the answer was not HTTP.
    Dropped,
    /// The body's digest is not the one expected.
    Digest,
    /// A cap of the host or of the connector was reached.
    OverLimit,
    /// The call is being stopped.
    Stopped,
}

impl TroubleKind {
    /// The kinds that the host says with words, for want of a code in `wasi:http`: `digest: …` at the end of
    /// a body that differs, `limit: …`, `stopped`. With the sentence behind the word, for people.
    pub fn from_words(words: &str) -> Option<(Self, &str)> {
        let after = |word: &str| words.strip_prefix(word).map(str::trim_start);
        after("digest:")
            .map(|sentence| (Self::Digest, sentence))
            .or_else(|| after("limit:").map(|sentence| (Self::OverLimit, sentence)))
            .or_else(|| words.starts_with("stopped").then_some((Self::Stopped, "")))
    }
}

/// A request that failed without an answer to look at.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// One sentence that names the address; the host's own words where it has them.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl TransportError {
    /// A body that is longer than `cap` bytes.
    pub fn over_limit(cap: usize) -> Self {
        Self {
            kind: TroubleKind::OverLimit,
            message: format!("the answer is longer than {cap} bytes"),
            hint: String::new(),
        }
    }

    /// Takes the transport's error out of a reader's, or describes the reader's.
    pub fn from_io(error: std::io::Error) -> Self {
        let text = error.to_string();
        match error
            .into_inner()
            .and_then(|inner| inner.downcast::<Self>().ok())
        {
            Some(inner) => *inner,
            None => Self {
                kind: TroubleKind::Dropped,
                message: text,
                hint: String::new(),
            },
        }
    }

    /// Wraps the error so that it can travel through [`Read`].
    pub fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }

    /// True for trouble that may pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            TroubleKind::Dns | TroubleKind::Connect | TroubleKind::Timeout | TroubleKind::Dropped
        )
    }
}

/// A request on its way.
pub trait Pending {
    /// Waits for the head of the answer.
    fn wait(self: Box<Self>) -> Result<Response, TransportError>;
}

/// Everything that the core needs from outside, so that tests can stand in for it.
pub trait Transport {
    /// Starts a request; never waits.
    fn start(&self, request: &Request) -> Box<dyn Pending>;
    /// Waits.
    fn sleep(&self, duration: Duration);
    /// Seconds since 1970, for expiry dates.
    fn unix_now(&self) -> u64;
    /// A clock that only goes forward, for budgets.
    fn monotonic(&self) -> Duration;
    /// A random number, for jitter.
    fn random(&self) -> u64;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_words_say_the_kind() {
        assert_eq!(
            TroubleKind::from_words("digest: it differs"),
            Some((TroubleKind::Digest, "it differs"))
        );
        assert_eq!(
            TroubleKind::from_words("limit:"),
            Some((TroubleKind::OverLimit, ""))
        );
        assert_eq!(
            TroubleKind::from_words("stopped by the host"),
            Some((TroubleKind::Stopped, ""))
        );
        assert_eq!(TroubleKind::from_words("the digest: differs"), None);
    }

    #[test]
    fn trouble_travels_through_a_reader_unchanged() {
        let error = TransportError {
            kind: TroubleKind::Digest,
            message: "differs".to_owned(),
            hint: "push again".to_owned(),
        };
        let back = TransportError::from_io(error.into_io());
        assert_eq!(
            (back.kind, back.hint.as_str()),
            (TroubleKind::Digest, "push again")
        );
        let other = TransportError::from_io(std::io::Error::other("gone"));
        assert_eq!(
            (other.kind, other.message.as_str()),
            (TroubleKind::Dropped, "gone")
        );
    }
}
