//! What a path holds: which sources, in which sequence.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::ecosystem::{Ecosystem, is_known};
use crate::index::{CONTENT, Owner, SourceRow};
use crate::{epss, kev, osv};

use super::archive::{Archive, is_record};
use super::folder::Files;
use super::records::{Entries, Stop, Whole, whole};
use super::threats::{self, EPSS, Feed, KEV};
use super::{Cancel, Ended, ImportError, Options, Outcome, Progress};

/// Files and folders that are looked at in a folder.
const MAX_FILES: usize = 2_000_000;
/// How deep all.zip may lie: `osv-scanner/<ECOSYSTEM>/all.zip`.
const MAX_DEPTH: usize = 3;
/// Records that are looked at to tell which ecosystem an archive is of.
const SAMPLE: u64 = 64;

/// One source that was found.
pub(super) struct Found {
    /// As in [`Outcome::source`].
    pub(super) name: String,
    ecosystem: Option<String>,
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Archive,
    Files(Vec<PathBuf>),
    Kev,
    Epss,
}

pub(super) fn find(path: &Path) -> Result<Vec<Found>, ImportError> {
    let io = |source| ImportError::Io {
        path: path.to_owned(),
        source,
    };
    // The same source is the same whichever way its path is written.
    let path = &path.canonicalize().map_err(io)?;
    let mut found = Vec::new();
    if path.is_dir() {
        let mut looked_at = 0;
        walk(path, path, 0, &mut looked_at, &mut found)?;
    } else {
        found.extend(file(path).map_err(io)?);
    }
    if found.is_empty() {
        return Err(ImportError::Nothing(path.clone()));
    }
    // Ecosystems first, by name.
    let rank = |found: &Found| match found.kind {
        Kind::Archive => 0,
        Kind::Files(_) => 1,
        Kind::Kev => 2,
        Kind::Epss => 3,
    };
    found.sort_by(|a, b| (rank(a), &a.name, &a.path).cmp(&(rank(b), &b.name, &b.path)));
    Ok(found)
}

fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    looked_at: &mut usize,
    found: &mut Vec<Found>,
) -> Result<(), ImportError> {
    let io = |source| ImportError::Io {
        path: folder.to_owned(),
        source,
    };
    let (mut folders, mut records) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io)? {
        *looked_at += 1;
        if *looked_at > MAX_FILES {
            return Err(ImportError::TooMany(root.to_owned()));
        }
        let path = entry.map_err(io)?.path();
        let name = name_of(&path);
        if path.is_dir() {
            folders.push(path);
        } else if !path.is_file() || name.starts_with('.') {
            // A pipe or a device would hang.
        } else if name == "all.zip" {
            found.push(archive(path));
        } else if is_kev(&name) {
            found.push(feed(KEV, path, Kind::Kev));
        } else if is_epss(&name) {
            found.push(feed(EPSS, path, Kind::Epss));
        } else if is_record(&name) {
            records.push(path);
        }
    }
    if !records.is_empty() {
        records.sort();
        // Unpacked from an export: the folder's name says of what it is all. Elsewhere it is a part.
        let name = name_of(folder);
        let ecosystem = is_known(&name).then_some(name);
        found.push(Found {
            name: ecosystem
                .clone()
                .unwrap_or_else(|| folder.display().to_string()),
            ecosystem,
            path: folder.to_owned(),
            kind: Kind::Files(records),
        });
    }
    if depth < MAX_DEPTH {
        folders.sort();
        for folder in folders {
            walk(root, &folder, depth + 1, looked_at, found)?;
        }
    }
    Ok(())
}

/// A single file is what its name says, or its first bytes.
fn file(path: &Path) -> std::io::Result<Option<Found>> {
    let mut first = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut first)?;
    let path = path.to_owned();
    let name = name_of(&path);
    if first.starts_with(b"PK") {
        return Ok(Some(archive(path)));
    }
    if is_epss(&name) || first.starts_with(b"#model_version") || first.starts_with(&[0x1f, 0x8b]) {
        return Ok(Some(feed(EPSS, path, Kind::Epss)));
    }
    let text = String::from_utf8_lossy(&first);
    if is_kev(&name) || text.contains("\"catalogVersion\"") {
        return Ok(Some(feed(KEV, path, Kind::Kev)));
    }
    if !is_record(&name) {
        return Ok(None);
    }
    Ok(Some(Found {
        name: path.display().to_string(),
        ecosystem: None,
        kind: Kind::Files(vec![path.clone()]),
        path,
    }))
}

fn feed(name: &str, path: PathBuf, kind: Kind) -> Found {
    Found {
        name: name.to_owned(),
        ecosystem: None,
        path,
        kind,
    }
}

/// The folder of an archive says its ecosystem, or else its records do, when they agree.
fn archive(path: PathBuf) -> Found {
    let folder = path.parent().map(name_of).filter(|name| is_known(name));
    let stem = || {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let ecosystem = folder
        .or_else(|| stem().filter(|stem| is_known(stem)))
        .or_else(|| agreed(&Archive::open(&path).ok()?));
    Found {
        name: ecosystem
            .clone()
            .unwrap_or_else(|| path.display().to_string()),
        ecosystem,
        path,
        kind: Kind::Archive,
    }
}

/// The ecosystem that every record of a sample names.
fn agreed(entries: &dyn Entries) -> Option<String> {
    let step = entries.total().unwrap_or(0).div_ceil(SAMPLE).max(1);
    let mut all: Option<BTreeSet<String>> = None;
    let done = entries.each(step, &mut |entry| {
        let parsed = entry
            .contents
            .ok()
            .and_then(|contents| osv::parse(contents).ok());
        let named = parsed.map(|parsed| {
            let names = parsed
                .affected
                .iter()
                .map(|element| Ecosystem::parse(&element.ecosystem).name);
            names.collect::<BTreeSet<_>>()
        });
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            all = Some(match all.take() {
                Some(all) => all.intersection(&named).cloned().collect(),
                None => named,
            });
        }
        Ok(())
    });
    let all = done.ok().and(all)?;
    let mut names = all.into_iter();
    // Two that are always named together (Maven and Android): it is neither's export.
    names.next().filter(|_| names.next().is_none())
}

