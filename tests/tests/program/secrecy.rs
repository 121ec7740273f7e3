//! Where the token is not: in no file, no stream, no log.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;

use super::*;

/// The token as it may stand somewhere: raw, and in base64 at each of the three places in its groups.
fn spellings() -> Vec<Vec<u8>> {
    let mut all = vec![
        TOKEN.as_bytes().to_vec(),
        TOKEN.bytes().rev().collect(),
        TOKEN.bytes().flat_map(|byte| [byte, 0]).collect(),
    ];
    for before in ["", "x", "xy"] {
        let text = format!("{before}{TOKEN}");
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&text);
        // What is left is made of the token alone, whatever stands around it.
        let from = [0, 2, 3][before.len()];
        let whole = text.len() / 3 * 4;
        all.push(encoded.as_bytes()[from..whole].to_vec());
    }
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    all.push(hex.into_bytes());
    all
}

fn assert_free_of_token(what: &str, bytes: &[u8]) {
    for spelling in spellings() {
        let found = bytes
            .windows(spelling.len())
            .any(|window| window == spelling);
        assert!(!found, "{what} holds the token");
    }
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

#[test]
fn the_search_finds_the_token_in_every_spelling() {
    let encoder = base64::engine::general_purpose::STANDARD;
    for prefix in ["", "a", "ab", "oauth2:"] {
        let encoded = encoder.encode(format!("{prefix}{TOKEN}"));
        let found = std::panic::catch_unwind(|| assert_free_of_token("it", encoded.as_bytes()));
        assert!(found.is_err(), "{prefix}");
    }
    assert!(std::panic::catch_unwind(|| assert_free_of_token("it", TOKEN.as_bytes())).is_err());
}

#[test]
fn the_token_is_in_no_file_and_no_stream() {
    let stage = Stage::small();
    let url = stage.gitlab.base_url();
    let form = ["--url", &url, "--token-env", VARIABLE];
    let connect = ["connect", "gitlab-registry", "-vv", "--name", "work"];
    let connect = [&connect[..], &form].concat();
    let mut said = vec![stage.ox(&connect).must(0)];
    for arguments in [
        &["scan", "work", "-vvv"][..],
        &[
            "scan",
            "work",
            "-v",
            "--progress",
            "json",
            "--format",
            "json",
        ],
        &["verify", "work", "-vv", "--json"],
        &["connections", "--json"],
        &["locations", "work", "--json", "-vv"],
        &["images", "--format", "json"],
        &["skipped", "--format", "json"],
    ] {
        said.push(stage.ox(arguments).must(0));
    }
    said.push(stage.ox(&[&["scan", "-vv"][..], &form].concat()).must(0));
    // An error that repeats what the other side said.
    stage.gitlab.world(|world| world.organisation.revoke(TOKEN));
    said.push(stage.ox(&["scan", "work", "-vvv", "--fresh"]).must(4));
    said.push(stage.ox(&["verify", "work", "-vvv"]).must(4));
    for ended in &said {
        assert_free_of_token("stdout", ended.stdout.as_bytes());
        assert_free_of_token("stderr", ended.stderr.as_bytes());
    }

    let mut all = Vec::new();
    files(&stage.data(), &mut all);
    assert!(all.len() >= 4, "{all:?}");
    for file in &all {
        assert_free_of_token(&file.display().to_string(), &std::fs::read(file).unwrap());
    }
}

#[test]
fn the_data_folder_is_its_owners_and_the_key_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    Run::new(&data, &["connections"]).end().must(0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut all = Vec::new();
    files(&data, &mut all);
    let key = all
        .iter()
        .find(|file| file.extension().is_some_and(|end| end == "key"));
    assert!(key.is_some(), "{all:?}");
    for file in &all {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}
