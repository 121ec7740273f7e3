//! KEV and EPSS in the index: each is replaced as a whole, row by row where it differs.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::write::{Owner, Writing, now};
use super::{Cve, Result};

/// A row of `feed`.
pub(crate) struct FeedRow {
    pub(crate) origin: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) etag: Option<String>,
}

/// What is noted of a feed.
pub(crate) struct NewFeed<'a> {
    pub(crate) origin: &'a str,
    pub(crate) digest: &'a [u8],
    pub(crate) etag: Option<&'a str>,
    pub(crate) dated: &'a str,
    pub(crate) model: Option<&'a str>,
    pub(crate) entries: usize,
    pub(crate) broken: u64,
}

impl Owner<'_> {
    /// Digest and ETag of a feed (`kev`, `epss`), and where it came from.
    pub(crate) fn feed(&self, name: &str) -> Result<Option<FeedRow>> {
        let sql = "SELECT origin, digest, etag FROM feed WHERE name = ?1";
        let found = self.connection.query_row(sql, [name], |row| {
            Ok(FeedRow {
                origin: row.get(0)?,
                digest: row.get(1)?,
                etag: row.get(2)?,
            })
        });
        Ok(found.optional()?)
    }
}

impl Writing<'_> {
    /// Replaces KEV; the entries are sorted and each CVE is there once.
    pub(crate) fn put_kev(&mut self, entries: &[(Cve, String)]) -> Result<u64> {
        let sql = "SELECT cve, record FROM kev WHERE record IS NOT NULL";
        let mut before: HashMap<i64, String> = self
            .transaction
            .prepare(sql)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut touched = 0;
        let mut statement = self
            .transaction
            .prepare("INSERT OR REPLACE INTO kev VALUES (?1, ?2, ?3)")?;
        for (cve, record) in entries {
            if before.remove(&cve.key()).as_ref() != Some(record) {
                statement.execute(params![cve.key(), record, self.generation])?;
                touched += 1;
            }
        }
        for gone in before.into_keys() {
            statement.execute(params![gone, None::<String>, self.generation])?;
            touched += 1;
        }
        self.changed |= touched > 0;
        Ok(touched)
    }

    /// Replaces EPSS; the rows are sorted and each CVE is there once.
    pub(crate) fn put_epss(&mut self, rows: &[(Cve, f64, f64)]) -> Result<u64> {
        let sql = "SELECT cve, score, percentile FROM epss WHERE score IS NOT NULL";
        let mut before: HashMap<i64, (f64, f64)> = self
            .transaction
            .prepare(sql)?
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
            .collect::<rusqlite::Result<_>>()?;
        let mut touched = 0;
        let sql = "INSERT OR REPLACE INTO epss VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.transaction.prepare(sql)?;
        for (cve, score, percentile) in rows {
            if before.remove(&cve.key()) != Some((*score, *percentile)) {
                statement.execute(params![cve.key(), score, percentile, self.generation])?;
                touched += 1;
            }
        }
        for gone in before.into_keys() {
            statement.execute(params![gone, None::<f64>, None::<f64>, self.generation])?;
            touched += 1;
        }
        self.changed |= touched > 0;
        Ok(touched)
    }

    /// How many CVEs a feed has now.
    pub(crate) fn feed_entries(&self, name: &str) -> Result<u64> {
        let sql = "SELECT entries FROM feed WHERE name = ?1";
        let found = self
            .transaction
            .query_row(sql, [name], |row| row.get::<_, i64>(0));
        Ok(found.optional()?.unwrap_or(0).unsigned_abs())
    }

    /// Writes the row of a feed, and the generation when something changed, and commits.
    pub(crate) fn commit_feed(self, name: &str, feed: &NewFeed<'_>) -> Result<Option<u64>> {
        let now = now();
        self.transaction.execute(
            "INSERT OR REPLACE INTO feed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
            params![
                name,
                feed.origin,
                feed.digest,
                feed.etag,
                feed.dated,
                feed.model,
                i64::try_from(feed.entries).unwrap_or(i64::MAX),
                i64::try_from(feed.broken).unwrap_or(i64::MAX),
                now
            ],
        )?;
        self.commit()
    }
}
