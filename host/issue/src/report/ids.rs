//! Names that stay the same from report to report: fingerprints, UUIDs, package URLs of images.

use sha2::{Digest, Sha256};

use super::text::{encode, is_uri_text};
use crate::Issue;
use crate::issue::Occurrence;

/// Identifiers of one issue that are looked at: each is compared with those before it.
const MAX_IDENTIFIERS: usize = 200;

/// Hex of a hash over texts, each with its length, so that no two lists run together.
pub(super) fn hash<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An id that follows from the texts: RFC 9562's version 8.
pub(super) fn uuid<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut uuid = String::with_capacity(36);
    for (place, digit) in hash(texts).chars().take(32).enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(match place {
            12 => '8',
            16 => 'a',
            _ => digit,
        });
    }
    uuid
}

/// What makes an issue the same issue, whatever store it is in and however its severity, tags and texts
/// change: where it is, which vulnerability or rule, and in which package. Without a package, what its tool
/// calls it.
pub(super) fn fingerprint(issue: &Issue) -> String {
    let own = match &issue.package {
        Some(package) => package.purl.as_str(),
        None => issue
            .sources
            .first()
            .map_or(issue.title.as_str(), |source| source.id.as_str()),
    };
    hash([
        issue.registry.as_deref().unwrap_or_default(),
        &issue.location,
        &issue.primary,
        own,
    ])
}

/// `registry/repository` of an occurrence.
pub(super) fn image_name(issue: &Issue, occurrence: &Occurrence) -> String {
    named(issue, &occurrence.repository)
}

/// `registry/repository` of the issue itself, where it has no occurrence.
pub(super) fn repository_name(issue: &Issue) -> String {
    named(issue, &issue.location)
}

fn named(issue: &Issue, repository: &str) -> String {
    match issue.registry.as_deref().filter(|host| !host.is_empty()) {
        Some(host) => format!("{host}/{repository}"),
        None => repository.to_owned(),
    }
}

/// `registry/repository:tag`, or `@digest` where it has no tag.
pub(super) fn image_reference(issue: &Issue, occurrence: &Occurrence) -> String {
    let name = image_name(issue, occurrence);
    match occurrence.tags.first() {
        Some(tag) => format!("{name}:{tag}"),
        None => format!("{name}@{}", occurrence.digest),
    }
}

/// Package URL of an image, or of all images of a repository when the digest is empty. No tag: tags move.
pub(super) fn image_purl(name: &str, digest: &str) -> String {
    let name = name.to_lowercase();
    let last = name.rsplit('/').next().unwrap_or_default();
    let last = if last.is_empty() { "image" } else { last };
    let version = match digest {
        "" => String::new(),
        digest => format!("@{}", encode(digest, b":")),
    };
    format!(
        "pkg:oci/{}{version}?repository_url={}",
        encode(last, b""),
        encode(&name, b":/")
    )
}

/// The package URL, when it is one: a connector's word is not taken on trust.
pub(super) fn purl(text: &str) -> Option<&str> {
    let (kind, rest) = text.strip_prefix("pkg:")?.split_once('/')?;
    let good = !kind.is_empty()
        && !rest.is_empty()
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
        && is_uri_text(text)
        && text.matches('#').count() <= 1;
    good.then_some(text)
}

/// The package URL of an occurrence's package, with version; made up of name and version where the
/// connector's is none.
pub(super) fn package_purl(name: &str, version: &str, stated: &str) -> String {
    match purl(stated) {
        Some(stated) => stated.to_owned(),
        None => {
            let name = if name.is_empty() { "package" } else { name };
            match version {
                "" => format!("pkg:generic/{}", encode(name, b"")),
                version => format!("pkg:generic/{}@{}", encode(name, b""), encode(version, b"")),
            }
        }
    }
}

/// The package URL with another version.
pub(super) fn purl_with_version(purl: &str, version: &str) -> String {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let (head, tail) = purl.split_at(end);
    // `@` of an npm scope is written `%40`; a plain one parts the version.
    let head = head.rsplit_once('@').map_or(head, |(head, _)| head);
    format!("{head}@{}{tail}", encode(version, b":"))
}

/// Hex of a digest, where it is SHA-256.
pub(super) fn sha256(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64
        && hex
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)))
    .then_some(hex)
}

/// The numbers of its CWEs, each once, in their order.
pub(super) fn cwes(issue: &Issue) -> Vec<u32> {
    let mut cwes = Vec::new();
    for identifier in issue.identifiers.iter().take(MAX_IDENTIFIERS) {
        let number = identifier
            .value
            .get(..4)
            .filter(|start| start.eq_ignore_ascii_case("CWE-"))
            .and_then(|_| identifier.value.get(4..))
            .and_then(|digits| digits.parse::<u32>().ok())
            .filter(|&number| number > 0 && number < 100_000);
        if let Some(number) = number
            && !cwes.contains(&number)
        {
            cwes.push(number);
        }
    }
    cwes
}

/// Ids of the vulnerability itself, the primary first, each once: no weaknesses, rules or a tool's own numbers.
pub(super) fn vulnerability_ids(issue: &Issue) -> Vec<&str> {
    let mut ids = vec![issue.primary.as_str()];
    for identifier in issue.identifiers.iter().take(MAX_IDENTIFIERS) {
        if matches!(identifier.kind.as_str(), "cve" | "ghsa" | "advisory")
            && !identifier.value.is_empty()
            && !ids.contains(&identifier.value.as_str())
        {
            ids.push(&identifier.value);
        }
    }
    ids
}
