#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::*;

/// (path, kind, link, contents) of every member.
type Listing = Vec<(String, Kind, String, Vec<u8>)>;

fn walk(bytes: &[u8]) -> Result<Listing, TarError> {
    let mut walker = Walker::new(bytes);
    let mut listing = Vec::new();
    while let Some(member) = walker.advance()? {
        let mut contents = Vec::new();
        walker.contents().read_to_end(&mut contents)?;
        listing.push((
            String::from_utf8_lossy(walker.path()).into_owned(),
            member.kind,
            if matches!(member.kind, Kind::HardLink | Kind::Symlink) {
                String::from_utf8_lossy(walker.link()).into_owned()
            } else {
                String::new()
            },
            contents,
        ));
    }
    walker.drain()?;
    Ok(listing)
}

/// The same, by the `tar` crate.
fn oracle(bytes: &[u8]) -> std::io::Result<Listing> {
    let mut archive = ::tar::Archive::new(Cursor::new(bytes));
    let mut listing = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = match entry.header().entry_type() {
            ::tar::EntryType::Regular => Kind::File,
            ::tar::EntryType::Link => Kind::HardLink,
            ::tar::EntryType::Symlink => Kind::Symlink,
            ::tar::EntryType::Directory => Kind::Directory,
            _ => Kind::Other,
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = match kind {
            Kind::HardLink | Kind::Symlink => {
                String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned()
            }
            _ => String::new(),
        };
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents)?;
        listing.push((path, kind, link, contents));
    }
    Ok(listing)
}

