//! A blob as it comes from the registry, turned into the bytes of its archive: gzip (with any number of
//! members), zstd (with any number of frames) or plain, told apart by the first bytes and not by what a
//! manifest claims.
//!
//! Nothing is held but the decoder's window. What a blob can choose (how much it unpacks to, how large its
//! window is) is capped.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::gzip::Member;
use crate::http::{TransportError, TroubleKind};

/// Bytes that are read of the blob at once.
const CHUNK: usize = 128 * 1024;
/// Uncompressed bytes of one layer. The largest layers met in practice have a few tens of gigabytes.
pub const MAX_LAYER_BYTES: u64 = 64 << 30;
/// Uncompressed bytes up to which no ratio is asked about: zeros compress well, honestly.
pub const RATIO_FREE_BYTES: u64 = 1 << 30;
/// How many times its size a blob may unpack to, beyond [`RATIO_FREE_BYTES`]. Real layers reach 20; deflate's
/// utmost is 1,032.
pub const MAX_RATIO: u64 = 200;
/// Bytes of a zstd window. `zstd --long` and the highest levels use 8 MiB to 128 MiB; an instance of the
/// connector has 64 MiB for everything.
pub const MAX_ZSTD_WINDOW: u64 = 16 << 20;

/// What is wrong with a layer, or with the way to it.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The transport failed; says so itself.
    #[error(transparent)]
    Transport(TransportError),
    /// The bytes are not what they should be.
    #[error("{0}")]
    Corrupt(String),
    /// A cap was reached.
    #[error("{0}")]
    OverLimit(String),
    /// A compression or a format that the connector does not read.
    #[error("{0}")]
    Unsupported(String),
}

impl Trouble {
    fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Finds out what stands behind an error of a reader of this file.
    pub fn from_io(error: io::Error) -> Self {
        let truncated = error.kind() == io::ErrorKind::UnexpectedEof;
        let text = error.to_string();
        let Some(inner) = error.into_inner() else {
            return Self::Corrupt(if truncated {
                "its compressed data ends too early".to_owned()
            } else {
                format!("its compressed data is broken: {text}")
            });
        };
        match inner.downcast::<Self>() {
            Ok(trouble) => *trouble,
            Err(inner) => match inner.downcast::<TransportError>() {
                Ok(error) if error.kind == TroubleKind::Digest => {
                    Self::Corrupt(format!("its digest differs: {}", error.message))
                }
                Ok(error) => Self::Transport(*error),
                Err(_) => Self::Corrupt(format!("its compressed data is broken: {text}")),
            },
        }
    }
}

/// Counts what it passes on, and remembers the transport's error: decoders wrap errors in their own.
struct Source<R> {
    inner: R,
    count: Rc<Cell<u64>>,
    failed: Rc<RefCell<Option<TransportError>>>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(target) {
            Ok(count) => {
                self.count.set(self.count.get() + count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let error = TransportError::from_io(error);
                *self.failed.borrow_mut() = Some(error.clone());
                Err(error.into_io())
            }
        }
    }
}

type Input<R> = BufReader<Chain<Cursor<Vec<u8>>, Source<R>>>;

enum Decoder<R: Read> {
    Plain(Input<R>),
    Gzip(Box<Member<Input<R>>>),
    Zstd(Input<R>, Box<FrameDecoder>),
    /// What follows the compressed data: read for the sake of the digest, and thrown away.
    Rest(Input<R>),
    /// Only while one state becomes another.
    Gone,
}

/// The uncompressed bytes of a layer.
pub struct Inflated<R: Read> {
    decoder: Decoder<R>,
    compressed: Rc<Cell<u64>>,
    failed: Rc<RefCell<Option<TransportError>>>,
    produced: u64,
}

