//! What goes out: pages of lists, single resources with their tag, and work that takes long.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ApiError, ErrorCode};
use crate::host::{Host, HostError};
use crate::serve::Server;

/// Rows of a page when nobody says otherwise.
pub(super) const ROWS: usize = 100;
/// Most rows of a page.
pub(super) const MOST_ROWS: usize = 1000;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Meta {
    /// Rows in all.
    pub total: u64,
    /// `after` of the next page; null after the last.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// `next` of the page before.
    pub(super) after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
}

/// How many rows.
pub(super) fn rows(limit: Option<usize>) -> Result<usize, ApiError> {
    match limit {
        None => Ok(ROWS),
        Some(limit) if (1..=MOST_ROWS).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("a page has 1 to {MOST_ROWS} rows"),
        )
        .field("limit")),
    }
}

/// The page of a list behind the row of a key. A key is the row's own, so rows that come or go before it do not
/// move the page; one that went itself is told.
pub(super) fn page<T>(
    list: Vec<T>,
    after: Option<&str>,
    limit: Option<usize>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Meta), ApiError> {
    let limit = rows(limit)?;
    let total = list.len() as u64;
    let begin = match after {
        None => 0,
        Some(after) => {
            let place = list.iter().position(|row| sealed(&key(row)) == after);
            place.map(|place| place + 1).ok_or_else(|| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    "the list has no such place (any more)",
                )
                .field("after")
                .hint("begin again without after")
            })?
        }
    };
    let more = list.len() > begin + limit;
    let rows: Vec<T> = list.into_iter().skip(begin).take(limit).collect();
    let next = rows.last().filter(|_| more).map(|row| sealed(&key(row)));
    Ok((rows, Meta { total, next }))
}

/// A key as a page's place: short, and nothing that somebody would take apart.
fn sealed(key: &str) -> String {
    hex(Sha256::digest(key.as_bytes()).get(..12).unwrap_or_default())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The tag of a resource: of what it says, so that two that say the same have the same.
pub(super) fn tag_of(bytes: &[u8]) -> String {
    format!(
        "\"{}\"",
        hex(Sha256::digest(bytes).get(..16).unwrap_or_default())
    )
}

fn bytes_of(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|error| {
        ApiError::new(
            ErrorCode::Unexpected,
            format!("the answer could not be written: {error}"),
        )
    })
}

/// A single resource with its tag; 304 when the asker has it already.
pub(super) fn tagged(headers: &HeaderMap, value: &impl Serialize) -> Result<Response, ApiError> {
    let bytes = bytes_of(value)?;
    let tag = tag_of(&bytes);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| names(known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn names(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == "*" || one == tag)
}

/// Refuses an edit of something that is no longer as the editor knows it.
pub(super) fn must_match(headers: &HeaderMap, value: &impl Serialize) -> Result<(), ApiError> {
    let Some(said) = headers.get(header::IF_MATCH) else {
        return Err(ApiError::new(
            ErrorCode::PreconditionRequired,
            "an edit has to say what it edits",
        )
        .hint("read the resource, and send its ETag as If-Match (or If-Match: *)")
        .field("If-Match"));
    };
    let tag = tag_of(&bytes_of(value)?);
    if said.to_str().is_ok_and(|said| names(said, &tag)) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::Changed,
        "somebody changed it meanwhile, so nothing was done",
    )
    .hint("read it again, and edit what it says now"))
}

/// Edits one after the other, so that nothing changes between a look at the tag and the edit.
pub(super) static EDITS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Reads from the host where nothing waits for it.
pub(super) async fn blocking<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Host) -> Result<T, HostError> + Send + 'static,
) -> Result<T, ApiError> {
    let host = server.host.clone();
    tokio::task::spawn_blocking(move || work(&host))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Unexpected, error.to_string()))?
        .map_err(ApiError::from)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    #[test]
    fn a_page_goes_on_behind_its_last_row_whatever_came_before_it() {
        let list: Vec<u32> = (0..10).collect();
        let (first, meta) = page(list, None, Some(4), ToString::to_string).unwrap();
        assert_eq!((first, meta.total), (vec![0, 1, 2, 3], 10));
        let grown: Vec<u32> = [90, 91].into_iter().chain(0..10).collect();
        let (second, meta) =
            page(grown, meta.next.as_deref(), Some(4), ToString::to_string).unwrap();
        assert_eq!(second, [4, 5, 6, 7]);
        let (last, meta) = page(
            (0..10).collect(),
            meta.next.as_deref(),
            Some(4),
            |n: &u32| n.to_string(),
        )
        .unwrap();
        assert_eq!((last, meta.next), (vec![8, 9], None));
        assert!(page(vec![1], Some("nowhere"), None, ToString::to_string).is_err());
        assert!(page(vec![1], None, Some(0), ToString::to_string).is_err());
        assert!(page(vec![1], None, Some(1001), ToString::to_string).is_err());
    }

    #[test]
    fn an_edit_needs_the_tag_of_what_is_there() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            must_match(&headers, &1).unwrap_err().code,
            ErrorCode::PreconditionRequired
        );
        headers.insert(header::IF_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(
            must_match(&headers, &1).unwrap_err().code,
            ErrorCode::Changed
        );
        let tag = tag_of(b"1");
        headers.insert(header::IF_MATCH, HeaderValue::from_str(&tag).unwrap());
        assert!(must_match(&headers, &1).is_ok());
        assert!(must_match(&headers, &2).is_err());
    }
}
