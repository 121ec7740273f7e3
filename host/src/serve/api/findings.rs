//! What tools said, before it is judged; and what was not looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, blocking, page};
use super::extract::Query;
use super::{ApiError, ErrorCode};
use crate::host::Filter;
use crate::report::json::{Finding, FindingKind, Severity, Skipped};
use crate::scan::Patterns;
use crate::serve::Server;
use crate::serve::auth::Viewer;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_findings))
        .routes(routes!(list_skipped))
}

/// Which findings, images or skips.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeenQuery {
    /// Only of this connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// Only locations whose path matches; `*` stops at `/`, `**` does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) location: Vec<String>,
    /// Only what this tool reported ("GitLab").
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_tool: Option<String>,
    /// Only findings at least this severe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_severity: Option<Severity>,
    /// Only findings of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kind: Vec<FindingKind>,
    /// Only this image: a digest, or a beginning of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// Only images of this repository, with its registry's host or without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repository: Option<String>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
}

impl SeenQuery {
    /// As the host takes it.
    pub(super) fn filter(&self) -> Result<Filter, ApiError> {
        Patterns::new(&self.location).map_err(|error| {
            ApiError::new(ErrorCode::BadRequest, error.to_string()).field("location")
        })?;
        Ok(Filter {
            connection: self.connection.clone(),
            locations: self.location.clone(),
            source_tool: self.source_tool.clone(),
            min_severity: self.min_severity.map(Into::into),
            kinds: self.kind.iter().map(|&kind| kind.into()).collect(),
            image: self.image.clone(),
            repository: self.repository.clone(),
        })
    }

    /// What asks for a filter: the way back.
    pub(crate) fn of(filter: &Filter) -> Self {
        Self {
            connection: filter.connection.clone(),
            location: filter.locations.clone(),
            source_tool: filter.source_tool.clone(),
            min_severity: filter.min_severity.map(Into::into),
            kind: filter.kinds.iter().map(|&kind| kind.into()).collect(),
            image: filter.image.clone(),
            repository: filter.repository.clone(),
            after: None,
            limit: None,
        }
    }

    /// As a query string.
    pub(crate) fn text(&self) -> String {
        serde_html_form::to_string(self).unwrap_or_default()
    }
}

/// A page of findings.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct FindingList {
    /// Worst first.
    pub(crate) findings: Vec<Finding>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List findings
#[utoipa::path(get, path = "/findings", tag = "findings", params(SeenQuery),
    responses((status = 200, description = "The findings", body = FindingList)))]
async fn list_findings(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<SeenQuery>,
) -> Result<Json<FindingList>, ApiError> {
    let filter = asked.filter()?;
    let rows = blocking(&server, move |host| host.findings(&filter)).await?;
    let (rows, meta) = page(rows, asked.after.as_deref(), asked.limit, |row| {
        format!("{}\n{}\n{}", row.connection, row.location, row.finding.id)
    })?;
    Ok(Json(FindingList {
        findings: rows.iter().map(Finding::from).collect(),
        meta,
    }))
}

/// A page of what was skipped.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SkippedList {
    /// By location.
    pub(crate) skipped: Vec<Skipped>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List what was not looked at, and why
///
/// In the newest scan of each location, and in the newest listing.
#[utoipa::path(get, path = "/skipped", tag = "findings", params(SeenQuery),
    responses((status = 200, description = "What was skipped", body = SkippedList)))]
async fn list_skipped(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<SeenQuery>,
) -> Result<Json<SkippedList>, ApiError> {
    let filter = asked.filter()?;
    let rows = blocking(&server, move |host| host.skipped(&filter)).await?;
    let (rows, meta) = page(rows, asked.after.as_deref(), asked.limit, |row| {
        let skipped = &row.skipped;
        format!(
            "{}\n{}\n{:?}\n{}\n{:?}\n{:?}\n{}",
            row.connection,
            row.location,
            skipped.subject,
            skipped.name,
            skipped.image,
            skipped.skip.reason,
            skipped.skip.why.message
        )
    })?;
    Ok(Json(SkippedList {
        skipped: rows.iter().map(Skipped::from).collect(),
        meta,
    }))
}
