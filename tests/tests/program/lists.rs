//! What the commands write, and where: tables, JSON, JSON lines; data on stdout, the rest on stderr.

use std::collections::HashSet;

use super::*;

/// One scanned account for all tests here: they only read.
static SCANNED: LazyLock<Stage> = LazyLock::new(|| {
    let stage = Stage::small().connected();
    with_findings(&stage.gitlab);
    let ended = stage.ox(&["scan", "work"]).must(0);
    assert!(ended.stdout.contains("10 images"), "{}", ended.stdout);
    stage
});

/// A copy of its data folder: only one program at a time writes, and tests run beside each other.
fn scanned() -> (TempDir, PathBuf) {
    let folder = data_folder();
    let data = folder.path().join("data");
    for name in ["store.db", "secret.key"] {
        std::fs::copy(SCANNED.data().join(name), data.join(name)).unwrap();
    }
    (folder, data)
}

fn ox(data: &Path, arguments: &[&str]) -> Ended {
    Run::new(data, arguments).end()
}

/// How many of a document's findings are GitLab's own.
fn of_gitlab(findings: &Value) -> usize {
    let all = findings.as_array().unwrap().iter();
    all.filter(|finding| finding["source"] != "connector")
        .count()
}

#[test]
fn every_list_is_a_table_a_document_and_lines() {
    let (_folder, data) = scanned();
    let digest = {
        let lines = ox(&data, &["images", "--format", "jsonl"]).must(0).lines();
        lines[0]["digest"].as_str().unwrap().to_owned()
    };
    for (command, many) in [
        (vec!["findings"], Some(25)),
        (vec!["findings", "--kind", "vulnerability"], Some(3)),
        (vec!["images"], Some(10)),
        (vec!["images", "--packages", &digest], None),
        (vec!["skipped"], None),
    ] {
        let with = |more: &[&'static str]| {
            let ended = ox(&data, &[&command[..], more].concat()).must(0);
            assert_eq!(ended.stderr, "", "{command:?} {more:?}");
            ended
        };
        let table = with(&[]);
        assert!(table.stdout.lines().count() > 2, "{}", table.stdout);
        with(&["--format", "json"]).json();
        let lines = with(&["--format", "jsonl"]).lines();
        if let Some(many) = many {
            assert_eq!(lines.len(), many, "{command:?}");
        }
    }
    for arguments in [
        &["connections", "--json"][..],
        &["locations", "work", "--json"],
        &["plugin", "list", "--json"],
        &["plugin", "inspect", CONNECTOR.to_str().unwrap(), "--json"],
        &["select", "work", "--include", "acme/**", "--json"],
    ] {
        ox(&data, arguments).must(0).json();
    }
    for arguments in [
        &["connections"][..],
        &["locations", "work"],
        &["locations", "work", "--tree"],
        &["plugin", "list"],
        &["select", "work"],
    ] {
        let ended = ox(&data, arguments).must(0);
        assert!(!ended.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_scan_is_a_table_a_document_or_lines_and_its_progress_is_on_stderr() {
    let stage = Stage::small().connected();
    with_findings(&stage.gitlab);
    let table = stage.ox(&["scan", "work"]).must(0);
    assert!(table.stdout.contains("acme/shop/api"), "{}", table.stdout);
    assert!(table.stdout.contains("CVE-2024-0001"), "{}", table.stdout);
    assert!(table.stderr.contains("acme/shop/api: "), "{}", table.stderr);
    // One line a location; that it began is for those who ask.
    assert!(!table.stderr.contains("started"), "{}", table.stderr);
    let verbose = stage.ox(&["scan", "work", "-v"]).must(0);
    assert!(verbose.stderr.contains("acme/shop/api: started"));

    let json = stage
        .ox(&["scan", "work", "--format", "json", "--progress", "json"])
        .must(0);
    let scan = json.json();
    assert_eq!(scan["images"].as_array().unwrap().len(), 10, "{scan}");
    assert_eq!(of_gitlab(&scan["findings"]), 3);
    for line in json.stderr.lines() {
        let _: Value = serde_json::from_str(line).unwrap();
    }
    let lines = stage
        .ox(&["scan", "work", "--format", "jsonl", "-q"])
        .must(0);
    assert_eq!(lines.stderr, "");
    let lines = lines.lines();
    let kinds: HashSet<&str> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.is_superset(&HashSet::from(["image", "finding", "location"])));
    assert_eq!(lines.last().unwrap()["kind"], "scan");
}

#[test]
fn a_location_is_chosen_by_pattern_and_scanned_by_path() {
    let stage = Stage::small().connected();
    let select = ["select", "work", "--include", "acme/shop/**"];
    let rest = ["--exclude", "**/jobs/*", "--new-locations", "include"];
    stage.ox(&[&select[..], &rest].concat()).must(0);
    let scan = stage.ox(&["scan", "work", "--format", "json"]).must(0);
    let paths = |scan: &Value| -> Vec<String> {
        let locations = scan["locations"].as_array().unwrap();
        let path = |one: &Value| one["path"].as_str().unwrap().to_owned();
        locations.iter().map(path).collect()
    };
    assert_eq!(paths(&scan.json()), ["acme/shop/api", "acme/shop/web"]);
    let one = [
        "scan",
        "work",
        "--location",
        "acme/tools",
        "--format",
        "json",
    ];
    let one = stage.ox(&one).must(0).json();
    assert_eq!(one["locations"].as_array().unwrap().len(), 1, "{one}");
    // What was found before is still there.
    assert_eq!(stage.state().images.len(), 6);
    stage
        .ox(&["scan", "work", "--location", "acme/nothing"])
        .must(2);
}

#[test]
fn colours_are_for_terminals_and_those_who_force_them() {
    let (_folder, data) = scanned();
    let plain = Run::new(&data, &["findings"]).end().must(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let forced = Run::new(&data, &["findings"]).env("CLICOLOR_FORCE", "1");
    assert!(forced.end().must(0).stdout.contains('\u{1b}'));
    let always = Run::new(&data, &["findings", "--color", "always"]);
    assert!(always.end().must(0).stdout.contains('\u{1b}'));
    let refused = Run::new(&data, &["findings"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1");
    assert!(!refused.end().must(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (_folder, data) = scanned();
    let run = Run::new(&data, &["images", "--format", "json"]);
    let mut command = run.command;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let stderr = collect(child.stderr.take().unwrap());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(stderr.join().unwrap(), "");
}

#[test]
fn the_reason_of_what_was_skipped_can_be_read_whole() {
    let (_folder, data) = scanned();
    let table = ox(&data, &["skipped"]).must(0).stdout;
    let rows = ox(&data, &["skipped", "--format", "jsonl"]).must(0).lines();
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!rows.is_empty());
    for row in rows {
        let text = row.to_string();
        let message = row["message"]
            .as_str()
            .or_else(|| row["why"].as_str())
            .unwrap_or_else(|| panic!("{text}"));
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&message), "{message}\n{table}");
    }
    assert!(
        table.lines().all(|line| line.chars().count() <= 122),
        "{table}"
    );
}

#[test]
fn an_account_is_scanned_in_one_line_without_being_saved() {
    let stage = Stage::small();
    with_findings(&stage.gitlab);
    let url = stage.gitlab.base_url();
    let form = ["scan", "--url", &url, "--token-env", VARIABLE];
    let rest = ["--include", "acme/shop/api", "--format", "json"];
    let scan = stage.ox(&[&form[..], &rest].concat()).must(0).json();
    assert_eq!(scan["locations"].as_array().unwrap().len(), 1, "{scan}");
    assert_eq!(of_gitlab(&scan["findings"]), 3);
    let saved = stage.ox(&["connections", "--json"]).must(0).json();
    assert!(saved["connections"].as_array().unwrap().is_empty());
    assert!(stage.query("SELECT field FROM secret").is_empty());
    // The gate of a pipeline.
    let gate = ["--include", "acme/shop/api", "--fail-on", "high"];
    let ended = stage.ox(&[&form[..], &gate].concat()).must(10);
    assert!(ended.stderr.contains("--fail-on"), "{}", ended.stderr);
    let gate = ["--include", "acme/shop/api", "--fail-on", "critical"];
    stage.ox(&[&form[..], &gate].concat()).must(0);
}
