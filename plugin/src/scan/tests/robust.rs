//! What a scan asks for, and what it makes of registries that are slow, broken or change meanwhile.

use super::*;

/// What a script was asked for, without what differs from run to run.
fn purposes(script: &Script) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for line in script.lines() {
        let purpose = [
            ("/jwt/auth", "token"),
            ("/gitlab/v1/", "tags"),
            ("/tags/list", "tags"),
            ("HEAD ", "digest of a tag"),
            ("/manifests/", "manifest"),
            ("/blobs/", "blob"),
            ("/v2/", "base"),
        ]
        .into_iter()
        .find(|(part, _)| line.contains(part))
        .unwrap()
        .1;
        *counts.entry(purpose).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_scan_asks_for_nothing_twice() {
    let registry = Simulated::new(true);
    let image = registry.debian(&["bash"]);
    for n in 0..10 {
        registry.tag(&format!("v{n}"), &image);
    }
    let first = scan(&registry);
    assert_eq!(
        purposes(&first.script),
        BTreeMap::from([
            ("base", 2),
            ("blob", 2),
            ("manifest", 1),
            ("tags", 1),
            ("token", 1)
        ])
    );
    // The next repository of the day, and the next scan of this one.
    let cache = first.sink.cache;
    let again = scan_with(
        &registry,
        Settings::sample(BASE),
        None,
        Recorder {
            cache,
            ..Recorder::default()
        },
    );
    assert_eq!(
        purposes(&again.script),
        BTreeMap::from([
            ("base", 1),
            ("blob", 1),
            ("manifest", 1),
            ("tags", 1),
            ("token", 1)
        ])
    );
    let many = Simulated::new(true);
    for n in 0..1250 {
        many.tag(&format!("v{n}"), &image);
    }
    assert_eq!(purposes(&scan(&many).script)["manifest"], 1);
    let plain = Simulated::new(false);
    let image = plain.debian(&["bash"]);
    for n in 0..1250 {
        plain.tag(&format!("v{n}"), &image);
    }
    let asked = purposes(&scan(&plain).script);
    assert_eq!((asked["digest of a tag"], asked["manifest"]), (1250, 1));
}

#[test]
fn what_an_earlier_call_was_told_of_the_registry_may_be_wrong() {
    let with = Simulated::new(true);
    with.tag("v1", &with.debian(&["bash"]));
    let told = scan(&with).sink.cache;
    let without = Simulated::new(false);
    without.tag("v1", &without.debian(&["bash"]));
    without.fault("/gitlab/v1/", Reply::status(404));
    let scanned = scan_with(
        &without,
        Settings::sample(BASE),
        None,
        Recorder {
            cache: told,
            ..Recorder::default()
        },
    );
    assert_eq!(scanned.images().len(), 1);
}

#[test]
fn a_storage_out_of_reach_costs_the_layers_and_not_the_manifests() {
    for kind in [TroubleKind::Denied, TroubleKind::Connect, TroubleKind::Tls] {
        let registry = Simulated::new(true);
        for n in 0..12 {
            registry.tag(&format!("v{n}"), &registry.debian(&[&format!("p{n}")]));
        }
        registry.fault("/blobs/", Reply::trouble(kind));
        let scanned = scan(&registry);
        let summary = scanned.result.as_ref().unwrap();
        assert_eq!((summary.images, summary.complete), (12, false), "{kind:?}");
        assert!(scanned.images().iter().all(|image| !image.complete));
        assert!(
            scanned
                .skipped()
                .iter()
                .all(|(_, reason)| *reason == SkipReason::Unreachable)
        );
        // Not asked for all of them: a few tell enough.
        assert!(scanned.blobs_read() < 40, "{}", scanned.blobs_read());
    }
    // Bodies that break off for ever are trouble of the wire.
    let registry = Simulated::new(true);
    for n in 0..12 {
        registry.tag(&format!("v{n}"), &registry.debian(&[&format!("p{n}")]));
    }
    registry.fault("/blobs/", Reply::trouble(TroubleKind::Timeout));
    assert!(matches!(
        scan(&registry).result,
        Err(Failure::Unavailable(_))
    ));
}

#[test]
fn an_image_whose_config_is_missing_or_broken_is_told_all_the_same() {
    for (config, reason) in [
        (None, SkipReason::Unreachable),
        (Some(b"{]".to_vec()), SkipReason::Corrupt),
        (
            Some(vec![b' '; config::MAX_CONFIG_BYTES + 1]),
            SkipReason::OverLimit,
        ),
    ] {
        let registry = Simulated::new(true);
        let layer = registry.layer(&[("var/lib/dpkg/status", "Package: a\nVersion: 1\n")]);
        let digest = match &config {
            Some(bytes) => registry.blob(bytes),
            None => Digest::of(b"nowhere").as_str().to_owned(),
        };
        let image = registry.image_of(&digest, &[layer]);
        registry.tag("v1", &image);
        let scanned = scan(&registry);
        assert_eq!(scanned.packages(&image), ["a"]);
        assert!(!scanned.images()[0].complete);
        assert_eq!(scanned.skipped(), [(digest.as_str(), reason)]);
        assert!(!scanned.result.unwrap().complete);
    }
}

#[test]
fn a_scan_that_is_resumed_after_tags_moved_loses_none_of_them() {
    let registry = Simulated::new(true);
    let images: Vec<String> = (0..4)
        .map(|n| {
            let image = registry.debian(&[&format!("package{n}")]);
            let time = format!("2026-01-0{}T00:00:00Z", 9 - n);
            registry.pushed(&format!("v{n}"), &image, &time);
            image
        })
        .collect();
    let stopped = scan_with(
        &registry,
        Settings::sample(BASE),
        None,
        Recorder {
            stop_after: Some((2, Stop::Cancelled)),
            ..Recorder::default()
        },
    );
    assert_eq!(stopped.images().len(), 2);
    // Meanwhile one that is done gets another tag, and a new one comes first.
    let fresh = registry.debian(&["fresh"]);
    registry.pushed("fresh", &fresh, "2026-02-01T00:00:00Z");
    registry.pushed("stable", &images[0], "2026-01-09T00:00:00Z");
    let resumed = scan_with(
        &registry,
        Settings::sample(BASE),
        stopped.sink.cursor(),
        Recorder::default(),
    );
    let told: BTreeMap<&str, Vec<String>> = resumed
        .images()
        .iter()
        .map(|image| (image.digest.as_str(), image.tags.clone()))
        .collect();
    assert_eq!(
        told,
        BTreeMap::from([
            (
                images[0].as_str(),
                vec!["stable".to_owned(), "v0".to_owned()]
            ),
            (images[2].as_str(), vec!["v2".to_owned()]),
            (images[3].as_str(), vec!["v3".to_owned()]),
            (fresh.as_str(), vec!["fresh".to_owned()]),
        ])
    );
    assert!(resumed.result.unwrap().complete);
}

#[test]
fn an_image_with_more_faults_than_a_batch_holds_is_told_in_several() {
    let registry = Simulated::new(true);
    let config = registry.config("amd64", "");
    let layers: Vec<String> = (0..900)
        .map(|n: u32| Digest::of(&n.to_le_bytes()).as_str().to_owned())
        .collect();
    registry.tag("v1", &registry.image_of(&config, &layers));
    let scanned = scan(&registry);
    assert_eq!(scanned.skipped().len(), 900);
    assert!(
        scanned
            .sink
            .batches
            .iter()
            .all(|(observations, _)| observations.len() <= BATCH)
    );
    // Only the last batch says that the image is done.
    let cursors: Vec<&String> = scanned
        .sink
        .batches
        .iter()
        .map(|(_, cursor)| cursor)
        .collect();
    assert!(
        cursors[..cursors.len() - 1]
            .iter()
            .all(|cursor| *cursor != cursors[cursors.len() - 1])
    );
}

#[test]
fn a_page_in_the_place_of_a_manifest_is_not_taken_for_its_absence() {
    let registry = Simulated::new(true);
    let image = registry.debian(&["bash"]);
    registry.tag("v1", &image);
    registry.fault(
        "/manifests/",
        Reply::text(404, "<html>not found</html>").with("content-type", "text/html"),
    );
    let scanned = scan(&registry);
    assert_eq!(
        scanned.skipped(),
        [(image.as_str(), SkipReason::Unreachable)]
    );
    assert!(!scanned.result.unwrap().complete);
}

#[test]
fn a_layer_that_breaks_off_is_read_again() {
    let registry = Simulated::new(true);
    let image = registry.debian(&["bash"]);
    registry.tag("v1", &image);
    let layer = registry
        .0
        .blobs
        .borrow()
        .iter()
        .find(|(_, bytes)| bytes.starts_with(&[0x1f]))
        .unwrap()
        .0
        .clone();
    let whole = registry.0.blobs.borrow()[&layer].clone();
    let url = format!("https://{HOST}/v2/{PATH}/blobs/{layer}");
    let this = registry.clone();
    let script = Script::new()
        .on(
            crate::http::Method::Get,
            url.as_str(),
            Reply::bytes(200, whole.clone()).drop_after(20),
        )
        .on(
            crate::http::Method::Get,
            url.as_str(),
            Reply::bytes(200, whole),
        )
        .otherwise(move |request| this.answer(request));
    let session = Session {
        settings: Settings::sample(BASE),
        client: script.client(),
    };
    let target = Target {
        host: HOST.to_owned(),
        path: PATH.to_owned(),
        ..Target::default()
    };
    let request = ScanRequest {
        location: String::new(),
        cursor: None,
    };
    let mut sink = Recorder::default();
    let summary = repository(&session, &target, &request, &mut sink, &mut |_| {
        Ok(Vec::new())
    })
    .unwrap();
    assert!(summary.complete);
    assert_eq!(summary.packages, 1);
}

#[test]
fn indexes_that_contain_each_other_or_too_many_levels_end() {
    let registry = Simulated::new(true);
    let mut inner = registry.debian(&["deep"]);
    for _ in 0..8 {
        inner = registry.manifest(
            OCI_INDEX,
            json!({"manifests": [{"mediaType": OCI_INDEX, "digest": inner, "size": 1}]}),
        );
    }
    registry.tag("deep", &inner);
    let scanned = scan(&registry);
    assert!(!scanned.result.as_ref().unwrap().complete);
    assert_eq!(scanned.skipped()[0].1, SkipReason::OverLimit);
}

#[test]
fn foreign_layers_and_other_digests_are_unsupported_and_the_image_incomplete() {
    let registry = Simulated::new(true);
    let config = registry.config("amd64", "");
    let image = registry.manifest(OCI, json!({"schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": u64::MAX},
        "layers": [
            {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": config, "size": 1, "urls": ["https://x"]},
            {"mediaType": GZIP, "digest": format!("sha512:{}", "ab".repeat(64)), "size": -5},
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "digest": config, "size": u64::MAX},
        ]}));
    registry.tag("v1", &image);
    let scanned = scan(&registry);
    assert_eq!(scanned.skipped().len(), 3);
    assert!(
        scanned
            .skipped()
            .iter()
            .all(|(_, reason)| *reason == SkipReason::Unsupported)
    );
    assert!(!scanned.images()[0].complete);
    assert_eq!(scanned.images()[0].size, u64::MAX);
    // No later scan of this image would see more.
    assert!(scanned.result.unwrap().complete);
}

#[test]
fn an_unscannable_location_and_a_foreign_name_are_told() {
    assert!(matches!(location("repository/1/2"), Ok((1, 2))));
    for id in [
        "",
        "repository/1",
        "repository/1/2/3",
        "project/1",
        "repository/x/2",
    ] {
        assert!(matches!(location(id), Err(Failure::NotFound(_))), "{id}");
    }
}
