//! KEV and EPSS into the index: each is replaced as a whole, in one transaction.

use crate::index::{Cve, NewFeed, Owner};
use crate::{epss, kev};

use super::records::Stop;
use super::{Counts, Ended, Options};

/// The name of KEV in outcomes.
pub(crate) const KEV: &str = "KEV";
/// The name of EPSS in outcomes.
pub(crate) const EPSS: &str = "EPSS";

/// Where a feed comes from.
pub(crate) struct Feed<'a> {
    pub(crate) origin: &'a str,
    /// SHA-256 of the file.
    pub(crate) digest: &'a [u8],
    pub(crate) etag: Option<&'a str>,
    pub(crate) options: Options,
}

pub(crate) fn kev(owner: &mut Owner<'_>, feed: &Feed<'_>, catalogue: &kev::Catalogue) -> Ended {
    ended((|| {
        let mut entries = Vec::with_capacity(catalogue.entries.len());
        for known in &catalogue.entries {
            if let Some(cve) = Cve::parse(&known.cve) {
                let record = serde_json::to_string(known).map_err(crate::LookupError::Record)?;
                entries.push((cve, record));
            }
        }
        let mut writing = owner.begin()?;
        shrinks(
            writing.feed_entries("kev")?,
            entries.len(),
            catalogue.broken,
            feed,
        )?;
        let touched = writing.put_kev(&entries)?;
        let generation = writing.commit_feed(
            "kev",
            &NewFeed {
                origin: feed.origin,
                digest: feed.digest,
                etag: feed.etag,
                dated: &catalogue.date,
                model: None,
                entries: entries.len(),
                broken: catalogue.broken,
            },
        )?;
        Ok(counts(entries.len(), catalogue.broken, touched, generation))
    })())
}

pub(crate) fn epss(owner: &mut Owner<'_>, feed: &Feed<'_>, scores: &epss::Scores) -> Ended {
    ended((|| {
        let mut writing = owner.begin()?;
        shrinks(
            writing.feed_entries("epss")?,
            scores.rows.len(),
            scores.broken,
            feed,
        )?;
        let touched = writing.put_epss(&scores.rows)?;
        let generation = writing.commit_feed(
            "epss",
            &NewFeed {
                origin: feed.origin,
                digest: feed.digest,
                etag: feed.etag,
                dated: &scores.date,
                model: scores.model.as_deref(),
                entries: scores.rows.len(),
                broken: scores.broken,
            },
        )?;
        Ok(counts(
            scores.rows.len(),
            scores.broken,
            touched,
            generation,
        ))
    })())
}

fn shrinks(had: u64, has: usize, broken: u64, feed: &Feed<'_>) -> Result<(), Stop> {
    if has == 0 {
        return Err(Stop::Failed(format!(
            "it has no entry that can be read ({broken} are broken)"
        )));
    }
    if (has as u64) < had / 2 && !feed.options.accept_shrink {
        return Err(Stop::Failed(format!(
            "it has {has} entries where there were {had}, which is more often a broken mirror than the truth; import \
             it with the option to accept that if it is meant"
        )));
    }
    Ok(())
}

fn counts(entries: usize, broken: u64, touched: u64, generation: Option<u64>) -> Counts {
    Counts {
        records: entries as u64,
        broken,
        touched,
        generation,
        ..Counts::default()
    }
}

fn ended(result: Result<Counts, Stop>) -> Ended {
    match result {
        Ok(counts) => Ended::Imported(counts),
        Err(Stop::Cancelled) => Ended::Cancelled,
        Err(Stop::Failed(reason)) => Ended::Failed(reason),
        Err(Stop::Index(error)) => Ended::Failed(error.to_string()),
    }
}
