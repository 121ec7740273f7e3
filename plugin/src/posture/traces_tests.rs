#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::caches::caches_at;
use super::*;
use crate::image::layer::{self, LayerInventory};
use crate::image::merge::{Inventory, Merge};

/// A layer of (path, mode): `/` at the end for folders, `->` in front of a path for a link, `.wh.` as ever.
fn read(members: &[(&str, u32)]) -> LayerInventory {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, mode) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_uid(0);
        if let Some(path) = path.strip_prefix("->") {
            header.set_entry_type(::tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, path, "elsewhere").unwrap();
        } else if let Some(path) = path.strip_suffix('/') {
            header.set_entry_type(::tar::EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, path, &b""[..]).unwrap();
        } else {
            header.set_size(4);
            builder
                .append_data(&mut header, path, &b"data"[..])
                .unwrap();
        }
    }
    layer::read(&builder.into_inner().unwrap()[..]).unwrap()
}

fn merge(layers: &[&[(&str, u32)]]) -> Inventory {
    let mut merge = Merge::default();
    for (index, members) in layers.iter().enumerate() {
        // As it comes from the cache.
        let text = serde_json::to_vec(&read(members)).unwrap();
        merge.apply(index as u32, serde_json::from_slice(&text).unwrap());
    }
    merge.finish()
}

fn special(inventory: &Inventory) -> Vec<(u32, &str, u32)> {
    inventory
        .special
        .iter()
        .map(|(layer, one)| (*layer, one.path.as_str(), one.mode))
        .collect()
}

#[test]
fn only_permissions_that_matter_are_kept() {
    let inventory = merge(&[&[
        ("usr/bin/su", 0o4755),
        ("usr/bin/wall", 0o2755),
        ("usr/bin/no-x", 0o4644),
        ("usr/bin/lock", 0o2744),
        ("usr/bin/true", 0o755),
        ("var/mail/", 0o2775),
        ("tmp/", 0o1777),
        ("data/", 0o777),
        ("data/file", 0o666),
        ("dev/null", 0o666),
        ("->usr/bin/link", 0o777),
    ]]);
    assert_eq!(
        special(&inventory),
        [
            (0, "data", 0o777),
            (0, "data/file", 0o666),
            (0, "usr/bin/su", 0o4755),
            (0, "usr/bin/wall", 0o2755),
        ]
    );
    let of = |path: &str| {
        &inventory
            .special
            .iter()
            .find(|(_, one)| one.path == path)
            .unwrap()
            .1
    };
    assert!(of("usr/bin/su").sets_id() && !of("usr/bin/su").is_writable());
    assert!(of("data").is_writable() && of("data").folder && !of("data").sets_id());
}

#[test]
fn what_a_later_chmod_does_counts_and_its_layer_is_told() {
    // ADD a file, then chmod u+s it.
    let added = merge(&[&[("app/tool", 0o755)], &[("app/tool", 0o4755)]]);
    assert_eq!(special(&added), [(1, "app/tool", 0o4755)]);
    // And the other way round.
    let taken = merge(&[
        &[("bin/su", 0o4755), ("d/", 0o777)],
        &[("bin/su", 0o755), ("d/", 0o755)],
    ]);
    assert!(special(&taken).is_empty());
    // Other permissions are another layer's doing; the same ones are not, even of a file written again.
    let widened = merge(&[&[("bin/su", 0o4755)], &[("bin/su", 0o4777)]]);
    assert_eq!(special(&widened), [(1, "bin/su", 0o4777)]);
    let repeated = merge(&[
        &[("bin/su", 0o4755), ("opt/data/", 0o777)],
        &[
            ("opt/", 0o755),
            ("opt/data/", 0o777),
            ("opt/data/x", 0o644),
            ("bin/su", 0o4755),
        ],
    ]);
    assert_eq!(
        special(&repeated),
        [(0, "bin/su", 0o4755), (0, "opt/data", 0o777)]
    );
}

#[test]
fn whiteouts_links_and_folders_take_special_files_away() {
    for above in [
        &[("usr/bin/.wh.su", 0)][..],
        &[("usr/.wh.bin", 0)],
        &[("usr/bin/.wh..wh..opq", 0)],
        &[("->usr/bin/su", 0o777)],
        &[("->usr/bin", 0o777)],
        &[("usr/bin", 0o644)],
        &[("usr/bin/su/", 0o755)],
    ] {
        let inventory = merge(&[&[("usr/bin/su", 0o4755)], above]);
        assert!(special(&inventory).is_empty(), "{above:?}");
    }
    // Beside it nothing happens.
    for above in [
        &[("usr/bin/.wh.s", 0)][..],
        &[("usr/bin/", 0o755)],
        &[("usr/bin/su2", 0o755)],
    ] {
        let inventory = merge(&[&[("usr/bin/su", 0o4755)], above]);
        assert_eq!(special(&inventory).len(), 1, "{above:?}");
    }
}

