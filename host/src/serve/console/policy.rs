//! `/policy`: the text, a check of it, and what it makes of the rules.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Form, Router};
use ox_console::Section;
use ox_console::pages::policy::{Checked, Fault, Number, Policy, Rule};
use ox_console::parts::{Badge, When};
use ox_console::text;
use ox_issue::policy::{self, Policy as Terms};
use ox_issue::severity::{RuleRow, Severity, Tuning, table};
use serde::Deserialize;

use super::asked::reading;
use super::{Frame, done, page};
use crate::host::{Events, Host, HostError, Silent};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::bus::Topic;

/// Bytes of a form: a policy of the largest size, each byte of it written as three.
const FORM: usize = 3 * policy::MAX_BYTES + 1024;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/policy", get(show).post(change))
        .layer(DefaultBodyLimit::max(FORM))
}

/// What the form sends.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    text: String,
    #[serde(default, rename = "do")]
    what: String,
}

async fn show(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
) -> Result<Response, ApiError> {
    let host = server.host.clone();
    let shown = reading(move || shown(&host, &frame, None)).await?;
    Ok(page(&shown))
}

async fn change(
    Admin(actor): Admin,
    frame: Frame,
    State(server): State<Arc<Server>>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    // Browsers send lines with both signs of their end.
    let text = sent.text.replace("\r\n", "\n");
    let checked = match Terms::parse(&text) {
        Ok(_) => Checked::Good,
        Err(error) => Checked::Bad {
            faults: error.faults.iter().map(fault).collect(),
            more: error.more,
        },
    };
    if checked == Checked::Good && sent.what == "save" {
        server.host.set_policy(&text, &actor.name).await?;
        weigh_again(&server);
        let mut response = done(
            "/policy",
            "good",
            "The policy is set. Every issue is weighed again by it, in the background.",
            None,
        );
        response.extensions_mut().insert(Told {
            subject: "policy".to_owned(),
            record: serde_json::json!({ "bytes": text.len() }),
        });
        return Ok(response);
    }
    let refused = sent.what == "save";
    let host = server.host.clone();
    let shown = reading(move || shown(&host, &frame, Some((text, checked)))).await?;
    let mut response = page(&shown);
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response.into_response())
}

/// What was set waits in the store, so a daemon that ends meanwhile goes on with it.
fn weigh_again(server: &Arc<Server>) {
    let server = server.clone();
    tokio::spawn(async move {
        let events: Arc<dyn Events> = Arc::new(Silent);
        match server.host.gather(&events).await {
            Ok(_) => server
                .bus
                .publish(Topic::Queue, "policy", serde_json::Value::Null),
            Err(error) => tracing::warn!(%error, "issues could not be weighed by the new policy"),
        }
    });
}

fn fault(fault: &policy::Fault) -> Fault {
    Fault {
        line: fault.line,
        column: fault.column,
        key: text::plain(&fault.key),
        message: text::plain(&fault.message),
        hint: text::plain(fault.hint.as_deref().unwrap_or_default()),
    }
}

fn shown(
    host: &Host,
    frame: &Frame,
    checked: Option<(String, Checked)>,
) -> Result<Policy, HostError> {
    let now = crate::store::now();
    let stored = host.policy()?;
    let effective = host.effective_policy()?;
    let set = stored
        .as_ref()
        .map(|one| (text::plain(&one.by), When::new(&one.at, &now)));
    let is_default = stored.is_none();
    let (text, checked) = match checked {
        Some((text, checked)) => (text, Some(checked)),
        None => (
            stored.map_or_else(|| Terms::default_text().to_owned(), |one| one.text),
            None,
        ),
    };
    Ok(Policy {
        chrome: frame.chrome("Policy", Section::Settings),
        text,
        is_default,
        set,
        checked,
        deadlines: deadlines(&effective),
        bounds: bounds(&effective.severity),
        rules: table()
            .iter()
            .map(|row| rule(row, &effective.severity))
            .collect(),
        default_text: Terms::default_text().to_owned(),
    })
}

fn deadlines(policy: &Terms) -> Vec<(Badge, String)> {
    if !policy.sla.enabled {
        return Vec::new();
    }
    Severity::ALL
        .into_iter()
        .map(|severity| {
            let days = policy.sla.days.get(&severity);
            let days = days.map_or_else(
                || "no deadline".to_owned(),
                |days| text::counted(u64::from(*days), "day", "days"),
            );
            (Badge::of(severity), days)
        })
        .collect()
}

fn bounds(tuning: &Tuning) -> Vec<(&'static str, String, bool)> {
    let usual = Tuning::default();
    let steps = |steps: u8| text::counted(u64::from(steps), "severity", "severities");
    vec![
        (
            "falls at most",
            steps(tuning.max_steps_down),
            tuning.max_steps_down != usual.max_steps_down,
        ),
        (
            "rises at most",
            steps(tuning.max_steps_up),
            tuning.max_steps_up != usual.max_steps_up,
        ),
        (
            "known to be exploited stays at least",
            tuning.known_exploited_floor.word().to_owned(),
            tuning.known_exploited_floor != usual.known_exploited_floor,
        ),
        (
            "EPSS that allows Appoxalypse",
            tuning.appoxalypse_epss.to_string(),
            tuning.appoxalypse_epss.to_bits() != usual.appoxalypse_epss.to_bits(),
        ),
    ]
}

fn rule(row: &RuleRow, tuning: &Tuning) -> Rule {
    let own = tuning.rules.get(row.id);
    let single = row.changes.len() == 1;
    let number = |name: &'static str, default: f64, set: Option<f64>, when, signed: bool| {
        let show = |value: f64| {
            if signed {
                format!("{value:+.2}").replace('-', "−")
            } else {
                value.to_string()
            }
        };
        let differs = set.filter(|set| set.to_bits() != default.to_bits());
        Number {
            name,
            value: show(set.unwrap_or(default)),
            default: differs.map(|_| show(default)),
            when,
        }
    };
    let changes = row.changes.iter().map(|change| {
        let set = own.and_then(|own| {
            let named = own.changes.get(change.name).copied();
            named.or(own.change.filter(|_| single))
        });
        number(change.name, change.default, set, change.when, true)
    });
    let thresholds = row.thresholds.iter().map(|threshold| {
        let set = own.and_then(|own| own.thresholds.get(threshold.name).copied());
        number(
            threshold.name,
            threshold.default,
            set,
            threshold.meaning,
            false,
        )
    });
    Rule {
        id: row.id,
        category: match row.category {
            ox_issue::factor::Category::Reachable => "Reachable",
            ox_issue::factor::Category::Exploitable => "Exploitable",
            ox_issue::factor::Category::Damage => "Damage",
        },
        name: row.short_name,
        meaning: row.meaning,
        enabled: own.and_then(|own| own.enabled).unwrap_or(true),
        numbers: changes.chain(thresholds).collect(),
    }
}
