//! The sandbox and the egress, put behind [`Connectors`] and [`Connector`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::installed::{Places, read_component};
use super::{Account, Connectors, HostError, HostOptions, Inspection};
use crate::contract::{LocationPage, Manifest, Profile, ScanRequest, ScanSummary, Verification};
use crate::egress::{Egress, EgressConfig, EgressCounters, EgressLimits, Origin, SystemResolver};
use crate::plugin::{
    CallEnd, CallError, CallSetup, Limit, Limits, LoadedConnector, NoWay, Outlet, Sandbox,
    SandboxOptions, Ways,
};
use crate::scan::{CallFailed, Connector, Ended, Fault, Traffic};
use crate::tally::tally;

/// Folder of compiled code in the data folder.
const CODE: &str = "code";

/// Connectors that run in the sandbox.
pub(super) struct Sandboxed {
    places: Places,
    sandbox: Arc<Sandbox>,
    limits: Limits,
    /// Loaded files, as long as they are what they were.
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
}

#[derive(Clone)]
struct Loaded {
    size: u64,
    changed: Option<SystemTime>,
    connector: Arc<LoadedConnector>,
}

impl Sandboxed {
    pub(super) fn new(options: &HostOptions) -> Result<Self, HostError> {
        let mut limits = Limits::default();
        for assignment in &options.limits {
            limits
                .assign(assignment)
                .map_err(|error| HostError::Settings(error.into()))?;
        }
        let cache_dir = options
            .cache_dir
            .clone()
            .unwrap_or_else(|| options.data_dir.join(CODE));
        let sandbox = Sandbox::new(SandboxOptions {
            cache_dir: Some(cache_dir),
            limits: limits.clone(),
        });
        Ok(Self {
            places: Places::new(options),
            sandbox: sandbox.map_err(anyhow::Error::from)?,
            limits,
            loaded: Mutex::new(HashMap::new()),
        })
    }

    async fn load(&self, path: &Path) -> anyhow::Result<Arc<LoadedConnector>> {
        let about =
            std::fs::metadata(path).with_context(|| format!("can't open {}", path.display()))?;
        let (size, changed) = (about.len(), about.modified().ok());
        let known = self
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path)
            .cloned();
        if let Some(known) = known
            && known.size == size
            && known.changed == changed
        {
            return Ok(known.connector);
        }
        let bytes = read_component(path)?;
        let loaded = self.sandbox.load_bytes(bytes).await;
        let connector = loaded.with_context(|| format!("{} can't be used", path.display()))?;
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(
            path.to_owned(),
            Loaded {
                size,
                changed,
                connector: connector.clone(),
            },
        );
        Ok(connector)
    }

    /// All that load. One that does not is passed over with a warning, unless it is the only hope.
    async fn load_all(&self) -> Result<Vec<Arc<LoadedConnector>>, HostError> {
        let mut connectors: Vec<Arc<LoadedConnector>> = Vec::new();
        let mut first_error = None;
        for path in self.places.files() {
            match self.load(&path).await {
                Ok(connector)
                    if connectors
                        .iter()
                        .all(|known| known.digest() != connector.digest()) =>
                {
                    connectors.push(connector);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("{error:#}");
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) if connectors.is_empty() => Err(HostError::Settings(error)),
            _ => Ok(connectors),
        }
    }

    async fn by_id(&self, id: &str) -> Result<Arc<LoadedConnector>, HostError> {
        let connectors = self.load_all().await?;
        if connectors.is_empty() {
            let place = self.places.data().display();
            return Err(HostError::Settings(anyhow::anyhow!(
                "no connector is installed; put its .wasm file into {place}, or name it with --plugin FILE"
            )));
        }
        // The most important file first, so the first of that id is the one in use.
        let found = connectors
            .into_iter()
            .find(|connector| connector.manifest().id == id);
        found.ok_or_else(|| HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "plugin list",
        })
    }

    fn setup(
        &self,
        account: &Account,
        egress: Arc<dyn Ways>,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> CallSetup {
        CallSetup {
            settings: account.settings.clone(),
            secrets: account.secrets.clone(),
            egress,
            outlet,
            cancel,
            limits: self.limits.clone(),
        }
    }
}

#[async_trait]
impl Connectors for Sandboxed {
    async fn all(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        let connectors = self.load_all().await?;
        Ok(connectors
            .iter()
            .map(|connector| (connector.manifest().clone(), connector.digest().to_owned()))
            .collect())
    }

    async fn manifest(&self, id: &str) -> Result<Manifest, HostError> {
        Ok(self.by_id(id).await?.manifest().clone())
    }

