//! The list in the formats of others, as it is written: a long queue is never held at once.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ox_issue::Issue;
use ox_issue::report::{self, Author, Format, ReportMeta};
use tokio::sync::mpsc;

use super::query::Asked;
use super::{fault, filters, reading};
use crate::host::Host;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::Viewer;
use crate::store::issues::IssueOrder;

/// Issues that are read at once.
const PAGE: usize = 500;
/// Bytes that are sent at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for a slow reader.
const WAITING: usize = 4;

/// `GET /issues/export`.
pub(super) async fn export(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let (name, asked) = asked(&query);
    let format: Format = name.parse().map_err(|error: report::NotAFormat| {
        ApiError::new(ErrorCode::BadRequest, error.to_string()).field("format")
    })?;
    // What can't be read is told before the first byte.
    let filter = asked.filter.clone();
    let funnel = reading(&server, move |host| host.funnel(&filter).map_err(fault)).await?;
    let meta = ReportMeta {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_at: jiff::Timestamp::now(),
        filter: filters::sentence(&asked),
        funnel: Some(crate::report::issues::totals(&funnel)),
        author: Author {
            name: actor.name.clone(),
            ..Author::default()
        },
    };
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    let host = server.host.clone();
    tokio::task::spawn_blocking(move || {
        let mut pages = Pages::new(&host, &asked);
        let mut out = io::BufWriter::with_capacity(CHUNK, Sending(sender.clone()));
        let written = report::write(format, &mut pages, &meta, &mut out).and_then(|_| out.flush());
        let failed = pages
            .failed
            .or_else(|| written.err().map(|error| error.to_string()));
        if let Some(why) = failed {
            tracing::warn!(why, "an export ended before its end");
            // The reader sees that the file is not whole.
            let _ = sender.blocking_send(Err(io::Error::other("the export could not be ended")));
        }
    });
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.media_type()),
    );
    let disposition = format!("attachment; filename=\"{}\"", format.file_name());
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The format, and the list.
fn asked(query: &str) -> (String, Asked) {
    let mut name = "csv".to_owned();
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key == "format" {
            name = value.into_owned();
        } else {
            rest.append_pair(&key, &value);
        }
    }
    (name, Asked::read(&rest.finish()))
}

/// What is written goes to the reader.
struct Sending(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::BrokenPipe,
                    "nobody reads the export any more",
                )
            })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All issues of a list, a page at a time.
struct Pages<'a> {
    host: &'a Host,
    asked: &'a Asked,
    order: IssueOrder,
    waiting: std::vec::IntoIter<Issue>,
    ended: bool,
    failed: Option<String>,
}

impl<'a> Pages<'a> {
    fn new(host: &'a Host, asked: &'a Asked) -> Self {
        Self {
            host,
            asked,
            order: IssueOrder {
                after: None,
                ..asked.order(PAGE)
            },
            waiting: Vec::new().into_iter(),
            ended: false,
            failed: None,
        }
    }
}

impl Iterator for Pages<'_> {
    type Item = Issue;

    fn next(&mut self) -> Option<Issue> {
        loop {
            if let Some(issue) = self.waiting.next() {
                return Some(issue);
            }
            if self.ended {
                return None;
            }
            match self.host.issues(&self.asked.filter, &self.order) {
                Ok(page) => {
                    self.ended = page.next.is_none();
                    self.order.after = page.next;
                    self.waiting = page.issues.into_iter();
                }
                Err(error) => {
                    self.failed = Some(error.to_string());
                    self.ended = true;
                }
            }
        }
    }
}
