//! Who may be asked, and at which address.

use std::time::Duration;

use http::Method;
use wasmtime_wasi_http::Error;

use super::super::*;
use super::support::*;

#[tokio::test]
async fn an_undeclared_host_is_refused_with_the_exact_flag_and_never_resolved() {
    let names = Names::new(&[("evil.test", &[&["127.0.0.1"]])]);
    let (call, _) = open(EgressConfig {
        resolver: names.clone(),
        ..config("https://gitlab.example.com")
    });
    let error = get(&call, "https://evil.test:9000/x?y").await.unwrap_err();
    assert!(matches!(error, Error::HttpRequestDenied), "{error:?}");
    let why = call.explain("https://evil.test:9000/x?y").unwrap();
    assert!(
        why.hint.contains("`--allow https://evil.test:9000`"),
        "{why:?}"
    );
    assert!(call.counters().refused[0].contains("`--allow https://evil.test:9000`"));
    assert!(names.asked.lock().unwrap().is_empty());
    assert_eq!(call.counters().requests, 0);
    assert!(call.explain("https://other.test/").is_none());
}

#[tokio::test]
async fn nothing_is_sent_before_the_grant_or_after_the_end() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let egress = Egress::new(config(&server.url(""))).unwrap();
    let call = egress.open_call(&[]);
    assert!(matches!(
        get(&call, &server.url("/")).await,
        Err(Error::HttpRequestDenied)
    ));
    call.grant(&[]).unwrap();
    assert_eq!(get(&call, &server.url("/")).await.unwrap().text(), "ok");
    call.close();
    assert!(matches!(
        get(&call, &server.url("/")).await,
        Err(Error::ConnectionTerminated)
    ));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn grants_are_checked() {
    let call = Egress::new(config("https://gitlab.example.com"))
        .unwrap()
        .open_call(&[]);
    let refused = |url: &str, secrets| call.grant(&[declared(url, secrets)]).unwrap_err();
    assert!(matches!(
        refused("https://a.test/path", false),
        GrantRefused::Unreadable(..)
    ));
    assert!(matches!(
        refused("http://a.test", false),
        GrantRefused::PlainHttp(_)
    ));
    assert!(matches!(
        refused("https://registry.example.com", true),
        GrantRefused::SecretsElsewhere(..)
    ));
    assert!(matches!(
        refused("https://gitlab.example.com:8443", true),
        GrantRefused::SecretsElsewhere(..)
    ));
    let many = vec![declared("https://a.test", false); 65];
    assert!(matches!(call.grant(&many), Err(GrantRefused::TooMany(65))));
    call.grant(&[
        declared("https://gitlab.example.com", true),
        declared("https://cdn.test", false),
    ])
    .unwrap();
}

