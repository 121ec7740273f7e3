//! One connected account: its facts, its runs, when it runs by itself, its options, and its end.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as With};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ox_console::pages::connectors::{ConnectionPage, RemoveConnection};
use ox_console::{Section, text};
use serde_json::json;

use super::account_form::{self, Begin};
use super::connectors::{badges, coverage, fault_of, href, next, verified, verified_at};
use super::fields::Fields;
use super::{Frame, done, page, run_words};
use crate::contract::{FieldKind, Manifest};
use crate::host::{Connection, Filter};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::attempts::Wish;
use crate::serve::auth::{Admin, Analyst, Told, Viewer};
use crate::serve::bus::Topic;
use crate::serve::runs::{Cause, RunFilter, RunKind, RunRequest};

/// Runs that the page shows.
const RUNS: usize = 8;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/connections/{name}", get(show).post(edit))
        .route("/connections/{name}/verify", post(verify))
        .route("/connections/{name}/scan", post(scan))
        .route("/connections/{name}/remove", get(ask).post(remove))
}

async fn show(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let connection = server.host.connection(&name)?;
    let manifest = server.host.manifest(&connection.connector).await;
    let chrome = frame.chrome(text::plain(&name), Section::Connectors);
    let href = href(&name);
    let now = crate::store::now();
    let options = match &manifest {
        Ok(manifest) if chrome.is_admin() => Some(account_form::form(
            manifest,
            Begin {
                action: href.clone(),
                submit: "Verify and save",
                has_name: false,
                entered: Some(&account_form::stored(&connection)),
                kept: account_form::secrets_of(manifest),
                end: None,
            },
        )),
        _ => None,
    };
    let (connector, version) = match &manifest {
        Ok(manifest) => (text::plain(&manifest.name), text::plain(&manifest.version)),
        Err(_) => (text::plain(&connection.connector), String::new()),
    };
    tokio::task::block_in_place(|| {
        let filter = RunFilter {
            connection: Some(name.clone()),
            states: Vec::new(),
        };
        let runs = server.runs.runs(&filter, None, RUNS)?;
        let going = runs.iter().find(|run| !run.state.is_over());
        Ok(page(&ConnectionPage {
            running: going.map(|run| format!("/runs/{}", run.id)),
            runs: runs.iter().map(|run| run_words::row(run, &now)).collect(),
            verified: verified(&connection),
            verified_at: verified_at(&connection, &now),
            badges: badges(&server, &connection),
            facts: facts(&connection, manifest.as_ref().ok()),
            next: next(&server, &name, &now),
            coverage: coverage(&server.host.known_locations(&name)?),
            schedule: super::schedule::form(&server, &name, &href),
            options,
            fault: manifest.err().map(fault_of),
            name: text::plain(&name),
            href,
            connector,
            version,
            chrome,
        }))
    })
}

fn facts(connection: &Connection, manifest: Option<&Manifest>) -> Vec<(String, String)> {
    let mut facts = vec![("Account".to_owned(), text::plain(&connection.display_name))];
    for (key, value) in &connection.settings {
        let field =
            manifest.and_then(|manifest| manifest.fields.iter().find(|field| field.key == *key));
        let is_default = field.is_some_and(|field| field.default.as_ref() == Some(value));
        let is_secret = field.is_some_and(|field| field.kind == FieldKind::Secret);
        if value.is_empty() || is_default || is_secret {
            continue;
        }
        let label = field.map_or(key.as_str(), |field| &field.label);
        facts.push((text::plain(label), text::plain(value)));
    }
    let network = &connection.network;
    if let Some(proxy) = &network.proxy {
        facts.push(("Proxy".to_owned(), text::plain(proxy)));
    }
    if !network.allow.is_empty() {
        facts.push((
            "Also allowed".to_owned(),
            text::plain(&network.allow.join(", ")),
        ));
    }
    facts.push(("Connected".to_owned(), text::moment(&connection.created_at)));
    facts
}

async fn edit(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let connection = server.host.connection(&name)?;
    let manifest = server.host.manifest(&connection.connector).await?;
    let before = account_form::stored(&connection);
    let entered = account_form::entered(&manifest, &fields, Some(&before));
    let wish = Wish::Edit { name, entered };
    let attempt = server.attempts.begin(actor.user, wish).await?;
    Ok(Redirect::to(&format!("/attempts/{}", attempt.id)).into_response())
}

async fn verify(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let attempt = server
        .attempts
        .begin(actor.user, Wish::Verify { name })
        .await?;
    Ok(Redirect::to(&format!("/attempts/{}", attempt.id)).into_response())
}

async fn scan(
    Analyst(actor): Analyst,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let connection = server.host.connection(&name)?;
    let (run, was_there) = server
        .runs
        .ask(RunRequest {
            kind: RunKind::Scan,
            connection: Some(connection.name),
            locations: Vec::new(),
            fresh: false,
            cause: Cause::Person,
            by: actor.name,
        })
        .await?;
    let message = if was_there {
        "It is being scanned already; this is that run."
    } else {
        "The scan is asked for."
    };
    Ok(done(&format!("/runs/{}", run.id), "good", message, None))
}

async fn ask(
    Admin(_): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let connection = server.host.connection(&name)?;
    tokio::task::block_in_place(|| {
        let filter = Filter {
            connection: Some(connection.name.clone()),
            ..Filter::default()
        };
        let locations = server.host.known_locations(&name)?.len() as u64;
        let images = server.host.images(&filter)?.len() as u64;
        let scans = server.host.scans(Some(&name))?.len() as u64;
        Ok(page(&RemoveConnection {
            chrome: frame.chrome(
                format!("Delete {}", text::plain(&name)),
                Section::Connectors,
            ),
            name: text::plain(&name),
            href: href(&name),
            lost: vec![
                "the stored credentials, options and schedule".to_owned(),
                format!(
                    "{} with the choice of what is scanned",
                    text::counted(locations, "location", "locations")
                ),
                format!(
                    "the inventory of {}",
                    text::counted(images, "image", "images")
                ),
                "every issue found through it, with its history, discussion and exclusions"
                    .to_owned(),
                format!("the record of {}", text::counted(scans, "scan", "scans")),
            ],
        }))
    })
}

async fn remove(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    server.host.connection(&name)?;
    // A scan of it is stopped first: what it still stores would have nowhere to go.
    let filter = RunFilter {
        connection: Some(name.clone()),
        states: Vec::new(),
    };
    let runs = tokio::task::block_in_place(|| server.runs.runs(&filter, None, RUNS))?;
    for run in runs.iter().filter(|run| !run.state.is_over()) {
        server.runs.cancel(run.id, &actor.name).await?;
    }
    tokio::task::block_in_place(|| server.host.remove_connection(&name))?;
    server.bus.publish(
        Topic::Connection,
        name.clone(),
        json!({ "what": "removed" }),
    );
    let mut response = done(
        "/connectors",
        "good",
        format!("{name} is deleted, with what was found through it."),
        None,
    );
    response.extensions_mut().insert(Told {
        subject: name,
        record: json!({ "removed": "connection" }),
    });
    Ok(response)
}
