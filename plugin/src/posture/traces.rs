//! What a layer shows of its set-up while it is read: files with special permissions, caches and other
//! things that a build left behind.
//!
//! Only headers are looked at, never contents. What an upper layer does to a file of a lower one counts,
//! too: `RUN chmod u-s /bin/su` stores the file once more, with other permissions. The lower layers are not
//! known while a layer is read (its inventory is kept for all images that share it), so the layer remembers
//! the paths that it holds *without* special permissions, as short hashes: [`Plain`].

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::caches::{Cache, CacheKind, cache_of};
use crate::catalog::File;
use crate::image::paths;
use crate::image::tar::Kind;

/// Goes up when other traces would be kept of the same bytes: part of the layer's cache key.
pub const VERSION: u32 = 2;
/// Paths with special permissions that are kept of one layer; of more, the number.
pub const MAX_SPECIAL: usize = 1000;
/// Things left behind that are kept of one layer; of more, the number.
pub const MAX_LEFT: usize = 200;
/// Bytes of a path that is kept; files with longer ones are only counted.
const MAX_PATH: usize = 1024;
/// Paths of one layer whose hashes are kept (1 MiB). A layer with more shows less of what it does to lower
/// ones, which [`Traces::cut`] says.
pub const MAX_PLAIN: usize = 256 * 1024;
/// Folders on the way to a path that may have been replaced by something else.
const MAX_DEPTH: usize = 32;

/// Of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// Files and folders whose permissions let others do more than usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<Special>,
    /// Files of that kind that were only counted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_special: u64,
    /// Caches of package managers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<Cache>,
    /// Other things that a build left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// Things of that kind that were only counted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_left: u64,
    /// What the layer holds with usual permissions.
    #[serde(default, skip_serializing_if = "Plain::is_empty")]
    pub plain: Plain,
    /// True when the layer holds more than [`Plain`] keeps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Paths in `special` and `left` by hash, while the layer is read.
    #[serde(skip)]
    known: Known,
}

/// Paths by hash. No part of what a layer shows, so all are alike.
#[derive(Clone, Debug, Default)]
struct Known(HashMap<u32, String>);

impl PartialEq for Known {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A file or folder with special permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// Its key.
    pub path: String,
    /// Permissions (`0o7777`).
    pub mode: u32,
    /// Number of its owner.
    pub uid: u64,
    /// True for folders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
}

impl Special {
    /// Runs with the rights of its owner or group, whoever starts it.
    pub fn sets_id(&self) -> bool {
        !self.folder && sets_id(self.mode)
    }

    /// Everybody may write it.
    pub fn is_writable(&self) -> bool {
        is_writable(self.mode, self.folder)
    }
}

fn sets_id(mode: u32) -> bool {
    // Without a bit to execute they mean nothing (or, for the group, mandatory locks).
    (mode & 0o4000 != 0 && mode & 0o111 != 0) || (mode & 0o2000 != 0 && mode & 0o010 != 0)
}

fn is_writable(mode: u32, folder: bool) -> bool {
    // In a sticky folder nobody removes the files of others: that is what /tmp is like.
    mode & 0o002 != 0 && !(folder && mode & 0o1000 != 0)
}

/// Something that a build left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftKind {
    /// A private key by which an SSH server proves who it is.
    HostKey,
    /// What somebody typed into a shell or a database client.
    History,
    /// A Git folder, by its `HEAD`.
    Git,
    /// The socket of Docker.
    DockerSocket,
    /// An SSH server.
    SshServer,
}

/// Something that a build left behind, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What it is.
    pub kind: LeftKind,
    /// Its key.
    pub path: String,
    /// The layer above that removes or replaces it. The layer below keeps it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u32>,
}

/// Short hashes of paths. Two paths share one in one of four thousand million cases: then a file of a lower
/// layer counts as replaced that was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Plain(Vec<u32>);

impl Plain {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys of `map` that a layer with these paths replaces: the path itself is there, or one of its
    /// folders is something else.
    pub fn replaced<'m, V>(&self, map: &'m BTreeMap<String, V>) -> Vec<&'m str> {
        if self.is_empty() || map.is_empty() {
            return Vec::new();
        }
        let mut meant: Vec<(u32, &str)> = Vec::new();
        for key in map.keys() {
            meant.push((hash(key, true), key));
            meant.push((hash(key, false), key));
            let folders = key.match_indices('/').take(MAX_DEPTH);
            let above = folders.filter_map(|(end, _)| key.get(..end));
            meant.extend(above.map(|folder| (hash(folder, false), key.as_str())));
        }
        meant.sort_unstable();
        let mut replaced = Vec::new();
        for hash in &self.0 {
            let from = meant.partition_point(|(other, _)| other < hash);
            let same = meant
                .iter()
                .skip(from)
                .take_while(|(other, _)| other == hash);
            replaced.extend(same.map(|(_, key)| *key));
        }
        replaced.sort_unstable();
        replaced.dedup();
        replaced
    }
}

impl From<Plain> for String {
    fn from(plain: Plain) -> Self {
        let bytes: Vec<u8> = plain.0.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        STANDARD_NO_PAD.encode(bytes)
    }
}

