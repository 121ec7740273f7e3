#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use super::testing::{Memory, found, memory};
use super::*;

fn component(ecosystem: &str, name: &str, version: &str) -> Component {
    Component {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        ..Component::default()
    }
}

fn with_source(ecosystem: &str, name: &str, version: &str, source: (&str, &str)) -> Component {
    Component {
        source: Some((source.0.to_owned(), source.1.to_owned())),
        ..component(ecosystem, name, version)
    }
}

fn fixed(ecosystem: &str, name: &str, fixed: &str) -> Value {
    json!({
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    })
}

fn one(id: &str, affected: &[Value]) -> Value {
    json!({"id": id, "affected": affected})
}

fn ids(component: &Component, memory: &Memory) -> Vec<String> {
    found(component, memory)
        .into_iter()
        .map(|found| found.advisory)
        .collect()
}

#[test]
fn a_match_carries_its_evidence() {
    let memory = memory(&[json!({
        "id": "DEBIAN-CVE-2024-1",
        "affected": [
            {
                "package": {"ecosystem": "Debian:12", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1"}]}],
                "ecosystem_specific": {"urgency": "unimportant"}
            },
            {
                "package": {"ecosystem": "Debian:11", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
            }
        ]
    })]);
    let libssl = with_source("Debian:12", "libssl3", "3.0.9-1+b1", ("openssl", "3.0.9-1"));
    let found = found(&libssl, &memory);
    assert_eq!(
        found,
        [Match {
            advisory: "DEBIAN-CVE-2024-1".to_owned(),
            ecosystem: "Debian:12".to_owned(),
            package: "openssl".to_owned(),
            by: MatchedBy::Source,
            because: Because::InRange {
                introduced: "0".to_owned(),
                fixed: Some("3.0.11-1".to_owned()),
                last_affected: None
            },
            compared: "3.0.9-1".to_owned(),
            fixed: Some("3.0.11-1".to_owned()),
            certainty: Certainty::Certain,
            doubt: None,
            imports: Vec::new(),
            urgency: Some("unimportant".to_owned()),
            informational: None,
        }]
    );
}

#[test]
fn debian_and_alpine_are_asked_by_source_and_its_version_only() {
    let memory = memory(&[
        one("A", &[fixed("Debian:12", "bash", "5.2.15-2")]),
        one("B", &[fixed("Debian:12", "libssl3", "9")]),
        one("C", &[fixed("Alpine:v3.19", "openssl", "3.1.4-r6")]),
    ]);
    // A rebuild's number is not the source's.
    let bash = with_source("Debian:12", "bash", "5.2.15-1+b7", ("bash", "5.2.15-2"));
    assert!(ids(&bash, &memory).is_empty());
    let libssl = with_source("Debian:12", "libssl3", "3.0-1", ("openssl", "3.0-1"));
    assert!(ids(&libssl, &memory).is_empty());
    let crypto = with_source(
        "Alpine:v3.19",
        "libcrypto3",
        "3.1.4-r5",
        ("openssl", "3.1.4-r5"),
    );
    assert_eq!(ids(&crypto, &memory), ["C"]);
}

#[test]
fn a_record_of_another_release_never_matches() {
    let memory = memory(&[one(
        "A",
        &[
            fixed("Debian:11", "a", "9"),
            fixed("Ubuntu:Pro:22.04:LTS", "a", "9"),
            fixed("AlmaLinux:8", "a", "9-1"),
        ],
    )]);
    for ecosystem in [
        "Debian:12",
        "Debian",
        "Ubuntu:22.04:LTS",
        "AlmaLinux:9",
        "Rocky Linux:8",
    ] {
        assert!(
            ids(&component(ecosystem, "a", "1-1"), &memory).is_empty(),
            "{ecosystem}"
        );
    }
    assert_eq!(ids(&component("AlmaLinux:8.9", "a", "1-1"), &memory), ["A"]);
}

#[test]
fn a_record_without_release_is_likely_at_most() {
    let memory = memory(&[one("A", &[fixed("Debian", "a", "9")])]);
    let found = found(&component("Debian:12", "a", "1"), &memory);
    assert_eq!(found[0].certainty, Certainty::Likely);
    assert!(found[0].doubt.as_deref().unwrap().contains("no release"));
}

#[test]
fn alma_lists_binaries_and_what_it_says_of_one_settles_the_source() {
    let memory = memory(&[
        one(
            "ALSA-1",
            &[
                fixed("AlmaLinux:8", "openssl", "1:1.1.1k-6"),
                fixed("AlmaLinux:8", "openssl-libs", "1:1.1.1k-4"),
            ],
        ),
        one("ALSA-2", &[fixed("AlmaLinux:8", "openssl", "1:1.1.1k-7")]),
    ]);
    let libs = with_source(
        "AlmaLinux:8",
        "openssl-libs",
        "1:1.1.1k-5",
        ("openssl", "1:1.1.1k-5"),
    );
    let found = found(&libs, &memory);
    // By name ALSA-1 has it fixed, whatever it says of the source.
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].advisory, "ALSA-2");
    assert_eq!(found[0].by, MatchedBy::Source);
    assert_eq!(found[0].certainty, Certainty::Likely);
}

