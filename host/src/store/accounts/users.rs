//! Users: local accounts with a role. One that is disabled keeps its row, so that what it did keeps its name.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Role, USER, user_of};
use crate::store::{Result, Store, StoreError, now};

/// Users that a host may have: every page of them is read at once.
const USERS: i64 = 2000;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Row.
    pub id: i64,
    /// Name to sign in with; upper and lower case are the same.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// RFC 3339.
    pub created_at: String,
    /// Since when they may not come in; RFC 3339.
    pub disabled_at: Option<String>,
    /// When they were here last, to the minute; RFC 3339.
    pub last_seen: Option<String>,
}

impl Store {
    /// All users, by name.
    pub fn users(&self) -> Result<Vec<User>> {
        self.read(|tx| {
            tx.prepare_cached(&format!("SELECT {USER} FROM user ORDER BY name"))?
                .query_map([], user_of)?
                .map(|row| Ok(row?))
                .collect()
        })
    }

    /// True once somebody has an account.
    pub fn has_users(&self) -> Result<bool> {
        self.read(
            |tx| Ok(tx.query_row("SELECT EXISTS (SELECT 1 FROM user)", [], |row| row.get(0))?),
        )
    }

    /// A user, by name.
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        self.read(|tx| by_name(tx, name))
    }

    /// A user and the hash of the password, by name.
    pub fn credentials(&self, name: &str) -> Result<Option<(User, String)>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(&format!(
                    "SELECT {USER}, user.password FROM user WHERE name = ?1"
                ))?
                .query_row([name], |row| Ok((user_of(row)?, row.get(6)?)))
                .optional()?)
        })
    }

    /// Adds a user. `first` refuses when somebody else was there before.
    pub async fn add_user(
        &self,
        name: String,
        role: Role,
        password: String,
        first: bool,
    ) -> Result<User> {
        self.write(move |tx| {
            let there: i64 = tx.query_row("SELECT count(*) FROM user", [], |row| row.get(0))?;
            if first && there > 0 {
                return Err(StoreError::Refused(
                    "the first account was made already; sign in with it".to_owned(),
                ));
            }
            if there >= USERS {
                return Err(StoreError::Refused(format!(
                    "a host has {USERS} users at most"
                )));
            }
            if let Some(known) = by_name(tx, &name)? {
                return Err(StoreError::Refused(format!(
                    "there is a user {:?} already; choose another name",
                    known.name
                )));
            }
            tx.execute(
                "INSERT INTO user (name, role, password, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![name, role, password, now()],
            )?;
            by_name(tx, &name)?.ok_or(StoreError::Closed)
        })
        .await
    }

    /// Gives a user another role. `None` when there is no such user.
    pub async fn set_user_role(&self, name: String, role: Role) -> Result<Option<User>> {
        self.write(move |tx| {
            let Some(user) = by_name(tx, &name)? else {
                return Ok(None);
            };
            if role != Role::Admin {
                keep_an_admin(tx, &user)?;
            }
            tx.execute(
                "UPDATE user SET role = ?2 WHERE id = ?1",
                params![user.id, role],
            )?;
            by_name(tx, &name)
        })
        .await
    }

    /// Lets a user in no more (and ends their sessions and tokens), or again.
    pub async fn set_user_enabled(&self, name: String, enabled: bool) -> Result<Option<User>> {
        self.write(move |tx| {
            let Some(user) = by_name(tx, &name)? else {
                return Ok(None);
            };
            if enabled {
                tx.execute("UPDATE user SET disabled_at = NULL WHERE id = ?1", [user.id])?;
            } else if user.disabled_at.is_none() {
                keep_an_admin(tx, &user)?;
                let at = now();
                tx.execute(
                    "UPDATE user SET disabled_at = ?2 WHERE id = ?1",
                    params![user.id, at],
                )?;
                tx.execute("DELETE FROM session WHERE user_id = ?1", [user.id])?;
                // Who is let in again gets new ones.
                tx.execute(
                    "UPDATE api_token SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL",
                    params![user.id, at],
                )?;
            }
            by_name(tx, &name)
        })
        .await
    }

    /// Sets the hash of a user's password and ends all their sessions.
    pub async fn set_user_password(&self, name: String, password: String) -> Result<Option<User>> {
        self.write(move |tx| {
            let Some(user) = by_name(tx, &name)? else {
                return Ok(None);
            };
            tx.execute(
                "UPDATE user SET password = ?2 WHERE id = ?1",
                params![user.id, password],
            )?;
            tx.execute("DELETE FROM session WHERE user_id = ?1", [user.id])?;
            Ok(Some(user))
        })
        .await
    }
}

fn by_name(tx: &Transaction<'_>, name: &str) -> Result<Option<User>> {
    Ok(tx
        .prepare_cached(&format!("SELECT {USER} FROM user WHERE name = ?1"))?
        .query_row([name], user_of)
        .optional()?)
}

/// Refuses to take the last administrator away: nobody could make another one.
fn keep_an_admin(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let others: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM user WHERE role = 'admin' AND disabled_at IS NULL AND id <> ?1)",
        [user.id],
        |row| row.get(0),
    )?;
    if user.role == Role::Admin && user.disabled_at.is_none() && !others {
        return Err(StoreError::Refused(format!(
            "{} is the only administrator; make somebody else one first",
            user.name
        )));
    }
    Ok(())
}
