//! What stands before every route: is the request meant for this host, does it come from its own pages, who sent
//! it, and what is written down about it.
//!
//! A route is closed unless it is named in [`is_open`]. A change is written into the audit log before it is done
//! and once more with how it ended, and it is done to its end even when whoever asked went away meanwhile: so
//! there is no change without a row.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, http};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::answer::wants_page;
use super::origin::Names;
use super::{Actor, Did, RequestId, Told, accounts, words};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::console::cookie;

/// The cookie of a session.
const SESSION: &str = "ox_session";

struct Guard {
    server: Arc<Server>,
    names: Names,
}

/// Puts the guard around routes.
pub(in crate::serve) fn guard(
    routes: Router<Arc<Server>>,
    server: &Arc<Server>,
) -> Router<Arc<Server>> {
    let guard = Arc::new(Guard {
        server: server.clone(),
        names: Names::of(&server.options),
    });
    routes
        // Inside the guard, so that nobody learns which routes there are without an account.
        .fallback(async || ApiError::new(ErrorCode::NotFound, "there is nothing at this address"))
        .layer(middleware::from_fn_with_state(guard, guarded))
}

/// What is there for somebody without an account. Each route sees to itself that it tells nothing.
fn is_open(path: &str) -> bool {
    matches!(path, "/signin" | "/setup" | "/theme") || path.starts_with("/assets/")
}

async fn guarded(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let accounts = &guard.server.accounts;
    let path = request.uri().path().to_owned();
    let changes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let address = address_of(&request, guard.names.has_proxy());
    let session = cookie(request.headers(), SESSION);
    let actor = match bearer(request.headers()) {
        // No browser sends this by itself, so a page of somebody else can't make one do it.
        Some(secret) => match accounts.of_token(secret).await {
            Ok(Some(actor)) => Some(actor),
            Ok(None) => {
                let error = ApiError::new(
                    ErrorCode::Unauthenticated,
                    "this token opens nothing: it is unknown, revoked or past its end",
                );
                return error
                    .hint("make a new one under Account in the console")
                    .into_response();
            }
            Err(error) => return ApiError::from(error).into_response(),
        },
        None => {
            let checked = guard.names.check_host(request.uri(), request.headers());
            let checked = checked.and_then(|()| match changes {
                true => guard.names.check_own_page(request.uri(), request.headers()),
                false => Ok(()),
            });
            if let Err(error) = checked {
                tracing::warn!(%path, ?address, "refused: {}", error.message);
                return error.into_response();
            }
            match &session {
                None => None,
                Some(secret) => match accounts.of_session(secret).await {
                    Ok(actor) => actor,
                    Err(error) => return ApiError::from(error).into_response(),
                },
            }
        }
    };
    request.extensions_mut().insert(ClientAddress(address));
    request.extensions_mut().insert(SessionCookie {
        value: session,
        secure: guard.names.is_secure(),
    });
    let open = is_open(&path);
    let Some(actor) = actor else {
        if open {
            return next.run(request).await;
        }
        return nobody(&request);
    };
    request.extensions_mut().insert(actor.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match route {
        // An address that leads nowhere changes nothing.
        Some(route) if changes && !open => {
            audited(&guard.server, &actor, route.as_str(), &path, request, next).await
        }
        _ => next.run(request).await,
    };
    // For the page of an error.
    response.extensions_mut().insert(actor);
    response
}

/// Does a change, and writes it down before and after.
async fn audited(
    server: &Arc<Server>,
    actor: &Actor,
    route: &str,
    path: &str,
    request: Request,
    next: Next,
) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.0.clone());
    let action = words::action(request.method(), route);
    let about = json!({ "request": id });
    let row = match server
        .accounts
        .audit_begins(actor, &action, path, about)
        .await
    {
        Ok(row) => row,
        Err(error) => {
            tracing::error!(%error, "the audit log can't be written");
            return ApiError::new(
                ErrorCode::Unavailable,
                "the change could not be written into the audit log, so it was not done",
            )
            .hint("the disk of this host may be full; its own log says more")
            .into_response();
        }
    };
    let server = server.clone();
    // A task of its own: it goes on when whoever asked hangs up.
    let done = tokio::spawn(async move {
        let handled = tokio::spawn(next.run(request)).await;
        let response = handled.unwrap_or_else(|error| {
            tracing::error!(request = %id, %error, "a handler ended without an answer");
            super::answer::broken()
        });
        let did = response
            .extensions()
            .get::<Did>()
            .map(|did| did.0.to_owned());
        let told = response.extensions().get::<Told>().cloned();
        let (subject, mut record) = told.map_or((None, Value::Null), |told| {
            (Some(told.subject), told.record)
        });
        match &mut record {
            Value::Object(fields) => {
                fields.insert("request".to_owned(), Value::String(id));
            }
            Value::Null => record = json!({ "request": id }),
            other => record = json!({ "request": id, "about": other.take() }),
        }
        let status = response.status().as_u16();
        let written = server
            .accounts
            .audit_ends(row, status, did, subject, record)
            .await;
        if let Err(error) = written {
            // The row that it was asked for is there.
            tracing::error!(%error, row, "how a change ended could not be written into the audit log");
        }
        response
    });
    done.await.unwrap_or_else(|_| super::answer::broken())
}

