//! Versions of connectors, swapped in the real host: what is refused and leaves the old version in place,
//! what goes on while a version changes, the way back, and what a restart makes of it all.
//!
//! Most of it is done with `tests/guests/versions`, of which a version is made by writing over a few bytes;
//! the long one with the GitLab connector itself, under scans of a simulated GitLab.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod dropped;
mod endurance;
mod restart;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ox_harness::component;
use ox_host::host::{
    ConnectionDraft, Delivery, Host, HostOptions, NetworkOptions, PluginVersion, ScanOptions,
    ScanReport, SecretString, Silent, SwapOptions, VersionState,
};
use tokio_util::sync::CancellationToken;

/// Id of the guest.
const ID: &str = "versions";

static GUEST: LazyLock<Vec<u8>> =
    LazyLock::new(|| std::fs::read(component::guest("versions").unwrap()).unwrap());

/// The guest as another version, which does that.
fn version(number: &str, deed: &str) -> Vec<u8> {
    let mut bytes = GUEST.clone();
    let begin = b"ox-version-mark:";
    let at = bytes
        .windows(begin.len())
        .position(|window| window == begin)
        .unwrap();
    let mut mark = format!("ox-version-mark:{number};{deed};").into_bytes();
    assert!(mark.len() <= 64, "the mark has 64 bytes");
    mark.resize(64, b'.');
    bytes[at..at + 64].copy_from_slice(&mark);
    bytes
}

/// The same component with other bytes: a custom section at its end.
fn padded(component: &[u8], text: &str) -> Vec<u8> {
    let name = b"ox-test";
    let content = [
        &[u8::try_from(name.len()).unwrap()][..],
        name,
        text.as_bytes(),
    ]
    .concat();
    let mut bytes = component.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(content.len()).unwrap());
    bytes.extend(content);
    bytes
}

/// The folder of compiled code that the tests share.
fn code_folder() -> PathBuf {
    component::workspace().join("target/rig-code")
}

async fn open(data: &Path) -> Arc<Host> {
    Host::open(HostOptions {
        data_dir: data.to_owned(),
        cache_dir: Some(code_folder()),
        jobs: 2,
        plugin: None,
        limits: Vec::new(),
    })
    .await
    .unwrap()
}

/// A host in a folder of its own, and the folder.
async fn host() -> (Arc<Host>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&folder.path().join("data")).await, folder)
}

async fn install(host: &Host, bytes: Vec<u8>) -> PluginVersion {
    let delivery = Delivery {
        bytes,
        ..Delivery::default()
    };
    host.install_version(delivery, SwapOptions::new("ada"))
        .await
        .unwrap()
}

/// Connects an account whose scans pause that long between observations.
async fn connect(host: &Host, name: &str, pause: u64, down: &str) {
    let draft = ConnectionDraft {
        connector: ID.to_owned(),
        name: Some(name.to_owned()),
        settings: vec![
            ("url".to_owned(), "https://versions.example".to_owned()),
            ("pause".to_owned(), pause.to_string()),
            ("down".to_owned(), down.to_owned()),
        ],
        secrets: vec![(
            "token".to_owned(),
            SecretString::new("a-token-of-some-length".to_owned()),
        )],
        network: NetworkOptions::default(),
    };
    let trial = host
        .try_connection(draft, &Silent, &CancellationToken::new())
        .await
        .unwrap();
    host.save_connection(&trial).unwrap();
}

async fn scan(host: &Host, name: &str) -> ScanReport {
    let options = ScanOptions {
        fresh: true,
        ..ScanOptions::default()
    };
    host.scan(name, options, Arc::new(Silent), CancellationToken::new())
        .await
        .unwrap()
}

/// The version that calls are made with: what the connector itself answers.
async fn answers(host: &Host, name: &str) -> String {
    let verified = host
        .verify(name, &Silent, &CancellationToken::new())
        .await
        .unwrap();
    verified.steps[0].seen.clone()
}

async fn of_digest(host: &Host, digest: &str) -> PluginVersion {
    let versions = host.plugin_versions().await.unwrap();
    versions
        .into_iter()
        .find(|version| version.digest == digest)
        .unwrap_or_else(|| panic!("no version {digest}"))
}

/// The steps as signs: `+` passed, `x` failed, `-` skipped.
fn signs(version: &PluginVersion) -> String {
    let steps = version.report.steps.iter();
    steps
        .map(|step| match step.status.as_str() {
            "passed" => '+',
            "failed" => 'x',
            "skipped" => '-',
            _ => '?',
        })
        .collect()
}

/// Waits until that is so; what it waits for comes, or the test hangs and says where.
async fn until(what: impl AsyncFn() -> bool) {
    while !what().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
