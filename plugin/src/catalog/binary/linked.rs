//! Which packages are linked into a Go program, by its function table (pclntab).
//!
//! The list of modules says what was at hand when the program was built; the linker took the packages that
//! are needed. The function table survives stripping and begins with the names of all functions, those among
//! them that were inlined everywhere (but for those of which no instruction is left). It goes by once: of
//! each name only the package stays. The runtime has functions under the names of other packages of the
//! standard library (`os/signal`), so a few may be told that are not there.
//!
//! The answer is all or nothing, for a package that is missing from it counts as not linked: a table that is
//! cut, too large or of Go before 1.16 tells nothing. Where a file holds several (a fat file, a program
//! among the constants of another), the packages of all are told.

use std::collections::{BTreeMap, HashSet};

use memchr::{memchr, memrchr};

use super::executable::Reader;
use super::window::View;

/// Where a table may begin: a multiple of so many bytes from the beginning of the file. Linkers take 32.
const ALIGN: usize = 16;
/// Bytes of the longest header: eight of its bytes, and eight numbers.
const HEADER: usize = 8 + 8 * 8;
/// Bytes that may lie between the header and the names.
const MAX_GAP: u64 = 64;
/// Bytes of the names of all tables of one file. The largest programs met have 16 MiB.
const MAX_NAMES: u64 = 64 << 20;
/// Tables whose names go by at a time.
const MAX_TABLES: usize = 16;
/// Bytes of a name that are looked at: a package's path stands at its beginning.
const MAX_NAME: usize = 1024;
/// Bytes of a package's path, and folders of it.
const MAX_PATH: usize = 512;
const MAX_DEPTH: usize = 32;
/// Packages of one file, and their bytes. The largest programs met have 6,000.
const MAX_PACKAGES: usize = 30_000;
const MAX_PACKAGE_BYTES: usize = 2 << 20;

/// Bytes of one module's attribute.
pub(super) const MAX_ATTRIBUTE: usize = 16 << 10;
/// Bytes of the attributes of one program.
pub(super) const MAX_ATTRIBUTES: usize = 256 << 10;

/// A table whose names are going by.
struct Table {
    /// Where in the file its names begin and end.
    next: u64,
    end: u64,
    /// The beginning of a name that goes on in the next view, and true when one does.
    begun: Vec<u8>,
    is_begun: bool,
}

/// Looks for tables in a file that goes by.
#[derive(Default)]
pub(super) struct Watch {
    tables: Vec<Table>,
    /// Bytes of the names of all tables so far.
    names: u64,
    packages: HashSet<Box<str>>,
    bytes: usize,
    found: bool,
    /// Something is missing, so nothing can be told.
    failed: bool,
}

impl Watch {
    /// Looks at the next window.
    pub(super) fn see(&mut self, view: View<'_>) {
        self.find(view);
        if self.failed {
            *self = Self {
                failed: true,
                ..Self::default()
            };
            return;
        }
        let mut tables = std::mem::take(&mut self.tables);
        tables.retain_mut(|table| {
            self.read(table, view);
            table.next < table.end
        });
        self.tables = tables;
    }

    fn find(&mut self, view: View<'_>) {
        if self.failed {
            return;
        }
        let from = view.offset.next_multiple_of(ALIGN as u64) - view.offset;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let fresh = view.data.get(from..view.fresh).unwrap_or_default();
        // The last block may be cut where the file ends: nothing can follow it.
        let (blocks, _) = fresh.as_chunks::<ALIGN>();
        for (index, block) in blocks.iter().enumerate() {
            if !is_magic(block) {
                continue;
            }
            let at = from + index * ALIGN;
            let header = view.data.get(at..).unwrap_or_default();
            if let Some((names, end)) = names(header) {
                self.names = self.names.saturating_add(end - names);
                if self.tables.len() >= MAX_TABLES || self.names > MAX_NAMES {
                    self.failed = true;
                    return;
                }
                self.found = true;
                let start = view.offset + at as u64;
                self.tables.push(Table {
                    next: start.saturating_add(names),
                    end: start.saturating_add(end),
                    begun: Vec::new(),
                    is_begun: false,
                });
            }
        }
    }

