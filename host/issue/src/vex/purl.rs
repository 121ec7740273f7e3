//! Package URLs, as far as a comparison needs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A package URL that was taken apart. Type and, where the type says so, name are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Purl {
    /// `deb`, `npm`, `oci`, …
    pub kind: String,
    /// `debian`, `@scope`; empty when there is none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version, when it has one.
    pub version: Option<String>,
    /// `arch`, `distro`, `repository_url`, …
    pub qualifiers: BTreeMap<String, String>,
}

/// A longer text is no package URL.
const MAX_LENGTH: usize = 4_096;
/// Qualifiers of one.
const MAX_QUALIFIERS: usize = 32;

impl Purl {
    /// `None` when the text is no package URL.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return None;
        }
        let start = text.get(..4)?;
        if !start.eq_ignore_ascii_case("pkg:") {
            return None;
        }
        let rest = text.get(4..)?.trim_start_matches('/');
        // What is below the package (`#path`) makes no difference here.
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = path.split_once('/')?;
        // The scope of an npm package may stand there undecoded; it has something after it.
        let (path, version) = match path.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !version.contains('/') => {
                (path, Some(decode(version)).filter(|one| !one.is_empty()))
            }
            _ => (path, None),
        };
        let path = path.trim_matches('/');
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let kind = kind.to_ascii_lowercase();
        let (mut namespace, mut name) = (decode(namespace), decode(name));
        if kind.is_empty() || name.is_empty() || name.starts_with('@') && namespace.is_empty() {
            return None;
        }
        if matches!(
            kind.as_str(),
            "deb" | "apk" | "rpm" | "oci" | "docker" | "pypi" | "npm" | "composer" | "github"
        ) {
            namespace = namespace.to_lowercase();
            if kind != "rpm" {
                name = name.to_lowercase();
            }
        }
        if kind == "pypi" {
            name = name.replace(['_', '.'], "-");
        }
        let qualifiers = query
            .split('&')
            .filter_map(|part| part.split_once('='))
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .take(MAX_QUALIFIERS)
            .map(|(key, value)| (key.to_ascii_lowercase(), decode(value)))
            .collect();
        Some(Self {
            kind,
            namespace,
            name,
            version,
            qualifiers,
        })
    }

    /// Whether this, as somebody states it, speaks of that package: what is not stated is every one.
    pub fn covers(&self, package: &Self) -> bool {
        self.kind == package.kind
            && self.namespace == package.namespace
            && self.name == package.name
            && (self.version.is_none() || self.version == package.version)
            && self
                .qualifiers
                .iter()
                .all(|(key, value)| package.qualifiers.get(key) == Some(value))
    }
}

/// Percent-decodes; what is no UTF-8 afterwards becomes `U+FFFD`.
pub(super) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let decoded = (first == b'%')
            .then(|| {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let high = after.first().and_then(digit)?;
                let low = after.get(1).and_then(digit)?;
                u8::try_from(high * 16 + low).ok()
            })
            .flatten();
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
