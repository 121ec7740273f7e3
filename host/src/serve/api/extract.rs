//! What comes in: bodies, query parameters and the parts of an address, each refused with the envelope.
//!
//! A field or a parameter that nobody knows is refused: a misspelt one would otherwise change nothing, and
//! whoever sent it would not learn that.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{ApiError, ErrorCode};

/// Largest body of a request, in bytes.
pub(super) const BODY_BYTES: usize = 1 << 20;

/// A body in JSON.
pub(super) struct Body<T>(pub(super) T);

/// A body in JSON, with its bytes.
pub(super) struct Raw {
    pub(super) bytes: Bytes,
}

/// Query parameters.
pub(super) struct Query<T>(pub(super) T);

/// The parts of the address.
pub(super) struct Path<T>(pub(super) T);

/// Reads a body up to a limit.
pub(super) async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let body = Limited::new(request.into_body(), limit);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("the body is larger than {limit} bytes"),
        )),
        Err(error) => Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("the body could not be read: {error}"),
        )),
    }
}

/// True when the headers say one of these media types.
pub(super) fn is_of(headers: &HeaderMap, types: &[&str]) -> bool {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim();
    types.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// Refuses a body of another media type.
pub(super) fn must_be_of(headers: &HeaderMap, types: &[&str]) -> Result<(), ApiError> {
    if is_of(headers, types) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UnsupportedMediaType,
        "the body is of a type that is not read here",
    )
    .hint(format!("send Content-Type: {}", types.join(" or "))))
}

/// Reads JSON out of bytes; no bytes are an empty object.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            // It is JSON, and says something else than what is asked for.
            ApiError::new(ErrorCode::Invalid, format!("the body says: {error}"))
        } else {
            ApiError::new(
                ErrorCode::BadRequest,
                format!("the body is no JSON: {error}"),
            )
        }
    })
}

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        // A request without a body needs no type.
        let typed = request.headers().contains_key(header::CONTENT_TYPE);
        let empty = http_body::Body::size_hint(request.body()).exact() == Some(0);
        if typed || !empty {
            must_be_of(request.headers(), &["application/json"])?;
        }
        let bytes = read(request, BODY_BYTES).await?;
        Ok(Self { bytes })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let raw = Raw::from_request(request, state).await?;
        json(&raw.bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(text).map(Self).map_err(|error| {
            ApiError::new(
                ErrorCode::BadRequest,
                format!("the query parameters say: {error}"),
            )
            .hint("/api/v1/openapi.json lists the parameters of each address")
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // What can't be a name or a number of anything is not there.
            Err(error) => Err(ApiError::new(
                ErrorCode::NotFound,
                format!("nothing is at this address: {}", error.body_text()),
            )),
        }
    }
}
