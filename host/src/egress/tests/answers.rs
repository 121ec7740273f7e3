//! What comes back: redirects, digests, sizes, times, broken connections.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use sha2::{Digest as _, Sha256};
use wasmtime_wasi_http::{Error, RequestOptions};

use super::super::*;
use super::support::*;

fn limits(change: impl FnOnce(&mut EgressLimits)) -> EgressLimits {
    let mut limits = EgressLimits::default();
    change(&mut limits);
    limits
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_circles_end() {
    let server = serve(|seen| match seen.uri.as_str() {
        "/circle" => redirect("/circle2"),
        "/circle2" => redirect("/circle"),
        "/end" => reply(200, &[], seen.method.to_string()),
        other => match other[1..].parse::<u32>().unwrap() {
            0 => redirect("/end"),
            n => redirect(&format!("/{}", n - 1)),
        },
    })
    .await;
    let (call, _) = open(config(&server.url("")));
    assert_eq!(get(&call, &server.url("/4")).await.unwrap().text(), "GET");
    assert!(matches!(
        get(&call, &server.url("/5")).await,
        Err(Error::LoopDetected)
    ));
    assert!(matches!(
        get(&call, &server.url("/circle")).await,
        Err(Error::LoopDetected)
    ));
    let head = send(
        &call,
        request(Method::HEAD, &server.url("/1"), &[], ""),
        None,
    )
    .await
    .unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(server.seen().last().unwrap().method, Method::HEAD);
}

#[tokio::test]
async fn the_digest_is_checked_on_the_final_answer_and_never_sent() {
    let server = serve(|seen| match seen.uri.as_str() {
        "/moved" => redirect("/blob"),
        "/blob" => reply(200, &[], "content"),
        "/pieces" => pieces(vec!["con".into(), "tent".into()], Duration::from_millis(5)),
        _ => reply(404, &[], "no such blob"),
    })
    .await;
    let (call, _) = open(config(&server.url("")));
    let good = sha256(b"content");
    let bad = sha256(b"other");
    for path in ["/blob", "/moved", "/pieces"] {
        let got = get_with(&call, &server.url(path), &[("ox-expect-digest", &good)])
            .await
            .unwrap();
        assert_eq!(got.text(), "content", "{path}");
        let got = get_with(&call, &server.url(path), &[("ox-expect-digest", &bad)])
            .await
            .unwrap();
        match got.body {
            Err(Error::InternalError(Some(why))) => assert!(why.starts_with("digest: "), "{why}"),
            other => panic!("{path}: {other:?}"),
        }
        assert!(
            call.explain(&server.url(path))
                .unwrap()
                .message
                .contains("hashes to")
        );
    }
    assert_eq!(
        get_with(&call, &server.url("/x"), &[("ox-expect-digest", &bad)])
            .await
            .unwrap()
            .text(),
        "no such blob"
    );
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| !seen.headers.contains_key("ox-expect-digest"))
    );
    assert!(matches!(
        get_with(&call, &server.url("/"), &[("ox-expect-digest", "md5:1")]).await,
        Err(Error::HttpRequestDenied)
    ));
}

#[tokio::test]
async fn the_last_bytes_of_a_wrong_body_are_never_handed_over() {
    use http_body_util::BodyExt as _;
    let server = serve(|_| reply(200, &[], "content")).await;
    let (call, _) = open(config(&server.url("")));
    let digest = sha256(b"other");
    let request = request(
        Method::GET,
        &server.url("/"),
        &[("ox-expect-digest", &digest)],
        "",
    );
    let mut body = call.send(request, None).await.unwrap().into_body();
    assert!(
        body.frame().await.unwrap().is_err(),
        "content-length is known, so the verdict is too"
    );
}

