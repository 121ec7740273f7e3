//! Versions of connectors: the swap from one to the next, and back.
//!
//! ```text
//! read ▶ digest ▶ signature ▶ compile ▶ link ▶ describe ▶ configure ▶ verify ▶ swap ▶ drain
//!                                                                       │
//!                          whatever fails up to here refuses the version, and the old one goes on
//! ```
//!
//! A version is tried on every live connection before anybody else gets it. The swap itself is a row of the
//! store and then one pointer ([`super::sandboxed`]): a process that ends between the two comes back with
//! the new version. The file is there before the row, so a row never speaks of a file that was not written;
//! a refused version is the other way round, since a file without a row counts as dropped by hand.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::installed::{COMPONENT_BYTES, digest_of, read_component};
use super::live::{CRASHES, LiveVersion};
use super::sandboxed::Sandboxed;
use super::signature::{self, PluginKey};
use super::swap_report::Steps;
pub use super::swap_report::{PluginVersion, SwapReport, SwapStep};
use super::{Host, HostError};
use crate::contract::Manifest;
use crate::plugin::{LoadError, LoadStage};
pub use crate::store::VersionState;
use crate::store::{StoredVersion, now};

/// How long a swap waits for calls of the old version, when nobody says otherwise.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Sees the steps of a swap as they happen.
pub trait SwapWatch: Send + Sync {
    /// A step began (`running`) or ended.
    fn step(&self, digest: &str, step: &SwapStep);
}

impl SwapWatch for () {
    fn step(&self, _: &str, _: &SwapStep) {}
}

/// How a swap is made.
#[derive(Clone)]
pub struct SwapOptions {
    /// Who asks for it.
    pub by: String,
    /// Key that the component's signature has to verify under; `None` asks for none.
    pub key: Option<PluginKey>,
    /// How long to wait for calls of the old version. They are never cut.
    pub drain: Duration,
    /// Who watches.
    pub watch: Arc<dyn SwapWatch>,
    /// Ends the tries on live connections; the version is refused then.
    pub cancel: CancellationToken,
}

impl SwapOptions {
    /// Without a key, and nobody watches.
    pub fn new(by: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            key: None,
            drain: DRAIN,
            watch: Arc::new(()),
            cancel: CancellationToken::new(),
        }
    }
}

/// A component file as it came in.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its signature: 64 bytes, or their base64.
    pub signature: Option<Vec<u8>>,
    /// The digest that it should have: `sha256:…`, or the digits alone.
    pub digest: Option<String>,
}

/// Why a swap ended before its end: a refusal is written down by then.
pub(super) struct Refused;

impl Host {
    fn sandboxed(&self) -> Result<&Arc<Sandboxed>, HostError> {
        self.sandboxed
            .as_ref()
            .ok_or_else(|| HostError::Other(anyhow::anyhow!("this host has no versions")))
    }

    /// Folder of the installed versions.
    pub fn plugin_folder(&self) -> std::path::PathBuf {
        match &self.sandboxed {
            Some(sandboxed) => sandboxed.places().data().to_owned(),
            None => self.store.folder().join("plugins"),
        }
    }

    /// Versions that are in memory: those in use, and those that something which began with them still holds.
    pub fn loaded_versions(&self) -> usize {
        self.sandboxed.as_ref().map_or(0, |one| one.loaded())
    }

    /// The sandbox of a host that may swap.
    fn swappable(&self) -> Result<&Arc<Sandboxed>, HostError> {
        self.store.must_write()?;
        let sandboxed = self.sandboxed()?;
        if let Some(file) = sandboxed.fixed() {
            return Err(HostError::Settings(anyhow::anyhow!(
                "this host was started with --plugin {}, which is used whatever is installed; start it without \
                 --plugin to change versions",
                file.display()
            )));
        }
        Ok(sandboxed)
    }

