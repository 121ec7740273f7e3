//! What the commands need of the host, as a trait, so that they can be tested without one.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use crate::contract::{Manifest, Package, Verification};
use crate::host::{
    Connection, ConnectionDraft, Events, Filter, FindingRow, Host, HostError, ImageRow, Inspection,
    LocationRow, ScanOptions, ScanReport, Selection, SkippedRow, Trial,
};

type Answer<T> = Result<T, HostError>;

/// The host as the commands see it; the methods are those of [`Host`].
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    async fn connectors(&self) -> Answer<Vec<(Manifest, String)>>;
    async fn inspect(&self, file: &Path) -> Answer<Inspection>;
    async fn install_connector(&self, file: &Path) -> Answer<(Manifest, String)>;
    async fn try_connection(
        &self,
        draft: ConnectionDraft,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Trial>;
    fn save_connection(&self, trial: &Trial) -> Answer<Connection>;
    fn connections(&self) -> Answer<Vec<Connection>>;
    fn remove_connection(&self, name: &str) -> Answer<()>;
    async fn verify(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Verification>;
    async fn list_locations(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Vec<LocationRow>>;
    fn known_locations(&self, name: &str) -> Answer<Vec<LocationRow>>;
    fn select(&self, name: &str, selection: Selection) -> Answer<Vec<LocationRow>>;
    async fn scan(
        &self,
        name: &str,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Answer<ScanReport>;
    /// Scans without saving a connection. The report's `connection` finds what was found in the lists.
    async fn scan_draft(
        &self,
        draft: ConnectionDraft,
        selection: Selection,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Answer<ScanReport>;
    fn findings(&self, filter: &Filter) -> Answer<Vec<FindingRow>>;
    fn images(&self, filter: &Filter) -> Answer<Vec<ImageRow>>;
    fn packages(&self, connection: &str, digest: &str) -> Answer<Vec<Package>>;
    fn skipped(&self, filter: &Filter) -> Answer<Vec<SkippedRow>>;
    /// The queue. The commands that need it are tested against a real one.
    fn queue(&self) -> Answer<&dyn Queue> {
        Err(HostError::Other(anyhow::anyhow!("there is no queue here")))
    }
    /// The host itself, for what is done where the data folder is.
    fn host(&self) -> Answer<&Host> {
        Err(HostError::Other(anyhow::anyhow!("there is no queue here")))
    }
    /// The host to keep, for the daemon.
    fn shared(self: Arc<Self>) -> Answer<Arc<Host>> {
        Err(HostError::Other(anyhow::anyhow!("there is no host here")))
    }
}

#[async_trait]
impl Backend for Host {
    async fn connectors(&self) -> Answer<Vec<(Manifest, String)>> {
        Host::connectors(self).await
    }

    async fn inspect(&self, file: &Path) -> Answer<Inspection> {
        Host::inspect(self, file).await
    }

    async fn install_connector(&self, file: &Path) -> Answer<(Manifest, String)> {
        Host::install_connector(self, file).await
    }

    async fn try_connection(
        &self,
        draft: ConnectionDraft,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Trial> {
        Host::try_connection(self, draft, events, cancel).await
    }

    fn save_connection(&self, trial: &Trial) -> Answer<Connection> {
        Host::save_connection(self, trial)
    }

    fn connections(&self) -> Answer<Vec<Connection>> {
        Host::connections(self)
    }

    fn remove_connection(&self, name: &str) -> Answer<()> {
        Host::remove_connection(self, name)
    }

    async fn verify(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Verification> {
        Host::verify(self, name, events, cancel).await
    }

    async fn list_locations(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Vec<LocationRow>> {
        Host::list_locations(self, name, events, cancel).await
    }

    fn known_locations(&self, name: &str) -> Answer<Vec<LocationRow>> {
        Host::known_locations(self, name)
    }

    fn select(&self, name: &str, selection: Selection) -> Answer<Vec<LocationRow>> {
        Host::select(self, name, selection)
    }

    async fn scan(
        &self,
        name: &str,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Answer<ScanReport> {
        Host::scan(self, name, options, events, cancel).await
    }

    async fn scan_draft(
        &self,
        draft: ConnectionDraft,
        selection: Selection,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Answer<ScanReport> {
        Host::scan_draft(self, draft, selection, options, events, cancel).await
    }

    fn findings(&self, filter: &Filter) -> Answer<Vec<FindingRow>> {
        Host::findings(self, filter)
    }

    fn images(&self, filter: &Filter) -> Answer<Vec<ImageRow>> {
        Host::images(self, filter)
    }

    fn packages(&self, connection: &str, digest: &str) -> Answer<Vec<Package>> {
        Host::packages(self, Some(connection), digest)
    }

    fn skipped(&self, filter: &Filter) -> Answer<Vec<SkippedRow>> {
        Host::skipped(self, filter)
    }

    fn queue(&self) -> Answer<&dyn Queue> {
        Ok(self)
    }

    fn host(&self) -> Answer<&Host> {
        Ok(self)
    }

    fn shared(self: Arc<Self>) -> Answer<Arc<Host>> {
        Ok(self)
    }
}
