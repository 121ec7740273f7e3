#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use serde_json::json;

use super::*;
use crate::http::script::{Reply, Script};
use crate::settings::Settings;

const R: &str = "https://registry.example";

fn guarded(script: Script) -> Script {
    let challenge =
        "Bearer realm=\"https://gitlab.example/jwt/auth\",service=\"container_registry\"";
    script
        .on(
            Method::Get,
            format!("{R}/v2/"),
            Reply::json(401, "{}").with("www-authenticate", challenge),
        )
        .on(
            Method::Get,
            format!("{R}/v2/"),
            Reply::json(200, "{}")
                .with("gitlab-container-registry-version", "4.32.0-gitlab")
                .with("gitlab-container-registry-database-enabled", "true"),
        )
}

fn session(script: &Script) -> Session<'_> {
    Session {
        settings: Settings::sample("https://gitlab.example"),
        client: script.client(),
    }
}

/// A script that gives a token to whoever asks.
fn with_tokens(script: Script) -> Script {
    script.otherwise(|request| {
        if request.url.starts_with("https://gitlab.example/jwt/auth") {
            Reply::json(200, r#"{"token":"t"}"#)
        } else {
            panic!("not scripted: {}", request.url)
        }
    })
}

#[test]
fn a_registry_says_its_version_and_whether_it_has_a_database() {
    let script = with_tokens(guarded(Script::new()));
    let session = session(&script);
    let mut registry = Registry::connect(&session, "u", "registry.example").unwrap();
    let info = registry.ping().unwrap();
    assert_eq!(info.version.as_deref(), Some("4.32.0-gitlab"));
    assert!(info.database && info.guarded);
}

#[test]
fn what_is_no_host_is_no_registry() {
    let script = Script::new();
    let session = session(&script);
    for host in ["", "a/b", "user@host", "a b", "host?x"] {
        assert!(Registry::connect(&session, "u", host).is_err(), "{host}");
    }
    assert!(script.requests().is_empty());
}

#[test]
fn pages_follow_relative_links_and_a_loop_ends() {
    let first = format!("{R}/gitlab/v1/repositories/a/b/tags/list/?n=1000");
    let second = format!("{R}/gitlab/v1/repositories/a/b/tags/list/?last=x&n=1000");
    let digest = Digest::of(b"x");
    let page = |name: &str| {
        json!([{"name": name, "digest": digest.as_str(), "published_at": "2024-06-07T12:10:12.412Z"}]).to_string()
    };
    let next = |url: &str| format!("</gitlab/v1/repositories/a/b/tags/list/?{url}>; rel=\"next\"");
    let script = with_tokens(
        guarded(Script::new())
            .on(
                Method::Get,
                first,
                Reply::json(200, page("x")).with("link", next("last=x&n=1000")),
            )
            .on(
                Method::Get,
                second,
                Reply::json(200, page("y")).with("link", next("last=x&n=1000")),
            ),
    );
    let session = session(&script);
    let mut registry = Registry::connect(&session, "u", "registry.example").unwrap();
    registry.ping().unwrap();
    let listed = tags::list(&registry, "a/b").unwrap();
    let names: Vec<_> = listed.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["x", "y"]);
    assert_eq!(listed.tags[0].digest, Some(digest));
    assert_eq!(
        listed.tags[0].pushed.as_deref(),
        Some("2024-06-07T12:10:12.412Z")
    );
    assert!(!listed.complete && listed.skipped.len() == 1);
}

#[test]
fn where_gitlabs_own_list_does_not_get_through_the_plain_one_is_read() {
    let script = with_tokens(
        guarded(Script::new())
            .on(
                Method::Get,
                format!("{R}/gitlab/v1/repositories/a/b/tags/list/?n=1000"),
                Reply::text(404, "404 page not found"),
            )
            .on(
                Method::Get,
                format!("{R}/v2/a/b/tags/list?n=1000"),
                Reply::json(200, r#"{"name":"a/b","tags":["x","bad/name"]}"#),
            )
            .on(
                Method::Head,
                format!("{R}/v2/a/b/manifests/x"),
                Reply::status(200),
            )
            .on(
                Method::Get,
                format!("{R}/v2/a/b/manifests/x"),
                Reply::json(200, "{}"),
            ),
    );
    let session = session(&script);
    let mut registry = Registry::connect(&session, "u", "registry.example").unwrap();
    registry.ping().unwrap();
    let mut listed = tags::list(&registry, "a/b").unwrap();
    assert_eq!(listed.tags.len(), 1);
    assert_eq!(listed.skipped[0].0, "bad/name");
    // HEAD without a digest: the bytes of GET have one.
    tags::digests(&registry, "a/b", &mut listed.tags).unwrap();
    assert_eq!(listed.tags[0].digest, Some(Digest::of(b"{}")));
}

#[test]
fn links_that_leave_the_registry_are_not_followed() {
    let script = with_tokens(guarded(Script::new()));
    let session = session(&script);
    let registry = Registry::connect(&session, "u", "registry.example").unwrap();
    let asked = format!("{R}/v2/a/tags/list");
    assert_eq!(registry.resolve(&asked, "https://evil.example/x"), None);
    assert_eq!(registry.resolve(&asked, "//evil.example/x"), None);
    assert_eq!(
        registry
            .resolve(&asked, "/v2/a/tags/list?last=b")
            .as_deref(),
        Some("https://registry.example/v2/a/tags/list?last=b")
    );
}

#[test]
fn a_manifest_is_probed_where_there_is_one() {
    let list = format!("{R}/v2/a/b/tags/list?n=1");
    for (reply, probed) in [
        (Reply::json(200, r#"{"tags":null}"#), Some(None)),
        (
            Reply::json(404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#),
            Some(None),
        ),
        (Reply::json(200, r#"{"tags":["x"]}"#), Some(Some("a/b:x"))),
        (Reply::json(401, "{}"), None),
    ] {
        let script = with_tokens(
            guarded(Script::new())
                .on(Method::Get, list.as_str(), reply)
                .on(
                    Method::Head,
                    format!("{R}/v2/a/b/manifests/x"),
                    Reply::status(200),
                ),
        );
        let session = session(&script);
        let registry = Registry::connect(&session, "u", "registry.example").unwrap();
        match (registry.probe_manifest("a/b"), probed) {
            (Ok(answer), Some(expected)) => assert_eq!(answer.as_deref(), expected),
            (Err(Failure::Forbidden(_)), None) => {}
            other => panic!("{other:?}"),
        }
    }
}
