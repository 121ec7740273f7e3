//! Which operating system an image holds: `os-release`, or the files that distributions had before it and still
//! have beside it.
//!
//! And which advisories are for it: [`osv_ecosystem`].

use std::io::{self, Read};

use super::lines::{Lines, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};

/// Fields that are kept.
const MAX_FIELDS: usize = 64;
/// Lines that are looked at.
const MAX_LINES: usize = 4096;

/// Where it may be, the one that counts first. What stands behind os-release counts in its absence only:
/// those of one distribution before those that its derivatives have kept.
pub const PLACES: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/alpine-release",
    "etc/oracle-release",
    "etc/centos-release",
    "etc/redhat-release",
    "etc/system-release",
    "etc/lsb-release",
    "etc/debian_version",
];

/// Reads os-release.
pub struct OsReleaseFile;

impl Cataloguer for OsReleaseFile {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        2
    }

    fn places(&self) -> &'static [&'static str] {
        PLACES
    }

    fn about(&self) -> About {
        About {
            title: "operating system",
            reads: "{etc,usr/lib}/os-release, etc/{alpine,oracle,centos,redhat,system,lsb}-release, \
                    etc/debian_version",
            tells: "distribution, release, OSV ecosystem",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        (file.name.ends_with("-release") || file.name == "debian_version")
            && PLACES.contains(&file.key)
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn max_file_bytes(&self) -> u64 {
        1 << 20
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut lines = Lines::new(contents);
        // A path that leads here by a link has the name of what it leads to.
        found.release = match file.name {
            "alpine-release" => first_line(&mut lines)?.map(|line| alpine(&line)),
            "debian_version" => first_line(&mut lines)?.map(|line| debian(&line)),
            "lsb-release" => lsb(&mut lines)?,
            "oracle-release" | "centos-release" | "redhat-release" | "system-release" => {
                first_line(&mut lines)?.and_then(|line| red_hat(&line))
            }
            _ => os_release(&mut lines)?,
        };
        Ok(())
    }

    fn purl(&self, _package: &FoundPackage, _release: Option<&Release>) -> String {
        String::new()
    }
}

/// The ecosystem of the OSV format in which advisories for this release are published, as records name it
/// (`Debian:12`); `None` where there are none.
pub fn osv_ecosystem(release: &Release) -> Option<String> {
    let version = release.version_id.as_deref();
    let pretty = release.pretty_name.as_deref().unwrap_or_default();
    let with = |name: &str, suffix: Option<&str>| Some(format!("{name}:{}", suffix?));
    match release.id.as_str() {
        "debian" => with(
            "Debian",
            match version {
                Some(version) => Some(major(version)),
                None => debian_ahead(release),
            },
        ),
        "ubuntu" => {
            let version = version?;
            let lts = if is_long_term(version) { ":LTS" } else { "" };
            Some(format!("Ubuntu:{version}{lts}"))
        }
        "alpine" if pretty.ends_with("edge") => Some("Alpine:edge".to_owned()),
        "alpine" => {
            let version = version?;
            let mut parts = version.split(['.', '_']);
            Some(format!("Alpine:v{}.{}", parts.next()?, parts.next()?))
        }
        "almalinux" => with("AlmaLinux", version.map(major)),
        "rocky" => with("Rocky Linux", version.map(major)),
        "rhel" => red_hat_product(release).map(|product| format!("Red Hat:{product}")),
        "opensuse-tumbleweed" => Some("openSUSE:Tumbleweed".to_owned()),
        "opensuse-leap" => Some(format!("openSUSE:Leap {}", version?)),
        "opensuse-leap-micro" => Some(format!("openSUSE:Leap Micro {}", version?)),
        "sles" => Some(format!(
            "SUSE:Linux Enterprise Server {}",
            service_pack(version?)
        )),
        "sled" => Some(format!(
            "SUSE:Linux Enterprise Desktop {}",
            service_pack(version?)
        )),
        "sles_sap" => Some(format!(
            "SUSE:Linux Enterprise Server for SAP Applications {}",
            service_pack(version?)
        )),
        "sle_hpc" => Some(format!(
            "SUSE:Linux Enterprise High Performance Computing {}",
            service_pack(version?)
        )),
        "sle-micro" => Some(format!("SUSE:Linux Enterprise Micro {}", version?)),
        "sl-micro" => Some(format!("SUSE:Linux Micro {}", version?)),
        "azurelinux" | "mariner" => with("Azure Linux", version.map(major)),
        "mageia" => with("Mageia", version),
        "photon" => with("Photon OS", version),
        "openeuler" => {
            // VERSION="24.03 (LTS-SP1)"
            let version = version?;
            let full = attribute(release, "version").unwrap_or_default();
            let term = full
                .split_once('(')
                .and_then(|(_, rest)| rest.split(')').next())
                .map(str::trim)
                .filter(|term| term.starts_with("LTS"));
            Some(match term {
                Some(term) => format!("openEuler:{version}-{term}"),
                None => format!("openEuler:{version}"),
            })
        }
        "alpaquita" => with("Alpaquita", version),
        "bellsoft-hardened-containers" => with("BellSoft Hardened Containers", version),
        "wolfi" => Some("Wolfi".to_owned()),
        "chainguard" => Some("Chainguard".to_owned()),
        "minimos" => Some("MinimOS".to_owned()),
        "echo" => Some("Echo".to_owned()),
        "cleanstart" | "clnstrt" => Some("CleanStart".to_owned()),
        _ => None,
    }
}

fn attribute<'r>(release: &'r Release, key: &str) -> Option<&'r str> {
    release
        .attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

