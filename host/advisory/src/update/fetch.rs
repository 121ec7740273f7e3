//! The network, as far as an update needs it. The host implements it over its own client, with its own
//! policy, proxies, certificates and timeouts; this crate never opens a connection.

use std::io::{self, Read};

use crate::import::Stop;

use super::Watched;

/// Gets addresses. Blocking: call [`super::run`] on a thread of its own.
pub trait Fetch: Sync {
    /// One GET. Redirects are followed; the body is handed out as it is stored, not unpacked. An answer of
    /// any status is no error.
    fn get(&self, request: &Request<'_>) -> Result<Response, FetchError>;
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The address.
    pub url: &'a str,
    /// `If-None-Match`: answer 304 when it is still this.
    pub etag: Option<&'a str>,
    /// `Range: bytes=N-` with `If-Range`: from this byte on (answer 206) when it is still this; all of it
    /// (200) when not.
    pub resume: Option<(u64, &'a str)>,
}

impl<'a> Request<'a> {
    pub(super) fn new(url: &'a str) -> Self {
        Self {
            url,
            etag: None,
            resume: None,
        }
    }
}

/// What is answered.
pub struct Response {
    /// Status of the last answer, after redirects.
    pub status: u16,
    /// `ETag`, as it is written.
    pub etag: Option<String>,
    /// `Content-Length` of this answer (of the rest, for 206).
    pub length: Option<u64>,
    /// The body.
    pub body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// An answer that is usable: 200, 206 and 304.
pub(super) fn get(fetch: &dyn Fetch, request: &Request<'_>) -> Result<Response, Stop> {
    let url = request.url;
    let response = fetch.get(request);
    usable(
        response.map_err(|error| Stop::Failed(format!("{url}: {error}")))?,
        url,
    )
}

pub(super) fn usable(response: Response, url: &str) -> Result<Response, Stop> {
    match response.status {
        200 | 206 | 304 => Ok(response),
        404 => Err(Stop::Failed(format!(
            "{url} is not there (404); look at the address of the mirror"
        ))),
        status @ (401 | 403) => Err(Stop::Failed(format!("{url} may not be read ({status})"))),
        status => Err(Stop::Failed(format!(
            "{url} answered {status}; try again later"
        ))),
    }
}

/// A whole body, up to a limit.
pub(super) fn body(
    response: Response,
    url: &str,
    limit: usize,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<u8>, Stop> {
    let length = response.length;
    let mut cancelled = false;
    let mut watch = |bytes| {
        cancelled = !go_on(bytes);
        !cancelled
    };
    let mut bytes = Vec::new();
    let body = Watched {
        inner: response.body,
        bytes: 0,
        go_on: &mut watch,
    };
    let read = body.take(limit as u64 + 1).read_to_end(&mut bytes);
    if cancelled {
        return Err(Stop::Cancelled);
    }
    read.map_err(|error| Stop::Failed(format!("{url} broke off: {error}")))?;
    if bytes.len() > limit {
        return Err(Stop::Failed(format!("{url} is larger than {limit} bytes")));
    }
    if length.is_some_and(|length| length != bytes.len() as u64) {
        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
        return Err(Stop::Failed(format!("{url} broke off: {error}")));
    }
    Ok(bytes)
}
