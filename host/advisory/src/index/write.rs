//! Changing the index: one transaction a source, and the marks of what it touched.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::MutexGuard;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::open::Lock;
use super::{Broken, Result, codec, read, schema};
use crate::ecosystem::{Ecosystem, normalise_name};
use crate::osv::{self, Affected, Head, Parsed};

/// The beginning of a SHA-256: tells whether a record is the same text as before.
pub(crate) type ShortDigest = [u8; 16];

/// Names whose rows are remembered within a transaction.
const REMEMBERED_PACKAGES: usize = 1_000_000;

pub(crate) fn digest(bytes: &[u8]) -> ShortDigest {
    let mut short = ShortDigest::default();
    for (to, from) in short.iter_mut().zip(Sha256::digest(bytes)) {
        *to = from;
    }
    short
}

/// The right to change the index, for as long as it is held.
pub(crate) struct Owner<'i> {
    pub(super) connection: Connection,
    _lock: Lock,
    _turn: MutexGuard<'i, ()>,
}

impl<'i> Owner<'i> {
    pub(super) fn new(connection: Connection, lock: Lock, turn: MutexGuard<'i, ()>) -> Self {
        Self {
            connection,
            _lock: lock,
            _turn: turn,
        }
    }

    /// Begins a transaction; dropped without a commit it changes nothing.
    pub(crate) fn begin(&mut self) -> Result<Writing<'_>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let generation = since_one(read::generation(&transaction)?);
        Ok(Writing {
            transaction,
            generation,
            changed: false,
            touched: 0,
            ecosystems: HashMap::new(),
            packages: HashMap::new(),
        })
    }

    /// What is known of a source.
    pub(crate) fn source(&self, name: &str) -> Result<Option<SourceRow>> {
        source(&self.connection, name)
    }

    /// Names of the sources that are a whole ecosystem.
    pub(crate) fn ecosystems(&self) -> Result<Vec<String>> {
        let sql = "SELECT ecosystem FROM source WHERE ecosystem IS NOT NULL ORDER BY 1";
        let mut statement = self.connection.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that a source or feed was looked at and had nothing new.
    pub(crate) fn checked(&self, name: &str) -> Result<()> {
        for table in ["source", "feed"] {
            let sql = format!("UPDATE {table} SET checked_at = ?2 WHERE name = ?1");
            self.connection.execute(&sql, params![name, now()])?;
        }
        Ok(())
    }

    /// When a record of a source was modified, for telling whether a change is known already.
    pub(crate) fn modified(&self, source: &str, id: &str) -> Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT record.modified FROM record JOIN source ON source.id = record.source
             WHERE record.id = ?1 AND source.name = ?2",
        )?;
        let found = statement.query_row([id, source], |row| row.get(0));
        Ok(found.optional()?)
    }
}

/// What a source is, as far as the importer says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceRow {
    pub(crate) name: String,
    pub(crate) ecosystem: Option<String>,
    pub(crate) origin: String,
    /// Parser and codec that read it.
    pub(crate) content: i64,
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) etag: Option<String>,
    pub(crate) changes_etag: Option<String>,
    pub(crate) changes_seen: Option<String>,
    pub(crate) broken: u64,
    pub(crate) broken_first: Vec<Broken>,
    /// RFC 3339; written when it is empty.
    pub(crate) whole_at: String,
}

fn source(connection: &Connection, name: &str) -> Result<Option<SourceRow>> {
    let sql =
        "SELECT name, ecosystem, origin, content, digest, etag, changes_etag, changes_seen, broken,
                      broken_first, whole_at FROM source WHERE name = ?1";
    let found = connection.query_row(sql, [name], |row| {
        let broken_first: String = row.get(9)?;
        Ok(SourceRow {
            name: row.get(0)?,
            ecosystem: row.get(1)?,
            origin: row.get(2)?,
            content: row.get(3)?,
            digest: row.get(4)?,
            etag: row.get(5)?,
            changes_etag: row.get(6)?,
            changes_seen: row.get(7)?,
            broken: row.get::<_, i64>(8)?.unsigned_abs(),
            broken_first: serde_json::from_str(&broken_first).unwrap_or_default(),
            whole_at: row.get(10)?,
        })
    });
    Ok(found.optional()?)
}

/// A record that the index has, as an import needs to know it.
pub(crate) struct Existing {
    pub(crate) key: i64,
    pub(crate) digest: ShortDigest,
    pub(crate) seen: bool,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    Added,
    Changed,
    Unchanged,
}

