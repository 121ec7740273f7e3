//! Settings: who has an account and what they may do, and the ways to what else can be set.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use ox_console::Section;
use ox_console::pages::account::{Settings, UserPage, UserRow};
use ox_console::parts::When;
use ox_console::text;
use serde::Deserialize;
use serde_json::json;

use super::account::{revoked, roles, token_row, told};
use super::{Frame, done, page};
use crate::host::{HostError, SecretString};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Actor, Admin, ApiToken, Role, User, Viewer};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/settings", get(settings))
        .route("/settings/users", get(settings).post(add_user))
        .route("/settings/users/{name}", get(user))
        .route("/settings/users/{name}/role", post(set_role))
        .route("/settings/users/{name}/password", post(set_password))
        .route("/settings/users/{name}/disable", post(disable))
        .route("/settings/users/{name}/enable", post(enable))
        .route("/settings/tokens/{id}/revoke", post(revoke))
}

async fn settings(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    frame: Frame,
) -> Result<Response, ApiError> {
    shown(&server, &actor, &frame, None, "")
}

fn shown(
    server: &Server,
    actor: &Actor,
    frame: &Frame,
    error: Option<String>,
    name: &str,
) -> Result<Response, ApiError> {
    let now = crate::store::now();
    let users = match actor.role {
        Role::Admin => {
            let tokens = server.accounts.tokens(None)?;
            let users = server.accounts.users()?;
            let row = |user: &User| user_row(user, &tokens, actor, &now);
            users.iter().map(row).collect()
        }
        _ => Vec::new(),
    };
    let link = |label: &str, href: &str, about: &str| {
        (label.to_owned(), href.to_owned(), about.to_owned())
    };
    let options = &server.options;
    Ok(page(&Settings {
        chrome: frame.chrome("Settings", Section::Settings),
        error,
        name: name.chars().take(100).collect(),
        roles: roles(Role::Admin, Role::Analyst),
        users,
        more: vec![
            link(
                "Policy",
                "/policy",
                "What raises and lowers severities, applications and owners, deadlines.",
            ),
            link(
                "Connector versions",
                "/plugins",
                "Install, swap and roll back versions of connectors.",
            ),
            link(
                "Your account",
                "/account",
                "Password, API tokens, browsers you are signed in with.",
            ),
        ],
        facts: vec![
            ("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            (
                "Running for".to_owned(),
                text::duration(
                    u64::try_from(server.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                ),
            ),
            ("Listens on".to_owned(), options.listen.to_string()),
            (
                "Public address".to_owned(),
                options
                    .public_url
                    .clone()
                    .unwrap_or_else(|| "none".to_owned()),
            ),
            (
                "Scans at a time".to_owned(),
                options.scans_at_once.to_string(),
            ),
        ],
    }))
}

fn user_row(user: &User, tokens: &[ApiToken], actor: &Actor, now: &str) -> UserRow {
    let live = tokens
        .iter()
        .filter(|token| token.user == user.name && token.is_live(now))
        .count();
    UserRow {
        name: user.name.clone(),
        href: format!("/settings/users/{}", text::encode(&user.name)),
        role: user.role.word(),
        enabled: user.disabled_at.is_none(),
        tokens: live as u64,
        seen: user.last_seen.as_deref().map(|at| When::new(at, now)),
        you: user.id == actor.user,
    }
}

#[derive(Deserialize)]
struct UserForm {
    name: String,
    role: Role,
    password: String,
}

async fn add_user(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    frame: Frame,
    Form(form): Form<UserForm>,
) -> Result<Response, ApiError> {
    let name = form.name.trim();
    let password = SecretString::new(form.password);
    let error = match server.accounts.add_user(name, form.role, password).await {
        Ok(user) => {
            let said = format!("{} may sign in now.", user.name);
            let told = told(&user.name, json!({"role": user.role}));
            return Ok((told, done("/settings", "good", said, None)).into_response());
        }
        Err(error) => invalid(error)?,
    };
    let mut response = shown(&server, &actor, &frame, Some(error), name)?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// The sentence of a rule that was broken; anything else is an error.
fn invalid(error: HostError) -> Result<String, ApiError> {
    let error = ApiError::from(error);
    match error.code {
        ErrorCode::Invalid => Ok(error.message),
        _ => Err(error),
    }
}

async fn user(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(name): Path<String>,
    frame: Frame,
) -> Result<Response, ApiError> {
    user_shown(&server, &actor, &frame, &name, None)
}

fn user_shown(
    server: &Server,
    actor: &Actor,
    frame: &Frame,
    name: &str,
    error: Option<String>,
) -> Result<Response, ApiError> {
    let now = crate::store::now();
    let user = server.accounts.user(name)?;
    let tokens = server.accounts.tokens(Some(&user.name))?;
    Ok(page(&UserPage {
        chrome: frame.chrome(user.name.clone(), Section::Settings),
        created: When::new(&user.created_at, &now),
        disabled: user.disabled_at.as_deref().map(|at| When::new(at, &now)),
        sessions: server.accounts.session_count(user.id)?,
        error,
        roles: roles(Role::Admin, user.role),
        tokens: tokens.iter().map(|token| token_row(token, &now)).collect(),
        user: user_row(&user, &tokens, actor, &now),
    }))
}

/// What a change of a user is answered with: their page, with what was done or why it was not.
fn changed(
    server: &Server,
    actor: &Actor,
    frame: &Frame,
    name: &str,
    outcome: Result<User, HostError>,
    said: impl FnOnce(&User) -> (String, serde_json::Value),
) -> Result<Response, ApiError> {
    match outcome {
        Ok(user) => {
            let (said, record) = said(&user);
            let to = match user.id == actor.user && user.role < Role::Admin {
                // Somebody who gave the role away may not see that page any more.
                true => "/settings".to_owned(),
                false => format!("/settings/users/{}", text::encode(&user.name)),
            };
            Ok((told(&user.name, record), done(&to, "good", said, None)).into_response())
        }
        Err(error) => {
            let error = invalid(error)?;
            let mut response = user_shown(server, actor, frame, name, Some(error))?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

#[derive(Deserialize)]
struct RoleForm {
    role: Role,
}

async fn set_role(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(name): Path<String>,
    frame: Frame,
    Form(form): Form<RoleForm>,
) -> Result<Response, ApiError> {
    let outcome = server.accounts.set_role(&name, form.role).await;
    changed(&server, &actor, &frame, &name, outcome, |user| {
        let said = format!("{} is {} from now on.", user.name, user.role.word());
        (said, json!({"role": user.role}))
    })
}

#[derive(Deserialize)]
struct PasswordForm {
    password: String,
}

async fn set_password(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(name): Path<String>,
    frame: Frame,
    Form(form): Form<PasswordForm>,
) -> Result<Response, ApiError> {
    let password = SecretString::new(form.password);
    let outcome = server.accounts.set_password(&name, password).await;
    changed(&server, &actor, &frame, &name, outcome, |user| {
        let said = format!("{} signs in with the new password now.", user.name);
        (said, json!({}))
    })
}

async fn disable(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(name): Path<String>,
    frame: Frame,
) -> Result<Response, ApiError> {
    let outcome = server.accounts.disable(&name).await;
    changed(&server, &actor, &frame, &name, outcome, |user| {
        (format!("{} is not let in any more.", user.name), json!({}))
    })
}

async fn enable(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(name): Path<String>,
    frame: Frame,
) -> Result<Response, ApiError> {
    let outcome = server.accounts.enable(&name).await;
    changed(&server, &actor, &frame, &name, outcome, |user| {
        (format!("{} is let in again.", user.name), json!({}))
    })
}

async fn revoke(
    State(server): State<Arc<Server>>,
    Admin(actor): Admin,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    revoked(&server, &actor, id, "").await
}
