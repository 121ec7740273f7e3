#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::contract::Observation;
use crate::queue::facts::{is_for_tests, refused};
use crate::queue::shown::{TITLE_CHARS, clean};
use crate::scan::script;

fn package(path: &str, attributes: &[(&str, &str)]) -> crate::contract::Package {
    let Observation::Packages(batch) = script::packages(1, &["one"]) else {
        panic!("packages are packages");
    };
    let mut package = batch.packages[0].clone();
    package.path = path.to_owned();
    package.attributes = attributes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    package
}

#[test]
fn what_is_for_tests_is_marked_so_or_lies_so() {
    for (path, attributes) in [
        ("app/vendor", [("composer.development", "true")]),
        ("app/vendor", [("scope", "dev")]),
        ("app/testdata/go.mod", [("scope", "prod")]),
    ] {
        assert!(
            is_for_tests(&package(path, &attributes)),
            "{path} {attributes:?}"
        );
    }
    for (path, attributes) in [
        ("", [("scope", "prod")]),
        ("app/latest/x", [("composer.development", "false")]),
        ("app/vendor", [("dev", "true")]),
    ] {
        assert!(
            !is_for_tests(&package(path, &attributes)),
            "{path} {attributes:?}"
        );
    }
}

#[test]
fn a_distribution_that_will_not_fix_says_so_in_a_sentence() {
    assert_eq!(refused("Will not fix"), Some("it will not be fixed"));
    assert_eq!(refused("end-of-life"), Some("its support has ended"));
    for other in ["low", "unimportant", "", "not yet assigned"] {
        assert_eq!(refused(other), None);
    }
}

#[test]
fn a_title_is_one_line_of_a_size() {
    assert_eq!(clean("a\nb\u{7}c"), "a b c");
    let long = clean(&"é".repeat(1000));
    assert_eq!(long.chars().count(), TITLE_CHARS + 1);
    assert!(long.ends_with('…'));
}
