//! What Go's linker leaves in a program: its own version, and the modules that went in.
//!
//! Since Go 1.18 both texts stand behind the mark that announces them. Before, the mark is followed by two
//! pointers to string headers, which point to the texts; those lie in a part of the file that has gone by
//! when the pointers are read. So what may be one of the texts is kept as it passes (each begins with a
//! mark of its own), and the program's data, where the headers are; the pointers then choose.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::executable::{Layout, Reader};
use super::window::{Run, View};
use crate::catalog::Found;
use crate::catalog::lines::text;
use crate::contract::SkipReason;

/// Bytes of the list of modules. One module takes 100; the largest programs have 2,000.
pub(super) const MAX_MODULES: usize = 1 << 20;
/// Lists that are kept of one file until it is known which is its own: a program may hold others.
const MAX_LISTS: usize = 4;
/// Marks that may be the file's own.
const MAX_MARKS: usize = 16;
/// Places that may be where the version stands.
const MAX_VERSIONS: usize = 4096;
/// Bytes of a version.
const VERSION_BYTES: usize = 32;
/// Bytes of the program's data that are kept for the sake of string headers.
const MAX_DATA: u64 = 4 << 20;
/// Bytes of a version that stands behind the mark: it may name experiments.
const MAX_VERSION: u64 = 512;

/// What announces it, 16 bytes apart from the file's beginning or a multiple of that.
const MARK: [u8; 14] = *b"\xff Go buildinf:";
const MARK_ALIGN: u64 = 16;
/// The mark, the size of a pointer, flags, and 16 bytes that only the old form uses.
const HEADER: usize = 32;
const BIG_ENDIAN: u8 = 1;
const INLINE: u8 = 2;
/// What the list of modules begins and ends with.
const BEGIN: [u8; 16] = 0x3077_af0c_9274_0802_41e1_c107_e6d6_18e6_u128.to_be_bytes();
const END: [u8; 16] = 0xf932_4331_8618_2072_0082_4210_4116_d8f2_u128.to_be_bytes();
const VERSION_BEGIN: &[u8] = b"go1.";

static FIND_BEGIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&BEGIN));
static FIND_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&END));
static FIND_VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(VERSION_BEGIN));

/// What the linker says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BuildInfo {
    /// Of the tools (`go1.22.3`).
    pub(super) version: String,
    /// The list of modules as lines, without what it begins and ends with.
    pub(super) modules: Vec<u8>,
    /// The list is longer than is read.
    pub(super) cut: bool,
}

/// A mark with both texts behind it.
struct Inline {
    version: String,
    modules: Run,
    cut: bool,
    in_data: bool,
}

/// A mark with pointers.
struct Pointers {
    wide: bool,
    big: bool,
    version: u64,
    modules: u64,
    in_data: bool,
}

/// A list of modules, wherever it is referred to.
struct List {
    run: Run,
    ended: bool,
}

/// The places of marks, each a multiple of 16 bytes from the beginning of `data`.
fn marks(data: &[u8]) -> impl Iterator<Item = usize> {
    let (blocks, _) = data.as_chunks::<16>();
    let is_mark = |block: &[u8; 16]| block.first_chunk::<14>() == Some(&MARK);
    blocks
        .iter()
        .enumerate()
        .filter(move |(_, block)| is_mark(block))
        .map(|(index, _)| index * 16)
}

/// Looks for it in a file that goes by.
pub(super) struct Watch {
    layout: Layout,
    inline: Vec<Inline>,
    pointers: Vec<Pointers>,
    lists: Vec<List>,
    versions: Vec<(u64, [u8; VERSION_BYTES])>,
    data: Option<Run>,
    /// A mark in the program's data whose texts make no sense.
    odd: bool,
}

impl Watch {
    pub(super) fn new(layout: Layout) -> Self {
        let data = layout.data().map(|data| {
            let length = usize::try_from(data.size.min(MAX_DATA)).unwrap_or(0);
            Run::new(data.offset, length)
        });
        Self {
            layout,
            inline: Vec::new(),
            pointers: Vec::new(),
            lists: Vec::new(),
            versions: Vec::new(),
            data,
            odd: false,
        }
    }

