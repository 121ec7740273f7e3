//! One layer, read once from its first byte to its last: what the cataloguers find in it, and what it does
//! to the layers below.
//!
//! The result depends on the layer's bytes and the cataloguers' versions only, so it is kept under both
//! ([`cache_key`]) and a layer that two images share is read once.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::decompress::{Inflated, Trouble};
use super::paths;
use super::tar::{Kind, Member, TarError, Walker};
use crate::catalog::{self, CATALOGUERS, Cataloguer, File, Found, HEAD_BYTES};
use crate::contract::{Explanation, Skip, SkipReason};
use crate::posture::traces::{self, Traces};
use crate::registry::Digest;
use crate::secret;

/// Goes up when the same archive would give another inventory although no cataloguer changed.
const FORMAT: u32 = 2;
/// Bytes in memory that the files of one layer may amount to.
pub const MAX_FOUND_BYTES: usize = 12 << 20;
/// Bytes in memory of whiteouts, links and folders of one layer.
pub const MAX_SHAPE_BYTES: usize = 6 << 20;
/// What an entry of these takes besides its text.
const ENTRY_BYTES: usize = 96;
const MAX_NOTES: usize = 100;

/// Where a layer's inventory is cached.
pub fn cache_key(digest: &str) -> String {
    // The versions are many; what counts is that they are the same.
    static VERSIONS: LazyLock<String> = LazyLock::new(|| {
        let all = format!(
            "{}+secret-{}+traces-{}",
            catalog::versions(),
            secret::VERSION,
            traces::VERSION
        );
        Digest::of(all.as_bytes()).as_str().to_owned()
    });
    format!("layer/{digest}/{FORMAT}/{}", *VERSIONS)
}

/// What one layer holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerInventory {
    /// Files that were catalogued, by path.
    pub files: Vec<CataloguedFile>,
    /// Paths that the layer removes from those below.
    pub whiteouts: Vec<String>,
    /// Folders of which it hides everything below.
    pub opaque: Vec<String>,
    /// Links in the place of wanted files and on the way to them.
    pub links: Vec<Link>,
    /// Folders on the way to wanted files.
    pub folders: Vec<String>,
    /// Other things in the place of those.
    pub others: Vec<String>,
    /// Secrets, by the file that holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretFile>,
    /// What it shows of the image's set-up.
    #[serde(default)]
    pub traces: Traces,
    /// What could not be read, with its path.
    pub notes: Vec<(String, Skip)>,
    /// Bytes of the blob.
    pub compressed: u64,
    /// Bytes of the archive.
    pub uncompressed: u64,
    /// Members of the archive.
    pub members: u64,
}

/// A file that a cataloguer read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CataloguedFile {
    /// Its key.
    pub path: String,
    /// Id of the cataloguer.
    pub by: String,
    /// What it says.
    pub found: Found,
}

/// A file with secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretFile {
    /// Its key.
    pub path: String,
    /// What it holds.
    pub hits: Vec<secret::Hit>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its key.
    pub path: String,
    /// As the archive spells it; a key for hard links.
    pub target: String,
    /// A second name, not a way.
    pub hard: bool,
}

