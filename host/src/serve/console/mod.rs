//! The pages: each handler reads from the host, makes the plain data of a page of `ox-console`, and renders it.
//!
//! One file for each part of the console; a file has its `routes()` and hands them to this one. A form posts to
//! an address of its own and is answered with "see other", so that a page can be loaded again; what was done is
//! told by a [`Flash`] in a cookie that is shown once.

mod account;
mod account_form;
mod advisories;
mod asked;
mod attempts;
mod audit;
mod changes;
#[cfg(test)]
mod connecting_tests;
mod connection;
mod connectors;
mod dashboard;
mod entry;
mod events;
mod fields;
mod frame;
mod images;
mod issues;
mod location_tree;
mod locations;
#[cfg(test)]
mod overview_tests;
mod plugins;
mod policy;
mod run_words;
mod runs;
mod schedule;
mod settings;
mod static_files;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use super::Server;

pub use frame::{Frame, done, page};
pub(in crate::serve) use frame::{cookie, own};

/// The routes of the pages and their assets.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .merge(attempts::routes())
        .merge(connection::routes())
        .merge(connectors::routes())
        .merge(events::routes())
        .merge(locations::routes())
        .merge(plugins::routes())
        .merge(runs::routes())
        .merge(schedule::routes())
        .merge(static_files::routes())
        .merge(dashboard::routes())
        .merge(images::routes())
        .merge(policy::routes())
        .merge(changes::routes())
        .merge(advisories::routes())
        .merge(entry::routes())
        .merge(account::routes())
        .merge(audit::routes())
        .merge(settings::routes())
        .merge(issues::routes())
}
