//! Archives made here in every form that the format allows, archives that lie, and real ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::io::Write;
use std::process::Command;

use proptest::prelude::*;

use super::*;

const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// What follows the data of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum After {
    Nothing,
    Signed,
    Bare,
    SignedLarge,
    BareLarge,
}

/// How an entry is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) deflate: bool,
    pub(crate) after: After,
    /// Sizes in the extra field.
    pub(crate) large: bool,
    /// The central directory says so.
    pub(crate) listed: bool,
    /// Flags and method besides.
    pub(crate) flags: u16,
    pub(crate) method: Option<u16>,
}

pub(crate) const PLAIN: How = How {
    deflate: true,
    after: After::Nothing,
    large: false,
    listed: true,
    flags: 0,
    method: None,
};

/// A writer of archives.
#[derive(Default)]
pub(crate) struct Archive {
    pub(crate) bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
    /// Where the archive begins, for offsets.
    base: usize,
    pub(crate) large_end: bool,
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

impl Archive {
    /// Bytes before the archive, which its offsets do not count.
    pub(crate) fn after(preamble: &[u8]) -> Self {
        Self {
            bytes: preamble.to_vec(),
            base: preamble.len(),
            ..Self::default()
        }
    }

    pub(crate) fn add(self, name: &str, data: &[u8]) -> Self {
        self.add_as(name, name, data, PLAIN)
    }

    pub(crate) fn add_how(self, name: &str, data: &[u8], how: How) -> Self {
        self.add_as(name, name, data, how)
    }

