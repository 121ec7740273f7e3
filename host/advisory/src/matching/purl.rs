//! Packages by their package URLs: what a person asks about on the command line, and what bills of materials
//! state.

use percent_encoding::percent_decode_str;

use super::Package;
use crate::release;

/// Bytes of a package URL that is read.
const MAX_BYTES: usize = 4096;

/// Why a text is no package URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// It does not begin like one.
    #[error("{0:?} is no package URL; one begins with `pkg:TYPE/` (pkg:pypi/django@1.11.29)")]
    Scheme(String),
    /// It names nothing.
    #[error("{0:?} names no package; a package URL is `pkg:TYPE/NAMESPACE/NAME@VERSION`")]
    Name(String),
    /// It is longer than is read.
    #[error("a package URL of {0} bytes is longer than the {MAX_BYTES} that are read")]
    TooLong(usize),
}

/// A package URL in its parts, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Purl {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) qualifiers: Vec<(String, String)>,
}

impl Purl {
    pub(super) fn parse(text: &str) -> Result<Self, PurlError> {
        if text.len() > MAX_BYTES {
            return Err(PurlError::TooLong(text.len()));
        }
        let error = || text.to_owned();
        let rest = text
            .trim()
            .split_once(':')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("pkg"))
            .map(|(_, rest)| rest)
            .ok_or_else(|| PurlError::Scheme(error()))?
            .trim_start_matches('/');
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = path
            .split_once('/')
            .filter(|(kind, _)| !kind.is_empty())
            .ok_or_else(|| PurlError::Scheme(error()))?;
        // A scope may be written with its `@` as it is: that one begins a name, and no version.
        let (path, version) = match path.rsplit_once('@') {
            Some((before, version)) if !before.is_empty() && !before.ends_with('/') => {
                (before, Some(decode(version)))
            }
            _ => (path, None),
        };
        let path = path.trim_matches('/');
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(PurlError::Name(error()));
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decode(namespace),
            name: decode(name),
            version: version.filter(|version| !version.is_empty()),
            qualifiers: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_ascii_lowercase(), decode(value)))
                .collect(),
        })
    }

    fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers
            .iter()
            .find(|(name, value)| name == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The name as advisories of that kind of package have it.
    pub(super) fn full_name(&self) -> String {
        let join = |mark: &str| {
            if self.namespace.is_empty() {
                self.name.clone()
            } else {
                format!("{}{mark}{}", self.namespace, self.name)
            }
        };
        match self.kind.as_str() {
            "maven" => join(":"),
            "npm" | "golang" | "composer" | "swift" | "github" | "githubactions" => join("/"),
            _ => self.name.clone(),
        }
    }

    /// A version of an RPM with its epoch.
    pub(super) fn with_epoch(&self, version: &str) -> String {
        match self.qualifier("epoch") {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version.to_owned(),
        }
    }

    /// Module and stream of an RPM, as Syft's and Trivy's package URLs have them.
    pub(super) fn modularity(&self) -> Option<&str> {
        self.qualifier("rpmmod")
            .or_else(|| self.qualifier("modularitylabel"))
    }

    /// Source package and its version, by the qualifier `upstream`.
    pub(super) fn source(&self, version: &str) -> Option<(String, String)> {
        let upstream = self.qualifier("upstream")?;
        if let Some(file) = upstream
            .strip_suffix(".src.rpm")
            .or_else(|| upstream.strip_suffix(".nosrc.rpm"))
        {
            let (rest, release) = file.rsplit_once('-')?;
            let (name, number) = rest.rsplit_once('-')?;
            let source = self.with_epoch(&format!("{number}-{release}"));
            return Some((name.to_owned(), source));
        }
        Some(match upstream.split_once('@') {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => (upstream.to_owned(), version.to_owned()),
        })
    }
}

/// The ecosystem of the distribution that a package URL names.
pub(super) fn os_ecosystem(purl: &Purl) -> Option<String> {
    if let Some(distro) = purl.qualifier("distro") {
        // A rebuild that was taken for what it is rebuilt from: whose package it is, the namespace says.
        if is_rebuild(&purl.namespace)
            && let Some(at) = distro.find(|letter: char| letter.is_ascii_digit())
        {
            let own = format!(
                "{}-{}",
                purl.namespace,
                distro.get(at..).unwrap_or_default()
            );
            return release::of_distro(&own);
        }
        let with_id = || release::of_distro(&format!("{}-{distro}", purl.namespace));
        return release::of_distro(distro).or_else(with_id);
    }
    // Those without releases.
    release::of_distro(&purl.namespace)
}

fn is_rebuild(namespace: &str) -> bool {
    ["almalinux", "alma", "rocky", "rockylinux"]
        .iter()
        .any(|known| namespace.eq_ignore_ascii_case(known))
}

/// The release that an RPM was built for, by its own version: `8` of `1.1.1k-5.el8_5` and
/// `10.19.0-1.module_el8.1.0+2230+d7e5b5f5`.
fn by_dist_tag(purl: &Purl) -> Option<String> {
    if purl.kind != "rpm" {
        return None;
    }
    let (_, release) = purl.version.as_deref()?.rsplit_once('-')?;
    let number = [".el", "module_el", "module+el"]
        .iter()
        .filter_map(|tag| Some((release.find(tag)?, tag.len())))
        .min()
        .and_then(|(at, length)| release.get(at + length..))?;
    let end = number
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(number.len());
    let number = number.get(..end).filter(|number| !number.is_empty())?;
    release::of_distro(&format!("{}-{number}", purl.namespace))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A package that nobody lent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedPackage {
    name: String,
    version: String,
    source: Option<(String, String)>,
    purl: String,
    os_ecosystem: Option<String>,
}

impl OwnedPackage {
    /// As matching takes it; its `format` is `purl`.
    pub fn package(&self) -> Package<'_> {
        let source = self.source.as_ref();
        Package {
            format: "purl",
            name: &self.name,
            version: &self.version,
            source_name: source.map(|(name, _)| name.as_str()),
            source_version: source.map(|(_, version)| version.as_str()),
            purl: &self.purl,
            origin: "unknown",
            owner: None,
            os_ecosystem: self.os_ecosystem.as_deref(),
            attributes: &[],
        }
    }
}

/// The package that a package URL names. Packages of distributions are those of `distro` (`Debian:12`, or
/// `debian-12`), unless their own qualifier says which.
pub fn from_purl(purl: &str, distro: Option<&str>) -> Result<OwnedPackage, PurlError> {
    let parsed = Purl::parse(purl)?;
    let version = parsed.version.clone().unwrap_or_default();
    let version = match parsed.kind.as_str() {
        "rpm" if !version.is_empty() && !version.contains(':') => parsed.with_epoch(&version),
        _ => version,
    };
    Ok(OwnedPackage {
        name: parsed.full_name(),
        source: parsed.source(&version),
        version,
        purl: purl.trim().to_owned(),
        os_ecosystem: os_ecosystem(&parsed)
            .or_else(|| release::of_distro(distro?))
            .or_else(|| by_dist_tag(&parsed)),
    })
}

#[cfg(test)]
#[path = "purl_tests.rs"]
mod tests;
