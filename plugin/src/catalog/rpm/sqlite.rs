//! `rpmdb.sqlite`: a table `Packages` with a number and a header in each row.
//!
//! The file is read once from front to back, though a leaf of the table may come before the page that says it
//! is one. So every page that looks like one of its leaves is read, and counts only if it hangs below the
//! table's root in the end: pages that the database has freed still hold the packages that were removed.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use super::header;
use super::pages::{Chains, Event, bytes, fill};
use super::rows::Rows;
use crate::catalog::Found;
use crate::contract::SkipReason;

/// What the file begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The file's own header, at the front of its first page.
const FILE_HEADER: usize = 100;
/// Children of all inner pages of tables; one GiB has as many pages.
const MAX_CHILDREN: usize = 1 << 18;
/// Leaves that are put off, once the table's root is known, until it is known whether the tree is so small that
/// all of its leaves are known as well. A leaf that is put off lets the pages of its rows pile up.
const MAX_UNDECIDED: usize = 16;
/// Pages that are kept until it is known which table is which. It is told in the first few.
const MAX_EARLY_BYTES: usize = 4 << 20;
/// Bytes of a usable page at least, by the format.
const MIN_USABLE: usize = 480;

const INNER: u8 = 5;
const LEAF: u8 = 13;

/// Where a row stands: its number, and its page.
type Place = (i64, u32);

struct Reader {
    usable: usize,
    /// Inner pages of all tables: page to children.
    inner: HashMap<u32, Vec<u32>>,
    children: usize,
    /// Leaves of the table, and pages that look so.
    leaves: HashSet<u32>,
    /// The page that the table begins with.
    root: Option<u32>,
    /// Pages below the root, as far as they are known.
    live: HashSet<u32>,
    /// It is known whether the root's children are leaves, or whether that can't be waited for.
    depth_known: bool,
    /// Every leaf is known: others are freed pages.
    all_known: bool,
    early: Vec<(u32, Box<[u8]>)>,
    early_bytes: usize,
    chains: Chains<Place>,
    rows: Rows<Place>,
    over: Option<&'static str>,
}

/// Reads the database.
pub(super) fn read(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut first = [0; FILE_HEADER];
    let count = fill(contents, &mut first)?;
    let size = match bytes::<2>(&first, 16).map(u16::from_be_bytes) {
        Some(1) => 65536,
        size => usize::from(size.unwrap_or_default()),
    };
    let reserved = usize::from(first.get(20).copied().unwrap_or_default());
    let usable = size.saturating_sub(reserved);
    if count < FILE_HEADER || !size.is_power_of_two() || size < 512 || usable < MIN_USABLE {
        found.note(
            SkipReason::Corrupt,
            "its first page is not that of a database".to_owned(),
        );
        return Ok(());
    }
    let mut reader = Reader {
        usable,
        inner: HashMap::new(),
        children: 0,
        leaves: HashSet::new(),
        root: None,
        live: HashSet::new(),
        depth_known: false,
        all_known: false,
        early: Vec::new(),
        early_bytes: 0,
        chains: Chains::new(),
        rows: Rows::new(),
        over: None,
    };
    let mut page = vec![0; size];
    if let Some(front) = page.get_mut(..FILE_HEADER) {
        front.copy_from_slice(&first);
    }
    let mut filled = FILE_HEADER;
    let mut number = 1u32;
    loop {
        filled += fill(contents, page.get_mut(filled..).unwrap_or_default())?;
        if filled < size {
            break;
        }
        let at = if number == 1 { FILE_HEADER } else { 0 };
        reader.page(number, &page, at);
        if reader.over.is_some() || reader.chains.is_exhausted() || reader.rows.is_full() {
            break;
        }
        filled = 0;
        number = number.saturating_add(1);
    }
    reader.finish(number, filled, found);
    Ok(())
}

impl Reader {
    fn page(&mut self, number: u32, page: &[u8], at: usize) {
        match page.get(at) {
            Some(&INNER) => self.inner(number, page, at),
            Some(&LEAF) => self.leaf(number, page, at),
            // The number of the next page comes first, and no database has 2^24 pages here.
            Some(0) => {
                let next = bytes::<4>(page, 0).map_or(0, u32::from_be_bytes);
                let value = page.get(4..self.usable).unwrap_or_default();
                self.chains
                    .page(number, next, value, &mut taker(&mut self.rows, &self.live));
            }
            // Indexes, and pages of no meaning.
            _ => {}
        }
        let root_known = self.root.is_some();
        if root_known && (self.depth_known || self.early.len() > MAX_UNDECIDED) {
            self.depth_known = true;
            self.read_early();
        }
    }

