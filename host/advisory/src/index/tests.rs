#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::import::sample::{export, record};
use crate::import::{self, Cancel};
use crate::osv::{Affected, Event, Head, Import, Range, Reference, SeverityScore};

fn import(index: &Index, path: &Path) {
    let report = import::from_path(index, path, &(), &Cancel::new()).unwrap();
    assert!(!report.incomplete(), "{report:?}");
}

#[test]
fn aliases_are_followed_in_both_directions_and_not_through_withdrawn_records() {
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    let named = |id: &str, aliases: &[&str], withdrawn: bool| {
        let mut record = record(id, "npm", "a", "1", "2025-01-01T00:00:00Z");
        record["aliases"] = json!(aliases);
        if withdrawn {
            record["withdrawn"] = json!("2025-01-02T00:00:00Z");
        }
        record
    };
    let data = home.path().join("data");
    let records = [
        named("GO-1", &["CVE-1", "GHSA-1"], false),
        named("PYSEC-1", &["GHSA-1"], false),
        named("RUSTSEC-1", &["PYSEC-1"], false),
        named("GHSA-2", &["CVE-1"], true),
        named("GHSA-9", &["CVE-9"], false),
    ];
    export(&data, "npm", &records);
    import(&index, &data);
    let all = ["CVE-1", "GHSA-1", "GO-1", "PYSEC-1", "RUSTSEC-1"];
    for id in all {
        assert_eq!(index.aliases_of(&[id]).unwrap(), all, "{id}");
    }
    assert_eq!(index.aliases_of(&["GHSA-2"]).unwrap(), ["GHSA-2"]);
    assert_eq!(
        index.aliases_of(&["GHSA-9", "X-1"]).unwrap(),
        ["CVE-9", "GHSA-9", "X-1"]
    );
    // Withdrawn later: the bridge is gone.
    export(
        &data,
        "npm",
        &[
            named("GO-1", &["CVE-1", "GHSA-1"], true),
            named("PYSEC-1", &["GHSA-1"], false),
        ],
    );
    import(&index, &data);
    assert_eq!(index.aliases_of(&["CVE-1"]).unwrap(), ["CVE-1"]);
}

#[test]
fn records_that_name_each_other_without_end_are_cut() {
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    let chain: Vec<_> = (0..3 * MAX_ALIASES)
        .map(|number| {
            let mut record = record(&format!("T-{number}"), "npm", "a", "1", "");
            record["aliases"] = json!([format!("T-{}", number + 1), "CVE-1"]);
            record
        })
        .collect();
    let data = home.path().join("data");
    export(&data, "npm", &chain);
    import(&index, &data);
    assert_eq!(index.aliases_of(&["T-7"]).unwrap().len(), MAX_ALIASES);
    assert_eq!(index.aliases_of(&["CVE-1"]).unwrap().len(), MAX_ALIASES);
}

#[test]
fn heads_for_matching_have_exploits_first_and_few_pages_and_no_details() {
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    let mut record = record("T-1", "Debian:12", "a", "1", "2025-01-01T00:00:00Z");
    record["references"] = json!([
        {"type": "WEB", "url": "https://x.example/1"}, {"type": "EVIDENCE", "url": "https://x.example/2"},
        {"type": "PACKAGE", "url": "https://x.example/3"}, {"type": "FIX", "url": "https://x.example/4"},
        {"type": "ADVISORY", "url": "https://x.example/5"}, {"type": "WEB", "url": "https://x.example/6"},
        {"type": "WEB", "url": "https://x.example/7"}, {"type": "WEB", "url": "https://x.example/8"},
        {"type": "WEB", "url": "https://x.example/9"}
    ]);
    let again = json!({"package": {"ecosystem": "Debian:11", "name": "a"}, "versions": ["1"]});
    record["affected"].as_array_mut().unwrap().push(again);
    let data = home.path().join("data");
    export(&data, "Debian", &[record]);
    import(&index, &data);
    let about = index.about("Debian", "a").unwrap();
    assert_eq!(about[0].head.details, "");
    let urls: Vec<&str> = about[0]
        .head
        .references
        .iter()
        .map(|reference| reference.url.trim_start_matches("https://x.example/"))
        .collect();
    assert_eq!(urls, ["2", "5", "4", "1", "6", "7", "8"]);
    let exploits = index.exploits("T-1").unwrap();
    assert_eq!(exploits, about[0].head.references[..1]);
    let releases: Vec<_> = about[0]
        .affected
        .iter()
        .map(|element| element.ecosystem.as_str())
        .collect();
    assert_eq!(releases, ["Debian:12", "Debian:11"]);
    let shown = index.record("T-1").unwrap().unwrap();
    assert_eq!(
        (shown.head.references.len(), shown.head.details.len()),
        (9, 440)
    );
    assert!(index.covers("Debian") && !index.covers("Debian:12"));
}

