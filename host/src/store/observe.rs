//! How observations become rows.
//!
//! Everything here runs inside the transaction of a batch, and everything is an upsert by an identity that
//! the next scan finds again, so a scan that is killed and resumed ends in the same rows as one that is
//! not.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Result, StoreError, now};
use crate::contract::{
    Context, Explanation, Finding, FindingKind, Image, Observation, PackageBatch, Severity, Skip,
    SkipReason, SkipSubject, Skipped,
};
use crate::host::Counts;

/// Most packages that an image may announce. A whole Debian with every package has about 65 000.
const PACKAGES_PER_IMAGE: u32 = 1_000_000;
/// Most attributes that one location keeps about one subject.
const CONTEXT_ATTRIBUTES: usize = 20_000;
/// Bytes of all that one location says about one subject. The record is read and written whole at every
/// addition, so its size is bounded.
const CONTEXT_BYTES: usize = 8 << 20;
/// The source of what a connector sees by itself, by the contract.
const OWN_SOURCE: &str = "connector";
/// Longest digest, identifier or source that is taken as a key, in bytes.
const KEY_BYTES: usize = 1024;

/// Where observations belong.
pub(super) struct Place {
    pub(super) connection: i64,
    pub(super) location: i64,
    pub(super) generation: i64,
}

pub(super) fn store(
    tx: &Transaction<'_>,
    place: &Place,
    observations: &[Observation],
    counts: &mut Counts,
) -> Result<()> {
    let stamp = now();
    for observation in observations {
        match observation {
            Observation::Image(image) => {
                store_image(tx, place, image, &stamp)?;
                counts.images = counts.images.saturating_add(1);
            }
            Observation::Packages(batch) => {
                store_packages(tx, place, batch, &stamp)?;
                counts.packages = counts.packages.saturating_add(batch.packages.len() as u64);
            }
            Observation::Finding(finding) => {
                store_finding(tx, place, finding, &stamp)?;
                counts.findings = counts.findings.saturating_add(1);
            }
            Observation::Context(context) => store_context(tx, place, context, &stamp)?,
            Observation::Skipped(skipped) => {
                store_skipped(tx, place, skipped, &stamp)?;
                counts.skipped = counts.skipped.saturating_add(1);
            }
        }
    }
    Ok(())
}

fn key<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    if text.is_empty() || text.len() > KEY_BYTES {
        return Err(StoreError::Contract(format!(
            "{what} has {} bytes, and 1 to {KEY_BYTES} are allowed",
            text.len()
        )));
    }
    Ok(text)
}

fn digest<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    let shape = text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && hex.len() >= 32
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    if !shape {
        let shown: String = text.chars().take(80).collect();
        return Err(StoreError::Contract(format!(
            "{what} is not a digest (algorithm:hex): {shown:?}"
        )));
    }
    key(what, text)
}

fn store_image(tx: &Transaction<'_>, place: &Place, image: &Image, stamp: &str) -> Result<()> {
    digest("the digest of an image", &image.digest)?;
    if image.package_count > PACKAGES_PER_IMAGE {
        return Err(StoreError::Contract(format!(
            "image {} announces {} packages, and the limit is {PACKAGES_PER_IMAGE}",
            image.digest, image.package_count
        )));
    }
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO image (location_id, registry, repository, digest, os, architecture, complete, record,
                                generation, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)
             ON CONFLICT (location_id, registry, repository, digest) DO UPDATE SET
                 os = excluded.os, architecture = excluded.architecture, complete = excluded.complete,
                 record = excluded.record, generation = excluded.generation,
                 last_seen = excluded.last_seen, gone_at = NULL
             RETURNING id",
        )?
        .query_row(
            params![
                place.location,
                image.registry,
                image.repository,
                image.digest,
                image.platform.os,
                image.platform.architecture,
                image.complete,
                serde_json::to_string(image)?,
                place.generation,
                stamp
            ],
            |row| row.get(0),
        )?;
    tx.prepare_cached("DELETE FROM image_tag WHERE image_id = ?1")?
        .execute([id])?;
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO image_tag (image_id, tag) VALUES (?1, ?2)")?;
    for tag in &image.tags {
        insert.execute(params![id, tag])?;
    }
    stage_inventory(tx, place, image, stamp)
}

