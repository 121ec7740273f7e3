//! The sandbox and the egress, put behind [`Connectors`] and [`Connector`].
//!
//! Which version of a connector a call is made with: the file that the operator named with `--plugin`; else
//! the active version of the store, which is in memory once it was used, so that a swap is the change of one
//! pointer; else the newest file in the folders ([`Places`]).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use anyhow::Context;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::installed::{Places, read_component};
use super::live::{Connected, LiveVersion};
use super::versions::SwapReport;
use super::{Account, Connectors, HostError, HostOptions, Inspection};
use crate::contract::{Manifest, Profile};
use crate::egress::{Egress, EgressConfig, EgressLimits, Origin, SystemResolver};
use crate::plugin::{
    Limit, Limits, LoadError, LoadStage, LoadedConnector, Outlet, Sandbox, SandboxOptions,
};
use crate::scan::{CallFailed, Connector};
use crate::store::{Store, StoredVersion, VersionState};

/// Folder of compiled code in the data folder.
const CODE: &str = "code";

/// Connectors that run in the sandbox.
pub(super) struct Sandboxed {
    places: Places,
    sandbox: Arc<Sandbox>,
    limits: Limits,
    store: Arc<Store>,
    /// Loaded files that no row of the store speaks of, as long as they are what they were.
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
    /// The active version of each connector that has one in the store.
    active: RwLock<HashMap<String, Slot>>,
    /// Digests that the store has a row of: their files are used because of the row or not at all.
    managed: RwLock<HashSet<String>>,
    /// Everything that is loaded, for as long as somebody holds it.
    live: Mutex<HashMap<String, Weak<LiveVersion>>>,
    /// One at a time loads what the store calls active.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Loaded {
    size: u64,
    changed: Option<SystemTime>,
    version: Arc<LiveVersion>,
}

/// An active version.
#[derive(Clone)]
enum Slot {
    /// Not used since the start.
    Stored,
    Ready(Arc<LiveVersion>),
}

impl Sandboxed {
    pub(super) fn new(options: &HostOptions, store: Arc<Store>) -> Result<Self, HostError> {
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
        let places = Places::new(options);
        if store.is_owner() {
            places.move_old_folder();
        }
        let rows = store.plugin_versions()?;
        let active = rows
            .iter()
            .filter(|row| row.state == VersionState::Active)
            .map(|row| (row.connector.clone(), Slot::Stored))
            .collect();
        Ok(Self {
            places,
            sandbox: sandbox.map_err(anyhow::Error::from)?,
            limits,
            store,
            loaded: Mutex::default(),
            active: RwLock::new(active),
            managed: RwLock::new(rows.into_iter().map(|row| row.digest).collect()),
            live: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The file of `--plugin`, which is used whatever is installed.
    pub(super) fn fixed(&self) -> Option<&Path> {
        self.places.fixed()
    }

    /// Loads a component from memory; nothing is made with it yet.
    pub(super) async fn load_bytes(
        &self,
        bytes: Vec<u8>,
        begins: &(dyn Fn(LoadStage) + Send + Sync),
    ) -> Result<Arc<LiveVersion>, LoadError> {
        let connector = self.sandbox.load_watched(bytes, begins).await?;
        Ok(self.live(connector))
    }

    /// The one that is loaded already, where there is one: then what it counts goes on.
    fn live(&self, connector: Arc<LoadedConnector>) -> Arc<LiveVersion> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = live.get(connector.digest()).and_then(Weak::upgrade) {
            return known;
        }
        live.retain(|_, version| version.strong_count() > 0);
        let version = LiveVersion::new(connector);
        live.insert(version.digest().to_owned(), Arc::downgrade(&version));
        version
    }

    /// How many are loaded and held by somebody.
    pub(super) fn loaded(&self) -> usize {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.values()
            .filter(|version| version.strong_count() > 0)
            .count()
    }

    /// A version that somebody holds.
    pub(super) fn held(&self, digest: &str) -> Option<Arc<LiveVersion>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(digest).and_then(Weak::upgrade)
    }

    /// From now on the store has a row of that digest.
    pub(super) fn manage(&self, digest: &str) {
        let mut managed = self.managed.write().unwrap_or_else(PoisonError::into_inner);
        managed.insert(digest.to_owned());
    }

    /// The store has no row of that digest any more.
    pub(super) fn forget(&self, digest: &str) {
        let mut managed = self.managed.write().unwrap_or_else(PoisonError::into_inner);
        managed.remove(digest);
    }

    /// The swap: calls that begin from now on are made with that version.
    pub(super) fn put(&self, version: Arc<LiveVersion>) {
        self.manage(version.digest());
        let id = version.id().to_owned();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, file| file.version.id() != id);
        drop(loaded);
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.insert(id, Slot::Ready(version));
    }

