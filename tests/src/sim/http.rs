//! Requests and replies as the handlers see them: whole, and with the path still percent-encoded.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::time::Duration;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// `Host`, or the authority of HTTP/2.
    pub(crate) host: String,
    /// As it came, percent-encoded.
    pub(crate) path: String,
    /// As it came, without the question mark.
    pub(crate) raw_query: String,
    /// Decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    /// The first header of a name, as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The last value of a query parameter, as Rack has it.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a list parameter (`scope[]`).
    pub(crate) fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// True for HEAD.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// True for what reads.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Percent-decoding of one path segment.
pub(crate) fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// `application/x-www-form-urlencoded`, decoded.
pub(crate) fn query_pairs(raw: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(raw.as_bytes())
        .into_owned()
        .collect()
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, lower-case names.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// Send so many bytes of the body, then drop the connection.
    pub cut_after: Option<usize>,
    /// Drop the connection instead of answering.
    pub hang_up: bool,
    /// Wait before the answer.
    pub delay: Duration,
}

impl Reply {
    /// An empty answer.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            cut_after: None,
            hang_up: false,
            delay: Duration::ZERO,
        }
    }

    /// An answer of any type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::new(status).header("content-type", content_type);
        reply.body = body.into();
        reply
    }

    /// A JSON answer.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::of(status, "application/json", value.to_string())
    }

    /// A plain text answer.
    pub fn text(status: u16, text: &str) -> Self {
        Self::of(status, "text/plain", text.to_owned())
    }

    /// Rails' usual refusal: `{"message":"…"}`.
    pub(crate) fn message(status: u16, text: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": text }))
    }

    /// Grape's refusal of a parameter: `{"error":"…"}`.
    pub(crate) fn error(status: u16, text: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": text }))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
