//! The image builder makes what registries hold: real archives, digests that follow from the bytes, and
//! lies only where a test asks for them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use ox_harness::image::{
    BuiltLayer, Compression, Image, Index, Layer, Platform, attestation, cosign_signature,
    digest_of, helm_chart, root,
};
use proptest::prelude::*;
use serde_json::Value;
use std::io::Read as _;

fn entries(archive: &[u8]) -> Vec<(String, tar::EntryType, String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let mut out = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry
            .link_name_bytes()
            .map(|l| String::from_utf8_lossy(&l).into_owned());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        out.push((
            path,
            entry.header().entry_type(),
            link.unwrap_or_default(),
            bytes,
        ));
    }
    out
}

#[test]
fn a_layer_holds_what_it_was_given_in_order_and_byte_for_byte() {
    let long = format!("very/{}/deep", "long/".repeat(40));
    let layer = Layer::new()
        .dir("etc")
        .file("../../etc/passwd", "hostile")
        .symlink("etc/link", &long)
        .hardlink("etc/hard", "etc/os-release")
        .whiteout("var/lib/gone")
        .opaque("var/cache")
        .file(&long, vec![7; 1_000])
        .plain()
        .build();
    let found = entries(layer.bytes());
    let names: Vec<&str> = found.iter().map(|entry| entry.0.as_str()).collect();
    let expected = [
        "etc/",
        "../../etc/passwd",
        "etc/link",
        "etc/hard",
        "var/lib/.wh.gone",
        "var/cache/.wh..wh..opq",
        long.as_str(),
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (found[2].1, found[2].2.as_str()),
        (tar::EntryType::Symlink, long.as_str())
    );
    assert_eq!(
        (found[3].1, found[3].2.as_str()),
        (tar::EntryType::Link, "etc/os-release")
    );
    assert_eq!(found[6].3, vec![7; 1_000]);
    assert_eq!(layer.digest, layer.diff_id, "nothing is packed");
}

#[test]
fn the_same_calls_make_the_same_bytes_whatever_the_packing() {
    let layer = || root::debian(20).layer;
    assert_eq!(layer().build().digest, layer().build().digest);
    let (gzip, zstd, plain) = (
        layer().gzip().build(),
        layer().zstd().build(),
        layer().plain().build(),
    );
    assert_eq!(gzip.diff_id, plain.diff_id);
    assert_eq!(zstd.diff_id, plain.diff_id);
    assert_ne!(gzip.digest, zstd.digest);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip.bytes()[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(digest_of(&unpacked), gzip.diff_id);
    assert_eq!(
        digest_of(&zstd::decode_all(&zstd.bytes()[..]).unwrap()),
        zstd.diff_id
    );
}

#[test]
fn manifests_describe_their_blobs_and_lie_only_on_demand() {
    let layer = Layer::new().file("a", "b").build();
    let lying = layer
        .clone()
        .claim_size(1)
        .claim_digest(&digest_of(b"other"));
    let gone = Layer::new()
        .file("c", "d")
        .build()
        .foreign("https://elsewhere.example/l");
    let image = Image::amd64()
        .docker()
        .layer(&layer)
        .layer(lying)
        .layer(&gone)
        .build();
    assert_eq!(digest_of(&image.manifest), image.digest);
    let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers[0]["digest"], layer.digest);
    assert_eq!(layers[0]["size"], layer.bytes().len());
    assert_eq!(layers[1]["size"], 1);
    assert_eq!(layers[2]["urls"][0], "https://elsewhere.example/l");
    let stored: Vec<&str> = image
        .blobs
        .iter()
        .map(|blob| blob.digest.as_str())
        .collect();
    assert_eq!(
        stored,
        [
            image.config_digest.as_deref().unwrap(),
            &layer.digest,
            &digest_of(b"other")
        ]
    );
    let config: Value = serde_json::from_slice(&image.blobs[0].bytes).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], layer.diff_id);
    assert_eq!(config["history"].as_array().unwrap().len(), 3);
}

