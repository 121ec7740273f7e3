//! The token: where it goes, and that it never comes back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use wasmtime_wasi_http::Error;

use super::super::*;
use super::support::*;

#[tokio::test]
async fn the_server_gets_the_token_and_the_guest_never_sees_it() {
    let server = serve(|seen| {
        let token = seen.headers["private-token"].to_str().unwrap().to_owned();
        let body = format!(
            "you sent {token} and {}",
            STANDARD.encode(format!("x:{token}"))
        );
        reply(
            200,
            &[("x-echo", &token), ("x-b64", &STANDARD.encode(&token))],
            body,
        )
    })
    .await;
    let (call, stand_in) = open(config(&server.url("")));
    let got = get_with(&call, &server.url("/"), &[("PRIVATE-TOKEN", &stand_in)])
        .await
        .unwrap();
    assert_eq!(server.seen()[0].headers["private-token"], TOKEN);
    let all = format!("{:?} {}", got.headers, got.text());
    assert!(!all.contains(TOKEN) && !all.contains("Real+Token"), "{all}");
    let encoded = STANDARD.encode(TOKEN);
    assert!(!all.contains(&encoded[4..encoded.len() - 4]), "{all}");
    assert!(
        got.text()
            .starts_with(&format!("you sent {} and ", "*".repeat(TOKEN.len())))
    );
}

#[tokio::test]
async fn basic_and_bearer_carry_the_token_too() {
    let server = serve(|_| reply(200, &[], "")).await;
    let (call, stand_in) = open(config(&server.url("")));
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{stand_in}")));
    let bearer = format!("Bearer {stand_in}");
    for value in [&basic, &bearer] {
        get_with(&call, &server.url("/"), &[("authorization", value)])
            .await
            .unwrap();
    }
    let seen = server.seen();
    assert_eq!(
        seen[0].headers["authorization"],
        format!("Basic {}", STANDARD.encode(format!("user:{TOKEN}")))
    );
    assert_eq!(seen[1].headers["authorization"], format!("Bearer {TOKEN}"));
}

#[tokio::test]
async fn an_echo_cut_anywhere_is_still_removed() {
    let server = serve(|seen| {
        let cut: usize = seen.uri[1..].parse().unwrap();
        let text = format!("<{TOKEN}>");
        let (a, b) = text.split_at(cut);
        pieces(
            vec![a.to_owned().into(), b.to_owned().into()],
            Duration::from_millis(5),
        )
    })
    .await;
    let (call, _) = open(config(&server.url("")));
    for cut in 1..=TOKEN.len() + 1 {
        let got = get(&call, &server.url(&format!("/{cut}"))).await.unwrap();
        assert_eq!(
            got.text(),
            format!("<{}>", "*".repeat(TOKEN.len())),
            "{cut}"
        );
    }
}

#[tokio::test]
async fn a_token_in_the_wrong_place_is_refused_before_anything_is_sent() {
    let server = serve(|_| reply(200, &[], "")).await;
    let other = serve(|_| reply(200, &[], "")).await;
    let (call, s) = open(EgressConfig {
        allow: vec![other.url("").parse().unwrap()],
        ..config(&server.url(""))
    });
    let home = server.url("/");
    for (url, headers, body) in [
        (server.url(&format!("/?token={s}")), vec![], String::new()),
        (home.clone(), vec![("x-token", s.as_str())], String::new()),
        (home.clone(), vec![], format!("token={s}")),
        (home.clone(), vec![], STANDARD.encode(&s)),
        (
            other.url("/"),
            vec![("private-token", s.as_str())],
            String::new(),
        ),
    ] {
        let outcome = send(&call, request(Method::POST, &url, &headers, body), None).await;
        assert!(
            matches!(outcome, Err(Error::HttpRequestDenied)),
            "{url} {headers:?}"
        );
        let why = call.explain(&url).unwrap();
        assert!(
            why.message.contains("secret") && !why.message.contains(&s),
            "{why:?}"
        );
    }
    assert_eq!((server.connections(), other.connections()), (0, 0));
}

