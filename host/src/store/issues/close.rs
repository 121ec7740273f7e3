//! What became of what an issue was in: the facts that [`crate::queue::fate`] decides by.

use std::collections::HashMap;

use ox_issue::Issue;
use ox_issue::facts::Kind;
use rusqlite::{OptionalExtension, Transaction, params};

use super::super::Result;
use crate::contract::{Finding, FindingState, Image};
use crate::queue::{Book, Closing, Fate, LocationInputs, OWN_MATCH, Seen, Successor, fate};

/// Images of an issue in which its package is looked up; those of one issue share their fate nearly always.
/// Whether they were read whole is looked at for all of them.
const LOOKED_UP: usize = 16;
/// Sources of an issue that are looked at.
const SOURCES: usize = 200;

/// What became of an image.
#[derive(Clone)]
enum Became {
    /// It is there.
    Itself(Now),
    /// A tag of it leads to another one.
    Tagged(Now),
    /// Neither.
    Gone(String),
}

/// An image of now.
#[derive(Clone)]
struct Now {
    name: String,
    complete: bool,
    digest: String,
}

/// Repository, platform and tag: what makes an image the heir of another.
type Tag<'i> = (&'i str, &'i str, String, &'i str);

/// What became of the images of one location. Each is asked about once.
pub(super) struct Fates<'a> {
    tx: &'a Transaction<'a>,
    inputs: &'a LocationInputs,
    by_row: HashMap<i64, usize>,
    by_tag: HashMap<Tag<'a>, usize>,
    became: HashMap<i64, Became>,
}

fn platform(image: &Image) -> String {
    let platform = &image.platform;
    let variant = platform.variant.as_deref().unwrap_or_default();
    format!("{}/{}/{variant}", platform.os, platform.architecture)
}

