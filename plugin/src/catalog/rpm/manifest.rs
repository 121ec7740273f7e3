//! `container-manifest-2`: what images without rpm have in place of its database (Azure Linux distroless). A
//! line per package, its fields parted by tabs: name, version-release, times of installation and build,
//! vendor, epoch, size, architecture, epoch as a number, source package.

use std::io::{self, Read};

use super::header::{evr, set_source};
use crate::catalog::lines::{Lines, text};
use crate::catalog::{Found, FoundPackage};
use crate::contract::SkipReason;

/// What rpm writes for what is not there.
const NONE: &str = "(none)";

/// Reads the manifest.
pub(super) fn read(contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    let mut broken = 0usize;
    while let Some(line) = lines.advance()? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fields: Vec<String> = line.splitn(11, |byte| *byte == b'\t').map(text).collect();
        let field = |index: usize| {
            fields
                .get(index)
                .map(String::as_str)
                .filter(|value| !value.is_empty() && *value != NONE)
        };
        let (Some(name), Some(version)) = (field(0), field(1)) else {
            broken += 1;
            continue;
        };
        if name == super::header::KEY_PACKAGE {
            continue;
        }
        let epoch = field(5).and_then(|epoch| epoch.parse().ok());
        let mut package = FoundPackage {
            name: name.to_owned(),
            version: evr(epoch, version),
            architecture: field(7).map(str::to_owned),
            ..FoundPackage::default()
        };
        if let Some(vendor) = field(4) {
            package
                .attributes
                .push(("rpm.vendor".to_owned(), vendor.to_owned()));
        }
        if let Some(source) = field(9) {
            set_source(&mut package, source, epoch);
        }
        if !found.push(package) {
            return Ok(());
        }
    }
    if broken > 0 {
        found.note(
            SkipReason::Corrupt,
            format!("{broken} lines have no name or no version and were passed over"),
        );
    }
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

    fn parse(data: &[u8]) -> Found {
        let mut found = Found::default();
        read(&mut &data[..], &mut found).unwrap();
        found
    }

    const LINES: &str = "\
mariner-release\t2.0-12.cm2\t1653816591\t1653628924\tMicrosoft Corporation\t(none)\t580\tnoarch\t0\tmariner-release-2.0-12.cm2.src.rpm
ca-certificates\t2.0.0-8.cm2\t1\t1\tMicrosoft Corporation\t1\t580\tnoarch\t1\tca-certificates-2.0.0-8.cm2.src.rpm
gpg-pubkey\t3135ce90-5e6fda74\t1\t1\t(none)\t(none)\t0\t(none)\t0\t(none)
";

    #[test]
    fn a_line_is_a_package_and_a_key_is_none() {
        let found = parse(LINES.as_bytes());
        let seen: Vec<_> = found
            .packages
            .iter()
            .map(|package| {
                (
                    package.name.as_str(),
                    package.version.as_str(),
                    package.architecture.as_deref(),
                    package.source_name.as_deref(),
                    package.source_version.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "mariner-release",
                    "2.0-12.cm2",
                    Some("noarch"),
                    Some("mariner-release"),
                    Some("2.0-12.cm2")
                ),
                (
                    "ca-certificates",
                    "1:2.0.0-8.cm2",
                    Some("noarch"),
                    Some("ca-certificates"),
                    Some("1:2.0.0-8.cm2")
                ),
            ]
        );
        assert_eq!(
            found.packages[0].attributes,
            [("rpm.vendor".to_owned(), "Microsoft Corporation".to_owned())]
        );
        assert!(found.notes.is_empty());
    }

    #[test]
    fn a_line_without_a_version_is_told() {
        let found = parse(b"bash\t(none)\t1\nzlib\t1-2\n");
        assert_eq!(found.packages.len(), 1);
        assert_eq!(found.notes[0].reason, SkipReason::Corrupt);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_and_any_truncation_are_survived(
            data in prop::collection::vec(any::<u8>(), 0..300),
            cut in 0..LINES.len(),
        ) {
            parse(&data);
            parse(&LINES.as_bytes()[..cut]);
        }
    }
}
