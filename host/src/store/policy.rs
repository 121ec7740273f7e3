//! The policy text, with who set it and when. The newest counts.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::issues::pend_everything;
use super::{Result, Store, now};

/// A policy as it was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StoredPolicy {
    /// Its number.
    pub id: i64,
    /// Digest of what it means.
    pub digest: String,
    /// The file.
    pub text: String,
    /// Who set it.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

impl Store {
    /// The policy that counts; `None` while nobody set one.
    pub fn policy(&self) -> Result<Option<StoredPolicy>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT id, digest, text, by, at FROM policy ORDER BY id DESC LIMIT 1",
                )?
                .query_row([], |row| {
                    Ok(StoredPolicy {
                        id: row.get(0)?,
                        digest: row.get(1)?,
                        text: row.get(2)?,
                        by: row.get(3)?,
                        at: row.get(4)?,
                    })
                })
                .optional()?)
        })
    }

    /// Sets the policy. Every issue is weighed again, when it means something else.
    pub async fn set_policy(&self, digest: String, text: String, by: String) -> Result<()> {
        self.write(move |tx| {
            let before: Option<String> = tx
                .query_row(
                    "SELECT digest FROM policy ORDER BY id DESC LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            tx.execute(
                "INSERT INTO policy (digest, text, by, at) VALUES (?1, ?2, ?3, ?4)",
                params![digest, text, by, now()],
            )?;
            if before.as_deref() != Some(digest.as_str()) {
                pend_everything(tx, "policy")?;
            }
            Ok(())
        })
        .await
    }
}