/// Opens a new inventory beside the one that readers see.
fn stage_inventory(tx: &Transaction<'_>, place: &Place, image: &Image, stamp: &str) -> Result<()> {
    // What is known completely is not replaced by less.
    let known_complete: Option<bool> = tx
        .prepare_cached(
            "SELECT complete FROM inventory WHERE connection_id = ?1 AND digest = ?2 AND location_id IS NULL",
        )?
        .query_row(params![place.connection, image.digest], |row| row.get(0))
        .optional()?;
    let discard = known_complete == Some(true) && !image.complete;
    tx.prepare_cached("DELETE FROM inventory WHERE location_id = ?1 AND digest = ?2")?
        .execute(params![place.location, image.digest])?;
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO inventory (connection_id, digest, location_id, complete, discard, announced, received,
                                    stored_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7) RETURNING id",
        )?
        .query_row(
            params![
                place.connection,
                image.digest,
                place.location,
                image.complete,
                discard,
                image.package_count,
                stamp
            ],
            |row| row.get(0),
        )?;
    if image.package_count == 0 {
        switch_inventory(tx, place, id, &image.digest, discard)?;
    }
    Ok(())
}

fn store_packages(
    tx: &Transaction<'_>,
    place: &Place,
    batch: &PackageBatch,
    stamp: &str,
) -> Result<()> {
    let staged: Option<(i64, bool, u32, u32)> = tx
        .prepare_cached(
            "SELECT id, discard, announced, received FROM inventory WHERE location_id = ?1 AND digest = ?2",
        )?
        .query_row(params![place.location, batch.image], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((id, discard, announced, received)) = staged else {
        if batch.packages.is_empty() {
            return Ok(());
        }
        let shown: String = batch.image.chars().take(80).collect();
        return Err(StoreError::Contract(format!(
            "packages came for {shown:?}, which is not an image that waits for packages"
        )));
    };
    let count = u32::try_from(batch.packages.len()).unwrap_or(u32::MAX);
    let total = received.saturating_add(count);
    if total > announced {
        return Err(StoreError::Contract(format!(
            "image {} announced {announced} packages, and {total} came",
            batch.image
        )));
    }
    if !discard {
        let mut insert = tx.prepare_cached(
            "INSERT INTO package (inventory_id, seq, format, name, version, architecture, source_name,
                                  source_version, purl, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for (seq, package) in (received..).zip(&batch.packages) {
            insert.execute(params![
                id,
                seq,
                package.format,
                package.name,
                package.version,
                package.architecture,
                package.source_name,
                package.source_version,
                package.purl,
                serde_json::to_string(package)?
            ])?;
        }
    }
    tx.prepare_cached("UPDATE inventory SET received = ?2, stored_at = ?3 WHERE id = ?1")?
        .execute(params![id, total, stamp])?;
    if total == announced {
        switch_inventory(tx, place, id, &batch.image, discard)?;
    }
    Ok(())
}

/// The staged inventory is whole: readers see it from the end of this transaction.
fn switch_inventory(
    tx: &Transaction<'_>,
    place: &Place,
    id: i64,
    digest: &str,
    discard: bool,
) -> Result<()> {
    if discard {
        tx.prepare_cached("DELETE FROM inventory WHERE id = ?1")?
            .execute([id])?;
        return Ok(());
    }
    tx.prepare_cached(
        "DELETE FROM inventory WHERE connection_id = ?1 AND digest = ?2 AND location_id IS NULL",
    )?
    .execute(params![place.connection, digest])?;
    tx.prepare_cached("UPDATE inventory SET location_id = NULL WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

fn store_finding(
    tx: &Transaction<'_>,
    place: &Place,
    finding: &Finding,
    stamp: &str,
) -> Result<()> {
    // What the connector sees in an image is found in each image; what another tool found is one finding of
    // the location, whatever image it is seen in today.
    let image_key = match (&finding.image_digest, finding.source.as_str()) {
        (Some(digest), OWN_SOURCE) => digest.as_str(),
        _ => "",
    };
    tx.prepare_cached(
        "INSERT INTO finding (connection_id, location_id, source, external_id, severity, image_digest,
                              package_name, record, generation, first_seen, last_seen, kind, image_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12)
         ON CONFLICT (location_id, source, external_id, image_key) DO UPDATE SET
             severity = excluded.severity, image_digest = excluded.image_digest, kind = excluded.kind,
             package_name = excluded.package_name, record = excluded.record,
             generation = excluded.generation, last_seen = excluded.last_seen, gone_at = NULL",
    )?
    .execute(params![
        place.connection,
        place.location,
        key("the source of a finding", &finding.source)?,
        key("the id of a finding", &finding.id)?,
        severity_rank(finding.severity),
        finding.image_digest,
        finding.package_name,
        serde_json::to_string(finding)?,
        place.generation,
        stamp,
        kind_word(finding.kind),
        image_key
    ])?;
    Ok(())
}

/// Severities in their order, for filters and sorting.
pub(super) fn severity_rank(severity: Severity) -> i64 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// Kinds, as the column has them.
pub(super) fn kind_word(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Vulnerability => "vulnerability",
        FindingKind::Secret => "secret",
        FindingKind::Misconfiguration => "misconfiguration",
        FindingKind::Licence => "licence",
        FindingKind::Other => "other",
    }
}

/// What one location says about a subject; several contexts of one scan add up, the next scan replaces.
fn store_context(
    tx: &Transaction<'_>,
    place: &Place,
    context: &Context,
    stamp: &str,
) -> Result<()> {
    let subject = key("the location of a context", &context.location)?;
    let known: Option<(i64, String)> = tx
        .prepare_cached(
            "SELECT generation, record FROM context
             WHERE connection_id = ?1 AND subject = ?2 AND location_id = ?3",
        )?
        .query_row(params![place.connection, subject, place.location], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let mut merged = Context {
        location: context.location.clone(),
        attributes: Vec::new(),
    };
    if let Some((generation, record)) = known
        && generation == place.generation
    {
        merged = serde_json::from_str(&record)?;
    }
    let mut seen: BTreeSet<(String, String)> = merged.attributes.iter().cloned().collect();
    for attribute in &context.attributes {
        if seen.insert(attribute.clone()) {
            merged.attributes.push(attribute.clone());
        }
    }
    if merged.attributes.len() > CONTEXT_ATTRIBUTES {
        return Err(StoreError::Contract(format!(
            "the context of {subject:?} has more than {CONTEXT_ATTRIBUTES} attributes"
        )));
    }
    let record = serde_json::to_string(&merged)?;
    if record.len() > CONTEXT_BYTES {
        return Err(StoreError::Contract(format!(
            "the context of {subject:?} has {} bytes, and {CONTEXT_BYTES} are allowed",
            record.len()
        )));
    }
    tx.prepare_cached(
        "INSERT INTO context (connection_id, subject, location_id, generation, record, seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (connection_id, subject, location_id) DO UPDATE SET
             generation = excluded.generation, record = excluded.record, seen_at = excluded.seen_at",
    )?
    .execute(params![
        place.connection,
        subject,
        place.location,
        place.generation,
        record,
        stamp
    ])?;
    Ok(())
}

fn store_skipped(
    tx: &Transaction<'_>,
    place: &Place,
    skipped: &Skipped,
    stamp: &str,
) -> Result<()> {
    // A newer scan of the location has something to say: its skips replace those of the older one.
    drop_old_skips(tx, place)?;
    tx.prepare_cached(
        "INSERT INTO skipped (location_id, generation, subject, name, image, reason, record, seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (location_id, generation, subject, name, image, reason) DO UPDATE SET
             record = excluded.record, seen_at = excluded.seen_at",
    )?
    .execute(params![
        place.location,
        place.generation,
        serde_json::to_string(&skipped.subject)?,
        skipped.name,
        skipped.image.as_deref().unwrap_or_default(),
        serde_json::to_string(&skipped.skip.reason)?,
        serde_json::to_string(skipped)?,
        stamp
    ])?;
    Ok(())
}

pub(super) fn drop_old_skips(tx: &Transaction<'_>, place: &Place) -> Result<()> {
    tx.prepare_cached("DELETE FROM skipped WHERE location_id = ?1 AND generation < ?2")?
        .execute([place.location, place.generation])?;
    Ok(())
}

/// Inventories that were announced and did not come: said, and dropped. Answers how many.
pub(super) fn drop_unfinished_inventories(tx: &Transaction<'_>, place: &Place) -> Result<u64> {
    let unfinished: Vec<(String, u32, u32)> = tx
        .prepare_cached("SELECT digest, announced, received FROM inventory WHERE location_id = ?1")?
        .query_map([place.location], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (digest, announced, received) in &unfinished {
        let skipped = Skipped {
            subject: SkipSubject::Image,
            name: digest.clone(),
            image: Some(digest.clone()),
            skip: Skip {
                reason: SkipReason::Corrupt,
                why: Explanation {
                    message: format!(
                        "The connector announced {announced} packages of image {digest} and sent {received}; \
                         what was known of the image before is kept."
                    ),
                    hint: "Scan the location again; report it to the connector's author when it happens again."
                        .to_owned(),
                },
            },
        };
        store_skipped(tx, place, &skipped, &now())?;
    }
    tx.prepare_cached("DELETE FROM inventory WHERE location_id = ?1")?
        .execute([place.location])?;
    Ok(unfinished.len() as u64)
}

/// A repository that had at least so many images and has fewer than half of them is looked at twice before
/// anything of it is closed.
const GUARDED_FROM: u64 = 4;

/// A repository with suspiciously few images.
pub(super) struct Shrunken {
    before: u64,
    now: u64,
}

/// Looks whether a complete scan saw suspiciously few images. The second scan in a row that sees so few is
/// believed.
pub(super) fn shrunken(tx: &Transaction<'_>, place: &Place) -> Result<Option<Shrunken>> {
    let (before, seen): (i64, i64) = tx
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE generation >= ?2) FROM image
             WHERE location_id = ?1 AND gone_at IS NULL",
        )?
        .query_row([place.location, place.generation], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let [before, seen] = [before, seen].map(|count| u64::try_from(count).unwrap_or(0));
    // New images make up for those that are gone: a repository whose tags all moved has as many as before.
    let known_before = before.saturating_sub(seen)
        + {
            let kept: i64 = tx
            .prepare_cached(
                "SELECT count(*) FROM image WHERE location_id = ?1 AND gone_at IS NULL AND generation >= ?2
                        AND first_seen < last_seen",
            )?
            .query_row([place.location, place.generation], |row| row.get(0))?;
            u64::try_from(kept).unwrap_or(0)
        };
    let held: i64 = tx
        .prepare_cached("SELECT shrunken FROM location WHERE id = ?1")?
        .query_row([place.location], |row| row.get(0))?;
    let suspicious = known_before >= GUARDED_FROM && seen * 2 < known_before;
    let hold = suspicious && held == 0;
    tx.prepare_cached("UPDATE location SET shrunken = ?2 WHERE id = ?1")?
        .execute(params![place.location, i64::from(hold)])?;
    Ok(hold.then_some(Shrunken {
        before: known_before,
        now: seen,
    }))
}

/// Says that nothing was closed, and why.
pub(super) fn store_shrunken(
    tx: &Transaction<'_>,
    place: &Place,
    shrunken: Shrunken,
    stamp: &str,
) -> Result<()> {
    let Shrunken { before, now } = shrunken;
    let skipped = Skipped {
        subject: SkipSubject::Location,
        name: "images that are missing".to_owned(),
        image: None,
        skip: Skip {
            reason: SkipReason::Empty,
            why: Explanation {
                message: format!(
                    "The repository had {before} images and has {now} now. That may be a fault of the registry, so \
                     nothing was closed."
                ),
                hint:
                    "Scan again: what the next complete scan does not see either is taken as gone."
                        .to_owned(),
            },
        },
    };
    store_skipped(tx, place, &skipped, stamp)
}

/// The location was looked at completely: what was not seen again is gone.
pub(super) fn mark_gone(tx: &Transaction<'_>, place: &Place, stamp: &str) -> Result<()> {
    for table in ["image", "finding"] {
        tx.prepare_cached(&format!(
            "UPDATE {table} SET gone_at = ?3 WHERE location_id = ?1 AND generation < ?2 AND gone_at IS NULL"
        ))?
        .execute(params![place.location, place.generation, stamp])?;
    }
    // Context is not a finding: it says how things are now.
    tx.prepare_cached("DELETE FROM context WHERE location_id = ?1 AND generation < ?2")?
        .execute([place.location, place.generation])?;
    Ok(())
}
