#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::health::{backoff, of_runs};
use super::*;
use crate::contract::{Failure, Severity};
use crate::host::tests::{World, connected, world};
use crate::scan::Fault;
use crate::scan::script::{Script, Scripted, finding, why};
use crate::serve::bus::Bus;
use crate::serve::metrics::Metrics;

fn good(id: &str) -> Scripted {
    Scripted {
        batches: vec![vec![finding(id, Severity::High)]; 3],
        ..Scripted::default()
    }
}

fn slow(id: &str) -> Scripted {
    Scripted {
        pace: Duration::from_millis(150),
        ..good(id)
    }
}

fn hanging() -> Scripted {
    Scripted {
        hangs: true,
        ..Scripted::default()
    }
}

fn runs_of(world: &World, places: usize) -> Arc<Runs> {
    let options = ServeOptions {
        scans_at_once: places,
        ..ServeOptions::default()
    };
    Runs::new(
        world.host.clone(),
        Arc::new(Bus::default()),
        Arc::new(Metrics::default()),
        &options,
    )
}

fn wish(name: &str, locations: &[&str]) -> RunRequest {
    RunRequest {
        kind: RunKind::Scan,
        connection: Some(name.to_owned()),
        locations: locations.iter().map(|path| (*path).to_owned()).collect(),
        fresh: false,
        cause: Cause::Person,
        by: "alice".to_owned(),
    }
}

