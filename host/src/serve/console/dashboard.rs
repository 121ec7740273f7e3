//! `/dashboard`: what needs attention first, and how things go.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use ox_console::Section;
use ox_console::chart::{Chart, Day};
use ox_console::pages::advisories::Alarm;
use ox_console::pages::dashboard::{
    AgeLine, Attention, Coverage, Dashboard, MttrLine, RunLine, SinceLine, Sla, Step, TopLine,
};
use ox_console::pages::images::SeverityCount;
use ox_console::parts::{Badge, When};
use ox_console::text;
use ox_issue::Severity;

use super::asked::{Asked, href, reading};
use super::images::severity_counts;
use super::{Frame, advisories, page};
use crate::host::{AdvisoryStatus, Connection, Host, HostError, LocationCounts};
use crate::report::words;
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::auth::Viewer;
use crate::serve::runs::{Run, RunFilter, RunKind, RunState};
use crate::serve::schedule::Schedule;
use crate::store::issues::{IssueFilter, SeverityCounts};
use crate::store::{ImageQuery, Mended, Overview, Top};

/// Runs that are shown.
const RUNS: usize = 6;
/// Resolved issues from which on an average says something.
const ENOUGH: u64 = 3;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/dashboard", get(show))
}

/// What is read for the page.
struct Seen {
    overview: Overview,
    open: SeverityCounts,
    locations: LocationCounts,
    left_out: Vec<(crate::contract::SkipReason, u64)>,
    advisories: AdvisoryStatus,
    connections: Vec<Connection>,
    scanned: bool,
    near_days: u32,
    sla: bool,
}

async fn show(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let days = match asked.number("days") {
        Some(90) => 90,
        _ => 30,
    };
    let host = server.host.clone();
    let seen = reading(move || see(&host, days)).await?;
    let running = server.runs.runs(
        &RunFilter {
            connection: None,
            states: vec![RunState::Running, RunState::Queued, RunState::Paused],
        },
        None,
        RUNS,
    )?;
    let schedules = server.schedules.all()?;
    Ok(page(&shown(&frame, &seen, &running, schedules, days)))
}

fn see(host: &Host, days: u32) -> Result<Seen, HostError> {
    let policy = host.effective_policy()?;
    let overview = host.overview(days)?;
    Ok(Seen {
        open: host.funnel(&IssueFilter::default())?.issues,
        locations: host.location_counts()?,
        left_out: host.skip_reasons(&ImageQuery::default())?,
        advisories: host.advisory_status()?,
        connections: host.connections()?,
        scanned: overview.images != (0, 0) || !overview.brought.is_empty(),
        near_days: policy.sla.near_days,
        sla: policy.sla.enabled,
        overview,
    })
}

fn shown(
    frame: &Frame,
    seen: &Seen,
    running: &[Run],
    schedules: Vec<Schedule>,
    days: u32,
) -> Dashboard {
    let now = crate::store::now();
    let overview = &seen.overview;
    let open: Vec<SeverityCount> = seen
        .open
        .iter()
        .map(|&(severity, count)| SeverityCount {
            badge: Badge::of(severity),
            count,
            href: issues(&[("severity", &severity.word().to_lowercase())]),
        })
        .collect();
    let alarm = advisories::alarm(&seen.advisories);
    let mut next: Vec<&Schedule> = schedules
        .iter()
        .filter(|one| one.enabled && one.next_at.is_some())
        .collect();
    next.sort_by_key(|one| &one.next_at);
    Dashboard {
        chrome: frame.chrome("Dashboard", Section::Dashboard),
        steps: steps(seen, &alarm),
        attention: attention(seen, &now),
        open_total: text::count(open.iter().map(|one| one.count).sum()),
        open,
        since: overview
            .brought
            .iter()
            .map(|one| SinceLine {
                connection: text::plain(&one.connection),
                at: When::new(&one.ended_at, &now),
                opened: text::count(one.opened),
                reopened: text::count(one.reopened),
                closed: text::count(one.closed),
                href: href(
                    "/changes",
                    &[
                        ("connection", &one.connection),
                        ("to", &one.scan.to_string()),
                    ],
                ),
            })
            .collect(),
        trend: trend(overview),
        days,
        ages: ages(overview),
        sla: Sla {
            enabled: seen.sla,
            overdue: (overview.overdue, issues(&[("sla", "overdue")])),
            near: (overview.near, issues(&[("sla", "near")])),
            near_days: seen.near_days,
        },
        mttr: overview.mended.iter().map(mended).collect(),
        repositories: top(&overview.locations, true),
        applications: top(&overview.applications, false),
        coverage: coverage(seen),
        advisories: alarm,
        running: running.iter().map(|run| run_line(run, &now)).collect(),
        next: next
            .into_iter()
            .take(RUNS)
            .map(|one| next_line(one, &now))
            .collect(),
    }
}

