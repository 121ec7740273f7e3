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

mod answers;
mod egress;
mod isolation;
mod limits;
mod loading;
mod server;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

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
        self.contexts().remove(key).unwrap_or_default()
    }

    /// The attributes of all contexts.
    fn contexts(&self) -> HashMap<String, Vec<String>> {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for observation in self
            .emitted
            .lock()
            .unwrap()
            .iter()
            .flat_map(|(batch, _)| batch)
        {
            if let Observation::Context(context) = observation {
                for (key, value) in context.attributes.clone() {
                    all.entry(key).or_default().push(value);
                }
            }
        }
        all
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
