//! Weighing a location: the issues that should be there beside those that are.
//!
//! One transaction a location: its issues, their events, and the mark that it was to be weighed. A killed
//! program weighs it again from the same facts and ends in the same rows.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ox_issue::issue::{AgainstLastScan, Status};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::super::{Result, Store, StoreError, now, observe};
use super::close::Fates;
use super::rows::{Row, Run, end, insert, keep, rows, update};
use super::{pairing, read, work};
use crate::queue::{Book, Fate, Judged, compose, judge};

/// What weighing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WeighTotals {
    /// Locations that were weighed.
    pub locations: usize,
    /// Issues that are new.
    pub opened: usize,
    /// Issues that are back.
    pub reopened: usize,
    /// Issues that changed.
    pub changed: usize,
    /// Issues whose cause is mended.
    pub resolved: usize,
    /// Issues whose images or advisories are gone.
    pub removed: usize,
    /// Locations that could not be weighed: their issues stay as they were, and the others go on.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl WeighTotals {
    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            locations: self.locations + other.locations,
            opened: self.opened + other.opened,
            reopened: self.reopened + other.reopened,
            changed: self.changed + other.changed,
            resolved: self.resolved + other.resolved,
            removed: self.removed + other.removed,
            failed: self.failed + other.failed,
        }
    }
}

/// One step of weighing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// A location was weighed; more may wait.
    Location(WeighTotals),
    /// Nothing waits.
    Done,
}

/// Nothing is concluded from an inventory whose packages were not looked up and matched yet (a scan may
/// commit one while others are weighed): its location waits for the next run.
const READY: &str = "NOT EXISTS (
    SELECT 1 FROM image JOIN location ON location.id = image.location_id
         JOIN inventory ON inventory.connection_id = location.connection_id AND inventory.digest = image.digest
              AND inventory.location_id IS NULL
    WHERE image.location_id = pending.location_id AND image.gone_at IS NULL AND (inventory.looked_up = 0
          OR (EXISTS (SELECT 1 FROM component WHERE generation IS NULL)
              AND EXISTS (SELECT 1 FROM package JOIN component ON component.id = package.component_id
                          WHERE package.inventory_id = inventory.id AND component.generation IS NULL))))";

/// Longest reason that is kept, in characters.
const WHY_CHARS: usize = 500;

/// Weighs one location so that it either happens or does not, and does not stop the others: what is at fault
/// in its rows or in the rules comes back as a sentence. Faults of the store itself end everything.
fn alone(
    tx: &Transaction<'_>,
    weigh: impl FnOnce() -> Result<WeighTotals>,
) -> Result<std::result::Result<WeighTotals, String>> {
    tx.execute_batch("SAVEPOINT weighing")?;
    let outcome = catch_unwind(AssertUnwindSafe(weigh));
    let why = match outcome {
        Ok(Ok(totals)) => {
            tx.execute_batch("RELEASE weighing")?;
            return Ok(Ok(totals));
        }
        Ok(Err(error)) if !is_of_the_location(&error) => return Err(error),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            format!(
                "ox-host has a fault: {}",
                said.unwrap_or("it did not say which")
            )
        }
    };
    tx.execute_batch("ROLLBACK TO weighing; RELEASE weighing")?;
    Ok(Err(why.chars().take(WHY_CHARS).collect()))
}

/// True when another location may do better.
fn is_of_the_location(error: &StoreError) -> bool {
    use rusqlite::ErrorCode;
    match error {
        StoreError::Json(_) | StoreError::Contract(_) | StoreError::Refused(_) => true,
        StoreError::Sql(error) => !matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::SystemIoFailure
                    | ErrorCode::OutOfMemory
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
                    | ErrorCode::OperationInterrupted
            )
        ),
        _ => false,
    }
}

