//! Version 0.1 of the contract: its imports over an [`Outlet`](super::Outlet) and a [`Way`](super::way::Way),
//! and its exports as one function.
//!
//! Whatever crosses here was made by somebody else. It is weighed against the call's budgets and cleaned
//! before anything of the host sees it.

use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use super::bindings::v0_1::ox::connector::{cache, egress, log, sink, types};
use super::bindings::v0_1::{Contract, ContractPre};
use super::check;
use super::clean::{MAX_MESSAGE, MAX_TEXT};
use super::error::{LimitHit, Violation};
use super::limits::Limit;
use super::request_texts;
use super::store_data::{Phase, StoreData};
use crate::contract::{
    Explanation, Failure, LocationPage, LogLevel, Manifest, Observation, Profile, Progress,
    ScanRequest, ScanSummary, Setting, Stop, Verification,
};

/// Bytes of a cursor of `emit`; the contract says so.
const MAX_CURSOR: usize = 64 << 10;

/// Bytes of a cache key; the contract says so.
const MAX_CACHE_KEY: usize = 512;

/// Bytes of a cached value; the contract says so.
const MAX_CACHE_VALUE: usize = 8 << 20;

/// Bytes of an address that `explain` looks up.
const MAX_URL: usize = 8 << 10;

/// Bytes of one log line.
const MAX_LINE: usize = 4 << 10;

/// What a log line costs besides its text, in bytes; empty ones are not free.
const LINE_WEIGHT: u64 = 16;

/// The shortest time between two reports of progress that are passed on.
const PROGRESS_PAUSE: Duration = Duration::from_millis(20);

/// Step results that one call may report.
const MAX_STEP_REPORTS: u64 = 1000;

/// A component that was linked, ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Linked(ContractPre<StoreData>);

/// A component in its store.
pub(crate) struct Running(Contract);

/// The calls that follow `configure`.
pub(crate) enum Request {
    Verify,
    ListLocations {
        parent: Option<String>,
        cursor: Option<String>,
    },
    Scan(ScanRequest),
}

/// What they answer.
pub(crate) enum Answer {
    Verified(Verification),
    Listed(LocationPage),
    Scanned(ScanSummary),
}

/// Everything that a component may import, and nothing else.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
    use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
    use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
    use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};

    type Data = StoreData;
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    request_texts::bound(l)?;
    random::insecure::add_to_linker::<Data, WasiRandom>(l, Data::random)?;
    random::insecure_seed::add_to_linker::<Data, WasiRandom>(l, Data::random)?;
    // What language runtimes import: there, and empty.
    cli::exit::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::environment::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::terminal_input::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::terminal_output::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::terminal_stdin::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::terminal_stdout::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    cli::terminal_stderr::add_to_linker::<Data, WasiCli>(l, Data::cli)?;
    filesystem::preopens::add_to_linker::<Data, WasiFilesystem>(l, Data::filesystem)?;
    filesystem::types::add_to_linker::<Data, WasiFilesystem>(l, Data::filesystem)?;
    Contract::add_to_linker::<Data, HasSelf<Data>>(l, |data| data)?;
    Ok(linker)
}

impl Linked {
    /// Links a component; fails where its types are not those of the contract.
    pub(crate) fn new(linker: &Linker<StoreData>, component: &Component) -> wasmtime::Result<Self> {
        Ok(Self(ContractPre::new(linker.instantiate_pre(component)?)?))
    }

    /// Brings it to life in a store.
    pub(crate) async fn start(&self, store: &mut Store<StoreData>) -> wasmtime::Result<Running> {
        Ok(Running(self.0.instantiate_async(store).await?))
    }
}

impl Running {
    pub(crate) async fn describe(
        &self,
        store: &mut Store<StoreData>,
    ) -> wasmtime::Result<Manifest> {
        self.0.ox_connector_connector().call_describe(store).await
    }

    pub(crate) async fn configure(
        &self,
        store: &mut Store<StoreData>,
        settings: &[Setting],
    ) -> wasmtime::Result<Result<Profile, Failure>> {
        self.0
            .ox_connector_connector()
            .call_configure(store, settings)
            .await
    }

    pub(crate) async fn invoke(
        &self,
        store: &mut Store<StoreData>,
        request: &Request,
    ) -> wasmtime::Result<Result<Answer, Failure>> {
        let connector = self.0.ox_connector_connector();
        Ok(match request {
            Request::Verify => connector.call_verify(store).await?.map(Answer::Verified),
            Request::ListLocations { parent, cursor } => connector
                .call_list_locations(store, parent.as_deref(), cursor.as_deref())
                .await?
                .map(Answer::Listed),
            Request::Scan(request) => connector
                .call_scan(store, request)
                .await?
                .map(Answer::Scanned),
        })
    }
}

impl types::Host for StoreData {}

