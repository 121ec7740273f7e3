//! API tokens: kept by their hash, with the first characters so that people can tell them apart.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{Role, SecretHash, USER, User, user_of};
use crate::store::{Result, Store, StoreError, now};

/// Tokens in force that a user may have.
const TOKENS: i64 = 100;
/// Tokens that are over and still shown, of one user.
const OVER: i64 = 100;

/// An API token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiToken {
    /// Row.
    pub id: i64,
    /// Name of the user whose it is.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// What it may do; never more than its user.
    pub role: Role,
    /// The first characters.
    pub beginning: String,
    /// RFC 3339.
    pub created_at: String,
    /// Its end; RFC 3339.
    pub expires_at: Option<String>,
    /// When it was used last, to the minute; RFC 3339.
    pub last_used: Option<String>,
    /// When it was taken back; RFC 3339.
    pub revoked_at: Option<String>,
}

impl ApiToken {
    /// True while it opens something.
    #[must_use]
    pub fn is_live(&self, now: &str) -> bool {
        self.revoked_at.is_none() && self.expires_at.as_deref().is_none_or(|end| end > now)
    }
}

/// A token to keep.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose it is.
    pub user: i64,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its hash.
    pub hash: SecretHash,
    /// Its first characters.
    pub beginning: String,
    /// Its end; RFC 3339.
    pub expires_at: Option<String>,
}

/// Columns of a token after those of its user.
const TOKEN: &str = "api_token.id, user.name, api_token.name, api_token.role, api_token.beginning,
    api_token.created_at, api_token.expires_at, api_token.last_used, api_token.revoked_at";

fn token_of(row: &Row<'_>, from: usize) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get(from)?,
        user: row.get(from + 1)?,
        name: row.get(from + 2)?,
        role: row.get(from + 3)?,
        beginning: row.get(from + 4)?,
        created_at: row.get(from + 5)?,
        expires_at: row.get(from + 6)?,
        last_used: row.get(from + 7)?,
        revoked_at: row.get(from + 8)?,
    })
}

impl Store {
    /// Keeps a token.
    pub async fn add_token(&self, new: NewToken) -> Result<ApiToken> {
        self.write(move |tx| {
            let at = now();
            let live: i64 = tx.query_row(
                "SELECT count(*) FROM api_token WHERE user_id = ?1 AND revoked_at IS NULL
                     AND (expires_at IS NULL OR expires_at > ?2)",
                params![new.user, at],
                |row| row.get(0),
            )?;
            if live >= TOKENS {
                return Err(StoreError::Refused(format!(
                    "a user has {TOKENS} tokens at most; revoke one that is not used"
                )));
            }
            // Those that ended long ago are not worth a line.
            tx.execute(
                "DELETE FROM api_token WHERE user_id = ?1
                     AND (revoked_at IS NOT NULL OR expires_at <= ?2)
                     AND id NOT IN (SELECT id FROM api_token WHERE user_id = ?1 ORDER BY id DESC LIMIT ?3)",
                params![new.user, at, OVER + TOKENS],
            )?;
            tx.execute(
                "INSERT INTO api_token (user_id, name, role, hash, beginning, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![new.user, new.name, new.role, new.hash, new.beginning, at, new.expires_at],
            )?;
            Ok(tx.query_row(
                &format!("SELECT {TOKEN} FROM api_token JOIN user ON user.id = user_id WHERE api_token.id = ?1"),
                [tx.last_insert_rowid()],
                |row| token_of(row, 0),
            )?)
        })
        .await
    }

    /// Tokens of a user, or of everybody; the newest first.
    pub fn tokens(&self, user: Option<i64>) -> Result<Vec<ApiToken>> {
        self.read(|tx| {
            tx.prepare_cached(&format!(
                "SELECT {TOKEN} FROM api_token JOIN user ON user.id = user_id
                 WHERE ?1 IS NULL OR user_id = ?1 ORDER BY api_token.id DESC"
            ))?
            .query_map([user], |row| token_of(row, 0))?
            .map(|row| Ok(row?))
            .collect()
        })
    }

    /// The token of a hash and whose it is, if it opens something.
    pub fn token(&self, hash: SecretHash) -> Result<Option<(ApiToken, User)>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(&format!(
                    "SELECT {USER}, {TOKEN} FROM api_token JOIN user ON user.id = user_id
                     WHERE api_token.hash = ?1 AND api_token.revoked_at IS NULL
                       AND (api_token.expires_at IS NULL OR api_token.expires_at > ?2)
                       AND user.disabled_at IS NULL"
                ))?
                .query_row(params![hash, now()], |row| {
                    Ok((token_of(row, 6)?, user_of(row)?))
                })
                .optional()?)
        })
    }

    /// Takes a token back; of this user only, unless that is `None`. `None` when there is no such token.
    pub async fn revoke_token(&self, id: i64, user: Option<i64>) -> Result<Option<ApiToken>> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE api_token SET revoked_at = ?3
                 WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2) AND revoked_at IS NULL",
                params![id, user, now()],
            )?;
            Ok(tx
                .query_row(
                    &format!(
                        "SELECT {TOKEN} FROM api_token JOIN user ON user.id = user_id
                         WHERE api_token.id = ?1 AND (?2 IS NULL OR user_id = ?2)"
                    ),
                    params![id, user],
                    |row| token_of(row, 0),
                )
                .optional()?)
        })
        .await
    }

    /// Notes that a token was used.
    pub async fn touch_token(&self, id: i64) -> Result<()> {
        self.write(move |tx| {
            let at = now();
            tx.execute(
                "UPDATE api_token SET last_used = ?2 WHERE id = ?1",
                params![id, at],
            )?;
            tx.execute(
                "UPDATE user SET last_seen = ?2 WHERE id = (SELECT user_id FROM api_token WHERE id = ?1)",
                params![id, at],
            )?;
            Ok(())
        })
        .await
    }
}