#[test]
fn a_folder_near_the_root_keeps_the_layer_that_opened_it() {
    let inventory = merge(&[&[("data/", 0o777)], &[("data/", 0o777), ("data/x", 0o644)]]);
    assert_eq!(special(&inventory), [(0, "data", 0o777)]);
}

#[test]
fn the_last_of_two_members_with_one_path_counts() {
    assert!(special(&merge(&[&[("bin/su", 0o4755), ("bin/su", 0o755)]])).is_empty());
    assert!(special(&merge(&[&[("bin/su", 0o4755), ("->bin/su", 0o777)]])).is_empty());
    assert!(special(&merge(&[&[("bin/su", 0o4755), ("bin/su/", 0o755)]])).is_empty());
    let twice = merge(&[&[("bin/su", 0o755), ("bin/su", 0o4755), ("bin/su", 0o6755)]]);
    assert_eq!(special(&twice), [(0, "bin/su", 0o6755)]);
}

#[test]
fn caches_are_summed_by_kind_and_stay_when_an_upper_layer_removes_them() {
    let inventory = merge(&[
        &[
            ("var/cache/apt/archives/a.deb", 0o644),
            ("var/cache/apt/archives/b.deb", 0o644),
            ("var/cache/apt/archives/lock", 0o640),
            ("var/lib/apt/lists/lock", 0o640),
            ("var/lib/apt/lists/deb.debian.org_x_InRelease", 0o644),
            ("root/.npm/_cacache/index/a", 0o644),
        ],
        &[
            ("home/app/.cache/pip/http/x", 0o644),
            ("var/lib/apt/lists/.wh.deb.debian.org_x_InRelease", 0),
        ],
        &[("root/.wh..npm", 0)],
    ]);
    let cache = |kind, files, removed| Cache {
        kind,
        files,
        bytes: files * 4,
        removed,
    };
    assert_eq!(
        inventory.traces[0].caches,
        [
            cache(CacheKind::AptArchives, 2, None),
            cache(CacheKind::AptLists, 1, Some(1)),
            cache(CacheKind::Npm, 1, Some(2)),
        ]
    );
    assert_eq!(inventory.traces[1].caches, [cache(CacheKind::Pip, 1, None)]);
}

#[test]
fn every_cache_is_found_by_its_path_and_by_its_folder() {
    for (path, kind) in [
        ("var/cache/apk/APKINDEX.tar.gz", CacheKind::Apk),
        ("var/cache/dnf/x/packages/a.rpm", CacheKind::Dnf),
        ("var/cache/yum/x", CacheKind::Dnf),
        ("root/.cache/pip/x", CacheKind::Pip),
        ("root/.m2/repository/a.jar", CacheKind::Maven),
        ("go/pkg/mod/cache/download/x", CacheKind::Go),
        ("usr/local/share/.cache/yarn/v6/x", CacheKind::Yarn),
        ("usr/local/cargo/registry/cache/x.crate", CacheKind::Cargo),
        ("opt/conda/pkgs/x", CacheKind::Conda),
        ("var/cache/zypp/x", CacheKind::Zypp),
        ("var/cache/pacman/pkg/x", CacheKind::Pacman),
    ] {
        assert_eq!(cache_of(path), Some(kind), "{path}");
        let folder = path.rsplit_once('/').unwrap().0;
        assert!(caches_at(folder).contains(&kind), "{folder}");
        assert!(caches_at("").contains(&kind));
    }
    for path in [
        "var/cache/apt/pkgcache.bin",
        "root/.npmrc",
        "go/pkg/mod/x",
        "home/x",
        "var",
        "usr/local/bin/x",
    ] {
        assert_eq!(cache_of(path), None, "{path}");
    }
}

