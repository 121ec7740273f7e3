#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::testing::{output, package, parse, survives_truncation, walk, wants};
use super::*;
use crate::image::layer;

const KEY: &str = "app/node_modules/a/package.json";
const GOOD: &str = r#"{"name":"@babel/core","version":"7.1.0-rc.1+b","license":"mit","private":true,
    "scripts":{"test":"jest"},"dependencies":{"a":"^1"},"engines":{"node":">=8"}}"#;

#[test]
fn package_roots_are_wanted_and_files_inside_a_package_are_not() {
    for key in [
        "node_modules/a/package.json",
        "app/node_modules/a/package.json",
        "app/node_modules/@scope/a/package.json",
        "app/node_modules/a/node_modules/b/package.json",
        "usr/local/lib/node_modules/npm/node_modules/@npmcli/arborist/package.json",
        "app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json",
        "app/my_node_modules/x/y/z/package.json",
    ] {
        assert!(wants(&Npm, key), "{key}");
    }
    for key in [
        "node_modules/package.json",
        "app/node_modules/resolve/test/resolver/multirepo/package.json",
        "app/node_modules/a/dist/package.json",
        "app/node_modules/@scope/package.json",
        "app/node_modules/@scope/a/esm/package.json",
        "app/node_modules/.cache/package.json",
        "app/node_modules/a/package-lock.json",
        "app/xpackage.json",
    ] {
        assert!(!wants(&Npm, key), "{key}");
    }
}

#[test]
fn a_copy_in_a_vendor_folder_is_told_where_it_says_the_folders_name() {
    let copy = r#"{"name":"vscode-jsonrpc","version":"9.0.0"}"#;
    for (folder, told) in [
        ("app/node_modules/typescript/vendor/vscode-jsonrpc", true),
        ("app/node_modules/typescript/vendor/other", false),
        ("app/node_modules/typescript/vendor/x/vscode-jsonrpc", false),
    ] {
        let key = format!("{folder}/package.json");
        if !wants(&Npm, &key) {
            assert!(!told, "{key}");
            continue;
        }
        let found = parse(&Npm, &key, copy.as_bytes());
        assert_eq!(found.packages.len(), usize::from(told), "{key}");
        let marks = found.packages.iter().flat_map(|one| &one.attributes);
        assert_eq!(marks.count(), usize::from(told), "{key}");
    }
}

#[test]
fn name_version_and_licence_are_the_files() {
    let found = package(&Npm, KEY, GOOD);
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("@babel/core", "7.1.0-rc.1+b")
    );
    assert_eq!(found.licences, ["MIT"]);
    assert!(found.attributes.is_empty());
    assert_eq!(
        Npm.purl(&found, None),
        "pkg:npm/%40babel/core@7.1.0-rc.1%2Bb"
    );
}

#[test]
fn licences_of_old_packages_are_read_too() {
    let text = r#"{"name":"a","version":"1","licenses":[{"type":"MIT"},{"type":"Apache 2.0"}]}"#;
    assert_eq!(package(&Npm, KEY, text).licences, ["MIT", "Apache-2.0"]);
    let text = r#"{"name":"a","version":"1","license":{"type":"UNLICENSED"}}"#;
    assert_eq!(package(&Npm, KEY, text).licences, ["UNLICENSED"]);
}

#[test]
fn an_alias_is_told_by_its_real_name() {
    let found = package(
        &Npm,
        "node_modules/lodash4/package.json",
        r#"{"name":"lodash","version":"4.17.15"}"#,
    );
    assert_eq!(found.name, "lodash");
}

#[test]
fn a_program_of_its_own_is_marked_unless_it_can_be_in_no_registry() {
    let yarn = package(
        &Npm,
        "opt/yarn-v1.22.22/package.json",
        r#"{"name":"yarn","version":"1.22.22"}"#,
    );
    assert_eq!(
        yarn.attributes,
        [("npm.root".to_owned(), "true".to_owned())]
    );
    for other in [
        r#"{"name":"debug","version":"1.0.0","private":true}"#,
        r#"{"name":"git","version":"1.0.0","engines":{"vscode":"^1.80.0"}}"#,
        r#"{"name":"a"}"#,
        r#"{{name}}"#,
        "",
    ] {
        let found = parse(&Npm, "app/package.json", other);
        assert_eq!((found.packages.len(), found.notes.len()), (0, 0), "{other}");
    }
}

