//! Locations as they were listed, and which of them are scanned.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::{Result, Store, issues, now};
use crate::contract::{Explanation, Location, Skip, SkipReason, SkipSubject, Skipped};
use crate::host::Selection;

/// A listing that misses more than half of at least so many known locations marks none as gone.
const GUARDED_FROM: usize = 4;

/// Something that a listing could not list.
#[derive(Clone, Debug)]
pub struct ListingSkip {
    /// Path of the location below which it is; empty at the top.
    pub path: String,
    /// What, and why.
    pub skipped: Skipped,
}

/// A location as the store knows it.
#[derive(Clone, Debug)]
pub struct KnownLocation {
    /// Row.
    pub id: i64,
    /// As it was listed last.
    pub location: Location,
    /// It was known when the selection was saved.
    pub known_when_selected: bool,
    /// Since when it is no longer listed.
    pub gone_at: Option<String>,
    /// When it was scanned last, and whether completely.
    pub last_scan: Option<(String, bool)>,
}

/// What a listing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingOutcome {
    /// Locations that were never listed before.
    pub new: usize,
    /// Locations that are marked as gone by this listing.
    pub gone: usize,
    /// Why locations that are missing were not marked as gone.
    pub guard: Option<String>,
}

impl Store {
    /// Stores a listing. What is missing from it is marked as gone only when the listing is `whole` (no
    /// branch failed, no cap was reached) and not suspiciously small.
    pub async fn record_listing(
        &self,
        connection: i64,
        locations: Vec<Location>,
        mut skips: Vec<ListingSkip>,
        whole: bool,
    ) -> Result<ListingOutcome> {
        self.write(move |tx| {
            let stamp = now();
            let before = present(tx, connection)?;
            let rows = count(tx, connection)?;
            let gone = gone(tx, connection)?;
            upsert(tx, connection, &locations, &stamp)?;
            let rows_now = count(tx, connection)?;
            // By identity, not by time: two listings can fall into one millisecond.
            let listed: HashSet<&str> = locations.iter().map(|one| one.id.as_str()).collect();
            let missing: Vec<i64> = before
                .iter()
                .filter(|(_, external)| !listed.contains(external.as_str()))
                .map(|(id, _)| *id)
                .collect();
            for (id, external) in &gone {
                // What it holds is there again, as far as it is known.
                if listed.contains(external.as_str()) {
                    issues::pend(tx, *id, "listing", None)?;
                }
            }
            let mut outcome = ListingOutcome {
                new: usize::try_from(rows_now - rows).unwrap_or(0),
                ..ListingOutcome::default()
            };
            if !missing.is_empty() {
                outcome.guard = guard(whole, before.len(), missing.len(), locations.len());
                if outcome.guard.is_none() {
                    let mut gone =
                        tx.prepare_cached("UPDATE location SET gone_at = ?2 WHERE id = ?1")?;
                    for id in &missing {
                        gone.execute(params![id, stamp])?;
                        issues::pend(tx, *id, "listing", None)?;
                    }
                    outcome.gone = missing.len();
                }
            }
            if let Some(message) = &outcome.guard {
                skips.push(guard_skip(message));
            }
            store_skips(tx, connection, &skips, &stamp)?;
            Ok(outcome)
        })
        .await
    }

