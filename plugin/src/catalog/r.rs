//! R packages as installed: `DESCRIPTION` in a folder of a library.

use std::io::{self, Read};

use super::{About, Cataloguer, File, Found, FoundPackage, Release, headers, licence};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a file.
const MAX_BYTES: u64 = 4 << 20;

/// Reads what R installed.
pub struct R;

#[derive(Default)]
struct Description {
    name: Option<String>,
    version: Option<String>,
    licence: Option<String>,
    priority: Option<String>,
    built: bool,
}

/// R's own form: alternatives by bars, `(>= 2)` for later versions, `+ file LICENSE` for who holds the rights.
fn licence_of(stated: &str) -> String {
    let alternatives: Vec<String> = stated
        .split('|')
        .map(|one| {
            let one = one.split("+ file").next().unwrap_or_default().trim();
            match one.split_once("(>=") {
                Some((family, version)) => {
                    format!("{}-{}+", family.trim(), version.trim_matches([' ', ')']))
                }
                None => one.to_owned(),
            }
        })
        .collect();
    let made = licence::normalise(&alternatives.join(" OR "));
    if spdx::Expression::parse(&made).is_ok() {
        made
    } else {
        licence::normalise(stated)
    }
}

impl Cataloguer for R {
    fn id(&self) -> &'static str {
        "r"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "R",
            reads: "**/DESCRIPTION of installed packages",
            tells: "licence, whether it came with R",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name == "DESCRIPTION" && file.key.contains('/')
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut read = Description::default();
        headers::read(contents, |name, value| {
            let slot = match name {
                "package" => &mut read.name,
                "version" => &mut read.version,
                "license" => &mut read.licence,
                "priority" => &mut read.priority,
                "built" => {
                    read.built = true;
                    return;
                }
                _ => return,
            };
            *slot = Some(value).filter(|value| !value.is_empty());
        })?;
        // Only the installer writes that field: without it these are sources, or something else of that name.
        if !read.built {
            return Ok(());
        }
        let folder = paths::split(paths::split(file.key).0).1;
        match (read.name, read.version) {
            (Some(name), Some(version)) if name == folder => {
                let attributes = match read.priority {
                    Some(priority) => vec![("r.priority".to_owned(), priority)],
                    None => Vec::new(),
                };
                found.push(FoundPackage {
                    name,
                    version,
                    licences: read
                        .licence
                        .map(|stated| licence_of(&stated))
                        .into_iter()
                        .collect(),
                    attributes,
                    ..FoundPackage::default()
                });
            }
            (Some(_), Some(_)) => {}
            _ => found.note(
                SkipReason::Corrupt,
                "it states no name or no version of its package".to_owned(),
            ),
        }
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        purl::format("cran", "", &package.name, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "r_tests.rs"]
mod tests;
