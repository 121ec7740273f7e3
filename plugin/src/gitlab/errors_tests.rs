//! Each error body of the facts, and the sentence it becomes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::http::Headers;

const URL: &str = "https://gitlab.example/api/v4/projects/1?per_page=100";

fn answer(status: u16, body: &str) -> Fetched {
    Fetched {
        status,
        headers: Headers::default(),
        body: body.as_bytes().to_vec(),
    }
}

fn failure(status: u16, body: &str) -> Failure {
    classify(URL, &answer(status, body), None)
}

/// The case's name and its explanation, in one line.
fn told(status: u16, body: &str) -> (&'static str, String) {
    let failure = failure(status, body);
    let name = match &failure {
        Failure::InvalidSettings(_) => "invalid-settings",
        Failure::Unauthenticated(_) => "unauthenticated",
        Failure::Forbidden(_) => "forbidden",
        Failure::NotFound(_) => "not-found",
        Failure::RateLimited(_) => "rate-limited",
        Failure::Unavailable(_) => "unavailable",
        Failure::UnexpectedAnswer(_) => "unexpected-answer",
        Failure::OverLimit(_) => "over-limit",
        Failure::Stopped => "stopped",
    };
    let why = explanation(&failure);
    (name, format!("{} {}", why.message, why.hint))
}

#[test]
fn every_error_body_of_gitlab_has_its_own_sentence() {
    let cases: &[(u16, &str, &str, &str)] = &[
        (
            401,
            r#"{"message":"401 Unauthorized"}"#,
            "unauthenticated",
            "does not know the token",
        ),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
            "unauthenticated",
            "has expired",
        ),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
            "unauthenticated",
            "was revoked",
        ),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}"#,
            "unauthenticated",
            "impersonation switched off",
        ),
        (
            401,
            r#"{"error":"dpop_error","error_description":"DPoP validation error: DPoP header is missing"}"#,
            "unauthenticated",
            "DPoP header is missing",
        ),
        (
            401,
            r#"{"error":"invalid_request","error_description":"Both Authorization header and payload includes access token."}"#,
            "unauthenticated",
            "two credentials",
        ),
        (
            401,
            r#"{"errors":[{"message":"Invalid token"}]}"#,
            "unauthenticated",
            "GraphQL does not accept",
        ),
        (
            401,
            "<html><body>Sign in</body></html>",
            "unauthenticated",
            "its own sign-in",
        ),
        (
            403,
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
            "forbidden",
            "lacks the scope read_api",
        ),
        (
            403,
            r#"{"message":"403 Forbidden - Your account has been blocked."}"#,
            "forbidden",
            "blocked",
        ),
        (
            403,
            r#"{"message":"403 Forbidden - You (@jane) must accept the Terms of Service in order to perform this action."}"#,
            "forbidden",
            "accept the terms",
        ),
        (
            403,
            r#"{"message":"403 Forbidden - Something else"}"#,
            "forbidden",
            "Something else",
        ),
        (
            403,
            r#"{"message":"403 Forbidden"}"#,
            "forbidden",
            "may not read",
        ),
        (
            403,
            r#"{"errors":[{"message":"API not accessible for user"}]}"#,
            "forbidden",
            "API is closed",
        ),
        (403, "Forbidden\n", "rate-limited", "banned"),
        (
            403,
            "<html>Access denied by firewall</html>",
            "forbidden",
            "in front of GitLab",
        ),
        (
            404,
            r#"{"message":"404 Project Not Found"}"#,
            "not-found",
            "404 Project Not Found",
        ),
        (
            404,
            r#"{"message":"404 Group Not Found"}"#,
            "not-found",
            "make the token's user a member",
        ),
        (
            404,
            r#"{"error":"404 Not Found"}"#,
            "not-found",
            "older than the feature",
        ),
        (404, "<html>nginx</html>", "not-found", "no GitLab API"),
        (404, "404 page not found", "not-found", "no GitLab API"),
        (
            400,
            r#"{"error":"visibility does not have a valid value"}"#,
            "unexpected-answer",
            "valid value",
        ),
        (
            400,
            r#"{"message":"400 (Bad request) \"title\" not given"}"#,
            "unexpected-answer",
            "not given",
        ),
        (
            400,
            r#"{"message":{"name":["is too long"]}}"#,
            "unexpected-answer",
            "name: is too long",
        ),
        (
            301,
            "This resource has been moved permanently to x",
            "unexpected-answer",
            "redirect",
        ),
        (
            405,
            r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type Project. Remaining records can be retrieved using keyset pagination."}"#,
            "over-limit",
            "50000",
        ),
        (429, "Retry later\n", "rate-limited", "this user or address"),
        (
            429,
            r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            "rate-limited",
            "kind of request",
        ),
        (
            422,
            r#"{"errors":[{"message":"Query too large"}]}"#,
            "unexpected-answer",
            "Query too large",
        ),
        (
            500,
            r#"{"errors":[{"message":"Internal server error"}]}"#,
            "unavailable",
            "Internal server error",
        ),
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head></html>",
            "unavailable",
            "status 502",
        ),
        (
            503,
            r#"{"message":"We are having trouble connecting to the Container Registry. If this error persists, please review the troubleshooting documentation."}"#,
            "unavailable",
            "can't reach its own container registry",
        ),
        (503, "", "unavailable", "status 503"),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (status, body, case, words) in cases {
        let (found, sentence) = told(*status, body);
        assert_eq!(found, *case, "{status} {body}");
        assert!(sentence.contains(words), "{status} {body}\n{sentence}");
        assert!(
            !sentence.contains("per_page"),
            "the query is noise: {sentence}"
        );
        sentences.insert(sentence);
    }
    assert_eq!(
        sentences.len(),
        cases.len(),
        "two bodies have the same sentence"
    );
}

