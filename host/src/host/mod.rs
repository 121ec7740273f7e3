//! The host as its users see it: connections, locations, scans, and what was found.
//!
//! The command line (and later the REST API and the console) is a thin skin over [`Host`]: it parses,
//! calls one method, and renders what comes back. Everything that has a rule in it is behind this type.

mod accounts;
mod answers;
mod connectors;
mod edit;
mod error;
mod fetch;
mod forward;
mod installed;
mod live;
mod looking;
mod queue;
mod sandboxed;
mod scans;
mod signature;
mod swap_report;
#[cfg(test)]
pub(crate) mod tests;
mod try_version;
mod types;
mod versions;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

pub use crate::secret::SecretString;
pub use connectors::{Account, Connectors};
pub use edit::ConnectionEdit;
pub use error::{HostError, describe_failure};
pub(crate) use installed::read_component;
pub use looking::{LocationCounts, LookedAt};
pub use queue::{AdvisoryStatus, Gathered, IssueDetail, ScanDiff, UpdateOptions};
pub use signature::PluginKey;
pub use types::*;
pub use versions::{
    DRAIN, Delivery, PluginVersion, SwapOptions, SwapReport, SwapStep, SwapWatch, VersionState,
};

use crate::contract::{Manifest, Package, Profile, Verification};
use crate::scan::{Connector, EventOutlet, ListingLimits, Matcher, Policy, list_all};
use crate::store::{ConnectionRecord, NewConnection, Store};
use forward::forwarding;

/// The host. One per data folder and process.
pub struct Host {
    jobs: usize,
    pub(crate) store: Arc<Store>,
    connectors: Arc<dyn Connectors>,
    /// The same, where it is the sandbox: versions are swapped in it.
    sandboxed: Option<Arc<sandboxed::Sandboxed>>,
    /// One swap at a time.
    swapping: tokio::sync::Mutex<()>,
    policy: Policy,
    limits: ListingLimits,
    /// Manifests of connectors that were used, by id, as they were used last.
    manifests: Mutex<HashMap<String, Manifest>>,
    /// Names of connections that are being scanned.
    scanning: Mutex<HashSet<String>>,
    /// Addresses that asked for a pause.
    gates: crate::scan::Gates,
    /// What is known about vulnerabilities; opened when it is asked for.
    index: std::sync::OnceLock<ox_advisory::index::Index>,
    /// One run of the queue at a time.
    gathering: tokio::sync::Mutex<()>,
    /// What was counted of the packages of all images, and of which state of the store: it reads every package,
    /// and changes only when one of a few numbers does.
    coverage: Mutex<Option<(String, crate::store::Coverage)>>,
}

