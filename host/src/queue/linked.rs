//! Which packages of a Go module are in a program, as its function table tells.
//!
//! Go's records name the packages that they concern, and a module may be in a program for others of its
//! packages alone. Where the connector could read the function table (`go.packages`), what is not linked is
//! not affected: when the records of a vulnerability name packages and none of them is in the program, those
//! of its records that name none (GitHub's) speak of the same code. A package that is there makes the match
//! certain. Where the table could not be read, or the list was cut, nothing is concluded.

use std::borrow::Cow;
use std::collections::HashSet;

use ox_advisory::matching::{Certainty, Match};

use super::Group;
use crate::contract::Package;

/// Packages that a match carries at most: a list of that length may have been cut.
const IMPORTS: usize = 20;

/// What is known of a program's packages.
pub(super) struct Linked<'a> {
    module: &'a str,
    packages: HashSet<&'a str>,
}

/// Whether the code of a match is in the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It is.
    There,
    /// None of it is.
    Absent,
    /// The record names no packages.
    NotNamed,
    /// It names more than are known here.
    Open,
}

impl<'a> Linked<'a> {
    /// `None` when it is not known.
    pub(super) fn of(package: &'a Package) -> Option<Self> {
        let attribute = |key: &str| {
            let found = package.attributes.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.as_str())
        };
        if attribute("go.packages-cut") == Some("true") {
            return None;
        }
        Some(Self {
            module: &package.name,
            packages: attribute("go.packages")?
                .split(' ')
                .filter(|one| !one.is_empty())
                .collect(),
        })
    }

    /// Paths are relative to the module; `.` is its root. Those of the standard library are whole.
    fn has(&self, path: &str) -> bool {
        let relative = match path.strip_prefix(self.module) {
            Some("") => ".",
            Some(below) => below.strip_prefix('/').unwrap_or(path),
            None => path,
        };
        self.packages.contains(relative)
    }

    fn presence(&self, found: &Match) -> Presence {
        match found.imports.len() {
            0 => Presence::NotNamed,
            _ if found.imports.iter().any(|path| self.has(path)) => Presence::There,
            1..IMPORTS => Presence::Absent,
            _ => Presence::Open,
        }
    }

    /// What remains of a group in this program; `None` when none of it is in it.
    pub(super) fn remaining<'g>(&self, group: &'g Group) -> Option<Cow<'g, Group>> {
        let verdicts: Vec<Presence> = group
            .matches
            .iter()
            .map(|found| self.presence(found))
            .collect();
        let any = |presence: Presence| verdicts.contains(&presence);
        if !any(Presence::There) {
            return match any(Presence::Absent) {
                false => Some(Cow::Borrowed(group)),
                true if any(Presence::Open) => Some(Cow::Borrowed(group)),
                true => None,
            };
        }
        let mut remaining = group.clone();
        let mut verdicts = verdicts.into_iter();
        remaining.matches.retain_mut(|found| {
            let verdict = verdicts.next();
            if verdict == Some(Presence::There) {
                found.certainty = Certainty::Certain;
                found.doubt = None;
            }
            verdict != Some(Presence::Absent)
        });
        let kept = &remaining.matches;
        remaining
            .heads
            .retain(|head| kept.iter().any(|found| found.advisory == head.id));
        Some(Cow::Owned(remaining))
    }
}

#[cfg(test)]
#[path = "linked_tests.rs"]
mod tests;
