#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

/// A layer from (path, what): files by contents, `->target` symlinks, `=>target` hard links, `/` folders.
pub(crate) fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, what) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        let link = [
            ("->", ::tar::EntryType::Symlink),
            ("=>", ::tar::EntryType::Link),
        ]
        .into_iter()
        .find_map(|(mark, kind)| Some((what.strip_prefix(mark)?, kind)));
        if let Some((target, kind)) = link {
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, path, target).unwrap();
        } else if *what == "/" {
            header.set_entry_type(::tar::EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, path, &b""[..]).unwrap();
        } else {
            header.set_size(what.len() as u64);
            builder
                .append_data(&mut header, path, what.as_bytes())
                .unwrap();
        }
    }
    builder.into_inner().unwrap()
}

const STATUS: &str = "var/lib/dpkg/status";
const BASH: &str = "Package: bash\nVersion: 5\n";

fn read_members(members: &[(&str, &str)]) -> LayerInventory {
    read(&archive(members)[..]).unwrap()
}

fn names(inventory: &LayerInventory) -> Vec<(&str, &str)> {
    inventory
        .files
        .iter()
        .flat_map(|file| {
            file.found
                .packages
                .iter()
                .map(|package| (file.path.as_str(), package.name.as_str()))
        })
        .collect()
}

#[test]
fn the_last_of_two_members_with_one_path_counts() {
    let inventory = read_members(&[
        (STATUS, "Package: old\nVersion: 1\n"),
        ("./var/lib/dpkg/./status", BASH),
    ]);
    assert_eq!(names(&inventory), [(STATUS, "bash")]);
    let inventory = read_members(&[(STATUS, BASH), (STATUS, "->elsewhere")]);
    assert!(inventory.files.is_empty());
    assert_eq!(inventory.links[0].target, "elsewhere");
    let inventory = read_members(&[(STATUS, BASH), ("var/lib/dpkg", "->/opt")]);
    assert!(inventory.files.is_empty());
}

#[test]
fn a_hard_link_to_a_database_is_the_database() {
    let inventory = read_members(&[
        ("usr/lib/apk/db/installed", "P:a\nV:1\n"),
        ("lib/apk/db/installed", "=>usr/lib/apk/db/installed"),
    ]);
    assert_eq!(names(&inventory).len(), 2);
    let inventory = read_members(&[("copy", BASH), (STATUS, "=>copy")]);
    assert!(inventory.links[0].hard);
}

#[test]
fn whiteouts_are_kept_wherever_they_are() {
    let inventory = read_members(&[
        ("var/lib/dpkg/.wh.status", ""),
        ("var/.wh.lib", ""),
        ("var/lib/.wh..wh..opq", ""),
        (".wh..wh..opq", ""),
        (".wh..wh.plnk/1.2", ""),
        ("home/.wh.user", ""),
        ("var/lib/dpkg/.wh.", ""),
    ]);
    assert_eq!(
        inventory.whiteouts,
        ["var/lib/dpkg/status", "var/lib", "home/user"]
    );
    assert_eq!(inventory.opaque, ["var/lib", ""]);
}

#[test]
fn names_that_lead_out_of_the_image_are_counted_and_not_followed() {
    let mut bytes = archive(&[("xx/var/lib/dpkg/status", BASH), (STATUS, BASH)]);
    bytes[..2].copy_from_slice(b"..");
    let sum: u32 = bytes[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let inventory = read(&bytes[..]).unwrap();
    assert_eq!(inventory.files.len(), 1);
    assert!(inventory.notes[0].1.why.message.contains("1 members"));
}

#[test]
fn an_archive_that_breaks_off_gives_nothing() {
    let whole = archive(&[(STATUS, &BASH.repeat(200))]);
    for cut in [300, 700, 512 + 2000] {
        assert!(
            matches!(read(&whole[..cut]), Err(Trouble::Corrupt(_))),
            "cut at {cut}"
        );
    }
    assert!(matches!(
        read(&b"<html>not a layer</html>".repeat(40)[..]),
        Err(Trouble::Corrupt(_))
    ));
    assert_eq!(read(&b""[..]).unwrap(), LayerInventory::default());
}

#[test]
fn a_flood_of_whiteouts_is_capped_and_told() {
    let name = "n".repeat(90);
    let members: Vec<(String, &str)> = (0..40_000)
        .map(|n| (format!("usr/share/doc/.wh.{n}{name}"), ""))
        .collect();
    let members: Vec<(&str, &str)> = members
        .iter()
        .map(|(path, what)| (path.as_str(), *what))
        .collect();
    let inventory = read_members(&members);
    assert!(inventory.whiteouts.len() < 40_000);
    assert_eq!(inventory.notes[0].1.reason, SkipReason::OverLimit);
    assert_eq!(inventory.notes.len(), 1);
}

#[test]
fn an_inventory_survives_the_cache() {
    let inventory = read_members(&[
        (STATUS, BASH),
        ("etc/os-release", "->../usr/lib/os-release"),
        ("usr/lib/os-release", "ID=debian\n"),
        ("lib", "/"),
        (
            "usr/share/doc/bash/copyright",
            "Format: https://x/copyright-format/1.0/\n\nLicense: Expat\n",
        ),
    ]);
    let bytes = serde_json::to_vec(&inventory).unwrap();
    assert_eq!(
        serde_json::from_slice::<LayerInventory>(&bytes).unwrap(),
        inventory
    );
    assert!(cache_key("sha256:aa").starts_with("layer/sha256:aa/"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn mutated_layers_never_panic(
        order in prop::collection::vec(0usize..7, 0..12),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let pool = [
            (STATUS, BASH), ("var", "->x"), ("var/lib", "/"), (STATUS, "=>etc/os-release"),
            ("etc/os-release", "ID=a\n"), ("var/lib/.wh..wh..opq", ""), ("lib/apk/db/installed", "P:a\nV:1\n"),
        ];
        let members: Vec<_> = order.iter().map(|index| pool[*index]).collect();
        let mut bytes = archive(&members);
        for (place, value) in &hits {
            let at = place.index(bytes.len());
            bytes[at] = *value;
        }
        let _ = read(&bytes[..]);
    }
}
