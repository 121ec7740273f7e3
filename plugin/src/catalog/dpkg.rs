//! Debian's package database: `var/lib/dpkg/status`, and the one file per package that distroless images
//! have instead (`var/lib/dpkg/status.d/*`).

use std::io::{self, Read};

use super::lines::{Lines, field, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::{PackageOrigin, SkipReason};
use crate::image::purl;

/// Reads dpkg's status.
pub struct Dpkg;

impl Cataloguer for Dpkg {
    fn id(&self) -> &'static str {
        "dpkg"
    }

    fn version(&self) -> u32 {
        1
    }

    fn places(&self) -> &'static [&'static str] {
        &["var/lib/dpkg/status", "var/lib/dpkg/status.d/base"]
    }

    fn about(&self) -> About {
        About {
            title: "Debian, Ubuntu, distroless",
            reads: "var/lib/dpkg/status, status.d/*",
            tells: "source package and version, architecture, state",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let key = file.key;
        key.strip_prefix("var/lib/dpkg/status")
            .is_some_and(|rest| match rest.strip_prefix(".d/") {
                Some(name) => !name.contains('/') && !name.ends_with(".md5sums"),
                None => rest.is_empty(),
            })
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
        let mut stanza = Stanza::default();
        while let Some(line) = lines.advance()? {
            match line.first() {
                // A continuation: of a description, of a list of files. Nothing of interest spans lines.
                Some(b' ' | b'\t') if !line.trim_ascii().is_empty() => {}
                Some(_) if !line.trim_ascii().is_empty() => stanza.take(line),
                _ => {
                    if !std::mem::take(&mut stanza).finish(found) {
                        return Ok(());
                    }
                }
            }
        }
        stanza.finish(found);
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, release: Option<&Release>) -> String {
        purl::of_distribution("deb", package, release)
    }
}

#[derive(Default)]
struct Stanza {
    any: bool,
    package: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    state: Option<String>,
}

impl Stanza {
    fn take(&mut self, line: &[u8]) {
        self.any = true;
        let Some((name, value)) = field(line) else {
            return;
        };
        let slot = match name {
            name if name.eq_ignore_ascii_case(b"Package") => &mut self.package,
            name if name.eq_ignore_ascii_case(b"Version") => &mut self.version,
            name if name.eq_ignore_ascii_case(b"Architecture") => &mut self.architecture,
            name if name.eq_ignore_ascii_case(b"Source") => &mut self.source,
            // Want, flag, state: the state is what is on the disk.
            name if name.eq_ignore_ascii_case(b"Status") => {
                self.state = text(value)
                    .split_ascii_whitespace()
                    .last()
                    .map(str::to_ascii_lowercase);
                return;
            }
            _ => return,
        };
        *slot = Some(text(value)).filter(|value| !value.is_empty());
    }

