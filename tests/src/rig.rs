//! The connector in the real host, as a test holds it: one call opens a host with a data folder of its own,
//! one connects it to a simulated GitLab, and the rest reads back what the host stored.
//!
//! Nothing is mocked between the component and the simulator's sockets: the sandbox, the egress policy, the
//! secrets, the retries and the store are those of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use ox_host::contract::{
    Finding, Image, Package, SkipReason, Skipped, StepResult, StepStatus, Verification,
};
use ox_host::host::{
    Connection, ConnectionDraft, Filter, Host, HostError, HostOptions, LocationOutcome,
    LocationRow, NetworkOptions, ScanOptions, ScanReport, SecretString, Silent, Trial,
};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::component;
use crate::sim::Running;

/// Name of the one connection of a [`Rig`].
pub const NAME: &str = "rig";

/// A host with the connector, and nothing stored yet.
pub struct Rig {
    /// The host itself, for what has no short form here.
    pub host: Arc<Host>,
    _data: tempfile::TempDir,
}

/// The folder of compiled code that all tests share: the connector is compiled once a build.
fn code_folder() -> PathBuf {
    component::workspace().join("target/rig-code")
}

/// What a person enters to connect to that address with that token.
pub fn draft(url: &str, token: &str) -> ConnectionDraft {
    ConnectionDraft {
        connector: "gitlab-registry".to_owned(),
        name: Some(NAME.to_owned()),
        settings: vec![("url".to_owned(), url.to_owned())],
        secrets: vec![("token".to_owned(), SecretString::new(token.to_owned()))],
        network: NetworkOptions::default(),
    }
}

