//! The queue at a glance: how old it is, which places weigh most, deadlines, the trend. Everything is answered
//! from tallies and from indexes that hold what is asked for, so it costs the same with a million issues.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde::Serialize;

use super::{Result, Store, now};

/// Places of a list.
const TOP: usize = 8;
/// Days from which on an issue is in the next column of the ages.
pub(crate) const AGES: [i64; 3] = [7, 30, 90];
/// Days over which it is told how long mending takes.
const MENDED_DAYS: i64 = 90;
/// Closed issues that this is told from: the newest.
const MENDED: usize = 20_000;

/// The queue at a glance.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// Open issues by rank of the severity (from Info up) and by age: under 7 days, 30, 90, and older.
    pub ages: [[u64; 4]; 6],
    /// Open issues past their deadline.
    pub overdue: u64,
    /// Open issues near it.
    pub near: u64,
    /// How long mending took, by rank of the severity.
    pub mended: Vec<Mended>,
    /// Locations that weigh most.
    pub locations: Vec<Top>,
    /// Applications that weigh most.
    pub applications: Vec<Top>,
    /// How the queue stood at the end of each day, the oldest first; today as it stands now.
    pub days: Vec<TrendDay>,
    /// What the last scan of each connection brought.
    pub brought: Vec<Brought>,
    /// Images that were read completely, and in part.
    pub images: (u64, u64),
}

/// How long it took until issues of one severity were resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mended {
    /// Rank of the severity.
    pub severity: u8,
    /// How many were resolved.
    pub issues: u64,
    /// Days on average.
    pub days: f64,
}

/// A place that weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Top {
    /// Path of a location, or name of an application.
    pub name: String,
    /// Name of the connection; empty for an application.
    pub connection: String,
    /// What its open issues weigh together.
    pub weight: u64,
    /// Open issues by rank of the severity, from Info up.
    pub open: [u64; 6],
}

/// How the queue stood at the end of a day, over all connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrendDay {
    /// `2026-11-23`, in UTC.
    pub day: String,
    /// Open issues by rank of the severity, from Info up.
    pub open: [u64; 6],
    /// Opened on that day.
    pub opened: u64,
    /// Closed on that day.
    pub closed: u64,
}

/// What the last scan of a connection brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// Name of the connection.
    pub connection: String,
    /// The scan.
    pub scan: i64,
    /// RFC 3339.
    pub ended_at: String,
    /// New issues.
    pub opened: u64,
    /// Issues that came back.
    pub reopened: u64,
    /// Resolved and removed ones.
    pub closed: u64,
}

/// Weight of an issue: an order of magnitude between Low and High, and again to Appoxalypse.
const WEIGHT: &str = "CASE severity WHEN 5 THEN 100 WHEN 4 THEN 40 WHEN 3 THEN 10 WHEN 2 THEN 3 WHEN 1 THEN 1 ELSE 0 END";

/// A rank as a place in a list of six.
fn place(open: &mut [u64; 6], rank: i64, count: i64) {
    let slot = usize::try_from(rank).ok().and_then(|at| open.get_mut(at));
    if let Some(slot) = slot {
        *slot += u64::try_from(count).unwrap_or(0);
    }
}

/// The day (UTC) so many days before now.
pub(crate) fn day_before(days: i64) -> String {
    let now = jiff::Timestamp::now();
    let then = now.checked_sub(jiff::SignedDuration::from_hours(days.saturating_mul(24)));
    then.unwrap_or(now).strftime("%Y-%m-%d").to_string()
}