impl Store {
    /// Weighs one location that waits for it.
    pub async fn weigh_next(&self, run: i64, book: Arc<Book>) -> Result<Weighed> {
        self.write(move |tx| {
            let next: Option<(i64, String, Option<i64>)> = tx
                .prepare_cached(&format!(
                    "SELECT location_id, cause, scan_id FROM pending
                     WHERE coalesce(failed_run, 0) <> ?1 AND {READY} ORDER BY location_id LIMIT 1"
                ))?
                .query_row([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((location, cause, scan)) = next else {
                return Ok(Weighed::Done);
            };
            let work = Run {
                tx,
                run,
                scan,
                cause,
                stamp: now(),
            };
            match alone(tx, || weigh(&work, location, &book))? {
                Ok(totals) => {
                    tx.prepare_cached("DELETE FROM pending WHERE location_id = ?1")?
                        .execute([location])?;
                    tx.prepare_cached("UPDATE location SET weighed_on = ?2 WHERE id = ?1")?
                        .execute(params![location, book.today()])?;
                    observe::clear_not_weighed(tx, location)?;
                    Ok(Weighed::Location(totals))
                }
                Err(why) => {
                    tracing::error!(
                        location,
                        why,
                        "the issues of a repository could not be weighed"
                    );
                    tx.execute(
                        "UPDATE pending SET failed_run = ?2, failure = ?3 WHERE location_id = ?1",
                        params![location, run, why],
                    )?;
                    observe::store_not_weighed(tx, location, &why)?;
                    Ok(Weighed::Location(WeighTotals {
                        failed: 1,
                        ..WeighTotals::default()
                    }))
                }
            }
        })
        .await
    }

    /// How many locations wait to be weighed.
    pub fn pending(&self) -> Result<u64> {
        self.read(|tx| {
            let count: i64 = tx.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    /// Marks every location that has anything to weigh.
    pub async fn pend_all(&self, cause: &'static str) -> Result<()> {
        self.write(move |tx| pend_all(tx, cause)).await
    }

    /// Marks every location with issues that name one of those ids (CVEs whose KEV or EPSS changed).
    pub async fn pend_ids(&self, ids: Vec<String>, cause: &'static str) -> Result<()> {
        self.write(move |tx| {
            let mut mark = tx.prepare_cached(
                "INSERT INTO pending (location_id, cause)
                 SELECT DISTINCT issue.location_id, ?2 FROM issue_word JOIN issue ON issue.id = issue_word.issue_id
                 WHERE issue_word.kind = 'id' AND issue_word.word = ?1 AND issue.state = 'open'
                 ON CONFLICT (location_id) DO NOTHING",
            )?;
            for id in ids {
                mark.execute(params![id, cause])?;
            }
            Ok(())
        })
        .await
    }

    /// Marks what a new day makes old: locations that were weighed on another day (ages count in days), and
    /// ends exclusions whose time has come.
    pub async fn pend_day(&self, today: String) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO pending (location_id, cause)
                 SELECT id, 'day' FROM location WHERE weighed_on IS NOT NULL AND weighed_on <> ?1
                    AND EXISTS (SELECT 1 FROM issue WHERE issue.location_id = location.id AND issue.state = 'open')
                 ON CONFLICT (location_id) DO NOTHING",
                [&today],
            )?;
            work::end_expired(tx)
        })
        .await
    }
}

/// Marks a location. A scan's mark outweighs others: it says which scan brought it.
pub(in crate::store) fn pend(
    tx: &Transaction<'_>,
    location: i64,
    cause: &str,
    scan: Option<i64>,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO pending (location_id, cause, scan_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (location_id) DO UPDATE SET
             failed_run = NULL, failure = NULL,
             cause = CASE WHEN excluded.scan_id IS NULL THEN cause ELSE excluded.cause END,
             scan_id = coalesce(excluded.scan_id, scan_id)",
    )?
    .execute(params![location, cause, scan])?;
    Ok(())
}

/// Marks every location with images, findings or open issues.
pub(in crate::store) fn pend_all(tx: &Transaction<'_>, cause: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO pending (location_id, cause)
         SELECT location.id, ?1 FROM location
         WHERE EXISTS (SELECT 1 FROM image WHERE image.location_id = location.id)
            OR EXISTS (SELECT 1 FROM finding WHERE finding.location_id = location.id)
            OR EXISTS (SELECT 1 FROM issue WHERE issue.location_id = location.id)
         ON CONFLICT (location_id) DO NOTHING",
        [cause],
    )?;
    Ok(())
}

