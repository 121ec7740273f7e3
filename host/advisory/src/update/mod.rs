//! Keeping the index up to date over HTTP: the public bulk export of OSV or a mirror of it, KEV and EPSS.
//!
//! The first time, and whenever too much changed, an ecosystem's `all.zip` is fetched; otherwise the list
//! of changes (`modified_id.csv`, newest first) is read down to what is known, and those records one by
//! one. Every week the whole file is taken once more, because the list does not tell what was removed.
//! What fails keeps its old state and voids nothing else.

mod changes;
mod download;
mod fetch;

#[cfg(test)]
mod tests;

use std::io::Read;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

pub use fetch::{Fetch, FetchError, Request, Response};

use crate::import::{
    self, Cancel, EPSS, Ended, Feed, ImportError, KEV, Outcome, Progress, Report, Step, Stop,
    Whole, digest_of, whole,
};
use crate::index::{CONTENT, Index, Owner, SourceRow};
use crate::{epss, kev};

/// The public bulk export of OSV.
pub const OSV_BASE: &str = "https://osv-vulnerabilities.storage.googleapis.com";
/// CISA's feed.
pub const KEV_URL: &str =
    "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
/// The scores of the day.
pub const EPSS_URL: &str = "https://epss.cyentia.com/epss_scores-current.csv.gz";

/// What is brought up to date, and from where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the bulk layout, without a slash at its end.
    pub base: String,
    /// Ecosystems by the names of the export's folders. Empty: those that are in the index already.
    pub ecosystems: Vec<String>,
    /// Address of the KEV catalogue in JSON; `None` leaves it as it is.
    pub kev: Option<String>,
    /// Address of the EPSS scores; `None` leaves them as they are.
    pub epss: Option<String>,
    /// So many changed records are fetched one by one; more make it take the whole file.
    pub one_by_one: usize,
    /// After so many days the whole file is taken again, for what was removed.
    pub whole_after_days: i64,
    /// As in [`import::Options`].
    pub import: import::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base: OSV_BASE.to_owned(),
            ecosystems: Vec::new(),
            kev: Some(KEV_URL.to_owned()),
            epss: Some(EPSS_URL.to_owned()),
            one_by_one: 300,
            whole_after_days: 7,
            import: import::Options::default(),
        }
    }
}