    /// All versions of connectors: the active one of each first, then the newest. What is used without a row
    /// of the store (`--plugin FILE`, a file that was put into the folder by hand) is among them.
    pub async fn plugin_versions(&self) -> Result<Vec<PluginVersion>, HostError> {
        let sandboxed = self.sandboxed()?;
        // Brings up what was not used since the start, and sees what became of its file.
        let in_use = match sandboxed.in_use().await {
            Ok(in_use) => in_use,
            Err(error) => {
                tracing::warn!("{error:#}");
                Vec::new()
            }
        };
        let rows = self.store.plugin_versions()?;
        let mut versions: Vec<PluginVersion> = Vec::new();
        for version in &in_use {
            let known = rows.iter().find(|row| row.digest == version.digest());
            let unknown = known.is_none() || sandboxed.fixed().is_some();
            if unknown {
                versions.push(shown(&by_hand(version), Some(version)));
            }
        }
        for row in &rows {
            if !versions.iter().any(|shown| shown.digest == row.digest) {
                versions.push(shown(row, sandboxed.held(&row.digest).as_ref()));
            }
        }
        if sandboxed.fixed().is_some() {
            let ids: Vec<String> = in_use.iter().map(|one| one.id().to_owned()).collect();
            for version in &mut versions {
                let used = in_use.iter().any(|one| one.digest() == version.digest);
                if version.state == VersionState::Active
                    && !used
                    && ids.contains(&version.connector)
                {
                    version.state = VersionState::Installed;
                }
            }
        }
        versions.sort_by(|a, b| {
            let rank = |version: &PluginVersion| match version.state {
                VersionState::Active => 0,
                VersionState::Installed => 1,
                VersionState::Refused => 2,
            };
            (a.connector.as_str(), rank(a))
                .cmp(&(b.connector.as_str(), rank(b)))
                .then_with(|| b.installed_at.cmp(&a.installed_at))
        });
        Ok(versions)
    }

    /// Crashes of the active version of a connector in the last quarter of an hour, where they are so many
    /// that it counts as one that keeps crashing.
    pub async fn keeps_crashing(&self, connector: &str) -> Option<u64> {
        let version = self.sandboxed.as_ref()?.by_id(connector).await.ok()?;
        Some(version.crashes()).filter(|crashes| *crashes >= CRASHES)
    }

    /// Checks a component file and makes it the active version of its connector.
    pub async fn install_connector(
        &self,
        path: &std::path::Path,
    ) -> Result<(Manifest, String), HostError> {
        self.swappable()?;
        let bytes = read_component(path).map_err(HostError::Settings)?;
        let signature = std::fs::read(signature::beside(path)).ok();
        let delivery = Delivery {
            bytes,
            signature,
            digest: None,
        };
        let installed = self
            .install_version(delivery, SwapOptions::new("cli"))
            .await?;
        if let Some(why) = installed.report.refused {
            return Err(HostError::Settings(
                anyhow::Error::msg(why).context(format!("{} can't be used", path.display())),
            ));
        }
        Ok((self.manifest(&installed.connector).await?, installed.digest))
    }

    /// Takes a component file in and makes it active if every step passes. A refused one is an answer, not an
    /// error: its report says why, and the version before it goes on.
    pub async fn install_version(
        &self,
        delivery: Delivery,
        options: SwapOptions,
    ) -> Result<PluginVersion, HostError> {
        let sandboxed = self.swappable()?.clone();
        let _one = self.swapping.lock().await;
        let digest = digest_of(&delivery.bytes);
        let mut steps = Steps::new(&digest, options.watch.clone());
        let mut row = match self.store.plugin_version(&digest)? {
            Some(row) => row,
            None => StoredVersion {
                digest: digest.clone(),
                connector: String::new(),
                version: String::new(),
                contract: String::new(),
                state: VersionState::Refused,
                size: delivery.bytes.len() as u64,
                installed_at: now(),
                installed_by: options.by.clone(),
                activated_at: None,
                activation: 0,
                report: String::new(),
            },
        };
        let swapped = self
            .swap(&sandboxed, &delivery, &mut row, &mut steps, &options)
            .await?;
        self.settle(&sandboxed, row, steps, swapped, Some(&delivery))
            .await
    }

    /// Makes an installed version active, by the same steps.
    pub async fn activate_version(
        &self,
        digest: &str,
        options: SwapOptions,
    ) -> Result<PluginVersion, HostError> {
        let sandboxed = self.swappable()?.clone();
        let _one = self.swapping.lock().await;
        self.activate_one(&sandboxed, digest, options).await
    }

