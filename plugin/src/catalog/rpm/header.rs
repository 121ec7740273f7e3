//! The header of an RPM package as all three databases keep it: two counts, an index of tags, and a store of
//! their values.
//!
//! A header has a few KiB or, for a package with 100,000 files, more than ten MiB. Those of page databases
//! come as pieces, so it is read in place and nothing is put together: [`Blob`] is a list of pieces.

use super::super::lines::{MAX_FIELD, text};
use super::super::owned::Owned;
use super::super::{Found, FoundPackage};
use crate::contract::SkipReason;

/// Tags in one header; rpm itself refuses more.
const MAX_TAGS: u32 = 0xffff;
/// Bytes of the names of all folders of one package. 20,000 folders take 1 MiB.
const MAX_FOLDER_BYTES: usize = 4 << 20;
/// Bytes of a path's part that are looked at, as in Linux.
const MAX_NAME: usize = 4096;

/// The two counts at its start, in bytes.
const INTRO: usize = 8;
/// An entry of its index, in bytes.
const ENTRY: usize = 16;

/// The pseudo packages in which rpm keeps imported signing keys. They are no software: their version is the
/// key's id, and nothing of them lies on the disk.
pub(super) const KEY_PACKAGE: &str = "gpg-pubkey";

mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const VENDOR: u32 = 1011;
    pub(super) const LICENCE: u32 = 1014;
    pub(super) const ARCHITECTURE: u32 = 1022;
    pub(super) const SOURCE: u32 = 1044;
    pub(super) const FOLDER_INDEXES: u32 = 1116;
    pub(super) const BASE_NAMES: u32 = 1117;
    pub(super) const FOLDERS: u32 = 1118;
    pub(super) const MODULARITY: u32 = 5096;
}

mod kind {
    pub(super) const INT32: u32 = 4;
    pub(super) const STRING: u32 = 6;
    pub(super) const STRING_ARRAY: u32 = 8;
    pub(super) const I18N_STRING: u32 = 9;
}

/// Bytes in pieces.
pub(super) struct Blob<'b> {
    /// Each with the place of its first byte.
    parts: Vec<(usize, &'b [u8])>,
    len: usize,
}

impl<'b> Blob<'b> {
    pub(super) fn new(pieces: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut len = 0usize;
        let mut parts = Vec::new();
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            parts.push((len, piece));
            len = len.saturating_add(piece.len());
        }
        Self { parts, len }
    }

    fn from(&self, at: usize) -> Reader<'_, 'b> {
        let part = self
            .parts
            .partition_point(|(start, _)| *start <= at)
            .saturating_sub(1);
        let rest = self
            .parts
            .get(part)
            .and_then(|(start, piece)| piece.get(at.checked_sub(*start)?..))
            .unwrap_or_default();
        Reader {
            blob: self,
            part,
            rest,
        }
    }
}

/// Reads on from a place in a [`Blob`].
struct Reader<'r, 'b> {
    blob: &'r Blob<'b>,
    part: usize,
    rest: &'b [u8],
}

impl Reader<'_, '_> {
    /// Goes to the next piece; false at the end.
    fn refill(&mut self) -> bool {
        while self.rest.is_empty() {
            self.part += 1;
            match self.blob.parts.get(self.part) {
                Some((_, piece)) => self.rest = piece,
                None => return false,
            }
        }
        true
    }

    fn byte(&mut self) -> Option<u8> {
        if !self.refill() {
            return None;
        }
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        if let Some((number, rest)) = self.rest.split_first_chunk::<4>() {
            self.rest = rest;
            return Some(u32::from_be_bytes(*number));
        }
        let mut number = [0; 4];
        for slot in &mut number {
            *slot = self.byte()?;
        }
        Some(u32::from_be_bytes(number))
    }

