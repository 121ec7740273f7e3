//! One list of a place, a page at a time, each entry once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{closed, skip};
use crate::contract::{Failure, SkipReason, SkipSubject, Skipped};
use crate::gitlab::api::{Api, Listing, Mark, Page};
use crate::gitlab::errors::explain;

/// Something with a number.
pub(super) trait Entry: for<'de> Deserialize<'de> {
    fn id(&self) -> u64;
}

/// Where a list goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    #[serde(rename = "m")]
    pub(super) mark: Mark,
    /// Entries of the page before.
    #[serde(rename = "r", default)]
    recent: Vec<u64>,
    /// How many entries there were in all.
    #[serde(rename = "t", default)]
    total: Option<u64>,
}

impl Stream {
    pub(super) fn numbered() -> Self {
        Self {
            mark: Mark::Page(1),
            recent: Vec::new(),
            total: None,
        }
    }

    pub(super) fn keyset() -> Self {
        Self {
            mark: Mark::Keyset,
            recent: Vec::new(),
            total: None,
        }
    }

    /// Takes a page in: its new entries, and where the list goes on.
    pub(super) fn take<T: Entry>(
        self,
        api: &Api<'_, '_>,
        listing: &Listing,
        page: Page<T>,
        skipped: &mut Vec<Skipped>,
    ) -> Result<(Vec<T>, Option<Self>), Failure> {
        let mut seen: HashSet<u64> = self.recent.iter().copied().collect();
        let mut items = Vec::new();
        let shrunk = matches!((self.total, page.total), (Some(before), Some(now)) if now < before);
        if let (true, Mark::Page(number @ 2..)) = (shrunk, &self.mark) {
            items.extend(api.page::<T>(listing, &Mark::Page(number - 1))?.items);
        }
        let recent = page.items.iter().map(Entry::id).collect();
        items.extend(page.items);
        items.retain(|item| seen.insert(item.id()));
        if page.unreadable > 0 {
            skipped.push(skip(
                SkipSubject::Location,
                listing.path(),
                SkipReason::Corrupt,
                explain(
                    format!(
                        "{} entries of the list {} can't be read.",
                        page.unreadable,
                        listing.path()
                    ),
                    "This GitLab may be newer than the connector; update it.",
                ),
            ));
        }
        if let Some(fault) = page.fault {
            skipped.push(skip(
                SkipSubject::Location,
                listing.path(),
                SkipReason::Corrupt,
                fault,
            ));
        }
        let next = page.next.map(|mark| Self {
            mark,
            recent,
            total: page.total.or(self.total),
        });
        Ok((items, next))
    }

    /// Reads the page it stands at. What is closed to the user is a `skipped`, and the end of this list only.
    pub(super) fn step<T: Entry>(
        self,
        api: &Api<'_, '_>,
        listing: &Listing,
        name: &str,
        skipped: &mut Vec<Skipped>,
    ) -> Result<(Vec<T>, Option<Self>), Failure> {
        match api.page::<T>(listing, &self.mark) {
            Ok(page) => self.take(api, listing, page, skipped),
            Err(failure) => {
                skipped.push(closed(failure, name)?);
                Ok((Vec::new(), None))
            }
        }
    }
}
