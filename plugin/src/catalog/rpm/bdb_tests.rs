#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::header::tests::package;
use super::*;

const SIZE: usize = 512;

struct Db {
    order: Order,
    pages: Vec<Vec<u8>>,
}

impl Db {
    fn new(order: Order) -> Self {
        let mut meta = vec![0; SIZE];
        let number = |value: u32| match order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        };
        meta[12..16].copy_from_slice(&number(0x0006_1561));
        meta[16..20].copy_from_slice(&number(9));
        meta[20..24].copy_from_slice(&number(SIZE as u32));
        meta[25] = 8;
        Self {
            order,
            pages: vec![meta],
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn u16(&self, value: usize) -> [u8; 2] {
        match self.order {
            Order::Little => (value as u16).to_le_bytes(),
            Order::Big => (value as u16).to_be_bytes(),
        }
    }

    fn page(&self, kind: u8, next: u32, entries: usize, length: usize) -> Vec<u8> {
        let mut page = vec![0; SIZE];
        page[16..20].copy_from_slice(&self.u32(next));
        page[20..22].copy_from_slice(&self.u16(entries));
        page[22..24].copy_from_slice(&self.u16(length));
        page[25] = kind;
        page
    }

    /// Adds a header as a chain; its reference.
    fn chain(&mut self, header: &[u8]) -> Vec<u8> {
        let first = self.pages.len() as u32;
        let pieces: Vec<&[u8]> = header.chunks(SIZE - PAGE_HEADER).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let next = if index + 1 < pieces.len() {
                first + index as u32 + 1
            } else {
                0
            };
            let mut page = self.page(page_type::OVERFLOW, next, 1, piece.len());
            page[PAGE_HEADER..PAGE_HEADER + piece.len()].copy_from_slice(piece);
            self.pages.push(page);
        }
        let mut item = vec![item::OFF_PAGE, 0, 0, 0];
        item.extend(self.u32(first));
        item.extend(self.u32(header.len() as u32));
        item
    }

    fn key(&self, number: u32) -> Vec<u8> {
        let mut item = vec![item::KEY_DATA];
        item.extend(self.u32(number));
        item
    }

    fn pairs(&mut self, kind: u8, items: &[Vec<u8>]) {
        let mut page = self.page(kind, 0, items.len(), 0);
        let mut end = SIZE;
        for (index, item) in items.iter().enumerate() {
            end -= item.len();
            page[end..end + item.len()].copy_from_slice(item);
            page[PAGE_HEADER + 2 * index..PAGE_HEADER + 2 * index + 2]
                .copy_from_slice(&self.u16(end));
        }
        self.pages.push(page);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut all = self.pages.concat();
        all[32..36].copy_from_slice(&self.u32(self.pages.len() as u32 - 1));
        all
    }
}

fn parse(data: &[u8]) -> Found {
    let mut found = Found::default();
    match kind(data) {
        Some(Kind::Hash(order)) => super::read(&mut &data[..], order, &mut found).unwrap(),
        _ => super::read(&mut &data[..], Order::Little, &mut found).unwrap(),
    }
    found
}

fn names(found: &Found) -> Vec<&str> {
    found
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect()
}

/// Chains before and after the page that names them, one header in the page itself, a key, a counter.
fn small(order: Order) -> Db {
    let mut db = Db::new(order);
    let before = db.chain(&package("before", 1500).build());
    let (zero, one, three, four) = (db.key(0), db.key(1), db.key(3), db.key(4));
    let mut counter = vec![item::KEY_DATA];
    counter.extend(db.u32(4));
    let mut inline = vec![item::KEY_DATA];
    inline.extend(package("inline", 0).build());
    db.pairs(
        page_type::HASH,
        &[zero, counter, one, before, three, inline],
    );
    let two = db.key(2);
    // The chain that follows this page.
    let mut after = vec![item::OFF_PAGE, 0, 0, 0];
    after.extend(db.u32(db.pages.len() as u32 + 1));
    let header = package("after", 3000).build();
    after.extend(db.u32(header.len() as u32));
    let key = package("gpg-pubkey", 0).build();
    let mut key_item = vec![item::KEY_DATA];
    key_item.extend(key);
    db.pairs(page_type::HASH_UNSORTED, &[two, after, four, key_item]);
    db.chain(&header);
    db
}

