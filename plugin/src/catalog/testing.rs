//! What the tests of cataloguers share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::path::Path;
use std::process::Command;

use super::{CATALOGUERS, Cataloguer, File, Found, FoundPackage};

/// What it says of a file with these contents.
pub(super) fn parse(by: &dyn Cataloguer, key: &str, contents: impl AsRef<[u8]>) -> Found {
    let mut found = Found::default();
    by.parse(&File::of_path(key), &mut contents.as_ref(), &mut found)
        .unwrap();
    found
}

/// The one package that it finds there.
pub(super) fn package(by: &dyn Cataloguer, key: &str, contents: impl AsRef<[u8]>) -> FoundPackage {
    let mut found = parse(by, key, contents);
    assert_eq!(found.packages.len(), 1, "{:?}", found.notes);
    found.packages.remove(0)
}

/// True when it reads the file at that path.
pub(super) fn wants(by: &dyn Cataloguer, key: &str) -> bool {
    by.wants(&File::of_path(key))
}

/// Reads every beginning of a good file.
pub(super) fn survives_truncation(by: &dyn Cataloguer, key: &str, good: &[u8]) {
    for end in 0..good.len() {
        parse(by, key, &good[..end]);
    }
}

/// All that it reads below a folder of this machine, by key.
pub(super) fn walk(by: &dyn Cataloguer, root: &Path) -> Vec<(String, Found)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let key = path.to_string_lossy().trim_start_matches('/').to_owned();
                if wants(by, &key) {
                    let found = parse(by, &key, std::fs::read(&path).unwrap());
                    all.push((key, found));
                }
            }
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// What a tool of this machine prints, where it is there and answers.
pub(super) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

/// For comparing with other tools: `OX_CATALOGUE_FOLDER=x cargo test folder_named -- --nocapture`.
#[test]
fn a_folder_named_by_a_variable_is_listed() {
    let Some(folder) = std::env::var_os("OX_CATALOGUE_FOLDER") else {
        println!("skipped: no OX_CATALOGUE_FOLDER");
        return;
    };
    for by in CATALOGUERS {
        for (key, found) in walk(*by, folder.as_ref()) {
            for package in &found.packages {
                let purl = by.purl(package, None);
                println!("{}\t{purl}\t{key}\t{:?}", by.id(), package.licences);
            }
            for note in &found.notes {
                println!("{}\tnote\t{key}\t{}", by.id(), note.why.message);
            }
        }
    }
}
