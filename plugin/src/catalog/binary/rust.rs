//! What `cargo auditable` leaves in a program: the packages it is built of, as JSON, deflated, in a section
//! `.dep-v0`.
//!
//! The table of sections stands at the end of a file, and the file is read once. So the section is told by
//! its contents: a zlib header at any place, of which nearly all are chance. What stands behind the header
//! rules out most of those without inflating; the rest are inflated for a few bytes.

use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashSet;

use super::window::View;
use crate::catalog::lines::text;
use crate::catalog::{Found, FoundPackage};
use crate::contract::SkipReason;

/// The `format` of its packages.
pub(super) const FORMAT: &str = "rust-binary";
/// Bytes of inflated JSON. A program of 1,000 crates has 100 KB.
pub(super) const MAX_JSON: usize = 4 << 20;
/// Lists of packages in one file: it may hold other programs.
pub(super) const MAX_LISTS: usize = 8;
/// How the JSON begins, whoever writes it.
const BEGINNING: &[u8] = b"{\"packages\":";
/// Bytes that are inflated on trial: a block's own header may take 560 bytes.
const TRIAL: usize = 1024;
/// Bytes that are told apart at once.
const BLOCK: usize = 256;

#[derive(Deserialize)]
struct List<'j> {
    #[serde(borrow)]
    packages: Vec<Stated<'j>>,
}

#[derive(Deserialize)]
struct Stated<'j> {
    #[serde(borrow)]
    name: Cow<'j, str>,
    #[serde(borrow)]
    version: Cow<'j, str>,
    #[serde(borrow, default)]
    source: Option<Cow<'j, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'j, str>>,
    #[serde(default)]
    root: bool,
}

/// Looks for the lists in a file that goes by.
pub(super) struct Watch {
    trial: Option<Decompress>,
    inflating: Option<Inflating>,
    seen: HashSet<(String, String)>,
    lists: usize,
}

struct Inflating {
    decoder: Decompress,
    /// The next byte of the file that it needs.
    next: u64,
    json: Vec<u8>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            trial: None,
            inflating: None,
            seen: HashSet::new(),
            lists: 0,
        }
    }

    /// Looks at the next window.
    pub(super) fn see(&mut self, view: View<'_>, found: &mut Found) {
        let mut at = 0;
        loop {
            if let Some(inflating) = &mut self.inflating {
                let ended = inflating.take(view);
                let next = inflating.next;
                match ended {
                    None => return,
                    Some(Ok(())) => {
                        let json = std::mem::take(&mut inflating.json);
                        self.inflating = None;
                        self.list(&json, found);
                    }
                    Some(Err((reason, what))) => {
                        self.inflating = None;
                        found.note(reason, what);
                    }
                }
                at = usize::try_from(next.saturating_sub(view.offset)).unwrap_or(usize::MAX);
            }
            if self.lists >= MAX_LISTS {
                return;
            }
            let Some(place) = self.search(view, at) else {
                return;
            };
            self.lists += 1;
            self.inflating = Some(Inflating {
                decoder: Decompress::new(true),
                next: view.offset + place as u64,
                json: Vec::new(),
            });
        }
    }

    /// The file has ended.
    pub(super) fn finish(self, found: &mut Found) {
        if self.inflating.is_some() {
            found.note(
                SkipReason::Corrupt,
                "its list of Rust packages breaks off".to_owned(),
            );
        }
    }

    /// Where the next list begins.
    fn search(&mut self, view: View<'_>, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at = next_header(view.data, at, view.fresh)?;
            let body = view.data.get(at..)?;
            let body = body.get(..TRIAL).unwrap_or(body);
            if may_be_json(body.get(2..)?) && self.begins(body) {
                return Some(at);
            }
            at += 1;
        }
    }

    /// Inflates the first bytes.
    fn begins(&mut self, body: &[u8]) -> bool {
        let trial = self.trial.get_or_insert_with(|| Decompress::new(true));
        trial.reset(true);
        let mut out = [0; BEGINNING.len()];
        let _ = trial.decompress(body, &mut out, FlushDecompress::None);
        out == BEGINNING
    }

    fn list(&mut self, json: &[u8], found: &mut Found) {
        let list: List<'_> = match serde_json::from_slice(json) {
            Ok(list) => list,
            Err(error) => {
                found.note(
                    SkipReason::Corrupt,
                    format!("its list of Rust packages is not what it should be: {error}"),
                );
                return;
            }
        };
        for stated in list.packages {
            // What only ran while it was built is not in it.
            if stated.kind.as_deref().unwrap_or("runtime") != "runtime" {
                continue;
            }
            let name = text(stated.name.as_bytes());
            let version = text(stated.version.as_bytes());
            if name.is_empty() || !self.seen.insert((name.clone(), version.clone())) {
                continue;
            }
            let mut attributes = Vec::new();
            if stated.root {
                attributes.push(("rust.root".to_owned(), "true".to_owned()));
            }
            if let Some(source) = stated.source.filter(|source| source != "crates.io") {
                attributes.push(("rust.source".to_owned(), text(source.as_bytes())));
            }
            let package = FoundPackage {
                format: Some(FORMAT.to_owned()),
                name,
                version,
                attributes,
                ..FoundPackage::default()
            };
            if !found.push(package) {
                return;
            }
        }
    }
}

