//! The queue: the list, one issue, and what people do with them.

mod detail;
mod filters;
mod ladder;
mod listing;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use ox_console::Section;
use ox_console::pages::issues::{Coverage, Issues};
use ox_issue::Issue;
use ox_issue::report::Format;
use sha2::{Digest, Sha256};

use super::frame::{Frame, cookie, page};
use crate::host::{Host, HostError};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::Viewer;
use crate::store::StoreError;
use query::Asked;

/// Issues of a page.
const PAGE: usize = 50;
/// Most issues of one action.
const BULK: u64 = 1000;
/// The cookie of the columns.
const COLUMNS: &str = "ox_columns";

/// The routes of the queue.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/issues", get(list))
        .route("/issues/{id}", get(one))
}

/// Which state of an issue somebody looks at: an edit says it, and is refused when it is another meanwhile.
pub(crate) fn version(issue: &Issue) -> String {
    let state = serde_json::json!([
        issue.severity,
        issue.override_,
        issue.exclusion,
        issue.assignee,
        issue.status
    ]);
    let digest = Sha256::digest(state.to_string().as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Why the host said no, as a page or the API's envelope.
pub(super) fn fault(error: HostError) -> ApiError {
    match refusal(&error) {
        Some(sentence) if sentence.starts_with("there is no issue") => {
            ApiError::new(ErrorCode::NotFound, sentence)
        }
        Some(sentence) => ApiError::new(ErrorCode::Invalid, sentence),
        None => error.into(),
    }
}

/// The sentence of something that was refused because of what was asked for, not because something broke.
fn refusal(error: &HostError) -> Option<String> {
    match error {
        HostError::Other(cause) => match cause.downcast_ref::<StoreError>() {
            Some(StoreError::Refused(sentence)) => Some(sentence.clone()),
            _ => None,
        },
        HostError::Unknown { .. } | HostError::Settings(_) => Some(error.to_string()),
        _ => None,
    }
}

/// Runs what reads the store where it keeps nobody waiting.
pub(super) async fn reading<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Host) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let host = server.host.clone();
    tokio::task::spawn_blocking(move || work(&host))
        .await
        .map_err(|_| ApiError::new(ErrorCode::Unexpected, "the page could not be read"))?
}

