//! What a form sent: names and values in their order, some of them many times.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use url::form_urlencoded;

use crate::serve::api::{ApiError, ErrorCode};

/// Bytes of a form: ten thousand locations, each with its path.
const BYTES: usize = 8 << 20;

/// The fields of a form.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The first value of a name, without space around it; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    /// True for a box that is ticked.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "true")
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    }

    /// The lines of a value, without those that are empty.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        lines(self.text(name))
    }
}

/// The lines of a text, without those that are empty.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A form without fields may come without a type.
        if !kind.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                "this takes a form (application/x-www-form-urlencoded)",
            ));
        }
        let body = axum::body::to_bytes(request.into_body(), BYTES).await;
        let body = body.map_err(|_| {
            ApiError::new(
                ErrorCode::TooLarge,
                "the form is larger than 8 MiB, or did not come whole",
            )
            .hint("For so many locations, use patterns.")
        })?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
