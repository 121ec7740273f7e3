//! Which row an issue of now belongs to.
//!
//! By its key, first of all. What has no open row under its key may be there under another one: an alias that
//! was not known, a tool's finding that an advisory explains now. An open row goes before a closed one, since
//! people may be working on it; no row is given away twice; and where two open rows turn out to be one
//! thing, the one that is left over is told so.

use std::collections::{BTreeSet, HashMap, HashSet};

use ox_advisory::Ecosystem;
use ox_issue::Issue;

use super::rows::{Row, kind_word};
use crate::queue::Judged;

/// Kind, subject and primary id: unique in a location.
pub(super) type Key = (String, String, String);

/// Kind, package and id.
type Known<'r> = (&'r str, String, String);

/// Names of an issue that are looked at.
const NAMES: usize = 200;
/// Names times ids of an issue that are looked at.
const PAIRS: usize = 2000;

/// Pairs of package and id by which an issue is the same under another key.
#[derive(Default)]
pub(super) struct Names {
    /// Without release; empty when it is not known.
    ecosystem: String,
    pairs: Vec<(String, String)>,
}

impl Names {
    pub(super) fn of(issue: &Issue) -> Self {
        let Some(package) = &issue.package else {
            return Self::default();
        };
        let names: BTreeSet<String> = std::iter::once(package.name.as_str())
            .chain(package.source_name.as_deref())
            .chain(issue.package_names.iter().map(String::as_str))
            .take(NAMES)
            .filter(|name| !name.is_empty())
            .map(str::to_lowercase)
            .collect();
        let ids = || issue.identifiers.iter().filter(|one| one.same);
        let pairs = names
            .iter()
            .flat_map(|name| ids().map(|id| (name.clone(), id.value.to_ascii_uppercase())));
        Self {
            ecosystem: Ecosystem::parse(&package.ecosystem).name,
            pairs: pairs.take(PAIRS).collect(),
        }
    }

    /// A package of PyPI is not the one of Debian that has its name.
    fn may_be(&self, other: &str) -> bool {
        self.ecosystem.is_empty() || other.is_empty() || self.ecosystem == other
    }
}

/// What was paired.
pub(super) struct Pairs {
    /// For each issue of now its row.
    pub(super) rows: Vec<Option<usize>>,
    /// Rows that have to give their key to another.
    pub(super) yields: Vec<usize>,
}

fn key_of(judged: &Judged) -> Key {
    let issue = &judged.issue;
    (
        kind_word(issue),
        judged.subject.clone(),
        issue.primary.clone(),
    )
}

pub(super) fn pair(rows: &[Row], judged: &[Judged]) -> Pairs {
    let mut by_key: HashMap<&Key, usize> = HashMap::new();
    let mut by_name: HashMap<Known<'_>, Vec<(usize, String)>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        by_key.insert(&row.key, at);
        let names = row.record.as_ref().map(Names::of).unwrap_or_default();
        for (name, id) in names.pairs {
            let entry = by_name.entry((row.key.0.as_str(), name, id)).or_default();
            entry.push((at, names.ecosystem.clone()));
        }
    }
    let keys: Vec<Key> = judged.iter().map(key_of).collect();
    let mut found: Vec<Option<usize>> = vec![None; judged.len()];
    let mut taken: HashSet<usize> = HashSet::new();
    for open in [true, false] {
        let fits = |at: usize| rows.get(at).is_some_and(|row| row.is_open == open);
        for (key, found) in keys.iter().zip(&mut found) {
            if found.is_none()
                && let Some(at) = by_key.get(key).copied().filter(|at| fits(*at))
                && taken.insert(at)
            {
                *found = Some(at);
            }
        }
        for ((key, one), found) in keys.iter().zip(judged).zip(&mut found) {
            if found.is_some() {
                continue;
            }
            let names = Names::of(&one.issue);
            let mut candidates = names
                .pairs
                .iter()
                .filter_map(|(name, id)| by_name.get(&(key.0.as_str(), name.clone(), id.clone())))
                .flatten();
            let free = candidates.find(|(at, ecosystem)| {
                fits(*at) && names.may_be(ecosystem) && !taken.contains(at)
            });
            if let Some((at, _)) = free {
                taken.insert(*at);
                *found = Some(*at);
            }
        }
    }
    let mut yields: Vec<usize> = keys
        .iter()
        .zip(&found)
        .filter_map(|(key, found)| by_key.get(key).copied().filter(|at| Some(*at) != *found))
        .collect();
    yields.sort_unstable();
    Pairs {
        rows: found,
        yields,
    }
}

/// Issues that are open now, by package and id.
#[derive(Default)]
pub(super) struct Held(HashMap<(String, String), Vec<(i64, String)>>);

impl Held {
    pub(super) fn take(&mut self, id: i64, issue: &Issue) {
        self.take_names(id, Names::of(issue));
    }

    pub(super) fn take_names(&mut self, id: i64, names: Names) {
        for pair in names.pairs {
            self.0
                .entry(pair)
                .or_default()
                .push((id, names.ecosystem.clone()));
        }
    }

    /// The open issue that says the same as another one, whatever its kind.
    pub(super) fn same_as(&self, issue: &Issue) -> Option<i64> {
        let names = Names::of(issue);
        let all = names
            .pairs
            .iter()
            .filter_map(|pair| self.0.get(pair))
            .flatten();
        all.filter(|(_, ecosystem)| names.may_be(ecosystem))
            .map(|(id, _)| *id)
            .min()
    }
}
