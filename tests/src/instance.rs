//! One call of the connector in the real sandbox, for what the program does not print: what the instance
//! itself used.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use ox_host::contract::{Location, LogLevel, Observation, Progress, ScanRequest, Stop};
use ox_host::egress::{Egress, EgressConfig, EgressLimits, Origin, SystemResolver};
use ox_host::plugin::{
    CallSetup, CallUsage, Limits, LoadedConnector, Outlet, Sandbox, SandboxOptions,
};
use ox_host::secret::SecretString;
use tokio_util::sync::CancellationToken;

/// Pages of a listing that are looked through for one location.
const MAX_PAGES: usize = 1000;

/// The connector, ready for calls to one GitLab.
pub struct Instance {
    connector: Arc<LoadedConnector>,
    egress: Arc<Egress>,
    url: String,
    token: String,
}

/// Keeps what is emitted and forgets everything else; there is no cache.
#[derive(Default)]
struct Keep(Mutex<Vec<Observation>>);

#[async_trait]
impl Outlet for Keep {
    async fn emit(&self, observations: Vec<Observation>, _: String) -> Result<(), Stop> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(observations);
        Ok(())
    }

    fn progress(&self, _: Progress) {}

    fn log(&self, _: LogLevel, _: &str) {}

    async fn cache_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn cache_put(&self, _: &str, _: Vec<u8>) {}
}

impl Instance {
    /// Loads the component.
    ///
    /// # Errors
    /// When it can't be loaded.
    pub async fn load(component: &Path, url: &str, token: &str) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new(SandboxOptions::default())?;
        let egress = Egress::new(EgressConfig {
            operator_origin: Origin::parse_url(url)?,
            allow: Vec::new(),
            ca_pem: Vec::new(),
            client_pem: None,
            proxy: None,
            insecure_tls: false,
            limits: EgressLimits::default(),
            resolver: Arc::new(SystemResolver),
        })?;
        Ok(Self {
            connector: sandbox.load(component).await?,
            egress,
            url: url.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Scans the location of that path: what the call used, and what it emitted.
    ///
    /// # Errors
    /// When there is no such location, or the call fails.
    pub async fn scan(&self, path: &str) -> anyhow::Result<(CallUsage, Vec<Observation>)> {
        let location = self.find(path).await?.id;
        let kept = Arc::new(Keep::default());
        let request = ScanRequest {
            location,
            cursor: None,
        };
        let end = self
            .connector
            .scan(self.setup(&kept), request)
            .await
            .map_err(|error| anyhow!(error.message()))?;
        let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((end.usage, std::mem::take(&mut *kept)))
    }

    /// Goes down the tree to the scannable location of that path.
    async fn find(&self, path: &str) -> anyhow::Result<Location> {
        let mut parents = vec![None];
        for _ in 0..MAX_PAGES {
            let Some(parent) = parents.pop() else { break };
            let mut cursor = None;
            loop {
                let setup = self.setup(&Arc::default());
                let page = self
                    .connector
                    .list_locations(setup, parent.clone(), cursor)
                    .await
                    .map_err(|error| anyhow!(error.message()))?
                    .value;
                for location in page.locations {
                    if location.scannable && location.path.eq_ignore_ascii_case(path) {
                        return Ok(location);
                    }
                    if location.has_children {
                        parents.push(Some(location.id));
                    }
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Err(anyhow!("{path} is not listed")).context(self.url.clone())
    }

    fn setup(&self, outlet: &Arc<Keep>) -> CallSetup {
        CallSetup {
            settings: vec![("url".to_owned(), self.url.clone())],
            secrets: vec![("token".to_owned(), SecretString::new(self.token.clone()))],
            egress: self.egress.clone(),
            outlet: outlet.clone(),
            cancel: CancellationToken::new(),
            limits: Limits::default(),
        }
    }
}
