//! When things run by themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::answer::{EDITS, Meta, Page, must_match, page, tagged};
use super::extract::{Body, Path, Query};
use super::runs::read;
use crate::serve::Server;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::schedule::{Missed, Schedule};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_schedules))
        .routes(routes!(get_schedule, put_schedule))
        .routes(routes!(get_advisory_schedule, put_advisory_schedule))
}

/// A page of schedules.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ScheduleList {
    /// The advisories' first, then by connection.
    pub(crate) schedules: Vec<Schedule>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List schedules
#[utoipa::path(get, path = "/schedules", tag = "schedules", params(Page),
    responses((status = 200, description = "The schedules, defaults included", body = ScheduleList)))]
async fn list_schedules(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
) -> Result<Json<ScheduleList>, ApiError> {
    let schedules = server.schedules.clone();
    let all = read(move || schedules.all()).await?;
    let (schedules, meta) = page(all, asked.after.as_deref(), asked.limit, |one| {
        format!("{:?}", one.connection)
    })?;
    Ok(Json(ScheduleList { schedules, meta }))
}

/// A schedule to be set.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSchedule {
    /// Five fields: minute, hour, day of month, month, day of week (`17 3 * * *`).
    pub(crate) cron: String,
    /// IANA name (`Europe/Berlin`).
    pub(crate) time_zone: String,
    /// Starts at a random moment of so many minutes after the time.
    #[serde(default)]
    #[schema(maximum = 1440)]
    pub(crate) jitter_minutes: u32,
    /// What becomes of missed times.
    #[serde(default)]
    pub(crate) missed: Missed,
    /// Off keeps the rest.
    pub(crate) enabled: bool,
}

async fn current(server: &Arc<Server>, connection: Option<String>) -> Result<Schedule, ApiError> {
    let schedules = server.schedules.clone();
    read(move || schedules.of(connection.as_deref())).await
}

async fn set(
    server: &Arc<Server>,
    connection: Option<String>,
    headers: &HeaderMap,
    new: NewSchedule,
    by: &str,
) -> Result<Response, ApiError> {
    let _edit = EDITS.lock().await;
    must_match(headers, &current(server, connection.clone()).await?)?;
    let subject = connection
        .clone()
        .unwrap_or_else(|| "advisories".to_owned());
    let schedule = Schedule {
        connection: connection.clone(),
        cron: new.cron,
        time_zone: new.time_zone,
        jitter_minutes: new.jitter_minutes,
        missed: new.missed,
        enabled: new.enabled,
        next_at: None,
        last_at: None,
    };
    let kept = server.schedules.set(schedule, by).await?;
    let mut response = tagged(&HeaderMap::new(), &current(server, connection).await?)?;
    response.extensions_mut().insert(Told {
        subject,
        record: serde_json::to_value(&kept).unwrap_or_default(),
    });
    Ok(response)
}

/// Read when a connection is scanned by itself
#[utoipa::path(get, path = "/connections/{name}/schedule", tag = "schedules",
    params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 200, description = "The schedule", body = Schedule,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_schedule(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(&headers, &current(&server, Some(name)).await?)
}

/// Set when a connection is scanned by itself
#[utoipa::path(put, path = "/connections/{name}/schedule", tag = "schedules",
    params(("name" = String, Path, description = "Name of the connection"),
           ("If-Match" = Option<String>, Header, description = "ETag of the schedule as it was read; required")),
    request_body = NewSchedule,
    responses((status = 200, description = "The schedule as it is now", body = Schedule,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_schedule(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(new): Body<NewSchedule>,
) -> Result<Response, ApiError> {
    set(&server, Some(name), &headers, new, &actor.name).await
}

/// Read when the advisories are brought up to date
#[utoipa::path(get, path = "/advisories/schedule", tag = "schedules",
    responses((status = 200, description = "The schedule", body = Schedule,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_advisory_schedule(
    _: Viewer,
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(&headers, &current(&server, None).await?)
}

/// Set when the advisories are brought up to date
#[utoipa::path(put, path = "/advisories/schedule", tag = "schedules",
    params(("If-Match" = Option<String>, Header, description = "ETag of the schedule as it was read; required")),
    request_body = NewSchedule,
    responses((status = 200, description = "The schedule as it is now", body = Schedule,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_advisory_schedule(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Body(new): Body<NewSchedule>,
) -> Result<Response, ApiError> {
    set(&server, None, &headers, new, &actor.name).await
}
