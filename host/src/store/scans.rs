//! Scans: which locations, how far each is, and whose batch counts.
//!
//! A scan stays open until none of its locations is unfinished, so a cancelled or killed one is found by
//! the next scan of its connection. Each start of a location is an *attempt*; a batch names its attempt
//! and is refused when it is not the running one. Each start from the beginning (without a cursor) is a
//! new *generation* of the location; rows remember in which generation they were seen, and a complete end
//! marks those of older ones as gone.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Result, Store, StoreError, issues, now, observe};
use crate::contract::Observation;
use crate::host::{Counts, FailureClass, LocationOutcome, LocationReport};

/// Longest cursor that is stored, in bytes (the contract's limit).
const CURSOR_BYTES: usize = 64 << 10;

/// What a scan shall take.
pub struct BeginScan {
    /// Row of the connection.
    pub connection: i64,
    /// Rows of the locations.
    pub locations: Vec<i64>,
    /// Only some locations were asked for: such a scan takes over their cursors, and leaves the rest of
    /// an interrupted scan to the next whole one.
    pub partial_plan: bool,
    /// Begin anew where something could be resumed.
    pub fresh: bool,
    /// Go on with this one if it is open, whatever else is asked for.
    pub resume: Option<i64>,
}

/// A scan that has begun or goes on.
#[derive(Clone, Debug)]
pub struct ScanRow {
    /// Row.
    pub id: i64,
    /// RFC 3339.
    pub started_at: String,
    /// True when it goes on with an interrupted one.
    pub resumed: bool,
    /// Locations of it that ended before.
    pub ended: usize,
    /// The locations that are still to be scanned, by path.
    pub targets: Vec<ScanTarget>,
}

/// A location to scan.
#[derive(Clone, Debug)]
pub struct ScanTarget {
    /// Row of the location.
    pub location: i64,
    /// The connector's id of it.
    pub external_id: String,
    /// Its path.
    pub path: String,
}

/// A started attempt.
#[derive(Clone, Debug)]
pub struct AttemptStart {
    /// The fence: every batch names it.
    pub attempt: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// How a location's scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationState {
    /// All of it was looked at.
    Complete,
    /// Not all of it.
    Partial,
    /// Given up.
    Failed,
}

/// The end of a location's scan.
pub struct LocationEnd {
    /// How.
    pub state: LocationState,
    /// What the connector's summary counted; the larger of this and what was stored is kept.
    pub summary: Counts,
    /// Why, when it failed.
    pub reason: Option<FailureReason>,
}