#[test]
fn both_byte_orders_and_every_kind_of_value_are_read() {
    for order in [Order::Little, Order::Big] {
        let found = parse(&small(order).bytes());
        assert_eq!(names(&found), ["before", "after", "inline"]);
        assert!(found.notes.is_empty(), "{:?}", found.notes);
    }
}

#[test]
fn freed_pages_and_pages_of_other_kinds_are_passed_over() {
    let mut db = small(Order::Little);
    db.pairs(0, &[db.key(9), b"\x01nothing".to_vec()]);
    db.pairs(5, &[db.key(9), b"\x01nothing".to_vec()]);
    let found = parse(&db.bytes());
    assert_eq!(found.packages.len(), 3);
    assert!(found.notes.is_empty());
}

#[test]
fn chains_that_lead_in_a_circle_or_away_lose_their_package_only() {
    for next in [1u32, 2, 77, u32::MAX, 0] {
        let mut db = small(Order::Little);
        let next_bytes = db.u32(next);
        db.pages[1][16..20].copy_from_slice(&next_bytes);
        let found = parse(&db.bytes());
        assert!(names(&found).contains(&"inline"), "{next}");
        if next != 2 {
            assert_eq!(found.packages.len(), 2, "{next}");
            assert_eq!(found.notes.len(), 1, "{next}");
        }
    }
}

#[test]
fn overflow_pages_that_lie_about_their_length_are_survived() {
    for length in [0usize, 1, 487, 65535] {
        let mut db = small(Order::Little);
        let bytes = db.u16(length);
        db.pages[1][22..24].copy_from_slice(&bytes);
        let found = parse(&db.bytes());
        assert_eq!(found.packages.len(), 2);
        assert!(!found.notes.is_empty());
    }
}

#[test]
fn entries_that_lead_out_of_their_page_are_told() {
    for (at, value) in [
        (20, 0xffffusize),
        (PAGE_HEADER, 600),
        (PAGE_HEADER + 2, 511),
    ] {
        let mut db = small(Order::Little);
        let pairs = db
            .pages
            .iter()
            .position(|page| page[25] == page_type::HASH)
            .unwrap();
        let bytes = db.u16(value);
        db.pages[pairs][at..at + 2].copy_from_slice(&bytes);
        let found = parse(&db.bytes());
        assert!(names(&found).contains(&"after"));
        assert!(!found.notes.is_empty(), "{at}");
    }
}

#[test]
fn encrypted_files_checksums_and_other_kinds_are_told() {
    for (at, value) in [(24, 1u8), (26, 1)] {
        let mut data = small(Order::Little).bytes();
        data[at] = value;
        let found = parse(&data);
        assert!(found.packages.is_empty());
        assert_eq!(found.notes[0].reason, SkipReason::Unsupported);
    }
    let mut data = small(Order::Little).bytes();
    data[12..16].copy_from_slice(&0x0005_3162u32.to_le_bytes());
    assert_eq!(kind(&data), Some(Kind::Other));
    data[20..24].copy_from_slice(&100u32.to_le_bytes());
    assert_eq!(parse(&data).notes[0].reason, SkipReason::Corrupt);
}

#[test]
fn several_values_of_one_number_are_told() {
    let mut db = Db::new(Order::Little);
    db.pairs(page_type::HASH, &[db.key(1), vec![item::DUPLICATES, 1, 2]]);
    assert_eq!(parse(&db.bytes()).notes[0].reason, SkipReason::Unsupported);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_any_change_and_any_truncation_are_survived(
        data in prop::collection::vec(any::<u8>(), 0..1500),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = small(Order::Big).bytes();
        parse(&data);
        let mut behind = good[..SIZE].to_vec();
        behind.extend(&data);
        parse(&behind);
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
