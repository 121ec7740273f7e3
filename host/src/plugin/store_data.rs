//! What one call owns: an empty WASI, a way out, a place for what it sees, and its budgets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::Outlet;
use super::clean::{Cleaner, Redact};
use super::error::LimitHit;
use super::limits::{Limit, Limits};
use super::meter::Meter;
use super::stdio::Tail;
use super::way::Way;
use crate::contract::Stop;

/// Bytes of random numbers that a component may ask for at once.
const MAX_RANDOM: u64 = 1 << 20;

/// Bytes of one set of header fields that a component makes. The host keeps each, up to the limit on
/// resources, whether it is ever sent or not; a registry's token takes a few KiB.
const MAX_FIELDS: usize = 32 << 10;

/// The calls of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Describe,
    Configure,
    Verify,
    ListLocations,
    Scan,
}

impl Phase {
    /// The name of the call in the contract.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Describe => "describe",
            Phase::Configure => "configure",
            Phase::Verify => "verify",
            Phase::ListLocations => "list-locations",
            Phase::Scan => "scan",
        }
    }

    /// How long it may take.
    pub(crate) fn limit(self) -> Limit {
        match self {
            Phase::Describe | Phase::Configure => Limit::ConfigureTime,
            Phase::Verify => Limit::VerifyTime,
            Phase::ListLocations => Limit::ListTime,
            Phase::Scan => Limit::ScanTime,
        }
    }
}

/// The part of a call that its runner sees too, while the component runs.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) meter: Arc<Meter>,
    pub(crate) way: Arc<dyn Way>,
    pub(crate) outlet: Arc<dyn Outlet>,
    pub(crate) cancel: CancellationToken,
    pub(crate) stand_ins: Vec<String>,
    pub(crate) printed: Tail,
    phase: Mutex<Phase>,
    stop: watch::Sender<Option<(Stop, Option<LimitHit>)>>,
}

impl Shared {
    pub(crate) fn new(
        limits: Limits,
        way: Arc<dyn Way>,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        stand_ins: Vec<String>,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            meter: Meter::new(),
            way,
            outlet,
            cancel,
            stand_ins,
            printed: Tail::default(),
            phase: Mutex::new(Phase::Describe),
            stop: watch::Sender::new(None),
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// The stop that was answered, and the limit that it is about.
    pub(crate) fn stopped(&self) -> Option<(Stop, Option<LimitHit>)> {
        self.stop.borrow().clone()
    }

    /// Stops the call; the first reason stays.
    pub(crate) fn stop(&self, stop: Stop, hit: Option<LimitHit>) -> Stop {
        let mut answered = stop;
        self.stop.send_if_modified(|reason| match reason {
            Some((first, _)) => {
                answered = *first;
                false
            }
            None => {
                *reason = Some((stop, hit));
                true
            }
        });
        answered
    }

    /// Returns once the call was asked to end, by its caller or by an answer of `emit`.
    pub(crate) async fn asked_to_end(&self) {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            () = self.cancel.cancelled() => {}
            _ = stop.wait_for(Option::is_some) => {}
        }
    }

    /// Runs `work` with a cleaner for texts of at most `max` bytes.
    pub(crate) fn cleaning<T>(&self, max: usize, work: impl FnOnce(&mut Cleaner<'_>) -> T) -> T {
        let redact: &Redact<'_> = &|text| self.way.redact(text);
        work(&mut Cleaner::new(redact, &self.stand_ins, max))
    }

    /// A text without secrets, on one line.
    pub(crate) fn clean_line(&self, text: &str, max: usize) -> String {
        let mut text = text.to_owned();
        self.cleaning(max, |cleaner| cleaner.line(&mut text));
        text
    }
}

/// What of its budgets a call has used.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) batches: u64,
    pub(crate) observations: u64,
    pub(crate) emitted_bytes: u64,
    pub(crate) log_bytes: u64,
    pub(crate) log_dropped: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) steps: u64,
    pub(crate) progress: Option<Instant>,
}

/// The data of a store.
pub(crate) struct StoreData {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    hooks: Box<dyn WasiHttpHooks>,
    pub(crate) limiter: Limiter,
    pub(crate) used: Used,
    pub(crate) shared: Arc<Shared>,
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut *self.hooks,
        }
    }
}

