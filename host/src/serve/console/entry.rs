//! Coming in and going out: signing in, the first account, signing out, and the colours.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use ox_console::pages::entry::{SetUp, SignIn};
use ox_console::{Section, Theme};
use serde::Deserialize;

use super::frame::{THEME, own};
use super::{Frame, page};
use crate::host::SecretString;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Actor, ClientAddress, SessionCookie, SignInError, session_cookie};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/signin", get(sign_in_page).post(sign_in))
        .route("/setup", get(set_up_page).post(set_up))
        .route("/signout", post(sign_out))
        .route("/theme", post(theme))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn sign_in_page(
    State(server): State<Arc<Server>>,
    Query(query): Query<Next>,
    somebody: Option<Extension<Actor>>,
    frame: Frame,
) -> Result<Response, ApiError> {
    if somebody.is_some() {
        return Ok(Redirect::to(own(&query.next)).into_response());
    }
    Ok(page(&SignIn {
        chrome: frame.chrome("Sign in", Section::None),
        error: None,
        name: String::new(),
        next: own(&query.next).to_owned(),
        nobody_yet: !server.accounts.has_users()?,
    }))
}

#[derive(Deserialize)]
struct SignInForm {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(server): State<Arc<Server>>,
    ClientAddress(address): ClientAddress,
    cookie: SessionCookie,
    frame: Frame,
    Form(form): Form<SignInForm>,
) -> Result<Response, ApiError> {
    let password = SecretString::new(form.password);
    let name = form.name.trim();
    let next = own(&form.next);
    let error = match server.accounts.sign_in(name, password, address).await {
        Ok(user) => {
            let session = server
                .accounts
                .begin_session(user.id, cookie.value.as_deref())
                .await?;
            let response = Redirect::to(next).into_response();
            return Ok(session_cookie(response, &cookie, Some(&session)));
        }
        Err(error) => error,
    };
    let (status, message, wait) = match error {
        SignInError::Failed(error) => return Err(error.into()),
        SignInError::Wrong => (
            StatusCode::UNAUTHORIZED,
            "This name and password do not go together.".to_owned(),
            None,
        ),
        SignInError::Wait(seconds) => (StatusCode::TOO_MANY_REQUESTS, wait(seconds), Some(seconds)),
    };
    let mut response = page(&SignIn {
        chrome: frame.chrome("Sign in", Section::None),
        error: Some(message),
        name: name.chars().take(100).collect(),
        next: next.to_owned(),
        nobody_yet: false,
    });
    *response.status_mut() = status;
    if let Some(seconds) = wait {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// The sentence for somebody who has to wait.
pub(super) fn wait(seconds: u64) -> String {
    let time = ox_console::text::counted(seconds, "second", "seconds");
    format!("There were too many tries. Wait {time}, then try again.")
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn set_up_page(
    State(server): State<Arc<Server>>,
    Query(query): Query<Token>,
    frame: Frame,
) -> Result<Response, ApiError> {
    if !server.accounts.opens_setup(&query.token)? {
        return Err(used(&server)?);
    }
    Ok(page(&SetUp {
        chrome: frame.chrome("The first account", Section::None),
        error: None,
        name: String::new(),
        token: query.token,
    }))
}

/// Why a link to the first account opens nothing.
fn used(server: &Server) -> Result<ApiError, ApiError> {
    let error = ApiError::new(ErrorCode::Forbidden, "this link opens nothing");
    Ok(if server.accounts.has_users()? {
        error.hint(
            "the first account was made already; sign in, or ask an administrator for an account",
        )
    } else {
        error.hint(
            "a link is good for one start of the host; take the one that it printed when it was started last",
        )
    })
}

#[derive(Deserialize)]
struct SetUpForm {
    token: String,
    name: String,
    password: String,
}

async fn set_up(
    State(server): State<Arc<Server>>,
    cookie: SessionCookie,
    frame: Frame,
    Form(form): Form<SetUpForm>,
) -> Result<Response, ApiError> {
    if !server.accounts.opens_setup(&form.token)? {
        return Err(used(&server)?);
    }
    let name = form.name.trim();
    let password = SecretString::new(form.password);
    match server.accounts.set_up(&form.token, name, password).await {
        Ok(user) => {
            let session = server
                .accounts
                .begin_session(user.id, cookie.value.as_deref())
                .await?;
            let response = super::done(
                "/connectors",
                "good",
                "Your account is there. Now connect a GitLab account.",
                None,
            );
            Ok(session_cookie(response, &cookie, Some(&session)))
        }
        Err(error) => {
            let error = ApiError::from(error);
            if error.code != ErrorCode::Invalid {
                return Err(error);
            }
            let mut response = page(&SetUp {
                chrome: frame.chrome("The first account", Section::None),
                error: Some(error.message),
                name: name.chars().take(100).collect(),
                token: form.token,
            });
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn sign_out(
    State(server): State<Arc<Server>>,
    cookie: SessionCookie,
) -> Result<Response, ApiError> {
    if let Some(secret) = &cookie.value {
        server.accounts.end_session(secret).await?;
    }
    let response = Redirect::to("/signin").into_response();
    Ok(session_cookie(response, &cookie, None))
}

#[derive(Deserialize)]
struct ThemeForm {
    theme: String,
    #[serde(default)]
    next: String,
}

async fn theme(Form(form): Form<ThemeForm>) -> Response {
    let word = Theme::of(&form.theme).word();
    let mut response = Redirect::to(own(&form.next)).into_response();
    let cookie = format!("{THEME}={word}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
