//! Versions of connectors: install, look at the swap, go back.

use std::sync::Arc;

use axum::Router;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, Multipart, Path, State as With};
use axum::response::Response;
use axum::routing::{get, post};
use ox_console::pages::connectors::{State, Step, StepState};
use ox_console::pages::plugins::{ConnectorVersions, Plugins, RemovePlugin, VersionRow};
use ox_console::parts::When;
use ox_console::{Section, text};
use serde_json::json;

use super::fields::Fields;
use super::{Frame, done, page};
use crate::host::HostError;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::plugins::{PluginVersion, SwapStep, VersionState};

/// Largest component file.
const FILE: usize = 32 << 20;
/// Largest signature file.
const SIGNATURE: usize = 4 << 10;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(
            "/plugins",
            get(list)
                .post(install)
                // The file, its signature, and what stands around them.
                .layer(DefaultBodyLimit::max(FILE + (64 << 10))),
        )
        .route("/plugins/activate", post(activate))
        .route("/plugins/roll-back", post(roll_back))
        .route("/plugins/remove", post(remove))
        .route("/plugins/{digest}/remove", get(ask))
}

async fn list(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
) -> Result<Response, ApiError> {
    let versions = server.plugins.versions().await?;
    let now = crate::store::now();
    let mut connectors: Vec<ConnectorVersions> = Vec::new();
    for version in &versions {
        let row = version_row(version, &now);
        match connectors
            .iter_mut()
            .find(|connector| connector.id == version.connector)
        {
            Some(connector) => connector.versions.push(row),
            None => connectors.push(ConnectorVersions {
                id: text::plain(&version.connector),
                versions: vec![row],
                back_to: back_to(&versions, &version.connector),
            }),
        }
    }
    Ok(page(&Plugins {
        chrome: frame.chrome("Versions of connectors", Section::Connectors),
        connectors,
        is_signed: server.options.plugin_key.is_some(),
    }))
}

/// The version that was active before the one that is.
fn back_to(versions: &[PluginVersion], connector: &str) -> Option<String> {
    let before = versions.iter().filter(|version| {
        version.connector == connector
            && version.state == VersionState::Installed
            && version.activated_at.is_some()
    });
    let newest = before.max_by(|one, other| one.activated_at.cmp(&other.activated_at))?;
    Some(text::plain(&newest.version))
}

fn version_row(version: &PluginVersion, now: &str) -> VersionRow {
    let state = match version.state {
        VersionState::Active => State::new("Active", "good"),
        VersionState::Installed => State::new("Installed", ""),
        VersionState::Refused => State::new("Refused", "bad"),
    };
    VersionRow {
        short: text::plain(&text::short_digest(&version.digest)),
        digest: text::plain(&version.digest),
        version: text::plain(&version.version),
        contract: text::plain(&version.contract),
        size: text::bytes(version.size),
        by: text::plain(&version.installed_by),
        installed: When::new(&version.installed_at, now),
        activated: version.activated_at.as_deref().map(|at| When::new(at, now)),
        in_flight: version.in_flight,
        steps: version.report.steps.iter().map(step).collect(),
        refused: version.report.refused.as_deref().map(text::plain),
        can_activate: version.state != VersionState::Active,
        can_remove: version.state != VersionState::Active && version.in_flight == 0,
        state,
    }
}

fn step(step: &SwapStep) -> Step {
    let label = match step.name.as_str() {
        "read" => "The file is read",
        "digest" => "Its digest is right",
        "signature" => "Its signature is right",
        "compile" => "It compiles",
        "link" => "It asks for nothing but the contract",
        "describe" => "It says what it is",
        "configure" => "It takes the connections' settings",
        "verify" => "It works on the connections",
        "swap" => "It takes over",
        "drain" => "Calls of the version before it have ended",
        other => other,
    };
    let took = text::duration(step.milliseconds);
    let message = text::plain(&step.message);
    Step {
        label: text::plain(label),
        state: match step.status.as_str() {
            "passed" => StepState::Passed,
            "failed" => StepState::Failed,
            "running" => StepState::Running,
            _ => StepState::Skipped,
        },
        seen: if message.is_empty() {
            took
        } else {
            format!("{message} ({took})")
        },
        hint: String::new(),
    }
}

