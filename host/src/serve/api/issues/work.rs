//! What people do with issues: give them to somebody, say something, set a severity; one or many.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ox_issue::Severity;
use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::host::IssueDetail;
use crate::serve::Server;
use crate::serve::api::answer::{EDITS, blocking, must_match, tagged};
use crate::serve::api::extract::{Body, Path};
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Analyst, Told};
use crate::serve::bus::Topic;
use crate::store::issues::{Covers, NewExclusion};

/// Most issues of one bulk action.
const MOST: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(put_assignee))
        .routes(routes!(put_severity))
        .routes(routes!(create_comment))
        .routes(routes!(bulk_issues))
}

async fn read(server: &Arc<Server>, id: i64) -> Result<IssueDetail, ApiError> {
    blocking(server, move |host| host.issue(id)).await
}

/// What an edit answers: the issue as it is now.
async fn edited(
    server: &Arc<Server>,
    id: i64,
    what: &str,
    record: serde_json::Value,
) -> Result<Response, ApiError> {
    server.bus.publish(
        Topic::Queue,
        format!("OX-{id}"),
        serde_json::json!({"what": what, "issues": [id]}),
    );
    let mut response = tagged(&HeaderMap::new(), &read(server, id).await?)?;
    response.extensions_mut().insert(Told {
        subject: format!("OX-{id}"),
        record,
    });
    Ok(response)
}

/// Who works on an issue.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAssignee {
    /// Their name; null gives it to nobody.
    #[schema(required)]
    pub(crate) assignee: Option<String>,
}

/// Give an issue to somebody
#[utoipa::path(put, path = "/issues/{id}/assignee", tag = "issues",
    params(("id" = i64, Path, description = "Number of the issue"),
           ("If-Match" = Option<String>, Header, description = "ETag of the issue as it was read; required")),
    request_body = NewAssignee,
    responses((status = 200, description = "The issue as it is now", body = IssueDetail,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_assignee(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Body(new): Body<NewAssignee>,
) -> Result<Response, ApiError> {
    let _edit = EDITS.lock().await;
    must_match(&headers, &read(&server, id).await?)?;
    let to = new.assignee.as_deref();
    server.host.assign(id, to, &actor.name).await?;
    edited(&server, id, "assigned", serde_json::json!({"assignee": to})).await
}

/// A person's own severity of an issue.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSeverity {
    /// Theirs; null goes back to the one that comes out by itself.
    #[schema(required)]
    pub(crate) severity: Option<Severity>,
    /// Why.
    pub(crate) reason: String,
}

/// Set the severity of an issue
#[utoipa::path(put, path = "/issues/{id}/severity", tag = "issues",
    params(("id" = i64, Path, description = "Number of the issue"),
           ("If-Match" = Option<String>, Header, description = "ETag of the issue as it was read; required")),
    request_body = NewSeverity,
    responses((status = 200, description = "The issue as it is now", body = IssueDetail,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_severity(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Body(new): Body<NewSeverity>,
) -> Result<Response, ApiError> {
    let _edit = EDITS.lock().await;
    must_match(&headers, &read(&server, id).await?)?;
    let host = &server.host;
    host.set_severity(id, new.severity, &new.reason, &actor.name)
        .await?;
    let record = serde_json::json!({"severity": new.severity, "reason": new.reason});
    edited(&server, id, "severity", record).await
}

/// Something to say about an issue.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewComment {
    /// The text.
    #[schema(min_length = 1, max_length = 10000)]
    pub(crate) text: String,
}

/// Say something about an issue
#[utoipa::path(post, path = "/issues/{id}/comments", tag = "issues",
    params(("id" = i64, Path, description = "Number of the issue")),
    request_body = NewComment,
    responses((status = 201, description = "The issue as it is now", body = IssueDetail,
               headers(("ETag" = String, description = "Of what it says")))))]
async fn create_comment(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    Body(new): Body<NewComment>,
) -> Result<Response, ApiError> {
    server.host.comment(id, &new.text, &actor.name).await?;
    let mut response = edited(&server, id, "comment", serde_json::Value::Null).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// One action on many issues.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bulk {
    /// Numbers of issues.
    #[schema(min_items = 1, max_items = 500)]
    pub(crate) issues: Vec<i64>,
    /// What is done with each.
    pub(crate) action: BulkAction,
}

/// What is done with each of many issues.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum BulkAction {
    /// Give it to somebody, or to nobody.
    Assign {
        /// Their name.
        assignee: Option<String>,
    },
    /// Say something.
    Comment {
        /// The text.
        text: String,
    },
    /// Set the severity; null goes back to the one that comes out by itself.
    Severity {
        /// Theirs.
        severity: Option<Severity>,
        /// Why.
        reason: String,
    },
    /// Keep it out of the queue.
    Exclude {
        /// What kind.
        kind: ExclusionKind,
        /// Why.
        reason: String,
        /// When it ends by itself; RFC 3339.
        until: Option<String>,
    },
}

/// What came of each.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct BulkReport {
    /// Numbers of the issues that it was done with.
    pub(crate) done: Vec<i64>,
    /// Numbers of the exclusions that were made.
    pub(crate) exclusions: Vec<i64>,
    /// Those that it could not be done with, and why.
    pub(crate) failed: Vec<BulkFailure>,
}

/// An issue that an action could not be done with.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct BulkFailure {
    /// Its number.
    pub(crate) issue: i64,
    /// Why not.
    pub(crate) error: ApiError,
}

/// Do one thing with many issues
///
/// Each is done by itself: one that can't be does not keep the others from it.
#[utoipa::path(post, path = "/issues/bulk", tag = "issues", request_body = Bulk,
    responses((status = 200, description = "What came of each", body = BulkReport)))]
async fn bulk_issues(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Body(new): Body<Bulk>,
) -> Result<Response, ApiError> {
    if new.issues.is_empty() || new.issues.len() > MOST {
        return Err(ApiError::new(
            ErrorCode::Invalid,
            format!("one action takes 1 to {MOST} issues"),
        )
        .field("issues"));
    }
    let mut report = BulkReport {
        done: Vec::new(),
        exclusions: Vec::new(),
        failed: Vec::new(),
    };
    let _edit = EDITS.lock().await;
    let host = &server.host;
    for &issue in &new.issues {
        let by = &actor.name;
        let done = match &new.action {
            BulkAction::Assign { assignee } => host.assign(issue, assignee.as_deref(), by).await,
            BulkAction::Comment { text } => host.comment(issue, text, by).await,
            BulkAction::Severity { severity, reason } => {
                host.set_severity(issue, *severity, reason, by).await
            }
            BulkAction::Exclude {
                kind,
                reason,
                until,
            } => {
                let exclusion = NewExclusion {
                    kind: *kind,
                    covers: Covers::Scope(Scope::Issue { id: issue }),
                    reason: reason.clone(),
                    by: by.clone(),
                    until: until.clone(),
                };
                host.exclude(exclusion)
                    .await
                    .map(|id| report.exclusions.push(id))
            }
        };
        match done {
            Ok(()) => report.done.push(issue),
            Err(error) => report.failed.push(BulkFailure {
                issue,
                error: error.into(),
            }),
        }
    }
    server.bus.publish(
        Topic::Queue,
        "",
        serde_json::json!({"what": "bulk", "issues": report.done}),
    );
    let told = Told {
        subject: format!("{} issues", report.done.len()),
        record: serde_json::json!({"issues": report.done, "action": new.action}),
    };
    let mut response = Json(report).into_response();
    response.extensions_mut().insert(told);
    Ok(response)
}
