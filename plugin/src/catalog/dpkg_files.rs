//! Which files a Debian package owns: `var/lib/dpkg/info/*.list`, and `var/lib/dpkg/status.d/*.md5sums` of
//! distroless images.

use std::io::{self, Read};

use super::lines::Lines;
use super::owned::Owned;
use super::{About, Cataloguer, File, Found, FoundPackage, Release};

const INFO: &str = "var/lib/dpkg/info/";
const STATUS: &str = "var/lib/dpkg/status.d/";

/// Reads lists of files. Their packages are those of `dpkg`, by the name of the list.
pub struct DpkgFiles;

/// The package that a list speaks of: `libc6:amd64.list` of `libc6`.
fn package(key: &str) -> Option<&str> {
    let name = match key.strip_prefix(INFO) {
        Some(name) => {
            let name = name.strip_suffix(".list")?;
            name.split_once(':').map_or(name, |(name, _)| name)
        }
        None => key.strip_prefix(STATUS)?.strip_suffix(".md5sums")?,
    };
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// The file that names the package which a list of distroless speaks of: the list's own name may be cut
/// (`libssl1.md5sums` is of `libssl1.1`).
pub fn names_package(key: &str) -> Option<&str> {
    key.strip_prefix(STATUS)?;
    key.strip_suffix(".md5sums")
}

impl Cataloguer for DpkgFiles {
    fn id(&self) -> &'static str {
        "dpkg-files"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Debian file lists",
            reads: "var/lib/dpkg/info/*.list, status.d/*.md5sums",
            tells: "files that dpkg packages own",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        (file.name.ends_with(".list") || file.name.ends_with(".md5sums"))
            && package(file.key).is_some()
    }

    fn holds(&self, key: &str) -> bool {
        matches!(
            key,
            "var" | "var/lib" | "var/lib/dpkg" | "var/lib/dpkg/info" | "var/lib/dpkg/status.d"
        )
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn max_file_bytes(&self) -> u64 {
        64 << 20
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let is_sums = file.key.ends_with(".md5sums");
        let mut owned = Owned::default();
        let mut keys = Vec::new();
        let mut lines = Lines::new(contents);
        while let Some(line) = lines.advance()? {
            // A checksum and two blanks come first.
            let path = if is_sums {
                let Some(end) = line.iter().position(|byte| *byte == b' ') else {
                    continue;
                };
                line.get(end..).unwrap_or_default().trim_ascii_start()
            } else {
                line
            };
            owned.add(b"", path, &mut keys);
        }
        if !keys.is_empty() {
            found.about = package(file.key).map(str::to_owned);
            found.owns = keys;
        }
        owned.finish("files of its package", found);
        Ok(())
    }

    fn purl(&self, _package: &FoundPackage, _release: Option<&Release>) -> String {
        String::new()
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

    fn parse(key: &str, data: &[u8]) -> Found {
        let mut found = Found::default();
        DpkgFiles
            .parse(&File::of_path(key), &mut &data[..], &mut found)
            .unwrap();
        found
    }

    #[test]
    fn lists_are_wanted_and_nothing_beside_them() {
        for (key, name) in [
            ("var/lib/dpkg/info/bash.list", Some("bash")),
            ("var/lib/dpkg/info/libc6:amd64.list", Some("libc6")),
            ("var/lib/dpkg/status.d/base.md5sums", Some("base")),
            ("var/lib/dpkg/info/bash.md5sums", None),
            ("var/lib/dpkg/info/x/bash.list", None),
            ("var/lib/dpkg/status.d/bash.list", None),
            ("var/lib/dpkg/info/.list", None),
            ("x/var/lib/dpkg/info/bash.list", None),
        ] {
            assert_eq!(package(key), name, "{key}");
            assert_eq!(DpkgFiles.wants(&File::of_path(key)), name.is_some());
        }
        assert!(DpkgFiles.holds("var/lib/dpkg/info"));
    }

    #[test]
    fn paths_of_both_kinds_of_list_are_keys() {
        let list = parse(
            "var/lib/dpkg/info/bash.list",
            b"/.\n/bin\n/bin/bash\n/usr/share/doc/bash\n/usr/bin/bash bug\n",
        );
        assert_eq!(list.about.as_deref(), Some("bash"));
        assert_eq!(list.owns, ["bin/bash", "usr/bin/bash bug"]);
        let sums = parse(
            "var/lib/dpkg/status.d/bash.md5sums",
            b"0123  bin/bash\n4567  usr/share/doc/x\nnonsense\n",
        );
        assert_eq!(sums.owns, ["bin/bash"]);
        assert!(parse("var/lib/dpkg/info/x.list", b"/.\n").about.is_none());
    }

    #[test]
    fn this_machine_owns_its_programs_as_dpkg_query_says() {
        let lists = std::fs::read_dir("/var/lib/dpkg/info");
        let query = std::process::Command::new("dpkg-query")
            .args(["-S", "/usr/bin/*", "/usr/sbin/*", "/bin/*", "/sbin/*"])
            .output();
        let (Ok(lists), Ok(query)) = (lists, query) else {
            println!("skipped: this machine has no dpkg");
            return;
        };
        let mut ours = Vec::new();
        for entry in lists {
            let path = entry.unwrap().path();
            let key = path.to_str().unwrap().trim_start_matches('/').to_owned();
            if DpkgFiles.wants(&File::of_path(&key)) {
                let found = parse(&key, &std::fs::read(&path).unwrap());
                for owned in found.owns {
                    ours.push(format!("{} {owned}", found.about.clone().unwrap()));
                }
            }
        }
        let mut seen = 0;
        for line in String::from_utf8(query.stdout).unwrap().lines() {
            let Some((packages, path)) = line.split_once(": /") else {
                continue;
            };
            // The files themselves, not what lies in folders below.
            if path.rsplit_once('/').is_none_or(|(folder, _)| {
                !matches!(folder.rsplit('/').next(), Some("bin" | "sbin"))
            }) || packages.starts_with("diversion ")
            {
                continue;
            }
            for package in packages.split(", ") {
                let package = package.split(':').next().unwrap();
                let line = format!("{package} {path}");
                assert!(ours.contains(&line), "{line}");
                seen += 1;
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn it_says_what_it_reads() {
        insta::assert_debug_snapshot!(DpkgFiles.about());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
            parse("var/lib/dpkg/info/x.list", &data);
            parse("var/lib/dpkg/status.d/x.md5sums", &data);
        }
    }
}
