#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::header::tests::package;
use super::*;

const SIZE: usize = 512;

/// A database, page by page.
#[derive(Clone, Default)]
struct Db(BTreeMap<u32, Vec<u8>>);

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    let mut bytes = vec![(value & 0x7f) as u8];
    value >>= 7;
    while value > 0 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.extend(bytes.iter().rev());
}

/// A page of a b-tree: its kind, its cells, and the last child of an inner one.
fn tree_page(at: usize, kind: u8, cells: &[Vec<u8>], right: Option<u32>) -> Vec<u8> {
    let mut page = vec![0; SIZE];
    page[at] = kind;
    page[at + 3..at + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    let mut pointers = at + 8;
    if let Some(right) = right {
        page[at + 8..at + 12].copy_from_slice(&right.to_be_bytes());
        pointers += 4;
    }
    let mut end = SIZE;
    for cell in cells {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        page[pointers..pointers + 2].copy_from_slice(&(end as u16).to_be_bytes());
        pointers += 2;
    }
    assert!(pointers <= end, "the cells don't fit");
    page
}

fn payload(header: &[u8]) -> Vec<u8> {
    let mut types = vec![0];
    put_varint(12 + 2 * header.len() as u64, &mut types);
    let mut out = vec![types.len() as u8 + 1];
    out.extend(types);
    out.extend(header);
    out
}

/// Bytes of a row that stay in its page.
fn local(total: usize) -> usize {
    let (most, least) = (SIZE - 35, (SIZE - 12) * 32 / 255 - 23);
    if total <= most {
        return total;
    }
    let even = least + (total - least) % (SIZE - 4);
    if even <= most { even } else { least }
}

/// How many overflow pages a header takes.
fn chain_length(header: &[u8]) -> usize {
    let payload = payload(header);
    (payload.len() - local(payload.len())).div_ceil(SIZE - 4)
}

impl Db {
    /// One whose table `Packages` begins at that page.
    fn new(root: u32) -> Self {
        let sql =
            "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";
        let mut cell = Vec::new();
        let mut record = vec![6, 13 + 2 * 5, 13 + 2 * 8, 13 + 2 * 8, 2];
        put_varint(13 + 2 * sql.len() as u64, &mut record);
        record[0] = record.len() as u8;
        record.extend(b"tablePackagesPackages");
        record.extend((root as u16).to_be_bytes());
        record.extend(sql.as_bytes());
        put_varint(record.len() as u64, &mut cell);
        put_varint(1, &mut cell);
        cell.extend(record);
        let mut first = tree_page(FILE_HEADER, LEAF, &[cell], None);
        first[..16].copy_from_slice(MAGIC);
        first[16..18].copy_from_slice(&(SIZE as u16).to_be_bytes());
        Self([(1, first)].into())
    }

    /// A cell with a header, which goes on at these pages.
    fn cell(&mut self, row: u64, header: &[u8], chain: &[u32]) -> Vec<u8> {
        let payload = payload(header);
        let here = local(payload.len());
        let mut cell = Vec::new();
        put_varint(payload.len() as u64, &mut cell);
        put_varint(row, &mut cell);
        cell.extend(&payload[..here]);
        if here < payload.len() {
            cell.extend(chain[0].to_be_bytes());
            let pieces: Vec<&[u8]> = payload[here..].chunks(SIZE - 4).collect();
            assert_eq!(pieces.len(), chain.len());
            for (index, piece) in pieces.iter().enumerate() {
                let next = chain.get(index + 1).copied().unwrap_or(0);
                let mut page = next.to_be_bytes().to_vec();
                page.extend(*piece);
                page.resize(SIZE, 0);
                self.0.insert(chain[index], page);
            }
        }
        cell
    }

    fn leaf(&mut self, at: u32, cells: &[Vec<u8>]) {
        self.0.insert(at, tree_page(0, LEAF, cells, None));
    }

    fn inner(&mut self, at: u32, children: &[u32]) {
        let (last, rest) = children.split_last().unwrap();
        let cells: Vec<Vec<u8>> = rest
            .iter()
            .map(|child| {
                let mut cell = child.to_be_bytes().to_vec();
                cell.push(1);
                cell
            })
            .collect();
        self.0.insert(at, tree_page(0, INNER, &cells, Some(*last)));
    }

    fn bytes(&self) -> Vec<u8> {
        let last = *self.0.keys().last().unwrap();
        (1..=last)
            .flat_map(|number| self.0.get(&number).cloned().unwrap_or(vec![0; SIZE]))
            .collect()
    }

    fn read(&self) -> Found {
        parse(&self.bytes())
    }
}

fn parse(data: &[u8]) -> Found {
    let mut found = Found::default();
    read(&mut &data[..], &mut found).unwrap();
    found
}

fn names(found: &Found) -> Vec<&str> {
    found
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect()
}

fn header(name: &str, filler: usize) -> Vec<u8> {
    package(name, filler).build()
}

/// A root with a leaf, one package with overflow pages, and one without.
fn small() -> Db {
    let mut db = Db::new(2);
    db.inner(2, &[4, 3]);
    let big = header("big", 1000);
    let chain: Vec<u32> = (5..5 + chain_length(&big) as u32).collect();
    let first = db.cell(1, &big, &chain);
    db.leaf(3, &[first]);
    let second = db.cell(2, &header("tiny", 0), &[]);
    db.leaf(4, &[second]);
    db
}

#[test]
fn rows_are_read_in_the_order_of_their_numbers() {
    let found = small().read();
    assert_eq!(names(&found), ["big", "tiny"]);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert_eq!(found.packages[0].version, "1.0-2.el9");
}

#[test]
fn a_table_of_one_page_and_an_empty_one_are_read() {
    let mut db = Db::new(3);
    let cell = db.cell(1, &header("one", 0), &[]);
    db.leaf(3, &[cell]);
    assert_eq!(names(&db.read()), ["one"]);
    let mut db = Db::new(2);
    db.leaf(2, &[]);
    let found = db.read();
    assert!(found.packages.is_empty() && found.notes.is_empty());
}

#[test]
fn signing_keys_are_left_out() {
    let mut db = Db::new(2);
    let cell = db.cell(1, &header("gpg-pubkey", 900), &[3, 4]);
    db.leaf(2, &[cell]);
    let found = db.read();
    assert!(found.packages.is_empty() && found.notes.is_empty());
}

#[test]
fn what_was_removed_is_not_read_from_freed_pages() {
    for freed_first in [true, false] {
        let mut db = small();
        let cell = db.cell(7, &header("removed", 0), &[]);
        let at = if freed_first { 40 } else { 41 };
        db.leaf(at, &[cell]);
        if freed_first {
            // Before any page that is known to be of the table.
            db.0.insert(2, db.0[&2].clone());
        }
        assert_eq!(names(&db.read()), ["big", "tiny"]);
    }
}

#[test]
fn a_freed_row_does_not_take_the_pages_of_a_living_one() {
    // The removed row's first overflow page was used again, by a row that comes later.
    let mut db = Db::new(2);
    let old = header("removed", 1200);
    let new = header("living!", 1200);
    let length = chain_length(&old) as u32;
    let chain: Vec<u32> = (10..10 + length).collect();
    db.inner(2, &[4, 5]);
    let stale = db.cell(1, &old, &chain);
    db.leaf(6, &[stale]);
    let tiny = db.cell(2, &header("tiny", 0), &[]);
    db.leaf(4, &[tiny]);
    let cell = db.cell(3, &new, &chain);
    db.leaf(5, &[cell]);
    let found = db.read();
    assert_eq!(names(&found), ["tiny", "living!"]);
    assert!(found.notes.is_empty());
}

#[test]
fn a_row_of_a_page_that_is_not_known_to_be_freed_yet_takes_no_pages_either() {
    // A deep tree: whether leaf 6 counts is known at the end only.
    let mut db = Db::new(2);
    let old = header("removed", 1200);
    let new = header("living!", 1200);
    let length = chain_length(&old) as u32;
    let chain: Vec<u32> = (10..10 + length).collect();
    db.inner(2, &[3, 50]);
    db.inner(3, &[4]);
    db.inner(50, &[51]);
    let tiny = db.cell(2, &header("tiny", 0), &[]);
    db.leaf(4, &[tiny]);
    let stale = db.cell(1, &old, &chain);
    db.leaf(6, &[stale]);
    let cell = db.cell(3, &new, &chain);
    db.leaf(51, &[cell]);
    let found = db.read();
    assert_eq!(names(&found), ["tiny", "living!"]);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[test]
fn a_deep_tree_is_followed_though_its_inner_pages_come_last() {
    let mut db = Db::new(2);
    db.inner(2, &[30, 31]);
    let mut leaves = Vec::new();
    for number in 3..20u32 {
        let cell = db.cell(u64::from(number), &header(&format!("p{number:02}"), 0), &[]);
        db.leaf(number, &[cell]);
        leaves.push(number);
    }
    let stale = db.cell(99, &header("removed", 0), &[]);
    db.leaf(20, &[stale]);
    db.inner(30, &leaves[..8]);
    db.inner(31, &leaves[8..]);
    let found = db.read();
    assert_eq!(found.packages.len(), 17);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[test]
fn a_tree_in_a_circle_ends() {
    let mut db = small();
    db.inner(2, &[3, 4, 2, 50]);
    db.inner(50, &[2, 50, 3]);
    assert_eq!(names(&db.read()), ["big", "tiny"]);
}

#[test]
fn chains_in_a_circle_or_cut_short_lose_their_row_only_and_are_told() {
    for next in [5u32, 6, 3, 0, 1, 9999, u32::MAX] {
        let mut db = small();
        db.0.get_mut(&5).unwrap()[..4].copy_from_slice(&next.to_be_bytes());
        let found = db.read();
        assert_eq!(names(&found).last(), Some(&"tiny"), "{next}");
        if next != 6 {
            assert_eq!(found.packages.len(), 1, "{next}");
            assert!(!found.notes.is_empty(), "{next}");
        }
    }
}

#[test]
fn rows_that_share_one_long_chain_cost_no_more_than_one() {
    let mut db = Db::new(2);
    let big = header("big", 100_000);
    let chain: Vec<u32> = (1000..1000 + chain_length(&big) as u32).collect();
    let mut children = Vec::new();
    for leaf in 3..80u32 {
        let cells: Vec<Vec<u8>> = (0..2)
            .map(|row| db.cell(u64::from(leaf * 10 + row), &big, &chain))
            .filter(|cell| cell.len() < 200)
            .collect();
        db.leaf(leaf, &cells);
        children.push(leaf);
    }
    db.inner(2, &children[..40]);
    let found = db.read();
    assert!(found.packages.len() <= 1);
}

#[test]
fn pages_that_lie_about_their_cells_are_survived_and_told() {
    for (at, value) in [(3, 0xffffu16), (8, 0xffff), (8, 511), (8, 0), (3, 2)] {
        let mut db = small();
        let page = db.0.get_mut(&3).unwrap();
        page[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let found = db.read();
        assert!(names(&found).contains(&"tiny"), "{at} {value}");
        assert!(!found.notes.is_empty(), "{at} {value}");
    }
}

#[test]
fn cells_that_all_are_one_are_refused() {
    let mut db = Db::new(2);
    let cell = db.cell(1, &header("a", 0), &[]);
    let mut page = tree_page(0, LEAF, &[cell], None);
    let pointer = [page[8], page[9]];
    page[3..5].copy_from_slice(&60u16.to_be_bytes());
    for index in 0..60 {
        page[8 + 2 * index..10 + 2 * index].copy_from_slice(&pointer);
    }
    db.0.insert(2, page);
    let found = db.read();
    assert!(found.packages.len() < 5);
    assert!(!found.notes.is_empty());
}

#[test]
fn missing_pages_a_missing_table_and_a_first_page_that_lies_are_told() {
    let mut db = small();
    db.inner(2, &[4, 3, 77]);
    assert!(db.read().notes[0].why.message.contains("1 pages"));

    let mut none = small();
    none.0.get_mut(&1).unwrap()[FILE_HEADER] = 10;
    assert!(none.read().notes[0].why.message.contains("no table"));

    for (at, value) in [(16, 0u16), (16, 511), (16, 2), (20, 0xffff)] {
        let mut data = small().bytes();
        data[at..at + 2].copy_from_slice(&value.to_be_bytes());
        assert_eq!(parse(&data).notes.len(), 1, "{at} {value}");
    }
}

#[test]
fn numbers_of_nine_bytes_are_read() {
    assert_eq!(varint(&[0xff; 9], 0), Some((-1, 9)));
    assert_eq!(varint(&[0x81, 0x00], 0), Some((128, 2)));
    assert_eq!(varint(&[0xff; 8], 0), None);
}

#[test]
fn errors_of_the_reader_stay_errors() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("connection lost"))
        }
    }
    let data = small().bytes();
    for cut in [0, 50, 600, data.len()] {
        let mut contents = (&data[..cut]).chain(Fails);
        assert!(read(&mut contents, &mut Found::default()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..Default::default() })]

    #[test]
    fn every_package_is_read_whatever_the_order_of_the_pages(
        sizes in prop::collection::vec(0..4000usize, 1..25),
        seed in any::<u64>(),
    ) {
        let headers: Vec<Vec<u8>> = sizes
            .iter()
            .enumerate()
            .map(|(index, size)| header(&format!("p{index:02}"), *size))
            .collect();
        let needed: usize = headers.iter().map(|header| chain_length(header) + 1).sum();
        // All pages but the first two, in some order.
        let mut free: Vec<u32> = (3..3 + needed as u32).collect();
        let mut state = seed;
        for index in (1..free.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            free.swap(index, (state >> 33) as usize % (index + 1));
        }
        let mut db = Db::new(2);
        let mut leaves = Vec::new();
        for (index, header) in headers.iter().enumerate() {
            let chain = free.split_off(free.len() - chain_length(header));
            let cell = db.cell(index as u64 + 1, header, &chain);
            let leaf = free.pop().unwrap();
            db.leaf(leaf, &[cell]);
            leaves.push(leaf);
        }
        db.inner(2, &leaves);
        let found = db.read();
        let right: Vec<String> = (0..sizes.len()).map(|index| format!("p{index:02}")).collect();
        prop_assert_eq!(names(&found), right);
        prop_assert!(found.notes.is_empty());
    }

    #[test]
    fn any_bytes_any_change_and_any_truncation_are_survived(
        data in prop::collection::vec(any::<u8>(), 0..1500),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = small().bytes();
        let mut behind = good[..SIZE].to_vec();
        behind.extend(&data);
        parse(&behind);
        parse(&data);
        let mut changed = good.clone();
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        parse(&changed);
        let cut = cut.index(good.len());
        let found = parse(&good[..cut]);
        prop_assert!(!found.notes.is_empty(), "a truncated file is told");
    }
}
