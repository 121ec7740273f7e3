//! Dropping a file: component files that are put into a folder are installed.
//!
//! `NAME.wasm`, with `NAME.wasm.sig` (its signature) and `NAME.wasm.sha256` (its digest) beside it where
//! there are such. A file counts when its size and time stood still for two looks, so one that is being
//! copied is not read half. Afterwards it is gone: installed, or moved to `refused/` with a text beside it
//! that says why.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::Plugins;
use crate::host::{Delivery, read_component};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Files that one look considers.
const FILES: usize = 100;

/// Largest file beside a component that is read, in bytes.
const BESIDE_BYTES: u64 = 4096;

/// Refused files that are kept; the oldest go first.
const REFUSED_KEPT: usize = 20;

/// Who installs what was dropped.
const BY: &str = "host";

/// What a look saw of a file: the sizes and times of it and of those beside it.
type Seen = Vec<(u64, Option<SystemTime>)>;

impl Plugins {
    /// Watches the folder until the daemon stops, after a first look at what is stored: an active version
    /// whose file is gone is said at the start, not at the first scan.
    pub async fn watch(self: Arc<Self>, stopping: CancellationToken) {
        if let Err(error) = self.versions().await {
            tracing::error!("{error:#}");
        }
        if let Err(error) = crate::store::private_folder(&self.incoming) {
            tracing::warn!("component files that are dropped are not seen: {error}");
            return;
        }
        let mut seen = HashMap::new();
        loop {
            self.look(&mut seen).await;
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// One look. What stood still since the last one is installed.
    pub(super) async fn look(&self, seen: &mut HashMap<PathBuf, Seen>) {
        let folder = self.incoming.clone();
        let listed = tokio::task::spawn_blocking(move || list(&folder)).await;
        let now = listed.unwrap_or_default();
        let still: Vec<PathBuf> = now
            .iter()
            .filter(|(path, about)| seen.get(*path) == Some(*about))
            .map(|(path, _)| path.clone())
            .collect();
        *seen = now;
        for path in still {
            seen.remove(&path);
            let outcome = self.take(&path).await;
            let cleared = match &outcome {
                Ok(()) => clear(&path),
                Err(why) => refuse(&self.incoming, &path, &format!("{why:#}")),
            };
            if let Err(error) = cleared {
                tracing::error!("{} can't be moved away: {error:#}", path.display());
            }
        }
    }

    async fn take(&self, path: &Path) -> anyhow::Result<()> {
        let file = path.to_owned();
        let delivery = tokio::task::spawn_blocking(move || read(&file)).await??;
        let version = self.deliver(delivery, BY).await?;
        match version.report.refused {
            Some(why) => Err(anyhow::Error::msg(why)),
            None => Ok(()),
        }
    }
}

/// The component files in the folder, with what can be seen of them.
fn list(folder: &Path) -> HashMap<PathBuf, Seen> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return HashMap::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .filter_map(|path| {
            // Not through a link: what is dropped is a file.
            let about = std::fs::symlink_metadata(&path).ok()?;
            about.is_file().then_some(())?;
            let mut seen = vec![(about.len(), about.modified().ok())];
            for ending in ["sig", "sha256"] {
                if let Ok(about) = std::fs::symlink_metadata(beside(&path, ending)) {
                    seen.push((about.len(), about.modified().ok()));
                }
            }
            Some((path, seen))
        })
        .take(FILES)
        .collect()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn read(path: &Path) -> anyhow::Result<Delivery> {
    let digest =
        read_beside(path, "sha256")?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(Delivery {
        bytes: read_component(path)?,
        signature: read_beside(path, "sig")?,
        digest,
    })
}

fn read_beside(path: &Path, ending: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let path = beside(path, ending);
    match std::fs::symlink_metadata(&path) {
        Ok(about) if about.is_file() => {}
        Ok(_) => anyhow::bail!("{} is no file", path.display()),
        Err(_) => return Ok(None),
    }
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(BESIDE_BYTES).read_to_end(&mut bytes))
        .with_context(|| format!("can't read {}", path.display()))?;
    Ok(Some(bytes))
}

/// Removes what was installed.
fn clear(path: &Path) -> anyhow::Result<()> {
    for ending in ["sig", "sha256"] {
        let _ = std::fs::remove_file(beside(path, ending));
    }
    Ok(std::fs::remove_file(path)?)
}

/// Moves what was refused away, with the reason beside it.
fn refuse(folder: &Path, path: &Path, why: &str) -> anyhow::Result<()> {
    let refused = folder.join("refused");
    crate::store::private_folder(&refused)?;
    let name = path.file_name().context("it has no name")?;
    let to = refused.join(name);
    let text = format!("{}\n", crate::report::text::inert(why));
    std::fs::write(beside(&to, "txt"), text)?;
    for ending in ["sig", "sha256"] {
        let _ = std::fs::rename(beside(path, ending), beside(&to, ending));
    }
    std::fs::rename(path, &to)?;
    forget_oldest(&refused);
    Ok(())
}

fn forget_oldest(refused: &Path) {
    let mut files: Vec<(Option<SystemTime>, PathBuf)> = list(refused)
        .into_iter()
        .map(|(path, seen)| (seen.first().and_then(|(_, changed)| *changed), path))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(REFUSED_KEPT);
    for (_, path) in files.into_iter().take(surplus) {
        let _ = std::fs::remove_file(beside(&path, "txt"));
        let _ = clear(&path);
    }
}
