//! One's own account: password, API tokens, the browsers one is signed in with.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use jiff::{SignedDuration, Timestamp};
use ox_console::Section;
use ox_console::pages::account::{Account, TokenRow};
use ox_console::parts::{Choice, When};
use ox_console::text;
use serde::Deserialize;
use serde_json::json;

use super::{Frame, done, entry, page};
use crate::host::SecretString;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{
    Actor, ApiToken, Role, SessionCookie, SignInError, Told, Viewer, session_cookie,
};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/account", get(account))
        .route("/account/password", post(password))
        .route("/account/sessions", post(sign_out_elsewhere))
        .route("/account/tokens", get(account).post(make_token))
        .route("/account/tokens/{id}/revoke", post(revoke))
}

/// What the page says beside what is stored.
#[derive(Default)]
struct Said {
    password_error: Option<String>,
    token_error: Option<String>,
    token_name: String,
    new_token: Option<(String, String)>,
}

async fn account(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    frame: Frame,
) -> Result<Response, ApiError> {
    shown(&server, &actor, &frame, Said::default())
}

fn shown(server: &Server, actor: &Actor, frame: &Frame, said: Said) -> Result<Response, ApiError> {
    let now = crate::store::now();
    let tokens = server.accounts.tokens(Some(&actor.name))?;
    Ok(page(&Account {
        chrome: frame.chrome("Your account", Section::None),
        name: actor.name.clone(),
        role: actor.role.word(),
        // Somebody who came with a token has none.
        sessions: server.accounts.session_count(actor.user)?.max(1),
        password_error: said.password_error,
        token_error: said.token_error,
        token_name: said.token_name,
        new_token: said.new_token,
        roles: roles(actor.role, Role::Viewer),
        days: [
            ("30", "In 30 days"),
            ("90", "In 90 days"),
            ("365", "In a year"),
            ("", "Never"),
        ]
        .map(|(value, label)| Choice::new(value, label, value == "90"))
        .to_vec(),
        tokens: tokens.iter().map(|token| token_row(token, &now)).collect(),
    }))
}

/// Roles up to one, to choose among.
pub(super) fn roles(most: Role, chosen: Role) -> Vec<Choice> {
    Role::ALL
        .into_iter()
        .filter(|role| *role <= most)
        .map(|role| {
            let label = match role {
                Role::Viewer => "Viewer: reads",
                Role::Analyst => "Analyst: works on issues, asks for scans",
                Role::Admin => "Admin: connects accounts, changes connectors, users and policy",
            };
            Choice::new(role.word(), label, role == chosen)
        })
        .collect()
}

pub(super) fn token_row(token: &ApiToken, now: &str) -> TokenRow {
    let live = token.is_live(now);
    let state = match (&token.revoked_at, &token.expires_at) {
        (Some(at), _) => ("bad", format!("revoked {}", text::ago(at, now))),
        (None, Some(_)) if !live => ("warn", "past its end".to_owned()),
        (None, Some(end)) => ("good", format!("ends {}", text::ago(end, now))),
        (None, None) => ("good", "active".to_owned()),
    };
    TokenRow {
        id: token.id,
        name: text::plain(&token.name),
        beginning: token.beginning.clone(),
        role: token.role.word(),
        state,
        created: When::new(&token.created_at, now),
        used: token.last_used.as_deref().map(|at| When::new(at, now)),
        live,
    }
}

#[derive(Deserialize)]
struct PasswordForm {
    current: String,
    new: String,
}