#[tokio::test]
async fn private_addresses_are_refused_by_name_by_literal_and_in_every_spelling() {
    let inner = serve(|_| reply(200, &[], "inside")).await;
    let port = inner.port;
    let names = Names::new(&[
        ("cdn.test", &[&["127.0.0.1"]]),
        ("ten.test", &[&["10.0.0.1", "192.168.1.1"]]),
        ("mapped.test", &[&["::ffff:127.0.0.1"]]),
        ("nat64.test", &[&["64:ff9b::7f00:1"]]),
        ("meta.test", &[&["169.254.169.254"]]),
        ("registry.example.com", &[&["127.0.0.1"]]),
        ("private.example.com", &[&["10.0.0.1"]]),
        ("gitlab.example.com", &[&["93.184.216.34"]]),
    ]);
    let egress = Egress::new(EgressConfig {
        resolver: names,
        allow: vec![format!("https://metadata.test:{port}").parse().unwrap()],
        ..config("https://gitlab.example.com")
    })
    .unwrap();
    let call = egress.open_call(&[]);
    let hosts = [
        "cdn.test",
        "ten.test",
        "mapped.test",
        "nat64.test",
        "meta.test",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]",
        "localhost",
        "registry.example.com",
        "private.example.com",
    ];
    let urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("https://{host}:{port}"))
        .collect();
    let grants: Vec<_> = urls.iter().map(|url| declared(url, false)).collect();
    call.grant(&grants).unwrap();
    for url in &urls {
        let outcome = get(&call, url).await;
        let expected = match outcome {
            Err(Error::DestinationIpProhibited) => true,
            // `localhost` is in no table.
            Err(Error::DnsError { .. }) => url.contains("localhost"),
            _ => false,
        };
        assert!(expected, "{url}: {outcome:?}");
        assert!(call.explain(url).is_some(), "{url}");
    }
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn the_operators_own_loopback_is_reached_under_that_spelling_only() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let port = server.port;
    let (call, _) = open(config(&format!("http://127.0.0.1:{port}")));
    assert_eq!(get(&call, &server.url("/")).await.unwrap().text(), "ok");
    for host in ["localhost", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.2"] {
        let outcome = get(&call, &format!("http://{host}:{port}/")).await;
        assert!(matches!(outcome, Err(Error::HttpRequestDenied)), "{host}");
    }
    for host in ["127.1", "0x7f.0.0.1", "2130706433", "user@127.0.0.1"] {
        let outcome = get(&call, &format!("http://{host}:{port}/")).await;
        assert!(
            matches!(outcome, Err(Error::HttpRequestUriInvalid)),
            "{host}"
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_name_of_the_operator_that_leads_to_loopback_says_how_to_allow_it() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let url = format!("http://gitlab.example.com:{}/", server.port);
    let names = Names::new(&[("gitlab.example.com", &[&["127.0.0.1"]])]);
    let (call, _) = open(EgressConfig {
        resolver: names,
        ..config(&url)
    });
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::DestinationIpProhibited)
    ));
    let hint = call.explain(&url).unwrap().hint;
    assert!(
        hint.contains(&format!("http://127.0.0.1:{}", server.port)),
        "{hint}"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_judged_like_a_request_and_a_denied_one_never_reaches_the_address() {
    let inner = serve(|_| reply(200, &[], "inside")).await;
    let port = inner.port;
    let targets = [
        format!("http://10.0.0.1:{port}/"),
        format!("http://169.254.169.254:{port}/latest"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://0x7f000001:{port}/elsewhere"),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ];
    let locations = targets.clone();
    let server =
        serve(move |seen| redirect(&locations[seen.uri[1..].parse::<usize>().unwrap()])).await;
    // The inner server's own port is on the operator's site; reached from it only by that very host.
    let (call, _) = open(config(&server.url("")));
    for (n, target) in targets.iter().enumerate() {
        let outcome = get(&call, &server.url(&format!("/{n}"))).await;
        match outcome {
            Err(Error::HttpRequestDenied | Error::HttpProtocolError) => {}
            // An odd spelling of the operator's own host is that host.
            Ok(got) if target.contains("0x7f") => assert_eq!(got.text(), "inside"),
            other => panic!("{target}: {other:?}"),
        }
    }
    assert_eq!(inner.connections(), 1);
}

#[tokio::test]
async fn a_name_is_judged_at_every_dial_so_rebinding_gains_nothing() {
    let inner = serve(|_| reply(200, &[("connection", "close")], "ok")).await;
    // First the loopback that `localhost` may be, then what it may never be.
    let names = Names::new(&[("localhost", &[&["127.0.0.1"], &["169.254.169.254"]])]);
    let url = format!("http://localhost:{}/", inner.port);
    let (call, _) = open(EgressConfig {
        resolver: names.clone(),
        ..config(&url)
    });
    assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::DestinationIpProhibited)
    ));
    assert_eq!(names.asked.lock().unwrap().len(), 2);
    assert_eq!(inner.connections(), 1);
}

#[tokio::test]
async fn of_mixed_addresses_only_the_good_ones_are_dialled() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let names = Names::new(&[("localhost", &[&["169.254.169.254", "0.0.0.0", "127.0.0.1"]])]);
    let url = format!("http://localhost:{}/", server.port);
    let (call, _) = open(EgressConfig {
        resolver: names,
        ..config(&url)
    });
    assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
}

