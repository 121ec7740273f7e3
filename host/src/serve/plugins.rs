//! Versions of connectors: installed, active, refused; the swap from one to the next, and back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bus::Bus;
use super::metrics::Metrics;
use crate::host::{Host, HostError};

/// How a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// New calls are made with it.
    Active,
    /// It was active, or may become it.
    Installed,
    /// It failed a step of the swap; its report says which.
    Refused,
}

/// A version of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginVersion {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Id of the connector.
    pub connector: String,
    /// What it says its version is.
    pub version: String,
    /// Version of the contract that it speaks (`0.1`).
    pub contract: String,
    /// How it stands.
    pub state: VersionState,
    /// Bytes of the file.
    pub size: u64,
    /// RFC 3339.
    pub installed_at: String,
    /// Who installed it: name of a user, `host` for a dropped file.
    pub installed_by: String,
    /// When it became active last; RFC 3339.
    pub activated_at: Option<String>,
    /// Calls that are being made with it now.
    pub in_flight: u64,
    /// What its last swap said.
    pub report: SwapReport,
}

/// What a swap did, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwapReport {
    /// The steps, in their order: `read`, `digest`, `signature`, `compile`, `link`, `describe`, `configure`,
    /// `verify`, `swap`, `drain`.
    pub steps: Vec<SwapStep>,
    /// Why it was refused; a sentence and what to do.
    pub refused: Option<String>,
}

/// A step of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwapStep {
    /// Its name.
    pub name: String,
    /// `passed`, `failed`, `skipped`, `running`.
    pub status: String,
    /// What was seen.
    pub message: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// Versions of connectors, and the swap.
pub struct Plugins {
    _host: Arc<Host>,
}

impl Plugins {
    pub(super) fn new(host: Arc<Host>, _bus: Arc<Bus>, _metrics: Arc<Metrics>) -> Self {
        Self { _host: host }
    }

    /// All versions, by connector, the newest first.
    pub async fn versions(&self) -> Result<Vec<PluginVersion>, HostError> {
        Ok(Vec::new())
    }

    /// Installs a component file and makes it active if every step passes. A refused one is an answer, not an
    /// error: its report says why, and the version before it goes on.
    pub async fn install(
        &self,
        _bytes: Vec<u8>,
        _signature: Option<Vec<u8>>,
        _by: &str,
    ) -> Result<PluginVersion, HostError> {
        Err(HostError::Other(anyhow::anyhow!("not built yet")))
    }

    /// Makes an installed version active, by the same steps.
    pub async fn activate(&self, _digest: &str, _by: &str) -> Result<PluginVersion, HostError> {
        Err(HostError::Other(anyhow::anyhow!("not built yet")))
    }

    /// Goes back to the version that was active before.
    pub async fn roll_back(&self, _connector: &str, _by: &str) -> Result<PluginVersion, HostError> {
        Err(HostError::Other(anyhow::anyhow!("not built yet")))
    }

    /// Forgets a version that is not active and that no call is made with.
    pub async fn remove(&self, _digest: &str, _by: &str) -> Result<(), HostError> {
        Err(HostError::Other(anyhow::anyhow!("not built yet")))
    }
}
