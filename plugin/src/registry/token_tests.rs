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
    let mut tokens = Tokens::new(&session, "gitlab-ci-token");
    assert_eq!(tokens.username, "ox");
    let challenge = |realm: &str| Challenge {
        realm: realm.to_owned(),
        ..Challenge::default()
    };
    for (realm, at) in [
        (
            "https://gitlab.example/root/jwt/auth",
            "https://gitlab.example/root/jwt/auth",
        ),
        ("/jwt/auth", "https://gitlab.example/root/jwt/auth"),
        (
            "http://gitlab.example/root/jwt/auth",
            "https://gitlab.example/root/jwt/auth",
        ),
        ("", "https://gitlab.example/root/jwt/auth"),
        // The same service by another name, or a lure: neither gets the credential.
        (
            "https://git.inside.example/jwt/auth",
            "https://gitlab.example/root/jwt/auth",
        ),
        (
            "https://gitlab.example:8443/jwt/auth",
            "https://gitlab.example/root/jwt/auth",
        ),
    ] {
        tokens.learn(Some(&challenge(realm))).unwrap();
        assert_eq!(tokens.realm.as_str(), at, "{realm}");
    }
    for realm in [
        "https://evil.example/token",
        "//evil.example/jwt",
        "https://gitlab.example:8443/oauth",
        "https://",
    ] {
        let failure = tokens.learn(Some(&challenge(realm)));
        assert!(
            matches!(failure, Err(Failure::UnexpectedAnswer(_))),
            "{realm}"
        );
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
    assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    assert_eq!(Challenge::parse("Bearer").unwrap(), Challenge::default());
}

#[test]
fn a_token_that_does_not_say_counts_a_minute() {
    for token in ["", "a.b.c", "x", "h.e30.s"] {
        assert_eq!(life(token, START), UNSAID_LIFE, "{token}");
    }
    assert_eq!(life(&jwt(1, 0, u64::MAX), START), LONGEST_LIFE);
    assert_eq!(life(&jwt(1, 100, 50), START), UNSAID_LIFE);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_challenge_is_survived(field in "(Bearer )?[a-z=\",\\\\ é]{0,60}") {
        let _ = Challenge::parse(&field);
    }
}
