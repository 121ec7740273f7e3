#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use proptest::prelude::*;

use super::super::testing::{output, package, parse, survives_truncation, wants};
use super::*;

const KEY: &str = "usr/lib/R/site-library/data.table/DESCRIPTION";
const GOOD: &str = "Package: data.table\nVersion: 1.14.8\nTitle: Extension\nDepends: R (>= 3.1.0)\n\
                    License: MPL-2.0 | file LICENSE\nAuthors@R: c(person(\"a\"))\n  Version: 2\nNeedsCompilation: yes\n\
                    Built: R 4.2.2; x86_64-pc-linux-gnu; 2023-02-23 00:00:00 UTC; unix\n";

#[test]
fn only_installed_packages_are_told() {
    assert!(wants(&R, KEY));
    assert!(!wants(&R, "DESCRIPTION"));
    let found = package(&R, KEY, GOOD);
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("data.table", "1.14.8")
    );
    assert_eq!(R.purl(&found, None), "pkg:cran/data.table@1.14.8");
    let sources = GOOD.replace("Built", "Packaged");
    assert!(parse(&R, KEY, sources).packages.is_empty());
    assert!(
        parse(&R, "app/tests/x/DESCRIPTION", GOOD)
            .packages
            .is_empty()
    );
    let no_version = GOOD.replace("\nVersion", "\nX");
    assert_eq!(
        parse(&R, KEY, no_version).notes[0].reason,
        SkipReason::Corrupt
    );
    assert!(parse(&R, KEY, "A text of another kind.\n").notes.is_empty());
}

#[test]
fn what_came_with_r_is_marked() {
    let text =
        "Package: MASS\nPriority: recommended\nVersion: 7.3-58\nLicense: GPL-2 | GPL-3\nBuilt: x\n";
    let found = package(&R, "usr/lib/R/library/MASS/DESCRIPTION", text);
    assert_eq!(
        found.attributes,
        [("r.priority".to_owned(), "recommended".to_owned())]
    );
    assert_eq!(found.licences, ["GPL-2.0-only OR GPL-3.0-only"]);
}

#[test]
fn licences_in_the_form_of_r_become_expressions() {
    for (stated, right) in [
        ("GPL (>= 2)", "GPL-2.0-or-later"),
        ("GPL (>= 2) | LGPL-3", "GPL-2.0-or-later OR LGPL-3.0-only"),
        ("MIT + file LICENSE", "MIT"),
        ("Apache License (>= 2.0)", "Apache-2.0+"),
        ("Apache License 2.0", "Apache-2.0"),
        ("BSD_3_clause + file LICENSE", "BSD-3-Clause"),
        ("Part of R 4.2.2", "Part of R 4.2.2"),
        ("file LICENSE", "file LICENSE"),
        ("", ""),
    ] {
        assert_eq!(licence_of(stated), right, "{stated}");
    }
}

#[test]
fn this_machine_has_the_packages_that_r_lists() {
    let program = "p <- installed.packages(); cat(paste(file.path(p[,'LibPath'], p[,'Package']), \
                   p[,'Package'], p[,'Version'], sep='\\t'), sep='\\n')";
    let Some(list) = output("Rscript", &["-e", program]) else {
        println!("skipped: this machine has no R");
        return;
    };
    for line in list.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let key = format!("{}/DESCRIPTION", fields[0]);
        let ours = package(&R, &key, std::fs::read(&key).unwrap());
        assert_eq!([ours.name.as_str(), ours.version.as_str()], fields[1..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_survived(text in "(Package|Version|License|Built|: | |\\||\\(>= |\\)|\\+ file|-|2|\r?\n|data.table|é){0,40}") {
        parse(&R, KEY, text);
    }

    #[test]
    fn any_licence_is_survived(stated in "(GPL|[ |()>=+-]|2|file|é){0,20}") {
        licence_of(&stated);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&R, KEY, data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&R, KEY, GOOD.as_bytes());
}
