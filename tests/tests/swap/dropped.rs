//! Files that are dropped into a folder, with the daemon's own watch.

use ox_host::serve::bus::Topic;
use ox_host::serve::{ServeOptions, Server};

use super::*;

struct Watching {
    host: Arc<Host>,
    server: Arc<Server>,
    incoming: PathBuf,
    _folder: tempfile::TempDir,
}

async fn watching() -> Watching {
    let (host, folder) = host().await;
    let server = Server::new(host.clone(), ServeOptions::default())
        .await
        .unwrap();
    tokio::spawn(server.plugins.clone().watch(server.stopping.clone()));
    let incoming = folder.path().join("data/plugins/incoming");
    until(async || incoming.is_dir()).await;
    Watching {
        host,
        server,
        incoming,
        _folder: folder,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_file_is_installed_and_gone_from_the_folder() {
    let watching = watching().await;
    let mut bus = watching.server.bus.listen(None);
    let file = watching.incoming.join("new.wasm");
    std::fs::write(&file, version("1.0.0", "good")).unwrap();
    until(async || !file.exists()).await;
    let versions = watching.host.plugin_versions().await.unwrap();
    let mine = versions.iter().find(|one| one.connector == ID).unwrap();
    assert_eq!(
        (mine.state, mine.installed_by.as_str()),
        (VersionState::Active, "host")
    );
    let event = bus.next().await.unwrap();
    assert_eq!(
        (event.topic, event.subject),
        (Topic::Plugin, mine.digest.clone())
    );
    assert_eq!(event.data["step"]["name"], "read");
    assert_eq!(event.data["step"]["status"], "running");
    watching.server.stopping.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_file_that_is_refused_is_moved_away_with_a_text_that_says_why() {
    let watching = watching().await;
    let refused = watching.incoming.join("refused");
    std::fs::write(watching.incoming.join("bad.wasm"), b"hello").unwrap();
    // The digest first, so that no look sees the file without it.
    std::fs::write(watching.incoming.join("cut.wasm.sha256"), "0".repeat(64)).unwrap();
    std::fs::write(watching.incoming.join("cut.wasm"), version("1.0.0", "good")).unwrap();
    for (name, why) in [
        ("bad", "not a WebAssembly component"),
        ("cut", "was asked for"),
    ] {
        let moved = refused.join(format!("{name}.wasm"));
        until(async || moved.exists()).await;
        let text = std::fs::read_to_string(refused.join(format!("{name}.wasm.txt"))).unwrap();
        assert!(text.contains(why), "{text}");
        assert!(!watching.incoming.join(format!("{name}.wasm")).exists());
    }
    assert!(refused.join("cut.wasm.sha256").exists());
    let versions = watching.host.plugin_versions().await.unwrap();
    assert!(
        versions
            .iter()
            .all(|one| one.connector != ID || one.state == VersionState::Refused)
    );
    watching.server.stopping.cancel();
}
