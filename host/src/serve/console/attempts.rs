//! An attempt as it happens: a row for each step, then what came of it, then the form again.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as With};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ox_console::pages::connectors::{AttemptPage, Fault, Outcome, Step, StepState};
use ox_console::{Section, text};

use super::account_form::{self, Begin};
use super::connectors::href;
use super::fields::Fields;
use super::{Frame, done, page};
use crate::contract::{StepResult, StepStatus};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::attempts::{Attempt, End, Look, What, Wish};
use crate::serve::auth::{Actor, Admin, Told};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/attempts/{id}", get(show))
        .route("/attempts/{id}/again", post(again))
        .route("/attempts/{id}/save", post(save_anyway))
        .route("/attempts/{id}/stop", post(stop))
}

fn find(server: &Server, id: &str, actor: &Actor) -> Result<Arc<Attempt>, ApiError> {
    server.attempts.get(id, actor.user).ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "this attempt is over and forgotten").hint(
            "Attempts are kept for a quarter of an hour, for the person who began them. Begin again under Connectors.",
        )
    })
}

async fn show(
    Admin(actor): Admin,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let attempt = find(&server, &id, &actor)?;
    let look = attempt.look();
    let about = &attempt.about;
    let name = about.connection.as_deref();
    let outcome = outcome(&attempt, &look);
    let form = match (&look.end, attempt.entered()) {
        (Some(End::NotPassed | End::Refused { .. } | End::Stopped), Some(entered)) => {
            let manifest = server.host.manifest(&about.connector).await?;
            let kept = match about.what {
                What::Edit => account_form::secrets_of(&manifest),
                _ => entered.secrets.iter().map(|(key, _)| key.clone()).collect(),
            };
            Some(account_form::form(
                &manifest,
                Begin {
                    action: format!("/attempts/{id}/again"),
                    submit: "Try again",
                    has_name: about.what == What::Connect,
                    entered: Some(&entered),
                    kept,
                    end: look.end.as_ref(),
                },
            ))
        }
        _ => None,
    };
    let title = title(about.what, &look);
    Ok(page(&AttemptPage {
        chrome: frame.chrome(
            match name {
                Some(name) => format!("{title} {}", text::plain(name)),
                None => title.to_owned(),
            },
            Section::Connectors,
        ),
        back: match name {
            Some(name) => (text::plain(name), href(name)),
            None => ("Connectors".to_owned(), "/connectors".to_owned()),
        },
        steps: steps(&attempt, &look),
        progress: (about.what == What::List && look.end.is_none()).then(|| {
            let listed = text::counted(look.listed as u64, "location", "locations");
            format!("{listed} listed so far.")
        }),
        outcome,
        cancel: format!("/attempts/{id}/stop"),
        form,
        id,
    }))
}

fn title(what: What, look: &Look) -> &'static str {
    match (what, &look.end) {
        (What::Connect, Some(End::Saved(_))) => "Connected",
        (What::Connect, Some(_)) => "Not connected",
        (What::Connect, None) => "Connecting",
        (What::Edit, Some(End::Saved(_))) => "Changed:",
        (What::Edit, Some(_)) => "Not changed:",
        (What::Edit, None) => "Changing",
        (What::Verify, None) => "Verifying",
        (What::Verify, Some(_)) => "Connectivity of",
        (What::List, _) => "Locations of",
    }
}

/// The steps that ended, then those that the connector announced and that did not come yet.
fn steps(attempt: &Attempt, look: &Look) -> Vec<Step> {
    let label = |id: &str| {
        let announced = &attempt.about.announced;
        let known = announced.iter().find(|step| step.id == id);
        text::plain(known.map_or(id, |step| &step.label))
    };
    let mut steps: Vec<Step> = look
        .steps
        .iter()
        .map(|result| step(result, label(&result.id)))
        .collect();
    if matches!(look.end, Some(End::Refused { .. })) && steps.is_empty() {
        return steps;
    }
    let left = attempt
        .about
        .announced
        .iter()
        .filter(|step| look.steps.iter().all(|result| result.id != step.id));
    for (at, announced) in left.enumerate() {
        steps.push(Step {
            label: text::plain(&announced.label),
            state: match (&look.end, at) {
                (None, 0) => StepState::Running,
                (None, _) => StepState::Pending,
                _ => StepState::Skipped,
            },
            seen: String::new(),
            hint: String::new(),
        });
    }
    steps
}

