//! Walks a tar archive as a stream: headers from one buffer, contents on demand, nothing kept.
//!
//! Our own, because a layer is hostile input and what counts is what a container runtime would unpack
//! from the same bytes. So where readers disagree (sizes of links, global headers, the end of an archive)
//! this one does as Docker's and containerd's does. Every number that an archive can choose has a cap.

use std::io::{self, Read};

/// Bytes of one block; everything in an archive is a multiple of it.
const BLOCK: usize = 512;
/// Bytes read from the source at once.
const BUFFER: usize = 128 * 1024;
/// Longest path or link target, in bytes; Linux takes no longer one (`PATH_MAX`), so nothing longer can be
/// unpacked. Longer ones are passed over as [`Member::nameable`] false.
pub const MAX_NAME: usize = 4096;
/// Bytes of one extension header (long name, PAX records); what container runtimes accept too.
pub const MAX_EXTENSION: u64 = 1024 * 1024;
/// Headers of one archive, extension headers included.
pub const MAX_MEMBERS: u64 = 10_000_000;
/// Blocks of one old GNU sparse map (21 fragments each).
const MAX_SPARSE_BLOCKS: u32 = 65_536;

/// Why an archive can't be walked further.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The source failed: the transport, the digest, the decompression.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The archive ends inside a member.
    #[error("the archive ends inside {0}")]
    Truncated(&'static str),
    /// Something that is no tar archive, or a broken one.
    #[error("the archive is broken: {0}")]
    Corrupt(String),
    /// A cap of this file.
    #[error("{0}")]
    OverLimit(String),
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A second name for an earlier file; [`Walker::link`] names it.
    HardLink,
    /// [`Walker::link`] is where it leads.
    Symlink,
    /// A folder.
    Directory,
    /// A device, a pipe, or a type that nobody knows.
    Other,
}

/// One member, without its name (see [`Walker::path`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub kind: Kind,
    /// Bytes of contents as stored.
    pub size: u64,
    /// The contents are fragments of a sparse file, not the file itself.
    pub sparse: bool,
    /// Permissions, with set-uid, set-gid and sticky bits; 0 where the header holds no number.
    pub mode: u32,
    /// Number of the user that owns it.
    pub uid: u64,
    /// False when its path or target is longer than [`MAX_NAME`]: it can't exist on a disk.
    pub nameable: bool,
}

/// What extension headers say about the next member.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
    sparse_name: Option<Vec<u8>>,
    gnu_path: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
}

/// A walk over one archive.
pub struct Walker<R> {
    source: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of the present member's contents that nobody has read yet.
    unread: u64,
    padding: u64,
    members: u64,
    done: bool,
    header: [u8; BLOCK],
    path: Vec<u8>,
    link: Vec<u8>,
}

