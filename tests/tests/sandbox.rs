//! The sandbox against a component that does what it must not.
//!
//! Each test lets `tests/guests/hostile` do one deed through the real host, and looks at three things: the
//! error is the right one and names what was reached, the host goes on (a call that behaves succeeds
//! afterwards), and neither the token nor what stands for it comes out anywhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ox_host::contract::{
    Failure, LocationPage, LogLevel, Observation, Profile, Progress, ScanRequest, ScanSummary,
    Stop, Verification,
};
use ox_host::plugin::{
    CallEnd, CallError, CallSetup, Limit, Limits, LoadError, LoadedConnector, NoWay, Outlet,
    Sandbox, SandboxOptions,
};
use ox_host::secret::SecretString;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "glpat-the-real-token-1234";

/// The guest, built once.
static COMPONENT: LazyLock<PathBuf> =
    LazyLock::new(|| ox_harness::component::guest("hostile").unwrap());

/// The guest, loaded once; its cached code lives as long as the tests.
async fn hostile() -> &'static Arc<LoadedConnector> {
    static LOADED: OnceCell<Arc<LoadedConnector>> = OnceCell::const_new();
    LOADED
        .get_or_init(async || {
            let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
            sandbox.load(&COMPONENT).await.unwrap()
        })
        .await
}

/// Remembers everything that comes out.
#[derive(Default)]
struct Seen {
    emitted: Mutex<Vec<(Vec<Observation>, String)>>,
    progress: Mutex<Vec<Progress>>,
    lines: Mutex<Vec<String>>,
    cached: Mutex<Vec<(String, Vec<u8>)>>,
    /// Answers a stop to every emit from the nth on.
    stop_at: Option<(usize, Stop)>,
}

#[async_trait]
impl Outlet for Seen {
    async fn emit(&self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop> {
        let mut emitted = self.emitted.lock().unwrap();
        if let Some((at, stop)) = self.stop_at
            && emitted.len() >= at
        {
            return Err(stop);
        }
        emitted.push((observations, cursor));
        Ok(())
    }

    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }

    fn log(&self, _: LogLevel, message: &str) {
        self.lines.lock().unwrap().push(message.to_owned());
    }

    async fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        let cached = self.cached.lock().unwrap();
        Some(cached.iter().find(|(known, _)| known == key)?.1.clone())
    }

    async fn cache_put(&self, key: &str, value: Vec<u8>) {
        self.cached.lock().unwrap().push((key.to_owned(), value));
    }
}

impl Seen {
    fn text(&self) -> String {
        format!(
            "{:?} {:?} {:?}",
            self.emitted.lock().unwrap(),
            self.progress.lock().unwrap(),
            self.lines.lock().unwrap()
        )
    }

    /// The values of an attribute of all contexts.
    fn attributes(&self, key: &str) -> Vec<String> {
        let emitted = self.emitted.lock().unwrap();
        emitted
            .iter()
            .flat_map(|(observations, _)| observations)
            .filter_map(|observation| match observation {
                Observation::Context(context) => Some(context.attributes.clone()),
                _ => None,
            })
            .flatten()
            .filter_map(|(name, value)| (name == key).then_some(value))
            .collect()
    }
}

/// Limits that a test does not have to wait long for.
fn limits() -> Limits {
    Limits {
        cpu: 2_000,
        configure_time: 5_000,
        verify_time: 20_000,
        list_time: 20_000,
        scan_time: 20_000,
        stop_grace: 200,
        ..Limits::default()
    }
}

struct Deed {
    setup: CallSetup,
    seen: Arc<Seen>,
}

fn deed(mode: &str) -> Deed {
    deed_with(mode, Seen::default())
}

