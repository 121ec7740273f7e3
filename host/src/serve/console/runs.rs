//! Runs: the list, one of them as it goes on, and what may be done to it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State as With};
use axum::response::Response;
use axum::routing::{get, post};
use ox_console::pages::connectors::{Fault, State};
use ox_console::pages::runs::{LocationRow, LogLine, May, RunPage, Runs, SkipRow};
use ox_console::parts::{Choice, Pager};
use ox_console::{Chrome, Section, text};
use url::form_urlencoded;

use super::connectors::href;
use super::{Frame, done, page, run_words};
use crate::host::{Filter, HostError, LocationOutcome, LocationReport};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Actor, Analyst, Viewer};
use crate::serve::runs::{
    Cause, Conflict, Run, RunDetail, RunFilter, RunKind, RunLine, RunRequest, RunState,
};

/// Runs of a page.
const RUNS: usize = 50;
/// Locations, skips and lines of the log that a page shows.
const LOCATIONS: usize = 500;
const SKIPS: usize = 200;
const LINES: usize = 300;
/// Locations that are being looked at.
const DOING: usize = 12;
/// Bytes of a line of the log.
const LINE: usize = 2000;

const STATES: [(RunState, &str); 7] = [
    (RunState::Queued, "queued"),
    (RunState::Running, "running"),
    (RunState::Paused, "paused"),
    (RunState::Complete, "complete"),
    (RunState::Partial, "partial"),
    (RunState::Failed, "failed"),
    (RunState::Cancelled, "cancelled"),
];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/runs", get(list))
        .route("/runs/advisories", post(advisories))
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/cancel", post(cancel))
        .route("/runs/{id}/pause", post(pause))
        .route("/runs/{id}/resume", post(resume))
        .route("/runs/{id}/retry", post(retry))
}

// ---- The list ----------------------------------------------------------------------------------------

/// What a list is asked for.
#[derive(Default)]
struct Wanted {
    filter: RunFilter,
    before: Option<i64>,
}

impl Wanted {
    fn of(query: &str) -> Self {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "connection" if !value.is_empty() => {
                    wanted.filter.connection = Some(value.into_owned());
                }
                "state" => {
                    let state = STATES.iter().find(|(_, word)| *word == value);
                    wanted.filter.states.extend(state.map(|(state, _)| *state));
                }
                "before" => wanted.before = value.parse().ok(),
                _ => {}
            }
        }
        wanted
    }

    fn address(&self, before: Option<i64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(connection) = &self.filter.connection {
            query.append_pair("connection", connection);
        }
        for (state, word) in STATES {
            if self.filter.states.contains(&state) {
                query.append_pair("state", word);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        let query = query.finish();
        if query.is_empty() {
            "/runs".to_owned()
        } else {
            format!("/runs?{query}")
        }
    }
}

async fn list(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let wanted = Wanted::of(&query.unwrap_or_default());
    tokio::task::block_in_place(|| {
        let mut runs = match server.runs.runs(&wanted.filter, wanted.before, RUNS + 1) {
            // The connection may have been deleted since the address was made.
            Err(HostError::Unknown { .. }) => Vec::new(),
            runs => runs?,
        };
        let has_more = runs.len() > RUNS;
        runs.truncate(RUNS);
        let next = runs.last().filter(|_| has_more);
        let next = next.map(|run| wanted.address(Some(run.id)));
        let now = crate::store::now();
        let chosen = wanted.filter.connection.as_deref();
        let connections = server.host.connections()?.into_iter().map(|connection| {
            let is_chosen = chosen == Some(connection.name.as_str());
            Choice::new(
                connection.name.clone(),
                text::plain(&connection.name),
                is_chosen,
            )
        });
        let states = STATES.iter().map(|(state, word)| {
            let label = run_words::state(*state).label;
            Choice::new(*word, label, wanted.filter.states.contains(state))
        });
        Ok(page(&Runs {
            chrome: frame.chrome("Runs", Section::Runs),
            connections: connections.collect(),
            states: states.collect(),
            is_filtered: chosen.is_some()
                || !wanted.filter.states.is_empty()
                || wanted.before.is_some(),
            pager: Pager {
                summary: match runs.len() as u64 {
                    count if has_more => {
                        format!("The newest {} runs from here", text::count(count))
                    }
                    count => text::counted(count, "run", "runs"),
                },
                first: wanted.before.map(|_| wanted.address(None)),
                next,
            },
            runs: runs.iter().map(|run| run_words::row(run, &now)).collect(),
        }))
    })
}

// ---- One run -----------------------------------------------------------------------------------------

async fn show(
    Viewer(_): Viewer,
    frame: Frame,
    With(server): With<Arc<Server>>,
    Path(id): Path<i64>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let only_troubled = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "troubled" && value == "true");
    tokio::task::block_in_place(|| {
        let detail = server.runs.run(id)?;
        let lines = server.runs.lines(id, 0)?;
        let skips = skips(&server, &detail.run)?;
        let chrome = frame.chrome(format!("Run {id}"), Section::Runs);
        Ok(page(&run_page(
            chrome,
            &detail,
            &lines,
            skips,
            only_troubled,
        )))
    })
}