impl Inflating {
    /// Inflates what the view has; `None` when it needs more.
    fn take(&mut self, view: View<'_>) -> Option<Result<(), (SkipReason, String)>> {
        let at = usize::try_from(self.next.saturating_sub(view.offset)).unwrap_or(usize::MAX);
        let mut input = view.data.get(at..).unwrap_or_default();
        loop {
            if self.json.capacity() - self.json.len() < 4096 {
                self.json.reserve(16 * 1024);
            }
            let (read, made) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self
                .decoder
                .decompress_vec(input, &mut self.json, FlushDecompress::None);
            let read = self.decoder.total_in() - read;
            let made = self.decoder.total_out() - made;
            self.next += read;
            input = input
                .get(usize::try_from(read).unwrap_or(usize::MAX)..)
                .unwrap_or_default();
            if self.json.len() > MAX_JSON {
                return Some(Err((
                    SkipReason::OverLimit,
                    format!("its list of Rust packages has more than {MAX_JSON} bytes"),
                )));
            }
            match status {
                Ok(Status::StreamEnd) => return Some(Ok(())),
                // Room left: nothing is held back in the decoder.
                Ok(_) if input.is_empty() && self.json.len() < self.json.capacity() => return None,
                Ok(_) if read > 0 || made > 0 => {}
                _ => {
                    return Some(Err((
                        SkipReason::Corrupt,
                        "its list of Rust packages does not inflate".to_owned(),
                    )));
                }
            }
        }
    }
}

/// The next place, at `from` or after it and before `end`, of two bytes that a zlib stream with the usual
/// window begins with.
fn next_header(data: &[u8], from: usize, end: usize) -> Option<usize> {
    let is_header = |first: u8, second: u8| {
        (first == 0x78)
            & ((second == 0x01) | (second == 0x5e) | (second == 0x9c) | (second == 0xda))
    };
    let mut at = from;
    while at < end {
        let length = BLOCK.min(end - at);
        let firsts = data.get(at..at + length)?;
        let seconds = data.get(at + 1..)?;
        let seconds = seconds.get(..length).unwrap_or(seconds);
        // Without a branch, so that it becomes vector instructions.
        let any = firsts
            .iter()
            .zip(seconds)
            .fold(false, |any, (first, second)| {
                any | is_header(*first, *second)
            });
        if any {
            return firsts
                .iter()
                .zip(seconds)
                .position(|(first, second)| is_header(*first, *second))
                .map(|into| at + into);
        }
        at += length;
    }
    None
}

/// False when what follows a zlib header can't be deflated text that begins with a brace.
fn may_be_json(body: &[u8]) -> bool {
    let Some(bits) = body
        .first_chunk::<16>()
        .map(|bytes| u128::from_le_bytes(*bytes))
    else {
        // The end of the file: let inflating tell.
        return true;
    };
    let field = |at: u32, count: u32| (bits >> at) & ((1 << count) - 1);
    match field(1, 2) {
        // Stored: the length, its complement, the text.
        0 => {
            body.get(5..)
                .is_some_and(|text| text.starts_with(BEGINNING))
                && field(8, 16) ^ field(24, 16) == 0xffff
        }
        // Fixed codes: that of a brace.
        1 => field(3, 8) == 0xd5,
        // Codes of their own: the lengths of the codes that spell them have to make a whole tree.
        2 => {
            let count = u32::try_from(field(13, 4)).unwrap_or(0) + 4;
            let leaves: u32 = (0..count)
                .map(|index| field(17 + 3 * index, 3))
                .filter(|length| *length > 0)
                .map(|length| 128 >> length)
                .sum();
            field(3, 5) <= 29 && field(8, 5) <= 29 && leaves == 128
        }
        _ => false,
    }
}
