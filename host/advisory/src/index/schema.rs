//! The tables, as a list of steps that only ever grows at its end.
//!
//! Times of imports are RFC 3339 text; times that are compared are microseconds since 1970. Every change of
//! what matching would answer leaves the generation in which it happened in a column `touched`; rows that
//! have one are never deleted, so that "gone since" can be told too.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{IndexError, Result};

/// "OXAD": marks the file as an advisory index.
const APPLICATION_ID: i64 = 0x4f58_4144;

/// What the parser and the codec make of a record. Higher after every change of either: the next import
/// then reads every record anew, even of files that did not change.
pub(crate) const CONTENT: i64 = 2;

/// One step per released format; never change one that was released, append.
const STEPS: &[&str] = &[FORMAT_1, FORMAT_2];

/// The newest format that this program knows.
pub(super) const FORMAT: i64 = STEPS.len() as i64;

const FORMAT_1: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('generation', 0);

-- One file or folder of a publisher that is replaced as a whole.
CREATE TABLE source (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    -- The ecosystem that it is all of; NULL for loose records.
    ecosystem    TEXT,
    origin       TEXT NOT NULL,
    content      INTEGER NOT NULL,
    -- Of the file that was imported last as a whole; NULL after changes one by one.
    digest       BLOB,
    -- For asking again: the whole file, the list of changes, and its newest line.
    etag         TEXT,
    changes_etag TEXT,
    changes_seen TEXT,
    newest       INTEGER,
    records      INTEGER NOT NULL,
    withdrawn    INTEGER NOT NULL,
    broken       INTEGER NOT NULL,
    broken_first TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    checked_at   TEXT NOT NULL,
    imported_at  TEXT NOT NULL,
    whole_at     TEXT NOT NULL
) STRICT;

CREATE TABLE ecosystem (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Names that records speak of or once spoke of.
CREATE TABLE package (
    id        INTEGER PRIMARY KEY,
    ecosystem INTEGER NOT NULL,
    name      TEXT NOT NULL,
    touched   INTEGER NOT NULL,
    UNIQUE (ecosystem, name)
) STRICT;
CREATE INDEX package_touched ON package (touched);

-- A record as one source has it. Of several sources with the same id one is live: the one modified last.
CREATE TABLE record (
    key       INTEGER PRIMARY KEY,
    source    INTEGER NOT NULL,
    id        TEXT NOT NULL,
    modified  INTEGER NOT NULL,
    -- `modified`, or when it was published where nothing sensible is stated.
    dated     INTEGER,
    withdrawn INTEGER NOT NULL,
    live      INTEGER NOT NULL,
    digest    BLOB NOT NULL,
    head      BLOB NOT NULL,
    UNIQUE (id, source)
) STRICT;
CREATE INDEX record_source ON record (source, withdrawn, dated);

-- What only people read of it.
CREATE TABLE body (
    record INTEGER PRIMARY KEY,
    data   BLOB NOT NULL
) STRICT;

-- Of live records that are not withdrawn: what they say about each package, and their aliases.
CREATE TABLE about (
    package  INTEGER NOT NULL,
    record   INTEGER NOT NULL,
    affected BLOB NOT NULL,
    PRIMARY KEY (package, record)
) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
    alias  TEXT NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (alias, record)
) STRICT, WITHOUT ROWID;

-- Catalogues about CVEs. A CVE is its year and number in one integer; a row without values is gone.
CREATE TABLE feed (
    name        TEXT PRIMARY KEY,
    origin      TEXT NOT NULL,
    digest      BLOB NOT NULL,
    etag        TEXT,
    dated       TEXT NOT NULL,
    model       TEXT,
    entries     INTEGER NOT NULL,
    broken      INTEGER NOT NULL,
    checked_at  TEXT NOT NULL,
    imported_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kev (
    cve     INTEGER PRIMARY KEY,
    record  TEXT,
    touched INTEGER NOT NULL
) STRICT;
CREATE TABLE epss (
    cve        INTEGER PRIMARY KEY,
    score      REAL,
    percentile REAL,
    touched    INTEGER NOT NULL
) STRICT;
CREATE INDEX kev_touched ON kev (touched);
CREATE INDEX epss_touched ON epss (touched);
";

// Names that differ in capitals only, where those mean the same ([`crate::ecosystem::ignores_case`]).
const FORMAT_2: &str = "CREATE INDEX package_any_case ON package (ecosystem, name COLLATE NOCASE);";

/// The format of a database, after a look at whose it is.
pub(super) fn format_of(connection: &Connection, path: &Path) -> Result<i64> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(pragma, [], |row| row.get(0))
    };
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let empty = application == 0 && format == 0 && tables == 0;
    if !empty && application != APPLICATION_ID {
        return Err(IndexError::Foreign(path.to_owned()));
    }
    if format > FORMAT {
        return Err(IndexError::Newer {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    Ok(format)
}

/// Brings a database to the newest format, one step and one transaction at a time.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let mut format = format_of(connection, path)?;
    while let Some(step) = usize::try_from(format).ok().and_then(|at| STEPS.get(at)) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        format += 1;
        // Both pragmas are part of the transaction: an interrupted step leaves the old format.
        transaction.pragma_update(None, "user_version", format)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}
