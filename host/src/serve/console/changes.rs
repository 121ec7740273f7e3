//! `/changes`: what is different between two scans of a connection, and why.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use ox_console::Section;
use ox_console::pages::changes::{CauseGroup, ChangeLine, Changes, Compared, Kind, State as Shows};
use ox_console::parts::{Badge, Choice, When};
use ox_console::text;
use ox_issue::Severity;

use super::asked::{Asked, reading};
use super::{Frame, page};
use crate::host::{Host, HostError};
use crate::report::issue::{cause, what};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::auth::Viewer;
use crate::store::{Change, ChangeGroup, ScanStamp};

/// Scans to choose from.
const SCANS: usize = 100;
/// Changes that a cause shows.
const EACH: usize = 50;

/// Kinds of changes in the order in which people ask: word, heading, meaning.
const KINDS: [(&str, &str, &str); 7] = [
    ("opened", "New", "Issues that were not there before."),
    (
        "severity",
        "Changed severity",
        "They are weighed otherwise than before.",
    ),
    ("reopened", "Back", "They were closed, and are there again."),
    ("resolved", "Resolved", "Their cause is mended."),
    (
        "removed",
        "Removed",
        "What had them is no longer there, or the advisory was withdrawn.",
    ),
    (
        "changed",
        "Otherwise changed",
        "Fix, versions, places or sources are others.",
    ),
    (
        "kept",
        "Kept open",
        "Nothing shows them now, but not all was looked at, so they stay open.",
    ),
];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/changes", get(show))
}

async fn show(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let host = server.host.clone();
    let shown = reading(move || compare(&host, &frame, &asked)).await?;
    Ok(page(&shown))
}

fn compare(host: &Host, frame: &Frame, asked: &Asked) -> Result<Changes, HostError> {
    let now = crate::store::now();
    let all = host.connections()?;
    let asked_for = asked.get("connection");
    let chosen = all
        .iter()
        .find(|one| asked_for.as_deref() == Some(&one.name))
        .or_else(|| all.first())
        .map(|one| one.name.clone());
    let mut changes = Changes {
        chrome: frame.chrome("Changes", Section::Changes),
        connections: all
            .iter()
            .map(|one| {
                let is_chosen = chosen.as_deref() == Some(one.name.as_str());
                Choice::new(one.name.clone(), text::plain(&one.name), is_chosen)
            })
            .collect(),
        from: Vec::new(),
        to: Vec::new(),
        state: Shows::NothingConnected,
    };
    let Some(connection) = chosen else {
        return Ok(changes);
    };
    let scans = host.scan_stamps(&connection, SCANS)?;
    let Some(newest) = scans.first() else {
        changes.state = Shows::NeverScanned {
            href: format!("/connectors/connections/{}", text::encode(&connection)),
        };
        return Ok(changes);
    };
    let known = |id: &i64| scans.iter().any(|scan| scan.id == *id);
    let to = asked.number("to").filter(known).unwrap_or(newest.id);
    let before = scans.iter().map(|scan| scan.id).find(|id| *id < to);
    let from = asked
        .number("from")
        .filter(|id| *id == 0 || known(id))
        .unwrap_or(before.unwrap_or(0));
    changes.to = scans
        .iter()
        .map(|scan| Choice::new(scan.id.to_string(), label(scan, &now), scan.id == to))
        .collect();
    changes.from = scans
        .iter()
        .map(|scan| Choice::new(scan.id.to_string(), label(scan, &now), scan.id == from))
        .chain([Choice::new("0", "The beginning", from == 0)])
        .collect();
    let warning = (from >= to).then(|| {
        if from == to {
            "This is a scan compared with itself. Choose an earlier one to compare it with."
                .to_owned()
        } else {
            "The scan to compare with is the later one. Choose an earlier one.".to_owned()
        }
    });
    let groups = if warning.is_some() {
        Vec::new()
    } else {
        host.changes(&connection, from, to, EACH)?
    };
    let name = |id: i64| match scans.iter().find(|scan| scan.id == id) {
        Some(scan) => format!("scan {id} ({})", text::ago(&scan.started_at, &now)),
        None => "the beginning".to_owned(),
    };
    changes.state = Shows::Compared(Compared {
        sentence: format!("From {} to {}.", name(from), name(to)),
        is_first: from == 0,
        warning,
        kinds: KINDS
            .into_iter()
            .map(|(word, label, meaning)| kind(word, label, meaning, &groups, &now))
            .collect(),
    });
    Ok(changes)
}

fn label(scan: &ScanStamp, now: &str) -> String {
    let state = match (&scan.ended_at, scan.complete) {
        (None, _) => ", not ended",
        (Some(_), true) => "",
        (Some(_), false) => ", partial",
    };
    format!(
        "Scan {}, {} ({}{state})",
        scan.id,
        text::moment(&scan.started_at),
        text::ago(&scan.started_at, now)
    )
}

fn kind(
    word: &'static str,
    label: &'static str,
    meaning: &'static str,
    groups: &[ChangeGroup],
    now: &str,
) -> Kind {
    let own: Vec<&ChangeGroup> = groups
        .iter()
        .filter(|group| group.of.kind == word)
        .collect();
    Kind {
        word,
        label,
        meaning,
        count: own.iter().map(|group| group.of.count).sum(),
        causes: own
            .into_iter()
            .map(|group| CauseGroup {
                cause: text::plain(&cause(group.of.scan, &group.of.cause)),
                count: group.of.count,
                lines: group
                    .first
                    .iter()
                    .map(|change| line(word, change, now))
                    .collect(),
            })
            .collect(),
    }
}

fn line(word: &str, change: &Change, now: &str) -> ChangeLine {
    let severity = |key: &str| -> Option<Severity> {
        let word = change.record.get(key)?.as_str()?;
        Severity::ALL
            .into_iter()
            .find(|one| one.word().eq_ignore_ascii_case(word))
    };
    let is_severity = word == "severity";
    // What it became then; it may have changed again since.
    let became = severity("severity").filter(|_| is_severity);
    // The rules' change says what changed; a person's says why.
    let by_rules = is_severity && change.record.get("changes").is_some();
    let kind = if by_rules { "changed" } else { word };
    ChangeLine {
        issue: format!("OX-{}", change.issue),
        href: format!("/issues/{}", change.issue),
        badge: Badge::of(became.unwrap_or_else(|| Severity::from_rank(change.severity))),
        before: severity("before").filter(|_| is_severity).map(Badge::of),
        title: text::plain(&change.title),
        location: text::plain(&change.location),
        what: text::plain(&what(kind, &change.record)),
        at: When::new(&change.at, now),
    }
}
