//! Sessions of browsers: kept by the hash of what the cookie holds.

use rusqlite::{OptionalExtension, params};

use super::{SecretHash, USER, User, user_of};
use crate::store::{Result, Store, now};

/// Sessions that a user may have at a time; the one that was used longest ago goes first.
const SESSIONS: i64 = 30;

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Hash of what the cookie will hold.
    pub hash: SecretHash,
    /// Whose it is.
    pub user: i64,
    /// The end, whatever happens; RFC 3339.
    pub expires_at: String,
    /// The session that the browser came with: it ends.
    pub instead_of: Option<SecretHash>,
}

/// A session that is in force, and whose it is.
#[derive(Clone, Debug)]
pub struct SessionOf {
    /// Whose it is.
    pub user: User,
    /// When it was used last, to the minute; RFC 3339.
    pub last_seen: String,
}

impl Store {
    /// Begins a session. Those that are over are forgotten on the way.
    pub async fn begin_session(&self, new: NewSession, idle_since: String) -> Result<()> {
        self.write(move |tx| {
            let at = now();
            tx.execute(
                "DELETE FROM session WHERE expires_at <= ?1 OR last_seen <= ?2",
                params![at, idle_since],
            )?;
            if let Some(before) = new.instead_of {
                tx.execute("DELETE FROM session WHERE hash = ?1", [before])?;
            }
            tx.execute(
                "INSERT INTO session (hash, user_id, created_at, expires_at, last_seen)
                 VALUES (?1, ?2, ?3, ?4, ?3)",
                params![new.hash, new.user, at, new.expires_at],
            )?;
            tx.execute(
                "DELETE FROM session WHERE user_id = ?1 AND hash NOT IN
                     (SELECT hash FROM session WHERE user_id = ?1 ORDER BY last_seen DESC, hash = ?2 DESC LIMIT ?3)",
                params![new.user, new.hash, SESSIONS],
            )?;
            tx.execute(
                "UPDATE user SET last_seen = ?2 WHERE id = ?1",
                params![new.user, at],
            )?;
            Ok(())
        })
        .await
    }

    /// The session of a hash, if it is in force: not past its end, used since `idle_since`, and its user let in.
    pub fn session(&self, hash: SecretHash, idle_since: &str) -> Result<Option<SessionOf>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(&format!(
                    "SELECT {USER}, session.last_seen FROM session JOIN user ON user.id = session.user_id
                     WHERE session.hash = ?1 AND session.expires_at > ?2 AND session.last_seen > ?3
                       AND user.disabled_at IS NULL"
                ))?
                .query_row(params![hash, now(), idle_since], |row| {
                    Ok(SessionOf {
                        user: user_of(row)?,
                        last_seen: row.get(6)?,
                    })
                })
                .optional()?)
        })
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, hash: SecretHash) -> Result<()> {
        self.write(move |tx| {
            let at = now();
            tx.execute(
                "UPDATE session SET last_seen = ?2 WHERE hash = ?1",
                params![hash, at],
            )?;
            tx.execute(
                "UPDATE user SET last_seen = ?2 WHERE id = (SELECT user_id FROM session WHERE hash = ?1)",
                params![hash, at],
            )?;
            Ok(())
        })
        .await
    }

    /// Ends one session.
    pub async fn end_session(&self, hash: SecretHash) -> Result<()> {
        self.write(move |tx| {
            tx.execute("DELETE FROM session WHERE hash = ?1", [hash])?;
            Ok(())
        })
        .await
    }

    /// Ends all sessions of a user but the one with this hash; answers how many there were.
    pub async fn end_other_sessions(&self, user: i64, keep: Option<SecretHash>) -> Result<u64> {
        self.write(move |tx| {
            let ended = tx.execute(
                "DELETE FROM session WHERE user_id = ?1 AND (?2 IS NULL OR hash <> ?2)",
                params![user, keep],
            )?;
            Ok(ended as u64)
        })
        .await
    }

    /// How many sessions of a user are in force.
    pub fn session_count(&self, user: i64, idle_since: &str) -> Result<u64> {
        self.read(|tx| {
            let count: i64 = tx.query_row(
                "SELECT count(*) FROM session WHERE user_id = ?1 AND expires_at > ?2 AND last_seen > ?3",
                params![user, now(), idle_since],
                |row| row.get(0),
            )?;
            Ok(count.unsigned_abs())
        })
    }
}
