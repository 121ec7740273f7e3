#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::http::Method;
use crate::http::script::{Reply, START, Script};
use crate::settings::Settings;

const BASE: &str = "https://gitlab.example/root";
const URL: &str = "https://gitlab.example/root/jwt/auth?service=container_registry&scope=repository%3Aacme%2Fapp%3Apull";

fn jwt(id: u32, begin: u64, end: u64) -> String {
    let claims = json!({"iat": begin, "exp": end, "jti": id});
    format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn answer(token: &str) -> Reply {
    Reply::json(200, json!({"token": token}).to_string())
}

fn session(script: &Script) -> Session<'_> {
    Session {
        settings: Settings::sample(BASE),
        client: script.client(),
    }
}

#[test]
fn a_token_is_kept_and_renewed_before_it_ends_whatever_the_clock_says() {
    // The server's clock is a day ahead.
    let (one, two) = (
        jwt(1, START + 86_400, START + 86_700),
        jwt(2, START + 86_640, START + 86_940),
    );
    let script =
        Script::new()
            .on(Method::Get, URL, answer(&one))
            .on(Method::Get, URL, answer(&two));
    let session = session(&script);
    let tokens = Tokens::new(&session, "alice");
    assert_eq!(tokens.get("acme/app").unwrap(), one);
    script.pass(Duration::from_secs(239));
    assert_eq!(tokens.get("acme/app").unwrap(), one);
    script.pass(Duration::from_secs(2));
    assert_eq!(tokens.get("acme/app").unwrap(), two);
    let basic = &script.requests()[0].headers[0].1;
    assert_eq!(
        STANDARD
            .decode(basic.strip_prefix("Basic ").unwrap())
            .unwrap(),
        b"alice:stand-in"
    );
}

#[test]
fn a_refused_token_is_renewed_once_however_many_requests_had_it() {
    let (one, two) = (jwt(1, START, START + 300), jwt(2, START, START + 300));
    let script =
        Script::new()
            .on(Method::Get, URL, answer(&one))
            .on(Method::Get, URL, answer(&two));
    let session = session(&script);
    let tokens = Tokens::new(&session, "alice");
    tokens.get("acme/app").unwrap();
    for _ in 0..3 {
        assert!(tokens.forget("acme/app", &one));
        assert_eq!(tokens.get("acme/app").unwrap(), two);
    }
    assert_eq!(script.count(URL), 2);
    // The second in a row lacks the permission: a third would too.
    assert!(!tokens.forget("acme/app", &two));
    // But one that has worked may end like any other.
    tokens.proven("acme/app");
    assert!(tokens.forget("acme/app", &two));
}

#[test]
fn each_answer_of_the_token_service_has_its_own_failure_and_a_refusal_is_final() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"access forbidden"}],"http_status":403}"#;
    let off =
        r#"{"errors":[{"code":"UNAVAILABLE","message":"registry not enabled"}],"http_status":404}"#;
    let wrong = r#"{"errors":[{"code":"UNAUTHORIZED","message":"HTTP Basic: Access denied."}]}"#;
    type Is = fn(&Failure) -> bool;
    let cases: [(Reply, Is, bool); 6] = [
        (
            Reply::json(401, wrong),
            |failure| matches!(failure, Failure::Unauthenticated(_)),
            true,
        ),
        (
            Reply::json(403, denied),
            |failure| matches!(failure, Failure::Forbidden(lack) if lack.missing_scopes == ["read_registry"]),
            true,
        ),
        (
            Reply::text(403, "Forbidden\n"),
            |failure| matches!(failure, Failure::RateLimited(_)),
            true,
        ),
        (
            Reply::json(404, off),
            |failure| matches!(failure, Failure::NotFound(why) if why.message.contains("switched off")),
            true,
        ),
        (
            Reply::text(500, "x"),
            |failure| matches!(failure, Failure::Unavailable(why) if why.hint.contains("IP address")),
            false,
        ),
        (
            Reply::text(200, "<html>"),
            |failure| matches!(failure, Failure::UnexpectedAnswer(_)),
            false,
        ),
    ];
    for (reply, is, is_final) in cases {
        let script = Script::new().on(Method::Get, URL, reply.clone());
        let session = session(&script);
        let tokens = Tokens::new(&session, "alice");
        let failure = tokens.get("acme/app").unwrap_err();
        assert!(is(&failure), "{failure:?} for {reply:?}");
        assert!(!format!("{failure:?}").contains("stand-in"));
        let asked = script.count(URL);
        if is_final {
            assert_eq!(tokens.get("acme/app").unwrap_err(), failure);
            assert_eq!((script.count(URL), asked), (1, 1), "{reply:?}");
        }
    }
}

