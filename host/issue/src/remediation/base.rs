//! The base image to move to: another scanned image of the same repository that holds the fix.

use std::cmp::Ordering;

use ox_advisory::version::Order;

use super::shell::plain;
use super::{Base, Candidate};

/// A reference, taken apart: repository, tag and digest.
fn parts(reference: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (reference, None),
    };
    match rest.rsplit_once(':') {
        // A colon before a slash is that of a port.
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

/// A repository as Docker means it: `debian` is `docker.io/library/debian`.
fn whole(repository: &str) -> String {
    let lower = repository.to_lowercase();
    let lower = lower
        .strip_prefix("index.docker.io/")
        .map_or_else(|| lower.clone(), |rest| format!("docker.io/{rest}"));
    match lower.split_once('/') {
        None => format!("docker.io/library/{lower}"),
        Some(("docker.io", rest)) if !rest.contains('/') => format!("docker.io/library/{rest}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => lower,
        Some(_) => format!("docker.io/{lower}"),
    }
}

/// The image to move to, as a reference that can stand behind `FROM`: with its digest, because its tag may
/// have moved by the time somebody reads this. Of several, the one under the tag that is used now, then the
/// one that was pushed last.
pub(super) fn better<'c>(
    base: &Base<'_>,
    candidates: &'c [Candidate<'c>],
    fixed: &str,
    order: Option<&dyn Order>,
) -> Option<(String, &'c Candidate<'c>)> {
    let named = base.name.map(parts);
    let digest = base.digest.or(named.and_then(|(_, _, digest)| digest));
    let (repository, tag) = match named {
        Some((repository, tag, _)) => (repository, tag),
        // Its digest may be that of an image that was scanned.
        None => {
            let own = candidates.iter().find(|one| Some(one.digest) == digest)?;
            (own.repository, own.tag)
        }
    };
    let wanted = whole(repository);
    candidates
        .iter()
        .filter(|one| whole(one.repository) == wanted)
        .filter(|one| Some(one.digest) != digest)
        .filter(|one| holds_fix(one, fixed, order))
        .filter_map(|one| Some((reference(repository, one)?, one)))
        .max_by(|(a_text, a), (b_text, b)| {
            let is_same_tag = |one: &Candidate<'_>| tag.is_some() && one.tag == tag;
            is_same_tag(a)
                .cmp(&is_same_tag(b))
                .then_with(|| a.pushed.cmp(&b.pushed))
                .then_with(|| b_text.cmp(a_text))
        })
}

/// As the Dockerfile spells the repository.
fn reference(repository: &str, one: &Candidate<'_>) -> Option<String> {
    let tag = one.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let text = format!("{repository}{tag}@{}", one.digest);
    plain(&text).map(str::to_owned)
}

/// True when the package is not in it any more, or in a version with the fix. What was not read whole, or
/// can't be compared, is not known to hold it.
fn holds_fix(one: &Candidate<'_>, fixed: &str, order: Option<&dyn Order>) -> bool {
    one.is_complete
        && one.versions.iter().all(|version| {
            *version == fixed
                || order.is_some_and(|order| {
                    order.is_version(version)
                        && order.is_version(fixed)
                        && order.compare(version, fixed) != Ordering::Less
                })
        })
}
