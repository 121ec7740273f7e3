//! What happened to issues, when and why; and what changed between two scans.

use std::collections::BTreeSet;

use ox_issue::Issue;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Result, Store, now};

/// Events that a history shows.
const EVENTS: u32 = 1000;

/// Something that happened to an issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssueEvent {
    /// The issue.
    pub issue: i64,
    /// RFC 3339.
    pub at: String,
    /// `opened`, `changed`, `reopened`, `resolved`, `removed`, `kept`, `assigned`, `comment`, `severity`,
    /// `excluded`, `exclusion-ended`.
    pub kind: String,
    /// `scan`, `advisories`, `policy`, `exclusion`, `day`, or who did it.
    pub cause: String,
    /// The scan, when one was the cause.
    pub scan: Option<i64>,
    /// What exactly, by kind.
    pub record: Value,
}

/// An event to be recorded.
pub(super) struct New<'a> {
    pub(super) issue: i64,
    pub(super) run: Option<i64>,
    pub(super) scan: Option<i64>,
    pub(super) at: &'a str,
    pub(super) kind: &'static str,
    pub(super) cause: &'a str,
    pub(super) record: Value,
}

pub(super) fn record(tx: &Transaction<'_>, new: &New<'_>) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO issue_event (issue_id, run_id, scan_id, at, kind, cause, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        new.issue,
        new.run,
        new.scan,
        new.at,
        new.kind,
        new.cause,
        new.record.to_string()
    ])?;
    Ok(())
}

/// One run of look-up, match and weigh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Row.
    pub id: i64,
    /// RFC 3339.
    pub started_at: String,
}

impl Store {
    /// Begins a run, or goes on with the one that did not end.
    pub async fn begin_run(&self) -> Result<RunRow> {
        self.write(|tx| {
            let open = tx
                .prepare_cached(
                    "SELECT id, started_at FROM run WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (id, started_at) = match open {
                Some(open) => {
                    // What failed before the program was ended is tried again.
                    tx.execute("UPDATE pending SET failed_run = NULL", [])?;
                    open
                }
                None => tx.query_row(
                    "INSERT INTO run (started_at) VALUES (?1) RETURNING id, started_at",
                    [now()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )?,
            };
            Ok(RunRow { id, started_at })
        })
        .await
    }

    /// Ends a run.
    pub async fn end_run(&self, run: i64) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE run SET ended_at = ?2 WHERE id = ?1",
                params![run, now()],
            )?;
            Ok(())
        })
        .await
    }

    /// The history of an issue, oldest first.
    pub fn issue_events(&self, issue: i64) -> Result<Vec<IssueEvent>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT issue_id, at, kind, cause, scan_id, record FROM issue_event WHERE issue_id = ?1
                 ORDER BY id LIMIT ?2",
            )?;
            events(statement.query(params![issue, EVENTS])?)
        })
    }

    /// What happened to issues after one scan's end and up to another's, oldest first: what the later scans
    /// brought, whenever it was weighed, and what else came between. `from` 0 begins at the beginning.
    pub fn events_between(&self, from: i64, to: i64, connection: i64) -> Result<Vec<IssueEvent>> {
        self.read(|tx| {
            // Where a scan ended among what no scan brought: behind the last thing that it brought itself,
            // or, when it brought nothing, behind what had happened when it ended.
            let last_of = |scan: i64| -> Result<i64> {
                let by_event: Option<i64> = tx
                    .prepare_cached("SELECT max(id) FROM issue_event WHERE scan_id = ?1")?
                    .query_row([scan], |row| row.get(0))?;
                if let Some(id) = by_event {
                    return Ok(id);
                }
                let id: Option<i64> = tx
                    .prepare_cached(
                        "SELECT max(issue_event.id) FROM issue_event, scan
                         WHERE scan.id = ?1 AND issue_event.at <= coalesce(scan.ended_at, scan.started_at)",
                    )?
                    .query_row([scan], |row| row.get(0))?;
                Ok(id.unwrap_or(0))
            };
            let after = if from == 0 { 0 } else { last_of(from)? };
            let until = last_of(to)?;
            let mut statement = tx.prepare_cached(
                "SELECT issue_event.issue_id, at, issue_event.kind, cause, scan_id, issue_event.record
                 FROM issue_event JOIN issue ON issue.id = issue_event.issue_id
                 WHERE issue.connection_id = ?3
                   AND CASE WHEN scan_id IS NULL THEN issue_event.id > ?1 AND issue_event.id <= ?2
                            ELSE scan_id > ?4 AND scan_id <= ?5 END
                 ORDER BY issue_event.id",
            )?;
            events(statement.query(params![after, until, connection, from, to])?)
        })
    }
}

