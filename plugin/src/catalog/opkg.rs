//! The package database of OpenWrt and Yocto: `opkg/status` says what is installed, `opkg/info/*.control` tells
//! more of each package, `opkg/info/*.list` which files it owns. The text is like dpkg's.

use std::io::{self, Read};

use super::lines::{Lines, field, text};
use super::owned::Owned;
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::{PackageOrigin, SkipReason};
use crate::image::purl;

const INFO: [&str; 2] = ["usr/lib/opkg/info/", "var/lib/opkg/info/"];

/// The package whose file with that ending this is.
fn package<'k>(key: &'k str, ending: &str) -> Option<&'k str> {
    let name = INFO
        .iter()
        .find_map(|folder| key.strip_prefix(folder))?
        .strip_suffix(ending)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

fn holds_info(key: &str) -> bool {
    INFO.iter().any(|folder| {
        folder
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Reads opkg's status.
pub struct Opkg;

impl Cataloguer for Opkg {
    fn id(&self) -> &'static str {
        "opkg"
    }

    fn version(&self) -> u32 {
        1
    }

    fn places(&self) -> &'static [&'static str] {
        &["usr/lib/opkg/status", "var/lib/opkg/status"]
    }

    fn about(&self) -> About {
        About {
            title: "OpenWrt, Yocto",
            reads: "{usr,var}/lib/opkg/status",
            tells: "architecture, state",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name == "status" && self.places().contains(&file.key)
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
        stanzas(contents, found)
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("opkg", package, release)
    }
}

/// Reads the control files of packages: their licences, and the packages themselves where no status lists
/// them.
pub struct OpkgControl;

impl Cataloguer for OpkgControl {
    fn id(&self) -> &'static str {
        "opkg-control"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "OpenWrt, Yocto: control files",
            reads: "{usr,var}/lib/opkg/info/*.control",
            tells: "licences of opkg packages, packages without a status",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name.ends_with(".control") && package(file.key, ".control").is_some()
    }

    fn holds(&self, key: &str) -> bool {
        holds_info(key)
    }

    fn origin(&self) -> PackageOrigin {
        PackageOrigin::OperatingSystem
    }

    fn only_completes(&self) -> bool {
        true
    }

    fn max_file_bytes(&self) -> u64 {
        1 << 20
    }

    fn parse(
        &self,
        _file: &File<'_>,
        contents: &mut dyn Read,
        found: &mut Found,
    ) -> io::Result<()> {
        stanzas(contents, found)?;
        if let Some(package) = found.packages.first()
            && !package.licences.is_empty()
        {
            found.licences.clone_from(&package.licences);
            found.about = Some(package.name.clone());
        }
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("opkg", package, release)
    }
}

/// Reads lists of files.
pub struct OpkgFiles;

impl Cataloguer for OpkgFiles {
    fn id(&self) -> &'static str {
        "opkg-files"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "OpenWrt, Yocto: file lists",
            reads: "{usr,var}/lib/opkg/info/*.list",
            tells: "files that opkg packages own",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name.ends_with(".list") && package(file.key, ".list").is_some()
    }

    fn holds(&self, key: &str) -> bool {
        holds_info(key)
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn max_file_bytes(&self) -> u64 {
        64 << 20
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut owned = Owned::default();
        let mut keys = Vec::new();
        let mut lines = Lines::new(contents);
        while let Some(line) = lines.advance()? {
            // Permissions, and where a link leads, may follow a tab.
            let path = line.split(|byte| *byte == b'\t').next().unwrap_or_default();
            owned.add(b"", path, &mut keys);
        }
        if !keys.is_empty() {
            found.about = package(file.key, ".list").map(str::to_owned);
            found.owns = keys;
        }
        owned.finish("files of its package", found);
        Ok(())
    }

    fn purl(&self, _package: &FoundPackage, _release: Option<&Release>) -> String {
        String::new()
    }
}

fn stanzas(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    let mut package = FoundPackage::default();
    let mut state = String::new();
    let mut any = false;
    while let Some(line) = lines.advance()? {
        match line.first() {
            // Goes on with the line before: a description, a list of settings.
            Some(b' ' | b'\t') if !line.trim_ascii().is_empty() => {}
            Some(_) if !line.trim_ascii().is_empty() => {
                any = true;
                let Some((name, value)) = field(line) else {
                    continue;
                };
                let some = || Some(text(value)).filter(|value| !value.is_empty());
                match name.to_ascii_lowercase().as_slice() {
                    b"package" => package.name = text(value),
                    b"version" => package.version = text(value),
                    b"architecture" => package.architecture = some(),
                    // `Source` is the path of a recipe.
                    b"sourcename" => package.source_name = some(),
                    b"license" => package.licences = some().into_iter().collect(),
                    // Want, flag, state.
                    b"status" => {
                        state = text(value)
                            .split_ascii_whitespace()
                            .last()
                            .unwrap_or_default()
                            .to_ascii_lowercase();
                    }
                    _ => {}
                }
            }
            _ => {
                let package = std::mem::take(&mut package);
                let state = std::mem::take(&mut state);
                if std::mem::take(&mut any) && !finish(package, &state, found) {
                    return Ok(());
                }
            }
        }
    }
    if any {
        finish(package, &state, found);
    }
    Ok(())
}

/// False when the file may not say more.
fn finish(mut package: FoundPackage, state: &str, found: &mut Found) -> bool {
    // Removed, with or without its settings left.
    if matches!(state, "config-files" | "not-installed") {
        return true;
    }
    if package.name.is_empty() || package.version.is_empty() {
        found.note(
            SkipReason::Corrupt,
            "an entry without a package name or a version was passed over".to_owned(),
        );
        return true;
    }
    if !matches!(state, "" | "installed") {
        package
            .attributes
            .push(("opkg.state".to_owned(), state.to_owned()));
    }
    if package.source_name.is_some() {
        package.source_version = Some(package.version.clone());
    }
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

    const STATUS: &str = "Package: busybox\nVersion: 1.36.1-1\nDepends: libc\nStatus: install user installed\n\
                          Architecture: aarch64_cortex-a53\nConffiles:\n /etc/x 0123\nInstalled-Time: 1\n\n\
                          Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n\n\
                          Package: half\nVersion: 2\nStatus: install ok unpacked\n";
    const CONTROL: &str = "Package: libubox20240329\nVersion: 2024.03.29~eb9bcb64-r1\n\
                           Source: package/libs/libubox\nSourceName: libubox\nLicense: ISC\nArchitecture: x86_64\n\
                           Description:  Basic utility library\n";

    fn parse(by: &dyn Cataloguer, key: &str, data: &[u8]) -> Found {
        let mut found = Found::default();
        by.parse(&File::of_path(key), &mut &data[..], &mut found)
            .unwrap();
        found
    }

    #[test]
    fn what_is_installed_is_listed_with_its_state() {
        let found = parse(&Opkg, "usr/lib/opkg/status", STATUS.as_bytes());
        let seen: Vec<_> = found
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.version.as_str()))
            .collect();
        assert_eq!(seen, [("busybox", "1.36.1-1"), ("half", "2")]);
        assert_eq!(
            found.packages[1].attributes,
            [("opkg.state".to_owned(), "unpacked".to_owned())]
        );
        assert_eq!(
            Opkg.purl(&found.packages[0], None),
            "pkg:opkg/busybox@1.36.1-1?arch=aarch64_cortex-a53"
        );
    }

    #[test]
    fn a_control_file_tells_licence_and_source() {
        let found = parse(
            &OpkgControl,
            "usr/lib/opkg/info/libubox20240329.control",
            CONTROL.as_bytes(),
        );
        assert_eq!(found.packages[0].source_name.as_deref(), Some("libubox"));
        assert_eq!(found.about.as_deref(), Some("libubox20240329"));
        assert_eq!(found.licences, ["ISC"]);
    }

    #[test]
    fn lists_have_paths_with_or_without_permissions() {
        let found = parse(
            &OpkgFiles,
            "usr/lib/opkg/info/busybox.list",
            b"/bin/busybox\t0100755\n/usr/bin/vi\n/lib/x.so\n",
        );
        assert_eq!(found.about.as_deref(), Some("busybox"));
        assert_eq!(found.owns, ["bin/busybox", "usr/bin/vi"]);
    }

    #[test]
    fn only_files_in_their_places_are_wanted() {
        for (by, key, wanted) in [
            (&Opkg as &dyn Cataloguer, "usr/lib/opkg/status", true),
            (&Opkg, "opt/usr/lib/opkg/status", false),
            (&OpkgControl, "var/lib/opkg/info/a.control", true),
            (&OpkgControl, "var/lib/opkg/info/x/a.control", false),
            (&OpkgFiles, "usr/lib/opkg/info/a.list", true),
            (&OpkgFiles, "usr/lib/opkg/a.list", false),
        ] {
            assert_eq!(by.wants(&File::of_path(key)), wanted, "{key}");
        }
        assert!(OpkgFiles.holds("usr/lib/opkg/info") && OpkgFiles.holds("var"));
        assert!(!OpkgFiles.holds("var/li"));
    }

    #[test]
    fn it_says_what_it_reads() {
        insta::assert_debug_snapshot!(Opkg.about());
        insta::assert_debug_snapshot!(OpkgControl.about());
        insta::assert_debug_snapshot!(OpkgFiles.about());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_and_any_truncation_are_survived(
            data in prop::collection::vec(any::<u8>(), 0..300),
            cut in 0..STATUS.len(),
        ) {
            for by in [&Opkg as &dyn Cataloguer, &OpkgControl, &OpkgFiles] {
                parse(by, "usr/lib/opkg/info/x.list", &data);
                parse(by, "usr/lib/opkg/info/x.list", &STATUS.as_bytes()[..cut]);
            }
        }
    }
}