impl<R: Read> Inflated<R> {
    /// Looks at the first bytes of `blob` and begins.
    pub fn open(blob: R) -> Result<Self, Trouble> {
        let compressed = Rc::new(Cell::new(0));
        let failed = Rc::new(RefCell::new(None));
        let mut source = Source {
            inner: blob,
            count: Rc::clone(&compressed),
            failed: Rc::clone(&failed),
        };
        let mut head = Vec::with_capacity(6);
        (&mut source)
            .take(6)
            .read_to_end(&mut head)
            .map_err(Trouble::from_io)?;
        let kind = Compression::sniff(&head)?;
        let input = BufReader::with_capacity(CHUNK, Cursor::new(head).chain(source));
        let decoder = match kind {
            Compression::Plain => Decoder::Plain(input),
            Compression::Gzip => Decoder::Gzip(Box::new(Member::new(input))),
            Compression::Zstd => {
                let mut decoder = FrameDecoder::new();
                decoder.set_max_window_size(MAX_ZSTD_WINDOW);
                let mut inflated = Self {
                    decoder: Decoder::Gone,
                    compressed,
                    failed,
                    produced: 0,
                };
                inflated.begin_frame(input, Box::new(decoder))?;
                return Ok(inflated);
            }
        };
        Ok(Self {
            decoder,
            compressed,
            failed,
            produced: 0,
        })
    }

    /// Uncompressed bytes so far.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    /// Bytes of the blob so far.
    pub fn compressed(&self) -> u64 {
        self.compressed.get()
    }

    /// Starts the next zstd frame, passing over skippable ones; [`Decoder::Rest`] where none follows.
    fn begin_frame(
        &mut self,
        mut input: Input<R>,
        mut decoder: Box<FrameDecoder>,
    ) -> Result<(), Trouble> {
        loop {
            if input
                .fill_buf()
                .map_err(|error| self.explain(error))?
                .is_empty()
            {
                self.decoder = Decoder::Rest(input);
                return Ok(());
            }
            match decoder.reset(&mut input) {
                Ok(()) => {
                    self.decoder = Decoder::Zstd(input, decoder);
                    return Ok(());
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped =
                        io::copy(&mut (&mut input).take(u64::from(length)), &mut io::sink())
                            .map_err(|error| self.explain(error))?;
                    if skipped != u64::from(length) {
                        return Err(Trouble::Corrupt(
                            "its compressed data ends too early".to_owned(),
                        ));
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                    return Err(Trouble::OverLimit(format!(
                        "its zstd window is {requested} bytes; at most {MAX_ZSTD_WINDOW} are kept"
                    )));
                }
                Err(error) => {
                    return Err(self.explain(io::Error::other(error.to_string())));
                }
            }
        }
    }

    /// The transport's error where there was one, else the decoder's.
    fn explain(&self, error: io::Error) -> Trouble {
        match self.failed.borrow_mut().take() {
            Some(failed) => Trouble::from_io(failed.into_io()),
            None => Trouble::from_io(error),
        }
    }

    fn step(&mut self, target: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match &mut self.decoder {
                Decoder::Plain(input) => {
                    return input.read(target).map_err(|error| self.explain(error));
                }
                Decoder::Gzip(decoder) => match decoder.read(target) {
                    Ok(0) => {}
                    Ok(count) => return Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(self.explain(error)),
                },
                Decoder::Zstd(input, decoder) => {
                    if decoder.can_collect() > 0 {
                        return decoder.read(target).map_err(|error| self.explain(error));
                    }
                    if !decoder.is_finished() {
                        let decoded = decoder
                            .decode_blocks(input, BlockDecodingStrategy::UptoBytes(target.len()));
                        if let Err(error) = decoded {
                            return Err(self.explain(io::Error::other(error.to_string())));
                        }
                        continue;
                    }
                }
                Decoder::Rest(input) => loop {
                    let length = match input.fill_buf() {
                        Ok(rest) => rest.len(),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => return Err(self.explain(error)),
                    };
                    if length == 0 {
                        return Ok(0);
                    }
                    input.consume(length);
                },
                Decoder::Gone => return Ok(0),
            }
            self.next_part()?;
        }
    }

