//! Releases of distributions: what an image's ecosystem is called, and which records are for it.
//!
//! Every release has its own advisories: a record of another one never matches. What counts as the same
//! differs by distribution, for the image states a point release where records name the major one, and some
//! records name a part of the distribution.

use crate::Ecosystem;

/// How well a record's ecosystem fits that of the installed package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// The record names no release, though its distribution has some.
    Unstated,
    /// The record is of another registry for the same kind of packages (`Maven:https://…`).
    OtherRegistry,
    /// The same release, or there are none.
    Same,
}

/// Whether a record of ecosystem `record` speaks of packages of ecosystem `installed`.
pub fn agrees(installed: &Ecosystem, record: &str) -> Option<Agreement> {
    let (name, suffix) = match record.split_once(':') {
        Some((name, suffix)) => (name, Some(suffix)),
        None => (record, None),
    };
    if name != installed.name {
        return None;
    }
    if !has_releases(name) {
        return Some(match (installed.suffix.as_deref(), suffix) {
            (_, None) => Agreement::Same,
            (here, there) if here == there => Agreement::Same,
            _ => Agreement::OtherRegistry,
        });
    }
    match (installed.suffix.as_deref(), suffix) {
        (None, None) => Some(Agreement::Same),
        (Some(_), None) => Some(Agreement::Unstated),
        // A release that isn't known is none of those that records name.
        (None, Some(_)) => None,
        (Some(here), Some(there)) => is_same(name, here, there).then_some(Agreement::Same),
    }
}

/// Distributions whose records name a release.
fn has_releases(name: &str) -> bool {
    matches!(
        name,
        "AlmaLinux"
            | "Alpaquita"
            | "Alpine"
            | "Azure Linux"
            | "BellSoft Hardened Containers"
            | "Debian"
            | "Mageia"
            | "openEuler"
            | "openSUSE"
            | "Photon OS"
            | "Red Hat"
            | "Rocky Linux"
            | "SUSE"
            | "Ubuntu"
    )
}

fn is_same(name: &str, here: &str, there: &str) -> bool {
    if here == there {
        return true;
    }
    match name {
        // `8.9` of os-release, `8` of records.
        "AlmaLinux" | "Rocky Linux" | "Azure Linux" | "Debian" => major(here) == major(there),
        "Alpine" => branch(here) == branch(there),
        // `Pro:` and its kin stay, so those records are for such systems only.
        "Ubuntu" => without_term(here) == without_term(there),
        "Red Hat" => match (red_hat(here), red_hat(there)) {
            (Some(here), Some(there)) => here == there,
            _ => false,
        },
        "SUSE" => is_suse_module(here, there),
        "openEuler" => without_dash_term(here) == without_dash_term(there),
        "Photon OS" | "Mageia" => without_zero(here) == without_zero(there),
        _ => false,
    }
}

fn major(version: &str) -> &str {
    version.split_once('.').map_or(version, |(major, _)| major)
}