/// Debian's testing and sid state no number, and both say the codename of the next release. Its advisories
/// are under its number.
fn debian_ahead(release: &Release) -> Option<&'static str> {
    let codename = attribute(release, "version-codename").unwrap_or_default();
    let pretty = release.pretty_name.as_deref().unwrap_or_default();
    Some(match codename {
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        "duke" => "15",
        _ if codename == "sid" || pretty.ends_with("sid") => "sid",
        _ => return None,
    })
}

/// Ubuntu's release of April of an even year is supported for long.
fn is_long_term(version: &str) -> bool {
    version.split_once('.').is_some_and(|(year, month)| {
        let month = month.get(..2).unwrap_or(month);
        // The one that came late.
        version == "6.06"
            || month == "04"
                && year
                    .parse::<u32>()
                    .is_ok_and(|year| year % 2 == 0 && year >= 8)
    })
}

/// The product of Red Hat as its CPE has it. That of release 7 names the minor release, which advisories
/// don't.
fn red_hat_product(release: &Release) -> Option<String> {
    const PRODUCT: &str = "enterprise_linux";
    let version = release.version_id.as_deref();
    let stated = attribute(release, "cpe-name")
        .and_then(|cpe| cpe.split_once(":redhat:"))
        .map(|(_, product)| product);
    let number: u32 = major(version?).parse().ok()?;
    Some(match stated {
        Some(product) if number > 7 || !product.starts_with(PRODUCT) => product.to_owned(),
        _ if number <= 7 => format!("{PRODUCT}:{number}::server"),
        _ if number >= 10 => format!("{PRODUCT}:{}", version?),
        _ => format!("{PRODUCT}:{number}::baseos"),
    })
}

/// `15.5` is called 15 SP5, until 16.
fn service_pack(version: &str) -> String {
    match version.split_once('.') {
        Some((major, pack)) if major.parse::<u32>().is_ok_and(|major| major < 16) => {
            format!("{major} SP{pack}")
        }
        _ => version.to_owned(),
    }
}

/// The fields of a file of assignments, as a shell would read them; what is none is passed over.
fn fields<R: Read>(lines: &mut Lines<R>, mut take: impl FnMut(&str, String)) -> io::Result<()> {
    let mut seen = 0;
    while let Some(line) = lines.advance()? {
        seen += 1;
        if seen > MAX_LINES {
            break;
        }
        let line = text(line);
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !key.is_empty() && key.bytes().all(is_name) {
            take(key, unquote(value));
        }
    }
    Ok(())
}

