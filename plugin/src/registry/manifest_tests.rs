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
use crate::http::Headers;

fn answer(content_type: &str, body: &Value) -> Fetched {
    raw(content_type, serde_json::to_vec(body).unwrap())
}

fn raw(content_type: &str, body: Vec<u8>) -> Fetched {
    let headers = Headers::new([("content-type".to_owned(), content_type.to_owned())]);
    Fetched {
        status: 200,
        headers,
        body,
    }
}

fn digest() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

fn image(config: &str, layer: &str) -> Value {
    json!({"config": {"mediaType": config, "digest": digest()}, "layers": [{"mediaType": layer, "digest": digest()}]})
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[test]
fn images_are_told_from_everything_else_that_a_registry_holds() {
    assert!(matches!(
        parse(&answer(OCI, &image(CONFIG, LAYER))),
        Manifest::Image { .. }
    ));
    let docker = image(
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    );
    assert!(matches!(
        parse(&answer(
            "application/vnd.docker.distribution.manifest.v2+json; charset=utf-8",
            &docker
        )),
        Manifest::Image { .. }
    ));
    for (config, layer, what) in [
        ("application/vnd.cncf.helm.config.v1+json", "x", "Helm"),
        (
            "application/vnd.wasm.config.v0+json",
            "application/wasm",
            "WebAssembly",
        ),
        ("application/vnd.buildkit.cacheconfig.v0", LAYER, "cache"),
        ("application/vnd.oci.empty.v1+json", "x", "artefact"),
        (
            CONFIG,
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "signature",
        ),
        (CONFIG, "application/vnd.in-toto+json", "attestation"),
        (
            CONFIG,
            "application/vnd.cyclonedx+json",
            "bill of materials",
        ),
        ("application/vnd.example.thing", "x", "vnd.example.thing"),
    ] {
        let Manifest::Other(skip) = parse(&answer(OCI, &image(config, layer))) else {
            panic!("{config} {layer}")
        };
        assert_eq!(skip.reason, SkipReason::NotAnImage);
        assert!(skip.why.message.contains(what), "{}", skip.why.message);
    }
}

#[test]
fn an_index_says_of_its_entries_what_they_are_and_images_stay_images() {
    let by_index = |child: Value| not_an_image_by_index(&descriptor(&child));
    for image in [
        json!({"mediaType": OCI, "digest": digest()}),
        json!({"mediaType": OCI, "artifactType": CONFIG}),
        json!({"mediaType": "", "platform": {"os": "unknown", "architecture": "unknown"}}),
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}),
        json!({"mediaType": "application/vnd.oci.image.index.v1+json"}),
    ] {
        assert!(by_index(image.clone()).is_none(), "{image}");
    }
    for other in [
        json!({"mediaType": OCI, "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}),
        json!({"mediaType": OCI, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}),
        json!({"mediaType": LAYER}),
    ] {
        assert_eq!(
            by_index(other).map(|skip| skip.reason),
            Some(SkipReason::NotAnImage)
        );
    }
    let unknown = descriptor(&json!({"platform": {"os": "unknown", "architecture": "unknown"}}));
    assert!(said_platform(&unknown).is_none());
    let windows = descriptor(
        &json!({"platform": {"os": "windows", "architecture": "amd64", "os.version": "10.0.1"}}),
    );
    assert_eq!(
        said_platform(&windows).and_then(|platform| platform.os_version),
        Some("10.0.1".to_owned())
    );
    // A build cache lists its layers as if they were manifests.
    let cache = json!({"manifests": [
        {"mediaType": LAYER, "digest": digest()},
        {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": digest()},
    ]});
    let Manifest::Other(skip) = parse(&answer("", &cache)) else {
        panic!()
    };
    assert!(skip.why.message.contains("cache"), "{}", skip.why.message);
}

#[test]
fn layers_of_every_image_format_are_read_and_other_parts_are_not() {
    for kind in [
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.oci.image.layer.v1.tar",
        LAYER,
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "",
    ] {
        let layer = descriptor(&json!({"mediaType": kind, "digest": digest()}));
        assert!(unreadable_layer(&layer).is_none(), "{kind}");
        assert!(
            matches!(
                parse(&answer(OCI, &image(CONFIG, kind))),
                Manifest::Image { .. }
            ),
            "{kind}"
        );
    }
    for (kind, reason) in [
        (
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            SkipReason::Unsupported,
        ),
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            SkipReason::Unsupported,
        ),
        ("application/vnd.in-toto+json", SkipReason::NotAnImage),
    ] {
        let layer = descriptor(&json!({"mediaType": kind, "digest": digest()}));
        assert_eq!(
            unreadable_layer(&layer).map(|skip| skip.reason),
            Some(reason)
        );
    }
}

#[test]
fn the_media_type_comes_from_the_header_else_the_body_else_the_form() {
    let index = json!({"manifests": [{"digest": digest()}]});
    assert!(matches!(
        parse(&answer("application/json", &index)),
        Manifest::Index(_)
    ));
    let mut typed = image(CONFIG, LAYER);
    typed["mediaType"] = json!(OCI);
    assert!(matches!(
        parse(&answer("text/plain", &typed)),
        Manifest::Image { .. }
    ));
    let old = json!({"schemaVersion": 1, "fsLayers": []});
    let Manifest::Other(skip) = parse(&answer("", &old)) else {
        panic!()
    };
    assert_eq!(skip.reason, SkipReason::Unsupported);
}

#[test]
fn hostile_manifests_are_corrupt_or_over_a_limit() {
    let both = json!({"config": {}, "layers": [], "manifests": []});
    for (content_type, body) in [
        (OCI, both.clone()),
        ("application/vnd.oci.image.index.v1+json", both),
        (OCI, json!([])),
        (OCI, json!({"config": 1, "layers": []})),
        (OCI, json!({"config": {}, "layers": {}})),
        (
            "application/vnd.oci.image.index.v1+json",
            json!({"manifests": 1}),
        ),
    ] {
        let Manifest::Other(skip) = parse(&answer(content_type, &body)) else {
            panic!("{body}")
        };
        assert_eq!(skip.reason, SkipReason::Corrupt, "{body}");
    }
    let many = json!({"manifests": vec![json!({"digest": digest()}); MAX_CHILDREN + 1]});
    let Manifest::Other(skip) = parse(&answer("", &many)) else {
        panic!()
    };
    assert_eq!(skip.reason, SkipReason::OverLimit);
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert!(matches!(parse(&raw(OCI, deep)), Manifest::Other(_)));
}

#[test]
fn sizes_that_lie_are_numbers_all_the_same() {
    for size in [json!(-1), json!(1e300), json!("9"), json!(null)] {
        assert_eq!(descriptor(&json!({"size": size})).size, 0);
    }
    assert_eq!(descriptor(&json!({"size": u64::MAX})).size, u64::MAX);
}

#[test]
fn tags_of_signing_tools_are_known_by_their_form() {
    let hex = "ab".repeat(32);
    for kind in ["", ".sig", ".att", ".sbom"] {
        assert!(not_an_image_by_tag(&format!("sha256-{hex}{kind}")).is_some());
    }
    for tag in [
        &format!("sha256-{hex}.x"),
        "sha256-ab",
        "latest",
        &format!("sha256-{}", "AB".repeat(32)),
    ] {
        assert!(not_an_image_by_tag(tag).is_none(), "{tag}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_tag_and_any_body_are_survived(tag in "(sha256-)?[a-zé]{0,70}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = not_an_image_by_tag(&tag);
        let _ = parse(&raw(OCI, body));
    }
}
