//! The simulated registry and its token service refuse what the real ones refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use ox_harness::image::{Artefact, Image, Index, Layer, attestation, digest_of, media, schema1};
use ox_harness::sim::client::{Answer, get, send};
use ox_harness::sim::{
    Fault, GitLab, Modes, Organisation, Place, Registry, Running, Trouble, Visibility, level, scope,
};

struct Setup {
    gitlab: Running,
    image: Artefact,
    index: Artefact,
    list: Artefact,
}

fn setup(modes: Modes) -> Setup {
    let mut org = Organisation::new();
    let alice = org.user("alice");
    org.token(alice, "glpat-full", &scope::CONNECTOR);
    org.token(alice, "glpat-user-only", &["read_user"]);
    org.token(alice, "glpat-api-only", &["read_api"]);
    org.token(alice, "glpat-registry-only", &["read_registry"]);
    org.token_with(alice, "glpat-expired", &scope::CONNECTOR, |t| {
        t.expires_at = Some("2024-01-01".to_owned());
    });
    org.token_with(alice, "glpat-revoked", &scope::CONNECTOR, |t| {
        t.revoked = true;
    });
    let acme = org.group(None, "Acme", |g| g.members.push((alice, level::REPORTER)));
    let shop = org.project(acme, "Shop", |_| {});
    let repository = org.repository(shop, "api");
    org.deploy_token(shop, "deployer", "gldt-one", &["read_registry"]);
    let image = Image::amd64()
        .layer(Layer::new().file("etc/hello", "world"))
        .build();
    let arm = Image::new(ox_harness::image::Platform::arm64())
        .docker()
        .build();
    let amd = Image::amd64()
        .docker()
        .layer(Layer::new().file("a", "b").plain())
        .build();
    let index = Index::oci()
        .child(&image)
        .child(attestation(&image))
        .build();
    let list = Index::docker().child(&arm).child(&amd).build();
    org.push(repository, "1.0", &image);
    org.push(repository, "multi", &index);
    org.push(repository, "list", &list);
    org.push(repository, "docker", &amd);
    org.push(repository, "old", &schema1("acme/shop/api", "old"));
    let other = org.project(acme, "empty", |_| {});
    let empty = org.repository(other, "");
    org.empty_repository(empty);
    org.repository(other, "unknown");
    let stranger = org.user("stranger");
    let hidden = org.project(ox_harness::sim::Namespace::User(stranger), "hidden", |_| {});
    org.repository(hidden, "");
    let public = org.group(None, "open", |g| g.visibility = Visibility::Public);
    let public = org.project(public, "tool", |p| p.visibility = Visibility::Public);
    org.repository(public, "");
    Setup {
        gitlab: GitLab::start(org, modes).unwrap(),
        image,
        index,
        list,
    }
}

fn basic(user: &str, secret: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
    format!("Basic {text}")
}

impl Setup {
    fn sign_in(&self, user: &str, secret: &str, scope: &str) -> Answer {
        let url = format!(
            "{}/jwt/auth?service=container_registry&scope={scope}",
            self.gitlab.base_url()
        );
        get(&url, &[("authorization", &basic(user, secret))]).unwrap()
    }

