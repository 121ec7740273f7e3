//! `/advisories`: what was imported and how old it is, what it covers, and one record with what of ours it
//! concerns.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ox_advisory::index::{FeedStatus, Record, SourceStatus};
use ox_advisory::osv::{Event, Range};
use ox_console::Section;
use ox_console::pages::advisories::{
    Advisories, Advisory, AffectedLine, Alarm, ConcernedLine, EcosystemLine, FeedLine, SourceLine,
};
use ox_console::parts::{Badge, When};
use ox_console::text;

use super::asked::{Asked, href, reading};
use super::{Frame, done, page};
use crate::host::{AdvisoryStatus, Host, HostError};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Admin, Viewer};
use crate::serve::runs::{Cause, RunFilter, RunKind, RunRequest, RunState};
use crate::store::issues::{IssueFilter, IssueOrder};

/// Days after which advisories are called old.
const OLD_DAYS: i64 = 7;
/// Packages that the page of a record shows.
const AFFECTED: usize = 100;
/// Ranges of one package, and named versions.
const RANGES: usize = 20;
/// Pages that the page of a record links to.
const REFERENCES: usize = 60;
/// Issues that the page of a record shows.
const ISSUES: usize = 8;
/// Bytes of a description.
const DETAILS: usize = 20_000;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/advisories", get(status))
        .route("/advisories/look", get(look_up))
        .route("/advisories/update", post(update))
        .route("/advisories/{id}", get(record))
}

async fn status(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let running = running(&server)?;
    let host = server.host.clone();
    let status = reading(move || host.advisory_status()).await?;
    let now = crate::store::now();
    Ok(page(&shown(
        &frame,
        &status,
        running,
        asked.get("not"),
        &now,
    )))
}

/// The page of a run that brings the advisories up to date now.
fn running(server: &Server) -> Result<Option<String>, ApiError> {
    let filter = RunFilter {
        connection: None,
        states: vec![RunState::Queued, RunState::Running, RunState::Paused],
    };
    let runs = server.runs.runs(&filter, None, 100)?;
    Ok(runs
        .into_iter()
        .find(|run| run.kind == RunKind::Advisories)
        .map(|run| format!("/runs/{}", run.id)))
}

fn shown(
    frame: &Frame,
    status: &AdvisoryStatus,
    running: Option<String>,
    not_found: Option<String>,
    now: &str,
) -> Advisories {
    let index = &status.index;
    Advisories {
        chrome: frame.chrome("Advisories", Section::Advisories),
        alarm: alarm(status),
        sources: index.sources.iter().map(|one| source(one, now)).collect(),
        feeds: vec![
            FeedLine {
                name: "KEV",
                meaning: "Vulnerabilities that are known to be exploited.",
                there: index.kev.as_ref().map(|one| feed("KEV", one, now)),
                missing: "No issue can be raised because it is known to be exploited.",
            },
            FeedLine {
                name: "EPSS",
                meaning: "How likely a vulnerability is exploited in the next 30 days.",
                there: index.epss.as_ref().map(|one| feed("EPSS", one, now)),
                missing: "How likely a vulnerability is exploited changes no severity.",
            },
        ],
        generation: text::count(index.generation),
        size: text::bytes(index.bytes),
        ecosystems: status
            .coverage
            .ecosystems
            .iter()
            .map(|(name, packages, covered)| EcosystemLine {
                name: text::plain(name),
                packages: text::count(*packages),
                covered: *covered,
            })
            .collect(),
        not_looked_up: status
            .coverage
            .not_looked_up
            .iter()
            .map(|(word, packages)| {
                let why = crate::report::advisories::reason_words(word);
                (text::plain(why), text::count(*packages))
            })
            .collect(),
        schedule: None,
        running,
        not_found: not_found.map(|id| text::plain(&id)),
    }
}

/// How the advisories stand as a whole: the oldest of what is used, and what is missing.
pub(super) fn alarm(status: &AdvisoryStatus) -> Alarm {
    let index = &status.index;
    if index.sources.is_empty() {
        return Alarm::Missing;
    }
    let mut wrong = Vec::new();
    let old: Vec<&str> = index
        .sources
        .iter()
        .filter(|one| one.age_days.is_some_and(|days| days > OLD_DAYS))
        .map(|one| one.name.as_str())
        .collect();
    if let Some(first) = old.first() {
        let more = old.len() - 1;
        let and = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        wrong.push(format!(
            "The advisories of {}{and} are older than {OLD_DAYS} days.",
            text::plain(first)
        ));
    }
    let uncovered: Vec<&str> = status
        .coverage
        .ecosystems
        .iter()
        .filter(|(_, _, covered)| !covered)
        .map(|(name, _, _)| name.as_str())
        .collect();
    if !uncovered.is_empty() {
        let names = uncovered.iter().take(3).copied().collect::<Vec<_>>();
        wrong.push(format!(
            "No advisories of {} were imported, and your images have packages of it.",
            text::plain(&names.join(", "))
        ));
    }
    if !wrong.is_empty() {
        return Alarm::Old(wrong.join(" "));
    }
    let records: u64 = index.sources.iter().map(|one| one.records).sum();
    Alarm::Fine(format!(
        "{} of {}",
        text::counted(records, "record", "records"),
        text::counted(index.sources.len() as u64, "source", "sources")
    ))
}

