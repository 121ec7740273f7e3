//! Layers: archives of files, folders, links and whiteouts, packed or plain.
//!
//! Paths are written into the archive byte for byte, so that a test can write `../../etc/passwd`, an
//! absolute path or a name that isn't UTF-8-clean just as a hostile image would.

use super::artefact::hex;
use anyhow::Context as _;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Every entry has this time (seconds since 1970), so that the same calls make the same bytes.
const ENTRY_TIME: u64 = 1_735_689_600;

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, what nearly every image has.
    Gzip,
    /// zstd, OCI only.
    Zstd,
    /// An archive as it is.
    Plain,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Bytes),
    Disk(PathBuf),
    Folder,
    Symlink(String),
    Hardlink(String),
    /// A size in the header, and fewer bytes after it.
    Truncated(u64),
    /// So many bytes of text, made while it is written.
    Generated {
        size: u64,
        seed: u64,
    },
}

#[derive(Clone, Debug)]
struct Entry {
    path: String,
    mode: u32,
    content: Content,
}

/// A layer in the making.
#[derive(Clone, Debug)]
pub struct Layer {
    entries: Vec<Entry>,
    compression: Compression,
    level: u32,
    command: String,
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer {
    /// An empty layer, to be packed with gzip.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            compression: Compression::Gzip,
            level: 6,
            command: "COPY . / # buildkit".to_owned(),
        }
    }

    /// Everything below a folder of this machine (a root made by debootstrap, say), in the order of the
    /// names. Devices, sockets and what can't be read are left out.
    ///
    /// # Errors
    /// When the folder can't be listed.
    pub fn from_folder(folder: &Path) -> anyhow::Result<Self> {
        let mut layer = Self::new();
        let mut linked = HashMap::new();
        layer.add_folder(folder, "", &mut linked)?;
        Ok(layer)
    }

    fn add_folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        linked: &mut HashMap<(u64, u64), String>,
    ) -> anyhow::Result<()> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .with_context(|| format!("can't list {}", folder.display()))?
            .collect::<io::Result<_>>()?;
        names.sort_by_key(std::fs::DirEntry::file_name);
        for name in names {
            let path = format!("{prefix}{}", name.file_name().to_string_lossy());
            let facts = name.metadata()?;
            let mode = facts.mode() & 0o7777;
            let kind = facts.file_type();
            if kind.is_dir() {
                self.push(&path, mode, Content::Folder);
                self.add_folder(&name.path(), &format!("{path}/"), linked)?;
            } else if kind.is_symlink() {
                let target = std::fs::read_link(name.path())?;
                self.push(
                    &path,
                    mode,
                    Content::Symlink(target.to_string_lossy().into_owned()),
                );
            } else if kind.is_file() {
                let first = linked.get(&(facts.dev(), facts.ino())).cloned();
                match first {
                    Some(first) => self.push(&path, mode, Content::Hardlink(first)),
                    None => {
                        if facts.nlink() > 1 {
                            linked.insert((facts.dev(), facts.ino()), path.clone());
                        }
                        self.push(&path, mode, Content::Disk(name.path()));
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, path: &str, mode: u32, content: Content) {
        self.entries.push(Entry {
            path: path.to_owned(),
            mode,
            content,
        });
    }

    fn with(mut self, path: &str, mode: u32, content: Content) -> Self {
        self.push(path, mode, content);
        self
    }

    /// A file.
    #[must_use]
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, 0o644, Content::Bytes(Bytes::from(bytes.into())))
    }

    /// A file with the mode that it should have.
    #[must_use]
    pub fn file_mode(self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, mode, Content::Bytes(Bytes::from(bytes.into())))
    }

    /// A folder.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.with(path, 0o755, Content::Folder)
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.with(path, 0o777, Content::Symlink(target.to_owned()))
    }

    /// A hard link to an earlier path of the archive.
    #[must_use]
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        self.with(path, 0o644, Content::Hardlink(target.to_owned()))
    }

    /// Hides a path of the layers below.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let marker = match path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.with(&marker, 0o644, Content::Bytes(Bytes::new()))
    }

    /// Hides all that the layers below have in a folder.
    #[must_use]
    pub fn opaque(self, folder: &str) -> Self {
        let marker = format!("{}/.wh..wh..opq", folder.trim_end_matches('/'));
        self.with(&marker, 0o644, Content::Bytes(Bytes::new()))
    }

    /// A file whose header says `stated` bytes, where the archive ends right after the header.
    #[must_use]
    pub fn truncated_file(self, path: &str, stated: u64) -> Self {
        self.with(path, 0o644, Content::Truncated(stated))
    }

    /// A file of words, the same ones for the same seed. It takes no memory before it is written.
    #[must_use]
    pub fn generated(self, path: &str, size: u64, seed: u64) -> Self {
        self.with(path, 0o644, Content::Generated { size, seed })
    }

    /// The history's command for this layer.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        command.clone_into(&mut self.command);
        self
    }

    /// Pack with gzip (the default).
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.compression = Compression::Gzip;
        self
    }

    /// Pack with gzip, as quickly as it goes.
    #[must_use]
    pub fn fast(mut self) -> Self {
        self.level = 1;
        self.gzip()
    }

    /// Pack with zstd.
    #[must_use]
    pub fn zstd(mut self) -> Self {
        self.compression = Compression::Zstd;
        self
    }

    /// Don't pack.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.compression = Compression::Plain;
        self
    }

    /// Writes the archive.
    ///
    /// # Panics
    /// When a file of a folder on disk can't be read: that is a test's own mistake.
    #[expect(
        clippy::expect_used,
        reason = "writes to memory; a missing file is the test's own mistake"
    )]
    pub fn build(&self) -> BuiltLayer {
        self.try_build()
            .expect("the files of the layer can be read")
    }

    fn try_build(&self) -> io::Result<BuiltLayer> {
        let (bytes, diff) = match self.compression {
            Compression::Gzip => {
                let packer = flate2::GzBuilder::new()
                    .write(Vec::new(), flate2::Compression::new(self.level));
                let (packer, diff) = self.write_to(packer)?;
                (packer.finish()?, diff)
            }
            Compression::Zstd => {
                let (packer, diff) = self.write_to(zstd::Encoder::new(Vec::new(), 3)?)?;
                (packer.finish()?, diff)
            }
            Compression::Plain => self.write_to(Vec::new())?,
        };
        Ok(BuiltLayer::from_parts(
            bytes,
            diff,
            self.compression,
            &self.command,
        ))
    }

    fn write_to<W: Write>(&self, out: W) -> io::Result<(W, String)> {
        let mut out = Hashing {
            inner: out,
            hash: Sha256::new(),
        };
        let mut cut = false;
        for entry in &self.entries {
            cut |= write_entry(&mut out, entry)?;
        }
        if !cut {
            out.write_all(&[0; 1024])?;
        }
        Ok((out.inner, format!("sha256:{}", hex(&out.hash.finalize()))))
    }
}

