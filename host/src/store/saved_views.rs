//! Lists of issues that people keep under a name: each their own.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{Result, Store, StoreError};

/// Views of one person.
const MOST: i64 = 100;
/// Characters of a name.
const NAME: usize = 80;
/// Bytes of a query.
const QUERY: usize = 8_000;

/// A list of issues under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedView {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The query string of the page of issues.
    pub query: String,
}

fn checked(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(StoreError::Refused(
            "a view needs a name; say in a few words what it shows".to_owned(),
        ));
    }
    if name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(StoreError::Refused(format!(
            "the name of a view has at most {NAME} characters, all of them printable; write a shorter one"
        )));
    }
    Ok(name.to_owned())
}

fn no_view() -> StoreError {
    StoreError::Refused("there is no such view of yours; it may have been deleted".to_owned())
}

impl Store {
    /// The views of a person, in their order.
    pub fn saved_views(&self, user: i64) -> Result<Vec<SavedView>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, name, query FROM saved_view WHERE user_id = ?1 ORDER BY position, id",
            )?;
            let rows = statement.query_map([user], |row| {
                Ok(SavedView {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    query: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Keeps a list under a name; one that the person has by that name is saved over. Answers its number.
    pub async fn save_view(&self, user: i64, name: String, query: String) -> Result<i64> {
        let name = checked(&name)?;
        if query.len() > QUERY {
            return Err(StoreError::Refused(format!(
                "the filters of this list are longer than {QUERY} bytes; use fewer of them"
            )));
        }
        self.write(move |tx| {
            let known: Option<i64> = tx
                .query_row("SELECT id FROM user WHERE id = ?1", [user], |row| row.get(0))
                .optional()?;
            if known.is_none() {
                return Err(StoreError::Refused(
                    "views are kept for users, and this one has no account".to_owned(),
                ));
            }
            let (count, last): (i64, i64) = tx.query_row(
                "SELECT count(*), coalesce(max(position), 0) FROM saved_view WHERE user_id = ?1 AND name <> ?2",
                params![user, name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if count >= MOST {
                return Err(StoreError::Refused(format!(
                    "a person has at most {MOST} views; delete one that is not used"
                )));
            }
            let id = tx.query_row(
                "INSERT INTO saved_view (user_id, name, query, position) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query RETURNING id",
                params![user, name, query, last + 1],
                |row| row.get(0),
            )?;
            Ok(id)
        })
        .await
    }

    /// Gives a view another name.
    pub async fn rename_view(&self, user: i64, id: i64, name: String) -> Result<()> {
        let name = checked(&name)?;
        self.write(move |tx| {
            let taken: Option<i64> = tx
                .query_row(
                    "SELECT id FROM saved_view WHERE user_id = ?1 AND name = ?2 AND id <> ?3",
                    params![user, name, id],
                    |row| row.get(0),
                )
                .optional()?;
            if taken.is_some() {
                return Err(StoreError::Refused(format!(
                    "you have a view {name:?} already; choose another name"
                )));
            }
            match tx.execute(
                "UPDATE saved_view SET name = ?3 WHERE user_id = ?1 AND id = ?2",
                params![user, id, name],
            )? {
                0 => Err(no_view()),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Deletes a view.
    pub async fn delete_view(&self, user: i64, id: i64) -> Result<()> {
        self.write(move |tx| {
            match tx.execute(
                "DELETE FROM saved_view WHERE user_id = ?1 AND id = ?2",
                params![user, id],
            )? {
                0 => Err(no_view()),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Moves a view one place forwards or back.
    pub async fn move_view(&self, user: i64, id: i64, forwards: bool) -> Result<()> {
        self.write(move |tx| {
            let mut all: Vec<i64> = tx
                .prepare_cached(
                    "SELECT id FROM saved_view WHERE user_id = ?1 ORDER BY position, id",
                )?
                .query_map([user], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let at = all.iter().position(|one| *one == id).ok_or_else(no_view)?;
            let other = if forwards {
                at.saturating_sub(1)
            } else {
                (at + 1).min(all.len() - 1)
            };
            all.swap(at, other);
            for (position, id) in (1_i64..).zip(all) {
                tx.execute(
                    "UPDATE saved_view SET position = ?2 WHERE id = ?1",
                    params![id, position],
                )?;
            }
            Ok(())
        })
        .await
    }
}