    /// Takes the names that the view has. What is kept of a name that goes on is its beginning.
    fn read(&mut self, table: &mut Table, view: View<'_>) {
        let to = view.offset + view.fresh as u64;
        let place = |offset: u64| usize::try_from(offset.checked_sub(view.offset)?).ok();
        let (Some(from), Some(until)) = (place(table.next), place(to.min(table.end))) else {
            return;
        };
        let Some(mut rest) = view.data.get(from..until).filter(|rest| !rest.is_empty()) else {
            return;
        };
        table.next += rest.len() as u64;
        if table.is_begun {
            let end = memchr(0, rest);
            let (head, tail) = rest.split_at(end.unwrap_or(rest.len()));
            let room = MAX_NAME - table.begun.len().min(MAX_NAME);
            let head = head.get(..head.len().min(room)).unwrap_or_default();
            table.begun.extend_from_slice(head);
            if end.is_none() {
                return;
            }
            let name = std::mem::take(&mut table.begun);
            table.is_begun = false;
            self.name(&name);
            rest = tail.get(1..).unwrap_or_default();
        }
        while let Some(end) = memchr(0, rest) {
            let (name, tail) = rest.split_at(end);
            self.name(name);
            rest = tail.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            let kept = rest.get(..rest.len().min(MAX_NAME)).unwrap_or_default();
            table.begun.extend_from_slice(kept);
            table.is_begun = true;
        }
    }

    fn name(&mut self, name: &[u8]) {
        let Some(package) = package(name) else {
            return;
        };
        if self.failed || self.packages.contains(package) {
            return;
        }
        self.bytes += package.len();
        if self.packages.len() >= MAX_PACKAGES || self.bytes > MAX_PACKAGE_BYTES {
            self.failed = true;
            self.packages = HashSet::new();
            return;
        }
        self.packages.insert(package.into());
    }

    /// The paths of all packages that are linked, sorted; `None` where they are not known.
    pub(super) fn finish(self) -> Option<Vec<String>> {
        // Every program of Go has this one: a table without it is none.
        let known = self.found && !self.failed && self.tables.is_empty();
        if !known || !self.packages.contains("runtime") {
            return None;
        }
        let mut all: Vec<String> = self
            .packages
            .iter()
            .filter_map(|package| unescaped(package))
            .collect();
        all.sort_unstable();
        Some(all)
    }
}

/// True for a block that may be the beginning of a table: the mark of Go 1.16, 1.18 or 1.20 in either order
/// of bytes, two zeros, the smallest instruction, the size of a pointer.
fn is_magic(block: &[u8; ALIGN]) -> bool {
    matches!(
        block,
        [
            0xf0 | 0xf1 | 0xfa,
            0xff,
            0xff,
            0xff,
            0,
            0,
            1 | 2 | 4,
            4 | 8,
            ..
        ] | [
            0xff,
            0xff,
            0xff,
            0xf0 | 0xf1 | 0xfa,
            0,
            0,
            1 | 2 | 4,
            4 | 8,
            ..
        ]
    )
}

/// Where the names begin and end, counted from the beginning of a table; `None` where it is none.
fn names(header: &[u8]) -> Option<(u64, u64)> {
    let big = *header.first()? == 0xff;
    let mark = if big { header.get(3) } else { header.first() };
    let wide = *header.get(7)? == 8;
    let step = if wide { 8 } else { 4 };
    let reader = Reader::new(header, big);
    let word = |index: usize| reader.pointer(8 + index * step, wide);
    // Since 1.18 the address of the program's text stands before the offsets.
    let first = if *mark? == 0xfa { 2 } else { 3 };
    let functions = word(0)?;
    let names = word(first)?;
    let end = word(first + 1)?;
    let last = word(first + 4)?;
    let least = 8 + (first as u64 + 5) * step as u64;
    let fits = functions > 0
        && (least..=HEADER as u64 + MAX_GAP).contains(&names)
        && names < end
        && end <= last;
    fits.then_some((names, end))
}