fn weigh(run: &Run<'_>, location: i64, book: &Book) -> Result<WeighTotals> {
    let mut totals = WeighTotals {
        locations: 1,
        ..WeighTotals::default()
    };
    let Some(inputs) = read::inputs(run.tx, location)? else {
        return Ok(totals);
    };
    let active = work::active(run.tx, &run.stamp)?;
    let exclusions = active.compile();
    let mut rows = rows(run.tx, location)?;
    let mut fates = Fates::new(run.tx, &inputs);
    let judged: Vec<Judged> = compose(&inputs)
        .iter()
        .map(|draft| judge(draft, &inputs, book))
        .collect();
    let pairs = pairing::pair(&rows, &judged);
    for at in &pairs.yields {
        // Another issue is to have its key; it is closed, or gets its own new one below.
        if let Some(row) = rows.get(*at) {
            run.tx
                .prepare_cached(
                    "UPDATE issue SET subject = subject || char(31) || id WHERE id = ?1",
                )?
                .execute([row.id])?;
        }
    }
    let mut held = pairing::Held::default();
    let mut taken: HashSet<usize> = HashSet::new();
    for (mut one, at) in judged.into_iter().zip(pairs.rows) {
        taken.extend(at);
        let outcome = match at.and_then(|at| rows.get_mut(at)) {
            Some(row) => {
                let unread = unread(&mut fates, run.tx, row, &mut one)?;
                held.take(row.id, &one.issue);
                update(run, row, one, &unread, book, &exclusions)?
            }
            None => {
                let names = pairing::Names::of(&one.issue);
                let id = insert(run, &inputs, one, book, &exclusions)?;
                held.take_names(id, names);
                AgainstLastScan::New
            }
        };
        match outcome {
            AgainstLastScan::New => totals.opened += 1,
            AgainstLastScan::Reopened => totals.reopened += 1,
            AgainstLastScan::Changed => totals.changed += 1,
            AgainstLastScan::Same | AgainstLastScan::Closed => {}
        }
    }
    for (at, row) in rows.iter().enumerate() {
        if !row.is_open || taken.contains(&at) {
            continue;
        }
        let Some(issue) = &row.record else {
            let why = "What was known of it could not be read any more, and nothing shows it.";
            end(
                run,
                row,
                "removed",
                Status::Removed {
                    why: why.to_owned(),
                },
                None,
            )?;
            totals.removed += 1;
            continue;
        };
        let same_as = held.same_as(issue);
        match fates.of(row.id, issue, same_as, book)? {
            Fate::Kept(why) => keep(run, row, &why)?,
            Fate::Resolved(how) => {
                end(run, row, "resolved", Status::Resolved { how }, None)?;
                totals.resolved += 1;
            }
            Fate::Removed(why) => {
                end(run, row, "removed", Status::Removed { why }, same_as)?;
                totals.removed += 1;
            }
        }
    }
    Ok(totals)
}

/// Places that an issue had in images that could not be read whole: nobody knows whether it is in them still,
/// so they stay, beside those that are seen. Answers them as the table has them.
fn unread(
    fates: &mut Fates<'_>,
    tx: &Transaction<'_>,
    row: &Row,
    judged: &mut Judged,
) -> Result<HashSet<(i64, String, String)>> {
    let mut kept = HashSet::new();
    let (Some(before), true) = (&row.record, row.is_open) else {
        return Ok(kept);
    };
    let seen: HashSet<&(i64, String, String)> = judged.places.iter().collect();
    let mut statement = tx.prepare_cached(
        "SELECT image_id, occurrence.path, occurrence.version, image.digest, image.repository
         FROM occurrence JOIN image ON image.id = occurrence.image_id WHERE issue_id = ?1",
    )?;
    let mut rows = statement.query([row.id])?;
    let mut of_record: HashSet<(String, String, String, String)> = HashSet::new();
    while let Some(found) = rows.next()? {
        let place: (i64, String, String) = (found.get(0)?, found.get(1)?, found.get(2)?);
        if seen.contains(&place) || !fates.is_unread(place.0, before, &place.2)? {
            continue;
        }
        of_record.insert((
            found.get(3)?,
            found.get(4)?,
            place.1.clone(),
            place.2.clone(),
        ));
        kept.insert(place);
    }
    if !kept.is_empty() {
        let all = &mut judged.issue.occurrences;
        all.extend(
            before
                .occurrences
                .iter()
                .filter(|one| {
                    let key = (
                        one.digest.clone(),
                        one.repository.clone(),
                        one.path.clone(),
                        one.version.clone(),
                    );
                    of_record.contains(&key)
                })
                .cloned(),
        );
        all.sort();
        all.dedup();
    }
    Ok(kept)
}
