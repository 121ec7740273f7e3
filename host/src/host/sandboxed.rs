//! The sandbox and the egress, put behind [`Connectors`] and [`Connector`].

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::installed::{Places, read_component};
use super::{Account, Connectors, HostError, HostOptions, Inspection};
use crate::contract::{Manifest, Profile};
use crate::plugin::Outlet;
use crate::scan::{CallFailed, Connector};

pub(super) struct Sandboxed {
    places: Places,
}

impl Sandboxed {
    pub(super) fn new(options: &HostOptions) -> Result<Self, HostError> {
        Ok(Self {
            places: Places::new(options),
        })
    }
}

#[async_trait]
impl Connectors for Sandboxed {
    async fn all(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        let _ = self.places.files();
        Ok(Vec::new())
    }

    async fn manifest(&self, id: &str) -> Result<Manifest, HostError> {
        Err(HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "connectors",
        })
    }

    async fn configure(
        &self,
        id: &str,
        _: &Account,
        _: Arc<dyn Outlet>,
        _: CancellationToken,
    ) -> Result<Result<Profile, CallFailed>, HostError> {
        Err(HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "connectors",
        })
    }

    async fn connect(&self, id: &str, _: Account) -> Result<Arc<dyn Connector>, HostError> {
        Err(HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "connectors",
        })
    }

    async fn inspect(&self, path: &Path) -> Result<Inspection, HostError> {
        let bytes = read_component(path)?;
        Err(HostError::Other(anyhow::anyhow!("{} bytes", bytes.len())))
    }

    async fn install(&self, path: &Path) -> Result<(Manifest, String), HostError> {
        let bytes = read_component(path)?;
        self.places.install(&bytes)?;
        Err(HostError::Other(anyhow::anyhow!("not checked")))
    }
}