#[test]
fn a_source_of_another_epoch_is_compared_without() {
    let memory = memory(&[one(
        "ALSA-1",
        &[fixed("AlmaLinux:8", "perl", "4:5.26.3-422.el8")],
    )]);
    let errno = |source: &str| {
        with_source(
            "AlmaLinux:8",
            "perl-Errno",
            "1.28-422.el8",
            ("perl", source),
        )
    };
    assert!(ids(&errno("5.26.3-422.el8"), &memory).is_empty());
    assert_eq!(ids(&errno("5.26.3-421.el8"), &memory), ["ALSA-1"]);
}

#[test]
fn a_source_record_with_binaries_is_for_those() {
    let mut element = fixed("Rocky Linux:9", "curl", "9-1");
    element["ecosystem_specific"] = json!({"binaries": ["libcurl"]});
    let memory = memory(&[one("RLSA-1", &[element])]);
    let of = |name: &str| with_source("Rocky Linux:9", name, "8-1", ("curl", "8-1"));
    assert_eq!(ids(&of("libcurl"), &memory), ["RLSA-1"]);
    assert!(ids(&of("libcurl-minimal"), &memory).is_empty());
    assert!(ids(&of("curl"), &memory).is_empty());
}

#[test]
fn a_record_of_ubuntu_is_for_the_whole_source() {
    let mut element = fixed("Ubuntu:22.04:LTS", "openssl", "9");
    element["ecosystem_specific"] = json!({"binaries": ["openssl"]});
    let memory = memory(&[one("USN-1", &[element])]);
    let libssl = with_source("Ubuntu:22.04:LTS", "libssl3", "8", ("openssl", "8"));
    assert_eq!(ids(&libssl, &memory), ["USN-1"]);
}

#[test]
fn rpm_compares_like_with_like() {
    let memory = memory(&[
        one("PLAIN", &[fixed("AlmaLinux:8", "perl", "4:5.26.3-423.el8")]),
        one(
            "MODULE",
            &[fixed(
                "AlmaLinux:8",
                "perl",
                "4:5.30.1-452.module_el8.6.0+2766",
            )],
        ),
    ]);
    let of = |version: &str| ids(&component("AlmaLinux:8", "perl", version), &memory);
    assert_eq!(of("4:5.26.3-422.el8"), ["PLAIN"]);
    assert_eq!(of("4:5.26.3-100.module_el8.3.0+1"), ["MODULE"]);
    assert_eq!(of("4:5.26.3-100.module+el8.3.0+1"), ["MODULE"]);
    // A version without release is no RPM's.
    assert!(of("4.14.3").is_empty());
}

#[test]
fn a_record_of_another_stream_does_not_match() {
    let mut record = one(
        "ALSA-1",
        &[fixed("AlmaLinux:8", "nodejs", "1:12.22-1.module_el8.4.0+1")],
    );
    record["summary"] = json!("Important: nodejs:12 security update");
    let memory = memory(&[record]);
    let of = |stream: Option<&str>| {
        let component = Component {
            stream: stream.map(str::to_owned),
            ..component("AlmaLinux:8", "nodejs", "1:10.23-1.module_el8.3.0+1")
        };
        ids(&component, &memory)
    };
    assert!(of(Some("nodejs:10")).is_empty());
    assert_eq!(of(Some("nodejs:12")), ["ALSA-1"]);
    assert_eq!(of(Some("perl:5.30")), ["ALSA-1"]);
    // The version tells, where that of the fix begins with the stream's number.
    assert!(of(None).is_empty());
}

