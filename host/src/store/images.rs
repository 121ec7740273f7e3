//! Images as pages read them: some at a time, found by what is asked for, and nothing else of the store.
//!
//! A list begins behind the last row of the page before it ([`ImageOrder`]'s key), so the ten-thousandth image
//! costs what the first does. Whatever is counted is counted for the rows of the page only.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params, params_from_iter};
use serde::Serialize;

use super::{Result, Store, StoreError, now};
use crate::contract::{Finding, Image, Package, SkipReason, Skipped};
use crate::host::{FindingRow, ImageRow, SkippedRow};

/// Most rows of one page.
pub const IMAGES_PAGE: usize = 500;

/// Which images (or skips, or locations) a page takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageQuery {
    /// Name of a connection.
    pub connection: Option<String>,
    /// Part of the path of a location.
    pub location: Option<String>,
    /// Part of a repository, a tag, `repository:tag`, or the beginning of a digest.
    pub text: Option<String>,
    /// Only one reason; for skips.
    pub reason: Option<SkipReason>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// Rows; 0 and more than a page may have are as many as a page may have.
    pub limit: usize,
}

impl ImageQuery {
    fn rows(&self) -> usize {
        match self.limit {
            0 => IMAGES_PAGE,
            limit => limit.min(IMAGES_PAGE),
        }
    }
}

/// Some of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Part<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: u64,
}

/// An image of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ImageEntry {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// The image.
    pub image: Image,
    /// Its open issues by rank of their severity, the worst first.
    pub issues: Vec<(u8, u64)>,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
}

/// A location whose last scan did not end well.
#[derive(Clone, Debug, Serialize)]
pub struct FailedLocation {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// `failed` or `partial`.
    pub state: String,
    /// What kind of reason.
    pub class: Option<String>,
    /// Why.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// When that scan ended; RFC 3339.
    pub at: Option<String>,
}

/// A package with what the advisories are asked about it.
#[derive(Clone, Debug)]
pub struct PackageEntry {
    /// The package.
    pub package: Package,
    /// The ecosystem under which it is looked up.
    pub ecosystem: Option<String>,
    /// Why it is not looked up (`no-version`).
    pub no_lookup: Option<String>,
}

/// All that is stored of one image.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// The image, at each place of the connection that has it.
    pub rows: Vec<ImageRow>,
    /// Its packages; `None` when they have never come whole.
    pub packages: Option<Vec<PackageEntry>>,
    /// Its findings at the first place, worst first.
    pub findings: Vec<FindingRow>,
    /// What of it was not looked at, at the first place.
    pub skipped: Vec<SkippedRow>,
    /// Its open issues by rank of their severity, the worst first.
    pub issues: Vec<(u8, u64)>,
}

/// For `LIKE … ESCAPE '\'`.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn new(first: &str) -> Self {
        Self {
            sql: format!(" WHERE {first}"),
            values: Vec::new(),
        }
    }

    /// `sql` has as many `?` as there are values.
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = String>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values.into_iter().map(Value::from));
    }

    /// Connection and location, which every list is asked for.
    fn place(&mut self, query: &ImageQuery) {
        if let Some(name) = &query.connection {
            self.and(
                "location.connection_id = (SELECT id FROM connection WHERE name = ?)",
                [name.clone()],
            );
        }
        if let Some(path) = &query.location {
            self.and(
                "location.path LIKE ? ESCAPE '\\'",
                [format!("%{}%", escaped(path))],
            );
        }
    }
}

/// The text of a place in a list: its parts, each with its length in front, so that no name can break it.
fn write_key(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| format!("{}:{part}", part.len()))
        .collect()
}

fn read_key<const N: usize>(text: &str) -> Result<[String; N]> {
    let wrong = || StoreError::Refused(format!("{text:?} is not the end of a page"));
    let mut rest = text;
    let mut parts = Vec::with_capacity(N);
    while !rest.is_empty() {
        let (length, tail) = rest.split_once(':').ok_or_else(wrong)?;
        let length: usize = length.parse().map_err(|_| wrong())?;
        parts.push(tail.get(..length).ok_or_else(wrong)?.to_owned());
        rest = tail.get(length..).ok_or_else(wrong)?;
    }
    parts.try_into().map_err(|_| wrong())
}

