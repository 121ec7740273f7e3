//! A zip archive as a stream, from its first byte to its last: entries by their local headers, one after the
//! other, and at the end the central directory, which says which of them count.
//!
//! Nothing of the archive is held but a buffer, so an archive of any size can be read, and one inside
//! another without unpacking either. What a local header says and the directory does not list is no part
//! of the archive for those who open it the usual way; [`Zip::outcome`] tells such entries.

use std::cell::Cell;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

mod input;
mod records;

use input::{CHUNK, Input, LOOK_AHEAD};
use records::{Directory, End, Local, Row};

/// Entries of one archive. The largest met have some 200,000.
pub const MAX_ENTRIES: u64 = 1_000_000;
/// Bytes of an entry's name. File systems take 4,096 for a whole path.
pub const MAX_NAME: usize = 4096;
/// Bytes before the first entry, such as the script of a self-executing archive.
pub const MAX_PREAMBLE: u64 = 1 << 20;
/// Uncompressed bytes of one archive up to which no ratio is asked about.
pub const RATIO_FREE_BYTES: u64 = 64 << 20;
/// How many times the bytes read the uncompressed ones may be, beyond [`RATIO_FREE_BYTES`].
pub const MAX_RATIO: u64 = 200;
/// Wanted entries, and records of directories about such, of an archive and all inside it. A large
/// application server has some 5,000.
pub const MAX_WANTED: u32 = 100_000;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const ROW: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const END_64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const EXTRA_DATA: [u8; 4] = *b"PK\x06\x08";

/// What is wrong with an archive. Never an error of the reader beneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No entry in the first [`MAX_PREAMBLE`] bytes.
    #[error("is no zip archive")]
    NoArchive,
    /// The stream ends inside an entry or a record.
    #[error("ends too early")]
    Truncated,
    /// The contents of a wanted entry can't be unpacked.
    #[error("has an entry whose compressed data is broken")]
    Broken,
    /// A wanted entry is encrypted.
    #[error("has an encrypted entry")]
    Encrypted,
    /// A wanted entry uses another compression than deflate.
    #[error("has an entry in a compression that is not read (method {0})")]
    Method(u16),
    /// [`MAX_ENTRIES`].
    #[error("has more than {MAX_ENTRIES} entries")]
    Entries,
    /// [`MAX_WANTED`].
    #[error("has more than {MAX_WANTED} files that tell of packages")]
    Wanted,
    /// [`MAX_NAME`].
    #[error("has an entry with a name of more than {MAX_NAME} bytes")]
    Name,
    /// [`MAX_RATIO`], or the [`Budget`].
    #[error("unpacks to more than is read of one archive")]
    Unpacked,
}

impl Trouble {
    /// True where a cap was reached, and nothing need be broken.
    pub fn is_over_limit(self) -> bool {
        matches!(
            self,
            Self::Entries | Self::Wanted | Self::Name | Self::Unpacked
        )
    }
}

/// What an archive and all inside it may amount to.
#[derive(Debug)]
pub struct Budget {
    /// Uncompressed bytes.
    left: Cell<u64>,
    /// Of [`MAX_WANTED`].
    wanted: Cell<u32>,
}

impl Budget {
    /// So many uncompressed bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            left: Cell::new(bytes),
            wanted: Cell::new(MAX_WANTED),
        }
    }

    fn want(&self) -> bool {
        let left = self.wanted.get();
        self.wanted.set(left.saturating_sub(1));
        left > 0
    }

    fn spend(&self, bytes: u64) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(bytes));
        bytes <= left
    }
}

/// What is known once the archive was read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For each wanted entry, in their order, whether the central directory lists it. All of them where
    /// there is no directory.
    pub listed: Vec<bool>,
    /// Wanted entries that the directory lists, and that were not met where it says.
    pub missed: u64,
    /// False when no central directory was met: the archive ends too early.
    pub has_directory: bool,
    /// What is wrong, each once.
    pub troubles: Vec<Trouble>,
}

/// The entry that is being read.
#[derive(Clone, Copy, Default)]
struct Current {
    method: u16,
    encrypted: bool,
    /// Compressed bytes that are left; `None` when only the data itself knows its end.
    left: Option<u64>,
    /// A data descriptor follows.
    descriptor: bool,
    wanted: bool,
    /// Compressed bytes so far.
    consumed: u64,
    /// Uncompressed bytes so far.
    produced: u64,
    /// The end of the contents was reached, or something that can't be passed.
    ended: bool,
    /// The end of the compressed data is where the input stands.
    whole: bool,
}