impl Host {
    /// Opens the data folder: store, key file, engine.
    ///
    /// The first to open a folder owns it; another process that opens it meanwhile can list what is
    /// stored, and is refused with a sentence when it wants to change something.
    pub async fn open(options: HostOptions) -> Result<Arc<Self>, HostError> {
        let folder = options.data_dir.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&folder))
            .await
            .map_err(anyhow::Error::from)??;
        let store = Arc::new(store);
        let sandboxed = Arc::new(sandboxed::Sandboxed::new(&options, store.clone())?);
        let mut host = Self::new(options.jobs, store, sandboxed.clone(), Policy::default());
        host.sandboxed = Some(sandboxed);
        Ok(Arc::new(host))
    }

    #[cfg(test)]
    fn with(
        jobs: usize,
        store: Store,
        connectors: Arc<dyn Connectors>,
        policy: Policy,
    ) -> Arc<Self> {
        Arc::new(Self::new(jobs, Arc::new(store), connectors, policy))
    }

    fn new(
        jobs: usize,
        store: Arc<Store>,
        connectors: Arc<dyn Connectors>,
        policy: Policy,
    ) -> Self {
        let jobs = match jobs {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            jobs => jobs,
        };
        Self {
            jobs,
            store,
            connectors,
            sandboxed: None,
            swapping: tokio::sync::Mutex::new(()),
            policy,
            limits: ListingLimits::default(),
            manifests: Mutex::new(HashMap::new()),
            scanning: Mutex::new(HashSet::new()),
            gates: crate::scan::Gates::default(),
            index: std::sync::OnceLock::new(),
            gathering: tokio::sync::Mutex::new(()),
            coverage: Mutex::new(None),
        }
    }

    /// The store, for the parts of the daemon that keep things of their own.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// An error that names the owner, when another process owns the data folder.
    pub fn must_own(&self) -> Result<(), HostError> {
        Ok(self.store.must_write()?)
    }

    // ---- Connectors ------------------------------------------------------------------------------

    /// Manifests of the connectors that can be used, with the digest of each.
    pub async fn connectors(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        self.connectors.all().await
    }

    /// Looks at a component file: what it says of itself, what it needs, and the limits it would get.
    pub async fn inspect(&self, path: &Path) -> Result<Inspection, HostError> {
        self.connectors.inspect(path).await
    }

    /// The manifest of the version that the next call is made with. It is asked for each time: a version
    /// may have been swapped.
    pub async fn manifest(&self, id: &str) -> Result<Manifest, HostError> {
        let manifest = self.connectors.manifest(id).await?;
        self.know_manifest(manifest.clone());
        Ok(manifest)
    }

    fn know_manifest(&self, manifest: Manifest) {
        let mut manifests = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        manifests.insert(manifest.id.clone(), manifest);
    }

    // ---- Connections -----------------------------------------------------------------------------

    /// Configures and verifies a draft, without saving anything.
    pub async fn try_connection(
        &self,
        draft: ConnectionDraft,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<Trial, HostError> {
        forwarding(events, |events| async move {
            let (draft, profile, connector) = self.configure(draft, &events, cancel).await?;
            let verification = self.run_verify(&connector, &events, cancel).await?;
            Ok(Trial {
                draft,
                profile,
                verification,
            })
        })
        .await
    }

    /// Checks and configures a draft, and sets the connector up for it.
    async fn configure(
        &self,
        draft: ConnectionDraft,
        events: &Arc<dyn Events>,
        cancel: &CancellationToken,
    ) -> Result<(ConnectionDraft, Profile, Arc<dyn Connector>), HostError> {
        let manifest = self.manifest(&draft.connector).await?;
        let draft = accounts::check_draft(&manifest, draft)?;
        let account = Account {
            settings: draft.settings.clone(),
            secrets: draft.secrets.clone(),
            network: draft.network.clone(),
            operator_origin: accounts::operator_origin(&manifest, &draft.settings)?,
        };
        let outlet = Arc::new(EventOutlet::new("configure", events.clone()));
        let configured = self
            .connectors
            .configure(&draft.connector, &account, outlet, cancel.clone())
            .await?;
        let profile = configured.map_err(|failed| failed.fault)?;
        accounts::check_profile(&profile, &manifest, &account.operator_origin)?;
        let connector = self.connectors.connect(&draft.connector, account).await?;
        Ok((draft, profile, connector))
    }

    async fn run_verify(
        &self,
        connector: &Arc<dyn Connector>,
        events: &Arc<dyn Events>,
        cancel: &CancellationToken,
    ) -> Result<Verification, HostError> {
        let outlet = Arc::new(EventOutlet::new("verify", events.clone()));
        let verified = connector.verify(outlet, cancel.clone()).await;
        Ok(verified.map_err(|failed| failed.fault)?.value)
    }

    /// Saves what was tried. A connection of the same name is replaced; one of the same account keeps
    /// what was found through it. A draft without a name gets one that nobody has.
    pub fn save_connection(&self, trial: &Trial) -> Result<Connection, HostError> {
        let record = self.store.save_connection(self.new_connection(
            &trial.draft,
            &trial.profile,
            false,
            Some(&trial.verification),
        )?)?;
        Ok(record.connection)
    }

    fn new_connection(
        &self,
        draft: &ConnectionDraft,
        profile: &Profile,
        ephemeral: bool,
        verification: Option<&Verification>,
    ) -> Result<NewConnection, HostError> {
        let manifests = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let manifest = manifests.get(&draft.connector).ok_or_else(|| {
            anyhow::anyhow!("the connection was not tried by this host; try it first")
        })?;
        Ok(NewConnection {
            name: draft.name.clone(),
            connector: draft.connector.clone(),
            source_tool: manifest.source_tool.clone(),
            display_name: profile.display_name.clone(),
            ephemeral,
            settings: accounts::storable(profile, draft),
            secrets: draft.secrets.clone(),
            network: draft.network.clone(),
            verified: verification
                .map(|verification| (verification.clone(), accounts::passed(verification))),
        })
    }

    /// All connections, by name.
    pub fn connections(&self) -> Result<Vec<Connection>, HostError> {
        Ok(self
            .store
            .connections()?
            .into_iter()
            .map(|record| record.connection)
            .collect())
    }

    /// One connection by its name.
    pub fn connection(&self, name: &str) -> Result<Connection, HostError> {
        let record = self.record(name)?;
        if record.ephemeral {
            return Err(unknown_connection(name));
        }
        Ok(record.connection)
    }

    /// Forgets a connection and everything that was found through it.
    pub fn remove_connection(&self, name: &str) -> Result<(), HostError> {
        if self.store.remove_connection(name)? {
            Ok(())
        } else {
            Err(unknown_connection(name))
        }
    }

    /// Verifies a saved connection again.
    pub async fn verify(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<Verification, HostError> {
        let record = self.record(name)?;
        forwarding(events, |events| async move {
            let connector = self.connect(&record).await?;
            let verification = self.run_verify(&connector, &events, cancel).await?;
            if self.store.is_owner() {
                let passed = accounts::passed(&verification);
                self.store
                    .save_verification(record.id, verification.clone(), passed)
                    .await?;
            }
            Ok(verification)
        })
        .await
    }

    fn record(&self, name: &str) -> Result<ConnectionRecord, HostError> {
        self.store
            .connection(name)?
            .ok_or_else(|| unknown_connection(name))
    }

    /// Sets the connector of a saved connection up.
    async fn connect(&self, record: &ConnectionRecord) -> Result<Arc<dyn Connector>, HostError> {
        let connection = &record.connection;
        if record.ephemeral {
            return Err(HostError::Settings(anyhow::anyhow!(
                "{:?} was a scan without a saved connection, and its token was not kept; connect the account first",
                connection.name
            )));
        }
        let manifest = self.manifest(&connection.connector).await?;
        let account = self.account(record, &manifest)?;
        self.connectors
            .connect(&connection.connector, account)
            .await
    }

    /// What a connector of that manifest is set up with for a saved connection.
    fn account(
        &self,
        record: &ConnectionRecord,
        manifest: &Manifest,
    ) -> Result<Account, HostError> {
        let connection = &record.connection;
        let (secrets, network) = self.store.secrets(record.id)?;
        Ok(Account {
            settings: connection.settings.clone(),
            secrets,
            network,
            operator_origin: accounts::operator_origin(manifest, &connection.settings)?,
        })
    }

    // ---- Locations -------------------------------------------------------------------------------

    /// Lists all locations of a connection anew, and remembers them.
    pub async fn list_locations(
        &self,
        name: &str,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<Vec<LocationRow>, HostError> {
        let record = self.record(name)?;
        self.store.must_write()?;
        forwarding(events, |events| async move {
            let connector = self.connect(&record).await?;
            self.list(&record, &connector, &events, cancel).await?;
            self.rows(&record)
        })
        .await
    }

    /// Lists and stores; true when the listing was whole.
    async fn list(
        &self,
        record: &ConnectionRecord,
        connector: &Arc<dyn Connector>,
        events: &Arc<dyn Events>,
        cancel: &CancellationToken,
    ) -> Result<scans::Listed, HostError> {
        let listing = list_all(connector, self.limits, self.policy, events, cancel).await?;
        let ids = listing
            .locations
            .iter()
            .map(|location| location.id.clone())
            .collect();
        let whole = listing.whole;
        let outcome = self
            .store
            .record_listing(record.id, listing.locations, listing.skips, whole)
            .await?;
        if let Some(message) = &outcome.guard {
            events.event(Event::Log {
                subject: "list-locations".to_owned(),
                level: crate::contract::LogLevel::Warn,
                message: message.clone(),
            });
        }
        Ok(scans::Listed {
            ids,
            whole: whole && outcome.guard.is_none(),
            traffic: listing.traffic,
        })
    }

    /// The locations as last listed.
    pub fn known_locations(&self, name: &str) -> Result<Vec<LocationRow>, HostError> {
        self.rows(&self.record(name)?)
    }

    /// Saves which locations are scanned; answers all of them with the outcome.
    pub fn select(&self, name: &str, selection: Selection) -> Result<Vec<LocationRow>, HostError> {
        let record = self.record(name)?;
        Matcher::new(&selection).map_err(|error| HostError::Settings(anyhow::Error::msg(error)))?;
        if selection.new_locations == NewLocations::Exclude
            && self.store.locations(record.id)?.is_empty()
        {
            return Err(HostError::Settings(anyhow::anyhow!(
                "the locations of {name:?} were never listed, so all of them are new and nothing would be scanned; \
                 run `ox-host locations {name}` first"
            )));
        }
        self.store.save_selection(record.id, &selection)?;
        self.known_locations(name)
    }

    fn rows(&self, record: &ConnectionRecord) -> Result<Vec<LocationRow>, HostError> {
        // The record may be older than the selection.
        let record = self.record(&record.connection.name)?;
        let matcher = Matcher::new(&record.connection.selection).map_err(anyhow::Error::msg)?;
        let known = self.store.locations(record.id)?;
        let rows = known
            .into_iter()
            .filter(|known| known.gone_at.is_none())
            .map(|known| {
                let decision = matcher.decide(&known.location, known.known_when_selected);
                let holder = !known.location.scannable && known.location.unscannable.is_none();
                LocationRow {
                    selected: decision.is_ok(),
                    reason: decision.err().filter(|_| !holder),
                    last_scan: known.last_scan,
                    location: known.location,
                }
            });
        Ok(rows.collect())
    }

    // ---- What was found --------------------------------------------------------------------------

    /// Findings, worst first.
    pub fn findings(&self, filter: &Filter) -> Result<Vec<FindingRow>, HostError> {
        self.known_filter(filter)?;
        Ok(self.store.findings(filter)?)
    }

    /// Images, by location and first tag.
    pub fn images(&self, filter: &Filter) -> Result<Vec<ImageRow>, HostError> {
        self.known_filter(filter)?;
        Ok(self.store.images(filter)?)
    }

    /// Packages of one image, by its digest or the beginning of one. What came through another connection
    /// is another inventory, even of the same digest.
    pub fn packages(
        &self,
        connection: Option<&str>,
        digest: &str,
    ) -> Result<Vec<Package>, HostError> {
        if let Some(name) = connection {
            self.record(name)?;
            if let Some(packages) = self.store.packages(name, digest)? {
                return Ok(packages);
            }
        }
        let with_algorithm = if digest.contains(':') {
            digest.to_owned()
        } else {
            format!("sha256:{digest}")
        };
        let found = self.store.inventories_like(connection, &with_algorithm)?;
        match found.as_slice() {
            [(name, digest)] => Ok(self.store.packages(name, digest)?.unwrap_or_default()),
            [] => Err(HostError::Unknown {
                what: "image",
                name: digest.to_owned(),
                list: "images",
            }),
            [(one, first), (other, second), ..] if first == second => {
                Err(HostError::Other(anyhow::anyhow!(
                    "{first} came through {one} and through {other}; say which connection is meant"
                )))
            }
            _ => Err(HostError::Other(anyhow::anyhow!(
                "more than one image begins with {digest:?}; give more of the digest"
            ))),
        }
    }

    /// What the newest scan of each location skipped, and what the newest listing could not list.
    pub fn skipped(&self, filter: &Filter) -> Result<Vec<SkippedRow>, HostError> {
        self.known_filter(filter)?;
        Ok(self.store.skipped(filter)?)
    }

    /// A filter that names what is not there is a mistake, not an empty list.
    fn known_filter(&self, filter: &Filter) -> Result<(), HostError> {
        match &filter.connection {
            Some(name) => self.record(name).map(drop),
            None => Ok(()),
        }
    }
}

fn unknown_connection(name: &str) -> HostError {
    HostError::Unknown {
        what: "connection",
        name: name.to_owned(),
        list: "connections",
    }
}
