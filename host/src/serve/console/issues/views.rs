//! Views: lists under a name. Some are there for everybody, the others are each person's own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use ox_console::pages::issues::{CurrentView, View};
use serde_json::json;

use super::edits::Fields;
use super::fault;
use super::listing::clipped;
use super::query::{Asked, address};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Told, Viewer};
use crate::serve::console::frame::done;
use crate::store::SavedView;

/// Views that everybody has: id, name, query.
const BUILT_IN: [(&str, &str, &str); 6] = [
    ("open", "All open", ""),
    (
        "fixable",
        "Critical & fixable",
        "severity=appoxalypse,critical&fixable=true",
    ),
    ("new", "New since last scan", "status=new"),
    ("overdue", "Overdue", "sla=overdue"),
    ("increased", "Increased by OX", "reprioritised=increased"),
    ("exploited", "Known exploited", "exploited=true"),
];

/// A list without the view that it is known by.
fn bare(asked: &Asked) -> String {
    Asked {
        view: None,
        after: None,
        ..asked.clone()
    }
    .write()
}

fn with_view(query: &str, id: &str) -> (String, String) {
    let mut asked = Asked::read(query);
    let bare = bare(&asked);
    asked.view = Some(id.to_owned());
    (asked.href(), bare)
}

/// The views, and the one that is looked at.
pub(super) fn all(asked: &Asked, own: &[SavedView]) -> (Vec<View>, Option<CurrentView>) {
    let here = bare(asked);
    let known = BUILT_IN
        .iter()
        .map(|(id, name, query)| (None, (*id).to_owned(), (*name).to_owned(), *query))
        .chain(own.iter().map(|view| {
            (
                Some(view.id),
                view.id.to_string(),
                clipped(&view.name, 80),
                view.query.as_str(),
            )
        }));
    let known: Vec<_> = known
        .map(|(number, id, name, query)| {
            let (href, query) = with_view(query, &id);
            let href = if id == "open" {
                "/issues".to_owned()
            } else {
                href
            };
            (number, id, name, href, query)
        })
        .collect();
    // What is asked for by name is looked at, changed or not; else what has the same filters.
    let by_name = known
        .iter()
        .position(|(_, id, ..)| asked.view.as_deref() == Some(id));
    let place = by_name.or_else(|| known.iter().position(|(.., query)| *query == here));
    let mut current = None;
    let views = known
        .into_iter()
        .enumerate()
        .map(|(at, (number, _, name, href, query))| {
            let chosen = place == Some(at);
            let changed = chosen && query != here;
            if chosen {
                current = Some(CurrentView {
                    id: number,
                    name: name.clone(),
                    changed,
                });
            }
            View {
                name,
                href,
                chosen,
                changed,
            }
        })
        .collect();
    (views, current)
}

/// `POST /issues/views`: keeps the list of the form under a name.
pub(super) async fn save(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    body: String,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body);
    let mut asked = Asked::read(fields.get("query"));
    let query = bare(&asked);
    let name = fields.get("name").to_owned();
    let id = server
        .host
        .save_view(actor.user, &name, &query)
        .await
        .map_err(fault)?;
    asked.view = Some(id.to_string());
    let mut response = done(
        &asked.href(),
        "good",
        format!("The view “{}” is saved.", clipped(&name, 80)),
        None,
    );
    told(&mut response, &name, "save");
    Ok(response)
}

/// `POST /issues/views/{id}`: moves, renames or deletes one of one's own.
pub(super) async fn change(
    State(server): State<Arc<Server>>,
    Viewer(actor): Viewer,
    Path(id): Path<i64>,
    body: String,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body);
    let host = &server.host;
    let mut asked = Asked::read(fields.get("query"));
    let changed = match fields.get("do") {
        "first" => host.move_view(actor.user, id, true).await,
        "last" => host.move_view(actor.user, id, false).await,
        "rename" => host.rename_view(actor.user, id, fields.get("name")).await,
        "delete" => host.delete_view(actor.user, id).await,
        _ => {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "the form does not say what is to be done",
            ));
        }
    };
    changed.map_err(fault)?;
    asked.view = (fields.get("do") != "delete").then(|| id.to_string());
    let message = match fields.get("do") {
        "delete" => "The view is deleted.",
        "rename" => "The view has its new name.",
        _ => "The view is moved.",
    };
    let mut response = done(&address(&asked.write()), "good", message, None);
    told(&mut response, &id.to_string(), fields.get("do"));
    Ok(response)
}

fn told(response: &mut Response, subject: &str, what: &str) {
    response.extensions_mut().insert(Told {
        subject: format!("view {}", clipped(subject, 80)),
        record: json!({ "do": what }),
    });
}
