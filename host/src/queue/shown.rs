//! What is shown of an issue: its title, ids, scores, pages, package and category.

use std::collections::{BTreeMap, BTreeSet};

use ox_issue::Issue;
use ox_issue::facts::{Facts, Kind};
use ox_issue::issue::{CvssScore, Identifier, IssuePackage};
use ox_issue::{category, compliance};

use super::LocationInputs;
use super::compose::Draft;
use super::judge::images_of;

/// Ids that an issue shows.
pub(super) const IDS: usize = 200;
/// Longest id that an issue shows, in bytes.
const ID_BYTES: usize = 300;
/// Pages that an issue shows.
const PAGES: usize = 30;
/// Longest title, in characters.
pub(super) const TITLE_CHARS: usize = 300;
/// Longest description, in characters.
pub(super) const DESCRIPTION_CHARS: usize = 20_000;

pub(super) fn category_of(
    draft: &Draft<'_>,
    inputs: &LocationInputs,
    issue: &Issue,
) -> &'static str {
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

pub(super) fn title(draft: &Draft<'_>) -> String {
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

/// One line of a size that lists can show.
pub(super) fn clean(text: &str) -> String {
    let shown = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one });
    let mut line: String = shown.take(TITLE_CHARS).collect();
    if text.chars().nth(TITLE_CHARS).is_some() {
        line.push('…');
    }
    line
}

pub(super) fn description(draft: &Draft<'_>) -> String {
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

pub(super) fn link_of(id: &str) -> Option<String> {
    if id.starts_with("CVE-") {
        return Some(format!("https://nvd.nist.gov/vuln/detail/{id}"));
    }
    if id.starts_with("GHSA-") {
        return Some(format!("https://github.com/advisories/{id}"));
    }
    None
}

pub(super) fn kind_of_id(id: &str) -> &'static str {
    match id.split_once('-').map(|(prefix, _)| prefix) {
        Some("CVE") => "cve",
        Some("GHSA") => "ghsa",
        Some("CWE") => "cwe",
        _ => "advisory",
    }
}

pub(super) fn identifiers(draft: &Draft<'_>) -> Vec<Identifier> {
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
            // Bare numbers would read as ids of their own.
            let kind = one.kind.to_ascii_lowercase();
            let (kind, value) = match kind.as_str() {
                "cwe" if !one.value.starts_with("CWE-") => ("cwe", format!("CWE-{}", one.value)),
                "cis" => ("cis", format!("CIS Docker {}", one.value)),
                "ox-secret" | "ox-posture" => ("rule", one.value.clone()),
                kind => (kind, one.value.clone()),
            };
            if value.len() <= ID_BYTES {
                add(kind, &value, false, one.url.clone());
            }
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        for cwe in &head.cwes {
            add("cwe", cwe, false, None);
        }
    }
    all
}

pub(super) fn cvss(draft: &Draft<'_>) -> Vec<CvssScore> {
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

pub(super) fn references(draft: &Draft<'_>) -> Vec<String> {
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

pub(super) fn package(draft: &Draft<'_>, facts: &Facts) -> Option<IssuePackage> {
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
