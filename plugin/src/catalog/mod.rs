//! What in an image says which software it holds. One file per format; each says which paths it wants and
//! reads them as streams, and [`CATALOGUERS`] lists them.
//!
//! To add a format: a new file with a [`Cataloguer`], a line in the table, and nothing else. Its version
//! goes up when it would find something else in the same bytes: the host's cache of layers is keyed by the
//! versions of all.

pub mod apk;
pub mod binary;
pub mod conda;
pub mod copyright;
pub mod dotnet;
pub mod dpkg;
pub mod dpkg_files;
pub mod headers;
pub mod java;
pub mod json;
pub mod licence;
pub mod lines;
pub mod npm;
pub mod opkg;
pub mod os_release;
pub mod owned;
pub mod pacman;
pub mod php;
pub mod python;
pub mod r;
pub mod rpm;
pub mod ruby;
pub mod sbom;
#[cfg(test)]
mod testing;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::contract::{Explanation, PackageOrigin, Skip, SkipReason};

/// All formats that are read.
pub static CATALOGUERS: &[&dyn Cataloguer] = &[
    &os_release::OsReleaseFile,
    &dpkg::Dpkg,
    &dpkg_files::DpkgFiles,
    &copyright::Copyright,
    &apk::Apk,
    &java::Java,
    &npm::Npm,
    &python::Python,
    &ruby::Ruby,
    &php::Php,
    &dotnet::DotNet,
    &conda::Conda,
    &r::R,
    &rpm::Rpm,
    &pacman::Pacman,
    &opkg::Opkg,
    &opkg::OpkgControl,
    &opkg::OpkgFiles,
    &sbom::Sbom,
    // Last: it wants files by their mode, whatever they are called.
    &binary::Binary,
];

/// Bytes that what one file says may take in memory. A Debian desktop with 8,000 packages takes 3 MiB.
pub const MAX_FOUND_BYTES: usize = 10 << 20;
/// What a record takes besides its text.
const RECORD_BYTES: usize = 160;
/// Notes about one file; more of the same kind says nothing new.
const MAX_NOTES: usize = 8;

/// Bytes of a file that [`Cataloguer::recognises`] sees.
pub const HEAD_BYTES: usize = 512;

/// A file of a layer, as its header has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct File<'f> {
    /// Its path without a leading slash.
    pub key: &'f str,
    /// The last part of it.
    pub name: &'f str,
    /// Bytes of its contents.
    pub size: u64,
    /// Permissions, with set-uid, set-gid and sticky bits (`0o7777`).
    pub mode: u32,
    /// Number of the user that owns it.
    pub uid: u64,
}

impl<'f> File<'f> {
    /// The file at a path of which no more is known.
    pub fn of_path(key: &'f str) -> Self {
        Self {
            key,
            name: crate::image::paths::split(key).1,
            ..Self::default()
        }
    }

    /// True when somebody may run it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// A line of the README's table of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Whose packages ("Debian, Ubuntu and distroless").
    pub title: &'static str,
    /// Which files, as patterns.
    pub reads: &'static str,
    /// What it tells besides name and version.
    pub tells: &'static str,
}

/// A reader of one format.
pub trait Cataloguer: Sync {
    /// Stable name; the `format` of its packages that state no other.
    fn id(&self) -> &'static str;

    /// Goes up when it would find something else in the same bytes.
    fn version(&self) -> u32;