/// Why a location failed.
pub struct FailureReason {
    /// What kind of reason.
    pub class: FailureClass,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What the store knows about a scan.
#[derive(Clone, Debug)]
pub struct StoredReport {
    /// Row.
    pub id: i64,
    /// Name of the connection.
    pub connection: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` while it is open.
    pub ended_at: Option<String>,
    /// True when every location was looked at completely.
    pub complete: bool,
    /// By path. Unfinished ones are `Interrupted`.
    pub locations: Vec<LocationReport>,
}

impl Store {
    /// Begins a scan, or goes on with the interrupted one of the same connection.
    pub async fn begin_scan(&self, begin: BeginScan) -> Result<ScanRow> {
        self.write(move |tx| begin_scan(tx, &begin)).await
    }

    /// Starts an attempt. Batches of earlier attempts of this location are refused from now on.
    pub async fn start_attempt(&self, scan: i64, location: i64) -> Result<AttemptStart> {
        self.write(move |tx| {
            let (generation, cursor): (Option<i64>, Option<String>) = tx
                .query_row(
                    "SELECT generation, cursor FROM scan_location
                     WHERE scan_id = ?1 AND location_id = ?2 AND state IN ('pending', 'running')",
                    [scan, location],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?
                .ok_or_else(|| StoreError::Refused("this location has no unfinished scan".to_owned()))?;
            // Without a cursor nothing was acknowledged that the next attempt would not say again.
            let generation = match generation {
                Some(generation) if cursor.is_some() => generation,
                _ => {
                    tx.execute("DELETE FROM inventory WHERE location_id = ?1", [location])?;
                    tx.query_row(
                        "UPDATE location SET generation = generation + 1 WHERE id = ?1 RETURNING generation",
                        [location],
                        |row| row.get(0),
                    )?
                }
            };
            let attempt = tx.query_row(
                "UPDATE scan_location SET state = 'running', attempt = attempt + 1, generation = ?3
                 WHERE scan_id = ?1 AND location_id = ?2 RETURNING attempt",
                params![scan, location, generation],
                |row| row.get(0),
            )?;
            Ok(AttemptStart { attempt, cursor })
        })
        .await
    }

    /// Stores observations and the cursor that covers them in one transaction; returns once both are
    /// durable. A batch of a superseded attempt, or one that breaks the contract, is refused whole.
    pub async fn commit_batch(
        &self,
        scan: i64,
        location: i64,
        attempt: i64,
        observations: Vec<Observation>,
        cursor: String,
    ) -> Result<()> {
        if cursor.len() > CURSOR_BYTES {
            return Err(StoreError::Contract(format!(
                "a cursor has {} bytes, and the limit is {CURSOR_BYTES}",
                cursor.len()
            )));
        }
        self.write(move |tx| {
            let running = running(tx, scan, location, attempt)?;
            let mut counts = running.counts;
            let place = observe::Place { connection: running.connection, location, generation: running.generation };
            observe::store(tx, &place, &observations, &mut counts)?;
            tx.prepare_cached(
                "UPDATE scan_location SET cursor = ?3, counts = ?4 WHERE scan_id = ?1 AND location_id = ?2",
            )?
            .execute(params![scan, location, cursor, serde_json::to_string(&counts)?])?;
            Ok(())
        })
        .await
    }

    /// Ends an attempt without ending the location: it goes on from its cursor, now or in a later scan.
    pub async fn suspend(
        &self,
        scan: i64,
        location: i64,
        attempt: i64,
        traffic: Counts,
        ms: u64,
    ) -> Result<()> {
        self.write(move |tx| {
            let running = running(tx, scan, location, attempt)?;
            let counts = running.counts.plus(&traffic);
            tx.execute(
                "UPDATE scan_location SET state = 'pending', counts = ?3, milliseconds = milliseconds + ?4
                 WHERE scan_id = ?1 AND location_id = ?2",
                params![scan, location, serde_json::to_string(&counts)?, i64::try_from(ms).unwrap_or(i64::MAX)],
            )?;
            Ok(())
        })
        .await
    }

    /// Ends a location. Only a complete end marks what was not seen as gone.
    pub async fn end_location(
        &self,
        scan: i64,
        location: i64,
        attempt: i64,
        end: LocationEnd,
        traffic: Counts,
        ms: u64,
    ) -> Result<LocationReport> {
        self.write(move |tx| {
            let running = running(tx, scan, location, attempt)?;
            let stamp = now();
            let place = observe::Place {
                connection: running.connection,
                location,
                generation: running.generation,
            };
            let mut counts = running.counts.plus(&traffic).at_least(&end.summary);
            let mut state = end.state;
            if state != LocationState::Failed {
                let unfinished = observe::drop_unfinished_inventories(tx, &place)?;
                if unfinished > 0 {
                    counts.skipped = counts.skipped.saturating_add(unfinished);
                    state = LocationState::Partial;
                }
                observe::drop_old_skips(tx, &place)?;
            }
            if state == LocationState::Complete {
                match observe::shrunken(tx, &place)? {
                    None => observe::mark_gone(tx, &place, &stamp)?,
                    Some(shrunken) => {
                        observe::store_shrunken(tx, &place, shrunken, &stamp)?;
                        counts.skipped = counts.skipped.saturating_add(1);
                        state = LocationState::Partial;
                    }
                }
            }
            // What was stored is there, however the scan ended; only a complete one has marked what is gone.
            issues::pend(tx, location, "scan", Some(scan))?;
            let word = match state {
                LocationState::Complete => "complete",
                LocationState::Partial => "partial",
                LocationState::Failed => "failed",
            };
            let (class, message, hint) = match end.reason {
                Some(reason) => (
                    Some(class_word(reason.class)),
                    Some(reason.message),
                    Some(reason.hint),
                ),
                None => (None, None, None),
            };
            tx.execute(
                "UPDATE scan_location SET state = ?3, counts = ?4, milliseconds = milliseconds + ?5,
                        class = ?6, message = ?7, hint = ?8, ended_at = ?9
                 WHERE scan_id = ?1 AND location_id = ?2",
                params![
                    scan,
                    location,
                    word,
                    serde_json::to_string(&counts)?,
                    i64::try_from(ms).unwrap_or(i64::MAX),
                    class,
                    message,
                    hint,
                    stamp
                ],
            )?;
            tx.execute(
                "UPDATE location SET scanned_at = ?2, scanned_complete = ?3 WHERE id = ?1",
                params![location, stamp, state == LocationState::Complete],
            )?;
            report_of(tx, scan, Some(location))?
                .pop()
                .ok_or(StoreError::Closed)
        })
        .await
    }

    /// Closes a scan when nothing of it is unfinished; says what became of it either way.
    pub async fn end_scan(&self, scan: i64, listing_whole: bool) -> Result<StoredReport> {
        self.write(move |tx| {
            let (unfinished, incomplete): (i64, i64) = tx.query_row(
                "SELECT count(*) FILTER (WHERE state IN ('pending', 'running')),
                        count(*) FILTER (WHERE state <> 'complete')
                 FROM scan_location WHERE scan_id = ?1",
                [scan],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if unfinished == 0 {
                tx.execute(
                    "UPDATE scan SET state = 'ended', ended_at = ?2, complete = ?3 WHERE id = ?1",
                    params![scan, now(), incomplete == 0 && listing_whole],
                )?;
            }
            stored_report(tx, scan)
        })
        .await
    }

    /// The connection (row and name) of a scan.
    pub fn connection_of_scan(&self, scan: i64) -> Result<(i64, String)> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT connection.id, connection.name FROM scan JOIN connection ON connection.id = scan.connection_id
                 WHERE scan.id = ?1",
            )?
            .query_row([scan], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or_else(|| {
                StoreError::Refused(format!("there is no scan {scan}; `ox-host scans` lists them"))
            })
        })
    }

    /// The report of one location of a scan.
    pub fn location_report(&self, scan: i64, location: i64) -> Result<Option<LocationReport>> {
        self.read(|tx| Ok(report_of(tx, scan, Some(location))?.pop()))
    }

    /// What is known about one scan; `None` when there is none of that number.
    pub fn scan_report(&self, scan: i64) -> Result<Option<StoredReport>> {
        self.read(|tx| {
            let there: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM scan WHERE id = ?1)")?
                .query_row([scan], |row| row.get(0))?;
            there.then(|| stored_report(tx, scan)).transpose()
        })
    }

    /// The newest scans of a connection (of all when `None`), newest first.
    pub fn scans(&self, connection: Option<i64>, limit: u32) -> Result<Vec<StoredReport>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id FROM scan WHERE ?1 IS NULL OR connection_id = ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let ids = statement
                .query_map(params![connection, limit], |row| row.get::<_, i64>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            ids.into_iter().map(|id| stored_report(tx, id)).collect()
        })
    }
}

fn class_word(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Permission => "permission",
        FailureClass::Connectivity => "connectivity",
        FailureClass::Limit => "limit",
        FailureClass::Connector => "connector",
    }
}

fn class_of(word: Option<&str>) -> FailureClass {
    match word {
        Some("permission") => FailureClass::Permission,
        Some("connectivity") => FailureClass::Connectivity,
        Some("limit") => FailureClass::Limit,
        _ => FailureClass::Connector,
    }
}

struct Running {
    connection: i64,
    generation: i64,
    counts: Counts,
}

/// The fence.
fn running(tx: &Transaction<'_>, scan: i64, location: i64, attempt: i64) -> Result<Running> {
    let row: Option<(i64, i64, String)> = tx
        .prepare_cached(
            "SELECT scan.connection_id, scan_location.generation, scan_location.counts
             FROM scan_location JOIN scan ON scan.id = scan_location.scan_id
             WHERE scan_id = ?1 AND location_id = ?2 AND attempt = ?3 AND scan_location.state = 'running'",
        )?
        .query_row([scan, location, attempt], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (connection, generation, counts) = row.ok_or(StoreError::Superseded { attempt })?;
    Ok(Running {
        connection,
        generation,
        counts: serde_json::from_str(&counts)?,
    })
}

fn begin_scan(tx: &Transaction<'_>, begin: &BeginScan) -> Result<ScanRow> {
    let open: Vec<(i64, bool)> = tx
        .prepare_cached(
            "SELECT id, partial_plan FROM scan WHERE connection_id = ?1 AND state = 'open' ORDER BY id DESC",
        )?
        .query_map([begin.connection], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let resumable = open.iter().find(|(_, partial)| !partial).map(|(id, _)| *id);
    let wanted = begin.resume.filter(|wanted| open.iter().any(|(id, _)| id == wanted));
    let resumed = wanted.or_else(|| resumable.filter(|_| !begin.fresh && !begin.partial_plan));
    let id = match resumed {
        Some(id) => id,
        None => tx.query_row(
            "INSERT INTO scan (connection_id, partial_plan, state, started_at) VALUES (?1, ?2, 'open', ?3) RETURNING id",
            params![begin.connection, begin.partial_plan, now()],
            |row| row.get(0),
        )?,
    };
    let targets: HashSet<i64> = begin.locations.iter().copied().collect();
    for (other, _) in &open {
        take_over(tx, begin, &targets, *other, id)?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO scan_location (scan_id, location_id, state) VALUES (?1, ?2, 'pending')
         ON CONFLICT (scan_id, location_id) DO NOTHING",
    )?;
    for location in &targets {
        insert.execute([id, *location])?;
    }
    let mut statement = tx.prepare_cached(
        "SELECT location.id, location.external_id, location.path
         FROM scan_location JOIN location ON location.id = scan_location.location_id
         WHERE scan_id = ?1 AND state IN ('pending', 'running') ORDER BY location.path, location.id",
    )?;
    let targets = statement
        .query_map([id], |row| {
            Ok(ScanTarget {
                location: row.get(0)?,
                external_id: row.get(1)?,
                path: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let started_at = tx.query_row("SELECT started_at FROM scan WHERE id = ?1", [id], |row| {
        row.get(0)
    })?;
    let ended: i64 = tx.query_row(
        "SELECT count(*) FROM scan_location WHERE scan_id = ?1 AND state NOT IN ('pending', 'running')",
        [id],
        |row| row.get(0),
    )?;
    Ok(ScanRow {
        id,
        started_at,
        resumed: resumed.is_some(),
        ended: usize::try_from(ended).unwrap_or(0),
        targets,
    })
}

/// What becomes of the unfinished locations of an open scan when `id` begins or goes on.
fn take_over(
    tx: &Transaction<'_>,
    begin: &BeginScan,
    targets: &HashSet<i64>,
    open: i64,
    id: i64,
) -> Result<()> {
    let unfinished: Vec<i64> = tx
        .prepare_cached("SELECT location_id FROM scan_location WHERE scan_id = ?1 AND state IN ('pending', 'running')")?
        .query_map([open], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for location in unfinished {
        let wanted = targets.contains(&location);
        if !begin.fresh && wanted && open != id {
            // The cursor moves over; a row that is there already is newer, and wins.
            tx.execute(
                "UPDATE OR IGNORE scan_location SET scan_id = ?3 WHERE scan_id = ?1 AND location_id = ?2",
                [open, location, id],
            )?;
        }
        // Begun anew, moved, or (in a whole plan) no longer selected: the open scan waits for it no more.
        if begin.fresh || (wanted && open != id) || (!wanted && !begin.partial_plan) {
            tx.execute(
                "DELETE FROM scan_location WHERE scan_id = ?1 AND location_id = ?2 AND state IN ('pending', 'running')",
                [open, location],
            )?;
        }
    }
    if open != id {
        tx.execute(
            "UPDATE scan SET state = 'ended', ended_at = ?2, complete = 0 WHERE id = ?1 AND NOT EXISTS
                 (SELECT 1 FROM scan_location WHERE scan_id = ?1 AND state IN ('pending', 'running'))",
            params![open, now()],
        )?;
    }
    Ok(())
}

fn stored_report(tx: &Transaction<'_>, scan: i64) -> Result<StoredReport> {
    let mut report = tx.query_row(
        "SELECT connection.name, scan.started_at, scan.ended_at, coalesce(scan.complete, 0)
         FROM scan JOIN connection ON connection.id = scan.connection_id WHERE scan.id = ?1",
        [scan],
        |row| {
            Ok(StoredReport {
                id: scan,
                connection: row.get(0)?,
                started_at: row.get(1)?,
                ended_at: row.get(2)?,
                complete: row.get(3)?,
                locations: Vec::new(),
            })
        },
    )?;
    report.locations = report_of(tx, scan, None)?;
    Ok(report)
}

fn report_of(
    tx: &Transaction<'_>,
    scan: i64,
    location: Option<i64>,
) -> Result<Vec<LocationReport>> {
    let mut statement = tx.prepare_cached(
        "SELECT location.path, state, counts, milliseconds, message, hint, class
         FROM scan_location JOIN location ON location.id = scan_location.location_id
         WHERE scan_id = ?1 AND (?2 IS NULL OR location_id = ?2) ORDER BY location.path, location.id",
    )?;
    let mut rows = statement.query(params![scan, location])?;
    let mut reports = Vec::new();
    while let Some(row) = rows.next()? {
        let state: String = row.get(1)?;
        let counts: String = row.get(2)?;
        let outcome = match state.as_str() {
            "complete" => LocationOutcome::Complete,
            "partial" => LocationOutcome::Partial,
            "failed" => LocationOutcome::Failed {
                class: class_of(row.get::<_, Option<String>>(6)?.as_deref()),
                message: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
                hint: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
            },
            _ => LocationOutcome::Interrupted,
        };
        reports.push(LocationReport {
            path: row.get(0)?,
            outcome,
            counts: serde_json::from_str(&counts)?,
            milliseconds: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
        });
    }
    Ok(reports)
}
