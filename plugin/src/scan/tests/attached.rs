//! What is attached to images: attestations in an index, cosign's tags, lists of what refers to an image.

use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;

fn spdx(name: &str) -> Value {
    json!({"spdxVersion": "SPDX-2.3", "packages": [
        {"name": "bash", "versionInfo": "1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/bash@1?arch=amd64"}]},
        {"name": name, "versionInfo": "2.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": format!("pkg:npm/{name}@2.0")}]}]})
}

fn statement(name: &str) -> Vec<u8> {
    serde_json::to_vec(&json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
        "subject": [], "predicate": spdx(name)}))
    .unwrap()
}

/// A manifest of one part.
fn around(simulated: &Simulated, kind: &str, annotation: (&str, &str), part: &[u8]) -> String {
    let digest = simulated.blob(part);
    let config = simulated.blob(b"{}");
    simulated.manifest(
        OCI,
        json!({"schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": kind, "digest": digest, "size": part.len(), "annotations": {annotation.0: annotation.1}}]}),
    )
}

fn attested_index(simulated: &Simulated, image: &str, attestation: &str) -> String {
    simulated.manifest(
        OCI_INDEX,
        json!({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI, "digest": image, "size": 2, "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": OCI, "digest": attestation, "size": 2, "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image}}]}),
    )
}

const PREDICATE: (&str, &str) = ("in-toto.io/predicate-type", "https://spdx.dev/Document");
const STATEMENT: &str = "application/vnd.in-toto+json";

fn told(scanned: &Scanned, image: &str) -> Vec<(String, String, String)> {
    scanned
        .sink
        .observations()
        .filter_map(|seen| match seen {
            Observation::Packages(batch) if batch.image == image => Some(&batch.packages),
            _ => None,
        })
        .flatten()
        .map(|package| {
            (
                package.name.clone(),
                package.format.clone(),
                package.path.clone(),
            )
        })
        .collect()
}

#[test]
fn what_a_build_attests_completes_what_the_files_say() {
    let simulated = Simulated::new(true);
    let image = simulated.debian(&["bash"]);
    let attestation = around(&simulated, STATEMENT, PREDICATE, &statement("left-pad"));
    simulated.tag("v1", &attested_index(&simulated, &image, &attestation));
    let scanned = scan(&simulated);
    assert!(scanned.result.as_ref().unwrap().complete);
    let packages = told(&scanned, &image);
    assert_eq!(packages.len(), 2, "{packages:?}");
    let (name, format, path) = packages.iter().find(|package| package.1 == "sbom").unwrap();
    assert_eq!((name.as_str(), format.as_str()), ("left-pad", "sbom"));
    assert!(path.starts_with("attestation sha256:"), "{path}");
    assert!(scanned.images()[0].complete);
}

#[test]
fn cosign_s_tags_and_lists_of_referrers_are_read() {
    let simulated = Simulated::new(true);
    let image = simulated.debian(&["bash"]);
    simulated.tag("v1", &image);
    let envelope = json!({"payloadType": STATEMENT, "signatures": [], "payload": STANDARD.encode(statement("in-envelope"))});
    let attested = around(
        &simulated,
        "application/vnd.dsse.envelope.v1+json",
        ("predicateType", "https://spdx.dev/Document"),
        &serde_json::to_vec(&envelope).unwrap(),
    );
    let hex = image.strip_prefix("sha256:").unwrap().to_owned();
    simulated.tag(&format!("sha256-{hex}.att"), &attested);
    let plain = around(
        &simulated,
        "application/spdx+json",
        ("a", "b"),
        &serde_json::to_vec(&spdx("as-it-is")).unwrap(),
    );
    simulated.tag(&format!("sha256-{hex}.sbom"), &plain);
    let referring = around(&simulated, STATEMENT, PREDICATE, &statement("referring"));
    let list = simulated.manifest(
        OCI_INDEX,
        json!({"schemaVersion": 2, "manifests": [{"mediaType": OCI, "digest": referring, "size": 2, "artifactType": STATEMENT}]}),
    );
    simulated.tag(&format!("sha256-{hex}"), &list);
    let scanned = scan(&simulated);
    let mut names: Vec<String> = told(&scanned, &image)
        .into_iter()
        .map(|package| package.0)
        .collect();
    names.sort();
    assert_eq!(names, ["as-it-is", "bash", "in-envelope", "referring"]);
}

#[test]
fn an_attachment_that_can_t_be_read_is_skipped_and_the_image_is_scanned() {
    for (part, reason) in [
        (&b"{"[..], SkipReason::Corrupt),
        (b"{\"predicate\": {}}", SkipReason::Corrupt),
    ] {
        let simulated = Simulated::new(true);
        let image = simulated.debian(&["bash"]);
        let attestation = around(&simulated, STATEMENT, PREDICATE, part);
        simulated.tag("v1", &attested_index(&simulated, &image, &attestation));
        let scanned = scan(&simulated);
        assert!(scanned.result.is_ok());
        assert_eq!(scanned.packages(&image), ["bash"]);
        assert!(!scanned.images()[0].complete);
        assert!(
            scanned.skipped().iter().any(|(_, why)| *why == reason),
            "{:?}",
            scanned.skipped()
        );
    }
    // Neither the manifest nor the part is there.
    let simulated = Simulated::new(true);
    let image = simulated.debian(&["bash"]);
    let missing = format!("sha256:{}", "a".repeat(64));
    simulated.tag("v1", &attested_index(&simulated, &image, &missing));
    let scanned = scan(&simulated);
    assert_eq!(scanned.packages(&image), ["bash"]);
    assert!(
        scanned
            .skipped()
            .iter()
            .any(|(name, why)| *name == missing && *why == SkipReason::Gone)
    );
}

#[test]
fn provenance_and_huge_parts_are_not_fetched() {
    let simulated = Simulated::new(true);
    let image = simulated.debian(&["bash"]);
    let attestation = around(
        &simulated,
        STATEMENT,
        (
            "in-toto.io/predicate-type",
            "https://slsa.dev/provenance/v1",
        ),
        b"{\"x\":1}",
    );
    simulated.tag("v1", &attested_index(&simulated, &image, &attestation));
    let scanned = scan(&simulated);
    assert!(scanned.images()[0].complete);
    // The config and the layer.
    assert_eq!(scanned.blobs_read(), 2);
}