fn issues(pairs: &[(&str, &str)]) -> String {
    href("/issues", pairs)
}

/// What is left before there is something to see.
fn steps(seen: &Seen, alarm: &Alarm) -> Vec<Step> {
    let steps = vec![
        Step {
            done: !seen.connections.is_empty(),
            title: "Connect an account",
            text: "Tell the host where your registry is, and give it a token that may read there.",
            label: "Connect",
            href: "/connectors",
        },
        Step {
            done: *alarm != Alarm::Missing,
            title: "Import advisories",
            text: "Packages of images are matched against them. Without them nothing is found in packages.",
            label: "Advisories",
            href: "/advisories",
        },
        Step {
            done: seen.scanned,
            title: "Scan",
            text: "Reads the images of the locations that you selected.",
            label: "Choose and scan",
            href: "/connectors",
        },
    ];
    if steps.iter().all(|step| step.done) {
        Vec::new()
    } else {
        steps
    }
}

fn attention(seen: &Seen, now: &str) -> Vec<Attention> {
    let mut all = Vec::new();
    for one in &seen.connections {
        if let Some((at, false)) = &one.verified {
            all.push(Attention {
                tone: "bad",
                text: format!(
                    "The connection {} could not be verified {}.",
                    text::plain(&one.name),
                    text::ago(at, now)
                ),
                label: "Look at it",
                href: format!("/connections/{}", text::encode(&one.name)),
            });
        }
    }
    if let Alarm::Old(why) = advisories::alarm(&seen.advisories) {
        all.push(Attention {
            tone: "bad",
            text: why,
            label: "Advisories",
            href: "/advisories".to_owned(),
        });
    }
    if seen.sla && seen.overview.overdue > 0 {
        let are = if seen.overview.overdue == 1 {
            "is past its"
        } else {
            "are past their"
        };
        all.push(Attention {
            tone: "bad",
            text: format!(
                "{} {are} deadline.",
                text::counted(seen.overview.overdue, "issue", "issues")
            ),
            label: "Show them",
            href: issues(&[("sla", "overdue")]),
        });
    }
    if seen.locations.failed > 0 {
        all.push(Attention {
            tone: "warn",
            text: format!(
                "The last scan of {} failed.",
                text::counted(seen.locations.failed, "location", "locations")
            ),
            label: "See why",
            href: "/images?tab=failed".to_owned(),
        });
    }
    all.truncate(8);
    all
}

fn trend(overview: &Overview) -> Option<Chart> {
    // One point that says nothing is no trend.
    let nothing = overview
        .days
        .iter()
        .all(|day| day.open.iter().all(|open| *open == 0) && day.opened == 0 && day.closed == 0);
    if nothing {
        return None;
    }
    let days: Vec<Day> = overview
        .days
        .iter()
        .map(|day| Day {
            day: day.day.clone(),
            open: day.open,
            opened: day.opened,
            closed: day.closed,
        })
        .collect();
    Chart::new(&days)
}