#[tokio::test]
async fn a_truncated_body_is_a_dropped_connection_not_a_wrong_digest() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_vec();
    let (port, _) = serve_raw(vec![vec![Some(short)]]).await;
    let url = format!("http://127.0.0.1:{port}/");
    let (call, _) = open(config(&url));
    let got = get_with(&call, &url, &[("ox-expect-digest", &sha256(b"x"))])
        .await
        .unwrap();
    assert!(
        matches!(got.body, Err(Error::ConnectionTerminated)),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_dead_idle_connection_is_replaced_once_and_only_for_get_and_head() {
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    // The first connection answers once and breaks at the second request.
    let script = vec![vec![Some(ok.clone()), None], vec![Some(ok.clone())]];
    let (port, connections) = serve_raw(script.clone()).await;
    let url = format!("http://127.0.0.1:{port}/");
    let (call, _) = open(config(&url));
    assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
    assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
    assert_eq!(call.counters().retried_connections, 1);
    assert_eq!(connections.load(Ordering::SeqCst), 2);

    let (port, _) = serve_raw(script).await;
    let url = format!("http://127.0.0.1:{port}/");
    let (call, _) = open(config(&url));
    assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
    let post = send(&call, request(Method::POST, &url, &[], "a"), None).await;
    assert!(matches!(post, Err(Error::ConnectionTerminated)), "{post:?}");
    assert_eq!(call.counters().retried_connections, 0);

    // A new connection that breaks is the server's answer, not an accident of the pool.
    let (port, connections) = serve_raw(vec![vec![None], vec![Some(ok)]]).await;
    let url = format!("http://127.0.0.1:{port}/");
    let (call, _) = open(config(&url));
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::ConnectionTerminated)
    ));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connections_are_kept_for_later_calls_of_the_same_connection() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let egress = Egress::new(config(&server.url(""))).unwrap();
    for _ in 0..5 {
        let call = egress.open_call(&[]);
        call.grant(&[]).unwrap();
        assert_eq!(get(&call, &server.url("/")).await.unwrap().text(), "ok");
        call.close();
    }
    assert_eq!(server.connections(), 1);
    let another = Egress::new(config(&server.url(""))).unwrap().open_call(&[]);
    another.grant(&[]).unwrap();
    get(&another, &server.url("/")).await.unwrap();
    assert_eq!(
        server.connections(),
        2,
        "two connections never share a pool"
    );
}