fn deed_with(mode: &str, seen: Seen) -> Deed {
    let seen = Arc::new(seen);
    Deed {
        setup: CallSetup {
            settings: vec![
                ("url".to_owned(), "http://127.0.0.1:9".to_owned()),
                ("mode".to_owned(), mode.to_owned()),
                ("target".to_owned(), "http://127.0.0.1:9/".to_owned()),
            ],
            secrets: vec![("token".to_owned(), SecretString::new(TOKEN.to_owned()))],
            egress: Arc::new(NoWay),
            outlet: Arc::clone(&seen) as Arc<dyn Outlet>,
            cancel: CancellationToken::new(),
            limits: limits(),
        },
        seen,
    }
}

impl Deed {
    fn limit(mut self, limit: Limit, value: u64) -> Self {
        self.setup.limits.set(limit, value);
        self
    }

    async fn configure(self) -> Result<Profile, CallError> {
        let ended = bounded(hostile().await.configure(self.setup)).await;
        check_after(&ended, &self.seen).await;
        ended
    }

    async fn verify(self) -> Result<CallEnd<Verification>, CallError> {
        let ended = bounded(hostile().await.verify(self.setup)).await;
        check_after(&ended, &self.seen).await;
        ended
    }

    async fn list(self, cursor: Option<&str>) -> Result<CallEnd<LocationPage>, CallError> {
        let cursor = cursor.map(str::to_owned);
        let ended = bounded(hostile().await.list_locations(self.setup, None, cursor)).await;
        check_after(&ended, &self.seen).await;
        ended
    }

    async fn scan(self) -> Result<CallEnd<ScanSummary>, CallError> {
        let ended = bounded(hostile().await.scan(self.setup, request())).await;
        check_after(&ended, &self.seen).await;
        ended
    }
}

fn request() -> ScanRequest {
    ScanRequest {
        location: "here".to_owned(),
        cursor: None,
    }
}

/// No deed may keep a test for longer.
async fn bounded<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), call)
        .await
        .expect("the host was kept busy beyond every limit")
}

