//! Where in a text a keyword of any rule may stand. Everything else of the engine runs around those places
//! only, so this is what the speed depends on.
//!
//! Keywords have at least three bytes. The first four of each, without regard to case, set a bit in a table
//! of 64 Ki; a place is worth a look when its four bytes find a set bit. That is one load, one
//! multiplication and one look-up a byte with no dependency between bytes, where an automaton waits for each
//! step before the next.

use std::sync::LazyLock;

use super::rules::{self, Rule};

const BITS: u32 = 16;
const WORDS: usize = 1 << (BITS - 6);
/// Sets the bit that tells small letters from capital ones, in four bytes.
const FOLD: u32 = 0x2020_2020;

/// A keyword and the rules that ask for it.
pub(super) struct Keyword {
    pub(super) text: &'static [u8],
    pub(super) rules: Vec<&'static Rule>,
}

/// Finds keywords.
pub(super) struct Prefilter {
    bits: Box<[u64; WORDS]>,
    /// Each keyword under its hash, sorted.
    places: Vec<(u16, u16)>,
    keywords: Vec<Keyword>,
}

/// The prefilter of all rules.
pub(super) static ALL: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(rules::all()));

fn hash(four: [u8; 4]) -> u16 {
    let folded = u32::from_le_bytes(four) | FOLD;
    let mixed = folded.wrapping_mul(0x9E37_79B1) >> (32 - BITS);
    mixed as u16
}

impl Prefilter {
    fn new(rules: impl Iterator<Item = &'static Rule>) -> Self {
        let mut keywords: Vec<Keyword> = Vec::new();
        for rule in rules {
            for text in rule.looked_for() {
                let text = text.as_bytes();
                match keywords
                    .iter_mut()
                    .find(|keyword| keyword.text.eq_ignore_ascii_case(text))
                {
                    Some(keyword) => keyword.rules.push(rule),
                    None => keywords.push(Keyword {
                        text,
                        rules: vec![rule],
                    }),
                }
            }
        }
        let mut bits = Box::new([0_u64; WORDS]);
        let mut places = Vec::new();
        for (index, keyword) in keywords.iter().enumerate() {
            let Ok(index) = u16::try_from(index) else {
                break;
            };
            match *keyword.text {
                [a, b, c] => {
                    for last in 0..=u8::MAX {
                        places.push((hash([a, b, c, last]), index));
                    }
                }
                [a, b, c, d, ..] => places.push((hash([a, b, c, d]), index)),
                _ => {}
            }
        }
        places.sort_unstable();
        places.dedup();
        for (hash, _) in &places {
            if let Some(word) = bits.get_mut(usize::from(hash >> 6)) {
                *word |= 1 << (hash & 63);
            }
        }
        Self {
            bits,
            places,
            keywords,
        }
    }

    /// The first place in `from..to` of a text that may be that of a keyword, and its hash.
    pub(super) fn next(&self, text: &[u8], from: usize, to: usize) -> Option<(usize, u16)> {
        let end = to.saturating_add(3).min(text.len());
        let slice = text.get(from..end)?;
        let at = slice.windows(4).position(|window| {
            let &[a, b, c, d] = window else { return false };
            let hash = hash([a, b, c, d]);
            self.bits
                .get(usize::from(hash >> 6))
                .is_some_and(|word| word & (1 << (hash & 63)) != 0)
        })?;
        let &[a, b, c, d] = slice.get(at..at + 4)? else {
            return None;
        };
        Some((from + at, hash([a, b, c, d])))
    }

    /// The keywords that do stand at a place of that hash.
    pub(super) fn keywords<'p>(
        &'p self,
        text: &'p [u8],
        (at, hash): (usize, u16),
    ) -> impl Iterator<Item = &'p Keyword> {
        let first = self.places.partition_point(|(other, _)| *other < hash);
        self.places
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |(other, _)| *other == hash)
            .filter_map(|(_, index)| self.keywords.get(usize::from(*index)))
            .filter(move |keyword| {
                text.get(at..)
                    .and_then(|rest| rest.get(..keyword.text.len()))
                    .is_some_and(|there| there.eq_ignore_ascii_case(keyword.text))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_in_any_case_and_at_the_very_end() {
        for keyword in &ALL.keywords {
            for text in [
                keyword.text.to_ascii_lowercase(),
                keyword.text.to_ascii_uppercase(),
            ] {
                // Three letters and nothing behind them are no secret.
                let text = [b"\n..", &text[..], b"+"].concat();
                let mut at = 0;
                let mut found = false;
                while let Some(place) = ALL.next(&text, at, text.len()) {
                    found |= ALL
                        .keywords(&text, place)
                        .any(|other| other.text == keyword.text);
                    at = place.0 + 1;
                }
                assert!(found, "{}", String::from_utf8_lossy(keyword.text));
            }
        }
    }

    #[test]
    fn few_places_of_other_text_are_looked_at() {
        let set: u32 = ALL.bits.iter().map(|word| word.count_ones()).sum();
        assert!(set < 1 << (BITS - 5), "{set} of {} bits", 1 << BITS);
        assert!(ALL.keywords.iter().all(|keyword| keyword.text.len() >= 3));
    }
}