fn count(tx: &Transaction<'_>, sql: &str, values: &[Value]) -> Result<u64> {
    let count: i64 = tx
        .prepare_cached(sql)?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

const OPEN: &str = "issue.state = 'open'
    AND (issue.excluded IS NULL OR (issue.excluded_until IS NOT NULL AND issue.excluded_until <= ?2))";

/// Open issues of an image by severity, the worst first.
fn issues_of(tx: &Transaction<'_>, image: i64, stamp: &str) -> Result<Vec<(u8, u64)>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT issue.severity, count(*) FROM issue
         WHERE issue.id IN (SELECT issue_id FROM occurrence WHERE image_id = ?1) AND {OPEN}
         GROUP BY issue.severity ORDER BY issue.severity DESC"
    ))?;
    let rows = statement.query_map(params![image, stamp], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?))
    })?;
    rows.map(|row| {
        let (rank, count) = row?;
        Ok((rank, u64::try_from(count).unwrap_or(0)))
    })
    .collect()
}

impl Store {
    /// A page of images, by repository.
    pub fn image_page(&self, query: &ImageQuery) -> Result<Part<ImageEntry>> {
        let stamp = now();
        let mut conditions = Conditions::new("image.gone_at IS NULL");
        conditions.place(query);
        if let Some(text) = query.text.as_deref().map(str::trim) {
            let anywhere = format!("%{}%", escaped(text));
            let begins = format!("{}%", escaped(text));
            let hex = format!("sha256:{begins}");
            let mut sql = String::from(
                "(image.repository LIKE ? ESCAPE '\\'
                  OR image.registry || '/' || image.repository LIKE ? ESCAPE '\\'
                  OR image.digest LIKE ? ESCAPE '\\' OR image.digest LIKE ? ESCAPE '\\'
                  OR EXISTS (SELECT 1 FROM image_tag WHERE image_tag.image_id = image.id
                             AND image_tag.tag LIKE ? ESCAPE '\\')",
            );
            let mut values = vec![anywhere.clone(), anywhere.clone(), begins, hex, anywhere];
            if let Some((repository, tag)) = text.rsplit_once(':') {
                sql.push_str(
                    " OR (image.registry || '/' || image.repository LIKE ? ESCAPE '\\'
                          AND EXISTS (SELECT 1 FROM image_tag WHERE image_tag.image_id = image.id
                                      AND image_tag.tag LIKE ? ESCAPE '\\'))",
                );
                values.push(format!("%{}", escaped(repository)));
                values.push(format!("{}%", escaped(tag)));
            }
            sql.push(')');
            conditions.and(&sql, values);
        }
        let limit = query.rows();
        self.read(|tx| {
            let from = "FROM image JOIN location ON location.id = image.location_id";
            let total = count(
                tx,
                &format!("SELECT count(*) {from}{}", conditions.sql),
                &conditions.values,
            )?;
            if let Some(after) = &query.after {
                let [repository, id] = read_key(after)?;
                conditions.and(
                    "(image.repository, image.id) > (?, CAST(? AS INTEGER))",
                    [repository, id],
                );
            }
            let mut statement = tx.prepare_cached(&format!(
                "SELECT image.id, connection.name, location.path, image.record, image.first_seen,
                        image.last_seen, image.repository
                 {from} JOIN connection ON connection.id = location.connection_id{}
                 ORDER BY image.repository, image.id LIMIT {}",
                conditions.sql,
                limit + 1
            ))?;
            let mut rows = statement.query(params_from_iter(&conditions.values))?;
            let mut part = Part {
                rows: Vec::new(),
                next: None,
                total,
            };
            let mut last = String::new();
            while let Some(row) = rows.next()? {
                if part.rows.len() == limit {
                    part.next = Some(last);
                    break;
                }
                let id: i64 = row.get(0)?;
                let record: String = row.get(3)?;
                let repository: String = row.get(6)?;
                last = write_key(&[&repository, &id.to_string()]);
                part.rows.push(ImageEntry {
                    connection: row.get(1)?,
                    location: row.get(2)?,
                    image: serde_json::from_str(&record)?,
                    issues: issues_of(tx, id, &stamp)?,
                    first_seen: row.get(4)?,
                    last_seen: row.get(5)?,
                });
            }
            Ok(part)
        })
    }

    /// Everything about one image. `None` when the connection has none of that digest.
    pub fn stored_image(&self, connection: &str, digest: &str) -> Result<Option<StoredImage>> {
        let stamp = now();
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT image.id, image.location_id, location.path, image.record, image.first_seen,
                        image.last_seen, connection.source_tool, connection.id
                 FROM image JOIN location ON location.id = image.location_id
                            JOIN connection ON connection.id = location.connection_id
                 WHERE image.digest = ?2 AND connection.name = ?1 AND image.gone_at IS NULL
                 ORDER BY location.path, image.repository",
            )?;
            let mut rows = statement.query([connection, digest])?;
            let mut places = Vec::new();
            let mut first: Option<(i64, String, i64)> = None;
            while let Some(row) = rows.next()? {
                let record: String = row.get(3)?;
                places.push(ImageRow {
                    connection: connection.to_owned(),
                    location: row.get(2)?,
                    image: serde_json::from_str(&record)?,
                    secrets: 0,
                    misconfigurations: 0,
                    first_seen: row.get(4)?,
                    last_seen: row.get(5)?,
                });
                if first.is_none() {
                    first = Some((row.get(1)?, row.get(6)?, row.get(7)?));
                }
            }
            let (Some((location, source_tool, connection_id)), Some(path)) =
                (first, places.first().map(|place| place.location.clone()))
            else {
                return Ok(None);
            };
            let mut issues = tx.prepare_cached(&format!(
                "SELECT issue.severity, count(*) FROM issue
                 WHERE issue.id IN (SELECT occurrence.issue_id
                                    FROM image JOIN location ON location.id = image.location_id
                                    JOIN occurrence ON occurrence.image_id = image.id
                                    WHERE image.digest = ?1 AND location.connection_id = ?3) AND {OPEN}
                 GROUP BY issue.severity ORDER BY issue.severity DESC"
            ))?;
            let issues = issues
                .query_map(params![digest, stamp, connection_id], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Some(StoredImage {
                packages: packages_of(tx, connection_id, digest)?,
                findings: findings_of(tx, location, digest, connection, &source_tool, &path)?,
                skipped: skips_of(tx, location, digest, connection, &path)?,
                rows: places,
                issues,
            }))
        })
    }

    /// What was left out, by reason, most first.
    pub fn skip_reasons(&self, query: &ImageQuery) -> Result<Vec<(SkipReason, u64)>> {
        self.read(|tx| {
            let (scans, listings) = skip_conditions(query)?;
            let mut statement = tx.prepare_cached(&format!(
                "SELECT reason, sum(many) FROM (
                     SELECT skipped.reason AS reason, count(*) AS many FROM skipped{}{} GROUP BY 1
                     UNION ALL
                     SELECT {LISTING_REASON}, count(*) FROM listing_skip{} GROUP BY 1)
                 GROUP BY reason ORDER BY 2 DESC, 1",
                location_join(query),
                scans.sql,
                listings.sql
            ))?;
            let values = scans.values.iter().chain(&listings.values);
            let mut rows = statement.query(params_from_iter(values))?;
            let mut reasons = Vec::new();
            while let Some(row) = rows.next()? {
                let word: String = row.get(0)?;
                let many: i64 = row.get(1)?;
                reasons.push((serde_json::from_str(&word)?, many.unsigned_abs()));
            }
            Ok(reasons)
        })
    }

    /// A page of what was left out: what listings could not list first, then by location.
    pub fn skip_page(&self, query: &ImageQuery) -> Result<Part<SkippedRow>> {
        let limit = query.rows();
        self.read(|tx| {
            let (mut scans, mut listings) = skip_conditions(query)?;
            let join = location_join(query);
            let total = count(tx, &format!("SELECT count(*) FROM skipped{join}{}", scans.sql), &scans.values)?
                + count(tx, &format!("SELECT count(*) FROM listing_skip{}", listings.sql), &listings.values)?;
            let mut part = Part { rows: Vec::new(), next: None, total };
            let mut last = String::new();
            let after = query.after.as_deref().map(read_key::<7>).transpose()?;
            let of_listing = after.as_ref().is_none_or(|[kind, ..]| kind == "l");
            if of_listing {
                if let Some([_, connection, seq, ..]) = &after {
                    listings.and(
                        "(listing_skip.connection_id, listing_skip.seq) > (CAST(? AS INTEGER), CAST(? AS INTEGER))",
                        [connection.clone(), seq.clone()],
                    );
                }
                let mut statement = tx.prepare_cached(&format!(
                    "SELECT connection.name, listing_skip.path, listing_skip.record, listing_skip.seen_at,
                            listing_skip.connection_id, listing_skip.seq
                     FROM listing_skip JOIN connection ON connection.id = listing_skip.connection_id{}
                     ORDER BY listing_skip.connection_id, listing_skip.seq LIMIT {}",
                    listings.sql, limit + 1
                ))?;
                let mut rows = statement.query(params_from_iter(&listings.values))?;
                while let Some(row) = rows.next()? {
                    if part.rows.len() == limit {
                        part.next = Some(last);
                        return Ok(part);
                    }
                    let (connection, seq): (i64, i64) = (row.get(4)?, row.get(5)?);
                    last = write_key(&["l", &connection.to_string(), &seq.to_string(), "", "", "", ""]);
                    part.rows.push(skipped_row(row)?);
                }
            }
            if let Some([kind, location, generation, subject, name, image, reason]) = after
                && kind == "s"
            {
                scans.and(
                    "(skipped.location_id, skipped.generation, skipped.subject, skipped.name, skipped.image, skipped.reason)
                     > (CAST(? AS INTEGER), CAST(? AS INTEGER), ?, ?, ?, ?)",
                    [location, generation, subject, name, image, reason],
                );
            }
            let mut statement = tx.prepare_cached(&format!(
                "SELECT connection.name, location.path, skipped.record, skipped.seen_at, skipped.location_id,
                        skipped.generation, skipped.subject, skipped.name, skipped.image, skipped.reason
                 FROM skipped JOIN location ON location.id = skipped.location_id
                              JOIN connection ON connection.id = location.connection_id{}
                 ORDER BY skipped.location_id, skipped.generation, skipped.subject, skipped.name, skipped.image,
                          skipped.reason LIMIT {}",
                scans.sql,
                limit.saturating_sub(part.rows.len()) + 1
            ))?;
            let mut rows = statement.query(params_from_iter(&scans.values))?;
            while let Some(row) = rows.next()? {
                if part.rows.len() == limit {
                    part.next = Some(last);
                    break;
                }
                let (location, generation): (i64, i64) = (row.get(4)?, row.get(5)?);
                let words: [String; 4] = [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?];
                let [subject, name, image, reason] = &words;
                last = write_key(&["s", &location.to_string(), &generation.to_string(), subject, name, image, reason]);
                part.rows.push(skipped_row(row)?);
            }
            Ok(part)
        })
    }

    /// A page of locations whose last scan failed or is partial, the failed ones first.
    pub fn failed_locations(&self, query: &ImageQuery) -> Result<Part<FailedLocation>> {
        let mut conditions = Conditions::new(
            "location.gone_at IS NULL AND scan_location.state IN ('failed', 'partial')
             AND scan_location.scan_id = (SELECT max(newest.scan_id) FROM scan_location AS newest
                 WHERE newest.location_id = location.id AND newest.state IN ('complete', 'partial', 'failed'))",
        );
        conditions.place(query);
        if let Some(text) = query.text.as_deref().map(str::trim) {
            let pattern = format!("%{}%", escaped(text));
            conditions.and("location.path LIKE ? ESCAPE '\\'", [pattern]);
        }
        let limit = query.rows();
        self.read(|tx| {
            let from =
                "FROM location JOIN scan_location ON scan_location.location_id = location.id";
            let total = count(
                tx,
                &format!("SELECT count(*) {from}{}", conditions.sql),
                &conditions.values,
            )?;
            if let Some(after) = &query.after {
                let [state, path, id] = read_key(after)?;
                conditions.and(
                    "(scan_location.state, location.path, location.id) > (?, ?, CAST(? AS INTEGER))",
                    [state, path, id],
                );
            }
            let mut statement = tx.prepare_cached(&format!(
                "SELECT connection.name, location.path, scan_location.state, scan_location.class,
                        scan_location.message, scan_location.hint, scan_location.ended_at, location.id
                 {from} JOIN connection ON connection.id = location.connection_id{}
                 ORDER BY scan_location.state, location.path, location.id LIMIT {}",
                conditions.sql,
                limit + 1
            ))?;
            let mut rows = statement.query(params_from_iter(&conditions.values))?;
            let mut part = Part {
                rows: Vec::new(),
                next: None,
                total,
            };
            let mut last = String::new();
            while let Some(row) = rows.next()? {
                if part.rows.len() == limit {
                    part.next = Some(last);
                    break;
                }
                let one = FailedLocation {
                    connection: row.get(0)?,
                    location: row.get(1)?,
                    state: row.get(2)?,
                    class: row.get(3)?,
                    message: row.get(4)?,
                    hint: row.get(5)?,
                    at: row.get(6)?,
                };
                let id: i64 = row.get(7)?;
                last = write_key(&[&one.state, &one.location, &id.to_string()]);
                part.rows.push(one);
            }
            Ok(part)
        })
    }
}

