//! The index of everything known about vulnerabilities: one SQLite file that opens in milliseconds.
//!
//! Anyone may read at any time, beside an import and from several processes; one process at a time
//! imports, and holds a lock file for as long. Each source (an ecosystem, a folder of records, KEV, EPSS)
//! is replaced in one transaction, so a reader sees all of the old or all of the new, and a killed import
//! leaves nothing half done.
//!
//! A **generation** is a committed change. It only grows; an import that finds nothing new makes none.
//! [`Index::touched_since`] tells which names would be answered otherwise since a generation, which is all
//! that an incremental match needs.

mod codec;
mod cve;
mod error;
mod feeds;
mod open;
mod read;
mod schema;
mod status;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::LookupError;
use crate::matching::{Advisories, Advisory};

pub(crate) use cve::Cve;
pub use error::{IndexError, Result};
pub(crate) use feeds::NewFeed;
pub(crate) use open::owner_only;
pub use read::{MAX_ALIASES, Record, Snapshot, Threats};
pub(crate) use schema::CONTENT;
pub use status::{Broken, FeedStatus, SourceStatus, Status};
pub(crate) use write::{Existing, Owner, Put, SourceRow, digest};

/// Idle connections that are kept for the next reader. More readers than that open their own.
const IDLE: usize = 4;

/// The advisory index of a folder.
pub struct Index {
    folder: PathBuf,
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Held while this process imports.
    importing: Mutex<()>,
}

impl Index {
    /// Opens the index in a folder; makes both when they are missing.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = open::open(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            path,
            idle: Mutex::new(Vec::new()),
            importing: Mutex::new(()),
        })
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The state of this moment, for as long as it is held. A long-held one keeps what was replaced since
    /// on the disk.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(open::connect(&self.path, open::Access::Read)?)
    }

    /// One question to a connection that is kept for the next one.
    fn ask<T, E: From<rusqlite::Error> + From<IndexError>>(
        &self,
        question: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::connect(&self.path, open::Access::Read)?,
        };
        let transaction = connection.transaction()?;
        let answer = question(&transaction)?;
        drop(transaction);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(answer)
    }

    /// The last committed change; 0 for an index that has nothing.
    pub fn generation(&self) -> Result<u64> {
        self.ask(|connection| Ok(read::generation(connection)?))
    }

    /// The names that would be answered otherwise since a generation: (ecosystem, normalised name), sorted.
    pub fn touched_since(&self, generation: u64) -> Result<Vec<(String, String)>> {
        self.ask(|connection| Ok(read::touched_since(connection, generation)?))
    }

    /// Which CVEs KEV or EPSS tell otherwise of since a generation.
    pub fn threats_touched_since(&self, generation: u64) -> Result<Threats> {
        self.ask(|connection| Ok(read::threats_touched_since(connection, generation)?))
    }

    /// Everything about one record, withdrawn or not; of several sources the one modified last.
    pub fn record(&self, id: &str) -> Result<Option<Record>> {
        self.ask(|connection| Ok(read::record(connection, id)?))
    }

    /// Every id of the same vulnerabilities, sorted, with those asked for: aliases of all records that are
    /// not withdrawn, in both directions, over any number of steps. [`MAX_ALIASES`] at most.
    pub fn aliases_of<S: AsRef<str>>(&self, ids: &[S]) -> Result<Vec<String>> {
        self.ask(|connection| Ok(read::aliases_of(connection, ids)?))
    }

    /// The pages that hold or show an exploit, of one record.
    pub fn exploits(&self, id: &str) -> Result<Vec<crate::osv::Reference>> {
        self.ask(|connection| Ok(read::exploits(connection, id)?))
    }

    /// The catalogue's entry of a CVE.
    pub fn known_exploited(&self, cve: &str) -> Result<Option<crate::kev::Known>> {
        self.ask(|connection| Ok(read::known_exploited(connection, cve)?))
    }

    /// A CVE's score, with the day of the scores that were imported last.
    pub fn epss(&self, cve: &str) -> Result<Option<crate::epss::Score>> {
        self.ask(|connection| Ok(read::epss(connection, cve)?))
    }

    /// What is in the index, from where, and how old.
    pub fn status(&self) -> Result<Status> {
        let bytes = [&self.path, &open::beside(&self.path, "-wal")]
            .into_iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum();
        self.ask(|connection| Ok(status::status(connection, bytes, jiff::Timestamp::now())?))
    }

    /// Every row, without times of imports, for comparing two indexes.
    pub fn dump(&self) -> Result<Vec<String>> {
        self.ask(|connection| Ok(read::dump(connection)?))
    }

    /// Becomes the one who imports.
    pub(crate) fn own(&self) -> Result<Owner<'_>> {
        let turn = self
            .importing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lock = open::Lock::take(&self.folder)?;
        let connection = open::connect(&self.path, open::Access::Write)?;
        Ok(Owner::new(connection, lock, turn))
    }
}

impl Advisories for Index {
    fn about(
        &self,
        ecosystem: &str,
        name: &str,
    ) -> std::result::Result<Vec<Arc<Advisory>>, LookupError> {
        self.ask(|connection| read::about(connection, ecosystem, name))
    }

    fn covers(&self, ecosystem: &str) -> bool {
        self.ask(|connection| Ok::<_, IndexError>(read::covers(connection, ecosystem)?))
            .unwrap_or(false)
    }
}

impl From<IndexError> for LookupError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Database(error) => Self::Database(error),
            IndexError::Lookup(error) => error,
            other => Self::Unusable(other.to_string()),
        }
    }
}