/// After every deed: nothing secret came out, and the host goes on.
async fn check_after<T: std::fmt::Debug>(ended: &Result<T, CallError>, seen: &Seen) {
    let shown = match ended {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    for text in [shown, seen.text()] {
        assert!(!text.contains(TOKEN), "the token came out: {text:.2000}");
        assert!(
            !text.contains("oxstandin"),
            "a stand-in came out: {text:.2000}"
        );
        assert!(
            !text.contains('\u{1b}'),
            "control characters came out: {text:.2000}"
        );
    }
    let good = deed("good");
    let end = bounded(hostile().await.scan(good.setup, request())).await;
    assert!(end.unwrap().value.complete);
    assert_eq!(good.seen.emitted.lock().unwrap().len(), 1);
}

#[track_caller]
fn assert_limit<T: std::fmt::Debug>(ended: Result<T, CallError>, expected: Limit) {
    match ended {
        Err(ref error @ CallError::Limit { limit, .. }) if limit == expected => {
            let message = error.message();
            assert!(message.contains(expected.name()), "{message}");
            assert!(!error.is_retryable());
        }
        other => panic!("expected the limit {expected}, got {other:?}"),
    }
}

#[track_caller]
fn assert_bad<T: std::fmt::Debug>(ended: Result<T, CallError>, expected: &str) {
    match ended {
        Err(ref error @ CallError::BadAnswer { .. }) => {
            assert!(error.message().contains(expected), "{error}");
        }
        other => panic!("expected a broken contract ({expected}), got {other:?}"),
    }
}

// ---- Time ---------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_is_cut_by_its_processor_time() {
    let started = Instant::now();
    let ended = deed("loop").limit(Limit::Cpu, 300).scan().await;
    assert_limit(ended, Limit::Cpu);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn an_endless_loop_on_the_only_thread_does_not_stop_the_clock() {
    // One thread for the guest, the timers and this test: the loop has to yield, or nothing ever ends it.
    let ended = deed("loop").limit(Limit::ScanTime, 300).scan().await;
    let Err(
        error @ CallError::Timeout {
            limit: Limit::ScanTime,
            call: "scan",
            ..
        },
    ) = ended
    else {
        panic!("{ended:?}");
    };
    assert!(error.is_retryable());
    assert!(error.message().contains("--limit scan-time="), "{error}");
}

#[tokio::test]
async fn a_sleep_without_end_is_cut_by_the_clock_and_costs_no_processor_time() {
    let ended = deed("sleep")
        .limit(Limit::ScanTime, 300)
        .limit(Limit::Cpu, 200)
        .scan()
        .await;
    assert!(
        matches!(
            ended,
            Err(CallError::Timeout {
                limit: Limit::ScanTime,
                ..
            })
        ),
        "{ended:?}"
    );
    let ended = deed("sleep").limit(Limit::VerifyTime, 300).verify().await;
    assert!(
        matches!(ended, Err(CallError::Timeout { call: "verify", .. })),
        "{ended:?}"
    );
    let ended = deed("configure-loop")
        .limit(Limit::ConfigureTime, 300)
        .configure()
        .await;
    assert!(
        matches!(
            ended,
            Err(CallError::Timeout {
                call: "configure",
                ..
            })
        ),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_cancelled_call_ends_soon_whatever_it_does() {
    for mode in ["sleep", "loop"] {
        let deed = deed(mode);
        let cancel = deed.setup.cancel.clone();
        let started = Instant::now();
        let canceller = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        });
        let ended = bounded(hostile().await.scan(deed.setup, request())).await;
        assert!(
            matches!(ended, Err(CallError::Cancelled)),
            "{mode}: {ended:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{mode}: {:?}",
            started.elapsed()
        );
        canceller.await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_begins_stores_nothing() {
    let deed = deed("good");
    deed.setup.cancel.cancel();
    let seen = Arc::clone(&deed.seen);
    let ended = deed.scan().await;
    assert!(matches!(ended, Err(CallError::Cancelled)), "{ended:?}");
    assert!(seen.emitted.lock().unwrap().is_empty());
}

// ---- Memory, stack, handles ---------------------------------------------------------------------------

#[tokio::test]
async fn a_memory_hog_is_told_that_it_was_memory() {
    let ended = deed("memory").scan().await;
    let Err(error) = &ended else {
        panic!("{ended:?}")
    };
    assert!(error.message().contains("memory (64 MiB)"), "{error}");
    assert!(error.message().contains("--limit memory="), "{error}");
    assert_limit(ended, Limit::Memory);
}

#[tokio::test]
async fn a_deep_recursion_ends_at_the_stack_and_not_in_the_host() {
    assert_limit(deed("recursion").scan().await, Limit::Stack);
    let ended = deed("recursion-in-memory").scan().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("out of bounds")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_hoard_of_handles_ends_at_its_limit() {
    assert_limit(
        deed("handles").limit(Limit::Resources, 1_000).scan().await,
        Limit::Resources,
    );
    assert_limit(
        deed("handles").limit(Limit::Handles, 1_000).scan().await,
        Limit::Handles,
    );
}

// ---- Crashes ------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_panic_is_told_with_its_message_and_place() {
    let ended = deed("panic").scan().await;
    let Err(error @ CallError::Crash { .. }) = ended else {
        panic!("{ended:?}")
    };
    let message = error.message();
    for part in [
        "the connector crashed",
        "the layer here is",
        "[secret]",
        "deeds.rs:",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let ended = deed("configure-panic").configure().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("no settings please"))
    );
}

#[tokio::test]
async fn a_program_that_ends_itself_has_crashed() {
    let ended = deed("exit").scan().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("ended itself")),
        "{ended:?}"
    );
}

// ---- Floods -------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_flood_of_observations_is_stopped_and_then_refused() {
    let flood = deed("flood-emit").limit(Limit::EmittedObservations, 50);
    let seen = Arc::clone(&flood.seen);
    assert_limit(flood.scan().await, Limit::EmittedObservations);
    assert_eq!(
        seen.emitted.lock().unwrap().len(),
        50,
        "what was allowed was stored, and no more"
    );

    assert_limit(
        deed("flood-emit")
            .limit(Limit::EmittedBytes, 2_000)
            .scan()
            .await,
        Limit::EmittedBytes,
    );
    let empty = deed("flood-emit-empty").limit(Limit::EmittedBatches, 100);
    assert_limit(empty.scan().await, Limit::EmittedBatches);
}