/// The package of a function's name, as the linker writes it.
fn package(name: &[u8]) -> Option<&str> {
    let name = name.get(..name.len().min(MAX_NAME))?;
    // What the compiler makes for a type belongs to nobody's code (`type:.eq.example.com/x.T`).
    if [&b"type.."[..], b"type:", b"go:"]
        .iter()
        .any(|made| name.starts_with(made))
    {
        return None;
    }
    // Behind these stand types, whose paths are others'.
    let types = name
        .iter()
        .position(|byte| matches!(byte, b'(' | b'[' | b'{' | b' '));
    let name = name.get(..types.unwrap_or(name.len()))?;
    let folder = memrchr(b'/', name).map_or(0, |at| at + 1);
    let dot = folder + memchr(b'.', name.get(folder..)?)?;
    let package = name.get(..dot)?;
    // Methods of types without a name are in a package `go`, helpers of the compiler in one like `__x86`:
    // neither is one.
    let fits = package.len() <= MAX_PATH
        && dot > folder
        && package != b"go"
        && !package.starts_with(b"_")
        && package.iter().all(|byte| (b'!'..=b'~').contains(byte));
    std::str::from_utf8(package).ok().filter(|_| fits)
}

/// Dots of the last part, and letters beyond ASCII, stand in names as `%2e`.
fn unescaped(package: &str) -> Option<String> {
    if package.bytes().filter(|byte| *byte == b'/').count() >= MAX_DEPTH {
        return None;
    }
    let path = percent_encoding::percent_decode_str(package)
        .decode_utf8()
        .ok()?;
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    (!path.contains(odd)).then(|| path.into_owned())
}

/// What a program is made of, by the paths under which it imports it.
pub(super) struct Modules<'m> {
    /// The modules.
    pub(super) paths: Vec<&'m str>,
    /// The place of the main module in it.
    pub(super) main: Option<usize>,
    /// The path of the program's own package.
    pub(super) own: Option<&'m str>,
}

/// The packages of each module, as the text of an attribute, and whether it is cut. One more at the end is
/// the standard library's.
pub(super) fn by_module(packages: &[String], of: &Modules<'_>) -> Vec<(String, bool)> {
    let modules = of.paths.as_slice();
    let places: BTreeMap<&str, usize> = modules
        .iter()
        .enumerate()
        .rev()
        .map(|(place, path)| (*path, place))
        .collect();
    let mut lists: Vec<Vec<&str>> = vec![Vec::new(); modules.len() + 1];
    // Of a program built from single files nobody knows which package of its module that was.
    let mut unsure = None;
    for package in packages {
        let package = match package.as_str() {
            // Its import path stands in the list of modules only.
            "main" => match of.own.filter(|own| module_of(own, &places).is_some()) {
                Some(own) => own,
                None => {
                    unsure = of.main;
                    continue;
                }
            },
            package => package,
        };
        let place = module_of(package, &places);
        let list = place.unwrap_or(modules.len());
        let inside = match place.and_then(|place| modules.get(place)) {
            Some(module) => package.get(module.len()..).unwrap_or_default(),
            None if is_standard(package) => package,
            None => continue,
        };
        let inside = inside.trim_start_matches('/');
        if let Some(list) = lists.get_mut(list) {
            list.push(if inside.is_empty() { "." } else { inside });
        }
    }
    let mut left = MAX_ATTRIBUTES;
    lists
        .into_iter()
        .enumerate()
        .map(|(place, mut list)| {
            // A module's own package is named by a dot, and `main` came by another name.
            list.sort_unstable();
            list.dedup();
            let (text, cut) = joined(&list, left.min(MAX_ATTRIBUTE));
            left -= text.len();
            (text, cut || unsure == Some(place))
        })
        .collect()
}

/// The module with the longest path that the package is in.
fn module_of(package: &str, places: &BTreeMap<&str, usize>) -> Option<usize> {
    let mut path = package;
    loop {
        if let Some(place) = places.get(path) {
            return Some(*place);
        }
        path = path.rsplit_once('/')?.0;
    }
}

/// True for a package of the standard library: the first part of other paths is the name of a site.
fn is_standard(package: &str) -> bool {
    let first = package.split('/').next().unwrap_or_default();
    !first.contains('.')
}

fn joined(list: &[&str], room: usize) -> (String, bool) {
    let mut text = String::new();
    for path in list {
        let more = path.len() + usize::from(!text.is_empty());
        if text.len() + more > room {
            return (text, true);
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(path);
    }
    (text, false)
}
