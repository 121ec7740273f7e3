//! What is in the index, from where, and how old.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

/// What is in the index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AdvisoryIndex)]
pub struct Status {
    /// The last committed change.
    pub generation: u64,
    /// Size of the database with its log.
    pub bytes: u64,
    /// By name.
    pub sources: Vec<SourceStatus>,
    /// The catalogue of known exploited vulnerabilities.
    pub kev: Option<FeedStatus>,
    /// The exploit prediction scores.
    pub epss: Option<FeedStatus>,
}

/// One source of records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AdvisorySource)]
pub struct SourceStatus {
    /// The ecosystem, or where loose records came from.
    pub name: String,
    /// The ecosystem that it is all of; `None` for loose records.
    pub ecosystem: Option<String>,
    /// Path or address.
    pub origin: String,
    /// When it was last brought in, RFC 3339.
    pub imported_at: String,
    /// When it was last looked at, RFC 3339.
    pub checked_at: String,
    /// Time of the newest record, RFC 3339; `None` where most records have none.
    pub newest: Option<String>,
    /// Whole days since the newest record.
    pub age_days: Option<i64>,
    /// All records.
    pub records: u64,
    /// Those that are withdrawn.
    pub withdrawn: u64,
    /// Files that could not be read.
    pub broken: u64,
    /// The first of them.
    pub broken_first: Vec<Broken>,
    /// The generation in which it changed last.
    pub generation: u64,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = BrokenRecord)]
pub struct Broken {
    /// Name of the file.
    pub name: String,
    /// Why not.
    pub reason: String,
}

/// A catalogue about CVEs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AdvisoryFeed)]
pub struct FeedStatus {
    /// Path or address.
    pub origin: String,
    /// Its own date (`2026-05-18`).
    pub date: String,
    /// Whole days since its date.
    pub age_days: Option<i64>,
    /// EPSS: the model that made the scores.
    pub model: Option<String>,
    /// CVEs in it.
    pub entries: u64,
    /// Entries that could not be read.
    pub broken: u64,
    /// When it was last brought in, RFC 3339.
    pub imported_at: String,
    /// When it was last looked at, RFC 3339.
    pub checked_at: String,
}

pub(super) fn status(
    connection: &Connection,
    bytes: u64,
    now: Timestamp,
) -> rusqlite::Result<Status> {
    let mut statement = connection.prepare(
        "SELECT name, ecosystem, origin, imported_at, checked_at, newest, records, withdrawn, broken, broken_first,
                generation FROM source ORDER BY name",
    )?;
    let sources = statement.query_map([], |row| {
        let newest: Option<i64> = row.get(5)?;
        let newest = newest.and_then(|time| Timestamp::from_microsecond(time).ok());
        let broken_first: String = row.get(9)?;
        Ok(SourceStatus {
            name: row.get(0)?,
            ecosystem: row.get(1)?,
            origin: row.get(2)?,
            imported_at: row.get(3)?,
            checked_at: row.get(4)?,
            newest: newest.map(|time| time.to_string()),
            age_days: newest.map(|time| days(time, now)),
            records: row.get::<_, i64>(6)?.unsigned_abs(),
            withdrawn: row.get::<_, i64>(7)?.unsigned_abs(),
            broken: row.get::<_, i64>(8)?.unsigned_abs(),
            broken_first: serde_json::from_str(&broken_first).unwrap_or_default(),
            generation: row.get::<_, i64>(10)?.unsigned_abs(),
        })
    })?;
    let sources = sources.collect::<rusqlite::Result<_>>()?;
    Ok(Status {
        generation: super::read::generation(connection)?,
        bytes,
        sources,
        kev: feed(connection, "kev", now)?,
        epss: feed(connection, "epss", now)?,
    })
}

fn feed(
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<FeedStatus>> {
    let sql = "SELECT origin, dated, model, entries, broken, imported_at, checked_at FROM feed WHERE name = ?1";
    let found = connection.query_row(sql, [name], |row| {
        let date: String = row.get(1)?;
        let time: Option<Timestamp> = format!("{date}T00:00:00Z").parse().ok();
        Ok(FeedStatus {
            origin: row.get(0)?,
            age_days: time.map(|time| days(time, now)),
            date,
            model: row.get(2)?,
            entries: row.get::<_, i64>(3)?.unsigned_abs(),
            broken: row.get::<_, i64>(4)?.unsigned_abs(),
            imported_at: row.get(5)?,
            checked_at: row.get(6)?,
        })
    });
    found.optional()
}

fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second()).max(0) / 86_400
}