#[tokio::test]
async fn connection_failures_have_their_own_codes_and_sentences() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{closed}/");
    let (call, _) = open(config(&url));
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::ConnectionRefused)
    ));
    assert!(
        call.explain(&url)
            .unwrap()
            .message
            .contains("refused the connection")
    );

    let (call, _) = open(config("https://nowhere.example.com"));
    assert!(matches!(
        get(&call, "https://nowhere.example.com/").await,
        Err(Error::DnsError { .. })
    ));
    let why = call.explain("https://NOWHERE.example.com:443/").unwrap();
    assert!(
        why.message.contains("nowhere.example.com") && why.message.contains("no such name"),
        "{why:?}"
    );
}

#[tokio::test]
async fn a_denial_comes_after_the_body_was_taken() {
    let (call, _) = open(config("https://gitlab.example.com"));
    let big = vec![b'x'; 900 << 10];
    let outcome = send(
        &call,
        request(Method::POST, "https://evil.test/", &[], big),
        None,
    )
    .await;
    assert!(matches!(outcome, Err(Error::HttpRequestDenied)));
    let bigger = vec![b'x'; 2 << 20];
    let outcome = send(
        &call,
        request(Method::POST, "https://gitlab.example.com/", &[], bigger),
        None,
    )
    .await;
    assert!(matches!(outcome, Err(Error::HttpRequestBodySize(_))));
}

#[tokio::test]
async fn requests_beyond_the_places_wait_and_beyond_the_queue_are_refused() {
    let server = serve(|_| pieces(vec!["a".into(), "b".into()], Duration::from_millis(50))).await;
    let (call, _) = open(EgressConfig {
        limits: EgressLimits {
            in_flight: 2,
            queued: 2,
            ..EgressLimits::default()
        },
        ..config(&server.url(""))
    });
    let url = server.url("/");
    let outcomes = futures_util::future::join_all((0..8).map(|_| get(&call, &url))).await;
    let refused = outcomes
        .iter()
        .filter(|o| matches!(o, Err(Error::ConnectionLimitReached)))
        .count();
    let answered = outcomes.iter().filter(|o| o.is_ok()).count();
    assert_eq!((answered, refused), (4, 4));
    assert!(server.connections() <= 2);
    assert!(get(&call, &url).await.is_ok(), "places come back");

    // Unread answers hold their places; the wait for one ends with a sentence.
    let (call, _) = open(EgressConfig {
        limits: EgressLimits {
            in_flight: 1,
            queue_wait: Duration::from_millis(100),
            ..EgressLimits::default()
        },
        ..config(&server.url(""))
    });
    let held = call
        .send(request(Method::GET, &url, &[], ""), None)
        .await
        .unwrap();
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::ConnectionLimitReached)
    ));
    drop(held);
    assert!(get(&call, &url).await.is_ok());
}

#[tokio::test]
async fn a_call_has_a_number_of_requests() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let (call, _) = open(EgressConfig {
        limits: EgressLimits {
            requests: 2,
            ..EgressLimits::default()
        },
        ..config(&server.url(""))
    });
    for expected in [true, true, false] {
        assert_eq!(get(&call, &server.url("/")).await.is_ok(), expected);
    }
    assert_eq!(call.counters().requests, 2);
    assert_eq!(call.counters().by_host["127.0.0.1"].bytes_received, 4);
}

#[tokio::test]
async fn a_connector_reads_and_changes_nothing() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let (call, s) = open(config(&server.url("")));
    let headers = [("private-token", s.as_str())];
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let asked = request(method.clone(), &server.url("/"), &headers, "");
        let error = send(&call, asked, None).await.unwrap_err();
        assert!(
            matches!(error, Error::HttpRequestMethodInvalid),
            "{method}: {error:?}"
        );
        let why = call.explain(&server.url("/")).unwrap();
        assert!(why.message.contains(method.as_str()), "{why:?}");
    }
    assert_eq!(server.connections(), 0);
    for method in [Method::OPTIONS, Method::POST] {
        let asked = request(method, &server.url("/"), &headers, "");
        assert_eq!(send(&call, asked, None).await.unwrap().text(), "ok");
    }
}
