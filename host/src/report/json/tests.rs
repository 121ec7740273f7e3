//! What a script sees.

use serde_json::Value;

use super::*;
use crate::report::samples;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_document_says_its_version_and_kind() {
    let report = samples::scan_report();
    let (findings, images, skipped) = (samples::findings(), samples::images(), samples::skipped());
    let result = ScanResult {
        report: &report,
        findings: &findings,
        images: &images,
        skipped: &skipped,
    };
    let labels = crate::report::steps::Labels::new(&samples::manifest().verify_steps);
    let documents = [
        super::findings(&findings),
        super::images(&images),
        super::skipped(&skipped),
        packages("sha256:1", &samples::packages()),
        image_report(&samples::detail()),
        connections(&[samples::connection()]),
        connection(&samples::connection()),
        disconnected("work"),
        verification("work", &samples::mixed_verification(), &labels, Some(false)),
        locations("work", &samples::locations()),
        selection(
            "work",
            &samples::connection().selection,
            &samples::locations(),
        ),
        connectors(&[(samples::manifest(), "sha256:1".to_owned())]),
        connector(&samples::inspected()),
        scan(&result),
    ];
    for text in documents {
        let value = parse(&text);
        assert_eq!(value["schema_version"], SCHEMA_VERSION);
        assert!(value["kind"].is_string());
    }
}

#[test]
fn lines_are_one_object_each_and_the_scan_comes_last() {
    let report = samples::scan_report();
    let (findings, images, skipped) = (samples::findings(), samples::images(), samples::skipped());
    let result = ScanResult {
        report: &report,
        findings: &findings,
        images: &images,
        skipped: &skipped,
    };
    let text = scan_lines(&result);
    let kinds: Vec<_> = text
        .lines()
        .map(|line| parse(line)["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.last().unwrap(), "scan");
    for kind in ["image", "finding", "skipped", "location"] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind}");
    }
}

#[test]
fn the_shape_of_each_document_is_frozen() {
    insta::assert_snapshot!("findings", findings(&samples::findings()));
    insta::assert_snapshot!("images", images(&samples::images()));
    insta::assert_snapshot!("packages", packages("sha256:1", &samples::packages()));
    insta::assert_snapshot!("image-report", image_report(&samples::detail()));
    insta::assert_snapshot!("skipped", skipped(&samples::skipped()));
    insta::assert_snapshot!("locations", locations("work", &samples::locations()));
    insta::assert_snapshot!("connections", connections(&[samples::connection()]));
    insta::assert_snapshot!("connector", connector(&samples::inspected()));
    let report = samples::scan_report();
    let result = ScanResult {
        report: &report,
        findings: &[],
        images: &[],
        skipped: &[],
    };
    insta::assert_snapshot!("scan", scan(&result));
}

#[test]
fn a_client_key_is_never_part_of_a_connection() {
    let text = connection(&samples::connection());
    assert!(!text.contains("PRIVATE KEY"), "{text}");
    assert_eq!(parse(&text)["network"]["client_certificate"], true);
}
