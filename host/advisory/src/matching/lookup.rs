//! What of a package is looked up: its ecosystem, the names that advisories may know it by, its version.
//!
//! The ownership rule: files of a language package that belong to a package of the operating system are
//! patched by the distribution under the same version, so only the distribution's advisories tell. Conda is
//! no operating system in that sense: nobody publishes advisories for its packages, so its Python packages are
//! looked up as what they are.

use super::purl::{Purl, os_ecosystem};
use super::{Caution, Component, Lookup, NoLookup, Package, rpm};
use crate::ecosystem::normalise_name;

/// Kinds of packages, by what advisories are published for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dpkg,
    Apk,
    Rpm,
    Go,
    Maven,
    Crate,
    Gem,
    /// Of a registry whose names need nothing but normalising.
    Registry(&'static str),
}

impl Kind {
    fn of_format(format: &str) -> Option<Self> {
        Some(match format {
            "dpkg" => Self::Dpkg,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "go-binary" => Self::Go,
            "java" => Self::Maven,
            "rust-binary" => Self::Crate,
            "ruby" => Self::Gem,
            "npm" => Self::Registry("npm"),
            "python" => Self::Registry("PyPI"),
            "composer" => Self::Registry("Packagist"),
            "dotnet" => Self::Registry("NuGet"),
            "r" => Self::Registry("CRAN"),
            _ => return None,
        })
    }

    fn of_purl(kind: &str) -> Option<Self> {
        Some(match kind {
            "deb" => Self::Dpkg,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "golang" => Self::Go,
            "maven" => Self::Maven,
            "cargo" => Self::Crate,
            "gem" => Self::Gem,
            "npm" => Self::Registry("npm"),
            "pypi" => Self::Registry("PyPI"),
            "composer" => Self::Registry("Packagist"),
            "nuget" => Self::Registry("NuGet"),
            "cran" => Self::Registry("CRAN"),
            "hex" => Self::Registry("Hex"),
            "pub" => Self::Registry("Pub"),
            "hackage" => Self::Registry("Hackage"),
            "conan" => Self::Registry("ConanCenter"),
            "swift" => Self::Registry("SwiftURL"),
            "bitnami" => Self::Registry("Bitnami"),
            "github" | "githubactions" => Self::Registry("GitHub Actions"),
            "julia" => Self::Registry("Julia"),
            "opam" => Self::Registry("opam"),
            _ => return None,
        })
    }

    fn is_distribution(self) -> bool {
        matches!(self, Self::Dpkg | Self::Apk | Self::Rpm)
    }

    /// True when packages of this kind can be a distribution's own; what nobody knows may be anybody's.
    fn fits(self, distribution: &str) -> bool {
        let of = match distribution {
            "Debian" | "Ubuntu" | "Echo" => Self::Dpkg,
            "Alpine"
            | "Wolfi"
            | "Chainguard"
            | "MinimOS"
            | "Alpaquita"
            | "BellSoft Hardened Containers" => Self::Apk,
            "AlmaLinux" | "Red Hat" | "Rocky Linux" | "SUSE" | "openSUSE" | "openEuler"
            | "Azure Linux" | "Photon OS" | "Mageia" => Self::Rpm,
            _ => return true,
        };
        self == of
    }
}

/// What of a package is looked up, or why nothing is.
pub fn lookup(package: &Package<'_>) -> Lookup {
    match component(package) {
        Ok(component) => Lookup::Component(component),
        Err(no) => Lookup::No(no),
    }
}

fn component(package: &Package<'_>) -> Result<Component, NoLookup> {
    let purl = Purl::parse(package.purl).ok();
    // A format that states package URLs of its own (a bill of materials) is what those say.
    let stated = Kind::of_format(package.format);
    let kind = stated
        .or_else(|| Kind::of_purl(&purl.as_ref()?.kind))
        .ok_or(NoLookup::NoEcosystem)?;
    let distribution = Kind::of_format(package.format).is_some_and(Kind::is_distribution);
    if !distribution
        && package.origin == "operating-system"
        && let Some(owner) = package.owner
    {
        return Err(NoLookup::OwnedBySystem(owner.to_owned()));
    }
    if is_own_program(package) {
        return Err(NoLookup::OwnProgram);
    }
    let version = package.version.trim();
    if matches!(
        version,
        "" | "(devel)" | "unknown" | "UNKNOWN" | "NOASSERTION"
    ) {
        return Err(NoLookup::NoVersion);
    }
    let caution = caution(package, stated.is_some());
    // Of a bill of materials the name is what its author wrote; the package URL's is a name by the rules.
    let name = match (&purl, stated) {
        (Some(purl), None) => {
            let full = purl.full_name();
            if full.eq_ignore_ascii_case(package.name) {
                package.name.to_owned()
            } else {
                full
            }
        }
        _ => package.name.to_owned(),
    };
    if kind.is_distribution() {
        let component = of_distribution(package, kind, purl.as_ref(), name, caution)?;
        return Ok(Component {
            by_name_only: stated.is_none(),
            ..component
        });
    }
    let (ecosystem, version) = match kind {
        Kind::Go => ("Go", go_version(&name, version).ok_or(NoLookup::NoVersion)?),
        Kind::Maven => {
            if !name.contains(':') {
                return Err(NoLookup::IncompleteName);
            }
            ("Maven", version.to_owned())
        }
        Kind::Crate => ("crates.io", version.to_owned()),
        Kind::Gem => ("RubyGems", without_platform(version).to_owned()),
        Kind::Registry(ecosystem) => (ecosystem, version.to_owned()),
        Kind::Dpkg | Kind::Apk | Kind::Rpm => return Err(NoLookup::NoEcosystem),
    };
    let name = match (ecosystem, name.as_str()) {
        // What some tools call the standard library.
        ("Go", "std" | "go") => "stdlib".to_owned(),
        _ => normalise_name(ecosystem, &name).into_owned(),
    };
    let main_path = (kind == Kind::Go)
        .then(|| attribute(package, "go.path"))
        .flatten()
        .map(str::to_owned);
    Ok(Component {
        ecosystem: ecosystem.to_owned(),
        name,
        version,
        source: None,
        main_path,
        stream: None,
        caution,
        by_name_only: stated.is_none(),
        platform: if kind == Kind::Go {
            platform(package)
        } else {
            None
        },
    })
}

