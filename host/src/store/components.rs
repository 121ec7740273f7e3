//! Components: the packages of all inventories, each once, with what the advisories say of it.
//!
//! Two steps, each resumable at any point because a transaction covers it with its mark. *Looking up* turns
//! the packages of a new inventory into components (`inventory.looked_up` remembers by which version of the
//! rules). *Matching* keeps what the advisories say of a component, with the generation of the advisories by
//! which it was said; where that changes, the locations that hold it are marked as pending.

use std::collections::HashMap;

use ox_advisory::matching::{Component, Lookup, Package as LookupPackage, lookup};
use rusqlite::{OptionalExtension, Transaction, params};

use super::issues::pend_everything;
use super::{Result, Store};
use crate::contract::{Package, PackageOrigin};
use crate::queue::Group;

/// Version of the rules that turn packages into components. Raise it when they change: every inventory is
/// then looked up again, from what is stored.
const LOOKUP_VERSION: i64 = 1;

/// Packages after which a transaction that looks up is ended; it begins no inventory beyond them.
const PACKAGES_AT_ONCE: usize = 20_000;
/// Inventories that one transaction looks up at most.
const INVENTORIES_AT_ONCE: u32 = 1000;
/// Packages that a transaction remembers: images of one account have most of theirs in common.
const REMEMBERED: usize = 20_000;

/// A component that waits to be matched.
#[derive(Clone, Debug)]
pub struct WaitingComponent {
    /// Row.
    pub id: i64,
    /// What can be looked up.
    pub component: Component,
}

/// How the packages of all current images are covered by advisories.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Coverage {
    /// Each ecosystem (with release) and how many of its packages there are.
    pub ecosystems: Vec<(String, u64)>,
    /// Each reason why packages are not looked up, and of how many.
    pub not_looked_up: Vec<(String, u64)>,
}

