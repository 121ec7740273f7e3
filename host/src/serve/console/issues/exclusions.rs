//! What is excluded: the list, ending, and excluding more than one issue.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ox_console::pages::issues::{ExclusionForm, ExclusionRow, Exclusions};
use ox_console::parts::When;
use ox_console::{Section, text};
use ox_issue::exclusion::Scope;
use serde_json::json;

use super::edits::{Fields, exclusion_kind, settle, until};
use super::listing::{clipped, kind_words};
use super::{fault, reading};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::auth::{Analyst, Told, Viewer};
use crate::serve::console::frame::{Frame, done, page};
use crate::store::issues::{Covers, ExclusionRow as Stored, NewExclusion};

/// Exclusions that a page shows.
const MOST: usize = 500;

fn row(stored: &Stored, now: &str) -> ExclusionRow {
    let href = match &stored.covers {
        Covers::Scope(Scope::Issue { id }) => Some(format!("/issues/{id}")),
        Covers::Scope(Scope::Application { name }) => Some(format!(
            "/issues?standing=excluded&application={}",
            text::encode(name)
        )),
        Covers::Scope(Scope::Package { name, .. }) if !name.contains(['*', '?', '[']) => Some(
            format!("/issues?standing=excluded&package={}", text::encode(name)),
        ),
        Covers::Scope(Scope::Location { path }) => Some(format!(
            "/issues?standing=excluded&location={}",
            text::encode(path)
        )),
        _ => None,
    };
    ExclusionRow {
        id: stored.id,
        kind: kind_words(stored.kind).to_owned(),
        covers: clipped(&stored.covers.words(), 300),
        href,
        reason: clipped(&stored.reason, 600),
        by: clipped(&stored.by, 120),
        at: When::new(&stored.at, now),
        until: stored.until.as_deref().map(|until| When::new(until, now)),
        ended: stored.ended.as_ref().map(|(at, by)| {
            let by = match by.as_str() {
                "expiry" => "by itself".to_owned(),
                by => format!("by {}", clipped(by, 120)),
            };
            (When::new(at, now), by)
        }),
    }
}

async fn show(
    server: &Arc<Server>,
    frame: &Frame,
    ended: bool,
    error: Option<String>,
    entered: ExclusionForm,
) -> Result<Exclusions, ApiError> {
    let chrome = frame.chrome("Exclusions", Section::Issues);
    reading(server, move |host| {
        let now = crate::store::now();
        let all = host.exclusions(ended).map_err(fault)?;
        Ok(Exclusions {
            chrome,
            more: (all.len() > MOST).then(|| {
                format!(
                    "The newest {MOST} of {} are shown. `ox-host exclusions` lists all.",
                    text::count(all.len() as u64)
                )
            }),
            rows: all.iter().take(MOST).map(|one| row(one, &now)).collect(),
            ended,
            error,
            entered,
        })
    })
    .await
}

/// `GET /exclusions`.
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Viewer(_actor): Viewer,
    frame: Frame,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let ended = Fields::read(&query.unwrap_or_default()).get("ended") == "true";
    let shown = show(&server, &frame, ended, None, ExclusionForm::default()).await?;
    Ok(page(&shown))
}

/// `POST /exclusions`: excludes whatever a rule, a package, an application or a location covers.
pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Analyst(actor): Analyst,
    frame: Frame,
    body: String,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body);
    let value = fields.get("value").to_owned();
    let application = fields.some("application");
    let scope = match fields.get("scope") {
        "package" => Scope::Package {
            ecosystem: None,
            name: value,
            application,
        },
        "application" => Scope::Application { name: value },
        "location" => Scope::Location { path: value },
        _ => Scope::Rule {
            pattern: value,
            application,
        },
    };
    let covers = Covers::Scope(scope);
    let words = covers.words();
    let made = match until(&fields, "until") {
        Ok(until) => server
            .host
            .exclude_soon(NewExclusion {
                kind: exclusion_kind(fields.get("kind")),
                covers,
                reason: fields.get("reason").to_owned(),
                by: actor.name.clone(),
                until,
            })
            .await
            .map_err(fault),
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => {
            settle(&server).await;
            let mut response = done(
                "/exclusions",
                "good",
                format!("Excluded: {}.", clipped(&words, 300)),
                None,
            );
            response.extensions_mut().insert(Told {
                subject: format!("exclusion {id}"),
                record: json!({ "covers": words, "reason": clipped(fields.get("reason"), 600) }),
            });
            Ok(response)
        }
        Err(error) if error.code.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let entered = ExclusionForm {
                scope: fields.get("scope").to_owned(),
                value: fields.get("value").to_owned(),
                application: fields.get("application").to_owned(),
                reason: fields.get("reason").to_owned(),
                until: fields.get("until").to_owned(),
                kind: fields.get("kind").to_owned(),
            };
            let shown = show(&server, &frame, false, Some(error.message), entered).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// `POST /exclusions/{id}/end`.
pub(super) async fn end(
    State(server): State<Arc<Server>>,
    Analyst(actor): Analyst,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    let host = &server.host;
    host.end_exclusion_soon(id, &actor.name)
        .await
        .map_err(fault)?;
    settle(&server).await;
    let message = format!("Exclusion {id} is ended; what it covered is back in the queue.");
    let mut response = done("/exclusions", "good", message, None);
    response.extensions_mut().insert(Told {
        subject: format!("exclusion {id}"),
        record: json!({}),
    });
    Ok(response)
}
