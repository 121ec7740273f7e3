//! How far a scan is, as the host keeps it between calls.
//!
//! While the list of images stays the same, how many of them are done says it all. For when it changes
//! meanwhile, the images that are done are remembered by the beginning of their identities (digest and tags:
//! an image that got another tag is told again). What is not in it is done again, which is harmless:
//! everything emitted has an identity.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::contract::ScanSummary;
use crate::registry::Digest;

/// The form of the cursor. A cursor of another form starts the scan anew.
const VERSION: u32 = 2;
/// Bytes of a digest that tell images apart: nobody finds two with the same by trying.
const PREFIX: usize = 9;
/// Images that are remembered: 48 KiB of the 64 that a cursor may have.
const MAX_DONE: usize = 4096;
/// Bytes of a cursor that are looked at.
const MAX_CURSOR: usize = 64 * 1024;

/// How far a scan is.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    order: Vec<[u8; PREFIX]>,
    done: HashSet<[u8; PREFIX]>,
    /// The list of images, as a digest, and how many of it are done.
    list: String,
    place: usize,
    /// What was counted so far.
    pub(super) counts: Counts,
}

/// What a scan counts, and what it remembers besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    /// Images emitted.
    pub(super) images: u64,
    /// Packages emitted.
    pub(super) packages: u64,
    /// Findings of the connector itself that were emitted.
    pub(super) findings: u64,
    /// Things skipped after the tags were listed.
    pub(super) skipped: u64,
    /// Layers read.
    pub(super) layers_read: u64,
    /// Layers whose inventory was at hand.
    pub(super) layers_reused: u64,
    /// Something that should have been read was not.
    pub(super) incomplete: bool,
    /// What the listing left out was emitted, if it was exactly this.
    pub(super) listed: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    done: String,
    list: String,
    place: usize,
    #[serde(flatten)]
    counts: Counts,
}

impl Cursor {
    /// Reads a cursor; an error says why it can't be used.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_CURSOR {
            return Err(format!("it has {} bytes", text.len()));
        }
        let version = serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|value| value.get("v")?.as_u64())
            .ok_or_else(|| "it is not one of this connector".to_owned())?;
        if version != u64::from(VERSION) {
            return Err(format!(
                "it is of version {version}, this connector writes {VERSION}"
            ));
        }
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let bytes = STANDARD_NO_PAD
            .decode(&written.done)
            .map_err(|error| error.to_string())?;
        let (order, rest) = bytes.as_chunks::<PREFIX>();
        if !rest.is_empty() {
            return Err("its list of images is cut".to_owned());
        }
        Ok(Self {
            order: order.to_vec(),
            done: order.iter().copied().collect(),
            list: written.list,
            place: written.place,
            counts: written.counts,
        })
    }

    /// As the host keeps it.
    pub(super) fn write(&self) -> String {
        let written = Written {
            v: VERSION,
            done: STANDARD_NO_PAD.encode(self.order.as_flattened()),
            list: self.list.clone(),
            place: self.place,
            counts: self.counts.clone(),
        };
        // Nothing in it can fail to be written.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Takes up a list of images (its digest). False when the earlier call had another one, of which more was
    /// done than is remembered one by one: then the scan begins anew.
    pub(super) fn take_up(&mut self, list: &str) -> bool {
        let known = self.list == list || self.place <= self.order.len();
        if !known {
            *self = Self::default();
        } else if self.list != list {
            self.place = 0;
        }
        list.clone_into(&mut self.list);
        known
    }

    /// Notes that the image at that place of the list is done.
    pub(super) fn finish(&mut self, place: usize, identity: &Digest) {
        self.place = self.place.max(place.saturating_add(1));
        if let Some(prefix) = prefix(identity)
            && self.order.len() < MAX_DONE
            && self.done.insert(prefix)
        {
            self.order.push(prefix);
        }
    }

    /// True when an earlier call has done that image.
    pub(super) fn is_done(&self, place: usize, identity: &Digest) -> bool {
        place < self.place || prefix(identity).is_some_and(|prefix| self.done.contains(&prefix))
    }

    /// The summary, with what this call knows besides.
    pub(super) fn summary(&self, tags: u64, findings: u64, listed_skips: u64) -> ScanSummary {
        let counts = &self.counts;
        ScanSummary {
            complete: !counts.incomplete,
            tags,
            images: counts.images,
            packages: counts.packages,
            findings: findings.saturating_add(counts.findings),
            skipped: counts.skipped.saturating_add(listed_skips),
            layers_read: counts.layers_read,
            layers_reused: counts.layers_reused,
            attributes: Vec::new(),
        }
    }
}

