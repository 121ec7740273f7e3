//! What a registry holds besides images: attestations, signatures, charts, build caches, old manifests.

use super::artefact::{Artefact, Platform, digest_of};
use super::build::Image;
use super::layer::{BuiltLayer, Compression};
use super::media;
use bytes::Bytes;
use serde_json::json;

/// The attestation manifest that BuildKit puts beside an image in an index: platform `unknown/unknown`,
/// one in-toto statement, whose list of packages is empty.
pub fn attestation(image: &Artefact) -> Artefact {
    sbom_attestation(image, &[])
}

/// The same with packages (`name`, `version`, package URL): what the builder saw in the image.
pub fn sbom_attestation(image: &Artefact, packages: &[(&str, &str, &str)]) -> Artefact {
    let packages = packages.iter().enumerate().map(|(number, (name, version, purl))| {
        json!({
            "SPDXID": format!("SPDXRef-Package-{number}"), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "licenseConcluded": "NOASSERTION",
            "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl }],
        })
    });
    let packages: Vec<_> = packages.collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://spdx.dev/Document",
        "subject": [{ "name": "_", "digest": { "sha256": image.digest.trim_start_matches("sha256:") } }],
        "predicate": {
            "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0", "name": "sbom",
            "packages": packages,
        },
    });
    let layer = BuiltLayer::raw(statement.to_string(), Compression::Plain)
        .claim_media_type("application/vnd.in-toto+json");
    let mut artefact = Image::new(Platform::parse("unknown/unknown"))
        .layer(layer)
        .build();
    artefact.descriptor_annotations = vec![
        (
            "vnd.docker.reference.type".to_owned(),
            "attestation-manifest".to_owned(),
        ),
        (
            "vnd.docker.reference.digest".to_owned(),
            image.digest.clone(),
        ),
    ];
    artefact
}

/// A cosign signature of an image, and the tag it is pushed under (`sha256-….sig`).
pub fn cosign_signature(image: &Artefact) -> (String, Artefact) {
    let payload = json!({
        "critical": { "image": { "docker-manifest-digest": image.digest },
                      "type": "cosign container image signature" },
        "optional": null,
    });
    let layer = BuiltLayer::raw(payload.to_string(), Compression::Plain)
        .claim_media_type("application/vnd.dev.cosign.simplesigning.v1+json");
    let tag = format!("{}.sig", image.digest.replace(':', "-"));
    (tag, Image::new(Platform::parse("/")).layer(layer).build())
}

/// A Helm chart.
pub fn helm_chart(name: &str, version: &str) -> Artefact {
    let chart = super::Layer::new()
        .file(
            &format!("{name}/Chart.yaml"),
            format!("apiVersion: v2\nname: {name}\nversion: {version}\n"),
        )
        .build()
        .claim_media_type("application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    let mut artefact = Image::amd64()
        .raw_config(json!({ "name": name, "version": version, "apiVersion": "v2" }).to_string())
        .config_media_type("application/vnd.cncf.helm.config.v1+json")
        .layer(chart)
        .build();
    artefact.platform = None;
    artefact
}

/// A BuildKit cache, pushed as an index whose config is no image.
pub fn buildkit_cache() -> Artefact {
    let layer = super::Layer::new().file("cache", "cached").build();
    let mut artefact = Image::amd64()
        .raw_config(json!({ "layers": [{ "blob": layer.digest }] }).to_string())
        .config_media_type("application/vnd.buildkit.cacheconfig.v0")
        .layer(layer)
        .build();
    artefact.platform = None;
    artefact
}

/// A manifest of the schema that registries no longer serve.
pub fn schema1(name: &str, tag: &str) -> Artefact {
    let manifest = Bytes::from(
        json!({
            "schemaVersion": 1, "name": name, "tag": tag, "architecture": "amd64",
            "fsLayers": [], "history": [], "signatures": [],
        })
        .to_string(),
    );
    Artefact {
        media_type: media::DOCKER_SCHEMA1.to_owned(),
        digest: digest_of(&manifest),
        size: manifest.len() as u64,
        manifest,
        config_digest: None,
        config_media_type: None,
        artifact_type: None,
        subject: None,
        platform: None,
        blobs: Vec::new(),
        children: Vec::new(),
        descriptor_annotations: Vec::new(),
    }
}
