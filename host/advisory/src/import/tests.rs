#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use serde_json::json;
use tempfile::TempDir;

use super::sample::{self, export, file, record, records, zip_bytes};
use super::*;
use crate::matching::Advisories;

struct Place {
    home: TempDir,
    index: Index,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let index = Index::open(&home.path().join("index")).unwrap();
        fs::create_dir(home.path().join("data")).unwrap();
        Self { home, index }
    }

    fn data(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    fn import(&self, path: &Path) -> Vec<(String, Ended)> {
        let report = from_path(&self.index, path, &(), &Cancel::new()).unwrap();
        report
            .outcomes
            .into_iter()
            .map(|outcome| (outcome.source, outcome.result))
            .collect()
    }

    fn counts(&self, path: &Path) -> Counts {
        match self.import(path).as_slice() {
            [(_, Ended::Imported(counts))] => counts.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn failure(&self, path: &Path) -> String {
        match self.import(path).as_slice() {
            [(_, Ended::Failed(reason))] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }
}

fn names(ended: &[(String, Ended)]) -> Vec<&str> {
    ended.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_layout_is_found_in_one_folder() {
    let place = Place::new();
    let data = place.data();
    export(&data, "npm", &records("npm", 20, 0));
    export(&data.join("osv-scanner"), "PyPI", &records("PyPI", 20, 0));
    // Its folder says nothing; its records do.
    export(&data, "Rust", &records("crates.io", 20, 0));
    fs::create_dir(data.join("Go")).unwrap();
    for record in records("Go", 20, 0) {
        let (name, text) = file(&record);
        fs::write(data.join("Go").join(name), text).unwrap();
    }
    fs::write(
        data.join("known_exploited_vulnerabilities.json"),
        sample::kev(&["CVE-2024-1001"]),
    )
    .unwrap();
    fs::write(
        data.join("epss_scores-2026-05-18.csv.gz"),
        sample::epss("2026-05-18", 30, 1),
    )
    .unwrap();

    let ended = place.import(&data);
    assert_eq!(
        names(&ended),
        ["PyPI", "crates.io", "npm", "Go", "KEV", "EPSS"]
    );
    assert!(
        ended
            .iter()
            .all(|(_, ended)| matches!(ended, Ended::Imported(_))),
        "{ended:?}"
    );
    for ecosystem in ["npm", "PyPI", "crates.io", "Go"] {
        assert!(place.index.covers(ecosystem), "{ecosystem}");
        assert_eq!(
            place.index.about(ecosystem, "package-2").unwrap().len(),
            1,
            "{ecosystem}"
        );
    }
    assert!(!place.index.covers("Maven"));
    assert!(
        place
            .index
            .known_exploited("CVE-2024-1001")
            .unwrap()
            .unwrap()
            .ransomware
    );
    let score = place.index.epss("CVE-2024-1029").unwrap().unwrap();
    assert_eq!(score.date, "2026-05-18");
    assert_eq!(place.index.epss("CVE-2024-1030").unwrap(), None);
    let status = place.index.status().unwrap();
    assert_eq!(status.epss.unwrap().model.as_deref(), Some("v2025.03.14"));
    assert_eq!(status.kev.unwrap().entries, 1);
}

#[test]
fn an_import_that_finds_nothing_new_makes_no_generation() {
    let place = Place::new();
    let data = place.data();
    export(&data, "npm", &records("npm", 200, 0));
    fs::write(
        data.join("known_exploited_vulnerabilities.json"),
        sample::kev(&["CVE-2024-1001"]),
    )
    .unwrap();
    fs::write(data.join("epss.csv.gz"), sample::epss("2026-05-18", 30, 1)).unwrap();
    place.import(&data);
    let (generation, dump) = (
        place.index.generation().unwrap(),
        place.index.dump().unwrap(),
    );
    assert_eq!(generation, 3);

    assert!(
        place
            .import(&data)
            .iter()
            .all(|(_, ended)| *ended == Ended::Unchanged)
    );
    assert_eq!(place.index.dump().unwrap(), dump);

    // Other bytes that say the same: read, and nothing touched.
    let mut backwards = records("npm", 200, 0);
    backwards.reverse();
    export(&data, "npm", &backwards);
    let ended = place.import(&data.join("npm"));
    let [(_, Ended::Imported(counts))] = ended.as_slice() else {
        panic!("{ended:?}");
    };
    assert_eq!((counts.generation, counts.touched), (None, 0));
    assert_eq!(place.index.generation().unwrap(), generation);
}

#[test]
fn a_new_edition_touches_what_it_changes_and_nothing_else() {
    let place = Place::new();
    let data = place.data();
    let mut list = vec![
        record("T-1", "npm", "stays", "1", "2025-01-01T00:00:00Z"),
        record("T-2", "npm", "changes", "1", "2025-01-01T00:00:00Z"),
        record("T-3", "npm", "goes", "1", "2025-01-01T00:00:00Z"),
        record("T-4", "npm", "is-withdrawn", "1", "2025-01-01T00:00:00Z"),
        record("T-5", "npm", "moves-from", "1", "2025-01-01T00:00:00Z"),
    ];
    export(&data, "npm", &list);
    place.import(&data);
    let before = place.index.generation().unwrap();
    let held = place.index.snapshot().unwrap();

    list[1] = record("T-2", "npm", "changes", "2", "2025-01-02T00:00:00Z");
    list[3]["withdrawn"] = json!("2025-01-02T00:00:00Z");
    list[4] = record("T-5", "npm", "moves-to", "1", "2025-01-02T00:00:00Z");
    list.remove(2);
    export(&data, "npm", &list);
    let counts = place.counts(&data);
    assert_eq!(
        (
            counts.added,
            counts.changed,
            counts.removed,
            counts.withdrawn
        ),
        (0, 3, 1, 1)
    );
    let touched = place.index.touched_since(before).unwrap();
    let touched: Vec<_> = touched.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(
        touched,
        ["changes", "goes", "is-withdrawn", "moves-from", "moves-to"]
    );
    assert_eq!(counts.touched, 5);

    let count = |name: &str| place.index.about("npm", name).unwrap().len();
    assert_eq!(
        [
            "stays",
            "changes",
            "goes",
            "is-withdrawn",
            "moves-from",
            "moves-to"
        ]
        .map(count),
        [1, 1, 0, 0, 0, 1]
    );
    // Gone is gone; withdrawn is known to be withdrawn.
    assert_eq!(place.index.record("T-3").unwrap(), None);
    let withdrawn = place.index.record("T-4").unwrap().unwrap();
    assert_eq!(
        withdrawn.head.withdrawn.as_deref(),
        Some("2025-01-02T00:00:00Z")
    );
    assert_eq!(withdrawn.affected[0].name, "is-withdrawn");
    // Whoever began before still sees the old state.
    assert_eq!(held.about("npm", "goes").unwrap().len(), 1);
    assert_eq!(held.generation(), before);
}

#[test]
fn a_broken_record_is_named_and_what_was_known_of_it_stays() {
    let place = Place::new();
    let data = place.data();
    export(
        &data,
        "npm",
        &[
            record("T-1", "npm", "a", "1", ""),
            record("T-2", "npm", "b", "1", ""),
        ],
    );
    place.import(&data);
    let files = [
        (
            "T-1.json".to_owned(),
            b"{\"id\": \"T-1\", \"affected\": 7}".to_vec(),
        ),
        file(&record("T-2", "npm", "b", "2", "")),
        ("no\u{1b}tes.json".to_owned(), b"not json".to_vec()),
        ("README.md".to_owned(), b"not looked at".to_vec()),
    ];
    fs::write(data.join("npm/all.zip"), zip_bytes(&files)).unwrap();
    let counts = place.counts(&data);
    assert_eq!((counts.broken, counts.changed, counts.removed), (2, 1, 0));
    let named: Vec<_> = counts
        .broken_first
        .iter()
        .map(|broken| broken.name.as_str())
        .collect();
    assert_eq!(named, ["T-1.json", "no\u{fffd}tes.json"]);
    assert!(
        counts.broken_first[0].reason.contains("no OSV record"),
        "{:?}",
        counts.broken_first
    );
    assert_eq!(place.index.about("npm", "a").unwrap().len(), 1);
    assert_eq!(place.index.status().unwrap().sources[0].broken, 2);
}

#[test]
fn an_archive_that_is_cut_off_or_no_archive_leaves_the_old_state() {
    let place = Place::new();
    let data = place.data();
    let path = export(&data, "npm", &records("npm", 50, 0));
    place.import(&data);
    let dump = place.index.dump().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let reason = place.failure(&data);
    assert!(reason.contains("no whole zip archive"), "{reason}");
    fs::write(&path, b"PK").unwrap();
    place.failure(&data);
    assert_eq!(place.index.dump().unwrap(), dump);
}

#[test]
fn an_entry_that_unpacks_to_too_much_is_a_broken_record() {
    let place = Place::new();
    let data = place.data();
    let mut bomb = b"{\"id\": \"".to_vec();
    bomb.resize(crate::osv::MAX_RECORD_BYTES + 1, b'a');
    let files = [
        ("bomb.json".to_owned(), bomb),
        file(&record("T-1", "npm", "a", "1", "")),
    ];
    fs::create_dir(data.join("npm")).unwrap();
    fs::write(data.join("npm/all.zip"), zip_bytes(&files)).unwrap();
    let counts = place.counts(&data);
    assert_eq!((counts.records, counts.broken), (1, 1));
    assert!(counts.broken_first[0].reason.contains("larger than"));
}

#[test]
fn an_entry_whose_checksum_is_wrong_is_a_broken_record() {
    let place = Place::new();
    let data = place.data();
    let files = [
        file(&record("T-1", "npm", "a", "1", "")),
        file(&record("T-2", "npm", "b", "1", "")),
    ];
    let mut bytes = zip_bytes(&files);
    // The checksum of the second entry in the directory.
    let at = (0..bytes.len() - 4)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x01\x02"))
        .unwrap();
    bytes[at + 16] ^= 1;
    fs::create_dir(data.join("npm")).unwrap();
    fs::write(data.join("npm/all.zip"), bytes).unwrap();
    let counts = place.counts(&data);
    assert_eq!((counts.records, counts.broken), (1, 1));
    assert_eq!(counts.broken_first[0].name, "T-2.json");
}

#[test]
fn a_source_that_is_suddenly_small_is_refused_unless_it_is_meant() {
    let place = Place::new();
    let data = place.data();
    export(&data, "npm", &records("npm", 300, 0));
    place.import(&data);
    let dump = place.index.dump().unwrap();
    export(&data, "npm", &records("npm", 100, 0));
    let reason = place.failure(&data);
    assert!(
        reason.contains("200 of its 300 records would be gone"),
        "{reason}"
    );
    export(&data, "npm", &[]);
    place.failure(&data);
    assert_eq!(place.index.dump().unwrap(), dump);
    let options = Options {
        accept_shrink: true,
    };
    let report = from_path_with(&place.index, &data, options, &(), &Cancel::new()).unwrap();
    assert!(!report.incomplete(), "{report:?}");
    assert_eq!(place.index.status().unwrap().sources[0].records, 0);
}

#[test]
fn a_cancelled_import_leaves_each_source_whole() {
    struct StopInSecond(Cancel, Mutex<Vec<String>>);
    impl Progress for StopInSecond {
        fn report(&self, step: Step<'_>) {
            if let Step::Reading { source: "npm", .. } = step {
                self.0.cancel();
            }
            if let Step::Ended(outcome) = step {
                self.1.lock().unwrap().push(outcome.source.clone());
            }
        }
    }
    let place = Place::new();
    let data = place.data();
    for ecosystem in ["PyPI", "npm", "opam"] {
        export(&data, ecosystem, &records(ecosystem, 600, 0));
    }
    let progress = StopInSecond(Cancel::new(), Mutex::default());
    let report = from_path(&place.index, &data, &progress, &progress.0).unwrap();
    let results: Vec<_> = report
        .outcomes
        .iter()
        .map(|o| matches!(o.result, Ended::Cancelled))
        .collect();
    assert_eq!(results, [false, true, true]);
    assert!(report.incomplete());
    assert_eq!(*progress.1.lock().unwrap(), ["PyPI", "npm", "opam"]);
    assert_eq!(place.index.status().unwrap().sources.len(), 1);
    assert_eq!(names(&place.import(&data)), ["PyPI", "npm", "opam"]);
    assert_eq!(place.index.status().unwrap().sources.len(), 3);
}

#[test]
fn of_the_same_id_in_two_sources_the_one_modified_last_counts() {
    let place = Place::new();
    let data = place.data();
    let old = record("GHSA-1", "npm", "a", "1", "2025-01-01T00:00:00.5Z");
    let mut new = record("GHSA-1", "npm", "a", "2", "2025-01-01T00:00:01Z");
    new["withdrawn"] = json!("2025-02-02T00:00:00Z");
    let other = record("T-1", "PyPI", "b", "1", "2025-01-01T00:00:00Z");
    export(&data, "npm", &[old]);
    export(&data, "PyPI", &[new, other.clone()]);
    place.import(&data.join("npm"));
    assert_eq!(place.index.about("npm", "a").unwrap().len(), 1);
    let before = place.index.generation().unwrap();
    place.import(&data.join("PyPI"));
    // Withdrawn there, and later.
    assert_eq!(place.index.about("npm", "a").unwrap().len(), 0);
    let touched = place.index.touched_since(before).unwrap();
    assert!(
        touched.contains(&("npm".to_owned(), "a".to_owned())),
        "{touched:?}"
    );
    assert_eq!(
        place.index.record("GHSA-1").unwrap().unwrap().source,
        "PyPI"
    );
    // Where it is gone, the other one counts again.
    export(&data, "PyPI", &[other]);
    place.import(&data.join("PyPI"));
    assert_eq!(place.index.about("npm", "a").unwrap().len(), 1);
    // Records of npm in PyPI's export don't make npm covered by it.
    assert!(place.index.covers("npm") && place.index.covers("PyPI"));
}

#[test]
fn the_sequence_of_imports_does_not_matter() {
    let a = record("GHSA-1", "npm", "a", "1", "2025-01-01T00:00:00Z");
    let b = record("GHSA-1", "npm", "a", "2", "2025-01-01T00:00:00Z");
    let answer = |first: &str, second: &str| {
        let place = Place::new();
        let data = place.data();
        export(&data, "npm", std::slice::from_ref(&a));
        export(&data, "PyPI", std::slice::from_ref(&b));
        place.import(&data.join(first));
        place.import(&data.join(second));
        place.index.about("npm", "a").unwrap()
    };
    assert_eq!(answer("npm", "PyPI"), answer("PyPI", "npm"));
    assert_eq!(answer("npm", "PyPI").len(), 1);
}

#[test]
fn the_same_id_twice_in_one_archive_is_one_record() {
    let place = Place::new();
    let data = place.data();
    let files = [
        (
            "a/T-1.json".to_owned(),
            file(&record("T-1", "npm", "a", "1", "2025-01-01T00:00:00Z")).1,
        ),
        (
            "b/T-1.json".to_owned(),
            file(&record("T-1", "npm", "a", "2", "2025-01-03T00:00:00Z")).1,
        ),
        (
            "c/T-1.json".to_owned(),
            file(&record("T-1", "npm", "a", "3", "2025-01-02T00:00:00Z")).1,
        ),
    ];
    fs::create_dir(data.join("npm")).unwrap();
    fs::write(data.join("npm/all.zip"), zip_bytes(&files)).unwrap();
    let counts = place.counts(&data);
    assert_eq!((counts.records, counts.added, counts.changed), (1, 1, 0));
    let about = place.index.about("npm", "a").unwrap();
    assert_eq!(about[0].head.modified, "2025-01-03T00:00:00Z");
}

#[test]
fn a_single_file_is_known_by_its_contents() {
    let place = Place::new();
    let data = place.data();
    let one = data.join("one.json");
    fs::write(&one, file(&record("T-1", "npm", "a", "1", "")).1).unwrap();
    assert_eq!(place.counts(&one).records, 1);
    // Loose records add to an ecosystem and never replace it.
    export(&data, "npm", &records("npm", 5, 0));
    place.import(&data.join("npm/all.zip"));
    assert_eq!(place.index.about("npm", "a").unwrap().len(), 1);
    let kev = data.join("some.json");
    fs::write(&kev, sample::kev(&["CVE-2024-1"])).unwrap();
    assert_eq!(
        place.failure(&kev),
        "it has no entry that can be read (1 are broken)"
    );
    fs::write(&kev, sample::kev(&["CVE-2024-0001"])).unwrap();
    assert_eq!(place.counts(&kev).records, 1);
    let scores = data.join("scores");
    fs::write(&scores, sample::epss("2026-05-18", 3, 1)).unwrap();
    assert_eq!(place.counts(&scores).records, 3);
    let nothing = data.join("notes.txt");
    fs::write(&nothing, "hello").unwrap();
    let error = from_path(&place.index, &nothing, &(), &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("holds no advisories"), "{error}");
}

#[test]
fn threats_tell_which_cves_changed() {
    let place = Place::new();
    let data = place.data();
    let kev = data.join("known_exploited_vulnerabilities.json");
    fs::write(&kev, sample::kev(&["CVE-2024-1001", "CVE-2024-1002"])).unwrap();
    place.import(&kev);
    let before = place.index.generation().unwrap();
    fs::write(&kev, sample::kev(&["CVE-2024-1002", "CVE-2024-1003"])).unwrap();
    place.import(&kev);
    let threats = place.index.threats_touched_since(before).unwrap();
    assert_eq!(threats.cves, ["CVE-2024-1001", "CVE-2024-1003"]);
    assert!(threats.kev && !threats.epss);
    assert_eq!(place.index.known_exploited("CVE-2024-1001").unwrap(), None);

    let epss = data.join("epss.csv");
    let text = |day: &str, score: &str| {
        format!(
            "#model_version:v1,score_date:{day}T00:00:00Z\ncve,epss,percentile\nCVE-2024-1001,{score},0.5\n"
        )
    };
    fs::write(&epss, text("2026-05-18", "0.1")).unwrap();
    place.import(&epss);
    let before = place.index.generation().unwrap();
    // Another day with the same score is no change; its day is told all the same.
    fs::write(&epss, text("2026-05-19", "0.1")).unwrap();
    place.import(&epss);
    assert_eq!(place.index.generation().unwrap(), before);
    assert_eq!(
        place.index.epss("CVE-2024-1001").unwrap().unwrap().date,
        "2026-05-19"
    );
    fs::write(&epss, text("2026-05-20", "0.2")).unwrap();
    place.import(&epss);
    let threats = place.index.threats_touched_since(before).unwrap();
    assert_eq!(
        (threats.kev, threats.epss, threats.cves.len()),
        (false, true, 1)
    );
}