fn ages(overview: &Overview) -> Vec<AgeLine> {
    let [week, month, quarter] = crate::store::AGES.map(crate::store::day_before);
    // From when, and before when, a column's issues were seen first.
    let spans = [
        (week.as_str(), ""),
        (month.as_str(), week.as_str()),
        (quarter.as_str(), month.as_str()),
        ("", quarter.as_str()),
    ];
    let day_after = |day: &str| -> String {
        let date = day.parse::<jiff::civil::Date>().ok();
        date.and_then(|date| date.tomorrow().ok())
            .map_or_else(String::new, |date| date.to_string())
    };
    Severity::ALL
        .into_iter()
        .filter_map(|severity| {
            let row = overview.ages.get(usize::from(severity.rank()))?;
            let all: u64 = row.iter().sum();
            let word = severity.word().to_lowercase();
            let mut begin = 0_u32;
            Some(AgeLine {
                badge: Badge::of(severity),
                counts: row
                    .iter()
                    .zip(spans)
                    .map(|(count, (after, until))| {
                        let link = issues(&[
                            ("severity", &word),
                            ("since", &day_after(after)),
                            ("until", &day_after(until)),
                        ]);
                        (text::count(*count), (*count > 0).then_some(link))
                    })
                    .collect(),
                bar: row
                    .iter()
                    .map(|count| {
                        let part = count.saturating_mul(1000) / all.max(1);
                        let width = u32::try_from(part).unwrap_or(0);
                        let at = begin;
                        begin += width;
                        (at, width)
                    })
                    .collect(),
            })
        })
        .collect()
}

fn mended(one: &Mended) -> MttrLine {
    let days = one.days;
    MttrLine {
        badge: Badge::of(Severity::from_rank(one.severity)),
        mean: (one.issues >= ENOUGH).then(|| {
            if days < 2.0 {
                format!("{:.0} hours", days * 24.0)
            } else {
                format!("{days:.0} days")
            }
        }),
        resolved: text::count(one.issues),
    }
}

fn top(places: &[Top], by_location: bool) -> Vec<TopLine> {
    let most = places.first().map_or(1, |place| place.weight.max(1));
    places
        .iter()
        .map(|place| {
            let pairs = if by_location {
                vec![
                    ("connection", place.connection.as_str()),
                    ("location", place.name.as_str()),
                ]
            } else {
                vec![("application", place.name.as_str())]
            };
            let mut counts: Vec<(u8, u64)> = (0_u8..).zip(place.open).collect();
            counts.reverse();
            TopLine {
                name: text::plain(&place.name),
                href: issues(&pairs),
                weight: text::count(place.weight),
                part: u32::try_from(place.weight.saturating_mul(1000) / most).unwrap_or(1000),
                counts: severity_counts(&counts, &pairs),
            }
        })
        .collect()
}

fn coverage(seen: &Seen) -> Coverage {
    let locations = seen.locations;
    Coverage {
        selected: locations.selected,
        not_selected: locations.not_selected,
        complete: locations.complete,
        partial: locations.partial,
        failed: locations.failed,
        never: locations.never,
        images: seen.overview.images.0,
        images_partial: seen.overview.images.1,
        left_out: seen
            .left_out
            .iter()
            .map(|(reason, many)| {
                let word = words::skip_reason(*reason);
                (
                    words::skip_reason_phrase(*reason).to_owned(),
                    text::count(*many),
                    href("/images", &[("tab", "skipped"), ("reason", word)]),
                )
            })
            .collect(),
    }
}

fn run_line(run: &Run, now: &str) -> RunLine {
    let progress = &run.progress;
    let how = match run.state {
        RunState::Queued => "waits for its turn".to_owned(),
        RunState::Paused => "paused".to_owned(),
        _ if progress.of > 0 => format!(
            "{}, {} of {}",
            text::plain(&progress.phase),
            text::count(progress.done as u64),
            text::counted(progress.of as u64, "location", "locations")
        ),
        _ if progress.phase.is_empty() => "began".to_owned(),
        _ => text::plain(&progress.phase),
    };
    RunLine {
        what: match (&run.connection, run.kind) {
            (Some(name), RunKind::Scan) => format!("Scan of {}", text::plain(name)),
            _ => "Update of the advisories".to_owned(),
        },
        how,
        href: format!("/runs/{}", run.id),
        at: Some(When::new(
            run.started_at.as_deref().unwrap_or(&run.asked_at),
            now,
        )),
    }
}

fn next_line(schedule: &Schedule, now: &str) -> RunLine {
    RunLine {
        what: match &schedule.connection {
            Some(name) => format!("Scan of {}", text::plain(name)),
            None => "Update of the advisories".to_owned(),
        },
        how: String::new(),
        href: match &schedule.connection {
            Some(name) => format!("/connections/{}", text::encode(name)),
            None => "/advisories".to_owned(),
        },
        at: schedule.next_at.as_deref().map(|at| When::new(at, now)),
    }
}
