//! From a draft to an issue: its facts, the verdict, and everything that is shown of it.

use std::collections::{BTreeMap, BTreeSet};

use ox_advisory::epss::Score;
use ox_advisory::kev::Known;
use ox_advisory::matching::Certainty;
use ox_issue::facts::{Facts, FindingFacts, Inputs, Kind, PackageFacts, Rating, Threat};
use ox_issue::issue::{
    AgainstLastScan, CvssScore, Exclusion, ExclusionKind, Identifier, Issue, IssuePackage, Status,
};
use ox_issue::policy::Policy;
use ox_issue::severity::{Severity, Tuning, weigh};
use ox_issue::{category, compliance, exclusion, sla};

use super::compose::{Draft, Place};
use super::surroundings::{self, Surroundings};
use super::{LocationInputs, evidence, findings, remedy};
use crate::contract::FindingState;

/// Version of the rules that make issues of what is stored. Raise it when they change: everything is then
/// weighed again.
pub const JUDGE_VERSION: u32 = 1;

/// The host's own name as a source of issues.
pub const OWN_MATCH: &str = "OSV match";
/// The connector's name as a source of issues.
pub const CONNECTOR: &str = "OX connector";

/// Ids that an issue shows.
const IDS: usize = 200;
/// Pages that an issue shows.
const PAGES: usize = 30;
/// Paths that a rule looks at.
const PATHS: usize = 50;

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
    /// How its factors count.
    pub tuning: Tuning,
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
        self.policy.sla.of(clock).ok().flatten().map(|sla| sla.due)
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
    let verdict = weigh(&facts, &book.tuning);
    let package = package(draft, &facts);
    let occurrences = evidence::occurrences(draft, inputs);
    let sources = evidence::sources(draft, inputs);
    let mut issue = Issue {
        id: 0,
        kind: draft.kind,
        title: title(draft),
        description: description(draft),
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

fn category_of(draft: &Draft<'_>, inputs: &LocationInputs, issue: &Issue) -> &'static str {
    let occurrences: Vec<(&str, Option<bool>)> = issue
        .occurrences
        .iter()
        .map(|one| (one.origin.as_str(), one.from_base))
        .collect();
    // All layers are the base image's: what is in the registry is somebody else's image.
    let images = images_of(&draft.places, inputs);
    let public = !images.is_empty()
        && images.iter().all(|(_, one)| {
            let layers = one
                .image
                .attributes
                .iter()
                .find(|(key, _)| key == "base.layers");
            layers.is_some_and(|(_, count)| *count == one.image.layers.len().to_string())
        });
    category::of(&category::Input {
        kind: draft.kind,
        occurrences: &occurrences,
        is_malicious: draft.ids.iter().any(|id| compliance::is_malicious(id)),
        is_public_image: public,
    })
}

/// A name for people: the package's own where it is one, else the source package's.
pub(super) fn package_name(draft: &Draft<'_>) -> Option<String> {
    let (_, name) = draft.subject.split_once(super::compose::PART)?;
    if draft.hits.is_empty() {
        return draft
            .findings
            .iter()
            .find_map(|one| one.finding.package_name.clone());
    }
    Some(name.to_owned())
}

fn title(draft: &Draft<'_>) -> String {
    if draft.hits.is_empty() {
        let title = draft
            .findings
            .iter()
            .map(|one| one.finding.title.trim())
            .find(|title| !title.is_empty());
        if let Some(title) = title {
            return title.to_owned();
        }
    }
    match package_name(draft) {
        Some(name) if draft.kind == Kind::Other => {
            let word = draft
                .hits
                .iter()
                .flat_map(|hit| &hit.group.heads)
                .find_map(|head| head.informational.as_deref())
                .unwrap_or("noted");
            format!("{name} is {word} ({})", draft.primary)
        }
        Some(name) => format!("{} in {name}", draft.primary),
        None => draft.primary.clone(),
    }
}

fn description(draft: &Draft<'_>) -> String {
    let advisory = draft
        .hits
        .iter()
        .flat_map(|hit| &hit.group.heads)
        .map(|head| head.summary.as_str())
        .find(|summary| !summary.is_empty());
    let tool = draft
        .findings
        .iter()
        .map(|one| one.finding.description.as_str())
        .find(|text| !text.is_empty());
    advisory.or(tool).unwrap_or_default().to_owned()
}

fn link_of(id: &str) -> Option<String> {
    if id.starts_with("CVE-") {
        return Some(format!("https://nvd.nist.gov/vuln/detail/{id}"));
    }
    if id.starts_with("GHSA-") {
        return Some(format!("https://github.com/advisories/{id}"));
    }
    None
}

fn kind_of_id(id: &str) -> &'static str {
    match id.split_once('-').map(|(prefix, _)| prefix) {
        Some("CVE") => "cve",
        Some("GHSA") => "ghsa",
        Some("CWE") => "cwe",
        _ => "advisory",
    }
}

fn identifiers(draft: &Draft<'_>) -> Vec<Identifier> {
    let mut all: Vec<Identifier> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut add = |kind: &str, value: &str, same: bool, url: Option<String>| {
        if all.len() < IDS && seen.insert(value.to_ascii_uppercase()) {
            all.push(Identifier {
                kind: kind.to_owned(),
                value: value.to_owned(),
                same,
                url,
            });
        }
    };
    let kind = if draft.kind == Kind::Vulnerability || draft.kind == Kind::Other {
        kind_of_id(&draft.primary)
    } else {
        "rule"
    };
    add(kind, &draft.primary, true, link_of(&draft.primary));
    for id in &draft.ids {
        add(kind_of_id(id), id, true, link_of(id));
    }
    for id in &draft.cves {
        add(kind_of_id(id), id, false, link_of(id));
    }
    for finding in &draft.findings {
        for one in &finding.finding.identifiers {
            let value = match one.kind.as_str() {
                "cwe" if !one.value.starts_with("CWE-") => format!("CWE-{}", one.value),
                _ => one.value.clone(),
            };
            add(&one.kind, &value, false, one.url.clone());
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        for cwe in &head.cwes {
            add("cwe", cwe, false, None);
        }
    }
    all
}

fn cvss(draft: &Draft<'_>) -> Vec<CvssScore> {
    let mut all: BTreeMap<String, CvssScore> = BTreeMap::new();
    let mut add = |source: &str, vector: &str| {
        if let Ok(read) = vector.parse::<ox_advisory::cvss::Cvss>() {
            all.entry(vector.to_owned()).or_insert_with(|| CvssScore {
                source: source.to_owned(),
                version: read.version.text().to_owned(),
                vector: vector.to_owned(),
                score: read.score,
            });
        }
    };
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        for one in &head.severity {
            add(source_of(&head.id), &one.score);
        }
    }
    for finding in &draft.findings {
        for one in &finding.finding.cvss {
            add(&one.vendor, &one.vector);
        }
    }
    let mut all: Vec<CvssScore> = all.into_values().collect();
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.vector.cmp(&b.vector))
    });
    all
}

