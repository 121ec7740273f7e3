//! Three programs on the same image: what each found, what a tool of the ecosystem says, and why they
//! differ.

pub mod reasons;
pub mod report;

use std::collections::{BTreeMap, BTreeSet};

use reasons::{Case, REASONS, Way, Who};

use crate::purl::{Kind, Package};
use crate::real::{Reach, Truth};
use crate::scanners::Finds;

/// What all found in one image.
pub struct Judged<'j> {
    /// The image's name.
    pub image: &'j str,
    /// What is known to be there.
    pub truth: &'j BTreeMap<Kind, Truth>,
    /// What each program found.
    pub finds: BTreeMap<Who, Finds>,
}

/// A package of which two say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose doing.
    pub who: Who,
    /// Which way round.
    pub way: Way,
    /// The package.
    pub package: Package,
    /// A file that shows it.
    pub path: String,
    /// Who says otherwise.
    pub against: String,
    /// The sentence of the table.
    pub reason: Option<&'static str>,
}

impl Difference {
    /// True when the connector is wrong and no reason makes up for it.
    pub fn is_failure(&self) -> bool {
        self.who == Who::Ours && self.reason.is_none()
    }
}

/// One line of the table: one kind of packages in one image.
#[derive(Clone, Debug)]
pub struct Line {
    /// Of packages.
    pub kind: Kind,
    /// The tool whose word counts, and how many packages it lists.
    pub truth: Option<(&'static str, usize)>,
    /// By program: packages found, and of these the right ones, the wrong ones, the missed ones.
    pub counts: BTreeMap<Who, Counts>,
}

/// How one program did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found in all.
    pub found: usize,
    /// There, and not found.
    pub missed: usize,
    /// Found, and not there.
    pub wrong: usize,
}

static NOTHING: Finds = Finds::new();

impl Judged<'_> {
    /// What the program found.
    pub fn of(&self, who: Who) -> &Finds {
        self.finds.get(&who).unwrap_or(&NOTHING)
    }

    /// Kinds that anybody speaks of.
    fn kinds(&self) -> BTreeSet<Kind> {
        let found = self.finds.values().flat_map(Finds::keys);
        let found = found.map(|package| package.kind);
        found.chain(self.truth.keys().copied()).collect()
    }

    /// The lines of the table, and every difference.
    pub fn judge(&self) -> (Vec<Line>, Vec<Difference>) {
        let mut lines = Vec::new();
        let mut differences = Vec::new();
        for kind in self.kinds() {
            lines.push(self.judge_kind(kind, &mut differences));
        }
        (lines, differences)
    }

    /// Who found it, and a file that shows it.
    fn seen(&self, package: &Package) -> (Vec<Who>, BTreeSet<String>) {
        let mut who = Vec::new();
        let mut paths = BTreeSet::new();
        for (one, finds) in &self.finds {
            if let Some(places) = finds.get(package) {
                who.push(*one);
                paths.extend(places.iter().cloned());
            }
        }
        (who, paths)
    }

    fn judge_kind(&self, kind: Kind, differences: &mut Vec<Difference>) -> Line {
        let truth = self.truth.get(&kind);
        let mut counts: BTreeMap<Who, Counts> = BTreeMap::new();
        let mut all: BTreeSet<&Package> = self.finds.values().flat_map(Finds::keys).collect();
        all.extend(truth.into_iter().flat_map(|truth| &truth.packages));
        for package in all.into_iter().filter(|package| package.kind == kind) {
            let (seen, paths) = self.seen(package);
            let stated = truth.is_some_and(|truth| truth.packages.contains(package));
            let whole = truth.is_some_and(|truth| truth.reach == Reach::Whole);
            // Where no tool's list is whole, what two of three say counts as being there.
            let there = stated || (!whole && seen.len() > 1);
            let against = match (stated, whole) {
                (true, _) => truth.map_or("", |truth| truth.tool).to_owned(),
                (false, true) => format!("not {}", truth.map_or("", |truth| truth.tool)),
                (false, false) => {
                    let names: Vec<&str> = seen.iter().map(|who| who.name()).collect();
                    names.join(" and ")
                }
            };
            for who in self.finds.keys().copied() {
                let found = seen.contains(&who);
                let count = counts.entry(who).or_default();
                count.found += usize::from(found);
                let way = match (there, found) {
                    (true, false) => Way::Misses,
                    (false, true) if whole => Way::Finds,
                    // Alone with it, and nobody to tell who is right.
                    (false, true) => Way::Finds,
                    // What a single peer says is looked into, too.
                    (false, false) if who == Who::Ours && !whole => Way::Misses,
                    _ => continue,
                };
                match way {
                    Way::Misses if there => count.missed += 1,
                    Way::Finds if whole => count.wrong += 1,
                    _ => {}
                }
                let case = Case {
                    package,
                    paths: &paths,
                    judged: self,
                };
                let reason = REASONS.iter().find(|reason| {
                    reason.who == who
                        && reason.way == way
                        && reason.kinds.contains(&kind)
                        && (reason.of)(&case)
                });
                // A lone find of ours where no list is whole is no error by that alone.
                let alone = who == Who::Ours && way == Way::Finds && !whole;
                differences.push(Difference {
                    who,
                    way,
                    package: package.clone(),
                    path: paths.iter().next().cloned().unwrap_or_default(),
                    against: against.clone(),
                    reason: reason
                        .map(|reason| reason.text)
                        .or(alone
                            .then_some("found by the connector only; no list to check it against")),
                });
            }
        }
        Line {
            kind,
            truth: truth.map(|truth| (truth.tool, truth.packages.len())),
            counts,
        }
    }
}