#[test]
fn a_fix_of_another_branch_or_build_is_a_fix() {
    let memory = memory(&[
        one(
            "BRANCHES",
            &[fixed("Go", "m", "0.38.17"), fixed("Go", "m", "1.0.1")],
        ),
        one(
            "AGAIN",
            &[
                fixed("Go", "m", "0.38.17"),
                json!({"package": {"ecosystem": "Go", "name": "m"}, "ranges": [
                    {"type": "SEMVER", "events": [{"introduced": "0.38.17"}, {"fixed": "0.38.18"}]}
                ]}),
            ],
        ),
    ]);
    assert_eq!(ids(&component("Go", "m", "v0.38.17"), &memory), ["AGAIN"]);
    assert_eq!(
        ids(&component("Go", "m", "v0.38.16"), &memory),
        ["AGAIN", "BRANCHES"]
    );
}

#[test]
fn a_record_matches_once() {
    let memory = memory(&[one(
        "A",
        &[fixed("PyPI", "a", "2"), fixed("PyPI", "A", "3")],
    )]);
    let found = found(&component("PyPI", "a", "1"), &memory);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].fixed.as_deref(), Some("2"));
}

#[test]
fn withdrawn_records_affect_nothing_and_informational_ones_are_marked() {
    let mut withdrawn = one("A", &[fixed("crates.io", "a", "2.0.0")]);
    withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
    let mut told = one("B", &[fixed("crates.io", "a", "2.0.0")]);
    told["affected"][0]["database_specific"] = json!({"informational": "unmaintained"});
    let memory = memory(&[withdrawn, told]);
    let found = found(&component("crates.io", "a", "1.0.0"), &memory);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].informational.as_deref(), Some("unmaintained"));
}

fn go(module: &str, imports: Value) -> Memory {
    let mut element = fixed("Go", module, "1.2.0");
    element["ecosystem_specific"] = json!({"imports": imports});
    memory(&[one("GO-1", &[element])])
}

fn go_found(module: &str, main: Option<&str>, imports: Value) -> Option<Match> {
    let component = Component {
        main_path: main.map(str::to_owned),
        ..component("Go", module, "v1.1.0")
    };
    found(&component, &go(module, imports)).pop()
}

#[test]
fn a_go_package_may_be_linked_or_not() {
    let library = json!([{"path": "x.org/m/html", "symbols": ["Parse"]}]);
    let found = go_found("x.org/m", None, library.clone()).unwrap();
    assert_eq!(found.certainty, Certainty::Likely);
    assert_eq!(found.imports, ["x.org/m/html"]);
    assert!(found.doubt.unwrap().contains("x.org/m/html"));
    let found = go_found("x.org/m", None, json!([])).unwrap();
    assert_eq!((found.certainty, found.doubt), (Certainty::Certain, None));
    let main = go_found("x.org/m", Some("x.org/m/cmd/server"), library).unwrap();
    assert_eq!(main.certainty, Certainty::Likely);
}