#[test]
fn what_was_left_behind_stays_known_after_it_was_removed() {
    let inventory = merge(&[
        &[
            ("etc/ssh/ssh_host_rsa_key", 0o600),
            ("etc/ssh/ssh_host_rsa_key.pub", 0o644),
            ("root/.bash_history", 0o600),
            ("app/.git/HEAD", 0o644),
            ("app/HEAD", 0o644),
            ("usr/sbin/sshd", 0o755),
            ("usr/share/doc/sshd", 0o755),
            ("root/go/pkg/mod/cache/vcs/x/.git/HEAD", 0o644),
        ],
        &[
            ("etc/ssh/.wh.ssh_host_rsa_key", 0),
            ("usr/sbin/sshd", 0o755),
        ],
        &[("app/.wh..wh..opq", 0)],
    ]);
    let left = |layer: usize| -> Vec<(LeftKind, &str, Option<u32>)> {
        inventory.traces[layer]
            .left
            .iter()
            .map(|left| (left.kind, left.path.as_str(), left.removed))
            .collect()
    };
    assert_eq!(
        left(0),
        [
            (LeftKind::Git, "app/.git/HEAD", Some(2)),
            (LeftKind::HostKey, "etc/ssh/ssh_host_rsa_key", Some(1)),
            (LeftKind::History, "root/.bash_history", None),
            // Written again is not removed.
            (LeftKind::SshServer, "usr/sbin/sshd", None),
        ]
    );
    assert!(left(1).is_empty());
}

#[test]
fn a_layer_that_could_not_be_read_leaves_a_gap_and_moves_nothing() {
    let mut merge = Merge::default();
    merge.apply(0, read(&[("a", 0o644)]));
    merge.apply(2, read(&[("root/.cache/pip/x", 0o644)]));
    let inventory = merge.finish();
    assert_eq!(inventory.traces.len(), 3);
    assert_eq!(inventory.traces[2].caches.len(), 1);
}

#[test]
fn a_layer_full_of_special_files_is_counted_and_not_kept_whole() {
    let mut traces = Traces::default();
    for number in 0..MAX_PLAIN + 10 {
        let key = format!("bin/{number}");
        let mut file = File::of_path(&key);
        traces.see(Kind::File, &file);
        file.mode = 0o4777;
        let key = format!("sbin/{number}");
        traces.see(Kind::File, &File { key: &key, ..file });
    }
    assert_eq!(traces.special.len(), MAX_SPECIAL);
    assert_eq!(traces.more_special as usize, MAX_PLAIN + 10 - MAX_SPECIAL);
    assert!(traces.cut);
    assert!(serde_json::to_vec(&traces).unwrap().len() < 2 << 20);
    // A path that no disk takes is not kept either.
    let long = "x/".repeat(2000) + "ssh_host_rsa_key";
    let mut traces = Traces::default();
    traces.see(
        Kind::File,
        &File {
            mode: 0o4755,
            size: 1,
            ..File::of_path(&long)
        },
    );
    assert_eq!((traces.special.len(), traces.more_special), (0, 1));
}

#[test]
fn a_path_told_a_thousand_times_replaces_once() {
    let mut traces = Traces::default();
    for _ in 0..1000 {
        traces.see(Kind::File, &File::of_path("d"));
    }
    let map: BTreeMap<String, ()> = (0..100).map(|number| (format!("d/{number}"), ())).collect();
    assert_eq!(traces.plain.replaced(&map).len(), 100);
    // Nor does a path told as special again and again pile up.
    let mut file = File::of_path("bin/su");
    file.mode = 0o4755;
    for _ in 0..1000 {
        traces.see(Kind::File, &file);
    }
    assert_eq!(traces.special.len(), 1);
}

proptest! {
    #[test]
    fn layers_of_any_members_are_survived_and_read_back_as_they_were(
        layers in prop::collection::vec(prop::collection::vec((
            prop::sample::select(vec![
                "bin/su", "bin/", "bin", "->bin", "bin/.wh.su", ".wh.bin", "bin/.wh..wh..opq", "data/", "data/x",
                "root/.bash_history", "var/lib/apt/lists/x", "var/lib/apt/.wh.lists", "->root", "usr/sbin/sshd",
            ]),
            0_u32..0o10000,
        ), 0..8), 0..6)
    ) {
        let mut merge = Merge::default();
        for (index, members) in layers.iter().enumerate() {
            let layer = read(members);
            let text = serde_json::to_vec(&layer).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<LayerInventory>(&text).unwrap(), &layer);
            merge.apply(index as u32, layer);
        }
        let inventory = merge.finish();
        prop_assert_eq!(inventory.traces.len(), layers.len());
        for (layer, special) in &inventory.special {
            // Who is named is a layer that holds it so.
            // (By its last part: a link may lead to its folder.)
            let name = paths::split(&special.path).1;
            let named = layers[*layer as usize].iter().any(|(path, mode)| {
                paths::split(path.trim_end_matches('/')).1 == name && *mode == special.mode
            });
            prop_assert!(named);
        }
    }

    #[test]
    fn any_text_is_survived_as_hashes(text in ".{0,40}") {
        let _ = Plain::from(text);
    }
}
