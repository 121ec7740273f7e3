//! OSV records (schema 1.7.5) as matching needs them: lenient towards what it doesn't know, and without
//! what it doesn't use.
//!
//! Rules and traps: a later `modified` wins; `aliases` are symmetric and transitive, `upstream` is
//! transitive only, `related` never joins; one kind of event an object.

mod parse;
mod wire;

#[cfg(test)]
mod parse_tests;

use serde::{Deserialize, Serialize};

pub use parse::{
    BrokenRecord, MAX_DETAILS_BYTES, MAX_RECORD_BYTES, Parsed, instant, is_zero_time, parse,
};

/// What a record says besides what it affects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// `GO-2024-1`, `GHSA-…`, `ALSA-2024:1`.
    pub id: String,
    /// RFC 3339.
    pub modified: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// RFC 3339; a withdrawn record affects nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// The same vulnerability elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What this record fixes here: identifiers, but not the same thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    /// Loosely related; never joins issues. Some distributions put their CVEs only here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// One line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Markdown, cut at a limit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// Of the whole record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<SeverityScore>,
    /// The severity in the source's own word, from `database_specific.severity` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_word: Option<String>,
    /// `CWE-79`, where `database_specific` has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    /// Pages about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Why it is not a vulnerability, when it isn't one: RustSec's `unmaintained`, `notice`, …; `bugfix` and
    /// `enhancement` of distributions' ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub informational: Option<String>,
}

/// A severity as stated: a CVSS vector, or a distribution's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityScore {
    /// `CVSS_V2`, `CVSS_V3`, `CVSS_V4`, `Ubuntu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Vector or word.
    pub score: String,
}

/// A page about a vulnerability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `ADVISORY`, `FIX`, `WEB`, `EVIDENCE` (an exploit), …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its address.
    pub url: String,
}

impl Reference {
    /// True for a page that holds or shows an exploit: what OSV calls evidence, and the collections that
    /// hold nothing else.
    pub fn shows_exploit(&self) -> bool {
        const COLLECTIONS: [&str; 4] = [
            "exploit-db.com/exploits/",
            "www.exploit-db.com/exploits/",
            "github.com/rapid7/metasploit-framework/",
            "github.com/projectdiscovery/nuclei-templates/",
        ];
        let address = self
            .url
            .split_once("://")
            .map_or("", |(_, address)| address);
        self.kind == "EVIDENCE" || COLLECTIONS.iter().any(|known| address.starts_with(known))
    }
}

/// One element of `affected`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// As the record has it (`Debian:12`).
    pub ecosystem: String,
    /// As the record has it.
    pub name: String,
    /// Of this package; excludes one of the whole record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<SeverityScore>,
    /// `SEMVER` and `ECOSYSTEM` ranges. `GIT` ranges are dropped at import: they can't be answered without
    /// the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Versions, each by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Go: which packages of the module are concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// Go's records that nobody reviewed say "every version" in `ranges`, and the truth here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_ranges: Vec<Range>,
    /// Debian's word (`unimportant`, `end-of-life`, …), Ubuntu's and others' where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<String>,
    /// Binary packages that are concerned, of distributions that list them beside the source package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binaries: Vec<String>,
}

/// A range of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// `SEMVER` or `ECOSYSTEM`.
    #[serde(rename = "type")]
    pub kind: String,
    /// In the record's sequence; evaluation sorts them.
    pub events: Vec<Event>,
}

/// What begins or ends being affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// From this version on; `0` is before every version.
    Introduced(String),
    /// From this version on no longer.
    Fixed(String),
    /// After this version no longer.
    LastAffected(String),
    /// Versions from here on are not told about; `*` is after every version.
    Limit(String),
}

/// A Go package of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Import path (`net/http`).
    pub path: String,
    /// Functions and methods; empty when all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// Operating systems that it is concerned on (`windows`); empty when on all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goos: Vec<String>,
    /// Architectures that it is concerned on (`ppc64le`); empty when on all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goarch: Vec<String>,
}
