//! What the layers of an image amount to, put one on top of the other: a file of an upper layer replaces
//! that of a lower one, whiteouts and opaque folders remove, links lead elsewhere.
//!
//! A package belongs to the layer that brought it, not to the one that wrote the database last: when a
//! database is replaced, what it says again keeps its layer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::layer::{LayerInventory, keys_below};
use super::paths;
use crate::catalog::{
    self, CATALOGUERS, Cataloguer, File as Member, Found, FoundPackage, Release, dpkg_files,
    os_release,
};
use crate::contract::{self, Explanation, PackageOrigin, Skip, SkipReason};
use crate::posture::overlay::Overlay;
use crate::posture::traces::{Special, Traces};
use crate::secret;

/// Bytes in memory that the catalogued files of one image may amount to.
pub const MAX_FOUND_BYTES: usize = 20 << 20;

struct File {
    by: &'static dyn Cataloguer,
    found: Found,
    /// The layer of each package.
    layers: Vec<u32>,
}

/// The layers put together so far.
#[derive(Default)]
pub struct Merge {
    files: BTreeMap<String, File>,
    links: BTreeMap<String, String>,
    secrets: Vec<Secret>,
    traces: Overlay,
    notes: Vec<(String, Skip)>,
    weight: usize,
    /// The layer that is being put on top.
    now: u32,
}

/// A file with secrets. A layer keeps what an upper one removes, so one that was removed counts, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// Its key.
    pub path: String,
    /// The layer that holds it.
    pub layer: u32,
    /// The layer that removes or replaces it.
    pub removed: Option<u32>,
    /// What it holds.
    pub hits: Vec<secret::Hit>,
}

/// An image's inventory.
#[derive(Default)]
pub struct Inventory {
    /// The operating system.
    pub release: Option<Release>,
    /// Packages, by path and in the order of the file.
    pub packages: Vec<Entry>,
    /// Secrets, by layer and path.
    pub secrets: Vec<Secret>,
    /// Files and folders with special permissions, each with its layer.
    pub special: Vec<(u32, Special)>,
    /// What else each layer shows, by its place. Layers that could not be read show nothing.
    pub traces: Vec<Traces>,
    /// What could not be read, with its path (empty for a layer as a whole).
    pub notes: Vec<(String, Skip)>,
}

/// One package and where it is.
pub struct Entry {
    by: &'static dyn Cataloguer,
    package: FoundPackage,
    path: Rc<str>,
    layer: u32,
    owner: Option<Owner>,
}

/// The package that owns another one's files: one of the operating system, or of a package manager beside it
/// (conda), which says nothing of who patches them.
#[derive(Clone)]
struct Owner {
    name: Rc<str>,
    is_system: bool,
}

type Identity<'p> = (&'p str, &'p str, Option<&'p str>);

fn identity(package: &FoundPackage) -> Identity<'_> {
    (
        &package.name,
        &package.version,
        package.architecture.as_deref(),
    )
}

impl Merge {
    /// Puts the next layer on top. `index` is its place among the image's layers.
    pub fn apply(&mut self, index: u32, layer: LayerInventory) {
        self.notes.extend(layer.notes);
        self.now = index;
        let mut removed = Vec::new();
        let links = &self.links;
        let traces = self
            .traces
            .begin(index, layer.traces, |key| canonical(links, key, false));
        // First what it takes away from those below: its own files are never meant.
        for dir in &layer.opaque {
            if let Some(dir) = if dir.is_empty() {
                Some(String::new())
            } else {
                self.canonical(dir, true)
            } {
                self.traces.whiteout(&dir);
                self.remove_below(&dir, &mut removed);
            }
        }
        for key in &layer.whiteouts {
            if let Some(key) = self.canonical(key, false) {
                self.traces.whiteout(&key);
                self.remove(&key, &mut removed);
                self.remove_below(&key, &mut removed);
            }
        }
        for key in &layer.folders {
            // A folder takes the place of a link or a file, not of a folder.
            if let Some(key) = self.canonical(key, false) {
                self.traces.put_folder(&key);
                self.remove_read(&key, &mut removed);
            }
        }
        for key in layer
            .others
            .iter()
            .chain(layer.links.iter().map(|link| &link.path))
        {
            if let Some(key) = self.canonical(key, false) {
                self.remove(&key, &mut removed);
                self.remove_below(&key, &mut removed);
            }
        }
        for link in layer.links.iter().filter(|link| !link.hard) {
            if let Some(key) = self.canonical(&link.path, false) {
                self.links.insert(key, link.target.clone());
            }
        }
        for file in layer.files {
            let Some(by) = catalog::by_id(&file.by) else {
                continue;
            };
            let Some(key) = self.canonical(&file.path, false) else {
                continue;
            };
            self.remove(&key, &mut removed);
            self.remove_below(&key, &mut removed);
            self.put(key, by, file.found, index, &removed);
        }
        for link in layer.links.iter().filter(|link| link.hard) {
            self.hard_link(&link.path, &link.target);
        }
        for file in layer.secrets {
            let Some(path) = self.canonical(&file.path, false) else {
                continue;
            };
            self.remove_secret(&path, false);
            self.secrets.push(Secret {
                path,
                layer: index,
                removed: None,
                hits: file.hits,
            });
        }
        let links = &self.links;
        self.traces.put(traces, |key| canonical(links, key, false));
    }

