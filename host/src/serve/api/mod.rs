//! `/api/v1`: everything that the console and the command line do, for programs.

mod error;

use std::sync::Arc;

use axum::Router;

use super::Server;

pub use error::{ApiError, ErrorBody, ErrorCode};

/// The routes below `/api/v1`.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
}
