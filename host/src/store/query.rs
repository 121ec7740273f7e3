//! What was found, for lists. Rows that are marked as gone are not in them.

use rusqlite::{ToSql, Transaction, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::observe::{kind_word, severity_rank};
use super::{Result, Store, StoreError};
use crate::contract::{Context, Package};
use crate::host::{Filter, FindingRow, ImageRow, SkippedRow};
use crate::scan::Patterns;

/// A `WHERE` clause that grows.
struct Conditions {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn new(first: &str) -> Self {
        Self {
            sql: format!(" WHERE {first}"),
            values: Vec::new(),
        }
    }

    /// `condition` has one `?`.
    fn and(&mut self, condition: &str, value: Option<impl ToSql + 'static>) {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.push(Box::new(value));
        }
    }
}

/// A text for `GLOB` that matches what begins with it. Digests have no wildcards; others are refused by
/// not matching.
fn beginning(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '*' | '?' | '[' | ']'))
        .collect();
    format!("{text}*")
}

struct Row<T, M> {
    /// What a list has besides.
    more: M,
    connection: String,
    source_tool: String,
    location: String,
    record: T,
    first_seen: String,
    last_seen: String,
}

fn rows<T: DeserializeOwned, M>(
    tx: &Transaction<'_>,
    select: &str,
    conditions: &Conditions,
    order: &str,
    filter: &Filter,
    more: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<M>,
) -> Result<Vec<Row<T, M>>> {
    let patterns = Patterns::new(&filter.locations).map_err(StoreError::Refused)?;
    let mut statement = tx.prepare(&format!("{select}{}{order}", conditions.sql))?;
    let mut rows = statement.query(params_from_iter(conditions.values.iter()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let location: String = row.get(2)?;
        if !patterns.is_empty() && !patterns.matches(&location) {
            continue;
        }
        let record: String = row.get(3)?;
        found.push(Row {
            more: more(row)?,
            connection: row.get(0)?,
            source_tool: row.get(1)?,
            location,
            record: serde_json::from_str(&record)?,
            first_seen: row.get(4)?,
            last_seen: row.get(5)?,
        });
    }
    Ok(found)
}

impl Store {
    /// Findings, worst first.
    pub fn findings(&self, filter: &Filter) -> Result<Vec<FindingRow>> {
        let mut conditions = Conditions::new("finding.gone_at IS NULL");
        conditions.and("connection.name = ?", filter.connection.clone());
        conditions.and(
            "connection.source_tool = ? COLLATE NOCASE",
            filter.source_tool.clone(),
        );
        conditions.and(
            "finding.severity >= ?",
            filter.min_severity.map(severity_rank),
        );
        let kinds = filter.kinds.iter().map(|&kind| kind_word(kind));
        conditions.and(
            "instr(?, ' ' || finding.kind || ' ') > 0",
            (!filter.kinds.is_empty())
                .then(|| format!(" {} ", kinds.collect::<Vec<_>>().join(" "))),
        );
        conditions.and(
            "finding.image_digest GLOB ?",
            filter.image.as_deref().map(beginning),
        );
        let found = self.read(|tx| {
            rows(
                tx,
                "SELECT connection.name, connection.source_tool, location.path, finding.record,
                        finding.first_seen, finding.last_seen
                 FROM finding JOIN location ON location.id = finding.location_id
                              JOIN connection ON connection.id = finding.connection_id",
                &conditions,
                " ORDER BY finding.severity DESC, connection.name, location.path, finding.source, finding.external_id",
                filter,
                |_| Ok(()),
            )
        })?;
        Ok(found
            .into_iter()
            .map(|row| FindingRow {
                connection: row.connection,
                source_tool: row.source_tool,
                location: row.location,
                finding: row.record,
                first_seen: row.first_seen,
                last_seen: row.last_seen,
            })
            .collect())
    }

    /// Images, by location and first tag.
    pub fn images(&self, filter: &Filter) -> Result<Vec<ImageRow>> {
        let mut conditions = Conditions::new("image.gone_at IS NULL");
        conditions.and("connection.name = ?", filter.connection.clone());
        conditions.and(
            "connection.source_tool = ? COLLATE NOCASE",
            filter.source_tool.clone(),
        );
        conditions.and(
            "image.digest GLOB ?",
            filter.image.as_deref().map(beginning),
        );
        conditions.and(
            "? COLLATE NOCASE IN (image.repository, image.registry || '/' || image.repository, location.path)",
            filter.repository.clone(),
        );
        // What somebody closed is no longer counted; the findings of an image are few.
        let counted = |kind: &str| {
            format!(
                "(SELECT count(*) FROM finding
                  WHERE finding.location_id = image.location_id AND finding.image_digest = image.digest
                    AND finding.kind = '{kind}' AND finding.gone_at IS NULL
                    AND json_extract(finding.record, '$.state') IN ('Detected', 'Confirmed'))"
            )
        };
        let select = format!(
            "SELECT connection.name, connection.source_tool, location.path, image.record,
                    image.first_seen, image.last_seen, {}, {}
             FROM image JOIN location ON location.id = image.location_id
                        JOIN connection ON connection.id = location.connection_id",
            counted("secret"),
            counted("misconfiguration")
        );
        let found = self.read(|tx| {
            rows(
                tx,
                &select,
                &conditions,
                " ORDER BY connection.name, location.path,
                    (SELECT min(tag) FROM image_tag WHERE image_id = image.id) NULLS LAST, image.digest",
                filter,
                |row| Ok((row.get::<_, u32>(6)?, row.get::<_, u32>(7)?)),
            )
        })?;
        Ok(found
            .into_iter()
            .map(|row| ImageRow {
                connection: row.connection,
                location: row.location,
                image: row.record,
                secrets: row.more.0,
                misconfigurations: row.more.1,
                first_seen: row.first_seen,
                last_seen: row.last_seen,
            })
            .collect())
    }

    /// What the newest scan of each location skipped, and what the newest listing could not list.
    pub fn skipped(&self, filter: &Filter) -> Result<Vec<SkippedRow>> {
        let mut of_scans = Conditions::new("TRUE");
        of_scans.and("connection.name = ?", filter.connection.clone());
        of_scans.and(
            "connection.source_tool = ? COLLATE NOCASE",
            filter.source_tool.clone(),
        );
        let mut of_listings = Conditions::new("TRUE");
        of_listings.and("connection.name = ?", filter.connection.clone());
        of_listings.and(
            "connection.source_tool = ? COLLATE NOCASE",
            filter.source_tool.clone(),
        );
        of_scans.and(
            "skipped.image GLOB ?",
            filter.image.as_deref().map(beginning),
        );
        // A listing says nothing about images.
        of_listings.and("? IS NULL", filter.image.clone());
        self.read(|tx| {
            let mut found = rows(
                tx,
                "SELECT connection.name, connection.source_tool, listing_skip.path, listing_skip.record,
                        listing_skip.seen_at, listing_skip.seen_at
                 FROM listing_skip JOIN connection ON connection.id = listing_skip.connection_id",
                &of_listings,
                " ORDER BY connection.name, listing_skip.seq",
                filter,
                |_| Ok(()),
            )?;
            found.extend(rows(
                tx,
                "SELECT connection.name, connection.source_tool, location.path, skipped.record,
                        skipped.seen_at, skipped.seen_at
                 FROM skipped JOIN location ON location.id = skipped.location_id
                              JOIN connection ON connection.id = location.connection_id",
                &of_scans,
                " ORDER BY connection.name, location.path, skipped.subject, skipped.name, skipped.image",
                filter,
                |_| Ok(()),
            )?);
            Ok(found
                .into_iter()
                .map(|row| SkippedRow {
                    connection: row.connection,
                    location: row.location,
                    skipped: row.record,
                    seen: row.last_seen,
                })
                .collect())
        })
    }

    /// Stored inventories whose digests begin with a text, at most two: connection and digest.
    pub fn inventories_like(
        &self,
        connection: Option<&str>,
        digest: &str,
    ) -> Result<Vec<(String, String)>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT connection.name, inventory.digest
                 FROM inventory JOIN connection ON connection.id = inventory.connection_id
                 WHERE inventory.location_id IS NULL AND inventory.digest GLOB ?1
                   AND (?2 IS NULL OR connection.name = ?2)
                 ORDER BY inventory.digest, connection.name LIMIT 2",
            )?;
            let found = statement.query_map(params![beginning(digest), connection], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Packages of the image with that digest, as they came through a connection. `None` when no inventory
    /// of it is stored.
    pub fn packages(&self, connection: &str, digest: &str) -> Result<Option<Vec<Package>>> {
        self.read(|tx| {
            let ids = tx
                .prepare_cached(
                    "SELECT inventory.id
                     FROM inventory JOIN connection ON connection.id = inventory.connection_id
                     WHERE inventory.location_id IS NULL AND connection.name = ?1 AND inventory.digest = ?2",
                )?
                .query_map([connection, digest], |row| row.get::<_, i64>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let Some(id) = ids.first() else {
                return Ok(None);
            };
            let mut statement = tx.prepare_cached(
                "SELECT record FROM package WHERE inventory_id = ?1 ORDER BY seq",
            )?;
            let mut rows = statement.query([id])?;
            let mut packages = Vec::new();
            while let Some(row) = rows.next()? {
                let record: String = row.get(0)?;
                packages.push(serde_json::from_str(&record)?);
            }
            Ok(Some(packages))
        })
    }

    /// What is known about a subject (a connector's id of a location) besides its images.
    pub fn contexts(&self, connection: i64, subject: &str) -> Result<Vec<Context>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT record FROM context WHERE connection_id = ?1 AND subject = ?2 ORDER BY location_id",
            )?;
            let records = statement
                .query_map(params![connection, subject], |row| row.get::<_, String>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            records.iter().map(|record| Ok(serde_json::from_str(record)?)).collect()
        })
    }
}
