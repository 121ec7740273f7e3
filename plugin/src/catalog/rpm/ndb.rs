//! `Packages.db`, rpm's own format, which SUSE uses: pages of slots at the front, each the place of a header.
//! What no slot names is free space, with the packages that were removed still in it.

use std::io::{self, Read};

use super::header::{self, Blob, Parsed};
use super::pages::{bytes, fill, skip};
use crate::catalog::Found;
use crate::catalog::owned::Owned;
use crate::contract::SkipReason;

/// What the file begins with.
pub(super) const MAGIC: &[u8; 4] = b"RpmP";
const SLOT_MAGIC: &[u8; 4] = b"Slot";
const BLOB_MAGIC: &[u8; 4] = b"BlbS";

const PAGE: usize = 4096;
/// A slot, and the unit in which headers are placed.
const SLOT: usize = 16;
/// Pages of slots; these have room for 262,000 packages.
const MAX_SLOT_PAGES: u32 = 1024;
/// Bytes of one header.
const MAX_HEADER_BYTES: usize = 20 << 20;

/// Where a header is: in bytes, from the front of the file, and its number.
struct Slot {
    at: u64,
    number: u32,
}

/// Reads the database.
pub(super) fn read(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut page = vec![0; PAGE];
    let mut slots = Vec::new();
    let mut pages = 1u32;
    let mut read = 0u32;
    while read < pages {
        if fill(contents, &mut page)? < PAGE {
            found.note(
                SkipReason::Corrupt,
                "it ends before its packages begin".to_owned(),
            );
            return Ok(());
        }
        let mut first = 0;
        if read == 0 {
            let version = number(&page, 4);
            if version != Some(0) {
                found.note(
                    SkipReason::Unsupported,
                    "it is of a later version of the format; it was not read".to_owned(),
                );
                return Ok(());
            }
            pages = number(&page, 12).unwrap_or_default();
            if !(1..=MAX_SLOT_PAGES).contains(&pages) {
                found.note(
                    SkipReason::OverLimit,
                    format!(
                        "it states {pages} pages of slots; databases are read that have 1 to {MAX_SLOT_PAGES}"
                    ),
                );
                return Ok(());
            }
            // The file's header takes the place of two slots.
            first = 2;
        }
        for slot in page.chunks_exact(SLOT).skip(first) {
            if !slot.starts_with(SLOT_MAGIC) {
                found.note(
                    SkipReason::Corrupt,
                    "a slot is none; the others were read".to_owned(),
                );
                continue;
            }
            let (Some(package), Some(place)) = (number(slot, 4), number(slot, 8)) else {
                continue;
            };
            // A slot without a package is free.
            if package != 0 {
                slots.push(Slot {
                    at: u64::from(place) * SLOT as u64,
                    number: package,
                });
            }
        }
        read += 1;
    }
    slots.sort_by_key(|slot| slot.at);
    packages(contents, u64::from(pages) * PAGE as u64, &slots, found)
}

/// Reads the headers one after the other, from `at` on.
fn packages(
    contents: &mut dyn Read,
    mut at: u64,
    slots: &[Slot],
    found: &mut Found,
) -> io::Result<()> {
    let mut owned = Owned::default();
    let mut broken = 0usize;
    let mut bytes_of = Vec::new();
    let mut left = slots.len();
    for group in slots.chunk_by(|one, other| one.at == other.at) {
        let place = group.first().map_or(0, |slot| slot.at);
        // Headers don't overlap.
        let Some(gap) = place.checked_sub(at) else {
            broken += group.len();
            left -= group.len();
            continue;
        };
        let mut start = [0; SLOT];
        if !skip(contents, gap)? || fill(contents, &mut start)? < SLOT {
            found.note(
                SkipReason::Corrupt,
                format!(
                    "it ends before {left} of its packages; {} were read",
                    found.packages.len()
                ),
            );
            break;
        }
        left -= group.len();
        at = place.saturating_add(SLOT as u64);
        // Of slots that name one place, the header there belongs to one.
        let package = number(&start, 4).unwrap_or_default();
        let length = number(&start, 12).unwrap_or_default() as usize;
        let named = group.iter().any(|slot| slot.number == package);
        if !start.starts_with(BLOB_MAGIC) || !named {
            broken += group.len();
            continue;
        }
        broken += group.len() - 1;
        if length > MAX_HEADER_BYTES {
            found.note(
                SkipReason::OverLimit,
                format!(
                    "package {package} has a header of {length} bytes; they are read up to {MAX_HEADER_BYTES}"
                ),
            );
            continue;
        }
        // It grows with what is there, not with what is stated.
        bytes_of.clear();
        (&mut *contents)
            .take(length as u64)
            .read_to_end(&mut bytes_of)?;
        at += bytes_of.len() as u64;
        match header::parse(&Blob::new([bytes_of.as_slice()]), &mut owned) {
            Parsed::Package(package, trouble) => {
                header::tell(trouble, &package.name, found);
                if !found.push(*package) {
                    break;
                }
            }
            Parsed::Key => {}
            Parsed::Broken(_) => broken += 1,
        }
    }
    if broken > 0 {
        found.note(
            SkipReason::Corrupt,
            format!(
                "{broken} entries are broken; {} packages were read",
                found.packages.len()
            ),
        );
    }
    owned.finish("its packages", found);
    Ok(())
}

fn number(slot: &[u8], at: usize) -> Option<u32> {
    bytes::<4>(slot, at).map(u32::from_le_bytes)
}

#[cfg(test)]
#[path = "ndb_tests.rs"]
mod tests;
