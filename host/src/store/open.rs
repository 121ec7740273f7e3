//! Opening a data folder: permissions, ownership, the database, its format and its health.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Result, Store, StoreError, pool::Readers, schema, vault::Vault, writer::Writer};

/// Name of the database in the data folder.
pub(super) const DATABASE: &str = "store.db";
/// Name of the file whose lock makes a process the owner.
const LOCK: &str = "ox-host.lock";
/// How long a connection waits for another one's lock before it gives up.
const BUSY: Duration = Duration::from_secs(10);
/// A database up to this many bytes is checked at every start; a larger one only after the last owner
/// did not end in order (a check reads all of it: about 300 MB a second).
const ALWAYS_CHECK_BYTES: u64 = 64 << 20;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Who may write.
pub(super) struct Ownership {
    /// The locked file, when it is us.
    lock: Option<File>,
    /// Process id of the owner, when it is somebody else.
    other: Option<String>,
}

impl Ownership {
    pub(super) fn refusal(&self, folder: &Path) -> StoreError {
        StoreError::InUse {
            folder: folder.to_owned(),
            owner: self.other.clone(),
        }
    }

    /// An empty lock file says that the owner ended in order.
    pub(super) fn release(&mut self) {
        if let Some(lock) = self.lock.take() {
            let _ = lock.set_len(0);
            let _ = lock.unlock();
        }
    }
}

pub(super) fn open(folder: &Path, cache_bytes: i64) -> Result<Store> {
    private_folder(folder)?;
    let path = folder.join(DATABASE);
    let (owner, unclean) = own(folder)?;
    let corrupt = |error: StoreError| match error {
        StoreError::Corrupt { what, .. } => StoreError::Corrupt {
            path: path.clone(),
            what,
        },
        other => other,
    };

    let writer = if owner.lock.is_some() {
        private_file(&path)?;
        let mut connection = connect(&path, Access::Write).map_err(corrupt)?;
        check(&connection, &path, unclean).map_err(corrupt)?;
        schema::migrate(&mut connection, &path).map_err(corrupt)?;
        Some(connection)
    } else {
        let connection = connect(&path, Access::Read).map_err(corrupt)?;
        let found = schema::format_of(&connection, &path).map_err(corrupt)?;
        if found < schema::FORMAT {
            return Err(StoreError::OlderInUse {
                path,
                found,
                known: schema::FORMAT,
            });
        }
        None
    };
    let vault = Arc::new(Vault::open(folder, &path, writer.as_ref())?);
    let writer = match writer {
        Some(connection) => Some(Writer::start(connection).map_err(|source| StoreError::Io {
            what: "can't start the thread that writes",
            path: path.clone(),
            source,
        })?),
        None => None,
    };
    Ok(Store {
        folder: folder.to_owned(),
        readers: Readers::new(path),
        writer,
        owner,
        vault,
        cache_bytes,
    })
}

pub(super) fn connect(path: &Path, access: Access) -> Result<Connection> {
    // Readers open for writing too: in WAL mode they share the -shm file. `query_only` holds them.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    match access {
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // FULL: a commit is on the disk when it returns, not merely in the kernel.
            connection.pragma_update(None, "synchronous", "FULL")?;
        }
    }
    Ok(connection)
}

fn check(connection: &Connection, path: &Path, unclean: bool) -> Result<()> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if !unclean && size > ALWAYS_CHECK_BYTES {
        return Ok(());
    }
    let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if answer == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        path: path.to_owned(),
        what: answer,
    })
}

/// Takes the lock of the folder; the flag says that the last owner did not end in order.
fn own(folder: &Path) -> Result<(Ownership, bool)> {
    let path = folder.join(LOCK);
    let io = |what| {
        let path = path.clone();
        move |source| StoreError::Io { what, path, source }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    let mut lock = options.open(&path).map_err(io("can't open"))?;
    let mut text = String::new();
    // A process id and a line feed; whatever else stands there is not worth more.
    let _ = Read::by_ref(&mut lock).take(32).read_to_string(&mut text);
    let text = text.trim().to_owned();
    match lock.try_lock() {
        Ok(()) => {
            lock.set_len(0).map_err(io("can't write"))?;
            lock.seek(SeekFrom::Start(0)).map_err(io("can't write"))?;
            writeln!(lock, "{}", std::process::id()).map_err(io("can't write"))?;
            Ok((
                Ownership {
                    lock: Some(lock),
                    other: None,
                },
                !text.is_empty(),
            ))
        }
        Err(TryLockError::WouldBlock) => {
            let other = text.parse::<u32>().is_ok().then_some(text);
            Ok((Ownership { lock: None, other }, false))
        }
        Err(TryLockError::Error(source)) => Err(io("can't lock")(source)),
    }
}

/// Makes a folder that only its owner may enter. One that exists is left as it is.
pub(crate) fn private_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|source| StoreError::Io {
        what: "can't make the folder",
        path: folder.to_owned(),
        source,
    })
}

/// Makes the file when it is missing, so that it never has wider permissions, not for a moment. SQLite
/// gives the -wal and -shm files the permissions of the database.
fn private_file(path: &PathBuf) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    owner_only(&mut options);
    let opened = options.open(path);
    opened.map(drop).map_err(|source| StoreError::Io {
        what: "can't open",
        path: path.clone(),
        source,
    })
}

pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}
