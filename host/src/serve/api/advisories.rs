//! What is known about vulnerabilities.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{blocking, tagged};
use super::extract::Path;
use super::runs::{AskedRun, accepted};
use super::{ApiError, ErrorCode, once};
use crate::host::AdvisoryStatus;
use crate::serve::Server;
use crate::serve::auth::{Analyst, Viewer};
use crate::serve::runs::{Cause, RunKind, RunRequest};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(get_advisory_status))
        .routes(routes!(create_advisory_update))
        .routes(routes!(get_advisory))
}

/// Read what was imported, how old it is, and what of the images it covers
#[utoipa::path(get, path = "/advisories", tag = "advisories",
    responses((status = 200, description = "What is known", body = AdvisoryStatus)))]
async fn get_advisory_status(
    _: Viewer,
    State(server): State<Arc<Server>>,
) -> Result<Json<AdvisoryStatus>, ApiError> {
    let status = blocking(&server, |host| host.advisory_status());
    Ok(Json(status.await?))
}

/// Ask for an update of the advisories
///
/// From the addresses that this host is set up with. The queue is brought up to them.
#[utoipa::path(post, path = "/advisories/updates", tag = "advisories",
    params(("Idempotency-Key" = Option<String>, Header,
            description = "The same key is answered alike for a day, and asks for nothing anew")),
    responses((status = 202, description = "Asked for", body = AskedRun,
               headers(("Location" = String, description = "The run")))))]
async fn create_advisory_update(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let by = actor.name.clone();
    once::once(
        &server,
        &actor,
        &headers,
        "POST /advisories/updates",
        &[],
        async || {
            let request = RunRequest {
                kind: RunKind::Advisories,
                connection: None,
                locations: Vec::new(),
                fresh: false,
                cause: Cause::Person,
                by,
            };
            let (run, joined) = server.runs.ask(request).await?;
            Ok(accepted(run, joined))
        },
    )
    .await
}

/// A record of an advisory.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct AdvisoryRecord {
    /// The source that it is from (`Go`).
    pub(crate) source: String,
    /// What it says besides what it affects; as OSV has it.
    #[schema(value_type = Object)]
    pub(crate) head: ox_advisory::osv::Head,
    /// What it affects; as OSV has it.
    #[schema(value_type = Vec<Object>)]
    pub(crate) affected: Vec<ox_advisory::osv::Affected>,
}

/// Read one record
#[utoipa::path(get, path = "/advisories/{id}", tag = "advisories",
    params(("id" = String, Path, description = "`CVE-2024-1`, `GHSA-…`, `GO-2024-1`")),
    responses((status = 200, description = "The record", body = AdvisoryRecord,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_advisory(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = id.clone();
    let record = blocking(&server, move |host| {
        Ok(host
            .advisories()?
            .record(&asked)
            .map_err(anyhow::Error::from)?)
    });
    let record = record.await?.ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, format!("no record has the id {id:?}"))
            .hint("GET /api/v1/advisories tells what was imported")
    })?;
    tagged(
        &headers,
        &AdvisoryRecord {
            source: record.source,
            head: record.head,
            affected: record.affected,
        },
    )
}