    /// Reads the leaves that were put off.
    fn read_early(&mut self) {
        self.depth_known = true;
        self.early_bytes = 0;
        for (number, page) in std::mem::take(&mut self.early) {
            self.leaf(number, &page, 0);
        }
    }

    fn inner(&mut self, number: u32, page: &[u8], at: usize) {
        let mut children = Vec::new();
        for cell in cells(page, at, 12) {
            children.extend(bytes::<4>(page, cell).map(u32::from_be_bytes));
        }
        children.extend(bytes::<4>(page, at + 8).map(u32::from_be_bytes));
        self.children = self.children.saturating_add(children.len());
        if self.children > MAX_CHILDREN {
            self.over = Some("it has more inner pages than are followed");
            return;
        }
        self.inner.insert(number, children);
        if self.live.contains(&number) {
            self.spread(number);
            self.depth_known |= self.root.is_some_and(|root| self.is_child(root, number));
        }
    }

    fn is_child(&self, root: u32, page: u32) -> bool {
        self.inner
            .get(&root)
            .is_some_and(|children| children.contains(&page))
    }

    /// Everything below a page of the table is of the table.
    fn spread(&mut self, from: u32) {
        let mut open = vec![from];
        self.live.insert(from);
        while let Some(page) = open.pop() {
            for child in self.inner.get(&page).into_iter().flatten() {
                if self.live.insert(*child) && self.inner.contains_key(child) {
                    open.push(*child);
                }
            }
        }
    }

    fn leaf(&mut self, number: u32, page: &[u8], at: usize) {
        let mut local_bytes = 0usize;
        for (index, cell) in cells(page, at, 8).enumerate() {
            let Some(cell) = Cell::read(page, cell, self.usable) else {
                self.rows.broken((0, number), "a row leads out of its page");
                break;
            };
            // Rows of a page don't share bytes.
            local_bytes = local_bytes.saturating_add(cell.local.len());
            if local_bytes > page.len() {
                self.rows.broken((0, number), "its rows overlap");
                break;
            }
            if let Some(root) = cell.root_of_packages() {
                self.root.get_or_insert(root);
                self.spread(root);
                continue;
            }
            let Some((local, total)) = cell.header() else {
                if self.live.contains(&number) && cell.types::<5>().is_none() {
                    self.rows.broken((cell.row, number), "it is no header");
                } else if index == 0 && cell.types::<5>().is_none() {
                    // The first row of a page tells of which table all are.
                    break;
                }
                continue;
            };
            let is_candidate = self.is_candidate(number);
            if !self.depth_known {
                self.keep_early(number, page);
                return;
            }
            if !is_candidate {
                return;
            }
            self.chains.row(
                (cell.row, number),
                local,
                total,
                cell.next,
                &mut taker(&mut self.rows, &self.live),
            );
        }
        self.leaves.insert(number);
        if self.leaves.len() > MAX_CHILDREN {
            self.over = Some("it has more pages of rows than are followed");
        }
    }

    fn keep_early(&mut self, number: u32, page: &[u8]) {
        self.early_bytes += page.len();
        if self.early_bytes > MAX_EARLY_BYTES {
            self.over = Some("it doesn't tell in its first pages where its table of packages is");
        } else {
            self.early.push((number, page.into()));
        }
    }

    /// False for a leaf that certainly is not of the table.
    fn is_candidate(&mut self, leaf: u32) -> bool {
        let Some(root) = self.root else {
            return true;
        };
        if self.live.contains(&leaf) {
            // All leaves are equally deep: with one right below the root, all are known.
            self.all_known |= leaf == root || self.is_child(root, leaf);
            self.depth_known |= self.all_known;
            return true;
        }
        !self.all_known
    }

    fn finish(mut self, pages: u32, rest: usize, found: &mut Found) {
        if let Some(why) = self.over {
            found.note(
                SkipReason::OverLimit,
                format!("{why}, so its packages were not read to the end"),
            );
        } else if self.chains.is_exhausted() {
            found.note(
                SkipReason::OverLimit,
                "it has more rows and pages than are followed, so its packages were not read to the end"
                    .to_owned(),
            );
        } else if rest > 0 && !self.rows.is_full() {
            found.note(
                SkipReason::Corrupt,
                format!("it ends inside page {pages}; what was there was read"),
            );
        }
        if self.root.is_some() {
            self.read_early();
        }
        self.chains.finish(&mut taker(&mut self.rows, &self.live));
        let Some(root) = self.root else {
            found.note(
                SkipReason::Corrupt,
                "it has no table of packages".to_owned(),
            );
            return;
        };
        // A page that holds rows of another kind, or none, is a leaf as well.
        let missing = self
            .live
            .iter()
            .filter(|page| !self.inner.contains_key(page) && !self.leaves.contains(page))
            .count();
        if missing > 0 && self.over.is_none() && !self.rows.is_full() {
            found.note(
                SkipReason::Corrupt,
                format!(
                    "{missing} pages of its table of packages (which begins at page {root}) are missing or broken"
                ),
            );
        }
        self.rows
            .finish(|(_, leaf)| self.live.contains(leaf), found);
    }
}

