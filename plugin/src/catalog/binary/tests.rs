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

const BEGIN: [u8; 16] = 0x3077_af0c_9274_0802_41e1_c107_e6d6_18e6_u128.to_be_bytes();
const END: [u8; 16] = 0xf932_4331_8618_2072_0082_4210_4116_d8f2_u128.to_be_bytes();
const MODULES: &str = "path\texample.com/Cmd/app\nmod\texample.com/Cmd\tv1.2.3\th1:main=\n\
    dep\tgolang.org/x/net\tv0.1.0\th1:net=\ndep\tgithub.com/Old/lib\tv1.0.0\n\
    =>\tgithub.com/new/lib/v2\tv2.0.1\th1:new=\ndep\texample.com/local\tv0.0.1\n=>\t./local\t(devel)\t\n\
    build\tGOOS=linux\nbuild\tvcs.revision=abcdef\nbuild\t-ldflags=\"-X main.token=secret\"\n";
const LINES: [&str; 5] = [
    "example.com/Cmd v1.2.3",
    "golang.org/x/net v0.1.0",
    "github.com/new/lib/v2 v2.0.1",
    "example.com/local ",
    "stdlib 1.17.8",
];

/// A reader that yields what a tar walker would, in pieces of a size that nothing is aligned to.
struct Pieces<'d>(&'d [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(target.len()).min(self.0.len());
        target[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

pub(super) fn parse(data: &[u8]) -> Found {
    let mut found = Found::default();
    Binary
        .parse(
            &File::of_path("usr/bin/app"),
            &mut Pieces(data, 131_071),
            &mut found,
        )
        .unwrap();
    found
}

fn lines(found: &Found) -> Vec<String> {
    found
        .packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

fn attribute<'f>(package: &'f FoundPackage, key: &str) -> Option<&'f str> {
    package
        .attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

fn marked(modules: &str) -> Vec<u8> {
    [&BEGIN[..], modules.as_bytes(), &END].concat()
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What Go 1.18 and later write.
fn blob(version: &str, modules: &[u8]) -> Vec<u8> {
    let mut blob = b"\xff Go buildinf:\x08\x02".to_vec();
    blob.resize(32, 0);
    varint(version.len(), &mut blob);
    blob.extend(version.as_bytes());
    varint(modules.len(), &mut blob);
    blob.extend(modules);
    blob
}

/// Numbers of one size and order.
#[derive(Clone, Copy, Debug)]
struct Style {
    wide: bool,
    big: bool,
}

impl Style {
    fn put(self, out: &mut Vec<u8>, value: u64, bytes: usize) {
        let all = if self.big {
            value.to_be_bytes()[8 - bytes..].to_vec()
        } else {
            value.to_le_bytes()[..bytes].to_vec()
        };
        out.extend(all);
    }

    fn word(self, out: &mut Vec<u8>, value: u64) {
        self.put(out, value, if self.wide { 8 } else { 4 });
    }
}

/// An ELF file of two segments: constants, and what may be written.
fn elf(style: Style, constants: &[u8], data: &[u8]) -> Vec<u8> {
    let Style { wide, big } = style;
    let entry = if wide { 56 } else { 32 };
    let start = if wide { 64 } else { 52 };
    let (first, second) = parts(constants);
    let mut out = vec![
        0x7f,
        b'E',
        b'L',
        b'F',
        1 + u8::from(wide),
        1 + u8::from(big),
        1,
    ];
    out.resize(16, 0);
    style.put(&mut out, 2, 2);
    style.put(&mut out, 62, 2);
    style.put(&mut out, 1, 4);
    style.word(&mut out, 0);
    style.word(&mut out, start);
    style.word(&mut out, 0);
    style.put(&mut out, 0, 4);
    for half in [start, entry, 2, 0, 0, 0] {
        style.put(&mut out, half, 2);
    }
    for (offset, address, size, flags) in [
        (first, ADDRESS + first, constants.len() as u64, 5),
        (second, 2 * ADDRESS + second, data.len() as u64, 6),
    ] {
        style.put(&mut out, 1, 4);
        if wide {
            style.put(&mut out, flags, 4);
        }
        for value in [offset, address, address, size, size] {
            style.word(&mut out, value);
        }
        if !wide {
            style.put(&mut out, flags, 4);
        }
        style.word(&mut out, 4096);
    }
    out.resize(first as usize, 0);
    out.extend(constants);
    out.resize(second as usize, 0);
    out.extend(data);
    out
}

const ADDRESS: u64 = 0x40_0000;

/// Where [`elf`] puts its two parts.
fn parts(constants: &[u8]) -> (u64, u64) {
    (4096, (4096 + constants.len() as u64).next_multiple_of(4096))
}

/// What Go 1.13 to 1.17 write. `headers_first` is the order of the system's linker.
fn old_form(style: Style, headers_first: bool, modules: &str) -> Vec<u8> {
    let mut constants = b"strings: go1.2go1.16go1.17.8goroutine".to_vec();
    let version = constants
        .windows(8)
        .position(|at| at == b"go1.17.8")
        .unwrap() as u64;
    let list = constants.len() as u64;
    constants.extend(marked(modules));
    constants.extend([0x55; 300_000]);
    let (first, second) = parts(&constants);
    let address = |at: u64| ADDRESS + first + at;
    let step = if style.wide { 8 } else { 4 };
    let mut headers = Vec::new();
    style.word(&mut headers, address(version));
    style.word(&mut headers, 8);
    style.word(&mut headers, address(list));
    style.word(&mut headers, modules.len() as u64 + 32);
    let at = if headers_first { 64 } else { 32 + 64 };
    let header = 2 * ADDRESS + second + at;
    let mut mark = b"\xff Go buildinf:".to_vec();
    mark.push(step as u8);
    mark.push(u8::from(style.big));
    style.word(&mut mark, header);
    style.word(&mut mark, header + 2 * step);
    mark.resize(32, 0);
    // Both keep the mark aligned.
    let gap: &[u8] = &[0; 64];
    let data = if headers_first {
        [gap, &headers, gap, &mark].concat()
    } else {
        [&mark, gap, &headers].concat()
    };
    elf(style, &constants, &data)
}

const WIDE: Style = Style {
    wide: true,
    big: false,
};

#[test]
fn a_program_is_wanted_by_its_mode_and_told_by_its_first_bytes() {
    let file = |name, mode| File {
        mode,
        ..File::of_path(name)
    };
    assert!(Binary.wants(&file("app", 0o755)));
    assert!(Binary.wants(&file("opt/app-1.2", 0o100)));
    assert!(Binary.wants(&file("app.exe", 0)));
    assert!(!Binary.wants(&file("app", 0o644)));
    assert!(!Binary.wants(&file("x/index.js", 0o777)));
    for head in [
        &b"\x7fELF\x02"[..],
        b"MZ\x90",
        &[0xcf, 0xfa, 0xed, 0xfe],
        &[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2],
    ] {
        assert!(Binary.recognises(head), "{head:?}");
    }
    // The last one is a Java class.
    for head in [
        &b"#!/bin/sh"[..],
        b"",
        b"M",
        &[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52],
    ] {
        assert!(!Binary.recognises(head), "{head:?}");
    }
}

#[test]
fn the_newer_form_is_read_with_replacements_and_settings() {
    let found = parse(&elf(
        WIDE,
        b"go1.3 constants",
        &blob("go1.17.8", &marked(MODULES)),
    ));
    assert_eq!(lines(&found), LINES);
    assert!(found.notes.is_empty());
    let main = &found.packages[0];
    assert_eq!(
        main.attributes
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>(),
        [
            "go.main=true",
            "go.version=go1.17.8",
            "go.path=example.com/Cmd/app",
            "go.os=linux",
            "go.vcs-revision=abcdef",
            "go.sum=h1:main="
        ]
    );
    assert_eq!(main.format.as_deref(), Some("go-binary"));
    assert_eq!(
        attribute(&found.packages[2], "go.replaced-by"),
        Some("module github.com/new/lib/v2")
    );
    assert_eq!(
        attribute(&found.packages[3], "go.replaced-by"),
        Some("folder ./local")
    );
    let purls: Vec<_> = found
        .packages
        .iter()
        .map(|package| Binary.purl(package, None))
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:golang/example.com/cmd@v1.2.3",
            "pkg:golang/golang.org/x/net@v0.1.0",
            "pkg:golang/github.com/new/lib/v2@v2.0.1",
            "pkg:golang/example.com/local",
            "pkg:golang/stdlib@1.17.8",
        ]
    );
}

#[test]
fn the_older_form_is_read_in_every_size_and_order() {
    for wide in [false, true] {
        for big in [false, true] {
            for headers_first in [false, true] {
                let file = old_form(Style { wide, big }, headers_first, MODULES);
                let found = parse(&file);
                assert_eq!(lines(&found), LINES, "{wide} {big} {headers_first}");
                assert!(found.notes.is_empty());
            }
        }
    }
}

#[test]
fn an_older_program_whose_pointers_lead_nowhere_is_told() {
    let mut file = old_form(WIDE, false, MODULES);
    let mark = memmem::find(&file, b"\xff Go buildinf:").unwrap();
    file[mark + 16 + 5] = 0x7f;
    let found = parse(&file);
    assert!(found.packages.is_empty());
    assert_eq!(found.notes[0].reason, SkipReason::Unsupported);
}

#[test]
fn a_program_among_the_constants_of_another_is_not_taken_for_it() {
    let inner = blob("go1.20", &marked("path\tinner\nmod\tinner\tv1.0.0\th1:x\n"));
    let mut constants = vec![1; 70_000];
    constants.extend(&inner);
    let outer = elf(WIDE, &constants, &blob("go1.17.8", &marked(MODULES)));
    assert_eq!(lines(&parse(&outer)), LINES);
    // Where only the mark itself is a constant, it is none.
    let reader = elf(WIDE, b"\xff Go buildinf:invalidvarint", b"");
    assert_eq!(parse(&reader), Found::default());
}

#[test]
fn the_place_of_the_mark_tells_whose_it_is() {
    // An older program that holds a newer one.
    let inner = blob("go1.20", &marked("path\tinner\nmod\tinner\tv1.0.0\th1:x\n"));
    let mut file = old_form(WIDE, false, MODULES);
    let at = 4096 + 200_000_usize.next_multiple_of(16);
    file[at..at + inner.len()].copy_from_slice(&inner);
    assert_eq!(lines(&parse(&file)), LINES);
    // Linkers align it.
    let shifted = [&[0; 8][..], &blob("go1.17.8", &marked(MODULES))].concat();
    assert_eq!(parse(&elf(WIDE, b"", &shifted)), Found::default());
    // At the end of a window, and across it.
    for before in (window::WINDOW - 2 * window::LOOKAHEAD..window::WINDOW + 32).step_by(112) {
        let mut file = elf(WIDE, b"", b"");
        file.resize(before, 0);
        file.extend(blob("go1.17.8", &marked(MODULES)));
        assert_eq!(lines(&parse(&file)), LINES, "{before}");
    }
}

#[test]
fn pe_and_mach_o_are_read_too() {
    let info = blob("go1.17.8", &marked(MODULES));
    let mut pe = b"MZ".to_vec();
    pe.resize(0x3c, 0);
    pe.extend([0x80, 0, 0, 0]);
    pe.resize(0x80, 0);
    pe.extend(b"PE\0\0");
    pe.resize(0x2000, 0);
    pe.extend(&info);
    assert_eq!(lines(&parse(&pe)), LINES);
    for magic in [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]] {
        let mut mach = magic.to_vec();
        mach.extend([0, 0, 0, 2]);
        mach.resize(0x4000, 0);
        mach.extend(&info);
        mach.extend(vec![7; 300_000]);
        assert_eq!(lines(&parse(&mach)), LINES);
    }
}

