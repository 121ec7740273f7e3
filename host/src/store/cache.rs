//! Blobs that connectors keep between calls, for each connection its own.
//!
//! Their total is capped; the least recently used ones make room. A stamp is renewed at most once an hour,
//! so reading does not write.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Result, Store};

/// Bytes of all values together, over all connections.
pub const CACHE_BYTES: i64 = 1 << 30;
/// Largest value that is kept, in bytes (the contract's limit).
pub const CACHE_VALUE_BYTES: usize = 8 << 20;
/// Longest key, in bytes (the contract's limit).
const CACHE_KEY_BYTES: usize = 512;
/// Seconds for which a stamp is fresh enough.
const STAMP_SECONDS: i64 = 3600;

impl Store {
    /// A blob that was kept.
    pub fn cache_get(&self, connection: i64, key: &str) -> Result<Option<Vec<u8>>> {
        let found: Option<(i64, i64, Vec<u8>)> = self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT id, last_used, value FROM cache WHERE connection_id = ?1 AND key = ?2",
                )?
                .query_row(params![connection, key], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?)
        })?;
        let Some((id, last_used, value)) = found else {
            return Ok(None);
        };
        let now = jiff::Timestamp::now().as_second();
        if self.is_owner() && now.abs_diff(last_used) > STAMP_SECONDS.unsigned_abs() {
            self.write_now(move |tx| {
                tx.execute("UPDATE cache SET last_used = ?2 WHERE id = ?1", [id, now])?;
                Ok(())
            })?;
        }
        Ok(Some(value))
    }

    /// Keeps a blob, unless it is too large.
    pub async fn cache_put(&self, connection: i64, key: String, value: Vec<u8>) -> Result<()> {
        if value.len() > CACHE_VALUE_BYTES || key.len() > CACHE_KEY_BYTES {
            return Ok(());
        }
        let limit = self.cache_bytes;
        self.write(move |tx| {
            let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
            let now = jiff::Timestamp::now().as_second();
            tx.prepare_cached(
                "INSERT INTO cache (connection_id, key, size, last_used, value) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (connection_id, key) DO UPDATE SET
                     size = excluded.size, last_used = excluded.last_used, value = excluded.value",
            )?
            .execute(params![connection, key, size, now, value])?;
            make_room(tx, limit)
        })
        .await
    }
}

fn make_room(tx: &Transaction<'_>, limit: i64) -> Result<()> {
    // From the index alone: the values are not read.
    let mut total: i64 = tx
        .prepare_cached("SELECT coalesce(sum(size), 0) FROM cache INDEXED BY cache_age")?
        .query_row([], |row| row.get(0))?;
    while total > limit {
        let oldest: Option<(i64, i64)> = tx
            .prepare_cached("SELECT id, size FROM cache ORDER BY last_used, id LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, size)) = oldest else {
            return Ok(());
        };
        tx.prepare_cached("DELETE FROM cache WHERE id = ?1")?
            .execute([id])?;
        total = total.saturating_sub(size);
    }
    Ok(())
}
