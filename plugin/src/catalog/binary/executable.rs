//! Which parts of an executable file are loaded where: as much of ELF, PE and Mach-O as it takes to follow
//! a pointer of the program back into its file. Read from the beginning of the file only.

/// Segments or sections of one file that are looked at. Linkers write a dozen.
const MAX_SEGMENTS: usize = 96;
/// Architectures of one fat Mach-O file. A Java class begins with the same four bytes, followed by its
/// version, which is 45 at the least.
const MAX_SLICES: u32 = 30;

/// A part of the file that is loaded into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// Its bytes in the file.
    pub(super) size: u64,
    /// Where it is loaded.
    pub(super) address: u64,
    /// True when the program may write to it.
    pub(super) writable: bool,
}

impl Segment {
    /// True when it holds that byte of the file.
    pub(super) fn holds(&self, offset: u64) -> bool {
        offset
            .checked_sub(self.offset)
            .is_some_and(|into| into < self.size)
    }
}

/// The loaded parts of a file, as far as its beginning tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    segments: Vec<Segment>,
}

impl Layout {
    /// Reads the headers in the first bytes of a file. Without a segment when there is nothing to be told.
    pub(super) fn read(head: &[u8]) -> Self {
        let segments = match Magic::of(head) {
            Some(Magic::Elf) => elf(head),
            Some(Magic::Pe) => pe(head),
            Some(Magic::MachO) => mach_o(head),
            // Each slice has headers of its own, further on.
            Some(Magic::Fat) | None => None,
        };
        Self {
            segments: segments.unwrap_or_default(),
        }
    }

    /// Where in the file lies what the program finds at an address.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let into = address.checked_sub(segment.address)?;
            (into < segment.size).then(|| segment.offset.checked_add(into))?
        })
    }

    /// True when that byte of the file lies in memory that the program may write to, where linkers put
    /// what describes the build.
    pub(super) fn is_data(&self, offset: u64) -> bool {
        self.segments
            .iter()
            .any(|segment| segment.writable && segment.holds(offset))
    }

    /// The first writable part.
    pub(super) fn data(&self) -> Option<Segment> {
        self.segments
            .iter()
            .find(|segment| segment.writable && segment.size > 0)
            .copied()
    }
}

/// Formats of executables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    Elf,
    Pe,
    MachO,
    Fat,
}

impl Magic {
    /// By the first bytes of a file.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [b'M', b'Z', ..] => Some(Self::Pe),
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
                Some(Self::MachO)
            }
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..]
                if Reader::big(head)
                    .word(4)
                    .is_some_and(|slices| (1..=MAX_SLICES).contains(&slices)) =>
            {
                Some(Self::Fat)
            }
            _ => None,
        }
    }
}

/// Numbers of one byte order at places of a slice.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d> {
    data: &'d [u8],
    big: bool,
}

impl<'d> Reader<'d> {
    pub(super) fn new(data: &'d [u8], big: bool) -> Self {
        Self { data, big }
    }

    fn big(data: &'d [u8]) -> Self {
        Self::new(data, true)
    }

    fn half(self, at: usize) -> Option<u16> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn word(self, at: usize) -> Option<u32> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn long(self, at: usize) -> Option<u64> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(if self.big {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// A number as wide as a pointer.
    pub(super) fn pointer(self, at: usize, wide: bool) -> Option<u64> {
        if wide {
            self.long(at)
        } else {
            self.word(at).map(u64::from)
        }
    }
}

fn elf(head: &[u8]) -> Option<Vec<Segment>> {
    const LOAD: u32 = 1;
    const WRITE: u32 = 2;
    let wide = *head.get(4)? == 2;
    let reader = Reader::new(head, *head.get(5)? == 2);
    let (table, size, count) = if wide {
        (reader.long(32)?, reader.half(54)?, reader.half(56)?)
    } else {
        (
            u64::from(reader.word(28)?),
            reader.half(42)?,
            reader.half(44)?,
        )
    };
    let table = usize::try_from(table).ok()?;
    let mut segments = Vec::new();
    for index in 0..usize::from(count).min(MAX_SEGMENTS) {
        let at = table.checked_add(index * usize::from(size))?;
        let entry = Reader::new(head.get(at..).unwrap_or_default(), reader.big);
        let segment = |offset, address, size, flags| -> Option<Segment> {
            Some(Segment {
                offset: entry.pointer(offset, wide)?,
                address: entry.pointer(address, wide)?,
                size: entry.pointer(size, wide)?,
                writable: entry.word(flags)? & WRITE != 0,
            })
        };
        if entry.word(0) == Some(LOAD) {
            segments.extend(if wide {
                segment(8, 16, 32, 4)
            } else {
                segment(4, 8, 16, 24)
            });
        }
    }
    Some(segments)
}

fn pe(head: &[u8]) -> Option<Vec<Segment>> {
    const WRITE: u32 = 0x8000_0000;
    let start = usize::try_from(Reader::new(head, false).word(0x3c)?).ok()?;
    let reader = Reader::new(head.get(start..)?, false);
    if !head.get(start..)?.starts_with(b"PE\0\0") {
        return None;
    }
    let count = reader.half(6)?;
    let optional = usize::from(reader.half(20)?);
    let base = match reader.half(24)? {
        0x10b => u64::from(reader.word(24 + 28)?),
        0x20b => reader.long(24 + 24)?,
        _ => return None,
    };
    let mut segments = Vec::new();
    for index in 0..usize::from(count).min(MAX_SEGMENTS) {
        let at = 24 + optional + index * 40;
        let section = || -> Option<Segment> {
            Some(Segment {
                address: base.checked_add(u64::from(reader.word(at + 12)?))?,
                size: u64::from(reader.word(at + 16)?),
                offset: u64::from(reader.word(at + 20)?),
                writable: reader.word(at + 36)? & WRITE != 0,
            })
        };
        segments.extend(section());
    }
    Some(segments)
}

fn mach_o(head: &[u8]) -> Option<Vec<Segment>> {
    const SEGMENT: u32 = 1;
    const SEGMENT_64: u32 = 0x19;
    const WRITE: u32 = 2;
    let big = head.first() == Some(&0xfe);
    let magic = Reader::new(head, big).word(0)?;
    let wide = magic == 0xfeed_facf;
    let reader = Reader::new(head, big);
    let mut at: usize = if wide { 32 } else { 28 };
    let mut segments = Vec::new();
    for _ in 0..reader.word(16)?.min(256) {
        let (Some(kind), Some(size)) = (reader.word(at), reader.word(at.saturating_add(4))) else {
            break;
        };
        let command = Reader::new(head.get(at..).unwrap_or_default(), big);
        let segment = |wide: bool, protection: usize| -> Option<Segment> {
            let step = if wide { 8 } else { 4 };
            Some(Segment {
                address: command.pointer(24, wide)?,
                offset: command.pointer(24 + 2 * step, wide)?,
                size: command.pointer(24 + 3 * step, wide)?,
                writable: command.word(protection)? & WRITE != 0,
            })
        };
        match kind {
            SEGMENT => segments.extend(segment(false, 44)),
            SEGMENT_64 => segments.extend(segment(true, 60)),
            _ => {}
        }
        if segments.len() >= MAX_SEGMENTS || size < 8 {
            break;
        }
        at = at.saturating_add(usize::try_from(size).ok()?);
    }
    Some(segments)
}
