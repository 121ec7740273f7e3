//! From a draft to an issue: its facts, the verdict, and everything that is shown of it.

use std::collections::BTreeSet;

use ox_advisory::epss::Score;
use ox_advisory::kev::Known;
use ox_issue::issue::{AgainstLastScan, Exclusion, ExclusionKind, Issue, Status};
use ox_issue::policy::Policy;
use ox_issue::severity::{Severity, weigh};
use ox_issue::{compliance, exclusion, sla};

use super::compose::{Draft, Place};
use super::facts::{facts, threats};
use super::shown::{
    DESCRIPTION_CHARS, category_of, clean, cvss, description, identifiers, package, references,
    title,
};
use super::surroundings;
use super::{LocationInputs, evidence, findings, remedy};
use crate::contract::FindingState;

/// Version of the rules that make issues of what is stored. Raise it when they change: everything is then
/// weighed again.
pub const JUDGE_VERSION: u32 = 2;

/// The host's own name as a source of issues.
pub const OWN_MATCH: &str = "OSV match";
/// The connector's name as a source of issues.
pub const CONNECTOR: &str = "OX connector";

/// What is known about vulnerabilities besides the advisories that matched.
pub trait Threats: Send + Sync {
    /// The KEV entry of a CVE.
    fn known_exploited(&self, cve: &str) -> Option<Known>;
    /// The EPSS score of a CVE.
    fn epss(&self, cve: &str) -> Option<Score>;
    /// True when a record of that id was withdrawn.
    fn is_withdrawn(&self, id: &str) -> bool;
    /// True when advisories of that ecosystem (without release) were imported.
    fn covers(&self, ecosystem: &str) -> bool;
}

/// Everything that issues are judged by and that is the same for all of them.
pub struct Book {
    /// The policy.
    pub policy: Policy,
    /// KEV, EPSS and withdrawn records.
    pub threats: Box<dyn Threats>,
    /// Day of the KEV catalogue; `None` when none was imported.
    pub kev: Option<String>,
    /// Day of the EPSS scores.
    pub epss: Option<String>,
    /// Now, RFC 3339.
    pub now: String,
}

impl Book {
    /// The day (`2026-01-31`).
    pub fn today(&self) -> String {
        self.now.chars().take(10).collect()
    }

    /// True when a record of that id was withdrawn.
    pub fn is_withdrawn(&self, id: &str) -> bool {
        self.threats.is_withdrawn(id)
    }

    /// When an issue is due; RFC 3339.
    pub fn due(
        &self,
        severity: Severity,
        from: &str,
        rose: Option<&(String, Severity)>,
    ) -> Option<String> {
        let clock = sla::Clock {
            severity,
            first_seen: from,
            rose: rose.map(|(at, from)| sla::Rise { at, from: *from }),
            is_out: false,
            now: &self.now,
        };
        // Times are our own; one that can't be read gives no deadline rather than no queue.
        let due = self.policy.sla.of(clock).ok().flatten()?.due;
        // As the store writes times, so that text order is time order.
        let due: jiff::Timestamp = due.parse().ok()?;
        Some(format!("{due:.3}"))
    }
}

/// An issue as it should be, with where it is.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What it is about within its location.
    pub subject: String,
    /// The issue, without what only the store knows.
    pub issue: Issue,
    /// Image (row), path and version of each place.
    pub places: Vec<(i64, String, String)>,
    /// Packages in images and findings that it was made of.
    pub found: u64,
    /// When its oldest part was seen first; RFC 3339.
    pub first_seen: Option<String>,
    /// The tool's own users dismissed it.
    pub dismissed: Option<Exclusion>,
}

