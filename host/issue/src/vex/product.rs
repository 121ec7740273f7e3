//! What a statement is about: an image, a package in an image, or a package wherever it is.

use serde::{Deserialize, Serialize};

use super::Subject;
use super::purl::Purl;

/// A product of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The image, when the product is one.
    pub image: Option<ImageReference>,
    /// The package, when the product is one.
    pub package: Option<Purl>,
    /// What in it is meant; empty when all of it is.
    pub subcomponents: Vec<Purl>,
    /// What else it says that can't be compared (a CPE, a name, a range of versions). Such a product covers
    /// nothing.
    pub unknown: Option<String>,
}

/// An image, or every image of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReference {
    /// `registry/repository` or the end of it, in lower case; `None` when only the digest is stated.
    pub repository: Option<String>,
    /// Digest of the manifest.
    pub digest: Option<String>,
    /// Tag.
    pub tag: Option<String>,
}

impl Product {
    /// From an id, a package URL and a SHA-256, as far as they are stated.
    pub(super) fn new(id: Option<&str>, purl: Option<&str>, sha256: Option<&str>) -> Self {
        let purl = purl
            .and_then(Purl::parse)
            .or_else(|| id.and_then(Purl::parse));
        let digest = sha256
            .filter(|hash| is_sha256(hash))
            .map(|hash| format!("sha256:{}", hash.to_ascii_lowercase()));
        let mut product = Self {
            image: None,
            package: None,
            subcomponents: Vec::new(),
            unknown: None,
        };
        match purl {
            Some(purl) if matches!(purl.kind.as_str(), "oci" | "docker") => {
                product.image = Some(ImageReference::of(&purl, digest));
            }
            Some(purl) => product.package = Some(purl),
            None => {
                let mut image = id.and_then(ImageReference::parse);
                if let Some(digest) = digest {
                    match &mut image {
                        // Two digests that differ are no image at all.
                        Some(ImageReference {
                            digest: Some(other),
                            ..
                        }) if *other != digest => {
                            image = None;
                        }
                        Some(image) => image.digest = Some(digest),
                        None => {
                            image = Some(ImageReference {
                                digest: Some(digest),
                                ..ImageReference::default()
                            });
                        }
                    }
                }
                product.image = image;
            }
        }
        if product.image.is_none() && product.package.is_none() {
            product.unknown = Some(id.unwrap_or("no id").chars().take(200).collect());
        }
        product
    }

    /// A product that says something that can't be compared.
    pub(super) fn unknown(what: &str) -> Self {
        Self {
            image: None,
            package: None,
            subcomponents: Vec::new(),
            unknown: Some(what.chars().take(200).collect()),
        }
    }

    /// Whether it holds that package of that image. A product that is a package means the package itself: of
    /// what else is in the image it says nothing.
    pub(super) fn covers(&self, subject: &Subject<'_>, package: Option<&Purl>) -> bool {
        if self.unknown.is_some() {
            return false;
        }
        let in_parts = || {
            self.subcomponents.is_empty()
                || package
                    .is_some_and(|package| self.subcomponents.iter().any(|one| one.covers(package)))
        };
        match (&self.image, &self.package) {
            (Some(image), None) => image.covers(subject) && in_parts(),
            (None, Some(own)) => {
                self.subcomponents.is_empty() && package.is_some_and(|package| own.covers(package))
            }
            _ => false,
        }
    }
}

fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl ImageReference {
    /// From `pkg:oci/…` or `pkg:docker/…`.
    fn of(purl: &Purl, digest: Option<String>) -> Self {
        let named = purl.version.as_deref().filter(|one| one.contains(':'));
        let own = match purl.namespace.as_str() {
            "" => purl.name.clone(),
            namespace => format!("{namespace}/{}", purl.name),
        };
        let repository = match purl.qualifiers.get("repository_url") {
            // Some write the repository, some what it is below.
            Some(url) => {
                let url = without_scheme(url).trim_matches('/').to_lowercase();
                if purl.kind == "docker" || url.rsplit('/').next() != Some(purl.name.as_str()) {
                    format!("{url}/{own}")
                } else {
                    url
                }
            }
            None => own,
        };
        let tag = purl.qualifiers.get("tag").cloned().or_else(|| {
            purl.version
                .clone()
                .filter(|version| !version.contains(':'))
        });
        Self {
            repository: Some(repository),
            digest: named.map(str::to_ascii_lowercase).or(digest),
            tag,
        }
    }

    /// From `registry/repository:tag@digest`, each part but the repository optional; or a bare digest.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // An address of a page names no image.
        if text.starts_with("http://") || text.starts_with("https://") {
            return None;
        }
        let text = without_scheme(text);
        if text.is_empty()
            || text.len() > 1_024
            || !text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte))
        {
            return None;
        }
        if text.strip_prefix("sha256:").is_some_and(is_sha256) {
            return Some(Self {
                digest: Some(text.to_ascii_lowercase()),
                ..Self::default()
            });
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let hash = digest
                    .strip_prefix("sha256:")
                    .filter(|hash| is_sha256(hash))?;
                (name, Some(format!("sha256:{}", hash.to_ascii_lowercase())))
            }
            None => (text, None),
        };
        // A colon after the last slash is a tag's; one before it is a port's.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (name, None),
        };
        // `urn:uuid:…` and the like are ids of other things; a word alone may be anything.
        let (host, path) = name.split_once('/').unwrap_or(("", name));
        let plain = !path.contains(':') && (!host.contains(':') || has_port(host));
        let is_name =
            plain && !path.is_empty() && (!host.is_empty() || tag.is_some() || digest.is_some());
        is_name.then(|| Self {
            repository: Some(name.trim_matches('/').to_lowercase()),
            digest,
            tag,
        })
    }

    fn covers(&self, subject: &Subject<'_>) -> bool {
        let repository = self
            .repository
            .as_deref()
            .is_none_or(|stated| is_repository(stated, subject));
        let digest = self
            .digest
            .as_deref()
            .is_none_or(|stated| stated.eq_ignore_ascii_case(subject.digest));
        // A digest says which image; a tag beside it was true when it was written.
        let tag = self.digest.is_some()
            || self
                .tag
                .as_deref()
                .is_none_or(|stated| subject.tags.iter().any(|tag| tag == stated));
        let stated = self.repository.is_some() || self.digest.is_some();
        stated && repository && digest && tag
    }
}

fn has_port(host: &str) -> bool {
    host.split_once(':')
        .is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok())
}

fn without_scheme(text: &str) -> &str {
    ["https://", "http://", "docker://", "oci://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text)
}

/// `registry/repository`, or `repository` whole, or its last parts.
fn is_repository(stated: &str, subject: &Subject<'_>) -> bool {
    let repository = subject.repository.to_lowercase();
    let whole = match subject.registry {
        Some(registry) => format!("{}/{repository}", registry.to_lowercase()),
        None => repository,
    };
    whole == stated
        || whole
            .strip_suffix(stated)
            .is_some_and(|before| before.ends_with('/'))
}
