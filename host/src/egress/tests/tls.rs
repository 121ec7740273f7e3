//! Certificates, HTTP/2 and proxies.

use std::sync::Arc;

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::Error;

use super::super::*;
use super::support::*;

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "Test CA");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: &KeyPair, alpn: &[&str]) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A server for `name`, with a certificate of the authority.
async fn issued(
    ca: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    alpn: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Server {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, ca).unwrap();
    let acceptor = acceptor(vec![cert.der().clone()], &key, alpn);
    serve_over(Some(acceptor), |seen| match seen.uri.rsplit('/').next() {
        Some("down") => redirect("http://127.0.0.1:1/"),
        _ => reply(200, &[], format!("{:?}", seen.version)),
    })
    .await
}

fn trusting(url: &str, ca: &CertifiedIssuer<'static, KeyPair>) -> EgressConfig {
    EgressConfig {
        ca_pem: vec![ca.pem()],
        ..config(url)
    }
}

async fn certificate_error(config: EgressConfig, url: &str) -> crate::contract::Explanation {
    let (call, _) = open(config);
    let outcome = get(&call, url).await;
    assert!(
        matches!(outcome, Err(Error::TlsCertificateError)),
        "{outcome:?}"
    );
    call.explain(url).unwrap()
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_given_and_not_else() {
    let ca = authority();
    let server = issued(&ca, "localhost", &["http/1.1"], |_| {}).await;
    let url = format!("https://localhost:{}/", server.port);
    let why = certificate_error(config(&url), &url).await;
    assert!(
        why.message.contains("not trusted") && why.hint.contains("--ca"),
        "{why:?}"
    );
    let (call, _) = open(trusting(&url, &ca));
    assert_eq!(get(&call, &url).await.unwrap().text(), "HTTP/1.1");
    let (call, _) = open(EgressConfig {
        insecure_tls: true,
        ..config(&url)
    });
    assert_eq!(get(&call, &url).await.unwrap().text(), "HTTP/1.1");
}

#[tokio::test]
async fn wrong_dates_and_wrong_names_are_said_as_such() {
    let ca = authority();
    let old = issued(&ca, "localhost", &[], |p| {
        p.not_before = date_time_ymd(2020, 1, 1);
        p.not_after = date_time_ymd(2021, 2, 3);
    })
    .await;
    let url = format!("https://localhost:{}/", old.port);
    let why = certificate_error(trusting(&url, &ca), &url).await;
    assert!(why.message.contains("expired on 2021-02-03"), "{why:?}");

    let early = issued(&ca, "localhost", &[], |p| {
        p.not_before = date_time_ymd(2090, 1, 2);
    })
    .await;
    let url = format!("https://localhost:{}/", early.port);
    let why = certificate_error(trusting(&url, &ca), &url).await;
    assert!(
        why.message.contains("not valid before 2090-01-02"),
        "{why:?}"
    );

    let other = issued(&ca, "other.test", &[], |_| {}).await;
    let url = format!("https://localhost:{}/", other.port);
    let why = certificate_error(trusting(&url, &ca), &url).await;
    assert!(
        why.message.contains("other.test") && why.message.contains("not for localhost"),
        "{why:?}"
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_named_and_can_be_given_itself() {
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::NoCa] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        let server = serve_over(Some(acceptor(vec![cert.der().clone()], &key, &[])), |_| {
            reply(200, &[], "ok")
        })
        .await;
        let url = format!("https://localhost:{}/", server.port);
        let why = certificate_error(config(&url), &url).await;
        assert!(why.message.contains("self-signed"), "{why:?}");
        let given = EgressConfig {
            ca_pem: vec![cert.pem()],
            ..config(&url)
        };
        let (call, _) = open(given.clone());
        assert_eq!(get(&call, &url).await.unwrap().text(), "ok");
        // It vouches for its own names only.
        let url = format!("https://127.0.0.1:{}/", server.port);
        let given = EgressConfig {
            operator_origin: Origin::parse_url(&url).unwrap(),
            ..given
        };
        certificate_error(given, &url).await;
    }
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_offers_it() {
    let ca = authority();
    let server = issued(&ca, "localhost", &["h2", "http/1.1"], |_| {}).await;
    let url = format!("https://localhost:{}/", server.port);
    let (call, s) = open(trusting(&url, &ca));
    let token = [("private-token", s.as_str())];
    let outcomes =
        futures_util::future::join_all((0..10).map(|_| get_with(&call, &url, &token))).await;
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().text(), "HTTP/2.0");
    }
    let seen = server.seen();
    assert!(seen.iter().all(|seen| !seen.headers.contains_key("host")));
    assert_eq!(seen[0].headers["private-token"], TOKEN);
    assert!(server.connections() <= 10);
    let before = server.connections();
    get(&call, &url).await.unwrap();
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn https_is_never_left_for_http() {
    let ca = authority();
    let server = issued(&ca, "localhost", &[], |_| {}).await;
    let url = format!("https://localhost:{}/down", server.port);
    let (call, _) = open(trusting(&url, &ca));
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::HttpRequestDenied)
    ));
    assert!(call.explain(&url).unwrap().message.contains("plain http"));
}

