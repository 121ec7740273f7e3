//! Reading everything about one location that its issues are made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ox_advisory::matching::Component;
use rusqlite::{OptionalExtension, Transaction, params};

use super::super::Result;
use crate::contract::{Context, Image, Location, Package};
use crate::queue::{BaseInput, FindingInput, Group, ImageInput, LocationInputs, PackageInput};

/// Repositories of base images that are looked at.
const BASES: usize = 4;
/// Images of one of them, the newest first.
const BASES_OF_ONE: u32 = 8;

/// The inputs of a location; `None` when there is no such location.
pub(super) fn inputs(tx: &Transaction<'_>, row: i64) -> Result<Option<LocationInputs>> {
    let found: Option<(i64, String, String, String, Option<String>)> = tx
        .prepare_cached(
            "SELECT connection.id, connection.name, connection.source_tool, location.record, location.gone_at
             FROM location JOIN connection ON connection.id = location.connection_id WHERE location.id = ?1",
        )?
        .query_row([row], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((connection, connection_name, source_tool, record, gone_at)) = found else {
        return Ok(None);
    };
    let location: Location = serde_json::from_str(&record)?;
    let holder = match &location.parent {
        Some(parent) => tx
            .prepare_cached(
                "SELECT record FROM location WHERE connection_id = ?1 AND external_id = ?2",
            )?
            .query_row(params![connection, parent], |row| row.get::<_, String>(0))
            .optional()?
            .map(|record| serde_json::from_str(&record))
            .transpose()?,
        None => None,
    };
    let mut inputs = LocationInputs {
        connection,
        connection_name,
        source_tool,
        row,
        context: context(tx, connection, &location, row)?,
        location,
        gone_at,
        holder,
        images: Vec::new(),
        packages: Vec::new(),
        groups: BTreeMap::new(),
        findings: Vec::new(),
        bases: Vec::new(),
    };
    if inputs.gone_at.is_none() {
        images(tx, &mut inputs)?;
        packages(tx, &mut inputs)?;
        findings(tx, &mut inputs)?;
        bases(tx, &mut inputs)?;
    }
    Ok(Some(inputs))
}

/// What was said about the location itself and about what holds it.
fn context(
    tx: &Transaction<'_>,
    connection: i64,
    location: &Location,
    row: i64,
) -> Result<Vec<(String, String)>> {
    let mut statement = tx.prepare_cached(
        "SELECT record FROM context WHERE connection_id = ?1 AND (subject = ?2 OR subject = ?3 OR location_id = ?4)
         ORDER BY subject = ?2 DESC, location_id = ?4 DESC, location_id",
    )?;
    let parent = location.parent.as_deref().unwrap_or(&location.id);
    let records = statement
        .query_map(params![connection, location.id, parent, row], |row| {
            row.get::<_, String>(0)
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut all = Vec::new();
    for record in records {
        let context: Context = serde_json::from_str(&record)?;
        all.extend(context.attributes);
    }
    Ok(all)
}

fn images(tx: &Transaction<'_>, inputs: &mut LocationInputs) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT image.id, image.record, image.first_seen, coalesce(inventory.complete, 0)
         FROM image LEFT JOIN inventory ON inventory.connection_id = ?2 AND inventory.digest = image.digest
              AND inventory.location_id IS NULL
         WHERE image.location_id = ?1 AND image.gone_at IS NULL ORDER BY image.id",
    )?;
    let mut rows = statement.query([inputs.row, inputs.connection])?;
    while let Some(row) = rows.next()? {
        let record: String = row.get(1)?;
        let image: Image = serde_json::from_str(&record)?;
        inputs.images.push(ImageInput {
            row: row.get(0)?,
            complete: image.complete && row.get(3)?,
            image,
            first_seen: row.get(2)?,
        });
    }
    Ok(())
}

fn packages(tx: &Transaction<'_>, inputs: &mut LocationInputs) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT package.record, component.id, component.record, component.matches
         FROM inventory JOIN package ON package.inventory_id = inventory.id
              JOIN component ON component.id = package.component_id
         WHERE inventory.connection_id = ?1 AND inventory.digest = ?2 AND inventory.location_id IS NULL
               AND component.matches <> '[]'
         ORDER BY package.seq",
    )?;
    let mut components: HashMap<i64, Arc<Component>> = HashMap::new();
    for (index, image) in inputs.images.iter().enumerate() {
        let mut rows = statement.query(params![inputs.connection, image.image.digest])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(1)?;
            let looked_up = match components.get(&id) {
                Some(component) => component.clone(),
                None => {
                    let record: String = row.get(2)?;
                    let component: Arc<Component> = Arc::new(serde_json::from_str(&record)?);
                    let matches: String = row.get(3)?;
                    let groups: Vec<Group> = serde_json::from_str(&matches)?;
                    inputs.groups.insert(id, Arc::new(groups));
                    components.insert(id, component.clone());
                    component
                }
            };
            let record: String = row.get(0)?;
            let package: Package = serde_json::from_str(&record)?;
            inputs.packages.push(PackageInput {
                image: index,
                package,
                component: id,
                looked_up,
            });
        }
    }
    Ok(())
}

