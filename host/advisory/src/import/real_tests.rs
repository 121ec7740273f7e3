//! The real exports and the real catalogue, where they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use super::*;
use crate::matching::Advisories;

/// Folder of shared test data; says so when it is not there.
fn data() -> Option<PathBuf> {
    let named = std::env::var_os("OX_TEST_DATA").map(PathBuf::from);
    let above = || {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = here.ancestors().map(|folder| folder.join("../shared/data"));
        folders.find(|folder| folder.is_dir())
    };
    let found = named
        .or_else(above)
        .filter(|folder| folder.join("advisories").is_dir());
    if found.is_none() {
        eprintln!("skipped: shared/data/advisories is not there");
    }
    found
}

#[test]
fn the_real_exports_are_read_to_the_last_record() {
    let Some(data) = data() else { return };
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    let report = from_path(&index, &data, &(), &Cancel::new()).unwrap();
    let counts: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| match &outcome.result {
            Ended::Imported(counts) => (
                outcome.source.as_str(),
                counts.records,
                counts.withdrawn,
                counts.broken,
            ),
            other => panic!("{}: {other:?}", outcome.source),
        })
        .collect();
    let expected = [
        ("AlmaLinux", 5637, 0, 0),
        ("Go", 4291, 17, 0),
        ("PyPI", 2661, 10, 0),
        ("crates.io", 1206, 13, 0),
        ("KEV", 1404, 0, 0),
    ];
    assert_eq!(counts, expected);

    let (generation, dump) = (index.generation().unwrap(), index.dump().unwrap());
    let again = from_path(&index, &data, &(), &Cancel::new()).unwrap();
    assert!(
        again
            .outcomes
            .iter()
            .all(|outcome| outcome.result == Ended::Unchanged)
    );
    assert_eq!(index.generation().unwrap(), generation);
    assert_eq!(index.dump().unwrap(), dump);

    let snapshot = index.snapshot().unwrap();
    let ids = |ecosystem: &str, name: &str| -> Vec<String> {
        let about = snapshot.about(ecosystem, name).unwrap();
        about
            .iter()
            .map(|advisory| advisory.head.id.clone())
            .collect()
    };
    assert_eq!(ids("AlmaLinux", "kernel").len(), 236);
    assert_eq!(ids("PyPI", "Django"), ids("PyPI", "django"));
    assert!(ids("PyPI", "django").len() > 100);
    assert!(ids("Go", "stdlib").len() > 100);
    // Withdrawn, and kept as such.
    let withdrawn = index.record("GO-2022-0617").unwrap().unwrap();
    assert!(withdrawn.head.withdrawn.is_some());
    // The truth of a record that nobody reviewed.
    let unreviewed = index.record("GO-2026-6249").unwrap().unwrap();
    assert!(
        unreviewed
            .affected
            .iter()
            .any(|element| !element.custom_ranges.is_empty())
    );
    let aliases = index.aliases_of(&["CVE-2021-38561"]).unwrap();
    assert!(aliases.contains(&"GO-2021-0113".to_owned()), "{aliases:?}");
    assert!(
        index
            .known_exploited("CVE-2021-44228")
            .unwrap()
            .unwrap()
            .ransomware
    );
    let status = index.status().unwrap();
    let newest = |name: &str| {
        let found = status.sources.iter().find(|source| source.name == name);
        found.unwrap().newest.clone()
    };
    // Most of its records have no time at all, and then the newest of the others says nothing.
    assert_eq!(newest("Go"), None);
    assert!(newest("AlmaLinux").unwrap().as_str() > "2026");
}

#[test]
fn what_the_real_records_say_survives_the_index() {
    let Some(data) = data() else { return };
    let home = tempfile::tempdir().unwrap();
    let index = Index::open(home.path()).unwrap();
    from_path(&index, &data.join("advisories"), &(), &Cancel::new()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let mut compared = 0;
    for ecosystem in ["Go", "PyPI", "Rust", "AlmaLinux"] {
        let archive =
            Archive::open(&data.join("advisories").join(ecosystem).join("all.zip")).unwrap();
        let walked = records::Entries::each(&archive, 7, &mut |entry| {
            let parsed = crate::osv::parse(entry.contents.unwrap()).unwrap();
            let record = snapshot.record(&parsed.head.id).unwrap().unwrap();
            assert_eq!(record.head, parsed.head);
            assert_eq!(record.affected, parsed.affected);
            // A few of the hundreds that some have.
            for element in parsed
                .affected
                .iter()
                .step_by(parsed.affected.len() / 4 + 1)
            {
                let name = crate::Ecosystem::parse(&element.ecosystem).name;
                let about = snapshot.about(&name, &element.name).unwrap();
                let found = about
                    .iter()
                    .find(|advisory| advisory.head.id == parsed.head.id);
                match &parsed.head.withdrawn {
                    Some(_) => assert!(found.is_none(), "{}", parsed.head.id),
                    None => assert!(
                        found.unwrap().affected.contains(element),
                        "{}",
                        parsed.head.id
                    ),
                }
            }
            compared += 1;
            Ok(())
        });
        walked.unwrap();
    }
    assert!(compared > 1900, "{compared}");
}