#[tokio::test]
async fn a_component_that_ignores_a_stop_is_cut_and_its_success_does_not_count() {
    let ignoring = deed("ignore-stop").limit(Limit::EmittedObservations, 50);
    let seen = Arc::clone(&ignoring.seen);
    let started = Instant::now();
    assert_limit(ignoring.scan().await, Limit::EmittedObservations);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(seen.emitted.lock().unwrap().len(), 50);

    let lying = deed("ignore-stop-then-succeed").limit(Limit::EmittedObservations, 50);
    assert_limit(lying.scan().await, Limit::EmittedObservations);
    let ended = deed("stopped-without-stop").scan().await;
    assert_bad(ended, "nothing had asked it to stop");
}

#[tokio::test]
async fn a_store_that_fails_ends_the_scan_and_is_not_the_connectors_fault() {
    let seen = Seen {
        stop_at: Some((3, Stop::StoreFailed)),
        ..Seen::default()
    };
    let failing = deed_with("flood-emit", seen);
    let seen = Arc::clone(&failing.seen);
    let ended = failing.scan().await;
    assert!(matches!(&ended, Err(CallError::Host(_))), "{ended:?}");
    assert_eq!(seen.emitted.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_with_a_note_and_counted() {
    let flood = deed("flood-log")
        .limit(Limit::LogBytes, 10_000)
        .limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    let end = flood.scan().await.unwrap();
    let lines = seen.lines.lock().unwrap();
    assert!(lines.len() < 1000, "{} lines", lines.len());
    assert!(
        lines.last().unwrap().contains("log-bytes"),
        "{:?}",
        lines.last()
    );
    assert_eq!(end.usage.log_dropped + lines.len() as u64 - 1, 1_000_000);
}

#[tokio::test]
async fn floods_of_progress_and_of_prints_cost_the_host_little() {
    let flood = deed("flood-progress").limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    let started = Instant::now();
    flood.scan().await.unwrap();
    let most = started.elapsed().as_millis() as usize / 20 + 2;
    assert!(seen.progress.lock().unwrap().len() <= most);

    deed("flood-print")
        .limit(Limit::Cpu, 60_000)
        .scan()
        .await
        .unwrap();
    let flood = deed("verify-flood").limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    flood.verify().await.unwrap();
    assert!(seen.progress.lock().unwrap().len() <= 1000);
}

#[tokio::test]
async fn the_cache_keeps_no_more_than_it_may_and_never_fails() {
    let flood = deed("flood-cache")
        .limit(Limit::CacheBytes, 3 << 20)
        .limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    flood.scan().await.unwrap();
    assert_eq!(seen.cached.lock().unwrap().len(), 2);

    let big = deed("big-cache");
    let seen = Arc::clone(&big.seen);
    big.scan().await.unwrap();
    assert_eq!(seen.attributes("kept"), ["false", "true"]);
}

// ---- Sizes --------------------------------------------------------------------------------------------

#[tokio::test]
async fn what_is_too_large_ends_the_call_and_what_is_long_is_cut_with_a_note() {
    assert_limit(deed("huge-observation").scan().await, Limit::BatchBytes);
    assert_limit(deed("huge-call").scan().await, Limit::HostcallBytes);
    assert_bad(deed("huge-cursor").scan().await, "cursor of 70000 bytes");
    assert_bad(deed("bad-digest").scan().await, "../../etc/passwd");

    let long = deed("long-text");
    let seen = Arc::clone(&long.seen);
    long.scan().await.unwrap();
    let text = seen.attributes("text").remove(0);
    assert!(
        text.len() <= 64 << 10 && text.ends_with("(cut)"),
        "{} bytes",
        text.len()
    );
}

#[tokio::test]
async fn a_million_locations_are_a_limit_and_ten_thousand_and_one_are_too_many() {
    let ended = deed("list-million")
        .limit(Limit::Cpu, 60_000)
        .list(None)
        .await;
    assert!(
        matches!(
            &ended,
            Err(CallError::Limit {
                limit: Limit::Memory | Limit::HostcallBytes,
                ..
            })
        ),
        "{:?}",
        ended.map(|end| end.value.locations.len())
    );
    assert_bad(deed("list-many").list(None).await, "10001 locations");
}

// ---- Answers ------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_listing_that_can_not_be_used_or_never_ends_is_refused() {
    for (mode, expected) in [
        ("list-long-id", "513 bytes"),
        ("list-empty-id", "0 bytes"),
        ("list-control-id", "control characters"),
        ("list-kind", "galaxy"),
        ("list-huge-path", "5000 bytes"),
        ("list-long-cursor", "5000 bytes"),
    ] {
        assert_bad(deed(mode).list(None).await, expected);
    }
    assert!(
        deed("list-stuck").list(None).await.is_ok(),
        "a first page may have a next one"
    );
    assert_bad(deed("list-stuck").list(Some("again")).await, "never end");
}

#[tokio::test]
async fn verify_answers_each_step_once_and_in_order() {
    assert_eq!(deed("good").verify().await.unwrap().value.steps.len(), 2);
    for mode in ["verify-missing", "verify-twice", "verify-order"] {
        assert_bad(deed(mode).verify().await, "first, second");
    }
}

#[tokio::test]
async fn only_a_scan_may_emit() {
    assert_bad(deed("verify-emit").verify().await, "observations in verify");
    assert_bad(
        deed("configure-emit").configure().await,
        "observations in configure",
    );
}

// ---- configure ----------------------------------------------------------------------------------------

#[tokio::test]
async fn the_profile_holds_the_settings_but_no_secret_and_nothing_for_one() {
    let profile = deed("good").configure().await.unwrap();
    let keys: Vec<_> = profile
        .settings
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys, ["url", "mode", "target"]);
    assert_eq!(
        deed("configure-secret-in-name")
            .configure()
            .await
            .unwrap()
            .display_name,
        "[31m[secret]"
    );
    assert_bad(
        deed("configure-secret-in-settings").configure().await,
        "setting body",
    );
}

