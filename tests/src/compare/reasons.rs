//! Why two programs differ, where it is known. A difference that no row speaks of is unexplained.

use std::collections::BTreeSet;

use crate::purl::{Kind, Package};

use super::Judged;

/// Who says what others do not, or does not say what others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The connector.
    Ours,
    /// Trivy.
    Trivy,
    /// Syft.
    Syft,
}

/// Which way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It finds what it should not, or what nobody else does.
    Finds,
    /// It does not find what is there.
    Misses,
}

/// One row of the table.
pub struct Reason {
    /// Whose doing.
    pub who: Who,
    /// Which way.
    pub way: Way,
    /// Of which kinds of packages.
    pub kinds: &'static [Kind],
    /// True for those that the row speaks of.
    pub of: fn(&Case<'_>) -> bool,
    /// The sentence.
    pub text: &'static str,
}

/// One difference.
pub struct Case<'c> {
    /// The package.
    pub package: &'c Package,
    /// The files that show it, by whoever found it.
    pub paths: &'c BTreeSet<String>,
    /// All that is known of the image.
    pub judged: &'c Judged<'c>,
}

impl Case<'_> {
    /// True when the tool of the ecosystem states the same name without a version.
    fn has_no_version(&self) -> bool {
        let truth = self.judged.truth.get(&self.package.kind);
        truth.is_some_and(|truth| {
            truth
                .packages
                .iter()
                .any(|other| other.name == self.package.name && other.version.is_empty())
        })
    }

    /// True when the program says the same version of another name that ends alike.
    fn other_group(&self, who: Who) -> bool {
        let last = |name: &str| name.rsplit([':', '/']).next().map(str::to_owned);
        self.judged.of(who).keys().any(|other| {
            other.kind == self.package.kind
                && other.version == self.package.version
                && other.name != self.package.name
                && last(&other.name) == last(&self.package.name)
        })
    }

    /// True when the program finds something else of the kind in the same file.
    fn same_file(&self, who: Who) -> bool {
        let finds = self.judged.of(who).iter();
        let mut finds = finds.filter(|(package, _)| package.kind == self.package.kind);
        finds.any(|(_, paths)| !paths.is_disjoint(self.paths))
    }

    /// True for a folder of an npm package that has a package.json of its own.
    fn is_part_of_an_npm_package(&self) -> bool {
        !self.paths.is_empty()
            && self.paths.iter().all(|path| {
                let folder = path.strip_suffix("/package.json").unwrap_or(path);
                let below = folder
                    .rsplit_once("node_modules/")
                    .map_or("", |(_, rest)| rest);
                let parts = below.split('/').count();
                parts == if below.starts_with('@') { 3 } else { 2 }
            })
    }

    /// True when some file that shows it is where Debian's packages put theirs.
    fn is_debians(&self) -> bool {
        const FOLDERS: [&str; 8] = [
            "usr/lib/python3",
            "usr/share/nodejs",
            "usr/lib/ruby",
            "usr/share/rubygems-integration",
            "usr/share/java",
            "usr/share/maven-repo",
            "usr/bin/",
            "usr/lib/",
        ];
        self.paths
            .iter()
            .any(|path| FOLDERS.iter().any(|folder| path.starts_with(folder)))
    }
}

/// Formats whose packages Debian ships, too.
const LANGUAGES: &[Kind] = &[Kind::Pypi, Kind::Npm, Kind::Gem, Kind::Maven, Kind::Golang];

