//! Reading VEX documents: what somebody states about vulnerabilities in products.
//!
//! [`read`] takes OpenVEX and CycloneDX and makes both the same list of [`Statement`]s; [`Statements`] finds
//! the one that speaks of a package in an image. A statement may hide an issue, so whatever is in doubt does
//! not match: a qualifier or a version that the statement has and the package has not, a range of versions, a
//! product that is no image and not the package itself. What is missing in a document and changes nothing is
//! passed over; what would change whom a statement covers is an error that says where.

mod cyclonedx;
mod openvex;
mod product;
mod purl;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use product::{ImageReference, Product};
pub use purl::Purl;

/// Bytes of a document.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Statements of a document.
pub const MAX_STATEMENTS: usize = 100_000;
/// Products and subcomponents of all statements together.
pub const MAX_PRODUCTS: usize = 100_000;
/// Components of a CycloneDX document.
pub const MAX_COMPONENTS: usize = 500_000;
/// Characters of a text in it that are kept.
pub const MAX_TEXT: usize = 8_192;

/// What is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The product is not affected.
    NotAffected,
    /// It is, and something should be done.
    Affected,
    /// It has the fix.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Ids of the vulnerability, with its aliases; at least one.
    pub vulnerabilities: Vec<String>,
    /// What it is about; at least one.
    pub products: Vec<Product>,
    /// What is stated.
    pub status: Status,
    /// Why it is not affected, in the format's own word (`component_not_present`, `code_not_reachable`).
    pub justification: Option<String>,
    /// Why, in words: the impact statement, or CycloneDX's detail.
    pub impact: Option<String>,
    /// What to do.
    pub action: Option<String>,
    /// Who states it.
    pub author: Option<String>,
    /// When, RFC 3339 as written: the statement's own time, else the document's.
    pub timestamp: Option<String>,
    /// Id of the document.
    pub document: Option<String>,
}

/// A package in an image, as statements are asked about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Every id of the vulnerability.
    pub vulnerabilities: &'a [&'a str],
    /// Package URL with version and qualifiers; `None` when it is about no package.
    pub package: Option<&'a str>,
    /// Host of the registry (`registry.example.com:5050`), where it is known.
    pub registry: Option<&'a str>,
    /// Repository in the registry.
    pub repository: &'a str,
    /// Digest of the image's manifest.
    pub digest: &'a str,
    /// Its tags.
    pub tags: &'a [String],
}

/// Why a document can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VexError {
    /// It is too large.
    #[error("the document has {0} bytes, more than the {MAX_BYTES} that are read; split it")]
    TooLarge(usize),
    /// It is no JSON.
    #[error("the document is no JSON: {0}")]
    NotJson(String),
    /// It is JSON of another kind.
    #[error(
        "the document is neither OpenVEX (\"@context\": \"https://openvex.dev/ns/…\") nor CycloneDX (\"bomFormat\": \"CycloneDX\")"
    )]
    UnknownFormat,
    /// A version that is not known.
    #[error("{format} {version:?} can't be read; {known} can")]
    UnknownVersion {
        /// Which format.
        format: &'static str,
        /// The version that it states.
        version: String,
        /// Those that can be read.
        known: &'static str,
    },
    /// Something that decides whom a statement covers is missing or wrong.
    #[error("{place}: {what}")]
    Wrong {
        /// Where (`statements[3].status`).
        place: String,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// There are too many.
    #[error("the document has more than {most} {what}; split it")]
    TooMany {
        /// How many are read.
        most: usize,
        /// Of what.
        what: &'static str,
    },
}

impl VexError {
    fn wrong(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Wrong {
            place: place.into(),
            what: what.into(),
        }
    }
}

/// Reads an OpenVEX (0.0 to 0.2) or CycloneDX (1.4 to 1.6) document.
pub fn read(bytes: &[u8]) -> Result<Vec<Statement>, VexError> {
    if bytes.len() > MAX_BYTES {
        return Err(VexError::TooLarge(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value =
        serde_json::from_slice(bytes).map_err(|error| VexError::NotJson(error.to_string()))?;
    if document.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        return cyclonedx::statements(&document);
    }
    // JSON-LD allows a list of contexts.
    let context = match document.get("@context") {
        Some(Value::Array(all)) => all.iter().find_map(openvex::version),
        Some(one) => openvex::version(one),
        None => None,
    };
    match context {
        Some(version) => openvex::statements(&document, version),
        None => Err(VexError::UnknownFormat),
    }
}

/// A text of the document, cut; `None` when it is none or empty.
fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(MAX_TEXT).collect())
}

/// Counts what a document has of something.
struct Budget {
    left: usize,
    most: usize,
    what: &'static str,
}

impl Budget {
    fn new(most: usize, what: &'static str) -> Self {
        Self {
            left: most,
            most,
            what,
        }
    }

    fn take(&mut self) -> Result<(), VexError> {
        self.left = self.left.checked_sub(1).ok_or(VexError::TooMany {
            most: self.most,
            what: self.what,
        })?;
        Ok(())
    }
}

impl Statement {
    /// Whether it speaks of that vulnerability in that package of that image.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        let named = self.vulnerabilities.iter().any(|ours| {
            subject
                .vulnerabilities
                .iter()
                .any(|theirs| ours.eq_ignore_ascii_case(theirs))
        });
        named && self.concerns(subject, subject.package.and_then(Purl::parse).as_ref())
    }

    fn concerns(&self, subject: &Subject<'_>, package: Option<&Purl>) -> bool {
        self.products
            .iter()
            .any(|product| product.covers(subject, package))
    }
}

/// Statements of any number of documents, found by vulnerability.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    all: Vec<Statement>,
    by_vulnerability: HashMap<String, Vec<usize>>,
}

impl Statements {
    /// Where two statements cover the same, the later one counts: by its time, and among equal times by its
    /// place here. A statement without a time is the oldest.
    pub fn new(all: Vec<Statement>) -> Self {
        let mut by_vulnerability: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, statement) in all.iter().enumerate() {
            for id in &statement.vulnerabilities {
                let places = by_vulnerability.entry(id.to_ascii_uppercase()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        let times: Vec<Option<Timestamp>> = all
            .iter()
            .map(|one| one.timestamp.as_deref().and_then(|at| at.parse().ok()))
            .collect();
        for places in by_vulnerability.values_mut() {
            places.sort_by_key(|&place| Reverse((times.get(place).copied().flatten(), place)));
        }
        Self {
            all,
            by_vulnerability,
        }
    }

    /// The statement that counts for it.
    pub fn about(&self, subject: &Subject<'_>) -> Option<&Statement> {
        let package = subject.package.and_then(Purl::parse);
        let mut best: Option<(Option<Timestamp>, usize)> = None;
        for id in subject.vulnerabilities {
            let Some(places) = self.by_vulnerability.get(&id.to_ascii_uppercase()) else {
                continue;
            };
            let found = places.iter().copied().find(|&place| {
                self.all
                    .get(place)
                    .is_some_and(|one| one.concerns(subject, package.as_ref()))
            });
            if let Some(place) = found {
                let at = self
                    .all
                    .get(place)
                    .and_then(|one| one.timestamp.as_deref()?.parse().ok());
                best = best.max(Some((at, place)));
            }
        }
        best.and_then(|(_, place)| self.all.get(place))
    }

    /// All of them.
    pub fn all(&self) -> &[Statement] {
        &self.all
    }
}
