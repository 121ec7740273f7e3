//! Where connectors are found, and how one is put there.
//!
//! In this order: the file that the operator names; the data folder's `connectors`; `connectors` beside
//! the program. A file in the data folder is named by its digest, so a copy is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::HostOptions;

/// Largest component file, in bytes. Ours has about two million.
pub(super) const COMPONENT_BYTES: u64 = 256 << 20;
/// Most component files that a folder is searched for.
const COMPONENTS: usize = 1000;
const FOLDER: &str = "connectors";

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
            .and_then(|program| Some(program.parent()?.join(FOLDER)));
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

    /// Copies a component into the data folder under its digest.
    pub(super) fn install(&self, bytes: &[u8]) -> anyhow::Result<()> {
        crate::store::private_folder(&self.data)?;
        let hex = digest_of(bytes).replace(':', "-");
        let path = self.data.join(format!("{hex}.wasm"));
        let temporary = self.data.join(format!(".{hex}.{}", std::process::id()));
        let written =
            write_whole(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written.with_context(|| format!("can't write {}", path.display()))?;
        let _ = File::open(&self.data).and_then(|folder| folder.sync_all());
        Ok(())
    }
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
pub(super) fn read_component(path: &Path) -> anyhow::Result<Vec<u8>> {
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