impl sink::Host for StoreData {
    async fn emit(
        &mut self,
        mut observations: Vec<Observation>,
        cursor: String,
    ) -> wasmtime::Result<Result<(), Stop>> {
        let shared = &self.shared;
        if shared.phase() != Phase::Scan {
            let call = shared.phase().name();
            return Err(
                Violation(format!("it emitted observations in {call}; only scan may")).into(),
            );
        }
        if let Some((stop, _)) = shared.stopped() {
            return Ok(Err(stop));
        }
        if shared.cancel.is_cancelled() {
            return Ok(Err(shared.stop(Stop::Cancelled, None)));
        }
        if cursor.len() > MAX_CURSOR {
            let size = cursor.len();
            return Err(Violation(format!(
                "it emitted a cursor of {size} bytes; at most {MAX_CURSOR} are allowed"
            ))
            .into());
        }
        check::observations(&observations).map_err(Violation)?;
        let weight = shared.cleaning(MAX_TEXT, |cleaner| {
            cleaner.clean(&mut observations);
            cleaner.weight() as u64
        });
        if weight > shared.limits.batch_bytes {
            return Err(LimitHit {
                limit: Limit::BatchBytes,
                detail: format!("it emitted a batch of {weight} bytes"),
            }
            .into());
        }

        let used = &mut self.used;
        used.batches += 1;
        used.emitted_bytes = used.emitted_bytes.saturating_add(weight);
        used.observations = used.observations.saturating_add(count(&observations));
        for (limit, amount, what) in [
            (Limit::EmittedBatches, used.batches, "batches"),
            (
                Limit::EmittedBytes,
                used.emitted_bytes,
                "bytes of observations",
            ),
            (
                Limit::EmittedObservations,
                used.observations,
                "observations",
            ),
        ] {
            if amount > shared.limits.get(limit) {
                let detail = format!("it emitted {amount} {what}");
                return Ok(Err(
                    shared.stop(Stop::OverLimit, Some(LimitHit { limit, detail }))
                ));
            }
        }
        match shared.outlet.emit(observations, cursor).await {
            Ok(()) => Ok(Ok(())),
            Err(stop) => Ok(Err(shared.stop(stop, None))),
        }
    }

    async fn report(&mut self, mut progress: Progress) -> wasmtime::Result<()> {
        match &progress {
            Progress::Step(_) => {
                self.used.steps += 1;
                if self.used.steps > MAX_STEP_REPORTS {
                    return Ok(());
                }
            }
            Progress::Scan(_) => {
                let now = Instant::now();
                if self
                    .used
                    .progress
                    .is_some_and(|last| now.duration_since(last) < PROGRESS_PAUSE)
                {
                    return Ok(());
                }
                self.used.progress = Some(now);
            }
        }
        self.shared
            .cleaning(MAX_MESSAGE, |cleaner| cleaner.clean(&mut progress));
        self.shared.outlet.progress(progress);
        Ok(())
    }
}

/// Observations, each package counted.
fn count(observations: &[Observation]) -> u64 {
    observations
        .iter()
        .map(|observation| match observation {
            Observation::Packages(batch) => batch.packages.len() as u64,
            _ => 1,
        })
        .fold(0, u64::saturating_add)
}

impl log::Host for StoreData {
    async fn write(&mut self, level: LogLevel, message: String) -> wasmtime::Result<()> {
        let cost = LINE_WEIGHT + message.len().min(MAX_LINE) as u64;
        let limit = self.shared.limits.log_bytes;
        if self.used.log_bytes.saturating_add(cost) > limit {
            if self.used.log_dropped == 0 {
                self.shared.outlet.log(
                    LogLevel::Warn,
                    &format!(
                        "the connector logged more than the limit {} ({}); its further lines of this call \
                         are dropped",
                        Limit::LogBytes,
                        Limit::LogBytes.unit().show(limit)
                    ),
                );
            }
            self.used.log_dropped += 1;
            return Ok(());
        }
        self.used.log_bytes += cost;
        let line = self.shared.clean_line(&message, MAX_LINE);
        self.shared.outlet.log(level, &line);
        Ok(())
    }
}

impl cache::Host for StoreData {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        if !self.may_cache(&key) {
            return Ok(None);
        }
        let value = self.shared.outlet.cache_get(&key).await;
        Ok(value.filter(|value| value.len() <= MAX_CACHE_VALUE))
    }

    async fn put(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<()> {
        let used = self
            .used
            .cache_bytes
            .saturating_add(value.len() as u64)
            .saturating_add(key.len() as u64);
        if self.may_cache(&key)
            && value.len() <= MAX_CACHE_VALUE
            && used <= self.shared.limits.cache_bytes
        {
            self.used.cache_bytes = used;
            self.shared.outlet.cache_put(&key, value).await;
        }
        Ok(())
    }
}

impl StoreData {
    /// `describe` and `configure` do no I/O; a key is a short text.
    fn may_cache(&self, key: &str) -> bool {
        !matches!(self.shared.phase(), Phase::Describe | Phase::Configure)
            && !key.is_empty()
            && key.len() <= MAX_CACHE_KEY
    }
}

impl egress::Host for StoreData {
    async fn explain(&mut self, url: String) -> wasmtime::Result<Option<Explanation>> {
        if url.len() > MAX_URL {
            return Ok(None);
        }
        Ok(self.shared.way.explain(&url).map(|mut explanation| {
            self.shared
                .cleaning(MAX_MESSAGE, |cleaner| cleaner.clean(&mut explanation));
            explanation
        }))
    }
}
