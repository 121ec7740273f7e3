//! From the text of a record to the shapes that matching needs.
//!
//! What would lose a vulnerability when it is cut (packages, ranges, versions) makes the record broken when
//! it is over its limit; what people only read (details, references) is cut.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::wire::{self, List, Text, lax};
use super::{Affected, Event, Head, Import, Range, Reference, SeverityScore};

/// A record may be this large. The largest met has 100 KB; records of the kernel with every tag have a few
/// hundred.
pub const MAX_RECORD_BYTES: usize = 8 << 20;
/// Details are cut after this many bytes.
pub const MAX_DETAILS_BYTES: usize = 64 << 10;
const MAX_SUMMARY_BYTES: usize = 2 << 10;
const MAX_ID_BYTES: usize = 128;
/// Of a name, a version, an import path.
const MAX_NAME_BYTES: usize = 1024;
const MAX_WORD_BYTES: usize = 64;
const MAX_URL_BYTES: usize = 2048;
const MAX_REFERENCES: usize = 1000;
const MAX_SEVERITIES: usize = 20;
const MAX_CWES: usize = 100;

/// A record that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// What it says in general.
    pub head: Head,
    /// What it affects, without what can't be matched: GIT ranges, and elements without package or without
    /// any range or version.
    pub affected: Vec<Affected>,
    /// Elements of `affected` that can't be matched.
    pub unmatchable: usize,
}

/// Why a record can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRecord {
    /// Too many bytes.
    #[error("it is larger than {MAX_RECORD_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or not the JSON of a record.
    #[error("it is no OSV record: {0}")]
    Shape(String),
    /// Nothing to call it by.
    #[error("it has no usable `id`")]
    NoId,
    /// A text that is longer than any real one.
    #[error("its {0} is longer than {1} bytes")]
    TooLong(&'static str, usize),
}

/// Reads one record. Never panics, whatever the bytes are.
pub fn parse(bytes: &[u8]) -> Result<Parsed, BrokenRecord> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(BrokenRecord::TooLarge);
    }
    // A mark at the beginning of the file says that it is UTF-8, which JSON always is.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let record: wire::Record<'_> = serde_json::from_slice(bytes).map_err(|error| {
        let mut reason = error.to_string();
        cut(&mut reason, 200);
        BrokenRecord::Shape(reason)
    })?;
    let id = usable_id(record.id).ok_or(BrokenRecord::NoId)?;

    let database: wire::DatabaseSpecific<'_> = lax(record.database_specific);
    let mut severity_word = word(database.severity);
    let mut informational = word(database.informational);
    let mut all_informational = !record.affected.0.is_empty();
    let mut of_packages = None;

    let mut affected = Vec::with_capacity(record.affected.0.len());
    let mut unmatchable = 0;
    for element in record.affected.0 {
        let database: wire::DatabaseSpecific<'_> = lax(element.database_specific);
        severity_word = severity_word.or_else(|| word(database.severity));
        match word(database.informational) {
            Some(why) => of_packages = of_packages.or(Some(why)),
            None => all_informational = false,
        }
        match package(element)? {
            Some(element) => affected.push(element),
            None => unmatchable += 1,
        }
    }
    if all_informational {
        informational = informational.or(of_packages);
    }

    let (aliases, upstream, related) = (
        ids(record.aliases),
        ids(record.upstream),
        ids(record.related),
    );
    let names_vulnerability = [&aliases, &upstream, &related]
        .into_iter()
        .flatten()
        .any(|id| id.starts_with("CVE-") || id.starts_with("GHSA-"));
    if !names_vulnerability {
        informational = informational.or_else(|| of_update(&id));
    }

    let mut summary = record.summary.filled().unwrap_or_default();
    cut(&mut summary, MAX_SUMMARY_BYTES);
    let mut details = record.details.filled().unwrap_or_default();
    cut(&mut details, MAX_DETAILS_BYTES);
    Ok(Parsed {
        head: Head {
            id,
            modified: time(record.modified).unwrap_or_default(),
            published: time(record.published).filter(|time| !is_zero_time(time)),
            // Go writes a time that is not set as its zero: not withdrawn.
            withdrawn: withdrawn(record.withdrawn),
            aliases,
            upstream,
            related,
            summary,
            details,
            severity: severities(record.severity),
            severity_word,
            cwes: weaknesses(database.cwe_ids, database.cwes),
            references: references(record.references),
            informational,
        },
        affected,
        unmatchable,
    })
}