fn prefix(identity: &Digest) -> Option<[u8; PREFIX]> {
    let hex = identity.as_str().strip_prefix("sha256:")?;
    let mut prefix = [0; PREFIX];
    for (index, byte) in prefix.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(prefix)
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

    use super::*;

    fn digest(n: usize) -> Digest {
        Digest::of(&n.to_le_bytes())
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let mut cursor = Cursor::default();
        assert!(cursor.take_up("list"));
        cursor.finish(0, &digest(0));
        cursor.finish(0, &digest(0));
        cursor.counts.images = 1;
        cursor.counts.listed = Some("x".to_owned());
        let mut read = Cursor::read(&cursor.write()).unwrap();
        assert!(read.take_up("list"));
        assert!(read.is_done(0, &digest(0)) && !read.is_done(1, &digest(1)));
        assert_eq!((read.counts, read.order.len()), (cursor.counts, 1));
    }

    #[test]
    fn a_list_that_changed_keeps_what_is_known_to_be_done() {
        let mut cursor = Cursor::default();
        cursor.take_up("old");
        cursor.finish(0, &digest(0));
        cursor.finish(1, &digest(1));
        let mut read = Cursor::read(&cursor.write()).unwrap();
        assert!(read.take_up("new"));
        // A new image took the first place.
        assert!(!read.is_done(0, &digest(7)) && read.is_done(1, &digest(0)));
    }

    #[test]
    fn of_any_number_of_images_none_is_done_twice() {
        let mut cursor = Cursor::default();
        cursor.take_up("list");
        let many = MAX_DONE + 1000;
        for n in 0..many {
            cursor.finish(n, &digest(n));
        }
        cursor.counts.images = many as u64;
        let mut read = Cursor::read(&cursor.write()).unwrap();
        assert!(read.take_up("list"));
        assert!(read.is_done(many - 1, &digest(many - 1)) && !read.is_done(many, &digest(many)));
        // With another list more was done than is remembered, so it is counted anew.
        let mut read = Cursor::read(&cursor.write()).unwrap();
        assert!(!read.take_up("other"));
        assert_eq!(read.counts, Counts::default());
        assert!(!read.is_done(0, &digest(0)));
    }

    #[test]
    fn garbage_and_the_future_are_refused() {
        let huge = "x".repeat(MAX_CURSOR + 1);
        for text in [
            "",
            "{}",
            "[]",
            "null",
            huge.as_str(),
            "{\"v\":1,\"done\":\"\"}",
            "{\"v\":3}",
            "{\"v\":2,\"done\":\"!\",\"list\":\"\",\"place\":0}",
            "{\"v\":2,\"done\":\"AAAA\",\"list\":\"\",\"place\":0}",
            "{\"v\":2,\"done\":\"\",\"list\":\"\",\"place\":-1}",
        ] {
            assert!(Cursor::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_stays_within_what_the_contract_allows() {
        let mut cursor = Cursor::default();
        cursor.take_up(digest(0).as_str());
        for n in 0..10_000usize {
            cursor.finish(n, &digest(n));
        }
        cursor.counts.listed = Some(digest(0).to_string());
        assert!(cursor.write().len() < MAX_CURSOR);
    }
}