impl Store {
    /// Turns packages of inventories that are new (or were looked up by older rules) into components, some
    /// inventories a transaction. Answers how many are left.
    pub async fn look_up_some(&self) -> Result<u64> {
        self.write(|tx| {
            let inventories: Vec<(i64, i64, String)> = tx
                .prepare_cached(
                    "SELECT id, connection_id, digest FROM inventory
                     WHERE location_id IS NULL AND looked_up <> ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![LOOKUP_VERSION, INVENTORIES_AT_ONCE], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut known = Known::new();
            let mut packages = 0;
            for (inventory, connection, digest) in &inventories {
                packages += look_up(tx, *inventory, *connection, digest, &mut known)?;
                if packages >= PACKAGES_AT_ONCE {
                    break;
                }
            }
            let left: i64 = tx.query_row(
                "SELECT count(*) FROM inventory WHERE location_id IS NULL AND looked_up <> ?1",
                [LOOKUP_VERSION],
                |row| row.get(0),
            )?;
            Ok(u64::try_from(left).unwrap_or(0))
        })
        .await
    }

    /// Components that were never matched.
    pub fn unmatched_components(&self) -> Result<Vec<WaitingComponent>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, record FROM component WHERE generation IS NULL ORDER BY ecosystem, name, id",
            )?;
            waiting(statement.query([])?)
        })
    }

    /// Components whose name or source package is one of these, each with its ecosystem (without release).
    pub fn components_named(&self, names: &[(String, String)]) -> Result<Vec<WaitingComponent>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, record FROM component WHERE ecosystem = ?1 AND name = ?2
                 UNION SELECT id, record FROM component WHERE ecosystem = ?1 AND source_name = ?2",
            )?;
            let mut found = Vec::new();
            for (ecosystem, name) in names {
                found.extend(waiting(statement.query([ecosystem, name])?)?);
            }
            Ok(found)
        })
    }

    /// Every component, for a match from nothing.
    pub fn all_components(&self) -> Result<Vec<WaitingComponent>> {
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached("SELECT id, record FROM component ORDER BY ecosystem, name, id")?;
            waiting(statement.query([])?)
        })
    }

    /// Keeps what the advisories of a generation say of components. Where it is not what they said before,
    /// the locations with such a package are pending. Answers how many components changed.
    pub async fn keep_matches(
        &self,
        generation: i64,
        matched: Vec<(i64, Vec<Group>)>,
    ) -> Result<usize> {
        self.write(move |tx| {
            let mut read =
                tx.prepare_cached("SELECT generation, matches FROM component WHERE id = ?1")?;
            let mut write = tx.prepare_cached(
                "UPDATE component SET generation = ?2, matches = ?3 WHERE id = ?1",
            )?;
            let mut changed = 0;
            for (id, groups) in &matched {
                let text = serde_json::to_string(groups)?;
                let before: Option<(Option<i64>, String)> = read
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let Some((matched_by, before)) = before else {
                    continue;
                };
                if before != text || matched_by.is_none() {
                    write.execute(params![id, generation, text])?;
                }
                if before != text {
                    changed += 1;
                    // Who holds a component that was never matched waits already: its inventory was looked up
                    // in a transaction that marked it, and nothing is weighed before all is matched.
                    if matched_by.is_some() {
                        pend_holders(tx, *id, "advisories")?;
                    }
                }
            }
            Ok(changed)
        })
        .await
    }

    /// The generation of the advisories by which everything was matched last; -1 when nothing ever was.
    pub fn matched_by(&self) -> Result<i64> {
        self.read(|tx| {
            let generation = meta(tx, "advisory-generation")?;
            Ok(generation
                .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
                .unwrap_or(-1))
        })
    }

    /// Marks every location when what issues are weighed by is another than the last time.
    pub async fn pend_for_inputs(&self, inputs: String) -> Result<()> {
        self.write(move |tx| {
            if meta(tx, "weighed-by")?.as_deref() != Some(inputs.as_bytes()) {
                pend_everything(tx, "inputs")?;
                set_meta(tx, "weighed-by", &inputs)?;
            }
            Ok(())
        })
        .await
    }

    /// Remembers that everything was matched by a generation.
    pub async fn set_matched_by(&self, generation: i64) -> Result<()> {
        if self.matched_by()? == generation {
            return Ok(());
        }
        self.write(move |tx| set_meta(tx, "advisory-generation", &generation.to_string()))
            .await
    }

    /// What the packages of current images are, and why some are not looked up.
    pub fn coverage(&self) -> Result<Coverage> {
        self.read(|tx| {
            let current = "FROM package JOIN inventory ON inventory.id = package.inventory_id
                 LEFT JOIN component ON component.id = package.component_id
                 WHERE inventory.location_id IS NULL AND EXISTS
                     (SELECT 1 FROM image JOIN location ON location.id = image.location_id
                      WHERE image.digest = inventory.digest AND image.gone_at IS NULL
                        AND location.connection_id = inventory.connection_id)";
            let pairs = |sql: &str| -> Result<Vec<(String, u64)>> {
                let mut statement = tx.prepare(sql)?;
                let rows = statement.query_map([], |row| {
                    Ok((
                        row.get(0)?,
                        u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                    ))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            };
            Ok(Coverage {
                ecosystems: pairs(&format!(
                    "SELECT json_extract(component.record, '$.ecosystem') AS one, count(*) {current}
                     AND component.id IS NOT NULL GROUP BY one ORDER BY 2 DESC, 1"
                ))?,
                not_looked_up: pairs(&format!(
                    "SELECT package.no_lookup AS one, count(*) {current}
                     AND package.no_lookup IS NOT NULL GROUP BY one ORDER BY 2 DESC, 1"
                ))?,
            })
        })
    }
}

fn waiting(mut rows: rusqlite::Rows<'_>) -> Result<Vec<WaitingComponent>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(1)?;
        found.push(WaitingComponent {
            id: row.get(0)?,
            component: serde_json::from_str(&record)?,
        });
    }
    Ok(found)
}

