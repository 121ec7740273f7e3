//! Licences of Debian packages: `usr/share/doc/*/copyright`, where it is in the machine-readable format 1.0.
//! Others are prose, and nothing is guessed from them.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::lines::{Lines, field, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release, licence};

/// Licences of one package.
const MAX_LICENCES: usize = 64;
/// Lines at the top among which the `Format` field has to be.
const HEADER_LINES: usize = 16;

/// Reads copyright files. Their packages are those of `dpkg`, by the name of the folder.
pub struct Copyright;

impl Copyright {
    /// The package that a copyright file speaks of.
    pub fn package(key: &str) -> Option<&str> {
        let name = key
            .strip_prefix("usr/share/doc/")?
            .strip_suffix("/copyright")?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

impl Cataloguer for Copyright {
    fn id(&self) -> &'static str {
        "dpkg-copyright"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> About {
        About {
            title: "Debian licences",
            reads: "usr/share/doc/*/copyright",
            tells: "licences of dpkg packages",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let key = file.key;
        Self::package(key).is_some()
    }

    fn holds(&self, key: &str) -> bool {
        match key.strip_prefix("usr/share/doc/") {
            Some(name) => !name.contains('/'),
            None => matches!(key, "usr" | "usr/share" | "usr/share/doc"),
        }
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn max_file_bytes(&self) -> u64 {
        4 << 20
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut lines = Lines::new(contents);
        let mut number = 0;
        let mut readable = false;
        let mut licences = BTreeSet::new();
        while let Some(line) = lines.advance()? {
            number += 1;
            if !readable && number > HEADER_LINES {
                return Ok(());
            }
            if matches!(line.first(), None | Some(b' ' | b'\t')) {
                continue;
            }
            let Some((name, value)) = field(line) else {
                continue;
            };
            if name.eq_ignore_ascii_case(b"Format") {
                readable |= text(value).contains("copyright-format/1.0");
            } else if readable && name.eq_ignore_ascii_case(b"License") {
                let licence = licence::normalise(&text(value));
                if !licence.is_empty() && licences.len() < MAX_LICENCES {
                    licences.insert(licence);
                }
            }
        }
        found.licences = licences.into_iter().collect();
        if !found.licences.is_empty() {
            found.about = Self::package(file.key).map(str::to_owned);
        }
        Ok(())
    }

    fn purl(&self, _package: &FoundPackage, _release: Option<&Release>) -> String {
        String::new()
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

    use super::*;

    fn parse(data: &str) -> Vec<String> {
        let mut found = Found::default();
        Copyright
            .parse(
                &File::of_path("usr/share/doc/x/copyright"),
                &mut data.as_bytes(),
                &mut found,
            )
            .unwrap();
        found.licences
    }

    #[test]
    fn machine_readable_licences_are_read_once_each() {
        let data = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nLicense: GPL-2+\n text\n License: no\n\nFiles: x\nLicense: Expat or GPL-2+\n\n\
                    License: GPL-2+\n long text\n\nLicense: public-domain\n";
        assert_eq!(
            parse(data),
            [
                "GPL-2.0-or-later",
                "MIT OR GPL-2.0-or-later",
                "public-domain"
            ]
        );
    }

    #[test]
    fn nothing_is_guessed_from_prose() {
        assert!(parse("This is bash.\nLicense: GPL-3\n").is_empty());
    }

    #[test]
    fn the_folder_names_the_package() {
        assert_eq!(
            Copyright::package("usr/share/doc/libc6/copyright"),
            Some("libc6")
        );
        assert!(!Copyright.wants(&File::of_path("usr/share/doc/a/b/copyright")));
        assert!(Copyright.holds("usr/share/doc/libc6"));
    }
}