fn file_header(size: u64) -> ::tar::Header {
    let mut header = ::tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let body = key.len() + value.len() + 3;
    let mut length = body + 1;
    while body + length.to_string().len() != length {
        length = body + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

fn archive(fill: impl FnOnce(&mut ::tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    fill(&mut builder);
    builder.into_inner().unwrap()
}

fn raw(builder: &mut ::tar::Builder<Vec<u8>>, flag: u8, name: &str, data: &[u8]) {
    let mut header = ::tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(data.len() as u64);
    header.set_entry_type(::tar::EntryType::new(flag));
    header.set_cksum();
    builder.append(&header, data).unwrap();
}

#[test]
fn a_pax_header_overrides_path_and_size() {
    let bytes = archive(|builder| {
        let mut records = pax_record("path", "var/lib/dpkg/status");
        records.extend(pax_record("size", "5"));
        raw(builder, b'x', "x", &records);
        // The header says 3; the record says 5 and wins, so the next header is found.
        let mut header = file_header(3);
        header.set_path("decoy").unwrap();
        header.set_cksum();
        builder.append(&header, &b"hello"[..]).unwrap();
        raw(builder, b'0', "after", b"x");
    });
    let listing = walk(&bytes).unwrap();
    assert_eq!(listing[0].0, "var/lib/dpkg/status");
    assert_eq!(listing[0].3, b"hello");
    assert_eq!(listing[1].0, "after");
}

#[test]
fn a_global_header_does_not_rename_what_follows() {
    let bytes = archive(|builder| {
        raw(builder, b'g', "g", &pax_record("path", "elsewhere"));
        raw(builder, b'0', "here", b"x");
    });
    assert_eq!(walk(&bytes).unwrap()[0].0, "here");
}

#[test]
fn a_link_with_a_size_has_no_contents() {
    let bytes = archive(|builder| {
        let mut header = ::tar::Header::new_ustar();
        header.set_path("link").unwrap();
        header.set_link_name("target").unwrap();
        header.set_entry_type(::tar::EntryType::Link);
        header.set_size(4096);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
        raw(builder, b'0', "after", b"x");
    });
    let listing = walk(&bytes).unwrap();
    assert_eq!(listing[0].1, Kind::HardLink);
    assert_eq!(listing[1].0, "after");
}

#[test]
fn a_name_longer_than_a_path_can_be_is_passed_over() {
    let long = "a/".repeat(5000);
    let bytes = archive(|builder| {
        let mut data = long.clone().into_bytes();
        data.push(0);
        raw(builder, b'L', "././@LongLink", &data);
        raw(builder, b'0', "short", b"x");
        raw(builder, b'0', "after", b"y");
    });
    let mut walker = Walker::new(&bytes[..]);
    assert!(!walker.advance().unwrap().unwrap().nameable);
    assert!(walker.path().len() <= MAX_NAME + 1);
    assert!(walker.advance().unwrap().unwrap().nameable);
    assert_eq!(walker.path(), b"after");
}

#[test]
fn an_extension_header_of_gigabytes_is_refused_before_it_is_read() {
    let mut header = ::tar::Header::new_ustar();
    header.set_path("x").unwrap();
    header.set_size(3 << 30);
    header.set_entry_type(::tar::EntryType::XHeader);
    header.set_cksum();
    let error = walk(header.as_bytes()).unwrap_err();
    assert!(matches!(error, TarError::OverLimit(_)), "{error}");
}

#[test]
fn sizes_beyond_any_disk_and_negative_ones_are_corrupt() {
    for (first, rest) in [(0x80, 0xff), (0xff, 0xff)] {
        let mut header = ::tar::Header::new_ustar();
        header.set_path("x").unwrap();
        header.as_mut_bytes()[124] = first;
        header.as_mut_bytes()[125..136].fill(rest);
        header.set_cksum();
        let error = walk(header.as_bytes()).unwrap_err();
        assert!(matches!(error, TarError::Corrupt(_)), "{error}");
    }
}

#[test]
fn a_base_256_size_is_read() {
    assert_eq!(parse_number(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]), Some(258));
    assert_eq!(parse_number(b"  17 \0"), Some(15));
    assert_eq!(parse_number(b"\0\0\0"), Some(0));
    assert_eq!(parse_number(b"19\0"), None);
}

#[test]
fn an_archive_that_ends_inside_a_member_is_truncated() {
    let bytes = archive(|builder| raw(builder, b'0', "file", &[7; 2000]));
    for cut in [100, 512 + 100, 512 + 2000] {
        assert!(walk(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // Without the closing zeros it is whole.
    assert_eq!(walk(&bytes[..512 + 2048]).unwrap().len(), 1);
}

#[test]
fn old_gnu_sparse_members_are_marked_and_passed_over() {
    let mut header = ::tar::Header::new_gnu();
    header.set_path("sparse").unwrap();
    header.set_size(512);
    header.set_entry_type(::tar::EntryType::GNUSparse);
    header.as_mut_bytes()[482] = 1;
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    let mut extension = [0; 512];
    extension[504] = 1;
    bytes.extend(extension);
    bytes.extend([0; 512]);
    bytes.extend([9; 512]);
    bytes.extend(archive(|builder| raw(builder, b'0', "after", b"x")));
    let mut walker = Walker::new(&bytes[..]);
    assert!(walker.advance().unwrap().unwrap().sparse);
    walker.advance().unwrap().unwrap();
    assert_eq!(walker.path(), b"after");
}

#[test]
fn pax_sparse_members_are_marked_and_have_their_real_name() {
    let bytes = archive(|builder| {
        let mut records = pax_record("GNU.sparse.major", "1");
        records.extend(pax_record("GNU.sparse.minor", "0"));
        records.extend(pax_record("GNU.sparse.name", "var/db"));
        raw(builder, b'x', "x", &records);
        raw(builder, b'0', "GNUSparseFile.1/db", b"1\n0\n1\n");
    });
    let mut walker = Walker::new(&bytes[..]);
    assert!(walker.advance().unwrap().unwrap().sparse);
    assert_eq!(walker.path(), b"var/db");
}

fn member() -> impl Strategy<Value = (String, u8, String, Vec<u8>)> {
    (
        "[a-z.]{1,9}(/[a-z.]{1,60}){0,6}",
        prop::sample::select(vec![b'0', b'1', b'2', b'5']),
        "[a-z]{1,9}(/[a-z]{1,60}){0,4}",
        prop::collection::vec(any::<u8>(), 0..1500),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_tar_crate_sees_the_same_members(members in prop::collection::vec(member(), 0..12), ustar: bool) {
        let bytes = archive(|builder| {
            for (path, flag, link, data) in &members {
                let mut header =
                    if ustar { ::tar::Header::new_ustar() } else { ::tar::Header::new_gnu() };
                header.set_mode(0o644);
                header.set_entry_type(::tar::EntryType::new(*flag));
                if matches!(flag, b'1' | b'2') {
                    header.set_size(0);
                    // A link name that does not fit a ustar header is none of our business here.
                    let _ = builder.append_link(&mut header, path, link);
                } else {
                    let data = if *flag == b'0' { &data[..] } else { &[] };
                    header.set_size(data.len() as u64);
                    let _ = builder.append_data(&mut header, path, data);
                }
            }
        });
        prop_assert_eq!(walk(&bytes).unwrap(), oracle(&bytes).unwrap());
    }

    #[test]
    fn mutated_archives_never_panic(
        members in prop::collection::vec(member(), 1..5),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        repair: bool,
    ) {
        let mut bytes = archive(|builder| {
            for (path, flag, _, data) in &members {
                let mut header = file_header(data.len() as u64);
                header.set_entry_type(::tar::EntryType::new(*flag));
                let _ = builder.append_data(&mut header, path, &data[..]);
            }
        });
        for (place, value) in &hits {
            let at = place.index(bytes.len());
            bytes[at] = *value;
        }
        if repair {
            // A right checksum lets the mutation through to the code behind it.
            for block in bytes.chunks_exact_mut(512) {
                let sum: u32 = block.iter().enumerate()
                    .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
                    .sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let _ = walk(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = walk(&bytes);
        let _ = parse_pax(&bytes, &mut Extensions::default());
    }
}