    /// `listed_name` is what the directory calls it.
    pub(crate) fn add_as(mut self, name: &str, listed_name: &str, data: &[u8], how: How) -> Self {
        let offset = self.bytes.len() - self.base;
        let packed = if how.deflate {
            deflated(data)
        } else {
            data.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let descriptor = how.after != After::Nothing;
        let flags = how.flags | if descriptor { 8 } else { 0 };
        let method = how.method.unwrap_or(if how.deflate { 8 } else { 0 });
        let mut extra = Vec::new();
        if how.large {
            extra.extend(1_u16.to_le_bytes());
            extra.extend(16_u16.to_le_bytes());
            extra.extend((data.len() as u64).to_le_bytes());
            extra.extend((packed.len() as u64).to_le_bytes());
        }
        let sizes = |known: bool| -> [u32; 3] {
            match (known, how.large) {
                (false, _) => [0; 3],
                (true, true) => [crc.sum(), u32::MAX, u32::MAX],
                (true, false) => [crc.sum(), packed.len() as u32, data.len() as u32],
            }
        };
        let fixed = |name: &str, known: bool, extra: &[u8]| {
            let mut bytes = Vec::new();
            for value in [20, flags, method, 0, 0] {
                bytes.extend(value.to_le_bytes());
            }
            for value in sizes(known) {
                bytes.extend(value.to_le_bytes());
            }
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend((extra.len() as u16).to_le_bytes());
            bytes
        };
        self.bytes.extend(LOCAL);
        self.bytes.extend(fixed(name, !descriptor, &extra));
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(&extra);
        self.bytes.extend(&packed);
        if matches!(how.after, After::Signed | After::SignedLarge) {
            self.bytes.extend(DESCRIPTOR);
        }
        if descriptor {
            self.bytes.extend(crc.sum().to_le_bytes());
            for size in [packed.len(), data.len()] {
                if matches!(how.after, After::SignedLarge | After::BareLarge) {
                    self.bytes.extend((size as u64).to_le_bytes());
                } else {
                    self.bytes.extend((size as u32).to_le_bytes());
                }
            }
        }
        if how.listed {
            self.count += 1;
            self.directory.extend(ROW);
            self.directory.extend(20_u16.to_le_bytes());
            self.directory.extend(fixed(listed_name, true, &extra));
            self.directory.extend([0; 10]);
            self.directory.extend((offset as u32).to_le_bytes());
            self.directory.extend(listed_name.as_bytes());
            self.directory.extend(&extra);
        }
        self
    }

    /// Bytes that belong to no entry.
    pub(crate) fn gap(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let offset = (start - self.base) as u32;
        let size = self.directory.len() as u32;
        self.bytes.extend(std::mem::take(&mut self.directory));
        if self.large_end {
            let at = (self.bytes.len() - self.base) as u64;
            self.bytes.extend(END_64);
            self.bytes.extend(44_u64.to_le_bytes());
            self.bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for value in [u64::from(self.count); 2] {
                self.bytes.extend(value.to_le_bytes());
            }
            self.bytes.extend(u64::from(size).to_le_bytes());
            self.bytes.extend(u64::from(offset).to_le_bytes());
            self.bytes.extend(END_64_LOCATOR);
            self.bytes.extend([0; 4]);
            self.bytes.extend(at.to_le_bytes());
            self.bytes.extend(1_u32.to_le_bytes());
        }
        self.bytes.extend(END);
        self.bytes.extend([0; 4]);
        for value in [self.count; 2] {
            self.bytes.extend(value.to_le_bytes());
        }
        let value = |value: u32| if self.large_end { u32::MAX } else { value };
        self.bytes.extend(value(size).to_le_bytes());
        self.bytes.extend(value(offset).to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes
    }
}

type Entries = Vec<(String, Vec<u8>)>;

/// All entries with their contents.
fn read(bytes: &[u8]) -> (Entries, Outcome) {
    read_of(bytes, |_| true)
}

fn read_of(bytes: &[u8], wants: impl FnMut(&[u8]) -> bool) -> (Entries, Outcome) {
    let budget = Budget::new(1 << 30);
    let mut source = bytes;
    let mut zip = Zip::new(&mut source, &budget, wants);
    let mut entries = Vec::new();
    while zip.advance().unwrap() {
        let name = String::from_utf8_lossy(zip.name()).into_owned();
        let mut data = Vec::new();
        zip.contents().read_to_end(&mut data).unwrap();
        entries.push((name, data));
    }
    (entries, zip.outcome().unwrap())
}

fn names(entries: &Entries) -> Vec<&str> {
    entries.iter().map(|(name, _)| name.as_str()).collect()
}

fn every_how() -> Vec<How> {
    let mut all = Vec::new();
    for deflate in [false, true] {
        for large in [false, true] {
            for after in [
                After::Nothing,
                After::Signed,
                After::Bare,
                After::SignedLarge,
                After::BareLarge,
            ] {
                all.push(How {
                    deflate,
                    after,
                    large,
                    ..PLAIN
                });
            }
        }
    }
    all
}

#[test]
fn every_form_of_an_entry_is_read_alike_whether_wanted_or_passed_over() {
    let data = b"some text, some text, some text, PK\x03\x04 and PK\x07\x08 among it".repeat(40);
    for how in every_how() {
        let archive = Archive::default()
            .add("a", b"first")
            .add_how("b", &data, how)
            .add_how(
                "empty",
                b"",
                How {
                    after: After::Nothing,
                    ..how
                },
            )
            .add("c", b"last")
            .finish();
        // Only a compressed stream tells its own end.
        let readable = how.deflate || how.after == After::Nothing;
        let (entries, outcome) = read(&archive);
        assert_eq!(names(&entries), ["a", "b", "empty", "c"], "{how:?}");
        if readable {
            assert_eq!(entries[1].1, data, "{how:?}");
            assert_eq!(outcome.troubles, [], "{how:?}");
        } else {
            assert_eq!(outcome.troubles, [Trouble::Method(0)], "{how:?}");
        }
        assert!(outcome.has_directory && outcome.listed == [true; 4] && outcome.missed == 0);
        let (entries, outcome) = read_of(&archive, |name| name == b"c");
        assert_eq!(entries, [("c".to_owned(), b"last".to_vec())], "{how:?}");
        assert_eq!(outcome.troubles, []);
    }
}

#[test]
fn a_large_archives_end_is_read() {
    let mut archive = Archive::after(b"#!/bin/sh\n").add("a", b"1");
    archive.large_end = true;
    let (entries, outcome) = read(&archive.finish());
    assert_eq!(names(&entries), ["a"]);
    assert!(
        outcome.has_directory && outcome.listed == [true],
        "{outcome:?}"
    );
}

#[test]
fn an_archive_that_runs_itself_begins_after_its_script() {
    for script in [
        &b"#!/bin/sh\nexec java -jar $0\nexit\n"[..],
        &[b'x'; 100_000],
        b"PPPPK\x03PK",
    ] {
        let (entries, outcome) = read(&Archive::after(script).add("a", b"1").finish());
        assert_eq!(names(&entries), ["a"]);
        assert_eq!(outcome.listed, [true]);
        // Offsets may count the script, too.
        let mut whole = Archive::default().gap(script);
        whole = whole.add("a", b"1");
        assert_eq!(read(&whole.finish()).1.listed, [true]);
    }
    let script = vec![b'x'; MAX_PREAMBLE as usize + 100];
    let (entries, outcome) = read(&Archive::after(&script).add("a", b"1").finish());
    assert!(entries.is_empty());
    assert_eq!(outcome.troubles, [Trouble::NoArchive]);
}

#[test]
fn what_the_directory_does_not_list_is_told() {
    let hidden = How {
        listed: false,
        ..PLAIN
    };
    let archive = Archive::default()
        .add("a", b"1")
        .add_how("b", b"2", hidden)
        .gap(b"left over from an update PK\x03")
        .add("c", b"3")
        .finish();
    let (entries, outcome) = read(&archive);
    assert_eq!(names(&entries), ["a", "b", "c"]);
    assert_eq!(outcome.listed, [true, false, true]);
    assert_eq!(outcome.missed, 0);
}

#[test]
fn what_only_the_directory_has_is_counted() {
    let archive = Archive::default()
        .add("a", b"1")
        .add_as("harmless", "wanted", b"2", PLAIN)
        .finish();
    let (entries, outcome) = read_of(&archive, |name| name == b"wanted");
    assert!(entries.is_empty());
    assert_eq!(outcome.missed, 1);
}

#[test]
fn of_two_archives_in_one_file_the_last_counts() {
    let mut file = Archive::default().add("a", b"1").finish();
    let second = Archive::after(&file).add("b", b"2");
    file = second.finish();
    let (entries, outcome) = read(&file);
    assert_eq!(names(&entries), ["a", "b"]);
    assert_eq!(outcome.listed, [false, true]);
}

#[test]
fn a_second_directory_before_the_real_one_lists_nothing() {
    // A record about `b` stands before the directory, outside of what its end says.
    let hidden = Archive::default().add("a", b"1").add("b", b"2");
    let fake = hidden.directory.clone();
    let row = fake.len() / 2;
    let mut archive = Archive::default().add("a", b"1").add_how(
        "b",
        b"2",
        How {
            listed: false,
            ..PLAIN
        },
    );
    archive.bytes.extend(&fake[row..]);
    let (entries, outcome) = read(&archive.finish());
    assert_eq!(names(&entries), ["a", "b"]);
    assert_eq!(outcome.listed, [true, false]);
}

#[test]
fn what_can_not_be_unpacked_is_told_where_somebody_wants_it() {
    for after in [After::Nothing, After::Signed] {
        let secret = How {
            flags: 1,
            after,
            ..PLAIN
        };
        let packed = How {
            method: Some(93),
            after,
            ..PLAIN
        };
        let archive = Archive::default()
            .add_how("a", b"1", secret)
            .add_how("b", b"2", packed)
            .add("c", b"3")
            .finish();
        let (entries, outcome) = read(&archive);
        assert_eq!(names(&entries), ["a", "b", "c"]);
        assert_eq!(entries[2].1, b"3");
        assert_eq!(outcome.troubles, [Trouble::Encrypted, Trouble::Method(93)]);
        let (_, outcome) = read_of(&archive, |name| name == b"c");
        assert_eq!(outcome.troubles, []);
    }
}

#[test]
fn broken_data_hides_nothing_after_it() {
    for after in [After::Nothing, After::Signed] {
        let how = How { after, ..PLAIN };
        let mut archive = Archive::default().add_how("a", &b"text ".repeat(50), how);
        let start = 31;
        archive.bytes[start] = 0xff;
        let bytes = archive.add("b", b"2").finish();
        let (entries, outcome) = read(&bytes);
        assert_eq!(names(&entries), ["a", "b"], "{after:?}");
        assert_eq!(entries[1].1, b"2");
        assert_eq!(outcome.troubles, [Trouble::Broken]);
    }
}

#[test]
fn a_bomb_stops_its_archive_soon() {
    let zeros = vec![0; 80 << 20];
    for after in [After::Nothing, After::Signed] {
        let archive = Archive::default()
            .add_how("bomb", &zeros, How { after, ..PLAIN })
            .add("b", b"2")
            .finish();
        let (entries, outcome) = read(&archive);
        assert_eq!(names(&entries), ["bomb"]);
        assert!((entries[0].1.len() as u64) < RATIO_FREE_BYTES + CHUNK as u64 * 2);
        assert_eq!(outcome.troubles, [Trouble::Unpacked]);
    }
}

#[test]
fn the_budget_is_that_of_all_archives() {
    let archive = Archive::default().add("a", &[1; 1000]).finish();
    let budget = Budget::new(1500);
    for expected in [&[][..], &[Trouble::Unpacked]] {
        let mut source = &archive[..];
        let mut zip = Zip::new(&mut source, &budget, |_: &[u8]| true);
        zip.advance().unwrap();
        io::copy(&mut zip.contents(), &mut io::sink()).unwrap();
        assert_eq!(zip.outcome().unwrap().troubles, expected);
    }
}

#[test]
fn the_readers_error_is_passed_on_wherever_it_comes() {
    struct Failing<'d>(&'d [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            match self.0.read(target)? {
                0 => Err(io::Error::other("the network is down")),
                count => Ok(count),
            }
        }
    }
    let archive = Archive::default()
        .add_how(
            "a",
            &b"text ".repeat(50),
            How {
                after: After::Signed,
                ..PLAIN
            },
        )
        .add("b", b"2")
        .finish();
    for end in 0..archive.len() {
        let budget = Budget::new(1 << 20);
        let mut source = Failing(&archive[..end]);
        let mut zip = Zip::new(&mut source, &budget, |_: &[u8]| true);
        let result = loop {
            match zip.advance() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
            if let Err(error) = io::copy(&mut zip.contents(), &mut io::sink()) {
                break Err(error);
            }
        };
        assert_eq!(result.unwrap_err().to_string(), "the network is down");
    }
}

#[test]
fn any_truncation_is_told() {
    let mut archive = Archive::after(b"#!/bin/sh\n");
    for (index, how) in every_how().into_iter().enumerate() {
        archive = archive.add_how(&format!("entry{index}"), b"data data data", how);
    }
    let archive = archive.finish();
    let (all, _) = read(&archive);
    for end in 0..archive.len() {
        let (entries, outcome) = read(&archive[..end]);
        assert!(!outcome.has_directory, "{end}");
        for (entry, full) in entries.iter().zip(&all) {
            assert!(entry.0 == full.0 && full.1.starts_with(&entry.1), "{end}");
        }
    }
}

/// Archives of this machine, some of each kind.
fn real_archives() -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for folder in [
        "/usr/share/java",
        "/usr/share/maven/lib",
        "/usr/share/ant/lib",
    ] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|suffix| suffix == "jar") && path.is_file() {
                all.push(path);
            }
        }
    }
    all.sort();
    all.truncate(60);
    all
}

