//! The way out of the sandbox, as a component that wants to get around it finds it.
//!
//! The hostile guest makes real requests through the real host; small servers on loopback say what arrived.
//! What the guest saw, it emitted. Looked at are both ends: what reached a server, and what the guest knows.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ox_host::egress::{Egress, EgressConfig, EgressLimits, Resolver, SystemResolver};
use ox_host::plugin::EgressCounters;
use sha2::{Digest, Sha256};

use super::server::Server;
use super::*;

/// Names of the test, and how often each was asked for. A name may answer differently every time.
#[derive(Debug, Default)]
struct Names {
    answers: HashMap<String, Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match self.answers.get(name) {
            Some(answers) => Ok(vec![answers[asked.min(answers.len() - 1)]]),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}

/// What the guest saw of one scan, and what the host says of it.
struct Outcome {
    seen: HashMap<String, Vec<String>>,
    lines: Vec<String>,
    ended: Result<EgressCounters, CallError>,
}

impl Outcome {
    fn first(&self, key: &str) -> &str {
        self.seen
            .get(key)
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }

    /// The guest was refused, with words; the connection's owner sees the same words.
    #[track_caller]
    fn assert_refused(&self, words: &str) {
        let shown = format!("{:?}", self.seen);
        assert_eq!(self.first("status"), "", "{shown}");
        assert!(!self.first("error").is_empty(), "{shown}");
        assert!(self.first("explain").contains(words), "{words:?}: {shown}");
    }
}

struct Try<'a> {
    server: &'a Server,
    settings: Vec<(String, String)>,
    resolver: Arc<dyn Resolver>,
    allow: Vec<String>,
}

/// A scan with the connection's address at `server`, and a request to `target`.
fn fetch<'a>(server: &'a Server, target: &str) -> Try<'a> {
    let attempt = Try {
        server,
        settings: vec![("url".to_owned(), server.url(""))],
        resolver: Arc::new(SystemResolver),
        allow: Vec::new(),
    };
    attempt.with("mode", "fetch").with("target", target)
}

impl Try<'_> {
    fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    async fn run(self) -> Outcome {
        let config = EgressConfig {
            operator_origin: self.server.url("").parse().unwrap(),
            allow: self
                .allow
                .iter()
                .map(|origin| origin.parse().unwrap())
                .collect(),
            ca_pem: Vec::new(),
            client_pem: None,
            proxy: None,
            insecure_tls: false,
            limits: EgressLimits::default(),
            resolver: self.resolver,
        };
        let collected = Arc::new(Seen::default());
        let setup = CallSetup {
            settings: self.settings,
            secrets: vec![("token".to_owned(), SecretString::new(TOKEN.to_owned()))],
            egress: Egress::new(config).unwrap(),
            outlet: Arc::clone(&collected) as Arc<dyn Outlet>,
            cancel: CancellationToken::new(),
            limits: Limits {
                scan_time: 20_000,
                ..Limits::default()
            },
        };
        let request = ScanRequest {
            location: "here".to_owned(),
            cursor: None,
        };
        let ended = tokio::time::timeout(
            Duration::from_secs(60),
            hostile().await.scan(setup, request),
        )
        .await
        .expect("the host was kept busy beyond every limit")
        .map(|end| end.counters);
        let seen = collected.contexts();
        let lines = collected.lines.lock().unwrap().clone();
        for text in [
            format!("{seen:?}"),
            format!("{lines:?}"),
            format!("{ended:?}"),
        ] {
            assert!(!text.contains(TOKEN), "the token came out: {text:.2000}");
            assert!(
                !text.contains("oxstandin"),
                "a stand-in came out: {text:.2000}"
            );
        }
        Outcome { seen, lines, ended }
    }
}

#[tokio::test]
async fn the_token_reaches_its_server_and_never_the_guest() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/echo"))
        .with("headers", "PRIVATE-TOKEN: {token}")
        .run()
        .await;
    assert_eq!(outcome.first("status"), "200");
    assert!(
        server.arrived()[0].contains(TOKEN),
        "the server did not get the token: {:?}",
        server.arrived()
    );
    assert!(!server.arrived()[0].contains("oxstandin"));
    // The server sent the whole request back, and the guest saw it without the token (`run` looked).
    assert!(
        outcome
            .first("body")
            .to_lowercase()
            .contains("private-token"),
        "{:?}",
        outcome.seen
    );
    let counters = outcome.ended.unwrap();
    assert_eq!(counters.requests, 1);
    assert!(counters.bytes_received > 20);
    assert!(outcome.lines.is_empty());
}

