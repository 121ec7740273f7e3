//! The orders of versions, one file an order, behind one trait.
//!
//! An order is total over all strings, so that sorting can't fail or depend on the input's sequence; what is
//! not a version by the order's grammar sorts by a fallback that the order documents, and
//! [`Order::is_version`] says so. Matching asks it first and doesn't judge what it can't read.
//!
//! Each order follows the tool that owns it (`dpkg --compare-versions`, `apk version -t`, Python's
//! `packaging`, …) and was compared with that tool on many thousands of pairs; `tests/peers/version-orders`
//! does so again. Two of the tools aren't orders themselves (Maven, and PHP on odd strings): there the file
//! says which pairs had to differ. All code is our own. The crates that were looked at keep numbers in 64
//! bits and answer an error for what isn't strictly a version (`semver`, `pep440_rs`, `debversion`,
//! `nodejs-semver`), and advisories hold longer numbers and looser spellings than that.
//!
//! Numbers are compared as strings of digits, so they have any length. Time is linear in the length, and a
//! string longer than [`MAX_LENGTH`] isn't taken apart at all.

mod apk;
mod cran;
mod dart;
mod dpkg;
mod generic;
mod go;
mod hackage;
mod maven;
mod nuget;
mod packagist;
mod pep440;
mod rpm;
mod rubygems;
mod semver;
mod text;
mod vectors;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

pub use vectors::{Report, Wrong, check_vectors};

/// The longest version that is taken apart, in bytes. The longest in the public advisories has about 90.
/// Longer strings are no versions: they sort before all others, and among themselves byte by byte.
pub const MAX_LENGTH: usize = 4096;

/// How one kind of version is compared.
pub trait Order: Send + Sync {
    /// Its name, as messages and the command line have it (`dpkg`, `pep440`).
    fn name(&self) -> &'static str;

    /// Compares two versions. Total: reflexive, antisymmetric and transitive over all strings.
    fn compare(&self, a: &str, b: &str) -> Ordering;

    /// True when the grammar of the order takes it.
    fn is_version(&self, version: &str) -> bool;
}

/// An order of this module.
struct Known {
    name: &'static str,
    compare: fn(&str, &str) -> Ordering,
    is_version: fn(&str) -> bool,
}

impl Order for Known {
    fn name(&self) -> &'static str {
        self.name
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        match (a.len() <= MAX_LENGTH, b.len() <= MAX_LENGTH) {
            (true, true) => (self.compare)(a, b),
            (false, false) => a.cmp(b),
            (a_fits, b_fits) => a_fits.cmp(&b_fits),
        }
    }

    fn is_version(&self, version: &str) -> bool {
        version.len() <= MAX_LENGTH && (self.is_version)(version)
    }
}

impl fmt::Debug for dyn Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({})", self.name())
    }
}

/// Makes the static of each order, and the list of them.
macro_rules! orders {
    ($($constant:ident $name:literal $module:ident;)*) => {
        $(static $constant: Known = Known {
            name: $name,
            compare: $module::compare,
            is_version: $module::is_version,
        };)*
        static ALL: &[&dyn Order] = &[$(&$constant),*];
    };
}

orders! {
    DPKG "dpkg" dpkg;
    APK "apk" apk;
    RPM "rpm" rpm;
    PEP440 "pep440" pep440;
    SEMVER "semver" semver;
    GO "go" go;
    MAVEN "maven" maven;
    RUBYGEMS "rubygems" rubygems;
    PACKAGIST "packagist" packagist;
    NUGET "nuget" nuget;
    CRAN "cran" cran;
    HACKAGE "hackage" hackage;
    PUB "pub" dart;
    GENERIC "generic" generic;
}

/// opam has Debian's rule for a whole string, without epoch and revision.
static OPAM: Known = Known {
    name: "opam",
    compare: dpkg::compare_whole,
    is_version: dpkg::is_whole,
};

/// Every order, in a fixed sequence.
pub fn orders() -> &'static [&'static dyn Order] {
    static EVERY: std::sync::OnceLock<Vec<&'static dyn Order>> = std::sync::OnceLock::new();
    EVERY.get_or_init(|| {
        let mut every = ALL.to_vec();
        every.push(&OPAM);
        every
    })
}

/// The order with that name (`dpkg`).
pub fn by_name(name: &str) -> Option<&'static dyn Order> {
    orders().iter().copied().find(|order| order.name() == name)
}

/// The order of an ecosystem's versions, by its name without release (`Debian`), exactly as OSV writes it;
/// `None` when the ecosystem is unknown, and then only versions that a record lists can be matched.
///
/// `Root`, `TuxCare` and `Docker Hardened Images` rebuild packages of several systems. Their order is that
/// of the system which the suffix names (`Root:Alpine:3.18`), so they are passed whole.
pub fn order_of(ecosystem: &str) -> Option<&'static dyn Order> {
    let (name, suffix) = match ecosystem.split_once(':') {
        Some((name, suffix)) => (name, Some(suffix)),
        None => (ecosystem, None),
    };
    Some(match name {
        "Debian" | "Ubuntu" | "Echo" => &DPKG,
        "Alpine"
        | "Wolfi"
        | "Chainguard"
        | "MinimOS"
        | "CleanStart"
        | "Alpaquita"
        | "BellSoft"
        | "BellSoft Hardened Containers" => &APK,
        "Red Hat"
        | "Rocky Linux"
        | "AlmaLinux"
        | "SUSE"
        | "openSUSE"
        | "Mageia"
        | "Azure Linux"
        | "Photon OS"
        | "openEuler"
        | "Amazon Linux"
        | "Fedora"
        | "CentOS"
        | "Oracle Linux"
        | "Alibaba Cloud Linux" => &RPM,
        "PyPI" => &PEP440,
        "npm" | "crates.io" | "Hex" | "SwiftURL" | "Julia" | "GitHub Actions" | "ConanCenter"
        | "Bitnami" | "Kubernetes" | "VSCode" | "Bioconductor" => &SEMVER,
        "Go" => &GO,
        "Maven" => &MAVEN,
        "RubyGems" => &RUBYGEMS,
        "Packagist" => &PACKAGIST,
        "NuGet" => &NUGET,
        "CRAN" => &CRAN,
        "Hackage" | "GHC" => &HACKAGE,
        "Pub" => &PUB,
        "opam" => &OPAM,
        "Root" | "TuxCare" | "Docker Hardened Images" => return suffix.and_then(of_rebuilt),
        // No order of their own, or none that is written down: as a person reads versions.
        "Android" | "FreeBSD" | "Linux" | "OSS-Fuzz" => &GENERIC,
        _ => return None,
    })
}

/// The order of what a suffix like `Alpine:3.18` names. One level: a suffix is chosen by others.
fn of_rebuilt(suffix: &str) -> Option<&'static dyn Order> {
    let name = suffix.split(':').next()?;
    match name {
        "Root" | "TuxCare" | "Docker Hardened Images" => None,
        name => order_of(name),
    }
}
