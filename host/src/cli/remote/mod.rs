//! The commands through a daemon: `ox-host --server URL`. They are the same commands and print the same; where
//! they would open the data folder they ask `/api/v1`.

mod client;
mod queue;
mod run;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::backend::Backend;
use super::queue::Queue;
use crate::contract::{Manifest, Package, Profile, Verification};
use crate::host::{
    Connection, ConnectionDraft, Event, Events, Filter, FindingRow, HostError, ImageRow,
    Inspection, LocationRow, ScanOptions, ScanReport, SecretString, Selection, SkippedRow, Trial,
};
use crate::report::json::{Verified, attributes};
use crate::serve::api::client as api;
use crate::serve::api::{Meta, NewConnection, Tried};
use crate::serve::plugins::PluginVersion;
use client::Client;

type Answer<T> = Result<T, HostError>;

/// Most rows of a page.
const ROWS: usize = 1000;

/// A daemon, as the commands see it.
pub(crate) struct Remote {
    client: Client,
}

impl Remote {
    /// Towards an address. Nothing is asked yet.
    pub(crate) fn new(
        address: &str,
        token: Option<SecretString>,
        ca_pem: &[String],
    ) -> Answer<Self> {
        Ok(Self {
            client: Client::new(address, token, ca_pem)?,
        })
    }

    /// Waits for an answer in a command that does not.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(answer))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.wait(self.client.get(path))
    }

    /// All pages of a list.
    fn all<P: DeserializeOwned, T>(
        &self,
        path: &str,
        rows: impl Fn(P) -> (Vec<T>, Meta),
    ) -> Answer<Vec<T>> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}{sign}limit={ROWS}{after}"))?;
            let (more, meta) = rows(page);
            all.extend(more);
            match meta.next {
                Some(next) => after = format!("&after={}", segment(&next)),
                None => return Ok(all),
            }
        }
    }

    async fn offer(&self, draft: &ConnectionDraft, save: &str) -> Answer<Tried> {
        let new = NewConnection {
            connector: draft.connector.clone(),
            name: draft.name.clone(),
            settings: attributes(&draft.settings),
            secrets: draft
                .secrets
                .iter()
                .map(|(key, value)| (key.clone(), value.expose().to_owned()))
                .collect(),
            network: draft.network.clone().into(),
        };
        let path = format!("/connections?save={save}");
        self.client.send(Method::POST, &path, &new).await?.json()
    }

    async fn stoppable<T>(
        &self,
        cancel: &CancellationToken,
        answer: impl Future<Output = Answer<T>>,
    ) -> Answer<T> {
        tokio::select! {
            // The daemon stops what it does for a request that is gone.
            () = cancel.cancelled() => Err(HostError::Connector(crate::contract::Failure::Stopped)),
            answer = answer => answer,
        }
    }
}

/// A name as a part of an address.
fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn only_here(what: &str) -> HostError {
    HostError::Settings(anyhow::anyhow!(
        "{what} needs the data folder; run it on the daemon's machine, without --server"
    ))
}

fn steps(verified: Verified, events: &dyn Events) -> Verification {
    let verification = Verification::from(verified);
    for step in &verification.steps {
        events.event(Event::Step(step.clone()));
    }
    verification
}

#[async_trait]
impl Backend for Remote {
    async fn connectors(&self) -> Answer<Vec<(Manifest, String)>> {
        let list: api::ConnectorList = self
            .client
            .get(&format!("/connectors?limit={ROWS}"))
            .await?;
        Ok(list
            .connectors
            .into_iter()
            .map(|one| one.manifest())
            .collect())
    }

    async fn inspect(&self, _: &Path) -> Answer<Inspection> {
        Err(only_here("`plugin inspect`"))
    }

