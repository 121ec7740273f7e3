//! Alpine's package database: `lib/apk/db/installed`, and `usr/lib/apk/db/installed` where `lib` was merged
//! into `usr`.

use std::io::{self, Read};

use super::lines::{Lines, text};
use super::owned::Owned;
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::{PackageOrigin, SkipReason};
use crate::image::purl;

/// Reads apk's list of installed packages.
pub struct Apk;

impl Cataloguer for Apk {
    fn id(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        2
    }

    fn places(&self) -> &'static [&'static str] {
        &["lib/apk/db/installed", "usr/lib/apk/db/installed"]
    }

    fn about(&self) -> About {
        About {
            title: "Alpine, Wolfi",
            reads: "lib/apk/db/installed, usr/lib/apk/db/installed",
            tells: "origin package, architecture, licence, owned files",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let key = file.key;
        key.ends_with("lib/apk/db/installed") && self.places().contains(&key)
    }

    fn origin(&self) -> PackageOrigin {
        PackageOrigin::OperatingSystem
    }

    fn parse(
        &self,
        _file: &File<'_>,
        contents: &mut dyn Read,
        found: &mut Found,
    ) -> io::Result<()> {
        let mut lines = Lines::new(contents);
        let mut package = FoundPackage::default();
        let mut any = false;
        let mut owned = Owned::default();
        // Files stand below the line of their folder, with their names only.
        let mut folder = Vec::new();
        while let Some(line) = lines.advance()? {
            match line {
                [] => {
                    if any && !finish(std::mem::take(&mut package), found) {
                        return Ok(());
                    }
                    any = false;
                    folder.clear();
                }
                [key, b':', value @ ..] => {
                    any = true;
                    match key {
                        b'P' => package.name = text(value),
                        b'V' => package.version = text(value),
                        b'A' => package.architecture = some(value),
                        b'o' => package.source_name = some(value),
                        b'L' => package.licences = some(value).into_iter().collect(),
                        b'F' => {
                            folder.clear();
                            folder.extend_from_slice(value);
                        }
                        b'R' => owned.add(&folder, value, &mut package.owns),
                        // Checksums, dependencies, descriptions.
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        if any {
            finish(package, found);
        }
        owned.finish("its packages", found);
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("apk", package, release)
    }
}

fn some(value: &[u8]) -> Option<String> {
    Some(text(value)).filter(|value| !value.is_empty())
}

fn finish(mut package: FoundPackage, found: &mut Found) -> bool {
    if package.name.is_empty() || package.version.is_empty() {
        found.note(
            SkipReason::Corrupt,
            "an entry without a package name or a version was passed over".to_owned(),
        );
        return true;
    }
    // Without an origin a package is its own; its version is the origin's always.
    package
        .source_name
        .get_or_insert_with(|| package.name.clone());
    package.source_version = Some(package.version.clone());
    found.push(package)
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

    use proptest::prelude::*;

    use super::*;

    fn parse(data: &[u8]) -> Found {
        let mut found = Found::default();
        Apk.parse(
            &File::of_path("lib/apk/db/installed"),
            &mut &data[..],
            &mut found,
        )
        .unwrap();
        found
    }

    #[test]
    fn packages_have_their_origin_and_licence() {
        let found = parse(
            b"C:Q1abc=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nS:1\nL:Apache-2.0\no:openssl\nF:lib\nR:x\nZ:Q1=\n\n\
              P:musl\nV:1.2.4-r2\nA:x86_64\n",
        );
        assert_eq!(found.packages.len(), 2);
        let ssl = &found.packages[0];
        assert_eq!(
            (
                ssl.name.as_str(),
                ssl.version.as_str(),
                ssl.source_name.as_deref(),
                ssl.licences[0].as_str()
            ),
            ("libcrypto3", "3.1.4-r5", Some("openssl"), "Apache-2.0")
        );
        let musl = &found.packages[1];
        assert_eq!(musl.source_name.as_deref(), Some("musl"));
        assert_eq!(musl.source_version.as_deref(), Some("1.2.4-r2"));
    }

    #[test]
    fn only_the_database_is_wanted() {
        assert!(Apk.wants(&File::of_path("lib/apk/db/installed")));
        assert!(Apk.wants(&File::of_path("usr/lib/apk/db/installed")));
        assert!(!Apk.wants(&File::of_path("opt/lib/apk/db/installed")));
        assert!(!Apk.wants(&File::of_path("lib/apk/db/scripts.tar")));
    }

    #[test]
    fn a_package_owns_the_files_below_its_folders() {
        let found = parse(
            b"P:a\nV:1\nF:usr\nF:usr/bin\nR:a\nZ:Q1=\nR:b\nF:usr/lib\nR:liba.so\nF:\nR:x\n\n\
              R:stray\nP:b\nV:1\nF:bin\nR:sh\n",
        );
        assert_eq!(found.packages[0].owns, ["usr/bin/a", "usr/bin/b"]);
        assert_eq!(found.packages[1].owns, ["bin/sh"]);
    }

    #[test]
    fn it_says_what_it_reads() {
        insta::assert_debug_snapshot!(Apk.about());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_are_survived(data in "([PVAoLxFR]:[a-z\\x00é ]{0,9}\\n|\\n|[a-z]{0,9}){0,30}") {
            parse(data.as_bytes());
        }
    }
}
