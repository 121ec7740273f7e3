#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests; and they say what was not tested"
)]

use super::super::layer;
use super::super::layer::tests::archive;
use super::*;

const STATUS: &str = "var/lib/dpkg/status";
const APK: &str = "lib/apk/db/installed";
const USR_APK: &str = "usr/lib/apk/db/installed";

fn merge(layers: &[&[(&str, &str)]]) -> Inventory {
    let mut merge = Merge::default();
    for (index, members) in layers.iter().enumerate() {
        merge.apply(index as u32, layer::read(&archive(members)[..]).unwrap());
    }
    merge.finish()
}

fn dpkg(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("Package: {name}\nVersion: 1\n\n"))
        .collect()
}

fn apk(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("P:{name}\nV:1\n\n"))
        .collect()
}

/// (name, layer) of every package.
fn packages(inventory: &Inventory) -> Vec<(&str, u32)> {
    inventory
        .packages
        .iter()
        .map(|entry| (entry.package.name.as_str(), entry.layer))
        .collect()
}

#[test]
fn the_top_database_wins_and_its_packages_keep_the_layer_that_brought_them() {
    let inventory = merge(&[
        &[(STATUS, &dpkg(&["a", "b", "c"]))],
        &[("etc/unrelated", "x")],
        &[(STATUS, &dpkg(&["a", "c", "d"]))],
        &[(STATUS, &dpkg(&["a", "b", "c", "d"]))],
    ]);
    // b was removed and came back: layer 3 brought it.
    assert_eq!(
        packages(&inventory),
        [("a", 0), ("b", 3), ("c", 0), ("d", 2)]
    );
}

#[test]
fn files_of_distroless_add_up_one_by_one() {
    let inventory = merge(&[
        &[
            ("var/lib/dpkg/status.d/a", &dpkg(&["a"])),
            ("var/lib/dpkg/status.d/b", &dpkg(&["b"])),
        ],
        &[
            ("var/lib/dpkg/status.d/c", &dpkg(&["c"])),
            ("var/lib/dpkg/status.d/.wh.a", ""),
        ],
    ]);
    assert_eq!(packages(&inventory), [("b", 0), ("c", 1)]);
}

#[test]
fn whiteouts_and_opaque_folders_remove_what_is_below_and_not_their_own() {
    for gone in [
        "var/lib/dpkg/.wh.status",
        "var/.wh.lib",
        "var/lib/dpkg/.wh..wh..opq",
        ".wh.var",
        ".wh..wh..opq",
    ] {
        let inventory = merge(&[&[(STATUS, &dpkg(&["a"]))], &[(gone, "")]]);
        assert!(packages(&inventory).is_empty(), "{gone}");
        // In the same layer the new file stays, whatever the order in the archive.
        let with_new: &[(&str, &str)] = &[(STATUS, &dpkg(&["b"])), (gone, "")];
        let inventory = merge(&[&[(STATUS, &dpkg(&["a"]))], with_new]);
        assert_eq!(packages(&inventory), [("b", 1)], "{gone}");
    }
    let beside = merge(&[
        &[(STATUS, &dpkg(&["a"]))],
        &[("var/lib/.wh.dpk", ""), ("opt/.wh..wh..opq", "")],
    ]);
    assert_eq!(packages(&beside), [("a", 0)]);
}

#[test]
fn a_file_or_a_link_in_place_of_a_folder_takes_all_with_it() {
    for what in ["a file", "->elsewhere"] {
        let inventory = merge(&[&[(STATUS, &dpkg(&["a"]))], &[("var/lib", what)]]);
        assert!(packages(&inventory).is_empty(), "{what}");
    }
    // And a folder in place of the link is a new one.
    let inventory = merge(&[
        &[(APK, &apk(&["a"])), ("x", "y")],
        &[("lib", "->usr/lib")],
        &[("lib", "/"), (APK, &apk(&["b"]))],
    ]);
    assert_eq!(packages(&inventory), [("b", 2)]);
}

