//! Two hundred swaps of the GitLab connector under scans that never pause.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ox_harness::image::root;
use ox_harness::image::{Artefact, Image, Layer};
use ox_harness::rig::draft;
use ox_harness::sim::{GitLab, Modes, Organisation, level, scope};
use ox_host::host::{Filter, LocationOutcome};

use super::*;

const SWAPS: usize = 200;
/// Versions to alternate between: each is compiled once.
const VERSIONS: usize = 4;
const TOKEN: &str = "glpat-ada";
const GITLAB: &str = "gitlab-registry";

fn image(number: usize) -> Artefact {
    Image::amd64()
        .docker()
        .layer(root::debian(5 + number).layer)
        .layer(Layer::new().file("srv/app", format!("app {number}")))
        .build()
}

fn organisation() -> Organisation {
    let mut org = Organisation::new();
    let ada = org.user("ada");
    org.token(ada, TOKEN, &scope::CONNECTOR);
    let group = org.group(None, "acme", |g| g.members.push((ada, level::DEVELOPER)));
    for project in ["one", "two", "three"] {
        let id = org.project(group, project, |_| {});
        let repository = org.repository(id, "");
        for number in 0..2 {
            org.push(repository, &format!("v{number}"), &image(number));
        }
    }
    org
}

/// Everything that was stored by a connection: image by location and digest, with tags and packages.
fn stored(host: &Host, connection: &str) -> BTreeMap<(String, String), (Vec<String>, Vec<String>)> {
    let filter = Filter {
        connection: Some(connection.to_owned()),
        ..Filter::default()
    };
    let mut all = BTreeMap::new();
    for row in host.images(&filter).unwrap() {
        let packages = host.packages(Some(connection), &row.image.digest).unwrap();
        let mut packages: Vec<String> = packages
            .iter()
            .map(|package| format!("{} {} {}", package.name, package.version, package.layer))
            .collect();
        packages.sort();
        let mut tags = row.image.tags.clone();
        tags.sort();
        let twice = all.insert((row.location, row.image.digest), (tags, packages));
        assert!(twice.is_none(), "an image is stored once");
    }
    all
}

/// Pages of memory that this process holds.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

async fn connected(host: &Host, url: &str, name: &str) {
    let mut draft = draft(url, TOKEN);
    draft.name = Some(name.to_owned());
    let trial = host
        .try_connection(draft, &Silent, &CancellationToken::new())
        .await
        .unwrap();
    host.save_connection(&trial).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_swaps_under_running_scans_fail_lose_and_double_nothing() {
    let connector = tokio::task::spawn_blocking(component::connector)
        .await
        .unwrap()
        .unwrap();
    let connector = std::fs::read(connector).unwrap();
    let gitlab = GitLab::start(organisation(), Modes::default()).unwrap();

    // Without a swap.
    let (quiet, _quiet_folder) = host().await;
    install(&quiet, padded(&connector, "version 0")).await;
    connected(&quiet, &gitlab.base_url(), "work").await;
    assert!(scan(&quiet, "work").await.complete);
    let expected = stored(&quiet, "work");
    assert_eq!(expected.len(), 6);
    assert!(expected.values().all(|(_, packages)| packages.len() >= 5));
    drop(quiet);

    let (host, _folder) = host().await;
    let mut digests = Vec::new();
    for number in 0..VERSIONS {
        let installed = install(&host, padded(&connector, &format!("version {number}"))).await;
        assert_eq!(
            installed.state,
            VersionState::Active,
            "{:?}",
            installed.report
        );
        digests.push(installed.digest);
    }
    connected(&host, &gitlab.base_url(), "work").await;
    connected(&host, &gitlab.base_url(), "home").await;

    let done = Arc::new(AtomicBool::new(false));
    let ended = Arc::new(AtomicU64::new(0));
    let scanning: Vec<_> = ["work", "home"]
        .map(|name| {
            let (host, done, ended) = (host.clone(), done.clone(), ended.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let report = scan(&host, name).await;
                    assert!(report.complete, "{report:?}");
                    assert_eq!(report.locations.len(), 3);
                    for location in &report.locations {
                        assert_eq!(location.outcome, LocationOutcome::Complete);
                        // A call that was made twice would count twice.
                        assert_eq!((location.counts.images, location.counts.tags), (2, 2));
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .into();

    let mut after_warm_up = 0;
    let mut under_scan = 0;
    for number in 0..SWAPS {
        let digest = &digests[number % VERSIONS];
        let options = SwapOptions {
            drain: Duration::ZERO,
            ..SwapOptions::new("ada")
        };
        let swapped = host.activate_version(digest, options).await.unwrap();
        assert_eq!(swapped.state, VersionState::Active, "{:?}", swapped.report);
        let drain = &swapped.report.steps.last().unwrap().message;
        under_scan += usize::from(drain.contains("go on"));
        if number == SWAPS / 4 {
            after_warm_up = resident();
        }
    }
    done.store(true, Ordering::Relaxed);
    for task in scanning {
        task.await.unwrap();
    }
    let at_the_end = resident();
    eprintln!(
        "{SWAPS} swaps, {under_scan} of them under a call of the old version, {} scans; {} MiB after a quarter, {} MiB at the end",
        ended.load(Ordering::Relaxed),
        after_warm_up >> 20,
        at_the_end >> 20
    );

    assert!(under_scan > SWAPS / 4, "{under_scan} swaps met a scan");
    assert_eq!(stored(&host, "work"), expected);
    assert_eq!(stored(&host, "home"), expected);
    // Compiled code of one version takes megabytes: 150 that were not freed would be hundreds.
    assert!(
        at_the_end < after_warm_up + (64 << 20),
        "{} MiB became {} MiB",
        after_warm_up >> 20,
        at_the_end >> 20
    );
    // Nothing holds a version but the active one.
    assert_eq!(host.loaded_versions(), 1);
    let versions = host.plugin_versions().await.unwrap();
    let mine = versions.iter().filter(|one| one.connector == GITLAB);
    let in_flight: u64 = mine.map(|one| one.in_flight + one.holders).sum();
    assert_eq!(in_flight, 0);
}
