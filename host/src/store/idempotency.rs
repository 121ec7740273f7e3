//! Answers that are given again when the same request comes again.

use rusqlite::{OptionalExtension, params};

use super::{Result, Store, now};

/// Hours that an answer is kept.
const HOURS: i64 = 24;
/// Most answers of one actor that are kept; the oldest go first.
const KEPT: i64 = 10_000;

/// A kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Of the request.
    pub digest: String,
    /// HTTP status.
    pub status: u16,
    /// What was answered.
    pub answer: String,
}

fn oldest() -> String {
    let begin = jiff::Timestamp::now()
        .checked_sub(jiff::SignedDuration::from_hours(HOURS))
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{begin:.3}")
}

impl Store {
    /// What was answered to an actor's key within the last day.
    pub fn kept_answer(&self, actor: &str, key: &str) -> Result<Option<KeptAnswer>> {
        self.read(|tx| {
            let found = tx
                .prepare_cached(
                    "SELECT digest, status, answer FROM idempotency
                     WHERE actor = ?1 AND key = ?2 AND at > ?3",
                )?
                .query_row(params![actor, key, oldest()], |row| {
                    Ok(KeptAnswer {
                        digest: row.get(0)?,
                        status: row.get(1)?,
                        answer: row.get(2)?,
                    })
                })
                .optional()?;
            Ok(found)
        })
    }

    /// Keeps an answer for a day; older ones go.
    pub async fn keep_answer(&self, actor: String, key: String, kept: KeptAnswer) -> Result<()> {
        self.write(move |tx| {
            tx.execute("DELETE FROM idempotency WHERE at <= ?1", [oldest()])?;
            tx.execute(
                "DELETE FROM idempotency WHERE actor = ?1 AND key IN
                     (SELECT key FROM idempotency WHERE actor = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)",
                params![actor, KEPT - 1],
            )?;
            tx.execute(
                "INSERT OR REPLACE INTO idempotency (actor, key, digest, status, answer, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![actor, key, kept.digest, kept.status, kept.answer, now()],
            )?;
            Ok(())
        })
        .await
    }
}
