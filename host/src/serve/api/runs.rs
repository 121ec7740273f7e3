//! Runs: ask for one, look at it, stop it, go on with it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::answer::rows;
use super::connections::unknown;
use super::extract::{Path, Query, Raw, json};
use super::once::{self, Answer};
use crate::host::{HostError, ScanSummaryRow};
use crate::report::json::ScanLocation;
use crate::serve::Server;
use crate::serve::auth::{Actor, Analyst, Told, Viewer};
use crate::serve::runs::{
    Cause, Run, RunDetail, RunFilter, RunKind, RunLine, RunRequest, RunState,
};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(create_scan))
        .routes(routes!(list_runs))
        .routes(routes!(get_run))
        .routes(routes!(list_run_lines))
        .routes(routes!(cancel_run))
        .routes(routes!(pause_run))
        .routes(routes!(resume_run))
        .routes(routes!(retry_run))
        .routes(routes!(list_scans))
}

/// What a scan takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewScan {
    /// Only these locations (paths or globs); empty means the selection.
    #[schema(max_items = 1000)]
    pub(crate) locations: Vec<String>,
    /// Begin anew where an interrupted scan could be gone on with.
    pub(crate) fresh: bool,
}

/// A run that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct AskedRun {
    /// The run.
    pub(crate) run: Run,
    /// True when it was there already and was joined.
    pub(crate) joined: bool,
}

/// A run with everything about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RunReport)]
pub(crate) struct OneRun {
    /// The run.
    pub(crate) run: Run,
    /// Its locations, the troubled ones first, then by path.
    pub(crate) locations: Vec<ScanLocation>,
    /// What the egress policy refused, each with the line that would allow it.
    pub(crate) refused: Vec<String>,
}

impl From<RunDetail> for OneRun {
    fn from(detail: RunDetail) -> Self {
        Self {
            run: detail.run,
            locations: detail.locations.iter().map(ScanLocation::from).collect(),
            refused: detail.refused,
        }
    }
}

/// The answer for a run that was asked for: 202, and where it is looked at.
pub(super) fn accepted(run: Run, joined: bool) -> Answer {
    Answer {
        status: StatusCode::ACCEPTED,
        location: Some(format!("/api/v1/runs/{}", run.id)),
        body: serde_json::to_value(AskedRun { run, joined }).unwrap_or_default(),
    }
}

/// Ask for a scan
///
/// A connection has one run at a time: who asks while one waits or goes on joins it.
#[utoipa::path(post, path = "/connections/{name}/scans", tag = "runs",
    params(("name" = String, Path, description = "Name of the connection"),
           ("Idempotency-Key" = Option<String>, Header,
            description = "The same key with the same body is answered alike for a day, and asks for nothing anew")),
    request_body = NewScan,
    responses((status = 202, description = "Asked for", body = AskedRun,
               headers(("Location" = String, description = "The run")))))]
async fn create_scan(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, ApiError> {
    let new: NewScan = json(&body.bytes)?;
    let what = format!("POST /connections/{name}/scans");
    let by = actor.name.clone();
    let asked = once::once(&server, &actor, &headers, &what, &body.bytes, async || {
        let request = RunRequest {
            kind: RunKind::Scan,
            connection: Some(name.clone()),
            locations: new.locations.clone(),
            fresh: new.fresh,
            cause: Cause::Person,
            by,
        };
        if !server
            .host
            .connections()?
            .iter()
            .any(|one| one.name == name)
        {
            return Err(unknown(&name));
        }
        let (run, joined) = server.runs.ask(request).await?;
        Ok(accepted(run, joined))
    });
    let mut response = asked.await?;
    response.extensions_mut().insert(Told {
        subject: name.clone(),
        record: serde_json::json!({"locations": new.locations, "fresh": new.fresh}),
    });
    Ok(response)
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunQuery {
    /// Only of this connection.
    connection: Option<String>,
    /// Only in these states.
    state: Vec<RunState>,
    /// `next` of the page before.
    after: Option<i64>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of runs.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RunList {
    /// The newest first.
    pub(crate) runs: Vec<Run>,
    /// Where it goes on.
    pub(crate) meta: NumberMeta,
}

/// Where a list of numbered things goes on.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct NumberMeta {
    /// `after` of the next page; null after the last.
    pub(crate) next: Option<i64>,
}

/// List runs
#[utoipa::path(get, path = "/runs", tag = "runs", params(RunQuery),
    responses((status = 200, description = "The runs", body = RunList)))]
