//! Matching: one component against everything that is known about its names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::imports::{self, MAX_IMPORTS, Presence};
use super::{
    Advisories, Advisory, Because, Caution, Certainty, Component, Match, MatchedBy,
    lookup_ecosystem, rpm,
};
use crate::affected::{self, Doubt, Finding, Rule};
use crate::ecosystem::ignores_case;
use crate::osv::{Affected, Event, Import};
use crate::release::{self, Agreement};
use crate::version::{self, Order};
use crate::{Ecosystem, LookupError};

/// A match with the record that it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct Concern {
    /// The record.
    pub advisory: Arc<Advisory>,
    /// Why it concerns the component.
    pub found: Match,
}

/// The advisories that concern a component, each once, by id. Informational records are among them, marked as
/// such.
pub fn matches(
    component: &Component,
    advisories: &dyn Advisories,
) -> Result<Vec<Match>, LookupError> {
    let found = concerns(component, advisories)?;
    Ok(found.into_iter().map(|concern| concern.found).collect())
}

/// [`matches`], with the records: what grouping needs.
pub fn concerns(
    component: &Component,
    advisories: &dyn Advisories,
) -> Result<Vec<Concern>, LookupError> {
    let ecosystem = lookup_ecosystem(component);
    let order = version::order_of(&ecosystem.name);
    concerns_by(component, &ecosystem, order, advisories)
}

/// [`concerns`], by an order that the caller chooses.
pub(super) fn concerns_by(
    component: &Component,
    ecosystem: &Ecosystem,
    order: Option<&dyn Order>,
    advisories: &dyn Advisories,
) -> Result<Vec<Concern>, LookupError> {
    let mut gathered = Gathered::default();
    for query in queries(component, ecosystem) {
        let judge = Judge {
            component,
            ecosystem,
            rule: Rule {
                blind_to_epoch: is_rpm(&ecosystem.name)
                    && (query.foreign_source
                        || component.by_name_only && !query.version.contains(':')),
                ..Rule::of(&ecosystem.name, order)
            },
            query: &query,
        };
        for advisory in advisories.about(&ecosystem.name, query.name)? {
            // What says something about the package itself is not asked again about its source.
            if query.foreign_source && gathered.answered.contains(advisory.head.id.as_str()) {
                continue;
            }
            if advisory.head.withdrawn.is_some() {
                continue;
            }
            let (applies, found) = judge.advisory(&advisory);
            if applies && query.precedes_source {
                gathered.answered.insert(advisory.head.id.clone());
            }
            if let Some(found) = found {
                gathered.add(Concern { advisory, found });
            }
        }
    }
    let mut concerns = gathered.concerns;
    concerns.sort_by(|a, b| a.found.advisory.cmp(&b.found.advisory));
    Ok(concerns)
}

#[derive(Default)]
struct Gathered {
    concerns: Vec<Concern>,
    by_id: HashMap<String, usize>,
    answered: HashSet<String>,
}

impl Gathered {
    /// Keeps the surer one of two matches of a record.
    fn add(&mut self, concern: Concern) {
        if let Some(index) = self.by_id.get(&concern.found.advisory) {
            if let Some(known) = self.concerns.get_mut(*index)
                && known.found.certainty < concern.found.certainty
            {
                *known = concern;
            }
            return;
        }
        self.by_id
            .insert(concern.found.advisory.clone(), self.concerns.len());
        self.concerns.push(concern);
    }
}

/// One name to ask by.
struct Query<'c> {
    name: &'c str,
    version: &'c str,
    by: MatchedBy,
    /// True for a source package of another name.
    foreign_source: bool,
    /// True when what it answers settles a record for the source, too.
    precedes_source: bool,
}

/// The names that the advisories of a distribution may know a component by.
///
/// Debian, Ubuntu and Alpine write of source packages only. Red Hat and AlmaLinux list binary packages, and
/// sources beside them; the other RPM distributions write of sources, some with the binaries concerned.
fn queries<'c>(component: &'c Component, ecosystem: &Ecosystem) -> Vec<Query<'c>> {
    let own = Query {
        name: &component.name,
        version: &component.version,
        by: MatchedBy::Name,
        foreign_source: false,
        precedes_source: false,
    };
    if ecosystem.name == "Go" {
        let is_tool = component.name == "stdlib"
            && component
                .main_path
                .as_deref()
                .is_some_and(|path| path.starts_with("cmd/"));
        let mut queries = vec![own];
        if is_tool {
            queries.push(Query {
                name: "toolchain",
                version: &component.version,
                by: MatchedBy::Name,
                foreign_source: false,
                precedes_source: false,
            });
        }
        return queries;
    }
    let Some((name, version)) = &component.source else {
        return vec![own];
    };
    let source = Query {
        name,
        version,
        by: if *name == component.name {
            MatchedBy::Name
        } else {
            MatchedBy::Source
        },
        foreign_source: *name != component.name,
        precedes_source: false,
    };
    let own = Query {
        precedes_source: true,
        ..own
    };
    match ecosystem.name.as_str() {
        "Debian" | "Ubuntu" | "Alpine" => vec![source],
        _ if !source.foreign_source && is_rpm(&ecosystem.name) => vec![own],
        _ if !source.foreign_source => vec![source],
        _ => vec![own, source],
    }
}

