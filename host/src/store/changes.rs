//! What happened to issues between two scans, counted, and the first of each: a first scan may have opened a
//! hundred thousand issues, and a page shows some dozens of them.

use rusqlite::{Transaction, params};
use serde::Serialize;
use serde_json::Value;

use super::{Result, Store};

/// A scan, for choosing one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanStamp {
    /// Its number.
    pub id: i64,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` while it is open.
    pub ended_at: Option<String>,
    /// Every location was looked at completely.
    pub complete: bool,
}

/// What happened for one cause, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeCount {
    /// `opened`, `severity` (a change of it), `changed` (any other), `reopened`, `resolved`, `removed`, `kept`.
    pub kind: String,
    /// `scan`, `advisories`, `policy`, …, or who did it.
    pub cause: String,
    /// The scan, when one was the cause.
    pub scan: Option<i64>,
    /// How often.
    pub count: u64,
}

/// What happened for one cause, with the first of it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeGroup {
    /// What, why, how often.
    pub of: ChangeCount,
    /// The worst of it.
    pub first: Vec<Change>,
}

/// One change of one issue.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Number of the issue.
    pub issue: i64,
    /// Its title.
    pub title: String,
    /// Path of its location.
    pub location: String,
    /// Rank of its severity now.
    pub severity: u8,
    /// RFC 3339.
    pub at: String,
    /// What exactly, by kind.
    pub record: Value,
}

/// Groups of one answer: what people did each has its own cause, and there may be many people.
const GROUPS: usize = 60;

/// A change of the severity is a kind of its own.
const KIND: &str = "CASE WHEN event.kind = 'changed'
        AND json_extract(event.record, '$.severity') <> json_extract(event.record, '$.before')
    THEN 'severity' ELSE event.kind END";

/// Events of a connection between two scans. `?1` and `?2` bound those that no scan brought, `?4` and `?5` the
/// scans of those that one did.
const BETWEEN: &str = "FROM (
        SELECT id, issue_id, at, kind, cause, scan_id, record FROM issue_event
            WHERE scan_id IS NULL AND id > ?1 AND id <= ?2
        UNION ALL
        SELECT id, issue_id, at, kind, cause, scan_id, record FROM issue_event
            WHERE scan_id > ?4 AND scan_id <= ?5) AS event
    JOIN issue ON issue.id = event.issue_id AND issue.connection_id = ?3";

const KINDS: &str =
    "event.kind IN ('opened', 'changed', 'severity', 'reopened', 'resolved', 'removed', 'kept')";

impl Store {
    /// The newest scans of a connection, newest first.
    pub fn scan_stamps(&self, connection: &str, limit: usize) -> Result<Vec<ScanStamp>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT scan.id, scan.started_at, scan.ended_at, coalesce(scan.complete, 0)
                 FROM scan JOIN connection ON connection.id = scan.connection_id
                 WHERE connection.name = ?1 ORDER BY scan.id DESC LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![connection, limit], |row| {
                Ok(ScanStamp {
                    id: row.get(0)?,
                    started_at: row.get(1)?,
                    ended_at: row.get(2)?,
                    complete: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What happened to issues between two scans of a connection, by kind and cause, each with its first
    /// `each` changes. `from` 0 is the beginning.
    pub fn changes_between(
        &self,
        connection: i64,
        from: i64,
        to: i64,
        each: usize,
    ) -> Result<Vec<ChangeGroup>> {
        self.read(|tx| {
            let after = match from {
                0 => 0,
                scan => last_of(tx, scan)?,
            };
            let until = last_of(tx, to)?;
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {KIND}, event.cause, event.scan_id, count(*) {BETWEEN} WHERE {KINDS}
                 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
            ))?;
            let mut rows = statement.query(params![after, until, connection, from, to])?;
            let mut counts = Vec::new();
            while let Some(row) = rows.next()?
                && counts.len() < GROUPS
            {
                counts.push(ChangeCount {
                    kind: row.get(0)?,
                    cause: row.get(1)?,
                    scan: row.get(2)?,
                    count: row.get::<_, i64>(3)?.unsigned_abs(),
                });
            }
            let mut first = tx.prepare_cached(&format!(
                "SELECT issue.id, issue.title, location.path, issue.severity, event.at, event.record
                 {BETWEEN} JOIN location ON location.id = issue.location_id
                 WHERE {KINDS} AND {KIND} = ?6 AND event.cause = ?7 AND event.scan_id IS ?8
                 ORDER BY issue.severity DESC, event.id LIMIT ?9"
            ))?;
            let limit = i64::try_from(each).unwrap_or(i64::MAX);
            let mut groups = Vec::with_capacity(counts.len());
            for of in counts {
                let mut rows = first.query(params![
                    after, until, connection, from, to, of.kind, of.cause, of.scan, limit
                ])?;
                let mut changes = Vec::new();
                while let Some(row) = rows.next()? {
                    let record: String = row.get(5)?;
                    changes.push(Change {
                        issue: row.get(0)?,
                        title: row.get(1)?,
                        location: row.get(2)?,
                        severity: row.get(3)?,
                        at: row.get(4)?,
                        record: serde_json::from_str(&record)?,
                    });
                }
                groups.push(ChangeGroup { of, first: changes });
            }
            Ok(groups)
        })
    }
}

/// Where a scan ended among what no scan brought: behind the last thing that it brought itself, or, when it
/// brought nothing, behind what had happened when it ended.
fn last_of(tx: &Transaction<'_>, scan: i64) -> Result<i64> {
    let by_event: Option<i64> = tx
        .prepare_cached("SELECT max(id) FROM issue_event WHERE scan_id = ?1")?
        .query_row([scan], |row| row.get(0))?;
    if let Some(id) = by_event {
        return Ok(id);
    }
    let ended: String = tx
        .prepare_cached("SELECT coalesce(ended_at, started_at) FROM scan WHERE id = ?1")?
        .query_row([scan], |row| row.get(0))?;
    // Events come in the order of their times, so the last one that is not later is found from the end.
    let id: Option<i64> = tx
        .prepare_cached("SELECT id FROM issue_event WHERE at <= ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([ended], |row| row.get(0))
        .map(Some)
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(None),
            error => Err(error),
        })?;
    Ok(id.unwrap_or(0))
}