async fn install(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    mut parts: Multipart,
) -> Result<Response, ApiError> {
    let mut file = Vec::new();
    let mut signature = None;
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        match part.name() {
            Some("file") => {
                file = part.bytes().await.map_err(unreadable)?.to_vec();
            }
            Some("signature") => {
                let bytes = part.bytes().await.map_err(unreadable)?;
                if bytes.len() > SIGNATURE {
                    return Ok(done(
                        "/plugins",
                        "bad",
                        "The signature file is larger than 4 KiB; it holds one signature.",
                        None,
                    ));
                }
                signature = (!bytes.is_empty()).then(|| bytes.to_vec());
            }
            _ => {}
        }
    }
    if file.is_empty() {
        return Ok(done(
            "/plugins",
            "bad",
            "Choose a component file first.",
            None,
        ));
    }
    if file.len() > FILE {
        return Ok(done(
            "/plugins",
            "bad",
            "The file is larger than 32 MiB.",
            None,
        ));
    }
    let swapped = server.plugins.install(file, signature, &actor.name).await;
    told(swapped, "installed")
}

fn unreadable(error: MultipartError) -> ApiError {
    let code = if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        ErrorCode::TooLarge
    } else {
        ErrorCode::BadRequest
    };
    ApiError::new(
        code,
        "the file did not come whole, or is larger than 32 MiB",
    )
    .hint("Send it again.")
}

/// The page again, with how the swap ended.
fn told(
    swapped: Result<PluginVersion, HostError>,
    what: &'static str,
) -> Result<Response, ApiError> {
    let version = match swapped {
        Ok(version) => version,
        Err(error) => {
            let error = ApiError::from(error);
            return match error.code {
                ErrorCode::Conflict | ErrorCode::Invalid | ErrorCode::Upstream => {
                    let message = format!("{} {}", error.message, error.hint);
                    Ok(done("/plugins", "bad", message, None))
                }
                _ => Err(error),
            };
        }
    };
    let name = format!("{} {}", version.connector, version.version);
    let (tone, message) = match (&version.report.refused, version.state) {
        (Some(why), _) => ("bad", format!("{name} was refused: {why}")),
        (None, VersionState::Active) => ("good", format!("{name} is active.")),
        (None, _) => ("note", format!("{name} is installed.")),
    };
    let mut response = done("/plugins", tone, message, None);
    response.extensions_mut().insert(Told {
        subject: name,
        record: json!({
            "what": what,
            "digest": version.digest,
            "state": version.state,
            "refused": version.report.refused,
        }),
    });
    Ok(response)
}

async fn activate(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let swapped = server
        .plugins
        .activate(fields.text("digest"), &actor.name)
        .await;
    told(swapped, "activated")
}

async fn roll_back(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let connector = fields.text("connector");
    let swapped = server.plugins.roll_back(connector, &actor.name).await;
    told(swapped, "rolled back")
}

async fn ask(
    Admin(_): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(digest): Path<String>,
) -> Result<Response, ApiError> {
    let versions = server.plugins.versions().await?;
    let version = versions
        .into_iter()
        .find(|version| version.digest == digest)
        .ok_or_else(|| {
            ApiError::new(ErrorCode::NotFound, "no version has that digest")
                .hint("Versions of connectors lists them.")
        })?;
    let what = format!("{} {}", version.connector, version.version);
    Ok(page(&RemovePlugin {
        chrome: frame.chrome(
            format!("Remove {}", text::plain(&what)),
            Section::Connectors,
        ),
        what: text::plain(&what),
        digest: text::plain(&version.digest),
    }))
}

async fn remove(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let digest = fields.text("digest");
    match server.plugins.remove(digest, &actor.name).await {
        Ok(()) => {
            let mut response = done("/plugins", "good", "The version is removed.", None);
            response.extensions_mut().insert(Told {
                subject: digest.to_owned(),
                record: json!({ "what": "removed" }),
            });
            Ok(response)
        }
        Err(error) => {
            let error = ApiError::from(error);
            match error.code {
                ErrorCode::Conflict | ErrorCode::Invalid => {
                    Ok(done("/plugins", "bad", error.message, None))
                }
                _ => Err(error),
            }
        }
    }
}
