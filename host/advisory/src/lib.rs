//! What is known about vulnerabilities, and which packages they concern.
//!
//! `osv` holds the shapes of records as they are published; `import` brings them (and KEV and EPSS) into the
//! `index`, an embedded database that opens in milliseconds; `version` orders versions as each ecosystem
//! does, `release` knows the distributions'; `affected` says whether a record means a version; `matching` says
//! which record concerns which package, and why; `alias` which records speak of the same. Nothing here knows
//! of connectors, images in a registry or issues: it is built, tested and fuzzed without the sandbox.

pub mod affected;
pub mod alias;
pub mod cvss;
pub mod ecosystem;
pub mod epss;
pub mod import;
pub mod index;
pub mod kev;
pub mod matching;
pub mod osv;
pub mod rating;
pub mod release;
pub mod update;
pub mod version;

pub use ecosystem::Ecosystem;

/// Why the index could not answer.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database refused.
    #[error("the advisory index can't be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// A stored record is not what this program stores.
    #[error("a record in the advisory index is broken ({0}); import its ecosystem again")]
    Record(#[from] serde_json::Error),
    /// A stored record ends too early or has an unknown mark.
    #[error("a record in the advisory index is broken ({0}); import its ecosystem again")]
    Encoding(&'static str),
    /// The index can't be used at all; the sentence says why.
    #[error("{0}")]
    Unusable(String),
}
