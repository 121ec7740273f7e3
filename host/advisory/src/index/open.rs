//! Opening the database, and the lock of who imports.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{IndexError, Result, schema};

const DATABASE: &str = "advisories.db";
const LOCK: &str = "advisories.lock";
/// How long a connection waits for another one's lock before it gives up.
const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;
/// Pages that a connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 32 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

pub(super) fn open(folder: &Path) -> Result<PathBuf> {
    make_folder(folder)?;
    let path = folder.join(DATABASE);
    let damaged = |error| damaged(error, &path);
    if path.exists() {
        let found = connect(&path, Access::Read)
            .and_then(|connection| schema::format_of(&connection, &path));
        if found.map_err(damaged)? == schema::FORMAT {
            return Ok(path);
        }
    }
    // Missing, empty or older: whoever makes it so holds the lock.
    let _lock = Lock::take(folder)?;
    make_file(&path)?;
    let mut connection = connect(&path, Access::Write).map_err(damaged)?;
    schema::migrate(&mut connection, &path).map_err(damaged)?;
    Ok(path)
}

pub(super) fn connect(path: &Path, access: Access) -> Result<Connection> {
    // Readers open for writing too: in WAL mode they share the -shm file. `query_only` holds them.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    match access {
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // FULL: a commit is on the disk when it returns, not merely in the kernel.
            connection.pragma_update(None, "synchronous", "FULL")?;
            // An import may write a log as large as the database; it need not stay so.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        }
    }
    Ok(connection)
}

/// The name of a file of SQLite's beside the database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn damaged(error: IndexError, path: &Path) -> IndexError {
    match &error {
        IndexError::Database(rusqlite::Error::SqliteFailure(failure, what))
            if matches!(
                failure.code,
                rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase
            ) =>
        {
            IndexError::Corrupt {
                path: path.to_owned(),
                what: what.clone().unwrap_or_else(|| failure.to_string()),
            }
        }
        _ => error,
    }
}

/// Held by the process that imports.
pub(crate) struct Lock(File);

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let io = |what| {
            let path = path.clone();
            move |source| IndexError::Io { what, path, source }
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        owner_only(&mut options);
        let mut file = options.open(&path).map_err(io("can't open"))?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(io("can't write"))?;
                file.seek(SeekFrom::Start(0)).map_err(io("can't write"))?;
                writeln!(file, "{}", std::process::id()).map_err(io("can't write"))?;
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut text);
                let owner = text.trim().parse::<u32>().ok();
                Err(IndexError::InUse {
                    folder: folder.to_owned(),
                    owner: owner.map(|id| format!("process {id}")),
                })
            }
            Err(TryLockError::Error(source)) => Err(io("can't lock")(source)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

/// Makes a folder that only its owner may enter. One that exists is left as it is.
fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|source| IndexError::Io {
        what: "can't make the folder",
        path: folder.to_owned(),
        source,
    })
}

/// SQLite gives the -wal and -shm files the permissions of the database.
fn make_file(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    owner_only(&mut options);
    let opened = options.open(path);
    opened.map(drop).map_err(|source| IndexError::Io {
        what: "can't open",
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}
