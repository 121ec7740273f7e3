//! Reports of every schema, and broken ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::contract::Severity;
use crate::gitlab::testing::facts;

fn entry(changes: Value) -> Value {
    let mut entry = json!({
        "id": "c1a2", "name": "CVE-2023-0286", "severity": "High",
        "identifiers": [{"type": "cve", "name": "CVE-2023-0286", "value": "CVE-2023-0286", "url": "https://nvd.example/x"}],
        "links": [{"url": "https://avd.example/x"}],
        "location": {"dependency": {"package": {"name": "openssl"}, "version": "3.0.9-1"}, "operating_system": "debian 12.1",
                     "image": "registry.example:5050/acme/shop/app:1.0", "default_branch_image": "registry.example:5050/acme/shop/app:latest"},
    });
    let Value::Object(changes) = changes else {
        panic!()
    };
    entry.as_object_mut().unwrap().extend(changes);
    entry
}

fn report(vulnerabilities: Value, more: Value) -> String {
    let mut report = json!({
        "version": "15.0.4", "vulnerabilities": vulnerabilities, "remediations": [],
        "scan": {"scanner": {"id": "trivy", "name": "Trivy", "version": "0.60.0", "vendor": {"name": "GitLab"}},
                 "type": "container_scanning", "end_time": "2025-05-01T10:00:00", "status": "success"},
    });
    let Value::Object(more) = more else { panic!() };
    report.as_object_mut().unwrap().extend(more);
    report.to_string()
}

fn all(text: &str) -> (Vec<Finding>, Result<Read, serde_json::Error>) {
    let mut findings = Vec::new();
    let read = read(text.as_bytes(), &facts(), &mut |finding| {
        findings.push(finding);
        true
    });
    (findings, read)
}

#[test]
fn a_report_of_schema_15_is_read_whole() {
    let more = json!({"cvss_vectors": [{"vendor": "NVD", "vector": "CVSS:3.1/AV:N"}], "solution": "Upgrade",
        "flags": [{"type": "flagged-as-likely-false-positive", "origin": "x", "description": "vendored"}]});
    let (findings, read) = all(&report(json!([entry(more)]), json!({})));
    assert_eq!(
        read.unwrap(),
        Read {
            version: "15.0.4".to_owned(),
            unreadable: 0,
            elsewhere: 0,
            failed_scan: false
        }
    );
    let finding = &findings[0];
    assert_eq!(
        (finding.id.as_str(), finding.title.as_str()),
        ("c1a2", "CVE-2023-0286")
    );
    assert_eq!(
        (finding.severity, finding.severity_as_said.as_str()),
        (Severity::High, "High")
    );
    assert_eq!(
        (finding.scanner_id.as_str(), finding.scanner_vendor.as_str()),
        ("trivy", "GitLab")
    );
    assert_eq!(
        (finding.package_name.as_deref(), finding.solution.as_deref()),
        (Some("openssl"), Some("Upgrade"))
    );
    assert_eq!(finding.cvss[0].vector, "CVSS:3.1/AV:N");
    assert_eq!(finding.detected_at.as_deref(), Some("2025-05-01T10:00:00Z"));
    for (key, value) in [
        ("schema", "15.0.4"),
        ("false-positive", "true"),
        ("false-positive-reason", "vendored"),
        (
            "default-branch-image",
            "registry.example:5050/acme/shop/app:latest",
        ),
    ] {
        assert!(
            finding
                .attributes
                .contains(&(key.to_owned(), value.to_owned())),
            "{key}"
        );
    }
}

#[test]
fn a_report_of_schema_2_3_is_read_too() {
    let old = json!({
        "version": "2.3",
        "vulnerabilities": [{
            "category": "container_scanning", "message": "CVE-2019-1 in musl", "cve": "alpine:musl:CVE-2019-1",
            "severity": "Negligible", "confidence": "Unknown", "scanner": {"id": "clair", "name": "Clair"},
            "location": {"image": "registry.example:5050/acme/shop/app:1.0 (alpine 3.9)", "operating_system": "Unknown",
                         "dependency": {"package": {"name": "musl"}, "version": "1.1"}},
            "identifiers": [{"type": "cve", "name": "CVE-2019-1", "value": "CVE-2019-1"}], "links": [null]}],
        "remediations": [{"fixes": [{"cve": "alpine:musl:CVE-2019-1"}], "summary": "Upgrade musl", "diff": "eA=="}],
    });
    let (findings, read) = all(&old.to_string());
    assert_eq!(read.unwrap().version, "2.3");
    let finding = &findings[0];
    assert_eq!(
        (finding.title.as_str(), finding.scanner_id.as_str()),
        ("CVE-2019-1 in musl", "clair")
    );
    assert_eq!(
        (finding.severity, finding.severity_as_said.as_str()),
        (Severity::Unknown, "Negligible")
    );
    assert_eq!(finding.solution.as_deref(), Some("Upgrade musl"));
    assert_eq!(finding.id.len(), 32);
}