#[tokio::test]
async fn a_token_in_a_url_a_body_or_another_header_is_not_sent_at_all() {
    for (place, key, value) in [
        ("URL", "target", "/x?private_token={token}"),
        ("URL", "target", "/x/{token}/y"),
        ("body", "body", "token={token}"),
        ("header", "headers", "x-note: {token}"),
        ("header", "headers", "cookie: session={token}"),
    ] {
        let server = Server::start().await;
        let value = if key == "target" {
            server.url(value)
        } else {
            value.to_owned()
        };
        let outcome = fetch(&server, &server.url("/echo"))
            .with("method", "POST")
            .with(key, &value)
            .run()
            .await;
        assert_eq!(server.arrived(), Vec::<String>::new(), "{place}");
        assert_eq!(outcome.first("status"), "", "{place}: {:?}", outcome.seen);
        assert!(
            !outcome.first("error").is_empty(),
            "{place}: {:?}",
            outcome.seen
        );
    }
}

#[tokio::test]
async fn a_token_for_another_origin_is_not_sent_even_where_the_origin_is_allowed() {
    let (server, other) = (Server::start().await, Server::start().await);
    let mut attempt =
        fetch(&server, &other.url("/echo")).with("headers", "Authorization: Bearer {token}");
    attempt.allow = vec![other.url("")];
    attempt.run().await.assert_refused("header authorization");
    assert_eq!(other.arrived(), Vec::<String>::new());
}

#[tokio::test]
async fn an_undeclared_host_is_refused_with_the_line_that_would_allow_it() {
    let server = Server::start().await;
    let outcome = fetch(&server, "https://elsewhere.example/x").run().await;
    outcome.assert_refused("--allow https://elsewhere.example");
    assert_eq!(outcome.ended.unwrap().requests, 0);
}