    /// The string up to the next zero, its first `max` bytes into `out`. False when there is no zero.
    fn string(&mut self, max: usize, out: &mut Vec<u8>) -> bool {
        while self.refill() {
            let end = self.rest.iter().position(|byte| *byte == 0);
            let (piece, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            let room = max.saturating_sub(out.len()).min(piece.len());
            out.extend_from_slice(piece.get(..room).unwrap_or_default());
            self.rest = rest;
            if end.is_some() {
                self.rest = rest.get(1..).unwrap_or_default();
                return true;
            }
        }
        false
    }
}

/// Where the value of a tag is.
#[derive(Clone, Copy)]
struct Entry {
    kind: u32,
    at: usize,
    count: u32,
}

#[derive(Default)]
struct Entries {
    name: Option<Entry>,
    version: Option<Entry>,
    release: Option<Entry>,
    epoch: Option<Entry>,
    vendor: Option<Entry>,
    licence: Option<Entry>,
    architecture: Option<Entry>,
    source: Option<Entry>,
    modularity: Option<Entry>,
    base_names: Option<Entry>,
    folders: Option<Entry>,
    folder_indexes: Option<Entry>,
}

/// Why the files of a package are not known: the end of a sentence that names it.
pub(super) type Trouble = (SkipReason, &'static str);

/// What a header turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    /// A package, and what could not be read of its files.
    Package(Box<FoundPackage>, Option<Trouble>),
    /// A signing key.
    Key,
    /// Not a header, or not one of a package; why.
    Broken(&'static str),
}

/// How many bytes a header has that begins so; `None` for what cannot be one.
pub(super) fn length(intro: &[u8]) -> Option<usize> {
    let (tags, rest) = intro.split_first_chunk::<4>()?;
    let (bytes, _) = rest.split_first_chunk::<4>()?;
    let tags = u32::from_be_bytes(*tags);
    if tags == 0 || tags > MAX_TAGS {
        return None;
    }
    let index = usize::try_from(tags).ok()?.checked_mul(ENTRY)?;
    INTRO
        .checked_add(index)?
        .checked_add(usize::try_from(u32::from_be_bytes(*bytes)).ok()?)
}

/// Reads one header.
pub(super) fn parse(blob: &Blob<'_>, owned: &mut Owned) -> Parsed {
    let mut reader = blob.from(0);
    let (Some(tags), Some(bytes)) = (reader.u32(), reader.u32()) else {
        return Parsed::Broken("it ends before its first tag");
    };
    let stated = length(&[tags.to_be_bytes(), bytes.to_be_bytes()].concat());
    if stated != Some(blob.len) {
        return Parsed::Broken("its counts don't add up to its size");
    }
    let store = blob.len.saturating_sub(bytes as usize);
    let mut entries = Entries::default();
    for _ in 0..tags {
        let (Some(tag), Some(kind), Some(at), Some(count)) =
            (reader.u32(), reader.u32(), reader.u32(), reader.u32())
        else {
            return Parsed::Broken("it ends inside its index");
        };
        let slot = match tag {
            tag::NAME => &mut entries.name,
            tag::VERSION => &mut entries.version,
            tag::RELEASE => &mut entries.release,
            tag::EPOCH => &mut entries.epoch,
            tag::VENDOR => &mut entries.vendor,
            tag::LICENCE => &mut entries.licence,
            tag::ARCHITECTURE => &mut entries.architecture,
            tag::SOURCE => &mut entries.source,
            tag::MODULARITY => &mut entries.modularity,
            tag::BASE_NAMES => &mut entries.base_names,
            tag::FOLDERS => &mut entries.folders,
            tag::FOLDER_INDEXES => &mut entries.folder_indexes,
            _ => continue,
        };
        if at >= bytes {
            return Parsed::Broken("a tag leads out of it");
        }
        // What was added at installation stands behind the package's own tags and counts before them.
        *slot = Some(Entry {
            kind,
            at: store.saturating_add(at as usize),
            count,
        });
    }
    let Some(name) = string(blob, entries.name) else {
        return Parsed::Broken("it has no name");
    };
    if name == KEY_PACKAGE {
        return Parsed::Key;
    }
    let (Some(version), Some(release)) =
        (string(blob, entries.version), string(blob, entries.release))
    else {
        return Parsed::Broken("it has no version");
    };
    let epoch = entries
        .epoch
        .filter(|entry| entry.kind == kind::INT32 && entry.count > 0)
        .and_then(|entry| blob.from(entry.at).u32());
    let mut package = FoundPackage {
        name,
        version: evr(epoch, &format!("{version}-{release}")),
        architecture: string(blob, entries.architecture),
        licences: string(blob, entries.licence).into_iter().collect(),
        ..FoundPackage::default()
    };
    if let Some(file) = string(blob, entries.source) {
        set_source(&mut package, &file, epoch);
    }
    for (key, entry) in [
        ("rpm.vendor", entries.vendor),
        ("rpm.modularity", entries.modularity),
    ] {
        if let Some(value) = string(blob, entry) {
            package.attributes.push((key.to_owned(), value));
        }
    }
    let mut trouble = None;
    if let (Some(names), Some(folders), Some(indexes)) =
        (entries.base_names, entries.folders, entries.folder_indexes)
        && names.kind == kind::STRING_ARRAY
        && folders.kind == kind::STRING_ARRAY
        && indexes.kind == kind::INT32
    {
        trouble = files(blob, [names, folders, indexes], owned, &mut package.owns).err();
    }
    Parsed::Package(Box::new(package), trouble)
}

/// Says what could not be read of a package's files.
pub(super) fn tell(trouble: Option<Trouble>, name: &str, found: &mut Found) {
    if let Some((reason, why)) = trouble {
        found.note(reason, format!("the files of {name} {why}"));
    }
}

/// As rpm writes it: an epoch that is stated is written, zero, too.
pub(super) fn evr(epoch: Option<u32>, version: &str) -> String {
    match epoch {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version.to_owned(),
    }
}

/// Takes name and version of the source package from the name of its file. The file's name has no epoch: it
/// is the package's, which inherits it from its source unless its spec says otherwise.
pub(super) fn set_source(package: &mut FoundPackage, file: &str, epoch: Option<u32>) {
    let Some(stem) = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))
    else {
        return;
    };
    let mut parts = stem.rsplitn(3, '-');
    if let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next())
        && !name.is_empty()
    {
        package.source_name = Some(name.to_owned());
        package.source_version = Some(evr(epoch, &format!("{version}-{release}")));
    }
}