#[test]
fn the_linked_os_release_is_read_and_etc_comes_first() {
    let linked: &[(&str, &str)] = &[
        ("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n"),
        ("etc/os-release", "->../usr/lib/os-release"),
    ];
    assert_eq!(merge(&[linked]).release.unwrap().id, "debian");
    assert_eq!(
        merge(&[linked, &[("etc/os-release", "ID=mine\n")]])
            .release
            .unwrap()
            .id,
        "mine"
    );
    assert_eq!(
        merge(&[linked, &[("etc/.wh.os-release", "")]])
            .release
            .unwrap()
            .id,
        "debian"
    );
    assert!(
        merge(&[linked, &[("usr/lib/.wh.os-release", "")]])
            .release
            .is_none()
    );
}

#[test]
fn a_merged_usr_has_one_database_by_either_path() {
    let inventory = merge(&[
        &[("lib", "->usr/lib"), (USR_APK, &apk(&["a"]))],
        // A builder that writes through the link.
        &[(APK, &apk(&["a", "b"]))],
    ]);
    assert_eq!(packages(&inventory), [("a", 0), ("b", 1)]);
    assert_eq!(&*inventory.packages[0].path, USR_APK);
}

#[test]
fn a_database_that_moves_keeps_the_layers_of_its_packages() {
    let inventory = merge(&[
        &[(APK, &apk(&["a"]))],
        &[("lib", "->usr/lib"), (USR_APK, &apk(&["a", "b"]))],
    ]);
    assert_eq!(packages(&inventory), [("a", 0), ("b", 1)]);
}

#[test]
fn a_hard_link_to_the_database_of_a_lower_layer_is_followed() {
    let inventory = merge(&[&[(APK, &apk(&["a"]))], &[(USR_APK, &format!("=>{APK}"))]]);
    assert_eq!(packages(&inventory).len(), 2);
    let inventory = merge(&[&[("copy", &dpkg(&["a"]))], &[(STATUS, "=>copy")]]);
    assert_eq!(inventory.notes[0].1.reason, SkipReason::Unsupported);
}

#[test]
fn a_database_behind_a_link_to_an_unread_place_is_told() {
    for layer in [
        ("var/lib/dpkg", "->/opt/dpkg"),
        (STATUS, "->/opt/status"),
        ("var", "->var"),
    ] {
        let inventory = merge(&[&[layer]]);
        // Once for each format that has its place there.
        let formats = CATALOGUERS
            .iter()
            .filter(|by| by.is_inventory())
            .filter(|by| {
                by.places()
                    .iter()
                    .any(|place| paths::is_below(place, layer.0) || *place == layer.0)
            })
            .count();
        assert_eq!(inventory.notes.len(), formats, "{layer:?}");
    }
    // What was read elsewhere is the image's.
    let beside: &[(&str, &str)] = &[
        ("var", "->tmp"),
        ("usr/lib/opkg/status", "Package: a\nVersion: 1\n"),
    ];
    assert!(merge(&[beside]).notes.is_empty());
    assert!(
        merge(&[&[("etc/os-release", "->nowhere")]])
            .notes
            .is_empty()
    );
}

#[test]
fn licences_come_from_the_copyright_file_of_the_package() {
    let text = "Format: https://x/copyright-format/1.0/\n\nLicense: Expat\n";
    let inventory = merge(&[
        &[
            (STATUS, &dpkg(&["a", "b"])),
            ("usr/share/doc/a/copyright", text),
            ("usr/share/doc/b/copyright", text),
        ],
        &[("usr/share/doc/b/copyright", "prose")],
    ]);
    assert_eq!(inventory.packages[0].package.licences, ["MIT"]);
    assert!(inventory.packages[1].package.licences.is_empty());
}

#[test]
fn a_package_carries_its_purl_path_and_layer() {
    let release: &[(&str, &str)] = &[("etc/os-release", "ID=debian\nVERSION_ID=12\n")];
    let inventory = merge(&[release, &[(STATUS, &dpkg(&["a"]))]]);
    let release = inventory.release.clone();
    let package = inventory
        .packages
        .into_iter()
        .next()
        .unwrap()
        .into_contract(release.as_ref(), None);
    assert_eq!(package.purl, "pkg:deb/debian/a@1?distro=debian-12");
    assert_eq!(
        (
            package.path.as_str(),
            package.layer,
            package.format.as_str()
        ),
        (STATUS, 1, "dpkg")
    );
}

