#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

fn parse(text: &[u8]) -> Found {
    let mut found = Found::default();
    Sbom.parse(&File::of_path("x.spdx.json"), &mut &text[..], &mut found)
        .unwrap();
    found
}

fn told(found: &Found) -> Vec<(String, String, Option<String>)> {
    found
        .packages
        .iter()
        .map(|package| {
            (
                package.name.clone(),
                package.version.clone(),
                package.purl.clone(),
            )
        })
        .collect()
}

const SPDX: &str = r#"{
  "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "x",
  "creationInfo": {"created": "2024-01-01T00:00:00Z", "creators": ["Tool: y"]},
  "packages": [
    {"SPDXID": "SPDXRef-Image", "name": "image", "versionInfo": "sha256:aa", "primaryPackagePurpose": "CONTAINER",
     "externalRefs": [{"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:oci/image@sha256:aa"}]},
    {"SPDXID": "SPDXRef-Root", "name": "root", "versionInfo": "1"},
    {"SPDXID": "SPDXRef-1", "name": "redis", "versionInfo": "7.2.4-1", "licenseDeclared": "BSD-3-Clause", "licenseConcluded": "NOASSERTION",
     "externalRefs": [
       {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:*"},
       {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:bitnami/redis@7.2.4-1?arch=amd64"}]},
    {"name": "plain", "versionInfo": "2", "licenseDeclared": "NOASSERTION"},
    {"name": "versionless"},
    {"name": "redis", "versionInfo": "7.2.4-1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:bitnami/redis@7.2.4-1?arch=amd64"}]},
    {"name": "bad", "versionInfo": "3", "externalRefs": [{"referenceType": "purl", "referenceLocator": "javascript:alert(1)"}]}
  ],
  "files": [{"fileName": "./a", "SPDXID": "SPDXRef-File"}],
  "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-Root", "relationshipType": "DESCRIBES"}]
}"#;

const CYCLONEDX: &str = r#"{
  "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
  "metadata": {"component": {"type": "container", "name": "image", "version": "1"}},
  "components": [
    {"type": "library", "group": "org.slf4j", "name": "slf4j-api", "version": "2.0.9", "purl": "pkg:maven/org.slf4j/slf4j-api@2.0.9?type=jar",
     "licenses": [{"license": {"id": "MIT"}}, {"expression": "Apache-2.0 OR MIT"}]},
    {"type": "operating-system", "name": "debian", "version": "12"},
    {"type": "file", "name": "/bin/x", "version": "1"},
    {"type": "application", "name": "outer", "version": "1", "components": [{"type": "library", "name": "inner", "version": "2"}]},
    {"type": "library", "name": "scoped", "purl": "pkg:npm/@a/b@3.1.0"}
  ]
}"#;

#[test]
fn files_are_wanted_by_the_names_that_tools_give_them() {
    for key in [
        "opt/bitnami/redis/.spdx-redis.spdx",
        "var/lib/db/sbom/busybox-1.36.1-r0.spdx.json",
        "app/sbom.json",
        "app/sbom-linux.json",
        "usr/app/META-INF/sbom/application.cdx.json",
        "app/bom.json",
        "app/x.bom.json",
    ] {
        assert!(Sbom.wants(&File::of_path(key)), "{key}");
    }
    for key in ["app/package.json", "app/bom.js", "app/x.json", "app/sbom"] {
        assert!(!Sbom.wants(&File::of_path(key)), "{key}");
    }
    assert!(Sbom.recognises(b"  {\"a\""));
    assert!(!Sbom.recognises(b"SPDXVersion: SPDX-2.2"));
}

#[test]
fn spdx_states_packages_and_not_the_image_itself() {
    let found = parse(SPDX.as_bytes());
    assert_eq!(
        told(&found),
        [
            (
                "redis".to_owned(),
                "7.2.4-1".to_owned(),
                Some("pkg:bitnami/redis@7.2.4-1?arch=amd64".to_owned())
            ),
            ("plain".to_owned(), "2".to_owned(), None),
            ("bad".to_owned(), "3".to_owned(), None),
        ]
    );
    assert_eq!(found.packages[0].licences, ["BSD-3-Clause"]);
    assert_eq!(
        found.packages[0].attributes,
        [("sbom.format".to_owned(), "spdx-2.3".to_owned())]
    );
    assert_eq!(Sbom.purl(&found.packages[1], None), "pkg:generic/plain@2");
}

#[test]
fn cyclonedx_states_packages_at_any_depth_and_no_files() {
    let found = parse(CYCLONEDX.as_bytes());
    let names: Vec<String> = told(&found)
        .into_iter()
        .map(|(name, version, _)| format!("{name} {version}"))
        .collect();
    assert_eq!(
        names,
        [
            "org.slf4j/slf4j-api 2.0.9",
            "outer 1",
            "inner 2",
            "scoped 3.1.0"
        ]
    );
    assert_eq!(found.packages[0].licences, ["MIT", "Apache-2.0 OR MIT"]);
}

#[test]
fn what_is_no_bill_of_materials_says_nothing() {
    assert!(
        parse(br#"{"name":"x","packages":{"a":1}}"#)
            .packages
            .is_empty()
    );
    assert!(parse(br#"{"name":"x"}"#).notes.is_empty());
    assert_eq!(parse(b"{").notes.len(), 1);
}

#[test]
fn deep_and_large_documents_are_cut_with_a_note() {
    let mut text = r#"{"type":"library","name":"a","version":"1"}"#.to_owned();
    for _ in 0..25 {
        text = format!(r#"{{"type":"library","name":"a","version":"1","components":[{text}]}}"#);
    }
    let found = parse(format!(r#"{{"bomFormat":"CycloneDX","components":[{text}]}}"#).as_bytes());
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.reason == SkipReason::OverLimit),
        "{found:?}"
    );
    let mut found = Found::default();
    Sbom.parse(
        &File::of_path("bom.json"),
        &mut io::repeat(b' ').take(MAX_FILE_BYTES + 5),
        &mut found,
    )
    .unwrap();
    assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
}

#[test]
fn what_trivy_writes_of_this_machine_is_read_whole() {
    // As many packages as the tool itself counts, in both formats.
    let Ok(folder) = std::env::var("SBOM_FILES") else {
        println!("skipped: SBOM_FILES names no folder with bills of materials");
        return;
    };
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let data = std::fs::read(entry.path()).unwrap();
        let found = parse(&data);
        println!(
            "{}: {} packages, {:?}",
            entry.path().display(),
            found.packages.len(),
            found.notes
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
        parse(&data);
    }

    #[test]
    fn any_truncation_and_damage_is_survived(cut in 0..SPDX.len(), at in 0..CYCLONEDX.len(), byte in any::<u8>()) {
        parse(&SPDX.as_bytes()[..cut]);
        let mut text = CYCLONEDX.as_bytes().to_vec();
        text[at] = byte;
        parse(&text);
    }

    #[test]
    fn any_text_in_place_of_a_package_url_is_survived(text in ".{0,40}") {
        let _ = stated_purl(&text).map(|purl| purl_version(&purl));
        let _ = stated_purl(&format!("pkg:{text}"));
    }
}