/// Judges a draft.
pub fn judge(draft: &Draft<'_>, inputs: &LocationInputs, book: &Book) -> Judged {
    let around = surroundings::of(draft, inputs, book);
    let threats = threats(draft, book);
    let facts = facts(draft, inputs, book, &around, &threats);
    let verdict = weigh(&facts, &book.policy.severity);
    let package = package(draft, &facts);
    let occurrences = evidence::occurrences(draft, inputs);
    let sources = evidence::sources(draft, inputs);
    let mut issue = Issue {
        id: 0,
        kind: draft.kind,
        title: clean(&title(draft)),
        description: description(draft).chars().take(DESCRIPTION_CHARS).collect(),
        status: Status::Open,
        against_last_scan: AgainstLastScan::New,
        severity: verdict.severity,
        verdict,
        override_: None,
        primary: draft.primary.clone(),
        identifiers: identifiers(draft),
        cvss: cvss(draft),
        epss: threats
            .iter()
            .filter_map(|threat| threat.epss.clone())
            .max_by(|a, b| a.score.total_cmp(&b.score)),
        known_exploited: threats
            .iter()
            .find_map(|threat| threat.known_exploited.clone()),
        references: references(draft),
        package,
        package_names: draft.names.iter().cloned().collect(),
        remediation: ox_issue::issue::Remediation::default(),
        sources,
        occurrences,
        connection: inputs.connection_name.clone(),
        source_tool: inputs.source_tool.clone(),
        location: inputs.location.path.clone(),
        project: around.project.clone(),
        registry: inputs
            .images
            .first()
            .map(|image| image.image.registry.clone()),
        web_url: inputs.location.web_url.clone(),
        context: around.context.clone(),
        compliance: Vec::new(),
        category: String::new(),
        sla: None,
        assignee: None,
        comments: 0,
        exclusion: None,
        first_seen: String::new(),
        last_seen: String::new(),
        closed_at: None,
    };
    issue.category = category_of(draft, inputs, &issue).to_owned();
    issue.remediation = remedy::advise(draft, inputs, &issue, &facts);
    let rule = exclusion::rule_id(draft.kind, &draft.primary);
    let subject = compliance::Subject::of(&facts, rule.as_deref(), issue.severity);
    issue.compliance = compliance::touched(&subject, &book.policy.standards);
    Judged {
        subject: draft.subject.clone(),
        places: draft
            .places
            .iter()
            .filter_map(|place| {
                let image = inputs.images.get(place.image)?;
                Some((image.row, place.path.clone(), place.version.clone()))
            })
            .collect(),
        found: (draft.hits.len() + draft.findings.len()) as u64,
        first_seen: draft
            .findings
            .iter()
            .map(|one| one.first_seen.clone())
            .min(),
        dismissed: dismissed(draft, inputs),
        issue,
    }
}

/// All that the tool's users say of it is that it does not matter.
fn dismissed(draft: &Draft<'_>, inputs: &LocationInputs) -> Option<Exclusion> {
    let mut of_tool = draft
        .findings
        .iter()
        .filter(|one| one.finding.source != "connector" && findings::is_there(&one.finding))
        .peekable();
    of_tool.peek()?;
    let mut last = None;
    for one in of_tool {
        if one.finding.state != FindingState::Dismissed {
            return None;
        }
        last = Some(&one.finding);
    }
    let finding = last?;
    Some(Exclusion {
        id: None,
        kind: ExclusionKind::DismissedInTool,
        scope: format!("this finding in {}", inputs.source_tool),
        reason: finding
            .state_reason
            .clone()
            .unwrap_or_else(|| "no reason was given".to_owned()),
        by: format!("{}'s users", inputs.source_tool),
        at: finding.changed_at.clone().unwrap_or_default(),
        until: None,
    })
}

/// Places of a draft in its images, for who needs the images themselves.
pub(super) fn images_of<'i>(
    places: &[Place],
    inputs: &'i LocationInputs,
) -> Vec<(usize, &'i super::ImageInput)> {
    let indices: BTreeSet<usize> = places.iter().map(|place| place.image).collect();
    indices
        .into_iter()
        .filter_map(|index| Some((index, inputs.images.get(index)?)))
        .collect()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