#[test]
fn a_package_that_conda_owns_is_not_one_of_the_operating_system() {
    const PYTHON: &str = "opt/conda/lib/python3.9/site-packages/a-1.dist-info/METADATA";
    let record = r#"{"name":"a","version":"1","files":["lib/python3.9/site-packages/a-1.dist-info/METADATA"]}"#;
    let inventory = merge(&[&[
        ("opt/conda/conda-meta/a-1-0.json", record),
        (PYTHON, "Name: A\nVersion: 1\n"),
        (
            "usr/lib/python3/dist-packages/b-1.dist-info/METADATA",
            "Name: b\nVersion: 1\n",
        ),
    ]]);
    let all: Vec<contract::Package> = inventory
        .packages
        .into_iter()
        .map(|entry| entry.into_contract(None, Some(1)))
        .collect();
    let told: Vec<_> = all
        .iter()
        .map(|one| (one.format.as_str(), one.owner.as_deref(), one.origin))
        .collect();
    assert_eq!(
        told,
        [
            ("conda", None, PackageOrigin::BaseImage),
            ("python", Some("a"), PackageOrigin::BaseImage),
            ("python", None, PackageOrigin::BaseImage),
        ]
    );
}

#[test]
fn paths_count_towards_what_is_kept_of_an_image() {
    let long = format!("{}/", "d".repeat(200)).repeat(18);
    let mut merge = Merge::default();
    for index in 0..8_u32 {
        let keys: Vec<String> = (0..1200)
            .map(|number| format!("{long}{index}/{number}/node_modules/a/package.json"))
            .collect();
        let members: Vec<(&str, &str)> = keys
            .iter()
            .map(|key| (key.as_str(), r#"{"name":"a","version":"1"}"#))
            .collect();
        merge.apply(index, layer::read(&archive(&members)[..]).unwrap());
    }
    let inventory = merge.finish();
    let bytes: usize = inventory.packages.iter().map(|one| one.path.len()).sum();
    assert!(bytes <= MAX_FOUND_BYTES, "{bytes}");
    assert!(
        inventory
            .notes
            .iter()
            .any(|(_, skip)| skip.reason == SkipReason::OverLimit)
    );
}

/// An inventory of one layer with these members, and with a package at each of these paths that is not of the
/// operating system.
fn merge_with(members: &[(&str, &str)], paths: &[&str]) -> Inventory {
    let mut layer = layer::read(&archive(members)[..]).unwrap();
    for path in paths {
        let mut found = Found::default();
        found.push(FoundPackage {
            name: "tool".to_owned(),
            version: "1".to_owned(),
            ..FoundPackage::default()
        });
        layer.files.push(layer::CataloguedFile {
            path: (*path).to_owned(),
            // Any format whose packages come from anywhere.
            by: "os-release".to_owned(),
            found,
        });
    }
    let mut merge = Merge::default();
    merge.apply(0, layer);
    merge.finish()
}

/// The owner of the package at a path.
fn owner<'i>(inventory: &'i Inventory, path: &str) -> Option<&'i str> {
    let entry = inventory
        .packages
        .iter()
        .find(|entry| &*entry.path == path)
        .unwrap();
    let origin = entry.origin(Some(1));
    assert_eq!(
        entry.owner.is_some(),
        origin == PackageOrigin::OperatingSystem,
        "{path}"
    );
    entry.owner.as_ref().map(|owner| &*owner.name)
}