/// Who publishes a record, by its id.
pub(super) fn source_of(id: &str) -> &str {
    let prefix = id.split_once('-').map_or(id, |(prefix, _)| prefix);
    match prefix {
        "GHSA" => "GitHub",
        "GO" => "Go",
        "PYSEC" => "PyPA",
        "RUSTSEC" => "RustSec",
        "ALSA" | "ALBA" | "ALEA" => "AlmaLinux",
        "RLSA" | "RXSA" => "Rocky Linux",
        "RHSA" | "RHBA" | "RHEA" => "Red Hat",
        "DSA" | "DLA" | "DTSA" | "DEBIAN" => "Debian",
        "USN" | "UBUNTU" => "Ubuntu",
        "ALPINE" => "Alpine",
        "CVE" => "NVD",
        "SUSE" | "openSUSE" => "SUSE",
        "MGASA" => "Mageia",
        other => other,
    }
}

fn references(draft: &Draft<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let advisories = draft
        .hits
        .iter()
        .flat_map(|hit| &hit.group.heads)
        .flat_map(|head| head.references.iter().map(|one| one.url.clone()));
    let tools = draft
        .findings
        .iter()
        .flat_map(|one| one.finding.links.iter().map(|link| link.url.clone()));
    for url in advisories.chain(tools) {
        let web = url.starts_with("https://") || url.starts_with("http://");
        if web && all.len() < PAGES && !all.contains(&url) {
            all.push(url);
        }
    }
    all
}

