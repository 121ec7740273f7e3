//! What is there after a restart, and after a process that ended at a bad moment.

use super::*;

fn file_of(folder: &Path, digest: &str) -> PathBuf {
    let name = format!("{}.wasm", digest.replace(':', "-"));
    folder.join("data/plugins").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_active_version_is_the_stored_one_whatever_files_are_newer() {
    let (host, folder) = host().await;
    let first = install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 0, "").await;
    install(&host, version("2.0.0", "good")).await;
    host.roll_back_version(ID, SwapOptions::new("ada"))
        .await
        .unwrap();
    drop(host);
    // Dropped by hand while nothing ran: it is newer, and no row speaks of it.
    std::fs::write(
        folder.path().join("data/plugins/mine.wasm"),
        version("9.0.0", "good"),
    )
    .unwrap();
    let host = open(&folder.path().join("data")).await;
    assert_eq!(answers(&host, "work").await, "version 1.0.0");
    assert_eq!(
        of_digest(&host, &first.digest).await.state,
        VersionState::Active
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_or_changed_is_refused_and_the_newest_other_one_is_used() {
    for changed in [false, true] {
        let (host, folder) = host().await;
        install(&host, version("1.0.0", "good")).await;
        connect(&host, "work", 0, "").await;
        let second = install(&host, version("2.0.0", "good")).await;
        let third = install(&host, version("3.0.0", "good")).await;
        drop(host);
        let file = file_of(folder.path(), &third.digest);
        if changed {
            std::fs::write(&file, version("3.0.0", "scan-trap")).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        let host = open(&folder.path().join("data")).await;
        assert_eq!(answers(&host, "work").await, "version 2.0.0");
        let lost = of_digest(&host, &third.digest).await;
        let why = lost.report.refused.unwrap();
        let word = if changed {
            "was changed"
        } else {
            "is not there any more"
        };
        assert!(
            lost.state == VersionState::Refused && why.contains(word),
            "{why}"
        );
        let used = of_digest(&host, &second.digest).await;
        assert_eq!(used.state, VersionState::Active);
        let said = &used.report.steps[0].message;
        assert!(said.contains("instead") && said.contains(word), "{said}");
        // And it stays so.
        drop(host);
        let host = open(&folder.path().join("data")).await;
        assert_eq!(answers(&host, "work").await, "version 2.0.0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_before_its_row_changes_nothing() {
    let (host, folder) = host().await;
    let first = install(&host, version("1.0.0", "good")).await;
    connect(&host, "work", 0, "").await;
    let other = tempfile::tempdir().unwrap();
    let digest = {
        let elsewhere = open(&other.path().join("data")).await;
        install(&elsewhere, version("2.0.0", "good")).await.digest
    };
    drop(host);
    // The process ended when the file was there and the row was not.
    std::fs::copy(
        file_of(other.path(), &digest),
        file_of(folder.path(), &digest),
    )
    .unwrap();
    let host = open(&folder.path().join("data")).await;
    assert_eq!(answers(&host, "work").await, "version 1.0.0");
    let listed = host.plugin_versions().await.unwrap();
    let mine: Vec<_> = listed.iter().filter(|one| one.connector == ID).collect();
    assert_eq!(mine.len(), 1);
    // Asked for again, it is as any other.
    let second = install(&host, version("2.0.0", "good")).await;
    assert_eq!(second.state, VersionState::Active);
    assert_eq!(answers(&host, "work").await, "version 2.0.0");
    assert_eq!(
        of_digest(&host, &first.digest).await.state,
        VersionState::Installed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_into_the_folder_by_hand_is_used_and_kept_as_a_way_back() {
    let folder = tempfile::tempdir().unwrap();
    // The folder of an earlier ox-host.
    let old = folder.path().join("data/connectors");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::write(old.join("mine.wasm"), version("1.0.0", "good")).unwrap();
    let host = open(&folder.path().join("data")).await;
    assert!(!old.exists() && folder.path().join("data/plugins/mine.wasm").exists());
    connect(&host, "work", 0, "").await;
    assert_eq!(answers(&host, "work").await, "version 1.0.0");
    let listed = host.plugin_versions().await.unwrap();
    let by_hand = listed.iter().find(|one| one.connector == ID).unwrap();
    assert_eq!(
        (by_hand.state, by_hand.version.as_str()),
        (VersionState::Active, "1.0.0")
    );

    install(&host, version("2.0.0", "good")).await;
    std::fs::remove_file(folder.path().join("data/plugins/mine.wasm")).unwrap();
    let back = host
        .roll_back_version(ID, SwapOptions::new("ada"))
        .await
        .unwrap();
    assert_eq!(back.state, VersionState::Active, "{:?}", back.report);
    assert_eq!(answers(&host, "work").await, "version 1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_plugin_file_nothing_is_swapped_and_it_is_said_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    std::fs::write(&file, version("7.0.0", "good")).unwrap();
    let host = Host::open(HostOptions {
        data_dir: folder.path().join("data"),
        cache_dir: Some(code_folder()),
        jobs: 1,
        plugin: Some(file),
        limits: Vec::new(),
    })
    .await
    .unwrap();
    let delivery = Delivery {
        bytes: version("8.0.0", "good"),
        ..Delivery::default()
    };
    let refused = host
        .install_version(delivery, SwapOptions::new("ada"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("--plugin"), "{refused}");
    let listed = host.plugin_versions().await.unwrap();
    assert_eq!(listed[0].version, "7.0.0");
}
