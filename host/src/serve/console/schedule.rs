//! The schedule of a connection: its form, and what comes back from it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as With};
use axum::response::Response;
use axum::routing::post;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ox_console::pages::connectors::ScheduleForm;
use ox_console::parts::Choice;
use ox_console::text;
use serde_json::json;

use super::connectors::{fault_of, href};
use super::done;
use super::fields::Fields;
use crate::host::HostError;
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Admin, Told};
use crate::serve::schedule::{Missed, Schedule};

/// Next times that the page shows.
const PREVIEW: usize = 3;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/connections/{name}/schedule", post(save))
}

/// The form.
pub(super) fn form(server: &Server, connection: &str) -> Result<ScheduleForm, HostError> {
    let schedule = server.schedules.of(Some(connection))?;
    let presets = Presets::of(&schedule.cron);
    let word = presets.word(&schedule.cron);
    let choice = |value: &str, label: String| Choice::new(value, label, value == word);
    let (next, fault) = if schedule.enabled {
        match server
            .schedules
            .preview(&schedule.cron, &schedule.time_zone, PREVIEW)
        {
            Ok(next) => (next, None),
            Err(error) => (Vec::new(), Some(fault_of(error).message)),
        }
    } else {
        (Vec::new(), None)
    };
    Ok(ScheduleForm {
        action: format!("{}/schedule", href(connection)),
        presets: vec![
            choice("daily", format!("Daily at {}", presets.clock())),
            choice(
                "weekly",
                format!("Weekly, on Sunday at {}", presets.clock()),
            ),
            choice(
                "hourly",
                format!("Every hour, at minute {}", presets.minute),
            ),
            choice("own", "An expression of my own".to_owned()),
        ],
        cron: text::plain(&schedule.cron),
        time_zones: zones(),
        next: next
            .iter()
            .map(|time| local(time, &schedule.time_zone))
            .collect(),
        time_zone: text::plain(&schedule.time_zone),
        jitter: schedule.jitter_minutes,
        missed: vec![
            Choice::new(
                "run",
                "is done once, as soon as possible",
                schedule.missed == Missed::Run,
            ),
            Choice::new("skip", "is left out", schedule.missed == Missed::Skip),
        ],
        enabled: schedule.enabled,
        fault,
    })
}

/// Common expressions, at the minute and hour of the one that is there.
struct Presets {
    minute: u8,
    hour: u8,
}

impl Presets {
    fn of(cron: &str) -> Self {
        let mut fields = cron.split_whitespace();
        let mut number = |most: u8| {
            let number = fields.next().and_then(|field| field.parse::<u8>().ok());
            number.filter(|number| *number <= most)
        };
        Self {
            minute: number(59).unwrap_or(17),
            hour: number(23).unwrap_or(3),
        }
    }

    fn clock(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    fn cron(&self, word: &str) -> Option<String> {
        match word {
            "daily" => Some(format!("{} {} * * *", self.minute, self.hour)),
            "weekly" => Some(format!("{} {} * * 0", self.minute, self.hour)),
            "hourly" => Some(format!("{} * * * *", self.minute)),
            _ => None,
        }
    }

    fn word(&self, cron: &str) -> &'static str {
        ["daily", "weekly", "hourly"]
            .into_iter()
            .find(|word| self.cron(word).as_deref() == Some(cron))
            .unwrap_or("own")
    }
}

fn zones() -> Vec<String> {
    let names = jiff::tz::db().available();
    names
        .map(|name| name.to_string())
        .filter(|name| name.contains('/') || name == "UTC")
        .collect()
}

/// A time as the clocks of its zone show it.
fn local(time: &str, zone: &str) -> String {
    let Ok(at) = time.parse::<Timestamp>() else {
        return text::plain(time);
    };
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone)
        .strftime("%A, %Y-%m-%d %H:%M %Z")
        .to_string()
}

async fn save(
    Admin(actor): Admin,
    With(server): With<Arc<Server>>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let before = server.schedules.of(Some(&name))?;
    let cron = Presets::of(&before.cron)
        .cron(fields.text("preset"))
        .unwrap_or_else(|| fields.text("cron").to_owned());
    let refused = |why: String| {
        let here = format!("{}#schedule", href(&name));
        Ok(done(
            &here,
            "bad",
            format!("The schedule was not saved: {why}"),
            None,
        ))
    };
    let Ok(jitter_minutes) = fields.text("jitter").parse() else {
        return refused("the minutes to spread over are a whole number".to_owned());
    };
    let wanted = Schedule {
        cron,
        time_zone: fields.text("time_zone").to_owned(),
        jitter_minutes,
        missed: match fields.text("missed") {
            "skip" => Missed::Skip,
            _ => Missed::Run,
        },
        enabled: fields.is_on("enabled"),
        ..before
    };
    match server.schedules.set(wanted, &actor.name).await {
        Ok(saved) => {
            let message = match (&saved.next_at, saved.enabled) {
                (Some(at), true) => format!(
                    "The schedule is saved; it runs next {}.",
                    local(at, &saved.time_zone)
                ),
                _ => "The schedule is saved; it does not run by itself.".to_owned(),
            };
            let mut response = done(&format!("{}#schedule", href(&name)), "good", message, None);
            response.extensions_mut().insert(Told {
                subject: name,
                record: json!({
                    "cron": saved.cron, "time-zone": saved.time_zone, "jitter-minutes": saved.jitter_minutes,
                    "missed": saved.missed, "enabled": saved.enabled,
                }),
            });
            Ok(response)
        }
        Err(error) => {
            let error = ApiError::from(error);
            match error.code {
                ErrorCode::Invalid => refused(error.message),
                _ => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_known_again_and_keeps_its_time() {
        let presets = Presets::of("41 2 * * *");
        assert_eq!(presets.word("41 2 * * *"), "daily");
        assert_eq!(presets.cron("weekly").as_deref(), Some("41 2 * * 0"));
        assert_eq!(Presets::of("41 2 * * 0").word("41 2 * * 0"), "weekly");
        assert_eq!(Presets::of("5 * * * *").word("5 * * * *"), "hourly");
        assert_eq!(Presets::of("*/5 1-3 * * *").word("*/5 1-3 * * *"), "own");
    }

    #[test]
    fn times_are_shown_as_the_clocks_of_their_zone_show_them() {
        let shown = local("2026-11-24T02:17:00Z", "Europe/Berlin");
        assert_eq!(shown, "Tuesday, 2026-11-24 03:17 CET");
    }
}
