//! Connectors by id: the host's seam to the sandbox, and what tests put in its place.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{HostError, Inspection, NetworkOptions};
use crate::contract::{Manifest, Profile};
use crate::plugin::Outlet;
use crate::scan::{CallFailed, Connector};
use crate::secret::SecretString;

/// What a connector is set up with.
#[derive(Clone)]
pub struct Account {
    /// Values of the form that are not secret.
    pub settings: Vec<(String, String)>,
    /// Values of the form's secret fields.
    pub secrets: Vec<(String, SecretString)>,
    /// How requests leave.
    pub network: NetworkOptions,
    /// Origin of the address that the person entered: the only one that secrets go to.
    pub operator_origin: String,
}

/// Finds connectors and sets them up.
#[async_trait]
pub trait Connectors: Send + Sync {
    /// Every usable connector with the digest of its file.
    async fn all(&self) -> Result<Vec<(Manifest, String)>, HostError>;

    /// One by its id.
    async fn manifest(&self, id: &str) -> Result<Manifest, HostError>;

    /// The connector's `configure`. No request can be made in it.
    async fn configure(
        &self,
        id: &str,
        account: &Account,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Result<Profile, CallFailed>, HostError>;

    /// The connector, set up for an account.
    async fn connect(&self, id: &str, account: Account) -> Result<Arc<dyn Connector>, HostError>;

    /// Looks at a component file.
    async fn inspect(&self, path: &Path) -> Result<Inspection, HostError>;
}