async fn list(
    State(server): State<Arc<Server>>,
    Viewer(_actor): Viewer,
    frame: Frame,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let mut asked = Asked::read(&query);
    let wanted = (!asked.columns.is_empty()).then(|| asked.columns.join(","));
    if asked.columns.is_empty()
        && let Some(columns) = cookie(&headers, COLUMNS)
    {
        asked.columns = Asked::read(&format!("columns={columns}")).columns;
    }
    let chrome = frame.chrome("Active issues", Section::Issues);
    let shown = reading(&server, move |host| {
        let mut shown = compose(host, &asked)?;
        shown.chrome = chrome;
        Ok(shown)
    })
    .await?;
    let mut response = page(&shown);
    if let Some(columns) = wanted {
        let cookie = format!(
            "{COLUMNS}={columns}; Path=/issues; Max-Age=31536000; HttpOnly; SameSite=Strict"
        );
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

/// The page of a list, without what is around it.
fn compose(host: &Host, asked: &Asked) -> Result<Issues, ApiError> {
    let now = crate::store::now();
    // The tiles are filters: they count as if no severity was chosen.
    let mut wide = asked.filter.clone();
    wide.severity.clear();
    wide.min_severity = None;
    let facets = host.facets(&asked.filter).map_err(fault)?;
    let funnel = match host.funnel(&wide) {
        Ok(funnel) => funnel,
        Err(error) => match refusal(&error) {
            Some(_) => Default::default(),
            None => return Err(error.into()),
        },
    };
    let shown_funnel = listing::funnel(asked, &funnel);
    let mut total = shown_funnel.issues;
    let found = match asked.group {
        Some(group) => host.groups(&asked.filter, group).map(|found| {
            (
                found.groups.is_empty(),
                listing::groups(asked, group, &found),
            )
        }),
        None => host.issues(&asked.filter, &asked.order(PAGE)).map(|found| {
            total = found.total;
            (found.issues.is_empty(), listing::rows(asked, &found, &now))
        }),
    };
    let list = match found {
        Ok((false, list)) => list,
        Ok((true, _)) => {
            let connections = host.connections().map_err(fault)?.len();
            let scans = host.scans(None).map_err(fault)?.len();
            listing::nothing(asked, connections, scans)
        }
        Err(error) => match refusal(&error) {
            Some(sentence) => listing::refused(&sentence),
            None => return Err(error.into()),
        },
    };
    let (bar, more) = filters::all(asked, &facets, &funnel.issues);
    let query = asked.write();
    let mut columns_kept = asked.clone();
    columns_kept.columns.clear();
    let pairs = |pairs: Vec<(&'static str, String)>| -> Vec<(String, String)> {
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    };
    let mut kept = columns_kept.filters();
    kept.extend(columns_kept.manner());
    Ok(Issues {
        chrome: ox_console::Chrome::open(""),
        funnel: shown_funnel,
        views: Vec::new(),
        view: None,
        search: asked.filter.text.clone().unwrap_or_default(),
        filters: bar,
        more,
        kept: filters::kept(asked),
        chips: filters::chips(asked),
        clear: filters::clear(asked),
        notices: asked.problems.clone(),
        coverage: coverage(host)?,
        groupings: listing::groupings(asked),
        columns: listing::column_choices(asked),
        columns_kept: pairs(kept),
        list,
        exports: exports(&query),
        query,
        total,
        bulk_limit: BULK,
    })
}

/// What was not looked at, in a sentence.
fn coverage(host: &Host) -> Result<Option<Coverage>, ApiError> {
    let (mut all, mut partial) = (0_u64, 0_u64);
    for scan in host.newest_coverage().map_err(fault)? {
        all += scan.0;
        partial += scan.1;
    }
    Ok((partial > 0).then(|| Coverage {
        sentence: format!(
            "{} of {} scanned so far were not looked at completely: there may be more issues than these.",
            ox_console::text::count(partial),
            ox_console::text::counted(all, "location", "locations"),
        ),
        link: ("What was not scanned".to_owned(), "/images".to_owned()),
    }))
}

/// Formats and where each is answered.
fn exports(query: &str) -> Vec<(String, String)> {
    let label = |format: Format| match format {
        Format::Json => "JSON",
        Format::JsonLines => "JSON lines",
        Format::Csv => "CSV",
        Format::Sarif => "SARIF",
        Format::CycloneDx => "CycloneDX",
        Format::CycloneDxVex => "CycloneDX VEX",
        Format::OpenVex => "OpenVEX",
        Format::GitLab => "GitLab report",
        Format::OxUpload => "OX manual upload",
        Format::Html => "HTML page",
    };
    Format::ALL
        .into_iter()
        .map(|format| {
            let and = if query.is_empty() { "" } else { "&" };
            let href = format!("/issues/export?format={}{and}{query}", format.name());
            (label(format).to_owned(), href)
        })
        .collect()
}

async fn one(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    frame: Frame,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let id = issue_number(&id)?;
    let chrome = frame.chrome(format!("OX-{id}"), Section::Issues);
    let context = detail::Around::read(&query.unwrap_or_default());
    let shown = reading(&server, move |host| {
        let detail = host.issue(id).map_err(fault)?;
        let (previous, next) = detail::neighbours(host, &detail.issue, &context)?;
        Ok(detail::page(
            chrome,
            &detail,
            &actor,
            &context,
            (previous, next),
            &crate::store::now(),
        ))
    })
    .await?;
    Ok(page(&shown))
}

/// `17` or `OX-17`.
fn issue_number(text: &str) -> Result<i64, ApiError> {
    let digits = text
        .strip_prefix("OX-")
        .or_else(|| text.strip_prefix("ox-"))
        .unwrap_or(text);
    digits.parse().map_err(|_| {
        ApiError::new(ErrorCode::NotFound, "there is no such issue")
            .hint("The number of an issue stands in the list, for example OX-17.")
    })
}