fn os_release<R: Read>(lines: &mut Lines<R>) -> io::Result<Option<Release>> {
    let mut release = Release::default();
    // As a shell would have it, the last one wins.
    fields(lines, |key, value| match key {
        "ID" => release.id = value.to_ascii_lowercase(),
        "VERSION_ID" => release.version_id = Some(value).filter(|value| !value.is_empty()),
        "PRETTY_NAME" => release.pretty_name = Some(value).filter(|value| !value.is_empty()),
        _ => {
            let key = key.to_ascii_lowercase().replace('_', "-");
            release.attributes.retain(|(other, _)| *other != key);
            if release.attributes.len() < MAX_FIELDS {
                release.attributes.push((key, value));
            }
        }
    })?;
    if release.id.is_empty() {
        // What os-release(5) says of a file without ID; an empty file says nothing.
        if release == Release::default() {
            return Ok(None);
        }
        release.id = "linux".to_owned();
    }
    Ok(Some(release))
}

fn lsb<R: Read>(lines: &mut Lines<R>) -> io::Result<Option<Release>> {
    let mut release = Release::default();
    fields(lines, |key, value| match key {
        "DISTRIB_ID" => release.id = value.to_ascii_lowercase(),
        "DISTRIB_RELEASE" => release.version_id = Some(value).filter(|value| !value.is_empty()),
        "DISTRIB_DESCRIPTION" => release.pretty_name = Some(value),
        "DISTRIB_CODENAME" => set(&mut release, "version-codename", value),
        _ => {}
    })?;
    Ok((!release.id.is_empty()).then_some(release))
}

fn first_line<R: Read>(lines: &mut Lines<R>) -> io::Result<Option<String>> {
    Ok(lines.advance()?.map(text).filter(|line| !line.is_empty()))
}

fn set(release: &mut Release, key: &str, value: String) {
    release.attributes.retain(|(other, _)| other != key);
    release.attributes.push((key.to_owned(), value));
}

fn alpine(line: &str) -> Release {
    Release {
        id: "alpine".to_owned(),
        version_id: Some(line.to_owned()),
        pretty_name: Some(format!("Alpine Linux {line}")),
        attributes: Vec::new(),
    }
}

/// `12.5`, or `trixie/sid` before a release.
fn debian(line: &str) -> Release {
    let mut release = Release {
        id: "debian".to_owned(),
        pretty_name: Some(format!("Debian GNU/Linux {line}")),
        ..Release::default()
    };
    if line.starts_with(|char: char| char.is_ascii_digit()) {
        release.version_id = Some(major(line).to_owned());
    } else {
        let codename = line.split('/').next().unwrap_or_default();
        set(&mut release, "version-codename", codename.to_owned());
    }
    release
}

/// `CentOS Linux release 7.9.2009 (Core)`.
fn red_hat(line: &str) -> Option<Release> {
    let (name, rest) = line.split_once(" release ")?;
    let version = rest.split_ascii_whitespace().next().unwrap_or_default();
    let id = match name {
        "Red Hat Enterprise Linux" => "rhel",
        "Oracle Linux Server" => "ol",
        "Rocky Linux" => "rocky",
        "Amazon Linux" => "amzn",
        "VMware Photon OS" => "photon",
        _ if name.starts_with("Red Hat Enterprise Linux") => "rhel",
        _ if name.starts_with("CentOS") => "centos",
        _ => "",
    };
    // Others call themselves by one word: Fedora, AlmaLinux, Mageia, openEuler.
    let id = if id.is_empty() {
        name.split_ascii_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    } else {
        id.to_owned()
    };
    Some(Release {
        id,
        version_id: Some(version.to_owned()).filter(|version| !version.is_empty()),
        pretty_name: Some(line.to_owned()),
        attributes: Vec::new(),
    })
    .filter(|release| !release.id.is_empty())
}

/// What stands before the first dot.
fn major(version: &str) -> &str {
    version.split_once('.').map_or(version, |(major, _)| major)
}

/// The value as a shell would read it.
fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.split('\'').next().unwrap_or_default().to_owned();
    }
    let (inner, quoted) = match value.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (value, false),
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted => break,
            '\\' => out.extend(chars.next()),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
#[path = "os_release_tests.rs"]
mod tests;
