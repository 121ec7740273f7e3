//! One call: a store of its own, from the first instruction to the last.
//!
//! The order never changes: instantiate, `configure` with the way out still closed, grant the origins that it
//! answered, then the call. Around each step stand the wall clock, the caller's cancellation and the meter.
//! Whatever ends a call, its store is dropped and its way closed, so nothing of it goes on or is left over.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasmtime::Store;

use super::clean::{MAX_MESSAGE, MAX_TEXT};
use super::contract_0_1::{Answer, Linked, Request};
use super::error::{CallError, Evidence, classify};
use super::limits::{Limit, Limits};
use super::load::LoadedConnector;
use super::store_data::{Phase, Shared, StoreData, new_store};
use super::way::{NoWay, Way, Ways};
use super::{Outlet, check};
use crate::contract::{
    Explanation, Failure, FieldFault, LocationPage, LogLevel, Manifest, Observation, Profile,
    Progress, ScanRequest, ScanSummary, Setting, Stop, Verification,
};
use crate::egress::{EgressCounters, GrantRefused, MIN_SECRET};
use crate::secret::SecretString;

/// What a call is made with.
pub struct CallSetup {
    /// Values of the form that are not secret.
    pub settings: Vec<(String, String)>,
    /// Values of the form's secret fields. The connector gets a stand-in for each.
    pub secrets: Vec<(String, SecretString)>,
    /// What opens the way out.
    pub egress: Arc<dyn Ways>,
    /// Where what it sees goes.
    pub outlet: Arc<dyn Outlet>,
    /// Ends the call.
    pub cancel: CancellationToken,
    /// What it may use.
    pub limits: Limits,
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub struct CallEnd<T> {
    /// What the connector answered.
    pub value: T,
    /// What went over the wire.
    pub counters: EgressCounters,
    /// What it used.
    pub usage: CallUsage,
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallUsage {
    /// The most bytes of memory that it had.
    pub memory_peak: u64,
    /// How long it kept a processor busy.
    pub cpu: Duration,
    /// How long it took.
    pub wall: Duration,
    /// Log lines that were dropped.
    pub log_dropped: u64,
}

impl LoadedConnector {
    /// Checks settings and brings them to their normal form. No request leaves.
    ///
    /// The profile's settings hold no secrets: neither the values nor what stood in for them.
    pub async fn configure(&self, setup: CallSetup) -> Result<Profile, CallError> {
        Ok(self.call(setup, None).await?.value.0)
    }

    /// Tries everything that a scan will need.
    pub async fn verify(&self, setup: CallSetup) -> Result<CallEnd<Verification>, CallError> {
        let end = self.call(setup, Some(Request::Verify)).await?;
        end.answer(|answer| match answer {
            Answer::Verified(verification) => Some(verification),
            _ => None,
        })
    }

    /// One page of the locations below `parent`.
    pub async fn list_locations(
        &self,
        setup: CallSetup,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<CallEnd<LocationPage>, CallError> {
        let request = Request::ListLocations { parent, cursor };
        let end = self.call(setup, Some(request)).await?;
        end.answer(|answer| match answer {
            Answer::Listed(page) => Some(page),
            _ => None,
        })
    }

    /// Scans one location; what it finds goes to the outlet.
    pub async fn scan(
        &self,
        setup: CallSetup,
        request: ScanRequest,
    ) -> Result<CallEnd<ScanSummary>, CallError> {
        let end = self.call(setup, Some(Request::Scan(request))).await?;
        end.answer(|answer| match answer {
            Answer::Scanned(summary) => Some(summary),
            _ => None,
        })
    }

    async fn call(
        &self,
        setup: CallSetup,
        request: Option<Request>,
    ) -> Result<CallEnd<(Profile, Option<Answer>)>, CallError> {
        let started = Instant::now();
        let manifest = self.manifest();
        let CallSetup {
            settings,
            secrets,
            egress,
            outlet,
            cancel,
            limits,
        } = setup;

        // What the form calls a secret is one, in whichever list it came. An empty one needs no stand-in.
        let (hidden, mut settings): (Vec<_>, Vec<_>) = settings
            .into_iter()
            .partition(|(key, _)| check::is_secret(manifest, key));
        let hidden = hidden
            .into_iter()
            .map(|(key, value)| (key, SecretString::new(value)));
        let (keys, secrets): (Vec<String>, Vec<SecretString>) = secrets
            .into_iter()
            .chain(hidden)
            .filter(|(_, secret)| !secret.expose().is_empty())
            .unzip();
        if let Some((key, _)) = keys
            .iter()
            .zip(&secrets)
            .find(|(_, secret)| secret.expose().len() < MIN_SECRET)
        {
            return Err(too_short(key));
        }
        let (stand_ins, way) = egress
            .open_way(&secrets)
            .map_err(|error| CallError::Host(anyhow::anyhow!("no random numbers: {error}")))?;
        settings.extend(keys.into_iter().zip(stand_ins.iter().cloned()));

        let _closing = CloseOnDrop(Arc::clone(&way));
        let shared = Shared::new(limits, way, outlet, cancel, stand_ins);
        let mut store = new_store(self.engine(), &shared);
        let done = run(
            self.linked(),
            manifest,
            &mut store,
            &settings,
            &secrets,
            request,
        )
        .await;
        // A guest that never waits never yields but at epoch ticks: let the others have their turn.
        tokio::task::yield_now().await;
        let value = done?;
        Ok(CallEnd {
            value,
            counters: shared.way.counters(),
            usage: usage(&store, started),
        })
    }
}

impl CallEnd<(Profile, Option<Answer>)> {
    fn answer<T>(self, pick: impl FnOnce(Answer) -> Option<T>) -> Result<CallEnd<T>, CallError> {
        let value = self.value.1.and_then(pick).ok_or_else(|| {
            CallError::Host(anyhow::anyhow!("the answer is that of another call"))
        })?;
        Ok(CallEnd {
            value,
            counters: self.counters,
            usage: self.usage,
        })
    }
}

/// The failure that a connector would answer to it, had it been asked.
fn too_short(key: &str) -> CallError {
    CallError::Failure {
        failure: Failure::InvalidSettings(FieldFault {
            field: key.to_owned(),
            why: Explanation {
                message: format!(
                    "The secret is shorter than {MIN_SECRET} characters, so it can't be told from ordinary \
                     text and kept out of answers and logs."
                ),
                hint: "Enter the whole of it.".to_owned(),
            },
        }),
        counters: Box::default(),
    }
}

/// Closes the way however the call ends, a dropped future included.
struct CloseOnDrop(Arc<dyn Way>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Asks a component what it is: no settings, no way out, no outlet.
pub(crate) async fn describe(
    linked: &Linked,
    engine: &wasmtime::Engine,
    limits: &Limits,
) -> Result<Manifest, CallError> {
    let cancel = CancellationToken::new();
    let shared = Shared::new(
        limits.clone(),
        Arc::new(NoWay),
        Arc::new(Nowhere),
        cancel,
        Vec::new(),
    );
    let mut store = new_store(engine, &shared);
    let running = guarded(&shared, Phase::Describe, linked.start(&mut store)).await;
    let running = running.map_err(|ended| explain(&store, ended))?;
    let described = guarded(&shared, Phase::Describe, running.describe(&mut store)).await;
    let mut manifest = described.map_err(|ended| explain(&store, ended))?;
    shared.cleaning(MAX_MESSAGE, |cleaner| cleaner.clean(&mut manifest));
    Ok(manifest)
}

async fn run(
    linked: &Linked,
    manifest: &Manifest,
    store: &mut Store<StoreData>,
    settings: &[Setting],
    secrets: &[SecretString],
    request: Option<Request>,
) -> Result<(Profile, Option<Answer>), CallError> {
    let shared = Arc::clone(&store.data().shared);
    let bad = |message: String| bad_answer(&shared, message);

    let running = guarded(&shared, Phase::Configure, linked.start(store)).await;
    let running = running.map_err(|ended| explain(store, ended))?;
    let configured = guarded(
        &shared,
        Phase::Configure,
        running.configure(store, settings),
    )
    .await;
    let configured = configured.map_err(|ended| explain(store, ended))?;
    let mut profile = configured.map_err(|failure| failed(&shared, failure))?;
    let is_secret = |text: &str| secrets.iter().any(|secret| text.contains(secret.expose()));
    check::profile(&mut profile, manifest, &shared.stand_ins, is_secret).map_err(bad)?;
    let granted = shared.way.grant(&profile.origins);
    granted.map_err(|refused| not_granted(&shared, &refused))?;
    profile.display_name = shared.clean_line(&profile.display_name, MAX_MESSAGE);
    for (_, value) in &mut profile.settings {
        shared.cleaning(MAX_TEXT, |cleaner| cleaner.text(value));
    }

    let Some(request) = request else {
        return Ok((profile, None));
    };
    let phase = match &request {
        Request::Verify => Phase::Verify,
        Request::ListLocations { .. } => Phase::ListLocations,
        Request::Scan(_) => Phase::Scan,
    };
    let answered = guarded(&shared, phase, running.invoke(store, &request)).await;
    let answered = answered.map_err(|ended| explain(store, ended))?;
    // After a stop the answer does not count: what was emitted behind it was not stored.
    if shared.stopped().is_some() {
        return Err(stopped(&shared));
    }
    let mut answer = answered.map_err(|failure| failed(&shared, failure))?;
    match (&mut answer, &request) {
        (Answer::Verified(verification), _) => {
            check::verification(verification, manifest).map_err(bad)?;
            shared.cleaning(MAX_TEXT, |cleaner| cleaner.clean(verification));
        }
        (Answer::Listed(page), Request::ListLocations { cursor, .. }) => {
            check::location_page(page, manifest, cursor.as_deref()).map_err(bad)?;
            shared.cleaning(MAX_TEXT, |cleaner| cleaner.clean(page));
        }
        (Answer::Listed(_), _) => {}
        (Answer::Scanned(summary), _) => {
            shared.cleaning(MAX_TEXT, |cleaner| cleaner.clean(summary));
        }
    }
    Ok((profile, Some(answer)))
}

/// How a step ended without an answer.
enum Ended {
    Trap(wasmtime::Error),
    Time(Phase),
    Stop,
}

/// Runs one step under the meter, the wall clock and the caller's cancellation.
async fn guarded<T>(
    shared: &Shared,
    phase: Phase,
    step: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Ended> {
    shared.enter(phase);
    let step = shared.meter.measure(step);
    tokio::select! {
        biased;
        ended = step => ended.map_err(Ended::Trap),
        ended = cut(shared, phase) => Err(ended),
    }
}

/// What the end of a step means for the caller.
fn explain(store: &Store<StoreData>, ended: Ended) -> CallError {
    let data = store.data();
    let shared = &data.shared;
    let counters = counted(shared);
    match ended {
        Ended::Trap(error) => {
            let evidence = Evidence {
                denied: data.limiter.denied(),
                last_words: shared.printed.explanation(),
                limits: &shared.limits,
                counters,
            };
            cleaned(shared, classify(&error, evidence))
        }
        Ended::Stop => stopped(shared),
        Ended::Time(phase) => CallError::Timeout {
            call: phase.name(),
            limit: phase.limit(),
            value: phase.limit().unit().show(shared.limits.get(phase.limit())),
            counters,
        },
    }
}

/// Returns when the step has to be cut.
async fn cut(shared: &Shared, phase: Phase) -> Ended {
    let asked = async {
        shared.asked_to_end().await;
        // A scan learns of the end at its next `emit`; the other calls have nothing to save.
        if phase == Phase::Scan {
            tokio::time::sleep(shared.limits.time(Limit::StopGrace)).await;
        }
    };
    tokio::select! {
        () = asked => Ended::Stop,
        () = tokio::time::sleep(shared.limits.time(phase.limit())) => Ended::Time(phase),
    }
}

fn counted(shared: &Shared) -> Box<EgressCounters> {
    Box::new(shared.way.counters())
}

/// What a stop means for the caller.
fn stopped(shared: &Shared) -> CallError {
    match shared.stopped() {
        _ if shared.cancel.is_cancelled() => CallError::Cancelled,
        Some((Stop::OverLimit, Some(hit))) => CallError::Limit {
            limit: hit.limit,
            value: hit.limit.unit().show(shared.limits.get(hit.limit)),
            detail: hit.detail,
            counters: counted(shared),
        },
        Some((Stop::OverLimit, None)) => CallError::Host(anyhow::anyhow!(
            "the host took no more observations of this call; what it had acknowledged is safe"
        )),
        Some((Stop::StoreFailed, _)) => CallError::Host(anyhow::anyhow!(
            "the observations could not be stored; what was acknowledged before is safe"
        )),
        Some((Stop::Cancelled, _)) | None => CallError::Cancelled,
    }
}

/// What a failure of the connector means for the caller.
fn failed(shared: &Shared, mut failure: Failure) -> CallError {
    if failure == Failure::Stopped {
        return if shared.cancel.is_cancelled() || shared.stopped().is_some() {
            stopped(shared)
        } else {
            bad_answer(
                shared,
                "it says that it was stopped, but nothing had asked it to stop".to_owned(),
            )
        };
    }
    shared.cleaning(MAX_MESSAGE, |cleaner| cleaner.clean(&mut failure));
    CallError::Failure {
        failure,
        counters: counted(shared),
    }
}

/// What a refused origin means for the caller: a rule that an operator can change, or one that nobody can.
fn not_granted(shared: &Shared, refused: &GrantRefused) -> CallError {
    let (message, counters) = (refused.to_string(), counted(shared));
    cleaned(
        shared,
        match refused {
            GrantRefused::PlainHttp(_) => CallError::Refused { message, counters },
            _ => CallError::BadAnswer { message, counters },
        },
    )
}

fn bad_answer(shared: &Shared, message: String) -> CallError {
    cleaned(
        shared,
        CallError::BadAnswer {
            message,
            counters: counted(shared),
        },
    )
}

/// The error with the connector's words in it cleaned.
fn cleaned(shared: &Shared, mut error: CallError) -> CallError {
    if let CallError::Crash { message, .. }
    | CallError::BadAnswer { message, .. }
    | CallError::Refused { message, .. }
    | CallError::Limit {
        detail: message, ..
    } = &mut error
    {
        *message = shared.clean_line(message, MAX_MESSAGE);
    }
    error
}

fn usage(store: &Store<StoreData>, started: Instant) -> CallUsage {
    let data = store.data();
    CallUsage {
        memory_peak: data.limiter.peak(),
        cpu: data.shared.meter.spent(),
        wall: started.elapsed(),
        log_dropped: data.used.log_dropped,
    }
}

/// Where `describe` would put things, if it could.
struct Nowhere;

#[async_trait::async_trait]
impl Outlet for Nowhere {
    async fn emit(&self, _: Vec<Observation>, _: String) -> Result<(), Stop> {
        Err(Stop::StoreFailed)
    }

    fn progress(&self, _: Progress) {}

    fn log(&self, level: LogLevel, message: &str) {
        tracing::debug!(?level, message, "logged in describe");
    }

    async fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn cache_put(&self, _: &str, _: Vec<u8>) {}
}
