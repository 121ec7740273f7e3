#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::contract::{Identifier, Observation, Severity};
use crate::scan::script;

fn finding(identifiers: &[(&str, &str)]) -> Finding {
    let Observation::Finding(mut finding) = script::finding("f1", Severity::High) else {
        panic!("a finding is a finding");
    };
    finding.package_name = Some("OpenSSL".to_owned());
    finding.identifiers = identifiers
        .iter()
        .map(|(kind, value)| Identifier {
            kind: (*kind).to_owned(),
            value: (*value).to_owned(),
            name: (*value).to_owned(),
            url: None,
        })
        .collect();
    finding
}

#[test]
fn classes_and_rules_are_no_ids_of_a_vulnerability() {
    let all = [
        ("cwe", "79"),
        ("CWE", "80"),
        ("cis", "4.1"),
        ("owasp", "A1"),
        ("cve", "cve-2024-1"),
    ];
    let about = about(&finding(&all));
    assert_eq!(about.ids, ["CVE-2024-1"]);
    assert_eq!(about.primary, "CVE-2024-1");
    assert_eq!(about.names, ["openssl"]);
}

#[test]
fn an_update_is_no_id_where_a_cve_is() {
    let about = |ids: &[(&str, &str)]| super::about(&finding(ids)).ids;
    assert_eq!(
        about(&[("rhsa", "RHSA-2024:1"), ("cve", "CVE-2024-1")]),
        ["CVE-2024-1"]
    );
    assert_eq!(about(&[("rhsa", "RHSA-2024:1")]), ["RHSA-2024:1"]);
}

#[test]
fn an_id_without_measure_is_none() {
    let long = "x".repeat(1 << 20);
    let mut finding = finding(&[("advisory", &long)]);
    finding.package_name = Some(long);
    let about = about(&finding);
    assert!(about.ids.is_empty() && about.names.is_empty());
    assert_eq!(about.primary, "f1");
}

#[test]
fn a_tool_is_the_same_by_whichever_way_it_was_asked() {
    let mut other = finding(&[("cve", "CVE-2024-1")]);
    let first = about(&other);
    other.source = "gitlab-graphql".to_owned();
    let second = about(&other);
    assert_eq!(
        (first.subject, first.primary),
        (second.subject, second.primary)
    );
}

#[test]
fn only_the_connectors_own_rules_are_rules() {
    let mut secret = finding(&[]);
    secret.kind = FindingKind::Secret;
    secret.attributes = vec![("rule".to_owned(), "github-pat".to_owned())];
    assert_eq!(about(&secret).primary, "f1");
    assert_eq!((form_checked(&secret), placeholder(&secret)), (None, None));
    secret.source = "connector".to_owned();
    assert_eq!(about(&secret).primary, "github-pat");
    assert_eq!(
        (form_checked(&secret), placeholder(&secret)),
        (Some(true), Some(false))
    );
    secret.attributes = vec![("rule".to_owned(), "slack-token".to_owned())];
    assert_eq!(form_checked(&secret), None, "not known is not no");
    secret
        .attributes
        .push(("placeholder".to_owned(), "true".to_owned()));
    assert_eq!(placeholder(&secret), Some(true));
}

#[test]
fn a_reference_names_its_repository_and_tag() {
    assert_eq!(
        name_and_tag("registry:5000/acme/api:1.4"),
        Some(("registry:5000/acme/api", "1.4"))
    );
    assert_eq!(name_and_tag("registry:5000/acme/api"), None);
    assert_eq!(
        name_and_tag("acme/api:1@sha256:00"),
        Some(("acme/api", "1"))
    );
    let Observation::Image(image) = script::image(1, 0, true) else {
        panic!("an image is an image");
    };
    for name in ["acme/api", "Acme/API", "registry.example.com/acme/api"] {
        assert!(is_named(name, &image), "{name}");
    }
    for name in ["api", "other-acme/api", "acme/api/worker"] {
        assert!(!is_named(name, &image), "{name}");
    }
}