/// The images of the repositories that the location's images are built on, as far as they were scanned.
fn bases(tx: &Transaction<'_>, inputs: &mut LocationInputs) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    for image in &inputs.images {
        let name = image
            .image
            .attributes
            .iter()
            .find(|(key, _)| key == "base.name");
        let Some((_, name)) = name else {
            continue;
        };
        let repository = repository_of(name).to_owned();
        if names.len() < BASES && !names.contains(&repository) {
            names.push(repository);
        }
    }
    let mut images = tx.prepare_cached(
        "SELECT image.record, inventory.id, inventory.complete
         FROM image JOIN location ON location.id = image.location_id
              JOIN inventory ON inventory.connection_id = location.connection_id AND inventory.digest = image.digest
                   AND inventory.location_id IS NULL
         WHERE location.connection_id = ?1 AND image.gone_at IS NULL
               AND ?2 IN (image.registry || '/' || image.repository, image.repository)
         ORDER BY image.id DESC LIMIT ?3",
    )?;
    let mut packages = tx.prepare_cached(
        "SELECT name, version FROM package WHERE inventory_id = ?1
         UNION SELECT source_name, coalesce(source_version, version) FROM package
         WHERE inventory_id = ?1 AND source_name IS NOT NULL",
    )?;
    for name in names {
        let mut rows = images.query(params![inputs.connection, name, BASES_OF_ONE])?;
        while let Some(row) = rows.next()? {
            let record: String = row.get(0)?;
            let image: Image = serde_json::from_str(&record)?;
            let inventory: i64 = row.get(1)?;
            inputs.bases.push(BaseInput {
                repository: format!("{}/{}", image.registry, image.repository),
                tag: image.tags.first().cloned(),
                digest: image.index.clone().unwrap_or_else(|| image.digest.clone()),
                pushed: image
                    .pushed
                    .clone()
                    .or_else(|| image.config.created.clone()),
                complete: image.complete && row.get(2)?,
                packages: packages
                    .query_map([inventory], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<rusqlite::Result<_>>()?,
            });
        }
    }
    Ok(())
}

/// A reference without tag and digest.
fn repository_of(reference: &str) -> &str {
    let reference = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

fn findings(tx: &Transaction<'_>, inputs: &mut LocationInputs) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT record, first_seen FROM finding WHERE location_id = ?1 AND gone_at IS NULL
         ORDER BY source, external_id, image_key",
    )?;
    let mut rows = statement.query([inputs.row])?;
    while let Some(row) = rows.next()? {
        let record: String = row.get(0)?;
        inputs.findings.push(FindingInput {
            finding: serde_json::from_str(&record)?,
            first_seen: row.get(1)?,
        });
    }
    Ok(())
}