#[test]
fn one_imports_and_everyone_reads() {
    let home = tempfile::tempdir().unwrap();
    let first = Index::open(home.path()).unwrap();
    let data = home.path().join("data");
    export(&data, "npm", &[record("T-1", "npm", "a", "1", "")]);
    let owner = first.own().unwrap();
    // Another one, as another process would.
    let second = Index::open(home.path()).unwrap();
    assert_eq!(second.generation().unwrap(), 0);
    let refused = import::from_path(&second, &data, &(), &Cancel::new())
        .unwrap_err()
        .to_string();
    let id = std::process::id();
    assert!(
        refused.contains(&format!("imported by another process (process {id})")),
        "{refused}"
    );
    drop(owner);
    import(&second, &data);
    assert_eq!(first.about("npm", "a").unwrap().len(), 1);
}

#[test]
fn a_file_of_somebody_else_or_of_the_future_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("advisories.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(
        Index::open(home.path()),
        Err(IndexError::Foreign(_))
    ));
    other.execute_batch("DROP TABLE mine").unwrap();
    drop(other);
    fs::remove_file(&path).unwrap();

    Index::open(home.path()).unwrap();
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    assert!(matches!(
        Index::open(home.path()),
        Err(IndexError::Newer { found: 99, .. })
    ));
    fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(
        Index::open(home.path()),
        Err(IndexError::Corrupt { .. })
    ));
}