    /// The locations of a connection by path, those that are gone included.
    pub fn locations(&self, connection: i64) -> Result<Vec<KnownLocation>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, record, selected_when_known, gone_at, scanned_at, scanned_complete
                 FROM location WHERE connection_id = ?1 ORDER BY path, kind, id",
            )?;
            let mut rows = statement.query([connection])?;
            let mut locations = Vec::new();
            while let Some(row) = rows.next()? {
                let record: String = row.get(1)?;
                let scanned_at: Option<String> = row.get(4)?;
                let scanned_complete: Option<bool> = row.get(5)?;
                locations.push(KnownLocation {
                    id: row.get(0)?,
                    location: serde_json::from_str(&record)?,
                    known_when_selected: row.get(2)?,
                    gone_at: row.get(3)?,
                    last_scan: scanned_at.zip(scanned_complete),
                });
            }
            Ok(locations)
        })
    }

    /// Saves which locations are scanned. Every location of now is one that was known then.
    pub fn save_selection(&self, connection: i64, selection: &Selection) -> Result<()> {
        let selection = serde_json::to_string(selection)?;
        self.write_now(move |tx| {
            tx.execute(
                "UPDATE connection SET selection = ?2 WHERE id = ?1",
                params![connection, selection],
            )?;
            tx.execute(
                "UPDATE location SET selected_when_known = 1 WHERE connection_id = ?1",
                [connection],
            )?;
            Ok(())
        })
    }
}

fn count(tx: &Transaction<'_>, connection: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM location WHERE connection_id = ?1";
    Ok(tx.query_row(sql, [connection], |row| row.get(0))?)
}

/// Row and connector's id of each location that is not marked as gone.
fn present(tx: &Transaction<'_>, connection: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT id, external_id FROM location WHERE connection_id = ?1 AND gone_at IS NULL";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([connection], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The same of those that are.
fn gone(tx: &Transaction<'_>, connection: i64) -> Result<Vec<(i64, String)>> {
    let sql =
        "SELECT id, external_id FROM location WHERE connection_id = ?1 AND gone_at IS NOT NULL";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([connection], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn upsert(
    tx: &Transaction<'_>,
    connection: i64,
    locations: &[Location],
    stamp: &str,
) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO location (connection_id, external_id, kind, path, scannable, record, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
         ON CONFLICT (connection_id, external_id) DO UPDATE SET
             kind = excluded.kind, path = excluded.path, scannable = excluded.scannable,
             record = excluded.record, last_seen = excluded.last_seen, gone_at = NULL",
    )?;
    for location in locations {
        let record = serde_json::to_string(location)?;
        statement.execute(params![
            connection,
            location.id,
            location.kind,
            location.path,
            location.scannable,
            record,
            stamp
        ])?;
    }
    Ok(())
}

/// Why a listing may not mark anything as gone.
fn guard(whole: bool, known: usize, missing: usize, listed: usize) -> Option<String> {
    let kept = "they stay as they were, and nothing was closed";
    if !whole {
        return Some(format!(
            "{missing} known locations were not listed, but the listing was not whole; {kept}"
        ));
    }
    if listed == 0 {
        return Some(format!(
            "the listing is empty where {known} locations were known; {kept}"
        ));
    }
    if known >= GUARDED_FROM && missing.saturating_mul(2) > known {
        return Some(format!(
            "{missing} of {known} known locations are missing from the listing; {kept}"
        ));
    }
    None
}

fn guard_skip(message: &str) -> ListingSkip {
    ListingSkip {
        path: String::new(),
        skipped: Skipped {
            subject: SkipSubject::Location,
            name: "listing".to_owned(),
            image: None,
            skip: Skip {
                reason: SkipReason::Unreachable,
                why: Explanation {
                    message: message.to_owned(),
                    hint: "Check that the token still sees all groups; remove the connection and connect again when they are really gone."
                        .to_owned(),
                },
            },
        },
    }
}

fn store_skips(
    tx: &Transaction<'_>,
    connection: i64,
    skips: &[ListingSkip],
    stamp: &str,
) -> Result<()> {
    tx.execute(
        "DELETE FROM listing_skip WHERE connection_id = ?1",
        [connection],
    )?;
    let mut statement = tx.prepare_cached(
        "INSERT INTO listing_skip (connection_id, seq, path, record, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (seq, skip) in (0_i64..).zip(skips) {
        let record = serde_json::to_string(&skip.skipped)?;
        statement.execute(params![connection, seq, skip.path, record, stamp])?;
    }
    Ok(())
}
