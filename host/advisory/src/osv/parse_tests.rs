#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(record: Value) -> Parsed {
    parse(&serde_json::to_vec(&record).unwrap()).unwrap()
}

fn affecting(element: Value) -> Vec<Affected> {
    read(json!({"id": "T-1", "modified": "2025-01-01T00:00:00Z", "affected": [element]})).affected
}

fn npm(more: Value) -> Value {
    let mut element = json!({"package": {"ecosystem": "npm", "name": "a"}});
    element
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    element
}

#[test]
fn an_element_that_names_no_version_affects_nothing() {
    assert_eq!(affecting(npm(json!({}))), []);
    assert_eq!(affecting(npm(json!({"ranges": [], "versions": []}))), []);
    assert_eq!(
        affecting(npm(json!({"ranges": null, "versions": null}))),
        []
    );
    assert_eq!(affecting(json!({"versions": ["1"]})), []);
    let git = json!([{"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}]}]);
    assert_eq!(affecting(npm(json!({"ranges": git}))), []);
    let parsed = read(json!({"id": "T-1", "affected": [npm(json!({}))]}));
    assert_eq!(parsed.unmatchable, 1);
}

#[test]
fn git_ranges_are_passed_over_and_the_others_kept() {
    let element = affecting(npm(json!({"ranges": [
        {"type": "GIT", "events": [{"introduced": "0"}]},
        {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2"}, {"limit": "*"}]},
        {"type": "NEW", "events": [{"introduced": "0"}]},
        {"type": "ECOSYSTEM", "events": [{"introduced": "2", "last_affected": "3"}]}
    ]})));
    let [element] = element.as_slice() else {
        panic!()
    };
    let events = |at: usize| element.ranges[at].events.clone();
    assert_eq!(element.ranges.len(), 2);
    let of = |text: &str| text.to_owned();
    assert_eq!(
        events(0),
        [
            Event::Introduced(of("0")),
            Event::Fixed(of("1.2")),
            Event::Limit(of("*"))
        ]
    );
    assert_eq!(
        events(1),
        [Event::Introduced(of("2")), Event::LastAffected(of("3"))]
    );
}

#[test]
fn times_that_are_not_set_are_not_taken_for_times() {
    let parsed = read(json!({
        "id": "T-1", "modified": "0001-01-01T00:00:00Z", "published": "0001-01-01T00:00:00Z",
        "withdrawn": "0001-01-01T00:00:00Z"
    }));
    assert_eq!((parsed.head.published, parsed.head.withdrawn), (None, None));
    assert_eq!(parsed.head.modified, "0001-01-01T00:00:00Z");
    assert_eq!(
        read(json!({"id": "T-1", "withdrawn": null})).head.withdrawn,
        None
    );
    // Whatever else stands there says that it is withdrawn.
    assert!(
        read(json!({"id": "T-1", "withdrawn": "yes"}))
            .head
            .withdrawn
            .is_some()
    );
    assert!(instant("2021-07-16T01:31:33.917972Z") > instant("2021-07-16T01:31:33Z"));
}

#[test]
fn go_says_which_packages_and_the_true_ranges() {
    let element = affecting(npm(json!({
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        "ecosystem_specific": {
            "imports": [{"path": "net/http", "symbols": ["Serve"], "goos": ["js"]}, {"path": "net"}],
            "custom_ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"fixed": "2"}]}]
        }
    })));
    assert_eq!(element[0].imports[0].symbols, ["Serve"]);
    assert_eq!(element[0].imports[1].path, "net");
    assert_eq!(element[0].custom_ranges[0].events.len(), 2);
}

#[test]
fn a_field_of_a_database_with_another_shape_breaks_nothing() {
    let parsed = read(json!({
        "id": "T-1", "aliases": null, "severity": {"not": "a list"}, "references": "none",
        "database_specific": {"severity": ["HIGH"], "cwe_ids": "CWE-1", "informational": null},
        "affected": [npm(json!({
            "versions": ["1", 2], "severity": 7, "database_specific": [],
            "ecosystem_specific": {"imports": {"a": 1}, "custom_ranges": 3, "urgency": {"x": 1}, "binaries": "b"}
        }))]
    }));
    assert_eq!(parsed.affected[0].versions, ["1", "2"]);
    assert_eq!(parsed.affected[0].imports, []);
    assert_eq!(parsed.head.severity_word, None);
}

#[test]
fn words_and_weaknesses_come_from_wherever_a_database_has_them() {
    let parsed = read(json!({
        "id": "GHSA-1", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
        "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-79", "CWE-79", "x"],
                              "cwes": [{"cweId": "CWE-20", "name": "n"}]},
        "affected": [npm(json!({"versions": ["1"], "ecosystem_specific": {"urgency": "unimportant"}}))]
    }));
    assert_eq!(parsed.head.severity_word.as_deref(), Some("MODERATE"));
    assert_eq!(parsed.head.cwes, ["CWE-79", "CWE-20"]);
    assert_eq!(parsed.affected[0].urgency.as_deref(), Some("unimportant"));
    let ubuntu = affecting(npm(
        json!({"versions": ["1"], "severity": [{"type": "Ubuntu", "score": "low"}]}),
    ));
    assert_eq!(ubuntu[0].urgency.as_deref(), Some("low"));
    assert_eq!(ubuntu[0].severity.len(), 1);
}

#[test]
fn binaries_are_names_in_each_of_their_shapes() {
    let binaries = |list: Value| {
        affecting(npm(
            json!({"versions": ["1"], "ecosystem_specific": {"binaries": list}}),
        ))[0]
            .binaries
            .clone()
    };
    assert_eq!(
        binaries(json!([{"binary_name": "b", "binary_version": "1"}, {"binary_name": "a"}])),
        ["a", "b"]
    );
    assert_eq!(
        binaries(json!([{"libx": "1", "libx-devel": "1"}])),
        ["libx", "libx-devel"]
    );
    assert_eq!(binaries(json!(["x", 7])), ["x"]);
}

#[test]
fn what_is_no_vulnerability_says_why() {
    let rust = |why: Value| {
        let element = npm(json!({"versions": ["1"], "database_specific": {"informational": why}}));
        read(json!({"id": "RUSTSEC-1", "affected": [element]}))
            .head
            .informational
    };
    assert_eq!(rust(json!("unmaintained")).as_deref(), Some("unmaintained"));
    assert_eq!(rust(json!(null)), None);
    let alma = |id: &str, related: Value| {
        read(json!({"id": id, "related": related}))
            .head
            .informational
    };
    assert_eq!(alma("ALBA-2022:1", json!([])).as_deref(), Some("bugfix"));
    assert_eq!(
        alma("ALEA-2022:1", json!([])).as_deref(),
        Some("enhancement")
    );
    assert_eq!(alma("ALSA-2022:1", json!([])), None);
    // A bug-fix update that names a vulnerability fixes it.
    assert_eq!(alma("ALBA-2019:3693", json!(["CVE-2018-18074"])), None);
}

#[test]
fn pages_with_an_exploit_are_told_from_others() {
    let of = |kind: &str, url: &str| Reference {
        kind: kind.to_owned(),
        url: url.to_owned(),
    };
    assert!(of("EVIDENCE", "https://x.example/poc").shows_exploit());
    assert!(of("WEB", "https://www.exploit-db.com/exploits/1").shows_exploit());
    assert!(
        !of(
            "WEB",
            "https://x.example/?u=https://www.exploit-db.com/exploits/1"
        )
        .shows_exploit()
    );
    assert!(!of("ADVISORY", "https://x.example/poc").shows_exploit());
}

#[test]
fn what_people_read_is_cut_and_what_matching_needs_is_not() {
    let parsed = read(json!({"id": "T-1", "details": "é".repeat(MAX_DETAILS_BYTES)}));
    assert_eq!(parsed.head.details.len(), MAX_DETAILS_BYTES);
    let long = json!({"id": "T-1", "affected": [npm(json!({"versions": ["1".repeat(2000)]}))]});
    let broken = parse(&serde_json::to_vec(&long).unwrap()).unwrap_err();
    assert_eq!(broken.to_string(), "its version is longer than 1024 bytes");
    let many = json!({"id": "T-1", "affected": vec![json!({}); 20_001]});
    let broken = parse(&serde_json::to_vec(&many).unwrap()).unwrap_err();
    assert!(
        broken.to_string().contains("more than 20000 elements"),
        "{broken}"
    );
    assert_eq!(
        parse(&vec![b' '; MAX_RECORD_BYTES + 1]),
        Err(BrokenRecord::TooLarge)
    );
}

#[test]
fn a_record_without_an_id_or_that_is_no_record_is_broken() {
    for text in [
        "",
        "[]",
        "7",
        "{",
        "{}",
        "{\"id\": \"\"}",
        "{\"id\": \"a b\"}",
        "{\"id\": \"a\", \"affected\": {}}",
    ] {
        parse(text.as_bytes()).unwrap_err();
    }
    assert_eq!(parse(b"\xef\xbb\xbf{\"id\": \"a\"}").unwrap().head.id, "a");
    // Deeper than any stack, in a field that is not needed and in one that is.
    let deep = "[".repeat(100_000);
    parse(format!("{{\"id\": \"a\", \"credits\": {deep}").as_bytes()).unwrap_err();
    parse(format!("{{\"id\": \"a\", \"affected\": {deep}").as_bytes()).unwrap_err();
    let shut = "]".repeat(100_000);
    parse(format!("{{\"id\": \"a\", \"credits\": {deep}{shut}}}").as_bytes()).unwrap();
    parse(format!("{{\"id\": \"a\", \"summary\": {deep}{shut}}}").as_bytes()).unwrap();
}

/// JSON with the fields of a record, in any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[A-Z0-9:.-]{0,8}|GIT|SEMVER|ECOSYSTEM|npm|CWE-1|\\PC{0,6}".prop_map(Value::from),
    ];
    let key = proptest::sample::select(vec![
        "id",
        "modified",
        "published",
        "withdrawn",
        "aliases",
        "upstream",
        "related",
        "summary",
        "details",
        "severity",
        "affected",
        "references",
        "database_specific",
        "ecosystem_specific",
        "package",
        "ecosystem",
        "name",
        "ranges",
        "versions",
        "type",
        "events",
        "introduced",
        "fixed",
        "last_affected",
        "limit",
        "score",
        "url",
        "imports",
        "path",
        "symbols",
        "custom_ranges",
        "binaries",
        "urgency",
        "informational",
        "cwe_ids",
        "cwes",
        "cweId",
        "binary_name",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = crate::kev::parse(&bytes);
        let _ = crate::epss::parse(&bytes);
    }

    #[test]
    fn no_json_makes_the_parser_panic(mut value in any_json()) {
        if let Some(object) = value.as_object_mut() {
            object.insert("id".to_owned(), json!("T-1"));
        }
        let text = serde_json::to_vec(&value).unwrap();
        if let Ok(parsed) = parse(&text) {
            for element in &parsed.affected {
                prop_assert!(!element.ranges.is_empty() || !element.versions.is_empty() || !element.custom_ranges.is_empty());
                prop_assert!(element.ranges.iter().all(|range| range.kind != "GIT" && !range.events.is_empty()));
            }
        }
        let _ = crate::kev::parse(&text);
    }
}
