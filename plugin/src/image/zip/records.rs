//! The records of a zip archive, as the format's specification (APPNOTE 6.3) lays them out.

use std::collections::HashSet;

const NONE_32: u32 = u32::MAX;

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// The values of the zip64 extra field that stand for those of the header that are all ones, in the order
/// uncompressed, compressed, offset. What it does not hold stays as it is.
fn large(extra: &[u8], uncompressed: u32, compressed: u32, offset: u32) -> (u64, u64, u64) {
    let mut values = [
        u64::from(uncompressed),
        u64::from(compressed),
        u64::from(offset),
    ];
    let mut rest = extra;
    while let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let data = rest.get(4..).unwrap_or_default();
        let length = usize::from(length);
        if id == 1 {
            let data = data.get(..length).unwrap_or(data);
            let mut at = 0;
            for value in &mut values {
                if *value == u64::from(NONE_32)
                    && let Some(stated) = u64_at(data, at)
                {
                    *value = stated;
                    at += 8;
                }
            }
            break;
        }
        rest = data.get(length..).unwrap_or_default();
    }
    let [uncompressed, compressed, offset] = values;
    (uncompressed, compressed, offset)
}

/// A local header.
#[derive(Clone, Copy)]
pub(super) struct Local {
    pub(super) flags: u16,
    pub(super) method: u16,
    compressed: u32,
    uncompressed: u32,
    pub(super) name: usize,
    pub(super) extra: usize,
}

impl Local {
    pub(super) const BYTES: usize = 30;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            flags: u16_at(bytes, 6)?,
            method: u16_at(bytes, 8)?,
            compressed: u32_at(bytes, 18)?,
            uncompressed: u32_at(bytes, 22)?,
            name: u16_at(bytes, 26)?.into(),
            extra: u16_at(bytes, 28)?.into(),
        })
    }

    /// Uncompressed and compressed size.
    pub(super) fn sizes(&self, extra: &[u8]) -> (u64, u64, u64) {
        large(extra, self.uncompressed, self.compressed, 0)
    }
}

/// A record of the central directory.
#[derive(Clone, Copy)]
pub(super) struct Row {
    compressed: u32,
    uncompressed: u32,
    offset: u32,
    pub(super) name: usize,
    pub(super) extra: usize,
    pub(super) comment: usize,
}

impl Row {
    pub(super) const BYTES: usize = 46;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            compressed: u32_at(bytes, 20)?,
            uncompressed: u32_at(bytes, 24)?,
            name: u16_at(bytes, 28)?.into(),
            extra: u16_at(bytes, 30)?.into(),
            comment: u16_at(bytes, 32)?.into(),
            offset: u32_at(bytes, 42)?,
        })
    }

    /// Where it says that the entry begins.
    pub(super) fn offset(&self, extra: &[u8]) -> u64 {
        large(extra, self.uncompressed, self.compressed, self.offset).2
    }
}

/// The end of the central directory, or the same for large archives.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// Bytes of the directory.
    size: u64,
    /// Where it says that the directory begins.
    offset: u64,
}

impl End {
    pub(super) const BYTES: usize = 22;
    pub(super) const LARGE_BYTES: usize = 56;
    /// Bytes from the beginning of the large record to that of the small one: itself and its locator.
    const APART: u64 = 76;

    pub(super) fn parse(bytes: &[u8], is_large: bool) -> Option<Self> {
        if is_large {
            return Some(Self {
                size: u64_at(bytes, 40)?,
                offset: u64_at(bytes, 48)?,
            });
        }
        // The last field is looked at only to be sure that the record is there as a whole.
        u16_at(bytes, 20)?;
        Some(Self {
            size: u32_at(bytes, 12)?.into(),
            offset: u32_at(bytes, 16)?.into(),
        })
    }

    /// True when the large record right before this one says the same, or what this one has no room for.
    fn refers_to(&self, large: &Self) -> bool {
        let same = |small: u64, large: u64| small == large || small == u64::from(NONE_32);
        same(self.size, large.size) && same(self.offset, large.offset)
    }
}

/// What the central directory says of wanted entries.
#[derive(Default)]
pub(super) struct Directory {
    /// A record of it was met.
    pub(super) any: bool,
    /// Its records about wanted entries: where the record is, the entry's name, and the stated place.
    pub(super) rows: Vec<(u64, u64, u64)>,
    /// By the last end that was met: name and place of the wanted entries that it lists.
    pub(super) verdict: Option<HashSet<(u64, u64)>>,
    /// The last record for large archives, and where it was.
    large: Option<(u64, End)>,
}

impl Directory {
    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    /// An end at `position`. Offsets count from where the archive begins, which need not be where the
    /// file begins: the directory ends at its end record, and that tells how far off they are.
    pub(super) fn close(&mut self, position: u64, end: End, is_large: bool) {
        if is_large {
            self.large = Some((position, end));
            return;
        }
        let (position, end) = match self.large.take() {
            Some((before, large))
                if before.checked_add(End::APART) == Some(position) && end.refers_to(&large) =>
            {
                (before, large)
            }
            _ => (position, end),
        };
        let Some(start) = position.checked_sub(end.size) else {
            return;
        };
        let Some(base) = start.checked_sub(end.offset) else {
            return;
        };
        self.verdict = Some(
            self.rows
                .iter()
                .filter(|(at, _, _)| (start..position).contains(at))
                .map(|(_, name, offset)| (*name, base.saturating_add(*offset)))
                .collect(),
        );
    }
}

/// Bytes of the descriptor that `bytes` begin with, if it says that there were so many compressed bytes. One
/// without a signature is told by the record after it.
pub(super) fn stated_length(bytes: &[u8], size: u64) -> Option<u64> {
    let small = |at: usize| u32_at(bytes, at).map(u64::from) == Some(size & u64::from(NONE_32));
    let large = |at: usize| u64_at(bytes, at) == Some(size);
    let signed = bytes.starts_with(b"PK\x07\x08");
    let forms = [
        (16, signed && small(8)),
        (24, signed && large(8)),
        (12, small(4)),
        (20, large(4)),
    ];
    forms
        .iter()
        .find(|(length, fits)| *fits && is_followed(bytes, *length))
        .or_else(|| forms.iter().take(2).find(|(_, fits)| *fits))
        .map(|(length, _)| *length as u64)
}

/// True when a header follows at `length`.
fn is_followed(bytes: &[u8], length: usize) -> bool {
    bytes
        .get(length..)
        .is_some_and(|rest| rest.starts_with(b"PK\x03\x04") || rest.starts_with(b"PK\x01\x02"))
}

/// Bytes of the descriptor that `bytes` begin with, by its sizes and by what comes after it; none where
/// no form fits.
pub(super) fn descriptor_length(bytes: &[u8], compressed: u64, uncompressed: u64) -> u64 {
    let low = |size: u64| size & u64::from(NONE_32);
    let small = |at: usize| {
        u32_at(bytes, at).map(u64::from) == Some(low(compressed))
            && u32_at(bytes, at + 4).map(u64::from) == Some(low(uncompressed))
    };
    let large = |at: usize| {
        u64_at(bytes, at) == Some(compressed) && u64_at(bytes, at + 8) == Some(uncompressed)
    };
    let signed = bytes.starts_with(b"PK\x07\x08");
    let forms = [
        (16, signed && small(8)),
        (24, signed && large(8)),
        (12, small(4)),
        (20, large(4)),
    ];
    forms
        .iter()
        .find(|(length, fits)| *fits && is_followed(bytes, *length))
        .or_else(|| forms.iter().find(|(_, fits)| *fits))
        .map_or(0, |(length, _)| *length as u64)
}
