//! Package URLs, read so that what three programs say of one package compares: kind, name and version in
//! one spelling. The connector has a writer of its own; this reader shares nothing with it.

use std::fmt;

/// Kinds of packages that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the types of package URLs")]
pub enum Kind {
    Deb,
    Apk,
    Rpm,
    Pypi,
    Npm,
    Gem,
    Composer,
    Maven,
    Golang,
    Cargo,
    Nuget,
    Conda,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "deb" => Self::Deb,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "pypi" => Self::Pypi,
            "npm" => Self::Npm,
            "gem" => Self::Gem,
            "composer" => Self::Composer,
            "maven" => Self::Maven,
            "golang" => Self::Golang,
            "cargo" => Self::Cargo,
            "nuget" => Self::Nuget,
            "conda" => Self::Conda,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Maven => "maven",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Nuget => "nuget",
            Self::Conda => "conda",
        })
    }
}

/// One package, in the spelling that all are compared in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Of which ecosystem.
    pub kind: Kind,
    /// With namespace (`@babel/core`, `org.apache:commons`, `golang.org/x/net`).
    pub name: String,
    /// With epoch.
    pub version: String,
}

impl Package {
    /// With the equal spellings of the kind made one: case and dashes of Python, the `v` of Go.
    pub fn new(kind: Kind, name: &str, version: &str) -> Self {
        let name = match kind {
            Kind::Pypi => {
                let lower = name.to_lowercase();
                let parts = lower.split(['-', '_', '.']);
                parts
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join("-")
            }
            // Package URLs have the names of Go modules in lower case.
            Kind::Composer | Kind::Nuget | Kind::Golang => name.to_lowercase(),
            _ => name.to_owned(),
        };
        let version = match kind {
            Kind::Golang => version.strip_prefix("go").unwrap_or(version),
            _ => version,
        };
        let version = match kind {
            Kind::Golang | Kind::Composer => version.strip_prefix('v').unwrap_or(version),
            _ => version,
        };
        // What Go writes where it knows no version.
        let version = match (kind, version) {
            (Kind::Golang, "(devel)") => "",
            _ => version,
        };
        Self {
            kind,
            name,
            version: version.to_owned(),
        }
    }

    /// Of a package URL; none for kinds that are not compared.
    pub fn of_purl(purl: &str) -> Option<Self> {
        let rest = purl.strip_prefix("pkg:")?;
        let (rest, subpath) = match rest.split_once('#') {
            Some((rest, subpath)) => (rest, Some(subpath)),
            None => (rest, None),
        };
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.trim_start_matches('/').split_once('/')?;
        let kind = Kind::of(kind)?;
        let (path, version) = match rest.rsplit_once('@') {
            // An `@` that is not encoded may begin the namespace of npm.
            Some((path, version)) if !version.contains('/') && !path.is_empty() => (path, version),
            _ => (rest, ""),
        };
        let parts: Vec<String> = path.split('/').map(decoded).collect();
        let last = parts.last()?;
        let mut name = match kind {
            // The namespace is the distribution.
            Kind::Deb | Kind::Apk | Kind::Rpm => last.clone(),
            Kind::Maven => parts.join(":"),
            _ => parts.join("/"),
        };
        if let (Kind::Golang, Some(subpath)) = (kind, subpath) {
            name = format!("{name}/{}", decoded(subpath));
        }
        let mut version = decoded(version);
        let epoch = qualifiers
            .split('&')
            .find_map(|pair| pair.strip_prefix("epoch="));
        if let Some(epoch) = epoch.filter(|epoch| *epoch != "0") {
            version = format!("{epoch}:{version}");
        }
        Some(Self::new(kind, &name, &version))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(purl: &str) -> Option<(Kind, String)> {
        Package::of_purl(purl).map(|one| (one.kind, one.to_string()))
    }

    #[test]
    fn three_spellings_of_one_package_are_one() {
        let deb = Some((Kind::Deb, "passwd 1:4.13+dfsg1-1".to_owned()));
        assert_eq!(
            of("pkg:deb/debian/passwd@1%3A4.13%2Bdfsg1-1?arch=amd64"),
            deb
        );
        assert_eq!(
            of("pkg:deb/debian/passwd@4.13+dfsg1-1?arch=amd64&epoch=1"),
            deb
        );
        let npm = Some((Kind::Npm, "@babel/core 7.0.0".to_owned()));
        assert_eq!(of("pkg:npm/%40babel/core@7.0.0"), npm);
        assert_eq!(of("pkg:npm/@babel/core@7.0.0"), npm);
        let python = Some((Kind::Pypi, "typing-extensions 4.1".to_owned()));
        assert_eq!(of("pkg:pypi/Typing_Extensions@4.1"), python);
        let go = Some((Kind::Golang, "golang.org/x/net 0.1.0".to_owned()));
        assert_eq!(of("pkg:golang/golang.org/x/net@v0.1.0"), go);
        let maven = Some((Kind::Maven, "org.slf4j:slf4j-api 2.0.1".to_owned()));
        assert_eq!(of("pkg:maven/org.slf4j/slf4j-api@2.0.1"), maven);
        assert_eq!(of("pkg:generic/redis@7"), None);
        assert_eq!(of("no purl"), None);
    }
}
