//! `verify`: each fault shows at its own step, in its own words, with its own remedy.

use ox_harness::image::Image;
use ox_harness::peers::{DockerRegistry, TokenService, free_port};
use ox_harness::rig::{Rig, draft, signs, step};
use ox_harness::sim::{
    Edition, Fault, FeatureAccess, Modes, Organisation, Place, Registry, Reply, Running, Trouble,
    Version, acme, level, scope,
};
use ox_host::contract::Verification;

/// Everything is right, over plain http to this machine.
const GREEN: &str = "+-+++++++";

async fn verified(gitlab: &Running, token: &str) -> Verification {
    verified_at(&gitlab.base_url(), token).await
}

async fn verified_at(url: &str, token: &str) -> Verification {
    let rig = Rig::open().await.unwrap();
    rig.verify(draft(url, token)).await.unwrap().verification
}

/// Asserts the signs of all steps, and words of one of them: what was seen, and what to do.
#[track_caller]
fn assert_step(verification: &Verification, all: &str, id: &str, seen: &[&str], hint: &str) {
    assert_eq!(signs(verification), all, "{:#?}", verification.steps);
    let step = step(verification, id).unwrap();
    for word in seen {
        assert!(step.seen.contains(word), "{word:?} is not in {step:?}");
    }
    assert!(step.hint.contains(hint), "{hint:?} is not in {step:?}");
}

fn attribute<'v>(verification: &'v Verification, key: &str) -> &'v str {
    let found = verification.attributes.iter().find(|(k, _)| k == key);
    found.map_or("", |(_, value)| value)
}

/// Requests that carried the credential.
fn tried(gitlab: &Running) -> usize {
    gitlab.count(|entry| {
        entry.place == Place::Jwt
            || (entry.place != Place::Registry
                && entry
                    .headers
                    .iter()
                    .any(|name| name == "private-token" || name == "authorization"))
    })
}

/// A group with one project that has one image.
fn small() -> Organisation {
    let mut org = Organisation::new();
    let ada = org.user("ada");
    org.token(ada, "glpat-ada", &scope::CONNECTOR);
    let group = org.group(None, "acme", |g| g.members.push((ada, level::REPORTER)));
    let project = org.project(group, "App", |_| {});
    let repository = org.repository(project, "");
    org.push(repository, "1.0", &Image::amd64().build());
    org
}

#[tokio::test]
async fn the_full_token_is_green_at_every_step() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let told = verified(&gitlab, acme::TOKEN).await;
    assert_step(
        &told,
        GREEN,
        "registry",
        &["4.32.0", "with the metadata"],
        "",
    );
    assert_eq!(attribute(&told, "account.username"), "mira");
    assert_eq!(attribute(&told, "registry.database"), "true");
    assert_eq!(attribute(&told, "registry.host"), gitlab.registry_host());
    assert!(attribute(&told, "gitlab.version").starts_with("18.5.1"));
    assert!(gitlab.log().len() < 40, "{} requests", gitlab.log().len());
}

#[tokio::test]
async fn a_refused_token_fails_at_the_token_and_is_tried_once() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let new = "Create a new token";
    for (token, seen, hint) in [
        (acme::TOKEN_EXPIRED, "has expired", new),
        (acme::TOKEN_REVOKED, "was revoked", new),
        (
            "glpat-nobody-knows-me",
            "does not know the token",
            "copied whole",
        ),
        (acme::TOKEN_BLOCKED, "blocked", "unblock the user"),
        (
            acme::TOKEN_DEPLOY,
            "does not know the token",
            "deploy tokens",
        ),
    ] {
        gitlab.clear_log();
        let told = verified(&gitlab, token).await;
        assert_step(&told, "+-x------", "token", &[seen], hint);
        assert_eq!(tried(&gitlab), 1, "{token}: {:#?}", gitlab.log());
        assert_eq!(gitlab.jwt_requests(), 0, "{token}");
        let shown = format!("{told:?}");
        assert!(!shown.contains(token), "the token is shown: {shown}");
    }
}

#[tokio::test]
async fn missing_scopes_are_named_one_by_one() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let told = verified(&gitlab, acme::TOKEN_READ_USER).await;
    assert_step(
        &told,
        "+-+x+++x-",
        "scopes",
        &[
            "lacks the scopes read_registry, read_api",
            "it has: read_user",
        ],
        "Create a token that has read_registry, read_api too",
    );
    assert_eq!(gitlab.jwt_requests(), 0, "there is nothing to sign in for");

    let told = verified(&gitlab, acme::TOKEN_READ_REGISTRY).await;
    let scopes = step(&told, "scopes").unwrap();
    assert_eq!(signs(&told).chars().nth(3), Some('x'), "{told:#?}");
    assert!(scopes.seen.contains("read_api"), "{scopes:?}");
    assert!(
        !scopes.seen.contains("read_registry, read_api"),
        "{scopes:?}"
    );

    // Enough to work with, so it is no fault; what is not set is told all the same.
    let told = verified(&gitlab, acme::TOKEN_READ_API).await;
    let seen = &["not set: read_user, read_registry", "read_api covers it"];
    assert_step(&told, GREEN, "scopes", seen, "");
}

