//! `os-release`: which operating system an image holds.

use std::io::{self, Read};

use super::lines::{Lines, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};

/// Fields that are kept.
const MAX_FIELDS: usize = 64;
/// Lines that are looked at.
const MAX_LINES: usize = 4096;

/// Where it may be, the one that counts first.
pub const PLACES: &[&str] = &["etc/os-release", "usr/lib/os-release"];

/// Reads os-release.
pub struct OsReleaseFile;

impl Cataloguer for OsReleaseFile {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn places(&self) -> &'static [&'static str] {
        PLACES
    }

    fn about(&self) -> About {
        About {
            title: "operating system",
            reads: "etc/os-release, usr/lib/os-release",
            tells: "distribution and release",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let key = file.key;
        key.ends_with("os-release") && PLACES.contains(&key)
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn max_file_bytes(&self) -> u64 {
        1 << 20
    }

    fn parse(
        &self,
        _file: &File<'_>,
        contents: &mut dyn Read,
        found: &mut Found,
    ) -> io::Result<()> {
        let mut lines = Lines::new(contents);
        let mut release = Release::default();
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
            if key.is_empty() || !key.bytes().all(is_name) {
                continue;
            }
            let value = unquote(value);
            // As a shell would have it, the last one wins.
            match key {
                "ID" => release.id = value.to_ascii_lowercase(),
                "VERSION_ID" => release.version_id = Some(value).filter(|value| !value.is_empty()),
                "PRETTY_NAME" => {
                    release.pretty_name = Some(value).filter(|value| !value.is_empty());
                }
                _ => {
                    let key = key.to_ascii_lowercase().replace('_', "-");
                    release.attributes.retain(|(other, _)| *other != key);
                    if release.attributes.len() < MAX_FIELDS {
                        release.attributes.push((key, value));
                    }
                }
            }
        }
        if release.id.is_empty() {
            // What os-release(5) says of a file without ID; an empty file says nothing.
            if release == Release::default() {
                return Ok(());
            }
            release.id = "linux".to_owned();
        }
        found.release = Some(release);
        Ok(())
    }

    fn purl(&self, _package: &FoundPackage, _release: Option<&Release>) -> String {
        String::new()
    }
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
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;

    fn parse(data: &str) -> Option<Release> {
        let mut found = Found::default();
        OsReleaseFile
            .parse(
                &File::of_path("etc/os-release"),
                &mut data.as_bytes(),
                &mut found,
            )
            .unwrap();
        found.release
    }

    #[test]
    fn fields_are_read_as_a_shell_would() {
        let release = parse(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n# comment\nVERSION_ID='12'\nID=debian\n\
             VERSION_CODENAME=bookworm\nNAME=\"a \\\"b\\\" \\$c\"\nnot a field\n",
        )
        .unwrap();
        assert_eq!(release.id, "debian");
        assert_eq!(release.version_id.as_deref(), Some("12"));
        assert_eq!(
            release.pretty_name.as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert!(
            release
                .attributes
                .contains(&("version-codename".to_owned(), "bookworm".to_owned()))
        );
        assert!(
            release
                .attributes
                .contains(&("name".to_owned(), "a \"b\" $c".to_owned()))
        );
    }

    #[test]
    fn a_rolling_release_has_no_version_and_an_empty_file_no_system() {
        assert_eq!(parse("ID=wolfi\nVERSION_ID=\n").unwrap().version_id, None);
        assert_eq!(parse("NAME=x\n").unwrap().id, "linux");
        assert_eq!(parse(""), None);
    }
}
