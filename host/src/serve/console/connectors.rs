//! The connectors there are, the accounts that are connected, and the form for another one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as With};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use ox_console::pages::connectors::{
    AccountRow, Category, ConnectorCard, Connectors, Coverage, Fault, NewConnection, RunLink,
    Scope, State,
};
use ox_console::parts::When;
use ox_console::{Section, text};

use super::account_form::{self, Begin};
use super::fields::Fields;
use super::{Frame, page, run_words};
use crate::contract::Manifest;
use crate::host::{Connection, HostError, LocationRow};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::attempts::{End, Entered, Wish};
use crate::serve::auth::{Admin, Viewer};
use crate::serve::runs::RunFilter;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/connectors", get(list))
        .route("/connectors/{id}/new", get(new).post(connect))
}

/// Where a connection's page is.
pub(super) fn href(name: &str) -> String {
    format!("/connections/{}", text::encode(name))
}

async fn list(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
) -> Result<Response, ApiError> {
    let (manifests, fault) = match server.host.connectors().await {
        Ok(connectors) => (
            connectors
                .into_iter()
                .map(|(manifest, _)| manifest)
                .collect(),
            None,
        ),
        Err(error) => (Vec::new(), Some(fault_of(error))),
    };
    tokio::task::block_in_place(|| {
        let connections = server.host.connections()?;
        let now = crate::store::now();
        let accounts = connections
            .iter()
            .map(|connection| account_row(&server, connection, &manifests, &now))
            .collect::<Result<Vec<_>, HostError>>()?;
        let fault = fault.or_else(|| {
            manifests.is_empty().then(|| Fault {
                message: "No connector is installed.".to_owned(),
                hint: "Install a component file under Versions of connectors.".to_owned(),
            })
        });
        Ok(page(&Connectors {
            chrome: frame.chrome("Connectors", Section::Connectors),
            categories: categories(manifests, &connections),
            accounts,
            fault,
        }))
    })
}

fn categories(manifests: Vec<Manifest>, connections: &[Connection]) -> Vec<Category> {
    let mut categories: Vec<Category> = Vec::new();
    let mut seen = Vec::new();
    for manifest in manifests {
        // Two installed versions of one connector are one connector.
        if seen.contains(&manifest.id) {
            continue;
        }
        let accounts = connections
            .iter()
            .filter(|connection| connection.connector == manifest.id)
            .count() as u64;
        let state = match accounts {
            0 => State::new("Not connected", ""),
            accounts => State::new(text::counted(accounts, "account", "accounts"), "good"),
        };
        let card = ConnectorCard {
            name: text::plain(&manifest.name),
            description: text::plain(&manifest.description),
            version: text::plain(&manifest.version),
            state,
            connect: format!("/connectors/{}/new", text::encode(&manifest.id)),
        };
        let name = text::plain(&manifest.category);
        seen.push(manifest.id);
        match categories.iter_mut().find(|category| category.name == name) {
            Some(category) => category.connectors.push(card),
            None => categories.push(Category {
                name,
                connectors: vec![card],
            }),
        }
    }
    categories
}

fn account_row(
    server: &Server,
    connection: &Connection,
    manifests: &[Manifest],
    now: &str,
) -> Result<AccountRow, HostError> {
    let manifest = manifests
        .iter()
        .find(|manifest| manifest.id == connection.connector);
    let filter = RunFilter {
        connection: Some(connection.name.clone()),
        states: Vec::new(),
    };
    let last = server.runs.runs(&filter, None, 1)?.into_iter().next();
    let href = href(&connection.name);
    Ok(AccountRow {
        name: text::plain(&connection.name),
        locations: format!("{href}/locations"),
        href,
        connector: manifest.map_or_else(
            || text::plain(&connection.connector),
            |manifest| text::plain(&manifest.name),
        ),
        version: manifest.map_or_else(
            || "not installed".to_owned(),
            |manifest| text::plain(&manifest.version),
        ),
        verified: verified(connection),
        verified_at: verified_at(connection, now),
        badges: badges(server, connection),
        last: last.map(|run| RunLink {
            href: format!("/runs/{}", run.id),
            state: run_words::state(run.state),
            at: When::new(
                run.ended_at
                    .as_deref()
                    .or(run.started_at.as_deref())
                    .unwrap_or(&run.asked_at),
                now,
            ),
        }),
        next: next(server, &connection.name, now),
        coverage: coverage(&server.host.known_locations(&connection.name)?),
    })
}