#[test]
fn another_program_of_the_module_is_not_in_this_one() {
    let program = json!([{"path": "x.org/m/docd", "symbols": ["main", "serve"]}]);
    assert!(go_found("x.org/m", None, program.clone()).is_none());
    assert!(go_found("x.org/m", Some("x.org/m/cmd/other"), program.clone()).is_none());
    let own = go_found("x.org/m", Some("x.org/m/docd"), program).unwrap();
    assert_eq!(own.certainty, Certainty::Certain);
    let part = json!([{"path": "x.org/m/cmd/cosign/cli/verify"}]);
    let certainty = |main: Option<&str>| go_found("x.org/m", main, part.clone()).unwrap().certainty;
    assert_eq!(certainty(None), Certainty::Unsure);
    assert_eq!(certainty(Some("x.org/m/cmd/other")), Certainty::Unsure);
    assert_eq!(certainty(Some("x.org/m/cmd/cosign")), Certainty::Certain);
    assert_eq!(certainty(Some("x.org/m")), Certainty::Likely);
    // One package of a library among them is enough.
    let mixed =
        json!([{"path": "x.org/m/cmd/helm", "symbols": ["main"]}, {"path": "x.org/m/pkg/action"}]);
    assert_eq!(
        go_found("x.org/m", None, mixed).unwrap().certainty,
        Certainty::Likely
    );
    // `pkg/cmd` is no program.
    let plain = json!([{"path": "x.org/m/pkg/cmd"}]);
    assert_eq!(
        go_found("x.org/m", None, plain).unwrap().certainty,
        Certainty::Likely
    );
}

#[test]
fn a_program_used_as_a_library_is_unsure() {
    let runc = "github.com/opencontainers/runc";
    let own = "github.com/opencontainers/runc";
    let library = json!([{"path": "github.com/opencontainers/runc/libcontainer"}]);
    for imports in [json!([]), library] {
        assert_eq!(
            go_found(runc, None, imports.clone()).unwrap().certainty,
            Certainty::Unsure
        );
        let found = go_found(runc, Some(own), imports).unwrap();
        assert_ne!(found.certainty, Certainty::Unsure);
    }
    let containerd = "github.com/containerd/containerd/v2";
    assert_eq!(
        go_found(containerd, None, json!([])).unwrap().certainty,
        Certainty::Unsure
    );
}

#[test]
fn gos_own_programs_are_asked_for_as_tools_each_for_itself() {
    let tool = |path: &str| {
        let mut element = fixed("Go", "toolchain", "1.22.1");
        element["ecosystem_specific"] = json!({"imports": [{"path": path}]});
        element
    };
    let memory = memory(&[
        one("GET", &[tool("cmd/go/internal/get")]),
        one("LINK", &[tool("cmd/link")]),
        one("STD", &[fixed("Go", "stdlib", "1.22.1")]),
    ]);
    let of = |main: Option<&str>| {
        let component = Component {
            main_path: main.map(str::to_owned),
            ..component("Go", "stdlib", "1.22.0")
        };
        ids(&component, &memory)
    };
    assert_eq!(of(None), ["STD"]);
    assert_eq!(of(Some("x.org/m")), ["STD"]);
    assert_eq!(of(Some("cmd/go")), ["GET", "STD"]);
    assert_eq!(of(Some("cmd/link")), ["LINK", "STD"]);
}

#[test]
fn a_commit_against_releases_is_likely_at_most() {
    let memory = memory(&[
        one("TAGS", &[fixed("Go", "x.org/m", "0.7.0")]),
        one(
            "OPEN",
            &[
                json!({"package": {"ecosystem": "Go", "name": "x.org/m"}, "ranges": [
                    {"type": "SEMVER", "events": [{"introduced": "0"}]}
                ]}),
            ],
        ),
        one(
            "COMMITS",
            &[fixed("Go", "x.org/m", "0.0.0-20220906165146-f3363e06e74c")],
        ),
    ]);
    let commit = component("Go", "x.org/m", "v0.0.0-20210421170649-83a5a9bb288b");
    let found = found(&commit, &memory);
    let certainties: Vec<_> = found
        .iter()
        .map(|found| (found.advisory.as_str(), found.certainty))
        .collect();
    assert_eq!(
        certainties,
        [
            ("COMMITS", Certainty::Certain),
            ("OPEN", Certainty::Certain),
            ("TAGS", Certainty::Likely)
        ]
    );
}

#[test]
fn what_was_guessed_is_unsure() {
    let memory = memory(&[one("A", &[fixed("Maven", "g:a", "2")])]);
    let with = |caution| Component {
        caution,
        ..component("Maven", "g:a", "1")
    };
    let certainty = |caution| found(&with(caution), &memory)[0].certainty;
    assert_eq!(certainty(None), Certainty::Certain);
    assert_eq!(
        certainty(Some(Caution::GuessedCoordinates)),
        Certainty::Unsure
    );
    assert_eq!(certainty(Some(Caution::StatedOnly)), Certainty::Likely);
    assert_eq!(certainty(Some(Caution::OtherSource)), Certainty::Likely);
}