fn is_rpm(ecosystem: &str) -> bool {
    matches!(
        ecosystem,
        "AlmaLinux"
            | "Azure Linux"
            | "Mageia"
            | "openEuler"
            | "openSUSE"
            | "Photon OS"
            | "Red Hat"
            | "Rocky Linux"
            | "SUSE"
    )
}

struct Judge<'j> {
    component: &'j Component,
    ecosystem: &'j Ecosystem,
    rule: Rule<'j>,
    query: &'j Query<'j>,
}

/// What speaks against being certain.
struct Doubts {
    certainty: Certainty,
    sentences: Vec<String>,
}

impl Doubts {
    fn add(&mut self, certainty: Certainty, sentence: String) {
        self.certainty = self.certainty.min(certainty);
        self.sentences.push(sentence);
    }
}

impl Judge<'_> {
    /// Whether a record speaks of the component at all, and the match if it concerns it.
    fn advisory(&self, advisory: &Advisory) -> (bool, Option<Match>) {
        let Some(first) = advisory
            .affected
            .iter()
            .find(|element| self.agreement(element).is_some())
        else {
            return (false, None);
        };
        let elements = || {
            advisory
                .affected
                .iter()
                .filter(|element| self.agreement(element).is_some())
        };
        let version = self.query.version;
        let mut hit: Option<(&Affected, Finding)> = None;
        for element in
            elements().filter(|element| self.is_comparable(element, &advisory.head.summary))
        {
            let Some(finding) = affected::judge(element, version, self.rule) else {
                continue;
            };
            let surer = hit
                .as_ref()
                .is_none_or(|(_, known)| known.doubt.is_some() && finding.doubt.is_none());
            if surer {
                hit = Some((element, finding));
            }
        }
        let Some((element, finding)) = hit else {
            return (true, None);
        };
        // Several branches, or builds, of one record: what one names as its fix is fixed, unless another
        // begins right there.
        let is_fixed = finding.because != Because::Listed
            && elements().any(|element| affected::is_fix(element, version, self.rule))
            && !elements().any(|element| affected::begins_at(element, version, self.rule));
        if is_fixed {
            return (true, None);
        }
        let mut doubts = Doubts {
            certainty: Certainty::Certain,
            sentences: Vec::new(),
        };
        let imports: Vec<&Import> = elements().flat_map(|element| &element.imports).collect();
        // All of Go's own programs come with the tools.
        if self.ecosystem.name == "Go" && self.component.name != "toolchain" {
            match imports::presence(self.component, &first.name, &imports) {
                Presence::Absent => return (true, None),
                Presence::Open(certainty, Some(sentence)) => doubts.add(certainty, sentence),
                Presence::Open(_, None) => {}
            }
        }
        self.doubt(element, &finding, &mut doubts);
        self.doubt_of_rpm(advisory, &finding, &mut doubts);
        let comparable =
            elements().filter(|element| self.is_comparable(element, &advisory.head.summary));
        let found = Match {
            advisory: advisory.head.id.clone(),
            ecosystem: element.ecosystem.clone(),
            package: element.name.clone(),
            by: self.query.by,
            compared: version.to_owned(),
            fixed: affected::fix(comparable, version, self.rule).map(str::to_owned),
            because: finding.because,
            certainty: doubts.certainty,
            doubt: (!doubts.sentences.is_empty()).then(|| doubts.sentences.join(" ")),
            imports: paths(&imports),
            urgency: element.urgency.clone(),
            informational: advisory.head.informational.clone(),
        };
        (true, Some(found))
    }

    /// Whether an element speaks of the component's release and package.
    fn agreement(&self, element: &Affected) -> Option<Agreement> {
        let agreement = release::agrees(self.ecosystem, &element.ecosystem)?;
        // Debian's and Ubuntu's records are about the whole source, whichever binaries they name.
        let lists_it = !is_rpm(&self.ecosystem.name)
            || element.binaries.is_empty()
            || element.binaries.contains(&self.component.name);
        lists_it.then_some(agreement)
    }

    /// RPM: like is compared with like.
    fn is_comparable(&self, element: &Affected, summary: &str) -> bool {
        if !is_rpm(&self.ecosystem.name) {
            return true;
        }
        let version = self.query.version;
        let is_alike =
            element
                .ranges
                .iter()
                .flat_map(|range| &range.events)
                .all(|event| match event {
                    Event::Introduced(at)
                    | Event::Fixed(at)
                    | Event::LastAffected(at)
                    | Event::Limit(at) => rpm::is_comparable(version, at),
                });
        is_alike && !(rpm::is_modular(version) && self.is_other_stream(element, summary))
    }

    /// Whether a record is about another stream of the module. Where the stream of the package isn't known,
    /// its version may tell, if that of the stream's fix does.
    fn is_other_stream(&self, element: &Affected, summary: &str) -> bool {
        if let Some(stream) = self.component.stream.as_deref() {
            return rpm::names_other_stream(summary, stream);
        }
        let Some((_, stream)) = rpm::numbered_stream(summary) else {
            return false;
        };
        let mut fixes = element
            .ranges
            .iter()
            .flat_map(|range| &range.events)
            .filter_map(|event| match event {
                Event::Fixed(at) => Some(at),
                _ => None,
            });
        !rpm::begins_with_stream(self.query.version, stream)
            && fixes.any(|at| rpm::begins_with_stream(at, stream))
    }

    /// What a version of RPM does not tell by itself.
    fn doubt_of_rpm(&self, advisory: &Advisory, finding: &Finding, doubts: &mut Doubts) {
        if !is_rpm(&self.ecosystem.name) {
            return;
        }
        let version = self.query.version;
        let Because::InRange {
            fixed: Some(fixed), ..
        } = &finding.because
        else {
            return;
        };
        let has_epoch = |version: &str| {
            version
                .split_once(':')
                .is_some_and(|(epoch, _)| epoch != "0")
        };
        if self.component.by_name_only && !version.contains(':') && has_epoch(fixed) {
            doubts.add(
                Certainty::Likely,
                format!(
                    "The package URL states no epoch, and the advisory's {fixed} has one: they were compared \
                     without."
                ),
            );
        }
        if rpm::is_modular(version)
            && self.component.stream.is_none()
            && let Some((module, stream)) = rpm::numbered_stream(&advisory.head.summary)
            && !rpm::begins_with_stream(version, stream)
        {
            doubts.add(
                Certainty::Likely,
                format!(
                    "The advisory is about {module}:{stream}, and of which stream the package is isn't stated."
                ),
            );
        }
    }

    /// What the match itself leaves open.
    fn doubt(&self, element: &Affected, finding: &Finding, doubts: &mut Doubts) {
        let component = self.component;
        match self.agreement(element) {
            Some(Agreement::Unstated) => doubts.add(
                Certainty::Likely,
                format!(
                    "The advisory names no release of {}, so it may be about another one.",
                    self.ecosystem.name
                ),
            ),
            Some(Agreement::OtherRegistry) => doubts.add(
                Certainty::Likely,
                format!(
                    "The advisory is about the package of {}, which may be another one of the same name.",
                    element.ecosystem
                ),
            ),
            Some(Agreement::Same) | None => {}
        }
        match &finding.doubt {
            Some(Doubt::Installed) => doubts.add(
                Certainty::Unsure,
                format!(
                    "{:?} is no version by the rules of {}; the advisory says that every version is affected.",
                    self.query.version, self.ecosystem.name
                ),
            ),
            Some(Doubt::Boundary(at)) => doubts.add(
                Certainty::Unsure,
                format!(
                    "The advisory's {at:?} is no version by the rules of {}, so where its range ends is a guess.",
                    self.ecosystem.name
                ),
            ),
            Some(Doubt::Custom) => doubts.add(
                Certainty::Likely,
                "The advisory's versions are those of the project, which Go's module system does not know."
                    .to_owned(),
            ),
            None => {}
        }
        match component.caution {
            Some(Caution::GuessedCoordinates) => doubts.add(
                Certainty::Unsure,
                format!(
                    "The archive does not state its Maven coordinates; {} was concluded from its name or manifest.",
                    component.name
                ),
            ),
            Some(Caution::OtherSource) => doubts.add(
                Certainty::Likely,
                "The crate did not come from crates.io; a fork may have the fix.".to_owned(),
            ),
            Some(Caution::StatedOnly) => doubts.add(
                Certainty::Likely,
                "Only a bill of materials in the image says that the package is there.".to_owned(),
            ),
            None => {}
        }
        if ignores_case(&self.ecosystem.name) && element.name != self.query.name {
            doubts.add(
                Certainty::Likely,
                format!(
                    "The advisory is about {}, which differs in capital letters.",
                    element.name
                ),
            );
        }
        if self.query.foreign_source
            && matches!(self.ecosystem.name.as_str(), "AlmaLinux" | "Red Hat")
        {
            doubts.add(
                Certainty::Likely,
                format!(
                    "The advisory lists {}, which {} was built from, and not {} itself.",
                    element.name, component.name, component.name
                ),
            );
        }
        if self.ecosystem.name == "Go"
            && imports::is_pseudo(self.query.version)
            && let Because::InRange {
                fixed: Some(fixed), ..
            } = &finding.because
            && !imports::is_pseudo(fixed)
        {
            doubts.add(
                Certainty::Likely,
                "The version names a commit, which may hold the fix before a release did."
                    .to_owned(),
            );
        }
    }
}

fn paths(imports: &[&Import]) -> Vec<String> {
    let mut paths: Vec<&str> = imports.iter().map(|import| import.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.truncate(MAX_IMPORTS);
    paths.into_iter().map(str::to_owned).collect()
}
