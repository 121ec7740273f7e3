//! `image`: one image of a scanned account, what is in it, and its SBOMs; and the lists that lead there.

use super::*;
use ox_harness::image::Index;

/// One scanned account for all tests here: they only read. `acme/shop/multi` has an image for two platforms,
/// and `acme/tools` the first of the two as well.
static SCANNED: LazyLock<Stage> = LazyLock::new(|| {
    let mut org = small();
    let project = |path: &str| org.projects.iter().find(|one| one.full_path == path);
    let shop = project("acme/shop").unwrap().id;
    let tools = org
        .repositories
        .iter()
        .find(|row| row.path == "acme/tools")
        .unwrap()
        .id;
    let amd = Image::amd64()
        .layer(root::debian(40).layer)
        .layer(
            Layer::new()
                .file("srv/app", "amd64")
                .command("COPY app /srv"),
        )
        .build();
    let arm = Image::new(ox_harness::image::Platform::arm64())
        .layer(root::alpine(12).layer)
        .build();
    let multi = org.repository(shop, "multi");
    org.push(
        multi,
        "1.0",
        &Index::oci().child(amd.clone()).child(arm).build(),
    );
    org.push(tools, "copy", &amd);
    let stage = Stage::of(org).connected();
    with_findings(&stage.gitlab);
    stage.ox(&["scan", "work"]).must(0);
    stage
});

/// A copy of its data folder: only one program at a time writes, and tests run beside each other.
fn scanned() -> (TempDir, PathBuf) {
    let folder = data_folder();
    let data = folder.path().join("data");
    for name in ["store.db", "secret.key"] {
        std::fs::copy(SCANNED.data().join(name), data.join(name)).unwrap();
    }
    (folder, data)
}

fn ox(data: &Path, arguments: &[&str]) -> Ended {
    Run::new(data, arguments).end()
}

/// The commands that an error ends with, each run as it stands.
fn run_choices(data: &Path, ended: &Ended, run: impl Fn(Ended)) -> usize {
    let commands = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  ox-host "));
    let mut many = 0;
    for command in commands {
        let command = command.split(" #").next().unwrap();
        let arguments: Vec<&str> = command.split_whitespace().collect();
        run(ox(data, &arguments));
        many += 1;
    }
    many
}

