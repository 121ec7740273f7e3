//! Which issues a location should have: packages that advisories concern and findings of tools, laid
//! together by what they are about.
//!
//! One issue per package and vulnerability, whatever the number of images, tags, versions and places. Where
//! a distribution's advisories speak of a source package, its binary packages are one package here: who
//! mends one mends all. A finding of GitLab's that says the same of the same package joins as a second
//! source.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use ox_advisory::Ecosystem;
use ox_advisory::matching::MatchedBy;
use ox_issue::facts::Kind;

use super::{FindingInput, Group, LocationInputs, PackageInput};
use super::{findings, linked};

/// Divides the parts of a subject; no package has it in its name.
pub(super) const PART: char = '\u{1f}';

/// An issue that should be there, before it is judged.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// What it is about.
    pub kind: Kind,
    /// What it is about within the location: it finds the issue again in the next run.
    pub subject: String,
    /// The id that it is known by.
    pub primary: String,
    /// Names of the package: its own, its source's, its binary packages'. Lower case.
    pub names: BTreeSet<String>,
    /// Ids of the same thing.
    pub ids: BTreeSet<String>,
    /// CVEs that its advisories fix or name.
    pub cves: BTreeSet<String>,
    /// Packages that it concerns, each with what the advisories say of it.
    pub hits: Vec<Hit<'a>>,
    /// What tools say about it.
    pub findings: Vec<&'a FindingInput>,
    /// Where it is.
    pub places: Vec<Place>,
}

/// A package that an issue concerns.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// The package in its image.
    pub input: &'a PackageInput,
    /// What is said of it.
    pub group: Cow<'a, Group>,
}

/// A place in an image that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into the location's images.
    pub image: usize,
    /// The file.
    pub path: String,
    /// The version that is installed; empty where there is none.
    pub version: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new(kind: Kind, subject: String, primary: String) -> Self {
        Self {
            kind,
            subject,
            primary,
            names: BTreeSet::new(),
            ids: BTreeSet::new(),
            cves: BTreeSet::new(),
            hits: Vec::new(),
            findings: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Every id that a tool could know it by.
    pub fn all_ids(&self) -> impl Iterator<Item = &String> {
        self.ids.union(&self.cves)
    }

    fn take(&mut self, input: &'a PackageInput, group: Cow<'a, Group>) {
        self.names.insert(input.looked_up.name.to_lowercase());
        self.names.insert(input.package.name.to_lowercase());
        if let Some((source, _)) = &input.looked_up.source {
            self.names.insert(source.to_lowercase());
        }
        self.ids.extend(group.ids.iter().cloned());
        self.cves.extend(group.cves.iter().cloned());
        self.places.push(Place {
            image: input.image,
            path: input.package.path.clone(),
            version: input.package.version.clone(),
        });
        self.hits.push(Hit { input, group });
    }
}

/// The issues of a location, in a stable order.
pub fn compose(inputs: &LocationInputs) -> Vec<Draft<'_>> {
    let mut drafts: BTreeMap<(Kind, String, String), Draft<'_>> = BTreeMap::new();
    for input in &inputs.packages {
        let Some(groups) = inputs.groups.get(&input.component) else {
            continue;
        };
        for group in groups.iter() {
            let Some(group) = linked::remaining(&input.package, group) else {
                continue;
            };
            let Some(kind) = kind_of(&group) else {
                continue;
            };
            let subject = subject_of(input, &group);
            let key = (kind, subject, group.primary.clone());
            drafts
                .entry(key)
                .or_insert_with_key(|(kind, subject, primary)| {
                    Draft::new(*kind, subject.clone(), primary.clone())
                })
                .take(input, group);
        }
    }
    // A tool's finding joins by package and id.
    let mut known: HashMap<(String, String), (Kind, String, String)> = HashMap::new();
    for (key, draft) in &drafts {
        for name in &draft.names {
            for id in draft.all_ids() {
                // The first in order wins, so that the same inputs join in the same way.
                known
                    .entry((name.clone(), id.to_ascii_uppercase()))
                    .or_insert_with(|| key.clone());
            }
        }
    }
    for finding in &inputs.findings {
        let about = findings::about(&finding.finding);
        let joined = about.names.iter().find_map(|name| {
            about
                .ids
                .iter()
                .find_map(|id| known.get(&(name.clone(), id.to_ascii_uppercase())))
        });
        let key = match joined {
            Some(key) if about.kind == Kind::Vulnerability => key.clone(),
            // What nothing else says and the tool itself calls closed is no issue.
            _ if !findings::is_there(&finding.finding) => continue,
            _ => (about.kind, about.subject.clone(), about.primary.clone()),
        };
        let draft = drafts
            .entry(key)
            .or_insert_with_key(|(kind, subject, primary)| {
                Draft::new(*kind, subject.clone(), primary.clone())
            });
        if draft.hits.is_empty() {
            draft.names.extend(about.names);
            draft.ids.extend(about.ids);
            draft
                .places
                .extend(findings::places(&finding.finding, inputs));
        }
        draft.findings.push(finding);
    }
    drafts
        .into_values()
        .map(|mut draft| {
            draft.places.sort();
            draft.places.dedup();
            draft
        })
        .collect()
}

/// What a group of advisories makes; `None` when nothing: advisories about mended bugs and new features.
fn kind_of(group: &Group) -> Option<Kind> {
    let vulnerability =
        group.heads.is_empty() || group.heads.iter().any(|head| head.informational.is_none());
    if vulnerability {
        return Some(Kind::Vulnerability);
    }
    let told = group
        .heads
        .iter()
        .filter_map(|head| head.informational.as_deref())
        .any(|word| matches!(word, "unmaintained" | "unsound" | "notice"));
    told.then_some(Kind::Other)
}

fn subject_of(input: &PackageInput, group: &Group) -> String {
    let ecosystem = Ecosystem::parse(&input.looked_up.ecosystem).name;
    let by_source = group
        .matches
        .iter()
        .any(|found| found.by == MatchedBy::Source);
    let name = match &input.looked_up.source {
        Some((source, _)) if by_source => source,
        _ => &input.looked_up.name,
    };
    format!("{ecosystem}{PART}{name}")
}
