#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

/// Makes headers, good ones and others.
#[derive(Clone, Default)]
pub(in crate::catalog::rpm) struct Builder {
    index: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl Builder {
    pub(in crate::catalog::rpm) fn raw(
        mut self,
        tag: u32,
        kind: u32,
        count: u32,
        bytes: &[u8],
    ) -> Self {
        while kind == kind::INT32 && !self.store.len().is_multiple_of(4) {
            self.store.push(0);
        }
        self.index.push([tag, kind, self.store.len() as u32, count]);
        self.store.extend(bytes);
        self
    }

    pub(in crate::catalog::rpm) fn text(self, tag: u32, value: &str) -> Self {
        self.raw(tag, kind::STRING, 1, format!("{value}\0").as_bytes())
    }

    pub(in crate::catalog::rpm) fn texts(self, tag: u32, values: &[&str]) -> Self {
        let all: String = values.iter().map(|value| format!("{value}\0")).collect();
        self.raw(tag, kind::STRING_ARRAY, values.len() as u32, all.as_bytes())
    }

    pub(in crate::catalog::rpm) fn numbers(self, tag: u32, values: &[u32]) -> Self {
        let all: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
        self.raw(tag, kind::INT32, values.len() as u32, &all)
    }

    pub(in crate::catalog::rpm) fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend((self.index.len() as u32).to_be_bytes());
        out.extend((self.store.len() as u32).to_be_bytes());
        for entry in &self.index {
            out.extend(entry.iter().flat_map(|number| number.to_be_bytes()));
        }
        out.extend(&self.store);
        out
    }
}

/// A package with a changelog of that many bytes.
pub(in crate::catalog::rpm) fn package(name: &str, filler: usize) -> Builder {
    Builder::default()
        .text(tag::NAME, name)
        .text(tag::VERSION, "1.0")
        .text(tag::RELEASE, "2.el9")
        .text(1082, &"x".repeat(filler))
        .text(tag::ARCHITECTURE, "x86_64")
        .text(tag::SOURCE, "source-of-it-1.0-2.el9.src.rpm")
}

fn parse_pieces(blob: &[u8], piece: usize) -> (Parsed, Vec<crate::contract::Skip>) {
    let mut found = Found::default();
    let parsed = super::parse(&Blob::new(blob.chunks(piece)), &mut Owned::default());
    if let Parsed::Package(package, trouble) = &parsed {
        tell(*trouble, &package.name, &mut found);
    }
    (parsed, found.notes)
}