    async fn install_connector(&self, file: &Path) -> Answer<(Manifest, String)> {
        let bytes = tokio::fs::read(file).await.map_err(|error| {
            HostError::Settings(anyhow::anyhow!("{} can't be read: {error}", file.display()))
        })?;
        let mut headers = vec![("content-type", "application/wasm".to_owned())];
        let mut beside = file.as_os_str().to_owned();
        beside.push(".sig");
        if let Ok(signature) = tokio::fs::read(Path::new(&beside)).await {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(signature);
            headers.push(("ox-signature", text));
        }
        let headers: Vec<(&'static str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = self
            .client
            .ask(Method::POST, "/plugins", &headers, bytes.into())
            .await?;
        let version: PluginVersion = answer.json()?;
        if let Some(why) = version.report.refused {
            return Err(HostError::Settings(anyhow::Error::msg(why)));
        }
        let known = self.connectors().await?;
        known
            .into_iter()
            .find(|(_, digest)| *digest == version.digest)
            .ok_or_else(|| {
                HostError::Other(anyhow::anyhow!(
                    "the daemon took the connector and does not list it"
                ))
            })
    }

    async fn try_connection(
        &self,
        draft: ConnectionDraft,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Trial> {
        let tried = self.stoppable(cancel, self.offer(&draft, "never")).await?;
        Ok(Trial {
            profile: Profile {
                display_name: tried.display_name,
                settings: draft.settings.clone(),
                origins: Vec::new(),
            },
            verification: steps(tried.verification, events),
            draft,
        })
    }

    fn save_connection(&self, trial: &Trial) -> Answer<Connection> {
        let tried = self.wait(self.offer(&trial.draft, "always"))?;
        let saved = tried.connection.ok_or_else(|| {
            HostError::Other(anyhow::anyhow!("the daemon did not save the connection"))
        })?;
        Ok(saved.into())
    }

    fn connections(&self) -> Answer<Vec<Connection>> {
        let all = self.all("/connections", |page: api::ConnectionList| {
            (page.connections, page.meta)
        })?;
        Ok(all.into_iter().map(Connection::from).collect())
    }

    fn remove_connection(&self, name: &str) -> Answer<()> {
        let path = format!("/connections/{}", segment(name));
        let gone = self.client.ask(Method::DELETE, &path, &[], Bytes::new());
        self.wait(gone).map(drop)
    }

    async fn verify(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Verification> {
        let path = format!("/connections/{}/verifications", segment(name));
        let asked = self.client.ask(Method::POST, &path, &[], Bytes::new());
        let verified: Verified = self.stoppable(cancel, asked).await?.json()?;
        Ok(steps(verified, events))
    }

    async fn list_locations(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Answer<Vec<LocationRow>> {
        let path = format!("/connections/{}/locations/refresh?limit=1", segment(name));
        let asked = self.client.ask(Method::POST, &path, &[], Bytes::new());
        self.stoppable(cancel, asked).await?;
        let rows = self.known_locations(name)?;
        events.event(Event::Listed(rows.len()));
        Ok(rows)
    }

    fn known_locations(&self, name: &str) -> Answer<Vec<LocationRow>> {
        let path = format!("/connections/{}/locations", segment(name));
        let all = self.all(&path, |page: api::LocationList| (page.locations, page.meta))?;
        Ok(all.into_iter().map(LocationRow::from).collect())
    }

    fn select(&self, name: &str, selection: Selection) -> Answer<Vec<LocationRow>> {
        let path = format!("/connections/{}/selection", segment(name));
        self.wait(self.client.send(Method::PUT, &path, &selection))?;
        self.known_locations(name)
    }

    async fn scan(
        &self,
        name: &str,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Answer<ScanReport> {
        run::scan(&self.client, name, &options, &events, &cancel).await
    }

    async fn scan_draft(
        &self,
        _: ConnectionDraft,
        _: Selection,
        _: ScanOptions,
        _: Arc<dyn Events>,
        _: CancellationToken,
    ) -> Answer<ScanReport> {
        Err(HostError::Settings(anyhow::anyhow!(
            "a daemon scans connected accounts; connect it first (`ox-host connect --url …`), then scan it by its name"
        )))
    }

    fn findings(&self, filter: &Filter) -> Answer<Vec<FindingRow>> {
        let path = api::seen("/findings", filter);
        let all = self.all(&path, |page: api::FindingList| (page.findings, page.meta))?;
        Ok(all.into_iter().map(FindingRow::from).collect())
    }

    fn images(&self, filter: &Filter) -> Answer<Vec<ImageRow>> {
        let path = api::seen("/images", filter);
        let all = self.all(&path, |page: api::ImageList| (page.images, page.meta))?;
        Ok(all.into_iter().map(ImageRow::from).collect())
    }

    fn packages(&self, connection: &str, digest: &str) -> Answer<Vec<Package>> {
        let path = format!(
            "/images/{}/packages?connection={}",
            segment(digest),
            segment(connection)
        );
        let all = self.all(&path, |page: api::PackageList| (page.packages, page.meta));
        match all {
            Ok(all) => Ok(all.into_iter().map(Package::from).collect()),
            Err(error) if is_missing(&error) => Err(HostError::Unknown {
                what: "image",
                name: digest.to_owned(),
                list: "images",
            }),
            Err(error) => Err(error),
        }
    }

    fn skipped(&self, filter: &Filter) -> Answer<Vec<SkippedRow>> {
        let path = api::seen("/skipped", filter);
        let all = self.all(&path, |page: api::SkippedList| (page.skipped, page.meta))?;
        Ok(all.into_iter().map(SkippedRow::from).collect())
    }

    fn queue(&self) -> Answer<&dyn Queue> {
        Ok(self)
    }

    fn host(&self) -> Answer<&crate::host::Host> {
        Err(only_here("this command"))
    }

    fn shared(self: Arc<Self>) -> Answer<Arc<crate::host::Host>> {
        Err(only_here("this command"))
    }
}

/// True for what a daemon does not have.
fn is_missing(error: &HostError) -> bool {
    use crate::store::StoreError;
    matches!(error, HostError::Other(other)
        if matches!(other.downcast_ref(), Some(StoreError::Refused(_))))
}