    /// False when the file may not say more.
    fn finish(self, found: &mut Found) -> bool {
        if !self.any {
            return true;
        }
        // Removed, with or without its configuration left. Every other state has files on the disk.
        if matches!(
            self.state.as_deref(),
            Some("config-files" | "not-installed")
        ) {
            return true;
        }
        let (Some(name), Some(version)) = (self.package, self.version) else {
            found.note(
                SkipReason::Corrupt,
                "an entry without a package name or a version was passed over".to_owned(),
            );
            return true;
        };
        let (source_name, source_version) = match self.source {
            None => (name.clone(), version.clone()),
            Some(source) => match source.split_once('(') {
                None => (source, version.clone()),
                Some((source, rest)) => {
                    let stated = rest.split(')').next().unwrap_or_default().trim();
                    let stated = if stated.is_empty() {
                        version.as_str()
                    } else {
                        stated
                    };
                    (source.trim().to_owned(), stated.to_owned())
                }
            },
        };
        let attributes = match self.state.as_deref() {
            None | Some("installed") => Vec::new(),
            Some(state) => vec![("dpkg.state".to_owned(), state.to_owned())],
        };
        found.push(FoundPackage {
            name,
            version,
            architecture: self.architecture,
            source_name: Some(source_name),
            source_version: Some(source_version),
            licences: Vec::new(),
            attributes,
            ..FoundPackage::default()
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
    #![allow(clippy::print_stdout, reason = "says what was not tested")]

    use proptest::prelude::*;

    use super::*;

    fn parse(data: &[u8]) -> Found {
        let mut found = Found::default();
        Dpkg.parse(
            &File::of_path("var/lib/dpkg/status"),
            &mut &data[..],
            &mut found,
        )
        .unwrap();
        found
    }

    #[test]
    fn the_database_and_the_files_of_distroless_are_wanted_and_nothing_beside_them() {
        for key in [
            "var/lib/dpkg/status",
            "var/lib/dpkg/status.d/base",
            "var/lib/dpkg/status.d/tzdata",
        ] {
            assert!(Dpkg.wants(&File::of_path(key)), "{key}");
        }
        for key in [
            "var/lib/dpkg/status-old",
            "var/lib/dpkg/status.d/base.md5sums",
            "var/lib/dpkg/status.d/a/b",
            "x/var/lib/dpkg/status",
            "var/lib/dpkg/available",
        ] {
            assert!(!Dpkg.wants(&File::of_path(key)), "{key}");
        }
    }

    #[test]
    fn source_and_its_version_follow_dpkg() {
        let found = parse(
            b"Package: bash\nStatus: install ok installed\nArchitecture: amd64\nSource: bash (5.2.15-2)\n\
              Version: 5.2.15-2+b7\nDescription: shell\n Version: 9\n .\n more\n\n\
              Package: zlib1g\nSource: zlib\nVersion: 1:1.2.13\nArchitecture: amd64\n",
        );
        let bash = &found.packages[0];
        assert_eq!(
            (bash.version.as_str(), bash.source_version.as_deref()),
            ("5.2.15-2+b7", Some("5.2.15-2"))
        );
        let zlib = &found.packages[1];
        assert_eq!(
            (zlib.source_name.as_deref(), zlib.source_version.as_deref()),
            (Some("zlib"), Some("1:1.2.13"))
        );
    }

    #[test]
    fn only_what_is_on_the_disk_counts() {
        let entry = |name: &str, state: &str| {
            format!("Package: {name}\nStatus: install ok {state}\nVersion: 1\n\n")
        };
        let data: String = [
            entry("a", "installed"),
            entry("b", "config-files"),
            entry("c", "not-installed"),
            entry("d", "half-configured"),
            entry("e", "unpacked"),
        ]
        .concat();
        let found = parse(data.as_bytes());
        let names: Vec<_> = found
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(names, ["a", "d", "e"]);
        assert_eq!(
            found.packages[1].attributes,
            [("dpkg.state".to_owned(), "half-configured".to_owned())]
        );
    }

    #[test]
    fn a_broken_entry_is_noted_and_the_next_one_read() {
        let found = parse(b"Package: a\n\ngarbage\n\n\n\nPackage: b\nVersion: 1\n");
        assert_eq!(found.packages.len(), 1);
        assert_eq!(found.notes.len(), 2);
    }

    #[test]
    fn this_machine_reads_the_same_as_dpkg_query() {
        let status = std::path::Path::new("/var/lib/dpkg/status");
        let query = std::process::Command::new("dpkg-query")
            .args(["-W", "-f"])
            .arg("${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n")
            .output();
        let (Ok(data), Ok(query)) = (std::fs::read(status), query) else {
            println!("skipped: this machine has no dpkg");
            return;
        };
        let mut truth: Vec<String> = String::from_utf8(query.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| {
                let (state, rest) = line.split_once(' ').unwrap();
                (!matches!(state, "config-files" | "not-installed")).then(|| rest.to_owned())
            })
            .collect();
        let mut ours: Vec<String> = parse(&data)
            .packages
            .iter()
            .map(|package| {
                format!(
                    "{} {} {} {} {}",
                    package.name,
                    package.version,
                    package.architecture.as_deref().unwrap_or_default(),
                    package.source_name.as_deref().unwrap_or_default(),
                    package.source_version.as_deref().unwrap_or_default()
                )
            })
            .collect();
        truth.sort();
        ours.sort();
        assert!(!truth.is_empty());
        assert_eq!(ours, truth);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_is_survived(data in "(Package|Version|Source|Status|x)?:? ?[a-z( )\\n\\x00é]{0,60}\\n{0,3}") {
            parse(data.repeat(3).as_bytes());
        }

        #[test]
        fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
            parse(&data);
        }
    }
}
