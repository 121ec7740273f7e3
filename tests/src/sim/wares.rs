//! What the organisation's images hold that is more than a file with a name: programs, jars, settings.

use serde_json::json;

use crate::image::sample;

/// What the attestation of the base image lists: a package that dpkg knows, and a tool that nobody installed
/// with a package manager.
pub(super) const BUILDER_SAW: [(&str, &str, &str); 2] = [
    (
        "bash",
        "5.2.15-2+b2",
        "pkg:deb/debian/bash@5.2.15-2%2Bb2?arch=amd64&distro=debian-12",
    ),
    ("tini", "0.19.0", "pkg:github/krallin/tini@0.19.0"),
];

/// A program of Go.
pub(super) fn berth_planner() -> Vec<u8> {
    sample::go_program(
        "go1.22.4",
        "gitlab.example/harbour/berth-planner",
        "v2.4.0",
        &[
            ("github.com/spf13/cobra", "v1.8.0"),
            ("golang.org/x/net", "v0.23.0"),
        ],
    )
}

/// A program of Rust that `cargo auditable` built.
pub(super) fn search() -> Vec<u8> {
    sample::rust_program(&[
        ("northwind-search", "1.9.3"),
        ("serde", "1.0.203"),
        ("tokio", "1.38.0"),
    ])
}

/// A jar as Spring Boot makes it: with the jars that it needs in it.
pub(super) fn ledger() -> Vec<u8> {
    let log = sample::jar("org.apache.logging.log4j", "log4j-core", "2.14.1", &[]);
    let yaml = sample::jar("org.yaml", "snakeyaml", "1.33", &[]);
    let inner = [
        ("BOOT-INF/lib/log4j-core-2.14.1.jar", log),
        ("BOOT-INF/lib/snakeyaml-1.33.jar", yaml),
    ];
    sample::jar("example.northwind", "ledger", "2025.6", &inner)
}

/// An image that nobody hardened: it names no user, fetches a program from the network, keeps apk's cache
/// and has a password in its environment.
pub(super) fn careless(config: &mut serde_json::Value) {
    let step = |command: &str, empty: bool| json!({ "created_by": command, "empty_layer": empty });
    let history = json!([
        step(
            "ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit",
            false
        ),
        step("ENV EDGE_ADMIN_PASSWORD=edge-admin-2024", true),
        step(
            "ADD https://downloads.example/edge/stable /usr/bin/edge # buildkit",
            false
        ),
        step("EXPOSE map[80/tcp:{}]", true),
        step("CMD [\"/usr/bin/edge\"]", true),
    ]);
    let Some(all) = config.as_object_mut() else {
        return;
    };
    all.insert("history".to_owned(), history);
    all.insert(
        "config".to_owned(),
        json!({
            "Env": ["PATH=/usr/sbin:/usr/bin", "EDGE_ADMIN_PASSWORD=edge-admin-2024"],
            "ExposedPorts": { "80/tcp": {} }, "Cmd": ["/usr/bin/edge"],
        }),
    );
}
