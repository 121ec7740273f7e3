//! Why the store could not do something. Each sentence says what to do.

use std::path::PathBuf;

/// Why a verb of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the data folder.
    #[error("the data folder {folder} is in use by another ox-host{}; wait until it has ended, or choose another folder with --data-dir", owner.as_ref().map(|owner| format!(" (process {owner})")).unwrap_or_default())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// Process id of the owner, when it could be read.
        owner: Option<String>,
    },
    /// The database was written by a newer program.
    #[error(
        "the store {path} has format {found} and this ox-host knows formats up to {known}: it was written by a newer ox-host; use that one, or choose another folder with --data-dir"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The database is older than this program, and somebody else owns it.
    #[error(
        "the store {path} has the older format {found} and is in use by another ox-host; end that one first, so that the store can be brought to format {known}"
    )]
    OlderInUse {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format that this program needs.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{0} is not a store of ox-host; choose another folder with --data-dir")]
    Foreign(PathBuf),
    /// The database is damaged.
    #[error(
        "the store {path} is damaged ({what}); restore the folder from a backup, or move {path} and its -wal and -shm files away to begin with an empty store, and scan again"
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// The key file is missing, unreadable or not the one that the store was written with.
    #[error("{0}")]
    Key(String),
    /// A file or folder could not be used.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried ("can't make the folder").
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing of that name, or a rule of the store forbids it.
    #[error("{0}")]
    Refused(String),
    /// A batch of an attempt that a newer one has replaced.
    #[error("attempt {attempt} of this location is over; its batch was not stored")]
    Superseded {
        /// The attempt that came too late.
        attempt: i64,
    },
    /// What the connector emitted breaks a rule of the contract.
    #[error("the connector broke the contract: {0}")]
    Contract(String),
    /// The disk is full.
    #[error(
        "the disk that holds the store is full; nothing of this batch was stored, everything before it is safe; make room and start again"
    )]
    DiskFull,
    /// The writer thread has ended.
    #[error("the store is closed")]
    Closed,
    /// SQLite says no.
    #[error("the store could not do that: {0}")]
    Sql(rusqlite::Error),
    /// A stored record could not be read or written as JSON.
    #[error("a record of the store could not be read or written: {0}")]
    Json(#[from] serde_json::Error),
}

impl StoreError {
    /// True when the fault is the batch's, not the store's: others may go on.
    pub fn is_fault_of_the_batch(&self) -> bool {
        matches!(self, Self::Contract(_) | Self::Superseded { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            // Only a record of a connector can be: everything else is short.
            Some(ErrorCode::TooBig) => {
                Self::Contract("a record is larger than the store can keep".to_owned())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                let path = PathBuf::from(super::open::DATABASE);
                Self::Corrupt {
                    path,
                    what: error.to_string(),
                }
            }
            _ => Self::Sql(error),
        }
    }
}
