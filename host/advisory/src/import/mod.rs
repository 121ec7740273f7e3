//! Bringing what is published into the index: OSV records in their bulk layout, KEV and EPSS.
//!
//! Each source is one transaction. A source that fails leaves its old state and never voids the others;
//! what happened to each is one [`Outcome`]. A killed import is run again: what is in already is known by
//! its digest and passed over.

mod archive;
mod find;
mod folder;
mod records;
mod threats;

#[cfg(test)]
mod killed_tests;
#[cfg(test)]
mod real_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::index::{Broken, Index, IndexError};

pub(crate) use archive::Archive;
pub(crate) use find::digest_of;
pub(crate) use records::{Stop, Whole, whole};
pub(crate) use threats::{EPSS, Feed, KEV, epss, kev};

/// Names of broken records that are kept of a source.
pub const BROKEN_NAMED: usize = 20;

/// Told what an import is doing.
pub trait Progress: Sync {
    /// One step.
    fn report(&self, step: Step<'_>);
}

/// A step of an import or update.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Bytes are coming from the network.
    Downloading {
        /// Which source.
        source: &'a str,
        /// Bytes that are here.
        bytes: u64,
        /// All of them, where the server says so.
        total: Option<u64>,
    },
    /// Records are being read.
    Reading {
        /// Which source.
        source: &'a str,
        /// Records that were read, broken ones too.
        records: u64,
        /// All of them.
        total: Option<u64>,
        /// Those that could not be read.
        broken: u64,
        /// Uncompressed bytes of what was read.
        bytes: u64,
    },
    /// A source is done.
    Ended(&'a Outcome),
}

/// Nobody listens.
impl Progress for () {
    fn report(&self, _: Step<'_>) {}
}

/// Stops an import from elsewhere. What was committed stays; the source at hand keeps its old state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops whatever was given a clone of this.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True after [`cancel`](Self::cancel).
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How an import is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Takes a source even when it has suddenly less than half of its records. Without, such a source is
    /// refused: it is more often a broken mirror than the truth, and would close issues.
    pub accept_shrink: bool,
}

/// What happened to one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Ecosystem, `KEV`, `EPSS`, or where loose records came from.
    pub source: String,
    /// Path or address.
    pub origin: String,
    /// What.
    pub result: Ended,
}

/// How a source ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It was read and is in.
    Imported(Counts),
    /// It is the same as before.
    Unchanged,
    /// It keeps its old state, for this reason.
    Failed(String),
    /// It keeps its old state, because somebody wanted to stop.
    Cancelled,
}

/// What an import of one source did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records (or CVEs) that it has now.
    pub records: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
    /// New ones.
    pub added: u64,
    /// Those that say something else than before.
    pub changed: u64,
    /// Those that it no longer has.
    pub removed: u64,
    /// Those that could not be read. What was known of them before stays.
    pub broken: u64,
    /// The first of them.
    pub broken_first: Vec<Broken>,
    /// Packages (or CVEs) that are answered otherwise now.
    pub touched: u64,
    /// The generation that this became; `None` when nothing changed.
    pub generation: Option<u64>,
}

/// What happened to each source, in the sequence of the import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One a source.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// True when a source failed or was cancelled.
    pub fn incomplete(&self) -> bool {
        let ended =
            |outcome: &Outcome| matches!(outcome.result, Ended::Failed(_) | Ended::Cancelled);
        self.outcomes.iter().any(ended)
    }
}

/// Why nothing at all could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The file or folder can't be read.
    #[error("can't read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing in it is known.
    #[error(
        "{} holds no advisories; expected are <ECOSYSTEM>/all.zip, a zip or folder of OSV records in JSON, \
         known_exploited_vulnerabilities.json, or epss_scores.csv.gz", .0.display()
    )]
    Nothing(PathBuf),
    /// More files than any export has.
    #[error("{} has too many files or folders; name the folder of the advisories itself", .0.display())]
    TooMany(PathBuf),
}

/// Imports a folder (`<ECOSYSTEM>/all.zip`, osv-scanner's `osv-scanner/<ECOSYSTEM>/all.zip`, records as
/// `*.json`, KEV, EPSS; one or all of them), a zip, or one file of records, KEV or EPSS.
pub fn from_path(
    index: &Index,
    path: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, ImportError> {
    from_path_with(index, path, Options::default(), progress, cancel)
}

/// As [`from_path`], with options.
pub fn from_path_with(
    index: &Index,
    path: &Path,
    options: Options,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, ImportError> {
    let found = find::find(path)?;
    let mut owner = index.own()?;
    let mut report = Report::default();
    for source in found {
        let outcome = if cancel.is_cancelled() {
            source.cancelled()
        } else if report
            .outcomes
            .iter()
            .any(|done: &Outcome| done.source == source.name)
        {
            source.failed("another file of this import has the same source; import one of them")
        } else {
            source.import(&mut owner, options, progress, cancel)
        };
        progress.report(Step::Ended(&outcome));
        report.outcomes.push(outcome);
    }
    Ok(report)
}