    fn jwt(&self, repository: &str) -> String {
        let answer = self.sign_in(
            "alice",
            "glpat-full",
            &format!("repository:{repository}:pull"),
        );
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    fn registry(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        get(&format!("{}{path}", self.gitlab.registry_url()), headers).unwrap()
    }

    fn pull(&self, path: &str, accept: &str) -> Answer {
        let jwt = format!("Bearer {}", self.jwt("acme/shop/api"));
        self.registry(path, &[("authorization", &jwt), ("accept", accept)])
    }
}

const ALL: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json";

#[test]
fn a_ping_without_a_token_is_answered_with_the_challenge() {
    let sim = setup(Modes::default());
    let answer = sim.registry("/v2/", &[]);
    assert_eq!(answer.status, 401);
    let expected = format!(
        "Bearer realm=\"{}/jwt/auth\",service=\"container_registry\"",
        sim.gitlab.base_url()
    );
    assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
    assert_eq!(
        answer.text(),
        r#"{"errors":[{"code":"UNAUTHORIZED","detail":null,"message":"authentication required"}]}"#
    );
    let jwt = sim.sign_in("x", "glpat-full", "").json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = sim.registry("/v2/", &[("authorization", &format!("Bearer {jwt}"))]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(
        answer.header("gitlab-container-registry-database-enabled"),
        Some("true")
    );
}

#[test]
fn every_kind_of_token_signs_in_or_is_refused_as_in_gitlab() {
    let sim = setup(Modes::default());
    let wanted = "repository:acme/shop/api:pull";
    for (user, secret, status) in [
        ("anyone", "glpat-full", 200),
        ("anyone", "glpat-api-only", 200),
        ("anyone", "glpat-registry-only", 200),
        ("anyone", "glpat-user-only", 403),
        ("anyone", "glpat-expired", 401),
        ("anyone", "glpat-revoked", 401),
        ("anyone", "no-such-token", 401),
        ("", "glpat-full", 401),
        ("gitlab-ci-token", "glpat-full", 401),
        ("deployer", "gldt-one", 200),
        ("somebody", "gldt-one", 401),
    ] {
        assert_eq!(
            sim.sign_in(user, secret, wanted).status,
            status,
            "{user}:{secret}"
        );
    }
    let bearer = get(
        &format!(
            "{}/jwt/auth?service=container_registry",
            sim.gitlab.base_url()
        ),
        &[("private-token", "glpat-full")],
    );
    assert_eq!(
        bearer.unwrap().status,
        403,
        "PRIVATE-TOKEN does not sign in here"
    );
    let url = format!("{}/jwt/auth?service=other", sim.gitlab.base_url());
    assert_eq!(get(&url, &[]).unwrap().status, 404);
    let url = format!(
        "{}/jwt/auth?service=container_registry",
        sim.gitlab.base_url()
    );
    assert_eq!(send("POST", &url, &[], b"").unwrap().status, 404);
}

#[test]
fn a_denied_scope_is_left_out_in_silence_and_the_registry_says_insufficient_scope() {
    let sim = setup(Modes::default());
    for path in ["stranger/hidden", "no/such/project", "Acme/Shop/api"] {
        let answer = sim.sign_in("alice", "glpat-full", &format!("repository:{path}:pull"));
        assert_eq!(answer.status, 200);
        let jwt = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
        let answer = sim.registry("/v2/stranger/hidden/tags/list", &[("authorization", &jwt)]);
        assert_eq!(answer.status, 401);
        assert!(
            answer.header("www-authenticate").unwrap().contains(
                ",scope=\"repository:stranger/hidden:pull\",error=\"insufficient_scope\""
            )
        );
    }
    let answer = sim.registry(
        "/v2/acme/shop/api/tags/list",
        &[("authorization", "Bearer a.b.c")],
    );
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .ends_with("error=\"invalid_token\"")
    );
    let open = "/jwt/auth?service=container_registry&scope=repository:open/tool:pull";
    assert_eq!(
        get(&format!("{}{open}", sim.gitlab.base_url()), &[])
            .unwrap()
            .status,
        200
    );
    let shut = "/jwt/auth?service=container_registry&scope=repository:acme/shop/api:pull";
    let answer = get(&format!("{}{shut}", sim.gitlab.base_url()), &[]).unwrap();
    assert_eq!(
        (answer.status, answer.json()["http_status"].as_u64()),
        (403, Some(403))
    );
}

#[test]
fn a_token_that_is_too_old_or_tampered_with_is_invalid() {
    let sim = setup(Modes {
        jwt_lifetime: std::time::Duration::ZERO,
        jwt_leeway: std::time::Duration::ZERO,
        ..Modes::default()
    });
    let jwt = sim.jwt("acme/shop/api");
    let answer = sim.registry(
        "/v2/acme/shop/api/tags/list",
        &[("authorization", &format!("Bearer {jwt}"))],
    );
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .ends_with("error=\"invalid_token\"")
    );
    sim.gitlab
        .modes(|modes| modes.jwt_lifetime = std::time::Duration::from_secs(60));
    let jwt = sim.jwt("acme/shop/api");
    let good = format!("Bearer {jwt}");
    let path = "/v2/acme/shop/api/tags/list";
    assert_eq!(sim.registry(path, &[("authorization", &good)]).status, 200);
    let mut parts: Vec<&str> = jwt.split('.').collect();
    let other = sim.jwt("acme/empty");
    parts[1] = other.split('.').nth(1).unwrap();
    let bad = format!("Bearer {}", parts.join("."));
    assert_eq!(sim.registry(path, &[("authorization", &bad)]).status, 401);
}

