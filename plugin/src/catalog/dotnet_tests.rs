#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::testing::{package, parse, survives_truncation, wants};
use super::*;

const KEY: &str = "app/App.deps.json";
const GOOD: &str = r#"{
  "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0/linux-x64", "signature": ""},
  "compilationOptions": {},
  "targets": {
    ".NETCoreApp,Version=v8.0": {},
    ".NETCoreApp,Version=v8.0/linux-x64": {
      "App/1.0.0": {"dependencies": {"Newtonsoft.Json": "13.0.1"}, "runtime": {"App.dll": {}}},
      "Newtonsoft.Json/13.0.1": {"runtime": {"lib/net6.0/Newtonsoft.Json.dll": {"fileVersion": "13.0.1.25517"}}},
      "System.Runtime/4.3.0": {"dependencies": {"x": "1"}},
      "SQLite.Native/1.0.2": {"native": {"runtimes/linux-x64/native/e_sqlite3.so": {}}},
      "Empty/1.0.0": {"runtime": {}},
      "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": {"runtime": {"System.dll": {}}}
    }
  },
  "libraries": {
    "App/1.0.0": {"type": "project", "serviceable": false, "sha512": ""},
    "Newtonsoft.Json/13.0.1": {"type": "package", "serviceable": true, "sha512": "sha512-abc==", "path": "newtonsoft.json/13.0.1"},
    "System.Runtime/4.3.0": {"type": "package", "sha512": "sha512-x"},
    "SQLite.Native/1.0.2": {"type": "package"},
    "Empty/1.0.0": {"type": "package"},
    "Local.Reference/2.0.0": {"type": "reference"},
    "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": {"type": "runtimepack"},
    "NotInTargets/3.0.0-beta": {"type": "package"}
  }
}"#;

fn names(found: &Found) -> Vec<String> {
    found
        .packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

#[test]
fn packages_with_files_and_the_runtime_are_told_and_the_program_itself_is_not() {
    let found = parse(&DotNet, KEY, GOOD);
    assert!(found.notes.is_empty());
    assert_eq!(
        names(&found),
        [
            "Newtonsoft.Json 13.0.1",
            "SQLite.Native 1.0.2",
            "Microsoft.NETCore.App.Runtime.linux-x64 8.0.1",
            "NotInTargets 3.0.0-beta"
        ]
    );
    assert_eq!(
        found.packages[0].attributes,
        [("nuget.sha512".to_owned(), "sha512-abc==".to_owned())]
    );
    assert_eq!(
        DotNet.purl(&found.packages[0], None),
        "pkg:nuget/Newtonsoft.Json@13.0.1"
    );
}

#[test]
fn the_runtime_of_a_shared_framework_is_a_package() {
    let key = "usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json";
    assert!(wants(&DotNet, key));
    let text = r#"{"targets":{"t":{"Microsoft.NETCore.App.Runtime.linux-x64/8.0.1":{"runtime":{"a.dll":{}},"native":{"b.so":{}}}}},
        "libraries":{"Microsoft.NETCore.App.Runtime.linux-x64/8.0.1":{"type":"package"}}}"#;
    assert_eq!(
        package(&DotNet, key, text).name,
        "Microsoft.NETCore.App.Runtime.linux-x64"
    );
}

#[test]
fn without_targets_before_them_all_packages_are_told() {
    let text = r#"{"libraries":{"A/1":{"type":"package"}},"targets":{"t":{"A/1":{}}}}"#;
    assert_eq!(names(&parse(&DotNet, KEY, text)), ["A 1"]);
    let text = r#"{"targets":[],"libraries":{"A/1":{"type":"package"}}}"#;
    assert_eq!(parse(&DotNet, KEY, text).notes.len(), 1);
}

#[test]
fn broken_files_and_names_are_told() {
    for text in [
        "",
        "[]",
        "{",
        "{\"libraries\":{\"A\":{\"type\":\"package\"}}}",
    ] {
        assert_eq!(
            parse(&DotNet, KEY, text).notes[0].reason,
            SkipReason::Corrupt,
            "{text}"
        );
    }
    for text in ["{}", "{\"libraries\":7}", "{\"libraries\":{\"A/1\":7}}"] {
        let found = parse(&DotNet, KEY, text);
        assert_eq!((found.packages.len(), found.notes.len()), (0, 0), "{text}");
    }
}

#[test]
fn only_so_many_targets_are_kept() {
    let targets: Vec<String> = (0..MAX_TARGETS + 10)
        .map(|number| format!("\"P{number}/1\":{{}}"))
        .collect();
    let text = format!(
        r#"{{"targets":{{"t":{{{}}}}},"libraries":{{"P1/1":{{"type":"package"}},"P{}/1":{{"type":"package"}}}}}}"#,
        targets.join(","),
        MAX_TARGETS + 1
    );
    // Of those beyond it is not known that they have no files, so they are told.
    assert_eq!(
        names(&parse(&DotNet, KEY, text)),
        [format!("P{} 1", MAX_TARGETS + 1)]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_json_is_survived(text in "(\\{|\\}|\\[|\\]|:|,|\"libraries\"|\"targets\"|\"A/1\"|\"type\"|\"package\"|\"runtime\"|1|null){0,40}") {
        parse(&DotNet, KEY, text);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&DotNet, KEY, data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&DotNet, KEY, GOOD.as_bytes());
}
