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
use crate::image::zip::tests::{Archive, PLAIN};

const KEY: &str = "usr/lib/python3/dist-packages/x-1.dist-info/METADATA";
const GOOD: &str = "Metadata-Version: 2.1\nName: ruamel.yaml\nVersion: 0.17.21\nSummary: a\n  Version: 9\n\
                    License: MIT license\nClassifier: Programming Language :: Python\n\
                    Classifier: License :: OSI Approved :: MIT License\n\nName: not this\nVersion: 2\n";

#[test]
fn metadata_of_every_form_is_wanted_and_nothing_else_of_that_name() {
    for key in [
        KEY,
        "site-packages/a.egg-info/PKG-INFO",
        "site-packages/a-1-py3.9.egg/EGG-INFO/PKG-INFO",
        "usr/lib/python3/dist-packages/pygpgme-0.3.egg-info",
        "site-packages/a-1-py3.9.egg",
        "site-packages/setuptools/_vendor/wheel-0.43.0.dist-info/METADATA",
    ] {
        assert!(wants(&Python, key), "{key}");
    }
    for key in [
        "METADATA",
        "a/METADATA",
        "a/PKG-INFO",
        "x-1.dist-info/RECORD",
        "x-1.dist-info/sub/METADATA",
        "x.egg-info/top_level.txt",
        "x.egg-info/SOURCES.txt",
    ] {
        assert!(!wants(&Python, key), "{key}");
    }
}

#[test]
fn the_header_is_read_to_its_end_and_the_page_below_is_not() {
    let found = package(&Python, KEY, GOOD);
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("ruamel.yaml", "0.17.21")
    );
    assert_eq!(found.licences, ["MIT"]);
    assert_eq!(Python.purl(&found, None), "pkg:pypi/ruamel-yaml@0.17.21");
}

#[test]
fn a_description_in_the_header_hides_nothing() {
    let text = "Name: a\r\nDescription: one\r\n        \r\n        Version: 0\r\nVersion: 1\r\n";
    assert_eq!(package(&Python, KEY, text).version, "1");
}

#[test]
fn the_licence_is_that_which_says_most() {
    for (fields, right) in [
        (
            "License-Expression: MIT OR Apache-2.0\nLicense: x",
            &["MIT OR Apache-2.0"][..],
        ),
        (
            "License: Apache 2.0\nClassifier: License :: OSI Approved :: Apache Software License",
            &["Apache-2.0"],
        ),
        (
            "License: BSD\nClassifier: License :: OSI Approved :: BSD License",
            &["BSD License"],
        ),
        ("License: BSD", &["BSD"]),
        (
            "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License",
            &["MIT"],
        ),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: ISC License (ISCL)",
            &["MIT", "ISC"],
        ),
        ("Classifier: License :: OSI Approved", &[]),
        ("License:", &[]),
    ] {
        let text = format!("Name: a\nVersion: 1\n{fields}\n");
        assert_eq!(package(&Python, KEY, &text).licences, right, "{fields}");
    }
    let long = format!(
        "Name: a\nVersion: 1\nLicense: {}\n",
        "Permission ".repeat(40)
    );
    assert!(package(&Python, KEY, long).licences.is_empty());
}

#[test]
fn names_become_those_of_the_index() {
    for (name, right) in [
        ("Django", "django"),
        ("My.PyPI_.--._Package", "my-pypi-package"),
        ("zope.interface", "zope-interface"),
        (
            "backports.ssl_match_hostname",
            "backports-ssl-match-hostname",
        ),
    ] {
        assert_eq!(normal_name(name), right);
    }
}

#[test]
fn metadata_without_a_name_or_a_version_is_told() {
    for text in [
        "",
        "Name: a\n",
        "Version: 1\n",
        "Name:\nVersion: 1\n",
        "\nName: a\nVersion: 1\n",
    ] {
        let found = parse(&Python, KEY, text);
        assert_eq!(found.packages.len(), 0, "{text:?}");
        assert_eq!(found.notes[0].reason, SkipReason::Corrupt);
    }
}

const EGG: &str = "site-packages/a-1-py3.9.egg";

fn egg_of(metadata: &[u8]) -> Vec<u8> {
    Archive::default()
        .add("a/__init__.py", b"Name: x")
        .add("EGG-INFO/PKG-INFO", metadata)
        .add("EGG-INFO/SOURCES.txt", b"x")
        .finish()
}

#[test]
fn an_egg_is_read_by_its_metadata() {
    let found = package(&Python, EGG, egg_of(GOOD.as_bytes()));
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("ruamel.yaml", "0.17.21")
    );
    assert_eq!(found.inside, None);
}

#[test]
fn an_egg_that_hides_or_lacks_its_metadata_is_told() {
    let hidden = Archive::default()
        .add("EGG-INFO/PKG-INFO", b"Name: a\nVersion: 1\n")
        .add_how(
            "EGG-INFO/PKG-INFO",
            b"Name: a\nVersion: 2\n",
            crate::image::zip::tests::How {
                listed: false,
                ..PLAIN
            },
        )
        .finish();
    assert_eq!(package(&Python, EGG, hidden).version, "1");
    let none = Archive::default().add("x", b"y").finish();
    for (egg, reason) in [
        (none, SkipReason::Corrupt),
        (b"no archive".to_vec(), SkipReason::Corrupt),
        (Vec::new(), SkipReason::Corrupt),
    ] {
        let found = parse(&Python, EGG, egg);
        assert!(found.packages.is_empty());
        assert_eq!(found.notes[0].reason, reason);
    }
    let many = (0..20).fold(Archive::default(), |egg, _| {
        egg.add("EGG-INFO/PKG-INFO", b"Name: a\nVersion: 1\n")
    });
    let found = parse(&Python, EGG, many.finish());
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.reason == SkipReason::OverLimit)
    );
}

#[test]
fn this_machine_has_the_packages_that_python_lists() {
    let program = "import sys, importlib.metadata as m\n\
                   for d in m.distributions():\n\
                   \x20   print(getattr(d, '_path', ''), d.metadata['Name'], d.version, sep='\\t')";
    let lists: Vec<String> = ["python3", "/usr/bin/python3"]
        .iter()
        .filter_map(|python| output(python, &["-c", program]))
        .collect();
    if lists.is_empty() {
        println!("skipped: this machine has no Python");
        return;
    }
    let mut checked = 0;
    for line in lists.iter().flat_map(|list| list.lines()) {
        let mut fields = line.split('\t');
        let path = std::path::PathBuf::from(fields.next().unwrap());
        let truth = (fields.next().unwrap(), fields.next().unwrap());
        let files: Vec<_> = [path.clone(), path.join("METADATA"), path.join("PKG-INFO")]
            .into_iter()
            .filter(|path| path.is_file() && wants(&Python, &path.to_string_lossy()))
            .collect();
        assert_eq!(files.len(), 1, "{path:?}");
        let key = files[0].to_string_lossy();
        let ours = package(&Python, &key, std::fs::read(&files[0]).unwrap());
        assert_eq!((ours.name.as_str(), ours.version.as_str()), truth);
        checked += 1;
    }
    assert!(checked > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_survived(text in "(Name|Version|License|Classifier|:|: | |License :: |\\r?\\n|\t|a|é|\0){0,60}") {
        parse(&Python, KEY, text);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&Python, KEY, &data);
        parse(&Python, EGG, &data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&Python, KEY, GOOD.as_bytes());
    survives_truncation(&Python, EGG, &egg_of(GOOD.as_bytes()));
}
