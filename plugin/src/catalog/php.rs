//! PHP packages as Composer installed them: `vendor/composer/installed.json`, a list in Composer 1 and an
//! object with `packages` since Composer 2.

use std::collections::HashSet;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::json::{self, Each, Fields, Licences, Object, Text, skip};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a file. One of 500 packages has 1 MiB.
const MAX_BYTES: u64 = 32 << 20;
/// Names of packages for development that are kept.
const MAX_NAMES: usize = 10_000;

/// Reads what Composer installed.
pub struct Php;

#[derive(Default)]
struct Package {
    name: Option<String>,
    version: Option<String>,
    kind: Option<String>,
    licences: Licences,
    reference: Option<String>,
}

impl Fields for Package {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value::<Text>()?.0,
            "version" => self.version = map.next_value::<Text>()?.0,
            "type" => self.kind = map.next_value::<Text>()?.0,
            "license" => self.licences = map.next_value()?,
            "source" => self.reference = map.next_value::<Object<Source>>()?.0.reference,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Source {
    reference: Option<String>,
}

impl Fields for Source {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key == "reference" {
            self.reference = map.next_value::<Text>()?.0;
            return Ok(());
        }
        skip(map)
    }
}

impl Package {
    /// False when the file may not say more.
    fn push(self, found: &mut Found) -> bool {
        let (Some(name), Some(version)) = (self.name, self.version) else {
            found.note(
                SkipReason::Corrupt,
                "an entry without a name or a version was passed over".to_owned(),
            );
            return true;
        };
        let attributes = [
            ("composer.reference", self.reference),
            // A plain one is not worth a word.
            ("composer.type", self.kind.filter(|kind| kind != "library")),
        ];
        found.push(FoundPackage {
            name,
            version,
            licences: several(self.licences.0),
            attributes: attributes
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
            ..FoundPackage::default()
        })
    }
}

/// Composer's list means a choice.
fn several(licences: Vec<String>) -> Vec<String> {
    let all_known = licences
        .iter()
        .all(|licence| spdx::Expression::parse(licence).is_ok());
    if licences.len() < 2 || !all_known {
        return licences;
    }
    let parts: Vec<String> = licences
        .into_iter()
        .map(|one| {
            if one.contains(' ') {
                format!("({one})")
            } else {
                one
            }
        })
        .collect();
    vec![parts.join(" OR ")]
}

/// The root of the file: both forms.
struct Root<'f> {
    found: &'f mut Found,
    development: HashSet<String>,
    more_development: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Root<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Root<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("what Composer installed")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut room = true;
        while let Some(Object(package)) = list.next_element::<Object<Package>>()? {
            room = room && package.push(self.found);
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut any = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "packages" => {
                    any = true;
                    let mut room = true;
                    let found = &mut *self.found;
                    let mut take = |_: &str, package: Object<Package>| {
                        room = room && package.0.push(found);
                    };
                    map.next_value_seed(Each::new(&mut take))?;
                }
                "dev-package-names" => {
                    let (names, more) = (&mut self.development, &mut self.more_development);
                    let mut take = |_: &str, name: Text| {
                        if names.len() < MAX_NAMES {
                            names.extend(name.0);
                        } else {
                            *more = true;
                        }
                    };
                    map.next_value_seed(Each::new(&mut take))?;
                }
                _ => skip(&mut map)?,
            }
        }
        Ok(any)
    }
}

impl Cataloguer for Php {
    fn id(&self) -> &'static str {
        "composer"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "PHP (Composer)",
            reads: "**/composer/installed.json",
            tells: "licence, commit, type, whether it is for development",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name == "installed.json" && paths::split(paths::split(file.key).0).1 == "composer"
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
            development: HashSet::new(),
            more_development: false,
        };
        let read = json::read(contents, &mut root)?;
        let (development, more) = (root.development, root.more_development);
        if more {
            found.note(
                SkipReason::OverLimit,
                format!(
                    "it names more than {MAX_NAMES} packages for development; the rest is not marked"
                ),
            );
        }
        for package in &mut found.packages {
            if development.contains(&package.name) {
                package
                    .attributes
                    .push(("composer.development".to_owned(), "true".to_owned()));
            }
        }
        match read {
            Ok(true) => {}
            Ok(false) => found.note(SkipReason::Corrupt, "it lists no packages".to_owned()),
            Err(why) => found.note(
                SkipReason::Corrupt,
                format!("it is not valid JSON ({why}); the packages before that were read"),
            ),
        }
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let name = package.name.to_lowercase();
        let (vendor, name) = name.split_once('/').unwrap_or(("", &name));
        purl::format("composer", vendor, name, Some(&package.version), &[], "")
    }
}

#[cfg(test)]
#[path = "php_tests.rs"]
mod tests;
