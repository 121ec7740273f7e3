//! What tools found, as issues see it: what a finding is about, and where.

use ox_issue::facts::Kind;

use super::LocationInputs;
use super::compose::{PART, Place};
use crate::contract::{Finding, FindingKind, FindingState};

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

/// Kinds of identifiers that name a vulnerability, not a class of them.
fn names_one(kind: &str) -> bool {
    !matches!(
        kind,
        "cwe" | "owasp" | "cis" | "ox-secret" | "ox-posture" | "wasc"
    )
}

pub(super) fn about(finding: &Finding) -> About {
    let names: Vec<String> = finding
        .package_name
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    let kind = kind_of(finding.kind);
    let ids: Vec<String> = match kind {
        Kind::Vulnerability => finding
            .identifiers
            .iter()
            .filter(|one| names_one(&one.kind))
            .map(|one| one.value.clone())
            .collect(),
        _ => Vec::new(),
    };
    let rule = attribute(finding, "rule");
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
            (format!("{}{PART}{name}", finding.source), primary)
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
    if let Some(digest) = &finding.image_digest {
        let found = inputs
            .images
            .iter()
            .position(|one| &one.image.digest == digest);
        return found.map(place).into_iter().collect();
    }
    let Some(tag) = finding.image_reference.as_deref().and_then(tag_of) else {
        return Vec::new();
    };
    let tagged = inputs
        .images
        .iter()
        .enumerate()
        .filter(|(_, one)| one.image.tags.iter().any(|have| have == tag));
    tagged.map(|(index, _)| place(index)).collect()
}

/// The tag of an image reference (`registry:5000/acme/api:1.4` has `1.4`).
pub(super) fn tag_of(reference: &str) -> Option<&str> {
    let (before, _) = reference.split_once('@').unwrap_or((reference, ""));
    let (_, tag) = before.rsplit_once(':')?;
    (!tag.contains('/') && !tag.is_empty()).then_some(tag)
}
