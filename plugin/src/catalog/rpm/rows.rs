//! The rows of a page database: what became of each, until it is known which ones count.

use super::header::{self, Parsed, Trouble};
use super::pages::{Event, MAX_RETAINED};
use crate::catalog::owned::Owned;
use crate::catalog::{Found, FoundPackage, MAX_FOUND_BYTES};
use crate::contract::SkipReason;

/// Rows that came to nothing, of which the places are kept.
const MAX_FAILED: usize = 100_000;

/// What a row came to when it is not a package.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Its bytes are no header; why.
    Broken(&'static str),
    /// Its bytes were not all there.
    Lost,
}

/// Rows by their place.
pub(super) struct Rows<T> {
    packages: Vec<(T, FoundPackage, Option<Trouble>)>,
    failed: Vec<(T, Outcome)>,
    weight: usize,
    owned: Owned,
}

impl<T: Copy + Ord> Rows<T> {
    pub(super) fn new() -> Self {
        Self {
            packages: Vec::new(),
            failed: Vec::new(),
            weight: 0,
            owned: Owned::default(),
        }
    }

    /// Takes in what became of a row; true when it is a header without a fault.
    pub(super) fn take(&mut self, event: Event<'_, T>) -> bool {
        match event {
            Event::Lost(place) => {
                self.fail(place, Outcome::Lost);
                false
            }
            Event::Whole(place, blob) => match header::parse(blob, &mut self.owned) {
                Parsed::Package(package, trouble) => {
                    self.weight = self.weight.saturating_add(package.weight());
                    self.packages.push((place, *package, trouble));
                    trouble.is_none()
                }
                Parsed::Key => true,
                Parsed::Broken(why) => {
                    self.fail(place, Outcome::Broken(why));
                    false
                }
            },
        }
    }

    /// A row that is none.
    pub(super) fn broken(&mut self, place: T, why: &'static str) {
        self.fail(place, Outcome::Broken(why));
    }

    fn fail(&mut self, place: T, outcome: Outcome) {
        if self.failed.len() < MAX_FAILED {
            self.failed.push((place, outcome));
        }
    }

    /// True when there are more packages than fit; what is left of the file needs no reading.
    pub(super) fn is_full(&self) -> bool {
        self.weight > MAX_FOUND_BYTES
    }

    /// All rows are there: those that count go to `found`, in the order of their places.
    pub(super) fn finish(mut self, counts: impl Fn(&T) -> bool, found: &mut Found) {
        self.packages.sort_by_key(|(place, ..)| *place);
        let full = self.weight > MAX_FOUND_BYTES;
        let mut told = false;
        for (place, package, trouble) in self.packages {
            if !counts(&place) {
                continue;
            }
            header::tell(trouble, &package.name, found);
            if !found.push(package) {
                told = true;
                break;
            }
        }
        if full && !told {
            found.note(
                SkipReason::OverLimit,
                format!(
                    "what it held once and what it holds take more than {MAX_FOUND_BYTES} bytes; the first {} \
                     packages were read",
                    found.packages.len()
                ),
            );
        }
        self.failed.retain(|(place, _)| counts(place));
        let lost = self
            .failed
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Lost)
            .count();
        if lost > 0 {
            found.note(
                SkipReason::OverLimit,
                format!(
                    "{lost} packages lie in too many scattered pages to be put together in {MAX_RETAINED} bytes, \
                     or some of their pages are missing; {} packages were read",
                    found.packages.len()
                ),
            );
        }
        if let Some(why) = self.failed.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Broken(why) => Some(why),
            Outcome::Lost => None,
        }) {
            found.note(
                SkipReason::Corrupt,
                format!(
                    "{} entries are broken (of the first: {why}); {} packages were read",
                    self.failed.len() - lost,
                    found.packages.len()
                ),
            );
        }
        self.owned.finish("its packages", found);
    }
}