#[test]
fn manifests_are_served_only_to_those_who_accept_them() {
    let sim = setup(Modes::default());
    let base = "/v2/acme/shop/api/manifests";
    let answer = sim.pull(&format!("{base}/1.0"), ALL);
    assert_eq!(
        answer.header("docker-content-digest"),
        Some(sim.image.digest.as_str())
    );
    assert_eq!(digest_of(&answer.body), sim.image.digest);
    let narrow = sim.pull(&format!("{base}/1.0"), media::DOCKER_MANIFEST);
    assert_eq!(narrow.status, 404);
    assert!(
        narrow
            .text()
            .contains("OCI manifest found, but accept header does not support")
    );
    let any = sim.pull(&format!("{base}/multi"), "*/*");
    assert_eq!(any.status, 404);
    assert!(any.text().contains("OCI index found"));
    let multi = sim.pull(&format!("{base}/multi"), ALL);
    assert_eq!(
        multi.header("docker-content-digest"),
        Some(sim.index.digest.as_str())
    );
    let rewritten = sim.pull(&format!("{base}/list"), media::DOCKER_MANIFEST);
    assert_eq!(rewritten.status, 200);
    assert_ne!(
        rewritten.header("docker-content-digest"),
        Some(sim.list.digest.as_str())
    );
    let whole = sim.pull(
        &format!("{base}/{}", sim.list.digest),
        media::DOCKER_MANIFEST,
    );
    assert_eq!(
        whole.header("docker-content-digest"),
        Some(sim.list.digest.as_str())
    );
    assert_eq!(sim.pull(&format!("{base}/old"), ALL).status, 400);
    assert_eq!(sim.pull(&format!("{base}/none"), ALL).status, 404);
    assert_eq!(sim.pull("/v2/Acme/Shop/api/manifests/1.0", ALL).status, 404);
    assert_eq!(
        sim.pull(
            &format!("/v2/acme/shop/api/referrers/{}", sim.image.digest),
            ALL
        )
        .status,
        404
    );
}

#[test]
fn a_blob_is_redirected_to_an_address_that_is_good_for_one_method_and_without_credentials() {
    let sim = setup(Modes::default());
    let digest = sim.image.blobs[1].digest.clone();
    let path = format!("/v2/acme/shop/api/blobs/{digest}");
    let answer = sim.pull(&path, "*/*");
    assert_eq!(answer.status, 307);
    let address = answer.header("location").unwrap().to_owned();
    assert!(address.starts_with(&sim.gitlab.storage_url()));
    let blob = get(&address, &[]).unwrap();
    assert_eq!((blob.status, digest_of(&blob.body)), (200, digest.clone()));
    assert_eq!(send("HEAD", &address, &[], b"").unwrap().status, 403);
    assert_eq!(
        get(&address, &[("authorization", "Bearer x")])
            .unwrap()
            .status,
        400
    );
    assert_eq!(
        get(&address, &[("private-token", "x")]).unwrap().status,
        400
    );
    let part = get(&address, &[("range", "bytes=2-5")]).unwrap();
    assert_eq!((part.status, part.body.len()), (206, 4));
    assert_eq!(part.body, blob.body[2..6]);
    assert_eq!(get(&format!("{address}0"), &[]).unwrap().status, 403);
    sim.gitlab.modes(|modes| modes.redirect_blobs = false);
    let own = sim.pull(&path, "*/*");
    assert_eq!((own.status, digest_of(&own.body)), (200, digest));
    let none = sim.pull(
        &format!("/v2/acme/shop/api/blobs/{}", digest_of(b"none")),
        "*/*",
    );
    assert_eq!(
        (none.status, none.json()["errors"][0]["code"].as_str()),
        (404, Some("BLOB_UNKNOWN"))
    );
}

#[test]
fn tags_are_paged_with_the_database_only_and_an_empty_list_is_null() {
    let sim = setup(Modes::default());
    let answer = sim.pull("/v2/acme/shop/api/tags/list?n=2", "*/*");
    assert_eq!(answer.json()["tags"].as_array().unwrap().len(), 2);
    assert_eq!(
        answer.header("link"),
        Some("</v2/acme/shop/api/tags/list?last=docker&n=2>; rel=\"next\"")
    );
    let empty = format!("Bearer {}", sim.jwt("acme/empty"));
    let answer = sim.registry("/v2/acme/empty/tags/list", &[("authorization", &empty)]);
    assert!(answer.text().contains("\"tags\":null"));
    let unknown = format!("Bearer {}", sim.jwt("acme/empty/unknown"));
    let answer = sim.registry(
        "/v2/acme/empty/unknown/tags/list",
        &[("authorization", &unknown)],
    );
    assert_eq!(answer.json()["errors"][0]["code"], "NAME_UNKNOWN");
    sim.gitlab.modes(|modes| modes.registry = Registry::Legacy);
    let answer = sim.pull("/v2/acme/shop/api/tags/list?n=2", "*/*");
    assert_eq!(answer.json()["tags"].as_array().unwrap().len(), 5);
    assert_eq!(answer.header("link"), None);
}

