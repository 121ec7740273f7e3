//! How the queue stood at the end of each day (UTC), for the trend.

use ox_issue::severity::Severity;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Result, Store};

/// Days that are kept.
const DAYS_KEPT: i64 = 3 * 366;

/// How the queue of a connection stood at the end of a day, for one severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDay {
    /// `2026-05-18`, UTC. Today's is how it stands now.
    pub day: String,
    /// Name of the connection.
    pub connection: String,
    /// The severity.
    pub severity: Severity,
    /// Open issues that are not excluded.
    pub open: u64,
    /// Issues that were opened that day, or came back.
    pub opened: u64,
    /// Issues that were resolved that day, or whose image is gone.
    pub closed: u64,
}

/// For each connection and severity: how many are open now, and what happened on the day ?1.
const STANDING: &str = "
    WITH severity (number) AS (VALUES (0), (1), (2), (3), (4), (5)),
    happened AS (
        SELECT issue.connection_id, issue.severity,
               count(DISTINCT CASE WHEN issue_event.kind IN ('opened', 'reopened') THEN issue.id END) AS opened,
               count(DISTINCT CASE WHEN issue_event.kind IN ('resolved', 'removed') THEN issue.id END) AS closed
        FROM issue_event JOIN issue ON issue.id = issue_event.issue_id
        -- By id: events come in the order of their times, and there is no index of these.
        WHERE issue_event.id >= ?2 AND substr(issue_event.at, 1, 10) = ?1
        GROUP BY issue.connection_id, issue.severity)
    SELECT connection.id, connection.name, severity.number,
           (SELECT coalesce(sum(issues), 0) FROM issue_tally
            WHERE issue_tally.connection_id = connection.id AND state = 'open' AND NOT is_excluded
              AND issue_tally.severity = severity.number),
           coalesce(happened.opened, 0), coalesce(happened.closed, 0)
    FROM connection CROSS JOIN severity
    LEFT JOIN happened ON happened.connection_id = connection.id AND happened.severity = severity.number
    WHERE NOT connection.ephemeral AND substr(connection.created_at, 1, 10) <= ?1
    ORDER BY connection.name, severity.number DESC";

impl Store {
    /// The newest day that was noted.
    pub fn last_queue_day(&self) -> Result<Option<String>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached("SELECT max(day) FROM queue_day")?
                .query_row([], |row| row.get::<_, Option<String>>(0))
                .optional()?
                .flatten())
        })
    }

    /// Notes how the queue stands as the end of that day. A day that was noted stays as it was.
    pub async fn note_queue_day(&self, day: String) -> Result<()> {
        self.write(move |tx| {
            let standing = standing(tx, &day)?;
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO queue_day (day, connection_id, severity, open, opened, closed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for row in standing {
                insert.execute(params![day, row.connection, row.severity, row.open, row.opened, row.closed])?;
            }
            tx.execute(
                "DELETE FROM queue_day WHERE day < (SELECT min(day) FROM
                     (SELECT DISTINCT day FROM queue_day ORDER BY day DESC LIMIT ?1))",
                [DAYS_KEPT],
            )?;
            Ok(())
        })
        .await
    }

    /// The newest `days` days that were noted and today, oldest first; within a day by connection, the worst first.
    pub fn trend(&self, days: u32, today: &str) -> Result<Vec<QueueDay>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT day, connection.name, severity, open, opened, closed
                 FROM queue_day JOIN connection ON connection.id = queue_day.connection_id
                 WHERE day < ?1 AND day IN (SELECT DISTINCT day FROM queue_day WHERE day < ?1 ORDER BY day DESC LIMIT ?2)
                 ORDER BY day, connection.name, severity DESC",
            )?;
            let mut trend = Vec::new();
            let mut rows = statement.query(params![today, days])?;
            while let Some(row) = rows.next()? {
                trend.push(QueueDay {
                    day: row.get(0)?,
                    connection: row.get(1)?,
                    severity: severity_of(row.get(2)?),
                    open: number(row.get(3)?),
                    opened: number(row.get(4)?),
                    closed: number(row.get(5)?),
                });
            }
            trend.extend(standing(tx, today)?.into_iter().map(|row| QueueDay {
                day: today.to_owned(),
                connection: row.name,
                severity: severity_of(row.severity),
                open: number(row.open),
                opened: number(row.opened),
                closed: number(row.closed),
            }));
            Ok(trend)
        })
    }

    /// Open issues that are not excluded, by severity, the worst first.
    pub fn queue_sizes(&self) -> Result<Vec<(Severity, u64)>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT severity, coalesce(sum(issues), 0) FROM issue_tally WHERE state = 'open' AND NOT is_excluded
                 GROUP BY severity",
            )?;
            let found = statement
                .query_map([], |row| Ok((severity_of(row.get(0)?), number(row.get(1)?))))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let size = |severity: Severity| {
                found.iter().filter(|(known, _)| *known == severity).map(|(_, size)| *size).sum()
            };
            Ok(Severity::ALL.iter().map(|severity| (*severity, size(*severity))).collect())
        })
    }
}

struct Standing {
    connection: i64,
    name: String,
    severity: i64,
    open: i64,
    opened: i64,
    closed: i64,
}

fn standing(tx: &Transaction<'_>, day: &str) -> Result<Vec<Standing>> {
    let first = first_event_of(tx, day)?;
    let mut statement = tx.prepare_cached(STANDING)?;
    let rows = statement.query_map(params![day, first], |row| {
        Ok(Standing {
            connection: row.get(0)?,
            name: row.get(1)?,
            severity: row.get(2)?,
            open: row.get(3)?,
            opened: row.get(4)?,
            closed: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Number of the first event of a day, found by halving: a million events are not read for one day of them.
fn first_event_of(tx: &Transaction<'_>, day: &str) -> Result<i64> {
    let (mut from, mut to): (i64, i64) = tx
        .prepare_cached("SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM issue_event")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut probe = tx
        .prepare_cached("SELECT id, at < ?2 FROM issue_event WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    while from < to {
        let middle = from + (to - from) / 2;
        let found: Option<(i64, bool)> = probe
            .query_row(params![middle, day], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((id, true)) => from = id + 1,
            _ => to = middle,
        }
    }
    Ok(from)
}

fn severity_of(rank: i64) -> Severity {
    Severity::from_rank(u8::try_from(rank).unwrap_or(0))
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