/// Brings the index up to date. One outcome a source; what was fetched in part stays in the folder and is
/// resumed the next time.
pub fn run(
    index: &Index,
    fetch: &dyn Fetch,
    options: &Options,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, ImportError> {
    let mut owner = index.own()?;
    let mut ecosystems = options.ecosystems.clone();
    if ecosystems.is_empty() {
        ecosystems = owner.ecosystems()?;
    }
    let mut seen = std::collections::BTreeSet::new();
    ecosystems.retain(|ecosystem| seen.insert(ecosystem.clone()));

    let mut update = Update {
        index,
        owner: &mut owner,
        fetch,
        options,
        progress,
        cancel,
    };
    let mut report = Report::default();
    let mut note = |source: &str, origin: String, result: Result<Ended, Stop>| {
        let result = match result {
            Ok(ended) => ended,
            Err(Stop::Cancelled) => Ended::Cancelled,
            Err(Stop::Failed(reason)) => Ended::Failed(reason),
            Err(Stop::Index(error)) => Ended::Failed(error.to_string()),
        };
        let source = source.to_owned();
        let outcome = Outcome {
            source,
            origin,
            result,
        };
        progress.report(Step::Ended(&outcome));
        report.outcomes.push(outcome);
    };
    for ecosystem in &ecosystems {
        let base = update.base_of(ecosystem);
        let result = update.ecosystem(ecosystem, &base);
        note(ecosystem, base, result);
    }
    if let Some(url) = &options.kev {
        let result = update.kev(url);
        note(KEV, url.clone(), result);
    }
    if let Some(url) = &options.epss {
        let result = update.epss(url);
        note(EPSS, url.clone(), result);
    }
    Ok(report)
}

struct Update<'a, 'i> {
    index: &'a Index,
    owner: &'a mut Owner<'i>,
    fetch: &'a dyn Fetch,
    options: &'a Options,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

/// What stands in a path as it is; everything else is written in hexadecimal.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

impl Update<'_, '_> {
    fn base_of(&self, ecosystem: &str) -> String {
        let base = self.options.base.trim_end_matches('/');
        format!("{base}/{}", encoded(ecosystem))
    }

    fn ecosystem(&mut self, ecosystem: &str, base: &str) -> Result<Ended, Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if ecosystem.is_empty() || ecosystem.len() > 64 || ecosystem.starts_with('.') {
            return Err(Stop::Failed(format!(
                "{ecosystem:?} is no name of an ecosystem"
            )));
        }
        let known = self.owner.source(ecosystem)?;
        // Of another mirror, by another parser or too long ago: as if for the first time.
        let known = known.filter(|known| known.origin == base && known.content == CONTENT);
        if let Some(known) = known.as_ref().filter(|known| !self.is_old(known)) {
            match self.changes(known, base)? {
                changes::Changes::Applied(ended) => return Ok(ended),
                changes::Changes::TooMany => {}
            }
        }
        self.all(ecosystem, base, known.as_ref())
    }

    fn is_old(&self, known: &SourceRow) -> bool {
        let Ok(whole_at) = known.whole_at.parse::<jiff::Timestamp>() else {
            return true;
        };
        let age = jiff::Timestamp::now().as_second() - whole_at.as_second();
        age >= self.options.whole_after_days.saturating_mul(86_400)
    }

    fn all(
        &mut self,
        ecosystem: &str,
        base: &str,
        known: Option<&SourceRow>,
    ) -> Result<Ended, Stop> {
        // Where the list of changes begins now: what changes while the file is fetched comes twice, not never.
        let newest = self.newest_change(base)?;
        let part = download::Part::of(self.index.folder(), ecosystem);
        let etag = known.and_then(|known| known.etag.as_deref());
        let url = format!("{base}/all.zip");
        let got = part.get(self.fetch, &url, etag, &mut |bytes, total| {
            self.progress.report(Step::Downloading {
                source: ecosystem,
                bytes,
                total,
            });
            !self.cancel.is_cancelled()
        })?;
        let Some(etag) = got else {
            // The same file as the last time it was whole.
            let mut row = known.cloned().unwrap_or_default();
            row.whole_at.clear();
            row.changes_seen = newest.or(row.changes_seen);
            let writing = self.owner.begin()?;
            let id = writing.source_id(ecosystem)?;
            writing.commit_source(id, &row)?;
            return Ok(Ended::Unchanged);
        };
        let row = SourceRow {
            name: ecosystem.to_owned(),
            ecosystem: Some(ecosystem.to_owned()),
            origin: base.to_owned(),
            digest: Some(digest_of(part.path(), self.cancel)?),
            etag,
            changes_seen: newest,
            ..SourceRow::default()
        };
        let archive = match import::Archive::open(part.path()) {
            Ok(archive) => archive,
            Err(trouble) => {
                // Nothing to resume: it is whole and still no archive.
                part.forget();
                return Err(Stop::Failed(format!("{url}: {trouble}")));
            }
        };
        let source = Whole {
            row,
            entries: &archive,
            options: self.options.import,
        };
        let ended = whole(self.owner, source, self.progress, self.cancel);
        if !matches!(ended, Ended::Cancelled) {
            part.forget();
        }
        Ok(ended)
    }

    fn kev(&mut self, url: &str) -> Result<Ended, Stop> {
        let Some((bytes, etag)) = self.feed("kev", KEV, url, kev::MAX_BYTES)? else {
            return Ok(Ended::Unchanged);
        };
        let catalogue =
            kev::parse(&bytes).map_err(|error| Stop::Failed(format!("{url}: {error}")))?;
        let digest = Sha256::digest(&bytes).to_vec();
        Ok(import::kev(
            self.owner,
            &self.feed_of(url, &digest, etag.as_deref()),
            &catalogue,
        ))
    }

    fn epss(&mut self, url: &str) -> Result<Ended, Stop> {
        const MAX_PACKED_BYTES: usize = 64 << 20;
        let Some((bytes, etag)) = self.feed("epss", EPSS, url, MAX_PACKED_BYTES)? else {
            return Ok(Ended::Unchanged);
        };
        let scores =
            epss::parse(&bytes).map_err(|error| Stop::Failed(format!("{url}: {error}")))?;
        let digest = Sha256::digest(&bytes).to_vec();
        Ok(import::epss(
            self.owner,
            &self.feed_of(url, &digest, etag.as_deref()),
            &scores,
        ))
    }

    fn feed_of<'f>(&self, origin: &'f str, digest: &'f [u8], etag: Option<&'f str>) -> Feed<'f> {
        Feed {
            origin,
            digest,
            etag,
            options: self.options.import,
        }
    }

    /// The bytes of a feed and its ETag; `None` when it is the same as before.
    fn feed(
        &mut self,
        name: &str,
        source: &str,
        url: &str,
        limit: usize,
    ) -> Result<Option<Fetched>, Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let known = self.owner.feed(name)?.filter(|known| known.origin == url);
        let request = Request {
            etag: known.as_ref().and_then(|known| known.etag.as_deref()),
            ..Request::new(url)
        };
        let response = fetch::get(self.fetch, &request)?;
        if response.status == 304 {
            self.owner.checked(name)?;
            return Ok(None);
        }
        let (etag, total) = (response.etag.clone(), response.length);
        let bytes = fetch::body(response, url, limit, &mut |bytes| {
            self.progress.report(Step::Downloading {
                source,
                bytes,
                total,
            });
            !self.cancel.is_cancelled()
        })?;
        let digest = Sha256::digest(&bytes);
        if known.is_some_and(|known| known.digest == digest.as_slice()) {
            self.owner.checked(name)?;
            return Ok(None);
        }
        Ok(Some((bytes, etag)))
    }
}

/// Bytes and their ETag.
type Fetched = (Vec<u8>, Option<String>);

/// A stream that ends with an error when somebody wants to stop.
struct Watched<'a, R> {
    inner: R,
    bytes: u64,
    go_on: &'a mut dyn FnMut(u64) -> bool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !(self.go_on)(self.bytes) {
            return Err(std::io::Error::other("cancelled"));
        }
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