/// `3.19` of `v3.19`, `3.19.1`, `3.21.0_alpha`.
fn branch(version: &str) -> (&str, &str) {
    let mut parts = version.trim_start_matches('v').split(['.', '_']);
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

fn without_term(version: &str) -> &str {
    version.strip_suffix(":LTS").unwrap_or(version)
}

fn without_dash_term(version: &str) -> &str {
    version.strip_suffix("-LTS").unwrap_or(version)
}

fn without_zero(version: &str) -> &str {
    version.strip_suffix(".0").unwrap_or(version)
}

/// Product and major version of a CPE's part: an image says `enterprise_linux:9::baseos`, and has packages
/// of `enterprise_linux:9::appstream`, too. Other products (`rhel_eus:9.2`) are bought apart.
fn red_hat(part: &str) -> Option<(&str, &str)> {
    let (product, rest) = part.split_once(':')?;
    let version = rest.split(':').next()?;
    let version = if product == "enterprise_linux" {
        major(version)
    } else {
        version
    };
    Some((product, version))
}

/// SUSE publishes by module, of which every system of that service pack has some: `Linux Enterprise Module
/// for Basesystem 15 SP5` is for `Linux Enterprise Server 15 SP5`. Records for longer support (`…-LTSS`) and
/// other products are not for it.
fn is_suse_module(here: &str, there: &str) -> bool {
    let pack = |name: &str| -> Option<String> {
        let at = name.find(|letter: char| letter.is_ascii_digit())?;
        Some(name.get(at..)?.to_owned())
    };
    there.starts_with("Linux Enterprise Module for ")
        && here.starts_with("Linux Enterprise ")
        && !here.contains("Micro")
        && match (pack(here), pack(there)) {
            // Modules of 12 name no service pack.
            (Some(here), Some(there)) => {
                here == there || here.split(' ').next() == Some(there.as_str())
            }
            _ => false,
        }
}

/// The ecosystem of a distribution and release as package URLs state them (`debian-12`, `alpine-3.19.1`,
/// `rhel-9.4`, `opensuse-leap-15.5`); also an ecosystem itself (`Debian:12`). `None` where nobody publishes
/// advisories for it.
pub fn of_distro(distro: &str) -> Option<String> {
    let lower = distro.trim().to_ascii_lowercase().replace(' ', "-");
    let known = Ecosystem::parse(distro);
    if has_releases(&known.name) && (known.suffix.is_some() || known.name != lower) {
        return Some(distro.to_owned());
    }
    let at = lower
        .match_indices('-')
        .find(|(at, _)| {
            lower
                .get(at + 1..)
                .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        })
        .map(|(at, _)| at);
    let (id, version) = match at {
        Some(at) => (
            lower.get(..at).unwrap_or_default(),
            lower.get(at + 1..).filter(|version| !version.is_empty()),
        ),
        None => (lower.as_str(), None),
    };
    of_release(id, version)
}

/// The ecosystem by `ID` and `VERSION_ID` of os-release.
fn of_release(id: &str, version: Option<&str>) -> Option<String> {
    let with = |name: &str, version: Option<&str>| Some(format!("{name}:{}", version?));
    match id {
        "debian" => with("Debian", version.map(major)),
        "ubuntu" => {
            let version = version?;
            let (year, month) = version.split_once('.')?;
            let even = year.parse::<u32>().is_ok_and(|year| year % 2 == 0);
            let term = if even && month.starts_with("04") {
                ":LTS"
            } else {
                ""
            };
            Some(format!("Ubuntu:{}{term}", short(version)))
        }
        "alpine" => {
            let (major, minor) = branch(version?);
            (!minor.is_empty()).then(|| format!("Alpine:v{major}.{minor}"))
        }
        "almalinux" | "alma" => with("AlmaLinux", version.map(major)),
        "rocky" | "rockylinux" => with("Rocky Linux", version.map(major)),
        "rhel" | "redhat" => {
            let number = major(version?);
            Some(format!("Red Hat:enterprise_linux:{number}::baseos"))
        }
        "opensuse-leap" => with("openSUSE", Some(&format!("Leap {}", version?))),
        "opensuse-tumbleweed" => Some("openSUSE:Tumbleweed".to_owned()),
        "sles" => {
            let version = version?;
            let pack = match version.split_once('.') {
                Some((major, pack)) if major.parse::<u32>().is_ok_and(|major| major < 16) => {
                    format!("{major} SP{pack}")
                }
                _ => version.to_owned(),
            };
            Some(format!("SUSE:Linux Enterprise Server {pack}"))
        }
        "azurelinux" | "mariner" => with("Azure Linux", version.map(major)),
        "mageia" => with("Mageia", version),
        "photon" => with("Photon OS", version),
        "openeuler" => with("openEuler", version),
        "wolfi" => Some("Wolfi".to_owned()),
        "chainguard" => Some("Chainguard".to_owned()),
        "minimos" => Some("MinimOS".to_owned()),
        "echo" => Some("Echo".to_owned()),
        "debian-bullseye" | "bullseye" => Some("Debian:11".to_owned()),
        "debian-bookworm" | "bookworm" => Some("Debian:12".to_owned()),
        "debian-trixie" | "trixie" => Some("Debian:13".to_owned()),
        "debian-forky" | "forky" => Some("Debian:14".to_owned()),
        "debian-sid" | "sid" => Some("Debian:sid".to_owned()),
        "bionic" => Some("Ubuntu:18.04:LTS".to_owned()),
        "focal" => Some("Ubuntu:20.04:LTS".to_owned()),
        "jammy" => Some("Ubuntu:22.04:LTS".to_owned()),
        "noble" => Some("Ubuntu:24.04:LTS".to_owned()),
        _ => None,
    }
}

/// The first two numbers of `22.04.3`.
fn short(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
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

    use super::*;

    fn agreement(installed: &str, record: &str) -> Option<Agreement> {
        agrees(&Ecosystem::parse(installed), record)
    }

    #[test]
    fn the_same_release_agrees_however_it_is_spelled() {
        for (installed, record) in [
            ("Debian:12", "Debian:12"),
            ("AlmaLinux:8", "AlmaLinux:8"),
            ("AlmaLinux:8.9", "AlmaLinux:8"),
            ("Rocky Linux:9.3", "Rocky Linux:9"),
            ("Alpine:v3.19", "Alpine:v3.19"),
            ("Alpine:3.19.1", "Alpine:v3.19"),
            ("Alpine:edge", "Alpine:edge"),
            ("Ubuntu:22.04:LTS", "Ubuntu:22.04:LTS"),
            ("Ubuntu:22.04", "Ubuntu:22.04:LTS"),
            ("Ubuntu:Pro:18.04:LTS", "Ubuntu:Pro:18.04:LTS"),
            (
                "Red Hat:enterprise_linux:9::baseos",
                "Red Hat:enterprise_linux:9::appstream",
            ),
            (
                "Red Hat:enterprise_linux:10.0",
                "Red Hat:enterprise_linux:10.1",
            ),
            (
                "SUSE:Linux Enterprise Server 15 SP5",
                "SUSE:Linux Enterprise Server 15 SP5",
            ),
            (
                "SUSE:Linux Enterprise Server 15 SP5",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
            ),
            (
                "SUSE:Linux Enterprise Server 12 SP5",
                "SUSE:Linux Enterprise Module for Containers 12",
            ),
            ("Azure Linux:3", "Azure Linux:3"),
            ("Photon OS:5.0", "Photon OS:5"),
            ("openEuler:24.03", "openEuler:24.03-LTS"),
            ("openSUSE:Leap 15.5", "openSUSE:Leap 15.5"),
            ("Wolfi", "Wolfi"),
            ("PyPI", "PyPI"),
        ] {
            assert_eq!(
                agreement(installed, record),
                Some(Agreement::Same),
                "{installed} {record}"
            );
        }
    }

    #[test]
    fn another_release_never_agrees() {
        for (installed, record) in [
            ("Debian:12", "Debian:11"),
            ("Debian:1", "Debian:12"),
            ("Debian", "Debian:12"),
            ("AlmaLinux:8", "AlmaLinux:9"),
            ("Alpine:v3.1", "Alpine:v3.19"),
            ("Alpine:v3.19", "Alpine:edge"),
            ("Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS"),
            ("Ubuntu:22.04:LTS", "Ubuntu:20.04:LTS"),
            (
                "Red Hat:enterprise_linux:9::baseos",
                "Red Hat:enterprise_linux:8::baseos",
            ),
            (
                "Red Hat:enterprise_linux:9::baseos",
                "Red Hat:rhel_eus:9.2::baseos",
            ),
            (
                "SUSE:Linux Enterprise Server 15 SP5",
                "SUSE:Linux Enterprise Server 15 SP5-LTSS",
            ),
            (
                "SUSE:Linux Enterprise Server 15 SP5",
                "SUSE:Linux Enterprise Server 15 SP4",
            ),
            (
                "SUSE:Linux Enterprise Server 15 SP5",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
            ),
            (
                "SUSE:Linux Enterprise Micro 5.3",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
            ),
            ("openSUSE:Leap 15.5", "openSUSE:Tumbleweed"),
            ("openEuler:24.03-LTS", "openEuler:24.03-LTS-SP1"),
            ("PyPI", "npm"),
        ] {
            assert_eq!(agreement(installed, record), None, "{installed} {record}");
        }
    }

    #[test]
    fn what_names_no_release_or_another_registry_is_told_apart() {
        assert_eq!(agreement("Debian:12", "Debian"), Some(Agreement::Unstated));
        assert_eq!(
            agreement("Maven", "Maven:https://repo.example.org"),
            Some(Agreement::OtherRegistry)
        );
    }

    #[test]
    fn distributions_of_package_urls_have_the_ecosystem_of_their_release() {
        for (distro, ecosystem) in [
            ("debian-12", Some("Debian:12")),
            ("debian-12.5", Some("Debian:12")),
            ("debian-bookworm", Some("Debian:12")),
            ("sid", Some("Debian:sid")),
            ("ubuntu-22.04", Some("Ubuntu:22.04:LTS")),
            ("ubuntu-23.10", Some("Ubuntu:23.10")),
            ("alpine-3.19.1", Some("Alpine:v3.19")),
            ("rhel-9.4", Some("Red Hat:enterprise_linux:9::baseos")),
            ("almalinux-8.9", Some("AlmaLinux:8")),
            ("rocky-9.3", Some("Rocky Linux:9")),
            ("sles-15.5", Some("SUSE:Linux Enterprise Server 15 SP5")),
            ("opensuse-leap-15.5", Some("openSUSE:Leap 15.5")),
            ("mariner-2.0", Some("Azure Linux:2")),
            ("photon-5.0", Some("Photon OS:5.0")),
            ("wolfi-20230201", Some("Wolfi")),
            ("Debian:12", Some("Debian:12")),
            ("AlmaLinux:8", Some("AlmaLinux:8")),
            ("amzn-2", None),
            ("", None),
        ] {
            assert_eq!(of_distro(distro).as_deref(), ecosystem, "{distro}");
        }
    }
}
