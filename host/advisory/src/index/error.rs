//! Why the index could not be opened or changed.

use std::path::PathBuf;

/// Why the index could not be opened or changed. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The operating system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried (`can't open`).
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process imports.
    #[error(
        "the advisories in {} are being imported by another process{}; wait until it has ended", folder.display(),
        owner.as_ref().map(|owner| format!(" ({owner})")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Its process id.
        owner: Option<String>,
    },
    /// Another program's database.
    #[error("{} is a database, but no advisory index; choose another folder", .0.display())]
    Foreign(PathBuf),
    /// A newer version of this program wrote it.
    #[error(
        "{} has format {found}, this program knows formats up to {known}; use the newer version of it", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// SQLite says that the file is broken.
    #[error("{} is damaged ({what}); delete it and import the advisories again", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The database refused.
    #[error("the advisory index can't be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// Something stored can't be read.
    #[error(transparent)]
    Lookup(#[from] crate::LookupError),
}

/// Result with [`IndexError`].
pub type Result<T> = std::result::Result<T, IndexError>;