    fn put(
        &mut self,
        key: String,
        by: &'static dyn Cataloguer,
        found: Found,
        index: u32,
        removed: &[(String, File)],
    ) {
        let weight = weight(&key, &found);
        if self.weight + weight > MAX_FOUND_BYTES {
            let why = Explanation {
                message: format!(
                    "the packages of the image take more than {MAX_FOUND_BYTES} bytes; {key} was passed over"
                ),
                hint: "Nothing to do, unless the image is meant to be so: then report it."
                    .to_owned(),
            };
            self.notes.push((
                key,
                Skip {
                    reason: SkipReason::OverLimit,
                    why,
                },
            ));
            return;
        }
        self.weight += weight;
        let mut layers = vec![index; found.packages.len()];
        // The same package in the same file before, or in a file of that format which this layer removed
        // (a database that moved).
        let before = removed.iter().filter(|(path, file)| {
            file.by.id() == by.id() && (*path == key || by.places().contains(&path.as_str()))
        });
        let mut known: HashMap<Identity<'_>, u32> = HashMap::new();
        for (_, file) in before {
            for (package, layer) in file.found.packages.iter().zip(&file.layers) {
                let entry = known.entry(identity(package)).or_insert(*layer);
                *entry = (*entry).min(*layer);
            }
        }
        if !known.is_empty() {
            for (package, layer) in found.packages.iter().zip(&mut layers) {
                if let Some(first) = known.get(&identity(package)) {
                    *layer = *first;
                }
            }
        }
        self.files.insert(key, File { by, found, layers });
    }

    fn hard_link(&mut self, path: &str, target: &str) {
        let (Some(key), Some(target_key)) =
            (self.canonical(path, false), self.canonical(target, false))
        else {
            return;
        };
        let wanted = CATALOGUERS
            .iter()
            .find(|one| one.wants(&Member::of_path(path)))
            .copied();
        // A second name for a program is a program: they have one mode.
        let program = Member {
            mode: 0o755,
            ..Member::of_path(path)
        };
        match (self.files.get(&target_key), wanted) {
            (Some(file), wanted)
                if wanted.is_some_and(|by| file.by.id() == by.id())
                    || wanted.is_none() && file.by.wants(&program) =>
            {
                let copy = File {
                    by: file.by,
                    found: file.found.clone(),
                    layers: file.layers.clone(),
                };
                let weight = weight(&key, &copy.found);
                if self.weight + weight <= MAX_FOUND_BYTES {
                    self.weight += weight;
                    self.files.insert(key, copy);
                }
            }
            (_, Some(by)) if by.is_inventory() && by.places().contains(&path) => {
                let why = Explanation {
                    message: format!(
                        "{path} is a hard link to {target}, which was not read as a database"
                    ),
                    hint: "Build the image with a copy of the file in that place.".to_owned(),
                };
                self.notes.push((
                    path.to_owned(),
                    Skip {
                        reason: SkipReason::Unsupported,
                        why,
                    },
                ));
            }
            _ => {}
        }
    }

    /// Where a key leads through the links on its way; `None` for loops.
    fn canonical(&self, key: &str, last: bool) -> Option<String> {
        canonical(&self.links, key, last)
    }

    fn remove(&mut self, key: &str, removed: &mut Vec<(String, File)>) {
        self.traces.remove(key);
        self.remove_read(key, removed);
    }

    /// Removes a key from all that was read of contents and links.
    fn remove_read(&mut self, key: &str, removed: &mut Vec<(String, File)>) {
        self.links.remove(key);
        self.remove_secret(key, false);
        if let Some(file) = self.files.remove(key) {
            self.weight = self.weight.saturating_sub(weight(key, &file.found));
            removed.push((key.to_owned(), file));
        }
    }

