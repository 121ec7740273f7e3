//! What pages look at through the facade: images, what was left out, changes, what the advisories cover.
//! Each answer has a size of its own, whatever the number of images and issues.

use super::{Host, HostError};
use crate::contract::SkipReason;
use crate::report::detail::Detail;
use crate::store::{
    ChangeGroup, FailedLocation, ImageEntry, ImageQuery, PackageEntry, Part, ScanStamp, StoredImage,
};

/// One image with all that belongs to it.
#[derive(Clone, Debug)]
pub struct LookedAt {
    /// What reports and bills of materials are made of.
    pub detail: Detail,
    /// Its packages with what the advisories are asked about them; `None` when they have never come whole.
    pub packages: Option<Vec<PackageEntry>>,
    /// Its open issues by rank of their severity, the worst first.
    pub issues: Vec<(u8, u64)>,
}

impl Host {
    /// A page of images, by repository.
    pub fn image_page(&self, query: &ImageQuery) -> Result<Part<ImageEntry>, HostError> {
        self.known_image_query(query)?;
        Ok(self.store.image_page(query)?)
    }

    /// What was left out, by reason, most first.
    pub fn skip_reasons(&self, query: &ImageQuery) -> Result<Vec<(SkipReason, u64)>, HostError> {
        self.known_image_query(query)?;
        Ok(self.store.skip_reasons(query)?)
    }

    /// A page of what was left out.
    pub fn skip_page(&self, query: &ImageQuery) -> Result<Part<super::SkippedRow>, HostError> {
        self.known_image_query(query)?;
        Ok(self.store.skip_page(query)?)
    }

    /// A page of locations whose last scan did not end well, the failed ones first.
    pub fn failed_locations(&self, query: &ImageQuery) -> Result<Part<FailedLocation>, HostError> {
        self.known_image_query(query)?;
        Ok(self.store.failed_locations(query)?)
    }

    /// One image by its connection and whole digest.
    pub fn image(&self, connection: &str, digest: &str) -> Result<LookedAt, HostError> {
        self.record(connection)?;
        let unknown = || HostError::Unknown {
            what: "image",
            name: digest.to_owned(),
            list: "images",
        };
        let StoredImage {
            rows,
            packages,
            findings,
            skipped,
            issues,
        } = self
            .store
            .stored_image(connection, digest)?
            .ok_or_else(unknown)?;
        let mut rows = rows.into_iter();
        let row = rows.next().ok_or_else(unknown)?;
        let plain = packages
            .as_ref()
            .map(|all| all.iter().map(|one| one.package.clone()).collect());
        Ok(LookedAt {
            detail: Detail {
                tag: row.image.tags.first().cloned(),
                row,
                also: rows.collect(),
                packages: plain,
                findings,
                skipped,
            },
            packages,
            issues,
        })
    }

    /// The newest scans of a connection, newest first.
    pub fn scan_stamps(&self, connection: &str, limit: usize) -> Result<Vec<ScanStamp>, HostError> {
        self.record(connection)?;
        Ok(self.store.scan_stamps(connection, limit)?)
    }

    /// What happened to issues between two scans of a connection, by kind and cause, each with its first
    /// `each` changes. `from` 0 is the beginning.
    pub fn changes(
        &self,
        connection: &str,
        from: i64,
        to: i64,
        each: usize,
    ) -> Result<Vec<ChangeGroup>, HostError> {
        let id = self.record(connection)?.id;
        for scan in [from, to] {
            if scan != 0 && self.store.connection_of_scan(scan)?.0 != id {
                return Err(HostError::Unknown {
                    what: "scan of this connection",
                    name: scan.to_string(),
                    list: "scans",
                });
            }
        }
        Ok(self.store.changes_between(id, from, to, each)?)
    }

    fn known_image_query(&self, query: &ImageQuery) -> Result<(), HostError> {
        match &query.connection {
            Some(name) => self.record(name).map(drop),
            None => Ok(()),
        }
    }
}
