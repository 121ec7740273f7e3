//! Questions to the index. Each is asked of one connection inside a read transaction.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params, types::Value};
use sha2::{Digest, Sha256};

use super::{Cve, Result, codec};
use crate::LookupError;
use crate::ecosystem::{ignores_case, normalise_name};
use crate::epss::Score;
use crate::kev::Known;
use crate::matching::{Advisories, Advisory};
use crate::osv::{Affected, Head, Reference};

type Answer<T> = std::result::Result<T, LookupError>;

/// Ids that [`Index::aliases_of`](super::Index::aliases_of) answers at most, so that records which name
/// each other without end can't join everything.
pub const MAX_ALIASES: usize = 500;

/// A record as it is shown to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The source that it is from (`Go`).
    pub source: String,
    /// With details and all references.
    pub head: Head,
    /// Everything that it affects and that can be matched.
    pub affected: Vec<Affected>,
}

/// What KEV and EPSS tell otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threats {
    /// KEV changed.
    pub kev: bool,
    /// EPSS changed.
    pub epss: bool,
    /// The CVEs concerned, sorted.
    pub cves: Vec<String>,
}

/// The index as it was at one moment. Imports go on beside it.
pub struct Snapshot {
    // A lock and not a cell, so that threads can share it.
    connection: Mutex<Connection>,
    generation: u64,
}

impl Snapshot {
    pub(super) fn take(connection: Connection) -> Result<Self> {
        connection.execute_batch("BEGIN")?;
        // The transaction begins with its first reading.
        let generation = generation(&connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            generation,
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation of that moment.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// As [`Index::touched_since`](super::Index::touched_since).
    pub fn touched_since(&self, generation: u64) -> Answer<Vec<(String, String)>> {
        touched_since(&self.connection(), generation)
    }

    /// As [`Index::threats_touched_since`](super::Index::threats_touched_since).
    pub fn threats_touched_since(&self, generation: u64) -> Answer<Threats> {
        threats_touched_since(&self.connection(), generation)
    }

    /// As [`Index::record`](super::Index::record).
    pub fn record(&self, id: &str) -> Answer<Option<Record>> {
        record(&self.connection(), id)
    }

    /// As [`Index::aliases_of`](super::Index::aliases_of).
    pub fn aliases_of<S: AsRef<str>>(&self, ids: &[S]) -> Answer<Vec<String>> {
        aliases_of(&self.connection(), ids)
    }

    /// As [`Index::exploits`](super::Index::exploits).
    pub fn exploits(&self, id: &str) -> Answer<Vec<Reference>> {
        exploits(&self.connection(), id)
    }

    /// As [`Index::known_exploited`](super::Index::known_exploited).
    pub fn known_exploited(&self, cve: &str) -> Answer<Option<Known>> {
        known_exploited(&self.connection(), cve)
    }

    /// As [`Index::epss`](super::Index::epss).
    pub fn epss(&self, cve: &str) -> Answer<Option<Score>> {
        epss(&self.connection(), cve)
    }
}

impl Advisories for Snapshot {
    fn about(&self, ecosystem: &str, name: &str) -> Answer<Vec<Arc<Advisory>>> {
        about(&self.connection(), ecosystem, name)
    }

    fn covers(&self, ecosystem: &str) -> bool {
        covers(&self.connection(), ecosystem).unwrap_or(false)
    }
}

/// Heads come without details, and only with the references that show an exploit and a few more. Elements
/// keep the name that their record has, which may differ in capitals where those mean the same.
pub(super) fn about(
    connection: &Connection,
    ecosystem: &str,
    name: &str,
) -> Answer<Vec<Arc<Advisory>>> {
    let name = normalise_name(ecosystem, name);
    let mut statement = connection.prepare_cached(if ignores_case(ecosystem) {
        "SELECT record.head, about.affected, package.name FROM ecosystem
         JOIN package ON package.ecosystem = ecosystem.id
         JOIN about ON about.package = package.id
         JOIN record ON record.key = about.record
         WHERE ecosystem.name = ?1 AND package.name = ?2 COLLATE NOCASE"
    } else {
        "SELECT record.head, about.affected, package.name FROM ecosystem
         JOIN package ON package.ecosystem = ecosystem.id
         JOIN about ON about.package = package.id
         JOIN record ON record.key = about.record
         WHERE ecosystem.name = ?1 AND package.name = ?2"
    })?;
    let mut rows = statement.query(params![ecosystem, name])?;
    let mut advisories = Vec::new();
    while let Some(row) = rows.next()? {
        let head = codec::read_head(blob(row, 0)?)?;
        let name: String = row.get(2)?;
        let affected = codec::read_slice(ecosystem, &name, blob(row, 1)?)?;
        advisories.push(Advisory { head, affected });
    }
    // The same answer whatever the sequence of imports was.
    let order = |advisory: &Advisory| {
        let name = advisory.affected.first().map(|first| first.name.clone());
        (advisory.head.id.clone(), name)
    };
    advisories.sort_by_cached_key(order);
    Ok(advisories.into_iter().map(Arc::new).collect())
}

fn blob<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Answer<&'r [u8]> {
    let value = row.get_ref(column)?.as_blob();
    value.map_err(|_| LookupError::Encoding("a column has another type"))
}

pub(super) fn covers(connection: &Connection, ecosystem: &str) -> rusqlite::Result<bool> {
    // Records of one ecosystem often name packages of others: that does not cover those.
    let whole = "SELECT EXISTS (SELECT 1 FROM source WHERE ecosystem = ?1 AND records > 0)";
    let mut whole = connection.prepare_cached(whole)?;
    if whole.query_row([ecosystem], |row| row.get(0))? {
        return Ok(true);
    }
    let mut loose = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM source WHERE ecosystem IS NULL) AND EXISTS (
             SELECT 1 FROM ecosystem
             JOIN package ON package.ecosystem = ecosystem.id
             JOIN about ON about.package = package.id
             JOIN record ON record.key = about.record
             JOIN source ON source.id = record.source
             WHERE ecosystem.name = ?1 AND source.ecosystem IS NULL)",
    )?;
    loose.query_row([ecosystem], |row| row.get(0))
}