#[test]
fn a_cve_is_one_integer_and_back() {
    for text in ["CVE-1999-0001", "CVE-2021-44228", "CVE-2026-1234567"] {
        assert_eq!(Cve::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "CVE-2021-1",
        "CVE-2021-00001",
        "cve-2021-0001",
        "CVE-20211-0001",
        "CVE-2021-+123",
        "GHSA-1",
        "",
    ] {
        assert_eq!(Cve::parse(text), None, "{text}");
    }
    assert!(Cve::parse("CVE-2021-99999").unwrap() < Cve::parse("CVE-2021-100000").unwrap());
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("\\PC{0,12}", 0..4)
}

fn ranges() -> impl Strategy<Value = Vec<Range>> {
    let event = ("[0-9.]{1,6}", 0..4_u8).prop_map(|(version, kind)| match kind {
        0 => Event::Introduced(version),
        1 => Event::Fixed(version),
        2 => Event::LastAffected(version),
        _ => Event::Limit(version),
    });
    let kind = prop_oneof![Just("SEMVER"), Just("ECOSYSTEM"), Just("OTHER")];
    let range = (kind, prop::collection::vec(event, 0..5));
    let range = range.prop_map(|(kind, events)| Range {
        kind: kind.to_owned(),
        events,
    });
    prop::collection::vec(range, 0..3)
}

fn severities() -> impl Strategy<Value = Vec<SeverityScore>> {
    let one = ("[A-Z]{1,4}", "\\PC{0,9}").prop_map(|(kind, score)| SeverityScore { kind, score });
    prop::collection::vec(one, 0..3)
}

fn affected() -> impl Strategy<Value = Affected> {
    let name = ("npm|npm:1|npm:a:b", "[a-z]{1,5}");
    let imports = prop::collection::vec(("[a-z/]{1,9}", texts(), texts(), texts()), 0..3);
    let versions = prop::collection::vec("[0-9.]{1,9}", 0..600);
    let rest = (
        severities(),
        ranges(),
        versions,
        imports,
        ranges(),
        prop::option::of("[a-z]{0,5}"),
        texts(),
    );
    (name, rest).prop_map(
        |(
            (ecosystem, name),
            (severity, ranges, versions, imports, custom_ranges, urgency, binaries),
        )| {
            let imports = imports
                .into_iter()
                .map(|(path, symbols, goos, goarch)| Import {
                    path,
                    symbols,
                    goos,
                    goarch,
                })
                .collect();
            Affected {
                ecosystem,
                name,
                severity,
                ranges,
                versions,
                imports,
                custom_ranges,
                urgency,
                binaries,
            }
        },
    )
}

fn head() -> impl Strategy<Value = Head> {
    let option = || prop::option::of("\\PC{0,9}");
    let reference = ("WEB|EVIDENCE", "[a-z]{1,9}").prop_map(|(kind, url)| Reference { kind, url });
    let ids = (
        "\\PC{0,9}",
        "\\PC{0,9}",
        option(),
        option(),
        texts(),
        texts(),
        texts(),
    );
    let rest = (
        "\\PC{0,9}",
        "\\PC{0,900}",
        severities(),
        option(),
        texts(),
        prop::collection::vec(reference, 0..4),
        option(),
    );
    (ids, rest).prop_map(|(ids, rest)| {
        let (id, modified, published, withdrawn, aliases, upstream, related) = ids;
        let (summary, details, severity, severity_word, cwes, references, informational) = rest;
        Head {
            id,
            modified,
            published,
            withdrawn,
            aliases,
            upstream,
            related,
            summary,
            details,
            severity,
            severity_word,
            cwes,
            references,
            informational,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_stored_comes_back(head in head(), affected in prop::collection::vec(affected(), 0..4)) {
        let mut back = codec::read_head(&codec::head(&head)).unwrap();
        let kept = |reference: &&Reference| back.references.contains(reference);
        prop_assert!(head.references.iter().filter(|one| one.shows_exploit()).all(|one| kept(&one)));
        prop_assert!(back.references.iter().filter(|one| !one.shows_exploit()).count() <= 6);
        let (details, references, all) = codec::read_body(&codec::body(&head, &affected)).unwrap();
        back.details = details;
        back.references = references;
        prop_assert_eq!(back, head);
        let slice = codec::slice("abc", affected.iter());
        prop_assert_eq!(codec::read_slice("npm", "abc", &slice).unwrap(), all.clone());
        prop_assert_eq!(all, affected);
    }

    #[test]
    fn a_block_that_is_damaged_is_an_error_and_no_panic(
        affected in prop::collection::vec(affected(), 0..3), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut block = codec::slice("a", affected.iter());
        let at = at.index(block.len());
        block[at] = byte;
        let _ = codec::read_slice("npm", "a", &block);
        let _ = codec::read_slice("npm", "a", &block[..at]);
        let _ = codec::read_head(&noise);
        let _ = codec::read_body(&noise);
    }
}

#[test]
fn names_that_differ_in_capitals_only_are_asked_about_together_where_those_mean_the_same() {
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    let data = home.path().join("data");
    let go = |id: &str, name: &str| record(id, "Go", name, "1", "2025-01-01T00:00:00Z");
    let npm = |id: &str, name: &str| record(id, "npm", name, "1", "2025-01-01T00:00:00Z");
    export(
        &data,
        "Go",
        &[
            go("G-1", "github.com/Masterminds/goutils"),
            go("G-2", "github.com/masterminds/goutils"),
        ],
    );
    export(&data, "npm", &[npm("N-1", "JSONStream")]);
    import(&index, &data);
    let about = index.about("Go", "github.com/masterMinds/goutils").unwrap();
    let names: Vec<_> = about
        .iter()
        .map(|advisory| {
            (
                advisory.head.id.as_str(),
                advisory.affected[0].name.as_str(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("G-1", "github.com/Masterminds/goutils"),
            ("G-2", "github.com/masterminds/goutils")
        ]
    );
    assert!(index.about("npm", "jsonstream").unwrap().is_empty());
    // A package that was written in lower case is matched again when the record of the other name changes.
    let touched = index.touched_since(0).unwrap();
    let lower = ("Go".to_owned(), "github.com/masterminds/goutils".to_owned());
    assert_eq!(touched.iter().filter(|one| **one == lower).count(), 1);
    assert_eq!(touched.len(), 3, "{touched:?}");
}

#[test]
fn blocks_of_an_older_program_are_still_read() {
    let affected = crate::osv::Affected {
        name: "a".to_owned(),
        ecosystem: "Go".to_owned(),
        imports: vec![Import {
            path: "a/b".to_owned(),
            symbols: vec!["F".to_owned()],
            ..Import::default()
        }],
        ..crate::osv::Affected::default()
    };
    let new = codec::slice("a", std::iter::once(&affected));
    // Without the two lists of platforms, which are empty, behind the symbol.
    let at = new.iter().position(|byte| *byte == b'F').unwrap();
    let mut old = new.clone();
    old.drain(at + 1..at + 3);
    old[0] = 0;
    assert_eq!(
        codec::read_slice("Go", "a", &old).unwrap(),
        std::slice::from_ref(&affected)
    );
    assert_eq!(codec::read_slice("Go", "a", &new).unwrap(), [affected]);
}

#[test]
fn an_index_of_the_first_format_is_brought_to_the_newest() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let path = {
        let index = Index::open(home.path()).unwrap();
        let one = record("T-1", "Go", "example.com/A", "1", "2025-01-01T00:00:00Z");
        export(&data, "Go", &[one]);
        import(&index, &data);
        let files = std::fs::read_dir(home.path()).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files
            .find(|file| file.extension().is_some_and(|ext| ext == "db"))
            .unwrap()
    };
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch("DROP INDEX package_any_case; PRAGMA user_version = 1;")
        .unwrap();
    drop(older);
    let index = Index::open(home.path()).unwrap();
    assert_eq!(index.about("Go", "example.com/a").unwrap().len(), 1);
    let now = rusqlite::Connection::open(&path).unwrap();
    let count: i64 = now
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'package_any_case'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(count, 1);
}
