//! Package URLs, by the rules of the purl specification.

use crate::catalog::{FoundPackage, Release};

/// Makes `pkg:type/namespace/name@version?qualifiers#subpath`. The caller has brought names to the form
/// that the type asks for (lower case and such); this encodes and orders. Empty parts are left out.
pub fn format(
    kind: &str,
    namespace: &str,
    name: &str,
    version: Option<&str>,
    qualifiers: &[(&str, &str)],
    subpath: &str,
) -> String {
    let mut purl = String::with_capacity(64);
    purl.push_str("pkg:");
    purl.push_str(&kind.to_ascii_lowercase());
    for segment in namespace.split('/').filter(|segment| !segment.is_empty()) {
        purl.push('/');
        encode(segment, "", &mut purl);
    }
    purl.push('/');
    encode(name.trim_matches('/'), "", &mut purl);
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        purl.push('@');
        encode(version, "", &mut purl);
    }
    let mut qualifiers: Vec<(String, &str)> = qualifiers
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_ascii_lowercase(), *value))
        .collect();
    qualifiers.sort();
    for (index, (key, value)) in qualifiers.iter().enumerate() {
        purl.push(if index == 0 { '?' } else { '&' });
        purl.push_str(key);
        purl.push('=');
        // A slash separates nothing in a value.
        encode(value, "/", &mut purl);
    }
    let segments = subpath
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."));
    for (index, segment) in segments.enumerate() {
        purl.push(if index == 0 { '#' } else { '/' });
        encode(segment, "", &mut purl);
    }
    purl
}

/// A package of a distribution (deb, apk, rpm, alpm, opkg): the distribution is the namespace; its release,
/// and the source package where it is another one, are qualifiers.
pub fn of_distribution(kind: &str, package: &FoundPackage, release: Option<&Release>) -> String {
    let distro = release.map(|release| match &release.version_id {
        Some(version) => format!("{}-{version}", release.id),
        None => release.id.clone(),
    });
    // The names of the others are not case-sensitive, and lower case in their URLs.
    // The version of an RPM has no epoch: that is a qualifier.
    let (epoch, version) = match package.version.split_once(':') {
        Some((epoch, version)) if kind == "rpm" => (epoch, version),
        _ => ("", package.version.as_str()),
    };
    // Names of RPMs are told apart by case.
    let name = if kind == "rpm" {
        package.name.clone()
    } else {
        package.name.to_lowercase()
    };
    format(
        kind,
        &namespace(kind, release).to_lowercase(),
        &name,
        Some(version),
        &[
            ("arch", package.architecture.as_deref().unwrap_or_default()),
            ("distro", distro.as_deref().unwrap_or_default()),
            ("epoch", epoch),
            ("upstream", &upstream(kind, package).unwrap_or_default()),
        ],
        "",
    )
}

/// Who a distribution's packages come from.
fn namespace<'r>(kind: &str, release: Option<&'r Release>) -> &'r str {
    match (kind, release.map(|release| release.id.as_str())) {
        ("alpm", None) => "arch",
        (_, None) => "",
        ("rpm", Some("rhel")) => "redhat",
        ("rpm", Some(id)) if id.starts_with("opensuse") => "opensuse",
        (_, Some(id)) => id,
    }
}

/// The source package: of an RPM the file that it was built from; of others the name, with the version where
/// that differs, and nothing where a package is its own source.
fn upstream(kind: &str, package: &FoundPackage) -> Option<String> {
    let name = package.source_name.as_deref()?;
    let version = package.source_version.as_deref();
    if kind == "rpm" {
        let version = version?;
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        return Some(format!("{name}-{version}.src.rpm"));
    }
    match version.filter(|version| *version != package.version) {
        Some(version) => Some(format!("{name}@{version}")),
        None => (name != package.name).then(|| name.to_owned()),
    }
}