/// The reason of a listing's skip, written as the column of a scan's skip has it.
const LISTING_REASON: &str = "json_quote(json_extract(listing_skip.record, '$.skip.reason'))";

/// The conditions for what scans left out, and for what listings did.
fn skip_conditions(query: &ImageQuery) -> Result<(Conditions, Conditions)> {
    let mut scans = Conditions::new("TRUE");
    let mut listings = Conditions::new("TRUE");
    scans.place(query);
    if let Some(name) = &query.connection {
        listings.and(
            "listing_skip.connection_id = (SELECT id FROM connection WHERE name = ?)",
            [name.clone()],
        );
    }
    if let Some(path) = &query.location {
        let pattern = format!("%{}%", escaped(path));
        listings.and("listing_skip.path LIKE ? ESCAPE '\\'", [pattern]);
    }
    if let Some(text) = query.text.as_deref().map(str::trim) {
        let pattern = format!("%{}%", escaped(text));
        scans.and("skipped.name LIKE ? ESCAPE '\\'", [pattern.clone()]);
        listings.and(
            "json_extract(listing_skip.record, '$.name') LIKE ? ESCAPE '\\'",
            [pattern],
        );
    }
    if let Some(reason) = query.reason {
        let word = serde_json::to_string(&reason)?;
        scans.and("skipped.reason = ?", [word.clone()]);
        listings.and(&format!("{LISTING_REASON} = ?"), [word]);
    }
    Ok((scans, listings))
}