#[test]
fn what_is_no_package_is_passed_over_and_what_is_broken_is_told() {
    for none in [
        r#"{"type":"module"}"#,
        r#"{"name":"a","version":null}"#,
        r#"{"name":["a"],"version":"1"}"#,
        "[]",
        "null",
    ] {
        let found = parse(&Npm, KEY, none);
        assert_eq!((found.packages.len(), found.notes.len()), (0, 0), "{none}");
    }
    for broken in [r#"{"name":"a","version":"1""#, "{", "", "\0"] {
        let found = parse(&Npm, KEY, broken);
        assert_eq!(found.packages.len(), 0);
        assert_eq!(found.notes[0].reason, SkipReason::Corrupt, "{broken}");
    }
}

#[test]
fn names_that_try_to_be_paths_stay_names() {
    for (name, right) in [
        ("@a/../../etc", "pkg:npm/%40a%2F..%2F..%2Fetc@1"),
        ("../../x", "pkg:npm/..%2F..%2Fx@1"),
        ("a\\nb", "pkg:npm/a%0Ab@1"),
        ("a?b#c@2", "pkg:npm/a%3Fb%23c%402@1"),
    ] {
        let text = format!(r#"{{"name":"{name}","version":"1"}}"#);
        assert_eq!(Npm.purl(&package(&Npm, KEY, text), None), right);
    }
}

#[test]
fn a_name_of_any_length_is_cut() {
    let long = std::io::repeat(b'x').take(1 << 24);
    let mut text = (&br#"{"name":""#[..])
        .chain(long)
        .chain(&br#"","version":"1"}"#[..]);
    let mut found = Found::default();
    Npm.parse(&File::of_path(KEY), &mut text, &mut found)
        .unwrap();
    assert_eq!(found.packages[0].name.len(), 1024);
}

#[test]
fn more_packages_than_are_kept_of_a_layer_are_told() {
    let long = format!("{}/", "d".repeat(200)).repeat(18);
    let keys: Vec<String> = (0..3000)
        .map(|number| format!("{long}{number}/node_modules/a/package.json"))
        .collect();
    let members: Vec<(&str, &str)> = keys
        .iter()
        .map(|key| (key.as_str(), r#"{"name":"a","version":"1"}"#))
        .collect();
    let read = layer::read(&layer::tests::archive(&members)[..]).unwrap();
    let bytes: usize = read.files.iter().map(|file| file.path.len()).sum();
    assert!(!read.files.is_empty() && bytes <= layer::MAX_SHAPE_BYTES);
    assert_eq!(read.notes[0].1.reason, SkipReason::OverLimit);
}

#[test]
fn this_machine_has_the_packages_that_npm_lists() {
    let (Some(root), Some(list)) = (
        output("npm", &["root", "-g"]),
        output("npm", &["ls", "-g", "--json", "--all", "--long"]),
    ) else {
        println!("skipped: this machine has no npm");
        return;
    };
    fn gather(value: &serde_json::Value, names: &mut BTreeSet<String>) {
        for one in value["dependencies"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            if let (Some(name), Some(version)) = (one["name"].as_str(), one["version"].as_str()) {
                names.insert(format!("{name} {version}"));
            }
            gather(one, names);
        }
    }
    let mut truth = BTreeSet::new();
    gather(&serde_json::from_str(&list).unwrap(), &mut truth);
    let ours: BTreeSet<String> = walk(&Npm, std::path::Path::new(root.trim()))
        .iter()
        .flat_map(|(_, found)| &found.packages)
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    if truth.is_empty() {
        println!("skipped: npm of this machine has no global packages");
        return;
    }
    assert_eq!(ours, truth);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_json_is_survived(text in "(\\{|\\}|\\[|\\]|:|,|\"|name|version|license|type|MIT|1|null|\\\\u12|é){0,40}") {
        parse(&Npm, KEY, text);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&Npm, KEY, data);
    }

    #[test]
    fn any_path_is_survived(key in "(node_modules|/|@|a|\\.|é|package.json){0,12}") {
        wants(&Npm, &key);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&Npm, KEY, GOOD.as_bytes());
}