fn read(builder: &Builder) -> FoundPackage {
    match parse_pieces(&builder.build(), 7).0 {
        Parsed::Package(package, _) => *package,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_field_is_read_however_the_header_is_cut() {
    let header = package("perl", 100)
        .numbers(tag::EPOCH, &[4])
        .text(tag::VENDOR, "Red Hat, Inc.")
        .text(tag::LICENCE, "GPL+ or Artistic")
        .text(tag::MODULARITY, "perl:5.26:8:9edba152")
        .texts(tag::BASE_NAMES, &["perl", "x.pm", "perlbug"])
        .texts(tag::FOLDERS, &["/usr/bin/", "/usr/share/perl5/"])
        .numbers(tag::FOLDER_INDEXES, &[0, 1, 0])
        .build();
    let (whole, notes) = parse_pieces(&header, header.len());
    assert!(notes.is_empty());
    for piece in 1..40 {
        assert_eq!(parse_pieces(&header, piece).0, whole, "{piece}");
    }
    let Parsed::Package(package, None) = whole else {
        panic!("no package");
    };
    assert_eq!(
        (package.name.as_str(), package.version.as_str()),
        ("perl", "4:1.0-2.el9")
    );
    assert_eq!(package.architecture.as_deref(), Some("x86_64"));
    assert_eq!(package.source_name.as_deref(), Some("source-of-it"));
    assert_eq!(package.source_version.as_deref(), Some("4:1.0-2.el9"));
    assert_eq!(package.licences, ["GPL+ or Artistic"]);
    assert_eq!(
        package.attributes,
        [
            ("rpm.vendor".to_owned(), "Red Hat, Inc.".to_owned()),
            (
                "rpm.modularity".to_owned(),
                "perl:5.26:8:9edba152".to_owned()
            )
        ]
    );
    assert_eq!(package.owns, ["usr/bin/perl", "usr/bin/perlbug"]);
}

#[test]
fn an_epoch_is_written_where_it_is_stated_and_only_there() {
    assert_eq!(read(&package("a", 0)).version, "1.0-2.el9");
    let zero = read(&package("a", 0).numbers(tag::EPOCH, &[0]));
    assert_eq!(zero.version, "0:1.0-2.el9");
}

#[test]
fn what_was_added_at_installation_counts_before_what_was_packed() {
    assert_eq!(read(&package("old", 0).text(tag::NAME, "new")).name, "new");
}

#[test]
fn signing_keys_are_no_packages() {
    let key = package(KEY_PACKAGE, 0).build();
    assert_eq!(parse_pieces(&key, 9).0, Parsed::Key);
}

#[test]
fn names_of_source_packages_are_taken_apart() {
    for (file, name, version) in [
        (
            "glibc-2.34-2.cm2.src.rpm",
            Some("glibc"),
            Some("2.34-2.cm2"),
        ),
        (
            "ca-certificates-2.0-1.nosrc.rpm",
            Some("ca-certificates"),
            Some("2.0-1"),
        ),
        ("x-1.src.rpm", None, None),
        ("-1-2.src.rpm", None, None),
        ("(none)", None, None),
        ("", None, None),
    ] {
        let mut package = FoundPackage::default();
        set_source(&mut package, file, None);
        assert_eq!(package.source_name.as_deref(), name, "{file}");
        assert_eq!(package.source_version.as_deref(), version, "{file}");
    }
}

#[test]
fn counts_that_lie_are_refused() {
    let good = package("a", 0).build();
    for (at, value) in [
        (0, 0u32),
        (0, u32::MAX),
        (0, 0x0010_0000),
        (0, 0x8000_0000),
        (4, u32::MAX),
        (4, 0x7fff_ffff),
        (4, 0),
    ] {
        let mut header = good.clone();
        header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        assert!(matches!(parse_pieces(&header, 64).0, Parsed::Broken(_)));
    }
    assert!(matches!(parse_pieces(&[], 1).0, Parsed::Broken(_)));
}

#[test]
fn a_tag_that_leads_out_is_refused() {
    for at in [0x7fff_ffff, u32::MAX, 0x8000_0000] {
        let mut header = package("a", 0).build();
        header[8 + 8..8 + 12].copy_from_slice(&at.to_be_bytes());
        assert!(matches!(parse_pieces(&header, 64).0, Parsed::Broken(_)));
    }
}

#[test]
fn values_of_the_wrong_type_or_number_are_no_values() {
    let wrong = Builder::default()
        .numbers(tag::NAME, &[1])
        .text(tag::VERSION, "1");
    assert!(matches!(
        parse_pieces(&wrong.build(), 64).0,
        Parsed::Broken("it has no name")
    ));
    let none = package("a", 0)
        .raw(tag::VENDOR, kind::STRING, 0, b"x\0")
        .text(tag::EPOCH, "4")
        .numbers(tag::FOLDER_INDEXES, &[0])
        .text(tag::FOLDERS, "/usr/bin/")
        .texts(tag::BASE_NAMES, &["x"]);
    let package = read(&none);
    assert_eq!(package.version, "1.0-2.el9");
    assert!(package.attributes.is_empty() && package.owns.is_empty());
}

#[test]
fn lists_without_an_end_keep_the_package_and_are_told() {
    let endless = |names: u32, folders: u32, indexes: u32| {
        package("a", 0)
            .raw(tag::FOLDERS, kind::STRING_ARRAY, folders, b"/usr/bin/\0")
            .raw(tag::FOLDER_INDEXES, kind::INT32, indexes, &[0; 4])
            .raw(tag::BASE_NAMES, kind::STRING_ARRAY, names, b"x\0unended")
            .build()
    };
    for (names, folders, indexes) in [
        (u32::MAX, 1, u32::MAX),
        (2, 1, 2),
        (1, u32::MAX, 1),
        (1, 1, u32::MAX),
        (1, 0, 1),
    ] {
        let (parsed, notes) = parse_pieces(&endless(names, folders, indexes), 64);
        assert!(matches!(parsed, Parsed::Package(..)));
        assert_eq!(notes.len(), 1, "{names} {folders} {indexes}");
    }
    let (parsed, notes) = parse_pieces(&endless(1, 1, 1), 64);
    assert!(matches!(parsed, Parsed::Package(package, None) if package.owns == ["usr/bin/x"]));
    assert!(notes.is_empty());
}

#[test]
fn folders_that_repeat_one_byte_for_ever_take_little_memory() {
    let folders = vec![0u8; 3 << 20];
    let header = package("a", 0)
        .raw(tag::FOLDERS, kind::STRING_ARRAY, 3 << 20, &folders)
        .numbers(tag::FOLDER_INDEXES, &[0])
        .texts(tag::BASE_NAMES, &["x"])
        .build();
    let (parsed, notes) = parse_pieces(&header, 4092);
    assert!(matches!(parsed, Parsed::Package(..)));
    assert_eq!(notes[0].reason, SkipReason::OverLimit);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300), piece in 1..50usize) {
        parse_pieces(&data, piece);
    }

    #[test]
    fn any_change_and_any_truncation_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        piece in 1..50usize,
    ) {
        let mut header = package("a", 30)
            .texts(tag::BASE_NAMES, &["a", "b"])
            .texts(tag::FOLDERS, &["/usr/bin/"])
            .numbers(tag::FOLDER_INDEXES, &[0, 0])
            .build();
        for (at, value) in changes {
            let at = at.index(header.len());
            header[at] = value;
        }
        parse_pieces(&header, piece);
        let cut = cut.index(header.len());
        parse_pieces(&header[..cut], piece);
    }
}
