#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ox_advisory::matching::{Because, MatchedBy};

use super::super::GroupHead;
use super::*;
use crate::contract::PackageOrigin;

fn package(module: &str, linked: Option<&str>, cut: bool) -> Package {
    let mut attributes = Vec::new();
    if let Some(linked) = linked {
        attributes.push(("go.packages".to_owned(), linked.to_owned()));
    }
    if cut {
        attributes.push(("go.packages-cut".to_owned(), "true".to_owned()));
    }
    Package {
        format: "go".to_owned(),
        name: module.to_owned(),
        version: "v0.1.0".to_owned(),
        architecture: None,
        source_name: None,
        source_version: None,
        purl: String::new(),
        licences: Vec::new(),
        path: "app".to_owned(),
        layer: 0,
        origin: PackageOrigin::UserLayer,
        owner: None,
        attributes,
    }
}

fn found(advisory: &str, imports: &[&str]) -> Match {
    Match {
        advisory: advisory.to_owned(),
        ecosystem: "Go".to_owned(),
        package: "golang.org/x/net".to_owned(),
        by: MatchedBy::Name,
        because: Because::Listed,
        compared: "v0.1.0".to_owned(),
        fixed: None,
        certainty: Certainty::Likely,
        doubt: Some("It may not be in it.".to_owned()),
        imports: imports.iter().map(|one| (*one).to_owned()).collect(),
        urgency: None,
        informational: None,
    }
}

fn group(matches: Vec<Match>) -> Group {
    Group {
        primary: "CVE-1".to_owned(),
        ids: vec!["CVE-1".to_owned()],
        cves: Vec::new(),
        heads: matches
            .iter()
            .map(|one| GroupHead {
                id: one.advisory.clone(),
                ..GroupHead::default()
            })
            .collect(),
        matches,
    }
}

/// Advisories that remain, with how sure each is; `None` when nothing remains.
fn remains(package: &Package, group: &Group) -> Option<Vec<(String, Certainty)>> {
    let remaining = match Linked::of(package) {
        None => Some(Cow::Borrowed(group)),
        Some(linked) => linked.remaining(group),
    }?;
    assert_eq!(remaining.heads.len(), remaining.matches.len());
    Some(
        remaining
            .matches
            .iter()
            .map(|one| (one.advisory.clone(), one.certainty))
            .collect(),
    )
}

fn one(advisory: &str, certainty: Certainty) -> Option<Vec<(String, Certainty)>> {
    Some(vec![(advisory.to_owned(), certainty)])
}

const NET: &str = "golang.org/x/net";

#[test]
fn a_package_that_is_linked_makes_the_match_certain() {
    let group = group(vec![found(
        "GO-1",
        &["golang.org/x/net/html", "golang.org/x/net/http2"],
    )]);
    let linked = package(NET, Some("context http2 http2/hpack"), false);
    assert_eq!(remains(&linked, &group), one("GO-1", Certainty::Certain));
    let doubt = Linked::of(&linked)
        .unwrap()
        .remaining(&group)
        .unwrap()
        .matches[0]
        .doubt
        .clone();
    assert_eq!(doubt, None);
}

#[test]
fn what_is_not_linked_is_not_affected() {
    let group = group(vec![found("GO-1", &["golang.org/x/net/html"])]);
    assert_eq!(
        remains(&package(NET, Some("http2 html/atom"), false), &group),
        None
    );
    assert_eq!(
        remains(&package(NET, Some(""), false), &group),
        None,
        "none of it is linked"
    );
}

#[test]
fn a_list_that_was_not_read_or_was_cut_says_nothing() {
    let group = group(vec![found("GO-1", &["golang.org/x/net/html"])]);
    for unknown in [
        package(NET, None, false),
        package(NET, Some("http2"), true),
        package(NET, None, true),
    ] {
        assert_eq!(remains(&unknown, &group), one("GO-1", Certainty::Likely));
    }
}

#[test]
fn the_root_of_a_module_is_a_dot_and_a_longer_name_is_another_module() {
    let root = group(vec![found("GO-1", &["golang.org/x/net"])]);
    assert_eq!(
        remains(&package(NET, Some(". http2"), false), &root),
        one("GO-1", Certainty::Certain)
    );
    assert_eq!(remains(&package(NET, Some("http2"), false), &root), None);
    let other = group(vec![found("GO-1", &["golang.org/x/network/http2"])]);
    assert_eq!(
        remains(&package(NET, Some("http2 work/http2"), false), &other),
        None
    );
}

#[test]
fn paths_of_the_standard_library_are_whole() {
    let group = group(vec![found("GO-1", &["net/http"])]);
    assert_eq!(
        remains(&package("stdlib", Some("net net/http"), false), &group),
        one("GO-1", Certainty::Certain)
    );
    assert_eq!(
        remains(&package("stdlib", Some("net http"), false), &group),
        None
    );
}

#[test]
fn a_record_without_packages_speaks_of_the_code_that_the_other_one_names() {
    let both = group(vec![
        found("GHSA-1", &[]),
        found("GO-1", &["golang.org/x/net/html"]),
    ]);
    assert_eq!(remains(&package(NET, Some("http2"), false), &both), None);
    let there = remains(&package(NET, Some("html"), false), &both).unwrap();
    assert_eq!(there[1], ("GO-1".to_owned(), Certainty::Certain));
    let alone = group(vec![found("GHSA-1", &[])]);
    assert_eq!(
        remains(&package(NET, Some("http2"), false), &alone),
        one("GHSA-1", Certainty::Likely),
        "nothing is named, so nothing is concluded"
    );
}

#[test]
fn of_two_records_the_one_whose_packages_are_absent_goes() {
    let both = group(vec![
        found("GO-1", &["golang.org/x/net/html"]),
        found("GO-2", &["golang.org/x/net/http2"]),
    ]);
    assert_eq!(
        remains(&package(NET, Some("http2"), false), &both),
        one("GO-2", Certainty::Certain)
    );
}

#[test]
fn a_match_that_names_as_many_packages_as_it_can_is_dropped_by_none() {
    let names: Vec<String> = (0..20).map(|number| format!("{NET}/p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let full = group(vec![found("GO-1", &names)]);
    assert_eq!(
        remains(&package(NET, Some("other"), false), &full),
        one("GO-1", Certainty::Likely)
    );
    assert_eq!(
        remains(&package(NET, Some("p7"), false), &full),
        one("GO-1", Certainty::Certain)
    );
    let short = group(vec![found("GO-1", &names[..19])]);
    assert_eq!(remains(&package(NET, Some("other"), false), &short), None);
}
