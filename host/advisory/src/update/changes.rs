//! What changed since the last time: the list of changes, and the records that it names.

use std::io::{BufRead, BufReader, Read};

use crate::import::{BROKEN_NAMED, Counts, Ended, Step, Stop};
use crate::index::{Broken, Put, SourceRow, digest};
use crate::osv::{self, MAX_RECORD_BYTES, Parsed};

use super::fetch::{self, Request};
use super::{Update, encoded};

/// Bytes of a line of the list.
const MAX_LINE_BYTES: u64 = 512;
/// Lines of the list that are read; the longest list has some 300,000.
const MAX_LINES: usize = 2_000_000;
/// Bytes of records that are held until they are written together.
const MAX_HELD_BYTES: usize = 256 << 20;

pub(super) enum Changes {
    Applied(Ended),
    /// To fetch all of it is less work.
    TooMany,
}

/// A line of the list: when, and which record.
struct Change {
    at: String,
    id: String,
}

impl Update<'_, '_> {
    /// The newest line's time; `None` where the mirror has no list.
    pub(super) fn newest_change(&self, base: &str) -> Result<Option<String>, Stop> {
        let url = format!("{base}/modified_id.csv");
        let response = match self.fetch.get(&Request::new(&url)) {
            Ok(response) if response.status == 200 => response,
            // Without a list there is the whole file.
            _ => return Ok(None),
        };
        let mut lines = Lines::new(response.body);
        Ok(lines.next().ok().flatten().map(|change| change.at))
    }

    pub(super) fn changes(&mut self, known: &SourceRow, base: &str) -> Result<Changes, Stop> {
        let Some(seen) = known.changes_seen.as_deref() else {
            return Ok(Changes::TooMany);
        };
        let Some(seen_at) = osv::instant(seen) else {
            return Ok(Changes::TooMany);
        };
        let url = format!("{base}/modified_id.csv");
        let request = Request {
            etag: known.changes_etag.as_deref(),
            ..Request::new(&url)
        };
        let response = fetch::get(self.fetch, &request)?;
        if response.status == 304 {
            self.owner.checked(&known.name)?;
            return Ok(Changes::Applied(Ended::Unchanged));
        }
        let etag = response.etag.clone();
        let mut lines = Lines::new(response.body);
        let mut changed = Vec::new();
        let (mut newest, mut reached) = (None, false);
        while let Some(change) = lines
            .next()
            .map_err(|reason| Stop::Failed(format!("{url}: {reason}")))?
        {
            let Some(at) = osv::instant(&change.at) else {
                return Err(Stop::Failed(format!("{url} has a line without a time")));
            };
            newest = newest.or_else(|| Some(change.at.clone()));
            // Newest first: from here on all is known. Of the same moment more may have come since.
            reached |= at <= seen_at;
            if at < seen_at {
                break;
            }
            if at == seen_at && self.owner.modified(&known.name, &change.id)? == Some(at) {
                continue;
            }
            changed.push(change.id);
            if changed.len() > self.options.one_by_one {
                return Ok(Changes::TooMany);
            }
        }
        if !reached {
            // The list ends before what is known: it was cut off, or begins anew.
            return Ok(Changes::TooMany);
        }
        let mut row = known.clone();
        row.changes_etag = etag;
        row.changes_seen = newest.or(row.changes_seen);
        self.apply(row, base, &changed)
    }

    /// Fetches the records, then writes all of them in one transaction.
    fn apply(
        &mut self,
        mut row: SourceRow,
        base: &str,
        changed: &[String],
    ) -> Result<Changes, Stop> {
        let mut counts = Counts::default();
        let mut records: Vec<(Parsed, [u8; 16])> = Vec::with_capacity(changed.len());
        let mut held = 0;
        for id in changed {
            if self.cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let url = format!("{base}/{}.json", encoded(id));
            let got = self.fetch.get(&Request::new(&url));
            let record = match got {
                // The list is ahead of the files now and then.
                Ok(response) if response.status == 404 => Err("it is not there (404)".to_owned()),
                Ok(response) => {
                    let response = fetch::usable(response, &url)?;
                    let cancel = self.cancel;
                    let bytes = fetch::body(response, &url, MAX_RECORD_BYTES, &mut |_| {
                        !cancel.is_cancelled()
                    })?;
                    held += bytes.len();
                    let parsed = osv::parse(&bytes).map_err(|broken| broken.to_string());
                    parsed.and_then(|parsed| {
                        let same = parsed.head.id == *id;
                        let record = same.then(|| (parsed, digest(&bytes)));
                        record.ok_or_else(|| "it is another record".to_owned())
                    })
                }
                Err(error) => return Err(Stop::Failed(format!("{url}: {error}"))),
            };
            if held > MAX_HELD_BYTES {
                return Ok(Changes::TooMany);
            }
            match record {
                Ok(record) => records.push(record),
                Err(reason) => {
                    counts.broken += 1;
                    if counts.broken_first.len() < BROKEN_NAMED {
                        let name = format!("{id}.json");
                        counts.broken_first.push(Broken { name, reason });
                    }
                }
            }
            self.progress.report(Step::Reading {
                source: &row.name,
                records: (records.len() as u64) + counts.broken,
                total: Some(changed.len() as u64),
                broken: counts.broken,
                bytes: held as u64,
            });
        }

        let mut writing = self.owner.begin()?;
        let source = writing.source_id(&row.name)?;
        for (parsed, digest) in &records {
            match writing.put(source, parsed, digest)?.0 {
                Put::Added => counts.added += 1,
                Put::Changed => counts.changed += 1,
                Put::Unchanged => {}
            }
        }
        if !records.is_empty() {
            // No longer the file that was imported.
            row.digest = None;
        }
        row.broken += counts.broken;
        let room = BROKEN_NAMED.saturating_sub(row.broken_first.len());
        row.broken_first
            .extend(counts.broken_first.iter().take(room).cloned());
        let committed = writing.commit_source(source, &row)?;
        if changed.is_empty() {
            return Ok(Changes::Applied(Ended::Unchanged));
        }
        counts.records = committed.records;
        counts.withdrawn = committed.withdrawn;
        counts.touched = committed.touched;
        counts.generation = committed.generation;
        Ok(Changes::Applied(Ended::Imported(counts)))
    }
}

/// The lines of a list of changes: `<time>,<id>`.
struct Lines {
    source: BufReader<Box<dyn Read + Send>>,
    read: usize,
}

impl Lines {
    fn new(source: Box<dyn Read + Send>) -> Self {
        let source = BufReader::new(source);
        Self { source, read: 0 }
    }

    fn next(&mut self) -> Result<Option<Change>, String> {
        loop {
            self.read += 1;
            if self.read > MAX_LINES {
                return Err(format!("it has more than {MAX_LINES} lines"));
            }
            let mut line = Vec::new();
            let mut limited = Read::take(&mut self.source, MAX_LINE_BYTES);
            let read = limited
                .read_until(b'\n', &mut line)
                .map_err(|error| error.to_string())?;
            if read == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let (at, id) = text.split_once(',').ok_or("a line is not `<time>,<id>`")?;
            // The list at the root names the ecosystem before the id.
            let id = id.rsplit('/').next().unwrap_or(id);
            let fine = !id.is_empty() && id.len() <= 128 && !id.starts_with('.');
            if !fine || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err("a line names no id".to_owned());
            }
            return Ok(Some(Change {
                at: at.to_owned(),
                id: id.to_owned(),
            }));
        }
    }
}
