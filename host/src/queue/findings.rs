//! What tools found, as issues see it: what a finding is about, and where.

use ox_issue::facts::Kind;

use super::LocationInputs;
use super::compose::{PART, Place};
use crate::contract::{Finding, FindingKind, FindingState, Image};

/// What a finding is about.
pub(super) struct About {
    pub(super) kind: Kind,
    pub(super) subject: String,
    pub(super) primary: String,
    /// Names of the package, lower case.
    pub(super) names: Vec<String>,
    /// Ids of the same thing.
    pub(super) ids: Vec<String>,
}

/// False when the tool says that it is no longer there. One that somebody dismissed is there, and is shown
/// as dismissed.
pub(super) fn is_there(finding: &Finding) -> bool {
    !finding.no_longer_detected && finding.state != FindingState::Resolved
}

/// Longest id and name by which something is found, in bytes. A longer one is none.
const KEY_BYTES: usize = 300;

/// Kinds of identifiers that name a vulnerability, not a class of them or a rule.
pub(super) fn names_one(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    !matches!(
        kind.as_str(),
        "cwe" | "owasp" | "cis" | "ox-secret" | "ox-posture" | "wasc" | "capec"
    )
}

/// Kinds of identifiers that name an update, which may mend many vulnerabilities: two findings that share
/// one are not the same.
fn names_update(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(
        kind.as_str(),
        "rhsa"
            | "rhba"
            | "elsa"
            | "usn"
            | "dsa"
            | "dla"
            | "alsa"
            | "rlsa"
            | "alas"
            | "suse"
            | "openvas"
    )
}

fn is_cve(id: &str) -> bool {
    id.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("CVE-"))
}

pub(super) fn about(finding: &Finding) -> About {
    let names: Vec<String> = finding
        .package_name
        .iter()
        .filter(|name| !name.is_empty() && name.len() <= KEY_BYTES)
        .map(|name| name.to_lowercase())
        .collect();
    let kind = kind_of(finding.kind);
    let naming = || {
        let all = finding.identifiers.iter();
        all.filter(|one| {
            names_one(&one.kind) && !one.value.is_empty() && one.value.len() <= KEY_BYTES
        })
    };
    let has_cve = naming().any(|one| is_cve(&one.value));
    let ids: Vec<String> = match kind {
        Kind::Vulnerability => naming()
            .filter(|one| !has_cve || !names_update(&one.kind))
            .map(|one| match is_cve(&one.value) {
                true => one.value.to_ascii_uppercase(),
                false => one.value.clone(),
            })
            .collect(),
        _ => Vec::new(),
    };
    let rule = attribute(finding, "rule").filter(|_| is_own(finding));
    let (subject, primary) = match (kind, rule) {
        // The connector's own: a secret is one wherever it lies in, a rule is one for all images.
        (Kind::Secret, Some(rule)) => (finding.id.clone(), rule.to_owned()),
        (Kind::Misconfiguration, Some(rule)) => (format!("posture/{rule}"), rule.to_owned()),
        _ => {
            let primary = ids
                .iter()
                .find(|id| id.starts_with("CVE-"))
                .or_else(|| ids.first())
                .cloned()
                .unwrap_or_else(|| finding.id.clone());
            let name = names.first().map_or("", String::as_str);
            // A tool is the same by whichever of its ways it was asked (`gitlab-report`, `gitlab-graphql`).
            let tool = finding.source.split('-').next().unwrap_or_default();
            (format!("{tool}{PART}{name}"), primary)
        }
    };
    About {
        kind,
        subject,
        primary,
        names,
        ids,
    }
}

/// The connector saw it itself.
pub(super) fn is_own(finding: &Finding) -> bool {
    finding.source == "connector"
}

/// Rules of the connector of which every finding passed more than a pattern: a checksum, an inner form that
/// was decoded, or parts that belong together.
const CHECKED: &[&str] = &[
    "azure-sas",
    "gcp-service-account-key",
    "github-app-user-token",
    "github-oauth-token",
    "github-pat",
    "jwt",
    "npm-token",
    "private-key-encoded",
];

/// Whether more than the pattern of a secret speaks for it.
pub(super) fn form_checked(finding: &Finding) -> Option<bool> {
    if let Some(said) = attribute(finding, "form-checked") {
        return said.parse().ok();
    }
    let rule = attribute(finding, "rule").filter(|_| is_own(finding))?;
    CHECKED.contains(&rule).then_some(true)
}

/// Whether a secret looks like an example. The connector does not tell of those that do.
pub(super) fn placeholder(finding: &Finding) -> Option<bool> {
    if let Some(said) = attribute(finding, "placeholder") {
        return said.parse().ok();
    }
    is_own(finding).then_some(false)
}

pub(super) fn kind_of(kind: FindingKind) -> Kind {
    match kind {
        FindingKind::Vulnerability => Kind::Vulnerability,
        FindingKind::Secret => Kind::Secret,
        FindingKind::Misconfiguration => Kind::Misconfiguration,
        FindingKind::Licence => Kind::Licence,
        FindingKind::Other => Kind::Other,
    }
}

pub(super) fn attribute<'a>(finding: &'a Finding, key: &str) -> Option<&'a str> {
    let found = finding.attributes.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str())
}

pub(super) fn evidence<'a>(finding: &'a Finding, key: &str) -> Option<&'a str> {
    let found = finding.evidence.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str())
}

/// The images that a finding speaks of: the one of its digest, else those that its reference leads to now.
pub(super) fn places(finding: &Finding, inputs: &LocationInputs) -> Vec<Place> {
    let path = ["path", "place"]
        .into_iter()
        .find_map(|key| evidence(finding, key))
        .unwrap_or_default();
    let place = |image: usize| Place {
        image,
        path: path.to_owned(),
        version: finding.package_version.clone().unwrap_or_default(),
    };
    let images = || inputs.images.iter().enumerate();
    if let Some(digest) = &finding.image_digest {
        // One image can be in several repositories of a location.
        let same = images().filter(|(_, one)| one.image.digest == *digest);
        return same.map(|(index, _)| place(index)).collect();
    }
    let Some((name, tag)) = finding.image_reference.as_deref().and_then(name_and_tag) else {
        return Vec::new();
    };
    let tagged = images().filter(|(_, one)| {
        is_named(name, &one.image) && one.image.tags.iter().any(|have| have == tag)
    });
    tagged.map(|(index, _)| place(index)).collect()
}

/// True when a reference's name is that of an image's repository, with or without the registry's host.
fn is_named(name: &str, image: &Image) -> bool {
    let Some(host) = name
        .to_lowercase()
        .strip_suffix(&image.repository.to_lowercase())
        .map(str::to_owned)
    else {
        return false;
    };
    host.is_empty() || host.ends_with('/')
}

/// Name and tag of an image reference (`registry:5000/acme/api:1.4`).
fn name_and_tag(reference: &str) -> Option<(&str, &str)> {
    let (before, _) = reference.split_once('@').unwrap_or((reference, ""));
    let (name, tag) = before.rsplit_once(':')?;
    (!tag.contains('/') && !tag.is_empty()).then_some((name, tag))
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
