//! Where connectors are found, and how one is put there.
//!
//! In this order: the file that the operator names; the data folder's `plugins`; `connectors` beside
//! the program. A file in the data folder is named by its digest, so a copy is there whole or not at all,
//! and one that was changed is seen to be another.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::HostOptions;

/// Largest component file, in bytes. Ours has about two million.
pub(super) const COMPONENT_BYTES: u64 = 256 << 20;
/// Longest signature file that is read, in bytes.
const SIGNATURE_BYTES: u64 = 4096;
/// Most component files that a folder is searched for.
const COMPONENTS: usize = 1000;
/// Folder in the data folder.
const FOLDER: &str = "plugins";
/// Folder beside the program, and what the one in the data folder was called before it held versions.
const BESIDE: &str = "connectors";

/// Where to look.
pub(super) struct Places {
    /// The operator's file.
    file: Option<PathBuf>,
    /// The data folder's.
    data: PathBuf,
    /// Beside the program.
    program: Option<PathBuf>,
}

impl Places {
    pub(super) fn new(options: &HostOptions) -> Self {
        let program = std::env::current_exe()
            .ok()
            .and_then(|program| Some(program.parent()?.join(BESIDE)));
        Self {
            file: options.plugin.clone(),
            data: options.data_dir.join(FOLDER),
            program,
        }
    }

    /// Folder of the installed ones.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Component files, the most important first. An empty answer means that nothing is installed.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        if let Some(file) = &self.file {
            return vec![file.clone()];
        }
        let mut files = components(&self.data);
        if let Some(program) = &self.program {
            files.extend(components(program));
        }
        files
    }

    /// The operator's file, which is used whatever is installed.
    pub(super) fn fixed(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Moves what an earlier ox-host kept in `connectors` over to `plugins`.
    pub(super) fn move_old_folder(&self) {
        let Some(old) = self.data.parent().map(|data| data.join(BESIDE)) else {
            return;
        };
        if !old.is_dir() {
            return;
        }
        if !self.data.exists() && std::fs::rename(&old, &self.data).is_ok() {
            return;
        }
        for file in components(&old) {
            let Some(name) = file.file_name() else {
                continue;
            };
            let moved = crate::store::private_folder(&self.data)
                .map_err(anyhow::Error::from)
                .and_then(|()| Ok(std::fs::rename(&file, self.data.join(name))?));
            if let Err(error) = moved {
                tracing::warn!(
                    "{} could not be moved to {}: {error:#}",
                    file.display(),
                    self.data.display()
                );
            }
        }
        // Whatever else stands in it is somebody's, and stays.
        let _ = std::fs::remove_dir(&old);
    }

    /// The file of a version.
    fn path(&self, digest: &str) -> anyhow::Result<PathBuf> {
        let hex = digest.strip_prefix("sha256:").filter(|hex| is_hex(hex));
        let hex = hex.with_context(|| {
            format!("{digest:?} is no digest; one is written sha256: and 64 hexadecimal digits")
        })?;
        Ok(self.data.join(format!("sha256-{hex}.wasm")))
    }

    /// The digest that a file of the data folder is named by.
    pub(super) fn digest_in_name(&self, file: &Path) -> Option<String> {
        if file.parent() != Some(self.data.as_path()) {
            return None;
        }
        let hex = file.file_stem()?.to_str()?.strip_prefix("sha256-")?;
        is_hex(hex).then(|| format!("sha256:{hex}"))
    }

    /// The bytes of a version, if they are those that its digest names.
    pub(super) fn read(&self, digest: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.path(digest)?;
        if !path.exists() {
            anyhow::bail!(
                "the file {} is not there any more; install this version again",
                path.display()
            );
        }
        let bytes = read_component(&path)?;
        let found = digest_of(&bytes);
        if found != digest {
            anyhow::bail!(
                "the file {} was changed: its digest is {found}; install this version again",
                path.display()
            );
        }
        Ok(bytes)
    }

    /// The signature that was kept with a version.
    pub(super) fn signature(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(digest).ok()?.with_extension("wasm.sig");
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(SIGNATURE_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Copies a component into the data folder under its digest, with its signature.
    pub(super) fn install(
        &self,
        digest: &str,
        bytes: &[u8],
        signature: Option<&[u8]>,
    ) -> anyhow::Result<()> {
        crate::store::private_folder(&self.data)?;
        let path = self.path(digest)?;
        if let Some(signature) = signature {
            self.write(&path.with_extension("wasm.sig"), signature)?;
        }
        if self.read(digest).is_err() {
            self.write(&path, bytes)?;
        }
        let _ = File::open(&self.data).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Writes a file whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = self.data.join(format!(".{name}.{}", std::process::id()));
        let written =
            write_whole(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written.with_context(|| format!("can't write {}", path.display()))
    }

    /// Removes the files of a version.
    pub(super) fn remove(&self, digest: &str) -> anyhow::Result<()> {
        let path = self.path(digest)?;
        let _ = std::fs::remove_file(path.with_extension("wasm.sig"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The component files of a folder, the newest first, then by name.
fn components(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
                && path.is_file()
        })
        .take(COMPONENTS)
        .map(|path| {
            let changed = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
            (changed.unwrap_or(SystemTime::UNIX_EPOCH), path)
        })
        .collect();
    files.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    files.into_iter().map(|(_, path)| path).collect()
}

/// Reads a component file, up to the limit.
pub(crate) fn read_component(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("can't open {}", path.display()))?;
    let mut bytes = Vec::new();
    let read = file.take(COMPONENT_BYTES + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("can't read {}", path.display()))?;
    if bytes.len() as u64 > COMPONENT_BYTES {
        anyhow::bail!(
            "{} is larger than {} MiB, the limit for a component",
            path.display(),
            COMPONENT_BYTES >> 20
        );
    }
    Ok(bytes)
}

/// `sha256:…` of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
