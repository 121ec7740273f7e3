//! Layers that mean harm, or that nobody meant at all, and what is to come of each: through
//! [`layer::read`] and [`Merge`], as an image goes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, Read, Write};

use super::decompress::Trouble;
use super::layer::tests::archive;
use super::layer::{self, LayerInventory};
use super::merge::{Inventory, Merge};
use crate::contract::SkipReason;

const STATUS: &str = "var/lib/dpkg/status";
const BASH: &str = "Package: bash\nVersion: 5\n\n";
const MIB: usize = 1 << 20;

/// Counts what a thread allocates: each test has its own.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counters any more, and frees nonetheless.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there for a moment.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` gives, and the bytes that it needed at most at a time.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, usize::try_from(PEAK.get() - before).unwrap())
}

/// The header of a file.
fn header(path: &str, size: u64, mode: u32) -> [u8; 512] {
    let mut header = ::tar::Header::new_gnu();
    header.set_path(path).unwrap();
    header.set_mode(mode);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

/// An archive that is made while it is read.
struct Made<N> {
    /// The next piece; none at the end.
    next: N,
    piece: Vec<u8>,
    at: usize,
}

impl<N: FnMut(&mut Vec<u8>) -> bool> Made<N> {
    fn new(next: N) -> Self {
        Self {
            next,
            piece: Vec::new(),
            at: 0,
        }
    }
}

impl<N: FnMut(&mut Vec<u8>) -> bool> Read for Made<N> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            self.piece.clear();
            self.at = 0;
            if !(self.next)(&mut self.piece) {
                return Ok(0);
            }
        }
        let count = target.len().min(self.piece.len() - self.at);
        target[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// That many members without contents.
fn members(count: usize, name: impl Fn(usize) -> String, mode: u32) -> impl Read {
    let mut done = 0;
    Made::new(move |piece| {
        let upto = (done + 1000).min(count);
        for index in done..upto {
            piece.extend(header(&name(index), 0, mode));
        }
        done = upto;
        !piece.is_empty()
    })
}

fn merged(layers: Vec<LayerInventory>) -> Inventory {
    let mut merge = Merge::default();
    for (index, layer) in layers.into_iter().enumerate() {
        merge.apply(u32::try_from(index).unwrap(), layer);
    }
    merge.finish()
}

fn count_of(layer: &LayerInventory) -> usize {
    layer
        .files
        .iter()
        .map(|file| file.found.packages.len())
        .sum()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(data, 1).unwrap()
}

/// Bytes that no compression makes smaller.
fn noise(length: usize) -> String {
    let mut state = 7u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + (state >> 33) as u8 % 90)
        })
        .collect()
}

#[test]
#[ignore = "seconds of a processor"]
fn five_gibibytes_take_no_more_memory_than_a_small_layer() {
    let size: u64 = 5 << 30;
    let mut left = size;
    let mut step = 0;
    let blob = Made::new(move |piece| {
        step += 1;
        match step {
            1 => piece.extend(header("data/huge", size, 0o644)),
            _ if left > 0 => {
                let length = left.min(1 << 20);
                piece.resize(usize::try_from(length).unwrap(), 0x5a);
                left -= length;
                if left == 0 {
                    piece.extend(header(STATUS, BASH.len() as u64, 0o644));
                    piece.extend(BASH.as_bytes());
                    piece.resize(piece.len() + 512 - BASH.len(), 0);
                }
            }
            _ => return false,
        }
        true
    });
    let (layer, peak) = measured(|| layer::read(blob).unwrap());
    assert_eq!(layer.members, 2);
    assert_eq!(layer.uncompressed, size + 3 * 512);
    assert_eq!(count_of(&layer), 1);
    // The piece that the test makes is counted, too.
    assert!(peak < 5 * MIB, "{peak} bytes");
}

#[test]
#[ignore = "seconds of a processor"]
fn a_bomb_of_zstd_is_stopped_in_little_memory() {
    let frame = zstd(&vec![0; 64 * MIB]);
    let blob = frame.repeat(20);
    let (error, peak) = measured(|| layer::read(&blob[..]).unwrap_err());
    // Zeros are the end of an archive, and are read for the sake of the digest.
    assert!(matches!(error, Trouble::OverLimit(_)), "{error}");
    assert!(peak < 24 * MIB, "{peak} bytes");
}

fn unread_members_take_no_memory(count: usize) {
    let blob = members(count, |index| format!("data/{}/{index}", index % 50), 0o644);
    let (layer, peak) = measured(|| layer::read(blob).unwrap());
    assert_eq!(layer.members, count as u64);
    assert!(layer.notes.is_empty() && layer.others.is_empty());
    assert!(peak < 4 * MIB, "{peak} bytes");
}

#[test]
fn members_that_nobody_reads_take_no_memory() {
    unread_members_take_no_memory(50_000);
}

#[test]
#[ignore = "seconds of a processor"]
fn a_million_members_that_nobody_reads_take_no_more() {
    unread_members_take_no_memory(1_000_000);
}