/// A store for one call, with every limit set.
pub(crate) fn new_store(engine: &Engine, shared: &Arc<Shared>) -> Store<StoreData> {
    let limits = &shared.limits;
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.size(Limit::Resources));
    let wasi = WasiCtx::builder()
        .stdout(shared.printed.clone())
        .stderr(shared.printed.clone())
        .max_random_size(MAX_RANDOM)
        .allow_blocking_current_thread(false)
        .build();
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(MAX_FIELDS);
    let data = StoreData {
        wasi,
        http,
        table,
        hooks: Arc::clone(&shared.way).hooks(),
        limiter: Limiter::new(limits),
        used: Used::default(),
        shared: Arc::clone(shared),
    };
    let mut store = Store::new(engine, data);
    store.limiter(|data| &mut data.limiter);
    store.set_hostcall_fuel(limits.size(Limit::HostcallBytes));
    store.set_max_component_handles(limits.size(Limit::Handles));
    store.set_epoch_deadline(1);
    let (meter, budget) = (Arc::clone(&shared.meter), limits.time(Limit::Cpu));
    store.epoch_deadline_callback(move |_| {
        check_cpu(&meter, budget)?;
        // Not wasmtime's own yield: with tokio the task that yields so is the next to run.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
}

fn check_cpu(meter: &Meter, budget: Duration) -> Result<(), LimitHit> {
    let spent = meter.spent();
    if spent <= budget {
        return Ok(());
    }
    Err(LimitHit {
        limit: Limit::Cpu,
        detail: format!("it kept a processor busy for {:.1} s", spent.as_secs_f64()),
    })
}

/// Adds up what a call's memories and tables take.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: usize,
    table_limit: usize,
    max_instances: usize,
    max_memories: usize,
    memory: usize,
    elements: usize,
    peak: usize,
    /// What the growth that was allowed last added, in case it fails after all.
    last_growth: (usize, usize),
    denied: Option<LimitHit>,
}

impl Limiter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.size(Limit::Memory),
            table_limit: limits.size(Limit::TableElements),
            max_instances: limits.size(Limit::Instances),
            max_memories: limits.size(Limit::Memories),
            memory: 0,
            elements: 0,
            peak: 0,
            last_growth: (0, 0),
            denied: None,
        }
    }

    /// The most bytes of memory that the call had.
    pub(crate) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// The first growth that was refused.
    pub(crate) fn denied(&self) -> Option<&LimitHit> {
        self.denied.as_ref()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let wanted = self.memory.saturating_add(growth);
        if wanted > self.memory_limit {
            self.denied.get_or_insert_with(|| LimitHit {
                limit: Limit::Memory,
                detail: format!(
                    "it asked for {:.1} MiB of memory",
                    wanted as f64 / f64::from(1 << 20)
                ),
            });
            return Ok(false);
        }
        self.memory = wanted;
        self.peak = self.peak.max(wanted);
        self.last_growth = (growth, 0);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self
            .memory
            .saturating_sub(std::mem::take(&mut self.last_growth).0);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let wanted = self.elements.saturating_add(growth);
        if wanted > self.table_limit {
            self.denied.get_or_insert_with(|| LimitHit {
                limit: Limit::TableElements,
                detail: format!("it asked for {wanted} table elements"),
            });
            return Ok(false);
        }
        self.elements = wanted;
        self.last_growth = (0, growth);
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements = self
            .elements
            .saturating_sub(std::mem::take(&mut self.last_growth).1);
        Ok(())
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_memories
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;

    #[test]
    fn the_memories_of_a_call_are_summed_and_the_first_refusal_is_remembered() {
        let mut limiter = Limiter::new(&Limits {
            memory: 10 << 16,
            ..Limits::default()
        });
        assert!(limiter.memory_growing(0, 6 << 16, None).unwrap());
        assert!(
            !limiter.memory_growing(0, 5 << 16, None).unwrap(),
            "a second memory counts too"
        );
        assert!(limiter.memory_growing(0, 4 << 16, None).unwrap());
        assert!(!limiter.memory_growing(6 << 16, 1 << 40, None).unwrap());
        assert_eq!(limiter.peak(), 10 << 16);
        assert_eq!(limiter.denied().unwrap().limit, Limit::Memory);
        assert!(
            limiter.denied().unwrap().detail.contains("0.7 MiB"),
            "{:?}",
            limiter.denied()
        );
    }

    #[test]
    fn a_growth_that_fails_after_all_does_not_count() {
        let mut limiter = Limiter::new(&Limits {
            memory: 10 << 16,
            ..Limits::default()
        });
        assert!(limiter.memory_growing(0, 9 << 16, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::format_err!("no room"))
            .unwrap();
        assert!(limiter.memory_growing(0, 9 << 16, None).unwrap());
        assert!(limiter.denied().is_none());
    }
}