#[test]
fn the_package_of_another_registry_is_likely_at_most() {
    let memory = memory(&[one(
        "A",
        &[fixed("Maven:https://repo.example.org", "g:a", "2")],
    )]);
    let found = found(&component("Maven", "g:a", "1"), &memory);
    assert_eq!(found[0].certainty, Certainty::Likely);
}

#[test]
fn names_are_those_of_the_ecosystem() {
    let memory = memory(&[one(
        "A",
        &[fixed("PyPI", "ruamel.yaml", "2"), fixed("npm", "A", "2")],
    )]);
    let name =
        |ecosystem: &str, name: &str| !ids(&component(ecosystem, name, "1"), &memory).is_empty();
    assert!(name("PyPI", "ruamel-yaml"));
    assert!(!name("PyPI", "ruamelyaml"));
    assert!(!name("npm", "a"));
    assert!(!name("npm", "ruamel.yaml"));
}

#[test]
fn matches_are_those_of_the_ecosystems_own_order() {
    let memory = memory(&[
        json!({
            "id": "PYSEC-2",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1.0"]}]
        }),
        json!({
            "id": "PYSEC-1",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1.0", "1.1"]}]
        }),
    ]);
    let at = |version: &str| matches(&component("PyPI", "a", version), &memory).unwrap();
    let by_id: Vec<String> = at("1.0").into_iter().map(|found| found.advisory).collect();
    assert_eq!(by_id, ["PYSEC-1", "PYSEC-2"]);
    assert_eq!(at("1.1").len(), 1);
    assert!(at("1.2").is_empty());
}

#[test]
fn records_that_concern_a_component_are_grouped_by_their_heads() {
    let mut alias = one("GHSA-a", &[fixed("PyPI", "a", "2")]);
    alias["aliases"] = json!(["CVE-2024-1"]);
    let mut same = one("PYSEC-1", &[fixed("PyPI", "a", "2")]);
    same["aliases"] = json!(["CVE-2024-1"]);
    let memory = memory(&[alias, same]);
    let installed = component("PyPI", "a", "1");
    let ecosystem = lookup_ecosystem(&installed);
    let order = super::testing::order_of("PyPI");
    let concerns = super::judge::concerns_by(&installed, &ecosystem, Some(order), &memory).unwrap();
    let heads: Vec<&Head> = concerns
        .iter()
        .map(|concern| &concern.advisory.head)
        .collect();
    let groups = crate::alias::groups(&heads);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].primary, "CVE-2024-1");
    assert_eq!(groups[0].records, [0, 1]);
}

fn bare(ecosystem: &str, name: &str, version: &str) -> Component {
    Component {
        by_name_only: true,
        ..component(ecosystem, name, version)
    }
}

#[test]
fn an_epoch_that_a_package_url_does_not_state_is_not_taken_for_none() {
    let memory = memory(&[one(
        "A",
        &[fixed("AlmaLinux:8", "bind", "32:9.11.36-16.el8")],
    )]);
    let at = |version: &str| {
        let mut found = matches(&bare("AlmaLinux:8", "bind", version), &memory).unwrap();
        found.pop()
    };
    let below = at("9.11.36-15.el8").unwrap();
    assert_eq!(below.certainty, Certainty::Likely);
    assert!(below.doubt.unwrap().contains("no epoch"));
    assert_eq!(at("9.11.36-16.el8"), None);
    assert_eq!(
        at("32:9.11.36-15.el8").unwrap().certainty,
        Certainty::Certain
    );
    // What is stated counts, and so does the package manager's own record, which leaves none out.
    assert!(at("31:9.99-1.el8").is_some());
    assert_eq!(
        ids(&component("AlmaLinux:8", "bind", "9.11.36-16.el8"), &memory),
        ["A"]
    );
}