    /// True when the file's own is known: the rest of it says nothing more.
    fn is_settled(&self) -> bool {
        self.inline.iter().any(|inline| inline.in_data)
    }

    /// Looks at the next window.
    pub(super) fn see(&mut self, view: View<'_>) {
        if !self.is_settled() {
            self.marks(view);
        }
        if self.is_settled() {
            self.lists = Vec::new();
            self.versions = Vec::new();
            self.data = None;
        } else {
            self.old_texts(view);
        }
        for inline in &mut self.inline {
            inline.modules.take(view);
        }
    }

    fn marks(&mut self, view: View<'_>) {
        // From the first place in the window at which a mark may stand.
        let from = view.offset.next_multiple_of(MARK_ALIGN) - view.offset;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        for at in marks(view.data.get(from..).unwrap_or_default()) {
            let at = from + at;
            if at >= view.fresh {
                break;
            }
            let offset = view.offset + at as u64;
            let blob = view.data.get(at..).unwrap_or_default();
            let (Some(wide), Some(flags)) = (blob.get(14), blob.get(15)) else {
                continue;
            };
            let in_data = self.layout.is_data(offset);
            if flags & INLINE != 0 {
                match inline(blob, offset, in_data) {
                    Some(inline) if in_data || self.inline.len() < MAX_LISTS => {
                        self.inline.push(inline);
                        if in_data {
                            self.inline.retain(|inline| inline.in_data);
                            return;
                        }
                    }
                    Some(_) => {}
                    None => self.odd |= in_data,
                }
            } else if matches!(wide, 4 | 8) && self.pointers.len() < MAX_MARKS {
                let wide = *wide == 8;
                let big = flags & BIG_ENDIAN != 0;
                let reader = Reader::new(blob, big);
                let step = if wide { 8 } else { 4 };
                if let (Some(version), Some(modules)) =
                    (reader.pointer(16, wide), reader.pointer(16 + step, wide))
                {
                    self.pointers.push(Pointers {
                        wide,
                        big,
                        version,
                        modules,
                        in_data,
                    });
                }
            }
        }
    }

    /// Keeps what pointers may lead to.
    fn old_texts(&mut self, view: View<'_>) {
        // Without segments no pointer leads anywhere.
        let Some(data) = &mut self.data else {
            return;
        };
        data.take(view);
        let end = (view.fresh + VERSION_BEGIN.len() - 1).min(view.data.len());
        for at in FIND_VERSION.find_iter(view.data.get(..end).unwrap_or_default()) {
            if self.versions.len() >= MAX_VERSIONS {
                break;
            }
            let mut kept = [0; VERSION_BYTES];
            for (to, from) in kept.iter_mut().zip(view.data.get(at..).unwrap_or_default()) {
                *to = *from;
            }
            self.versions.push((view.offset + at as u64, kept));
        }
        let end = (view.fresh + BEGIN.len() - 1).min(view.data.len());
        for at in FIND_BEGIN.find_iter(view.data.get(..end).unwrap_or_default()) {
            if self.lists.len() < MAX_LISTS {
                self.lists.push(List {
                    run: Run::new(view.offset + at as u64, MAX_MODULES),
                    ended: false,
                });
            }
        }
        for list in self.lists.iter_mut().filter(|list| !list.ended) {
            let searched = list.run.bytes.len().saturating_sub(END.len() - 1);
            list.run.take(view);
            let fresh = list.run.bytes.get(searched..).unwrap_or_default();
            if let Some(into) = FIND_END.find(fresh) {
                list.run.bytes.truncate(searched + into + END.len());
                list.run.bytes.shrink_to_fit();
                list.ended = true;
            } else if list.run.is_whole() {
                list.run.bytes = Vec::new();
                list.ended = true;
            }
        }
    }