/// A reader of one archive.
pub struct Zip<'r, W> {
    input: Input<'r>,
    budget: &'r Budget,
    wants: W,
    inflate: Option<Box<Decompress>>,
    current: Option<Current>,
    name: Vec<u8>,
    extra: Vec<u8>,
    scratch: Vec<u8>,
    keys: RandomState,
    /// Name and place of each wanted entry that was met.
    met: Vec<(u64, u64)>,
    directory: Directory,
    entries: u64,
    produced: u64,
    stopped: bool,
    outcome: Outcome,
}

impl<'r, W: FnMut(&[u8]) -> bool> Zip<'r, W> {
    /// Reads `reader`; [`Self::advance`] stops at entries whose name `wants` takes. All that is unpacked
    /// is taken from the budget.
    pub fn new(reader: &'r mut dyn Read, budget: &'r Budget, wants: W) -> Self {
        Self {
            input: Input::new(reader),
            budget,
            wants,
            inflate: None,
            current: None,
            name: Vec::new(),
            extra: Vec::new(),
            scratch: Vec::new(),
            keys: RandomState::new(),
            met: Vec::new(),
            directory: Directory::default(),
            entries: 0,
            produced: 0,
            stopped: false,
            outcome: Outcome::default(),
        }
    }

    /// The name of the present entry.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The contents of the present entry. What can't be unpacked ends early, and is told by
    /// [`Self::outcome`]; errors are the reader's.
    pub fn contents(&mut self) -> Contents<'_, 'r, W> {
        Contents(self)
    }

    /// True when the contents of the present entry were read to their end.
    pub fn is_whole(&self) -> bool {
        self.current.is_some_and(|current| current.whole)
    }

    /// Goes to the next wanted entry; false after the last.
    pub fn advance(&mut self) -> io::Result<bool> {
        self.leave()?;
        while !self.stopped {
            let mut signature = [0; 4];
            let head = self.input.fill(4)?;
            let Some(bytes) = head.get(..4) else {
                if self.entries == 0 && self.directory.is_empty() {
                    self.trouble(Trouble::NoArchive);
                }
                break;
            };
            signature.copy_from_slice(bytes);
            match signature {
                LOCAL => {
                    if self.local()? {
                        return Ok(true);
                    }
                }
                ROW => self.row()?,
                END | END_64 => self.end(signature == END_64)?,
                END_64_LOCATOR => {
                    self.input.skip(20)?;
                }
                EXTRA_DATA => {
                    let length = records::u32_at(self.input.fill(8)?, 4).unwrap_or(0);
                    self.input.skip(8 + u64::from(length))?;
                }
                _ => self.search()?,
            }
        }
        Ok(false)
    }

    /// Passes over what is left of the stream, and tells what is to be known of the whole.
    pub fn outcome(mut self) -> io::Result<Outcome> {
        while self.advance()? {}
        self.outcome.has_directory = self.directory.verdict.is_some();
        self.outcome.listed = match &self.directory.verdict {
            Some(verdict) => self
                .met
                .iter()
                .map(|entry| verdict.contains(entry))
                .collect(),
            None => vec![true; self.met.len()],
        };
        if let Some(verdict) = &self.directory.verdict {
            let met: HashSet<&(u64, u64)> = self.met.iter().collect();
            self.outcome.missed = verdict.iter().filter(|row| !met.contains(row)).count() as u64;
        }
        Ok(self.outcome)
    }

    fn trouble(&mut self, trouble: Trouble) {
        if !self.outcome.troubles.contains(&trouble) {
            self.outcome.troubles.push(trouble);
        }
    }

    fn stop(&mut self, trouble: Trouble) {
        self.trouble(trouble);
        self.stopped = true;
    }

    /// Goes to the next record, through bytes that belong to none.
    fn search(&mut self) -> io::Result<()> {
        let first = self.entries == 0 && self.directory.is_empty();
        let limit = if first { MAX_PREAMBLE } else { u64::MAX };
        let found = self.input.search(limit, Some(b'P'), |bytes, _| {
            bytes
                .get(..4)
                .is_some_and(|bytes| [LOCAL, ROW, END, END_64].iter().any(|one| one == bytes))
        })?;
        if !found && first {
            self.stop(Trouble::NoArchive);
        }
        Ok(())
    }

