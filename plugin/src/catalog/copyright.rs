//! Licences of Debian packages: `usr/share/doc/*/copyright`, where it is in the machine-readable format 1.0.
//! Others are prose, and nothing is guessed from them.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::lines::{Lines, field, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};

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
        1
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
                let licence = spdx(&text(value));
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

/// Debian's short name (or an expression of them) as SPDX where each of its names has an SPDX id; as stated
/// otherwise.
fn spdx(stated: &str) -> String {
    let words: Option<Vec<String>> = stated
        .split_ascii_whitespace()
        .map(|word| match word {
            "and" | "AND" => Some("AND".to_owned()),
            "or" | "OR" => Some("OR".to_owned()),
            _ => spdx_id(word),
        })
        .collect();
    match words {
        // Two names without a word between them are prose.
        Some(words)
            if words
                .iter()
                .skip(1)
                .step_by(2)
                .all(|word| word == "AND" || word == "OR") =>
        {
            words.join(" ")
        }
        _ => stated.to_owned(),
    }
}

fn spdx_id(word: &str) -> Option<String> {
    let gnu = |family: &str, rest: &str| {
        let (version, suffix) = match rest.strip_suffix('+') {
            Some(version) => (version, "or-later"),
            None => (rest, "only"),
        };
        let version = match version {
            "1" | "1.0" => "1.0",
            "2" | "2.0" => "2.0",
            "2.1" => "2.1",
            "3" | "3.0" => "3.0",
            "1.1" | "1.2" | "1.3" if family == "GFDL" => version,
            _ => return None,
        };
        Some(format!("{family}-{version}-{suffix}"))
    };
    for family in ["LGPL", "AGPL", "GPL", "GFDL"] {
        if let Some(rest) = word
            .strip_prefix(family)
            .and_then(|rest| rest.strip_prefix('-'))
        {
            return gnu(family, rest);
        }
    }
    let id = match word {
        "Expat" | "MIT" => "MIT",
        "Apache-2" | "Apache-2.0" => "Apache-2.0",
        "BSD-2-clause" | "BSD-2-Clause" => "BSD-2-Clause",
        "BSD-3-clause" | "BSD-3-Clause" => "BSD-3-Clause",
        "BSD-4-clause" | "BSD-4-Clause" => "BSD-4-Clause",
        "ISC" => "ISC",
        "Zlib" | "zlib" => "Zlib",
        "CC0-1.0" | "CC0" => "CC0-1.0",
        "CC-BY-3.0" => "CC-BY-3.0",
        "CC-BY-4.0" => "CC-BY-4.0",
        "CC-BY-SA-3.0" => "CC-BY-SA-3.0",
        "CC-BY-SA-4.0" => "CC-BY-SA-4.0",
        "MPL-1.1" => "MPL-1.1",
        "MPL-2.0" => "MPL-2.0",
        "Artistic" | "Artistic-1" => "Artistic-1.0-Perl",
        "Artistic-2" | "Artistic-2.0" => "Artistic-2.0",
        "Python-2.0" | "PSF-2" => "PSF-2.0",
        "BSL-1.0" => "BSL-1.0",
        "Unicode-DFS-2016" => "Unicode-DFS-2016",
        "OFL-1.1" => "OFL-1.1",
        "W3C" => "W3C",
        "FSFAP" => "FSFAP",
        "FSFUL" => "FSFUL",
        "FSFULLR" => "FSFULLR",
        _ => return None,
    };
    Some(id.to_owned())
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
        assert_eq!(
            spdx("GPL-2+ with OpenSSL exception"),
            "GPL-2+ with OpenSSL exception"
        );
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
