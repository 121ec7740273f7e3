//! Each step of a swap: what it refuses, and that the old version goes on then.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ox_host::host::{PluginKey, SwapStep, SwapWatch};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_passes_every_step_takes_over_and_the_way_back_is_one_call() {
    let (host, _folder) = host().await;
    let first = install(&host, version("1.0.0", "good")).await;
    assert_eq!(
        (first.state, signs(&first).as_str()),
        (VersionState::Active, "++-+++--+-")
    );
    connect(&host, "work", 0, "").await;
    let second = install(&host, version("2.0.0", "good")).await;
    assert_eq!(signs(&second), "++-+++++++", "{:?}", second.report);
    assert_eq!(answers(&host, "work").await, "version 2.0.0");
    let listed = host.connectors().await.unwrap();
    assert!(
        listed
            .iter()
            .any(|(manifest, digest)| manifest.version == "2.0.0" && *digest == second.digest),
    );
    let old = of_digest(&host, &first.digest).await;
    assert_eq!(old.state, VersionState::Installed);

    let back = host
        .roll_back_version(ID, SwapOptions::new("ada"))
        .await
        .unwrap();
    assert_eq!(
        (back.state, &back.digest),
        (VersionState::Active, &first.digest)
    );
    assert_eq!(answers(&host, "work").await, "version 1.0.0");
    let again = host
        .activate_version(&second.digest, SwapOptions::new("ada"))
        .await
        .unwrap();
    assert_eq!(again.state, VersionState::Active);
    assert_eq!(answers(&host, "work").await, "version 2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_a_step_is_refused_with_its_reason_and_the_old_one_goes_on() {
    let (host, _folder) = host().await;
    install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 0, "").await;
    let mut importing = version("2.0.0", "good");
    replace(
        &mut importing,
        b"ox:connector/sink@0.1.0",
        b"ox:connector/sunk@0.1.0",
    );
    let cases = [
        (b"hello".to_vec(), "compile", "not a WebAssembly component"),
        (importing, "link", "ox:connector/sunk@0.1.0"),
        (version("2.0.1", "describe-trap"), "describe", "crashed"),
        (
            version("2.0.2", "configure-fail"),
            "configure",
            "another pause",
        ),
        (version("2.0.3", "verify-fail"), "verify", "version 2.0.3"),
        (version("2.0.4", "verify-trap"), "verify", "crashed"),
    ];
    for (bytes, step, why) in cases {
        let refused = install(&host, bytes).await;
        assert_eq!(refused.state, VersionState::Refused, "{refused:?}");
        let failed = refused.report.steps.last().unwrap();
        assert_eq!(
            (failed.name.as_str(), failed.status.as_str()),
            (step, "failed")
        );
        let reason = refused.report.refused.clone().unwrap();
        assert!(reason.contains(why), "{reason}");
        assert_eq!(answers(&host, "work").await, "version 1.0.0");
        let listed = of_digest(&host, &refused.digest).await;
        assert_eq!(
            listed.report, refused.report,
            "it stays listed with its reason"
        );
    }
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_fails_with_both_versions_is_a_warning() {
    let (host, _folder) = host().await;
    install(&host, version("1.0.0", "good")).await;
    connect(&host, "up", 0, "").await;
    connect(&host, "down", 0, "yes").await;
    let second = install(&host, version("2.0.0", "good")).await;
    assert_eq!(second.state, VersionState::Active, "{:?}", second.report);
    let verify = second
        .report
        .steps
        .iter()
        .find(|step| step.name == "verify");
    let message = &verify.unwrap().message;
    assert!(
        message.contains("1 of 2") && message.contains("down: only"),
        "{message}"
    );
    let worse = install(&host, version("3.0.0", "verify-fail")).await;
    assert_eq!(worse.state, VersionState::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_asked_for_when_there_is_a_key_and_a_bad_one_is_refused() {
    let (host, _folder) = host().await;
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let key = PluginKey::parse(&STANDARD.encode(pair.public_key())).unwrap();
    let options = || SwapOptions {
        key: Some(key.clone()),
        ..SwapOptions::new("ada")
    };
    let bytes = version("1.0.0", "good");
    for signature in [None, Some(pair.sign(b"another file").as_ref().to_vec())] {
        let delivery = Delivery {
            bytes: bytes.clone(),
            signature,
            digest: None,
        };
        let refused = host.install_version(delivery, options()).await.unwrap();
        assert_eq!(refused.state, VersionState::Refused);
        assert_eq!(signs(&refused), "++x");
    }
    let delivery = Delivery {
        signature: Some(pair.sign(&bytes).as_ref().to_vec()),
        bytes,
        digest: None,
    };
    let first = host.install_version(delivery, options()).await.unwrap();
    assert_eq!(
        (first.state, signs(&first).as_str()),
        (VersionState::Active, "++++++--+-")
    );
    // A way back asks again: what was installed without a signature does not come back with a key.
    let second = install(&host, version("2.0.0", "good")).await;
    assert_eq!(second.state, VersionState::Active);
    let back = host.roll_back_version(ID, options()).await.unwrap();
    assert_eq!(back.state, VersionState::Active, "its signature was kept");
    let unsigned = host
        .activate_version(&second.digest, options())
        .await
        .unwrap();
    assert_eq!(unsigned.state, VersionState::Refused, "{unsigned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_another_digest_than_was_asked_for_is_refused() {
    let (host, _folder) = host().await;
    let delivery = |digest: &str| Delivery {
        bytes: version("1.0.0", "good"),
        signature: None,
        digest: Some(digest.to_owned()),
    };
    let wrong = host
        .install_version(delivery(&"0".repeat(64)), SwapOptions::new("ada"))
        .await
        .unwrap();
    assert_eq!(
        (wrong.state, signs(&wrong).as_str()),
        (VersionState::Refused, "+x")
    );
    let line = format!(
        "{}  guest.wasm",
        wrong.digest.strip_prefix("sha256:").unwrap().to_uppercase()
    );
    let right = host
        .install_version(delivery(&line), SwapOptions::new("ada"))
        .await
        .unwrap();
    assert_eq!(right.state, VersionState::Active, "{:?}", right.report);
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl SwapWatch for Told {
    fn step(&self, _: &str, step: &SwapStep) {
        let mut told = self.0.lock().unwrap();
        told.push(format!("{} {}", step.name, step.status));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_is_told_as_it_begins_and_as_it_ends() {
    let (host, _folder) = host().await;
    let told = Arc::new(Told::default());
    let options = SwapOptions {
        watch: told.clone(),
        ..SwapOptions::new("ada")
    };
    let delivery = Delivery {
        bytes: version("1.0.0", "good"),
        ..Delivery::default()
    };
    host.install_version(delivery, options).await.unwrap();
    let told = told.0.lock().unwrap().clone();
    let expected = [
        "read running",
        "read passed",
        "digest running",
        "digest passed",
        "signature skipped",
        "compile running",
        "compile passed",
        "link running",
        "link passed",
        "describe running",
        "describe passed",
        "configure skipped",
        "verify skipped",
        "swap running",
        "swap passed",
        "drain skipped",
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_ends_on_the_version_that_it_began_with_and_is_counted_until_then() {
    let (host, _folder) = host().await;
    let first = install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 300, "").await;
    let scanning = tokio::spawn({
        let host = host.clone();
        async move { scan(&host, "work").await }
    });
    until(async || of_digest(&host, &first.digest).await.in_flight > 0).await;
    let options = SwapOptions {
        drain: Duration::ZERO,
        ..SwapOptions::new("ada")
    };
    let delivery = Delivery {
        bytes: version("2.0.0", "good"),
        ..Delivery::default()
    };
    let second = host.install_version(delivery, options).await.unwrap();
    let drain = &second.report.steps.last().unwrap().message;
    assert!(drain.contains("go on with the old version"), "{drain}");
    assert_eq!(
        answers(&host, "work").await,
        "version 2.0.0",
        "new calls take the new one"
    );
    let old = of_digest(&host, &first.digest).await;
    assert!(
        old.holders == 1 && old.state == VersionState::Installed,
        "{old:?}"
    );
    let kept = host.remove_version(&first.digest).await.unwrap_err();
    assert!(kept.to_string().contains("still in use"), "{kept}");

    let report = scanning.await.unwrap();
    assert!(report.complete && report.locations.len() == 2, "{report:?}");
    let old = of_digest(&host, &first.digest).await;
    assert_eq!((old.in_flight, old.holders), (0, 0));
    host.remove_version(&first.digest).await.unwrap();
    let left = host.plugin_versions().await.unwrap();
    assert!(left.iter().all(|version| version.digest != first.digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_active_version_is_not_removed_and_what_is_not_there_is_said() {
    let (host, _folder) = host().await;
    let first = install(&host, version("1.0.0", "good")).await;
    let kept = host.remove_version(&first.digest).await.unwrap_err();
    assert!(kept.to_string().contains("the active one"), "{kept}");
    for digest in ["sha256:00", "../../etc/passwd", ""] {
        let unknown = host.remove_version(digest).await.unwrap_err();
        assert!(
            unknown.to_string().contains("no version is called"),
            "{unknown}"
        );
    }
    let nowhere = host
        .roll_back_version(ID, SwapOptions::new("ada"))
        .await
        .unwrap_err();
    assert!(
        nowhere.to_string().contains("was active before"),
        "{nowhere}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_keeps_crashing_is_shown_as_failing_and_a_good_one_is_not() {
    let (host, _folder) = host().await;
    install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 0, "").await;
    let bad = install(&host, version("2.0.0", "scan-trap")).await;
    assert_eq!(bad.state, VersionState::Active, "its scans alone crash");
    assert_eq!(host.keeps_crashing(ID).await, None);
    until(async || {
        let _ = host
            .scan(
                "work",
                ScanOptions::default(),
                Arc::new(Silent),
                CancellationToken::new(),
            )
            .await;
        of_digest(&host, &bad.digest).await.failing
    })
    .await;
    assert!(host.keeps_crashing(ID).await >= Some(5));
    let back = host
        .roll_back_version(ID, SwapOptions::new("ada"))
        .await
        .unwrap();
    assert!(!back.failing && host.keeps_crashing(ID).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_the_one_of_the_new_version_at_once() {
    let (host, _folder) = host().await;
    install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 0, "").await;
    let mut renamed = version("2.0.0", "good");
    replace(&mut renamed, b"Has many versions.", b"Had many versions.");
    replace(&mut renamed, b"pause", b"delay");
    let second = install(&host, renamed).await;
    // The saved settings have no such field any more, and configure does not mind.
    assert_eq!(second.state, VersionState::Active, "{:?}", second.report);
    let draft = ConnectionDraft {
        connector: ID.to_owned(),
        name: None,
        settings: vec![
            ("url".to_owned(), "https://versions.example".to_owned()),
            ("delay".to_owned(), "1".to_owned()),
        ],
        secrets: Vec::new(),
        network: NetworkOptions::default(),
    };
    let trial = host
        .try_connection(draft, &Silent, &CancellationToken::new())
        .await;
    assert!(trial.is_ok(), "{:?}", trial.err());
}