#[test]
fn the_missing_scope_is_named_as_the_manifest_names_it() {
    for (scope, expected) in [
        (r#""api read_api""#, "read_api"),
        (r#""read_user api""#, "read_user"),
        (r#""api""#, "read_api"),
        (r#""read_registry""#, "read_registry"),
        ("null", "read_api"),
    ] {
        let body = format!(r#"{{"error":"insufficient_scope","scope":{scope}}}"#);
        let Failure::Forbidden(lack) = failure(403, &body) else {
            panic!("{scope}")
        };
        assert_eq!(lack.missing_scopes, [expected], "{scope}");
    }
}

#[test]
fn the_wait_that_was_asked_for_is_handed_on_rounded_up() {
    let limited = classify(
        URL,
        &answer(429, "Retry later\n"),
        Some(Duration::from_millis(1500)),
    );
    let Failure::RateLimited(limit) = limited else {
        panic!()
    };
    assert_eq!(limit.retry_after, Some(2));
    let Failure::RateLimited(limit) = failure(429, "Retry later\n") else {
        panic!()
    };
    assert_eq!(limit.retry_after, None);
}

#[test]
fn a_ban_is_waited_for_as_long_as_that_gitlab_bans() {
    let Failure::RateLimited(limit) = failure(403, "Forbidden\n") else {
        panic!()
    };
    assert_eq!(limit.retry_after, Some(BAN_SELF_MANAGED));
    let com = classify(
        "https://gitlab.com/api/v4/user",
        &answer(403, "Forbidden\n"),
        None,
    );
    let Failure::RateLimited(limit) = com else {
        panic!()
    };
    assert_eq!(limit.retry_after, Some(BAN_GITLAB_COM));
    assert!(!is_gitlab_com("https://gitlab.com.evil.example/x"));
}

#[test]
fn a_web_page_with_status_200_is_maintenance_or_the_wrong_address() {
    let page = answer(
        200,
        "<!DOCTYPE html><title>We'll be right back: maintenance</title>",
    );
    assert!(matches!(not_json(URL, &page), Failure::Unavailable(_)));
    let page = answer(200, "<!DOCTYPE html><title>Sign in</title>");
    assert!(matches!(not_json(URL, &page), Failure::UnexpectedAnswer(_)));
    let cut = answer(200, r#"{"id": 1, "#);
    assert!(matches!(not_json(URL, &cut), Failure::UnexpectedAnswer(_)));
}

#[test]
fn the_hosts_own_words_are_kept() {
    let error = TransportError {
        kind: TroubleKind::Denied,
        message: "registry.example is not allowed".into(),
        hint: "allow registry.example".into(),
    };
    let why = explanation(&from_transport(error));
    assert_eq!(
        (why.message.as_str(), why.hint.as_str()),
        ("registry.example is not allowed", "allow registry.example")
    );
}

#[test]
fn quoted_words_are_one_short_line() {
    assert_eq!(quote(" a\n\tb\u{1b}[31m "), "a b[31m");
    assert_eq!(quote(&"x".repeat(1000)).chars().count(), QUOTE_CAP + 1);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(status in 100_u16..=999, body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let answer = Fetched { status, headers: Headers::default(), body };
        let _ = classify(URL, &answer, None);
        let _ = not_json(URL, &answer);
    }
}