/// Writes one entry; answers whether the archive ends here.
fn write_entry(out: &mut impl Write, entry: &Entry) -> io::Result<bool> {
    use tar::EntryType;
    let (kind, size, link) = match &entry.content {
        Content::Bytes(bytes) => (EntryType::Regular, bytes.len() as u64, ""),
        Content::Disk(path) => (EntryType::Regular, std::fs::metadata(path)?.len(), ""),
        Content::Truncated(size) | Content::Generated { size, .. } => {
            (EntryType::Regular, *size, "")
        }
        Content::Folder => (EntryType::Directory, 0, ""),
        Content::Symlink(target) => (EntryType::Symlink, 0, target.as_str()),
        Content::Hardlink(target) => (EntryType::Link, 0, target.as_str()),
    };
    let mut path = entry.path.clone();
    if kind == EntryType::Directory && !path.ends_with('/') {
        path.push('/');
    }
    long_name(out, b'K', link)?;
    long_name(out, b'L', &path)?;
    out.write_all(header(&path, link, kind, size, entry.mode).as_bytes())?;
    match &entry.content {
        Content::Bytes(bytes) => {
            out.write_all(bytes)?;
            pad(out, size)?;
        }
        Content::Disk(path) => {
            let copied = io::copy(&mut std::fs::File::open(path)?.take(size), out)?;
            io::copy(&mut io::repeat(0).take(size - copied), out)?;
            pad(out, size)?;
        }
        Content::Generated { seed, .. } => {
            words(out, size, *seed)?;
            pad(out, size)?;
        }
        Content::Truncated(_) => return Ok(true),
        Content::Folder | Content::Symlink(_) | Content::Hardlink(_) => {}
    }
    Ok(false)
}

fn header(path: &str, link: &str, kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    fill(&mut header.as_old_mut().name, path);
    fill(&mut header.as_old_mut().linkname, link);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(ENTRY_TIME);
    header.set_cksum();
    header
}

fn fill(field: &mut [u8], text: &str) {
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
}