    fn remove_below(&mut self, dir: &str, removed: &mut Vec<(String, File)>) {
        for key in keys_below(&self.files, dir) {
            self.remove(&key, removed);
        }
        for key in keys_below(&self.links, dir) {
            self.links.remove(&key);
        }
        self.traces.remove_below(dir);
        self.remove_secret(dir, true);
    }

    /// Notes that the present layer removes the secrets at a key, or below it.
    fn remove_secret(&mut self, key: &str, below: bool) {
        let now = self.now;
        for secret in &mut self.secrets {
            let meant = if below {
                paths::is_below(&secret.path, key)
            } else {
                secret.path == key
            };
            if meant && secret.removed.is_none() && secret.layer < now {
                secret.removed = Some(now);
            }
        }
    }

    /// Licences by operating-system package, and the package that owns a key.
    fn gather(&mut self) -> (HashMap<String, Vec<String>>, HashMap<String, Owner>) {
        let mut licences: HashMap<String, Vec<String>> = HashMap::new();
        let mut owned: Vec<(String, Owner)> = Vec::new();
        // Lists of distroless images are named after the file that names the package.
        let named: Vec<(String, String)> = self
            .files
            .iter()
            .filter(|(_, file)| file.found.about.is_some())
            .filter_map(|(path, _)| {
                let beside = self.files.get(dpkg_files::names_package(path)?)?;
                Some((path.clone(), beside.found.packages.first()?.name.clone()))
            })
            .collect();
        for (path, name) in named {
            if let Some(file) = self.files.get_mut(&path) {
                file.found.about = Some(name);
            }
        }
        for file in self.files.values_mut() {
            if let Some(about) = file.found.about.take() {
                let owner = Owner {
                    name: about.as_str().into(),
                    is_system: true,
                };
                for key in std::mem::take(&mut file.found.owns) {
                    owned.push((key, owner.clone()));
                }
                if !file.found.licences.is_empty() {
                    licences.insert(about, std::mem::take(&mut file.found.licences));
                }
            }
            for package in &mut file.found.packages {
                if package.owns.is_empty() {
                    continue;
                }
                let owner = Owner {
                    name: package.name.as_str().into(),
                    is_system: file.by.origin() == PackageOrigin::OperatingSystem,
                };
                for key in std::mem::take(&mut package.owns) {
                    owned.push((key, owner.clone()));
                }
            }
        }
        // Where two claim a file, the operating system has the last word.
        owned.sort_by_key(|(_, owner)| owner.is_system);
        let owners = owned
            .into_iter()
            .filter_map(|(key, owner)| Some((self.canonical(&key, false)?, owner)))
            .collect();
        (licences, owners)
    }

    /// All layers are on.
    pub fn finish(mut self) -> Inventory {
        let release = os_release::PLACES.iter().find_map(|place| {
            let key = self.canonical(place, true)?;
            self.files.get(&key)?.found.release.clone()
        });
        // With a database read, links at the places of others (OpenWrt's `var` leads to `tmp`) hide nothing.
        let has_database = self.files.values().any(|file| {
            file.by.origin() == PackageOrigin::OperatingSystem && !file.found.packages.is_empty()
        });
        for by in CATALOGUERS
            .iter()
            .filter(|by| by.is_inventory() && !has_database)
        {
            let astray = by
                .places()
                .iter()
                .find_map(|place| match self.canonical(place, true) {
                    Some(key) if by.wants(&Member::of_path(&key)) => None,
                    key => Some((place, key)),
                });
            if let Some((place, key)) = astray {
                let leads = key.map_or_else(|| "in a circle".to_owned(), |key| format!("to {key}"));
                let why = Explanation {
                    message: format!(
                        "{place} leads {leads} by a link, where no package database is read"
                    ),
                    hint: "Build the image with the package database in its usual place."
                        .to_owned(),
                };
                self.notes.push((
                    (*place).to_owned(),
                    Skip {
                        reason: SkipReason::Unsupported,
                        why,
                    },
                ));
            }
        }
        let (licences, owners) = self.gather();
        let keys: HashSet<String> = self.files.keys().cloned().collect();
        let mut packages = Vec::new();
        for (path, file) in self.files {
            for mut skip in file.found.notes {
                skip.why.message = format!("{path}: {}", skip.why.message);
                self.notes.push((path.clone(), skip));
            }
            let owner = match file.by.origin() {
                PackageOrigin::OperatingSystem => None,
                _ => owners
                    .get(&path)
                    .or_else(|| {
                        let before = before_usr_merge(&path)?;
                        owners.get(before).filter(|_| !keys.contains(before))
                    })
                    .cloned(),
            };
            let path: Rc<str> = path.into();
            for (mut package, layer) in file.found.packages.into_iter().zip(file.layers) {
                if matches!(file.by.id(), "dpkg" | "opkg")
                    && package.licences.is_empty()
                    && let Some(stated) = licences.get(&package.name)
                {
                    package.licences.clone_from(stated);
                }
                packages.push(Entry {
                    by: file.by,
                    package,
                    path: Rc::clone(&path),
                    layer,
                    owner: owner.clone(),
                });
            }
        }
        drop_completed(&mut packages);
        let (special, traces) = self.traces.finish();
        Inventory {
            release,
            packages,
            secrets: self.secrets,
            special,
            traces,
            notes: self.notes,
        }
    }
}

