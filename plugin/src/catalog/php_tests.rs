#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::process::Command;

use proptest::prelude::*;

use super::super::testing::{package, parse, survives_truncation, wants};
use super::*;

const KEY: &str = "app/vendor/composer/installed.json";
const GOOD: &str = r#"{"packages":[
    {"name":"Acme/Lib","version":"v1.2.3","version_normalized":"1.2.3.0","type":"library",
     "license":["MIT","GPL-2.0+"],"source":{"type":"git","reference":"abc"},"dist":{"reference":"def"}},
    {"name":"acme/plugin","version":"dev-main","type":"wordpress-plugin","license":["proprietary"],"source":null}],
    "dev":true,"dev-package-names":["acme/plugin"]}"#;

fn names(found: &Found) -> Vec<String> {
    found
        .packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

#[test]
fn only_what_composer_wrote_is_wanted() {
    assert!(wants(&Php, KEY));
    for key in [
        "app/vendor/installed.json",
        "composer/installed.php",
        "a/composer/x/installed.json",
    ] {
        assert!(!wants(&Php, key), "{key}");
    }
}

#[test]
fn both_forms_list_the_same() {
    let found = parse(&Php, KEY, GOOD);
    assert_eq!(names(&found), ["Acme/Lib v1.2.3", "acme/plugin dev-main"]);
    let lib = &found.packages[0];
    assert_eq!(lib.licences, ["MIT OR GPL-2.0-or-later"]);
    assert_eq!(
        lib.attributes,
        [("composer.reference".to_owned(), "abc".to_owned())]
    );
    assert_eq!(Php.purl(lib, None), "pkg:composer/acme/lib@v1.2.3");
    let plugin: Vec<&str> = found.packages[1]
        .attributes
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(plugin, ["composer.type", "composer.development"]);
    let list = GOOD.split_once("\"packages\":").unwrap().1;
    let list = list.split_once("],\n    \"dev\"").unwrap().0;
    let old = parse(&Php, KEY, format!("{list}]"));
    assert_eq!(names(&old), names(&found));
}

#[test]
fn entries_of_any_kind_are_passed_over_and_the_others_read() {
    let text =
        r#"[{"name":"a/b"},5,null,{"version":"1"},[1],{"name":"c","version":"2","license":"MIT"}]"#;
    let found = parse(&Php, KEY, text);
    assert_eq!(names(&found), ["c 2"]);
    assert_eq!(found.notes[0].reason, SkipReason::Corrupt);
    assert_eq!(Php.purl(&found.packages[0], None), "pkg:composer/c@2");
}

#[test]
fn what_is_broken_is_told_and_what_came_before_is_kept() {
    let cut = GOOD.find("\"acme/plugin\"").unwrap();
    let found = parse(&Php, KEY, &GOOD[..cut]);
    assert_eq!(names(&found), ["Acme/Lib v1.2.3"]);
    assert_eq!(found.notes[0].reason, SkipReason::Corrupt);
    for text in ["", "{}", "{\"dev\":true}", "7", "\"x\""] {
        assert_eq!(parse(&Php, KEY, text).notes.len(), 1, "{text}");
    }
    assert!(parse(&Php, KEY, "[]").notes.is_empty());
}

#[test]
fn a_list_without_end_is_cut_with_a_note() {
    let entry = format!(r#"{{"name":"a/{}","version":"1"}},"#, "n".repeat(1000));
    let text = format!("[{}{{}}]", entry.repeat(12_000));
    let found = parse(&Php, KEY, text);
    assert!(found.packages.len() < 10_000);
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.reason == SkipReason::OverLimit)
    );
}

#[test]
fn more_packages_for_development_than_are_kept_are_told() {
    let names: Vec<String> = (0..=MAX_NAMES)
        .map(|number| format!("\"a/{number}\""))
        .collect();
    let text = format!(
        r#"{{"packages":[],"dev-package-names":[{}]}}"#,
        names.join(",")
    );
    let found = parse(&Php, KEY, text);
    assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
}

#[test]
fn what_composer_installs_is_what_it_shows() {
    let folder = std::env::temp_dir().join(format!("ox-composer-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "libs/a/composer.json",
        r#"{"name":"acme/a","version":"v1.2.3","license":["MIT","ISC"]}"#,
    );
    write(
        "libs/b/composer.json",
        r#"{"name":"acme/b","version":"dev-main","type":"project"}"#,
    );
    write(
        "app/composer.json",
        r#"{"repositories":[{"type":"path","url":"../libs/*","options":{"symlink":false}},
        {"packagist.org":false}],"require":{"acme/a":"*"},"require-dev":{"acme/b":"dev-main"},"minimum-stability":"dev"}"#,
    );
    let composer = |arguments: &[&str]| {
        Command::new("composer")
            .args(arguments)
            .current_dir(folder.join("app"))
            .env("COMPOSER_DISABLE_NETWORK", "1")
            .env("COMPOSER_ALLOW_SUPERUSER", "1")
            .env("COMPOSER_HOME", folder.join("home"))
            .output()
    };
    let installed = composer(&["install", "--no-interaction", "--no-plugins"]);
    let shown = composer(&["show", "--format", "json"]);
    let file = std::fs::read(folder.join("app/vendor/composer/installed.json"));
    std::fs::remove_dir_all(&folder).unwrap();
    let (Ok(_), Ok(shown), Ok(file)) = (installed, shown, file) else {
        println!("skipped: this machine has no Composer");
        return;
    };
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let truth: Vec<String> = shown["installed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["name"].as_str().unwrap(),
                one["version"].as_str().unwrap()
            )
        })
        .collect();
    let found = parse(&Php, KEY, file);
    assert_eq!(names(&found), truth);
    assert_eq!(found.packages[0].licences, ["MIT OR ISC"]);
    assert!(
        found.packages[1]
            .attributes
            .iter()
            .any(|(key, _)| key == "composer.development")
    );
}

#[test]
fn one_package_alone_is_read() {
    assert_eq!(
        package(&Php, KEY, r#"[{"name":"a/b","version":"1"}]"#).name,
        "a/b"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_json_is_survived(text in "(\\{|\\}|\\[|\\]|:|,|\"packages\"|\"name\"|\"version\"|\"a\"|1|null|\"dev-package-names\"|\"source\"){0,40}") {
        parse(&Php, KEY, text);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&Php, KEY, data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&Php, KEY, GOOD.as_bytes());
}
