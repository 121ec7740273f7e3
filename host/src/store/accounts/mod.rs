//! Who may do what: users, their sessions and API tokens, and the log of what was done.
//!
//! Nothing in here opens anything by itself: a password is kept as its Argon2id hash, a session and a token as
//! the SHA-256 of what the browser or the program holds. Making and checking them is `serve::auth`'s.

mod audit;
mod sessions;
mod tokens;
mod users;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

pub use audit::{AuditFilter, AuditRow, NewAudit};
pub use sessions::{NewSession, SessionOf};
pub use tokens::{ApiToken, NewToken};
pub use users::User;

/// What somebody may do. Each may do what those before may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works on issues, asks for scans.
    Analyst,
    /// Connects accounts, changes connectors, users and policy.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Analyst, Self::Admin];

    /// Its word: `viewer`, `analyst`, `admin`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::of(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

/// SHA-256 of a session's or a token's secret.
pub type SecretHash = [u8; 32];

/// Columns of a user, in the order that [`user_of`] reads them; the table is called `user` in the query.
const USER: &str =
    "user.id, user.name, user.role, user.created_at, user.disabled_at, user.last_seen";

fn user_of(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        created_at: row.get(3)?,
        disabled_at: row.get(4)?,
        last_seen: row.get(5)?,
    })
}