fn step(result: &StepResult, label: String) -> Step {
    Step {
        label,
        state: match result.status {
            StepStatus::Passed => StepState::Passed,
            StepStatus::Warning => StepState::Warning,
            StepStatus::Failed => StepState::Failed,
            StepStatus::Skipped => StepState::Skipped,
        },
        seen: text::plain(&result.seen),
        hint: text::plain(&result.hint),
    }
}

fn outcome(attempt: &Attempt, look: &Look) -> Outcome {
    let name = attempt.about.connection.as_deref().unwrap_or_default();
    let failed = |message: &str, hint: &str| Outcome::Failed {
        fault: Fault {
            message: text::plain(message),
            hint: text::plain(hint),
        },
        save_anyway: look
            .can_save
            .then(|| format!("/attempts/{}/save", attempt.id)),
    };
    match &look.end {
        None => Outcome::Running,
        Some(End::Saved(name)) => Outcome::Saved {
            title: match (attempt.about.what, look.steps.iter().any(is_failed)) {
                (_, true) => "Saved, but not verified",
                (What::Connect, false) => "Connected",
                (_, false) => "Saved",
            },
            locations: format!("{}/locations", href(name)),
            scan: format!("{}/scan", href(name)),
            href: href(name),
            name: text::plain(name),
        },
        Some(End::Verified(is_good)) => Outcome::Verified {
            is_good: *is_good,
            href: href(name),
        },
        Some(End::Listed(count)) => Outcome::Listed {
            count: text::counted(*count as u64, "location", "locations"),
            href: format!("{}/locations", href(name)),
        },
        Some(End::NotPassed) => {
            let first = look.steps.iter().find(|step| is_failed(step));
            match first {
                Some(step) if !step.hint.is_empty() => failed(&step.seen, &step.hint),
                Some(step) => failed(&step.seen, "Check the credentials and their permissions."),
                None => failed(
                    "A step failed.",
                    "Check the credentials and their permissions.",
                ),
            }
        }
        Some(End::Refused { message, hint, .. }) => failed(message, hint),
        Some(End::Stopped) => failed("It was stopped.", "Nothing was saved."),
    }
}

fn is_failed(step: &StepResult) -> bool {
    step.status == StepStatus::Failed
}

async fn again(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let attempt = find(&server, &id, &actor)?;
    let before = attempt.entered().ok_or_else(|| {
        ApiError::new(ErrorCode::Conflict, "this attempt is saved already")
            .hint("Change the connection on its own page.")
    })?;
    let manifest = server.host.manifest(&attempt.about.connector).await?;
    let entered = account_form::entered(&manifest, &fields, Some(&before));
    let wish = match (&attempt.about.what, &attempt.about.connection) {
        (What::Edit, Some(name)) => Wish::Edit {
            name: name.clone(),
            entered,
        },
        _ => Wish::Connect(entered),
    };
    // The earlier one is of no use any more, and need not wait for its end.
    attempt.stop();
    let attempt = server.attempts.begin(actor.user, wish).await?;
    Ok(Redirect::to(&format!("/attempts/{}", attempt.id)).into_response())
}

async fn save_anyway(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let attempt = find(&server, &id, &actor)?;
    let name = server.attempts.save_anyway(&attempt)?;
    let mut response = done(
        &href(&name),
        "note",
        format!("{name} is saved, though not every step passed."),
        None,
    );
    response.extensions_mut().insert(Told {
        subject: name,
        record: serde_json::json!({ "saved": "although a step failed" }),
    });
    Ok(response)
}

async fn stop(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    find(&server, &id, &actor)?.stop();
    Ok(Redirect::to(&format!("/attempts/{id}")).into_response())
}