#[tokio::test]
async fn another_port_of_the_same_machine_never_gets_the_token() {
    let (server, other) = (Server::start().await, Server::start().await);
    let outcome = fetch(&server, &other.url("/echo"))
        .with("headers", "PRIVATE-TOKEN: {token}")
        .run()
        .await;
    outcome.assert_refused("header private-token");
    assert_eq!(other.arrived(), Vec::<String>::new());
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_spelling_even_when_the_connector_declares_them() {
    let server = Server::start().await;
    let inner = Server::start().await;
    let port = inner.address.port();
    for host in [
        "169.254.169.254".to_owned(),
        "[::ffff:169.254.169.254]".to_owned(),
        "[fd00:ec2::254]".to_owned(),
        "10.0.0.1".to_owned(),
        "192.168.1.1".to_owned(),
        "[fe80::1]".to_owned(),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[::1]:{port}"),
        format!("127.0.0.2:{port}"),
        format!("0.0.0.0:{port}"),
    ] {
        let origin = format!("https://{host}");
        let outcome = fetch(&server, &format!("{origin}/latest/meta-data"))
            .with("origins", &origin)
            .run()
            .await;
        assert_eq!(outcome.first("status"), "", "{host}: {:?}", outcome.seen);
        match &outcome.ended {
            // Declared and granted, then refused at the dial; or not even granted.
            Ok(_) => assert!(
                outcome.first("explain").contains("was refused"),
                "{host}: {:?}",
                outcome.seen
            ),
            Err(error) => assert!(
                matches!(
                    error,
                    CallError::BadAnswer { .. } | CallError::Refused { .. }
                ),
                "{host}: {error}"
            ),
        }
    }
    assert_eq!(inner.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_and_never_dialled() {
    let server = Server::start().await;
    let inner = Server::start().await;
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::ffff:127.0.0.1",
    ] {
        let origin = format!("https://innocent.example:{}", inner.address.port());
        let names = Names {
            answers: [(
                "innocent.example".to_owned(),
                vec![address.parse().unwrap()],
            )]
            .into(),
            ..Names::default()
        };
        let mut attempt = fetch(&server, &format!("{origin}/")).with("origins", &origin);
        attempt.resolver = Arc::new(names);
        attempt.run().await.assert_refused("innocent.example");
    }
    assert_eq!(inner.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let server = Server::start().await;
    let inner = Server::start().await;
    let origin = format!("https://rebind.example:{}", inner.address.port());
    // Public at first (an address of documentation, where nobody answers), loopback from then on.
    let names = Arc::new(Names {
        answers: [(
            "rebind.example".to_owned(),
            vec!["203.0.113.7".parse().unwrap(), "127.0.0.1".parse().unwrap()],
        )]
        .into(),
        ..Names::default()
    });
    let mut attempt = fetch(&server, "")
        .with("mode", "fetch-two")
        .with("target", &format!("{origin}/a\n{origin}/b\n{origin}/c"))
        .with("origins", &origin);
    attempt.resolver = Arc::clone(&names) as Arc<dyn Resolver>;
    let outcome = attempt.run().await;
    assert_eq!(outcome.first("status"), "", "{:?}", outcome.seen);
    assert!(
        names.asked.load(Ordering::Relaxed) >= 2,
        "the second answer was never asked for"
    );
    assert_eq!(inner.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_redirect_is_judged_like_a_request_and_takes_no_token_along() {
    let (server, other) = (Server::start().await, Server::start().await);
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "https://elsewhere.example/",
        "file:///etc/passwd",
        "http://[::ffff:169.254.169.254]/",
    ] {
        let outcome = fetch(&server, &server.url(&format!("/to/{target}")))
            .with("headers", "PRIVATE-TOKEN: {token}")
            .run()
            .await;
        assert_eq!(outcome.first("status"), "", "{target}: {:?}", outcome.seen);
        assert!(
            !outcome.first("explain").is_empty(),
            "{target}: {:?}",
            outcome.seen
        );
    }
    let mut attempt = fetch(&server, &server.url(&format!("/to/{}", other.url("/echo"))))
        .with("headers", "PRIVATE-TOKEN: {token}");
    attempt.allow = vec![other.url("")];
    let outcome = attempt.run().await;
    assert_eq!(outcome.first("status"), "200", "{:?}", outcome.seen);
    assert_eq!(other.arrived().len(), 1);
    assert!(!other.arrived()[0].contains(TOKEN) && !other.arrived()[0].contains("oxstandin"));
}

#[tokio::test]
async fn a_redirect_without_end_ends() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/loop")).run().await;
    outcome.assert_refused("redirect");
    let arrived = server.arrived().len();
    assert!((1..=6).contains(&arrived), "{arrived} requests");
}

#[tokio::test]
async fn a_blob_with_the_wrong_digest_fails_at_its_end_and_a_right_one_does_not() {
    let server = Server::start().await;
    let digest = |content: &[u8]| {
        let hex: String = Sha256::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("ox-expect-digest: sha256:{hex}")
    };
    let good = fetch(&server, &server.url("/blob"))
        .with("headers", &digest(b"hello"))
        .run()
        .await;
    assert_eq!(good.first("body"), "hello");
    assert!(
        !server.arrived()[0]
            .to_lowercase()
            .contains("ox-expect-digest"),
        "it is never sent"
    );

    let bad = fetch(&server, &server.url("/blob"))
        .with("headers", &digest(b"other"))
        .run()
        .await;
    assert_eq!(bad.first("body"), "", "{:?}", bad.seen);
    assert!(!bad.first("error").is_empty());
    assert!(bad.first("explain").contains("sha256:"), "{:?}", bad.seen);
}

#[tokio::test]
async fn configure_can_not_reach_even_its_own_server() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/"))
        .with("mode", "configure-request")
        .run()
        .await;
    let Err(error @ CallError::Failure { .. }) = &outcome.ended else {
        panic!("{:?}", outcome.ended)
    };
    assert!(error.message().contains("configure"), "{error}");
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn secrets_go_to_the_operators_origin_and_a_connector_can_not_name_another() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/"))
        .with("mode", "configure-secret-elsewhere")
        .run()
        .await;
    let Err(error @ CallError::BadAnswer { .. }) = &outcome.ended else {
        panic!("{:?}", outcome.ended)
    };
    assert!(
        error.message().contains("https://elsewhere.example"),
        "{error}"
    );
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn plain_http_elsewhere_is_refused_with_the_line_that_would_allow_it() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/"))
        .with("origins", "http://plain.example")
        .run()
        .await;
    let Err(error @ CallError::Refused { .. }) = &outcome.ended else {
        panic!("{:?}", outcome.ended)
    };
    assert!(
        error.message().contains("--allow http://plain.example"),
        "{error}"
    );
}

#[tokio::test]
async fn a_flood_of_requests_is_held_back() {
    let server = Server::start().await;
    let outcome = fetch(&server, &server.url("/"))
        .with("mode", "flood-requests")
        .run()
        .await;
    assert!(outcome.ended.is_ok(), "{:?}", outcome.ended);
    let peak = server.peak.load(Ordering::Relaxed);
    assert!((2..=64).contains(&peak), "{peak} at once");
    // What found neither a place nor room to wait was told so at once.
    assert!(
        outcome.first("error").contains("ConnectionLimitReached"),
        "{:?}",
        outcome.seen
    );
    // And the host goes on.
    let next = fetch(&server, &server.url("/")).run().await;
    assert_eq!(next.first("body"), "hello");
}

#[tokio::test]
async fn a_path_that_is_an_address_does_not_lead_there() {
    let (server, other) = (Server::start().await, Server::start().await);
    for path in [
        other.url("/x"),
        format!("//{}/x", other.address),
        format!("@{}/x", other.address),
    ] {
        // GHSA-5qpp-g3j2-8frx: the absolute form of a request's target.
        let outcome = fetch(&server, &server.url("/"))
            .with("path", &path)
            .run()
            .await;
        assert!(outcome.ended.is_ok(), "{path}: {:?}", outcome.ended);
        assert_eq!(
            other.connections.load(Ordering::Relaxed),
            0,
            "{path}: {:?}",
            outcome.seen
        );
    }
    let userinfo = format!("http://{}@{}/", server.address, other.address);
    let outcome = fetch(&server, &userinfo).run().await;
    assert_eq!(outcome.first("status"), "", "{:?}", outcome.seen);
    assert_eq!(other.connections.load(Ordering::Relaxed), 0);
}