pub(super) fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT value FROM meta WHERE key = 'generation'";
    let generation: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(generation.unsigned_abs())
}

fn since(generation: u64) -> i64 {
    i64::try_from(generation).unwrap_or(i64::MAX)
}

pub(super) fn touched_since(
    connection: &Connection,
    generation: u64,
) -> Answer<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT ecosystem.name, package.name FROM package
         JOIN ecosystem ON ecosystem.id = package.ecosystem
         WHERE package.touched > ?1 ORDER BY 1, 2",
    )?;
    let mut rows = statement.query([since(generation)])?;
    let mut touched = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (ecosystem, name): (String, String) = (row.get(0)?, row.get(1)?);
        // What was written in lower case is asked about again, too.
        if ignores_case(&ecosystem) && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            touched.insert((ecosystem.clone(), name.to_ascii_lowercase()));
        }
        touched.insert((ecosystem, name));
    }
    Ok(touched.into_iter().collect())
}

pub(super) fn threats_touched_since(connection: &Connection, generation: u64) -> Answer<Threats> {
    let touched = |table: &str| -> rusqlite::Result<BTreeSet<i64>> {
        let sql = format!("SELECT cve FROM {table} WHERE touched > ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map([since(generation)], |row| row.get(0))?;
        rows.collect()
    };
    let (kev, epss) = (touched("kev")?, touched("epss")?);
    let cves = kev.union(&epss).map(|key| Cve::from_key(*key).to_string());
    Ok(Threats {
        kev: !kev.is_empty(),
        epss: !epss.is_empty(),
        cves: cves.collect(),
    })
}

/// Key, source, head of the record that counts, of several with the same id.
fn winner(connection: &Connection, id: &str) -> Answer<Option<(i64, i64, Head)>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, source, head FROM record WHERE id = ?1
         ORDER BY modified DESC, digest DESC, source DESC LIMIT 1",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((
        row.get(0)?,
        row.get(1)?,
        codec::read_head(blob(row, 2)?)?,
    )))
}

