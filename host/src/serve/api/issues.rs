//! The queue: what to work on, and why; and work on it.

pub(crate) mod filter;
mod work;

use std::sync::Arc;

use axum::Json;
use axum::body::{Body as AxumBody, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use ox_issue::report::{self, ReportMeta};
use ox_issue::{Issue, Severity};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, blocking, tagged};
use super::extract::{Path, Query};
use super::{ApiError, ErrorCode};
use crate::host::{Host, HostError, IssueDetail};
use crate::serve::Server;
use crate::serve::auth::Viewer;
use crate::store::issues::{Funnel, IssueFilter, IssueOrder, SeverityCounts};
use filter::{ExportFormat, IssueQuery};

/// Issues that an export reads at once.
const AT_ONCE: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_issues))
        .routes(routes!(get_funnel))
        .routes(routes!(export_issues))
        .routes(routes!(get_issue))
        .merge(work::routes())
}

/// A page of the queue.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = IssueList)]
pub(crate) struct List {
    /// The issues, in the order that was asked for.
    pub(crate) issues: Vec<Issue>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List the queue
#[utoipa::path(get, path = "/issues", tag = "issues", params(IssueQuery),
    responses((status = 200, description = "The issues", body = List)))]
async fn list_issues(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<IssueQuery>,
) -> Result<Json<List>, ApiError> {
    if asked.format.is_some() {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "a list has no format; an export has one",
        )
        .field("format")
        .hint("GET /api/v1/issues/export?format=csv"));
    }
    let (filter, order) = (asked.filter()?, asked.order()?);
    let page = blocking(&server, move |host| host.issues(&filter, &order)).await?;
    Ok(Json(List {
        issues: page.issues,
        meta: Meta {
            total: page.total,
            next: page.next,
        },
    }))
}

/// How many there are of a severity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SeverityCount {
    /// The severity.
    pub(crate) severity: Severity,
    /// How many.
    pub(crate) count: u64,
}

/// What tools found, what of it is in the queue by OX's severity, and how many issues that is.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Funnel)]
pub(crate) struct FunnelReport {
    /// Everything that was found in what is there now, by the tools' severities.
    pub(crate) found: Vec<SeverityCount>,
    /// The part of it that is not excluded, by OX's severities.
    pub(crate) prioritised: Vec<SeverityCount>,
    /// The issues that it makes.
    pub(crate) issues: Vec<SeverityCount>,
}

fn counts(list: SeverityCounts) -> Vec<SeverityCount> {
    list.into_iter()
        .map(|(severity, count)| SeverityCount { severity, count })
        .collect()
}

fn pairs(list: Vec<SeverityCount>) -> SeverityCounts {
    list.into_iter()
        .map(|one| (one.severity, one.count))
        .collect()
}

impl From<Funnel> for FunnelReport {
    fn from(funnel: Funnel) -> Self {
        Self {
            found: counts(funnel.found),
            prioritised: counts(funnel.prioritised),
            issues: counts(funnel.issues),
        }
    }
}

impl From<FunnelReport> for Funnel {
    fn from(json: FunnelReport) -> Self {
        Self {
            found: pairs(json.found),
            prioritised: pairs(json.prioritised),
            issues: pairs(json.issues),
        }
    }
}

/// Read the funnel of a filter
///
/// How what the tools found came down to the issues of the queue. Order and page do not count.
#[utoipa::path(get, path = "/issues/funnel", tag = "issues", params(IssueQuery),
    responses((status = 200, description = "The funnel", body = FunnelReport)))]
async fn get_funnel(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<IssueQuery>,
) -> Result<Json<FunnelReport>, ApiError> {
    let filter = asked.filter()?;
    let funnel = blocking(&server, move |host| host.funnel(&filter)).await?;
    Ok(Json(funnel.into()))
}

/// Read one issue
///
/// With why it is as severe as it is, what shows it, what to do, and what happened to it.
#[utoipa::path(get, path = "/issues/{id}", tag = "issues",
    params(("id" = i64, Path, description = "Number of the issue")),
    responses((status = 200, description = "The issue", body = IssueDetail,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_issue(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(
        &headers,
        &blocking(&server, move |host| host.issue(id)).await?,
    )
}

/// Export what a filter takes
///
/// In the formats of others; every issue of the filter, whatever the page. It is sent as it is made.
#[utoipa::path(get, path = "/issues/export", tag = "issues", params(IssueQuery),
    responses((status = 200, description = "The report", content(
        (String = "application/json"), (String = "application/jsonl"), (String = "text/csv"),
        (String = "application/sarif+json"), (String = "application/vnd.cyclonedx+json"),
        (String = "text/html")),
        headers(("Content-Disposition" = String, description = "A name for the file")))))]
async fn export_issues(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<IssueQuery>,
) -> Result<Response, ApiError> {
    let format: report::Format = asked.format.unwrap_or(ExportFormat::Json).into();
    let filter = asked.filter()?;
    let of_funnel = filter.clone();
    let funnel = blocking(&server, move |host| host.funnel(&of_funnel)).await?;
    let meta = ReportMeta {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_at: Timestamp::now(),
        filter: asked.words(),
        funnel: Some(crate::report::issues::totals(&funnel)),
        author: report::Author::default(),
    };
    let order = IssueOrder {
        limit: AT_ONCE,
        after: None,
        ..asked.order()?
    };
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(4);
    let host = server.host.clone();
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces {
            sender,
            waiting: Vec::new(),
        };
        let mut pages = Pages::new(&host, &filter, order);
        let written = report::write(format, &mut pages, &meta, &mut pieces);
        let failed = pages.failed.map(|error| error.to_string());
        let failed = failed.or_else(|| written.err().map(|error| error.to_string()));
        pieces.end(failed);
    });
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", format.file_name()),
        ),
    ];
    Ok((headers, AxumBody::from_stream(pieces)).into_response())
}

/// Takes a report in small writes and hands it on in larger pieces; waits while nobody reads.
struct Pieces {
    sender: tokio::sync::mpsc::Sender<std::io::Result<Bytes>>,
    waiting: Vec<u8>,
}

const PIECE: usize = 64 << 10;

impl Pieces {
    fn send(&mut self) -> std::io::Result<()> {
        let piece = std::mem::take(&mut self.waiting);
        self.sender
            .blocking_send(Ok(piece.into()))
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))
    }

    /// A report that could not be written whole ends in an error, so that nobody takes it for one.
    fn end(mut self, failed: Option<String>) {
        match failed {
            Some(why) => {
                let _ = self.sender.blocking_send(Err(std::io::Error::other(why)));
            }
            None => {
                let _ = self.send();
            }
        }
    }
}

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All issues of a filter, a page at a time.
struct Pages<'a> {
    host: &'a Host,
    filter: &'a IssueFilter,
    order: IssueOrder,
    waiting: std::vec::IntoIter<Issue>,
    ended: bool,
    failed: Option<HostError>,
}

impl<'a> Pages<'a> {
    fn new(host: &'a Host, filter: &'a IssueFilter, order: IssueOrder) -> Self {
        Self {
            host,
            filter,
            order,
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
            match self.host.issues(self.filter, &self.order) {
                Ok(page) => {
                    self.ended = page.next.is_none();
                    self.order.after = page.next;
                    self.waiting = page.issues.into_iter();
                }
                Err(error) => {
                    self.failed = Some(error);
                    self.ended = true;
                }
            }
        }
    }
}