    async fn activate_one(
        &self,
        sandboxed: &Arc<Sandboxed>,
        digest: &str,
        options: SwapOptions,
    ) -> Result<PluginVersion, HostError> {
        let mut row = self.stored_version(digest)?;
        let mut steps = Steps::new(digest, options.watch.clone());
        steps.begin("read");
        let delivery = match sandboxed.places().read(digest) {
            Ok(bytes) => Delivery {
                bytes,
                signature: sandboxed.places().signature(digest),
                digest: None,
            },
            Err(error) => {
                steps.fail(format!("{error:#}"));
                return self.settle(sandboxed, row, steps, Err(Refused), None).await;
            }
        };
        let swapped = self
            .swap(sandboxed, &delivery, &mut row, &mut steps, &options)
            .await?;
        self.settle(sandboxed, row, steps, swapped, None).await
    }

    /// Goes back to the version that was active before.
    pub async fn roll_back_version(
        &self,
        connector: &str,
        options: SwapOptions,
    ) -> Result<PluginVersion, HostError> {
        let sandboxed = self.swappable()?.clone();
        let _one = self.swapping.lock().await;
        let rows = self.store.plugin_versions()?;
        let mut of_it = rows.iter().filter(|row| row.connector == connector);
        if of_it.clone().next().is_none() && sandboxed.by_id(connector).await.is_err() {
            return Err(HostError::Unknown {
                what: "connector",
                name: connector.to_owned(),
                list: "plugin list",
            });
        }
        // Those that were active stand in the order in which they were, the last first.
        let before = of_it
            .find(|row| row.state == VersionState::Installed && row.activation > 0)
            .ok_or_else(|| {
                HostError::Settings(anyhow::anyhow!(
                    "no version of {connector} was active before this one; `ox-host plugin versions` lists all, and \
                     `ox-host plugin activate DIGEST` chooses one"
                ))
            })?;
        self.activate_one(&sandboxed, &before.digest, options).await
    }

    /// Forgets a version that is not active and that no call is made with.
    pub async fn remove_version(&self, digest: &str) -> Result<(), HostError> {
        let sandboxed = self.swappable()?.clone();
        let _one = self.swapping.lock().await;
        let row = self.stored_version(digest)?;
        let refuse = |why: String| Err(HostError::Settings(anyhow::Error::msg(why)));
        if row.state == VersionState::Active {
            return refuse(format!(
                "version {} of {} is the active one; make another one active first",
                row.version, row.connector
            ));
        }
        if let Some(held) = sandboxed.held(digest)
            && held.holders() + held.calls() > 0
        {
            return refuse(format!(
                "version {} of {} is still in use by what began with it ({}); try again when that has ended",
                row.version,
                row.connector,
                going_on(&held)
            ));
        }
        // The file first: a file without a row would count as dropped by hand.
        sandboxed.places().remove(digest)?;
        self.store.remove_plugin_version(digest.to_owned()).await?;
        sandboxed.forget(digest);
        Ok(())
    }

    fn stored_version(&self, digest: &str) -> Result<StoredVersion, HostError> {
        self.store
            .plugin_version(digest)?
            .ok_or_else(|| HostError::Unknown {
                what: "version",
                name: digest.to_owned(),
                list: "plugin versions",
            })
    }

