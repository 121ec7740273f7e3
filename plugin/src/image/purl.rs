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
        encode(segment, &mut purl);
    }
    purl.push('/');
    encode(name.trim_matches('/'), &mut purl);
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        purl.push('@');
        encode(version, &mut purl);
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
        encode(value, &mut purl);
    }
    let segments = subpath.split('/').filter(|segment| !matches!(*segment, "" | "." | ".."));
    for (index, segment) in segments.enumerate() {
        purl.push(if index == 0 { '#' } else { '/' });
        encode(segment, &mut purl);
    }
    purl
}

/// A package of a distribution (deb, apk, rpm): the distribution is the namespace, and its release a
/// qualifier.
pub fn of_distribution(kind: &str, package: &FoundPackage, release: Option<&Release>) -> String {
    let distro = release.map(|release| match &release.version_id {
        Some(version) => format!("{}-{version}", release.id),
        None => release.id.clone(),
    });
    format(
        kind,
        release.map_or("", |release| release.id.as_str()),
        &package.name.to_lowercase(),
        Some(&package.version),
        &[
            ("arch", package.architecture.as_deref().unwrap_or_default()),
            ("distro", distro.as_deref().unwrap_or_default()),
        ],
        "",
    )
}

/// Percent-encodes all but letters, digits, `.`, `-`, `_`, `~` and the colon.
fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    out.push(char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn debian() -> Release {
        Release { id: "debian".to_owned(), version_id: Some("12".to_owned()), ..Release::default() }
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
    fn parts_are_encoded_and_qualifiers_ordered_as_the_specification_says() {
        let cases = [
            (
                format("npm", "@angular", "animation", Some("12.3.1"), &[], ""),
                "pkg:npm/%40angular/animation@12.3.1",
            ),
            (
                format("golang", "google.golang.org", "genproto", Some("abcdedf"), &[], "/googleapis/../api/"),
                "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api",
            ),
            (
                format("maven", "org.apache", "io", Some("1.3.4"), &[("type", "zip"), ("Classifier", "dist")], ""),
                "pkg:maven/org.apache/io@1.3.4?classifier=dist&type=zip",
            ),
            (format("generic", "", "b&g%x", None, &[("e", "")], ""), "pkg:generic/b%26g%25x"),
        ];
        for (made, right) in cases {
            assert_eq!(made, right);
        }
    }
}