#[tokio::test]
async fn a_secret_that_came_among_the_settings_is_still_kept_from_the_guest() {
    let mut deed = deed("leak");
    deed.setup.secrets.clear();
    deed.setup
        .settings
        .push(("token".to_owned(), TOKEN.to_owned()));
    let seen = Arc::clone(&deed.seen);
    assert!(deed.scan().await.is_err());
    assert_eq!(seen.attributes("token"), ["[secret]"]);
}

#[tokio::test]
async fn a_profile_that_can_not_be_kept_is_refused() {
    assert_bad(
        deed("configure-unknown-setting").configure().await,
        "\"root\"",
    );
    assert_bad(
        deed("configure-many-origins").configure().await,
        "1001 origins",
    );
}

#[tokio::test]
async fn configure_has_no_cache_and_no_way_out() {
    assert!(deed("configure-cache").configure().await.is_ok());
    let ended = deed("configure-request").configure().await;
    let Err(CallError::Failure {
        failure: Failure::Unavailable(why),
        ..
    }) = &ended
    else {
        panic!("{ended:?}");
    };
    assert!(why.message.contains("Denied"), "{}", why.message);
}

#[tokio::test]
async fn a_failure_is_cleaned_and_cut_before_anybody_sees_it() {
    let ended = deed("configure-failure").configure().await;
    let Err(CallError::Failure {
        failure: Failure::InvalidSettings(fault),
        ..
    }) = &ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(fault.field, "token");
    assert_eq!(fault.why.message, "the token [secret] is [31mbad");
    assert!(fault.why.hint.len() <= 4096 && fault.why.hint.ends_with("(cut)"));
}

