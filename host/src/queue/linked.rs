//! Which packages of a Go module are in a program, as its function table tells.
//!
//! Go's records name the packages that they concern, and a module may be in a program for others of its
//! packages alone. Where the connector could read the function table (`go.packages`), a match whose packages
//! are all absent is none, and one whose packages are there is certain. Where it could not, or the list was
//! cut, nothing is concluded.

use std::borrow::Cow;

use ox_advisory::matching::{Certainty, Match};

use super::Group;
use crate::contract::Package;

/// Packages that a match carries at most: a list of that length may have been cut.
const IMPORTS: usize = 20;

/// What is known of a program's packages.
struct Linked<'a> {
    module: &'a str,
    packages: Vec<&'a str>,
}

impl<'a> Linked<'a> {
    fn of(package: &'a Package) -> Option<Self> {
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
        self.packages.contains(&relative)
    }
}

/// What remains of a group for this package; `None` when none of it is in the program.
pub(super) fn remaining<'g>(package: &Package, group: &'g Group) -> Option<Cow<'g, Group>> {
    let Some(linked) = Linked::of(package) else {
        return Some(Cow::Borrowed(group));
    };
    let named = |found: &Match| !found.imports.is_empty() && found.imports.len() < IMPORTS;
    if !group.matches.iter().any(named) {
        return Some(Cow::Borrowed(group));
    }
    let mut remaining = group.clone();
    remaining.matches.retain_mut(|found| {
        if !named(found) {
            return true;
        }
        let there = found.imports.iter().any(|path| linked.has(path));
        if there {
            found.certainty = Certainty::Certain;
            found.doubt = None;
        }
        there
    });
    if remaining.matches.is_empty() {
        return None;
    }
    let kept = &remaining.matches;
    remaining
        .heads
        .retain(|head| kept.iter().any(|found| found.advisory == head.id));
    Some(Cow::Owned(remaining))
}
