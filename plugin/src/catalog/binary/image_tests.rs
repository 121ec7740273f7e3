//! Programs in layers: what replaces them, and their second names.

use super::*;
use crate::image::layer::{self, LayerInventory};
use crate::image::merge::{Inventory, Merge};

enum Of {
    File(u32, Vec<u8>),
    Link(&'static str),
    HardLink(&'static str),
}

fn layer(members: &[(&str, Of)]) -> LayerInventory {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, of) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o777);
        header.set_size(0);
        match of {
            Of::File(mode, data) => {
                header.set_mode(*mode);
                header.set_size(data.len() as u64);
                builder.append_data(&mut header, path, &data[..]).unwrap();
            }
            Of::Link(target) => {
                header.set_entry_type(::tar::EntryType::Symlink);
                builder.append_link(&mut header, path, target).unwrap();
            }
            Of::HardLink(target) => {
                header.set_entry_type(::tar::EntryType::Link);
                builder.append_link(&mut header, path, target).unwrap();
            }
        }
    }
    layer::read(&builder.into_inner().unwrap()[..]).unwrap()
}

fn merged(layers: Vec<LayerInventory>) -> Inventory {
    let mut merge = Merge::default();
    for (index, layer) in layers.into_iter().enumerate() {
        merge.apply(index as u32, layer);
    }
    merge.finish()
}

fn program(version: &str) -> Of {
    Of::File(0o755, elf(WIDE, b"", &blob(version, b"")))
}

fn seen(inventory: Inventory) -> Vec<String> {
    inventory
        .packages
        .into_iter()
        .map(|entry| entry.into_contract(None, None))
        .map(|package| format!("{} {} {}", package.path, package.version, package.format))
        .collect()
}

#[test]
fn the_program_of_the_upper_layer_counts_and_states_its_own_format() {
    let inventory = merged(vec![
        layer(&[("app/run", program("go1.20.1"))]),
        layer(&[("app/run", program("go1.21.1"))]),
    ]);
    assert_eq!(seen(inventory), ["app/run 1.21.1 go-binary"]);
}

#[test]
fn whatever_takes_the_place_of_a_program_takes_it_away() {
    let plain = |mode| Of::File(mode, b"text".to_vec());
    let quiet = || Of::File(0o755, elf(WIDE, b"", b""));
    for (path, by) in [
        ("srv/run", plain(0o755)),
        ("srv/run", quiet()),
        ("srv/run", Of::Link("elsewhere")),
        ("usr/bin/run", plain(0o644)),
        ("usr/bin/run", quiet()),
        ("usr/bin/run", Of::Link("/bin/busybox")),
    ] {
        let inventory = merged(vec![
            layer(&[(path, program("go1.20.1"))]),
            layer(&[(path, by)]),
        ]);
        assert!(seen(inventory).is_empty(), "{path}");
    }
}

#[test]
fn a_second_name_of_a_program_is_a_program() {
    let both = ["a/one 1.20.1 go-binary", "a/two 1.20.1 go-binary"];
    let inventory = merged(vec![layer(&[
        ("a/one", program("go1.20.1")),
        ("a/two", Of::HardLink("a/one")),
    ])]);
    assert_eq!(seen(inventory), both);
    let inventory = merged(vec![
        layer(&[("a/one", program("go1.20.1"))]),
        layer(&[("a/two", Of::HardLink("a/one"))]),
    ]);
    assert_eq!(seen(inventory), both);
}

#[test]
fn links_to_libraries_are_not_kept_for_their_mode_and_quiet_programs_take_no_record() {
    let layer = layer(&[
        ("usr/lib/x/libz.so.1", Of::Link("libz.so.1.2")),
        (
            "usr/lib/x/libz.so.1.2",
            Of::File(0o644, elf(WIDE, b"", b"")),
        ),
        ("opt/tool", Of::File(0o755, elf(WIDE, b"", b""))),
        ("opt/x/index.js", Of::File(0o777, b"code".to_vec())),
    ]);
    assert!(layer.links.is_empty() && layer.files.is_empty());
    assert_eq!(layer.others, ["opt/tool"]);
}
