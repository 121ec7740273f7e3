//! Advisories in memory, orders that are good enough for tests, and the real data where it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::judge::concerns_by;
use super::{Advisories, Advisory, Component, Match, lookup_ecosystem};
use crate::LookupError;
use crate::ecosystem::normalise_name;
use crate::osv::{Affected, Event, Head, Import, Range};
use crate::version::{self, Order};

/// Numbers parted by anything; letters sort before the end, so `1.0-rc1` is before `1.0`. An epoch counts
/// first.
pub(crate) struct Simple;

impl Order for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        key(a).cmp(&key(b))
    }

    fn is_version(&self, version: &str) -> bool {
        version
            .trim_start_matches('v')
            .starts_with(|letter: char| letter.is_ascii_digit())
    }
}

type Key = (u64, Vec<(u8, u64, String)>);

fn key(version: &str) -> Key {
    let version = version.trim_start_matches('v').split('+').next().unwrap();
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let mut parts = Vec::new();
    let mut rest = rest;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        if !is_digit && !first.is_ascii_alphabetic() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest
            .find(|letter: char| {
                letter.is_ascii_digit() != is_digit || !letter.is_ascii_alphanumeric()
            })
            .unwrap_or(rest.len());
        let part = &rest[..end];
        parts.push(if is_digit {
            (2, part.parse().unwrap_or(u64::MAX), String::new())
        } else {
            (0, 0, part.to_owned())
        });
        rest = &rest[end..];
    }
    while parts.last().is_some_and(|part| part.0 == 2 && part.1 == 0) {
        parts.pop();
    }
    // The end is above letters and below numbers.
    parts.push((1, 0, String::new()));
    (epoch.parse().unwrap_or(0), parts)
}

/// The order of an ecosystem, or [`Simple`].
pub(crate) fn order_of(ecosystem: &str) -> &'static dyn Order {
    version::order_of(ecosystem).unwrap_or(&Simple)
}

/// Advisories by ecosystem and name.
#[derive(Default)]
pub(crate) struct Memory(HashMap<(String, String), Vec<Arc<Advisory>>>);

impl Memory {
    pub(crate) fn add(&mut self, head: Head, affected: Vec<Affected>) {
        let mut by_name: HashMap<(String, String), Vec<Affected>> = HashMap::new();
        for element in affected {
            let ecosystem = element.ecosystem.split(':').next().unwrap().to_owned();
            let name = normalise_name(&ecosystem, &element.name).into_owned();
            by_name.entry((ecosystem, name)).or_default().push(element);
        }
        for (key, affected) in by_name {
            self.0.entry(key).or_default().push(Arc::new(Advisory {
                head: head.clone(),
                affected,
            }));
        }
    }

    /// One record by itself.
    pub(crate) fn only(key: &(String, String), advisory: &Arc<Advisory>) -> Self {
        Self(HashMap::from([(key.clone(), vec![Arc::clone(advisory)])]))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&(String, String), &Arc<Advisory>)> {
        self.0
            .iter()
            .flat_map(|(key, all)| all.iter().map(move |one| (key, one)))
    }

    /// The real records of an ecosystem's folder.
    pub(crate) fn real(folder: &str) -> Option<Self> {
        let path = data()?.join("advisories").join(folder).join("all.zip");
        let Ok(bytes) = std::fs::read(&path) else {
            println!("skipped: {} is not there", path.display());
            return None;
        };
        let mut memory = Self::default();
        for text in members(&bytes) {
            let value: Value = serde_json::from_slice(&text).unwrap();
            let (head, affected) = record(&value);
            if head.withdrawn.is_none() {
                memory.add(head, affected);
            }
        }
        Some(memory)
    }
}

impl Advisories for Memory {
    fn about(&self, ecosystem: &str, name: &str) -> Result<Vec<Arc<Advisory>>, LookupError> {
        let key = (
            ecosystem.to_owned(),
            normalise_name(ecosystem, name).into_owned(),
        );
        Ok(self.0.get(&key).cloned().unwrap_or_default())
    }

