//! Java archives: `.jar`, `.war`, `.ear` and their kin, with the archives inside them.
//!
//! An archive is read as a stream ([`crate::image::zip`]); what it says of itself and of what was packed
//! into it is gathered by [`archive`], and [`identity`] makes packages of it.

mod archive;
mod identity;
mod known;
mod manifest;
mod pom;

use std::io::{self, Read};

use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::image::purl;
use crate::image::zip::Budget;

/// Uncompressed bytes of an archive and all inside it. The largest met unpack to 3 GiB.
pub const MAX_UNPACKED: u64 = 8 << 30;

/// Suffixes of archives: libraries and applications, Jenkins plug-ins (`jpi`, `hpi`), packages of Liferay
/// (`lpkg`), Karaf (`kar`), NiFi (`nar`), JBoss (`sar`, `par`) and resource adapters (`rar`).
const SUFFIXES: &[&[u8]] = &[
    b"jar", b"war", b"ear", b"par", b"sar", b"nar", b"kar", b"rar", b"jpi", b"hpi", b"lpkg",
];

/// Reads Java archives.
pub struct Java;

fn is_archive(name: &[u8]) -> bool {
    let Some(dot) = name
        .iter()
        .rev()
        .take(5)
        .position(|byte| *byte == b'.')
        .map(|from_end| name.len() - from_end)
    else {
        return false;
    };
    let suffix = name.get(dot..).unwrap_or_default();
    SUFFIXES.iter().any(|one| one.eq_ignore_ascii_case(suffix))
}

impl Cataloguer for Java {
    fn id(&self) -> &'static str {
        "java"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Java (Maven coordinates), Jenkins plug-ins",
            reads: "*.jar, *.war, *.ear and their kin, also inside one another: pom.properties, pom.xml, MANIFEST.MF, file name",
            tells: "where inside the archive, licences, how sure the coordinates are",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        is_archive(file.name.as_bytes())
    }

    /// Some suffixes have another meaning elsewhere; archives that run by themselves begin with a script.
    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(b"PK") || head.starts_with(b"#!") || {
            let mut windows = head.windows(4);
            windows.any(|bytes| bytes == b"PK\x03\x04")
        }
    }

    /// Streams, so this bounds time only.
    fn max_file_bytes(&self) -> u64 {
        4 << 30
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let budget = Budget::new(MAX_UNPACKED);
        let packages = archive::Reader::new(&budget, found).read(contents, file.name, "", 0)?;
        for package in packages {
            if !found.push(package) {
                break;
            }
        }
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let (group, artifact) = package.name.split_once(':').unwrap_or(("", &package.name));
        purl::format("maven", group, artifact, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "java_tests.rs"]
mod tests;