    async fn configure(
        &self,
        id: &str,
        account: &Account,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Result<Profile, CallFailed>, HostError> {
        let connector = self.by_id(id).await?;
        let setup = self.setup(account, Arc::new(NoWay), outlet, cancel);
        Ok(connector.configure(setup).await.map_err(failed))
    }

    async fn connect(&self, id: &str, account: Account) -> Result<Arc<dyn Connector>, HostError> {
        let connector = self.by_id(id).await?;
        let egress = egress(&account)?;
        Ok(Arc::new(Connected {
            connector,
            egress,
            account,
            limits: self.limits.clone(),
        }))
    }

    async fn inspect(&self, path: &Path) -> Result<Inspection, HostError> {
        let connector = self.load(path).await.map_err(HostError::Settings)?;
        let limit = |limit: &Limit| {
            (
                limit.name().to_owned(),
                limit.unit().show(self.limits.get(*limit)),
            )
        };
        Ok(Inspection {
            manifest: connector.manifest().clone(),
            imports: connector.imports().to_vec(),
            exports: connector.exports().to_vec(),
            digest: connector.digest().to_owned(),
            size: connector.size(),
            limits: Limit::ALL.iter().map(limit).collect(),
        })
    }

    async fn install(&self, path: &Path) -> Result<(Manifest, String), HostError> {
        let bytes = read_component(path).map_err(HostError::Settings)?;
        // The bytes that were checked are the bytes that are kept: the file may change meanwhile.
        let loaded = self.sandbox.load_bytes(bytes.clone()).await;
        let connector = loaded
            .with_context(|| format!("{} can't be used", path.display()))
            .map_err(HostError::Settings)?;
        self.places.install(&bytes)?;
        Ok((connector.manifest().clone(), connector.digest().to_owned()))
    }
}

/// The way out of a connection: one pool, one policy.
fn egress(account: &Account) -> Result<Arc<Egress>, HostError> {
    let network = &account.network;
    let operator_origin = Origin::parse_url(&account.operator_origin)
        .with_context(|| format!("the address {} can't be used", account.operator_origin))
        .map_err(HostError::Settings)?;
    let allow = network
        .allow
        .iter()
        .map(|allowed| {
            Origin::parse_url(allowed).with_context(|| {
                format!("the allowed origin {allowed:?} can't be read; write it like https://minio.internal:9000")
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()
        .map_err(HostError::Settings)?;
    let egress = Egress::new(EgressConfig {
        operator_origin,
        allow,
        ca_pem: network.ca_pem.clone(),
        client_pem: network.client_pem.clone(),
        proxy: network.proxy.clone(),
        insecure_tls: network.insecure_tls,
        limits: EgressLimits::default(),
        resolver: Arc::new(SystemResolver),
    });
    egress.map_err(|error| HostError::Settings(error.into()))
}

/// A connector in its sandbox, set up for one account.
struct Connected {
    connector: Arc<LoadedConnector>,
    egress: Arc<Egress>,
    account: Account,
    limits: Limits,
}

impl Connected {
    fn setup(&self, outlet: Arc<dyn Outlet>, cancel: CancellationToken) -> CallSetup {
        CallSetup {
            settings: self.account.settings.clone(),
            secrets: self.account.secrets.clone(),
            egress: self.egress.clone(),
            outlet,
            cancel,
            limits: self.limits.clone(),
        }
    }
}

#[async_trait]
impl Connector for Connected {
    async fn verify(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Ended<Verification>, CallFailed> {
        ended(self.connector.verify(self.setup(outlet, cancel)).await)
    }

    async fn list_locations(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<Ended<LocationPage>, CallFailed> {
        ended(
            self.connector
                .list_locations(self.setup(outlet, cancel), parent, cursor)
                .await,
        )
    }

    async fn scan(
        &self,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed> {
        ended(
            self.connector
                .scan(self.setup(outlet, cancel), request)
                .await,
        )
    }
}

fn ended<T>(result: Result<CallEnd<T>, CallError>) -> Result<Ended<T>, CallFailed> {
    match result {
        Ok(end) => Ok(Ended {
            value: end.value,
            traffic: traffic(end.counters),
        }),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: CallError) -> CallFailed {
    let traffic = traffic(error.counters());
    let message = error.message();
    match &error {
        CallError::Limit { limit, .. } => tally().limit(limit.name()),
        CallError::Timeout { .. } => tally().limit("time"),
        _ => {}
    }
    let fault = match error {
        CallError::Failure { failure, .. } => Fault::Failure(failure),
        CallError::Crash { .. } | CallError::BadAnswer { .. } => Fault::Crash(message),
        CallError::Limit { .. } | CallError::Timeout { .. } => Fault::Limit(message),
        CallError::Cancelled => Fault::Cancelled,
        // An origin that is not opened now is not opened for the next location either.
        CallError::Refused { .. } | CallError::Host(_) => Fault::Host(message),
    };
    CallFailed { fault, traffic }
}

fn traffic(counters: EgressCounters) -> Traffic {
    Traffic {
        requests: counters.requests,
        bytes_read: counters.bytes_received,
        refused: counters.refused,
    }
}