/// Percent-encodes all but letters, digits, `.`, `-`, `_`, `~`, the colon and what is `kept` besides.
fn encode(text: &str, kept: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ if kept.as_bytes().contains(&byte) => out.push(char::from(byte)),
            _ => {
                out.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    out.push(char::from(
                        HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'),
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]
    #![allow(clippy::print_stdout, reason = "says what was not tested")]

    use super::*;

    fn debian() -> Release {
        Release {
            id: "debian".to_owned(),
            version_id: Some("12".to_owned()),
            ..Release::default()
        }
    }

    #[test]
    fn distribution_packages_name_their_distribution_and_release() {
        let package = FoundPackage {
            name: "libstdc++6".to_owned(),
            version: "1:12.2.0-14+deb12u1~x".to_owned(),
            architecture: Some("amd64".to_owned()),
            ..FoundPackage::default()
        };
        assert_eq!(
            of_distribution("deb", &package, Some(&debian())),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1~x?arch=amd64&distro=debian-12"
        );
        assert_eq!(
            of_distribution("deb", &package, None),
            "pkg:deb/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1~x?arch=amd64"
        );
    }

    #[test]
    fn the_source_package_is_the_upstream_where_it_is_another_one() {
        let source = |name: &str, version: &str| FoundPackage {
            name: "libssl3".to_owned(),
            version: "1:3.0.1-1+b1".to_owned(),
            source_name: Some(name.to_owned()),
            source_version: Some(version.to_owned()),
            ..FoundPackage::default()
        };
        for (kind, package, right) in [
            (
                "deb",
                source("openssl", "1:3.0.1-1+b1"),
                "pkg:deb/libssl3@1:3.0.1-1%2Bb1?upstream=openssl",
            ),
            (
                "deb",
                source("openssl", "3.0.1-1"),
                "pkg:deb/libssl3@1:3.0.1-1%2Bb1?upstream=openssl%403.0.1-1",
            ),
            (
                "deb",
                source("libssl3", "1:3.0.1-1+b1"),
                "pkg:deb/libssl3@1:3.0.1-1%2Bb1",
            ),
            (
                "rpm",
                source("openssl", "1:3.0.1-1"),
                "pkg:rpm/libssl3@3.0.1-1%2Bb1?epoch=1&upstream=openssl-3.0.1-1.src.rpm",
            ),
        ] {
            assert_eq!(of_distribution(kind, &package, None), right);
        }
    }

    #[test]
    fn the_namespace_is_who_the_packages_come_from() {
        let package = FoundPackage {
            name: "ImageMagick".to_owned(),
            version: "7-1".to_owned(),
            ..FoundPackage::default()
        };
        for (kind, id, right) in [
            ("rpm", "rhel", "pkg:rpm/redhat/ImageMagick@7-1?distro=rhel"),
            (
                "rpm",
                "fedora",
                "pkg:rpm/fedora/ImageMagick@7-1?distro=fedora",
            ),
            (
                "rpm",
                "opensuse-leap",
                "pkg:rpm/opensuse/ImageMagick@7-1?distro=opensuse-leap",
            ),
            ("apk", "wolfi", "pkg:apk/wolfi/imagemagick@7-1?distro=wolfi"),
            ("alpm", "arch", "pkg:alpm/arch/imagemagick@7-1?distro=arch"),
        ] {
            let release = Release {
                id: id.to_owned(),
                ..Release::default()
            };
            assert_eq!(of_distribution(kind, &package, Some(&release)), right);
        }
    }

    #[test]
    fn parts_are_encoded_and_qualifiers_ordered_as_the_specification_says() {
        let cases = [
            (
                format("npm", "@angular", "animation", Some("12.3.1"), &[], ""),
                "pkg:npm/%40angular/animation@12.3.1",
            ),
            (
                format(
                    "golang",
                    "google.golang.org",
                    "genproto",
                    Some("abcdedf"),
                    &[],
                    "/googleapis/../api/",
                ),
                "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api",
            ),
            (
                format(
                    "maven",
                    "org.apache",
                    "io",
                    Some("1.3.4"),
                    &[("type", "zip"), ("Classifier", "dist")],
                    "",
                ),
                "pkg:maven/org.apache/io@1.3.4?classifier=dist&type=zip",
            ),
            (
                format("generic", "", "b&g%x", None, &[("e", "")], ""),
                "pkg:generic/b%26g%25x",
            ),
            (
                format(
                    "generic",
                    "",
                    "bitwarderl",
                    None,
                    &[(
                        "vcs_url",
                        "git+https://git.fsfe.org/dxtr/bitwarderl@cc55108",
                    )],
                    "",
                ),
                "pkg:generic/bitwarderl?vcs_url=git%2Bhttps://git.fsfe.org/dxtr/bitwarderl%40cc55108",
            ),
            (
                format(
                    "generic",
                    "",
                    "openssl",
                    Some("1.1.10g"),
                    &[("checksum", "sha1:ad9503,sha256:41bf")],
                    "",
                ),
                "pkg:generic/openssl@1.1.10g?checksum=sha1:ad9503%2Csha256:41bf",
            ),
            (
                format(
                    "golang",
                    "github.com/nats-io/server/",
                    "v2",
                    Some("v1"),
                    &[],
                    "",
                ),
                "pkg:golang/github.com/nats-io/server/v2@v1",
            ),
            (
                format(
                    "alpm",
                    "arch",
                    "containers-common",
                    Some("1:0.47.4-4"),
                    &[("arch", "any")],
                    "",
                ),
                "pkg:alpm/arch/containers-common@1:0.47.4-4?arch=any",
            ),
            (
                format(
                    "maven",
                    "mygroup",
                    "a",
                    Some("1.0.0 Final"),
                    &[("mykey", "my value")],
                    "",
                ),
                "pkg:maven/mygroup/a@1.0.0%20Final?mykey=my%20value",
            ),
            (
                format("cargo", "", "rand", Some("0.7.2"), &[], "src/\u{1F603}/x"),
                "pkg:cargo/rand@0.7.2#src/%F0%9F%98%83/x",
            ),
        ];
        for (made, right) in cases {
            assert_eq!(made, right);
        }
    }

    #[test]
    fn names_of_rpm_keep_their_case_and_those_of_others_do_not() {
        let package = FoundPackage {
            name: "ImageMagick".to_owned(),
            version: "1-2".to_owned(),
            ..FoundPackage::default()
        };
        let release = Release {
            id: "openSUSE".to_owned(),
            ..Release::default()
        };
        assert_eq!(
            of_distribution("rpm", &package, Some(&release)),
            "pkg:rpm/opensuse/ImageMagick@1-2?distro=openSUSE"
        );
        assert_eq!(
            of_distribution("deb", &package, Some(&release)),
            "pkg:deb/opensuse/imagemagick@1-2?distro=openSUSE"
        );
    }

    #[test]
    fn the_suite_of_the_specification_is_built_as_it_says() {
        use crate::catalog::{Cataloguer, conda, dotnet, npm, php, python, ruby};

        let Some(suite) = std::env::var_os("OX_PURL_SUITE") else {
            println!("skipped: OX_PURL_SUITE names no test-suite-data.json");
            return;
        };
        let suite: Vec<serde_json::Value> =
            serde_json::from_slice(&std::fs::read(suite).unwrap()).unwrap();
        let mut built = 0;
        for case in suite.iter().filter(|case| case["is_invalid"] != true) {
            let text = |key: &str| case[key].as_str().unwrap_or_default();
            let qualifiers: Vec<(&str, &str)> = case["qualifiers"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
                .collect();
            let right = text("canonical_purl");
            let made = format(
                text("type"),
                text("namespace"),
                text("name"),
                Some(text("version")),
                &qualifiers,
                text("subpath"),
            );
            assert_eq!(made, right);
            let by: &dyn Cataloguer = match text("type") {
                "npm" => &npm::Npm,
                "pypi" => &python::Python,
                "gem" => &ruby::Ruby,
                "composer" => &php::Php,
                "nuget" => &dotnet::DotNet,
                "conda" => &conda::Conda,
                _ => continue,
            };
            if text("subpath").is_empty() && !text("version").is_empty() {
                let name = [text("namespace"), text("name")].join("/");
                let package = FoundPackage {
                    name: name.trim_matches('/').to_owned(),
                    version: text("version").to_owned(),
                    architecture: qualifiers
                        .iter()
                        .find(|(key, _)| *key == "platform")
                        .map(|(_, value)| (*value).to_owned()),
                    ..FoundPackage::default()
                };
                assert_eq!(by.purl(&package, None), right);
                built += 1;
            }
        }
        assert!(built > 0);
    }
}
