//! A source of records that is replaced as a whole, in one transaction.

use crate::index::{Broken, CONTENT, IndexError, Owner, SourceRow, digest};
use crate::{LookupError, index, osv};

use super::{BROKEN_NAMED, Cancel, Counts, Ended, Options, Progress, Step};

/// Records between two reports of progress.
const REPORT_EVERY: u64 = 256;
/// A source with fewer records than this may shrink as it likes.
const SHRINK_MATTERS: u64 = 100;
/// A name of a file is shown to this length.
const MAX_NAME_CHARS: usize = 160;

/// One file of a source.
pub(crate) struct Entry<'a> {
    /// Its name, without folders.
    pub(crate) name: &'a str,
    /// Its text, or why it has none.
    pub(crate) contents: Result<&'a [u8], String>,
}

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    Cancelled,
    /// The whole file can't be read on.
    Failed(String),
    Index(IndexError),
}

impl From<IndexError> for Stop {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Index(error.into())
    }
}

pub(crate) type Take<'t> = dyn FnMut(Entry<'_>) -> Result<(), Stop> + 't;

/// Where the files of a source come from.
pub(crate) trait Entries {
    /// About how many there are.
    fn total(&self) -> Option<u64>;
    /// Hands out every `step`th of them.
    fn each(&self, step: u64, take: &mut Take<'_>) -> Result<(), Stop>;
}

/// A source that replaces its older self.
pub(crate) struct Whole<'a> {
    /// Name, ecosystem, origin, digest and what is needed to ask again.
    pub(crate) row: SourceRow,
    pub(crate) entries: &'a dyn Entries,
    pub(crate) options: Options,
}

/// Imports a source. An error is one of the index; what is wrong with the source is in the answer.
pub(crate) fn whole(
    owner: &mut Owner<'_>,
    source: Whole<'_>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Ended {
    match try_whole(owner, source, progress, cancel) {
        Ok(counts) => Ended::Imported(counts),
        Err(Stop::Cancelled) => Ended::Cancelled,
        Err(Stop::Failed(reason)) => Ended::Failed(reason),
        Err(Stop::Index(error)) => Ended::Failed(error.to_string()),
    }
}

fn try_whole(
    owner: &mut Owner<'_>,
    source: Whole<'_>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Counts, Stop> {
    let Whole {
        mut row,
        entries,
        options,
    } = source;
    let known = owner.source(&row.name)?;
    // Another parser may make something else of the same text.
    let same_parser = known.is_some_and(|known| known.content == CONTENT);
    let mut writing = owner.begin()?;
    let id = writing.source_id(&row.name)?;
    let mut existing = writing.existing(id)?;
    let had = existing.len() as u64;

    let mut counts = Counts::default();
    let (mut read, mut bytes, mut good) = (0, 0, 0_u64);
    let total = entries.total();
    entries.each(1, &mut |entry| {
        if cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        read += 1;
        let stem = stem(entry.name);
        let taken = entry.contents.and_then(|contents| {
            bytes += contents.len() as u64;
            let digest = digest(contents);
            let before = existing.get_mut(stem);
            if let Some(before) = before.filter(|before| same_parser && before.digest == digest) {
                before.seen = true;
                return Ok(None);
            }
            let parsed = osv::parse(contents).map_err(|broken| broken.to_string())?;
            Ok(Some((parsed, digest)))
        });
        match taken {
            Ok(None) => good += 1,
            Ok(Some((parsed, digest))) => {
                good += 1;
                let id_of_record = parsed.head.id.clone();
                let before = existing.get_mut(&id_of_record);
                // The same id twice in one source: the one modified later counts, then the first.
                let again = before.as_ref().is_some_and(|before| before.seen);
                if again && !writing.is_newer(id, &parsed)? {
                    return Ok(());
                }
                let (put, key) = writing.put(id, &parsed, &digest)?;
                match put {
                    index::Put::Added => counts.added += 1,
                    index::Put::Changed if again => {}
                    index::Put::Changed => counts.changed += 1,
                    index::Put::Unchanged => {}
                }
                match before {
                    Some(before) => before.seen = true,
                    None => {
                        let seen = true;
                        existing.insert(id_of_record, index::Existing { key, digest, seen });
                    }
                }
            }
            Err(reason) => {
                // What was known of it before is better than nothing.
                if let Some(before) = existing.get_mut(stem) {
                    before.seen = true;
                }
                counts.broken += 1;
                if counts.broken_first.len() < BROKEN_NAMED {
                    let name = entry.name.to_owned();
                    counts.broken_first.push(Broken { name, reason });
                }
            }
        }
        if read % REPORT_EVERY == 0 {
            progress.report(Step::Reading {
                source: &row.name,
                records: read,
                total,
                broken: counts.broken,
                bytes,
            });
        }
        Ok(())
    })?;
    progress.report(Step::Reading {
        source: &row.name,
        records: read,
        total,
        broken: counts.broken,
        bytes,
    });

    if good == 0 && counts.broken > 0 {
        let first = counts.broken_first.first();
        let first = first.map(|broken| format!("{}: {}", broken.name, broken.reason));
        return Err(Stop::Failed(format!(
            "none of its {} records can be read (the first: {})",
            counts.broken,
            first.unwrap_or_default()
        )));
    }
    let mut gone: Vec<_> = existing
        .into_iter()
        .filter(|(_, record)| !record.seen)
        .map(|(id, record)| (id, record.key))
        .collect();
    let suddenly_small = had >= SHRINK_MATTERS && gone.len() as u64 > had / 2;
    if suddenly_small && !options.accept_shrink {
        return Err(Stop::Failed(format!(
            "{} of its {had} records would be gone, which is more often a broken mirror than the truth; import it \
             with the option to accept that if it is meant",
            gone.len()
        )));
    }
    gone.sort();
    counts.removed = gone.len() as u64;
    for (record, key) in gone {
        writing.remove(&record, key)?;
    }
    if cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    row.broken = counts.broken;
    row.broken_first.clone_from(&counts.broken_first);
    let committed = writing.commit_source(id, &row)?;
    counts.records = committed.records;
    counts.withdrawn = committed.withdrawn;
    counts.touched = committed.touched;
    counts.generation = committed.generation;
    Ok(counts)
}

/// A file's name without folders, fit to be shown.
pub(crate) fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let shown = name
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    shown.take(MAX_NAME_CHARS).collect()
}

/// The id that the name of a file promises.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