/// Takes in rows. Pages are forgotten only for one of which it is certain that it is of the table: others may
/// be left from what was removed, and a row of the table may have got their pages since.
fn taker<'r>(
    rows: &'r mut Rows<Place>,
    live: &'r HashSet<u32>,
) -> impl FnMut(Event<'_, Place>) -> bool + 'r {
    |event| {
        let (Event::Whole((_, leaf), _) | Event::Lost((_, leaf))) = event;
        rows.take(event) && live.contains(&leaf)
    }
}

/// The places of a page's cells. `skip` is the length of the page's header.
fn cells(page: &[u8], at: usize, skip: usize) -> impl Iterator<Item = usize> {
    let count = bytes::<2>(page, at + 3).map_or(0, u16::from_be_bytes);
    (0..usize::from(count)).map_while(move |index| {
        bytes::<2>(page, at + skip + 2 * index).map(|at| usize::from(u16::from_be_bytes(at)))
    })
}

/// A row of a table.
struct Cell<'p> {
    row: i64,
    /// Bytes of all its values, with their types before them.
    total: usize,
    /// Those in the page itself.
    local: &'p [u8],
    next: u32,
}

impl<'p> Cell<'p> {
    fn read(page: &'p [u8], at: usize, usable: usize) -> Option<Self> {
        let (total, at) = varint(page, at)?;
        let (row, at) = varint(page, at)?;
        let total = usize::try_from(total).ok()?;
        // How much of a long row stays in its page is laid down by the format.
        let most = usable.checked_sub(35)?;
        let length = if total <= most {
            total
        } else {
            let least = (usable.checked_sub(12)? * 32 / 255).checked_sub(23)?;
            let even = least + (total - least) % usable.checked_sub(4)?;
            if even <= most { even } else { least }
        };
        let end = at.checked_add(length)?;
        let local = page.get(at..end)?;
        let next = if length < total {
            u32::from_be_bytes(bytes::<4>(page, end)?)
        } else {
            0
        };
        Some(Self {
            row,
            total,
            local,
            next,
        })
    }

    /// The types of its values, and where the first one is; no more types than there are columns.
    fn types<const N: usize>(&self) -> Option<([i64; N], usize)> {
        let (end, mut at) = varint(self.local, 0)?;
        let end = usize::try_from(end).ok()?;
        let mut types = [0; N];
        for kind in &mut types {
            (*kind, at) = varint(self.local, at)?;
        }
        (at == end).then_some((types, end))
    }

    /// The header of a row of `Packages`: what is in the page of it, and how long it is.
    fn header(&self) -> Option<(&'p [u8], usize)> {
        let ([key, value], at) = self.types::<2>()?;
        let at = at.checked_add(width(key)?)?;
        if value < 12 || value % 2 != 0 || matches!(key, 7 | 10..) {
            return None;
        }
        let length = usize::try_from((value - 12) / 2).ok()?;
        let local = self.local.get(at..)?;
        (at.checked_add(length)? == self.total && header::length(local)? == length)
            .then_some((local, length))
    }

    /// The root page of `Packages`, when this is its row in the schema.
    fn root_of_packages(&self) -> Option<u32> {
        let ([kind, name, table, root, sql], mut at) = self.types::<5>()?;
        let mut text = |kind: i64| {
            let width = width(kind).filter(|_| kind >= 13 && kind % 2 == 1)?;
            let value = self.local.get(at..at.checked_add(width)?)?;
            at += width;
            Some(value)
        };
        if text(kind)? != b"table" || text(name)? != b"Packages" || text(table)? != b"Packages" {
            return None;
        }
        let number = self.local.get(at..at.checked_add(width(root)?)?)?;
        if sql < 13 || !(1..=6).contains(&root) {
            return None;
        }
        let root = number.iter().try_fold(0u32, |sum, byte| {
            Some(sum.checked_mul(256)? | u32::from(*byte))
        })?;
        (root > 1).then_some(root)
    }
}

/// Bytes of a value of that type.
fn width(kind: i64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        12.. => usize::try_from((kind - 12) / 2).ok(),
        _ => None,
    }
}

/// A number of one to nine bytes, and where it ends.
fn varint(page: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0u64;
    for (index, byte) in page.get(at..)?.iter().take(9).enumerate() {
        let end = at + index + 1;
        if index == 8 {
            return Some(((value << 8 | u64::from(*byte)).cast_signed(), end));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value.cast_signed(), end));
        }
    }
    None
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