#[test]
fn members_that_matter_without_end_are_kept_to_the_cap_and_told() {
    for (name, mode) in [
        ("bin/tool", 0o755),
        ("var/lib/dpkg/status.d/package", 0o644),
        ("var/.wh.gone", 0o644),
    ] {
        let blob = members(45_000, |index| format!("{name}{index:070}"), mode);
        let (layer, peak) = measured(|| layer::read(blob).unwrap());
        assert_eq!(layer.members, 45_000, "{name}");
        let over = |reason| reason == SkipReason::OverLimit;
        assert!(over(layer.notes[0].1.reason), "{name}");
        assert!(layer.notes.len() < 10, "{name}");
        assert!(peak < 24 * MIB, "{name}: {peak} bytes");
        // What was kept is merged as ever.
        assert!(!merged(vec![layer]).notes.is_empty());
    }
}

#[test]
fn a_database_of_gigabytes_is_not_read_and_what_follows_is() {
    let size: u64 = 300 << 20;
    let mut step = 0;
    let blob = Made::new(move |piece| {
        step += 1;
        match step {
            1 => piece.extend(header(STATUS, size, 0o644)),
            2..=301 => piece.resize(MIB, b'\n'),
            302 => piece.extend(archive(&[("lib/apk/db/installed", "P:a\nV:1\n")])),
            _ => return false,
        }
        true
    });
    let layer = layer::read(blob).unwrap();
    assert_eq!(layer.notes[0].1.reason, SkipReason::OverLimit);
    assert_eq!(count_of(&layer), 1);
    // The database of a lower layer is not the one of the image any more.
    let lower = layer::read(&archive(&[(STATUS, BASH)])[..]).unwrap();
    let inventory = merged(vec![lower, layer]);
    assert_eq!(inventory.packages.len(), 1);
}

#[test]
fn a_database_that_lists_without_end_is_cut_in_little_memory() {
    let size: u64 = 100 << 20;
    let mut step = 0;
    let blob = Made::new(move |piece| {
        step += 1;
        match step {
            1 => piece.extend(header(STATUS, size, 0o644)),
            2..=101 => {
                let mut index = 0;
                while piece.len() < MIB - 64 {
                    index += 1;
                    piece.extend(format!("Package: {step}-{index}\nVersion: 1\n\n").bytes());
                }
                piece.resize(MIB, b'\n');
            }
            _ => return false,
        }
        true
    });
    let (layer, peak) = measured(|| layer::read(blob).unwrap());
    assert!(count_of(&layer) > 10_000);
    assert_eq!(layer.files[0].found.notes[0].reason, SkipReason::OverLimit);
    assert!(peak < 32 * MIB, "{peak} bytes");
}

#[test]
fn many_full_databases_are_kept_to_the_cap_of_a_layer_and_of_an_image() {
    let full: String = (0..12_000)
        .map(|index| format!("Package: p{index}\nVersion: 1\n\n"))
        .collect();
    let layer = |count: usize, name: &str| {
        let paths: Vec<String> = (0..count)
            .map(|index| format!("var/lib/dpkg/status.d/{name}{index}"))
            .collect();
        let files: Vec<(&str, &str)> = paths
            .iter()
            .map(|path| (path.as_str(), full.as_str()))
            .collect();
        let blob = archive(&files);
        measured(|| layer::read(&blob[..]).unwrap())
    };
    let (many, peak) = layer(12, "a");
    let told = |notes: &[(String, crate::contract::Skip)]| {
        notes
            .iter()
            .any(|(_, skip)| skip.reason == SkipReason::OverLimit)
    };
    assert!(told(&many.notes) && many.files.len() < 12);
    assert!(peak < 40 * MIB, "{peak} bytes");
    let layers = vec![many, layer(4, "b").0, layer(4, "c").0];
    let (inventory, peak) = measured(|| merged(layers));
    assert!(told(&inventory.notes));
    assert!(inventory.packages.len() > 12_000);
    assert!(peak < 40 * MIB, "{peak} bytes");
}