/// Bytes in memory of a file: of many small ones the paths weigh more than what they say.
fn weight(key: &str, found: &Found) -> usize {
    key.len() + found.weight()
}

/// What a package may call a file below `usr`, as long as `bin`, `sbin` and `lib` were folders of their own.
/// Images that were built file by file have no link there that would say so.
fn before_usr_merge(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("usr/")?;
    let (top, _) = rest.split_once('/')?;
    (matches!(top, "bin" | "sbin") || top.starts_with("lib")).then_some(rest)
}

fn canonical(links: &BTreeMap<String, String>, key: &str, last: bool) -> Option<String> {
    paths::resolve(key, last, |key| links.get(key).map(String::as_str))
}

/// Drops packages of cataloguers that only complete what others read, where another one read them, too.
fn drop_completed(packages: &mut Vec<Entry>) {
    if !packages.iter().any(|entry| entry.by.only_completes()) {
        return;
    }
    let bare = |entry: &Entry| {
        let purl = entry.purl(None);
        let end = purl.find(['?', '#']).unwrap_or(purl.len());
        purl.get(..end).unwrap_or_default().to_owned()
    };
    let mut known: HashSet<String> = packages
        .iter()
        .filter(|entry| !entry.by.only_completes())
        .map(bare)
        .collect();
    packages.retain(|entry| !entry.by.only_completes() || known.insert(bare(entry)));
}

impl Entry {
    fn purl(&self, release: Option<&Release>) -> String {
        match &self.package.purl {
            Some(purl) => purl.clone(),
            None => self.by.purl(&self.package, release),
        }
    }

    /// Where it comes from. `base` is how many of the lowest layers are the base image's, where that is
    /// known.
    fn origin(&self, base: Option<u32>) -> PackageOrigin {
        match (self.by.origin(), base) {
            (PackageOrigin::OperatingSystem, _) => PackageOrigin::OperatingSystem,
            _ if self.owner.as_ref().is_some_and(|owner| owner.is_system) => {
                PackageOrigin::OperatingSystem
            }
            _ if self.package.inside.is_some() => PackageOrigin::JavaArchive,
            (_, Some(base)) if self.layer < base => PackageOrigin::BaseImage,
            (_, Some(_)) => PackageOrigin::UserLayer,
            (origin, None) => origin,
        }
    }

    /// As the contract has it.
    pub fn into_contract(self, release: Option<&Release>, base: Option<u32>) -> contract::Package {
        let purl = self.purl(release);
        let origin = self.origin(base);
        let path = match &self.package.inside {
            Some(inside) => format!("{}!/{inside}", self.path),
            None => self.path.to_string(),
        };
        contract::Package {
            format: self
                .package
                .format
                .unwrap_or_else(|| self.by.id().to_owned()),
            purl,
            path,
            layer: self.layer,
            origin,
            owner: self.owner.map(|owner| owner.name.as_ref().to_owned()),
            name: self.package.name,
            version: self.package.version,
            architecture: self.package.architecture,
            source_name: self.package.source_name,
            source_version: self.package.source_version,
            licences: self.package.licences,
            attributes: self.package.attributes,
        }
    }
}

impl Inventory {
    /// The operating system as the contract has it.
    pub fn operating_system(&self) -> Option<contract::OperatingSystem> {
        self.release
            .as_ref()
            .map(|release| contract::OperatingSystem {
                id: release.id.clone(),
                version_id: release.version_id.clone(),
                pretty_name: release.pretty_name.clone(),
                attributes: release
                    .attributes
                    .iter()
                    .cloned()
                    .chain(
                        os_release::osv_ecosystem(release)
                            .map(|ecosystem| ("osv-ecosystem".to_owned(), ecosystem)),
                    )
                    .collect(),
            })
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