#[test]
fn pointers_are_followed_in_pe_and_mach_o() {
    let style = WIDE;
    let texts = [b"go1.17.8".to_vec(), marked(MODULES)].concat();
    let list = 0x2_0000 + 0x1000 + 8;
    let mut data = b"\xff Go buildinf:\x08\x00".to_vec();
    for value in [
        0x3_0020,
        0x3_0030,
        0x2_1000,
        8,
        list,
        MODULES.len() as u64 + 32,
    ] {
        style.word(&mut data, value);
    }
    let fill = |mut file: Vec<u8>| {
        file.resize(0x1000, 0);
        file.extend(&texts);
        file.resize(0x2000, 0);
        file.extend(&data);
        file
    };
    let mut pe = b"MZ".to_vec();
    pe.resize(0x3c, 0);
    pe.extend([0x40, 0, 0, 0]);
    pe.extend(b"PE\0\0\x64\x86");
    style.put(&mut pe, 2, 2);
    pe.resize(0x40 + 20, 0);
    style.put(&mut pe, 0xf0, 2);
    pe.resize(0x40 + 24, 0);
    style.put(&mut pe, 0x20b, 2);
    pe.resize(0x40 + 24 + 24, 0);
    style.put(&mut pe, 0x1_0000, 8);
    pe.resize(0x40 + 24 + 0xf0, 0);
    for (address, offset, flags) in [
        (0x1_1000, 0x1000, 0x4000_0000),
        (0x2_0000, 0x2000, 0xc000_0000),
    ] {
        pe.extend([0; 8]);
        for value in [0x1000, address, 0x1000, offset, 0, 0, 0, flags] {
            style.put(&mut pe, value, 4);
        }
    }
    assert_eq!(lines(&parse(&fill(pe))), LINES);
    let mut mach = vec![0xcf, 0xfa, 0xed, 0xfe];
    mach.resize(16, 0);
    style.put(&mut mach, 2, 4);
    mach.resize(32, 0);
    for (address, offset, protection) in [(0x2_1000, 0x1000, 1), (0x3_0000, 0x2000, 3)] {
        style.put(&mut mach, 0x19, 4);
        style.put(&mut mach, 72, 4);
        mach.extend([b'_'; 16]);
        for value in [address, 0x1000, offset, 0x1000] {
            style.word(&mut mach, value);
        }
        for value in [3, protection, 0, 0] {
            style.put(&mut mach, value, 4);
        }
    }
    assert_eq!(lines(&parse(&fill(mach))), LINES);
}