fn source(one: &SourceStatus, now: &str) -> SourceLine {
    SourceLine {
        name: text::plain(&one.name),
        records: text::count(one.records),
        withdrawn: text::count(one.withdrawn),
        broken: broken(one.broken),
        broken_first: one
            .broken_first
            .iter()
            .take(10)
            .map(|broken| text::plain(&format!("{}: {}", broken.name, broken.reason)))
            .collect(),
        newest: one.newest.as_deref().map(|at| When::new(at, now)),
        is_old: one.age_days.is_some_and(|days| days > OLD_DAYS),
        imported: When::new(&one.imported_at, now),
        checked: When::new(&one.checked_at, now),
        origin: text::plain(&one.origin),
    }
}

fn feed(name: &str, one: &FeedStatus, now: &str) -> SourceLine {
    // A date alone is the beginning of that day.
    let date = if one.date.len() == 10 {
        format!("{}T00:00:00Z", one.date)
    } else {
        one.date.clone()
    };
    SourceLine {
        name: name.to_owned(),
        records: text::count(one.entries),
        withdrawn: String::new(),
        broken: broken(one.broken),
        broken_first: Vec::new(),
        newest: Some(When::new(&date, now)),
        is_old: one.age_days.is_some_and(|days| days > OLD_DAYS),
        imported: When::new(&one.imported_at, now),
        checked: When::new(&one.checked_at, now),
        origin: text::plain(&one.origin),
    }
}

fn broken(number: u64) -> String {
    match number {
        0 => String::new(),
        number => text::count(number),
    }
}

/// Brings the advisories up to date: a run, to whose page this leads.
async fn update(
    Admin(actor): Admin,
    State(server): State<Arc<Server>>,
) -> Result<Response, ApiError> {
    let (run, joined) = server
        .runs
        .ask(RunRequest {
            kind: RunKind::Advisories,
            connection: None,
            locations: Vec::new(),
            fresh: false,
            cause: Cause::Person,
            by: actor.name,
        })
        .await?;
    let message = if joined {
        "The advisories are being updated already; this is that run."
    } else {
        "The advisories are being updated."
    };
    Ok(done(&format!("/runs/{}", run.id), "good", message, None))
}

/// An id from the form becomes the address of its record.
async fn look_up(_: Viewer, asked: Asked) -> Response {
    match asked.get("id") {
        Some(id) => Redirect::to(&format!("/advisories/{}", text::encode(&id))).into_response(),
        None => Redirect::to("/advisories").into_response(),
    }
}

async fn record(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = id.trim().to_owned();
    if id.is_empty() || id.len() > 200 {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "no record has such an id",
        ));
    }
    let host = server.host.clone();
    let wanted = id.clone();
    let found = reading(move || found(&host, &wanted)).await?;
    let Some(found) = found else {
        return Ok(Redirect::to(&href("/advisories", &[("not", &id)])).into_response());
    };
    Ok(page(&record_page(&frame, found)))
}

struct Found {
    record: Record,
    same: Vec<(String, bool)>,
    upstream: Vec<(String, bool)>,
    exploited: Option<ox_advisory::kev::Known>,
    epss: Option<ox_advisory::epss::Score>,
    issues: crate::store::issues::IssuePage,
}

/// A record by its id as it is written, or in capitals; by an alias when there is no such record.
fn found(host: &Host, id: &str) -> Result<Option<Found>, HostError> {
    let index = host.advisories()?;
    let get = |id: &str| {
        index
            .record(id)
            .map_err(|error| HostError::Other(error.into()))
    };
    let mut record = get(id)?;
    if record.is_none() {
        record = get(&id.to_ascii_uppercase())?;
    }
    if record.is_none() {
        let ids = [id.to_ascii_uppercase()];
        let aliases = index
            .aliases_of(&ids)
            .map_err(|error| HostError::Other(error.into()))?;
        for alias in aliases {
            record = get(&alias)?;
            if record.is_some() {
                break;
            }
        }
    }
    let Some(record) = record else {
        return Ok(None);
    };
    let there = |ids: &[String]| -> Result<Vec<(String, bool)>, HostError> {
        ids.iter()
            .take(REFERENCES)
            .map(|one| Ok((one.clone(), get(one)?.is_some())))
            .collect()
    };
    let ids: Vec<String> = std::iter::once(&record.head.id)
        .chain(&record.head.aliases)
        .chain(&record.head.upstream)
        .take(REFERENCES)
        .cloned()
        .collect();
    let (mut exploited, mut epss) = (None, None);
    for cve in ids.iter().filter(|one| one.starts_with("CVE-")) {
        let wrong = |error: ox_advisory::index::IndexError| HostError::Other(error.into());
        if exploited.is_none() {
            exploited = index.known_exploited(cve).map_err(wrong)?;
        }
        if epss.is_none() {
            epss = index.epss(cve).map_err(wrong)?;
        }
    }
    // Issues know all ids of their advisories, so the record's own finds them.
    let issues = host.issues(
        &IssueFilter {
            id: vec![record.head.id.clone()],
            ..IssueFilter::default()
        },
        &IssueOrder {
            limit: ISSUES,
            ..IssueOrder::default()
        },
    )?;
    Ok(Some(Found {
        same: there(&record.head.aliases)?,
        upstream: there(&record.head.upstream)?,
        record,
        exploited,
        epss,
        issues,
    }))
}

