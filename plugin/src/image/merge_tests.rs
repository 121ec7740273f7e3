#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
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
        assert_eq!(inventory.notes.len(), 1, "{layer:?}");
    }
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
