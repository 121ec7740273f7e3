//! Real records, where they are: truths that were worked out apart from this code, and what must hold for
//! every record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use super::testing::{Memory, found, order_of};
use super::*;
use crate::osv::Event;
use crate::version::{self, Order};
use std::cmp::Ordering;

fn component(ecosystem: &str, name: &str, version: &str) -> Component {
    Component {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        ..Component::default()
    }
}

/// The records of a folder, and the order of their versions.
fn real(folder: &str, ecosystem: &str) -> Option<Memory> {
    if version::order_of(ecosystem).is_none() {
        println!("skipped: {ecosystem} has no order of versions");
        return None;
    }
    Memory::real(folder)
}

fn ids(memory: &Memory, component: &Component) -> Vec<String> {
    let found = found(component, memory);
    found.into_iter().map(|found| found.advisory).collect()
}

fn is_found(memory: &Memory, component: &Component, id: &str) -> bool {
    ids(memory, component).iter().any(|found| found == id)
}

/// A version below a boundary, and above everything that is below it.
fn just_below(ecosystem: &str, boundary: &str) -> Option<String> {
    let is_final = boundary
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match ecosystem {
        "AlmaLinux" => Some(format!("{boundary}~")),
        "PyPI" => is_final.then(|| format!("{boundary}.dev0")),
        _ => is_final.then(|| format!("{boundary}-0")),
    }
}

/// True when the last event up to a version opens the range.
fn opens_last(events: &[Event], version: &str, order: &dyn Order) -> bool {
    let mut last: Option<(&str, bool)> = None;
    for event in events {
        let (at, opens) = match event {
            Event::Introduced(at) if at == "0" => ("", true),
            Event::Introduced(at) => (at.as_str(), true),
            Event::Fixed(at) | Event::LastAffected(at) | Event::Limit(at) => (at.as_str(), false),
        };
        let is_up_to = at.is_empty() || order.compare(at, version) != Ordering::Greater;
        let is_later = last.is_none_or(|(known, _)| {
            known.is_empty() || !at.is_empty() && order.compare(at, known) == Ordering::Greater
        });
        if is_up_to && is_later {
            last = Some((at, opens));
        }
    }
    last.is_some_and(|(_, opens)| opens)
}