pub(super) fn meta(tx: &Transaction<'_>, key: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

pub(super) fn set_meta(tx: &Transaction<'_>, key: &str, value: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, value.as_bytes()])?;
    Ok(())
}

/// What became of packages that were looked up, by the ecosystem of their image and their record: the row of
/// the component, or the word why there is none.
type Known = HashMap<String, HashMap<String, (Option<i64>, Option<&'static str>)>>;

/// Looks up the packages of one inventory; answers how many they are.
fn look_up(
    tx: &Transaction<'_>,
    inventory: i64,
    connection: i64,
    digest: &str,
    known: &mut Known,
) -> Result<usize> {
    let os_ecosystem: Option<String> = tx
        .prepare_cached(
            "SELECT image.record FROM image JOIN location ON location.id = image.location_id
             WHERE image.digest = ?1 AND location.connection_id = ?2 ORDER BY image.id DESC LIMIT 1",
        )?
        .query_row(params![digest, connection], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|record| serde_json::from_str::<crate::contract::Image>(&record).ok())
        .and_then(|image| image.operating_system)
        .and_then(|os| {
            let found = os.attributes.into_iter().find(|(key, _)| key == "osv-ecosystem");
            found.map(|(_, value)| value)
        });
    let packages: Vec<(i64, String)> = tx
        .prepare_cached("SELECT seq, record FROM package WHERE inventory_id = ?1 ORDER BY seq")?
        .query_map([inventory], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO component (record, ecosystem, name, source_name) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (record) DO NOTHING",
    )?;
    let mut find = tx.prepare_cached("SELECT id FROM component WHERE record = ?1")?;
    let mut update = tx.prepare_cached(
        "UPDATE package SET component_id = ?3, no_lookup = ?4 WHERE inventory_id = ?1 AND seq = ?2",
    )?;
    let known = known
        .entry(os_ecosystem.clone().unwrap_or_default())
        .or_default();
    let count = packages.len();
    for (seq, text) in packages {
        let (id, no) = match known.get(&text) {
            Some(found) => *found,
            None => {
                let package: Package = serde_json::from_str(&text)?;
                let found = match lookup(&as_lookup(&package, os_ecosystem.as_deref())) {
                    Lookup::Component(component) => {
                        let record = serde_json::to_string(&component)?;
                        let ecosystem = ox_advisory::Ecosystem::parse(&component.ecosystem).name;
                        let source = component.source.as_ref().map(|(name, _)| name);
                        insert.execute(params![record, ecosystem, component.name, source])?;
                        (Some(find.query_row([&record], |row| row.get(0))?), None)
                    }
                    Lookup::No(why) => (None, Some(no_lookup_word(&why))),
                };
                if known.len() < REMEMBERED {
                    known.insert(text, found);
                }
                found
            }
        };
        update.execute(params![inventory, seq, id, no])?;
    }
    tx.prepare_cached("UPDATE inventory SET looked_up = ?2 WHERE id = ?1")?
        .execute([inventory, LOOKUP_VERSION])?;
    pend_images(tx, connection, digest, "inventory")?;
    Ok(count)
}

fn no_lookup_word(why: &ox_advisory::matching::NoLookup) -> &'static str {
    use ox_advisory::matching::NoLookup;
    match why {
        NoLookup::OwnedBySystem(_) => "owned-by-system",
        NoLookup::NoVersion => "no-version",
        NoLookup::NoEcosystem => "no-ecosystem",
        NoLookup::OwnProgram => "own-program",
        NoLookup::IncompleteName => "incomplete-name",
    }
}

/// A package as the matching crate takes it.
pub(crate) fn as_lookup<'a>(
    package: &'a Package,
    os_ecosystem: Option<&'a str>,
) -> LookupPackage<'a> {
    LookupPackage {
        format: &package.format,
        name: &package.name,
        version: &package.version,
        source_name: package.source_name.as_deref(),
        source_version: package.source_version.as_deref(),
        purl: &package.purl,
        origin: origin_word(package.origin),
        owner: package.owner.as_deref(),
        os_ecosystem,
        attributes: &package.attributes,
    }
}

/// The contract's word for an origin.
pub(crate) fn origin_word(origin: PackageOrigin) -> &'static str {
    match origin {
        PackageOrigin::Unknown => "unknown",
        PackageOrigin::BaseImage => "base-image",
        PackageOrigin::OperatingSystem => "operating-system",
        PackageOrigin::UserLayer => "user-layer",
        PackageOrigin::JavaArchive => "java-archive",
    }
}

/// Marks every location that has an image with that inventory.
fn pend_images(tx: &Transaction<'_>, connection: i64, digest: &str, cause: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO pending (location_id, cause)
         SELECT DISTINCT image.location_id, ?3 FROM image JOIN location ON location.id = image.location_id
         WHERE image.digest = ?2 AND location.connection_id = ?1 ON CONFLICT (location_id) DO NOTHING",
    )?
    .execute(params![connection, digest, cause])?;
    Ok(())
}

/// Marks every location with an image that holds a component.
fn pend_holders(tx: &Transaction<'_>, component: i64, cause: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO pending (location_id, cause)
         SELECT DISTINCT image.location_id, ?2
         FROM package JOIN inventory ON inventory.id = package.inventory_id
              JOIN image ON image.digest = inventory.digest AND image.gone_at IS NULL
              JOIN location ON location.id = image.location_id AND location.connection_id = inventory.connection_id
         WHERE package.component_id = ?1 AND inventory.location_id IS NULL
         ON CONFLICT (location_id) DO NOTHING",
    )?
    .execute(params![component, cause])?;
    Ok(())
}
