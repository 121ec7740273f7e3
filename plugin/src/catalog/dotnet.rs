//! .NET packages that a program was published with: `*.deps.json`.
//!
//! `libraries` lists all that the build resolved; `targets` says which files of each were published. A
//! package of which no file was (what only the compiler needed, what a newer framework brings itself) is not
//! in the image and not told. The shared frameworks have such a file, too, with the runtime as a package.

use std::collections::HashMap;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::json::{self, Any, Each, Fields, Object, Text, skip};
use super::{About, Cataloguer, File, Found, FoundPackage, Release, lines};
use crate::contract::SkipReason;
use crate::image::purl;

/// Bytes of a file. One of 500 packages has 500 KiB.
const MAX_BYTES: u64 = 32 << 20;
/// Packages of which it is kept whether a file was published. Of more it is taken that one was.
const MAX_TARGETS: usize = 20_000;
/// What self-contained programs call the runtime that they bring.
const RUNTIME_PACK: &str = "runtimepack";

/// Reads what .NET programs were published with.
pub struct DotNet;

#[derive(Default)]
struct Library {
    kind: Option<String>,
    hash: Option<String>,
}

impl Fields for Library {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = map.next_value::<Text>()?.0,
            "sha512" => self.hash = map.next_value::<Text>()?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Whether files of a package were published.
#[derive(Default)]
struct Published(bool);

impl Fields for Published {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "runtime" | "runtimeTargets" | "native" | "resources" => {
                self.0 |= map.next_value::<Any>()?.0;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Targets of one framework each; files of a package may be in any.
#[derive(Default)]
struct Targets(HashMap<String, bool>);

impl<'de> DeserializeSeed<'de> for &mut Targets {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut take = |name: &str, Object(Published(published)): Object<Published>| {
            if let Some(known) = self.0.get_mut(name) {
                *known |= published;
            } else if self.0.len() < MAX_TARGETS && name.len() <= lines::MAX_FIELD {
                self.0.insert(name.to_owned(), published);
            }
        };
        Each::new(&mut take).deserialize(deserializer)
    }
}

struct Root<'f> {
    found: &'f mut Found,
    targets: Targets,
}

impl<'de> DeserializeSeed<'de> for &mut Root<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("what a program was published with")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "targets" => map.next_value_seed(EachTarget(&mut self.targets))?,
                "libraries" => {
                    let (found, targets) = (&mut *self.found, &self.targets);
                    let mut room = true;
                    let mut take = |name: &str, Object(library): Object<Library>| {
                        room = room && push(name, library, targets, found);
                    };
                    map.next_value_seed(Each::new(&mut take))?;
                }
                _ => skip(&mut map)?,
            }
        }
        Ok(())
    }
}

/// The object of targets, by framework.
struct EachTarget<'t>(&'t mut Targets);

impl<'de> DeserializeSeed<'de> for EachTarget<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EachTarget<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("targets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            map.next_value_seed(&mut *self.0)?;
        }
        Ok(())
    }
}

/// False when the file may not say more.
fn push(key: &str, library: Library, targets: &Targets, found: &mut Found) -> bool {
    let name = match library.kind.as_deref() {
        Some("package") => key,
        Some(RUNTIME_PACK) => key
            .strip_prefix(RUNTIME_PACK)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(key),
        // The program itself, and assemblies that it refers to by their files.
        _ => return true,
    };
    if targets.0.get(key) == Some(&false) {
        return true;
    }
    let Some((name, version)) = name.split_once('/') else {
        found.note(
            SkipReason::Corrupt,
            format!(
                "{} names no version and was passed over",
                lines::text(name.as_bytes())
            ),
        );
        return true;
    };
    let attributes = match library.hash {
        Some(hash) => vec![("nuget.sha512".to_owned(), hash)],
        None => Vec::new(),
    };
    found.push(FoundPackage {
        name: lines::text(name.as_bytes()),
        version: lines::text(version.as_bytes()),
        attributes,
        ..FoundPackage::default()
    })
}

impl Cataloguer for DotNet {
    fn id(&self) -> &'static str {
        "dotnet"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: ".NET (NuGet)",
            reads: "**/*.deps.json",
            tells: "checksum",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name.ends_with(".deps.json")
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(
        &self,
        _file: &File<'_>,
        contents: &mut dyn Read,
        found: &mut Found,
    ) -> io::Result<()> {
        let mut root = Root {
            found,
            targets: Targets::default(),
        };
        if let Err(why) = json::read(contents, &mut root)? {
            found.note(
                SkipReason::Corrupt,
                format!("it is not what .NET writes ({why}); the packages before that were read"),
            );
        }
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        purl::format("nuget", "", &package.name, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "dotnet_tests.rs"]
mod tests;