impl<R: Read> Walker<R> {
    /// A walk over the archive that `source` yields.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            unread: 0,
            padding: 0,
            members: 0,
            done: false,
            header: [0; BLOCK],
            path: Vec::new(),
            link: Vec::new(),
        }
    }

    /// Path of the present member, as the archive spells it.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Target of the present link, as the archive spells it.
    pub fn link(&self) -> &[u8] {
        &self.link
    }

    /// What the archive is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Headers seen so far.
    pub fn members(&self) -> u64 {
        self.members
    }

    /// The contents of the present member; what is not read of them is passed over by [`Self::advance`].
    pub fn contents(&mut self) -> Contents<'_, R> {
        Contents { walker: self }
    }

    /// Goes to the next member; `None` at the end of the archive.
    pub fn advance(&mut self) -> Result<Option<Member>, TarError> {
        if self.done {
            return Ok(None);
        }
        self.skip(self.unread, "the contents of a member")?;
        self.unread = 0;
        let mut extensions = Extensions::default();
        let mut extended = false;
        loop {
            self.skip(self.padding, "the padding of a member")?;
            self.padding = 0;
            if !self.read_header()? {
                self.done = true;
                return if extended {
                    Err(TarError::Truncated("an extension header"))
                } else {
                    Ok(None)
                };
            }
            self.members += 1;
            if self.members > MAX_MEMBERS {
                return Err(TarError::OverLimit(format!(
                    "the archive has more than {MAX_MEMBERS} members"
                )));
            }
            let size = self
                .number(124, 12)
                .ok_or_else(|| TarError::Corrupt("a size that is not a number".to_owned()))?;
            match self.byte(156) {
                b'L' => extensions.gnu_path = Some(self.read_name(size)?),
                b'K' => extensions.gnu_link = Some(self.read_name(size)?),
                b'x' => {
                    let records = self.read_extension(size)?;
                    parse_pax(&records, &mut extensions)?;
                }
                // Container runtimes do not apply global records to the members that follow, and what they
                // would unpack is what counts.
                b'g' => self.padding = padded(size)?,
                kind => return self.member(kind, size, extensions).map(Some),
            }
            extended = true;
        }
    }

    /// Makes the member whose header was just read.
    fn member(&mut self, flag: u8, size: u64, extensions: Extensions) -> Result<Member, TarError> {
        let Extensions {
            path,
            link,
            size: pax_size,
            mut sparse,
            sparse_name,
            gnu_path,
            gnu_link,
        } = extensions;
        let mut path = path;
        if sparse && sparse_name.is_some() {
            path = sparse_name;
        }
        match gnu_path.or(path) {
            Some(long) => self.path = long,
            None => self.path_from_header(),
        }
        match gnu_link.or(link) {
            Some(long) => self.link = long,
            None => {
                self.link.clear();
                let field = self.header.get(157..257).unwrap_or_default();
                self.link.extend_from_slice(until_nul(field));
            }
        }
        let kind = match flag {
            b'0' | 0 | b'7' if self.path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'5' => Kind::Directory,
            _ => Kind::Other,
        };
        if flag == b'S' {
            sparse = true;
            self.read_sparse_map()?;
        }
        // These have no contents, whatever their size says.
        let header_only = matches!(flag, b'1'..=b'6');
        let size = if header_only {
            0
        } else {
            pax_size.unwrap_or(size)
        };
        let total = padded(size)?;
        self.unread = size;
        self.padding = total - size;
        let nameable = self.path.len() <= MAX_NAME && self.link.len() <= MAX_NAME;
        let mode = self.number(100, 8).unwrap_or(0) & 0o7777;
        let uid = self.number(108, 8).unwrap_or(0);
        Ok(Member {
            kind,
            size,
            sparse,
            mode: u32::try_from(mode).unwrap_or(0),
            uid,
            nameable,
        })
    }

    /// Reads the next header block; false at the end of the archive.
    fn read_header(&mut self) -> Result<bool, TarError> {
        let mut filled = 0;
        while filled < BLOCK {
            if self.start == self.end && !self.fill()? {
                // An archive without its closing zeros is common enough.
                return if filled == 0 {
                    Ok(false)
                } else {
                    Err(TarError::Truncated("a header"))
                };
            }
            let available = self.buffer.get(self.start..self.end).unwrap_or_default();
            let target = self.header.get_mut(filled..).unwrap_or_default();
            let step = available.len().min(target.len());
            for (to, from) in target.iter_mut().zip(available) {
                *to = *from;
            }
            filled += step;
            self.start += step;
        }
        if self.header.iter().all(|byte| *byte == 0) {
            return Ok(false);
        }
        let stated = self.number(148, 8);
        let (mut unsigned, mut signed) = (0u64, 0i64);
        for (index, byte) in self.header.iter().enumerate() {
            let byte = if (148..156).contains(&index) {
                b' '
            } else {
                *byte
            };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        // Some old writers summed signed bytes.
        if stated != Some(unsigned)
            && stated.and_then(|sum| i64::try_from(sum).ok()) != Some(signed)
        {
            return Err(TarError::Corrupt(
                "the checksum of a header differs".to_owned(),
            ));
        }
        Ok(true)
    }

    fn path_from_header(&mut self) {
        self.path.clear();
        let name = until_nul(self.header.get(..100).unwrap_or_default());
        // GNU headers use the place of the prefix for other things.
        if self.header.get(257..263) == Some(b"ustar\0") {
            let prefix = until_nul(self.header.get(345..500).unwrap_or_default());
            if !prefix.is_empty() {
                self.path.extend_from_slice(prefix);
                self.path.push(b'/');
            }
        }
        self.path.extend_from_slice(name);
    }

    /// Reads over the blocks that continue an old GNU sparse map.
    fn read_sparse_map(&mut self) -> Result<(), TarError> {
        let mut more = self.byte(482) != 0;
        let mut blocks = 0;
        while more {
            blocks += 1;
            if blocks > MAX_SPARSE_BLOCKS {
                return Err(TarError::OverLimit(format!(
                    "a sparse file has more than {MAX_SPARSE_BLOCKS} blocks of fragments"
                )));
            }
            let mut block = [0; BLOCK];
            self.unread = BLOCK as u64;
            self.contents()
                .read_exact(&mut block)
                .map_err(|error| self.truncated(error))?;
            more = block.get(504).is_some_and(|byte| *byte != 0);
        }
        Ok(())
    }

    fn truncated(&self, error: io::Error) -> TarError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => {
                TarError::Truncated("an extension header")
            }
            _ => TarError::Read(error),
        }
    }

    /// The contents of an extension header.
    fn read_extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::OverLimit(format!(
                "an extension header has {size} bytes; at most {MAX_EXTENSION} are read"
            )));
        }
        self.unread = size;
        self.padding = padded(size)? - size;
        let mut bytes = Vec::new();
        self.contents()
            .read_to_end(&mut bytes)
            .map_err(|error| self.truncated(error))?;
        if bytes.len() as u64 != size {
            return Err(TarError::Truncated("an extension header"));
        }
        Ok(bytes)
    }

    /// A long name; what is longer than a name can be stays too long, but small.
    fn read_name(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let bytes = self.read_extension(size)?;
        let mut name = until_nul(&bytes).to_vec();
        name.truncate(MAX_NAME + 1);
        Ok(name)
    }

    fn byte(&self, at: usize) -> u8 {
        self.header.get(at).copied().unwrap_or(0)
    }

    fn number(&self, at: usize, length: usize) -> Option<u64> {
        parse_number(self.header.get(at..at + length)?)
    }

    /// Reads more from the source; false at its end. Call only when the buffer is used up.
    fn fill(&mut self) -> io::Result<bool> {
        self.start = 0;
        self.end = 0;
        loop {
            match self.source.read(&mut self.buffer) {
                Ok(count) => {
                    self.end = count.min(self.buffer.len());
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip(&mut self, mut count: u64, what: &'static str) -> Result<(), TarError> {
        loop {
            let step = (self.end - self.start).min(usize::try_from(count).unwrap_or(usize::MAX));
            self.start += step;
            count -= step as u64;
            if count == 0 {
                return Ok(());
            }
            if !self.fill()? {
                return Err(TarError::Truncated(what));
            }
        }
    }

    /// Reads what follows the archive, to the very end of the source, so that its checks (length, checksum,
    /// digest) happen.
    pub fn drain(&mut self) -> io::Result<()> {
        while self.fill()? {}
        Ok(())
    }
}

/// Reads the contents of the present member.
pub struct Contents<'w, R> {
    walker: &'w mut Walker<R>,
}

impl<R: Read> Read for Contents<'_, R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let walker = &mut *self.walker;
        if walker.unread == 0 || target.is_empty() {
            return Ok(0);
        }
        if walker.start == walker.end && !walker.fill()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let available = walker
            .buffer
            .get(walker.start..walker.end)
            .unwrap_or_default();
        let step = available
            .len()
            .min(target.len())
            .min(usize::try_from(walker.unread).unwrap_or(usize::MAX));
        if let (Some(to), Some(from)) = (target.get_mut(..step), available.get(..step)) {
            to.copy_from_slice(from);
        }
        walker.start += step;
        walker.unread -= step as u64;
        Ok(step)
    }
}

