//! What the documents promise, whatever the image says. That they are valid by the specifications' own
//! schemas is a test of the harness, which asks real validators.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::report::samples;

const MADE: &str = "2026-11-22T14:08:31Z";

fn parsed(form: Form, detail: &Detail) -> Value {
    serde_json::from_str(&write(form, detail, MADE)).unwrap()
}

fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let list = list.as_array().unwrap();
    list.iter().map(|one| one[key].as_str().unwrap()).collect()
}

#[test]
fn both_documents_read_well() {
    insta::assert_snapshot!(
        "cyclonedx",
        write(Form::CycloneDx, &samples::detail(), MADE)
    );
    insta::assert_snapshot!("spdx", write(Form::Spdx, &samples::detail(), MADE));
}

#[test]
fn the_same_inventory_in_another_order_makes_the_same_document() {
    let detail = samples::detail();
    let mut turned = detail.clone();
    turned.packages.as_mut().unwrap().reverse();
    for form in [Form::CycloneDx, Form::Spdx] {
        assert_eq!(write(form, &detail, MADE), write(form, &turned, MADE));
        let mut other = detail.clone();
        other.packages.as_mut().unwrap()[0].version.push('1');
        let id = |detail| {
            let document = parsed(form, detail);
            let id = document
                .get("serialNumber")
                .or(document.get("documentNamespace"));
            id.unwrap().as_str().unwrap().to_owned()
        };
        assert_ne!(
            id(&detail),
            id(&other),
            "another inventory, another document"
        );
    }
}

#[test]
fn a_package_that_the_system_owns_hangs_below_its_owner() {
    let document = parsed(Form::CycloneDx, &samples::detail());
    let dependencies = document["dependencies"].as_array().unwrap();
    let top = dependencies[0]["dependsOn"].to_string();
    assert!(
        !top.contains("pypi/pyyaml") && top.contains("python3-yaml"),
        "{top}"
    );
    assert!(
        dependencies[1]["ref"]
            .as_str()
            .unwrap()
            .contains("python3-yaml")
    );
    assert!(
        dependencies[1]["dependsOn"]
            .to_string()
            .contains("pypi/pyyaml")
    );
    let document = parsed(Form::Spdx, &samples::detail());
    let owned = document["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .any(|one| {
            one["spdxElementId"]
                .as_str()
                .unwrap()
                .contains("python3-yaml")
                && one["relatedSpdxElement"]
                    .as_str()
                    .unwrap()
                    .contains("PyYAML")
        });
    assert!(owned, "{document:#}");
}

#[test]
fn an_owner_that_is_not_there_leaves_the_package_with_the_image() {
    let mut detail = samples::detail();
    for package in detail.packages.as_mut().unwrap() {
        package.owner = Some("nobody".to_owned());
    }
    let document = parsed(Form::CycloneDx, &detail);
    let dependencies = document["dependencies"].as_array().unwrap();
    assert_eq!(dependencies.len(), 1);
    assert_eq!(dependencies[0]["dependsOn"].as_array().unwrap().len(), 7);
}

#[test]
fn what_is_no_package_url_is_not_written_as_one() {
    for good in ["pkg:npm/a@1", "pkg:deb/debian/a@1?arch=amd64"] {
        assert!(is_purl(good), "{good}");
    }
    for bad in [
        "",
        "pkg:",
        "pkg:npm",
        "pkg:/a",
        "pkg:npm/a b",
        "http://x/y",
        "pkg:n m/a",
        "pkg:npm/",
    ] {
        assert!(!is_purl(bad), "{bad}");
    }
    let mut detail = samples::detail();
    for package in detail.packages.as_mut().unwrap() {
        package.purl = "javascript:alert(1)".to_owned();
    }
    for form in [Form::CycloneDx, Form::Spdx] {
        assert!(!write(form, &detail, MADE).contains("javascript:"));
    }
}

#[test]
fn an_image_is_named_by_its_digest_its_repository_and_a_tag() {
    let detail = samples::detail();
    let digest = samples::digest('1');
    assert_eq!(
        Source::new(&detail, MADE).purl(),
        format!(
            "pkg:oci/api@{digest}?arch=arm64&repository_url=registry.example.com%2Facme%2Fshop%2Fapi&tag=1.4"
        )
    );
}

#[test]
fn how_a_package_was_found_is_told() {
    let package = |format: &str, key: &str, value: &str| {
        let mut package = samples::packages().swap_remove(0);
        package.format = format.to_owned();
        package.attributes = vec![(key.to_owned(), value.to_owned())];
        technique(&package).0
    };
    assert_eq!(package("dpkg", "", ""), "manifest-analysis");
    assert_eq!(package("go-binary", "", ""), "binary-analysis");
    assert_eq!(package("binary", "", ""), "binary-analysis");
    assert_eq!(package("java", "java.identity", "file-name"), "filename");
    assert_eq!(package("java", "java.identity", "pom"), "manifest-analysis");
    assert_eq!(package("sbom", "sbom.format", "spdx"), "attestation");
}

#[test]
fn an_incomplete_image_makes_an_incomplete_document() {
    let mut detail = samples::detail();
    let aggregate =
        |detail: &Detail| parsed(Form::CycloneDx, detail)["compositions"][0]["aggregate"].clone();
    assert_eq!(aggregate(&detail), "unknown");
    detail.row.image.complete = false;
    assert_eq!(aggregate(&detail), "incomplete");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn ids_are_unique_and_well_formed_whatever_the_packages_are_called(
        names in prop::collection::vec((".{0,12}", "[ab]", prop::option::of("[ab]")), 0..20)
    ) {
        let mut detail = samples::detail();
        let like = samples::packages().swap_remove(0);
        let packages = names.into_iter().map(|(name, version, owner)| Package {
            name,
            version: version.clone(),
            purl: format!("pkg:x/{version}"),
            owner,
            licences: vec![version],
            ..like.clone()
        });
        detail.packages = Some(packages.collect());
        let spdx = parsed(Form::Spdx, &detail);
        let ids = texts(&spdx["packages"], "SPDXID");
        prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        for id in &ids {
            let rest = id.strip_prefix("SPDXRef-").unwrap();
            prop_assert!(rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'));
        }
        for end in ["spdxElementId", "relatedSpdxElement"] {
            for id in texts(&spdx["relationships"], end) {
                prop_assert!(id == "SPDXRef-DOCUMENT" || ids.contains(&id), "{}", id);
            }
        }
        let bom = parsed(Form::CycloneDx, &detail);
        let refs = texts(&bom["components"], "bom-ref");
        prop_assert_eq!(refs.iter().collect::<HashSet<_>>().len(), refs.len());
    }
}
