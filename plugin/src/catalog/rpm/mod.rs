//! The databases of rpm: SQLite (Fedora, Red Hat from 9, Azure Linux), its own format "ndb" (SUSE), Berkeley
//! DB (Red Hat to 8), and the manifest of images without any.
//!
//! A database has 10 to 250 MB and is never held: what of it is kept at a time is bounded in [`pages`].

mod bdb;
mod header;
mod manifest;
mod ndb;
mod pages;
mod rows;
mod sqlite;

use std::io::{self, Read};

use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::{PackageOrigin, SkipReason};
use crate::image::purl;

/// The file beside a SQLite database in which changes wait for being written into it.
const WAITING: &str = "rpmdb.sqlite-wal";
/// A file of waiting changes that has no more than its own header has none.
const WAL_HEADER: usize = 32;

/// Reads rpm's databases.
pub struct Rpm;

impl Cataloguer for Rpm {
    fn id(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> u32 {
        1
    }

    fn places(&self) -> &'static [&'static str] {
        &[
            "var/lib/rpm/Packages",
            "var/lib/rpm/Packages.db",
            "var/lib/rpm/rpmdb.sqlite",
            "var/lib/rpm/rpmdb.sqlite-wal",
            "usr/lib/sysimage/rpm/Packages",
            "usr/lib/sysimage/rpm/Packages.db",
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
            "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
            "usr/share/rpm/Packages",
            "usr/share/rpm/Packages.db",
            "usr/share/rpm/rpmdb.sqlite",
            "usr/share/rpm/rpmdb.sqlite-wal",
            "var/lib/rpmmanifest/container-manifest-2",
        ]
    }

    fn about(&self) -> About {
        About {
            title: "Red Hat, Fedora, SUSE, Azure Linux",
            reads: "{var/lib,usr/lib/sysimage,usr/share}/rpm/{Packages,Packages.db,rpmdb.sqlite}, \
                    var/lib/rpmmanifest/container-manifest-2",
            tells: "source package, architecture, licence, vendor, module, owned files",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        matches!(
            file.name,
            "Packages" | "Packages.db" | "rpmdb.sqlite" | WAITING | "container-manifest-2"
        ) && self.places().contains(&file.key)
    }

    fn origin(&self) -> PackageOrigin {
        PackageOrigin::OperatingSystem
    }

    fn max_file_bytes(&self) -> u64 {
        1 << 30
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        if file.key.contains("/rpmmanifest/") {
            return manifest::read(contents, found);
        }
        let mut head = [0; 64];
        let count = pages::fill(contents, &mut head)?;
        let head = head.get(..count).unwrap_or_default();
        if file.name == WAITING || file.key.ends_with(WAITING) {
            if count > WAL_HEADER {
                found.note(
                    SkipReason::Unsupported,
                    "changes wait in it for being written into rpmdb.sqlite; packages that they add or remove \
                     are not seen"
                        .to_owned(),
                );
            }
            return Ok(());
        }
        let mut whole = head.chain(contents);
        // By what it begins with: its name is of the program that made it, and may be of another one.
        if head.starts_with(sqlite::MAGIC) {
            sqlite::read(&mut whole, found)
        } else if head.starts_with(ndb::MAGIC) {
            ndb::read(&mut whole, found)
        } else if let Some(kind) = bdb::kind(head) {
            match kind {
                bdb::Kind::Hash(order) => bdb::read(&mut whole, order, found),
                bdb::Kind::Other => {
                    found.note(
                        SkipReason::Unsupported,
                        "it is a Berkeley DB of a kind that rpm doesn't use; it was not read"
                            .to_owned(),
                    );
                    Ok(())
                }
            }
        } else {
            // An empty file is an empty database, as programs leave it that only look.
            if !head.is_empty() {
                found.note(
                    SkipReason::Corrupt,
                    "it begins like none of rpm's databases; it was not read".to_owned(),
                );
            }
            Ok(())
        }
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("rpm", package, release)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