    /// Fixed paths at which the format keeps its database, for the sake of links that lead there.
    fn places(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it reads and what it finds, for the table in the README.
    fn about(&self) -> About;

    /// True when it reads this file. Called for every file of every layer: look at [`File::name`] first.
    /// It is also asked for the paths of links and whiteouts, of which size and mode are not known
    /// ([`File::of_path`]).
    fn wants(&self, file: &File<'_>) -> bool;

    /// True when a file that begins like this is worth parsing; the first [`HEAD_BYTES`] of it, or all of
    /// a shorter one. A file that is wanted by its mode only (a program) is told from a script here.
    fn recognises(&self, _head: &[u8]) -> bool {
        true
    }

    /// True when `key` is a folder that leads to files it wants, so that a link or a file put in its place
    /// matters. For formats with fixed places; links and folders near the root are looked at anyway. And
    /// true for the place of a file that it may want by more than the path (by its mode), so that another
    /// one put there is noticed.
    fn holds(&self, key: &str) -> bool {
        self.places()
            .iter()
            .any(|place| crate::image::paths::is_below(place, key))
    }

    /// True when an image without this format's files being read is read incompletely: a link from its
    /// place to somewhere unread is then told.
    fn is_inventory(&self) -> bool {
        true
    }

    /// Where its packages come from, where the format alone tells. Of others the layer does: those of the
    /// base image and those above it.
    fn origin(&self) -> PackageOrigin {
        PackageOrigin::Unknown
    }

    /// True when its packages only complete what others read: one that another cataloguer found, too, by
    /// type, name and version, is dropped.
    fn only_completes(&self) -> bool {
        false
    }

    /// Largest file that is read. Parsers stream, so this bounds time, not memory.
    fn max_file_bytes(&self) -> u64 {
        256 << 20
    }

    /// Reads one file. Errors are the reader's only; what is wrong with the text goes to
    /// [`Found::note`]. What it does not read is passed over.
    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()>;

    /// Package URL of one of its packages in an image with that operating system.
    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String;
}

/// True when a file at this key may be what shows that a package is there, so that it matters which
/// operating-system package owns it: a file that some cataloguer reads, or one in a folder of programs.
pub fn may_be_evidence(key: &str) -> bool {
    let in_programs = || {
        let folder = crate::image::paths::split(key).0;
        let last = crate::image::paths::split(folder).1;
        matches!(last, "bin" | "sbin" | "libexec" | "games")
    };
    let file = File::of_path(key);
    in_programs()
        || CATALOGUERS.iter().any(|one| {
            one.origin() != PackageOrigin::OperatingSystem && one.is_inventory() && one.wants(&file)
        })
}

/// The cataloguer of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Cataloguer> {
    CATALOGUERS
        .iter()
        .find(|cataloguer| cataloguer.id() == id)
        .copied()
}

/// The versions of all, for cache keys: `os-release-1+dpkg-1+…`.
pub fn versions() -> String {
    let all: Vec<String> = CATALOGUERS
        .iter()
        .map(|one| format!("{}-{}", one.id(), one.version()))
        .collect();
    all.join("+")
}

/// A package as a file states it. Short names in the cache: there are thousands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPackage {
    /// Name.
    #[serde(rename = "n")]
    pub name: String,
    /// Version.
    #[serde(rename = "v")]
    pub version: String,
    /// Architecture, in the format's own word.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Source package.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub source_name: Option<String>,
    /// Its version.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// As stated.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<String>,
    /// What else there is to say.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
    /// Where it is inside the file, for archives: `BOOT-INF/lib/a.jar`, more levels joined by `!/`.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Package URL where the file itself states one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Keys of the files that it owns, of those that [`may_be_evidence`] lets through.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub owns: Vec<String>,
    /// Its format, where its cataloguer reads more than one; otherwise [`Cataloguer::id`].
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl FoundPackage {
    fn weight(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        RECORD_BYTES
            + self.name.len()
            + self.version.len()
            + optional(&self.architecture)
            + optional(&self.source_name)
            + optional(&self.source_version)
            + self
                .licences
                .iter()
                .map(|text| text.len() + 24)
                .sum::<usize>()
            + self
                .attributes
                .iter()
                .map(|(key, value)| key.len() + value.len() + 48)
                .sum::<usize>()
            + optional(&self.inside)
            + optional(&self.purl)
            + optional(&self.format)
            + self.owns.iter().map(|key| key.len() + 24).sum::<usize>()
    }
}

/// The operating system, by its os-release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `ID`.
    pub id: String,
    /// `VERSION_ID`.
    pub version_id: Option<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Option<String>,
    /// The other fields, names in lower case with hyphens.
    pub attributes: Vec<(String, String)>,
}

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Packages, in the order of the file.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<FoundPackage>,
    /// The operating system.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The operating-system package that [`Self::licences`] and [`Self::owns`] speak of, for files that say
    /// more about a package of another file (a list of its files, its copyright).
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Licences of it.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<String>,
    /// Keys of the files that it owns, of those that [`may_be_evidence`] lets through.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub owns: Vec<String>,
    /// What could not be read of it.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Skip>,
    /// Bytes in memory, about.
    #[serde(rename = "b", default)]
    weight: usize,
}