#[test]
fn the_token_goes_to_gitlab_only() {
    let script = Script::new();
    let session = session(&script);
    let tokens = Tokens::new(&session, "gitlab-ci-token");
    assert_eq!(tokens.username, "ox");
    let own = "https://gitlab.example/root/jwt/auth";
    for (realm, at, is_elsewhere) in [
        (own, own, false),
        ("/jwt/auth", own, false),
        ("jwt/auth", own, false),
        ("http://gitlab.example/root/jwt/auth", own, false),
        ("", own, false),
        (
            "https://gitlab.example/jwt/auth?a=b",
            "https://gitlab.example/jwt/auth?a=b",
            false,
        ),
        ("https://evil.example/jwt/auth", own, true),
        ("//evil.example/jwt", own, true),
        ("https://gitlab.example:8443/jwt/auth", own, true),
        ("http://localhost:8080/jwt/auth", own, true),
        ("https://", own, true),
    ] {
        tokens.learn(&Challenge {
            realm: realm.to_owned(),
            ..Challenge::default()
        });
        assert_eq!(tokens.place.borrow().realm.as_str(), at, "{realm}");
        assert_eq!(tokens.elsewhere().is_some(), is_elsewhere, "{realm}");
    }
}

#[test]
fn a_token_that_is_no_jwt_lives_as_long_as_the_answer_says() {
    for (body, renewed_after) in [
        (json!({"access_token": "one", "expires_in": 600}), 540),
        (
            json!({"token": "one", "access_token": "x", "expires_in": 60.0}),
            30,
        ),
        (json!({"token": "one"}), 30),
        (json!({"token": "one", "expires_in": 0}), 30),
        (json!({"token": "one", "expires_in": -5}), 30),
        // What the token says of itself is what the registry goes by.
        (
            json!({"token": jwt(1, START, START + 300), "expires_in": 3600}),
            240,
        ),
    ] {
        let script = Script::new().on(Method::Get, URL, Reply::json(200, body.to_string()));
        let session = session(&script);
        let tokens = Tokens::new(&session, "alice");
        tokens.get("acme/app").unwrap();
        script.pass(Duration::from_secs(renewed_after - 1));
        tokens.get("acme/app").unwrap();
        assert_eq!(script.count(URL), 1, "{body}");
        script.pass(Duration::from_secs(2));
        tokens.get("acme/app").unwrap();
        assert_eq!(script.count(URL), 2, "{body}");
    }
}

#[test]
fn only_what_looks_like_a_ban_is_one() {
    let page = "<html><body>Access denied by the firewall</body></html>";
    type Is = fn(&Failure) -> bool;
    let cases: [(Reply, Is); 4] = [
        (
            Reply::text(403, "Forbidden\n"),
            |failure| matches!(failure, Failure::RateLimited(limit) if limit.retry_after == Some(3600)),
        ),
        (
            Reply::text(403, page).with("content-type", "text/html"),
            |failure| matches!(failure, Failure::Forbidden(lack) if lack.missing_scopes.is_empty() && lack.why.hint.contains("firewall")),
        ),
        (
            Reply::json(403, r#"{"message":"403 Forbidden"}"#),
            |failure| matches!(failure, Failure::Forbidden(lack) if lack.missing_scopes.is_empty()),
        ),
        (
            Reply::text(503, "down").with("retry-after", "600"),
            |failure| matches!(failure, Failure::RateLimited(limit) if limit.retry_after == Some(600) && limit.why.message.contains("503")),
        ),
    ];
    for (reply, is) in cases {
        let script = Script::new().on(Method::Get, URL, reply.clone());
        let session = session(&script);
        let failure = Tokens::new(&session, "alice").get("acme/app").unwrap_err();
        assert!(is(&failure), "{failure:?} for {reply:?}");
    }
}

#[test]
fn challenges_are_read_in_every_spelling() {
    let read = Challenge::parse(
        "bearer realm=\"https://g/jwt?a=b,c\" , service=container_registry,scope=\"repository:a:pull\",error=\"invalid_token\"",
    )
    .unwrap();
    assert_eq!(read.realm, "https://g/jwt?a=b,c");
    assert_eq!(read.service.as_deref(), Some("container_registry"));
    assert_eq!(read.error.as_deref(), Some("invalid_token"));
    for field in [
        "Basic realm=\"a, Bearer realm=b\", Bearer realm=\"https://g/jwt\",service=\"s\"",
        "Negotiate, BEARER realm = https://g/jwt , service = \"s\"",
        "Negotiate abc==, Bearer service=s, realm=\"https://g/jwt\", Basic realm=\"other\"",
        "Bearer realm=\"https:\\/\\/g/jwt\",service=\"s\",Digest realm=\"z\", service=\"q\"",
    ] {
        let read = Challenge::parse(field).unwrap();
        assert_eq!(
            (read.realm.as_str(), read.service.as_deref()),
            ("https://g/jwt", Some("s")),
            "{field}"
        );
    }
    assert_eq!(Challenge::parse("Bearerx realm=\"x\""), None);
    assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    assert_eq!(Challenge::parse("Bearer").unwrap(), Challenge::default());
}

#[test]
fn a_token_that_does_not_say_its_life_has_none_of_its_own() {
    for token in ["", "a.b.c", "x", "h.e30.s"] {
        assert_eq!(life(token, START), None, "{token}");
    }
    assert_eq!(life(&jwt(1, 0, u64::MAX), START), Some(LONGEST_LIFE));
    assert_eq!(life(&jwt(1, 100, 50), START), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_challenge_is_survived(field in "(Bearer )?[a-z=\",\\\\ é]{0,60}") {
        let _ = Challenge::parse(&field);
    }
}