/// A sparse member of each kind, at a path.
fn sparse(path: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut old = ::tar::Header::new_gnu();
    old.set_path(path).unwrap();
    old.set_mode(0o644);
    old.set_size(512);
    old.set_entry_type(::tar::EntryType::GNUSparse);
    old.set_cksum();
    let mut old = old.as_bytes().to_vec();
    old.resize(1024, b'\n');
    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let digits = (body.len() + 2).to_string().len();
        format!("{}{body}", body.len() + digits)
    };
    let pax = |records: Vec<(&str, &str)>, name: &str, contents: &[u8]| {
        let records: String = records
            .into_iter()
            .map(|(key, value)| record(key, value))
            .collect();
        let mut extended = ::tar::Header::new_ustar();
        extended.set_path("paxheader").unwrap();
        extended.set_entry_type(::tar::EntryType::XHeader);
        extended.set_size(records.len() as u64);
        extended.set_cksum();
        let mut bytes = extended.as_bytes().to_vec();
        bytes.extend(records.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend(header(name, contents.len() as u64, 0o644));
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    let zero = vec![
        ("GNU.sparse.size", "512"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "27"),
    ];
    let one = vec![("GNU.sparse.name", path), ("GNU.sparse.map", "0,27")];
    let newest = vec![
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", path),
        ("GNU.sparse.realsize", "512"),
    ];
    let map = format!("1\n0\n27\n{}{BASH}", "\0".repeat(505));
    vec![
        ("old GNU", old),
        ("PAX 0.0", pax(zero, path, BASH.as_bytes())),
        ("PAX 0.1", pax(one, "GNUSparseFile.1/x", BASH.as_bytes())),
        ("PAX 1.0", pax(newest, "GNUSparseFile.1/x", map.as_bytes())),
    ]
}

#[test]
fn a_sparse_file_in_the_place_of_a_database_is_told_and_hides_the_one_below() {
    for (kind, bytes) in sparse(STATUS) {
        let layer = layer::read(&bytes[..]).unwrap();
        assert_eq!(layer.notes[0].1.reason, SkipReason::Unsupported, "{kind}");
        assert_eq!(layer.notes[0].0, STATUS, "{kind}");
        assert_eq!(count_of(&layer), 0, "{kind}");
        let lower = layer::read(&archive(&[(STATUS, BASH)])[..]).unwrap();
        assert!(merged(vec![lower, layer]).packages.is_empty(), "{kind}");
    }
}

#[test]
fn what_is_cut_at_any_block_is_corrupt_or_ends_between_members() {
    let text = noise(1800);
    let plain = archive(&[
        ("data/a", &text),
        (STATUS, BASH),
        ("data/b", &text),
        ("lib/apk/db/installed", "P:a\nV:1\n"),
    ]);
    for blob in [gzip(&plain), zstd(&plain)] {
        assert_eq!(count_of(&layer::read(&blob[..]).unwrap()), 2);
        for cut in (1..=blob.len() / 512).map(|block| block * 512) {
            let error = layer::read(&blob[..cut]).unwrap_err();
            assert!(matches!(error, Trouble::Corrupt(_)), "{cut}: {error}");
        }
    }
    // Members begin at these blocks; an archive without its closing zeros is whole.
    let starts = [0, 5, 7, 12, 14];
    for block in 0..plain.len() / 512 {
        let read = layer::read(&plain[..block * 512]);
        match starts.iter().position(|start| *start == block) {
            Some(members) => {
                let layer = read.unwrap();
                assert_eq!(layer.members, members as u64);
                assert_eq!(count_of(&layer), members / 2);
            }
            None if block > 14 => assert_eq!(count_of(&read.unwrap()), 2),
            None => assert!(matches!(read, Err(Trouble::Corrupt(_))), "{block}"),
        }
    }
}

#[test]
fn an_archive_in_many_compressed_parts_is_one_and_what_follows_it_is_not_read() {
    let text = noise(1800);
    let plain = archive(&[("data/a", &text), (STATUS, BASH)]);
    for part in [1, 511, 700] {
        let parts = plain.chunks(part.max(plain.len() / 900));
        let gzipped: Vec<u8> = parts.clone().flat_map(gzip).collect();
        let framed: Vec<u8> = parts.flat_map(zstd).collect();
        let mut garbage = gzipped.clone();
        garbage.extend(b"\n<html>503 Service Unavailable</html>");
        // The end of the archive is its end, whatever another one behind it says.
        let mut second = gzipped.clone();
        second.extend(gzip(&archive(&[("lib/apk/db/installed", "P:a\nV:1\n")])));
        for blob in [gzipped, framed, garbage, second] {
            let layer = layer::read(&blob[..]).unwrap();
            assert_eq!(count_of(&layer), 1);
            assert_eq!(layer.compressed, blob.len() as u64);
        }
    }
}

#[test]
fn second_names_of_a_database_are_read_once_and_lead_nowhere_else() {
    let packages = |members: &[(&str, &str)]| {
        let layer = layer::read(&archive(members)[..]).unwrap();
        let told = !layer.notes.is_empty();
        let inventory = merged(vec![layer]);
        (
            inventory.packages.len(),
            told || !inventory.notes.is_empty(),
        )
    };
    // A copy elsewhere is none that a tool would read.
    assert_eq!(
        packages(&[(STATUS, BASH), ("opt/copy", "=>var/lib/dpkg/status")]),
        (1, false)
    );
    // One that names what is not in the layer, or comes before it, is told.
    assert_eq!(
        packages(&[(STATUS, "=>opt/copy"), ("opt/copy", BASH)]),
        (0, true)
    );
    // Links in a circle, and to oneself.
    assert_eq!(
        packages(&[("var", "->lib"), ("lib", "->var"), (STATUS, BASH)]).0,
        0
    );
    assert!(packages(&[(STATUS, "->status")]).1);
    // A whiteout of a parent in the layer itself means the layers below.
    assert_eq!(packages(&[(STATUS, BASH), (".wh.var", "")]), (1, false));
}
