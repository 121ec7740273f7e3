//! The log of what was done: rows are added, and never changed but for the answer that a request got.

use rusqlite::{Row, ToSql, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Result, Store, now};

/// Rows that one reading answers at most.
const MOST: usize = 10_000;
/// Longest texts of a row, in characters, and the longest record, in bytes.
const TEXT: usize = 300;
const RECORD: usize = 16 * 1024;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// Its number; it only rises.
    pub id: i64,
    /// RFC 3339.
    pub at: String,
    /// Who did it: name of a user, `host` for the daemon itself, empty for somebody unknown.
    pub actor: String,
    /// How they came in: `console`, `api`, `cli`, `host`.
    pub via: String,
    /// What was done: a name, or a method and a route.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// HTTP status of the answer; 0 where there was none.
    pub status: u16,
    /// What there is to know besides.
    pub record: Value,
}

/// Something to write down.
#[derive(Clone, Debug)]
pub struct NewAudit {
    /// Who.
    pub actor: String,
    /// How they came in.
    pub via: &'static str,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// HTTP status of the answer; 0 where there is none (yet).
    pub status: u16,
    /// What there is to know besides. No secrets.
    pub record: Value,
}

/// Which rows of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this user.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// Done to something with this text in it.
    pub subject: Option<String>,
    /// From then on; RFC 3339.
    pub from: Option<String>,
    /// Before then; RFC 3339.
    pub until: Option<String>,
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let record: String = row.get(7)?;
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        via: row.get(3)?,
        action: row.get(4)?,
        subject: row.get(5)?,
        status: row.get(6)?,
        record: serde_json::from_str(&record).unwrap_or(Value::String(record)),
    })
}

impl Store {
    /// Writes a row; answers its number.
    pub async fn write_audit(&self, new: NewAudit) -> Result<i64> {
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO audit (at, actor, via, action, subject, status, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    now(),
                    clip(&new.actor),
                    new.via,
                    clip(&new.action),
                    clip(&new.subject),
                    new.status,
                    record(&new.record)
                ],
            )?;
            Ok(tx.last_insert_rowid())
        })
        .await
    }

    /// Writes the answer into the row of a request.
    pub async fn finish_audit(
        &self,
        id: i64,
        status: u16,
        action: Option<String>,
        subject: Option<String>,
        about: Value,
    ) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE audit SET status = ?2, action = coalesce(?3, action), subject = coalesce(?4, subject),
                     record = ?5 WHERE id = ?1",
                params![
                    id,
                    status,
                    action.as_deref().map(clip),
                    subject.as_deref().map(clip),
                    record(&about)
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// The log, newest first, from before a row.
    pub fn read_audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>> {
        // Only the conditions that are there, so that the one on the actor or the action can use its index.
        let mut wanted: Vec<(&str, Box<dyn ToSql>)> = Vec::new();
        let texts = [
            ("actor = ?", &filter.actor),
            ("action = ?", &filter.action),
            ("instr(lower(subject), lower(?)) > 0", &filter.subject),
            ("at >= ?", &filter.from),
            ("at < ?", &filter.until),
        ];
        if let Some(before) = before {
            wanted.push(("id < ?", Box::new(before)));
        }
        for (condition, value) in texts {
            if let Some(value) = value {
                wanted.push((condition, Box::new(value.clone())));
            }
        }
        let conditions: String = wanted
            .iter()
            .map(|(condition, _)| format!(" AND {condition}"))
            .collect();
        wanted.push(("", Box::new(i64::try_from(limit.min(MOST)).unwrap_or(0))));
        self.read(|tx| {
            tx.prepare_cached(&format!(
                "SELECT id, at, actor, via, action, subject, status, record FROM audit
                 WHERE 1{conditions} ORDER BY id DESC LIMIT ?"
            ))?
            .query_map(
                rusqlite::params_from_iter(wanted.iter().map(|(_, value)| value)),
                row_of,
            )?
            .map(|row| Ok(row?))
            .collect()
        })
    }

    /// Names that are in the log as who did something, and actions that were done: for choosing among.
    pub fn audit_words(&self) -> Result<(Vec<String>, Vec<String>)> {
        self.read(|tx| {
            // Steps from one distinct word to the next, whatever the number of rows.
            let step = |column: &str| -> Result<Vec<String>> {
                let mut next = tx.prepare_cached(&format!(
                    "SELECT min({column}) FROM audit WHERE {column} > ?1"
                ))?;
                let mut words = Vec::new();
                let mut last = String::new();
                while let Some(word) =
                    next.query_row([&last], |row| row.get::<_, Option<String>>(0))?
                {
                    words.push(word.clone());
                    last = word;
                    if words.len() == 300 {
                        break;
                    }
                }
                Ok(words)
            };
            Ok((step("actor")?, step("action")?))
        })
    }
}

fn clip(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

fn record(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= RECORD {
        text
    } else {
        r#"{"left-out":"the record was longer than the log keeps"}"#.to_owned()
    }
}