#[test]
fn the_release_is_told_from_what_vendors_add() {
    for (stated, release) in [
        ("go1.22.3", "1.22.3"),
        ("go1.22", "1.22"),
        ("go1.22rc1", "1.22rc1"),
        ("go1.13beta1", "1.13beta1"),
        ("go1.20.4 X:boringcrypto", "1.20.4"),
        ("go1.20.12 (Red Hat 1.20.12-8.el9_3)", "1.20.12"),
        ("go1.21.6-1", "1.21.6"),
        ("go1.24.1+auto", "1.24.1"),
        ("devel go1.23-abcdef Thu Jan 1", ""),
        ("devel +abcdef", ""),
        ("go", ""),
        ("unknown", ""),
    ] {
        assert_eq!(modules::release(stated), release, "{stated}");
    }
}

#[test]
fn a_program_without_modules_tells_the_standard_library_and_a_version_of_none_stays_out() {
    let found = parse(&elf(WIDE, b"", &blob("go1.22.3", b"")));
    assert_eq!(lines(&found), ["stdlib 1.22.3"]);
    let modules = "path\tx.org/a\nmod\tx.org/a\t(devel)\t\nbuild\tvcs.time=2024-01-01T00:00:00Z\n";
    let found = parse(&elf(WIDE, b"", &blob("go1.22.3", &marked(modules))));
    assert_eq!(lines(&found), ["x.org/a ", "stdlib 1.22.3"]);
    assert_eq!(Binary.purl(&found.packages[0], None), "pkg:golang/x.org/a");
}