impl Found {
    /// Adds a package; false (with a note) when the file has said too much already.
    pub fn push(&mut self, package: FoundPackage) -> bool {
        let weight = self.weight.saturating_add(package.weight());
        if weight > MAX_FOUND_BYTES {
            self.note(
                SkipReason::OverLimit,
                format!(
                    "it lists more than fits {MAX_FOUND_BYTES} bytes; the first {} packages were read",
                    self.packages.len()
                ),
            );
            return false;
        }
        self.weight = weight;
        self.packages.push(package);
        true
    }

    /// True when it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.release.is_none()
            && self.about.is_none()
            && self.licences.is_empty()
            && self.owns.is_empty()
            && self.notes.is_empty()
    }

    /// Notes what could not be read, as the end of a sentence that names the file.
    pub fn note(&mut self, reason: SkipReason, what: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(Skip {
                reason,
                why: Explanation {
                    message: what,
                    hint: match reason {
                        SkipReason::OverLimit => {
                            "Nothing to do, unless the image is meant to be so: then report it."
                                .to_owned()
                        }
                        _ => "Look at the file in the image; rebuild the image if it is broken."
                            .to_owned(),
                    },
                },
            });
        }
    }

    /// Bytes in memory, about.
    pub fn weight(&self) -> usize {
        self.weight
            + RECORD_BYTES
            + self
                .licences
                .iter()
                .chain(&self.owns)
                .map(|text| text.len() + 24)
                .sum::<usize>()
            + self.release.as_ref().map_or(0, |release| {
                release
                    .attributes
                    .iter()
                    .map(|(key, value)| key.len() + value.len() + 48)
                    .sum()
            })
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

    #[test]
    fn ids_are_unique_and_found() {
        for (index, one) in CATALOGUERS.iter().enumerate() {
            assert!(
                CATALOGUERS[..index]
                    .iter()
                    .all(|other| other.id() != one.id())
            );
            assert!(by_id(one.id()).is_some());
        }
        assert!(versions().contains("dpkg-"));
    }

    #[test]
    fn every_place_is_wanted_and_its_folders_are_held() {
        for one in CATALOGUERS {
            for place in one.places() {
                assert!(one.wants(&File::of_path(place)), "{place}");
                let mut dir = *place;
                while let Some((parent, _)) = dir.rsplit_once('/') {
                    assert!(one.holds(parent), "{parent}");
                    dir = parent;
                }
            }
        }
    }

    #[test]
    fn every_format_says_what_it_reads() {
        for one in CATALOGUERS {
            let about = one.about();
            assert!(
                !about.title.is_empty() && !about.reads.is_empty(),
                "{}",
                one.id()
            );
        }
    }

    #[test]
    fn a_file_that_lists_without_end_is_cut_with_a_note() {
        let mut found = Found::default();
        let package = FoundPackage {
            name: "n".repeat(1000),
            ..FoundPackage::default()
        };
        while found.push(package.clone()) {}
        assert!(found.weight() <= MAX_FOUND_BYTES + RECORD_BYTES);
        assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
    }
}