impl Who {
    /// For a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "connector",
            Self::Trivy => "trivy",
            Self::Syft => "syft",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn finds(kind: Kind, names: &[&str]) -> Finds {
        let one = |name: &&str| (Package::new(kind, name, "1"), BTreeSet::new());
        names.iter().map(one).collect()
    }

    fn judge(truth: Option<(Reach, &[&str])>, ours: &[&str], trivy: &[&str]) -> Vec<String> {
        let kind = Kind::Cargo;
        let truth = truth.map(|(reach, names)| Truth {
            tool: "the tool",
            reach,
            packages: finds(kind, names).into_keys().collect(),
        });
        let truth = truth.map(|truth| (kind, truth)).into_iter().collect();
        let judged = Judged {
            image: "one",
            truth: &truth,
            finds: BTreeMap::from([
                (Who::Ours, finds(kind, ours)),
                (Who::Trivy, finds(kind, trivy)),
            ]),
        };
        let (_, differences) = judged.judge();
        let failures = differences.iter().filter(|one| one.is_failure());
        failures
            .map(|one| format!("{:?} {}", one.way, one.package.name))
            .collect()
    }

    #[test]
    fn what_the_tool_of_the_ecosystem_says_counts() {
        let truth: Option<(Reach, &[&str])> = Some((Reach::Whole, &["a", "b"]));
        assert_eq!(
            judge(truth, &["a", "c"], &["a", "b", "c"]),
            ["Misses b", "Finds c"]
        );
        assert!(
            judge(truth, &["a", "b"], &["x"]).is_empty(),
            "a peer's mistake is not ours"
        );
    }

    #[test]
    fn without_such_a_tool_what_a_peer_finds_has_to_be_found_or_explained() {
        assert_eq!(judge(None, &["a"], &["a", "b"]), ["Misses b"]);
        assert!(judge(None, &["a", "b"], &["a"]).is_empty());
        let truth: Option<(Reach, &[&str])> = Some((Reach::AtLeast, &["a"]));
        assert_eq!(judge(truth, &[], &["b"]), ["Misses a", "Misses b"]);
    }
}
