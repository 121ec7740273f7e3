//! An import that is killed, at points spread over its whole length, and run again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::sample::{export, kev, records};
use super::*;

const INDEX: &str = "OX_TEST_KILLED_INDEX";
const DATA: &str = "OX_TEST_KILLED_DATA";
const AT: &str = "OX_TEST_KILLED_AT";

/// Says when it has come to the step, and stops there or goes on.
struct ToStep {
    at: usize,
    steps: AtomicUsize,
}

impl Progress for ToStep {
    fn report(&self, _: Step<'_>) {
        if self.steps.fetch_add(1, Ordering::SeqCst) == self.at {
            eprintln!("here");
            // Half of the children are killed inside the step, half at some time after it.
            if self.at.is_multiple_of(2) {
                std::thread::sleep(Duration::from_secs(600));
            }
        }
    }
}

#[test]
fn the_child_of_the_test_below() {
    let Some(folder) = std::env::var_os(INDEX).map(PathBuf::from) else {
        return;
    };
    let data = PathBuf::from(std::env::var_os(DATA).unwrap());
    let at = std::env::var(AT).unwrap().parse().unwrap();
    let index = Index::open(&folder).unwrap();
    let steps = AtomicUsize::new(0);
    from_path(&index, &data, &ToStep { at, steps }, &Cancel::new()).unwrap();
}

/// Kills a child at a step; false when it ended before.
fn killed(index: &Path, data: &Path, at: usize) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "import::killed_tests::the_child_of_the_test_below",
            "--nocapture",
        ])
        .env(INDEX, index)
        .env(DATA, data)
        .env(AT, at.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let here = said.any(|line| line.unwrap() == "here");
    child.kill().unwrap();
    child.wait().unwrap();
    here
}

#[test]
fn a_killed_import_run_again_is_the_same_as_an_undisturbed_one() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let (calm, disturbed) = (home.path().join("calm"), home.path().join("disturbed"));
    let kev_file = data.join("known_exploited_vulnerabilities.json");
    let import = |folder: &Path, what: &Path| {
        let index = Index::open(folder).unwrap();
        let report = from_path(&index, what, &(), &Cancel::new()).unwrap();
        assert!(!report.incomplete(), "{report:?}");
        index.dump().unwrap()
    };
    let mut kills = 0;
    let mut before = Index::open(&calm).unwrap().dump().unwrap();
    for edition in 0..2 {
        for ecosystem in ["PyPI", "npm"] {
            export(&data, ecosystem, &records(ecosystem, 1500, edition));
        }
        let cves = ["CVE-2024-1001", "CVE-2024-1002"];
        std::fs::write(&kev_file, kev(&cves[..=edition])).unwrap();
        // The states that may be seen: each source is old or new as a whole.
        let steps = [data.join("PyPI"), data.join("npm"), kev_file.clone()];
        let mut states = vec![before];
        states.extend(steps.iter().map(|step| import(&calm, step)));
        for at in [0, 1, 2, 4, 5, 7, 8, 10, 13, 14] {
            kills += usize::from(killed(&disturbed, &data, at));
            let seen = Index::open(&disturbed).unwrap().dump().unwrap();
            assert!(
                states.contains(&seen),
                "edition {edition}, killed at {at}: half of a source is there"
            );
        }
        before = import(&disturbed, &data);
        assert_eq!(Some(&before), states.last(), "edition {edition}");
    }
    assert!(kills >= 10, "only {kills} children were there to be killed");
}
