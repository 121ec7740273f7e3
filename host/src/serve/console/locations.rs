//! The gear: which locations of a connection are scanned.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State as With};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ox_console::pages::locations::Locations;
use ox_console::{Section, text};
use serde_json::json;
use url::form_urlencoded;

use super::connectors::{coverage, href};
use super::fields::{Fields, lines};
use super::location_tree::{Tree, View};
use super::{Frame, done, page};
use crate::host::{Connection, LocationRow, NewLocations, Selection};
use crate::scan::selection_of;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::attempts::Wish;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::bus::Topic;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/connections/{name}/locations", get(show).post(save))
        .route("/connections/{name}/locations/refresh", post(refresh))
}

async fn show(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let view = View::of(form_urlencoded::parse(query.as_bytes()));
    let connection = server.host.connection(&name)?;
    let kinds = kinds(&server, &connection).await;
    tokio::task::block_in_place(|| {
        let rows = server.host.known_locations(&name)?;
        Ok(page(&tree_page(
            &frame,
            &connection,
            &rows,
            &kinds,
            view,
            None,
        )))
    })
}

/// What kinds of locations are called.
async fn kinds(server: &Server, connection: &Connection) -> HashMap<String, String> {
    match server.host.manifest(&connection.connector).await {
        Ok(manifest) => manifest
            .location_kinds
            .into_iter()
            .map(|kind| (kind.id, kind.label))
            .collect(),
        Err(_) => HashMap::new(),
    }
}

fn tree_page(
    frame: &Frame,
    connection: &Connection,
    rows: &[LocationRow],
    kinds: &HashMap<String, String>,
    view: View,
    refused: Option<(String, &Selection)>,
) -> Locations {
    let base = format!("{}/locations", href(&connection.name));
    let tree = Tree::new(rows);
    let shown = tree.rows(&view, kinds, &base, &crate::store::now());
    let covered = coverage(rows);
    let patterns = refused
        .as_ref()
        .map_or(&connection.selection, |(_, wanted)| *wanted);
    Locations {
        chrome: frame.chrome(
            format!("Locations of {}", text::plain(&connection.name)),
            Section::Connectors,
        ),
        name: text::plain(&connection.name),
        back: href(&connection.name),
        summary: format!(
            "{} of {} scanned",
            text::count(covered.selected),
            text::counted(covered.scannable, "location is", "locations are")
        ),
        listed: None,
        found: shown.found,
        rows: shown.rows,
        monitors_new: connection.selection.new_locations == NewLocations::Include,
        include: text::plain(&patterns.include.join("\n")),
        exclude: text::plain(&patterns.exclude.join("\n")),
        is_handwritten: is_handwritten(&connection.selection, rows),
        patterns_open: refused.is_some(),
        fault: refused.map(|(why, _)| text::plain(&why)),
        action: base,
        search: view.search,
        opened: view.open.into_iter().collect(),
    }
}

/// True when somebody wrote the patterns: the tree would write others.
fn is_handwritten(selection: &Selection, rows: &[LocationRow]) -> bool {
    if selection.include.is_empty() && selection.exclude.is_empty() {
        return false;
    }
    let leaves = leaves(rows, |row| row.selected);
    selection_of(&leaves, selection.new_locations, None)
        .ok()
        .as_ref()
        != Some(selection)
}

fn leaves(rows: &[LocationRow], chosen: impl Fn(&LocationRow) -> bool) -> Vec<(&str, bool)> {
    rows.iter()
        .filter(|row| is_leaf(row))
        .map(|row| (row.location.path.as_str(), chosen(row)))
        .collect()
}

/// True for a location that a scan can take.
pub(super) fn is_leaf(row: &LocationRow) -> bool {
    row.location.scannable && row.location.unscannable.is_none()
}

async fn save(
    Admin(_): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let connection = server.host.connection(&name)?;
    let new_locations = if fields.is_on("monitor_new") {
        NewLocations::Include
    } else {
        NewLocations::Exclude
    };
    let view = View::of_fields(&fields);
    let kinds = kinds(&server, &connection).await;
    tokio::task::block_in_place(|| {
        let rows = server.host.known_locations(&name)?;
        let wanted = if fields.text("by") == "patterns" {
            Ok(Selection {
                include: lines(fields.text("include")),
                exclude: lines(fields.text("exclude")),
                new_locations,
            })
        } else {
            by_ticks(&connection, &rows, &view, &fields, new_locations)
        };
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(why) => {
                let base = format!("{}/locations{}", href(&name), view.query());
                return Ok(done(&base, "bad", why, None));
            }
        };
        let after = match server.host.select(&name, wanted.clone()) {
            Ok(after) => after,
            Err(error) => {
                let error = ApiError::from(error);
                if error.code == ErrorCode::NotFound {
                    return Err(error);
                }
                let refused = Some((error.message, &wanted));
                let again = tree_page(&frame, &connection, &rows, &kinds, view, refused);
                return Ok(page(&again));
            }
        };
        server.bus.publish(
            Topic::Connection,
            name.clone(),
            json!({ "what": "selected" }),
        );
        let covered = coverage(&after);
        let message = format!(
            "Saved: {} of {} scanned.",
            text::count(covered.selected),
            text::counted(covered.scannable, "location is", "locations are")
        );
        let tone = if covered.selected == 0 {
            "note"
        } else {
            "good"
        };
        let base = format!("{}/locations{}", href(&name), view.query());
        let mut response = done(&base, tone, message, None);
        response.extensions_mut().insert(Told {
            subject: name.clone(),
            record: json!({ "selected": covered.selected, "of": covered.scannable }),
        });
        Ok(response)
    })
}

/// The selection that the ticks mean. What was not on the page stays as it is.
fn by_ticks(
    connection: &Connection,
    rows: &[LocationRow],
    view: &View,
    fields: &Fields,
    new_locations: NewLocations,
) -> Result<Selection, String> {
    let tree = Tree::new(rows);
    let sent: Vec<&str> = fields.all("shown").collect();
    let shown = tree.shown(view, &sent).map_err(|holder| {
        format!(
            "The locations of {holder:?} were listed anew meanwhile, so nothing was saved. Look at them, and choose again."
        )
    })?;
    let on: HashSet<&str> = fields.all("on").collect();
    let wishes: Vec<(&str, &str)> = fields
        .all("set")
        .filter_map(|wish| wish.split_once(':'))
        .collect();
    let mut chosen: Vec<bool> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            if shown.contains(&at) {
                on.contains(row.location.path.as_str())
            } else {
                row.selected
            }
        })
        .collect();
    for (wish, id) in wishes {
        let (value, rest) = match wish {
            "all" => (true, false),
            "none" => (false, false),
            "rest-all" => (true, true),
            "rest-none" => (false, true),
            _ => continue,
        };
        let meant = if rest {
            tree.rest(id, view)
        } else {
            tree.below(id, view)
        };
        for at in meant {
            if let Some(one) = chosen.get_mut(at) {
                *one = value;
            }
        }
    }
    let leaves: Vec<(&str, bool)> = rows
        .iter()
        .zip(&chosen)
        .filter(|(row, _)| is_leaf(row))
        .map(|(row, chosen)| (row.location.path.as_str(), *chosen))
        .collect();
    selection_of(&leaves, new_locations, Some(&connection.selection))
}

async fn refresh(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let attempt = server
        .attempts
        .begin(actor.user, Wish::List { name })
        .await?;
    Ok(Redirect::to(&format!("/attempts/{}", attempt.id)).into_response())
}
