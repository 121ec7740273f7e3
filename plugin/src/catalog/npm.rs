//! npm packages as installed: `node_modules/NAME/package.json`, `node_modules/@SCOPE/NAME/package.json`.
//!
//! The folder only says that it is the root of a package (its own tests hold other files of that name); the
//! name is the file's, because an alias (`npm i other@npm:real`) gives the folder another one.
//!
//! A copy that a package brings along (`vendor/NAME/package.json`, where the file says that name, too) is told
//! with the attribute `npm.vendored`.
//!
//! A `package.json` that lies in no `node_modules` is a program's own, or that of a package which was
//! unpacked by hand (yarn in the official images of Node.js). Both look alike, so they are told with the
//! attribute `npm.root`: whoever matches knows that the name was never checked against a registry. Left out
//! are those that by their own word can't be in one: `private`, and extensions of an editor
//! (`engines.vscode`), whose names are those of other people's packages.

use std::io::{self, Read};

use serde::de::MapAccess;

use super::json::{self, Fields, Flag, Licences, Object, Text, skip};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a file. The largest on record have some hundred KiB.
const MAX_BYTES: u64 = 4 << 20;
const FILE: &str = "package.json";
const FOLDER: &str = "node_modules";

/// Reads the `package.json` of installed packages.
pub struct Npm;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Installed,
    /// A copy that a package brings along in a folder `vendor`.
    Vendored,
    Root,
}

fn place(key: &str) -> Option<Place> {
    let (folder, name) = paths::split(key);
    if name != FILE {
        return None;
    }
    let Some((_, package)) = after_last_folder(folder) else {
        return Some(Place::Root);
    };
    let (first, second) = package.split_once('/').unwrap_or((package, ""));
    let is_package = if first.starts_with('@') {
        !second.is_empty() && !second.contains('/')
    } else {
        second.is_empty() && !first.is_empty() && !first.starts_with('.')
    };
    if is_package {
        return Some(Place::Installed);
    }
    vendored(folder).map(|_| Place::Vendored)
}

/// The name of the package that a folder is a copy of: `…/vendor/NAME`, `…/vendor/@SCOPE/NAME`.
fn vendored(folder: &str) -> Option<&str> {
    let (_, name) = folder.rsplit_once("/vendor/")?;
    let (first, second) = name.split_once('/').unwrap_or((name, ""));
    let is_package = if first.starts_with('@') {
        !second.is_empty() && !second.contains('/')
    } else {
        second.is_empty() && !first.is_empty()
    };
    is_package.then_some(name)
}

/// What lies before and below the last `node_modules` of a path.
fn after_last_folder(folder: &str) -> Option<(&str, &str)> {
    let mut end = folder.len();
    loop {
        let start = folder.get(..end)?.rfind(FOLDER)?;
        let before = folder.get(..start)?;
        let after = folder.get(start + FOLDER.len()..)?;
        if (before.is_empty() || before.ends_with('/'))
            && (after.is_empty() || after.starts_with('/'))
        {
            return Some((before, after.trim_start_matches('/')));
        }
        end = start;
    }
}

#[derive(Default)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    licences: Licences,
    private: bool,
    for_editor: bool,
}

impl Fields for Manifest {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value::<Text>()?.0,
            "version" => self.version = map.next_value::<Text>()?.0,
            "license" | "licenses" => {
                let stated = map.next_value()?;
                self.licences.add(stated);
            }
            "private" => self.private = map.next_value::<Flag>()?.0,
            "engines" => self.for_editor = map.next_value::<Object<Engines>>()?.0.vscode,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Engines {
    vscode: bool,
}

impl Fields for Engines {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        self.vscode |= key == "vscode";
        skip(map)
    }
}

impl Cataloguer for Npm {
    fn id(&self) -> &'static str {
        "npm"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> About {
        About {
            title: "npm",
            reads: "**/node_modules/**/package.json, **/package.json",
            tells: "licence; whether it is a program's own file",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name == FILE && place(file.key).is_some()
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let place = place(file.key);
        let is_root = place == Some(Place::Root);
        let manifest = match json::object::<Manifest>(contents)? {
            Ok(manifest) => manifest,
            // Elsewhere it may be a template, or the input of a test.
            Err(_) if place != Some(Place::Installed) => return Ok(()),
            Err(why) => {
                found.note(SkipReason::Corrupt, format!("it is not valid JSON ({why})"));
                return Ok(());
            }
        };
        let (Some(name), Some(version)) = (manifest.name, manifest.version) else {
            // Without both it is no package: a mark for a bundler, a workspace.
            return Ok(());
        };
        if is_root && (manifest.private || manifest.for_editor) {
            return Ok(());
        }
        // A package's own tests and templates may lie in such a folder, under other names.
        let folder = paths::split(file.key).0;
        if place == Some(Place::Vendored) && vendored(folder) != Some(name.as_str()) {
            return Ok(());
        }
        let attributes = match place {
            Some(Place::Root) => vec![("npm.root".to_owned(), "true".to_owned())],
            Some(Place::Vendored) => vec![("npm.vendored".to_owned(), "true".to_owned())],
            _ => Vec::new(),
        };
        found.push(FoundPackage {
            name,
            version,
            licences: manifest.licences.0,
            attributes,
            ..FoundPackage::default()
        });
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let (scope, name) = match package.name.split_once('/') {
            Some((scope, name)) if scope.starts_with('@') && !name.contains('/') => (scope, name),
            _ => ("", package.name.as_str()),
        };
        purl::format("npm", scope, name, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "npm_tests.rs"]
mod tests;
