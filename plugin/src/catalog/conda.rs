//! Conda packages as installed: `conda-meta/*.json`, one file a package.
//!
//! Conda installs Python packages with their own metadata beside it. The list of files says which those are,
//! so that both are told as one thing: the Python package gets the conda package as its owner.

use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::json::{self, Each, Licences, Text, skip};
use super::{About, Cataloguer, File, Found, FoundPackage, Release, may_be_evidence};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a file. The list of files of a large package (a compiler, a browser) makes 10 MiB.
const MAX_BYTES: u64 = 64 << 20;
/// Files of one package that are kept as its own.
const MAX_OWNED: usize = 5_000;

/// Reads what conda installed.
pub struct Conda;

/// A record, read into from the file's object.
#[derive(Default)]
struct Record<'k> {
    prefix: &'k str,
    name: Option<String>,
    version: Option<String>,
    build: Option<String>,
    channel: Option<String>,
    subdir: Option<String>,
    archive: Option<String>,
    md5: Option<String>,
    licences: Licences,
    owns: Vec<String>,
    owns_more: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record of conda")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let slot = match key.as_str() {
                "name" => &mut self.name,
                "version" => &mut self.version,
                "build" => &mut self.build,
                "channel" => &mut self.channel,
                "subdir" => &mut self.subdir,
                "fn" => &mut self.archive,
                "md5" => &mut self.md5,
                "license" => {
                    self.licences = map.next_value()?;
                    continue;
                }
                "files" => {
                    let mut take = |_: &str, file: Text| self.own(file);
                    map.next_value_seed(Each::new(&mut take))?;
                    continue;
                }
                _ => {
                    skip(&mut map)?;
                    continue;
                }
            };
            *slot = map.next_value::<Text>()?.0;
        }
        Ok(())
    }
}

impl Record<'_> {
    fn own(&mut self, file: Text) {
        let Some(file) = file.0 else {
            return;
        };
        let mut key = Vec::new();
        let spelled = format!("{}/{file}", self.prefix);
        if !paths::normalise(spelled.as_bytes(), &mut key) {
            return;
        }
        let Ok(key) = String::from_utf8(key) else {
            return;
        };
        if !may_be_evidence(&key) {
            return;
        }
        if self.owns.len() < MAX_OWNED {
            self.owns.push(key);
        } else {
            self.owns_more = true;
        }
    }
}

/// The channel's name: `conda-forge` of `https://conda.anaconda.org/conda-forge/linux-64`.
fn channel(stated: &str, subdir: Option<&str>) -> String {
    let mut parts = stated.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or_default();
    let name = if Some(last) == subdir || last == "noarch" {
        parts.next().unwrap_or(last)
    } else {
        last
    };
    name.to_owned()
}

impl Cataloguer for Conda {
    fn id(&self) -> &'static str {
        "conda"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Conda",
            reads: "**/conda-meta/*.json",
            tells: "build, channel, platform, licence, checksum, its Python packages",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name.ends_with(".json") && paths::split(paths::split(file.key).0).1 == "conda-meta"
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut record = Record {
            prefix: paths::split(paths::split(file.key).0).0,
            ..Record::default()
        };
        if let Err(why) = json::read(contents, &mut record)? {
            found.note(
                SkipReason::Corrupt,
                format!("it is not what conda writes ({why})"),
            );
        }
        let (Some(name), Some(version)) = (record.name, record.version) else {
            // Its folder holds a few other files (a list of pins, the state of an environment).
            return Ok(());
        };
        if record.owns_more {
            found.note(
                SkipReason::OverLimit,
                format!("it lists more than {MAX_OWNED} programs and records of packages; which package owns the rest is not known"),
            );
        }
        let channel = record
            .channel
            .map(|stated| channel(&stated, record.subdir.as_deref()));
        let kind = record.archive.and_then(|archive| {
            [".tar.bz2", ".conda"]
                .into_iter()
                .find(|end| archive.ends_with(end))
                .map(|end| end.trim_start_matches('.').to_owned())
        });
        let attributes = [
            ("conda.build", record.build),
            ("conda.channel", channel),
            ("conda.type", kind),
            ("conda.md5", record.md5),
        ];
        found.push(FoundPackage {
            name,
            version,
            architecture: record.subdir,
            licences: record.licences.0,
            attributes: attributes
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
            owns: record.owns,
            ..FoundPackage::default()
        });
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let attribute = |name: &str| {
            package
                .attributes
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        purl::format(
            "conda",
            "",
            &package.name,
            Some(&package.version),
            &[
                ("build", attribute("conda.build")),
                ("channel", attribute("conda.channel")),
                (
                    "subdir",
                    package.architecture.as_deref().unwrap_or_default(),
                ),
                ("type", attribute("conda.type")),
            ],
            "",
        )
    }
}

#[cfg(test)]
#[path = "conda_tests.rs"]
mod tests;