#[test]
fn an_index_names_platforms_and_marks_attestations() {
    let amd = Image::amd64().build();
    let arm = Image::new(Platform::parse("linux/arm/v7")).build();
    let inner = Index::docker().child(&arm).build();
    let index = Index::oci()
        .child(&amd)
        .child(attestation(&amd))
        .child(&inner)
        .build();
    let document: Value = serde_json::from_slice(&index.manifest).unwrap();
    let rows = document["manifests"].as_array().unwrap();
    assert_eq!(rows[0]["platform"]["architecture"], "amd64");
    assert_eq!(rows[1]["platform"]["os"], "unknown");
    assert_eq!(
        rows[1]["annotations"]["vnd.docker.reference.digest"],
        amd.digest
    );
    assert_eq!(rows[2]["digest"], inner.digest);
    assert!(rows[2].get("platform").is_none());
    assert_eq!((index.size, index.config_digest), (0, None));
    let (tag, _) = cosign_signature(&amd);
    assert_eq!(tag, format!("sha256-{}.sig", &amd.digest[7..]));
    let chart = helm_chart("web", "1.0.0");
    assert_eq!(
        chart.config_media_type.as_deref(),
        Some("application/vnd.cncf.helm.config.v1+json")
    );
}

#[test]
fn a_folder_of_this_machine_becomes_a_layer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir(at("etc")).unwrap();
    std::fs::write(at("etc/b"), "two").unwrap();
    std::fs::write(at("etc/a"), "one").unwrap();
    std::fs::hard_link(at("etc/a"), at("etc/c")).unwrap();
    std::os::unix::fs::symlink("a", at("etc/d")).unwrap();
    let layer = Layer::from_folder(folder.path()).unwrap().plain().build();
    let found = entries(layer.bytes());
    let names: Vec<&str> = found.iter().map(|entry| entry.0.as_str()).collect();
    assert_eq!(names, ["etc/", "etc/a", "etc/b", "etc/c", "etc/d"]);
    assert_eq!(found[1].3, b"one");
    assert_eq!(
        (found[3].1, found[3].2.as_str()),
        (tar::EntryType::Link, "etc/a")
    );
    assert_eq!(
        (found[4].1, found[4].2.as_str()),
        (tar::EntryType::Symlink, "a")
    );
}

#[test]
fn small_roots_have_a_database_entry_for_every_expected_package() {
    let debian = root::debian(30);
    let found = entries(debian.layer.clone().plain().build().bytes());
    let status = found
        .iter()
        .find(|entry| entry.0 == "var/lib/dpkg/status")
        .unwrap();
    let status = String::from_utf8(status.3.clone()).unwrap();
    let installed = status
        .split("\n\n")
        .filter(|p| p.contains("\nStatus: install ok installed\n"));
    assert_eq!(installed.count(), debian.packages.len());
    assert!(
        debian
            .packages
            .iter()
            .any(|p| p.name == "bash" && p.source_version == "5.2.15-2")
    );
    assert!(status.contains("Source: bash (5.2.15-2)\n"));
    let alpine = root::alpine(10);
    let found = entries(alpine.layer.clone().plain().build().bytes());
    let database = found
        .iter()
        .find(|entry| entry.0 == "lib/apk/db/installed")
        .unwrap();
    let database = String::from_utf8(database.3.clone()).unwrap();
    for package in &alpine.packages {
        assert!(database.contains(&format!("\nP:{}\nV:{}\n", package.name, package.version)));
    }
}

#[test]
fn a_truncated_file_ends_the_archive_early() {
    let layer = Layer::new().truncated_file("big", 1 << 40).plain().build();
    assert_eq!(layer.bytes().len(), 512);
    let raw = BuiltLayer::raw(*b"not an archive", Compression::Gzip);
    assert_eq!(raw.digest, digest_of(b"not an archive"));
}

proptest! {
    #[test]
    fn any_file_comes_back_from_the_archive(path in "[a-zA-Z0-9._/-]{1,300}", bytes: Vec<u8>) {
        prop_assume!(!path.ends_with('/'));
        let layer = Layer::new().file(&path, bytes.clone()).plain().build();
        let found = entries(layer.bytes());
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].0, &path);
        prop_assert_eq!(&found[0].3, &bytes);
    }
}