#[test]
fn gitlabs_own_list_needs_its_slash_its_database_and_good_parameters() {
    let sim = setup(Modes::default());
    let base = "/gitlab/v1/repositories/acme/shop/api/tags/list";
    let moved = sim.pull(&format!("{base}?n=5"), "*/*");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some(&*format!("{base}/?n=5")))
    );
    let page = sim.pull(&format!("{base}/?n=2&referrers=true"), "*/*");
    let rows = page.json();
    assert_eq!(rows[0]["name"], "1.0");
    assert_eq!(rows[0]["digest"], sim.image.digest);
    assert_eq!(
        rows[0]["config_digest"].as_str(),
        sim.image.config_digest.as_deref()
    );
    assert_eq!(
        page.header("link"),
        Some("</gitlab/v1/repositories/acme/shop/api/tags/list/?last=docker&n=2>; rel=\"next\"")
    );
    let next = sim.pull(
        "/gitlab/v1/repositories/acme/shop/api/tags/list/?last=docker&n=2",
        "*/*",
    );
    assert_eq!(next.json()[1]["name"], "multi");
    assert_eq!(next.json()[1]["size_bytes"], 0);
    assert!(next.json()[1].get("config_digest").is_none());
    for bad in [
        "n=0",
        "n=1001",
        "n=x",
        "last=a&before=b",
        "sort=size",
        "name=a%2Fb",
    ] {
        assert_eq!(
            sim.pull(&format!("{base}/?{bad}"), "*/*").status,
            400,
            "{bad}"
        );
    }
    let one = sim.pull(
        "/gitlab/v1/repositories/acme/shop/api/tags/detail/multi/",
        "*/*",
    );
    assert_eq!(
        one.json()["image"]["manifest"]["references"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    sim.gitlab.modes(|modes| modes.registry = Registry::Legacy);
    let gone = sim.pull(&format!("{base}/"), "*/*");
    assert_eq!((gone.status, gone.body.len()), (404, 0));
}

#[test]
fn failed_sign_ins_end_in_a_ban() {
    let sim = setup(Modes {
        ban_after_failures: Some(3),
        ..Modes::default()
    });
    for _ in 0..3 {
        assert_eq!(sim.sign_in("a", "wrong", "").status, 401);
    }
    let banned = sim.sign_in("a", "glpat-full", "");
    assert_eq!(
        (banned.status, banned.text().as_str()),
        (403, "Forbidden\n")
    );
    assert_eq!(sim.gitlab.jwt_requests(), 4);
}

#[test]
fn announced_faults_happen_to_the_requests_they_fit_and_to_no_other() {
    let sim = setup(Modes::default());
    sim.gitlab
        .fault(Fault::new(Trouble::Cut(10)).at(Place::Storage).after(1));
    let address = |sim: &Setup| {
        let path = format!("/v2/acme/shop/api/blobs/{}", sim.image.blobs[1].digest);
        sim.pull(&path, "*/*")
            .header("location")
            .unwrap()
            .to_owned()
    };
    assert!(get(&address(&sim), &[]).unwrap().whole);
    let cut = get(&address(&sim), &[]).unwrap();
    assert_eq!((cut.whole, cut.body.len()), (false, 10));
    assert!(get(&address(&sim), &[]).unwrap().whole);
    sim.gitlab.fault(
        Fault::new(Trouble::registry_limit(1.5))
            .at(Place::Registry)
            .times(2),
    );
    for status in [429, 429, 401] {
        assert_eq!(sim.registry("/v2/", &[]).status, status);
    }
    sim.gitlab.fault(
        Fault::new(Trouble::change(|world| {
            world.organisation.store.delete_tag("acme/shop/api", "1.0");
        }))
        .path("/tags/list"),
    );
    assert_eq!(sim.pull("/v2/acme/shop/api/manifests/1.0", ALL).status, 200);
    sim.pull("/v2/acme/shop/api/tags/list", "*/*");
    assert_eq!(sim.pull("/v2/acme/shop/api/manifests/1.0", ALL).status, 404);
    sim.gitlab.fault(Fault::new(Trouble::HangUp));
    assert!(get(&sim.gitlab.base_url(), &[]).is_err());
}