#[test]
fn real_archives_have_the_entries_that_unzip_lists() {
    let archives = real_archives();
    let mut compared = 0;
    for path in &archives {
        let Ok(listing) = Command::new("unzip").arg("-Z1").arg(path).output() else {
            break;
        };
        let mut truth: Vec<String> = String::from_utf8_lossy(&listing.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        let (entries, outcome) = read(&std::fs::read(path).unwrap());
        assert_eq!(outcome.troubles, [], "{}", path.display());
        assert!(
            outcome.has_directory && outcome.missed == 0,
            "{}",
            path.display()
        );
        let mut ours: Vec<String> = entries
            .into_iter()
            .zip(outcome.listed)
            .filter_map(|((name, _), listed)| listed.then_some(name))
            .collect();
        truth.sort();
        ours.sort();
        assert_eq!(ours, truth, "{}", path.display());
        compared += 1;
    }
    if compared == 0 {
        println!("skipped: this machine has no archives, or no unzip");
    }
}

#[test]
fn what_the_jdk_packs_is_read() {
    let folder = std::env::temp_dir().join(format!("zip-test-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    let text = b"hello ".repeat(1000);
    std::fs::write(folder.join("sub/file.txt"), &text).unwrap();
    for flag in ["cf", "cf0"] {
        let target = folder.join("made.jar");
        let made = Command::new("jar")
            .arg(flag)
            .arg(&target)
            .arg("-C")
            .arg(folder.join("sub"))
            .arg("file.txt")
            .status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: this machine has no jar");
            break;
        }
        let (entries, outcome) = read(&std::fs::read(&target).unwrap());
        assert_eq!(outcome.troubles, []);
        assert!(outcome.listed.iter().all(|listed| *listed));
        assert!(entries.contains(&("file.txt".to_owned(), text.clone())));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn any_how() -> impl Strategy<Value = How> {
    prop::sample::select(every_how())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..800)) {
        read(&data);
        let mut header = LOCAL.to_vec();
        header.extend(&data);
        read(&header);
    }

    #[test]
    fn any_change_is_survived_and_costs_no_more(
        contents in prop::collection::vec((any_how(), prop::collection::vec(any::<u8>(), 0..200)), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut archive = Archive::default();
        for (index, (how, data)) in contents.iter().enumerate() {
            archive = archive.add_how(&format!("{index}"), data, *how);
        }
        let mut bytes = archive.finish();
        let (entries, outcome) = read(&bytes);
        prop_assert_eq!(entries.len(), contents.len());
        prop_assert!(outcome.listed.iter().all(|listed| *listed));
        for ((_, data), (how, truth)) in entries.iter().zip(&contents) {
            if how.deflate || how.after == After::Nothing {
                prop_assert_eq!(data, truth);
            }
        }
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        read(&bytes);
        read_of(&bytes, |name| name.first().is_some_and(|byte| byte % 2 == 0));
    }
}