/// GNU's extra entry for names that don't fit into a header.
fn long_name(out: &mut impl Write, kind: u8, name: &str) -> io::Result<()> {
    if name.len() <= 100 {
        return Ok(());
    }
    let size = name.len() as u64 + 1;
    let header = header("././@LongLink", "", tar::EntryType::new(kind), size, 0o644);
    out.write_all(header.as_bytes())?;
    out.write_all(name.as_bytes())?;
    out.write_all(&[0])?;
    pad(out, size)
}

fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    let rest = (512 - size % 512) % 512;
    io::copy(&mut io::repeat(0).take(rest), out).map(|_| ())
}

/// Bytes of text that generated files are cut from.
const POOL: usize = 4 << 20;
/// Bytes of one cut: farther apart than gzip looks back, so that a large file packs no better than a small.
const CUT: usize = 48 << 10;

/// Writes so many bytes of lines of words.
fn words(out: &mut impl Write, size: u64, seed: u64) -> io::Result<()> {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let mut random = 0x9e37_79b9_7f4a_7c15;
        let mut text = Vec::with_capacity(POOL + 64);
        while text.len() < POOL {
            let mut word = next(&mut random) % 6_000;
            let mut letters = [0; 4];
            for letter in &mut letters {
                *letter = b'a' + u8::try_from(word % 23).unwrap_or_default();
                word /= 3;
            }
            text.extend_from_slice(&letters);
            let length = next(&mut random);
            text.push(if length.is_multiple_of(11) {
                b'\n'
            } else {
                b' '
            });
        }
        text
    });
    let mut random = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut left = size;
    while left > 0 {
        let from = usize::try_from(next(&mut random) % (POOL - CUT) as u64).unwrap_or_default();
        let cut = CUT.min(usize::try_from(left).unwrap_or(CUT));
        out.write_all(text.get(from..from + cut).unwrap_or_default())?;
        left -= cut as u64;
    }
    Ok(())
}

/// The next of a row of numbers without a pattern that gzip would see.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A packed layer. Cheap to clone: images share it.
#[derive(Clone, Debug)]
pub struct BuiltLayer {
    pub(crate) bytes: Bytes,
    /// Digest under which a manifest names it.
    pub digest: String,
    /// Digest of the plain archive.
    pub diff_id: String,
    /// Bytes, as a manifest states them.
    pub size: u64,
    pub(crate) compression: Compression,
    pub(crate) command: String,
    pub(crate) media_type: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) stored: bool,
}

impl BuiltLayer {
    fn from_parts(
        bytes: Vec<u8>,
        diff_id: String,
        compression: Compression,
        command: &str,
    ) -> Self {
        let digest = super::digest_of(&bytes);
        Self {
            size: bytes.len() as u64,
            bytes: Bytes::from(bytes),
            digest,
            diff_id,
            compression,
            command: command.to_owned(),
            media_type: None,
            url: None,
            stored: true,
        }
    }

    /// A layer of any bytes: garbage, half an archive, a bomb made elsewhere.
    pub fn raw(bytes: impl Into<Vec<u8>>, compression: Compression) -> Self {
        let bytes = bytes.into();
        let diff_id = super::digest_of(&bytes);
        Self::from_parts(bytes, diff_id, compression, "COPY raw /")
    }

    /// A layer that another program packed with gzip.
    ///
    /// # Errors
    /// When it can't be unpacked.
    pub fn gzipped(bytes: Vec<u8>, command: &str) -> io::Result<Self> {
        let mut plain = Hashing {
            inner: io::sink(),
            hash: Sha256::new(),
        };
        io::copy(
            &mut flate2::read::MultiGzDecoder::new(&bytes[..]),
            &mut plain,
        )?;
        let diff = format!("sha256:{}", hex(&plain.hash.finalize()));
        Ok(Self::from_parts(bytes, diff, Compression::Gzip, command))
    }

    /// The bytes of the blob.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The manifest states another size.
    #[must_use]
    pub fn claim_size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// The registry serves these bytes under another digest.
    #[must_use]
    pub fn claim_digest(mut self, digest: &str) -> Self {
        digest.clone_into(&mut self.digest);
        self
    }

    /// The manifest states another media type.
    #[must_use]
    pub fn claim_media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// A layer that lives elsewhere (`urls`) and that the registry does not have.
    #[must_use]
    pub fn foreign(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self.stored = false;
        self
    }

    /// The manifest names it, the registry does not have it.
    #[must_use]
    pub fn missing(mut self) -> Self {
        self.stored = false;
        self
    }
}

impl From<Layer> for BuiltLayer {
    fn from(layer: Layer) -> Self {
        layer.build()
    }
}

impl From<&BuiltLayer> for BuiltLayer {
    fn from(layer: &BuiltLayer) -> Self {
        layer.clone()
    }
}