/// Locations are read only where they are asked for.
fn location_join(query: &ImageQuery) -> &'static str {
    if query.connection.is_some() || query.location.is_some() {
        " JOIN location ON location.id = skipped.location_id"
    } else {
        ""
    }
}

fn skipped_row(row: &rusqlite::Row<'_>) -> Result<SkippedRow> {
    let record: String = row.get(2)?;
    Ok(SkippedRow {
        connection: row.get(0)?,
        location: row.get(1)?,
        skipped: serde_json::from_str(&record)?,
        seen: row.get(3)?,
    })
}

fn packages_of(
    tx: &Transaction<'_>,
    connection: i64,
    digest: &str,
) -> Result<Option<Vec<PackageEntry>>> {
    let inventory: Option<i64> = tx
        .prepare_cached(
            "SELECT id FROM inventory WHERE location_id IS NULL AND connection_id = ?1 AND digest = ?2",
        )?
        .query_row(params![connection, digest], |row| row.get(0))
        .optional()?;
    let Some(inventory) = inventory else {
        return Ok(None);
    };
    let mut statement = tx.prepare_cached(
        "SELECT package.record, component.ecosystem, package.no_lookup
         FROM package LEFT JOIN component ON component.id = package.component_id
         WHERE package.inventory_id = ?1 ORDER BY package.seq",
    )?;
    let mut rows = statement.query([inventory])?;
    let mut packages = Vec::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(0)?;
        packages.push(PackageEntry {
            package: serde_json::from_str(&record)?,
            ecosystem: row.get(1)?,
            no_lookup: row.get(2)?,
        });
    }
    Ok(Some(packages))
}