#[tokio::test]
async fn slow_servers_are_given_up_in_time() {
    let server = serve(|seen| match seen.uri.as_str() {
        "/stall" => pieces(vec!["a".into(), "b".into()], Duration::from_secs(5)),
        _ => pieces(
            vec![Bytes::from_static(b"x"); 400],
            Duration::from_millis(20),
        ),
    })
    .await;
    let (call, _) = open(EgressConfig {
        limits: limits(|l| {
            l.between_bytes = Duration::from_millis(200);
            l.pace_window = Duration::from_millis(300);
            l.minimum_bytes = 1000;
        }),
        ..config(&server.url(""))
    });
    let begin = Instant::now();
    let stalled = get(&call, &server.url("/stall")).await.unwrap();
    assert!(
        matches!(stalled.body, Err(Error::ConnectionReadTimeout)),
        "{stalled:?}"
    );
    let dripped = get(&call, &server.url("/drip")).await.unwrap();
    assert!(
        matches!(dripped.body, Err(Error::ConnectionReadTimeout)),
        "{dripped:?}"
    );
    assert!(
        call.explain(&server.url("/drip"))
            .unwrap()
            .message
            .contains("too slowly")
    );
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_guest_that_reads_slowly_is_not_a_slow_server() {
    use http_body_util::BodyExt as _;
    let server =
        serve(|_| pieces(vec![Bytes::from_static(b"x"); 8], Duration::from_millis(1))).await;
    let (call, _) = open(EgressConfig {
        limits: limits(|l| {
            l.between_bytes = Duration::from_millis(150);
            l.pace_window = Duration::from_millis(200);
            l.minimum_bytes = 1000;
        }),
        ..config(&server.url(""))
    });
    let mut body = call
        .send(request(Method::GET, &server.url("/"), &[], ""), None)
        .await
        .unwrap()
        .into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(length, 8);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_in_the_guests_own_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (call, _) = open(config(&url));
    let options = RequestOptions {
        connect_timeout: Some(Duration::ZERO),
        first_byte_timeout: Some(Duration::from_millis(100)),
        between_bytes_timeout: None,
    };
    let outcome = send(&call, request(Method::GET, &url, &[], ""), Some(options)).await;
    assert!(
        matches!(outcome, Err(Error::HttpResponseTimeout)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn sizes_have_limits() {
    let server = serve(|seen| match seen.uri.as_str() {
        "/head" => reply(
            200,
            &[
                ("x-big", &"a".repeat(40 << 10)),
                ("x-big2", &"a".repeat(40 << 10)),
            ],
            "",
        ),
        "/known" => reply(200, &[], vec![b'x'; 2000]),
        _ => pieces(
            vec![vec![b'x'; 600].into(), vec![b'x'; 600].into()],
            Duration::from_millis(1),
        ),
    })
    .await;
    let (call, _) = open(EgressConfig {
        limits: limits(|l| l.response_body_bytes = 1000),
        ..config(&server.url(""))
    });
    let head = get(&call, &server.url("/head")).await;
    assert!(
        matches!(head, Err(Error::HttpResponseHeaderSectionSize(_))),
        "{head:?}"
    );
    let known = get(&call, &server.url("/known")).await;
    assert!(
        matches!(known, Err(Error::HttpResponseBodySize(Some(1000)))),
        "{known:?}"
    );
    let unknown = get(&call, &server.url("/unknown")).await.unwrap();
    assert!(
        matches!(unknown.body, Err(Error::HttpResponseBodySize(Some(1000)))),
        "{unknown:?}"
    );
    let long = format!("{}{}", server.url("/"), "a".repeat(60 << 10));
    let header = "a".repeat(8 << 10);
    let outcome = get_with(&call, &long, &[("x-long", &header)]).await;
    assert!(
        matches!(outcome, Err(Error::HttpRequestHeaderSectionSize(_))),
        "{outcome:?}"
    );

    let (call, _) = open(EgressConfig {
        limits: limits(|l| l.call_bytes = 3000),
        ..config(&server.url(""))
    });
    assert!(
        get(&call, &server.url("/known"))
            .await
            .unwrap()
            .body
            .is_ok()
    );
    assert!(
        get(&call, &server.url("/known"))
            .await
            .unwrap()
            .body
            .is_err()
    );
}

#[tokio::test]
async fn what_is_not_http_says_so() {
    let (port, _) = serve_raw(vec![vec![Some(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())]]).await;
    let url = format!("http://127.0.0.1:{port}/");
    let (call, _) = open(config(&url));
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::HttpProtocolError)
    ));
    assert!(call.explain(&url).unwrap().message.contains("not HTTP"));
}

#[tokio::test]
async fn a_guests_framing_headers_are_not_sent_and_a_servers_are_not_shown() {
    let server = serve(|_| {
        reply(
            200,
            &[("connection", "x-hop"), ("x-hop", "1"), ("etag", "2")],
            "ok",
        )
    })
    .await;
    let (call, _) = open(config(&server.url("")));
    let headers = [
        ("host", "evil.test"),
        ("content-length", "99"),
        ("transfer-encoding", "chunked"),
        ("connection", "x"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("proxy-authorization", "x"),
        ("accept", "a/b"),
    ];
    let got = send(
        &call,
        request(Method::POST, &server.url("/"), &headers, "body"),
        None,
    )
    .await
    .unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.headers["host"], format!("127.0.0.1:{}", server.port));
    assert_eq!(seen.headers["content-length"], "4");
    assert_eq!(&seen.body[..], b"body");
    let names: Vec<_> = seen.headers.keys().map(|n| n.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(!got.headers.contains_key("x-hop") && got.headers["etag"] == "2");
    let outcome = send(
        &call,
        request(Method::CONNECT, &server.url("/"), &[], ""),
        None,
    )
    .await;
    assert!(
        matches!(outcome, Err(Error::HttpRequestMethodInvalid)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn ending_a_call_aborts_what_is_in_flight() {
    use http_body_util::BodyExt as _;
    let server = serve(|_| pieces(vec!["a".into(), "b".into()], Duration::from_millis(500))).await;
    let (call, _) = open(config(&server.url("")));
    let mut body = call
        .send(request(Method::GET, &server.url("/"), &[], ""), None)
        .await
        .unwrap()
        .into_body();
    let closer = std::sync::Arc::clone(&call);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        closer.close();
    });
    let begin = Instant::now();
    assert!(matches!(
        body.frame().await,
        Some(Err(Error::ConnectionTerminated))
    ));
    assert!(begin.elapsed() < Duration::from_millis(400));
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_read_from_the_server() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let server = serve(move |_| {
        let counter = Arc::clone(&counter);
        let stream = futures_util::stream::unfold(0, move |n| {
            counter.fetch_add(64 << 10, Ordering::SeqCst);
            async move {
                (n < 2000).then(|| {
                    (
                        Ok(hyper::body::Frame::data(Bytes::from(vec![0; 64 << 10]))),
                        n + 1,
                    )
                })
            }
        });
        http::Response::new(http_body_util::BodyExt::boxed(
            http_body_util::StreamBody::new(stream),
        ))
    })
    .await;
    let (call, _) = open(config(&server.url("")));
    let response = call
        .send(request(Method::GET, &server.url("/"), &[], ""), None)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 32 << 20, "{sent} bytes of 128 MiB left the server");
    drop(response);
}
