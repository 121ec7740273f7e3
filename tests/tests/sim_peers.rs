//! Clients and a registry that were not written for the simulator work with it. Each test is passed over,
//! with a printed line, where its program is not installed (an error with `OX_PEERS=required`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use ox_harness::image::{Image, digest_of, root};
use ox_harness::peers::{Installation, absent, program};
use ox_harness::sim::client::get;
use ox_harness::sim::{Modes, acme};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn python_gitlab_sees_what_the_organisation_holds() {
    let Some(python) = program("python3").unwrap() else {
        return;
    };
    let mut import = Command::new(&python);
    import.args(["-c", "import gitlab"]).stderr(Stdio::null());
    if !import.status().unwrap().success() {
        absent("python-gitlab is not installed").unwrap();
        return;
    }
    let gitlab = acme::start(Modes::default()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/list_with_python_gitlab.py");
    let output = Command::new(&python)
        .arg(script)
        .args([gitlab.base_url().as_str(), acme::TOKEN])
        .env_remove("http_proxy")
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = |key: &str| -> BTreeSet<String> {
        let list = seen[key].as_array().unwrap().iter();
        list.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen["user"], "mira");
    gitlab.world(|world| {
        let org = &world.organisation;
        let member = |path: &str| !path.starts_with("open-tools");
        let groups = org.groups.iter().map(|group| group.full_path.clone());
        assert_eq!(
            names("groups"),
            groups.filter(|path| member(path)).collect()
        );
        let projects = org.projects.iter().map(|project| project.full_path.clone());
        assert_eq!(
            names("projects"),
            projects.filter(|path| member(path)).collect()
        );
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in org.repositories.iter().filter(|row| member(&row.path)) {
            let project = org
                .projects
                .iter()
                .find(|project| project.id == row.project)
                .unwrap();
            if project.registry != ox_harness::sim::FeatureAccess::Disabled {
                let stored = org.store.repositories.get(&row.path);
                let tags = stored.map(|stored| stored.tags.keys().cloned().collect());
                expected.insert(row.path.clone(), tags.unwrap_or_default());
            }
        }
        let found: BTreeMap<String, Vec<String>> =
            serde_json::from_value(seen["repositories"].clone()).unwrap();
        assert_eq!(found, expected);
        assert_eq!(found["northwind/platform/ci-runner"].len(), acme::MANY_TAGS);
    });
}

#[test]
fn a_real_registry_takes_the_simulators_tokens_for_a_push_and_a_pull() {
    if program("skopeo").unwrap().is_none() {
        return;
    }
    let Some(site) = Installation::start(acme::organisation()).unwrap() else {
        return;
    };
    let (gitlab, host) = (&site.gitlab, site.guarded.host());
    let image = Image::amd64().layer(root::debian(12).layer).build();
    let push = |secret: &str| {
        let credentials = format!("mira:{secret}");
        let repository = "northwind/shop/web-store/pushed";
        site.guarded
            .push_as(Some(&credentials), &image, repository, "1.0")
    };
    assert!(push(acme::TOKEN).is_err(), "read scopes must not push");
    assert!(push(acme::TOKEN_API).unwrap());

    // The push was authorised, so GitLab has a row for it, and a pull finds what was pushed.
    gitlab.world(|world| {
        let rows = &world.organisation.repositories;
        assert!(
            rows.iter()
                .any(|row| row.path == "northwind/shop/web-store/pushed")
        );
    });
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("x:{}", acme::TOKEN_READ_REGISTRY))
    };
    let scope = "repository:northwind/shop/web-store/pushed:pull";
    let url = format!(
        "{}/jwt/auth?service=container_registry&scope={scope}",
        gitlab.base_url()
    );
    let token = get(&url, &[("authorization", &format!("Basic {basic}"))])
        .unwrap()
        .json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let manifest = get(
        &format!("http://{host}/v2/northwind/shop/web-store/pushed/manifests/1.0"),
        &[
            ("authorization", &bearer),
            ("accept", ox_harness::image::media::OCI_MANIFEST),
        ],
    )
    .unwrap();
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    assert_eq!(digest_of(&manifest.body), image.digest);
    let other = get(
        &format!("http://{host}/v2/northwind/shop/search/manifests/1.0"),
        &[("authorization", &bearer)],
    );
    assert_eq!(
        other.unwrap().status,
        401,
        "a token for one repository opens no other"
    );
}