fn is_kev(name: &str) -> bool {
    name == "known_exploited_vulnerabilities.json"
}

fn is_epss(name: &str) -> bool {
    name.starts_with("epss") && (name.ends_with(".csv") || name.ends_with(".csv.gz"))
}

fn name_of(path: impl AsRef<Path>) -> String {
    let name = path.as_ref().file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl Found {
    fn ended(&self, result: Ended) -> Outcome {
        Outcome {
            source: self.name.clone(),
            origin: self.path.display().to_string(),
            result,
        }
    }

    pub(super) fn cancelled(&self) -> Outcome {
        self.ended(Ended::Cancelled)
    }

    pub(super) fn failed(&self, reason: impl Into<String>) -> Outcome {
        self.ended(Ended::Failed(reason.into()))
    }

    pub(super) fn import(
        &self,
        owner: &mut Owner<'_>,
        options: Options,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Outcome {
        let result = match &self.kind {
            Kind::Archive => self.archive(owner, options, progress, cancel),
            Kind::Files(files) => {
                let files = Files(files.clone());
                Ok(whole(
                    owner,
                    self.whole(None, &files, options),
                    progress,
                    cancel,
                ))
            }
            Kind::Kev => self.kev(owner, options),
            Kind::Epss => self.epss(owner, options),
        };
        match result {
            Ok(ended) => self.ended(ended),
            Err(Stop::Cancelled) => self.cancelled(),
            Err(Stop::Failed(reason)) => self.failed(reason),
            Err(Stop::Index(error)) => self.failed(error.to_string()),
        }
    }

    fn whole<'a>(
        &self,
        digest: Option<Vec<u8>>,
        entries: &'a dyn Entries,
        options: Options,
    ) -> Whole<'a> {
        Whole {
            row: SourceRow {
                name: self.name.clone(),
                ecosystem: self.ecosystem.clone(),
                origin: self.path.display().to_string(),
                digest,
                ..SourceRow::default()
            },
            entries,
            options,
        }
    }

    fn archive(
        &self,
        owner: &mut Owner<'_>,
        options: Options,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Ended, Stop> {
        let digest = digest_of(&self.path, cancel)?;
        let known = owner.source(&self.name)?;
        let same = known.is_some_and(|known| {
            known.content == CONTENT && known.digest.as_ref() == Some(&digest)
        });
        if same {
            owner.checked(&self.name)?;
            return Ok(Ended::Unchanged);
        }
        let archive =
            Archive::open(&self.path).map_err(|trouble| Stop::Failed(trouble.to_string()))?;
        Ok(whole(
            owner,
            self.whole(Some(digest), &archive, options),
            progress,
            cancel,
        ))
    }

    fn kev(&self, owner: &mut Owner<'_>, options: Options) -> Result<Ended, Stop> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(|error| Stop::Failed(error.to_string()))?;
        file.take(kev::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Stop::Failed(error.to_string()))?;
        let digest = Sha256::digest(&bytes).to_vec();
        if self.same_feed(owner, "kev", &digest)? {
            return Ok(Ended::Unchanged);
        }
        let catalogue = kev::parse(&bytes).map_err(|error| Stop::Failed(error.to_string()))?;
        let origin = self.path.display().to_string();
        Ok(threats::kev(
            owner,
            &feed_of(&origin, &digest, options),
            &catalogue,
        ))
    }

    fn epss(&self, owner: &mut Owner<'_>, options: Options) -> Result<Ended, Stop> {
        let digest = digest_of(&self.path, &Cancel::new())?;
        if self.same_feed(owner, "epss", &digest)? {
            return Ok(Ended::Unchanged);
        }
        let file = File::open(&self.path).map_err(|error| Stop::Failed(error.to_string()))?;
        let scores = epss::read(file).map_err(|error| Stop::Failed(error.to_string()))?;
        let origin = self.path.display().to_string();
        Ok(threats::epss(
            owner,
            &feed_of(&origin, &digest, options),
            &scores,
        ))
    }

    fn same_feed(&self, owner: &Owner<'_>, name: &str, digest: &[u8]) -> Result<bool, Stop> {
        let same = owner.feed(name)?.is_some_and(|feed| feed.digest == digest);
        if same {
            owner.checked(name)?;
        }
        Ok(same)
    }
}

fn feed_of<'a>(origin: &'a str, digest: &'a [u8], options: Options) -> Feed<'a> {
    Feed {
        origin,
        digest,
        etag: None,
        options,
    }
}

/// SHA-256 of a file.
pub(crate) fn digest_of(path: &Path, cancel: &Cancel) -> Result<Vec<u8>, Stop> {
    let failed = |error: std::io::Error| Stop::Failed(error.to_string());
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut digest = Sha256::new();
    let mut chunk = vec![0; 256 << 10];
    loop {
        if cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let read = file.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            return Ok(digest.finalize().to_vec());
        }
        digest.update(chunk.get(..read).unwrap_or_default());
    }
}