    fn covers(&self, ecosystem: &str) -> bool {
        self.0.keys().any(|(of, _)| of == ecosystem)
    }
}

/// Matches of a component.
pub(crate) fn found(component: &Component, memory: &Memory) -> Vec<Match> {
    let ecosystem = lookup_ecosystem(component);
    let order = order_of(&ecosystem.name);
    concerns_by(component, &ecosystem, Some(order), memory)
        .unwrap()
        .into_iter()
        .map(|concern| concern.found)
        .collect()
}

fn data() -> Option<PathBuf> {
    let from = std::env::var_os("OX_TEST_DATA").map(PathBuf::from);
    let found = from.or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|above| above.join("shared/data"))
            .find(|path| path.is_dir())
    });
    if found.is_none() {
        println!("skipped: no OX_TEST_DATA and no shared/data");
    }
    found
}

/// The members of a zip, by its directory.
fn members(zip: &[u8]) -> Vec<Vec<u8>> {
    let half = |at: usize| usize::from(u16::from_le_bytes(zip[at..at + 2].try_into().unwrap()));
    let word = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize;
    let end = zip
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x05\x06")
        .unwrap();
    let (count, mut at) = (half(end + 10), word(end + 16));
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let (method, size, local) = (half(at + 10), word(at + 20), word(at + 42));
        let start = local + 30 + half(local + 26) + half(local + 28);
        let body = &zip[start..start + size];
        let mut text = Vec::new();
        match method {
            0 => text.extend_from_slice(body),
            _ => {
                flate2::read::DeflateDecoder::new(body)
                    .read_to_end(&mut text)
                    .unwrap();
            }
        }
        at += 46 + half(at + 28) + half(at + 30) + half(at + 32);
        if !text.is_empty() {
            all.push(text);
        }
    }
    all
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn ranges(value: &Value) -> Vec<Range> {
    let list = value.as_array().into_iter().flatten();
    list.filter(|range| range["type"] != "GIT")
        .map(|range| Range {
            kind: range["type"].as_str().unwrap().to_owned(),
            events: range["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| serde_json::from_value::<Event>(event.clone()).unwrap())
                .collect(),
        })
        .collect()
}

/// A record as it is published, as far as matching needs it.
pub(crate) fn record(value: &Value) -> (Head, Vec<Affected>) {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let mut head = Head {
        id: text("id").unwrap(),
        summary: text("summary").unwrap_or_default(),
        withdrawn: text("withdrawn"),
        aliases: texts(&value["aliases"]),
        upstream: texts(&value["upstream"]),
        related: texts(&value["related"]),
        ..Head::default()
    };
    let mut elements = Vec::new();
    for element in value["affected"].as_array().into_iter().flatten() {
        let specific = &element["ecosystem_specific"];
        if let Some(word) = element["database_specific"]["informational"].as_str() {
            head.informational = Some(word.to_owned());
        }
        elements.push(Affected {
            ecosystem: element["package"]["ecosystem"].as_str().unwrap().to_owned(),
            name: element["package"]["name"].as_str().unwrap().to_owned(),
            ranges: ranges(&element["ranges"]),
            versions: texts(&element["versions"]),
            custom_ranges: ranges(&specific["custom_ranges"]),
            urgency: specific["urgency"].as_str().map(str::to_owned),
            binaries: texts(&specific["binaries"]),
            imports: specific["imports"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|import| Import {
                    path: import["path"].as_str().unwrap().to_owned(),
                    symbols: texts(&import["symbols"]),
                    goos: texts(&import["goos"]),
                    goarch: texts(&import["goarch"]),
                })
                .collect(),
            ..Affected::default()
        });
    }
    (head, elements)
}

/// Records of JSON text.
pub(crate) fn memory(records: &[Value]) -> Memory {
    let mut memory = Memory::default();
    for value in records {
        let (head, affected) = record(value);
        if head.withdrawn.is_none() {
            memory.add(head, affected);
        }
    }
    memory
}
