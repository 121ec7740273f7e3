//! What every handler has at hand.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::attempts::Attempts;
use super::auth::Accounts;
use super::bus::Bus;
use super::metrics::Metrics;
use super::plugins::Plugins;
use super::runs::Runs;
use super::schedule::{MachineClock, Schedules};
use super::{ServeOptions, api, auth, console, metrics};
use crate::host::{Host, HostError};

/// The daemon: one host, and what drives it.
pub struct Server {
    /// The host.
    pub host: Arc<Host>,
    /// What is running, and what waits.
    pub runs: Arc<Runs>,
    /// What runs by itself, and when.
    pub schedules: Arc<Schedules>,
    /// Versions of connectors.
    pub plugins: Arc<Plugins>,
    /// Who may do what.
    pub accounts: Accounts,
    /// Accounts that are being connected, verified or listed now.
    pub attempts: Arc<Attempts>,
    /// What happens.
    pub bus: Arc<Bus>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// What it was started with.
    pub options: ServeOptions,
    /// When it was started.
    pub started: Instant,
    /// Cancelled when the daemon is to end.
    pub stopping: CancellationToken,
}

impl Server {
    /// Sets everything up over a host that owns its data folder. Nothing runs yet.
    pub async fn new(host: Arc<Host>, options: ServeOptions) -> Result<Arc<Self>, HostError> {
        let bus = Arc::new(Bus::default());
        let metrics = Arc::new(Metrics::default());
        let runs = Runs::new(host.clone(), bus.clone(), metrics.clone(), &options);
        let clock = Arc::new(MachineClock);
        Ok(Arc::new(Self {
            plugins: Arc::new(Plugins::new(
                host.clone(),
                bus.clone(),
                metrics.clone(),
                &options,
            )?),
            schedules: Schedules::new(host.clone(), runs.clone(), bus.clone(), clock),
            accounts: Accounts::new(host.clone()),
            attempts: Attempts::new(host.clone(), bus.clone()),
            host,
            runs,
            bus,
            metrics,
            options,
            started: Instant::now(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Every route, behind who-are-you and the audit log.
    pub fn router(self: &Arc<Self>) -> Router {
        let open = metrics::probes();
        let guarded = console::routes().merge(api::routes());
        auth::dressed(auth::guard(guarded, self).merge(open))
            .layer(axum::middleware::from_fn_with_state(
                self.clone(),
                metrics::count,
            ))
            .with_state(self.clone())
    }
}