#[test]
fn an_image_of_several_platforms_is_chosen_with_a_command_to_copy() {
    let (_folder, data) = scanned();
    let ended = ox(&data, &["image", "acme/shop/multi:1.0"]).must(2);
    assert_eq!(ended.stdout, "");
    let many = run_choices(&data, &ended, |ended| {
        let ended = ended.must(0);
        assert!(
            ended.stdout.contains("acme/shop/multi:1.0"),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains("platform  "), "{}", ended.stdout);
    });
    assert_eq!(many, 2, "{}", ended.stderr);
    let ended = ox(
        &data,
        &["image", "acme/shop/multi:1.0", "--platform", "linux/s390x"],
    )
    .must(2);
    assert_eq!(run_choices(&data, &ended, |ended| drop(ended.must(0))), 2);
    // Images without a difference in their platforms are told apart by their digests.
    let ended = ox(&data, &["image", "acme/shop/api"]).must(2);
    assert_eq!(run_choices(&data, &ended, |ended| drop(ended.must(0))), 2);
    ox(&data, &["image", "acme/shop/nothing:1"]).must(2);
    let ended = ox(&data, &["image", "acme/shop/api:9"]).must(2);
    assert!(
        ended.stderr.contains("its tags are 1.0, 1.1"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_report_tells_layers_packages_and_other_places_of_an_image() {
    let (_folder, data) = scanned();
    let amd = ["--platform", "linux/amd64"];
    let reference = ["image", "acme/shop/multi:1.0"];
    let json = ["--format", "json"];
    let report = ox(&data, &[&reference[..], &amd, &json].concat())
        .must(0)
        .json();
    assert_eq!(report["kind"], "image-report");
    assert_eq!(report["packages"], 40);
    assert_eq!(report["formats"][0]["format"], "dpkg");
    assert_eq!(report["layers"].as_array().unwrap().len(), 2);
    assert_eq!(report["layers"][0]["packages"], 40);
    assert_eq!(report["layers"][1]["packages"], 0);
    assert_eq!(report["also_in"][0]["location"], "acme/tools");
    assert_eq!(report["image"]["operating_system"]["id"], "debian");

    let page = ox(&data, &[&reference[..], &amd].concat()).must(0).stdout;
    for text in [
        "COPY app /srv",
        "also acme/tools",
        "dpkg",
        "Debian GNU/Linux 12",
    ] {
        assert!(page.contains(text), "{text} is not in\n{page}");
    }
    let digest = report["image"]["digest"].as_str().unwrap();
    let by_digest = ox(&data, &["image", digest, "--format", "jsonl"]).must(0);
    assert_eq!(by_digest.lines()[0]["packages"], 40);

    let more = ["--packages", "--name", "libssl*", "--format", "json"];
    let packages = ox(&data, &[&reference[..], &amd, &more].concat())
        .must(0)
        .json();
    let packages = packages["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 1);
    assert_eq!(packages[0]["name"], "libssl3");
}

#[test]
fn an_sbom_names_every_package_of_the_image_and_is_the_same_each_time() {
    let (folder, data) = scanned();
    let digest = {
        let lines = ox(&data, &["images", "--format", "jsonl"]).must(0).lines();
        lines[0]["digest"].as_str().unwrap().to_owned()
    };
    let packages = ox(
        &data,
        &["images", "--packages", &digest, "--format", "jsonl"],
    )
    .must(0);
    let packages: BTreeSet<String> = packages
        .lines()
        .iter()
        .map(|package| package["purl"].as_str().unwrap().to_owned())
        .collect();
    let sbom = |form: &str, file: &Path| {
        let file = file.to_str().unwrap();
        let arguments = ["image", &digest, "--sbom", form, "--output", file];
        let ended = Run::new(&data, &arguments)
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .end();
        assert_eq!(ended.must(0).stdout, "");
        std::fs::read_to_string(file).unwrap()
    };
    let (one, two) = (
        folder.path().join("one.json"),
        folder.path().join("two.json"),
    );
    for form in ["cyclonedx", "spdx"] {
        let text = sbom(form, &one);
        assert_eq!(text, sbom(form, &two));
        let document: Value = serde_json::from_str(&text).unwrap();
        let found: BTreeSet<String> = match form {
            "cyclonedx" => {
                assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
                let components = document["components"].as_array().unwrap().iter();
                components
                    .filter_map(|one| one["purl"].as_str().map(str::to_owned))
                    .collect()
            }
            _ => {
                let packages = document["packages"].as_array().unwrap().iter();
                packages
                    .filter_map(|one| one["externalRefs"][0]["referenceLocator"].as_str())
                    .filter(|purl| !purl.starts_with("pkg:oci/"))
                    .map(str::to_owned)
                    .collect()
            }
        };
        assert_eq!(found, packages, "{form}");
    }
    // Without a file it goes to stdout, and nothing else does.
    let ended = ox(&data, &["image", &digest, "--sbom", "spdx"]).must(0);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
}

#[test]
fn findings_are_chosen_by_their_kind() {
    let (_folder, data) = scanned();
    let many = |more: &[&str]| {
        let arguments = [&["findings", "--format", "jsonl"][..], more].concat();
        let lines = ox(&data, &arguments).must(0).lines();
        for line in &lines {
            if let Some(at) = more.iter().position(|word| *word == "--kind") {
                assert_eq!(line["category"], more[at + 1], "{line}");
            }
        }
        lines.len()
    };
    let all = many(&[]);
    let kinds = [
        "vulnerability",
        "secret",
        "misconfiguration",
        "licence",
        "other",
    ];
    let sum: usize = kinds.iter().map(|kind| many(&["--kind", kind])).sum();
    assert_eq!(sum, all);
    assert_eq!(many(&["--kind", "vulnerability"]), 3);
    ox(&data, &["findings", "--kind", "rumour"]).must(2);
    // What the list of images counts is what the list of findings holds.
    for image in ox(&data, &["images", "--format", "jsonl"]).must(0).lines() {
        let digest = image["digest"].as_str().unwrap();
        let location = image["location"].as_str().unwrap();
        for (kind, column) in [
            ("secret", "secrets"),
            ("misconfiguration", "misconfigurations"),
        ] {
            let found = many(&["--kind", kind, "--image", digest, "--location", location]);
            assert_eq!(image[column], found, "{image}");
        }
    }
}

#[test]
fn the_same_image_in_two_connections_has_two_inventories() {
    let stage = Stage::small().connected();
    stage.connect("other");
    stage.ox(&["scan", "work"]).must(0);
    stage.ox(&["scan", "other"]).must(0);
    let data = stage.data();
    let ended = ox(&data, &["image", "acme/shop/api:1.0"]).must(2);
    assert!(
        ended.stderr.contains("is in 2 connections"),
        "{}",
        ended.stderr
    );
    assert_eq!(run_choices(&data, &ended, |ended| drop(ended.must(0))), 2);
    let inventories = stage.query("SELECT connection_id || ' ' || digest FROM inventory");
    let connections: BTreeSet<&str> = inventories
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(connections.len(), 2, "{inventories:?}");

    stage.ox(&["disconnect", "other"]).must(0);
    let arguments = [
        "image",
        "acme/shop/api:1.0",
        "--packages",
        "--format",
        "jsonl",
    ];
    assert_eq!(ox(&data, &arguments).must(0).lines().len(), 40);
}
