//! Arch's package database: a folder per package below `var/lib/pacman/local`, with what it is (`desc`) and
//! what it owns (`files`).

use std::io::{self, Read};

use super::lines::{Lines, text};
use super::owned::Owned;
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::{PackageOrigin, SkipReason};
use crate::image::purl;

const LOCAL: &str = "var/lib/pacman/local/";
/// Licences of one package.
const MAX_LICENCES: usize = 64;

/// Reads pacman's database.
pub struct Pacman;

/// The folder of a package and the file in it.
fn parts(key: &str) -> Option<(&str, &str)> {
    let (folder, file) = key.strip_prefix(LOCAL)?.split_once('/')?;
    (!folder.is_empty() && matches!(file, "desc" | "files")).then_some((folder, file))
}

impl Cataloguer for Pacman {
    fn id(&self) -> &'static str {
        "pacman"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Arch, MSYS2",
            reads: "var/lib/pacman/local/*/{desc,files}",
            tells: "base package, architecture, licences, owned files",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        matches!(file.name, "desc" | "files") && parts(file.key).is_some()
    }

    fn holds(&self, key: &str) -> bool {
        match key.strip_prefix(LOCAL) {
            Some(folder) => !folder.contains('/'),
            None => LOCAL
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('/')),
        }
    }

    fn origin(&self) -> PackageOrigin {
        PackageOrigin::OperatingSystem
    }

    fn max_file_bytes(&self) -> u64 {
        64 << 20
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        match parts(file.key) {
            Some((folder, "files")) => files(folder, contents, found),
            Some(_) => description(contents, found),
            None => Ok(()),
        }
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("alpm", package, release)
    }
}

fn description(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    let mut section = Vec::new();
    let mut package = FoundPackage::default();
    let mut base = None;
    while let Some(line) = lines.advance()? {
        if line.is_empty() {
            section.clear();
            continue;
        }
        if section.is_empty() {
            section.extend_from_slice(line);
            continue;
        }
        let value = || Some(text(line)).filter(|value| !value.is_empty());
        match section.as_slice() {
            b"%NAME%" => package.name = text(line),
            b"%VERSION%" => package.version = text(line),
            b"%BASE%" => base = value(),
            b"%ARCH%" => package.architecture = value(),
            b"%LICENSE%" if package.licences.len() < MAX_LICENCES => {
                package.licences.extend(value());
            }
            // Dependencies, checksums, dates.
            _ => {}
        }
    }
    if package.name.is_empty() || package.version.is_empty() {
        found.note(
            SkipReason::Corrupt,
            "it has no package name or no version and was passed over".to_owned(),
        );
        return Ok(());
    }
    // The packages that one recipe makes have one version; a package without a base is its own.
    package.source_name = base.or_else(|| Some(package.name.clone()));
    package.source_version = Some(package.version.clone());
    found.push(package);
    Ok(())
}

fn files(folder: &str, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    let mut owned = Owned::default();
    let mut keys = Vec::new();
    let mut inside = false;
    while let Some(line) = lines.advance()? {
        match line {
            [] => inside = false,
            b"%FILES%" => inside = true,
            // Folders end with a slash.
            [.., b'/'] => {}
            _ if inside => owned.add(b"", line, &mut keys),
            _ => {}
        }
    }
    // The folder is name-version-release.
    let name = folder.rsplitn(3, '-').nth(2).unwrap_or(folder);
    if !keys.is_empty() {
        found.about = Some(name.to_owned());
        found.owns = keys;
    }
    owned.finish("files of its package", found);
    Ok(())
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

    const DESC: &str = "%NAME%\ngcc-libs\n\n%VERSION%\n1:14.2.1+r134-1\n\n%BASE%\ngcc\n\n%DESC%\n%NAME%\n\n\
                        %ARCH%\nx86_64\n\n%LICENSE%\nGPL-3.0-with-GCC-exception\nGFDL-1.3-or-later\n\n\
                        %DEPENDS%\nglibc>=2.27\n\n";
    const KEY: &str = "var/lib/pacman/local/gcc-libs-1:14.2.1+r134-1/";

    fn parse(file: &str, data: &[u8]) -> Found {
        let mut found = Found::default();
        Pacman
            .parse(
                &File::of_path(&format!("{KEY}{file}")),
                &mut &data[..],
                &mut found,
            )
            .unwrap();
        found
    }

    #[test]
    fn only_the_two_files_of_a_package_are_wanted() {
        for key in [
            "var/lib/pacman/local/a-1-1/desc",
            "var/lib/pacman/local/a-1-1/files",
        ] {
            assert!(Pacman.wants(&File::of_path(key)), "{key}");
        }
        for key in [
            "var/lib/pacman/local/desc",
            "var/lib/pacman/local/a-1-1/mtree",
            "var/lib/pacman/local/a-1-1/x/desc",
            "x/var/lib/pacman/local/a-1-1/desc",
        ] {
            assert!(!Pacman.wants(&File::of_path(key)), "{key}");
        }
        for key in [
            "var",
            "var/lib/pacman",
            "var/lib/pacman/local",
            "var/lib/pacman/local/a-1-1",
        ] {
            assert!(Pacman.holds(key), "{key}");
        }
        assert!(!Pacman.holds("var/lib/pac"));
        assert!(!Pacman.holds("var/lib/pacman/local/a-1-1/x"));
    }

    #[test]
    fn a_description_is_a_package_and_what_stands_in_other_sections_is_not_read() {
        let found = parse("desc", DESC.as_bytes());
        let package = &found.packages[0];
        assert_eq!(
            (
                package.name.as_str(),
                package.version.as_str(),
                package.architecture.as_deref(),
                package.source_name.as_deref(),
                package.licences.len()
            ),
            (
                "gcc-libs",
                "1:14.2.1+r134-1",
                Some("x86_64"),
                Some("gcc"),
                2
            )
        );
        assert_eq!(
            Pacman.purl(package, None),
            "pkg:alpm/arch/gcc-libs@1:14.2.1%2Br134-1?arch=x86_64&upstream=gcc"
        );
    }

    #[test]
    fn files_are_owned_by_the_package_of_the_folder() {
        let found = parse(
            "files",
            b"%FILES%\nusr/\nusr/bin/\nusr/bin/x\n\n%BACKUP%\nusr/bin/y\t00\n",
        );
        assert_eq!(found.about.as_deref(), Some("gcc-libs"));
        assert_eq!(found.owns, ["usr/bin/x"]);
    }

    #[test]
    fn a_description_without_a_version_is_told() {
        assert_eq!(parse("desc", b"%NAME%\na\n").notes.len(), 1);
    }

    #[test]
    fn it_says_what_it_reads() {
        insta::assert_debug_snapshot!(Pacman.about());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_and_any_truncation_are_survived(
            data in prop::collection::vec(any::<u8>(), 0..300),
            cut in 0..DESC.len(),
        ) {
            for file in ["desc", "files"] {
                parse(file, &data);
                parse(file, &DESC.as_bytes()[..cut]);
            }
        }
    }
}
