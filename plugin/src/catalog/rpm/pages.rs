//! Values that are spread over pages of a database, put together while the pages go by once.
//!
//! A page of a value may come before or after the row that leads to it. Pages are kept until a row has all of
//! its own, then the value is read and its pages are forgotten. What nobody asked for yet is given up first
//! when there is too much, the oldest first: mostly pages that the database has freed and not overwritten.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};

use super::header::Blob;

/// Bytes of pages that are kept at a time.
pub(super) const MAX_RETAINED: usize = 20 << 20;
/// Rows of one database; no distribution has as many packages.
pub(super) const MAX_ROWS: usize = 100_000;
/// Pages that are stepped over in all. A database of the largest size that is read takes a tenth.
const MAX_STEPS: usize = 8 << 20;
/// What a page or a row takes besides its bytes.
const OVERHEAD: usize = 96;

struct Page {
    next: u32,
    bytes: Box<[u8]>,
    /// Rows that have it in their chain.
    claims: u32,
    /// Stands in the order in which pages are given up.
    queued: bool,
}

struct Row<T> {
    tag: T,
    local: Box<[u8]>,
    /// Bytes of the value in all.
    total: usize,
    gathered: usize,
    chain: Vec<u32>,
    next: u32,
}

/// A value that is whole, or a row whose value will not become so.
pub(super) enum Event<'e, T> {
    /// The value is whole. Answer true when it makes sense: its pages are forgotten then.
    Whole(T, &'e Blob<'e>),
    /// Its pages lead in a circle, end too soon, or were given up.
    Lost(T),
}

/// Pages and the rows that wait for them.
pub(super) struct Chains<T> {
    pages: HashMap<u32, Page>,
    /// Pages in the order in which they are given up: those of nobody, and some that were used since.
    order: VecDeque<u32>,
    rows: HashMap<usize, Row<T>>,
    waiting: HashMap<u32, Vec<usize>>,
    retained: usize,
    rows_seen: usize,
    steps: usize,
    limit: usize,
}

impl<T: Copy> Chains<T> {
    pub(super) fn new() -> Self {
        Self::with_limit(MAX_RETAINED)
    }

    pub(super) fn with_limit(limit: usize) -> Self {
        Self {
            pages: HashMap::new(),
            order: VecDeque::new(),
            rows: HashMap::new(),
            waiting: HashMap::new(),
            retained: 0,
            rows_seen: 0,
            steps: 0,
            limit,
        }
    }

    /// True when more rows or pages were asked for than are followed.
    pub(super) fn is_exhausted(&self) -> bool {
        self.rows_seen > MAX_ROWS || self.steps > MAX_STEPS
    }