/// What lies at a path, as far as it matters.
enum Slot {
    // Most are small, and all take the room of the largest.
    File(&'static str, Box<Found>),
    Symlink(String),
    HardLink(String),
    Folder,
    Other,
}

/// Reads a layer to the end of its blob. An error means that nothing of it may be used: the digest is
/// checked at the very end.
pub fn read(blob: impl Read) -> Result<LayerInventory, Trouble> {
    let mut walker = Walker::new(Inflated::open(blob)?);
    let mut builder = Builder::default();
    loop {
        let member = match walker.advance() {
            Ok(Some(member)) => member,
            Ok(None) => break,
            Err(error) => return Err(worst(error, &mut walker)),
        };
        if let Err(error) = builder.take(member, &mut walker) {
            return Err(worst(TarError::Read(error), &mut walker));
        }
    }
    walker.drain().map_err(Trouble::from_io)?;
    let mut inventory = builder.finish();
    inventory.compressed = walker.source().compressed();
    inventory.uncompressed = walker.source().produced();
    inventory.members = walker.members();
    Ok(inventory)
}

/// A broken archive may be broken because the blob is the wrong one, or did not arrive: the transport
/// knows at its end.
fn worst<R: Read>(error: TarError, walker: &mut Walker<Inflated<R>>) -> Trouble {
    let trouble = match error {
        TarError::Read(error)
            if error.get_ref().is_none() && error.kind() == io::ErrorKind::UnexpectedEof =>
        {
            Trouble::Corrupt("the archive ends inside the contents of a member".to_owned())
        }
        TarError::Read(error) => return Trouble::from_io(error),
        TarError::OverLimit(why) => return Trouble::OverLimit(why),
        TarError::Truncated(_) | TarError::Corrupt(_) => Trouble::Corrupt(error.to_string()),
    };
    match walker.drain().map_err(Trouble::from_io) {
        Err(Trouble::Transport(error)) => Trouble::Transport(error),
        Err(Trouble::Corrupt(why)) => Trouble::Corrupt(why),
        _ => trouble,
    }
}

#[derive(Default)]
struct Builder {
    slots: BTreeMap<String, Slot>,
    secrets: BTreeMap<String, Vec<secret::Hit>>,
    traces: Traces,
    whiteouts: Vec<String>,
    opaque: Vec<String>,
    notes: Vec<(String, Skip)>,
    key: Vec<u8>,
    found_bytes: usize,
    shape_bytes: usize,
    escapes: u64,
}

impl Builder {
    fn take<R: Read>(&mut self, member: Member, walker: &mut Walker<R>) -> io::Result<()> {
        let mut key = std::mem::take(&mut self.key);
        let usable = member.nameable && paths::normalise(walker.path(), &mut key);
        let result = if usable {
            // Anything that is wanted is ASCII so far; other names stay keys of a kind.
            match std::str::from_utf8(&key) {
                Ok(key) => self.place(key, member, walker),
                Err(_) => self.place(&String::from_utf8_lossy(&key), member, walker),
            }
        } else {
            if walker
                .path()
                .split(|byte| *byte == b'/')
                .any(|part| part == b"..")
            {
                self.escapes += 1;
            }
            // The root's own opaque marker has a key; the root itself has none and needs none.
            Ok(())
        };
        self.key = key;
        result
    }

    fn place<R: Read>(
        &mut self,
        key: &str,
        member: Member,
        walker: &mut Walker<R>,
    ) -> io::Result<()> {
        let (folder, name) = paths::split(key);
        if let Some(hidden) = name.strip_prefix(".wh.") {
            self.whiteout(folder, hidden);
            return Ok(());
        }
        let file = File {
            key,
            name,
            size: member.size,
            mode: member.mode,
            uid: member.uid,
        };
        self.traces.see(member.kind, &file);
        // The mode of a link is no file's, and says nothing.
        let link = File::of_path(key);
        let file = match member.kind {
            Kind::File | Kind::HardLink => file,
            _ => link,
        };
        if member.kind == Kind::Directory {
            let matters = is_near_root(key) || CATALOGUERS.iter().any(|one| one.holds(key));
            if matters && !matches!(self.slots.get(key), Some(Slot::Folder)) && self.fits(key.len())
            {
                self.put(key, Slot::Folder);
            }
            return Ok(());
        }
        // What takes the place of a folder takes it with all it held.
        self.clear_below(key);
        self.secrets.remove(key);
        let slot = match member.kind {
            Kind::File => self.file(&file, member.sparse, walker)?,
            Kind::Symlink => {
                let target = String::from_utf8_lossy(walker.link()).into_owned();
                let matters = may_lead_to_files(key, &target)
                    || CATALOGUERS
                        .iter()
                        .any(|one| one.holds(key) || one.wants(&file));
                (matters && self.fits(key.len() + target.len())).then_some(Slot::Symlink(target))
            }
            Kind::HardLink => self.hard_link(&file, walker.link()),
            Kind::Directory | Kind::Other => None,
        };
        match slot {
            Some(slot) => self.put(key, slot),
            // What nobody reads matters where it takes the place of something.
            None => {
                let matters = self.slots.contains_key(key)
                    || CATALOGUERS
                        .iter()
                        .any(|one| one.holds(key) || one.wants(&file));
                if matters && self.fits(key.len()) {
                    self.put(key, Slot::Other);
                }
            }
        }
        Ok(())
    }