impl Store {
    /// The queue at a glance, with a trend of so many days. `near` is the time until which a deadline is near.
    pub fn overview(&self, days: u32, near: &str) -> Result<Overview> {
        let stamp = now();
        self.read(|tx| {
            let due = |from: &str, until: &str| -> Result<u64> {
                let count: i64 = tx
                    .prepare_cached(
                        "SELECT count(*) FROM issue INDEXED BY issue_by_due
                         WHERE state = 'open' AND coalesce(due, '9') > ?1 AND coalesce(due, '9') <= ?2",
                    )?
                    .query_row([from, until], |row| row.get(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            };
            Ok(Overview {
                ages: ages(tx)?,
                overdue: due("", &stamp)?,
                near: due(&stamp, near)?,
                mended: mended(tx)?,
                locations: top(tx, true)?,
                applications: top(tx, false)?,
                days: queue_days(tx, days)?,
                brought: brought(tx)?,
                images: images(tx)?,
            })
        })
    }

    /// How the last scan of each location ended: row of the location, and `complete`, `partial` or `failed`.
    pub fn last_ends(&self, connection: i64) -> Result<BTreeMap<i64, String>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT location.id, (SELECT scan_location.state FROM scan_location
                     WHERE scan_location.location_id = location.id
                       AND scan_location.state IN ('complete', 'partial', 'failed')
                     ORDER BY scan_location.scan_id DESC LIMIT 1) AS state
                 FROM location WHERE location.connection_id = ?1 AND state IS NOT NULL",
            )?;
            let rows = statement.query_map([connection], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn ages(tx: &Transaction<'_>) -> Result<[[u64; 4]; 6]> {
    let [week, month, quarter] = AGES.map(day_before);
    let mut statement = tx.prepare_cached(
        "SELECT severity, CASE WHEN day > ?1 THEN 0 WHEN day > ?2 THEN 1 WHEN day > ?3 THEN 2 ELSE 3 END,
                sum(issues)
         FROM issue_age_tally GROUP BY 1, 2",
    )?;
    let mut rows = statement.query([week, month, quarter])?;
    let mut ages = [[0; 4]; 6];
    while let Some(row) = rows.next()? {
        let (rank, column, count): (u8, u8, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let slot = ages
            .get_mut(usize::from(rank))
            .and_then(|row| row.get_mut(usize::from(column)));
        if let Some(slot) = slot {
            *slot = u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(ages)
}

fn mended(tx: &Transaction<'_>) -> Result<Vec<Mended>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT severity, count(*), avg(max(0, julianday(closed_at) - julianday(first_seen)))
         FROM (SELECT severity, closed_at, first_seen FROM issue
               WHERE closed_at >= ?1 AND state = 'resolved' ORDER BY closed_at DESC LIMIT {MENDED})
         GROUP BY severity ORDER BY severity DESC"
    ))?;
    let rows = statement.query_map([day_before(MENDED_DAYS)], |row| {
        Ok(Mended {
            severity: row.get(0)?,
            issues: row.get::<_, i64>(1)?.unsigned_abs(),
            days: row.get::<_, Option<f64>>(2)?.unwrap_or(0.0),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn top(tx: &Transaction<'_>, by_location: bool) -> Result<Vec<Top>> {
    let (key, name) = if by_location {
        (
            "issue_place_tally.location_id",
            "location.path, connection.name",
        )
    } else {
        ("issue_place_tally.application", "one.place, ''")
    };
    let join = if by_location {
        "JOIN location ON location.id = one.place JOIN connection ON connection.id = location.connection_id"
    } else {
        ""
    };
    let ranks: Vec<String> = (0..6)
        .map(|rank| format!("sum(issues * (severity = {rank}))"))
        .collect();
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {name}, one.* FROM
             (SELECT {key} AS place, sum(issues * {WEIGHT}) AS weight, {}
              FROM issue_place_tally WHERE issues > 0 AND {key} <> ''
              GROUP BY 1 HAVING weight > 0 ORDER BY 2 DESC, 1 LIMIT {TOP}) AS one {join}
         ORDER BY one.weight DESC, 1",
        ranks.join(", ")
    ))?;
    let mut rows = statement.query([])?;
    let mut top = Vec::new();
    while let Some(row) = rows.next()? {
        let mut open = [0; 6];
        for rank in 0..6_usize {
            place(
                &mut open,
                i64::try_from(rank).unwrap_or(0),
                row.get(4 + rank)?,
            );
        }
        top.push(Top {
            name: row.get(0)?,
            connection: row.get(1)?,
            weight: row.get::<_, i64>(3)?.unsigned_abs(),
            open,
        });
    }
    Ok(top)
}

fn queue_days(tx: &Transaction<'_>, days: u32) -> Result<Vec<TrendDay>> {
    let today = day_before(0);
    let mut found: BTreeMap<String, TrendDay> = BTreeMap::new();
    let mut statement = tx.prepare_cached(
        "SELECT day, severity, sum(open), sum(opened), sum(closed) FROM queue_day
         WHERE day > ?1 AND day <= ?2 GROUP BY day, severity",
    )?;
    let mut rows = statement.query(params![day_before(i64::from(days)), today])?;
    while let Some(row) = rows.next()? {
        let day: String = row.get(0)?;
        let one = found.entry(day.clone()).or_insert_with(|| TrendDay {
            day,
            ..TrendDay::default()
        });
        place(&mut one.open, row.get(1)?, row.get(2)?);
        one.opened += row.get::<_, i64>(3)?.unsigned_abs();
        one.closed += row.get::<_, i64>(4)?.unsigned_abs();
    }
    // Today is not over: it is shown as it stands.
    let mut open = [0; 6];
    let mut statement = tx.prepare_cached(
        "SELECT severity, sum(issues) FROM issue_tally WHERE state = 'open' AND is_excluded = 0 GROUP BY severity",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        place(&mut open, row.get(0)?, row.get(1)?);
    }
    let one = found.entry(today.clone()).or_insert_with(|| TrendDay {
        day: today,
        ..TrendDay::default()
    });
    one.open = open;
    Ok(found.into_values().collect())
}

fn brought(tx: &Transaction<'_>) -> Result<Vec<Brought>> {
    let mut last = tx.prepare_cached(
        "SELECT connection.name, scan.id, scan.ended_at FROM connection
         JOIN scan ON scan.id = (SELECT max(newest.id) FROM scan AS newest
                                 WHERE newest.connection_id = connection.id AND newest.state = 'ended')
         ORDER BY scan.ended_at DESC LIMIT 10",
    )?;
    let mut kinds = tx.prepare_cached(
        "SELECT kind, count(*) FROM issue_event WHERE scan_id = ?1 GROUP BY kind",
    )?;
    let mut rows = last.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut one = Brought {
            connection: row.get(0)?,
            scan: row.get(1)?,
            ended_at: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            opened: 0,
            reopened: 0,
            closed: 0,
        };
        let mut counts = kinds.query([one.scan])?;
        while let Some(row) = counts.next()? {
            let kind: String = row.get(0)?;
            let count = row.get::<_, i64>(1)?.unsigned_abs();
            match kind.as_str() {
                "opened" => one.opened += count,
                "reopened" => one.reopened += count,
                "resolved" | "removed" => one.closed += count,
                _ => {}
            }
        }
        all.push(one);
    }
    Ok(all)
}

fn images(tx: &Transaction<'_>) -> Result<(u64, u64)> {
    let mut statement = tx.prepare_cached(
        "SELECT complete, count(*) FROM image INDEXED BY image_by_repository WHERE gone_at IS NULL GROUP BY complete",
    )?;
    let mut rows = statement.query([])?;
    let (mut complete, mut partial) = (0, 0);
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(1)?.unsigned_abs();
        if row.get(0)? {
            complete = count;
        } else {
            partial = count;
        }
    }
    Ok((complete, partial))
}
