//! Connectors, as they describe themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, Page, page, tagged};
use super::extract::{Path, Query};
use super::{ApiError, ErrorCode};
use crate::report::json::Connector;
use crate::serve::Server;
use crate::serve::auth::Viewer;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_connectors))
        .routes(routes!(get_connector))
}

/// A page of connectors.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ConnectorList)]
pub(crate) struct List {
    /// By their place: the newest first.
    pub(crate) connectors: Vec<Connector>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List the connectors
#[utoipa::path(get, path = "/connectors", tag = "connectors", params(Page),
    responses((status = 200, description = "The connectors", body = List)))]
async fn list_connectors(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
) -> Result<Json<List>, ApiError> {
    let all = server.host.connectors().await?;
    let all = all
        .iter()
        .map(|(manifest, digest)| Connector::new(manifest, digest))
        .collect();
    let (connectors, meta) = page(
        all,
        asked.after.as_deref(),
        asked.limit,
        |one: &Connector| format!("{} {}", one.id, one.digest),
    )?;
    Ok(Json(List { connectors, meta }))
}

/// Read one connector
#[utoipa::path(get, path = "/connectors/{id}", tag = "connectors",
    params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, description = "The connector that is in use", body = Connector,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_connector(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let all = server.host.connectors().await?;
    let one = all.iter().find(|(manifest, _)| manifest.id == id);
    let (manifest, digest) = one.ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            format!("no connector has the id {id:?}"),
        )
        .hint("GET /api/v1/connectors lists them")
    })?;
    tagged(&headers, &Connector::new(manifest, digest))
}
