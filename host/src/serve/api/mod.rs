//! `/api/v1`: everything that the console and the command line do, for programs.
//!
//! One file a resource. A route can't be there without its description: both come from one handler, and
//! `/api/v1/openapi.json` is what they say. What all of them have in common:
//!
//! - lists are `{"<plural>": […], "meta": {"total", "next"}}`, and go on with `?after=<next>`;
//! - single resources have an `ETag`, and an edit says with `If-Match` what it edits;
//! - every error is an [`ErrorBody`];
//! - parameters and fields that nobody knows are refused;
//! - keys are snake_case, words are those of [`crate::report::words`], times RFC 3339: as in the command line's JSON.

mod accounts;
mod advisories;
mod answer;
mod changes;
pub(crate) mod client;
mod connections;
mod connectors;
mod error;
mod events;
mod exclusions;
mod extract;
mod findings;
mod images;
mod issues;
mod locations;
mod once;
mod openapi;
mod plugins;
mod policy;
mod reader;
mod runs;
mod schedules;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::Server;
use super::auth::Viewer;

pub use answer::Meta;
pub use connections::{NewConnection, Tried};
pub use error::{ApiError, ErrorBody, ErrorCode};

/// The routes below `/api/v1`.
pub(super) fn routes() -> Router<Arc<Server>> {
    let (router, _) = described().split_for_parts();
    let v1 = router
        .route("/openapi.json", get(description))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_way);
    Router::new()
        .nest("/api/v1", v1)
        .route("/api/docs", get(reader::page))
        .route("/api", axum::routing::any(nothing_here))
        .route("/api/{*rest}", axum::routing::any(nothing_here))
}

fn described() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .merge(connectors::routes())
        .merge(connections::routes())
        .merge(locations::routes())
        .merge(plugins::routes())
        .merge(runs::routes())
        .merge(findings::routes())
        .merge(images::routes())
        .merge(issues::routes())
        .merge(exclusions::routes())
        .merge(changes::routes())
        .merge(advisories::routes())
        .merge(policy::routes())
        .merge(schedules::routes())
        .merge(accounts::routes())
        .merge(events::routes())
}

/// The description of the API.
pub fn openapi() -> OpenApi {
    openapi::complete(described().into_openapi())
}

async fn description(_: Viewer) -> impl axum::response::IntoResponse {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| openapi().to_pretty_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

async fn nothing_here() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "nothing is at this address")
        .hint("/api/v1/openapi.json lists what there is")
}

async fn not_that_way() -> ApiError {
    ApiError::new(
        ErrorCode::MethodNotAllowed,
        "this address does not take that method",
    )
    .hint("the header Allow lists those that it takes")
}