/// Microseconds since 1970 of an RFC 3339 time.
pub fn instant(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.as_microsecond())
}

/// Go's zero time: nothing was set.
pub fn is_zero_time(text: &str) -> bool {
    text.starts_with("0001-01-01T00:00:00")
}

/// An id is shown, asked for and part of file names of mirrors: no spaces, no control characters.
fn usable_id(id: Text) -> Option<String> {
    let id = id.filled()?;
    let fine = id.len() <= MAX_ID_BYTES && !id.chars().any(|c| c.is_whitespace() || c.is_control());
    fine.then_some(id)
}

fn ids(list: wire::Ids) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::with_capacity(list.0.len());
    for id in list.0.into_iter().filter_map(usable_id) {
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    ids
}

/// Distributions number updates that fix no vulnerability in the same way as those that do. One that names
/// a vulnerability nevertheless is taken for what it names.
fn of_update(id: &str) -> Option<String> {
    let kind = match id.get(..5)? {
        "ALBA-" | "RHBA-" | "RLBA-" | "ELBA-" => "bugfix",
        "ALEA-" | "RHEA-" | "RLEA-" | "ELEA-" => "enhancement",
        _ => return None,
    };
    Some(kind.to_owned())
}

fn time(text: Text) -> Option<String> {
    text.filled()
        .filter(|text| text.len() <= MAX_WORD_BYTES && !text.chars().any(char::is_control))
}

/// Any other text than a zero time says "withdrawn", even one that is no time.
fn withdrawn(text: Text) -> Option<String> {
    let mut text = text.filled().filter(|text| !is_zero_time(text))?;
    cut(&mut text, MAX_WORD_BYTES);
    Some(text)
}

fn word(text: Text) -> Option<String> {
    text.filled()
        .filter(|text| text.len() <= MAX_WORD_BYTES && !text.chars().any(char::is_control))
}

fn package(element: wire::Affected<'_>) -> Result<Option<Affected>, BrokenRecord> {
    let Some(package) = element.package else {
        return Ok(None);
    };
    let (Some(ecosystem), Some(name)) = (package.ecosystem.filled(), package.name.filled()) else {
        return Ok(None);
    };
    within(&ecosystem, "ecosystem")?;
    within(&name, "package name")?;
    let specific: wire::EcosystemSpecific<'_> = lax(element.ecosystem_specific);
    let custom: wire::Ranges = lax(specific.custom_ranges);
    let mut versions = Vec::with_capacity(element.versions.0.len());
    for version in element.versions.0.into_iter().filter_map(Text::filled) {
        within(&version, "version")?;
        versions.push(version);
    }
    let severity = severities(element.severity);
    let of_ubuntu = || {
        let priority = severity.iter().find(|severity| severity.kind == "Ubuntu");
        priority.map(|severity| severity.score.clone())
    };
    let urgency = word(specific.urgency)
        .or_else(|| word(specific.ubuntu_priority))
        .or_else(|| word(specific.severity))
        .or_else(of_ubuntu);
    let affected = Affected {
        ecosystem,
        name,
        ranges: ranges(element.ranges)?,
        versions,
        imports: imports(specific.imports),
        custom_ranges: ranges(custom)?,
        urgency,
        binaries: binaries(specific.binaries),
        severity,
    };
    // Says of no version that it is affected; to take it for "all" would be wrong.
    let silent = affected.ranges.is_empty()
        && affected.versions.is_empty()
        && affected.custom_ranges.is_empty();
    Ok((!silent).then_some(affected))
}

fn within(text: &str, what: &'static str) -> Result<(), BrokenRecord> {
    if text.len() > MAX_NAME_BYTES {
        return Err(BrokenRecord::TooLong(what, MAX_NAME_BYTES));
    }
    Ok(())
}

type MakeEvent = fn(String) -> Event;