    /// Lets whoever wants a file read it: the first cataloguer that recognises it, or else the rules for
    /// secrets.
    fn file<R: Read>(
        &mut self,
        file: &File<'_>,
        sparse: bool,
        walker: &mut Walker<R>,
    ) -> io::Result<Option<Slot>> {
        let mut wanted = CATALOGUERS
            .iter()
            .copied()
            .filter(|one| one.wants(file))
            .peekable();
        let for_secrets = secret::wants(file);
        if wanted.peek().is_none() && !for_secrets {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        let head = fill(&mut walker.contents(), &mut head)?;
        if let Some(cataloguer) = wanted.find(|one| one.recognises(head)) {
            let found = self.parse(file, cataloguer, sparse, head, walker)?;
            // Most programs say nothing, and there are thousands.
            return Ok(found
                .filter(|found| !found.is_empty())
                .map(|found| Slot::File(cataloguer.id(), Box::new(found))));
        }
        if for_secrets && !sparse && secret::recognises(head) {
            let mut hits = Vec::new();
            secret::read(file, &mut head.chain(walker.contents()), &mut hits)?;
            let bytes = file.key.len()
                + hits
                    .iter()
                    .map(|hit| hit.masked.len() + ENTRY_BYTES)
                    .sum::<usize>();
            if !hits.is_empty() && self.fits(bytes) {
                self.secrets.insert(file.key.to_owned(), hits);
            }
        }
        Ok(None)
    }

    /// A second name for a file is that file.
    fn hard_link(&mut self, file: &File<'_>, target: &[u8]) -> Option<Slot> {
        let mut normal = Vec::new();
        if !paths::normalise(target, &mut normal) {
            return None;
        }
        let target = String::from_utf8_lossy(&normal).into_owned();
        if let Some(hits) = self.secrets.get(&target).cloned()
            && self.fits(file.key.len() + hits.len() * ENTRY_BYTES)
        {
            self.secrets.insert(file.key.to_owned(), hits);
        }
        let wanted = CATALOGUERS.iter().find(|one| one.wants(file)).copied()?;
        match self.slots.get(&target) {
            Some(Slot::File(by, found)) => {
                let by = catalog::by_id(by)?;
                // Another name may make it a file of no interest (a database outside its place).
                if by.id() != wanted.id() && !by.wants(file) {
                    return None;
                }
                let copy = found.clone();
                if self.found_bytes + copy.weight() > MAX_FOUND_BYTES {
                    self.too_much(file.key);
                    return None;
                }
                self.found_bytes += copy.weight();
                Some(Slot::File(by.id(), copy))
            }
            Some(_) => None,
            None => self
                .fits(file.key.len() + target.len())
                .then_some(Slot::HardLink(target)),
        }
    }

    fn whiteout(&mut self, folder: &str, hidden: &str) {
        if hidden == ".wh..opq" {
            if self.fits(folder.len()) {
                self.opaque.push(folder.to_owned());
            }
            return;
        }
        // `.wh..wh.` begins the bookkeeping of AUFS.
        if hidden.is_empty() || hidden.starts_with(".wh.") || hidden == "." || hidden == ".." {
            return;
        }
        let key = if folder.is_empty() {
            hidden.to_owned()
        } else {
            format!("{folder}/{hidden}")
        };
        if self.fits(key.len()) {
            self.whiteouts.push(key);
        }
    }

    fn parse<R: Read>(
        &mut self,
        file: &File<'_>,
        cataloguer: &dyn Cataloguer,
        sparse: bool,
        head: &[u8],
        walker: &mut Walker<R>,
    ) -> io::Result<Option<Found>> {
        let key = file.key;
        if sparse {
            self.note(
                key,
                SkipReason::Unsupported,
                format!(
                    "{key} is stored as fragments of a sparse file, which are not put together"
                ),
                "Build the layer without sparse members (tar without --sparse).",
            );
            return Ok(None);
        }
        let cap = cataloguer.max_file_bytes();
        if file.size > cap {
            self.note(
                key,
                SkipReason::OverLimit,
                format!(
                    "{key} has {} bytes; files of {} are read up to {cap}",
                    file.size,
                    cataloguer.id()
                ),
                "Look at the file in the image: none of that kind is meant to be so large.",
            );
            return Ok(None);
        }
        if self.found_bytes > MAX_FOUND_BYTES {
            self.too_much(key);
            return Ok(None);
        }
        // What the file says is counted apart: of many small ones the paths weigh more.
        if !self.fits(key.len()) {
            return Ok(None);
        }
        let mut found = Found::default();
        cataloguer.parse(file, &mut head.chain(walker.contents()), &mut found)?;
        if !found.is_empty() {
            self.found_bytes += found.weight();
        }
        Ok(Some(found))
    }

    fn put(&mut self, key: &str, slot: Slot) {
        if let Some(Slot::File(_, found)) = self.slots.insert(key.to_owned(), slot) {
            self.found_bytes = self.found_bytes.saturating_sub(found.weight());
        }
    }

    fn clear_below(&mut self, key: &str) {
        let below = keys_below(&self.slots, key);
        for key in below {
            if let Some(Slot::File(_, found)) = self.slots.remove(&key) {
                self.found_bytes = self.found_bytes.saturating_sub(found.weight());
            }
        }
    }

    /// Makes room for one more entry of that length, or notes that there is none.
    fn fits(&mut self, length: usize) -> bool {
        let bytes = self.shape_bytes + length + ENTRY_BYTES;
        if bytes > MAX_SHAPE_BYTES {
            self.too_much("");
            return false;
        }
        self.shape_bytes = bytes;
        true
    }

    fn too_much(&mut self, key: &str) {
        self.note(
            key,
            SkipReason::OverLimit,
            "the layer has more package records, links and removed files than are kept of one layer".to_owned(),
            "Nothing to do, unless the image is meant to be so: then report it.",
        );
    }

    fn note(&mut self, key: &str, reason: SkipReason, message: String, hint: &str) {
        if self.notes.len() < MAX_NOTES
            && self
                .notes
                .last()
                .is_none_or(|(_, last)| last.why.message != message)
        {
            let why = Explanation {
                message,
                hint: hint.to_owned(),
            };
            self.notes.push((key.to_owned(), Skip { reason, why }));
        }
    }

    fn finish(mut self) -> LayerInventory {
        if self.escapes > 0 {
            let message = format!(
                "{} members of the archive have names that lead out of the image (..) and were passed over",
                self.escapes
            );
            self.note(
                "",
                SkipReason::Corrupt,
                message,
                "Find out who built this layer, and rebuild it.",
            );
        }
        let mut inventory = LayerInventory {
            whiteouts: self.whiteouts,
            opaque: self.opaque,
            notes: self.notes,
            secrets: self
                .secrets
                .into_iter()
                .map(|(path, hits)| SecretFile { path, hits })
                .collect(),
            traces: self.traces,
            ..LayerInventory::default()
        };
        for (path, slot) in self.slots {
            match slot {
                Slot::File(by, found) => {
                    inventory.files.push(CataloguedFile {
                        path,
                        by: by.to_owned(),
                        found: *found,
                    });
                }
                Slot::Symlink(target) => inventory.links.push(Link {
                    path,
                    target,
                    hard: false,
                }),
                Slot::HardLink(target) => inventory.links.push(Link {
                    path,
                    target,
                    hard: true,
                }),
                Slot::Folder => inventory.folders.push(path),
                Slot::Other => inventory.others.push(path),
            }
        }
        inventory
    }
}

/// Fills as much of `buffer` as there is, and answers that.
fn fill<'b>(contents: &mut impl Read, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match contents.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

/// Folders that are remembered wherever they are: those that programs are installed below.
fn is_near_root(key: &str) -> bool {
    key.bytes().filter(|byte| *byte == b'/').count() < 2
}

/// False for links that hardly are a way to files that anybody reads: those to shared libraries,
/// certificates, manual pages and time zones, of which a distribution has thousands.
fn may_lead_to_files(key: &str, target: &str) -> bool {
    const NOISE: &[&str] = &[
        "etc/alternatives/",
        "etc/ssl/certs/",
        "etc/pki/",
        "usr/share/man/",
        "usr/share/doc/",
        "usr/share/terminfo/",
        "usr/share/zoneinfo/",
        "usr/share/locale/",
        "usr/share/icons/",
    ];
    let name = paths::split(target).1;
    let is_noise = name.contains(".so")
        || name.ends_with(".a")
        || name.ends_with(".gz")
        || NOISE.iter().any(|folder| key.starts_with(folder));
    !is_noise
}

/// The keys of everything below a folder.
pub(crate) fn keys_below<V>(map: &BTreeMap<String, V>, dir: &str) -> Vec<String> {
    let start = if dir.is_empty() {
        String::new()
    } else {
        format!("{dir}/")
    };
    map.range(start.clone()..)
        .map(|(key, _)| key)
        .take_while(|key| key.starts_with(&start))
        .cloned()
        .collect()
}

#[cfg(test)]
#[path = "layer_tests.rs"]
pub(crate) mod tests;
