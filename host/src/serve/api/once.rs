//! Requests that are done once, however often they come: `Idempotency-Key`.
//!
//! The answer is kept for a day under the key and who sent it, with a digest of what was asked for. The same key
//! with the same request is given the kept answer; with another one it is refused.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::answer::hex;
use super::runs::{location_header, owner};
use super::{ApiError, ErrorCode};
use crate::serve::Server;
use crate::serve::auth::Actor;

const KEY: &str = "idempotency-key";
/// Longest key, in characters.
const LONGEST: usize = 200;

/// One at a time, so that two requests with one key are not both done.
static KEYED: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// An answer that can be kept.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: serde_json::Value,
}

impl Answer {
    fn response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(address) = &self.location {
            location_header(&mut response, address);
        }
        response
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let plain = |key: &&str| {
        !key.is_empty() && key.len() <= LONGEST && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match value.to_str().ok().filter(plain) {
        Some(key) => Ok(Some(key)),
        None => Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("a key is 1 to {LONGEST} visible ASCII characters"),
        )
        .field("Idempotency-Key")),
    }
}

/// Does something once for a key; without one, every time.
pub(super) async fn once(
    server: &Arc<Server>,
    actor: &Actor,
    headers: &HeaderMap,
    what: &str,
    body: &[u8],
    work: impl AsyncFnOnce() -> Result<Answer, ApiError>,
) -> Result<Response, ApiError> {
    let Some(key) = key_of(headers)? else {
        return Ok(work().await?.response());
    };
    let mut digest = Sha256::new();
    digest.update(what.as_bytes());
    digest.update([0]);
    digest.update(body);
    let digest = hex(&digest.finalize());
    let _one = KEYED.lock().await;
    if let Some(kept) = server.host.kept_answer(&owner(actor), key)? {
        if kept.digest != digest {
            return Err(
                ApiError::new(ErrorCode::Invalid, "this key was used for another request")
                    .field("Idempotency-Key")
                    .hint("make a new key for each request; a key is kept for a day"),
            );
        }
        let (location, body) = serde_json::from_str(&kept.answer).unwrap_or_default();
        let answer = Answer {
            status: StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK),
            location,
            body,
        };
        let mut response = answer.response();
        response
            .headers_mut()
            .insert("idempotency-replayed", HeaderValue::from_static("true"));
        return Ok(response);
    }
    let answer = work().await?;
    let text = serde_json::to_string(&(&answer.location, &answer.body)).unwrap_or_default();
    let status = answer.status.as_u16();
    server
        .host
        .keep_answer(owner(actor), key.to_owned(), digest, status, text)
        .await?;
    Ok(answer.response())
}