    /// A member or frame has ended: goes on with the next, or with the rest.
    fn next_part(&mut self) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.decoder, Decoder::Gone) {
            Decoder::Gzip(mut member) => {
                let next = member.input().fill_buf();
                if *next.map_err(|error| self.explain(error))? == [0x1f] {
                    let input = with_second_byte(member.into_input());
                    member = Box::new(Member::new(input.map_err(|error| self.explain(error))?));
                }
                let next = member.input().fill_buf();
                let next = next.map_err(|error| self.explain(error))?;
                // Whatever is no member is padding: gzip itself ignores it.
                self.decoder = if next.starts_with(&[0x1f, 0x8b]) {
                    member.restart();
                    Decoder::Gzip(member)
                } else {
                    Decoder::Rest(member.into_input())
                };
            }
            Decoder::Zstd(input, decoder) => self.begin_frame(input, decoder)?,
            other => self.decoder = other,
        }
        Ok(())
    }
}

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        let count = self.step(target).map_err(Trouble::into_io)?;
        self.produced += count as u64;
        if self.produced > MAX_LAYER_BYTES {
            return Err(Trouble::OverLimit(format!(
                "it unpacks to more than {MAX_LAYER_BYTES} bytes"
            ))
            .into_io());
        }
        let compressed = self.compressed.get();
        if self.produced > RATIO_FREE_BYTES && self.produced / MAX_RATIO > compressed {
            return Err(Trouble::OverLimit(format!(
                "it unpacks to more than {MAX_RATIO} times its size ({} bytes from {compressed}), as only \
                 a decompression bomb does",
                self.produced
            ))
            .into_io());
        }
        Ok(count)
    }
}

/// An input whose buffer ends with its only byte has the next one, too, if there is one.
fn with_second_byte<R: Read>(input: Input<R>) -> io::Result<Input<R>> {
    let byte = input.buffer().to_vec();
    let (unread, source) = input.into_inner().into_inner();
    let mut rest = unread.chain(source);
    let mut head = byte;
    (&mut rest).take(1).read_to_end(&mut head)?;
    let (unread, source) = rest.into_inner();
    let at = usize::try_from(unread.position()).unwrap_or(usize::MAX);
    head.extend_from_slice(unread.get_ref().get(at..).unwrap_or_default());
    Ok(BufReader::with_capacity(
        CHUNK,
        Cursor::new(head).chain(source),
    ))
}

enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    fn sniff(head: &[u8]) -> Result<Self, Trouble> {
        let unsupported = |name| {
            Trouble::Unsupported(format!(
                "it is compressed with {name}; gzip, zstd and plain archives are read"
            ))
        };
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Err(unsupported("xz")),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err(unsupported("bzip2")),
            _ => Ok(Self::Plain),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(blob: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::new();
        Inflated::open(blob)?
            .read_to_end(&mut out)
            .map_err(Trouble::from_io)?;
        Ok(out)
    }

    #[test]
    fn all_members_of_a_gzip_blob_are_read_and_what_follows_is_padding() {
        let mut blob = gzip(b"one ");
        blob.extend(gzip(b"two"));
        assert_eq!(inflate(&blob).unwrap(), b"one two");
        blob.extend([0; 700]);
        assert_eq!(inflate(&blob).unwrap(), b"one two");
    }

    #[test]
    fn padding_that_begins_like_a_member_is_padding_however_it_comes() {
        struct OneByOne<'d>(&'d [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
                let count = target.len().min(1);
                (&mut self.0).take(count as u64).read(target)
            }
        }
        for (padding, whole) in [
            (&[0x1f][..], "one"),
            (&[0x1f, 0, 7], "one"),
            (&gzip(b"two"), "onetwo"),
        ] {
            let blob = [&gzip(b"one"), padding].concat();
            assert_eq!(inflate(&blob).unwrap(), whole.as_bytes());
            let mut out = String::new();
            let mut inflated = Inflated::open(OneByOne(&blob)).unwrap();
            inflated.read_to_string(&mut out).unwrap();
            assert_eq!(out, whole);
            assert_eq!(inflated.compressed(), blob.len() as u64);
        }
    }

    #[test]
    fn all_frames_of_a_zstd_blob_are_read_and_skippable_ones_passed_over() {
        let mut blob = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
        blob.extend(zstd::encode_all(&b"one "[..], 3).unwrap());
        blob.extend([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
        blob.extend(zstd::encode_all(&b"two"[..], 3).unwrap());
        assert_eq!(inflate(&blob).unwrap(), b"one two");
    }

    #[test]
    fn megabytes_of_zstd_come_out_as_they_went_in() {
        let data: Vec<u8> = (0..5_000_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8)
            .collect();
        assert!(inflate(&zstd::encode_all(&data[..], 1).unwrap()).unwrap() == data);
        assert!(inflate(&gzip(&data)).unwrap() == data);
    }

    #[test]
    fn plain_bytes_and_no_bytes_pass_through() {
        assert_eq!(inflate(b"plain archive").unwrap(), b"plain archive");
        assert_eq!(inflate(b"").unwrap(), b"");
    }

    #[test]
    fn a_truncated_or_damaged_blob_is_corrupt() {
        for whole in [
            gzip(&[7; 5000]),
            zstd::encode_all(&[7; 5000][..], 3).unwrap(),
        ] {
            let cut = inflate(&whole[..whole.len() - 5]);
            assert!(matches!(cut, Err(Trouble::Corrupt(_))), "{cut:?}");
        }
        // The length at the end; what its checksum would find, the blob's digest has found.
        let mut damaged = gzip(&[7; 5000]);
        let at = damaged.len() - 1;
        damaged[at] ^= 0xff;
        assert!(matches!(inflate(&damaged), Err(Trouble::Corrupt(_))));
    }

    #[test]
    fn other_compressions_are_named() {
        let error = inflate(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]).unwrap_err();
        assert!(
            matches!(&error, Trouble::Unsupported(why) if why.contains("xz")),
            "{error}"
        );
    }

    #[test]
    fn a_zstd_window_of_a_gigabyte_is_refused() {
        // Magic, no flags, window descriptor with exponent 20 (2^30), then whatever.
        let blob = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0];
        assert!(matches!(inflate(&blob), Err(Trouble::OverLimit(_))));
    }

    #[test]
    fn a_decompression_bomb_is_stopped() {
        let member = gzip(&vec![0; 8 << 20]);
        let mut inflated = Inflated::open(
            std::io::repeat(0)
                .take(0)
                .chain(Cursor::new(member.repeat(140))),
        )
        .unwrap();
        let error = io::copy(&mut inflated, &mut io::sink()).unwrap_err();
        assert!(matches!(Trouble::from_io(error), Trouble::OverLimit(_)));
        assert!(inflated.produced() <= RATIO_FREE_BYTES + (1 << 20));
    }

    #[test]
    fn the_errors_of_the_transport_come_through_every_decoder() {
        struct Fails(TroubleKind);
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                let error = TransportError {
                    kind: self.0,
                    message: "gone".to_owned(),
                    hint: String::new(),
                };
                Err(error.into_io())
            }
        }
        let zstd = zstd::encode_all(&[7; 5000][..], 3).unwrap();
        for whole in [gzip(&[7; 5000]), zstd, vec![7; 5000]] {
            for cut in [0, 3, 10, whole.len() - 2, whole.len()] {
                for kind in [TroubleKind::Dropped, TroubleKind::Digest] {
                    let read = Inflated::open((&whole[..cut]).chain(Fails(kind))).and_then(
                        |mut inflated| {
                            io::copy(&mut inflated, &mut io::sink()).map_err(Trouble::from_io)
                        },
                    );
                    match (kind, read) {
                        (TroubleKind::Dropped, Err(Trouble::Transport(error))) => {
                            assert_eq!(error.message, "gone");
                        }
                        (TroubleKind::Digest, Err(Trouble::Corrupt(why))) => {
                            assert!(why.contains("digest"));
                        }
                        (_, other) => panic!("{other:?} at {cut}"),
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

        #[test]
        fn mutated_blobs_never_panic(
            data in prop::collection::vec(any::<u8>(), 0..2000),
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            zstd: bool,
        ) {
            let mut blob = if zstd { zstd::encode_all(&data[..], 3).unwrap() } else { gzip(&data) };
            for (place, value) in &hits {
                let at = place.index(blob.len());
                blob[at] = *value;
            }
            let _ = inflate(&blob);
        }
    }
}
