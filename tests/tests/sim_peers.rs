//! Clients and a registry that were not written for the simulator work with it. Each test is passed over,
//! with a printed line, where its program is not installed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]

use ox_harness::image::{Image, digest_of, root};
use ox_harness::sim::client::get;
use ox_harness::sim::{Modes, Registry, acme};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn runs(program: &str, arguments: &[&str]) -> bool {
    let command = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    command.is_ok_and(|status| status.success())
}

#[test]
fn python_gitlab_sees_what_the_organisation_holds() {
    if !runs("python3", &["-c", "import gitlab"]) {
        println!("passed over: python-gitlab is not installed");
        return;
    }
    let gitlab = acme::start(Modes::default()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/list_with_python_gitlab.py");
    let output = Command::new("python3")
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

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(address: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "nothing listens at {address}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_real_registry_takes_the_simulators_tokens_for_a_push_and_a_pull() {
    if !runs("docker-registry", &["--version"]) || !runs("skopeo", &["--version"]) {
        println!("passed over: docker-registry or skopeo is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let host = format!("127.0.0.1:{port}");
    let modes = Modes {
        registry: Registry::External(host.clone()),
        ..Modes::default()
    };
    let gitlab = acme::start(modes).unwrap();
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, gitlab.token_certificate_pem()).unwrap();
    let config = folder.path().join("config.yml");
    std::fs::write(
        &config,
        format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {root}\n\
             http:\n  addr: {host}\nauth:\n  token:\n    realm: {gitlab}/jwt/auth\n    \
             service: container_registry\n    issuer: gitlab-issuer\n    rootcertbundle: {bundle}\n",
            root = folder.path().join("data").display(),
            gitlab = gitlab.base_url(),
            bundle = bundle.display(),
        ),
    )
    .unwrap();
    let _registry = Running(
        Command::new("docker-registry")
            .args(["serve", config.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_for(&host);

    let image = Image::amd64().layer(root::debian(12).layer).build();
    let layout = folder.path().join("layout");
    image.write_layout(&layout, "first").unwrap();
    let target = format!("docker://{host}/northwind/shop/web-store/pushed:1.0");
    let push = |secret: &str| {
        Command::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "--dest-tls-verify=false",
                "--dest-creds",
            ])
            .arg(format!("mira:{secret}"))
            .arg(format!("oci:{}:first", layout.display()))
            .arg(&target)
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap()
    };
    assert!(
        !push(acme::TOKEN).status.success(),
        "read scopes must not push"
    );
    let pushed = push(acme::TOKEN_API);
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );

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