    fn slot(&self, id: &str) -> Option<Slot> {
        if self.fixed().is_some() {
            return None;
        }
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        active.get(id).cloned()
    }

    fn slots(&self) -> Vec<String> {
        if self.fixed().is_some() {
            return Vec::new();
        }
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<String> = active.keys().cloned().collect();
        ids.sort();
        ids
    }

    /// Loads what the store calls active, at its first use. Where its file is gone or another, the newest
    /// other good version is used and becomes the active one; `None` when there is none.
    async fn open_stored(&self, id: &str) -> Result<Option<Arc<LiveVersion>>, HostError> {
        let _one = self.opening.lock().await;
        match self.slot(id) {
            Some(Slot::Ready(version)) => return Ok(Some(version)),
            Some(Slot::Stored) => {}
            None => return Ok(None),
        }
        let mut lost: Option<String> = None;
        for row in self.store.plugin_versions()? {
            if row.connector != id || row.state == VersionState::Refused {
                continue;
            }
            match self.load_kept(&row).await {
                Ok(version) => {
                    if let Some(lost) = &lost {
                        self.take_instead(row, lost).await;
                    }
                    self.put(version.clone());
                    return Ok(Some(version));
                }
                Err(error) => {
                    let why = format!("{error:#}");
                    tracing::error!(connector = id, digest = row.digest, "{why}");
                    self.lose(&row, &why).await;
                    lost.get_or_insert(why);
                }
            }
        }
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.remove(id);
        Ok(None)
    }

    /// Loads the file of a row, if it is what the row says.
    async fn load_kept(&self, row: &StoredVersion) -> anyhow::Result<Arc<LiveVersion>> {
        let bytes = self.places.read(&row.digest)?;
        let version = self.load_bytes(bytes, &|_| {}).await.with_context(|| {
            format!(
                "version {} of {} can't be loaded any more",
                row.version, row.connector
            )
        })?;
        Ok(version)
    }

    async fn lose(&self, row: &StoredVersion, why: &str) {
        let report = SwapReport::refusal("read", why).json();
        if self.store.is_owner()
            && let Err(error) = self
                .store
                .lose_plugin_version(row.digest.clone(), report)
                .await
        {
            tracing::error!(digest = row.digest, "{error}");
        }
    }

    async fn take_instead(&self, mut row: StoredVersion, lost: &str) {
        let digest = row.digest.clone();
        tracing::error!(
            connector = row.connector,
            digest,
            "version {} is used instead of the active one",
            row.version
        );
        let message = format!("It is used instead of the version that was active: {lost}");
        row.report = SwapReport::one_step("swap", &message).json();
        if self.store.is_owner()
            && let Err(error) = self
                .store
                .activate_plugin_version(row, VersionState::Refused, None)
                .await
        {
            tracing::error!(digest, "{error}");
        }
    }

