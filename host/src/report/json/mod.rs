//! The JSON that programs read: our own types, so that neither a new contract nor a renamed Rust type
//! changes what a script sees.
//!
//! A document is an object with `schema_version` and `kind`; JSON lines are objects with the same two, one
//! a line. Keys are snake_case, words are those of [`super::words`], times RFC 3339, sizes in bytes. Fields
//! may be added under one `schema_version`; a field that goes or changes its meaning raises it.
//!
//! The types are those of the REST API too ([`crate::serve::api`]): what a script reads of the command line and
//! of the API is spelt alike, and the remote command line reads them back.

mod account;
mod detail;
mod enums;
mod finding;
mod image;
mod queue;
mod scan;

use std::collections::BTreeMap;

use serde::Serialize;

use super::text::inert_json;
use crate::contract::Attribute;

pub use account::{
    Connection, Connector, Inspected, Location, Network, Selection, Step, Verified, connection,
    connections, connector, connectors, disconnected, locations, plugin_versions, selection,
    verification,
};
pub use detail::{image_report, image_report_line};
pub use enums::{
    FieldKind, FindingKind, FindingState, LocationFailure, Outcome, PackageOrigin, Severity,
    SkipReason, SkipSubject, StepStatus,
};
pub use finding::{Finding, Skipped, finding_lines, findings, skipped, skipped_lines};
pub use image::{Image, Package, image_lines, images, package_lines, packages};
pub use queue::{advisory_status, diff, exclusions, import_lines, issue, match_lines, scans};
pub use scan::{Location as ScanLocation, ScanResult, location_report, scan, scan_lines};

/// Version of the JSON that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// One document or one line.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema_version: u32,
    kind: &'a str,
    #[serde(flatten)]
    content: T,
}

fn envelope<T>(kind: &str, content: T) -> Envelope<'_, T> {
    Envelope {
        schema_version: SCHEMA_VERSION,
        kind,
        content,
    }
}

/// One document, over several lines.
pub(crate) fn document<T: Serialize>(kind: &str, content: T) -> String {
    // Our types have text keys and no maps of other things: serialising them can't fail.
    let mut text = serde_json::to_string_pretty(&envelope(kind, content)).unwrap_or_default();
    text.push('\n');
    inert_json(&text)
}

/// One object in one line.
pub(crate) fn line<T: Serialize>(kind: &str, content: T) -> String {
    let mut text = serde_json::to_string(&envelope(kind, content)).unwrap_or_default();
    text.push('\n');
    inert_json(&text)
}

/// Attributes by key; a key may have several values.
pub type Attributes = BTreeMap<String, Vec<String>>;

pub(crate) fn attributes(list: &[Attribute]) -> Attributes {
    let mut map = Attributes::new();
    for (key, value) in list {
        map.entry(key.clone()).or_default().push(value.clone());
    }
    map
}

/// The way back; keys are in their order then.
pub(crate) fn pairs(map: Attributes) -> Vec<Attribute> {
    map.into_iter()
        .flat_map(|(key, values)| values.into_iter().map(move |value| (key.clone(), value)))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