fn ranges(list: wire::Ranges) -> Result<Vec<Range>, BrokenRecord> {
    let mut ranges = Vec::with_capacity(list.0.len());
    for range in list.0 {
        // GIT ranges can't be answered without the repository, other types are not known yet.
        let Some(kind @ ("SEMVER" | "ECOSYSTEM")) = range.kind.0.as_deref() else {
            continue;
        };
        let mut events = Vec::with_capacity(range.events.0.len());
        for event in range.events.0 {
            // One kind an object is the rule; old records have several.
            let kinds: [(Text, MakeEvent); 4] = [
                (event.introduced, Event::Introduced),
                (event.fixed, Event::Fixed),
                (event.last_affected, Event::LastAffected),
                (event.limit, Event::Limit),
            ];
            for (version, make) in kinds {
                let Some(version) = version.filled() else {
                    continue;
                };
                within(&version, "version")?;
                events.push(make(version));
            }
        }
        if !events.is_empty() {
            ranges.push(Range {
                kind: kind.to_owned(),
                events,
            });
        }
    }
    Ok(ranges)
}

fn severities(raw: Option<&RawValue>) -> Vec<SeverityScore> {
    let list: List<wire::Severity, 1000> = lax(raw);
    let scores = list.0.into_iter().filter_map(|severity| {
        let (kind, score) = (severity.kind.filled()?, severity.score.filled()?);
        let fits = kind.len() <= MAX_WORD_BYTES && score.len() <= MAX_NAME_BYTES;
        fits.then_some(SeverityScore { kind, score })
    });
    scores.take(MAX_SEVERITIES).collect()
}

fn references(raw: Option<&RawValue>) -> Vec<Reference> {
    let list: List<wire::Reference, 20_000> = lax(raw);
    let references = list.0.into_iter().filter_map(|reference| {
        let url = reference.url.filled()?;
        let kind = reference.kind.filled().unwrap_or_else(|| "WEB".to_owned());
        let fits = url.len() <= MAX_URL_BYTES && kind.len() <= MAX_WORD_BYTES;
        fits.then_some(Reference { kind, url })
    });
    references.take(MAX_REFERENCES).collect()
}

fn weaknesses(ids: Option<&RawValue>, objects: Option<&RawValue>) -> Vec<String> {
    let ids: List<wire::Weakness, 10_000> = lax(ids);
    let objects: List<wire::Weakness, 10_000> = lax(objects);
    let mut seen = BTreeSet::new();
    let all = ids.0.into_iter().chain(objects.0);
    let named = all.filter_map(|weakness| match weakness {
        wire::Weakness::Id(id) | wire::Weakness::Object { id } => Some(id),
        wire::Weakness::Other(_) => None,
    });
    named
        .filter(|id| {
            id.starts_with("CWE-") && id.len() <= MAX_WORD_BYTES && seen.insert(id.clone())
        })
        .take(MAX_CWES)
        .collect()
}

fn imports(raw: Option<&RawValue>) -> Vec<Import> {
    let list: List<wire::Import, 5_000> = lax(raw);
    let imports = list.0.into_iter().filter_map(|import| {
        let path = import.path.filled()?;
        let filled = |list: Vec<Text>, bytes: usize| -> Vec<String> {
            let filled = list.into_iter().filter_map(Text::filled);
            filled.filter(|text| text.len() <= bytes).collect()
        };
        (path.len() <= MAX_NAME_BYTES).then(|| Import {
            path,
            symbols: filled(import.symbols.0, MAX_NAME_BYTES),
            goos: filled(import.goos.0, MAX_WORD_BYTES),
            goarch: filled(import.goarch.0, MAX_WORD_BYTES),
        })
    });
    imports.collect()
}

/// Ubuntu lists objects with a name and a version; SUSE, Rocky and openEuler objects whose keys are names;
/// others plain names.
fn binaries(raw: Option<&RawValue>) -> Vec<String> {
    let list: List<&RawValue, 20_000> = lax(raw);
    let mut names = BTreeSet::new();
    for element in list.0 {
        if let Ok(name) = serde_json::from_str::<String>(element.get()) {
            names.insert(name);
        } else if let Ok(object) =
            serde_json::from_str::<BTreeMap<String, &RawValue>>(element.get())
        {
            let named = object.get("binary_name").or_else(|| object.get("name"));
            match named.and_then(|name| serde_json::from_str::<String>(name.get()).ok()) {
                Some(name) => _ = names.insert(name),
                None => names.extend(object.into_keys()),
            }
        }
    }
    names.retain(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
    names.into_iter().collect()
}

/// Cuts a text at the last character that fits.
fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
}