    async fn load(&self, path: &Path) -> anyhow::Result<Arc<LiveVersion>> {
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
            return Ok(known.version);
        }
        let bytes = read_component(path)?;
        let loaded = self.load_bytes(bytes, &|_| {}).await;
        let version = loaded.with_context(|| format!("{} can't be used", path.display()))?;
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(
            path.to_owned(),
            Loaded {
                size,
                changed,
                version: version.clone(),
            },
        );
        Ok(version)
    }

    /// The files that no row of the store speaks of.
    fn files(&self) -> Vec<PathBuf> {
        let managed = self.managed.read().unwrap_or_else(PoisonError::into_inner);
        let mut files = self.places.files();
        if self.fixed().is_none() {
            files.retain(|file| {
                self.places
                    .digest_in_name(file)
                    .is_none_or(|digest| !managed.contains(&digest))
            });
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|path, _| files.contains(path));
        files
    }

    /// All that load. One that does not is passed over with a warning, unless it is the only hope.
    async fn load_all(&self) -> Result<Vec<Arc<LiveVersion>>, HostError> {
        let mut versions: Vec<Arc<LiveVersion>> = Vec::new();
        for id in self.slots() {
            versions.extend(self.open_stored(&id).await?);
        }
        let stored: Vec<String> = self.slots();
        let mut first_error = None;
        for path in self.files() {
            match self.load(&path).await {
                Ok(version)
                    if !stored.iter().any(|id| id == version.id())
                        && versions
                            .iter()
                            .all(|known| known.digest() != version.digest()) =>
                {
                    versions.push(version);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("{error:#}");
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) if versions.is_empty() => Err(HostError::Settings(error)),
            _ => Ok(versions),
        }
    }

    /// The version that calls of that connector are made with.
    pub(super) async fn by_id(&self, id: &str) -> Result<Arc<LiveVersion>, HostError> {
        match self.slot(id) {
            Some(Slot::Ready(version)) => return Ok(version),
            Some(Slot::Stored) => {
                if let Some(version) = self.open_stored(id).await? {
                    return Ok(version);
                }
            }
            None => {}
        }
        let versions = self.load_all().await?;
        if versions.is_empty() {
            let place = self.places.data().display();
            return Err(HostError::Settings(anyhow::anyhow!(
                "no connector is installed; put its .wasm file into {place}, or name it with --plugin FILE"
            )));
        }
        // The most important file first, so the first of that id is the one in use.
        let found = versions.into_iter().find(|version| version.id() == id);
        found.ok_or_else(|| HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "plugin list",
        })
    }

    /// Every version in use: of the store, and of the files that no row speaks of (the first of each id).
    pub(super) async fn in_use(&self) -> Result<Vec<Arc<LiveVersion>>, HostError> {
        let mut ids = HashSet::new();
        let mut versions = self.load_all().await?;
        versions.retain(|version| ids.insert(version.id().to_owned()));
        Ok(versions)
    }

    /// The bytes of a version that is used without a row of the store, if its file is what it was.
    pub(super) fn bytes_by_hand(&self, digest: &str) -> Option<Vec<u8>> {
        self.files().iter().find_map(|path| {
            let bytes = read_component(path).ok()?;
            (super::installed::digest_of(&bytes) == digest).then_some(bytes)
        })
    }

    /// That version, set up for an account.
    pub(super) fn connect_with(
        &self,
        version: Arc<LiveVersion>,
        account: Account,
    ) -> Result<Arc<dyn Connector>, HostError> {
        let egress = egress(&account)?;
        Ok(Arc::new(Connected::new(
            version,
            egress,
            account,
            self.limits.clone(),
        )))
    }

    /// `configure` of that version.
    pub(super) async fn configure_with(
        &self,
        version: &Arc<LiveVersion>,
        account: &Account,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Profile, CallFailed> {
        version
            .configure(account, &self.limits, outlet, cancel)
            .await
    }
}

#[async_trait]
impl Connectors for Sandboxed {
    async fn all(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        let versions = self.load_all().await?;
        Ok(versions
            .iter()
            .map(|version| {
                let manifest = version.connector().manifest().clone();
                (manifest, version.digest().to_owned())
            })
            .collect())
    }

    async fn manifest(&self, id: &str) -> Result<Manifest, HostError> {
        Ok(self.by_id(id).await?.connector().manifest().clone())
    }

    async fn configure(
        &self,
        id: &str,
        account: &Account,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> Result<Result<Profile, CallFailed>, HostError> {
        let version = self.by_id(id).await?;
        Ok(self.configure_with(&version, account, outlet, cancel).await)
    }

    async fn connect(&self, id: &str, account: Account) -> Result<Arc<dyn Connector>, HostError> {
        let version = self.by_id(id).await?;
        self.connect_with(version, account)
    }

    async fn inspect(&self, path: &Path) -> Result<Inspection, HostError> {
        let bytes = read_component(path).map_err(HostError::Settings)?;
        let loaded = self.sandbox.load_bytes(bytes).await;
        let connector = loaded
            .with_context(|| format!("{} can't be used", path.display()))
            .map_err(HostError::Settings)?;
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
