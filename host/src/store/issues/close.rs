//! What became of what an issue was in: the facts that [`crate::queue::fate`] decides by.

use ox_issue::Issue;
use rusqlite::{OptionalExtension, Transaction, params};

use super::super::Result;
use crate::contract::Image;
use crate::queue::{Book, Closing, Fate, LocationInputs, Successor, fate};

/// Places of an issue that are looked at; those of one issue share their fate nearly always.
const PLACES: usize = 200;

/// An image that an issue was in.
struct Was {
    image: i64,
    digest: String,
    record: String,
    gone: bool,
    version: String,
}

pub(super) fn fate_of(
    tx: &Transaction<'_>,
    inputs: &LocationInputs,
    id: i64,
    issue: &Issue,
    book: &Book,
) -> Result<Fate> {
    let what = issue.package.as_ref().map_or_else(
        || match issue.kind {
            ox_issue::facts::Kind::Secret => "the secret".to_owned(),
            _ => "it".to_owned(),
        },
        |package| package.name.clone(),
    );
    let mut closing = Closing {
        what,
        location_gone: inputs.gone_at.as_ref().map(|_| {
            format!(
                "The repository {} is no longer there.",
                inputs.location.path
            )
        }),
        withdrawn: issue
            .identifiers
            .iter()
            .filter(|one| one.same)
            .map(|one| one.value.clone())
            .find(|id| book.is_withdrawn(id)),
        tool: tool_says(tx, inputs, issue)?,
        places: Vec::new(),
    };
    for was in places(tx, id)? {
        closing.places.push(successor(tx, inputs, issue, &was)?);
    }
    Ok(fate(&closing))
}

/// What the tool says, when only a tool reported the issue.
fn tool_says(
    tx: &Transaction<'_>,
    inputs: &LocationInputs,
    issue: &Issue,
) -> Result<Option<String>> {
    let Some(source) = issue
        .sources
        .iter()
        .find(|source| source.tool == inputs.source_tool)
    else {
        return Ok(None);
    };
    if issue.sources.len() > 1 {
        return Ok(None);
    }
    let state: Option<(Option<String>, String)> = tx
        .prepare_cached(
            "SELECT gone_at, record FROM finding WHERE location_id = ?1 AND external_id = ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![inputs.row, source.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let tool = &inputs.source_tool;
    Ok(Some(match state {
        Some((None, record)) => {
            let finding: crate::contract::Finding = serde_json::from_str(&record)?;
            if finding.no_longer_detected {
                format!("{tool} no longer detects it on the default branch.")
            } else {
                format!("{tool}'s users marked it as resolved.")
            }
        }
        _ => format!("{tool} no longer reports it."),
    }))
}

fn places(tx: &Transaction<'_>, issue: i64) -> Result<Vec<Was>> {
    let mut statement = tx.prepare_cached(
        "SELECT image.id, image.digest, image.record, image.gone_at IS NOT NULL, occurrence.version
         FROM occurrence JOIN image ON image.id = occurrence.image_id
         WHERE occurrence.issue_id = ?1 ORDER BY image.id DESC, occurrence.path LIMIT ?2",
    )?;
    let rows = statement.query_map(
        params![issue, i64::try_from(PLACES).unwrap_or(i64::MAX)],
        |row| {
            Ok(Was {
                image: row.get(0)?,
                digest: row.get(1)?,
                record: row.get(2)?,
                gone: row.get(3)?,
                version: row.get(4)?,
            })
        },
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn successor(
    tx: &Transaction<'_>,
    inputs: &LocationInputs,
    issue: &Issue,
    was: &Was,
) -> Result<Successor> {
    let image: Image = serde_json::from_str(&was.record)?;
    if !was.gone {
        let complete = inputs
            .images
            .iter()
            .any(|one| one.row == was.image && one.complete);
        return Ok(Successor::Itself {
            name: name_of(&image),
            complete,
            version: version_in(tx, inputs.connection, &was.digest, issue)?,
            before: was.version.clone(),
        });
    }
    let tags: Vec<String> = tx
        .prepare_cached("SELECT tag FROM image_tag WHERE image_id = ?1 ORDER BY tag")?
        .query_map([was.image], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let heir = inputs.images.iter().find(|one| {
        one.image.repository == image.repository
            && one.image.platform.os == image.platform.os
            && one.image.platform.architecture == image.platform.architecture
            && one.image.platform.variant == image.platform.variant
            && one.image.tags.iter().any(|tag| tags.contains(tag))
    });
    Ok(match heir {
        Some(heir) => {
            let tag = heir.image.tags.iter().find(|tag| tags.contains(tag));
            let tag = tag.map_or("", String::as_str);
            Successor::Tagged {
                name: format!("{}:{tag}", heir.image.repository),
                complete: heir.complete,
                version: version_in(tx, inputs.connection, &heir.image.digest, issue)?,
            }
        }
        None => Successor::Gone {
            name: name_of(&image),
        },
    })
}

/// How people call an image: by its first tag, else by the beginning of its digest.
fn name_of(image: &Image) -> String {
    match image.tags.first() {
        Some(tag) => format!("{}:{tag}", image.repository),
        None => {
            let digest: String = image.digest.chars().take(19).collect();
            format!("{}@{digest}", image.repository)
        }
    }
}

/// The version of the issue's package in an image.
fn version_in(
    tx: &Transaction<'_>,
    connection: i64,
    digest: &str,
    issue: &Issue,
) -> Result<Option<String>> {
    let Some(package) = &issue.package else {
        return Ok(None);
    };
    let mut statement = tx.prepare_cached(
        "SELECT package.version FROM inventory JOIN package ON package.inventory_id = inventory.id
         WHERE inventory.connection_id = ?1 AND inventory.digest = ?2 AND inventory.location_id IS NULL
           AND package.format = ?3 AND (package.name = ?4 COLLATE NOCASE OR package.source_name = ?4 COLLATE NOCASE)
         ORDER BY package.seq LIMIT 1",
    )?;
    let mut names = vec![package.name.as_str()];
    names.extend(package.source_name.as_deref());
    names.extend(issue.package_names.iter().map(String::as_str));
    for name in names {
        let found: Option<String> = statement
            .query_row(params![connection, digest, package.format, name], |row| {
                row.get(0)
            })
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
