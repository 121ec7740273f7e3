//! What an account holds, and which part of it is scanned.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::answer::{EDITS, Meta, Page, blocking, must_match, page, tagged};
use super::connections::one;
use super::extract::{Body, Path, Query};
use crate::host::{NewLocations, Selection, Silent};
use crate::report::json::Location;
use crate::serve::Server;
use crate::serve::auth::{Admin, Analyst, Told, Viewer};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_locations))
        .routes(routes!(refresh_locations))
        .routes(routes!(get_selection, put_selection))
}

/// A page of locations.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LocationList)]
pub(crate) struct List {
    /// By path.
    pub(crate) locations: Vec<Location>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

fn listed(rows: &[crate::host::LocationRow], asked: &Page) -> Result<Json<List>, ApiError> {
    let all = rows.iter().map(Location::from).collect();
    let (locations, meta) = page(
        all,
        asked.after.as_deref(),
        asked.limit,
        |one: &Location| one.id.clone(),
    )?;
    Ok(Json(List { locations, meta }))
}

/// List the locations of an account, as last listed
#[utoipa::path(get, path = "/connections/{name}/locations", tag = "locations",
    params(("name" = String, Path, description = "Name of the connection"), Page),
    responses((status = 200, description = "The locations", body = List)))]
async fn list_locations(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(asked): Query<Page>,
) -> Result<Json<List>, ApiError> {
    let rows = blocking(&server, move |host| host.known_locations(&name)).await?;
    listed(&rows, &asked)
}

/// List the locations of an account anew
///
/// The account is asked. Answers when all are listed, with the first page.
#[utoipa::path(post, path = "/connections/{name}/locations/refresh", tag = "locations",
    params(("name" = String, Path, description = "Name of the connection"), Page),
    responses((status = 200, description = "The locations", body = List),
              (status = 502, description = "Error: the account could not be asked")))]
async fn refresh_locations(
    _: Analyst,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(asked): Query<Page>,
) -> Result<Json<List>, ApiError> {
    let cancel = server.stopping.child_token();
    let _end = cancel.clone().drop_guard();
    let rows = server.host.list_locations(&name, &Silent, &cancel).await?;
    listed(&rows, &asked)
}

/// A selection to be saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSelection {
    /// Globs over location paths; empty means all. `*` stops at `/`, `**` does not.
    #[serde(default)]
    pub(crate) include: Vec<String>,
    /// Globs that leave out, after `include`.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// Whether locations that are not known yet are scanned.
    pub(crate) new_locations: NewLocations,
}

/// Read which locations are scanned
#[utoipa::path(get, path = "/connections/{name}/selection", tag = "locations",
    params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 200, description = "The selection", body = Selection,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_selection(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(&headers, &one(&server, &name).await?.selection)
}

/// Choose which locations are scanned
#[utoipa::path(put, path = "/connections/{name}/selection", tag = "locations",
    params(("name" = String, Path, description = "Name of the connection"),
           ("If-Match" = Option<String>, Header, description = "ETag of the selection as it was read; required")),
    request_body = NewSelection,
    responses((status = 200, description = "The selection as it is now", body = Selection,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_selection(
    _: Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(new): Body<NewSelection>,
) -> Result<Response, ApiError> {
    let _edit = EDITS.lock().await;
    must_match(&headers, &one(&server, &name).await?.selection)?;
    let selection = Selection {
        include: new.include,
        exclude: new.exclude,
        new_locations: new.new_locations,
    };
    let (of, saved) = (name.clone(), selection.clone());
    blocking(&server, move |host| host.select(&of, saved)).await?;
    let mut response = tagged(&HeaderMap::new(), &selection)?.into_response();
    response.extensions_mut().insert(Told {
        subject: name,
        record: serde_json::to_value(&selection).unwrap_or_default(),
    });
    Ok(response)
}