#[test]
fn a_list_of_modules_beyond_the_cap_is_told_and_the_version_kept() {
    let huge = "dep\tx\tv1\n".repeat(go::MAX_MODULES / 9 + 2);
    let file = elf(WIDE, b"", &blob("go1.22.3", &marked(&huge)));
    let found = parse(&file);
    assert_eq!(lines(&found), ["stdlib 1.22.3"]);
    assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
    let found = parse(&file[..file.len() / 2]);
    assert_eq!(lines(&found), ["stdlib 1.22.3"]);
    let found = parse(&old_form(WIDE, true, &huge));
    assert_eq!(lines(&found), ["stdlib 1.17.8"]);
    assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
    // One that breaks off is another matter.
    let file = elf(WIDE, b"", &blob("go1.22.3", &marked(MODULES)));
    let found = parse(&file[..file.len() - 20]);
    assert_eq!(found.notes[0].reason, SkipReason::Corrupt);
}

const CRATES: &str = r#"{"packages":[{"name":"adler2","version":"2.0.1","source":"crates.io"},{"name":"cc","version":"1.0","source":"crates.io","kind":"build"},{"name":"forked","version":"0.1.0","source":"git"},{"name":"hello","version":"0.3.1","source":"local","dependencies":[0,1],"root":true}],"format":1}"#;

fn deflated(text: &str, level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that look like code, with zlib headers by chance.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 24 {
                value if value < 40 => 0x78,
                value if value < 60 => 0x9c,
                value => value as u8,
            }
        })
        .collect()
}

fn rust_file(before: usize, section: &[u8]) -> Vec<u8> {
    [
        b"\x7fELF".to_vec(),
        noise(before),
        section.to_vec(),
        noise(500),
    ]
    .concat()
}