#[test]
fn what_an_operating_system_package_owns_is_told_from_what_somebody_installed() {
    for (members, name) in [
        (
            vec![
                (STATUS, "Package: python3-tool\nVersion: 1\n"),
                (
                    "var/lib/dpkg/info/python3-tool:amd64.list",
                    "/.\n/usr/bin\n/usr/bin/tool\n",
                ),
            ],
            "python3-tool",
        ),
        (
            vec![
                (
                    "var/lib/dpkg/status.d/libssl1",
                    "Package: libssl1.1\nVersion: 1\n",
                ),
                (
                    "var/lib/dpkg/status.d/libssl1.md5sums",
                    "0123  usr/bin/tool\n",
                ),
            ],
            "libssl1.1",
        ),
        (
            vec![(APK, "P:py3-tool\nV:1\nF:usr/bin\nR:tool\n\n")],
            "py3-tool",
        ),
        (
            vec![(
                "var/lib/pacman/local/python-tool-1-1/files",
                "%FILES%\nusr/bin/\nusr/bin/tool\n",
            )],
            "python-tool",
        ),
        (
            vec![("usr/lib/opkg/info/python-tool.list", "/usr/bin/tool\n")],
            "python-tool",
        ),
    ] {
        let inventory = merge_with(&members, &["usr/bin/tool", "usr/local/bin/tool"]);
        assert_eq!(owner(&inventory, "usr/bin/tool"), Some(name));
        assert_eq!(owner(&inventory, "usr/local/bin/tool"), None, "{name}");
    }
}

#[test]
fn a_file_is_owned_by_the_path_it_had_before_usr_was_merged() {
    let list = ("var/lib/dpkg/info/a.list", "/bin/tool\n/sbin/other\n");
    for members in [
        vec![list, ("bin", "->usr/bin")],
        // Built without the link.
        vec![list],
    ] {
        let inventory = merge_with(&members, &["usr/bin/tool", "usr/local/bin/other"]);
        assert_eq!(owner(&inventory, "usr/bin/tool"), Some("a"));
        assert_eq!(owner(&inventory, "usr/local/bin/other"), None);
    }
    // Where both are there, each is itself.
    let inventory = merge_with(&[list], &["usr/bin/tool", "bin/tool"]);
    assert_eq!(owner(&inventory, "bin/tool"), Some("a"));
    assert_eq!(owner(&inventory, "usr/bin/tool"), None);
}

#[test]
fn packages_of_python_are_owned_like_programs() {
    let metadata = "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA";
    let pip = "usr/local/lib/python3.11/site-packages/six-1.17.0.dist-info/METADATA";
    if !catalog::may_be_evidence(metadata) {
        println!("skipped: Python's packages are not read yet");
        return;
    }
    let text = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\n";
    let inventory = merge(&[&[
        (STATUS, "Package: python3-six\nVersion: 1.16.0-4\n"),
        (
            "var/lib/dpkg/info/python3-six.list",
            &format!("/.\n/{metadata}\n"),
        ),
        (metadata, text),
        (pip, text),
    ]]);
    assert_eq!(owner(&inventory, metadata), Some("python3-six"));
    assert_eq!(owner(&inventory, pip), None);
}

#[test]
fn a_control_file_completes_the_status_and_stands_in_for_it() {
    let control = (
        "usr/lib/opkg/info/busybox.control",
        "Package: busybox\nVersion: 1\nLicense: GPL-2.0\n",
    );
    let status = ("usr/lib/opkg/status", "Package: busybox\nVersion: 1\n");
    for members in [vec![control], vec![control, status]] {
        let inventory = merge(&[&members]);
        assert_eq!(inventory.packages.len(), 1);
        assert_eq!(inventory.packages[0].package.licences, ["GPL-2.0"]);
    }
}

#[test]
fn the_operating_system_says_which_advisories_are_for_it() {
    let debian: &[(&str, &str)] = &[("etc/debian_version", "11.9\n")];
    let ubuntu: &[(&str, &str)] = &[("etc/os-release", "ID=ubuntu\nVERSION_ID=24.04\n")];
    let ecosystem = |layers: &[&[(&str, &str)]]| {
        let system = merge(layers).operating_system().unwrap();
        system
            .attributes
            .into_iter()
            .find(|(key, _)| key == "osv-ecosystem")
            .map(|(_, value)| value)
    };
    assert_eq!(ecosystem(&[debian]).as_deref(), Some("Debian:11"));
    // os-release counts before what there was before it, in any layer.
    for layers in [[debian, ubuntu], [ubuntu, debian]] {
        assert_eq!(ecosystem(&layers).as_deref(), Some("Ubuntu:24.04:LTS"));
    }
    assert_eq!(ecosystem(&[&[("etc/os-release", "ID=arch\n")]]), None);
}
