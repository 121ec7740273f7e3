//! Versions of connectors: installed, active, refused; the swap from one to the next, and back.
//!
//! The swap itself is the host's ([`Host::install_version`]); here it is told on the bus, step by step, and
//! goes on to its end when whoever asked for it is gone.

mod incoming;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::ServeOptions;
use super::bus::{Bus, Topic};
use super::metrics::Metrics;
pub use crate::host::{Delivery, PluginVersion, SwapReport, SwapStep, VersionState};
use crate::host::{Host, HostError, PluginKey, SwapOptions, SwapWatch};

/// Versions of connectors, and the swap.
pub struct Plugins {
    host: Arc<Host>,
    bus: Arc<Bus>,
    key: Option<PluginKey>,
    /// Folder that is watched for component files.
    incoming: PathBuf,
}

/// Tells the steps on the bus.
struct OnBus(Arc<Bus>);

impl SwapWatch for OnBus {
    fn step(&self, digest: &str, step: &SwapStep) {
        self.0
            .publish(Topic::Plugin, digest, json!({ "step": step }));
    }
}

impl Plugins {
    pub(super) fn new(
        host: Arc<Host>,
        bus: Arc<Bus>,
        _metrics: Arc<Metrics>,
        options: &ServeOptions,
    ) -> Result<Self, HostError> {
        let key = options.plugin_key.as_deref().map(PluginKey::parse);
        let incoming = options.drop_folder.clone();
        Ok(Self {
            incoming: incoming.unwrap_or_else(|| host.plugin_folder().join("incoming")),
            key: key.transpose().map_err(HostError::Settings)?,
            host,
            bus,
        })
    }

    /// All versions, by connector, the newest first.
    pub async fn versions(&self) -> Result<Vec<PluginVersion>, HostError> {
        self.host.plugin_versions().await
    }

    /// Installs a component file and makes it active if every step passes. A refused one is an answer, not an
    /// error: its report says why, and the version before it goes on.
    pub async fn install(
        &self,
        bytes: Vec<u8>,
        signature: Option<Vec<u8>>,
        by: &str,
    ) -> Result<PluginVersion, HostError> {
        let delivery = Delivery {
            bytes,
            signature,
            digest: None,
        };
        self.deliver(delivery, by).await
    }

    /// The same for a file that may come with the digest that it should have.
    pub async fn deliver(&self, delivery: Delivery, by: &str) -> Result<PluginVersion, HostError> {
        let (host, options) = (self.host.clone(), self.options(by));
        self.to_its_end(async move { host.install_version(delivery, options).await })
            .await
    }

    /// Makes an installed version active, by the same steps.
    pub async fn activate(&self, digest: &str, by: &str) -> Result<PluginVersion, HostError> {
        let (host, options, digest) = (self.host.clone(), self.options(by), digest.to_owned());
        self.to_its_end(async move { host.activate_version(&digest, options).await })
            .await
    }

    /// Goes back to the version that was active before.
    pub async fn roll_back(&self, connector: &str, by: &str) -> Result<PluginVersion, HostError> {
        let (host, options, id) = (self.host.clone(), self.options(by), connector.to_owned());
        self.to_its_end(async move { host.roll_back_version(&id, options).await })
            .await
    }

    /// Forgets a version that is not active and that no call is made with.
    pub async fn remove(&self, digest: &str, by: &str) -> Result<(), HostError> {
        self.host.remove_version(digest).await?;
        tracing::info!(digest, by, "version removed");
        self.bus
            .publish(Topic::Plugin, digest, json!({ "removed": true }));
        Ok(())
    }

    fn options(&self, by: &str) -> SwapOptions {
        SwapOptions {
            key: self.key.clone(),
            watch: Arc::new(OnBus(self.bus.clone())),
            ..SwapOptions::new(by)
        }
    }

    /// A swap that has begun ends, whether or not somebody still waits for the answer.
    async fn to_its_end(
        &self,
        swap: impl Future<Output = Result<PluginVersion, HostError>> + Send + 'static,
    ) -> Result<PluginVersion, HostError> {
        let bus = self.bus.clone();
        let task = tokio::spawn(async move {
            let swapped = swap.await;
            if let Ok(version) = &swapped {
                tracing::info!(
                    connector = version.connector,
                    version = version.version,
                    digest = version.digest,
                    refused = version.report.refused,
                    "version swapped or refused"
                );
                bus.publish(
                    Topic::Plugin,
                    version.digest.as_str(),
                    json!({ "version": version }),
                );
            }
            swapped
        });
        task.await.map_err(anyhow::Error::from)?
    }
}