/// Whether it was verified, and how.
pub(super) fn verified(connection: &Connection) -> State {
    match &connection.verified {
        Some((_, true)) => State::new("Verified", "good"),
        Some((_, false)) => {
            State::new("Not passed", "bad").because("A step of the last verification failed.")
        }
        None => State::new("Not verified", "warn"),
    }
}

pub(super) fn verified_at(connection: &Connection, now: &str) -> Option<When> {
    let verified = connection.verified.as_ref();
    verified.map(|(at, _)| When::new(at, now))
}

/// What has to be seen wherever the connection is seen.
pub(super) fn badges(_server: &Server, connection: &Connection) -> Vec<State> {
    let mut badges = Vec::new();
    if connection.network.insecure_tls {
        badges.push(
            State::new("TLS not verified", "warn")
                .because("Certificates are not verified; anybody on the way can read the token."),
        );
    }
    badges
}

/// When it runs next by itself.
pub(super) fn next(_server: &Server, _connection: &str, _now: &str) -> Option<When> {
    None
}

/// How much of what is selected was looked at completely.
pub(super) fn coverage(rows: &[LocationRow]) -> Coverage {
    let mut coverage = Coverage::default();
    for row in rows {
        if !row.location.scannable || row.location.unscannable.is_some() {
            continue;
        }
        coverage.scannable += 1;
        if row.selected {
            coverage.selected += 1;
            coverage.complete += u64::from(matches!(row.last_scan, Some((_, true))));
        }
    }
    coverage
}

/// An error of the host as a page tells it.
pub(super) fn fault_of(error: HostError) -> Fault {
    let error = ApiError::from(error);
    Fault {
        message: text::plain(&error.message),
        hint: text::plain(&error.hint),
    }
}

// ---- The form ----------------------------------------------------------------------------------------

async fn new(
    Admin(_): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let manifest = server.host.manifest(&id).await?;
    Ok(new_page(&frame, &manifest, None, None))
}

fn new_page(
    frame: &Frame,
    manifest: &Manifest,
    entered: Option<&Entered>,
    end: Option<&End>,
) -> Response {
    let scopes = manifest.scopes.iter().map(|scope| Scope {
        name: text::plain(&scope.name),
        purpose: text::plain(&scope.purpose),
    });
    let fault = match end {
        Some(End::Refused {
            field,
            message,
            hint,
        }) if field.is_empty() => Some(Fault {
            message: text::plain(message),
            hint: text::plain(hint),
        }),
        _ => None,
    };
    page(&NewConnection {
        chrome: frame.chrome(
            format!("Connect {}", text::plain(&manifest.name)),
            Section::Connectors,
        ),
        connector: text::plain(&manifest.name),
        description: text::plain(&manifest.description),
        source_tool: text::plain(&manifest.source_tool),
        scopes: scopes.collect(),
        form: account_form::form(
            manifest,
            Begin {
                action: format!("/connectors/{}/new", text::encode(&manifest.id)),
                submit: "Connect",
                has_name: true,
                entered,
                kept: Vec::new(),
                end,
            },
        ),
        fault,
    })
}

async fn connect(
    Admin(actor): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let manifest = server.host.manifest(&id).await?;
    let entered = account_form::entered(&manifest, &fields, None);
    if let Some(name) = entered.name.as_deref()
        && server.host.connection(name).is_ok()
    {
        let end = End::Refused {
            field: String::new(),
            message: format!("A connection is called {name:?} already."),
            hint: "Choose another name, and enter the token again.".to_owned(),
        };
        return Ok(new_page(&frame, &manifest, Some(&entered), Some(&end)));
    }
    let attempt = server
        .attempts
        .begin(actor.user, Wish::Connect(entered))
        .await?;
    Ok(Redirect::to(&format!("/attempts/{}", attempt.id)).into_response())
}