/// For every record: what fixes is not affected, what lies right below a fix is, and so is what a range
/// begins with.
fn boundaries_hold(folder: &str, ecosystem: &str, at_least: usize) {
    let Some(memory) = real(folder, ecosystem) else {
        return;
    };
    let order = order_of(ecosystem);
    let mut checked = 0;
    for (key, advisory) in memory.all() {
        let (name, id) = (&key.1, &advisory.head.id);
        let memory = Memory::only(key, advisory);
        let is_program = |affected: &Affected| {
            let mut imports = affected.imports.iter();
            imports.any(|import| import.symbols.iter().any(|name| name == "main"))
        };
        for element in &advisory.affected {
            // Halves of one line, and programs that no other module holds, have tests of their own.
            if !element.custom_ranges.is_empty() || is_program(element) {
                continue;
            }
            let at = |version: &str| component(&element.ecosystem, name, version);
            let same_release: Vec<&Affected> = advisory
                .affected
                .iter()
                .filter(|other| other.ecosystem == element.ecosystem)
                .collect();
            let is_listed = |version: &str| {
                same_release.iter().any(|other| {
                    other
                        .versions
                        .iter()
                        .any(|listed| order.compare(listed, version) == Ordering::Equal)
                })
            };
            let boundaries = |of: fn(&Event) -> Option<&String>| -> Vec<&String> {
                let ranges = same_release.iter().flat_map(|other| &other.ranges);
                ranges
                    .flat_map(|range| &range.events)
                    .filter_map(of)
                    .collect()
            };
            let introduced = boundaries(|event| match event {
                Event::Introduced(at) if at != "0" => Some(at),
                _ => None,
            });
            let fixed = boundaries(|event| match event {
                Event::Fixed(at) => Some(at),
                _ => None,
            });
            let equals = |list: &[&String], version: &str| {
                list.iter()
                    .any(|other| order.compare(other, version) == Ordering::Equal)
            };
            for range in &element.ranges {
                for event in &range.events {
                    match event {
                        Event::Fixed(fix) => {
                            if !is_listed(fix) && !equals(&introduced, fix) {
                                assert!(!is_found(&memory, &at(fix), id), "{id} {name} {fix}");
                                checked += 1;
                            }
                            if let Some(below) = just_below(ecosystem, fix)
                                && opens_last(&range.events, &below, order)
                            {
                                assert!(is_found(&memory, &at(&below), id), "{id} {name} {below}");
                                checked += 1;
                            }
                        }
                        Event::Introduced(begin) if begin != "0" && !equals(&fixed, begin) => {
                            assert!(is_found(&memory, &at(begin), id), "{id} {name} {begin}");
                            checked += 1;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(checked >= at_least, "{checked}");
}

#[test]
fn boundaries_of_every_go_record_hold() {
    boundaries_hold("Go", "Go", 8_000);
}

#[test]
fn boundaries_of_every_python_record_hold() {
    boundaries_hold("PyPI", "PyPI", 5_000);
}

#[test]
fn boundaries_of_every_rust_record_hold() {
    boundaries_hold("Rust", "crates.io", 1_500);
}

#[test]
fn boundaries_of_every_alma_record_hold() {
    boundaries_hold("AlmaLinux", "AlmaLinux", 100_000);
}

#[test]
fn every_listed_python_version_is_affected() {
    let Some(memory) = real("PyPI", "PyPI") else {
        return;
    };
    let mut checked = 0;
    for (key, advisory) in memory.all() {
        let (name, memory) = (&key.1, Memory::only(key, advisory));
        for version in advisory
            .affected
            .iter()
            .flat_map(|element| &element.versions)
        {
            checked += 1;
            // A few hundred of each would only repeat.
            if checked % 7 == 0 {
                let at = component("PyPI", name, version);
                assert!(
                    is_found(&memory, &at, &advisory.head.id),
                    "{name} {version}"
                );
            }
        }
    }
    assert!(checked > 50_000, "{checked}");
}

#[test]
fn known_python_versions_have_their_advisories() {
    let Some(memory) = real("PyPI", "PyPI") else {
        return;
    };
    for (name, version, right) in [
        ("django", "1.11.29", &["PYSEC-2021-98"][..]),
        (
            "urllib3",
            "1.24.2",
            &[
                "PYSEC-2019-132",
                "PYSEC-2020-148",
                "PYSEC-2021-108",
                "PYSEC-2023-192",
                "PYSEC-2023-212",
            ],
        ),
        ("Jinja2", "2.10", &["PYSEC-2019-217", "PYSEC-2021-66"]),
        ("requests", "2.19.1", &["PYSEC-2018-28", "PYSEC-2023-74"]),
        (
            "PyYAML",
            "5.1",
            &["PYSEC-2020-176", "PYSEC-2020-96", "PYSEC-2021-142"],
        ),
    ] {
        assert_eq!(
            ids(&memory, &component("PyPI", name, version)),
            right,
            "{name}"
        );
    }
}

#[test]
fn known_go_versions_have_their_advisories() {
    let Some(memory) = real("Go", "Go") else {
        return;
    };
    for (name, version, right) in [
        (
            "golang.org/x/net",
            "v0.7.0",
            &[
                "GO-2023-1988",
                "GO-2023-2102",
                "GO-2024-2687",
                "GO-2024-3333",
                "GO-2025-3503",
                "GO-2025-3595",
                "GO-2026-4440",
                "GO-2026-4441",
                "GO-2026-4918",
                "GO-2026-5025",
                "GO-2026-5026",
                "GO-2026-5027",
                "GO-2026-5028",
                "GO-2026-5029",
                "GO-2026-5030",
                "GO-2026-5942",
            ][..],
        ),
        (
            "github.com/opencontainers/runc",
            "v1.1.4",
            &[
                "GO-2023-1627",
                "GO-2023-1682",
                "GO-2023-1683",
                "GO-2024-2491",
                "GO-2024-3110",
                "GO-2025-4096",
                "GO-2025-4097",
                "GO-2025-4098",
                "GO-2026-5761",
            ],
        ),
    ] {
        assert_eq!(
            ids(&memory, &component("Go", name, version)),
            right,
            "{name}"
        );
    }
    let commit = "v0.0.0-20210421170649-83a5a9bb288b";
    let crypto = component("Go", "golang.org/x/crypto", commit);
    assert_eq!(ids(&memory, &crypto).len(), 23);
    let stdlib = found(&component("Go", "stdlib", "1.20.0"), &memory);
    assert_eq!(stdlib.len(), 88);
    // Which of its packages a program holds is never known.
    assert!(
        stdlib
            .iter()
            .all(|found| found.certainty < Certainty::Certain)
    );
    // This one was fixed, and the fix again.
    let at = |version: &str| is_found(&memory, &component("Go", "stdlib", version), "GO-2023-2185");
    assert!(at("1.20.10") && at("1.20.11") && at("1.21.4"));
    assert!(!at("1.20.12") && !at("1.21.5"));
    // Unreviewed: the range says every version, the truth is below.
    let ingress = |version: &str| component("Go", "k8s.io/ingress-nginx", version);
    assert!(is_found(&memory, &ingress("v1.8.4"), "GO-2024-2428"));
    assert!(!is_found(&memory, &ingress("v1.9.0"), "GO-2024-2428"));
}

#[test]
fn known_alma_packages_have_their_advisories() {
    let Some(memory) = real("AlmaLinux", "AlmaLinux") else {
        return;
    };
    let openssl = Component {
        source: Some(("openssl".to_owned(), "1:1.1.1k-5.el8_5".to_owned())),
        ..component("AlmaLinux:8", "openssl-libs", "1:1.1.1k-5.el8_5")
    };
    let matched = found(&openssl, &memory);
    let right = [
        "ALSA-2022:1065",
        "ALSA-2022:5818",
        "ALSA-2023:1405",
        "ALSA-2023:7877",
        "ALSA-2024:7848",
        "ALSA-2026:0337",
        "ALSA-2026:26275",
        "ALSA-2026:3042",
        "ALSA-2026:38503",
    ];
    let certain: Vec<&str> = matched
        .iter()
        .filter(|found| found.certainty == Certainty::Certain)
        .map(|found| found.advisory.as_str())
        .collect();
    assert_eq!(certain, right);
    assert_eq!(matched[0].fixed.as_deref(), Some("1:1.1.1k-6.el8_5"));
    // By its source it is found no more often: all its records list the library, too.
    assert_eq!(matched.len(), right.len());
    // The Python binding of rpm says a bare version.
    let binding = component("AlmaLinux:8", "rpm", "4.14.3");
    assert!(ids(&memory, &binding).is_empty());
    // Plain and modular Perl don't meet.
    let perl = found(&component("AlmaLinux:8", "perl", "4:5.26.3-1.el8"), &memory);
    assert!(!perl.is_empty());
    assert!(
        perl.iter()
            .all(|found| !found.fixed.as_deref().unwrap().contains(".module"))
    );
}