#[tokio::test]
async fn an_undeclared_use_of_the_token_is_refused() {
    let server = serve(|_| reply(200, &[], "")).await;
    let (call, s) = open(config(&server.url("")));
    call.grant(&[declared(&server.url(""), false)]).unwrap();
    let outcome = get_with(&call, &server.url("/"), &[("private-token", &s)]).await;
    assert!(matches!(outcome, Err(Error::HttpRequestDenied)));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn credentials_stay_behind_when_a_redirect_leaves_the_origin() {
    let storage = serve(|_| reply(200, &[], "blob")).await;
    let there = storage.url("/blob?signature=abc");
    let server = serve(move |seen| {
        if seen.uri == "/same" {
            redirect("/away")
        } else {
            redirect(&there)
        }
    })
    .await;
    let (call, s) = open(EgressConfig {
        allow: vec![storage.url("").parse().unwrap()],
        ..config(&format!("http://127.0.0.1:{}", server.port))
    });
    let headers = [
        ("private-token", s.as_str()),
        ("authorization", "Bearer jwt"),
        ("cookie", "a=b"),
        ("accept", "x/y"),
    ];
    let got = get_with(&call, &server.url("/same"), &headers)
        .await
        .unwrap();
    assert_eq!(got.text(), "blob");
    let seen = server.seen();
    assert_eq!(
        seen[1].headers["private-token"], TOKEN,
        "the same origin keeps them"
    );
    let last = &storage.seen()[0];
    assert_eq!(last.uri, "/blob?signature=abc");
    for gone in ["private-token", "authorization", "cookie"] {
        assert!(!last.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(last.headers["accept"], "x/y");
    assert_eq!(call.counters().requests, 3);
}

#[tokio::test]
async fn a_redirect_that_carries_the_token_elsewhere_is_not_followed() {
    let storage = serve(|_| reply(200, &[], "blob")).await;
    let there = storage.url(&format!("/?t={TOKEN}"));
    let server = serve(move |_| redirect(&there)).await;
    let (call, s) = open(EgressConfig {
        allow: vec![storage.url("").parse().unwrap()],
        ..config(&server.url(""))
    });
    let outcome = get_with(&call, &server.url("/"), &[("private-token", &s)]).await;
    assert!(matches!(outcome, Err(Error::HttpRequestDenied)));
    assert_eq!(storage.connections(), 0);
    let said = format!("{:?}", call.counters());
    assert!(!said.contains(TOKEN), "{said}");
}

#[tokio::test]
async fn a_location_that_the_guest_sees_is_redacted() {
    let server = serve(|_| redirect(&format!("/x?private_token={TOKEN}"))).await;
    let (call, _) = open(config(&server.url("")));
    let got = send(
        &call,
        request(Method::POST, &server.url("/"), &[], "a"),
        None,
    )
    .await
    .unwrap();
    assert_eq!(got.status, 307, "a POST is never repeated");
    assert!(!format!("{:?}", got.headers).contains("Real"));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_request_with_the_token_asks_for_a_plain_and_whole_answer() {
    let server = serve(|_| reply(200, &[], "")).await;
    let (call, s) = open(config(&server.url("")));
    let asked = [
        ("accept-encoding", "gzip, br"),
        ("range", "bytes=0-9"),
        ("if-range", "\"e\""),
        ("a-im", "gzip"),
    ];
    let with_token: Vec<_> = [("private-token", s.as_str())]
        .into_iter()
        .chain(asked)
        .collect();
    get_with(&call, &server.url("/"), &with_token)
        .await
        .unwrap();
    get_with(&call, &server.url("/"), &asked).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].headers["accept-encoding"], "identity");
    for gone in ["range", "if-range", "a-im"] {
        assert!(!seen[0].headers.contains_key(gone), "{gone}");
    }
    // A request without a secret (a blob that is resumed) is the connector's own affair.
    assert_eq!(seen[1].headers["accept-encoding"], "gzip, br");
    assert_eq!(seen[1].headers["range"], "bytes=0-9");
}

#[tokio::test]
async fn an_answer_that_hides_an_echo_by_compression_is_not_handed_over() {
    let server = serve(|seen| {
        let coding = seen.uri[1..].to_owned();
        reply(200, &[("content-encoding", &coding)], "packed")
    })
    .await;
    let (call, s) = open(config(&server.url("")));
    for coding in ["gzip", "identity,br", "x-unheard-of"] {
        let url = server.url(&format!("/{coding}"));
        let outcome = get_with(&call, &url, &[("private-token", &s)]).await;
        assert!(
            matches!(outcome, Err(Error::HttpProtocolError)),
            "{coding}: {outcome:?}"
        );
        let why = call.explain(&url).unwrap();
        assert!(why.message.contains("content-encoding"), "{why:?}");
        assert_eq!(get(&call, &url).await.unwrap().text(), "packed");
    }
    let url = server.url("/identity");
    let got = get_with(&call, &url, &[("private-token", &s)]).await;
    assert_eq!(got.unwrap().text(), "packed");
}

#[tokio::test]
async fn an_error_does_not_repeat_the_token_of_a_redirect() {
    let server = serve(|seen| match seen.uri.as_str() {
        "/" => redirect(&format!("/blob/{TOKEN}")),
        _ => reply(200, &[], "content"),
    })
    .await;
    let (call, s) = open(config(&server.url("")));
    let digest = format!("sha256:{}", "0".repeat(64));
    let headers = [
        ("private-token", s.as_str()),
        ("ox-expect-digest", digest.as_str()),
    ];
    let got = get_with(&call, &server.url("/"), &headers).await.unwrap();
    let Err(Error::InternalError(Some(why))) = got.body else {
        panic!("{got:?}");
    };
    assert!(why.starts_with("digest: "), "{why}");
    assert!(!why.contains("Real+Token"), "{why}");
}
