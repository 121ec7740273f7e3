//! Whether an answer of a component is what the contract says.
//!
//! Sizes and texts are no matter of this file (limits and cleaning see to them); meaning is: identifiers
//! that can be used as keys, kinds that exist, one result for each step, a listing that moves.

use std::collections::HashSet;

use super::clean::is_unwanted;
use crate::contract::{
    FieldKind, LocationPage, Manifest, Observation, Profile, Setting, Verification,
};

/// Bytes of a location's id; the contract says so.
pub(crate) const MAX_ID: usize = 512;

/// Bytes of a listing's cursor; the contract says so.
const MAX_LIST_CURSOR: usize = 4 << 10;

/// Locations of one page, and things that a page could not list.
const MAX_LOCATIONS: usize = 10_000;

/// Bytes of a location's path.
const MAX_PATH: usize = 4 << 10;

/// Fields, steps, scopes, kinds of a manifest: each a list that a person reads.
const MAX_MANIFEST_LIST: usize = 100;

/// Bytes of an identifier in a manifest.
const MAX_NAME: usize = 64;

/// Origins of a profile.
const MAX_ORIGINS: usize = 64;

/// Bytes of one setting in its normal form.
const MAX_SETTING: usize = 64 << 10;

/// Bytes of a digest.
const MAX_DIGEST: usize = 256;

/// What is wrong, as half a sentence that begins with "it".
type Verdict = Result<(), String>;

/// What a component says of itself.
pub(crate) fn manifest(manifest: &Manifest) -> Verdict {
    name("id", &manifest.id)?;
    for (what, text) in [
        ("name", &manifest.name),
        ("version", &manifest.version),
        ("category", &manifest.category),
        ("source-tool", &manifest.source_tool),
    ] {
        if text.trim().is_empty() {
            return Err(format!("its {what} is empty"));
        }
    }
    names(
        "fields",
        manifest.fields.iter().map(|field| field.key.as_str()),
    )?;
    let address = manifest
        .fields
        .iter()
        .find(|field| field.kind == FieldKind::Url);
    if address.is_some_and(|field| !field.required || field.default.is_some()) {
        return Err(
            "its first field of the kind url must be required and have no default: secrets go to that \
             address, so a person has to enter it"
                .to_owned(),
        );
    }
    names(
        "verify-steps",
        manifest.verify_steps.iter().map(|step| step.id.as_str()),
    )?;
    names(
        "location-kinds",
        manifest.location_kinds.iter().map(|kind| kind.id.as_str()),
    )?;
    if manifest.scopes.len() > MAX_MANIFEST_LIST || manifest.emits.len() > MAX_MANIFEST_LIST {
        return Err(format!(
            "it lists more than {MAX_MANIFEST_LIST} scopes or observations"
        ));
    }
    Ok(())
}

fn names<'a>(list: &str, ids: impl ExactSizeIterator<Item = &'a str>) -> Verdict {
    if ids.len() > MAX_MANIFEST_LIST {
        return Err(format!(
            "it has {} {list}; at most {MAX_MANIFEST_LIST} are allowed",
            ids.len()
        ));
    }
    let mut seen = HashSet::new();
    for id in ids {
        name(list, id)?;
        if !seen.insert(id) {
            return Err(format!("its {list} name {id:?} twice"));
        }
    }
    Ok(())
}

/// Lower-case words with hyphens.
fn name(what: &str, id: &str) -> Verdict {
    let fine = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.len() <= MAX_NAME
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fine {
        Ok(())
    } else {
        Err(format!(
            "{what}: {id:?} is no identifier (lower-case words with hyphens, at most {MAX_NAME} bytes)"
        ))
    }
}

/// Takes secrets and their stand-ins out of a profile's settings, and says what can't be stored.
pub(crate) fn profile(
    profile: &mut Profile,
    manifest: &Manifest,
    stand_ins: &[String],
    secret: impl Fn(&str) -> bool,
) -> Verdict {
    if profile.origins.len() > MAX_ORIGINS {
        return Err(format!(
            "it asks for {} origins; at most {MAX_ORIGINS} are allowed",
            profile.origins.len()
        ));
    }
    let mut seen = HashSet::new();
    for (key, value) in &profile.settings {
        let Some(field) = manifest.fields.iter().find(|field| field.key == *key) else {
            return Err(format!(
                "its settings hold {key:?}, which is no field of its form"
            ));
        };
        if !seen.insert(key) {
            return Err(format!("its settings hold {key:?} twice"));
        }
        if value.len() > MAX_SETTING {
            return Err(format!(
                "its setting {key} has {} bytes; at most {MAX_SETTING} are allowed",
                value.len()
            ));
        }
        let holds_one = stand_ins
            .iter()
            .any(|stand_in| value.contains(stand_in.as_str()));
        if field.kind != FieldKind::Secret && (holds_one || secret(value)) {
            return Err(format!(
                "its setting {key}, which is stored openly, holds a secret"
            ));
        }
    }
    profile
        .settings
        .retain(|(key, _): &Setting| !is_secret(manifest, key));
    Ok(())
}

