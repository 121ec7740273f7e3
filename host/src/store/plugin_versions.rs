//! Versions of connectors: which are there, which one is active, and what their last swap said.
//!
//! The file of a version is in the data folder; the row says what it is. The active version of a connector
//! is what the row says, whatever files there are.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Result, Store, StoreError, now};

/// Refused versions that are kept; older ones are forgotten.
const REFUSED_KEPT: i64 = 50;

/// How a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// New calls are made with it.
    Active,
    /// It was active, or may become it.
    Installed,
    /// It failed a step of the swap; its report says which.
    Refused,
}

impl VersionState {
    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Installed => "installed",
            Self::Refused => "refused",
        }
    }
}

/// A version as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Id of the connector; empty where it was refused before it could say so.
    pub connector: String,
    /// What it says its version is; empty likewise.
    pub version: String,
    /// Version of the contract that it speaks; empty likewise.
    pub contract: String,
    /// How it stands.
    pub state: VersionState,
    /// Bytes of the file.
    pub size: u64,
    /// RFC 3339.
    pub installed_at: String,
    /// Who installed it.
    pub installed_by: String,
    /// When it became active last; RFC 3339.
    pub activated_at: Option<String>,
    /// Rises with every swap; 0 was never active.
    pub activation: i64,
    /// What its last swap said, as JSON.
    pub report: String,
}

const COLUMNS: &str = "digest, connector, version, contract, state, size, installed_at, installed_by, activated_at, activation, report";

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredVersion> {
    let state: String = row.get(4)?;
    Ok(StoredVersion {
        digest: row.get(0)?,
        connector: row.get(1)?,
        version: row.get(2)?,
        contract: row.get(3)?,
        state: match state.as_str() {
            "active" => VersionState::Active,
            "installed" => VersionState::Installed,
            _ => VersionState::Refused,
        },
        size: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
        installed_at: row.get(6)?,
        installed_by: row.get(7)?,
        activated_at: row.get(8)?,
        activation: row.get(9)?,
        report: row.get(10)?,
    })
}

fn put(tx: &Transaction<'_>, version: &StoredVersion) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO plugin_version
           (digest, connector, version, contract, state, size, installed_at, installed_by, activated_at,
            activation, report)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            version.digest,
            version.connector,
            version.version,
            version.contract,
            version.state.word(),
            i64::try_from(version.size).unwrap_or(i64::MAX),
            version.installed_at,
            version.installed_by,
            version.activated_at,
            version.activation,
            version.report,
        ],
    )?;
    Ok(())
}

impl Store {
    /// All versions: by connector, the active one first, then those that were active, the last first, then
    /// the others, the newest first.
    pub fn plugin_versions(&self) -> Result<Vec<StoredVersion>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM plugin_version
                 ORDER BY connector, state <> 'active', activation DESC, installed_at DESC, digest"
            ))?;
            let rows = statement
                .query_map([], stored)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(rows)
        })
    }

    /// One version.
    pub fn plugin_version(&self, digest: &str) -> Result<Option<StoredVersion>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM plugin_version WHERE digest = ?1"
                ))?
                .query_row([digest], stored)
                .optional()?)
        })
    }

    /// Keeps a version that is not active: one that was refused, or one that may become active. The active
    /// one stays as it is.
    ///
    /// Answers the digests of old refused versions that were forgotten to make room.
    pub async fn keep_plugin_version(&self, version: StoredVersion) -> Result<Vec<String>> {
        self.write(move |tx| {
            let active: Option<bool> = tx
                .query_row(
                    "SELECT state = 'active' FROM plugin_version WHERE digest = ?1",
                    [&version.digest],
                    |row| row.get(0),
                )
                .optional()?;
            if version.state == VersionState::Active || active == Some(true) {
                return Err(StoreError::Refused(
                    "a version becomes active, or ends to be it, by a swap alone".to_owned(),
                ));
            }
            put(tx, &version)?;
            let forgotten = tx
                .prepare(
                    "SELECT digest FROM plugin_version WHERE state = 'refused'
                     ORDER BY installed_at DESC, digest LIMIT -1 OFFSET ?1",
                )?
                .query_map([REFUSED_KEPT], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()?;
            for digest in &forgotten {
                tx.execute("DELETE FROM plugin_version WHERE digest = ?1", [digest])?;
            }
            Ok(forgotten)
        })
        .await
    }

    /// Makes a version the active one of its connector. The one before it becomes `before`: installed, so
    /// that there is a way back, or refused, with its report, where it can't be used any more.
    pub async fn activate_plugin_version(
        &self,
        mut version: StoredVersion,
        before: VersionState,
        before_report: Option<String>,
    ) -> Result<StoredVersion> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE plugin_version SET state = ?2, report = coalesce(?3, report)
                 WHERE connector = ?1 AND state = 'active' AND digest <> ?4",
                params![
                    version.connector,
                    before.word(),
                    before_report,
                    version.digest
                ],
            )?;
            version.activation = tx.query_row(
                "SELECT coalesce(max(activation), 0) + 1 FROM plugin_version",
                [],
                |row| row.get(0),
            )?;
            version.state = VersionState::Active;
            version.activated_at = Some(now());
            put(tx, &version)?;
            Ok(version)
        })
        .await
    }

    /// Writes down what was seen after a swap.
    pub async fn report_plugin_version(&self, digest: String, report: String) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE plugin_version SET report = ?2 WHERE digest = ?1",
                params![digest, report],
            )?;
            Ok(())
        })
        .await
    }

    /// Takes a version out of use whose file is not what it was.
    pub async fn lose_plugin_version(&self, digest: String, report: String) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE plugin_version SET state = 'refused', report = ?2 WHERE digest = ?1",
                params![digest, report],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a version that is not active. False when there is none.
    pub async fn remove_plugin_version(&self, digest: String) -> Result<bool> {
        self.write(move |tx| {
            let gone = tx.execute(
                "DELETE FROM plugin_version WHERE digest = ?1 AND state <> 'active'",
                [digest],
            )?;
            Ok(gone > 0)
        })
        .await
    }
}