fn run_page(
    chrome: Chrome,
    detail: &RunDetail,
    lines: &[RunLine],
    (skips, more_skips): (Vec<SkipRow>, Option<String>),
    only_troubled: bool,
) -> RunPage {
    let run = &detail.run;
    let progress = &run.progress;
    let here = format!("/runs/{}", run.id);
    let wanted = detail
        .locations
        .iter()
        .filter(|location| !only_troubled || is_troubled(location));
    let all = wanted.clone().count();
    let newest = lines.len().saturating_sub(LINES);
    let doing = progress.doing.iter().take(DOING);
    RunPage {
        may: may(&chrome, run),
        chrome,
        run: run_words::row(run, &crate::store::now()),
        is_live: !run.state.is_over(),
        phase: capital(&text::plain(&progress.phase)),
        message: run.message.as_deref().map(text::plain),
        numbers: numbers(run),
        doing: doing
            .map(|(path, what)| (text::plain(path), text::plain(what)))
            .collect(),
        facts: facts(run),
        locations: wanted.take(LOCATIONS).map(location_row).collect(),
        more_locations: (all > LOCATIONS).then(|| {
            let more = text::counted((all - LOCATIONS) as u64, "location", "locations");
            format!("and {more} more")
        }),
        only_troubled: if only_troubled {
            (true, here)
        } else {
            (false, format!("{here}?troubled=true"))
        },
        skips,
        more_skips,
        refused: detail
            .refused
            .iter()
            .map(|line| text::plain(line))
            .collect(),
        network: run
            .connection
            .as_deref()
            .map(|name| format!("{}#options", href(name))),
        lines: lines.iter().skip(newest).map(log_line).collect(),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn may(chrome: &Chrome, run: &Run) -> May {
    if !chrome.is_analyst() {
        return May::default();
    }
    May {
        cancel: !run.state.is_over(),
        pause: run.kind == RunKind::Scan
            && matches!(run.state, RunState::Queued | RunState::Running),
        resume: run.state == RunState::Paused,
        retry: run.kind == RunKind::Scan
            && matches!(
                run.state,
                RunState::Partial | RunState::Failed | RunState::Cancelled
            ),
    }
}

fn numbers(run: &Run) -> Vec<(&'static str, String)> {
    if run.kind == RunKind::Advisories {
        return Vec::new();
    }
    let counts = &run.progress.counts;
    let (waits, milliseconds) = run.progress.waits;
    vec![
        ("Images", text::count(counts.images)),
        ("Packages", text::count(counts.packages)),
        ("Findings", text::count(counts.findings)),
        ("Skipped", text::count(counts.skipped)),
        ("Requests", text::count(counts.requests)),
        ("Read", text::bytes(counts.bytes_read)),
        ("Layers read", text::count(counts.layers_read)),
        ("Layers reused", text::count(counts.layers_reused)),
        (
            "Waits",
            match waits {
                0 => "none".to_owned(),
                waits => format!("{}, {}", text::count(waits), text::duration(milliseconds)),
            },
        ),
    ]
}

fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Asked for", format!("{} UTC", text::moment(&run.asked_at)))];
    if let Some(at) = &run.started_at {
        facts.push(("Began", format!("{} UTC", text::moment(at))));
    }
    if let Some(at) = &run.ended_at {
        facts.push(("Ended", format!("{} UTC", text::moment(at))));
    }
    if let Some(digest) = &run.plugin {
        facts.push(("Connector", text::plain(&text::short_digest(digest))));
    }
    if let Some(scan) = run.scan {
        facts.push(("Scan", scan.to_string()));
    }
    if !run.locations.is_empty() {
        let some: Vec<String> = run
            .locations
            .iter()
            .take(20)
            .map(|path| text::plain(path))
            .collect();
        let more = run.locations.len().saturating_sub(some.len());
        let more = if more > 0 {
            format!(" and {} more", text::count(more as u64))
        } else {
            String::new()
        };
        facts.push(("Only", format!("{}{more}", some.join(", "))));
    }
    facts
}

fn is_troubled(location: &LocationReport) -> bool {
    !matches!(location.outcome, LocationOutcome::Complete)
}

fn location_row(location: &LocationReport) -> LocationRow {
    let counts = &location.counts;
    let (state, fault) = match &location.outcome {
        LocationOutcome::Complete => (State::new("Complete", "good"), None),
        LocationOutcome::Partial => (State::new("Partial", "warn"), None),
        LocationOutcome::Interrupted => (State::new("Interrupted", ""), None),
        LocationOutcome::Failed { message, hint, .. } => (
            State::new("Failed", "bad"),
            Some(Fault {
                message: text::plain(message),
                hint: text::plain(hint),
            }),
        ),
    };
    let mut found = vec![text::counted(counts.images, "image", "images")];
    if counts.packages > 0 {
        found.push(text::counted(counts.packages, "package", "packages"));
    }
    if counts.findings > 0 {
        found.push(text::counted(counts.findings, "finding", "findings"));
    }
    if counts.skipped > 0 {
        found.push(format!("{} skipped", text::count(counts.skipped)));
    }
    LocationRow {
        path: text::plain(&location.path),
        state,
        fault,
        found: found.join(", "),
        requests: text::count(counts.requests),
        bytes: text::bytes(counts.bytes_read),
        took: text::duration(location.milliseconds),
    }
}

fn log_line(line: &RunLine) -> LogLine {
    let mut end = line.message.len().min(LINE);
    while !line.message.is_char_boundary(end) {
        end -= 1;
    }
    LogLine {
        time: text::plain(line.at.get(11..19).unwrap_or(&line.at)),
        level: match line.level.as_str() {
            level @ ("debug" | "info" | "warn" | "error") => level.to_owned(),
            _ => "info".to_owned(),
        },
        subject: text::plain(&line.subject),
        message: text::plain(line.message.get(..end).unwrap_or_default()),
    }
}

/// What the newest scan of the connection skipped. Of an older run it is not known any more.
fn skips(server: &Server, run: &Run) -> Result<(Vec<SkipRow>, Option<String>), HostError> {
    let none = (Vec::new(), None);
    let (Some(name), true) = (&run.connection, run.state.is_over()) else {
        return Ok(none);
    };
    let filter = RunFilter {
        connection: Some(name.clone()),
        states: Vec::new(),
    };
    let newest = server.runs.runs(&filter, None, 1)?;
    if newest.first().is_none_or(|newest| newest.id != run.id) {
        return Ok(none);
    }
    let skipped = server.host.skipped(&Filter {
        connection: Some(name.clone()),
        ..Filter::default()
    })?;
    let more = skipped.len().saturating_sub(SKIPS) as u64;
    let rows = skipped.iter().take(SKIPS).map(|row| SkipRow {
        location: text::plain(&row.location),
        what: format!(
            "{} {}",
            format!("{:?}", row.skipped.subject)
                .trim_start_matches("SkipSubject::")
                .to_lowercase(),
            text::plain(&row.skipped.name)
        ),
        why: text::plain(&row.skipped.skip.why.message),
        hint: text::plain(&row.skipped.skip.why.hint),
    });
    Ok((
        rows.collect(),
        (more > 0).then(|| format!("and {} more", text::count(more))),
    ))
}

// ---- What may be done --------------------------------------------------------------------------------

async fn advisories(
    Analyst(actor): Analyst,
    With(server): With<Arc<Server>>,
) -> Result<Response, ApiError> {
    let request = RunRequest {
        kind: RunKind::Advisories,
        connection: None,
        locations: Vec::new(),
        fresh: false,
        cause: Cause::Person,
        by: actor.name,
    };
    let (run, was_there) = server.runs.ask(request).await?;
    Ok(asked(&run, was_there, "The update is asked for."))
}

fn asked(run: &Run, was_there: bool, message: &str) -> Response {
    let message = if was_there {
        "It goes on already; this is that run."
    } else {
        message
    };
    done(&format!("/runs/{}", run.id), "good", message, None)
}

async fn cancel(
    Analyst(actor): Analyst,
    With(server): With<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    let ended = server.runs.cancel(id, &actor.name).await;
    told(id, ended, "Cancelled. What was stored stays.")
}

async fn pause(
    Analyst(actor): Analyst,
    With(server): With<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    let paused = server.runs.pause(id, &actor.name).await;
    told(
        id,
        paused,
        "Paused. It goes on from here when it is resumed.",
    )
}

async fn resume(
    Analyst(actor): Analyst,
    With(server): With<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    let resumed = server.runs.resume(id, &actor.name).await;
    told(id, resumed, "It goes on.")
}

/// The page again: with what was done, or with why not (it may have ended while somebody looked at it).
fn told(id: i64, run: Result<Run, HostError>, message: &str) -> Result<Response, ApiError> {
    let here = format!("/runs/{id}");
    match run {
        Ok(_) => Ok(done(&here, "good", message, None)),
        Err(HostError::Other(error)) if error.is::<Conflict>() => {
            Ok(done(&here, "note", error.to_string(), None))
        }
        Err(error) => {
            let error = ApiError::from(error);
            match error.code {
                ErrorCode::Conflict | ErrorCode::Invalid => {
                    Ok(done(&here, "bad", error.message, None))
                }
                _ => Err(error),
            }
        }
    }
}

async fn retry(
    Analyst(Actor { name, .. }): Analyst,
    With(server): With<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    match server.runs.retry(id, &name).await {
        Ok((run, was_there)) => Ok(asked(&run, was_there, "What failed is tried again.")),
        Err(error) => told(id, Err(error), ""),
    }
}
