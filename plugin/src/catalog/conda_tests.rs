#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::testing::{package, parse, survives_truncation, wants};
use super::*;

const KEY: &str = "opt/conda/conda-meta/absl-py-0.4.1-py36h06a4308_0.json";
const GOOD: &str = r#"{"arch":null,"build":"py36h06a4308_0","build_number":0,
    "channel":"https://repo.anaconda.com/pkgs/main/linux-64","constrains":[],"depends":["python"],
    "files":["lib/python3.6/site-packages/absl/__init__.py","lib/python3.6/site-packages/absl_py-0.4.1.dist-info/METADATA",
    "bin/absl","../../etc/x/node_modules/a/package.json"],"fn":"absl-py-0.4.1-py36h06a4308_0.tar.bz2",
    "license":"Apache 2.0","md5":"0123","name":"absl-py","subdir":"linux-64","version":"0.4.1"}"#;

#[test]
fn records_are_wanted_and_the_history_is_not() {
    assert!(wants(&Conda, KEY));
    assert!(wants(&Conda, "conda-meta/a.json"));
    for key in [
        "opt/conda/conda-meta/history",
        "opt/conda/pkgs/a/info/index.json",
        "a.json",
    ] {
        assert!(!wants(&Conda, key), "{key}");
    }
}

#[test]
fn a_record_tells_where_it_is_from_and_what_it_owns() {
    let found = package(&Conda, KEY, GOOD);
    assert_eq!(
        (
            found.name.as_str(),
            found.version.as_str(),
            found.architecture.as_deref()
        ),
        ("absl-py", "0.4.1", Some("linux-64"))
    );
    assert_eq!(found.licences, ["Apache-2.0"]);
    assert_eq!(
        found.owns,
        [
            "opt/conda/lib/python3.6/site-packages/absl_py-0.4.1.dist-info/METADATA",
            "opt/conda/bin/absl"
        ]
    );
    assert_eq!(
        Conda.purl(&found, None),
        "pkg:conda/absl-py@0.4.1?build=py36h06a4308_0&channel=main&subdir=linux-64&type=tar.bz2"
    );
}

#[test]
fn channels_are_told_by_their_names() {
    for (stated, right) in [
        (
            "https://conda.anaconda.org/conda-forge/linux-64",
            "conda-forge",
        ),
        (
            "https://conda.anaconda.org/conda-forge/noarch/",
            "conda-forge",
        ),
        ("https://repo.anaconda.com/pkgs/main", "main"),
        ("conda-forge", "conda-forge"),
        ("pkgs/main", "main"),
        ("", ""),
        ("noarch", "noarch"),
    ] {
        assert_eq!(channel(stated, Some("linux-64")), right, "{stated}");
    }
}

#[test]
fn other_files_of_the_folder_are_passed_over_and_broken_ones_told() {
    for text in ["{}", r#"{"env_vars":{}}"#] {
        let found = parse(&Conda, KEY, text);
        assert_eq!((found.packages.len(), found.notes.len()), (0, 0), "{text}");
    }
    for text in ["", "[]", "{\"name\":\"a\""] {
        assert_eq!(
            parse(&Conda, KEY, text).notes[0].reason,
            SkipReason::Corrupt,
            "{text}"
        );
    }
}

#[test]
fn a_list_of_files_without_end_is_cut_with_a_note() {
    let files = "\"bin/x\",".repeat(MAX_OWNED + 1);
    let text = format!(r#"{{"files":[{files}"bin/x"],"name":"a","version":"1"}}"#);
    let found = parse(&Conda, KEY, text);
    assert_eq!(found.packages[0].owns.len(), MAX_OWNED);
    assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_json_is_survived(text in "(\\{|\\}|\\[|\\]|:|,|\"files\"|\"name\"|\"version\"|\"bin/a\"|\"\\.\\./x\"|\"channel\"|1|null){0,40}") {
        parse(&Conda, KEY, text);
    }

    #[test]
    fn any_channel_is_survived(stated in "[a/é:.]{0,12}") {
        channel(&stated, Some("a"));
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&Conda, KEY, data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&Conda, KEY, GOOD.as_bytes());
}