async fn password(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    cookie: SessionCookie,
    frame: Frame,
    Form(form): Form<PasswordForm>,
) -> Result<Response, ApiError> {
    let accounts = &server.accounts;
    let current = SecretString::new(form.current);
    let new = SecretString::new(form.new);
    let refused = |status: StatusCode, why: String| {
        let said = Said {
            password_error: Some(why),
            ..Said::default()
        };
        let mut response = shown(&server, &actor, &frame, said)?;
        *response.status_mut() = status;
        Ok(response)
    };
    match accounts.confirm(&actor, current).await {
        Ok(()) => {}
        Err(SignInError::Wrong) => {
            let why = "That is not your present password.".to_owned();
            return refused(StatusCode::UNPROCESSABLE_ENTITY, why);
        }
        Err(SignInError::Wait(seconds)) => {
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, entry::wait(seconds))?;
            let wait = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            return Ok(response);
        }
        Err(SignInError::Failed(error)) => return Err(error.into()),
    }
    if let Err(error) = accounts.set_password(&actor.name, new).await {
        let error = ApiError::from(error);
        return match error.code {
            ErrorCode::Invalid => refused(StatusCode::UNPROCESSABLE_ENTITY, error.message),
            _ => Err(error),
        };
    }
    // All sessions ended with it; this browser gets a new one.
    let session = accounts.begin_session(actor.user, None).await?;
    let response = done(
        "/account",
        "good",
        "Your password is changed. Other browsers have to sign in again.",
        None,
    );
    let told = told(&actor.name, json!({}));
    Ok((told, session_cookie(response, &cookie, Some(&session))).into_response())
}

async fn sign_out_elsewhere(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    cookie: SessionCookie,
) -> Result<Response, ApiError> {
    let ended = server
        .accounts
        .end_other_sessions(actor.user, cookie.value.as_deref())
        .await?;
    let sessions = text::counted(ended, "session", "sessions");
    let response = done("/account", "good", format!("{sessions} ended."), None);
    let told = told(&actor.name, json!({"sessions": ended}));
    Ok((told, response).into_response())
}

pub(super) fn told(subject: &str, record: serde_json::Value) -> Extension<Told> {
    Extension(Told {
        subject: subject.to_owned(),
        record,
    })
}

#[derive(Deserialize)]
struct TokenForm {
    name: String,
    role: Role,
    #[serde(default)]
    days: String,
}

async fn make_token(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    frame: Frame,
    Form(form): Form<TokenForm>,
) -> Result<Response, ApiError> {
    let days: Option<i64> = match form.days.as_str() {
        "" => None,
        days => Some(
            days.parse()
                .ok()
                .filter(|days| (1..=3650).contains(days))
                .ok_or_else(|| {
                    ApiError::new(ErrorCode::Invalid, "a token ends in 1 to 3650 days")
                        .field("days")
                })?,
        ),
    };
    let end =
        days.map(|days| (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_string());
    let made = server
        .accounts
        .make_token(&actor, &form.name, form.role, end.as_deref())
        .await;
    match made {
        Ok((token, secret)) => {
            let about = json!({
                "name": token.name, "role": token.role, "beginning": token.beginning,
                "expires_at": token.expires_at
            });
            // The answer of the form itself: a way through the address or a cookie would keep it somewhere.
            let said = Said {
                new_token: Some((text::plain(&token.name), secret.expose().to_owned())),
                ..Said::default()
            };
            let response = shown(&server, &actor, &frame, said)?;
            Ok((told(&actor.name, about), response).into_response())
        }
        Err(error) => {
            let error = ApiError::from(error);
            if error.code != ErrorCode::Invalid {
                return Err(error);
            }
            let said = Said {
                token_error: Some(error.message),
                token_name: form.name.chars().take(200).collect(),
                ..Said::default()
            };
            let mut response = shown(&server, &actor, &frame, said)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn revoke(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    revoked(&server, &actor, id, "/account").await
}

/// Revokes a token and goes to a page.
pub(super) async fn revoked(
    server: &Server,
    actor: &Actor,
    id: i64,
    to: &str,
) -> Result<Response, ApiError> {
    let token = server.accounts.revoke_token(actor, id).await?;
    let said = format!("The token \"{}\" opens nothing any more.", token.name);
    let about = json!({"name": token.name, "beginning": token.beginning});
    let to = match to {
        "" => format!("/settings/users/{}", text::encode(&token.user)),
        to => to.to_owned(),
    };
    Ok((told(&token.user, about), done(&to, "good", said, None)).into_response())
}