/// Size on the tape: whole blocks.
fn padded(size: u64) -> Result<u64, TarError> {
    size.checked_next_multiple_of(BLOCK as u64)
        .filter(|total| i64::try_from(*total).is_ok())
        .ok_or_else(|| TarError::Corrupt(format!("a member of {size} bytes")))
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, or big-endian binary behind a set top bit. An empty field is 0.
fn parse_number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // Two's complement; 0x40 is the sign, and nothing here may be negative.
        if first & 0x40 != 0 {
            return None;
        }
        let mut value = u64::from(first & 0x3f);
        for byte in field.iter().skip(1) {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let is_padding = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field
        .iter()
        .position(|byte| !is_padding(byte))
        .unwrap_or(field.len());
    let digits = field.get(start..)?;
    let end = digits.iter().position(is_padding).unwrap_or(digits.len());
    let mut value = 0u64;
    for digit in digits.get(..end)? {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

/// Reads PAX records: `length key=value\n`, the length counting itself.
fn parse_pax(mut records: &[u8], extensions: &mut Extensions) -> Result<(), TarError> {
    let broken = |why: &str| TarError::Corrupt(format!("a PAX record {why}"));
    while !records.is_empty() {
        let space = records
            .iter()
            .take(20)
            .position(|byte| *byte == b' ')
            .ok_or_else(|| broken("without a length"))?;
        let length = records
            .get(..space)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse::<usize>().ok())
            .ok_or_else(|| broken("without a length"))?;
        let record = records
            .get(space + 1..length)
            .ok_or_else(|| broken("with a length that leads out of its header"))?;
        let record = record
            .strip_suffix(b"\n")
            .ok_or_else(|| broken("without its end"))?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(|| broken("without a value"))?;
        let (key, value) = record.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        let name = || -> Result<Option<Vec<u8>>, TarError> {
            if value.contains(&0) {
                return Err(broken("with a zero byte in a name"));
            }
            let kept = value.get(..MAX_NAME + 1).unwrap_or(value);
            // An empty value takes an earlier one back.
            Ok((!kept.is_empty()).then(|| kept.to_vec()))
        };
        match key {
            b"path" => extensions.path = name()?,
            b"linkpath" => extensions.link = name()?,
            b"size" => {
                extensions.size = match value {
                    b"" => None,
                    digits => Some(
                        std::str::from_utf8(digits)
                            .ok()
                            .and_then(|digits| digits.parse().ok())
                            .ok_or_else(|| broken("with a size that is not a number"))?,
                    ),
                };
            }
            b"GNU.sparse.name" => extensions.sparse_name = name()?,
            _ if key.starts_with(b"GNU.sparse.") => extensions.sparse = true,
            _ => {}
        }
        records = records.get(length..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
#[path = "tar_tests.rs"]
mod tests;
