//! Who may do what, and what was done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, Page, page, rows};
use super::extract::{Body, Path, Query};
use super::runs::NumberMeta;
use super::{ApiError, ErrorCode};
use crate::secret::SecretString;
use crate::serve::Server;
use crate::serve::auth::{Admin, ApiToken, AuditFilter, AuditRow, Role, Told, User, Via, Viewer};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(get_me))
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user, edit_user))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(delete_token))
        .routes(routes!(list_audit))
}

/// Who asks.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Me {
    /// Name of the user.
    pub(crate) name: String,
    /// What they may do here and now.
    pub(crate) role: Role,
    /// How they came in.
    pub(crate) via: Via,
}

/// Read who asks
#[utoipa::path(get, path = "/me", tag = "accounts",
    responses((status = 200, description = "Who asks", body = Me)))]
async fn get_me(Viewer(actor): Viewer) -> Json<Me> {
    Json(Me {
        name: actor.name,
        role: actor.role,
        via: actor.via,
    })
}

/// A page of users.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct UserList {
    /// By name.
    pub(crate) users: Vec<User>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List users
#[utoipa::path(get, path = "/users", tag = "accounts", params(Page),
    responses((status = 200, description = "The users", body = UserList)))]
async fn list_users(
    _: Admin,
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
) -> Result<Json<UserList>, ApiError> {
    let all = server.accounts.users()?;
    let (users, meta) = page(all, asked.after.as_deref(), asked.limit, |one| {
        one.id.to_string()
    })?;
    Ok(Json(UserList { users, meta }))
}

/// A user to be added.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// Name to sign in with.
    name: String,
    /// What they may do.
    role: Role,
    /// Their password.
    #[schema(write_only)]
    password: String,
}

/// Add a user
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = NewUser,
    responses((status = 201, description = "Added", body = User)))]
async fn create_user(
    _: Admin,
    State(server): State<Arc<Server>>,
    Body(new): Body<NewUser>,
) -> Result<Response, ApiError> {
    let password = SecretString::new(new.password);
    let user = server
        .accounts
        .add_user(&new.name, new.role, password)
        .await?;
    let told = told(&user);
    let mut response = (StatusCode::CREATED, Json(user)).into_response();
    response.extensions_mut().insert(told);
    Ok(response)
}

fn told(user: &User) -> Told {
    Told {
        subject: user.name.clone(),
        record: serde_json::json!({"role": user.role, "disabled_at": user.disabled_at}),
    }
}

/// Read one user
#[utoipa::path(get, path = "/users/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "The user", body = User)))]
async fn get_user(
    _: Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<User>, ApiError> {
    Ok(Json(server.accounts.user(&name)?))
}

/// What is changed of a user; what is missing stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserEdit {
    /// What they may do.
    #[serde(default)]
    role: Option<Role>,
    /// Whether they may come in.
    #[serde(default)]
    enabled: Option<bool>,
    /// A new password; their sessions end.
    #[serde(default)]
    #[schema(write_only)]
    password: Option<String>,
}

/// Change a user
#[utoipa::path(patch, path = "/users/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Name of the user")),
    request_body = UserEdit,
    responses((status = 200, description = "The user as they are now", body = User)))]
async fn edit_user(
    _: Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Body(edit): Body<UserEdit>,
) -> Result<Response, ApiError> {
    let accounts = &server.accounts;
    let mut user = accounts.user(&name)?;
    if let Some(role) = edit.role {
        user = accounts.set_role(&name, role).await?;
    }
    if let Some(password) = edit.password {
        user = accounts
            .set_password(&name, SecretString::new(password))
            .await?;
    }
    user = match edit.enabled {
        Some(true) => accounts.enable(&name).await?,
        Some(false) => accounts.disable(&name).await?,
        None => user,
    };
    let told = told(&user);
    let mut response = Json(user).into_response();
    response.extensions_mut().insert(told);
    Ok(response)
}

/// A page of tokens.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct TokenList {
    /// The newest first; those that are over stand among them.
    pub(crate) tokens: Vec<ApiToken>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TokenQuery {
    /// Everybody's, for administrators; one's own unless told otherwise.
    everybody: Option<bool>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// List API tokens
///
/// Without what opens: that is told once, when a token is made.
#[utoipa::path(get, path = "/tokens", tag = "accounts", params(TokenQuery),
    responses((status = 200, description = "The tokens", body = TokenList)))]