fn findings_of(
    tx: &Transaction<'_>,
    location: i64,
    digest: &str,
    connection: &str,
    source_tool: &str,
    path: &str,
) -> Result<Vec<FindingRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT record, first_seen, last_seen FROM finding
         WHERE location_id = ?1 AND image_digest = ?2 AND gone_at IS NULL
         ORDER BY severity DESC, source, external_id",
    )?;
    let mut rows = statement.query(params![location, digest])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(0)?;
        let finding: Finding = serde_json::from_str(&record)?;
        findings.push(FindingRow {
            connection: connection.to_owned(),
            source_tool: source_tool.to_owned(),
            location: path.to_owned(),
            finding,
            first_seen: row.get(1)?,
            last_seen: row.get(2)?,
        });
    }
    Ok(findings)
}

fn skips_of(
    tx: &Transaction<'_>,
    location: i64,
    digest: &str,
    connection: &str,
    path: &str,
) -> Result<Vec<SkippedRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT record, seen_at FROM skipped WHERE location_id = ?1 AND image = ?2
         ORDER BY subject, name",
    )?;
    let mut rows = statement.query(params![location, digest])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(0)?;
        let skipped: Skipped = serde_json::from_str(&record)?;
        found.push(SkippedRow {
            connection: connection.to_owned(),
            location: path.to_owned(),
            skipped,
            seen: row.get(1)?,
        });
    }
    Ok(found)
}
