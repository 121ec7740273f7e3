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

#[test]
fn an_image_counts_as_unsigned_only_where_others_are_signed() {
    let signatures = |signed: &[usize]| {
        let simulated = Simulated::new(true);
        let images = [simulated.debian(&["a"]), simulated.debian(&["b"])];
        for (index, image) in images.iter().enumerate() {
            simulated.tag(&format!("v{index}"), image);
        }
        for index in signed {
            let hex = images[*index].strip_prefix("sha256:").unwrap().to_owned();
            let signature = around(
                &simulated,
                "application/vnd.dev.cosign.simplesigning.v1+json",
                ("a", "b"),
                b"{}",
            );
            simulated.tag(&format!("sha256-{hex}.sig"), &signature);
        }
        let script = simulated.script();
        let session = Session {
            settings: Settings::sample(BASE),
            client: script.client(),
        };
        let mut registry = Registry::connect(&session, USERNAME, HOST).unwrap();
        registry.ping_for(PATH).unwrap();
        let plan = plan::make(&registry, PATH).unwrap();
        let mut told: Vec<_> = plan
            .images
            .iter()
            .map(|image| (image.tags.first().cloned().unwrap(), image.signed))
            .collect();
        told.sort();
        told.into_iter()
            .map(|(_, signed)| signed)
            .collect::<Vec<_>>()
    };
    assert_eq!(signatures(&[]), [None, None]);
    assert_eq!(signatures(&[1]), [Some(false), Some(true)]);
}

#[test]
fn a_secret_goes_from_layer_and_config_to_findings_without_its_value() {
    let simulated = Simulated::new(true);
    let token = ["glp", "at-", "pK3vQ9xZ7mT2wR8sLd04"].concat();
    let lower = simulated.layer(&[("app/.env", &format!("A=1\nGITLAB_TOKEN={token}\n"))]);
    let upper = simulated.layer(&[("app/.wh..env", "")]);
    let config = simulated.blob(
        &serde_json::to_vec(&json!({"os": "linux", "architecture": "amd64", "config": {"Env": [format!("CI_TOKEN={token}")]},
            "history": [{"created_by": "COPY .env app/"}, {"created_by": format!("RUN rm app/.env # {token}")}]}))
        .unwrap(),
    );
    let image = simulated.image_of(&config, &[lower.clone(), upper.clone()]);
    simulated.tag("v1", &image);
    let scanned = scan(&simulated);
    assert!(scanned.result.as_ref().unwrap().complete);
    let findings: Vec<&Finding> = scanned
        .sink
        .observations()
        .filter_map(|seen| match seen {
            Observation::Finding(finding) => Some(finding),
            _ => None,
        })
        .filter(|finding| finding.id.starts_with("secret/"))
        .collect();
    let file = findings
        .iter()
        .find(|finding| finding.title.ends_with("in app/.env"))
        .unwrap();
    let evidence: BTreeMap<_, _> = file.evidence.iter().cloned().collect();
    assert_eq!(evidence["line"], "2");
    assert_eq!(evidence["layer"], lower);
    assert_eq!(evidence["removed-by"], upper);
    assert_eq!(evidence["layer.command"], "COPY .env app/");
    assert_eq!(file.image_digest.as_deref(), Some(image.as_str()));
    assert!(
        findings
            .iter()
            .any(|finding| finding.title.ends_with("in env CI_TOKEN"))
    );
    // Nothing that leaves the connector has it, the cache included.
    let cached: String = scanned
        .sink
        .cache
        .values()
        .map(|kept| String::from_utf8_lossy(kept).into_owned())
        .collect();
    assert!(cached.contains("glpat-****"), "{cached}");
    let all = format!("{:?}{cached}", scanned.sink);
    for part in token.as_bytes()[6..].windows(5) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!all.contains(part), "{part}");
    }
}
