#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod kill;
mod listing;
mod property;

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::script::*;
use super::*;
use crate::contract::{
    Failure, LackOfPermission, RateLimit, ScanRequest, ScanSummary, Severity, Verification,
};
use crate::contract::{LocationPage, LogLevel, Observation, Progress, Stop};
use crate::host::{Event, Events, LocationOutcome, LocationReport, Silent};
use crate::plugin::Outlet;
use crate::store::tests::{Fixture, dump, fixture};
use crate::store::{BeginScan, StoredReport};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Patient in count, not in time.
fn policy() -> Policy {
    Policy {
        backoff: Duration::from_millis(2),
        backoff_most: Duration::from_millis(8),
        retry_after_most: Duration::from_secs(2),
        still_batches: 20,
        grace: Duration::from_millis(100),
        ..Policy::default()
    }
}

struct Heard(Mutex<Vec<Event>>);

impl Heard {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::new())))
    }
}

impl Events for Heard {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Tells of every acknowledged batch of another connector.
struct Watched<F> {
    inner: Arc<dyn Connector>,
    acknowledged: Arc<F>,
}

struct WatchedOutlet<F> {
    inner: Arc<dyn Outlet>,
    location: String,
    acknowledged: Arc<F>,
}

#[async_trait::async_trait]
impl<F: Fn(&str, &str) + Send + Sync> Outlet for WatchedOutlet<F> {
    async fn emit(&self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop> {
        self.inner.emit(observations, cursor.clone()).await?;
        (self.acknowledged)(&self.location, &cursor);
        Ok(())
    }
    fn progress(&self, progress: Progress) {
        self.inner.progress(progress);
    }
    fn log(&self, level: LogLevel, message: &str) {
        self.inner.log(level, message);
    }
    async fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.cache_get(key).await
    }
    async fn cache_put(&self, key: &str, value: Vec<u8>) {
        self.inner.cache_put(key, value).await;
    }
}

#[async_trait::async_trait]
impl<F: Fn(&str, &str) + Send + Sync + 'static> Connector for Watched<F> {
    async fn verify(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Ended<Verification>, CallFailed> {
        self.inner.verify(outlet, cancel).await
    }
    async fn list_locations(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<Ended<LocationPage>, CallFailed> {
        self.inner
            .list_locations(outlet, cancel, parent, cursor)
            .await
    }
    async fn scan(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed> {
        let location = request.location.clone();
        let outlet = WatchedOutlet {
            inner: outlet,
            location,
            acknowledged: self.acknowledged.clone(),
        };
        self.inner.scan(Arc::new(outlet), cancel, request).await
    }
}

async fn run(
    fixture: &Fixture,
    connector: Arc<dyn Connector>,
    jobs: usize,
    cancel: CancellationToken,
) -> (ScanRun, StoredReport) {
    run_heard(fixture, connector, jobs, cancel, Arc::new(Silent)).await
}

async fn run_heard(
    fixture: &Fixture,
    connector: Arc<dyn Connector>,
    jobs: usize,
    cancel: CancellationToken,
    events: Arc<dyn Events>,
) -> (ScanRun, StoredReport) {
    let begin = BeginScan {
        connection: fixture.connection,
        locations: fixture.all(),
        partial_plan: false,
        fresh: false,
        resume: None,
    };
    let scan = fixture.store.begin_scan(begin).await.unwrap();
    let id = scan.id;
    let job = ScanJob {
        store: fixture.store.clone(),
        connector,
        connection: fixture.connection,
        scan,
        jobs,
        policy: policy(),
        events,
        cancel,
    };
    let run = run_scan(job).await;
    (run, fixture.store.end_scan(id, true).await.unwrap())
}

fn three() -> Scripted {
    let batches = vec![
        vec![
            finding("a", Severity::High),
            image(1, 2, true),
            packages(1, &["x"]),
        ],
        vec![packages(1, &["y"]), skipped("chart")],
        vec![finding("b", Severity::Low), context("p", "topics", "t")],
    ];
    Scripted {
        batches,
        ..Scripted::default()
    }
}

fn failing(at: usize, faults: Vec<Fault>) -> Scripted {
    Scripted {
        faults: faults.into_iter().map(|fault| (at, fault)).collect(),
        ..three()
    }
}

fn unavailable() -> Fault {
    Fault::Failure(Failure::Unavailable(why("502.")))
}

fn crash() -> Fault {
    Fault::Crash("The connector panicked.".to_owned())
}

fn outcome<'a>(report: &'a StoredReport, path: &str) -> &'a LocationReport {
    report
        .locations
        .iter()
        .find(|location| location.path == path)
        .unwrap()
}

/// Scans one location beside a good one; answers how it ended and from which cursors it was tried.
async fn one(scripted: Scripted) -> (LocationReport, Vec<Option<String>>) {
    let fixture = fixture(&["good", "it"]).await;
    let script = Arc::new(Script::flat(vec![("it", scripted), ("good", three())]));
    let (run, report) = run(&fixture, script.clone(), 2, CancellationToken::new()).await;
    assert!(run.stop.is_none(), "{:?}", run.stop);
    assert!(
        matches!(outcome(&report, "good").outcome, LocationOutcome::Complete),
        "others go on"
    );
    (outcome(&report, "it").clone(), script.calls_of("it"))
}

fn failed_with(report: &LocationReport) -> String {
    match &report.outcome {
        LocationOutcome::Failed { message, .. } => message.clone(),
        other => panic!("{other:?}"),
    }
}

fn cursors(cursors: &[Option<&str>]) -> Vec<Option<String>> {
    cursors
        .iter()
        .map(|cursor| cursor.map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_scan_stores_everything_and_counts_it() {
    let fixture = fixture(&["a", "b"]).await;
    let script = Arc::new(Script::flat(vec![("a", three()), ("b", three())]));
    let heard = Heard::new();
    let (run, report) =
        run_heard(&fixture, script, 2, CancellationToken::new(), heard.clone()).await;
    assert!(run.stop.is_none() && report.complete);
    let counts = report.locations[0].counts;
    assert_eq!(
        (
            counts.findings,
            counts.images,
            counts.packages,
            counts.skipped
        ),
        (2, 1, 2, 1)
    );
    assert_eq!(
        (counts.tags, counts.requests, counts.bytes_read),
        (1, 1, 10)
    );
    let ended = |event: &&Event| matches!(event, Event::LocationEnded(_));
    assert_eq!(heard.0.lock().unwrap().iter().filter(ended).count(), 2);
}

#[tokio::test]
async fn no_more_instances_run_than_jobs() {
    let paths: Vec<String> = (0..12).map(|number| format!("l{number:02}")).collect();
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let fixture = fixture(&names).await;
    let slow = Scripted {
        pace: Duration::from_millis(5),
        ..three()
    };
    let script = Arc::new(Script::flat(
        names.iter().map(|name| (*name, slow.clone())).collect(),
    ));
    let (_, report) = run(&fixture, script.clone(), 3, CancellationToken::new()).await;
    assert!(report.complete);
    assert_eq!(script.running_most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_passing_failure_is_retried_from_the_last_cursor_and_progress_fills_the_budget() {
    let mut scripted = failing(1, vec![unavailable(); 4]);
    scripted.faults.extend(vec![(2, unavailable()); 4]);
    let (report, tried) = one(scripted).await;
    assert!(
        matches!(report.outcome, LocationOutcome::Complete),
        "{report:?}"
    );
    let mut expected = vec![None];
    expected.extend([Some("1"); 4]);
    expected.extend([Some("2"); 4]);
    assert_eq!(tried, cursors(&expected));
    assert_eq!(report.counts.requests, 9, "of all tries");
    assert_eq!(report.counts.findings, 2, "nothing twice");
}

#[tokio::test]
async fn a_lasting_failure_ends_the_location_alone_with_its_reason() {
    let (report, tried) = one(failing(1, vec![unavailable(); 9])).await;
    assert!(failed_with(&report).starts_with("502."), "{report:?}");
    assert_eq!(tried.len(), 5, "all that the budget has for one cursor");
}

#[tokio::test]
async fn a_location_that_crashes_twice_at_the_same_cursor_is_given_up() {
    let (report, tried) = one(failing(1, vec![crash(); 9])).await;
    assert!(failed_with(&report).contains("twice at the same place: The connector panicked."));
    assert_eq!(tried, cursors(&[None, Some("1")]));
    let (report, tried) = one(failing(0, vec![crash(); 9])).await;
    assert!(failed_with(&report).contains("twice"));
    assert_eq!(tried, cursors(&[None, None]));
}

#[tokio::test]
async fn a_crash_after_progress_has_a_new_try() {
    let mut scripted = failing(0, vec![crash()]);
    scripted.faults.extend([
        (1, crash()),
        (2, Fault::Limit("memory".to_owned())),
        (3, crash()),
    ]);
    let (report, tried) = one(scripted).await;
    assert!(
        matches!(report.outcome, LocationOutcome::Complete),
        "{report:?}"
    );
    assert_eq!(
        tried,
        cursors(&[None, None, Some("1"), Some("2"), Some("3")])
    );
}

#[tokio::test]
async fn what_the_location_is_not_allowed_or_cannot_is_not_retried() {
    let lack = LackOfPermission {
        missing_scopes: Vec::new(),
        why: why("403."),
    };
    for failure in [
        Failure::Forbidden(lack),
        Failure::NotFound(why("404.")),
        Failure::OverLimit(why("Too many tags.")),
    ] {
        let (report, tried) = one(failing(1, vec![Fault::Failure(failure)])).await;
        failed_with(&report);
        assert_eq!(tried.len(), 1);
    }
    let (report, tried) = one(failing(
        1,
        vec![Fault::Failure(Failure::UnexpectedAnswer(why("HTML."))); 5],
    ))
    .await;
    assert_eq!(
        (failed_with(&report).as_str(), tried.len()),
        ("HTML.", 2),
        "tried once more"
    );
}

fn rate_limited(seconds: Option<u32>) -> Fault {
    Fault::Failure(Failure::RateLimited(RateLimit {
        retry_after: seconds,
        why: why("429."),
    }))
}

#[tokio::test]
async fn a_rate_limit_waits_what_was_asked_for_but_not_for_ever() {
    let begun = Instant::now();
    let (report, tried) = one(failing(1, vec![rate_limited(Some(1)), rate_limited(None)])).await;
    assert!(matches!(report.outcome, LocationOutcome::Complete));
    assert_eq!(tried.len(), 3);
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let (report, tried) = one(failing(1, vec![rate_limited(Some(1_000_000_000))])).await;
    assert!(
        failed_with(&report).contains("1000000000 seconds"),
        "{report:?}"
    );
    assert_eq!(tried.len(), 1);
}

#[tokio::test]
async fn a_bad_credential_ends_everything_and_is_never_tried_twice() {
    let fixture = fixture(&["a", "b", "c", "d"]).await;
    let bad = || {
        failing(
            1,
            vec![Fault::Failure(Failure::Unauthenticated(why(
                "The token was revoked.",
            )))],
        )
    };
    let slow = Scripted {
        pace: Duration::from_secs(5),
        ..three()
    };
    let script = Arc::new(Script::flat(vec![
        ("a", bad()),
        ("b", slow),
        ("c", bad()),
        ("d", bad()),
    ]));
    let begun = Instant::now();
    let (first, report) = run(&fixture, script.clone(), 2, CancellationToken::new()).await;
    assert!(matches!(
        first.stop,
        Some(ScanStop::Failure(Failure::Unauthenticated(_)))
    ));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "the others end too: {:?}",
        begun.elapsed()
    );
    assert_eq!(script.scan_calls.lock().unwrap().len(), 2);
    assert!(report.ended_at.is_none() && report.locations.len() == 4);
    // With a new token it goes on where it was.
    *script.locations.lock().unwrap() = ["a", "b", "c", "d"]
        .map(|path| (path.to_owned(), three()))
        .into();
    let (second, report) = run(&fixture, script.clone(), 2, CancellationToken::new()).await;
    assert!(second.stop.is_none() && report.complete);
    assert_eq!(script.calls_of("a"), cursors(&[None, Some("1")]));
}

#[tokio::test]
async fn a_cancelled_scan_ends_within_a_second_and_is_gone_on_with() {
    let fixture = fixture(&["a", "b", "c"]).await;
    let hang = Scripted {
        hangs: true,
        ..three()
    };
    let script = Arc::new(Script::flat(vec![
        ("a", three()),
        ("b", hang),
        ("c", three()),
    ]));
    let slow = Duration::from_millis(300);
    script.locations.lock().unwrap().get_mut("c").unwrap().pace = slow;
    let cancel = CancellationToken::new();
    let seen = cancel.clone();
    let watched = Arc::new(Watched {
        inner: script.clone(),
        acknowledged: Arc::new(move |location: &str, _: &str| {
            if location == "c" {
                seen.cancel();
            }
        }),
    });
    let begun = Instant::now();
    let (first, report) = run(&fixture, watched, 3, cancel).await;
    assert!(matches!(first.stop, Some(ScanStop::Cancelled)));
    assert!(
        begun.elapsed() < slow + Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert!(matches!(
        outcome(&report, "a").outcome,
        LocationOutcome::Complete
    ));
    assert!(matches!(
        outcome(&report, "b").outcome,
        LocationOutcome::Interrupted
    ));
    assert!(matches!(
        outcome(&report, "c").outcome,
        LocationOutcome::Interrupted
    ));

    *script.locations.lock().unwrap() = ["b", "c"].map(|path| (path.to_owned(), three())).into();
    let (second, report) = run(&fixture, script.clone(), 3, CancellationToken::new()).await;
    assert!(second.stop.is_none() && report.complete, "{report:?}");
    assert_eq!(
        script.calls_of("a").len(),
        1,
        "what had ended is not done again"
    );
    assert_eq!(script.calls_of("b"), cursors(&[None, None]));
    assert_eq!(script.calls_of("c"), cursors(&[None, Some("1")]));
}

#[tokio::test]
async fn a_connector_that_does_not_move_its_cursor_is_stopped() {
    let (report, tried) = one(Scripted {
        stuck: true,
        ..three()
    })
    .await;
    assert!(
        failed_with(&report).contains("makes no progress"),
        "{report:?}"
    );
    assert_eq!(tried.len(), 1);
}

#[tokio::test]
async fn output_that_breaks_the_contract_ends_the_location_alone() {
    let scripted = Scripted {
        batches: vec![vec![packages(9, &["x"])]],
        ..Scripted::default()
    };
    let (report, _) = one(scripted).await;
    assert!(
        failed_with(&report).contains("broke the contract"),
        "{report:?}"
    );
    let stopped = failing(1, vec![Fault::Failure(Failure::Stopped)]);
    let (report, _) = one(stopped).await;
    assert!(
        failed_with(&report).contains("nobody had stopped it"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_partial_summary_is_a_partial_location() {
    let (report, _) = one(Scripted {
        partial: true,
        ..three()
    })
    .await;
    assert!(matches!(report.outcome, LocationOutcome::Partial));
}