/// All that are known.
pub const REASONS: &[Reason] = &[
    Reason {
        who: Who::Trivy,
        way: Way::Misses,
        kinds: LANGUAGES,
        of: |case| case.is_debians(),
        text: "Trivy leaves out what dpkg owns; the connector lists it with its owner",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Misses,
        kinds: &[Kind::Golang],
        of: |case| case.has_no_version(),
        text: "the program states no version of itself; Trivy takes one from the linker's flags",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Finds,
        kinds: &[Kind::Golang],
        of: |case| case.has_no_version(),
        text: "the program states no version of itself; Trivy takes one from the linker's flags",
    },
    Reason {
        who: Who::Syft,
        way: Way::Misses,
        kinds: &[Kind::Golang],
        of: |case| case.has_no_version(),
        text: "the program states no version of itself; Syft takes one from the linker's flags",
    },
    Reason {
        who: Who::Syft,
        way: Way::Finds,
        kinds: &[Kind::Golang],
        of: |case| case.has_no_version(),
        text: "the program states no version of itself; Syft takes one from the linker's flags",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Misses,
        kinds: &[Kind::Maven],
        of: |_| true,
        text: "Trivy asks its database of jars about what states no pom.properties, and has none here",
    },
    Reason {
        who: Who::Syft,
        way: Way::Finds,
        kinds: &[Kind::Maven],
        of: |_| true,
        text: "no pom.properties states a group; Syft guesses one from the manifest or repeats the name",
    },
    Reason {
        who: Who::Ours,
        way: Way::Misses,
        kinds: &[Kind::Npm],
        of: |case| {
            !case.paths.is_empty()
                && case
                    .paths
                    .iter()
                    .all(|path| !path.contains("node_modules/"))
        },
        text: "an application or an editor's extension says itself that it is in no registry, where its \
               name may be another package's",
    },
    Reason {
        who: Who::Ours,
        way: Way::Misses,
        kinds: &[Kind::Maven],
        of: |case| case.package.version.is_empty(),
        text: "Syft lists a jar that states no version",
    },
    Reason {
        who: Who::Ours,
        way: Way::Misses,
        kinds: &[Kind::Maven],
        of: |case| case.other_group(Who::Ours) || case.same_file(Who::Ours),
        text: "the same jar by another name: no pom.properties states one",
    },
    Reason {
        who: Who::Ours,
        way: Way::Misses,
        kinds: &[Kind::Npm],
        of: |case| case.is_part_of_an_npm_package(),
        text: "a folder of a package with a package.json of its own: npm installed nothing by that name",
    },
    Reason {
        who: Who::Ours,
        way: Way::Finds,
        kinds: &[Kind::Nuget],
        of: |case| case.package.name.ends_with("microsoft.netcore.app"),
        text: "the shared framework by its released version, which advisories name",
    },
    Reason {
        who: Who::Ours,
        way: Way::Misses,
        kinds: &[Kind::Nuget],
        of: |case| case.package.name.ends_with("microsoft.netcore.app"),
        text: "the shared framework by its released version, which advisories name",
    },
    Reason {
        who: Who::Syft,
        way: Way::Finds,
        kinds: &[Kind::Golang],
        of: |case| case.package.version.is_empty(),
        text: "a program that was built without modules states none; Syft takes its path for one",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Misses,
        kinds: &[Kind::Nuget],
        of: |_| true,
        text: "Trivy leaves out libraries of deps.json that bring no assembly",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Finds,
        kinds: &[Kind::Nuget],
        of: |_| true,
        text: "Trivy lists the project itself",
    },
    Reason {
        who: Who::Syft,
        way: Way::Misses,
        kinds: &[Kind::Nuget],
        of: |_| true,
        text: "Syft does not read deps.json in images",
    },
    Reason {
        who: Who::Syft,
        way: Way::Finds,
        kinds: &[Kind::Nuget],
        of: |case| case.paths.iter().any(|path| path.ends_with(".dll")),
        text: "Syft takes each assembly for a package, with the version of the file",
    },
    Reason {
        who: Who::Syft,
        way: Way::Misses,
        kinds: &[Kind::Conda],
        of: |_| true,
        text: "Syft has no reader of conda-meta",
    },
    Reason {
        who: Who::Trivy,
        way: Way::Misses,
        kinds: &[Kind::Conda],
        of: |_| true,
        text: "Trivy lists no conda packages of images",
    },
];
