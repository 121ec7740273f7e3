//! `Packages` as a hash of Berkeley DB: pages of pairs, a number and a header each, where a header lies on a
//! chain of overflow pages nearly always.

use std::io::{self, Read};

use super::pages::{Chains, bytes, fill};
use super::rows::Rows;
use crate::catalog::Found;
use crate::contract::SkipReason;

/// Where the magic number is in the first page.
pub(super) const MAGIC_AT: usize = 12;
/// Bytes of the first page that are looked at.
const META: usize = 72;
/// What every page begins with.
const PAGE_HEADER: usize = 26;
/// A flag of the first page: pages begin with a checksum then.
const CHECKSUMS: u8 = 1;

mod page_type {
    pub(super) const HASH_UNSORTED: u8 = 2;
    pub(super) const OVERFLOW: u8 = 7;
    pub(super) const HASH: u8 = 13;
}

mod item {
    pub(super) const KEY_DATA: u8 = 1;
    pub(super) const DUPLICATES: u8 = 2;
    pub(super) const OFF_PAGE: u8 = 3;
    pub(super) const OFF_DUPLICATES: u8 = 4;
}

/// The kinds of database, by their magic numbers, and the byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What rpm writes.
    Hash(Order),
    /// One that rpm never writes there.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, page: &[u8], at: usize) -> Option<u16> {
        let number = bytes::<2>(page, at)?;
        Some(match self {
            Self::Little => u16::from_le_bytes(number),
            Self::Big => u16::from_be_bytes(number),
        })
    }

    fn u32(self, page: &[u8], at: usize) -> Option<u32> {
        let number = bytes::<4>(page, at)?;
        Some(match self {
            Self::Little => u32::from_le_bytes(number),
            Self::Big => u32::from_be_bytes(number),
        })
    }
}

/// What a file is that begins like this; `None` when it is no database of this family.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    const HASH: u32 = 0x0006_1561;
    const OTHERS: [u32; 3] = [0x0005_3162, 0x0004_2253, 0x0007_4582];
    for order in [Order::Little, Order::Big] {
        match order.u32(head, MAGIC_AT)? {
            HASH => return Some(Kind::Hash(order)),
            magic if OTHERS.contains(&magic) => return Some(Kind::Other),
            _ => {}
        }
    }
    None
}

/// Reads the database.
pub(super) fn read(contents: &mut dyn Read, order: Order, found: &mut Found) -> io::Result<()> {
    let mut meta = [0; META];
    let count = fill(contents, &mut meta)?;
    let size = order.u32(&meta, 20).unwrap_or_default() as usize;
    if count < META || !size.is_power_of_two() || !(512..=65536).contains(&size) {
        found.note(
            SkipReason::Corrupt,
            "its first page is not that of a database".to_owned(),
        );
        return Ok(());
    }
    let encrypted = meta.get(24).is_some_and(|algorithm| *algorithm != 0);
    if encrypted || meta.get(26).is_some_and(|flags| flags & CHECKSUMS != 0) {
        found.note(
            SkipReason::Unsupported,
            "its pages are encrypted or have checksums, as rpm never writes them; it was not read"
                .to_owned(),
        );
        return Ok(());
    }
    let last = order.u32(&meta, 32).unwrap_or_default();
    let mut reader = Reader {
        order,
        chains: Chains::new(),
        rows: Rows::new(),
        duplicates: false,
    };
    let mut page = vec![0; size];
    // The first page has been read in part, and holds no rows.
    let mut filled = META + fill(contents, page.get_mut(META..).unwrap_or_default())?;
    let mut number = 0u32;
    while filled == size {
        number += 1;
        filled = fill(contents, &mut page)?;
        if filled < size {
            break;
        }
        reader.page(number, &page);
        if reader.chains.is_exhausted() || reader.rows.is_full() {
            break;
        }
    }
    if reader.chains.is_exhausted() {
        found.note(
            SkipReason::OverLimit,
            "it has more rows and pages than are followed, so its packages were not read to the end"
                .to_owned(),
        );
    } else if !reader.rows.is_full() && (filled > 0 || number <= last) {
        found.note(
            SkipReason::Corrupt,
            format!(
                "it ends after {number} of {} pages; what was there was read",
                last.saturating_add(1)
            ),
        );
    }
    reader.finish(found);
    Ok(())
}

struct Reader {
    order: Order,
    chains: Chains<u32>,
    rows: Rows<u32>,
    duplicates: bool,
}

impl Reader {
    fn page(&mut self, number: u32, page: &[u8]) {
        let order = self.order;
        let kind = page.get(25).copied().unwrap_or_default();
        let (Some(next), Some(entries), Some(length)) = (
            order.u32(page, 16),
            order.u16(page, 20),
            order.u16(page, 22),
        ) else {
            return;
        };
        match kind {
            page_type::OVERFLOW => {
                let end = PAGE_HEADER + usize::from(length);
                let value = page.get(PAGE_HEADER..end).unwrap_or_default();
                let rows = &mut self.rows;
                self.chains
                    .page(number, next, value, &mut |event| rows.take(event));
            }
            page_type::HASH | page_type::HASH_UNSORTED => {
                self.pairs(number, page, usize::from(entries));
            }
            // Freed pages have no type.
            _ => {}
        }
    }

    fn pairs(&mut self, number: u32, page: &[u8], entries: usize) {
        // Items fill a page from its end: each ends where the one before it begins.
        let mut end = page.len();
        let mut key: Option<&[u8]> = None;
        for index in 0..entries {
            let at = self
                .order
                .u16(page, PAGE_HEADER + 2 * index)
                .map(usize::from);
            let Some((at, item)) = at.and_then(|at| Some((at, page.get(at..end)?))) else {
                self.rows.broken(number, "an entry leads out of its page");
                return;
            };
            end = at;
            match key.take() {
                None => key = Some(item),
                Some(key) => self.pair(number, key, item),
            }
        }
    }

    fn pair(&mut self, page: u32, key: &[u8], value: &[u8]) {
        let Some((&item::KEY_DATA, key)) = key.split_first() else {
            return;
        };
        let Some(number) = self.order.u32(key, 0).filter(|_| key.len() == 4) else {
            self.rows.broken(page, "the number of an entry is none");
            return;
        };
        // Entry 0 is the highest number so far.
        if number == 0 {
            return;
        }
        let rows = &mut self.rows;
        match value.split_first() {
            Some((&item::KEY_DATA, value)) => {
                self.chains
                    .row(number, value, value.len(), 0, &mut |event| rows.take(event));
            }
            Some((&item::OFF_PAGE, _)) => {
                if let (Some(first), Some(length)) =
                    (self.order.u32(value, 4), self.order.u32(value, 8))
                {
                    self.chains
                        .row(number, &[], length as usize, first, &mut |event| {
                            rows.take(event)
                        });
                }
            }
            Some((&(item::DUPLICATES | item::OFF_DUPLICATES), _)) => self.duplicates = true,
            _ => self.rows.broken(number, "it is of no known kind"),
        }
    }

    fn finish(mut self, found: &mut Found) {
        let rows = &mut self.rows;
        self.chains.finish(&mut |event| rows.take(event));
        if self.duplicates {
            found.note(
                SkipReason::Unsupported,
                "it has several values of one number, as rpm never writes them; they were passed over"
                    .to_owned(),
            );
        }
        self.rows.finish(|_| true, found);
    }
}

#[cfg(test)]
#[path = "bdb_tests.rs"]
mod tests;