fn events(mut rows: rusqlite::Rows<'_>) -> Result<Vec<IssueEvent>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(5)?;
        found.push(IssueEvent {
            issue: row.get(0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            cause: row.get(3)?,
            scan: row.get(4)?,
            record: serde_json::from_str(&record)?,
        });
    }
    Ok(found)
}

/// What is different between two states of an issue, in sentences. Numbers that only age (days, scores of
/// the same band) are no change.
pub(super) fn changes(before: &Issue, now: &Issue) -> Vec<String> {
    let mut all = Vec::new();
    if before.primary != now.primary {
        all.push(format!(
            "known as {} now, before as {}",
            now.primary, before.primary
        ));
    }
    if before.verdict.severity != now.verdict.severity {
        all.push(format!(
            "severity {} → {}",
            before.verdict.severity, now.verdict.severity
        ));
    }
    if before.verdict.original != now.verdict.original {
        all.push(format!(
            "the tool's severity {} → {}",
            before.verdict.original, now.verdict.original
        ));
    }
    let rules = |issue: &Issue| -> BTreeSet<(String, String)> {
        let counted = issue.verdict.factors.iter().filter(|one| one.change != 0.0);
        counted
            .map(|one| (one.rule.clone(), one.short_name.clone()))
            .collect()
    };
    let (had, has) = (rules(before), rules(now));
    all.extend(
        has.difference(&had)
            .map(|(_, name)| format!("new factor: {name}")),
    );
    all.extend(
        had.difference(&has)
            .map(|(_, name)| format!("no longer a factor: {name}")),
    );
    let versions = |issue: &Issue| -> Vec<String> {
        let package = issue.package.as_ref();
        package.map(|one| one.versions.clone()).unwrap_or_default()
    };
    let (had, has) = (versions(before), versions(now));
    if had != has {
        let named = |versions: &[String]| match versions {
            [] => "not known".to_owned(),
            some => some.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
        };
        all.push(format!("installed {} → {}", named(&had), named(&has)));
    }
    let fixed = |issue: &Issue| issue.remediation.fixed_version.clone();
    match (fixed(before), fixed(now)) {
        (old, new) if old == new => {}
        (_, Some(version)) => all.push(format!("fixed in {version}")),
        (_, None) => all.push("no fix is known any more".to_owned()),
    }
    let places = |issue: &Issue| -> BTreeSet<String> {
        let places = issue.occurrences.iter();
        places
            .map(|one| {
                let name = one.tags.first().map_or(one.digest.as_str(), String::as_str);
                format!("{}:{name} {}", one.repository, one.platform)
            })
            .collect()
    };
    let (had, has) = (places(before), places(now));
    all.extend(has.difference(&had).map(|name| format!("also in {name}")));
    all.extend(
        had.difference(&has)
            .map(|name| format!("no longer in {name}")),
    );
    let sources = |issue: &Issue| -> BTreeSet<String> {
        let sources = issue.sources.iter();
        sources
            .map(|one| match &one.state {
                Some(state) => format!("{} {} ({state})", one.tool, one.id),
                None => format!("{} {}", one.tool, one.id),
            })
            .collect()
    };
    let (had, has) = (sources(before), sources(now));
    all.extend(
        has.difference(&had)
            .map(|name| format!("also said by {name}")),
    );
    all.extend(
        had.difference(&has)
            .map(|name| format!("no longer said by {name}")),
    );
    all.truncate(50);
    all
}