    /// A row whose value begins with `local` and goes on at page `next`.
    pub(super) fn row(
        &mut self,
        tag: T,
        local: &[u8],
        total: usize,
        next: u32,
        event: &mut dyn FnMut(Event<'_, T>) -> bool,
    ) {
        self.rows_seen += 1;
        if self.is_exhausted() {
            return;
        }
        if local.len() >= total {
            event(Event::Whole(tag, &Blob::new(local.get(..total))));
            return;
        }
        let bytes = local.len() + OVERHEAD;
        // What can never be whole within the limit need not be begun.
        if total > self.limit || !self.make_room(bytes) {
            event(Event::Lost(tag));
            return;
        }
        self.retained += bytes;
        let id = self.rows_seen;
        self.rows.insert(
            id,
            Row {
                tag,
                local: local.into(),
                total,
                gathered: local.len(),
                chain: Vec::new(),
                next,
            },
        );
        self.follow(id, event);
    }

    /// A page that may belong to a value: its number, the number of the one after it, and its bytes.
    pub(super) fn page(
        &mut self,
        number: u32,
        next: u32,
        bytes: &[u8],
        event: &mut dyn FnMut(Event<'_, T>) -> bool,
    ) {
        if self.is_exhausted() || self.pages.contains_key(&number) {
            return;
        }
        let waiting = self.waiting.remove(&number).unwrap_or_default();
        let cost = bytes.len() + OVERHEAD;
        if !self.make_room(cost) {
            for id in waiting {
                self.lose(id, event);
            }
            return;
        }
        self.retained += cost;
        self.pages.insert(
            number,
            Page {
                next,
                bytes: bytes.into(),
                claims: 0,
                queued: true,
            },
        );
        self.order.push_back(number);
        for id in waiting {
            self.follow(id, event);
        }
    }

    /// No more pages come: what is not whole is lost.
    pub(super) fn finish(&mut self, event: &mut dyn FnMut(Event<'_, T>) -> bool) {
        let mut left: Vec<usize> = self.rows.keys().copied().collect();
        left.sort_unstable();
        for id in left {
            self.lose(id, event);
        }
    }

    /// Follows a row's chain as far as its pages are there.
    fn follow(&mut self, id: usize, event: &mut dyn FnMut(Event<'_, T>) -> bool) {
        loop {
            let Some(row) = self.rows.get_mut(&id) else {
                return;
            };
            if row.gathered >= row.total {
                return self.complete(id, event);
            }
            self.steps += 1;
            if row.next == 0 || self.steps > MAX_STEPS {
                return self.lose(id, event);
            }
            let Some(page) = self.pages.get_mut(&row.next) else {
                self.waiting.entry(row.next).or_default().push(id);
                return;
            };
            // A chain with more pages than there are is a circle.
            if page.bytes.is_empty() || row.chain.len() > MAX_RETAINED / OVERHEAD {
                return self.lose(id, event);
            }
            page.claims += 1;
            row.chain.push(row.next);
            self.retained += size_of::<u32>();
            row.gathered = row.gathered.saturating_add(page.bytes.len());
            row.next = page.next;
        }
    }

    fn complete(&mut self, id: usize, event: &mut dyn FnMut(Event<'_, T>) -> bool) {
        let Some(row) = self.take(id) else {
            return;
        };
        let mut left = row.total.saturating_sub(row.local.len());
        let mut pieces: Vec<&[u8]> = vec![&row.local];
        let mut whole = row.next == 0;
        for number in &row.chain {
            let Some(page) = self.pages.get(number) else {
                whole = false;
                break;
            };
            let piece = page.bytes.get(..left).unwrap_or(&page.bytes);
            left = left.saturating_sub(piece.len());
            pieces.push(piece);
        }
        // A chain that goes on behind the end of its value was overwritten by another one.
        let good = if whole {
            event(Event::Whole(row.tag, &Blob::new(pieces)))
        } else {
            event(Event::Lost(row.tag));
            false
        };
        if good {
            for number in row.chain {
                if let Some(page) = self.pages.remove(&number) {
                    self.retained = self.retained.saturating_sub(page.bytes.len() + OVERHEAD);
                }
            }
        } else {
            self.release(&row.chain);
        }
    }

    fn lose(&mut self, id: usize, event: &mut dyn FnMut(Event<'_, T>) -> bool) {
        if let Some(row) = self.take(id) {
            self.release(&row.chain);
            event(Event::Lost(row.tag));
        }
    }

    fn take(&mut self, id: usize) -> Option<Row<T>> {
        let row = self.rows.remove(&id)?;
        let bytes = row.local.len() + OVERHEAD + row.chain.len() * size_of::<u32>();
        self.retained = self.retained.saturating_sub(bytes);
        Some(row)
    }

    /// Pages of a chain that came to nothing are anybody's again.
    fn release(&mut self, chain: &[u32]) {
        for number in chain {
            if let Some(page) = self.pages.get_mut(number) {
                page.claims = page.claims.saturating_sub(1);
                if page.claims == 0 && !page.queued {
                    page.queued = true;
                    self.order.push_back(*number);
                }
            }
        }
    }

    /// Gives up the oldest pages of nobody until `bytes` more fit.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.retained.saturating_add(bytes) > self.limit {
            let Some(number) = self.order.pop_front() else {
                return false;
            };
            let Some(page) = self.pages.get_mut(&number) else {
                continue;
            };
            page.queued = false;
            if page.claims == 0 {
                self.retained = self.retained.saturating_sub(page.bytes.len() + OVERHEAD);
                self.pages.remove(&number);
            }
        }
        // Those that were used stay in the order; it must not outgrow what it orders.
        if self.order.len() > 4096 && self.order.len() / 4 > self.pages.len() {
            let pages = &mut self.pages;
            self.order.retain(|number| {
                pages.get_mut(number).is_some_and(|page| {
                    page.queued = page.claims == 0;
                    page.queued
                })
            });
        }
        true
    }
}

/// Reads until `buffer` is full or there is no more; how much it was.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Passes over `count` bytes; false when there were fewer.
pub(super) fn skip(reader: &mut dyn Read, count: u64) -> io::Result<bool> {
    Ok(io::copy(&mut reader.take(count), &mut io::sink())? == count)
}

/// Numbers of a page, none where it has no such bytes.
pub(super) fn bytes<const N: usize>(page: &[u8], at: usize) -> Option<[u8; N]> {
    page.get(at..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