    /// Reads a local header; true when somebody wants the entry.
    fn local(&mut self) -> io::Result<bool> {
        let offset = self.input.position;
        let Some(header) = Local::parse(self.input.fill(Local::BYTES)?) else {
            self.stop(Trouble::Truncated);
            return Ok(false);
        };
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            self.stop(Trouble::Entries);
            return Ok(false);
        }
        self.input.skip(Local::BYTES as u64)?;
        let complete =
            self.read_name(header.name)? & self.input.take(header.extra, &mut self.extra)?;
        if !complete {
            self.stop(Trouble::Truncated);
            return Ok(false);
        }
        let (_, compressed, _) = header.sizes(&self.extra);
        let descriptor = header.flags & 8 != 0;
        let mut wanted = !self.name.is_empty() && (self.wants)(&self.name);
        if wanted && !self.budget.want() {
            self.trouble(Trouble::Wanted);
            wanted = false;
        }
        let encrypted = header.flags & 1 != 0;
        self.current = Some(Current {
            method: header.method,
            encrypted,
            // With a descriptor the header's sizes are nought, or not to be believed before the data.
            left: (!descriptor || (compressed != 0 && (header.method != 8 || encrypted)))
                .then_some(compressed),
            descriptor,
            wanted,
            ..Current::default()
        });
        if let (8, Some(inflate)) = (header.method, &mut self.inflate) {
            inflate.reset(false);
        }
        if wanted {
            self.met.push((self.keys.hash_one(&self.name), offset));
        } else {
            self.leave()?;
        }
        Ok(wanted)
    }

    /// Reads a name into [`Self::name`]; empty where it is too long. False at the end of the stream.
    fn read_name(&mut self, length: usize) -> io::Result<bool> {
        let complete = self.input.take(length, &mut self.name)?;
        if length > MAX_NAME {
            self.name.clear();
            self.trouble(Trouble::Name);
        }
        Ok(complete)
    }

    /// Reads a record of the central directory.
    fn row(&mut self) -> io::Result<()> {
        let position = self.input.position;
        let Some(header) = Row::parse(self.input.fill(Row::BYTES)?) else {
            self.stop(Trouble::Truncated);
            return Ok(());
        };
        self.input.skip(Row::BYTES as u64)?;
        let complete =
            self.read_name(header.name)? & self.input.take(header.extra, &mut self.extra)?;
        if !complete || !self.input.skip(header.comment as u64)? {
            self.stop(Trouble::Truncated);
            return Ok(());
        }
        self.directory.any = true;
        if !self.name.is_empty() && (self.wants)(&self.name) {
            if self.budget.want() {
                let name = self.keys.hash_one(&self.name);
                let offset = header.offset(&self.extra);
                self.directory.rows.push((position, name, offset));
            } else {
                self.trouble(Trouble::Wanted);
            }
        }
        Ok(())
    }

    /// Reads the end of the central directory. The last of an archive decides.
    fn end(&mut self, large: bool) -> io::Result<()> {
        let position = self.input.position;
        let bytes = if large { End::LARGE_BYTES } else { End::BYTES };
        let Some(end) = End::parse(self.input.fill(bytes)?, large) else {
            self.stop(Trouble::Truncated);
            return Ok(());
        };
        self.directory.any = true;
        self.directory.close(position, end, large);
        // What follows may be a comment, or another archive: only what comes last decides.
        self.input.skip(bytes as u64)?;
        Ok(())
    }

    /// Passes over what is left of the present entry.
    fn leave(&mut self) -> io::Result<()> {
        let Some(mut current) = self.current else {
            return Ok(());
        };
        if let Some(left) = current.left {
            if !self.input.skip(left)? {
                self.stop(Trouble::Truncated);
            }
            current.consumed = current.consumed.saturating_add(left);
        } else if current.method == 8 && !current.encrypted {
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.resize(CHUNK, 0);
            while self.read(&mut scratch)? > 0 {}
            self.scratch = scratch;
            current = self.current.unwrap_or(current);
            if !current.whole {
                // Broken in the middle: the next record is found by its signature.
                self.current = None;
                return Ok(());
            }
        } else {
            return self.find_descriptor(current.consumed);
        }
        self.current = None;
        if current.descriptor && !self.stopped {
            self.descriptor(&current)?;
        }
        Ok(())
    }

    /// Passes over a data descriptor, of which there are four forms: with a signature or without, with
    /// sizes of four bytes or of eight. What follows, and the size, tell which.
    fn descriptor(&mut self, current: &Current) -> io::Result<()> {
        let head = self.input.fill(LOOK_AHEAD)?;
        let length = records::descriptor_length(head, current.consumed, current.produced);
        self.input.skip(length)?;
        Ok(())
    }

    /// Goes to the end of data that does not tell where it ends: to the descriptor that says as many bytes
    /// as there were.
    fn find_descriptor(&mut self, consumed: u64) -> io::Result<()> {
        let start = self.input.position.saturating_sub(consumed);
        self.current = None;
        let found = self.input.search(u64::MAX, None, |bytes, position| {
            records::stated_length(bytes, position.saturating_sub(start)).is_some()
        })?;
        if found {
            let size = self.input.position.saturating_sub(start);
            let head = self.input.fill(LOOK_AHEAD)?;
            let length = records::stated_length(head, size).unwrap_or(0);
            self.input.skip(length)?;
        } else {
            self.stop(Trouble::Truncated);
        }
        Ok(())
    }

    /// Contents of the present entry.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let Some(mut current) = self.current else {
            return Ok(0);
        };
        if current.ended || self.stopped || target.is_empty() {
            return Ok(0);
        }
        // In pieces, so that a bomb is noticed soon.
        let piece = target.len().min(CHUNK);
        let target = target.get_mut(..piece).unwrap_or_default();
        let count = if current.encrypted {
            self.pass(&mut current, Trouble::Encrypted)
        } else {
            match current.method {
                0 if current.left.is_some() => self.stored(&mut current, target)?,
                8 => self.inflated(&mut current, target)?,
                method => self.pass(&mut current, Trouble::Method(method)),
            }
        };
        current.produced = current.produced.saturating_add(count as u64);
        self.current = Some(current);
        self.produced = self.produced.saturating_add(count as u64);
        let free = RATIO_FREE_BYTES.max(self.input.position.saturating_mul(MAX_RATIO));
        if !self.budget.spend(count as u64) || self.produced > free {
            self.stop(Trouble::Unpacked);
        }
        Ok(count)
    }

    fn pass(&mut self, current: &mut Current, why: Trouble) -> usize {
        current.ended = true;
        if current.wanted {
            self.trouble(why);
        }
        0
    }

    fn stored(&mut self, current: &mut Current, target: &mut [u8]) -> io::Result<usize> {
        let left = current.left.unwrap_or(0);
        let available = self.input.fill(1)?;
        let count = available
            .len()
            .min(target.len())
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if let (Some(to), Some(from)) = (target.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.input.consume(count);
        current.consumed += count as u64;
        current.left = Some(left - count as u64);
        if count == 0 {
            current.ended = true;
            current.whole = left == 0;
        }
        Ok(count)
    }

    fn inflated(&mut self, current: &mut Current, target: &mut [u8]) -> io::Result<usize> {
        let inflate = self
            .inflate
            .get_or_insert_with(|| Box::new(Decompress::new(false)));
        loop {
            let available = self.input.fill(1)?;
            let limit = current.left.map_or(usize::MAX, |left| {
                usize::try_from(left).unwrap_or(usize::MAX)
            });
            let available = available.get(..limit).unwrap_or(available);
            let at_end = available.is_empty();
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(available, target, FlushDecompress::None);
            let eaten = inflate.total_in().saturating_sub(before_in);
            let made = inflate.total_out().saturating_sub(before_out);
            self.input
                .consume(usize::try_from(eaten).unwrap_or(usize::MAX));
            current.consumed += eaten;
            current.left = current.left.map(|left| left.saturating_sub(eaten));
            let made = usize::try_from(made).unwrap_or(usize::MAX);
            match status {
                Ok(Status::StreamEnd) => {
                    current.ended = true;
                    current.whole = true;
                    return Ok(made);
                }
                Ok(_) if made > 0 => return Ok(made),
                Ok(_) if eaten > 0 => {}
                Ok(_) | Err(_) => {
                    current.ended = true;
                    if at_end && current.left.is_none() {
                        self.stop(Trouble::Truncated);
                    } else if current.wanted {
                        self.trouble(Trouble::Broken);
                    }
                    return Ok(made);
                }
            }
        }
    }
}

/// The contents of an entry.
pub struct Contents<'z, 'r, W>(&'z mut Zip<'r, W>);

impl<W: FnMut(&[u8]) -> bool> Read for Contents<'_, '_, W> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.0.read(target)
    }
}

#[cfg(test)]
#[path = "zip_tests.rs"]
pub(crate) mod tests;