/// The same, with more values of the form.
pub fn draft_with(url: &str, token: &str, settings: &[(&str, &str)]) -> ConnectionDraft {
    let mut draft = draft(url, token);
    let more = settings.iter();
    draft
        .settings
        .extend(more.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    draft
}

impl Rig {
    /// A host in an empty folder.
    ///
    /// # Errors
    /// When the connector can't be built or loaded.
    pub async fn open() -> anyhow::Result<Self> {
        static WARM: OnceCell<()> = OnceCell::const_new();
        let plugin = tokio::task::spawn_blocking(component::connector).await??;
        let data = tempfile::tempdir()?;
        let host = Host::open(HostOptions {
            data_dir: data.path().to_owned(),
            cache_dir: Some(code_folder()),
            jobs: 2,
            plugin: Some(plugin),
            limits: Vec::new(),
        })
        .await?;
        // The first to come compiles; the others wait for it and find the code.
        WARM.get_or_try_init(|| async { host.connectors().await.map(drop) })
            .await?;
        Ok(Self { host, _data: data })
    }

    /// A host connected to the simulator with that token. What it took to connect is not in the log.
    ///
    /// # Errors
    /// As [`Rig::open`], and when `verify` can't be run. A red step is no error.
    pub async fn connected(gitlab: &Running, token: &str) -> anyhow::Result<Self> {
        Self::connected_as(gitlab, draft(&gitlab.base_url(), token)).await
    }

    /// [`Rig::connected`] with what was entered.
    ///
    /// # Errors
    /// As [`Rig::connected`].
    pub async fn connected_as(gitlab: &Running, draft: ConnectionDraft) -> anyhow::Result<Self> {
        let rig = Self::open().await?;
        rig.connect(draft).await?;
        gitlab.clear_log();
        Ok(rig)
    }

    /// Tries what was entered, and saves it whatever came of it.
    ///
    /// # Errors
    /// When the settings are refused or `verify` fails as a whole.
    pub async fn connect(&self, draft: ConnectionDraft) -> anyhow::Result<Connection> {
        let trial = self.verify(draft).await?;
        Ok(self.host.save_connection(&trial)?)
    }

    /// Tries what was entered.
    ///
    /// # Errors
    /// As [`Host::try_connection`].
    pub async fn verify(&self, draft: ConnectionDraft) -> Result<Trial, HostError> {
        self.host
            .try_connection(draft, &Silent, &CancellationToken::new())
            .await
    }

    /// Lists all locations.
    ///
    /// # Errors
    /// As [`Host::list_locations`].
    pub async fn locations(&self) -> Result<Vec<LocationRow>, HostError> {
        self.host
            .list_locations(NAME, &Silent, &CancellationToken::new())
            .await
    }

    /// Scans these locations and what is below them (none for all), from the beginning.
    ///
    /// # Errors
    /// As [`Host::scan`].
    pub async fn scan(&self, locations: &[&str]) -> Result<ScanReport, HostError> {
        let options = ScanOptions {
            locations: locations.iter().map(|glob| (*glob).to_owned()).collect(),
            fresh: true,
            ..ScanOptions::default()
        };
        self.host
            .scan(NAME, options, Arc::new(Silent), CancellationToken::new())
            .await
    }

    /// The stored images of the location with that path.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn images(&self, location: &str) -> anyhow::Result<Vec<Image>> {
        let rows = self.host.images(&mine())?.into_iter();
        let rows = rows.filter(|row| row.location == location);
        Ok(rows.map(|row| row.image).collect())
    }

    /// The stored packages of one image.
    ///
    /// # Errors
    /// When the image is not stored.
    pub fn packages(&self, digest: &str) -> anyhow::Result<Vec<Package>> {
        Ok(self.host.packages(None, digest)?)
    }

    /// The stored findings of the location with that path.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn findings(&self, location: &str) -> anyhow::Result<Vec<Finding>> {
        let rows = self.host.findings(&mine())?.into_iter();
        let rows = rows.filter(|row| row.location == location);
        Ok(rows.map(|row| row.finding).collect())
    }

    /// What the newest scan of the location with that path skipped.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn skipped(&self, location: &str) -> anyhow::Result<Vec<Skipped>> {
        let rows = self.host.skipped(&mine())?.into_iter();
        let rows = rows.filter(|row| row.location == location);
        Ok(rows.map(|row| row.skipped).collect())
    }

    /// Names and reasons of [`Rig::skipped`], sorted.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn reasons(&self, location: &str) -> anyhow::Result<Vec<(String, SkipReason)>> {
        let skipped = self.skipped(location)?.into_iter();
        let mut all: Vec<_> = skipped.map(|s| (s.name, s.skip.reason)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }

    /// Everything that a scan is about: each image with its tags, and its packages. Two scans that saw the
    /// same answer the same, whatever trouble one of them had.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn inventory(&self) -> anyhow::Result<Inventory> {
        let mut all = Inventory::new();
        for row in self.host.images(&Filter::default())? {
            let digest = row.image.digest.clone();
            let packages = self.packages(&digest)?.into_iter();
            let packages = packages.map(|p| format!("{} {} @{}", p.name, p.version, p.layer));
            let tags = row.image.tags.iter().cloned().collect();
            all.insert((row.location, digest), (tags, packages.collect()));
        }
        Ok(all)
    }
}

/// Location and digest; tags and packages (`name version @layer`).
pub type Inventory = BTreeMap<(String, String), (BTreeSet<String>, BTreeSet<String>)>;

fn mine() -> Filter {
    Filter {
        connection: Some(NAME.to_owned()),
        ..Filter::default()
    }
}

/// The steps as signs, in their order: `+` passed, `!` warning, `x` failed, `-` skipped.
pub fn signs(verification: &Verification) -> String {
    let sign = |step: &StepResult| match step.status {
        StepStatus::Passed => '+',
        StepStatus::Warning => '!',
        StepStatus::Failed => 'x',
        StepStatus::Skipped => '-',
    };
    verification.steps.iter().map(sign).collect()
}

/// The step of that name.
pub fn step<'v>(verification: &'v Verification, id: &str) -> Option<&'v StepResult> {
    verification.steps.iter().find(|step| step.id == id)
}

/// `complete`, `partial`, `interrupted`, or the sentence of a failure, for each location of a report.
pub fn outcomes(report: &ScanReport) -> BTreeMap<String, String> {
    let outcome = |outcome: &LocationOutcome| match outcome {
        LocationOutcome::Complete => "complete".to_owned(),
        LocationOutcome::Partial => "partial".to_owned(),
        LocationOutcome::Interrupted => "interrupted".to_owned(),
        LocationOutcome::Failed { message, .. } => message.clone(),
    };
    let locations = report.locations.iter();
    locations
        .map(|location| (location.path.clone(), outcome(&location.outcome)))
        .collect()
}
