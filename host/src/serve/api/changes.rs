//! What changed between two scans.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ox_issue::Issue;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, blocking, page};
use super::extract::Query;
use super::{ApiError, ErrorCode};
use crate::serve::Server;
use crate::serve::auth::Viewer;
use crate::store::issues::IssueEvent;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list_changes))
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangeQuery {
    /// The last two scans of this connection, where no scans are named.
    connection: Option<String>,
    /// The earlier scan; 0 is the beginning.
    #[param(minimum = 0)]
    from: Option<i64>,
    /// The later scan; the newest of the same connection unless told otherwise.
    #[param(minimum = 1)]
    to: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Something that happened to an issue, and the issue as it is now.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Change {
    /// What happened.
    pub(crate) event: IssueEvent,
    /// The issue.
    pub(crate) issue: Issue,
}

/// A page of changes.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ChangeList {
    /// Name of the connection.
    pub(crate) connection: String,
    /// The earlier scan; 0 is the beginning.
    pub(crate) from: i64,
    /// The later scan.
    pub(crate) to: i64,
    /// What happened between their ends, oldest first.
    pub(crate) changes: Vec<Change>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List what changed between two scans, and why
#[utoipa::path(get, path = "/changes", tag = "changes", params(ChangeQuery),
    responses((status = 200, description = "The changes", body = ChangeList)))]
async fn list_changes(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<ChangeQuery>,
) -> Result<Json<ChangeList>, ApiError> {
    let (from, to, connection) = (asked.from, asked.to, asked.connection.clone());
    let scans = {
        let connection = connection.clone();
        blocking(&server, move |host| host.scans(connection.as_deref())).await?
    };
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (from, to) => {
            let of = connection.or_else(|| {
                let named = to.or(from.filter(|&scan| scan != 0))?;
                let scan = scans.iter().find(|one| one.scan == named)?;
                Some(scan.connection.clone())
            });
            let mut of = scans
                .iter()
                .filter(|one| of.as_ref().is_none_or(|name| *name == one.connection))
                .filter(|one| to.is_none_or(|to| one.scan <= to));
            let newest = of.next().ok_or_else(|| {
                ApiError::new(ErrorCode::NotFound, "nothing was scanned yet")
                    .hint("POST /api/v1/connections/{name}/scans asks for a scan")
            })?;
            let before = of
                .find(|one| one.connection == newest.connection)
                .map_or(0, |one| one.scan);
            (from.unwrap_or(before), to.unwrap_or(newest.scan))
        }
    };
    if from < 0 || from >= to {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("scan {from} is not before scan {to}"),
        )
        .field("from"));
    }
    let diff = blocking(&server, move |host| host.diff(from, to)).await?;
    let numbered: Vec<_> = diff.changes.into_iter().enumerate().collect();
    let (rows, meta) = page(
        numbered,
        asked.after.as_deref(),
        asked.limit,
        |(place, (event, _))| format!("{place} {} {} {}", event.issue, event.at, event.kind),
    )?;
    Ok(Json(ChangeList {
        connection: diff.connection,
        from: diff.from,
        to: diff.to,
        changes: rows
            .into_iter()
            .map(|(_, (event, issue))| Change { event, issue })
            .collect(),
        meta,
    }))
}
