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
    assert!(info.database && registry.guarded.get());
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
fn links_are_taken_relative_to_the_address_that_works() {
    let script = with_tokens(guarded(Script::new()));
    let session = session(&script);
    let registry = Registry::connect(&session, "u", "registry.example").unwrap();
    let asked = format!("{R}/v2/a/tags/list");
    let next = format!("{R}/v2/a/tags/list?last=b&n=2");
    for link in [
        "/v2/a/tags/list?last=b&n=2",
        "?last=b&n=2",
        "https://registry.internal:5000/v2/a/tags/list?last=b&n=2",
        "http://registry.example/v2/a/tags/list?last=b&n=2",
        "//evil.example/v2/a/tags/list?last=b&n=2",
    ] {
        assert_eq!(
            registry.resolve(&asked, link).as_ref(),
            Some(&next),
            "{link}"
        );
    }
    for link in [
        "https://evil.example/x",
        "/v2/a/blobs/x",
        "/x/tags/list",
        "https://",
    ] {
        assert_eq!(registry.resolve(&asked, link), None, "{link}");
    }
}

/// A registry without a database, whose list of tags answers what `list` says.
fn plain(list: impl Fn(&str) -> Reply + 'static) -> Script {
    Script::new().otherwise(move |request| match request.url.as_str() {
        url if url.starts_with("https://gitlab.example/jwt/auth") => {
            Reply::json(200, r#"{"token":"t"}"#)
        }
        "https://registry.example/v2/" => Reply::json(200, "{}"),
        url => list(
            url.strip_prefix("https://registry.example/v2/a/b/")
                .unwrap(),
        ),
    })
}

fn names(range: std::ops::Range<usize>) -> String {
    let names: Vec<_> = range.map(|n| format!("v{n:06}")).collect();
    json!({"name": "a/b", "tags": names}).to_string()
}

fn list(script: &Script) -> tags::Tags {
    let session = session(script);
    let registry = Registry::connect(&session, "u", "registry.example").unwrap();
    tags::list(&registry, "a/b").unwrap()
}

#[test]
fn a_list_without_links_is_followed_behind_a_full_page() {
    // A proxy drops the Link header: the page is full, so there may be more.
    let script = plain(|path| match path {
        "tags/list?n=1000" => Reply::json(200, names(0..1000)),
        "tags/list?n=1000&last=v000999" => Reply::json(200, names(1000..1250)),
        other => panic!("{other}"),
    });
    let listed = list(&script);
    assert_eq!((listed.tags.len(), listed.complete), (1250, true));
    // A registry on a file system answers everything at once, however many are asked for.
    let script = plain(|_| Reply::json(200, names(0..1250)));
    let listed = list(&script);
    assert_eq!((listed.tags.len(), listed.complete), (1250, true));
    assert_eq!(script.requests().len(), 2);
    let script = plain(|_| Reply::json(200, names(0..1000)));
    let listed = list(&script);
    assert_eq!((listed.tags.len(), listed.complete), (1000, true));
    assert_eq!(script.requests().len(), 3);
}

#[test]
fn a_registry_that_gives_fewer_at_once_is_asked_for_what_it_gives() {
    let refusal = r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested"}]}"#;
    let script = plain(move |path| match path {
        "tags/list?n=1000" => Reply::json(400, refusal),
        "tags/list" => Reply::json(200, names(0..2))
            .with("link", "</v2/a/b/tags/list?last=v000001&n=2>; rel=\"next\""),
        "tags/list?last=v000001&n=2" => Reply::json(200, names(2..3)),
        other => panic!("{other}"),
    });
    let listed = list(&script);
    assert_eq!((listed.tags.len(), listed.complete), (3, true));
}

#[test]
fn more_tags_than_are_kept_are_never_dropped_in_silence() {
    let script = plain(|_| Reply::json(200, names(0..tags::MAX_TAGS + 5)));
    let listed = list(&script);
    assert_eq!(
        (listed.tags.len(), listed.complete),
        (tags::MAX_TAGS, false)
    );
    assert_eq!(listed.skipped.len(), 1);
    assert_eq!(
        listed.skipped[0].1.reason,
        crate::contract::SkipReason::OverLimit
    );
    // So is a list that goes on where it can't be followed.
    let script =
        plain(|_| Reply::json(200, names(0..3)).with("link", "<https://x/other>; rel=next"));
    let listed = list(&script);
    assert_eq!((listed.tags.len(), listed.complete), (3, false));
    assert_eq!(listed.skipped.len(), 1);
}

#[test]
fn lists_in_every_form_are_read_and_others_are_not() {
    for (body, count) in [
        (r#"{"name":"a/b","tags":null}"#, Some(0)),
        (r#"{"name":"a/b","tags":[]}"#, Some(0)),
        (r#"{"tags":["x","x",1,null,"y"],"more":{}}"#, Some(2)),
        (r#"{"name":"a/b"}"#, None),
        (r#"{"tags":"x"}"#, None),
        ("[]", None),
        ("<html>", None),
    ] {
        let body = body.to_owned();
        let shown = body.clone();
        let script = plain(move |_| Reply::json(200, body.clone()));
        let session = session(&script);
        let registry = Registry::connect(&session, "u", "registry.example").unwrap();
        let listed = tags::list(&registry, "a/b").ok();
        assert_eq!(listed.map(|listed| listed.tags.len()), count, "{shown}");
    }
}

#[test]
fn a_registry_that_guards_only_what_is_below_its_base_is_signed_in_to() {
    let script = Script::new().otherwise(|request| {
        let signed = request.headers.iter().any(|(name, value)| {
            name == "authorization" && value == "Bearer opaque"
        });
        match request.url.as_str() {
            "https://registry.example/v2/" => Reply::json(200, "{}"),
            "https://gitlab.example/jwt/auth?service=other&scope=repository%3Aa%2Fb%3Apull" => {
                Reply::json(200, r#"{"access_token":"opaque","expires_in":300}"#)
            }
            _ if signed => Reply::json(200, r#"{"tags":["x"]}"#),
            _ => Reply::json(401, "{}").with(
                "www-authenticate",
                "Basic realm=\"x\", Bearer realm=\"https://gitlab.example/jwt/auth\",service=\"other\"",
            ),
        }
    });
    assert_eq!(list(&script).tags.len(), 1);
}

#[test]
fn a_refused_token_is_renewed_once_and_then_given_up() {
    let script = Script::new().otherwise(|request| match request.url.as_str() {
        url if url.contains("/jwt/auth") => Reply::json(200, r#"{"token":"same"}"#),
        _ => Reply::json(401, "{}").with(
            "www-authenticate",
            "Bearer realm=\"https://elsewhere.example/jwt/auth\"",
        ),
    });
    let session = session(&script);
    let registry = Registry::connect(&session, "u", "registry.example").unwrap();
    let Err(Failure::Forbidden(lack)) = tags::list(&registry, "a/b") else {
        panic!("no permission is a failure");
    };
    // Where the registry would have us sign in instead is part of the answer.
    assert!(
        lack.why.message.contains("elsewhere.example"),
        "{}",
        lack.why.message
    );
    let tokens = script
        .lines()
        .iter()
        .filter(|line| line.contains("/jwt/auth"))
        .count();
    assert_eq!(tokens, 2);
    // The same for a window of requests.
    let requests = (0..40)
        .map(|n| (n, Request::get(format!("{R}/v2/a/b/manifests/{n}"))))
        .collect();
    assert!(
        registry
            .fetch_all(requests, "a/b", 10)
            .all(|(_, answer)| answer.unwrap().status == 401)
    );
    let again = script
        .lines()
        .iter()
        .filter(|line| line.contains("/jwt/auth"))
        .count();
    assert!(again <= 4, "{again}");
}

#[test]
fn a_token_service_in_trouble_is_not_taken_for_a_lack_of_permission() {
    let script = Script::new().otherwise(|request| match request.url.as_str() {
        url if url.contains("/jwt/auth") => Reply::status(503),
        _ => Reply::json(401, "{}").with("www-authenticate", "Bearer realm=\"/jwt/auth\""),
    });
    let session = session(&script);
    let registry = Registry::connect(&session, "u", "registry.example").unwrap();
    let requests = (0..3)
        .map(|n| (n, Request::get(format!("{R}/v2/a/b/manifests/{n}"))))
        .collect();
    for (_, answer) in registry.fetch_all(requests, "a/b", 10) {
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    }
}

#[test]
fn the_scheme_of_the_registry_is_found_out_where_plain_http_is_allowed() {
    use crate::http::TroubleKind::{Connect, Tls};
    for (base, host, answering, tried) in [
        ("http://127.0.0.1:3000", "127.0.0.1:5000", "http", 1),
        ("http://localhost:3000", "localhost:5000", "https", 2),
        ("http://gitlab.example", "registry.example", "http", 2),
        ("https://gitlab.example", "registry.example", "http", 2),
    ] {
        let script = Script::new().otherwise(move |request| {
            if request.url.starts_with(&format!("{answering}://")) {
                Reply::json(200, "{}")
            } else if request.url.starts_with("http://") {
                Reply::text(400, "Client sent an HTTP request to an HTTPS server.")
            } else {
                Reply::trouble(Tls)
            }
        });
        let mut session = session(&script);
        session.settings = Settings::sample(base);
        let registry = Registry::connect(&session, "u", host).unwrap();
        assert_eq!(registry.url(""), format!("{answering}://{host}/"));
        assert_eq!(script.requests().len(), tried, "{base}");
    }
    // Without leave the token of the registry never travels in the clear.
    let script = Script::new().otherwise(|_| Reply::trouble(Connect));
    let mut session = session(&script);
    session.settings.insecure_http = false;
    assert!(Registry::connect(&session, "u", "registry.example").is_err());
    assert!(
        script
            .lines()
            .iter()
            .all(|line| line.starts_with("GET https://"))
    );
}

#[test]
fn a_registry_that_fails_at_everything_is_the_trouble_and_broken_manifests_are_not() {
    let broken = |alive: bool| {
        let script = Script::new().otherwise(move |request| match request.url.as_str() {
            "https://registry.example/v2/" if alive => Reply::json(200, "{}"),
            _ => Reply::status(503),
        });
        let session = session(&script);
        let once = RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        };
        let session = Session {
            client: Client::new(&script, once),
            ..session
        };
        let registry = Registry {
            session: &session,
            host: String::new(),
            base: Url::parse(&format!("{R}/")).unwrap(),
            info: RegistryInfo::default(),
            guarded: Cell::new(false),
            tokens: token::Tokens::new(&session, "u"),
            trouble_row: Cell::new(0),
        };
        let requests = (0..40)
            .map(|n| (n, Request::get(format!("{R}/v2/a/b/manifests/{n}"))))
            .collect();
        registry
            .fetch_all(requests, "a/b", 10)
            .filter(|(_, answer)| answer.is_err())
            .count()
    };
    assert_eq!(broken(true), 0);
    assert!(broken(false) > 0);
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