/// Whether a field of the form is a secret.
pub(crate) fn is_secret(manifest: &Manifest, key: &str) -> bool {
    manifest
        .fields
        .iter()
        .any(|field| field.key == key && field.kind == FieldKind::Secret)
}

/// One result for each step, in the manifest's order.
pub(crate) fn verification(verification: &Verification, manifest: &Manifest) -> Verdict {
    let answered = verification.steps.iter().map(|step| step.id.as_str());
    let announced = manifest.verify_steps.iter().map(|step| step.id.as_str());
    if answered.clone().eq(announced.clone()) {
        return Ok(());
    }
    let list = |ids: &mut dyn Iterator<Item = &str>| {
        ids.take(MAX_MANIFEST_LIST)
            .map(|id| format!("{id:.64}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    Err(format!(
        "verify answered the steps {}; its manifest announces {}, each once and in that order",
        list(&mut answered.clone()),
        list(&mut announced.clone())
    ))
}

/// A page of locations that can be stored and continued.
pub(crate) fn location_page(
    page: &LocationPage,
    manifest: &Manifest,
    cursor: Option<&str>,
) -> Verdict {
    for (what, count) in [
        ("locations", page.locations.len()),
        ("skipped things", page.skipped.len()),
    ] {
        if count > MAX_LOCATIONS {
            return Err(format!(
                "list-locations answered {count} {what} in one page; at most {MAX_LOCATIONS} are allowed"
            ));
        }
    }
    for location in &page.locations {
        id("location", &location.id)?;
        if let Some(parent) = &location.parent {
            id("parent", parent)?;
        }
        let Some(kind) = manifest
            .location_kinds
            .iter()
            .find(|kind| kind.id == location.kind)
        else {
            return Err(format!(
                "list-locations answered a location of the kind {:?}, which its manifest does not have",
                shorten(&location.kind)
            ));
        };
        if location.scannable && !kind.scannable {
            return Err(format!(
                "list-locations says that {:?} can be scanned; locations of the kind {} can't",
                shorten(&location.path),
                kind.id
            ));
        }
        if location.path.is_empty() || location.path.len() > MAX_PATH {
            return Err(format!(
                "list-locations answered a path of {} bytes; 1 to {MAX_PATH} are allowed",
                location.path.len()
            ));
        }
    }
    match (&page.next, cursor) {
        (Some(next), _) if next.len() > MAX_LIST_CURSOR => Err(format!(
            "list-locations answered a cursor of {} bytes; at most {MAX_LIST_CURSOR} are allowed",
            next.len()
        )),
        (Some(next), Some(cursor)) if next == cursor => Err(
            "list-locations answered the cursor that it was given, so the listing would never end"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Observations whose keys can be used as such.
pub(crate) fn observations(observations: &[Observation]) -> Verdict {
    for observation in observations {
        match observation {
            Observation::Image(image) => digest("image", &image.digest)?,
            Observation::Packages(batch) => digest("image of a package batch", &batch.image)?,
            Observation::Finding(finding) => {
                id("finding", &finding.id)?;
                id("source of a finding", &finding.source)?;
            }
            Observation::Context(context) => id("location of a context", &context.location)?,
            Observation::Skipped(_) => {}
        }
    }
    Ok(())
}

fn id(what: &str, id: &str) -> Verdict {
    if id.is_empty() || id.len() > MAX_ID {
        return Err(format!(
            "the id of a {what} has {} bytes; 1 to {MAX_ID} are allowed",
            id.len()
        ));
    }
    // What the cleaning would strip: the connector would not know its own id again.
    if id
        .chars()
        .any(|character| character.is_control() || is_unwanted(character))
    {
        return Err(format!(
            "the id of a {what} has control characters: {:?}",
            shorten(id)
        ));
    }
    Ok(())
}

/// `algorithm:hex`, lower case.
fn digest(what: &str, digest: &str) -> Verdict {
    let fine = digest.len() <= MAX_DIGEST
        && digest.split_once(':').is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty()
                && algorithm.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte)
                })
                && hex.len() >= 32
                && hex
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
    if fine {
        Ok(())
    } else {
        Err(format!(
            "the digest of an {what} is {:?}; algorithm:hex is expected",
            shorten(digest)
        ))
    }
}

/// Enough of a text to recognise it.
fn shorten(text: &str) -> &str {
    text.get(..text.floor_char_boundary(80)).unwrap_or(text)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn the_address_that_secrets_go_to_is_entered_by_a_person() {
        let good = samples::manifest();
        assert_eq!(manifest(&good), Ok(()));
        let at = good
            .fields
            .iter()
            .position(|field| field.kind == FieldKind::Url)
            .unwrap();
        let mut preset = good.clone();
        preset.fields[at].default = Some("https://evil.example".to_owned());
        let mut decoy = good.clone();
        let mut other = good.fields[at].clone();
        other.key = "decoy".to_owned();
        other.required = false;
        decoy.fields.insert(0, other);
        for bad in [preset, decoy] {
            let why = manifest(&bad).unwrap_err();
            assert!(why.contains("kind url"), "{why}");
        }
    }
}
