//! Starting: compiled code is kept, a damaged cache is survived, and one folder has one writer.

use super::*;

/// The kept code, with what would tell that it was written again.
fn code(data: &Path) -> Vec<(PathBuf, std::time::SystemTime, u64)> {
    let entries = std::fs::read_dir(data.join("code")).unwrap();
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "cwasm"))
        .map(|path| {
            let about = std::fs::metadata(&path).unwrap();
            (path, about.modified().unwrap(), about.len())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_second_start_compiles_nothing_and_is_fast() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Run::new(&data, &["plugin", "list", "-vv"]).end().must(0);
    let kept = code(&data);
    assert_eq!(kept.len(), 1);
    assert!(!first.stderr.contains("compiled code reused"));
    let second = Run::new(&data, &["plugin", "list", "-vv"]).end().must(0);
    assert!(
        second.stderr.contains("compiled code reused"),
        "{}",
        second.stderr
    );
    assert_eq!(code(&data), kept);
    assert_eq!(first.stdout, second.stdout);
    assert!(
        second.took < first.took,
        "{:?} after {:?}",
        second.took,
        first.took
    );
    assert!(second.took < Duration::from_secs(10), "{:?}", second.took);
}

#[test]
fn damaged_code_is_compiled_again() {
    let folder = data_folder();
    let data = folder.path().join("data");
    let list = || Run::new(&data, &["plugin", "list", "-vv"]).end().must(0);
    let right = list();
    let (file, _, size) = code(&data).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let damages = [flipped, whole[..whole.len() / 3].to_vec(), Vec::new()];
    for damaged in damages {
        std::fs::write(&file, &damaged).unwrap();
        let ended = list();
        assert_eq!(ended.stdout, right.stdout);
        assert!(!ended.stderr.contains("reused"), "{}", ended.stderr);
        assert_eq!(code(&data).remove(0).2, size, "it is whole again");
    }
    // A key that is gone makes all that it signed worthless, and no more.
    let key = std::fs::read_dir(data.join("code"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "key"));
    std::fs::remove_file(key.unwrap()).unwrap();
    assert_eq!(list().stdout, right.stdout);
}

#[test]
fn the_second_writer_of_a_folder_is_told_who_has_it_and_readers_are_not_disturbed() {
    let stage = Stage::small().connected();
    stage.gitlab.clear_log();
    stage
        .gitlab
        .modes(|modes| modes.latency = Duration::from_millis(600));
    let mut first = stage.run(&["scan", "work", "--jobs", "1"]).begin();
    stage.wait_for_requests(5, &mut first);
    let id = first.child.id().to_string();
    for arguments in [
        &["scan", "work"][..],
        &["select", "work", "--include", "acme/**"],
        &["disconnect", "work"],
        &["locations", "work", "--refresh"],
    ] {
        let refused = stage.ox(arguments).must(1);
        assert!(
            refused.stderr.contains("in use by another ox-host") && refused.stderr.contains(&id),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    for arguments in [&["connections"][..], &["images"], &["findings"]] {
        stage.ox(arguments).must(0);
    }
    assert!(
        !first.is_over(),
        "the first had ended before the second was told"
    );
    stage.gitlab.modes(|modes| modes.latency = Duration::ZERO);
    first.end().must(0);
    stage.ox(&["scan", "work"]).must(0);
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let stage = Stage::small().connected();
    let path = stage.data().join("store.db");
    {
        let store = rusqlite::Connection::open(&path).unwrap();
        store.pragma_update(None, "user_version", 999).unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    let refused = stage.ox(&["connections"]).must(1);
    assert!(
        refused.stderr.contains("newer ox-host"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("999"), "{}", refused.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_store_is_told_and_not_made_worse() {
    let stage = Stage::small().connected();
    stage.ox(&["scan", "work"]).must(0);
    let path = stage.data().join("store.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let most = bytes.len() / 4 * 3;
    bytes[8192..most].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let refused = stage.ox(&["findings"]).must(1);
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
    assert!(refused.stderr.contains("store.db"), "{}", refused.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}
