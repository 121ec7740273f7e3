//! The command that brings the fixed version of a package.

use super::Package;
use super::shell::{plain, word};

/// What manages packages of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    Apt,
    Apk,
    Rpm,
    Pacman,
    Opkg,
    Pip,
    Conda,
    Npm,
    Go,
    Gem,
    Maven,
    Composer,
    NuGet,
    Cargo,
    Cran,
}

impl Manager {
    /// By the package URL; by the format where it has none.
    pub(super) fn of(package: &Package<'_>) -> Option<Self> {
        let kind = package
            .purl
            .strip_prefix("pkg:")
            .and_then(|rest| rest.split('/').next())
            .filter(|kind| !kind.is_empty() && *kind != "generic")
            .unwrap_or(package.format);
        Some(match kind {
            "deb" | "dpkg" => Self::Apt,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "alpm" | "pacman" => Self::Pacman,
            "opkg" => Self::Opkg,
            "pypi" | "python" => Self::Pip,
            "conda" => Self::Conda,
            "npm" => Self::Npm,
            "golang" | "go-binary" => Self::Go,
            "gem" | "ruby" => Self::Gem,
            "maven" | "java" => Self::Maven,
            "composer" => Self::Composer,
            "nuget" | "dotnet" => Self::NuGet,
            "cargo" | "rust-binary" => Self::Cargo,
            "cran" | "r" => Self::Cran,
            _ => return None,
        })
    }

    /// True for the operating system's.
    pub(super) fn is_system(self) -> bool {
        matches!(
            self,
            Self::Apt | Self::Apk | Self::Rpm | Self::Pacman | Self::Opkg
        )
    }

    /// Where the command is to be run, as the end of a sentence.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Apt | Self::Apk | Self::Rpm | Self::Pacman | Self::Opkg => {
                "in the Dockerfile, behind FROM"
            }
            Self::Pip => "and write it into the file that lists the requirements",
            Self::Conda => "in the step that installs the environment",
            Self::Npm => {
                "in the program's source (or by `overrides` where another package asks for it), and rebuild"
            }
            Self::Go => "in the source of the program, and build it anew",
            Self::Gem => "in the source of the program, and rebuild",
            Self::Maven => {
                "as a dependency (or a managed one, where another asks for it), and build the archive anew"
            }
            Self::Composer | Self::NuGet | Self::Cargo => {
                "in the source of the program, and rebuild"
            }
            Self::Cran => "in the step that installs it",
        }
    }
}

/// Packages of one source that a command names.
const MAX_INSTALLED: usize = 12;

/// The command, for a package that its own manager can bring; `None` where no safe one can be written.
pub(super) fn command(manager: Manager, package: &Package<'_>, fixed: &str) -> Option<String> {
    let name = match package.installed.first() {
        Some(first) if manager.is_system() => word(first)?,
        _ => word(package.name)?,
    };
    let least = |between: &str| word(&format!("{}{between}{fixed}", package.name));
    // Each package that is installed, made one word with its version.
    let all = |suffix: &str| -> Option<String> {
        let names = match package.installed {
            [] => std::slice::from_ref(&package.name),
            some => some.get(..MAX_INSTALLED).unwrap_or(some),
        };
        let words: Option<Vec<String>> = names
            .iter()
            .map(|one| word(&format!("{one}{suffix}")))
            .collect();
        Some(words?.join(" "))
    };
    Some(match manager {
        // A repository keeps the newest version only, so the step asks for that and then makes sure.
        // Advisories speak of the source package's version.
        Manager::Apt => format!(
            "RUN apt-get update && apt-get install -y --only-upgrade {} && dpkg --compare-versions \
             \"$(dpkg-query -W -f '${{source:Version}}' {name})\" ge {} && rm -rf /var/lib/apt/lists/*",
            all("")?,
            word(fixed)?
        ),
        Manager::Apk => format!(
            "RUN apk add --no-cache --upgrade {}",
            all(&format!(">={fixed}"))?
        ),
        Manager::Rpm => match package.os.unwrap_or_default() {
            "sles" | "sled" | "suse" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" => {
                format!(
                    "RUN zypper --non-interactive install {} && zypper clean --all",
                    all(&format!(">={fixed}"))?
                )
            }
            "azurelinux" | "mariner" | "photon" => {
                format!("RUN tdnf update -y {} && tdnf clean all", all("")?)
            }
            _ => format!(
                "RUN dnf upgrade -y {} && dnf clean all",
                all(&format!("-{fixed}"))?
            ),
        },
        // Parts of a system can't be brought up to date alone.
        Manager::Pacman => "RUN pacman -Syu --noconfirm".to_owned(),
        Manager::Opkg => format!("RUN opkg update && opkg upgrade {}", all("")?),
        Manager::Pip => format!("pip install {}", least(">=")?),
        Manager::Conda => format!("conda install --yes {}", least(">=")?),
        Manager::Npm if package.is_of_npm() => "RUN npm install --global npm@latest".to_owned(),
        Manager::Npm => format!("npm install {}", least("@")?),
        Manager::Go => {
            let version = fixed.trim_start_matches('v').trim_start_matches("go");
            match package.name {
                "stdlib" | "toolchain" | "go" => {
                    format!("go get {}", word(&format!("go@{version}"))?)
                }
                _ => format!("go get {}", word(&format!("{}@v{version}", package.name))?),
            }
        }
        Manager::Gem => format!("bundle update --conservative {name}"),
        Manager::Maven => format!("{}:{}", plain(package.name)?, plain(fixed)?),
        Manager::Composer => format!(
            "composer require --update-with-all-dependencies {}",
            least(":^")?
        ),
        Manager::NuGet => format!("dotnet add package {name} --version {}", word(fixed)?),
        Manager::Cargo => format!("cargo update -p {name} --precise {}", word(fixed)?),
        Manager::Cran => {
            let name = plain(package.name)?;
            format!("Rscript -e 'install.packages(\"{name}\")'")
        }
    })
}
