//! Schedules: one a connection, and one (without a connection) for the advisories.

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Store};
use crate::serve::schedule::{Missed, Schedule};

/// A schedule with what only the scheduler needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSchedule {
    /// Row.
    pub id: i64,
    /// The schedule.
    pub schedule: Schedule,
    /// The next time without jitter; RFC 3339.
    pub next_slot: Option<String>,
}

const SELECT: &str = "SELECT schedule.id, connection.name, cron, time_zone, jitter_minutes, missed, enabled, next_slot,
        next_at, last_at
    FROM schedule LEFT JOIN connection ON connection.id = schedule.connection_id";

impl Store {
    /// All that were written down.
    pub fn schedules(&self) -> Result<Vec<StoredSchedule>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!("{SELECT} ORDER BY schedule.id"))?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// That of a connection, or of the advisories. `None` when none was written down.
    pub fn schedule(&self, connection: Option<&str>) -> Result<Option<StoredSchedule>> {
        self.read(|tx| {
            let found = match connection {
                Some(name) => tx
                    .prepare_cached(&format!("{SELECT} WHERE connection.name = ?1"))?
                    .query_row([name], read)
                    .optional()?,
                None => tx
                    .prepare_cached(&format!("{SELECT} WHERE schedule.connection_id IS NULL"))?
                    .query_row([], read)
                    .optional()?,
            };
            Ok(found)
        })
    }

    /// Saved connections of which none was written down: row and name.
    pub fn connections_without_schedule(&self) -> Result<Vec<(i64, String)>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, name FROM connection WHERE NOT ephemeral
                     AND NOT EXISTS (SELECT 1 FROM schedule WHERE schedule.connection_id = connection.id)
                 ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Writes one down, or changes it; when it ran last stays, and is answered.
    pub async fn put_schedule(
        &self,
        connection: Option<i64>,
        schedule: Schedule,
        next_slot: Option<String>,
    ) -> Result<Option<String>> {
        self.write(move |tx| {
            let missed = match schedule.missed {
                Missed::Run => "run",
                Missed::Skip => "skip",
            };
            let changed = tx.execute(
                "UPDATE schedule SET cron = ?2, time_zone = ?3, jitter_minutes = ?4, missed = ?5, enabled = ?6,
                        next_slot = ?7, next_at = ?8
                 WHERE connection_id IS ?1",
                params![
                    connection,
                    schedule.cron,
                    schedule.time_zone,
                    schedule.jitter_minutes,
                    missed,
                    schedule.enabled,
                    next_slot,
                    schedule.next_at
                ],
            )?;
            if changed == 0 {
                tx.execute(
                    "INSERT INTO schedule (connection_id, cron, time_zone, jitter_minutes, missed, enabled, next_slot,
                         next_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![
                        connection,
                        schedule.cron,
                        schedule.time_zone,
                        schedule.jitter_minutes,
                        missed,
                        schedule.enabled,
                        next_slot,
                        schedule.next_at
                    ],
                )?;
            }
            Ok(tx.query_row(
                "SELECT last_at FROM schedule WHERE connection_id IS ?1",
                [connection],
                |row| row.get(0),
            )?)
        })
        .await
    }

    /// Notes the next time, and when it ran, if it did.
    pub async fn advance_schedule(
        &self,
        id: i64,
        next_slot: Option<String>,
        next_at: Option<String>,
        ran_at: Option<String>,
    ) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE schedule SET next_slot = ?2, next_at = ?3, last_at = coalesce(?4, last_at) WHERE id = ?1",
                params![id, next_slot, next_at, ran_at],
            )?;
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredSchedule> {
    let missed: String = row.get(5)?;
    Ok(StoredSchedule {
        id: row.get(0)?,
        next_slot: row.get(7)?,
        schedule: Schedule {
            connection: row.get(1)?,
            cron: row.get(2)?,
            time_zone: row.get(3)?,
            jitter_minutes: row.get(4)?,
            missed: if missed == "skip" {
                Missed::Skip
            } else {
                Missed::Run
            },
            enabled: row.get(6)?,
            next_at: row.get(8)?,
            last_at: row.get(9)?,
        },
    })
}
