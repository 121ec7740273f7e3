//! The file that tunes severities, maps applications and owners, and sets deadlines.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ox_issue::policy::Policy;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{EDITS, blocking, must_match, tagged};
use super::extract::Body;
use super::{ApiError, ErrorCode};
use crate::host::{Events, Gathered, Silent};
use crate::serve::Server;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::bus::Topic;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new().routes(routes!(get_policy, put_policy))
}

/// The policy that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyText {
    /// The file, in TOML.
    pub(crate) text: String,
    /// Digest of what it means.
    pub(crate) digest: String,
    /// Who set it; null while the default counts.
    pub(crate) by: Option<String>,
    /// RFC 3339.
    pub(crate) at: Option<String>,
}

async fn current(server: &Arc<Server>) -> Result<PolicyText, ApiError> {
    let stored = blocking(server, |host| host.policy()).await?;
    Ok(match stored {
        Some(stored) => PolicyText {
            text: stored.text,
            digest: stored.digest,
            by: Some(stored.by),
            at: Some(stored.at),
        },
        None => PolicyText {
            text: Policy::default_text().to_owned(),
            digest: Policy::default().digest(),
            by: None,
            at: None,
        },
    })
}

/// Read the policy
#[utoipa::path(get, path = "/policy", tag = "policy",
    responses((status = 200, description = "The policy that counts", body = PolicyText,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_policy(
    _: Viewer,
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(&headers, &current(&server).await?)
}

/// A policy to be set.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPolicy {
    /// The file, in TOML.
    pub(crate) text: String,
}

/// A policy that was set.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SetPolicy {
    /// The policy as it counts now.
    pub(crate) policy: PolicyText,
    /// What became of the queue.
    pub(crate) gathered: Gathered,
}

/// Set the policy
///
/// Every issue is weighed by it before this is answered.
#[utoipa::path(put, path = "/policy", tag = "policy",
    params(("If-Match" = Option<String>, Header, description = "ETag of the policy as it was read; required")),
    request_body = NewPolicy,
    responses((status = 200, description = "The policy, and what became of the queue", body = SetPolicy,
               headers(("ETag" = String, description = "Of the policy as it is now"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing")))]
async fn put_policy(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Body(new): Body<NewPolicy>,
) -> Result<Response, ApiError> {
    let edit = EDITS.lock().await;
    must_match(&headers, &current(&server).await?)?;
    if let Err(error) = Policy::parse(&new.text) {
        return Err(ApiError::new(ErrorCode::Invalid, error.to_string()).field("text"));
    }
    server.host.set_policy(&new.text, &actor.name).await?;
    drop(edit);
    let events: Arc<dyn Events> = Arc::new(Silent);
    let host = server.host.clone();
    // Whoever asked may go away: the queue is brought up to the policy all the same.
    let gathering = tokio::spawn(async move { host.gather(&events).await });
    let gathered = gathering
        .await
        .map_err(|error| ApiError::new(ErrorCode::Unexpected, error.to_string()))??;
    server
        .bus
        .publish(Topic::Queue, "", serde_json::json!({"what": "policy"}));
    let policy = current(&server).await?;
    let told = Told {
        subject: "policy".to_owned(),
        record: serde_json::json!({"digest": policy.digest}),
    };
    let tag = super::answer::tag_of(&serde_json::to_vec(&policy).unwrap_or_default());
    let mut response = Json(SetPolicy { policy, gathered }).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(told);
    Ok(response)
}