pub(super) fn record(connection: &Connection, id: &str) -> Answer<Option<Record>> {
    let Some((key, source, mut head)) = winner(connection, id)? else {
        return Ok(None);
    };
    let (details, references, affected) = body(connection, key)?;
    head.details = details;
    head.references = references;
    let source = connection
        .prepare_cached("SELECT name FROM source WHERE id = ?1")?
        .query_row([source], |row| row.get(0))?;
    Ok(Some(Record {
        source,
        head,
        affected,
    }))
}

pub(super) fn body(
    connection: &Connection,
    key: i64,
) -> Answer<(String, Vec<Reference>, Vec<Affected>)> {
    let mut statement = connection.prepare_cached("SELECT data FROM body WHERE record = ?1")?;
    let mut rows = statement.query([key])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    codec::read_body(blob(row, 0)?)
}

pub(super) fn exploits(connection: &Connection, id: &str) -> Answer<Vec<Reference>> {
    let found = winner(connection, id)?;
    Ok(found
        .map(|(_, _, head)| head.references)
        .unwrap_or_default()
        .into_iter()
        .filter(Reference::shows_exploit)
        .collect())
}

pub(super) fn aliases_of<S: AsRef<str>>(connection: &Connection, ids: &[S]) -> Answer<Vec<String>> {
    let mut named_by = connection.prepare_cached(
        "SELECT record.id FROM alias JOIN record ON record.key = alias.record
         WHERE alias.alias = ?1 ORDER BY 1",
    )?;
    let mut own = connection.prepare_cached("SELECT head FROM record WHERE id = ?1 AND live")?;
    let mut found = BTreeSet::new();
    let mut open = VecDeque::new();
    for id in ids.iter().map(AsRef::as_ref) {
        if found.insert(id.to_owned()) {
            open.push_back(id.to_owned());
        }
    }
    while let Some(id) = open.pop_front() {
        let mut next: Vec<String> = Vec::new();
        let mut rows = own.query([&id])?;
        while let Some(row) = rows.next()? {
            next.extend(codec::read_head(blob(row, 0)?)?.aliases);
        }
        let rows = named_by.query_map([&id], |row| row.get(0))?;
        for row in rows.take(MAX_ALIASES) {
            next.push(row?);
        }
        for id in next {
            if found.len() < MAX_ALIASES && found.insert(id.clone()) {
                open.push_back(id);
            }
        }
    }
    Ok(found.into_iter().collect())
}

pub(super) fn known_exploited(connection: &Connection, cve: &str) -> Answer<Option<Known>> {
    let Some(cve) = Cve::parse(cve) else {
        return Ok(None);
    };
    let sql = "SELECT record FROM kev WHERE cve = ?1 AND record IS NOT NULL";
    let found: Option<String> = connection
        .prepare_cached(sql)?
        .query_row([cve.key()], |row| row.get(0))
        .optional()?;
    Ok(found
        .map(|record| serde_json::from_str(&record))
        .transpose()?)
}

pub(super) fn epss(connection: &Connection, cve: &str) -> Answer<Option<Score>> {
    let Some(cve) = Cve::parse(cve) else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT score, percentile, dated FROM epss, feed
         WHERE cve = ?1 AND score IS NOT NULL AND feed.name = 'epss'",
    )?;
    let score = statement.query_row([cve.key()], |row| {
        Ok(Score {
            cve: cve.to_string(),
            score: row.get(0)?,
            percentile: row.get(1)?,
            date: row.get(2)?,
        })
    });
    Ok(score.optional()?)
}

pub(super) fn dump(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines = Vec::new();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let tables: Vec<String> = connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for table in tables {
        let columns: Vec<String> = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        // Times of imports are no part of what is known.
        let columns: Vec<String> = columns
            .into_iter()
            .filter(|name| !name.ends_with("_at"))
            .collect();
        let sql = format!("SELECT {0} FROM {table} ORDER BY {0}", columns.join(", "));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut line = table.clone();
            for column in 0..columns.len() {
                line.push('|');
                line.push_str(&match row.get::<_, Value>(column)? {
                    Value::Null => "-".to_owned(),
                    Value::Integer(number) => number.to_string(),
                    Value::Real(number) => number.to_string(),
                    Value::Text(text) => text,
                    Value::Blob(bytes) => {
                        let digest = Sha256::digest(&bytes);
                        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
                    }
                });
            }
            lines.push(line);
        }
    }
    Ok(lines)
}