    /// Everything from the bytes to the pointer. What it finds is in `row` and `steps`.
    async fn swap(
        &self,
        sandboxed: &Arc<Sandboxed>,
        delivery: &Delivery,
        row: &mut StoredVersion,
        steps: &mut Steps,
        options: &SwapOptions,
    ) -> Result<Result<(), Refused>, HostError> {
        let Ok(version) = admit(sandboxed, delivery, steps, options).await else {
            return Ok(Err(Refused));
        };
        let manifest = version.connector().manifest();
        row.connector.clone_from(&manifest.id);
        row.version.clone_from(&manifest.version);
        row.contract = version.connector().contract_version().to_owned();
        let old = match sandboxed.by_id(&manifest.id).await {
            Ok(old) => Some(old),
            // The first of its connector, or what was there can't be used: nothing is lost by a swap.
            Err(error) => {
                tracing::debug!("nothing is swapped out: {error:#}");
                None
            }
        };
        let tried = self
            .try_version(sandboxed, &version, old.as_ref(), steps, &options.cancel)
            .await?;
        if tried.is_err() {
            return Ok(Err(Refused));
        }

        steps.begin("swap");
        let same = old.as_ref().is_some_and(|old| old.digest() == row.digest);
        if let Some(old) = old.as_ref().filter(|_| !same) {
            self.keep_way_back(sandboxed, old).await?;
        }
        if same && row.state == VersionState::Active {
            steps.pass("It was the active version already.");
            steps.skip("drain", "Nothing was swapped out.");
            return Ok(Ok(()));
        }
        sandboxed
            .places()
            .install(&row.digest, &delivery.bytes, delivery.signature.as_deref())?;
        steps.pass(match &old {
            Some(old) if !same => format!(
                "{} takes over from {}.",
                row.version,
                old.connector().manifest().version
            ),
            _ => format!("{} is the active version.", row.version),
        });
        row.report = steps.report().json();
        *row = self
            .store
            .activate_plugin_version(row.clone(), VersionState::Installed, None)
            .await?;
        sandboxed.put(version.clone());
        self.know_manifest(manifest.clone());

        match old.filter(|_| !same) {
            None => steps.skip("drain", "Nothing was swapped out."),
            Some(old) => {
                steps.begin("drain");
                old.drained(options.drain).await;
                steps.pass(match old.holders() + old.calls() {
                    0 => "Nothing goes on with the old version.".to_owned(),
                    _ => format!(
                        "{} with the old version and end on it; they are not cut.",
                        going_on(&old)
                    ),
                });
            }
        }
        Ok(Ok(()))
    }

    /// Gives a version that is used without a row one, so that there is a way back to it.
    async fn keep_way_back(
        &self,
        sandboxed: &Arc<Sandboxed>,
        old: &Arc<LiveVersion>,
    ) -> Result<(), HostError> {
        if self.store.plugin_version(old.digest())?.is_some() {
            return Ok(());
        }
        let Some(bytes) = sandboxed.bytes_by_hand(old.digest()) else {
            tracing::warn!(
                digest = old.digest(),
                "the file of the version before is gone, so there is no way back to it"
            );
            return Ok(());
        };
        sandboxed.places().install(old.digest(), &bytes, None)?;
        let mut row = by_hand(old);
        row.report = SwapReport::one_step(
            "read",
            "It was used without having been installed, and was kept when another version took over.",
        )
        .json();
        self.store
            .activate_plugin_version(row, VersionState::Installed, None)
            .await?;
        sandboxed.manage(old.digest());
        Ok(())
    }

    /// Writes down how the swap ended, and answers what there is now.
    async fn settle(
        &self,
        sandboxed: &Arc<Sandboxed>,
        mut row: StoredVersion,
        steps: Steps,
        swapped: Result<(), Refused>,
        delivery: Option<&Delivery>,
    ) -> Result<PluginVersion, HostError> {
        let report = steps.finish();
        row.report = report.json();
        if swapped.is_ok() || row.state == VersionState::Active {
            // The active version stays what it is, whatever a second look at it said.
            self.store
                .report_plugin_version(row.digest.clone(), row.report.clone())
                .await?;
            return Ok(shown(&row, sandboxed.held(&row.digest).as_ref()));
        }
        tracing::warn!(
            digest = row.digest,
            connector = row.connector,
            "version refused: {}",
            report.refused.as_deref().unwrap_or_default()
        );
        row.state = VersionState::Refused;
        sandboxed.manage(&row.digest);
        let forgotten = self.store.keep_plugin_version(row.clone()).await?;
        // What could say what it is may be tried again; anything else is not kept.
        if let Some(delivery) = delivery
            && !row.connector.is_empty()
        {
            let signature = delivery.signature.as_deref();
            sandboxed
                .places()
                .install(&row.digest, &delivery.bytes, signature)?;
        }
        for digest in forgotten {
            if let Err(error) = sandboxed.places().remove(&digest) {
                tracing::warn!("{error:#}");
                continue;
            }
            sandboxed.forget(&digest);
        }
        Ok(shown(&row, sandboxed.held(&row.digest).as_ref()))
    }
}