#[tokio::test]
async fn a_token_that_ends_soon_is_a_warning_with_the_date() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let date = gitlab.world(|world| {
        let tokens = &world.organisation.tokens;
        let token = tokens.iter().find(|t| t.value == acme::TOKEN_EXPIRING);
        token.unwrap().expires_at.clone().unwrap()
    });
    let told = verified(&gitlab, acme::TOKEN_EXPIRING).await;
    assert_step(&told, "+-++!++++", "expiry", &[&date, "days"], "next token");
    assert_eq!(attribute(&told, "token.expires-at"), date);
}

#[tokio::test]
async fn the_account_says_what_it_can_see() {
    let gitlab = acme::start(Modes::default()).unwrap();
    for (token, all, seen) in [
        (acme::TOKEN_ADMIN, "+-+!+++++", "root, an administrator"),
        (acme::TOKEN_REPORTER, GREEN, "jonas, not an administrator"),
        (acme::TOKEN_BOT, GREEN, "project or group access token"),
    ] {
        let told = verified(&gitlab, token).await;
        assert_step(&told, all, "account", &[seen], "");
    }
    let told = verified(&gitlab, acme::TOKEN_GRANULAR).await;
    assert_step(&told, GREEN, "scopes", &["fine-grained"], "");
}

#[tokio::test]
async fn every_version_and_edition_says_what_it_is() {
    for (version, all, edition) in [
        (Version::V13_12, "+-++-+!++", Edition::Free),
        (Version::V15_11, GREEN, Edition::Ultimate),
        (Version::V18_5, GREEN, Edition::Community),
        (Version::V19_0_2, GREEN, Edition::Free),
    ] {
        let modes = Modes {
            version,
            edition,
            ..Modes::default()
        };
        let gitlab = acme::start(modes).unwrap();
        let told = verified(&gitlab, acme::TOKEN).await;
        assert_step(&told, all, "version", &[&version.to_string()], "");
        if version != Version::V13_12 {
            let build = if edition == Edition::Community {
                "ce"
            } else {
                "ee"
            };
            assert_eq!(attribute(&told, "gitlab.edition"), build, "{version}");
        }
    }
}

#[tokio::test]
async fn an_old_gitlab_refuses_a_bad_token_at_the_token_too() {
    let gitlab = acme::start(Modes::version(Version::V13_12)).unwrap();
    let told = verified(&gitlab, "glpat-nobody-knows-me").await;
    assert_step(
        &told,
        "+-x------",
        "token",
        &["does not know"],
        "copied whole",
    );
    assert_eq!(gitlab.jwt_requests(), 0);
}

#[tokio::test]
async fn a_registry_that_is_off_down_or_without_a_database_is_told_apart() {
    for (registry, down, all, seen, hint) in [
        (
            Registry::Disabled,
            false,
            "+-+++++x-",
            "none",
            "administrator",
        ),
        (
            Registry::Database,
            true,
            "+-+++++x-",
            "in trouble",
            "tried again",
        ),
        (
            Registry::Legacy,
            false,
            GREEN,
            "without the metadata database",
            "",
        ),
    ] {
        let modes = Modes {
            registry,
            registry_down: down,
            ..Modes::default()
        };
        let gitlab = acme::start(modes).unwrap();
        let told = verified(&gitlab, acme::TOKEN).await;
        assert_step(&told, all, "registry", &[seen], hint);
    }
}

#[tokio::test]
async fn a_project_whose_registry_is_off_is_not_what_the_registry_is_judged_by() {
    let mut org = small();
    let group = org.groups[0].id;
    let off = org.project(group, "Newer", |p| p.registry = FeatureAccess::Disabled);
    org.repository(off, "");
    let gitlab = ox_harness::sim::GitLab::start(org, Modes::default()).unwrap();
    let told = verified(&gitlab, "glpat-ada").await;
    assert_step(&told, GREEN, "pull", &["acme/app"], "");
}