// ---- Isolation ----------------------------------------------------------------------------------------

#[tokio::test]
async fn logs_progress_observations_and_failures_are_free_of_secrets() {
    let leak = deed("leak");
    let seen = Arc::clone(&leak.seen);
    let ended = leak.scan().await;
    let Err(error @ CallError::Failure { .. }) = ended else {
        panic!("{ended:?}")
    };
    assert!(error.message().contains("[secret]"), "{error}");
    assert_eq!(
        *seen.lines.lock().unwrap(),
        ["the token is [secret][2J FAKE line"]
    );
    assert_eq!(seen.attributes("token"), ["[secret]"]);
}

#[tokio::test]
async fn two_calls_share_nothing() {
    for _ in 0..2 {
        let counting = deed("static");
        let seen = Arc::clone(&counting.seen);
        counting.scan().await.unwrap();
        assert_eq!(seen.attributes("calls"), ["0"]);
    }
}

#[tokio::test]
async fn there_is_no_environment_and_no_file() {
    let looking = deed("environment");
    let seen = Arc::clone(&looking.seen);
    looking.scan().await.unwrap();
    assert_eq!(seen.attributes("seen"), Vec::<String>::new());
}

#[tokio::test]
async fn a_call_tells_what_it_used() {
    let end = deed("work").limit(Limit::Cpu, 60_000).scan().await.unwrap();
    assert!(end.usage.cpu > Duration::from_millis(10), "{:?}", end.usage);
    assert!(end.usage.wall >= end.usage.cpu, "{:?}", end.usage);
    assert!(end.usage.memory_peak >= 17 * 65536, "{:?}", end.usage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_do_not_hinder_each_other() {
    let mut calls = Vec::new();
    for number in 0..40 {
        let mode = ["good", "panic", "memory", "loop", "sleep"][number % 5];
        let deed = deed(mode)
            .limit(Limit::Cpu, 500)
            .limit(Limit::ScanTime, 8_000);
        let loaded = Arc::clone(hostile().await);
        calls.push((
            mode,
            tokio::spawn(async move { loaded.scan(deed.setup, request()).await }),
        ));
    }
    for (mode, call) in calls {
        let ended = bounded(call).await.unwrap();
        assert_eq!(ended.is_ok(), mode == "good", "{mode}: {ended:?}");
    }
}

// ---- Loading ------------------------------------------------------------------------------------------

/// A component that imports empty interfaces of those names and exports nothing.
fn component_importing(names: &[&str]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // Type section: one instance type without declarations.
    bytes.extend([7, 3, 1, 0x42, 0]);
    let mut imports = vec![u8::try_from(names.len()).unwrap()];
    for name in names {
        imports.extend([0, u8::try_from(name.len()).unwrap()]);
        imports.extend(name.as_bytes());
        imports.extend([5, 0]);
    }
    bytes.push(10);
    bytes.push(u8::try_from(imports.len()).unwrap());
    bytes.extend(imports);
    bytes
}

async fn load_error(bytes: Vec<u8>) -> LoadError {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    match sandbox.load_bytes(bytes).await {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_component_that_imports_sockets_is_refused_with_the_whole_list() {
    let bytes = component_importing(&[
        "wasi:sockets/tcp@0.2.12",
        "wasi:io/poll@0.2.12",
        "evil:root/shell@1.0.0",
    ]);
    let error = load_error(bytes).await;
    let LoadError::Imports { refused } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        refused,
        &["evil:root/shell@1.0.0", "wasi:sockets/tcp@0.2.12"]
    );
    assert!(
        error
            .to_string()
            .contains("evil:root/shell@1.0.0, wasi:sockets/tcp@0.2.12"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_connector_is_refused_in_words() {
    let cases: [(Vec<u8>, &str); 6] = [
        (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
        (b"#!/bin/sh\nrm -rf".to_vec(), "#!/bin/s"),
        (Vec::new(), "not a WebAssembly component"),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff".to_vec(), "not valid"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "no connector"),
        (
            component_importing(&["wasi:io/poll@0.2.12"]),
            "no connector",
        ),
    ];
    for (bytes, expected) in cases {
        let message = load_error(bytes).await.to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[tokio::test]
async fn a_component_that_lies_about_the_contract_is_refused() {
    let real = std::fs::read(&*COMPONENT).unwrap();
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut bytes = real.clone();
        let mut position = 0;
        while let Some(at) = bytes[position..]
            .windows(from.len())
            .position(|w| w == from.as_bytes())
        {
            bytes[position + at..position + at + from.len()].copy_from_slice(to.as_bytes());
            position += at + from.len();
        }
        bytes
    };
    // A later version of the contract: this host says which it speaks.
    let error = load_error(replaced("connector@0.1.0", "connector@0.9.0")).await;
    assert!(
        matches!(&error, LoadError::ContractVersion { version } if version == "0.9.0"),
        "{error}"
    );
    assert!(
        error.to_string().contains("this host speaks 0.1.0"),
        "{error}"
    );
    // An interface of the contract that does not exist.
    let error = load_error(replaced(
        "ox:connector/cache@0.1.0",
        "ox:connector/bingo@0.1.0",
    ))
    .await;
    assert!(
        error.to_string().contains("ox:connector/bingo@0.1.0"),
        "{error}"
    );
}

#[tokio::test]
async fn an_oversized_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.wasm");
    let file = std::fs::File::create(&path).unwrap();
    // Sparse: takes no room, but would take hours to compile.
    file.set_len(64 << 30).unwrap();
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let error = sandbox.load(&path).await.err().unwrap();
    assert!(
        matches!(error, LoadError::TooLarge { size, .. } if size == 64 << 30),
        "{error}"
    );
    assert!(
        error.to_string().contains("--limit component-bytes="),
        "{error}"
    );
    assert!(sandbox.load_bytes(vec![0; (32 << 20) + 1]).await.is_err());

    let missing = sandbox
        .load(&folder.path().join("none.wasm"))
        .await
        .err()
        .unwrap();
    assert!(missing.to_string().contains("none.wasm"), "{missing}");
}

#[tokio::test]
async fn a_component_that_needs_more_than_the_limits_is_refused_with_numbers() {
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let sandbox = Sandbox::new(SandboxOptions {
        cache_dir: None,
        limits,
    })
    .unwrap();
    let error = sandbox.load(&COMPONENT).await.err().unwrap();
    assert!(
        matches!(
            error,
            LoadError::NeedsMore {
                limit: Limit::Memory,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_start_compiles_nothing_and_a_corrupted_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let cache_dir = Some(folder.path().to_owned());
        let sandbox = Sandbox::new(SandboxOptions {
            cache_dir,
            limits: Limits::default(),
        })
        .unwrap();
        let loaded = sandbox.load(&COMPONENT).await.unwrap();
        let good = deed("good");
        loaded.scan(good.setup, request()).await.unwrap();
        (sandbox.compiled(), sandbox.reused())
    };
    assert_eq!(start().await, (1, 0));
    assert_eq!(start().await, (0, 1));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(start().await, (1, 0));
    assert_eq!(start().await, (0, 1));
}

#[tokio::test]
async fn a_loaded_connector_says_what_it_is() {
    let loaded = hostile().await;
    assert_eq!(loaded.manifest().id, "hostile");
    assert_eq!(loaded.contract_version(), "0.1.0");
    assert!(loaded.digest().starts_with("sha256:") && loaded.digest().len() == 71);
    assert_eq!(loaded.size(), std::fs::metadata(&*COMPONENT).unwrap().len());
    assert!(
        loaded
            .imports()
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler@"))
    );
    assert!(
        !loaded
            .imports()
            .iter()
            .any(|name| name.starts_with("wasi:sockets"))
    );
    assert_eq!(loaded.exports(), ["ox:connector/connector@0.1.0"]);
}