#[test]
fn remediations_are_solutions_wherever_they_stand() {
    let first = r#"{"remediations":[{"fixes":[{"id":"c1a2"}],"summary":"Upgrade"}],"version":"14.0.0","vulnerabilities":["#;
    let text = format!("{first}{}]}}", entry(json!({})));
    assert_eq!(all(&text).0[0].solution.as_deref(), Some("Upgrade"));
    let more = json!({"remediations": [{"fixes": [{"id": "c1a2"}], "summary": "Upgrade"}, 7, {"fixes": null}]});
    assert_eq!(
        all(&report(json!([entry(json!({}))]), more)).0[0]
            .solution
            .as_deref(),
        Some("Upgrade")
    );
}

#[test]
fn an_identifier_that_repeats_the_cve_does_not_merge_packages() {
    let repeated = |name: &str| {
        let mut entry = entry(json!({"id": "CVE-2023-0286"}));
        entry["location"]["dependency"]["package"]["name"] = json!(name);
        entry
    };
    let (findings, _) = all(&report(
        json!([repeated("openssl"), repeated("libssl3")]),
        json!({}),
    ));
    assert_ne!(findings[0].id, findings[1].id);
    let (again, _) = all(&report(json!([repeated("openssl")]), json!({})));
    assert_eq!(findings[0].id, again[0].id, "the next scan has the same id");
}

#[test]
fn a_broken_vulnerability_costs_only_itself() {
    let mut nowhere = entry(json!({}));
    nowhere["location"] = json!({"dependency": {}});
    let list = json!([7, null, {"id": "x"}, nowhere, entry(json!({"identifiers": "x", "severity": 3})), entry(json!({"id": "d"}))]);
    let (findings, read) = all(&report(list, json!({})));
    assert_eq!((findings.len(), read.unwrap().unreadable), (2, 4));
}

#[test]
fn images_of_others_are_not_handed_over() {
    let other = |image: &str| {
        let mut entry = entry(json!({}));
        entry["location"]["image"] = json!(image);
        entry
    };
    let list = json!([
        other("registry.example:5050/acme/shop/app-base:1"),
        other("nginx:1"),
        other("docker.io/acme/shop/app:1")
    ]);
    let (findings, read) = all(&report(list, json!({})));
    assert_eq!((findings.len(), read.unwrap().unreadable), (0, 0));
}

#[test]
fn what_is_no_report_is_an_error() {
    for text in [
        "",
        "[]",
        "<html>",
        "{\"vulnerabilities\":[",
        "{\"vulnerabilities\":7}",
        "{\"version\":NaN}",
        &format!("{{\"a\":{}", "[".repeat(100_000)),
    ] {
        assert!(all(text).1.is_err(), "{text:.30}");
    }
    assert!(all("{}").1.is_ok());
    assert!(all("{\"vulnerabilities\":null}").1.is_ok());
    assert!(
        all(&format!("\u{feff}{}", report(json!([]), json!({}))))
            .1
            .is_ok()
    );
}

#[test]
fn a_failed_scan_is_told() {
    assert!(
        all(&report(json!([]), json!({"scan": {"status": "failure"}})))
            .1
            .unwrap()
            .failed_scan
    );
}

#[test]
fn the_caller_can_stop_it() {
    let text = report(
        json!([entry(json!({})), entry(json!({"id": "d"}))]),
        json!({}),
    );
    let mut count = 0;
    let read = read(text.as_bytes(), &facts(), &mut |_| {
        count += 1;
        false
    });
    assert!(read.is_ok());
    assert_eq!(count, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, &facts(), &mut |_| true);
    }

    #[test]
    fn no_cut_or_flip_makes_it_panic(at in 0_usize..900, byte: u8, cut: bool) {
        let mut bytes = report(json!([entry(json!({}))]), json!({})).into_bytes();
        if cut { bytes.truncate(at) } else if let Some(place) = bytes.get_mut(at) { *place = byte }
        let _ = read(&bytes, &facts(), &mut |_| true);
    }
}
