//! What to do about an issue: the facts that advice is made of.

use ox_advisory::Ecosystem;
use ox_advisory::version::order_of;
use ox_issue::Issue;
use ox_issue::compliance::is_malicious;
use ox_issue::facts::Facts;
use ox_issue::issue::Remediation;
use ox_issue::remediation::{self, Base, Candidate, Input, Package};

use super::compose::Draft;
use super::judge::images_of;
use super::{LocationInputs, findings};

/// Advice for a draft.
pub(super) fn advise(
    draft: &Draft<'_>,
    inputs: &LocationInputs,
    issue: &Issue,
    facts: &Facts,
) -> Remediation {
    let images = images_of(&draft.places, inputs);
    let attribute = |key: &str| {
        images.iter().find_map(|(_, one)| {
            let found = one.image.attributes.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.as_str())
        })
    };
    let base = Base {
        name: attribute("base.name"),
        digest: attribute("base.digest"),
    };
    let os = images
        .iter()
        .find_map(|(_, one)| one.image.operating_system.as_ref());
    let known = facts.package.as_ref();
    let text = |list: &'_ [String]| list.to_vec();
    let versions = known.map(|one| text(&one.versions)).unwrap_or_default();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let paths = known.map(|one| text(&one.paths)).unwrap_or_default();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut layers = issue.occurrences.iter().map(|one| one.from_base);
    let from_base = match layers.next().flatten() {
        Some(first) if layers.all(|one| one == Some(first)) => Some(first),
        _ => None,
    };
    let installed: std::collections::BTreeSet<&str> = draft
        .hits
        .iter()
        .map(|hit| hit.input.package.name.as_str())
        .collect();
    let installed: Vec<&str> = installed.into_iter().collect();
    let package = known.map(|one| Package {
        format: &one.format,
        purl: issue.package.as_ref().map_or("", |package| &package.purl),
        name: &one.name,
        installed: &installed,
        versions: &versions,
        fixed: one.fixed.as_deref(),
        fix_refused: one.fix_refused.as_deref(),
        paths: &paths,
        from_base,
        os: os.map(|os| os.id.as_str()),
    });
    // Where the versions of the package in a base image are those of one of its names.
    let of_base: Vec<(usize, Vec<&str>)> = inputs
        .bases
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let named = draft.names.iter().filter_map(|name| one.packages.get(name));
            (at, named.flatten().map(String::as_str).collect())
        })
        .collect();
    let candidates: Vec<Candidate<'_>> = of_base
        .iter()
        .filter_map(|(at, versions)| {
            let one = inputs.bases.get(*at)?;
            Some(Candidate {
                repository: &one.repository,
                tag: one.tag.as_deref(),
                digest: &one.digest,
                pushed: one.pushed.as_deref(),
                versions,
                is_complete: one.complete,
            })
        })
        .collect();
    let ecosystem = issue
        .package
        .as_ref()
        .map(|package| Ecosystem::parse(&package.ecosystem).name)
        .unwrap_or_default();
    let order = order_of(&ecosystem).map(|order| order as &dyn ox_advisory::version::Order);
    let finding = draft.findings.first().map(|one| &one.finding);
    let identifier = finding.and_then(|one| one.identifiers.first());
    remediation::advise(&Input {
        kind: draft.kind,
        rule: finding.and_then(|one| findings::attribute(one, "rule")),
        package,
        is_malicious: draft.ids.iter().any(|id| is_malicious(id)),
        base,
        candidates: &candidates,
        order,
        operating_system: os.and_then(|os| os.pretty_name.as_deref()),
        has_ended: images.iter().any(|(_, image)| image.has_ended),
        secret: identifier.map(|one| one.name.as_str()),
        place: finding.and_then(|one| {
            findings::evidence(one, "path").or_else(|| findings::evidence(one, "place"))
        }),
        solution: finding.and_then(|one| one.solution.as_deref()),
    })
}
