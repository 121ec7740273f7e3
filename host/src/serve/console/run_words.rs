//! How runs are said.

use ox_console::pages::connectors::State;
use ox_console::pages::runs::RunRow;
use ox_console::parts::When;
use ox_console::text;

use super::connectors::href;
use crate::serve::runs::{Cause, Run, RunKind, RunState};

/// How a run stands, as a badge.
pub(super) fn state(state: RunState) -> State {
    let (label, tone) = match state {
        RunState::Queued => ("Waiting", "busy"),
        RunState::Running => ("Running", "busy"),
        RunState::Paused => ("Paused", "warn"),
        RunState::Complete => ("Complete", "good"),
        RunState::Partial => ("Partial", "warn"),
        RunState::Failed => ("Failed", "bad"),
        RunState::Cancelled => ("Cancelled", ""),
    };
    State::new(label, tone)
}

/// A run in a list.
pub(super) fn row(run: &Run, now: &str) -> RunRow {
    let progress = &run.progress;
    let (done, of) = (progress.done as u64, progress.of as u64);
    let by = text::plain(&run.by);
    let cause = match run.cause {
        Cause::Schedule => "scheduled".to_owned(),
        Cause::Missed => "a time that was missed".to_owned(),
        Cause::Person => format!("asked for by {by}"),
        Cause::Retry => format!("retried by {by}"),
    };
    RunRow {
        id: run.id,
        href: format!("/runs/{}", run.id),
        kind: match run.kind {
            RunKind::Scan => "Scan",
            RunKind::Advisories => "Update of advisories",
        },
        connection: run
            .connection
            .as_deref()
            .map(|name| (text::plain(name), href(name))),
        state: state(run.state),
        cause: match run.joined {
            0 => cause,
            joined => {
                let joined = text::counted(u64::from(joined), "other wish", "other wishes");
                format!("{cause}, joined by {joined}")
            }
        },
        asked: When::new(&run.asked_at, now),
        took: took(run, now),
        progress: match (run.kind, of) {
            (RunKind::Scan, 0) if run.state.is_over() => "no location".to_owned(),
            (_, 0) => text::plain(&progress.phase),
            (_, of) => format!(
                "{} of {}",
                text::count(done),
                text::counted(of, "location", "locations")
            ),
        },
        bar: (of > 0).then_some((done.min(of), of)),
        troubled: match progress.troubled {
            0 => None,
            troubled => Some(format!("{} troubled", text::count(troubled as u64))),
        },
    }
}

fn took(run: &Run, now: &str) -> Option<String> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let began = at(run.started_at.as_deref()?)?;
    let ended = at(run.ended_at.as_deref().unwrap_or(now))?;
    let milliseconds = ended.duration_since(began).as_millis().max(0);
    Some(text::duration(u64::try_from(milliseconds).unwrap_or(0)))
}