impl<'a> Fates<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, inputs: &'a LocationInputs) -> Self {
        let mut by_row = HashMap::new();
        let mut by_tag = HashMap::new();
        for (at, one) in inputs.images.iter().enumerate() {
            by_row.insert(one.row, at);
            let image = &one.image;
            for tag in &image.tags {
                let key = (
                    image.registry.as_str(),
                    image.repository.as_str(),
                    platform(image),
                    tag.as_str(),
                );
                by_tag.entry(key).or_insert(at);
            }
        }
        Self {
            tx,
            inputs,
            by_row,
            by_tag,
            became: HashMap::new(),
        }
    }

    /// What becomes of an open issue that nothing shows any more. `same_as` is an issue that is open and
    /// says the same.
    pub(super) fn of(
        &mut self,
        id: i64,
        issue: &Issue,
        same_as: Option<i64>,
        book: &Book,
    ) -> Result<Fate> {
        let what = issue.package.as_ref().map_or_else(
            || match issue.kind {
                Kind::Secret => "the secret".to_owned(),
                _ => "it".to_owned(),
            },
            |package| package.name.clone(),
        );
        let mut closing = Closing {
            what,
            location_gone: self.inputs.gone_at.as_ref().map(|_| {
                format!(
                    "The repository {} is no longer there.",
                    self.inputs.location.path
                )
            }),
            same_as: same_as.map(|id| format!("OX-{id}")),
            withdrawn: withdrawn(issue, book),
            tool: self.tool_says(issue)?,
            places: Vec::new(),
        };
        if closing.location_gone.is_none() && same_as.is_none() {
            let mut looked_up = 0;
            for (image, version) in places(self.tx, id)? {
                let became = self.became(image)?;
                let seen = |now: Now| -> Result<Seen> {
                    let mut seen = Seen {
                        name: now.name,
                        complete: now.complete,
                        version: None,
                        before: version,
                    };
                    if looked_up < LOOKED_UP || !now.complete {
                        looked_up += 1;
                        seen.version = self.version_in(&now.digest, issue, &seen.before)?;
                    }
                    Ok(seen)
                };
                closing.places.push(match became {
                    Became::Itself(now) => Successor::Itself(seen(now)?),
                    Became::Tagged(now) => Successor::Tagged(seen(now)?),
                    Became::Gone(name) => Successor::Gone { name },
                });
            }
        }
        Ok(fate(&closing))
    }

    /// True when it can't be told whether an image (or the one that its tags lead to now) still has what it
    /// had: it was not read whole, and the package is not seen there as it was.
    pub(super) fn is_unread(&mut self, image: i64, issue: &Issue, version: &str) -> Result<bool> {
        let now = match self.became(image)? {
            Became::Itself(now) | Became::Tagged(now) if !now.complete => now,
            _ => return Ok(false),
        };
        let seen = self.version_in(&now.digest, issue, version)?;
        Ok(seen.as_deref() != Some(version))
    }

    fn became(&mut self, row: i64) -> Result<Became> {
        if let Some(known) = self.became.get(&row) {
            return Ok(known.clone());
        }
        let found = self.find(row)?;
        self.became.insert(row, found.clone());
        Ok(found)
    }

    fn find(&self, row: i64) -> Result<Became> {
        let now = |at: usize, tag: Option<&str>| {
            let one = self.inputs.images.get(at)?;
            Some(Now {
                name: match tag {
                    Some(tag) => format!("{}:{tag}", one.image.repository),
                    None => name_of(&one.image),
                },
                complete: one.complete,
                digest: one.image.digest.clone(),
            })
        };
        if let Some(now) = self.by_row.get(&row).and_then(|at| now(*at, None)) {
            return Ok(Became::Itself(now));
        }
        let record: Option<String> = self
            .tx
            .prepare_cached("SELECT record FROM image WHERE id = ?1")?
            .query_row([row], |row| row.get(0))
            .optional()?;
        let Some(record) = record else {
            return Ok(Became::Gone(String::from(
                "an image that is no longer known",
            )));
        };
        let image: Image = serde_json::from_str(&record)?;
        let heir = image.tags.iter().find_map(|tag| {
            let key = (
                image.registry.as_str(),
                image.repository.as_str(),
                platform(&image),
                tag.as_str(),
            );
            now(*self.by_tag.get(&key)?, Some(tag))
        });
        Ok(match heir {
            Some(heir) => Became::Tagged(heir),
            None => Became::Gone(name_of(&image)),
        })
    }

    /// What the tool says, when only a tool reported the issue.
    fn tool_says(&self, issue: &Issue) -> Result<Option<String>> {
        let tool = &self.inputs.source_tool;
        if issue.sources.is_empty() || issue.sources.iter().any(|source| source.tool != *tool) {
            return Ok(None);
        }
        let mut statement = self.tx.prepare_cached(
            "SELECT gone_at, record FROM finding WHERE location_id = ?1 AND external_id = ?2 ORDER BY id DESC LIMIT 1",
        )?;
        let mut said = format!("{tool} no longer reports it.");
        for source in issue.sources.iter().take(SOURCES) {
            let found: Option<(Option<String>, String)> = statement
                .query_row(params![self.inputs.row, source.id], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((None, record)) = found else {
                continue;
            };
            let finding: Finding = serde_json::from_str(&record)?;
            if finding.no_longer_detected {
                return Ok(Some(format!(
                    "{tool} no longer detects it on the default branch."
                )));
            }
            if finding.state == FindingState::Resolved {
                said = format!("{tool}'s users marked it as resolved.");
            }
        }
        Ok(Some(said))
    }

    /// The version of the issue's package in an image; the one that it had, when that is there too.
    fn version_in(&self, digest: &str, issue: &Issue, before: &str) -> Result<Option<String>> {
        let Some(package) = &issue.package else {
            return Ok(None);
        };
        let mut statement = self.tx.prepare_cached(
            "SELECT package.version FROM inventory JOIN package ON package.inventory_id = inventory.id
             WHERE inventory.connection_id = ?1 AND inventory.digest = ?2 AND inventory.location_id IS NULL
               AND package.format = ?3 AND (package.name = ?4 COLLATE NOCASE OR package.source_name = ?4 COLLATE NOCASE)
             ORDER BY package.version <> ?5, package.seq LIMIT 1",
        )?;
        let mut names = vec![package.name.as_str()];
        names.extend(package.source_name.as_deref());
        names.extend(
            issue
                .package_names
                .iter()
                .map(String::as_str)
                .take(LOOKED_UP),
        );
        let mut other = None;
        for name in names {
            let found: Option<String> = statement
                .query_row(
                    params![self.inputs.connection, digest, package.format, name, before],
                    |row| row.get(0),
                )
                .optional()?;
            if found.as_deref() == Some(before) {
                return Ok(found);
            }
            other = other.or(found);
        }
        Ok(other)
    }
}

/// The first advisory of an issue, when all that said so were withdrawn and nothing else says it.
fn withdrawn(issue: &Issue, book: &Book) -> Option<String> {
    let mut sources = issue.sources.iter();
    let all = sources.all(|source| source.tool == OWN_MATCH && book.is_withdrawn(&source.id));
    issue
        .sources
        .first()
        .filter(|_| all)
        .map(|source| source.id.clone())
}

/// Image (row) and version of each place of an issue, the newest image first.
fn places(tx: &Transaction<'_>, issue: i64) -> Result<Vec<(i64, String)>> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT image_id, version FROM occurrence WHERE issue_id = ?1 ORDER BY image_id DESC, version",
    )?;
    let rows = statement.query_map([issue], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
