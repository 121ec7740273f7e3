//! Python packages as installed: `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, `*.egg-info` as a file, and
//! eggs (`EGG-INFO/PKG-INFO`), unpacked or as archives.

use std::io::{self, Read};

use super::json::Licences;
use super::{About, Cataloguer, File, Found, FoundPackage, Release, headers, licence};
use crate::contract::SkipReason;
use crate::image::zip::{Budget, Zip};
use crate::image::{paths, purl};

/// Bytes of a file. The header comes first; what follows is the project's page on the index.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes of a `License` field that may be a name. Longer ones are the first line of the licence itself.
const MAX_LICENCE_NAME: usize = 120;

/// Unpacked bytes of an egg.
const MAX_EGG_BYTES: u64 = 1 << 30;
/// Entries of an egg with the name of its metadata that are read. There is one, unless somebody made it so.
const MAX_EGG_ENTRIES: usize = 8;

/// Reads the metadata of installed packages.
pub struct Python;

fn is_metadata(file: &File<'_>) -> bool {
    let parent = || paths::split(paths::split(file.key).0).1;
    match file.name {
        "METADATA" => parent().ends_with(".dist-info"),
        "PKG-INFO" => {
            let parent = parent();
            parent.ends_with(".egg-info") || parent == "EGG-INFO"
        }
        name => name.ends_with(".egg-info") || is_egg(name),
    }
}

fn is_egg(name: &str) -> bool {
    name.ends_with(".egg")
}

/// What a header says.
#[derive(Default)]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    expression: Option<String>,
    licence: Option<String>,
    classifiers: Licences,
}

impl Metadata {
    fn read(contents: &mut dyn Read) -> io::Result<Self> {
        let mut this = Self::default();
        headers::read(contents, |name, value| {
            let slot = match name {
                "name" => &mut this.name,
                "version" => &mut this.version,
                "license-expression" => &mut this.expression,
                "license" => &mut this.licence,
                "classifier" => {
                    if value.starts_with("License ::") {
                        let stated = licence::normalise(&value);
                        let stated = Some(stated).filter(|text| !text.is_empty());
                        this.classifiers.add(Licences(stated.into_iter().collect()));
                    }
                    return;
                }
                _ => return,
            };
            // The first counts, as for Python itself.
            if slot.is_none() && !value.is_empty() {
                *slot = Some(value);
            }
        })?;
        Ok(this)
    }

    fn licences(self) -> Vec<String> {
        let named = self.expression.or_else(|| {
            self.licence
                .filter(|text| text.len() <= MAX_LICENCE_NAME && text != "UNKNOWN")
        });
        match named.map(|text| licence::normalise(&text)) {
            // "BSD" says less than "BSD License" of the classifiers, never more.
            Some(stated) if self.classifiers.0.is_empty() || is_expression(&stated) => vec![stated],
            _ => self.classifiers.0,
        }
    }

    fn push(mut self, found: &mut Found) {
        match (self.name.take(), self.version.take()) {
            (Some(name), Some(version)) => {
                found.push(FoundPackage {
                    name,
                    version,
                    licences: self.licences(),
                    ..FoundPackage::default()
                });
            }
            _ => found.note(
                SkipReason::Corrupt,
                "it states no name or no version of its package".to_owned(),
            ),
        }
    }
}

/// Reads the metadata in an egg.
fn egg(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let budget = Budget::new(MAX_EGG_BYTES);
    let mut zip = Zip::new(contents, &budget, |name| name == b"EGG-INFO/PKG-INFO");
    let mut all = Vec::new();
    let mut more = false;
    while zip.advance()? {
        if all.len() < MAX_EGG_ENTRIES {
            all.push(Metadata::read(&mut zip.contents())?);
        } else {
            more = true;
        }
    }
    let outcome = zip.outcome()?;
    for trouble in &outcome.troubles {
        let reason = if trouble.is_over_limit() {
            SkipReason::OverLimit
        } else {
            SkipReason::Corrupt
        };
        found.note(reason, format!("the egg {trouble}"));
    }
    if more {
        found.note(
            SkipReason::OverLimit,
            format!("it has more than {MAX_EGG_ENTRIES} entries of metadata"),
        );
    }
    // Python opens what the directory lists, the last of a name.
    let listed = all.into_iter().zip(&outcome.listed);
    match listed.filter(|(_, listed)| **listed).next_back() {
        Some((metadata, _)) => metadata.push(found),
        None if outcome.troubles.is_empty() => found.note(
            SkipReason::Corrupt,
            "the egg has no metadata (EGG-INFO/PKG-INFO)".to_owned(),
        ),
        None => {}
    }
    Ok(())
}

fn is_expression(text: &str) -> bool {
    spdx::Expression::parse(text).is_ok()
}

/// The name as the index spells it: lower case, runs of `-`, `_` and `.` as one hyphen (PEP 503).
pub fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if matches!(letter, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.extend(letter.to_lowercase());
        }
    }
    normal
}

impl Cataloguer for Python {
    fn id(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Python",
            reads: "**/*.dist-info/METADATA, **/*.egg-info, **/EGG-INFO/PKG-INFO, **/*.egg",
            tells: "licence",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        is_metadata(file)
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        if is_egg(file.name) {
            return egg(contents, found);
        }
        Metadata::read(contents)?.push(found);
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let name = normal_name(&package.name);
        purl::format("pypi", "", &name, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