async fn wait(runs: &Arc<Runs>, run: i64, what: impl Fn(&Run) -> bool) -> Run {
    for _ in 0..2000 {
        let found = runs.run(run).unwrap().run;
        if what(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {:?}", runs.run(run).unwrap());
}

async fn over(runs: &Arc<Runs>, run: i64) -> Run {
    wait(runs, run, |run| run.state.is_over()).await
}

/// Waits until a location is being scanned.
async fn scanning(runs: &Arc<Runs>, run: i64, path: &str) -> Run {
    wait(runs, run, |run| {
        run.progress.doing.iter().any(|(doing, _)| doing == path)
    })
    .await
}

#[tokio::test]
async fn a_wish_is_in_the_store_before_anybody_is_told() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    let mut news = runs.bus.listen(None);
    let (run, joined) = runs.ask(wish(&name, &[])).await.unwrap();
    assert!(!joined);
    let stored = world.host.store().task(run.id).unwrap().unwrap();
    assert_eq!(stored.run.state, RunState::Queued);
    assert_eq!(news.next().await.unwrap().subject, run.id.to_string());
}

#[tokio::test]
async fn a_run_says_how_it_went() {
    let world = world(Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/web", good("w")),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    let run = over(&runs, run.id).await;
    assert_eq!((run.state, run.by.as_str()), (RunState::Complete, "alice"));
    assert_eq!((run.progress.done, run.progress.of), (2, 2));
    assert!(run.scan.is_some() && run.started_at.is_some() && run.ended_at.is_some());
    assert_eq!(run.plugin.as_deref(), Some("sha256:00"));
    let lines = runs.lines(run.id, 0).unwrap();
    let subjects: Vec<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    assert_eq!(subjects.first(), Some(&"scan"));
    assert!(
        subjects.contains(&"acme/api") && subjects.last() == Some(&"end"),
        "{lines:?}"
    );
    assert_eq!(
        runs.lines(run.id, lines[0].seq).unwrap().len(),
        lines.len() - 1
    );
}

#[tokio::test]
async fn who_asks_again_joins_and_what_is_more_is_done_behind() {
    let world = world(Script::flat(vec![
        ("acme/api", slow("a")),
        ("acme/web", good("w")),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &["acme/api"])).await.unwrap();
    scanning(&runs, run.id, "acme/api").await;
    let (same, joined) = runs.ask(wish(&name, &["acme/api"])).await.unwrap();
    assert!(joined && same.id == run.id && same.joined == 1);
    let (same, joined) = runs.ask(wish(&name, &["acme/web"])).await.unwrap();
    assert!(joined && same.id == run.id && same.joined == 2);
    over(&runs, run.id).await;
    let all = runs.runs(&RunFilter::default(), None, 10).unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    let behind = over(&runs, all[0].id).await;
    assert_eq!(
        (behind.locations, behind.state),
        (vec!["acme/web".to_owned()], RunState::Complete)
    );
    assert_eq!(world.scripts.script.calls_of("acme/api").len(), 1);
    assert_eq!(world.scripts.script.calls_of("acme/web").len(), 1);
}

#[tokio::test]
async fn a_wish_that_waits_becomes_what_both_want() {
    let world = world(Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/web", good("w")),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    let (run, _) = runs.ask(wish(&name, &["acme/api"])).await.unwrap();
    runs.ask(wish(&name, &["acme/web"])).await.unwrap();
    runs.start().await.unwrap();
    let run = over(&runs, run.id).await;
    assert_eq!(run.progress.of, 2);
    assert_eq!(runs.runs(&RunFilter::default(), None, 10).unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_that_hangs_is_cancelled_and_the_connection_is_free() {
    let world = world(Script::flat(vec![("acme/api", hanging())]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    scanning(&runs, run.id, "acme/api").await;
    let cancelled = runs.cancel(run.id, "bob").await.unwrap();
    assert_eq!(cancelled.state, RunState::Cancelled);
    assert!(cancelled.message.unwrap().contains("bob"));
    let again = runs.cancel(run.id, "bob").await.unwrap();
    assert_eq!(again.state, RunState::Cancelled, "twice is once");
    world
        .scripts
        .script
        .locations
        .lock()
        .unwrap()
        .insert("acme/api".to_owned(), good("a"));
    let (next, joined) = runs.ask(wish(&name, &[])).await.unwrap();
    assert!(!joined);
    assert_eq!(over(&runs, next.id).await.state, RunState::Complete);
}

#[tokio::test]
async fn a_paused_run_goes_on_with_the_same_scan() {
    let world = world(Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/web", hanging()),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    wait(&runs, run.id, |run| run.progress.done == 1).await;
    let paused = runs.pause(run.id, "bob").await.unwrap();
    assert_eq!(paused.state, RunState::Paused);
    // The schedule comes, and joins; it stays paused.
    let (joined, _) = runs.ask(wish(&name, &[])).await.unwrap();
    assert_eq!((joined.id, joined.state), (run.id, RunState::Paused));
    world
        .scripts
        .script
        .locations
        .lock()
        .unwrap()
        .insert("acme/web".to_owned(), good("w"));
    runs.resume(run.id, "bob").await.unwrap();
    let run = over(&runs, run.id).await;
    assert_eq!((run.state, run.scan), (RunState::Complete, paused.scan));
    assert_eq!(
        world.scripts.script.calls_of("acme/api").len(),
        1,
        "what ended is not done again"
    );
}

#[tokio::test]
async fn a_daemon_that_ends_leaves_its_runs_to_the_next_one() {
    let world = world(Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/web", hanging()),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &["acme/**"])).await.unwrap();
    let first = wait(&runs, run.id, |run| run.progress.done == 1).await;
    assert!(runs.drain(Duration::from_secs(10)).await);
    assert_eq!(runs.run(run.id).unwrap().run.state, RunState::Queued);
    let (other, _) = runs.ask(wish(&name, &["acme/**"])).await.unwrap();
    assert_eq!(other.id, run.id);
    world
        .scripts
        .script
        .locations
        .lock()
        .unwrap()
        .insert("acme/web".to_owned(), good("w"));
    let next = runs_of(&world, 1);
    next.start().await.unwrap();
    let run = over(&next, run.id).await;
    assert_eq!((run.state, run.scan), (RunState::Complete, first.scan));
    assert_eq!((run.progress.done, run.progress.of), (2, 2));
    assert_eq!(world.scripts.script.calls_of("acme/api").len(), 1);
}

#[tokio::test]
async fn what_ran_when_the_last_process_was_killed_runs_again() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    // Begun, and nobody does it.
    world
        .host
        .store()
        .start_task(run.id, None)
        .await
        .unwrap()
        .unwrap();
    runs.start().await.unwrap();
    assert_eq!(over(&runs, run.id).await.state, RunState::Complete);
}

#[tokio::test]
async fn a_scan_that_ended_just_before_the_kill_is_not_done_again() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (first, _) = runs.ask(wish(&name, &[])).await.unwrap();
    let first = over(&runs, first.id).await;
    assert!(runs.drain(Duration::from_secs(10)).await);
    let next = runs_of(&world, 1);
    let (run, _) = next.ask(wish(&name, &[])).await.unwrap();
    world
        .host
        .store()
        .start_task(run.id, None)
        .await
        .unwrap()
        .unwrap();
    world
        .host
        .store()
        .set_task_scan(run.id, first.scan.unwrap())
        .await
        .unwrap();
    next.start().await.unwrap();
    let run = over(&next, run.id).await;
    assert_eq!((run.state, run.progress.done), (RunState::Complete, 1));
    assert_eq!(world.scripts.script.calls_of("acme/api").len(), 1);
}

#[tokio::test]
async fn connections_take_turns() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let names = [
        connected(&world).await,
        connected(&world).await,
        connected(&world).await,
    ];
    let runs = runs_of(&world, 1);
    // The first has been served, so the others come before it, though it asked first.
    let (served, _) = runs.ask(wish(&names[0], &[])).await.unwrap();
    runs.start().await.unwrap();
    over(&runs, served.id).await;
    assert!(runs.drain(Duration::from_secs(10)).await);
    let next = runs_of(&world, 1);
    let mut asked = Vec::new();
    for name in &names {
        asked.push(next.ask(wish(name, &[])).await.unwrap().0.id);
    }
    next.start().await.unwrap();
    let mut started = HashMap::new();
    for id in &asked {
        started.insert(*id, over(&next, *id).await.started_at.unwrap());
    }
    assert!(
        started[&asked[0]] > started[&asked[1]] && started[&asked[0]] > started[&asked[2]],
        "{started:?}"
    );
    assert_eq!(
        world
            .scripts
            .script
            .running_most
            .load(std::sync::atomic::Ordering::SeqCst),
        1
    );
}

#[tokio::test]
async fn a_retry_takes_what_failed_and_nothing_else() {
    let fault = Fault::Failure(Failure::NotFound(why("404.")));
    let broken = Scripted {
        faults: vec![(0, fault)],
        ..good("b")
    };
    let world = world(Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/broken", broken),
    ]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    let run = over(&runs, run.id).await;
    assert_eq!((run.state, run.progress.troubled), (RunState::Partial, 1));
    assert!(run.message.unwrap().contains("acme/broken: 404."));
    let detail = runs.run(run.id).unwrap();
    assert_eq!(
        detail.locations[0].path, "acme/broken",
        "the troubled first"
    );
    let (again, _) = runs.retry(run.id, "alice").await.unwrap();
    assert_eq!(
        (again.cause, again.locations.as_slice()),
        (Cause::Retry, &["acme/broken".to_owned()][..])
    );
    assert_eq!(over(&runs, again.id).await.state, RunState::Complete);
    assert_eq!(world.scripts.script.calls_of("acme/api").len(), 1);
    assert!(
        runs.retry(again.id, "alice").await.is_err(),
        "nothing is left"
    );
}

#[tokio::test]
async fn a_bad_token_fails_the_run_with_what_to_do() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let fault = Fault::Failure(Failure::Unauthenticated(why("The token has expired.")));
    world
        .scripts
        .script
        .listing_faults
        .lock()
        .unwrap()
        .insert(None, [fault].into());
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    let run = over(&runs, run.id).await;
    assert_eq!(run.state, RunState::Failed);
    assert_eq!(
        run.message.as_deref(),
        Some("The token has expired. Do something.")
    );
    let health = runs.health(&name).unwrap();
    assert_eq!(
        (health.failures, health.next_try),
        (1, None),
        "only crashes are backed off"
    );
    let (again, _) = runs.retry(run.id, "alice").await.unwrap();
    assert_eq!(over(&runs, again.id).await.state, RunState::Complete);
    assert_eq!(runs.health(&name).unwrap(), ConnectionHealth::default());
}

#[tokio::test]
async fn a_connector_that_keeps_crashing_is_backed_off_and_others_are_not() {
    let crash = || (0, Fault::Crash("it trapped".to_owned()));
    let crashing = Scripted {
        faults: (0..20).map(|_| crash()).collect(),
        ..good("c")
    };
    let world = world(Script::flat(vec![("acme/api", crashing)]));
    let names = [connected(&world).await, connected(&world).await];
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    for _ in 0..3 {
        let (run, _) = runs.ask(wish(&names[0], &[])).await.unwrap();
        assert_eq!(over(&runs, run.id).await.state, RunState::Failed);
    }
    let health = runs.health(&names[0]).unwrap();
    assert_eq!(health.failures, 3);
    assert!(health.failing_since < health.next_try, "{health:?}");
    assert!(health.why.unwrap().contains("the schedule waits until"));
    assert_eq!(runs.health(&names[1]).unwrap(), ConnectionHealth::default());
    assert_eq!(of_runs(&[]), ConnectionHealth::default());
    let waits: Vec<i64> = (0..12)
        .map(|n| backoff(n).map_or(0, |wait| wait.as_mins()))
        .collect();
    assert_eq!(
        waits,
        [0, 0, 15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]
    );
}

#[tokio::test]
async fn a_run_whose_connection_is_removed_ends() {
    let world = world(Script::flat(vec![("acme/api", hanging())]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    runs.start().await.unwrap();
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    scanning(&runs, run.id, "acme/api").await;
    let going = runs.going(run.id).unwrap();
    world.host.remove_connection(&name).unwrap();
    runs.wake.notify_one();
    tokio::time::timeout(Duration::from_secs(10), going.over.cancelled())
        .await
        .unwrap();
    assert!(runs.run(run.id).is_err());
    assert!(runs.all_going().is_empty());
}

#[tokio::test]
async fn what_can_not_be_done_is_refused_with_a_sentence() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    let unknown = runs.ask(wish("nobody", &[])).await.unwrap_err().to_string();
    assert!(
        unknown.contains("no connection is called \"nobody\""),
        "{unknown}"
    );
    let pattern = runs
        .ask(wish(&name, &["acme/["]))
        .await
        .unwrap_err()
        .to_string();
    assert!(pattern.contains("can't be read"), "{pattern}");
    assert!(
        runs.cancel(99, "alice")
            .await
            .unwrap_err()
            .to_string()
            .contains("no run is called")
    );
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    assert!(
        runs.retry(run.id, "alice")
            .await
            .unwrap_err()
            .to_string()
            .contains("not over")
    );
    runs.cancel(run.id, "alice").await.unwrap();
    assert!(
        runs.resume(run.id, "alice")
            .await
            .unwrap_err()
            .to_string()
            .contains("over")
    );
    assert!(
        runs.pause(run.id, "alice")
            .await
            .unwrap_err()
            .to_string()
            .contains("over")
    );
}

#[tokio::test]
async fn the_newest_lines_are_kept() {
    let world = world(Script::flat(vec![("acme/api", good("a"))]));
    let name = connected(&world).await;
    let runs = runs_of(&world, 1);
    let (run, _) = runs.ask(wish(&name, &[])).await.unwrap();
    let line = |seq| RunLine {
        seq,
        at: crate::store::now(),
        level: "info".to_owned(),
        subject: "x".to_owned(),
        message: seq.to_string(),
    };
    for from in [1, 1501] {
        let lines = (from..from + 1500).map(line).collect();
        world
            .host
            .store()
            .add_task_lines(run.id, lines)
            .await
            .unwrap();
    }
    let kept = runs.lines(run.id, 0).unwrap();
    assert_eq!(
        (kept.len(), kept[0].seq, kept[1999].seq),
        (2000, 1001, 3000)
    );
}