async fn list_runs(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<RunQuery>,
) -> Result<Json<RunList>, ApiError> {
    let limit = rows(asked.limit)?;
    let runs = server.runs.clone();
    let filter = RunFilter {
        connection: asked.connection,
        states: asked.state,
    };
    let mut found = read(move || runs.runs(&filter, asked.after, limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|run| run.id);
    Ok(Json(RunList {
        runs: found,
        meta: NumberMeta { next },
    }))
}

pub(super) async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ApiError::new(super::ErrorCode::Unexpected, error.to_string()))?
        .map_err(ApiError::from)
}

/// Read one run
#[utoipa::path(get, path = "/runs/{id}", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run")),
    responses((status = 200, description = "The run, its locations, and what was refused", body = OneRun)))]
async fn get_run(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Json<OneRun>, ApiError> {
    let runs = server.runs.clone();
    Ok(Json(read(move || runs.run(id)).await?.into()))
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LineQuery {
    /// Only lines after this one.
    after: Option<u64>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of a run's log.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct LineList {
    /// The oldest first.
    pub(crate) lines: Vec<RunLine>,
    /// Where it goes on.
    pub(crate) meta: LineMeta,
}

/// Where a log goes on.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct LineMeta {
    /// `after` of the next page; null after the last line that is there.
    pub(crate) next: Option<u64>,
}

/// Read the log of a run
#[utoipa::path(get, path = "/runs/{id}/lines", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run"), LineQuery),
    responses((status = 200, description = "The lines", body = LineList)))]
async fn list_run_lines(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    Query(asked): Query<LineQuery>,
) -> Result<Json<LineList>, ApiError> {
    let limit = rows(asked.limit)?;
    let runs = server.runs.clone();
    let mut lines = read(move || runs.lines(id, asked.after.unwrap_or(0))).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|line| line.seq);
    Ok(Json(LineList {
        lines,
        meta: LineMeta { next },
    }))
}

fn done(run: Run) -> Response {
    let told = Told {
        subject: run.id.to_string(),
        record: serde_json::json!({"connection": run.connection}),
    };
    let mut response = Json(run).into_response();
    response.extensions_mut().insert(told);
    response
}

/// Cancel a run
///
/// It stops where it is; what was stored stays.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run")),
    responses((status = 200, description = "The run", body = Run),
              (status = 409, description = "Error: it is not in a state for that")))]
async fn cancel_run(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    Ok(done(server.runs.cancel(id, &actor.name).await?))
}

/// Pause a run
///
/// It stops where it is until it is resumed; its connection waits with it.
#[utoipa::path(post, path = "/runs/{id}/pause", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run")),
    responses((status = 200, description = "The run", body = Run),
              (status = 409, description = "Error: it is not in a state for that")))]
async fn pause_run(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    Ok(done(server.runs.pause(id, &actor.name).await?))
}

/// Resume a paused run
#[utoipa::path(post, path = "/runs/{id}/resume", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run")),
    responses((status = 200, description = "The run", body = Run),
              (status = 409, description = "Error: it is not in a state for that")))]
async fn resume_run(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    Ok(done(server.runs.resume(id, &actor.name).await?))
}

/// Retry what failed
///
/// Asks for a run of what failed or was left in a run that is over.
#[utoipa::path(post, path = "/runs/{id}/retry", tag = "runs",
    params(("id" = i64, Path, description = "Number of the run"),
           ("Idempotency-Key" = Option<String>, Header,
            description = "The same key is answered alike for a day, and asks for nothing anew")),
    responses((status = 202, description = "Asked for", body = AskedRun,
               headers(("Location" = String, description = "The run"))),
              (status = 409, description = "Error: it is not in a state for that")))]
async fn retry_run(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let what = format!("POST /runs/{id}/retry");
    once::once(&server, &actor, &headers, &what, &[], async || {
        let (run, joined) = server.runs.retry(id, &actor.name).await?;
        Ok(accepted(run, joined))
    })
    .await
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScanQuery {
    /// Only of this connection.
    connection: Option<String>,
}

/// Scans, as the store keeps them.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ScanList {
    /// The newest first; a thousand at most.
    pub(crate) scans: Vec<ScanSummaryRow>,
}

/// List scans
///
/// A run makes one scan; one that is resumed goes on with it. Changes are told between two scans.
#[utoipa::path(get, path = "/scans", tag = "runs", params(ScanQuery),
    responses((status = 200, description = "The scans", body = ScanList)))]
async fn list_scans(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<ScanQuery>,
) -> Result<Json<ScanList>, ApiError> {
    let scans =
        super::answer::blocking(&server, move |host| host.scans(asked.connection.as_deref()));
    Ok(Json(ScanList {
        scans: scans.await?,
    }))
}

/// Nobody else's key counts.
pub(super) fn owner(actor: &Actor) -> String {
    format!("{}:{}", actor.user, actor.name)
}

pub(super) fn location_header(response: &mut Response, address: &str) {
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}
