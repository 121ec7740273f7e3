//! What a page was asked for: the query of its address, never an error. An unknown or empty value is none, and
//! what is too long is cut: a link that somebody mistyped shows a page.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ox_console::text;

/// Longest value, in characters.
const LONGEST: usize = 1000;

/// The query of a page.
pub(super) struct Asked(BTreeMap<String, String>);

impl Asked {
    /// A value that is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|value| !value.is_empty()).cloned()
    }

    /// The same, as the empty text where there is none.
    pub(super) fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or_default()
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes())
            .take(100)
            .map(|(key, value)| {
                let value = value.trim().chars().take(LONGEST).collect();
                (key.into_owned(), value)
            });
        Ok(Self(pairs.collect()))
    }
}

/// An address with a query; pairs without a value are left out.
pub(super) fn href(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut joint = '?';
    for (key, value) in pairs {
        if !value.is_empty() {
            address.push_str(&format!("{joint}{key}={}", text::encode(value)));
            joint = '&';
        }
    }
    address
}

/// Page of an image.
pub(super) fn image_href(connection: &str, digest: &str) -> String {
    format!(
        "/images/{}/{}",
        text::encode(connection),
        text::encode(digest)
    )
}

/// Reads on a thread that may wait, so that one page never holds up the others.
pub(super) async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, crate::host::HostError> + Send + 'static,
) -> Result<T, crate::serve::api::ApiError> {
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|error| crate::host::HostError::Other(error.into()))?;
    Ok(read?)
}
