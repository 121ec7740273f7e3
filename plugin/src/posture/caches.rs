//! Which files are caches of package managers, by their paths.

use serde::{Deserialize, Serialize};

use crate::image::paths;

/// What a cache of a package manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    /// Downloaded Debian packages.
    AptArchives,
    /// Package lists of apt.
    AptLists,
    /// apk's packages and index.
    Apk,
    /// dnf, yum, microdnf.
    Dnf,
    /// zypper.
    Zypp,
    /// pacman.
    Pacman,
    /// pip, uv, Poetry.
    Pip,
    /// npm.
    Npm,
    /// Yarn and pnpm.
    Yarn,
    /// Maven's local repository, Gradle's caches.
    Maven,
    /// Go's modules as downloaded, and its build cache.
    Go,
    /// Cargo's registry.
    Cargo,
    /// Composer.
    Composer,
    /// RubyGems.
    Gem,
    /// conda.
    Conda,
}

impl CacheKind {
    /// Whose it is, and how a build does without.
    pub fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::AptArchives => ("downloaded packages of apt", "apt-get clean"),
            Self::AptLists => ("package lists of apt", "rm -rf /var/lib/apt/lists/*"),
            Self::Apk => ("cache of apk", "apk add --no-cache …"),
            Self::Dnf => ("cache of dnf or yum", "dnf clean all"),
            Self::Zypp => ("cache of zypper", "zypper clean --all"),
            Self::Pacman => ("cache of pacman", "pacman -Scc --noconfirm"),
            Self::Pip => ("cache of pip", "pip install --no-cache-dir …"),
            Self::Npm => ("cache of npm", "npm cache clean --force"),
            Self::Yarn => ("cache of Yarn", "yarn cache clean"),
            Self::Maven => (
                "repository of Maven or Gradle",
                "RUN --mount=type=cache,target=/root/.m2 …",
            ),
            Self::Go => (
                "module cache of Go",
                "RUN --mount=type=cache,target=/go/pkg/mod …",
            ),
            Self::Cargo => (
                "registry of Cargo",
                "RUN --mount=type=cache,target=/usr/local/cargo/registry …",
            ),
            Self::Composer => ("cache of Composer", "composer clear-cache"),
            Self::Gem => ("cache of RubyGems", "rm -rf \"$(gem env gemdir)\"/cache/*"),
            Self::Conda => ("cache of conda", "conda clean --all --yes"),
        }
    }
}

/// Cached files of one kind in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Whose.
    pub kind: CacheKind,
    /// Files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The layer above that removes some of it, which makes the image no smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u32>,
}

/// The cache that a file of this path belongs to.
pub fn cache_of(key: &str) -> Option<CacheKind> {
    use CacheKind::{
        Apk, AptArchives, AptLists, Cargo, Composer, Conda, Dnf, Gem, Go, Maven, Npm, Pacman, Pip,
        Yarn, Zypp,
    };
    let (top, rest) = key.split_once('/')?;
    let below = |rest: &str, table: &[(&str, CacheKind)]| {
        table
            .iter()
            .find(|(folder, _)| rest.starts_with(folder))
            .map(|(_, kind)| *kind)
    };
    match top {
        "var" => {
            if let Some(name) = rest.strip_prefix("lib/apt/lists/") {
                return (name != "lock" && !name.is_empty()).then_some(AptLists);
            }
            if rest.starts_with("cache/apt/archives/") {
                return rest.ends_with(".deb").then_some(AptArchives);
            }
            if rest.starts_with("lib/gems/") {
                return (rest.ends_with(".gem") && rest.contains("/cache/")).then_some(Gem);
            }
            below(
                rest,
                &[
                    ("cache/apk/", Apk),
                    ("cache/dnf/", Dnf),
                    ("cache/yum/", Dnf),
                    ("cache/libdnf5/", Dnf),
                    ("cache/zypp/", Zypp),
                    ("cache/pacman/pkg/", Pacman),
                ],
            )
        }
        "root" => in_home(rest),
        "home" => in_home(rest.split_once('/')?.1),
        "usr" => below(
            rest.strip_prefix("local/")?,
            &[
                ("share/.cache/yarn/", Yarn),
                ("cargo/registry/", Cargo),
                ("bundle/cache/", Gem),
            ],
        ),
        "go" => below(rest, &[("pkg/mod/cache/", Go)]),
        "opt" => below(rest, &[("conda/pkgs/", Conda), ("miniconda/pkgs/", Conda)]),
        "etc" => below(rest, &[("apk/cache/", Apk)]),
        "tmp" => below(
            rest,
            &[
                ("npm-cache/", Npm),
                ("pip-cache/", Pip),
                (".composer/cache/", Composer),
            ],
        ),
        ".m2" => Some(Maven),
        _ => None,
    }
}

/// Caches in somebody's home folder.
fn in_home(rest: &str) -> Option<CacheKind> {
    use CacheKind::{Cargo, Composer, Go, Maven, Npm, Pip, Yarn};
    const TABLE: &[(&str, CacheKind)] = &[
        (".cache/pip/", Pip),
        (".cache/uv/", Pip),
        (".cache/pypoetry/", Pip),
        (".npm/_cacache/", Npm),
        (".cache/yarn/", Yarn),
        (".yarn/berry/cache/", Yarn),
        (".local/share/pnpm/store/", Yarn),
        (".m2/repository/", Maven),
        (".gradle/caches/", Maven),
        (".cache/go-build/", Go),
        ("go/pkg/mod/cache/", Go),
        (".cargo/registry/", Cargo),
        (".composer/cache/", Composer),
        (".cache/composer/", Composer),
    ];
    if !(rest.starts_with('.') || rest.starts_with("go/")) {
        return None;
    }
    TABLE
        .iter()
        .find(|(folder, _)| rest.starts_with(folder))
        .map(|(_, kind)| *kind)
}

/// The caches of which something lies at a path that is removed, or below it.
pub fn caches_at(key: &str) -> Vec<CacheKind> {
    use CacheKind::{
        Apk, AptArchives, AptLists, Cargo, Conda, Dnf, Go, Maven, Npm, Pacman, Pip, Yarn, Zypp,
    };
    /// One path of each, for folders that are removed as a whole.
    const SAMPLES: &[(&str, CacheKind)] = &[
        ("var/lib/apt/lists/x", AptLists),
        ("var/cache/apt/archives/x.deb", AptArchives),
        ("var/cache/apk/x", Apk),
        ("var/cache/dnf/x", Dnf),
        ("var/cache/yum/x", Dnf),
        ("var/cache/libdnf5/x", Dnf),
        ("var/cache/zypp/x", Zypp),
        ("var/cache/pacman/pkg/x", Pacman),
        ("root/.cache/pip/x", Pip),
        ("root/.cache/uv/x", Pip),
        ("root/.cache/yarn/x", Yarn),
        ("root/.cache/go-build/x", Go),
        ("root/.npm/_cacache/x", Npm),
        ("root/.m2/repository/x", Maven),
        ("root/.gradle/caches/x", Maven),
        ("root/.cargo/registry/x", Cargo),
        ("usr/local/share/.cache/yarn/x", Yarn),
        ("usr/local/cargo/registry/x", Cargo),
        ("go/pkg/mod/cache/x", Go),
        ("opt/conda/pkgs/x", Conda),
    ];
    if let Some(kind) = cache_of(key) {
        return vec![kind];
    }
    SAMPLES
        .iter()
        .filter(|(sample, _)| paths::is_below(sample, key))
        .map(|(_, kind)| *kind)
        .collect()
}