#[tokio::test]
async fn a_relative_root_is_part_of_the_address_however_it_is_pasted() {
    let modes = Modes {
        relative_root: "/gitlab".to_owned(),
        ..Modes::default()
    };
    let gitlab = acme::start(modes).unwrap();
    for tail in ["", "/", "/api/v4", "/api/v4/"] {
        let url = format!("{}{tail}", gitlab.base_url());
        assert!(url.contains("/gitlab"));
        let told = verified_at(&url, acme::TOKEN).await;
        assert_step(&told, GREEN, "address", &["/gitlab"], "");
    }
    // Without its root there is no GitLab, and the sentence says where to look.
    let bare = gitlab.base_url().replace("/gitlab", "");
    let told = verified_at(&bare, acme::TOKEN).await;
    assert_step(&told, "x--------", "address", &["no GitLab API"], "path");
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_given_and_named_when_not() {
    let modes = Modes {
        tls: true,
        ..Modes::default()
    };
    let gitlab = acme::start(modes).unwrap();
    let rig = Rig::open().await.unwrap();
    let mut draft = draft(&gitlab.base_url(), acme::TOKEN);
    let told = rig.verify(draft.clone()).await.unwrap().verification;
    assert_step(&told, "+x-------", "tls", &["certificate"], "--ca");
    assert_eq!(tried(&gitlab), 0);

    draft.network.ca_pem = vec![gitlab.authority_pem()];
    let told = rig.verify(draft).await.unwrap().verification;
    assert_step(&told, "+++++++++", "tls", &["trusted"], "");
}

#[tokio::test]
async fn an_address_where_nothing_listens_fails_at_the_address() {
    let port = free_port().unwrap();
    let told = verified_at(&format!("http://127.0.0.1:{port}"), acme::TOKEN).await;
    let place = format!("127.0.0.1:{port}");
    assert_step(&told, "x--------", "address", &[&place], "");
    assert!(!told.steps[0].hint.is_empty());

    let told = verified_at("https://gitlab.no-such-name.invalid", acme::TOKEN).await;
    let seen = &["gitlab.no-such-name.invalid"];
    assert_step(&told, "x--------", "address", seen, "spelling");
}

#[tokio::test]
async fn what_is_no_gitlab_fails_at_the_address_with_what_it_is() {
    let page = "<html><head><title>Login</title></head><body>Sign in</body></html>";
    let maintenance = "<html><body>GitLab is down for maintenance.</body></html>";
    for (reply, seen) in [
        (Reply::of(200, "text/html", page), "web page"),
        (Reply::of(503, "text/html", maintenance), "503"),
        (
            Reply::text(503, "We are down for maintenance.\n"),
            "maintenance",
        ),
        (Reply::of(404, "text/html", page), "no GitLab API"),
        (Reply::text(200, "OK"), "not the JSON"),
        (Reply::of(401, "text/html", page), "own sign-in"),
    ] {
        let gitlab = ox_harness::sim::GitLab::start(small(), Modes::default()).unwrap();
        gitlab.fault(Fault::new(Trouble::Answer(reply)).always());
        let told = verified(&gitlab, "glpat-ada").await;
        assert_step(&told, "x--------", "address", &[seen], "");
        assert!(!told.steps[0].hint.is_empty(), "{:?}", told.steps[0]);
    }
}

#[tokio::test]
async fn trouble_at_the_token_service_is_told_at_the_registry() {
    let denied = serde_json::json!({ "errors": [{ "code": "DENIED", "message": "access forbidden" }],
                                     "http_status": 403 });
    let access = "HTTP Basic: Access denied. If a password was provided for Git authentication, \
                  the password was incorrect or you're required to use a token instead of a password.";
    let unauthorized =
        serde_json::json!({ "errors": [{ "code": "UNAUTHORIZED", "message": access }] });
    let unavailable = serde_json::json!({ "errors": [{ "code": "UNAVAILABLE", "message": "registry not enabled" }] });
    for (trouble, seen, hint) in [
        (
            Trouble::Answer(Reply::json(403, &denied)),
            "may not read the registry",
            "read_registry",
        ),
        (
            Trouble::Answer(Reply::json(401, &unauthorized)),
            "does not accept the token",
            "expired",
        ),
        (
            Trouble::Answer(Reply::json(404, &unavailable)),
            "switched off",
            "administrator",
        ),
        (Trouble::ban(), "banned", "Wait"),
    ] {
        let gitlab = ox_harness::sim::GitLab::start(small(), Modes::default()).unwrap();
        gitlab.fault(Fault::new(trouble).at(Place::Jwt).always());
        let told = verified(&gitlab, "glpat-ada").await;
        assert_step(&told, "+-+++++x-", "registry", &[seen], hint);
        assert_eq!(gitlab.jwt_requests(), 1, "tried again: {seen}");
    }
}

#[tokio::test]
async fn somebody_elses_registry_is_signed_in_to_as_well() {
    let Some(open) = DockerRegistry::open().unwrap() else {
        return;
    };
    let image = Image::amd64()
        .layer(ox_harness::image::root::alpine(3).layer)
        .build();
    let pushed = open.push(&image, "acme/app", "1.0").unwrap();
    let port = free_port().unwrap();
    let host = format!("127.0.0.1:{port}");
    let modes = Modes {
        registry: Registry::External(host.clone()),
        ..Modes::default()
    };
    let gitlab = ox_harness::sim::GitLab::start(small(), modes).unwrap();
    let service = TokenService {
        realm: format!("{}/jwt/auth", gitlab.base_url()),
        issuer: "gitlab-issuer".to_owned(),
        certificate: gitlab.token_certificate_pem(),
    };
    let _guarded = open.guarded(port, &service).unwrap();
    let told = verified(&gitlab, "glpat-ada").await;
    let all = if pushed { GREEN } else { "+-+++++-" };
    let signs = signs(&told);
    assert!(signs.starts_with(&all[..8]), "{told:#?}");
    let seen = &step(&told, "registry").unwrap().seen;
    assert!(
        seen.contains(&host) && seen.contains("not GitLab's own"),
        "{seen}"
    );
}