#[test]
fn the_packages_of_a_rust_program_are_found_wherever_they_stand() {
    for level in 0..=9 {
        let section = deflated(CRATES, level);
        // Across the end of a window, too.
        for before in [0, 1000, 262_100, 262_144 - 60, 700_001] {
            let found = parse(&rust_file(before, &section));
            assert_eq!(
                lines(&found),
                ["adler2 2.0.1", "forked 0.1.0", "hello 0.3.1"],
                "level {level}, at {before}"
            );
            assert!(found.notes.is_empty());
        }
    }
    let found = parse(&rust_file(0, &deflated(CRATES, 6)));
    assert_eq!(attribute(&found.packages[1], "rust.source"), Some("git"));
    assert_eq!(attribute(&found.packages[2], "rust.root"), Some("true"));
    assert_eq!(found.packages[0].format.as_deref(), Some("rust-binary"));
    assert_eq!(
        Binary.purl(&found.packages[0], None),
        "pkg:cargo/adler2@2.0.1"
    );
    // At the very end of the file.
    let mut file = rust_file(100, &deflated(CRATES, 6));
    file.truncate(file.len() - 500);
    assert_eq!(parse(&file).packages.len(), 3);
}

#[test]
fn two_lists_add_up_and_go_beside_rust_is_read() {
    let mut file = elf(WIDE, b"", &blob("go1.22.3", &marked(MODULES)));
    file.extend(deflated(CRATES, 6));
    file.extend(noise(1000));
    file.extend(deflated(&CRATES.replace("forked", "more"), 9));
    assert_eq!(
        lines(&parse(&file)),
        [
            "adler2 2.0.1",
            "forked 0.1.0",
            "hello 0.3.1",
            "more 0.1.0",
            "example.com/Cmd v1.2.3",
            "golang.org/x/net v0.1.0",
            "github.com/new/lib/v2 v2.0.1",
            "example.com/local ",
            "stdlib 1.22.3",
        ]
    );
}

#[test]
fn a_list_of_crates_that_is_broken_or_endless_is_told() {
    let whole = deflated(CRATES, 6);
    let reason = |file: &[u8]| parse(file).notes.first().map(|note| note.reason);
    let cut = [&b"\x7fELF"[..], &whole[..whole.len() / 2]].concat();
    assert_eq!(reason(&cut), Some(SkipReason::Corrupt));
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert_eq!(reason(&rust_file(0, &damaged)), Some(SkipReason::Corrupt));
    let endless = format!("{{\"packages\":[{}", " ".repeat(rust::MAX_JSON + 1));
    assert_eq!(
        reason(&rust_file(0, &deflated(&endless, 6))),
        Some(SkipReason::OverLimit)
    );
    assert_eq!(
        reason(&rust_file(0, &deflated("{\"packages\":7}", 6))),
        Some(SkipReason::Corrupt)
    );
}

#[test]
fn a_packed_program_is_told() {
    let mut file = b"\x7fELF".to_vec();
    file.resize(0xec, 0);
    file.extend(b"UPX!");
    let found = parse(&file);
    assert_eq!(found.notes[0].reason, SkipReason::Unsupported);
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let error = Binary
        .parse(
            &File::of_path("a"),
            &mut b"\x7fELF".chain(Broken),
            &mut Found::default(),
        )
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[path = "image_tests.rs"]
mod images;

#[path = "real_tests.rs"]
mod real;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(
        data in prop::collection::vec(any::<u8>(), 0..900),
        kind in prop::sample::select(vec![&b"\x7fELF\x02\x01"[..], b"\x7fELF\x01\x02", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"]),
    ) {
        parse(&[kind, &data].concat());
    }

    #[test]
    fn damaged_and_truncated_programs_are_survived(
        old: bool, headers_first: bool, wide: bool, big: bool,
        cut in any::<prop::sample::Index>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let style = Style { wide, big };
        let mut file = if old {
            old_form(style, headers_first, MODULES)
        } else {
            let mut file = elf(style, b"", &blob("go1.22.3", &marked(MODULES)));
            file.extend(deflated(CRATES, 6));
            file
        };
        // Where it matters: the headers, and what stands at the end.
        let length = file.len();
        for (place, value) in &hits {
            let at = place.index(1200);
            let at = if at < 200 { at } else { length.saturating_sub(at) };
            file[at] = *value;
        }
        parse(&file);
        file.truncate(cut.index(length));
        parse(&file);
    }
}
