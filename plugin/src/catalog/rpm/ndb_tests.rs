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

/// A database from headers; those without a number are free space.
fn database(headers: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut slots = Vec::new();
    let mut blobs = Vec::new();
    for (number, header) in headers {
        let at = (PAGE + blobs.len()) / SLOT;
        let mut blob = BLOB_MAGIC.to_vec();
        blob.extend((*number).max(1).to_le_bytes());
        blob.extend(1u32.to_le_bytes());
        blob.extend((header.len() as u32).to_le_bytes());
        blob.extend(header);
        // A checksum, the length again, and an end mark.
        while !(blob.len() + 12).is_multiple_of(SLOT) {
            blob.push(0);
        }
        blob.extend([0; 8]);
        blob.extend(b"BlbE");
        let count = blob.len() / SLOT;
        blobs.extend(blob);
        if *number != 0 {
            slots.push((*number, at as u32, count as u32));
        }
    }
    // Slots stand in any order.
    slots.reverse();
    let mut out = MAGIC.to_vec();
    for value in [0u32, 1, 1, 9, 0, 0, 0] {
        out.extend(value.to_le_bytes());
    }
    for index in 0..(PAGE / SLOT - 2) {
        let (number, at, count) = slots.get(index).copied().unwrap_or_default();
        out.extend(SLOT_MAGIC);
        for value in [number, at, count] {
            out.extend(value.to_le_bytes());
        }
    }
    out.extend(blobs);
    out
}

fn small() -> Vec<u8> {
    database(&[
        (3, package("a", 10).build()),
        (0, package("removed", 10).build()),
        (1, package("b", 5000).build()),
        (2, package("gpg-pubkey", 10).build()),
    ])
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

#[test]
fn what_slots_name_is_read_and_what_was_removed_is_not() {
    let found = parse(&small());
    assert_eq!(names(&found), ["a", "b"]);
    assert!(found.notes.is_empty());
}

#[test]
fn slots_that_overlap_or_lie_lose_their_package_only() {
    // Slot 2 (the first behind the file's header) is the key, then `b`, then `a`.
    for (at, value) in [
        (2 * SLOT + 8, (PAGE / SLOT) as u32),
        (2 * SLOT + 8, 0),
        (2 * SLOT + 4, 77),
        (2 * SLOT, 0),
    ] {
        let mut data = small();
        data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let found = parse(&data);
        assert_eq!(names(&found), ["a", "b"], "{at} {value}");
        assert_eq!(found.notes.len(), 1, "{at} {value}");
    }
    let mut data = small();
    data[2 * SLOT + 8..2 * SLOT + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let found = parse(&data);
    assert_eq!(names(&found), ["a", "b"]);
    assert!(found.notes[0].why.message.contains("ends before 1"));
}

#[test]
fn a_length_that_lies_takes_no_memory_and_is_told() {
    for length in [u32::MAX, 0x7fff_ffff, 19 << 20, 0] {
        let mut data = small();
        data[PAGE + 12..PAGE + 16].copy_from_slice(&length.to_le_bytes());
        let found = parse(&data);
        assert!(!names(&found).contains(&"a"), "{length}");
        assert!(!found.notes.is_empty(), "{length}");
    }
}

#[test]
fn other_versions_and_numbers_of_pages_are_told() {
    for (at, value, reason) in [
        (4, 1u32, SkipReason::Unsupported),
        (12, 0, SkipReason::OverLimit),
        (12, u32::MAX, SkipReason::OverLimit),
        (12, 9, SkipReason::Corrupt),
    ] {
        let mut data = small();
        data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let found = parse(&data);
        assert!(found.packages.is_empty());
        assert!(
            found.notes.iter().any(|note| note.reason == reason),
            "{at} {value}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_any_change_and_any_truncation_are_survived(
        data in prop::collection::vec(any::<u8>(), 0..600),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = small();
        parse(&data);
        let mut changed = good.clone();
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        parse(&changed);
        // What is cut off behind the last header is a checksum.
        let cut = cut.index(good.len() - 4096);
        prop_assert!(!parse(&good[..cut]).notes.is_empty() || cut > PAGE + 5000);
    }
}