fn of_distribution(
    package: &Package<'_>,
    kind: Kind,
    purl: Option<&Purl>,
    name: String,
    caution: Option<Caution>,
) -> Result<Component, NoLookup> {
    let ecosystem = package
        .os_ecosystem
        .map(str::to_owned)
        .or_else(|| os_ecosystem(purl?))
        .ok_or(NoLookup::NoEcosystem)?;
    if !kind.fits(ecosystem.split(':').next().unwrap_or_default()) {
        return Err(NoLookup::NoEcosystem);
    }
    let version = match purl {
        // The epoch of an RPM stands apart in its package URL.
        Some(purl) if kind == Kind::Rpm && !package.version.contains(':') => {
            purl.with_epoch(package.version)
        }
        _ => package.version.to_owned(),
    };
    let source = match (package.source_name, package.source_version) {
        (Some(source), version_of) if !source.is_empty() => {
            Some((source.to_owned(), version_of.unwrap_or(&version).to_owned()))
        }
        _ => purl.and_then(|purl| purl.source(&version)),
    };
    let stream = match kind {
        Kind::Rpm => attribute(package, "rpm.modularity")
            .or_else(|| purl?.modularity())
            .and_then(rpm::stream),
        _ => None,
    };
    Ok(Component {
        ecosystem,
        name,
        version,
        source,
        stream,
        caution,
        ..Component::default()
    })
}

fn platform(package: &Package<'_>) -> Option<(String, String)> {
    let (os, arch) = (attribute(package, "go.os"), attribute(package, "go.arch"));
    if os.is_none() && arch.is_none() {
        return None;
    }
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Some((text(os), text(arch)))
}

fn attribute<'p>(package: &Package<'p>, key: &str) -> Option<&'p str> {
    package
        .attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

/// Whether its own author put it there under a name that no registry has checked.
fn is_own_program(package: &Package<'_>) -> bool {
    match package.format {
        // A package that came with another one is real, whatever lies around it.
        "npm" => {
            attribute(package, "npm.root") == Some("true")
                && attribute(package, "npm.vendored").is_none()
        }
        "rust-binary" => attribute(package, "rust.source") == Some("local"),
        _ => false,
    }
}

fn caution(package: &Package<'_>, is_catalogued: bool) -> Option<Caution> {
    match package.format {
        "java" => {
            let by = attribute(package, "java.identity");
            let inferred = attribute(package, "java.group") == Some("inferred");
            (inferred || by == Some("file-name")).then_some(Caution::GuessedCoordinates)
        }
        "rust-binary" => attribute(package, "rust.source").map(|_| Caution::OtherSource),
        "purl" => None,
        _ => (!is_catalogued).then_some(Caution::StatedOnly),
    }
}

/// A module's version; that of the standard library in the form of semantic versions (`1.23rc1` is
/// `1.23.0-rc.1`). `None` for what stands in place of a version: modules that were replaced say `v0.0.0`, or
/// name a commit of the year one.
fn go_version(name: &str, version: &str) -> Option<String> {
    if !matches!(name, "stdlib" | "toolchain" | "std" | "go") {
        let is_placeholder = matches!(
            version.strip_prefix('v').unwrap_or(version),
            "0.0.0" | "0.0.0-00010101000000-000000000000"
        );
        return (!is_placeholder).then(|| version.to_owned());
    }
    let version = version.strip_prefix("go").unwrap_or(version);
    let version = version.strip_prefix('v').unwrap_or(version);
    let at = ["rc", "beta"]
        .iter()
        .find_map(|word| version.find(word))
        .filter(|at| {
            version
                .get(..*at)
                .is_some_and(|number| !number.ends_with('-'))
        });
    let (number, before) = version.split_at(at.unwrap_or(version.len()));
    let mut full = number.to_owned();
    if !number.contains('-') {
        for _ in number.split('.').count()..3 {
            full.push_str(".0");
        }
    }
    if !before.is_empty() {
        let digits = before
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(before.len());
        let (word, count) = before.split_at(digits);
        full.push('-');
        full.push_str(word);
        if !count.is_empty() {
            full.push('.');
            full.push_str(count);
        }
    }
    Some(full)
}

/// A gem's version without the platform that it was built for (`1.15.0-x86_64-linux`).
fn without_platform(version: &str) -> &str {
    const PLATFORMS: &[&str] = &[
        "aarch64",
        "arm",
        "arm64",
        "arm64ec",
        "darwin",
        "java",
        "jruby",
        "linux",
        "mingw",
        "mingw32",
        "mswin",
        "mswin32",
        "mswin64",
        "musl",
        "ruby",
        "universal",
        "x64",
        "x86",
        "x86_64",
        "i386",
        "i686",
        "armv6l",
        "armv7l",
        "ppc64le",
        "s390x",
        "riscv64",
    ];
    match version.split_once('-') {
        Some((number, platform))
            if PLATFORMS.contains(&platform.split('-').next().unwrap_or_default()) =>
        {
            number
        }
        _ => version,
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
