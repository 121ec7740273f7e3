//! Ecosystems, as OSV writes them: a name, and for most distributions a release after a colon.

use std::borrow::Cow;
use std::fmt;

/// An ecosystem string of OSV, taken apart at its first colon (`Debian:12`, `npm`, `Ubuntu:22.04:LTS`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ecosystem {
    /// What the bulk export has a folder for (`Debian`).
    pub name: String,
    /// The release (`12`, `22.04:LTS`), a module list or a repository; `None` where there is none.
    pub suffix: Option<String>,
}

impl Ecosystem {
    /// Takes a string apart. Every string is one: records may name ecosystems that nobody knows yet.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, suffix)) => Self {
                name: name.to_owned(),
                suffix: Some(suffix.to_owned()),
            },
            None => Self {
                name: text.to_owned(),
                suffix: None,
            },
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suffix {
            Some(suffix) => write!(f, "{}:{suffix}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The ecosystems of the OSV schema, as the bulk export names its folders.
pub const KNOWN: &[&str] = &[
    "AlmaLinux",
    "Alpaquita",
    "Alpine",
    "Android",
    "Azure Linux",
    "BellSoft Hardened Containers",
    "Bioconductor",
    "Bitnami",
    "CRAN",
    "Chainguard",
    "CleanStart",
    "ConanCenter",
    "Debian",
    "Docker Hardened Images",
    "Echo",
    "GHC",
    "GIT",
    "GSD",
    "GitHub Actions",
    "Go",
    "Hackage",
    "Hex",
    "Julia",
    "Kubernetes",
    "Linux",
    "Mageia",
    "Maven",
    "MinimOS",
    "NuGet",
    "OSS-Fuzz",
    "Packagist",
    "Photon OS",
    "Pub",
    "PyPI",
    "Red Hat",
    "Rocky Linux",
    "Root",
    "RubyGems",
    "SUSE",
    "SwiftURL",
    "TuxCare",
    "UVI",
    "Ubuntu",
    "VSCode",
    "Wolfi",
    "crates.io",
    "npm",
    "opam",
    "openEuler",
    "openSUSE",
];

/// True for a name that the OSV schema lists.
pub fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// The spelling by which a package of an ecosystem (name without release) is looked up: the same for every
/// spelling that the ecosystem takes for the same package.
///
/// PyPI after PEP 503; NuGet, Packagist, GitHub Actions and VSCode in lower case. All others as they are:
/// their names are compared byte by byte (npm has old names with capitals, Go's paths and Maven's
/// coordinates have case).
pub fn normalise_name<'a>(ecosystem: &str, name: &'a str) -> Cow<'a, str> {
    match ecosystem {
        "PyPI" => pep_503(name),
        "NuGet" | "Packagist" | "GitHub Actions" | "VSCode"
            if name.chars().any(|c| c.to_lowercase().ne([c])) =>
        {
            Cow::Owned(name.to_lowercase())
        }
        _ => Cow::Borrowed(name),
    }
}

/// True where names that differ in capitals only are asked about together: Go's paths have case, and the
/// specification of package URLs, and with it many tools, writes them in lower case.
pub fn ignores_case(ecosystem: &str) -> bool {
    ecosystem == "Go"
}

/// Lower case, and every run of `-`, `_` and `.` is one `-`.
fn pep_503(name: &str) -> Cow<'_, str> {
    let separator = |b: u8| matches!(b, b'-' | b'_' | b'.');
    let mut before = 0;
    let normal = name.bytes().all(|b| {
        let changes =
            b.is_ascii_uppercase() || matches!(b, b'_' | b'.') || (b == b'-' && separator(before));
        before = b;
        !changes
    });
    if normal {
        return Cow::Borrowed(name);
    }
    let mut normalised = String::with_capacity(name.len());
    let mut in_run = false;
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !in_run {
                normalised.push('-');
            }
            in_run = true;
        } else {
            normalised.push(c.to_ascii_lowercase());
            in_run = false;
        }
    }
    Cow::Owned(normalised)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_ecosystem_has_its_own_idea_of_the_same_name() {
        for (ecosystem, name, expected) in [
            ("PyPI", "Foo.__Bar", "foo-bar"),
            ("PyPI", "zope.interface", "zope-interface"),
            ("PyPI", "a--b", "a-b"),
            ("PyPI", "requests", "requests"),
            ("NuGet", "Newtonsoft.Json", "newtonsoft.json"),
            ("Packagist", "Symfony/HTTP-Kernel", "symfony/http-kernel"),
            (
                "GitHub Actions",
                "tj-actions/Changed-Files",
                "tj-actions/changed-files",
            ),
            ("npm", "JSONStream", "JSONStream"),
            (
                "Go",
                "github.com/Masterminds/semver",
                "github.com/Masterminds/semver",
            ),
            ("Maven", "org.Foo:Bar", "org.Foo:Bar"),
            ("crates.io", "a_b", "a_b"),
        ] {
            assert_eq!(
                normalise_name(ecosystem, name),
                expected,
                "{ecosystem} {name}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_normalised_name_stays_as_it_is(name in "\\PC{0,20}", at in 0..KNOWN.len()) {
            let once = normalise_name(KNOWN[at], &name).into_owned();
            prop_assert_eq!(normalise_name(KNOWN[at], &once), once.as_str());
        }
    }
}
