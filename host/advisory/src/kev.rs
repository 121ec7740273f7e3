//! The catalogue of known exploited vulnerabilities (KEV), as CISA publishes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::index::Cve;

/// A catalogue may be this large; today's has 1.3 MB.
pub const MAX_BYTES: usize = 16 << 20;
/// No text of an entry is longer than this.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// One vulnerability that is known to be exploited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = KnownExploited)]
pub struct Known {
    /// The CVE.
    pub cve: String,
    /// The catalogue's name of it.
    pub name: String,
    /// Day that it was added (`2021-12-10`).
    pub added: String,
    /// Day until which it must be remedied, in the catalogue's own world.
    pub due: String,
    /// True when it is known to be used in ransomware campaigns.
    pub ransomware: bool,
    /// What the catalogue asks for.
    pub action: String,
}

/// A catalogue that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Day of its release (`2025-08-25`), or its version where no date is stated.
    pub date: String,
    /// Sorted by CVE, each once.
    pub entries: Vec<Known>,
    /// Entries that could not be read.
    pub broken: u64,
}

/// Why a catalogue can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenCatalogue {
    /// Too many bytes.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or without the list.
    #[error("it is no KEV catalogue in JSON: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(default)]
    catalog_version: Option<String>,
    #[serde(default)]
    date_released: Option<String>,
    #[serde(borrow)]
    vulnerabilities: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry {
    #[serde(rename = "cveID")]
    cve_id: String,
    #[serde(default)]
    vulnerability_name: String,
    date_added: String,
    #[serde(default)]
    required_action: String,
    #[serde(default)]
    due_date: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
}

/// Reads a catalogue. Never panics, whatever the bytes are.
pub fn parse(bytes: &[u8]) -> Result<Catalogue, BrokenCatalogue> {
    if bytes.len() > MAX_BYTES {
        return Err(BrokenCatalogue::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wire: Wire<'_> =
        serde_json::from_slice(bytes).map_err(|error| BrokenCatalogue::Shape(error.to_string()))?;
    let mut entries = BTreeMap::new();
    let mut broken = 0;
    for raw in wire.vulnerabilities {
        let entry = serde_json::from_str::<WireEntry>(raw.get()).ok();
        let known = entry.and_then(|entry| Some((Cve::parse(&entry.cve_id)?, known(entry)?)));
        match known {
            Some((cve, known)) => _ = entries.insert(cve, known),
            None => broken += 1,
        }
    }
    let day = |time: String| time.split('T').next().unwrap_or_default().to_owned();
    let date = wire.date_released.map(day).filter(|day| is_day(day));
    let version = || wire.catalog_version.filter(|version| version.len() <= 64);
    Ok(Catalogue {
        date: date.or_else(version).unwrap_or_default(),
        entries: entries.into_values().collect(),
        broken,
    })
}

fn known(entry: WireEntry) -> Option<Known> {
    let texts = [
        &entry.vulnerability_name,
        &entry.required_action,
        &entry.due_date,
    ];
    let fits = texts.into_iter().all(|text| text.len() <= MAX_TEXT_BYTES);
    (fits && is_day(&entry.date_added)).then_some(Known {
        cve: entry.cve_id,
        name: entry.vulnerability_name,
        added: entry.date_added,
        due: entry.due_date,
        ransomware: entry
            .known_ransomware_campaign_use
            .eq_ignore_ascii_case("known"),
        action: entry.required_action,
    })
}

/// `2021-12-10`.
pub(crate) fn is_day(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10
}
