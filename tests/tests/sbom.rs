//! The SBOMs of every image of the demo organisation are valid by the specifications' own rules, as validators
//! have them that were not written for us. Passed over, with a printed line, where these are not installed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ox_harness::image::{Image, Layer, root};
use ox_harness::peers::{absent, program};
use ox_harness::program::OxHost;
use ox_harness::sim::{GitLab, Modes, acme};
use serde_json::Value;

/// What the script ends with where its validator is absent.
const ABSENT: i32 = 3;

fn validator(form: &str) -> Option<Command> {
    let python = program("python3").unwrap()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/validate_sbom.py");
    let mut command = Command::new(python);
    command.arg(script).arg(form).stdin(Stdio::null());
    Some(command)
}

/// A Debian whose packages are called and licensed as only a hostile image has it.
fn odd_image() -> ox_harness::image::Artefact {
    let mut status = String::new();
    let mut layer = Layer::new().file(
        "etc/os-release",
        "ID=\"\u{202e}odd os\"\nVERSION_ID=\"1 \u{1b}[2J\"\n",
    );
    let licences = [
        "GPL-2+ with OpenSSL exception",
        "MIT and (",
        "LicenseRef-own",
        "\u{1b}[31m\u{202e}licence",
        "DocumentRef-a:LicenseRef-b",
        "GPL-2.0-or-later OR MIT",
        "public-domain",
        "MIT\u{a0}",
        "-",
    ];
    for (number, licence) in licences.iter().enumerate() {
        let name = format!(
            "odd_{number}+{}",
            ["a", "Ö", "%2F", "\"", "<b>"][number % 5]
        );
        let version = ["1:2-3~x", "", "\u{202e}1", "{}", "1 2"][number % 5];
        status.push_str(&format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"
        ));
        let copyright = format!(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: {licence}\n\nFiles: x\nLicense: Expat\n"
        );
        layer = layer.file(&format!("usr/share/doc/{name}/copyright"), copyright);
    }
    // The same package twice in one database.
    status.push_str(&status.clone());
    let layer = layer
        .file("var/lib/dpkg/status", status)
        .command("RUN echo '\u{1b}[2J' \"}] \n\t\u{202e}");
    Image::amd64()
        .layer(layer)
        .config(|config| {
            config["config"]["Labels"] = serde_json::json!({"": "", "\u{1b}": "\u{0}", "a": "\n"});
            config["config"]["User"] = "\u{202e}".into();
        })
        .build()
}

#[test]
fn every_sbom_of_every_image_is_valid() {
    let mut org = acme::organisation();
    let northwind = org
        .groups
        .iter()
        .find(|one| one.full_path == "northwind")
        .unwrap()
        .id;
    let project = org.project(northwind, "odd", |_| {});
    let repository = org.repository(project, "");
    org.push(repository, "odd", &odd_image());
    let empty = Image::amd64().layer(Layer::new().file("x", "y")).build();
    org.push(repository, "empty", &empty);
    let alpine = Image::amd64()
        .layer(root::alpine(20).layer)
        .docker()
        .build();
    org.push(repository, "alpine", &alpine);
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let ox = OxHost::new().unwrap();
    ox.scan(&gitlab.base_url(), acme::TOKEN, "**").unwrap();

    let listed = ox.run("", &["images", "--format", "jsonl"]).unwrap();
    let images: Vec<Value> = listed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(images.len() > 10, "{} images", images.len());
    let folder = tempfile::tempdir().unwrap();
    for form in ["cyclonedx", "spdx"] {
        let mut files: Vec<PathBuf> = Vec::new();
        for image in &images {
            let digest = image["digest"].as_str().unwrap();
            let name = format!("{}.{form}.json", digest.replace(':', "-"));
            let file = folder.path().join(name);
            if files.contains(&file) {
                continue;
            }
            let path = file.to_str().unwrap();
            ox.run("", &["image", digest, "--sbom", form, "--output", path])
                .unwrap();
            files.push(file);
        }
        // SPDX's reader tells its form from the name.
        if form == "spdx" {
            for file in &mut files {
                let named = file.with_extension("").with_extension("spdx.json");
                std::fs::rename(&*file, &named).unwrap();
                *file = named;
            }
        }
        let Some(mut command) = validator(form) else {
            return;
        };
        let output = command.args(&files).output().unwrap();
        if output.status.code() == Some(ABSENT) {
            absent(&format!("the validator of {form} is not installed")).unwrap();
            continue;
        }
        assert!(
            output.status.success(),
            "{form}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_document_that_is_wrong_is_told_by_the_validators() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [
        (
            "cyclonedx",
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "x",
                "metadata": {"component": {"type": "gadget", "name": "a"}}}"#,
        ),
        (
            "spdx",
            r#"{"SPDXID": "SPDXRef-DOCUMENT", "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "name": "a",
                "documentNamespace": "no uri", "creationInfo": {"created": "2026-11-22T14:08:31Z",
                "creators": ["Tool: x"]}, "packages": [{"SPDXID": "SPDXRef-_", "name": "a",
                "downloadLocation": "NOASSERTION"}]}"#,
        ),
    ];
    for (form, text) in wrong {
        let file = folder.path().join(format!("wrong.{form}.json"));
        std::fs::write(&file, text).unwrap();
        let Some(mut command) = validator(form) else {
            return;
        };
        let output = command.arg(&file).output().unwrap();
        match output.status.code() {
            Some(ABSENT) => absent(&format!("the validator of {form} is not installed")).unwrap(),
            code => assert_eq!(code, Some(1), "{form}: {output:?}"),
        }
    }
}