impl From<String> for Plain {
    fn from(text: String) -> Self {
        let bytes = STANDARD_NO_PAD.decode(text).unwrap_or_default();
        let hashes = bytes.chunks_exact(4).take(MAX_PLAIN);
        Self(
            hashes
                .filter_map(|chunk| Some(u32::from_le_bytes(chunk.try_into().ok()?)))
                .collect(),
        )
    }
}

/// FNV-1a, folded. A folder and a file of one path differ.
fn hash(key: &str, folder: bool) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes().chain(folder.then_some(b'/')) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // The middle: the lowest bits of FNV are the weakest.
    (hash >> 20) as u32
}

impl Traces {
    /// Looks at one member of the archive. Called for every one: be quick.
    pub fn see(&mut self, kind: Kind, file: &File<'_>) {
        let folder = kind == Kind::Directory;
        let plain = hash(file.key, folder);
        let name = if folder { hash(file.key, false) } else { plain };
        if !self.known.0.is_empty() {
            self.forget(name, file.key);
        }
        let is_file = matches!(kind, Kind::File | Kind::HardLink);
        if is_file && let Some(kind) = cache_of(file.key) {
            self.cached(kind, file.size);
        }
        if (is_file || kind == Kind::Other)
            && let Some(kind) = left_behind(kind, file)
        {
            if self.left.len() < MAX_LEFT && file.key.len() <= MAX_PATH {
                self.left.push(Left {
                    kind,
                    path: file.key.to_owned(),
                    removed: None,
                });
                self.known.0.insert(name, file.key.to_owned());
            } else {
                self.more_left = self.more_left.saturating_add(1);
            }
        }
        // A link's own permissions mean nothing, and those of devices are meant.
        let special = ((is_file && sets_id(file.mode))
            || ((is_file || folder) && is_writable(file.mode, folder)))
            && !is_mounted_over(file.key);
        if !special {
            if self.plain.0.len() < MAX_PLAIN {
                self.plain.0.push(plain);
            } else {
                self.cut = true;
            }
        } else if self.special.len() < MAX_SPECIAL && file.key.len() <= MAX_PATH {
            self.special.push(Special {
                path: file.key.to_owned(),
                mode: file.mode,
                uid: file.uid,
                folder,
            });
            self.known.0.insert(name, file.key.to_owned());
        } else {
            self.more_special = self.more_special.saturating_add(1);
        }
    }

    /// Of two members with one path the last one counts.
    fn forget(&mut self, hash: u32, key: &str) {
        if self.known.0.get(&hash).is_some_and(|known| known == key) {
            self.known.0.remove(&hash);
            self.special.retain(|one| one.path != key);
            self.left.retain(|one| one.path != key);
        }
    }

    fn cached(&mut self, kind: CacheKind, bytes: u64) {
        match self.caches.iter_mut().find(|cache| cache.kind == kind) {
            Some(cache) => {
                cache.files = cache.files.saturating_add(1);
                cache.bytes = cache.bytes.saturating_add(bytes);
            }
            None => self.caches.push(Cache {
                kind,
                files: 1,
                bytes,
                removed: None,
            }),
        }
    }
}

/// Folders that a container gets from its runtime, whatever the image holds there.
fn is_mounted_over(key: &str) -> bool {
    ["dev/", "proc/", "sys/"]
        .iter()
        .any(|folder| key.starts_with(folder))
}

/// What a member is that should not have been left behind, if it is such a thing.
fn left_behind(kind: Kind, file: &File<'_>) -> Option<LeftKind> {
    const HISTORIES: &[&str] = &[
        ".bash_history",
        ".zsh_history",
        ".ash_history",
        ".sh_history",
        ".history",
        ".python_history",
        ".node_repl_history",
        ".mysql_history",
        ".psql_history",
        ".rediscli_history",
        ".sqlite_history",
    ];
    match file.name {
        "sshd" | "dropbear" => {
            let in_programs = matches!(
                paths::split(file.key).0,
                "usr/sbin"
                    | "usr/bin"
                    | "sbin"
                    | "bin"
                    | "usr/local/sbin"
                    | "usr/local/bin"
                    | "usr/lib/ssh"
                    | "usr/libexec"
            );
            (in_programs && kind != Kind::Other).then_some(LeftKind::SshServer)
        }
        "docker.sock" => matches!(file.key, "var/run/docker.sock" | "run/docker.sock")
            .then_some(LeftKind::DockerSocket),
        "HEAD" => {
            let folder = file.key.strip_suffix("/HEAD")?;
            let is_git = folder == ".git" || folder.ends_with("/.git");
            (is_git && cache_of(file.key).is_none()).then_some(LeftKind::Git)
        }
        name if name.starts_with("ssh_host_") => (name.ends_with("_key")
            && file.size > 0
            && paths::split(file.key).0.ends_with("etc/ssh"))
        .then_some(LeftKind::HostKey),
        name if name.ends_with("history") => {
            (file.size > 0 && HISTORIES.contains(&name)).then_some(LeftKind::History)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "traces_tests.rs"]
mod tests;
