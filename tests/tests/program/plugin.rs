//! `plugin`: versions of the connector from the command line.

use super::*;

/// The connector with other bytes: a custom section at its end.
fn another(folder: &Path) -> PathBuf {
    let mut bytes = std::fs::read(&*CONNECTOR).unwrap();
    bytes.extend(b"\0\x05\x04test");
    let file = folder.join("another.wasm");
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn install_versions_rollback_activate_and_remove() {
    let stage = Stage::small().connected();
    let folder = tempfile::tempdir().unwrap();
    let file = another(folder.path());
    let ox = |arguments: &[&str]| {
        let mut run = stage.run(arguments);
        run.command.env_remove("OX_HOST_PLUGIN");
        run.end()
    };
    let installed = ox(&["plugin", "install", CONNECTOR.to_str().unwrap()]).must(0);
    assert!(installed.stdout.starts_with("Installed gitlab-registry"));
    ox(&["plugin", "install", file.to_str().unwrap()]).must(0);
    let versions = || {
        let json = ox(&["plugin", "versions", "--json"]).must(0).json();
        let all = json["versions"].as_array().unwrap().clone();
        all.into_iter()
            .map(|one| {
                (
                    one["state"].to_string(),
                    one["digest"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let listed = versions();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (listed[0].0.as_str(), listed[1].0.as_str()),
        ("\"active\"", "\"installed\"")
    );
    let (new, old) = (listed[0].1.clone(), listed[1].1.clone());

    let back = ox(&["plugin", "rollback"]).must(0);
    assert!(
        back.stdout.starts_with("Active: gitlab-registry"),
        "{}",
        back.stdout
    );
    assert_eq!(versions()[0].1, old);
    let kept = ox(&["plugin", "remove", &old]).must(3);
    assert!(kept.stderr.contains("the active one"), "{}", kept.stderr);
    ox(&["plugin", "activate", &new[..20]]).must(0);
    ox(&["plugin", "remove", &old]).must(0);
    assert_eq!(versions(), [("\"active\"".to_owned(), new)]);
    let table = ox(&["plugin", "versions"]).must(0);
    assert!(table.stdout.contains("active"), "{}", table.stdout);
    // What is installed is what scans.
    ox(&["scan", "work"]).must(0);
}