    /// The file has ended: what it says, if it is one of Go's. What lies where linkers put it comes first:
    /// a program may hold another one among its constants.
    pub(super) fn finish(self, found: &mut Found) -> Option<BuildInfo> {
        let info = self
            .inline(true, found)
            .or_else(|| self.old(true))
            .or_else(|| self.inline(false, found))
            .or_else(|| self.old(false));
        let is_one = self.odd || self.pointers.iter().any(|pointers| pointers.in_data);
        if info.is_none() && is_one {
            found.note(
                SkipReason::Unsupported,
                "it is a Go program whose build information could not be read".to_owned(),
            );
        }
        info
    }

    fn inline(&self, in_data: bool, found: &mut Found) -> Option<BuildInfo> {
        let inline = self.inline.iter().find(|one| one.in_data == in_data)?;
        if !inline.modules.is_whole() {
            found.note(
                SkipReason::Corrupt,
                "its list of Go modules breaks off".to_owned(),
            );
        }
        Some(BuildInfo {
            version: inline.version.clone(),
            modules: between_marks(&inline.modules.bytes)
                .unwrap_or_default()
                .to_vec(),
            cut: inline.cut,
        })
    }

    fn old(&self, in_data: bool) -> Option<BuildInfo> {
        self.pointers
            .iter()
            .filter(|pointers| pointers.in_data == in_data)
            .find_map(|pointers| self.follow(pointers))
    }

    fn follow(&self, pointers: &Pointers) -> Option<BuildInfo> {
        let (at, length) = self.string(pointers, pointers.version)?;
        let place = self
            .versions
            .binary_search_by_key(&at, |(offset, _)| *offset)
            .ok()?;
        let (_, version) = self.versions.get(place)?;
        let version = version.get(..usize::try_from(length).ok()?.min(VERSION_BYTES))?;
        // A program without modules has an empty string there, whose pointer leads nowhere.
        let list = self
            .string(pointers, pointers.modules)
            .and_then(|(at, _)| self.lists.iter().find(|list| list.run.start == at));
        Some(BuildInfo {
            version: text(version),
            modules: list
                .and_then(|list| between_marks(&list.run.bytes))
                .unwrap_or_default()
                .to_vec(),
            cut: list.is_some_and(|list| list.run.bytes.is_empty()),
        })
    }

    /// Where in the file a string stands whose header is at an address, and its length.
    fn string(&self, pointers: &Pointers, header: u64) -> Option<(u64, u64)> {
        let header = self.layout.offset_of(header)?;
        let header = self.data.as_ref()?.from(header)?;
        let reader = Reader::new(header, pointers.big);
        let at = reader.pointer(0, pointers.wide)?;
        let length = reader.pointer(if pointers.wide { 8 } else { 4 }, pointers.wide)?;
        Some((self.layout.offset_of(at)?, length))
    }
}

/// Reads the mark of the newer form, as far as the version; `None` where it is none.
fn inline(blob: &[u8], offset: u64, in_data: bool) -> Option<Inline> {
    let mut at = HEADER;
    let length = varint(blob, &mut at)?;
    if length > MAX_VERSION {
        return None;
    }
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let version = text(blob.get(at..end)?);
    if !(version.starts_with("go") || version.starts_with("devel")) {
        return None;
    }
    at = end;
    let length = varint(blob, &mut at)?;
    let start = offset.checked_add(at as u64)?;
    let modules = blob.get(at..)?;
    if length > 0 && !modules.starts_with(&BEGIN) {
        return None;
    }
    let kept = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_MODULES);
    Some(Inline {
        version,
        modules: Run::new(start, kept.unwrap_or(0)),
        cut: kept.is_none(),
        in_data,
    })
}

fn varint(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value: u64 = 0;
    for shift in (0..63).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The lines between what a list begins and ends with.
fn between_marks(list: &[u8]) -> Option<&[u8]> {
    let lines = list.get(BEGIN.len()..list.len().checked_sub(END.len())?)?;
    lines.ends_with(b"\n").then_some(lines)
}
