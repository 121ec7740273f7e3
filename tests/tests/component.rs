//! The connector as a component: that it builds, and that it asks for nothing beyond the contract.

#![allow(clippy::unwrap_used, reason = "tests")]

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// What a connector may import: the contract, and of WASI only what the contract lists and what Rust's
/// standard library drags in, which the host grants empty.
const ALLOWED: [&str; 8] = [
    "ox:connector/",
    "wasi:http/types@",
    "wasi:http/outgoing-handler@",
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
];

#[test]
fn the_component_imports_nothing_beyond_the_contract() {
    let file = ox_harness::component::connector().unwrap();
    let engine = Engine::new(&Config::new()).unwrap();
    let component = Component::from_file(&engine, &file).unwrap();
    let kind = component.component_type();
    let imports: Vec<String> = kind
        .imports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let beyond: Vec<_> = imports
        .iter()
        .filter(|name| !ALLOWED.iter().any(|a| name.starts_with(a)))
        .collect();
    assert!(beyond.is_empty(), "{beyond:?} among {imports:?}");
    assert!(
        imports
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler@")),
        "{imports:?}"
    );
    assert!(
        !imports.iter().any(|name| name.contains("sockets")),
        "{imports:?}"
    );

    let exports: Vec<String> = kind
        .exports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(exports, ["ox:connector/connector@0.1.0"]);
}

#[test]
fn a_second_build_finds_everything_done() {
    let first = ox_harness::component::connector().unwrap();
    let second = ox_harness::component::connector().unwrap();
    assert_eq!(first, second);
    assert!(
        first.ends_with("connectors/gitlab-registry.wasm"),
        "{}",
        first.display()
    );
}