fn string(blob: &Blob<'_>, entry: Option<Entry>) -> Option<String> {
    let entry = entry.filter(|entry| matches!(entry.kind, kind::STRING | kind::I18N_STRING))?;
    let mut value = Vec::new();
    if entry.count == 0 || !blob.from(entry.at).string(MAX_FIELD, &mut value) {
        return None;
    }
    Some(text(&value)).filter(|value| !value.is_empty())
}

/// Adds the files of a package: each has a name, and the number of its folder.
fn files(
    blob: &Blob<'_>,
    [names, folders, indexes]: [Entry; 3],
    owned: &mut Owned,
    keys: &mut Vec<String>,
) -> Result<(), Trouble> {
    const BROKEN: Trouble = (SkipReason::Corrupt, "are listed in a broken way");
    let mut all = Vec::new();
    let mut ends = Vec::new();
    let mut name = Vec::new();
    let mut reader = blob.from(folders.at);
    for _ in 0..folders.count {
        name.clear();
        if !reader.string(MAX_NAME, &mut name) {
            return Err(BROKEN);
        }
        all.extend_from_slice(&name);
        ends.push(all.len());
        if all.len() + ends.len() * size_of::<usize>() > MAX_FOLDER_BYTES {
            return Err((
                SkipReason::OverLimit,
                "lie in more folders than are kept, so their owner is not known",
            ));
        }
    }
    let folder = |index: u32| {
        let index = index as usize;
        let end = *ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        all.get(start..end)
    };
    let mut reader = blob.from(names.at);
    let mut indexes_left = blob.from(indexes.at);
    for _ in 0..names.count.min(indexes.count) {
        name.clear();
        if !reader.string(MAX_NAME, &mut name) {
            return Err(BROKEN);
        }
        let folder = indexes_left.u32().and_then(folder).ok_or(BROKEN)?;
        owned.add(folder, &name, keys);
    }
    if names.count == indexes.count {
        Ok(())
    } else {
        Err(BROKEN)
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
pub(super) mod tests;