fn threats(draft: &Draft<'_>, book: &Book) -> Vec<Threat> {
    let exploits: Vec<String> = {
        let mut all: Vec<String> = draft
            .hits
            .iter()
            .flat_map(|hit| &hit.group.heads)
            .flat_map(|head| &head.references)
            .filter(|one| one.kind == "EVIDENCE" || one.url.contains("exploit-db.com"))
            .map(|one| one.url.clone())
            .collect();
        all.sort();
        all.dedup();
        all.truncate(10);
        all
    };
    let cves: Vec<&String> = draft
        .all_ids()
        .filter(|id| id.starts_with("CVE-"))
        .take(IDS)
        .collect();
    if cves.is_empty() {
        return vec![Threat {
            id: draft.primary.clone(),
            exploits,
            ..Threat::default()
        }];
    }
    cves.into_iter()
        .enumerate()
        .map(|(at, cve)| Threat {
            id: cve.clone(),
            known_exploited: book.threats.known_exploited(cve),
            epss: book.threats.epss(cve),
            // Pages are about the group; the first id stands for it.
            exploits: if at == 0 {
                exploits.clone()
            } else {
                Vec::new()
            },
        })
        .collect()
}

/// Every severity that somebody stated, in the order in which they count: the tool whose queue it is, the
/// distribution for its own package, the advisory in its own word, and scores.
fn ratings(draft: &Draft<'_>, inputs: &LocationInputs) -> Vec<Rating> {
    let mut all: Vec<Rating> = Vec::new();
    let mut add = |source: &str, kind: &str, value: &str| {
        let rating = Rating {
            source: source.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
        };
        if !value.is_empty() && !all.contains(&rating) {
            all.push(rating);
        }
    };
    for finding in &draft.findings {
        let own = finding.finding.source == "connector";
        let tool = if own {
            CONNECTOR
        } else {
            inputs.source_tool.as_str()
        };
        let before = findings::attribute(&finding.finding, "severity-before-override");
        add(
            tool,
            "word",
            before.unwrap_or(&finding.finding.severity_as_said),
        );
    }
    for hit in &draft.hits {
        for found in &hit.group.matches {
            if let Some(urgency) = &found.urgency {
                add(source_of(&found.advisory), "word", urgency);
            }
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        if let Some(word) = &head.severity_word {
            add(source_of(&head.id), "word", word);
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        for one in &head.severity {
            add(source_of(&head.id), &one.kind, &one.score);
        }
    }
    for finding in &draft.findings {
        for one in &finding.finding.cvss {
            let kind = match one.vector.parse::<ox_advisory::cvss::Cvss>() {
                Ok(read) if read.version.text().starts_with('2') => "CVSS_V2",
                Ok(read) if read.version.text().starts_with('4') => "CVSS_V4",
                _ => "CVSS_V3",
            };
            add(&one.vendor, kind, &one.vector);
        }
    }
    all
}

fn facts(
    draft: &Draft<'_>,
    inputs: &LocationInputs,
    book: &Book,
    around: &Surroundings,
    threats: &[Threat],
) -> Facts {
    Facts {
        kind: draft.kind,
        ratings: ratings(draft, inputs),
        threats: threats.to_vec(),
        package: package_facts(draft),
        images: around.images.clone(),
        place: around.place.clone(),
        business: around.business.clone(),
        finding: finding_facts(draft, inputs),
        inputs: Inputs {
            kev: book.kev.clone(),
            epss: book.epss.clone(),
            advisories: draft.hits.iter().all(|hit| {
                let ecosystem = ox_advisory::Ecosystem::parse(&hit.input.looked_up.ecosystem);
                book.threats.covers(&ecosystem.name)
            }),
        },
        now: book.now.clone(),
    }
}

fn finding_facts(draft: &Draft<'_>, inputs: &LocationInputs) -> Option<FindingFacts> {
    let rule = draft
        .findings
        .iter()
        .find_map(|one| findings::attribute(&one.finding, "rule"))?;
    let yes = |key: &str| {
        let said = draft
            .findings
            .iter()
            .find_map(|one| findings::attribute(&one.finding, key))?;
        said.parse::<bool>().ok()
    };
    let places = evidence::occurrences(draft, inputs);
    let from_base = places
        .first()
        .and_then(|first| first.from_base)
        .filter(|first| places.iter().all(|one| one.from_base == Some(*first)));
    Some(FindingFacts {
        rule: rule.to_owned(),
        form_checked: yes("form-checked"),
        placeholder: yes("placeholder"),
        from_base,
        paths: distinct(draft.places.iter().map(|place| place.path.clone()))
            .into_iter()
            .take(PATHS)
            .collect(),
    })
}

/// How the factors count, from the policy's section `[severity]`.
pub fn tuning(policy: &Policy) -> Result<Tuning, String> {
    let tuning: Tuning = serde_json::from_value(policy.severity.clone())
        .map_err(|error| format!("[severity] of the policy: {error}"))?;
    tuning
        .validate()
        .map_err(|error| format!("[severity] of the policy: {error}"))?;
    Ok(tuning)
}

fn package_facts(draft: &Draft<'_>) -> Option<PackageFacts> {
    let first = draft.hits.first();
    if first.is_none() {
        let finding = draft.findings.iter().map(|one| &one.finding);
        let named = finding
            .filter(|one| one.package_name.is_some())
            .collect::<Vec<_>>();
        let one = named.first()?;
        return Some(PackageFacts {
            name: one.package_name.clone().unwrap_or_default(),
            versions: distinct(named.iter().filter_map(|one| one.package_version.clone())),
            ..PackageFacts::default()
        });
    }
    let hits = &draft.hits;
    let matches = || hits.iter().flat_map(|hit| &hit.group.matches);
    let surest = matches().map(|found| found.certainty).max();
    let doubt = match surest {
        Some(Certainty::Certain) | None => None,
        Some(_) => matches().find_map(|found| found.doubt.clone()),
    };
    let attribute = |key: &str, value: &str| {
        let marked = |hit: &super::compose::Hit<'_>| {
            hit.input
                .package
                .attributes
                .iter()
                .any(|(name, said)| name == key && said == value)
        };
        hits.iter().all(marked)
    };
    let paths = distinct(hits.iter().map(|hit| hit.input.package.path.clone()));
    let test_path = |path: &String| {
        path.split('/').any(|part| {
            matches!(
                part,
                "test" | "tests" | "__tests__" | "testdata" | "fixtures" | "spec" | "examples"
            )
        })
    };
    let package = first.map(|hit| &hit.input.package);
    Some(PackageFacts {
        format: package.map(|one| one.format.clone()).unwrap_or_default(),
        name: package_name(draft).unwrap_or_default(),
        source_name: first
            .and_then(|hit| hit.input.looked_up.source.as_ref())
            .map(|(name, _)| name.clone()),
        versions: distinct(hits.iter().map(|hit| hit.input.package.version.clone())),
        fixed: fixed(draft),
        fix_refused: matches()
            .filter(|found| found.fixed.is_none())
            .find_map(|found| {
                let word = found.urgency.as_deref()?;
                matches!(word, "end-of-life" | "unfixed" | "will-not-fix" | "ignored")
                    .then(|| word.to_owned())
            }),
        urgency: matches().find_map(|found| found.urgency.clone()),
        certainty: surest,
        doubt,
        origins: distinct(
            hits.iter()
                .map(|hit| crate::store::origin_word(hit.input.package.origin).to_owned()),
        ),
        test_only: Some(attribute("scope", "dev") || paths.iter().all(test_path)),
        paths: paths.into_iter().take(PATHS).collect(),
        imports: distinct(matches().flat_map(|found| found.imports.iter().cloned())),
    })
}

/// The version with which all that is installed is mended: the highest of the lowest fixes.
pub(super) fn fixed(draft: &Draft<'_>) -> Option<String> {
    let mut best: Option<String> = None;
    for hit in &draft.hits {
        let order = ox_advisory::version::order_of(
            &ox_advisory::Ecosystem::parse(&hit.input.looked_up.ecosystem).name,
        );
        // Of several records about one vulnerability the distribution's own or the surest counts.
        let of_hit = hit
            .group
            .matches
            .iter()
            .filter(|found| found.fixed.is_some())
            .max_by_key(|found| found.certainty)
            .and_then(|found| found.fixed.clone());
        let Some(version) = of_hit else {
            continue;
        };
        best = Some(match (best, order) {
            (Some(best), Some(order)) if order.compare(&best, &version).is_ge() => best,
            _ => version,
        });
    }
    best
}

fn package(draft: &Draft<'_>, facts: &Facts) -> Option<IssuePackage> {
    let known = facts.package.as_ref()?;
    let first = draft.hits.first();
    let purl = first
        .map(|hit| hit.input.package.purl.as_str())
        .unwrap_or_default();
    // Without version and qualifiers.
    let purl = purl.split('?').next().unwrap_or_default();
    let purl = match purl.rsplit_once('@') {
        Some((before, after)) if !after.contains('/') => before,
        _ => purl,
    };
    Some(IssuePackage {
        ecosystem: first
            .map(|hit| hit.input.looked_up.ecosystem.clone())
            .unwrap_or_default(),
        format: known.format.clone(),
        name: known.name.clone(),
        source_name: known.source_name.clone(),
        versions: known.versions.clone(),
        purl: purl.to_owned(),
    })
}

fn distinct(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let set: BTreeSet<String> = values.into_iter().filter(|one| !one.is_empty()).collect();
    set.into_iter().collect()
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
