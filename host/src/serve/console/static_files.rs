//! The sheet, the script and the icon.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use ox_console::assets;

use crate::serve::Server;

pub(super) fn routes() -> Router<Arc<Server>> {
    assets::all().iter().fold(Router::new(), |routes, asset| {
        routes.route(
            &asset.path,
            get(async || {
                (
                    [
                        (header::CONTENT_TYPE, asset.media_type),
                        // The name holds the digest of the bytes.
                        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                    ],
                    asset.bytes,
                )
            }),
        )
    })
}
