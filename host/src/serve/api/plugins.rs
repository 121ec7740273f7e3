//! Versions of connectors: install, activate, roll back, remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, Page, page};
use super::extract::{Path, Query, must_be_of, read};
use super::{ApiError, ErrorCode};
use crate::serve::Server;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::plugins::{PluginVersion, VersionState};

/// Largest component file, in bytes.
const COMPONENT_BYTES: usize = 32 << 20;

const SIGNATURE: &str = "ox-signature";

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_plugins, create_plugin))
        .routes(routes!(get_plugin, delete_plugin))
        .routes(routes!(activate_plugin))
        .routes(routes!(roll_back_connector))
}

/// A page of versions.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PluginList {
    /// By connector, the newest first.
    pub(crate) plugins: Vec<PluginVersion>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List versions of connectors
#[utoipa::path(get, path = "/plugins", tag = "plugins", params(Page),
    responses((status = 200, description = "The versions", body = PluginList)))]
async fn list_plugins(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
) -> Result<Json<PluginList>, ApiError> {
    let all = server.plugins.versions().await?;
    let (plugins, meta) = page(all, asked.after.as_deref(), asked.limit, |one| {
        one.digest.clone()
    })?;
    Ok(Json(PluginList { plugins, meta }))
}

async fn one(server: &Arc<Server>, digest: &str) -> Result<PluginVersion, ApiError> {
    let all = server.plugins.versions().await?;
    let one = all.into_iter().find(|one| one.digest == digest);
    one.ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            format!("no version has the digest {digest:?}"),
        )
        .hint("GET /api/v1/plugins lists them")
    })
}

fn done(version: PluginVersion, fresh: StatusCode) -> Response {
    let told = Told {
        subject: version.digest.clone(),
        record: serde_json::json!({
            "connector": version.connector, "version": version.version, "state": version.state,
            "refused": version.report.refused,
        }),
    };
    let status = match version.state {
        VersionState::Refused => StatusCode::OK,
        _ => fresh,
    };
    let mut response = (status, Json(version)).into_response();
    response.extensions_mut().insert(told);
    response
}

/// Install a version of a connector
///
/// It is compiled, linked, described, configured and verified against the live connections before it takes over. A
/// version that fails a step is answered too, with `state` refused and the reason; the one before it goes on.
#[utoipa::path(post, path = "/plugins", tag = "plugins",
    params(("Ox-Signature" = Option<String>, Header,
            description = "Base64 of the signature, where this host asks for signatures")),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component, 32 MiB at most"),
    responses((status = 201, description = "Installed", body = PluginVersion),
              (status = 200, description = "Refused; the report says why", body = PluginVersion),
              (status = 409, description = "Error: another swap goes on")))]
async fn create_plugin(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, ApiError> {
    must_be_of(request.headers(), &["application/wasm"])?;
    let signature = match request.headers().get(SIGNATURE) {
        None => None,
        Some(value) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_bytes());
            Some(bytes.map_err(|error| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    format!("the signature is no base64: {error}"),
                )
                .field("Ox-Signature")
            })?)
        }
    };
    let bytes = read(request, COMPONENT_BYTES).await?;
    let version = server
        .plugins
        .install(bytes.to_vec(), signature, &actor.name)
        .await?;
    Ok(done(version, StatusCode::CREATED))
}

/// Read one version of a connector
#[utoipa::path(get, path = "/plugins/{digest}", tag = "plugins",
    params(("digest" = String, Path, description = "`sha256:…` of its file")),
    responses((status = 200, description = "The version", body = PluginVersion)))]
async fn get_plugin(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
) -> Result<Json<PluginVersion>, ApiError> {
    Ok(Json(one(&server, &digest).await?))
}

/// Make an installed version active
///
/// By the same steps as an installation.
#[utoipa::path(post, path = "/plugins/{digest}/activate", tag = "plugins",
    params(("digest" = String, Path, description = "`sha256:…` of its file")),
    responses((status = 200, description = "Active, or refused: the report says which and why", body = PluginVersion),
              (status = 409, description = "Error: another swap goes on")))]
async fn activate_plugin(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
) -> Result<Response, ApiError> {
    one(&server, &digest).await?;
    let version = server.plugins.activate(&digest, &actor.name).await?;
    Ok(done(version, StatusCode::OK))
}

/// Go back to the version that was active before
#[utoipa::path(post, path = "/connectors/{id}/rollback", tag = "plugins",
    params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, description = "Active, or refused: the report says which and why", body = PluginVersion),
              (status = 409, description = "Error: there is none, or another swap goes on")))]
async fn roll_back_connector(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let version = server.plugins.roll_back(&id, &actor.name).await?;
    Ok(done(version, StatusCode::OK))
}

/// Forget a version of a connector
///
/// One that is active, or that a call is made with, is not.
#[utoipa::path(delete, path = "/plugins/{digest}", tag = "plugins",
    params(("digest" = String, Path, description = "`sha256:…` of its file")),
    responses((status = 204, description = "Forgotten"),
              (status = 409, description = "Error: it is in use")))]
async fn delete_plugin(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
) -> Result<Response, ApiError> {
    one(&server, &digest).await?;
    server.plugins.remove(&digest, &actor.name).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Told {
        subject: digest,
        record: serde_json::Value::Null,
    });
    Ok(response)
}
