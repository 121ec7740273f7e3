//! What the harness builds by code is what others read: Trivy and Syft find in the sample files the packages
//! that were put there. A fixture that only its maker can read would prove nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeSet;

use ox_harness::image::{Image, Layer, sample};
use ox_harness::peers::DockerRegistry;
use ox_harness::scanners::{Kind, Scanner, Task};

#[test]
fn other_scanners_find_what_the_samples_hold() {
    let Some(registry) = DockerRegistry::open().unwrap() else {
        return;
    };
    let layer = sample::node_modules(
        Layer::new(),
        "srv/app",
        &[("@scope/one", "1.0.0"), ("two", "2.0.0")],
    );
    let folder = "usr/lib/python3.11/site-packages";
    let layer = sample::site_packages(layer, folder, &[("Three-Four", "3.4", "MIT")]);
    let inner = [(
        "BOOT-INF/lib/five-5.0.jar",
        sample::jar("org.five", "five", "5.0", &[]),
    )];
    let jar = sample::jar("org.six", "six", "6.0", &inner);
    let go = sample::go_program(
        "go1.22.4",
        "example.org/seven",
        "v7.0.0",
        &[("golang.org/x/net", "v0.23.0")],
    );
    let rust = sample::rust_program(&[("eight", "8.0.0"), ("serde", "1.0.203")]);
    let layer = layer
        .file("opt/six.jar", jar)
        .file_mode("usr/bin/seven", 0o755, go)
        .file_mode("usr/bin/eight", 0o755, rust);
    let image = Image::amd64().layer(layer).build();
    if !registry.push(&image, "samples", "1").unwrap() {
        return;
    }
    let expected = [
        "@scope/one 1.0.0",
        "two 2.0.0",
        "three-four 3.4",
        "org.five:five 5.0",
        "org.six:six 6.0",
        "golang.org/x/net 0.23.0",
        "serde 1.0.203",
    ];
    let reference = format!("{}/samples:1", registry.host());
    for kind in [Kind::Trivy, Kind::Syft] {
        let Some(scanner) = Scanner::find(kind).unwrap() else {
            continue;
        };
        let cache = scanner.cache().unwrap();
        let Some(took) = scanner.try_run(&reference, Task::Packages, &cache).unwrap() else {
            continue;
        };
        let found = scanner.packages(&took.stdout).unwrap();
        let found: BTreeSet<String> = found.keys().map(ToString::to_string).collect();
        for package in expected {
            assert!(
                found.contains(package),
                "{}: {package} of {found:#?}",
                scanner.name()
            );
        }
    }
}