#[tokio::test]
async fn plain_http_behind_https_says_so() {
    let server = serve(|_| reply(200, &[], "ok")).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let (call, _) = open(config(&url));
    assert!(matches!(
        get(&call, &url).await,
        Err(Error::TlsProtocolError)
    ));
    assert!(call.explain(&url).unwrap().message.contains("TLS"));
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_refused_when_the_connection_is_made() {
    for pem in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let bad = EgressConfig {
            ca_pem: vec![pem.to_owned()],
            ..config("https://gitlab.example.com")
        };
        assert!(
            matches!(Egress::new(bad), Err(EgressConfigError::Ca(_))),
            "{pem:?}"
        );
        let bad = EgressConfig {
            client_pem: Some(pem.to_owned()),
            ..config("https://gitlab.example.com")
        };
        assert!(
            matches!(Egress::new(bad), Err(EgressConfigError::Client(_))),
            "{pem:?}"
        );
    }
}

/// A proxy that tunnels every name to this port, for those who know the password.
async fn proxy_to(port: u16) -> (u16, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let heads: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(tokio::io::AsyncReadExt::read_u8(&mut client).await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                log.lock().unwrap().push(head.clone());
                let password = base64::engine::general_purpose::STANDARD.encode("me:pass");
                if !head.contains(&password) {
                    client.write_all(b"HTTP/1.1 407 No\r\n\r\n").await.unwrap();
                } else if head.starts_with("CONNECT") {
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                } else {
                    client
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain")
                        .await
                        .unwrap();
                }
            });
        }
    });
    (own, heads)
}

#[tokio::test]
async fn a_proxy_tunnels_https_and_forwards_http_and_names_are_still_judged() {
    let ca = authority();
    let server = issued(&ca, "gitlab.example.com", &[], |_| {}).await;
    let (proxy, heads) = proxy_to(server.port).await;
    let names = Names::new(&[]);
    let through = |operator: &str, login: &str| EgressConfig {
        proxy: Some(format!("http://{login}127.0.0.1:{proxy}")),
        resolver: names.clone(),
        ..trusting(operator, &ca)
    };
    let (call, _) = open(through("https://gitlab.example.com", "me:pass@"));
    assert_eq!(
        get(&call, "https://gitlab.example.com/")
            .await
            .unwrap()
            .text(),
        "HTTP/1.1"
    );
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT gitlab.example.com:443 HTTP/1.1\r\n"));
    assert!(!server.seen()[0].headers.contains_key("proxy-authorization"));
    assert!(names.asked.lock().unwrap().is_empty(), "the proxy resolves");

    assert!(matches!(
        get(&call, "https://evil.test/").await,
        Err(Error::HttpRequestDenied)
    ));
    call.grant(&[
        declared("https://169.254.169.254", false),
        declared("https://10.0.0.1", false),
    ])
    .unwrap();
    for literal in ["https://169.254.169.254/", "https://10.0.0.1/"] {
        assert!(
            matches!(
                get(&call, literal).await,
                Err(Error::DestinationIpProhibited)
            ),
            "{literal}"
        );
    }
    assert_eq!(heads.lock().unwrap().len(), 1);

    let (call, _) = open(through("http://gitlab.example.com", "me:pass@"));
    assert_eq!(
        get(&call, "http://gitlab.example.com/a?b")
            .await
            .unwrap()
            .text(),
        "plain"
    );
    assert!(heads.lock().unwrap()[1].starts_with("GET http://gitlab.example.com/a?b HTTP/1.1\r\n"));

    let (call, _) = open(through("https://gitlab.example.com", ""));
    assert!(matches!(
        get(&call, "https://gitlab.example.com/").await,
        Err(Error::DestinationUnavailable)
    ));
    assert!(
        call.explain("https://gitlab.example.com/")
            .unwrap()
            .message
            .contains("407")
    );
}