/// Counts of a source after an import.
#[derive(Clone, Copy, Default)]
pub(crate) struct Committed {
    pub(crate) records: u64,
    pub(crate) withdrawn: u64,
    pub(crate) touched: u64,
    /// `None` when nothing changed.
    pub(crate) generation: Option<u64>,
}

struct Row {
    key: i64,
    source: i64,
    modified: i64,
    digest: Vec<u8>,
    withdrawn: bool,
    live: bool,
}

impl Row {
    /// Of several sources with the same id the one modified last counts. The rest only makes the choice
    /// the same whatever the sequence of imports was.
    fn weight(&self, other: &Self) -> Ordering {
        (self.modified, &self.digest, self.source).cmp(&(
            other.modified,
            &other.digest,
            other.source,
        ))
    }
}

/// A transaction.
pub(crate) struct Writing<'c> {
    pub(super) transaction: Transaction<'c>,
    /// The generation that this becomes when something changes.
    pub(super) generation: i64,
    pub(super) changed: bool,
    touched: u64,
    ecosystems: HashMap<String, i64>,
    /// Those that are marked already.
    packages: HashMap<(i64, String), i64>,
}

impl Writing<'_> {
    /// The number of a source, which gets a row if it has none.
    pub(crate) fn source_id(&self, name: &str) -> Result<i64> {
        let sql = "INSERT OR IGNORE INTO source (name, origin, content, records, withdrawn, broken, broken_first,
                   generation, checked_at, imported_at, whole_at) VALUES (?1, '', 0, 0, 0, 0, '[]', 0, '', '', '')";
        self.transaction.execute(sql, [name])?;
        let sql = "SELECT id FROM source WHERE name = ?1";
        Ok(self.transaction.query_row(sql, [name], |row| row.get(0))?)
    }

    /// Every record of a source.
    pub(crate) fn existing(&self, source: i64) -> Result<HashMap<String, Existing>> {
        let sql = "SELECT id, key, digest FROM record WHERE source = ?1";
        let mut statement = self.transaction.prepare(sql)?;
        let rows = statement.query_map([source], |row| {
            let (key, digest) = (row.get(1)?, row.get(2)?);
            let seen = false;
            Ok((row.get(0)?, Existing { key, digest, seen }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn rows(&self, id: &str) -> Result<Vec<Row>> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT key, source, modified, digest, withdrawn, live FROM record WHERE id = ?1",
        )?;
        let rows = statement.query_map([id], |row| {
            Ok(Row {
                key: row.get(0)?,
                source: row.get(1)?,
                modified: row.get(2)?,
                digest: row.get(3)?,
                withdrawn: row.get(4)?,
                live: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// True when a record was modified later than the one of the same id that the source has.
    pub(crate) fn is_newer(&self, source: i64, parsed: &Parsed) -> Result<bool> {
        let rows = self.rows(&parsed.head.id)?;
        let before = rows.iter().find(|row| row.source == source);
        let modified = osv::instant(&parsed.head.modified).unwrap_or(i64::MIN);
        Ok(before.is_none_or(|before| before.modified < modified))
    }

    /// Stores a record as a source has it now; answers its key too.
    pub(crate) fn put(
        &mut self,
        source: i64,
        parsed: &Parsed,
        digest: &ShortDigest,
    ) -> Result<(Put, i64)> {
        let Parsed { head, affected, .. } = parsed;
        let mut rows = self.rows(&head.id)?;
        let (head_block, body_block) = (codec::head(head), codec::body(head, affected));
        let before = rows.iter().position(|row| row.source == source);
        let before = before.map(|at| rows.swap_remove(at));
        if let Some(before) = &before {
            if self.same(before.key, &head_block, &body_block)? {
                let sql = "UPDATE record SET digest = ?2 WHERE key = ?1";
                let mut statement = self.transaction.prepare_cached(sql)?;
                statement.execute(params![before.key, digest])?;
                return Ok((Put::Unchanged, before.key));
            }
            if before.live {
                self.unindex(before.key)?;
            }
        }
        self.changed = true;

        let modified = osv::instant(&head.modified);
        let published = || head.published.as_deref().and_then(osv::instant);
        // Some publishers leave it at the zero of their clock.
        let dated = modified.filter(|modified| *modified > 0).or_else(published);
        let mut row = Row {
            key: before.as_ref().map_or(0, |before| before.key),
            source,
            modified: modified.unwrap_or(i64::MIN),
            digest: digest.to_vec(),
            withdrawn: head.withdrawn.is_some(),
            live: false,
        };
        let wins = rows.iter().all(|other| other.weight(&row).is_lt());
        row.live = wins && !row.withdrawn;
        let values = params![
            (row.key != 0).then_some(row.key),
            source,
            head.id,
            row.modified,
            dated,
            row.withdrawn,
            row.live,
            row.digest,
            head_block
        ];
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(values)?;
        if row.key == 0 {
            row.key = self.transaction.last_insert_rowid();
        }
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO body VALUES (?1, ?2)")?
            .execute(params![row.key, body_block])?;
        if row.live {
            self.index(row.key, &head.aliases, affected)?;
        }
        let key = row.key;
        rows.push(row);
        self.settle(&rows, Some(key))?;
        let put = if before.is_some() {
            Put::Changed
        } else {
            Put::Added
        };
        Ok((put, key))
    }

    /// Takes a record out of a source.
    pub(crate) fn remove(&mut self, id: &str, key: i64) -> Result<()> {
        let mut rows = self.rows(id)?;
        if rows.iter().any(|row| row.key == key && row.live) {
            self.unindex(key)?;
        }
        for sql in [
            "DELETE FROM record WHERE key = ?1",
            "DELETE FROM body WHERE record = ?1",
        ] {
            self.transaction.prepare_cached(sql)?.execute([key])?;
        }
        rows.retain(|row| row.key != key);
        self.changed = true;
        self.settle(&rows, None)
    }

    fn same(&self, key: i64, head: &[u8], body: &[u8]) -> Result<bool> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT head = ?2 AND data = ?3 FROM record JOIN body ON record = key WHERE key = ?1",
        )?;
        Ok(statement.query_row(params![key, head, body], |row| row.get(0))?)
    }

    /// Makes the one that counts live, and no other. `done` is so already.
    fn settle(&mut self, rows: &[Row], done: Option<i64>) -> Result<()> {
        let Some(winner) = rows.iter().max_by(|a, b| a.weight(b)) else {
            return Ok(());
        };
        for row in rows.iter().filter(|row| Some(row.key) != done) {
            let live = row.key == winner.key && !row.withdrawn;
            if live == row.live {
                continue;
            }
            if live {
                let (head, affected) = self.stored(row.key)?;
                self.index(row.key, &head.aliases, &affected)?;
            } else {
                self.unindex(row.key)?;
            }
            let sql = "UPDATE record SET live = ?2 WHERE key = ?1";
            self.transaction
                .prepare_cached(sql)?
                .execute(params![row.key, live])?;
        }
        Ok(())
    }

    fn stored(&self, key: i64) -> Result<(Head, Vec<Affected>)> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT head FROM record WHERE key = ?1")?;
        let head: Vec<u8> = statement.query_row([key], |row| row.get(0))?;
        let (_, _, affected) = read::body(&self.transaction, key)?;
        Ok((codec::read_head(&head)?, affected))
    }

    fn index(&mut self, key: i64, aliases: &[String], affected: &[Affected]) -> Result<()> {
        for group in groups(affected).chunk_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1)) {
            let Some((ecosystem, name, _)) = group.first() else {
                continue;
            };
            let package = self.touch(ecosystem, name)?;
            let block = codec::slice(name, group.iter().map(|(_, _, element)| *element));
            self.transaction
                .prepare_cached("INSERT INTO about VALUES (?1, ?2, ?3)")?
                .execute(params![package, key, block])?;
        }
        for alias in aliases {
            self.transaction
                .prepare_cached("INSERT INTO alias VALUES (?1, ?2)")?
                .execute(params![alias, key])?;
        }
        Ok(())
    }

    fn unindex(&mut self, key: i64) -> Result<()> {
        let (head, affected) = self.stored(key)?;
        for group in groups(&affected).chunk_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1)) {
            let Some((ecosystem, name, _)) = group.first() else {
                continue;
            };
            let package = self.touch(ecosystem, name)?;
            self.transaction
                .prepare_cached("DELETE FROM about WHERE package = ?1 AND record = ?2")?
                .execute([package, key])?;
        }
        for alias in &head.aliases {
            self.transaction
                .prepare_cached("DELETE FROM alias WHERE alias = ?1 AND record = ?2")?
                .execute(params![alias, key])?;
        }
        Ok(())
    }

    /// The row of a name, marked as touched by this transaction.
    fn touch(&mut self, ecosystem: &str, name: &str) -> Result<i64> {
        let ecosystem = self.ecosystem(ecosystem)?;
        if self.packages.len() > REMEMBERED_PACKAGES {
            self.packages.clear();
        }
        let key = (ecosystem, name.to_owned());
        if let Some(id) = self.packages.get(&key) {
            return Ok(*id);
        }
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO package (ecosystem, name, touched) VALUES (?1, ?2, ?3)
             ON CONFLICT (ecosystem, name) DO UPDATE SET touched = ?3 RETURNING id",
        )?;
        let id =
            statement.query_row(params![ecosystem, name, self.generation], |row| row.get(0))?;
        self.touched += 1;
        self.packages.insert(key, id);
        Ok(id)
    }

    fn ecosystem(&mut self, name: &str) -> Result<i64> {
        if let Some(id) = self.ecosystems.get(name) {
            return Ok(*id);
        }
        let sql = "INSERT OR IGNORE INTO ecosystem (name) VALUES (?1)";
        self.transaction.execute(sql, [name])?;
        let sql = "SELECT id FROM ecosystem WHERE name = ?1";
        let id = self.transaction.query_row(sql, [name], |row| row.get(0))?;
        self.ecosystems.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Writes the row of a source, and the generation when something changed, and commits.
    pub(crate) fn commit_source(self, id: i64, row: &SourceRow) -> Result<Committed> {
        // Of a source that leaves most of its times unset, the newest time that is set says nothing.
        let sql = "SELECT count(*), coalesce(sum(withdrawn), 0), 
                          iif(2 * count(dated) >= count(*), max(dated), NULL) FROM record WHERE source = ?1";
        let (records, withdrawn, newest): (i64, i64, Option<i64>) =
            self.transaction
                .query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let now = now();
        let whole_at = if row.whole_at.is_empty() {
            &now
        } else {
            &row.whole_at
        };
        let broken_first = serde_json::to_string(&row.broken_first).unwrap_or_default();
        let broken = i64::try_from(row.broken).unwrap_or(i64::MAX);
        self.transaction.execute(
            "UPDATE source SET ecosystem = ?2, origin = ?3, content = ?4, digest = ?5, etag = ?6,
                 changes_etag = ?7, changes_seen = ?8, newest = ?9, records = ?10, withdrawn = ?11, broken = ?12,
                 broken_first = ?13, generation = iif(?14, ?15, generation), checked_at = ?16, imported_at = ?16,
                 whole_at = ?17 WHERE id = ?1",
            params![
                id,
                row.ecosystem,
                row.origin,
                schema::CONTENT,
                row.digest,
                row.etag,
                row.changes_etag,
                row.changes_seen,
                newest,
                records,
                withdrawn,
                broken,
                broken_first,
                self.changed,
                self.generation,
                now,
                whole_at
            ],
        )?;
        let touched = self.touched;
        Ok(Committed {
            records: records.unsigned_abs(),
            withdrawn: withdrawn.unsigned_abs(),
            touched,
            generation: self.commit()?,
        })
    }

    pub(super) fn commit(self) -> Result<Option<u64>> {
        if self.changed {
            let sql = "UPDATE meta SET value = ?1 WHERE key = 'generation'";
            self.transaction.execute(sql, [self.generation])?;
        }
        self.transaction.commit()?;
        Ok(self.changed.then_some(self.generation.unsigned_abs()))
    }
}

/// The elements of `affected` by package: (ecosystem, normalised name, element), sorted by the first two,
/// each package's elements in their sequence.
fn groups(affected: &[Affected]) -> Vec<(String, String, &Affected)> {
    let mut groups: Vec<_> = affected
        .iter()
        .map(|element| {
            let ecosystem = Ecosystem::parse(&element.ecosystem).name;
            let name = normalise_name(&ecosystem, &element.name).into_owned();
            (ecosystem, name, element)
        })
        .collect();
    groups.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    groups
}

fn since_one(generation: u64) -> i64 {
    i64::try_from(generation)
        .unwrap_or(i64::MAX)
        .saturating_add(1)
}

pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    let seconds = jiff::Timestamp::from_second(now.as_second());
    seconds.unwrap_or(now).to_string()
}
