//! Which advisory concerns which package, and why.
//!
//! A package of an image becomes [`Component`]s: what can be looked up, without the image that it was found
//! in, so that a thousand images with the same package are matched once. [`matches`] asks an [`Advisories`]
//! about one component and answers each [`Match`] with its evidence.
//!
//! `lookup` says what of a package is looked up, `purl` makes packages of package URLs, `judge` matches, `rpm`
//! and `imports` hold what Red Hat's modules and Go's packages ask for.

mod imports;
mod judge;
mod lookup;
mod purl;
#[cfg(test)]
mod real_tests;
mod rpm;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Ecosystem;
use crate::osv::{Affected, Head};

pub use judge::{Concern, concerns, matches};
pub use lookup::lookup;
pub use purl::{OwnedPackage, PurlError, from_purl};

/// A package as an inventory has it. The fields are those of the contract's `package`.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// What recorded it (`dpkg`, `npm`, …).
    pub format: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Source package, where the format has it.
    pub source_name: Option<&'a str>,
    /// Its version.
    pub source_version: Option<&'a str>,
    /// Package URL.
    pub purl: &'a str,
    /// `operating-system` when its files belong to a package of the operating system.
    pub origin: &'a str,
    /// The package that owns its files.
    pub owner: Option<&'a str>,
    /// `osv-ecosystem` of the image's operating system (`Debian:12`).
    pub os_ecosystem: Option<&'a str>,
    /// The connector's attributes (`go.path`, `npm.root`, …).
    pub attributes: &'a [(String, String)],
}

/// What can be looked up: equal for every image that has the same package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    /// Ecosystem with its release, as text (`Debian:12`, `PyPI`).
    pub ecosystem: String,
    /// The name, as the ecosystem's advisories spell it.
    pub name: String,
    /// The version that is installed.
    pub version: String,
    /// The source package and its version, where advisories may speak of it.
    pub source: Option<(String, String)>,
    /// Go: import path of the program, when this is the module that the program itself belongs to.
    pub main_path: Option<String>,
    /// RPM: module and stream that it was built for (`nodejs:10`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Why it may not be what it is looked up as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<Caution>,
    /// It comes from a package URL: what that does not state is unknown, and not absent (the epoch of an RPM,
    /// whether a Go module is the program itself).
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_name_only: bool,
    /// Go: operating system and architecture that the program was built for, either empty where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<(String, String)>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Why a component may not be the package that it is looked up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caution {
    /// Maven coordinates that were concluded from a file name or a manifest.
    GuessedCoordinates,
    /// A Rust package from elsewhere than the registry: a fork may have the name.
    OtherSource,
    /// Only a bill of materials in the image says that it is there.
    StatedOnly,
}

/// What becomes of a package before it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Look this up.
    Component(Component),
    /// Not looked up by itself, and why: the operating system's advisories speak of its owner, it is the
    /// project's own package, its version is not stated, or nobody publishes advisories for its kind.
    No(NoLookup),
}

/// Why a package is not looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoLookup {
    /// A package of the operating system owns it.
    OwnedBySystem(String),
    /// It has no version that could be compared.
    NoVersion,
    /// No ecosystem of OSV has packages of this kind, or none is known for the image's distribution.
    NoEcosystem,
    /// It is what the image's own author calls the program in it, not a package that was published.
    OwnProgram,
    /// Its name is not whole, so that it could be anybody's: a Java archive that states no group.
    IncompleteName,
}

/// What is known about a package of an ecosystem.
pub trait Advisories {
    /// Every record with an `affected` of that ecosystem (name without release) and name, with those
    /// elements. Withdrawn records are left out.
    fn about(&self, ecosystem: &str, name: &str) -> Result<Vec<Arc<Advisory>>, crate::LookupError>;

    /// True when records of that ecosystem (name without release) were imported at all.
    fn covers(&self, ecosystem: &str) -> bool;
}

/// A record, with what it says about one package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advisory {
    /// What it says in general.
    pub head: Head,
    /// What it says about the package that was asked for.
    pub affected: Vec<Affected>,
}

/// One advisory that concerns one component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Id of the record.
    pub advisory: String,
    /// Ecosystem as the record has it (`AlmaLinux:8`).
    pub ecosystem: String,
    /// Package as the record has it.
    pub package: String,
    /// By which of the component's names it was found.
    pub by: MatchedBy,
    /// Which version or range says so.
    pub because: Because,
    /// The version that was compared (the source's, where the source was).
    pub compared: String,
    /// The lowest fixed version above the installed one; `None` when there is none (yet).
    pub fixed: Option<String>,
    /// How sure it is.
    pub certainty: Certainty,
    /// Why it is not certain, in a sentence.
    pub doubt: Option<String>,
    /// Go: which packages of the module are concerned, at most 20.
    pub imports: Vec<String>,
    /// The distribution's urgency or severity for this package.
    pub urgency: Option<String>,
    /// Why the record is no vulnerability, when it isn't one (`unmaintained`, `bugfix`): the caller decides
    /// what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub informational: Option<String>,
}

/// By which of a component's names a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// The package's own name.
    Name,
    /// The name of its source package.
    Source,
}

/// What says that a version is affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It is listed.
    Listed,
    /// It is in this range.
    InRange {
        /// From; `0` is the beginning.
        introduced: String,
        /// To, exclusive.
        fixed: Option<String>,
        /// To, inclusive.
        last_affected: Option<String>,
    },
}

/// How sure a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Something is missing to tell: a version that is no version, coordinates that were guessed.
    Unsure,
    /// By name and version, where the code concerned may not be in the image.
    Likely,
    /// By the package manager's own record and the distribution's or registry's own advisory.
    Certain,
}

/// The parts of `Ecosystem` that a lookup needs.
pub fn lookup_ecosystem(component: &Component) -> Ecosystem {
    Ecosystem::parse(&component.ecosystem)
}