/// From bytes to a version that can be called.
async fn admit(
    sandboxed: &Sandboxed,
    delivery: &Delivery,
    steps: &mut Steps,
    options: &SwapOptions,
) -> Result<Arc<LiveVersion>, Refused> {
    let size = delivery.bytes.len() as u64;
    steps.begin("read");
    if size > COMPONENT_BYTES {
        return Err(steps.fail(format!(
            "The file has {size} bytes, and {COMPONENT_BYTES} are allowed."
        )));
    }
    steps.pass(format!("{size} bytes."));

    steps.begin("digest");
    match &delivery.digest {
        Some(wanted) if !same_digest(wanted, steps.digest()) => {
            let found = steps.digest().to_owned();
            let wanted: String = wanted.chars().take(100).collect();
            return Err(steps.fail(format!(
                "The digest of the file is {found}, and {wanted} was asked for: the file is damaged or another \
                 one; fetch it again."
            )));
        }
        Some(_) => steps.pass(format!("It is {}, as asked for.", steps.digest())),
        None => steps.pass(format!("{}.", steps.digest())),
    }

    match &options.key {
        None => steps.skip("signature", "No key is configured, so none is asked for."),
        Some(key) => {
            steps.begin("signature");
            match key.verify(&delivery.bytes, delivery.signature.as_deref()) {
                Ok(()) => steps.pass("It verifies under the configured key."),
                Err(why) => return Err(steps.fail(why)),
            }
        }
    }

    let stages = std::sync::Mutex::new(steps);
    let loaded = sandboxed
        .load_bytes(delivery.bytes.clone(), &|stage| {
            let mut steps = stages
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            match stage {
                LoadStage::Compile => steps.begin("compile"),
                LoadStage::Link => {
                    steps.pass("It is compiled.");
                    steps.begin("link");
                }
                LoadStage::Describe => {
                    steps.pass("It imports what this host grants, and nothing else.");
                    steps.begin("describe");
                }
            }
        })
        .await;
    let steps = stages
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match loaded {
        Ok(version) => {
            let manifest = version.connector().manifest();
            steps.pass(format!(
                "{} {}, contract {}.",
                manifest.id,
                manifest.version,
                version.connector().contract_version()
            ));
            Ok(version)
        }
        Err(error) => Err(steps.fail(load_failure(&error))),
    }
}

fn load_failure(error: &LoadError) -> String {
    let mut text = error.to_string();
    if let LoadError::Describe(cause) = error {
        let cause = cause.message();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A digest is written with `sha256:` or without, in either case, maybe with a file name behind it.
fn same_digest(wanted: &str, found: &str) -> bool {
    let wanted = wanted.split_whitespace().next().unwrap_or_default();
    let wanted = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let found = found.strip_prefix("sha256:").unwrap_or(found);
    wanted.eq_ignore_ascii_case(found)
}

/// What goes on with a version: `1 call and 2 scans go on`.
fn going_on(version: &LiveVersion) -> String {
    let count = |number: u64, one: &str, many: &str| crate::report::text::count(number, one, many);
    let calls = count(version.calls(), "call", "calls");
    let holders = version.holders();
    if holders == 0 {
        return format!("{calls} go on");
    }
    format!(
        "{calls}, and {} between calls or in one, go on",
        count(
            holders,
            "scan, listing or verification",
            "scans, listings or verifications"
        )
    )
}

/// A row for what has none.
fn by_hand(version: &LiveVersion) -> StoredVersion {
    let connector = version.connector();
    StoredVersion {
        digest: version.digest().to_owned(),
        connector: connector.manifest().id.clone(),
        version: connector.manifest().version.clone(),
        contract: connector.contract_version().to_owned(),
        state: VersionState::Active,
        size: connector.size(),
        installed_at: now(),
        installed_by: "host".to_owned(),
        activated_at: None,
        activation: 0,
        report: String::new(),
    }
}

fn shown(row: &StoredVersion, held: Option<&Arc<LiveVersion>>) -> PluginVersion {
    let crashes = held.map_or(0, |version| version.crashes());
    PluginVersion {
        digest: row.digest.clone(),
        connector: row.connector.clone(),
        version: row.version.clone(),
        contract: row.contract.clone(),
        state: row.state,
        size: row.size,
        installed_at: row.installed_at.clone(),
        installed_by: row.installed_by.clone(),
        activated_at: row.activated_at.clone(),
        in_flight: held.map_or(0, |version| version.calls()),
        holders: held.map_or(0, |version| version.holders()),
        crashes,
        failing: crashes >= CRASHES,
        report: serde_json::from_str(&row.report).unwrap_or_default(),
    }
}