async fn list_tokens(
    Viewer(actor): Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<TokenQuery>,
) -> Result<Json<TokenList>, ApiError> {
    let everybody = asked.everybody.unwrap_or_default();
    if everybody && actor.role < Role::Admin {
        return Err(ApiError::forbidden(Role::Admin));
    }
    let of = (!everybody).then_some(actor.name.as_str());
    let all = server.accounts.tokens(of)?;
    let (tokens, meta) = page(all, asked.after.as_deref(), asked.limit, |one| {
        one.id.to_string()
    })?;
    Ok(Json(TokenList { tokens, meta }))
}

/// A token to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(crate) struct AskedToken {
    /// What it is for.
    #[schema(min_length = 1)]
    name: String,
    /// What it may do; one's own role at most.
    role: Role,
    /// Its end; RFC 3339. Null has none.
    #[serde(default)]
    expires_at: Option<String>,
}

/// A token that was made.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct MadeToken {
    /// What is known of it.
    token: ApiToken,
    /// What opens. It is told here, and nowhere else.
    secret: String,
}

/// Make an API token
#[utoipa::path(post, path = "/tokens", tag = "accounts", request_body = AskedToken,
    responses((status = 201, description = "Made", body = MadeToken,
               headers(("Cache-Control" = String, description = "no-store")))))]
async fn create_token(
    Viewer(actor): Viewer,
    State(server): State<Arc<Server>>,
    Body(new): Body<AskedToken>,
) -> Result<Response, ApiError> {
    let made = server
        .accounts
        .make_token(&actor, &new.name, new.role, new.expires_at.as_deref());
    let (token, secret) = made.await?;
    let told = Told {
        subject: token.name.clone(),
        record: serde_json::json!({"id": token.id, "role": token.role, "expires_at": token.expires_at}),
    };
    let made = MadeToken {
        token,
        secret: secret.expose().to_owned(),
    };
    let no_store = [(axum::http::header::CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::CREATED, no_store, Json(made)).into_response();
    response.extensions_mut().insert(told);
    Ok(response)
}

/// Take an API token back
///
/// One's own, or as an administrator anybody's. It opens nothing from then on.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "accounts",
    params(("id" = i64, Path, description = "Number of the token")),
    responses((status = 204, description = "Taken back")))]
async fn delete_token(
    Viewer(actor): Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    let token = server.accounts.revoke_token(&actor, id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Told {
        subject: token.name,
        record: serde_json::json!({"id": token.id, "user": token.user}),
    });
    Ok(response)
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// By this user.
    actor: Option<String>,
    /// This action.
    action: Option<String>,
    /// Done to something with this text in it.
    subject: Option<String>,
    /// From then on; RFC 3339.
    from: Option<String>,
    /// Before then; RFC 3339.
    until: Option<String>,
    /// `next` of the page before.
    after: Option<i64>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of the audit log.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct AuditList {
    /// The newest first.
    pub(crate) audit: Vec<AuditRow>,
    /// Where it goes on.
    pub(crate) meta: NumberMeta,
}

fn time(field: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        ApiError::new(ErrorCode::BadRequest, format!("{text:?} is not a time"))
            .field(field)
            .hint("write for example 2026-01-31T12:00:00Z")
    })?;
    Ok(Some(format!("{time:.3}")))
}

/// Read the audit log
#[utoipa::path(get, path = "/audit", tag = "accounts", params(AuditQuery),
    responses((status = 200, description = "What was done", body = AuditList)))]
async fn list_audit(
    _: Admin,
    State(server): State<Arc<Server>>,
    Query(asked): Query<AuditQuery>,
) -> Result<Json<AuditList>, ApiError> {
    let limit = rows(asked.limit)?;
    let filter = AuditFilter {
        actor: asked.actor,
        action: asked.action,
        subject: asked.subject,
        from: time("from", asked.from)?,
        until: time("until", asked.until)?,
    };
    let mut audit = server.accounts.audit(&filter, asked.after, limit + 1)?;
    let more = audit.len() > limit;
    audit.truncate(limit);
    let next = audit.last().filter(|_| more).map(|row| row.id);
    Ok(Json(AuditList {
        audit,
        meta: NumberMeta { next },
    }))
}