fn record_page(frame: &Frame, found: Found) -> Advisory {
    let now = crate::store::now();
    let head = &found.record.head;
    let id = text::plain(&head.id);
    let links = |list: Vec<(String, bool)>| -> Vec<(String, Option<String>)> {
        list.into_iter()
            .map(|(id, there)| {
                let href = there.then(|| format!("/advisories/{}", text::encode(&id)));
                (text::plain(&id), href)
            })
            .collect()
    };
    let mut facts = vec![("source", text::plain(&found.record.source))];
    if let Some(at) = &head.published {
        facts.push(("published", text::moment(at)));
    }
    facts.push(("changed", text::moment(&head.modified)));
    if let Some(word) = &head.severity_word {
        facts.push(("severity", text::plain(word)));
    }
    for one in head.severity.iter().take(6) {
        facts.push((
            "scored",
            text::plain(&format!("{} {}", one.kind, one.score)),
        ));
    }
    if !head.cwes.is_empty() {
        facts.push(("weakness", text::plain(&head.cwes.join(", "))));
    }
    if !head.related.is_empty() {
        let few: Vec<&str> = head.related.iter().take(12).map(String::as_str).collect();
        facts.push(("related", text::plain(&few.join(", "))));
    }
    let mut end = head.details.len().min(DETAILS);
    while !head.details.is_char_boundary(end) {
        end -= 1;
    }
    let affected = &found.record.affected;
    Advisory {
        chrome: frame.chrome(id.clone(), Section::Advisories),
        summary: text::plain(&head.summary),
        withdrawn: head.withdrawn.as_deref().map(|at| When::new(at, &now)),
        informational: head.informational.as_deref().map(text::plain),
        facts,
        aliases: links(found.same),
        upstream: links(found.upstream),
        exploited: found.exploited.map(|known| text::plain(&exploited(&known))),
        epss: found.epss.map(|score| {
            format!(
                "{:.1} % likely to be exploited in the next 30 days",
                score.score * 100.0
            )
        }),
        details: head
            .details
            .get(..end)
            .unwrap_or_default()
            .split("\n\n")
            .map(str::trim)
            .filter(|paragraph| !paragraph.is_empty())
            .map(text::plain)
            .collect(),
        affected: affected.iter().take(AFFECTED).map(affected_line).collect(),
        more_affected: affected.len().saturating_sub(AFFECTED) as u64,
        references: head
            .references
            .iter()
            .take(REFERENCES)
            .map(|one| {
                (
                    text::plain(&one.kind.to_lowercase()),
                    text::plain(&one.url),
                    text::link(&one.url).map(str::to_owned),
                )
            })
            .collect(),
        issues: found.issues.total,
        issues_href: href("/issues", &[("cve", &head.id)]),
        first_issues: found
            .issues
            .issues
            .iter()
            .map(|issue| ConcernedLine {
                issue: format!("OX-{}", issue.id),
                href: format!("/issues/{}", issue.id),
                badge: Badge::of(issue.severity),
                title: text::plain(&issue.title),
                location: text::plain(&issue.location),
            })
            .collect(),
        id,
    }
}

fn exploited(known: &ox_advisory::kev::Known) -> String {
    format!("since {}", known.added)
}

fn affected_line(one: &ox_advisory::osv::Affected) -> AffectedLine {
    let ranges = one.ranges.iter().chain(&one.custom_ranges);
    let named: Vec<&str> = one
        .versions
        .iter()
        .take(RANGES)
        .map(String::as_str)
        .collect();
    let more = one.versions.len().saturating_sub(RANGES);
    let mut versions = text::plain(&named.join(", "));
    if more > 0 {
        versions.push_str(&format!(" and {} more", text::count(more as u64)));
    }
    AffectedLine {
        ecosystem: text::plain(&one.ecosystem),
        package: text::plain(&one.name),
        ranges: ranges.take(RANGES).map(range).collect(),
        versions,
        urgency: text::plain(one.urgency.as_deref().unwrap_or_default()),
    }
}

fn range(range: &Range) -> String {
    let events = range
        .events
        .iter()
        .take(2 * RANGES)
        .map(|event| match event {
            Event::Introduced(version) => format!("≥ {version}"),
            Event::Fixed(version) => format!("< {version}"),
            Event::LastAffected(version) => format!("≤ {version}"),
            Event::Limit(version) => format!("limit {version}"),
        });
    text::plain(&events.collect::<Vec<_>>().join(" "))
}