/// The answer to somebody who is not signed in.
fn nobody(request: &Request) -> Response {
    let headers = request.headers();
    let path = request.uri().path();
    if !wants_page(path, headers) {
        return ApiError::unauthenticated().into_response();
    }
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let here = match (reads, request.uri().path_and_query()) {
        (true, Some(here)) => here.as_str().to_owned(),
        // A form of a page that was open for too long: back to that page.
        _ => page_of_form(headers).unwrap_or_else(|| "/".to_owned()),
    };
    // A link in a mail or an issue: the cookie is not sent with it, although there may be one. A step by our own
    // page brings it along.
    if reads && is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate") {
        return own_step(&here);
    }
    let to = match here.as_str() {
        "/" => "/signin".to_owned(),
        here => format!(
            "/signin?next={}",
            utf8_percent_encode(here, NON_ALPHANUMERIC)
        ),
    };
    Redirect::to(&to).into_response()
}

/// A page that leads to an address of this host by itself.
fn own_step(here: &str) -> Response {
    let here: String = here
        .chars()
        .filter(|one| one.is_ascii_graphic() && !matches!(one, '"' | '<' | '>' | '\'' | ';'))
        .collect();
    let here = crate::serve::console::own(&here).replace('&', "&amp;");
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"0;url={here}\"><title>One moment</title></head>\
         <body><p><a href=\"{here}\">Go on</a></p></body></html>"
    );
    Html(page).into_response()
}

fn page_of_form(headers: &HeaderMap) -> Option<String> {
    let from: http::Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    Some(from.path_and_query()?.as_str().to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Where a request comes from. What a proxy says counts only where one is known to stand before this host, and
/// only from near.
fn address_of(request: &Request, has_proxy: bool) -> Option<IpAddr> {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip().to_canonical());
    let near = match peer {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Some(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        None => false,
    };
    if !(has_proxy && near) {
        return peer;
    }
    // The last one is what the proxy itself saw.
    let told = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back();
    let told = told.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    told.or(peer)
}

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(in crate::serve) struct ClientAddress(pub(in crate::serve) Option<IpAddr>);

/// The session's cookie of a request.
#[derive(Clone)]
pub(in crate::serve) struct SessionCookie {
    /// What it holds, if there is one.
    pub(in crate::serve) value: Option<String>,
    /// Whether people come over https.
    secure: bool,
}

macro_rules! from_extensions {
    ($name:ident) => {
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = StatusCode;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
                let found = parts.extensions.get::<Self>().cloned();
                found.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

from_extensions!(ClientAddress);
from_extensions!(SessionCookie);

/// Gives the session's cookie to the browser, or takes it away.
pub(in crate::serve) fn session_cookie(
    mut response: Response,
    before: &SessionCookie,
    value: Option<&crate::host::SecretString>,
) -> Response {
    let secure = if before.secure { "; Secure" } else { "" };
    let rules = format!("; HttpOnly; SameSite=Strict; Path=/{secure}");
    let text = match value {
        Some(value) => {
            let seconds = accounts::LONGEST.as_secs();
            format!("{SESSION}={}; Max-Age={seconds}{rules}", value.expose())
        }
        None => format!("{SESSION}=; Max-Age=0{rules}"),
    };
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
