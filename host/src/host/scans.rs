//! Scanning through the facade: list, choose, run, report.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{
    ConnectionDraft, Counts, Events, Host, HostError, ScanOptions, ScanReport, ScanSummaryRow,
    Selection,
};
use crate::scan::{Connector, Matcher, Patterns, ScanJob, ScanStop, Traffic, run_scan};
use crate::store::{BeginScan, ConnectionRecord, KnownLocation, StoredReport};

/// Scans that a list shows.
const SCANS_LISTED: u32 = 1000;

/// What a listing said.
pub(super) struct Listed {
    /// The connector's ids of the locations that were listed.
    pub(super) ids: HashSet<String>,
    /// Every branch was listed, and nothing is suspicious about it.
    pub(super) whole: bool,
    pub(super) traffic: Traffic,
}

/// A connection that is being scanned, until this is dropped.
struct Scanning<'a> {
    host: &'a Host,
    name: String,
}

impl Drop for Scanning<'_> {
    fn drop(&mut self) {
        self.host
            .scanning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

impl Host {
    /// Scans. Lists the locations first, so that new ones are seen.
    ///
    /// A scan of the same connection that was interrupted is gone on with: what ended in it is not done
    /// again, what did not goes on from its cursor. A cancelled scan answers a report; locations that
    /// did not end are `Interrupted` in it. A failure that concerns every location (a bad token) is an
    /// error, and what was stored is kept.
    pub async fn scan(
        &self,
        name: &str,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        let record = self.record(name)?;
        self.store.must_write()?;
        let _scanning = self.claim(name)?;
        let connector = self.connect(&record).await?;
        self.scan_with(record, connector, options, events, cancel)
            .await
    }

    /// Scans an account without saving a connection. What is found is stored under the name `once:` and
    /// the account's display name (or the draft's name), so a later run goes on with an interrupted one
    /// and reuses the cache. The secrets are not stored.
    pub async fn scan_draft(
        &self,
        draft: ConnectionDraft,
        selection: Selection,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        self.store.must_write()?;
        Matcher::new(&selection).map_err(anyhow::Error::msg)?;
        let (draft, profile, connector) = self.configure(draft, &events, &cancel).await?;
        let record = self
            .store
            .save_connection(self.new_connection(&draft, &profile, true, None)?)?;
        let _scanning = self.claim(&record.connection.name)?;
        self.store.save_selection(record.id, &selection)?;
        let record = self.record(&record.connection.name)?;
        self.scan_with(record, connector, options, events, cancel)
            .await
    }

    /// The newest scans, newest first; of one connection, or of all.
    pub fn scans(&self, connection: Option<&str>) -> Result<Vec<ScanSummaryRow>, HostError> {
        let id = connection
            .map(|name| self.record(name))
            .transpose()?
            .map(|record| record.id);
        let scans = self.store.scans(id, SCANS_LISTED)?;
        Ok(scans.into_iter().map(summary).collect())
    }

    fn claim(&self, name: &str) -> Result<Scanning<'_>, HostError> {
        let mut scanning = self.scanning.lock().unwrap_or_else(PoisonError::into_inner);
        if !scanning.insert(name.to_owned()) {
            return Err(HostError::Other(anyhow::anyhow!(
                "{name:?} is being scanned already; wait until that scan has ended, or cancel it"
            )));
        }
        Ok(Scanning {
            host: self,
            name: name.to_owned(),
        })
    }

    async fn scan_with(
        &self,
        record: ConnectionRecord,
        connector: Arc<dyn Connector>,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        let begun = Instant::now();
        let watching = events.clone();
        let listed = self.list(&record, &connector, &events, &cancel).await?;
        let known = self.store.locations(record.id)?;
        let locations = choose(&record, &known, &listed.ids, &options.locations)?;
        let scan = self
            .store
            .begin_scan(BeginScan {
                connection: record.id,
                locations,
                partial_plan: !options.locations.is_empty(),
                fresh: options.fresh,
                resume: options.resume,
            })
            .await?;
        let id = scan.id;
        let run = run_scan(ScanJob {
            store: self.store.clone(),
            connector,
            connection: record.id,
            scan,
            jobs: self.jobs,
            policy: self.policy,
            events,
            cancel,
        })
        .await;
        let stored = self.store.end_scan(id, listed.whole).await?;
        let queue = self.gather(&watching).await;
        match run.stop {
            None | Some(ScanStop::Cancelled) => {}
            Some(stop) => return Err(stop.into()),
        }
        let queue = queue?;
        let mut refused = listed.traffic.refused;
        for line in run.refused {
            if !refused.contains(&line) {
                refused.push(line);
            }
        }
        let of_listing = Counts {
            requests: listed.traffic.requests,
            bytes_read: listed.traffic.bytes_read,
            ..Counts::default()
        };
        Ok(ScanReport {
            scan: id,
            connection: stored.connection,
            started_at: stored.started_at,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            counts: stored
                .locations
                .iter()
                .fold(of_listing, |sum, location| sum.plus(&location.counts)),
            locations: stored.locations,
            refused,
            complete: stored.complete,
            queue,
        })
    }
}

/// Rows of the locations that a scan takes: those of the patterns, or those of the selection.
fn choose(
    record: &ConnectionRecord,
    known: &[KnownLocation],
    listed: &HashSet<String>,
    asked: &[String],
) -> Result<Vec<i64>, HostError> {
    let there = || {
        known
            .iter()
            .filter(|known| listed.contains(&known.location.id))
    };
    if asked.is_empty() {
        let matcher = Matcher::new(&record.connection.selection).map_err(anyhow::Error::msg)?;
        let selected = there().filter(|known| {
            matcher
                .decide(&known.location, known.known_when_selected)
                .is_ok()
        });
        return Ok(selected.map(|known| known.id).collect());
    }
    for pattern in asked {
        let one = Patterns::new(std::slice::from_ref(pattern)).map_err(anyhow::Error::msg)?;
        let mut matching = there()
            .filter(|known| one.matches(&known.location.path))
            .peekable();
        if matching.peek().is_none() {
            return Err(HostError::Unknown {
                what: "location",
                name: pattern.clone(),
                list: "locations",
            });
        }
    }
    let patterns = Patterns::new(asked).map_err(anyhow::Error::msg)?;
    let scannable =
        |known: &&KnownLocation| known.location.scannable && known.location.unscannable.is_none();
    let chosen = there()
        .filter(scannable)
        .filter(|known| patterns.matches(&known.location.path));
    Ok(chosen.map(|known| known.id).collect())
}

fn summary(stored: StoredReport) -> ScanSummaryRow {
    let unfinished = |location: &&super::LocationReport| {
        matches!(location.outcome, super::LocationOutcome::Interrupted)
    };
    ScanSummaryRow {
        scan: stored.id,
        connection: stored.connection,
        started_at: stored.started_at,
        ended_at: stored.ended_at,
        locations: stored.locations.len(),
        unfinished: stored.locations.iter().filter(unfinished).count(),
        counts: stored
            .locations
            .iter()
            .fold(Counts::default(), |sum, location| {
                sum.plus(&location.counts)
            }),
        complete: stored.complete,
    }
}
