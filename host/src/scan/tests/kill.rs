//! `kill -9` at random points: everything that was acknowledged is there, and the end is the same.
//!
//! The test starts itself again as a child that scans and prints every acknowledgement; the parent reads,
//! kills, looks into the store, and starts the next child until one comes to its end.

#![allow(
    clippy::print_stdout,
    reason = "the child speaks to its parent, and the seed is for people"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::store::Store;
use crate::store::tests::new_connection;

const CHILD: &str = "OX_HOST_TEST_KILLED_CHILD";
const BATCHES: usize = 40;
const PATHS: [&str; 3] = ["a", "b", "c"];

fn world() -> Script {
    let batch = |path: &str, number: usize| {
        let seed = u8::try_from(number).unwrap();
        let name = format!("{path}{number}");
        vec![
            finding(&name, Severity::High),
            // The packages of one image come in the next batch.
            image(seed, 1, true),
            packages(
                seed.saturating_sub(1),
                if number == 0 { &[] } else { &["p"] },
            ),
        ]
    };
    let of = |path: &'static str| {
        let mut batches: Vec<_> = (0..BATCHES).map(|number| batch(path, number)).collect();
        batches.push(vec![packages(u8::try_from(BATCHES - 1).unwrap(), &["p"])]);
        (
            path,
            Scripted {
                batches,
                ..Scripted::default()
            },
        )
    };
    Script::flat(PATHS.map(of).to_vec())
}

async fn scan(folder: &Path, acknowledged: impl Fn(&str, &str) + Send + Sync + 'static) {
    let store = Arc::new(Store::open(folder).unwrap());
    let connection = store
        .save_connection(new_connection(Some("main")))
        .unwrap()
        .id;
    let listed = PATHS.map(location).to_vec();
    store
        .record_listing(connection, listed, Vec::new(), true)
        .await
        .unwrap();
    let locations = store
        .locations(connection)
        .unwrap()
        .iter()
        .map(|known| known.id)
        .collect();
    let begin = BeginScan {
        connection,
        locations,
        partial_plan: false,
        fresh: false,
        resume: None,
    };
    let scan = store.begin_scan(begin).await.unwrap();
    let id = scan.id;
    let job = ScanJob {
        store: store.clone(),
        connector: Arc::new(Watched {
            inner: Arc::new(world()),
            acknowledged: Arc::new(acknowledged),
        }),
        connection,
        scan,
        jobs: 2,
        policy: policy(),
        events: Arc::new(Silent),
        cancel: CancellationToken::new(),
    };
    assert!(run_scan(job).await.stop.is_none());
    assert!(store.end_scan(id, true).await.unwrap().complete);
}

/// Every batch up to the acknowledged cursor is in the store.
fn check(folder: &Path, acknowledged: &BTreeMap<String, usize>) {
    let store = Store::open(folder).unwrap();
    assert!(store.is_owner(), "the dead owner's lock is gone");
    let lines = dump(&store);
    for (path, cursor) in acknowledged {
        for number in 0..(*cursor).min(BATCHES) {
            let id = format!("\"id\":\"{path}{number}\"");
            assert!(
                lines.iter().any(|line| line.contains(&id)),
                "finding {path}{number} was acknowledged"
            );
        }
        let stored = lines
            .iter()
            .find_map(|line| line.strip_prefix(&format!("ended {path} ")))
            .unwrap();
        let stored: usize = stored.rsplit(' ').next().unwrap().parse().unwrap_or(0);
        assert!(
            stored >= *cursor,
            "cursor {cursor} of {path} was acknowledged, {stored} is stored"
        );
    }
}

#[test]
fn a_killed_scan_loses_nothing_that_was_acknowledged() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    if let Some(folder) = std::env::var_os(CHILD) {
        runtime().block_on(scan(Path::new(&folder), |location, cursor| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "ack {location} {cursor}").unwrap();
            out.flush().unwrap();
        }));
        println!("done");
        return;
    }

    let folder = tempfile::tempdir().unwrap();
    let killed = folder.path().join("killed");
    let mut acknowledged: BTreeMap<String, usize> = BTreeMap::new();
    let mut kills = 0;
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}");
    loop {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let lives = (seed >> 33) % 12;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "scan::tests::kill::a_killed_scan_loses_nothing_that_was_acknowledged",
                "--nocapture",
            ])
            .env(CHILD, &killed)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        let mut done = false;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            done |= line == "done";
            let Some(("ack", rest)) = line.split_once(' ') else {
                continue;
            };
            let (path, cursor) = rest.split_once(' ').unwrap();
            acknowledged.insert(path.to_owned(), cursor.parse().unwrap());
            seen += 1;
            // Lines that are still in the pipe are acknowledgements too: they are read to the end.
            if seen == lives + 1 {
                child.kill().unwrap();
            }
        }
        let _ = child.wait();
        check(&killed, &acknowledged);
        if done {
            break;
        }
        kills += 1;
        assert!(kills < 200, "it never comes to its end");
    }
    assert!(kills >= 3, "it was killed {kills} times only");

    let calm = folder.path().join("calm");
    runtime().block_on(scan(&calm, |_, _| {}));
    assert_eq!(
        dump(&Store::open(&killed).unwrap()),
        dump(&Store::open(&calm).unwrap())
    );
}
