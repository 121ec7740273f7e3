//! What every answer gets on its way out: an id, the headers that tell a browser what it may do with it, a line
//! in the log, and, where a browser asked for a page and there is only an error, a page.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, body};
use futures_util::FutureExt;
use ox_console::pages::entry::Problem;
use ox_console::{Section, text};

use super::{Actor, RequestId, secrets};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::console::Frame;

/// What a page may load: what is here, and nothing that is written into it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Longest sentence of a library that is shown as an error, in bytes.
const SENTENCE: usize = 500;

/// Dresses every answer of these routes.
pub(in crate::serve) fn dressed(routes: Router<Arc<Server>>) -> Router<Arc<Server>> {
    routes.layer(middleware::from_fn(dress))
}

/// What is known of a request when it is answered.
struct Asked {
    id: String,
    method: Method,
    route: String,
    uri: Uri,
    headers: HeaderMap,
    since: Instant,
}

async fn dress(mut request: Request, next: Next) -> Response {
    let asked = Asked {
        id: request_id(),
        method: request.method().clone(),
        route: request
            .extensions()
            .get::<MatchedPath>()
            .map_or_else(|| "-".to_owned(), |route| route.as_str().to_owned()),
        uri: request.uri().clone(),
        headers: request.headers().clone(),
        since: Instant::now(),
    };
    request.extensions_mut().insert(RequestId(asked.id.clone()));
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = handled.unwrap_or_else(|_| {
        tracing::error!(request = %asked.id, route = %asked.route, "a handler panicked");
        broken()
    });
    let mut response = explained(response, &asked).await;
    let actor = response.extensions().get::<Actor>();
    // The route and not the address: a query may hold what is nobody's business.
    tracing::info!(
        request = %asked.id,
        method = %asked.method,
        route = %asked.route,
        status = response.status().as_u16(),
        milliseconds = asked.since.elapsed().as_millis() as u64,
        actor = actor.map_or("", |actor| actor.name.as_str()),
        "answered"
    );
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// The answer where a handler broke.
pub(super) fn broken() -> Response {
    ApiError::new(
        ErrorCode::Unexpected,
        "something in this host broke while it answered",
    )
    .into_response()
}

fn request_id() -> String {
    let mut bytes = [0_u8; 8];
    // An id that is not unique is a nuisance and nothing more.
    let _ = getrandom::fill(&mut bytes);
    secrets::hex(&bytes)
}

/// True when an answer is looked at by a person: an address of the console, asked for by a browser that shows
/// what comes. A script of a page asks for something else.
pub(super) fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    if path == "/api" || path.starts_with("/api/") || is_probe(path) {
        return false;
    }
    if headers
        .get("sec-fetch-mode")
        .is_some_and(|mode| mode != "navigate")
    {
        return false;
    }
    let Some(accept) = headers.get(header::ACCEPT) else {
        return true;
    };
    accept
        .to_str()
        .is_ok_and(|accept| accept.contains("text/html") || accept.contains("*/*"))
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Sees to it that an error is said in our words: as the envelope, or as a page.
async fn explained(response: Response, asked: &Asked) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_probe(asked.uri.path()) {
        return response;
    }
    let known = response.extensions().get::<ApiError>().cloned();
    let is_page = wants_page(asked.uri.path(), &asked.headers)
        && asked
            .headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
    let actor = response.extensions().get::<Actor>().cloned();
    let (mut response, error) = match known {
        Some(error) => (response, error),
        None => match of_library(response).await {
            Ok((response, error)) => (response, error),
            // A page or a document of its own.
            Err(response) => return response,
        },
    };
    if is_page {
        let page = problem(&error, status, asked, actor);
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        // A browser would ask for a name and a password.
        parts.headers.remove(header::WWW_AUTHENTICATE);
        response = (parts.status, Html(page)).into_response();
        let html = response.headers().get(header::CONTENT_TYPE).cloned();
        *response.headers_mut() = parts.headers;
        if let Some(html) = html {
            response.headers_mut().insert(header::CONTENT_TYPE, html);
        }
        *response.extensions_mut() = parts.extensions;
    }
    response
}

/// The sentence of a library ("Failed to deserialize form body: …"), or none at all, as one of our errors. Gives
/// the answer back where it is a document.
async fn of_library(response: Response) -> Result<(Response, ApiError), Response> {
    let status = response.status();
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !plain {
        return Err(response);
    }
    let (parts, content) = response.into_parts();
    let said = body::to_bytes(content, SENTENCE).await.unwrap_or_default();
    let said = text::plain(String::from_utf8_lossy(&said).trim());
    let (code, otherwise) = match status {
        StatusCode::NOT_FOUND => (ErrorCode::NotFound, "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => (
            ErrorCode::MethodNotAllowed,
            "this address does not take that method",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::TooLarge, "that is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            ErrorCode::UnsupportedMediaType,
            "this can't be read in that media type",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => (ErrorCode::Invalid, "what came can't be used"),
        status if status.is_server_error() => (
            ErrorCode::Unexpected,
            "something in this host broke while it answered",
        ),
        _ => (ErrorCode::BadRequest, "what came can't be understood"),
    };
    let message = if said.is_empty() || status.is_server_error() {
        otherwise.to_owned()
    } else {
        said
    };
    let error = ApiError::new(code, message);
    let mut answer = error.clone().into_response();
    // The status and the headers (`Allow`) stay what they were.
    *answer.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer.extensions_mut().extend(parts.extensions);
    Ok((answer, error))
}

fn problem(error: &ApiError, status: StatusCode, asked: &Asked, actor: Option<Actor>) -> String {
    let back = match (&actor, status) {
        (None, _) => Some(("Sign in".to_owned(), "/signin".to_owned())),
        (Some(_), _) => Some(("To the dashboard".to_owned(), "/dashboard".to_owned())),
    };
    let frame = Frame::of(&asked.headers, &asked.uri, actor);
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        status if status.is_server_error() => "Something broke",
        _ => "Not done",
    };
    let mut hint = error.hint.clone();
    if status.is_server_error() {
        hint = format!(
            "{hint} The host's log says more about the request {}.",
            asked.id
        );
    }
    ox_console::html(&Problem {
        chrome: frame.chrome(title, Section::None),
        status: status.as_u16(),
        message: capital(&text::plain(&error.message)),
        hint: capital(&text::plain(hint.trim())),
        back,
    })
}

/// A sentence begins with a capital letter on a page.
fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