#[test]
fn the_version_tells_a_numbered_stream_where_nothing_else_does() {
    let of = |stream: &str, name: &str, fix: &str| {
        let mut record = one("A", &[fixed("AlmaLinux:8", name, fix)]);
        record["summary"] = json!(format!("Important: nodejs:{stream} security update"));
        memory(&[record])
    };
    let nodejs = bare("AlmaLinux:8", "nodejs", "1:10.19.0-1.module_el8.1.0+22+d7");
    let ten = of("10", "nodejs", "1:10.24.0-1.module_el8.3.0+33+d8");
    let found = matches(&nodejs, &ten).unwrap();
    assert_eq!(found[0].certainty, Certainty::Certain);
    let twelve = of("12", "nodejs", "1:12.24.0-1.module_el8.3.0+33+d8");
    assert!(matches(&nodejs, &twelve).unwrap().is_empty());
    // No number of the stream in its versions.
    let nodemon = bare(
        "AlmaLinux:8",
        "nodejs-nodemon",
        "1.18.3-1.module_el8.1.0+22+d7",
    );
    let other = of("12", "nodejs-nodemon", "2.0.3-1.module_el8.3.0+33+d8");
    assert_eq!(
        matches(&nodemon, &other).unwrap()[0].certainty,
        Certainty::Likely
    );
}

#[test]
fn what_a_package_url_does_not_say_of_a_go_program_is_left_open() {
    let found = |module: &str, imports: Value| {
        matches(&bare("Go", module, "v1.0.0"), &go(module, imports))
            .unwrap()
            .pop()
    };
    let main = json!([{"path": "example.com/m/cmd/a", "symbols": ["main"]}]);
    assert_eq!(
        found("example.com/m", main).unwrap().certainty,
        Certainty::Unsure
    );
    let docker = found("github.com/docker/docker", json!([])).unwrap();
    assert_eq!(docker.certainty, Certainty::Likely);
}

#[test]
fn a_go_package_of_another_platform_is_not_in_the_program() {
    let on = |platform: Option<(&str, &str)>, imports: Value| {
        let component = Component {
            platform: platform.map(|(os, arch)| (os.to_owned(), arch.to_owned())),
            ..component("Go", "example.com/m", "v1.0.0")
        };
        let found = matches(&component, &go("example.com/m", imports)).unwrap();
        found.first().map(|found| found.certainty)
    };
    let windows = || json!([{"path": "example.com/m/a", "goos": ["windows"]}]);
    assert_eq!(on(Some(("linux", "amd64")), windows()), None);
    assert_eq!(
        on(Some(("windows", "")), windows()),
        Some(Certainty::Likely)
    );
    assert_eq!(on(None, windows()), Some(Certainty::Unsure));
    let power = || json!([{"path": "example.com/m/a", "goarch": ["ppc64le"]}]);
    assert_eq!(on(Some(("linux", "amd64")), power()), None);
    assert_eq!(on(Some(("linux", "")), power()), Some(Certainty::Unsure));
    let both =
        json!([{"path": "example.com/m/a", "goos": ["windows"]}, {"path": "example.com/m/b"}]);
    assert_eq!(on(Some(("linux", "amd64")), both), Some(Certainty::Likely));
    let linux = json!([{"path": "example.com/m/a", "goos": ["linux"]}]);
    assert_eq!(on(None, linux), Some(Certainty::Likely));
}

#[test]
fn a_go_module_in_lower_case_is_found_and_likely_at_most() {
    let home = tempfile::tempdir().unwrap();
    let index = crate::index::Index::open(home.path()).unwrap();
    let data = home.path().join("data");
    let record = one(
        "A",
        &[fixed("Go", "github.com/Masterminds/goutils", "1.1.1")],
    );
    crate::import::sample::export(&data, "Go", &[record]);
    crate::import::from_path(&index, &data, &(), &crate::import::Cancel::new()).unwrap();
    let at = |name: &str| {
        let found = matches(&component("Go", name, "v1.1.0"), &index.snapshot().unwrap()).unwrap();
        found.into_iter().next().unwrap()
    };
    assert_eq!(
        at("github.com/Masterminds/goutils").certainty,
        Certainty::Certain
    );
    let lower = at("github.com/masterminds/goutils");
    assert_eq!(lower.certainty, Certainty::Likely);
    assert_eq!(lower.package, "github.com/Masterminds/goutils");
}
