//! What holds for every answer of the simulator: throttles, the relative root, TLS, the log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use ox_harness::sim::client::{Answer, get};
use ox_harness::sim::{Fault, Modes, Place, Running, Trouble, acme};

fn api(gitlab: &Running, path: &str, token: &str) -> Answer {
    let url = format!("{}/api/v4{path}", gitlab.base_url());
    match token {
        "" => get(&url, &[]).unwrap(),
        token => get(&url, &[("private-token", token)]).unwrap(),
    }
}

#[test]
fn throttles_tell_and_then_refuse() {
    let gitlab = acme::start(Modes {
        requests_per_minute: Some(2),
        ..Modes::default()
    })
    .unwrap();
    let first = api(&gitlab, "/user", acme::TOKEN);
    assert_eq!(first.header("ratelimit-remaining"), Some("1"));
    assert_eq!(
        first.header("ratelimit-name"),
        Some("throttle_authenticated_api")
    );
    api(&gitlab, "/user", acme::TOKEN);
    let refused = api(&gitlab, "/user", acme::TOKEN);
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (429, "Retry later\n")
    );
    assert!(
        refused
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            <= 60
    );
    assert!(
        refused
            .header("ratelimit-resettime")
            .unwrap()
            .ends_with(" GMT")
    );
    assert_eq!(
        api(&gitlab, "/user", acme::TOKEN_ADMIN).status,
        200,
        "each token has its own"
    );
    gitlab.modes(|modes| modes.requests_per_minute = None);
    gitlab.fault(Fault::new(Trouble::application_limit()).at(Place::Api));
    let limited = api(&gitlab, "/groups", acme::TOKEN);
    assert!(
        limited.json()["message"]["error"]
            .as_str()
            .unwrap()
            .contains("too many times")
    );
}

#[test]
fn a_relative_root_moves_everything_but_the_registry() {
    let modes = Modes {
        relative_root: "/gitlab".to_owned(),
        ..Modes::default()
    };
    let gitlab = acme::start(modes).unwrap();
    assert!(gitlab.base_url().ends_with("/gitlab"));
    assert_eq!(api(&gitlab, "/user", acme::TOKEN).status, 200);
    let bare = gitlab.base_url().replace("/gitlab", "/api/v4/user");
    assert_eq!(
        get(&bare, &[("private-token", acme::TOKEN)])
            .unwrap()
            .status,
        404
    );
    let ping = get(&format!("{}/v2/", gitlab.registry_url()), &[]).unwrap();
    assert!(
        ping.header("www-authenticate")
            .unwrap()
            .contains("/gitlab/jwt/auth\"")
    );
}

#[test]
fn what_the_log_keeps_names_headers_but_never_their_values() {
    let gitlab = acme::start(Modes::default()).unwrap();
    api(&gitlab, "/user?a=b", acme::TOKEN);
    let log = gitlab.log();
    assert_eq!(
        (log[0].path.as_str(), log[0].query.as_str(), log[0].status),
        ("/api/v4/user", "a=b", 200)
    );
    assert!(log[0].headers.contains(&"private-token".to_owned()));
    assert!(!format!("{log:?}").contains(acme::TOKEN));
}

#[test]
fn tls_is_trusted_by_those_who_trust_the_simulators_authority() {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use std::io::{Read as _, Write as _};
    let gitlab = acme::start(Modes {
        tls: true,
        ..Modes::default()
    })
    .unwrap();
    let address = gitlab.base_url().replace("https://", "");
    let connect = |trusted: bool| -> std::io::Result<String> {
        let mut roots = rustls::RootCertStore::empty();
        if trusted {
            let authority = gitlab.authority_pem();
            roots
                .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
                .unwrap();
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
        let stream = std::net::TcpStream::connect(&address)?;
        let mut tls = rustls::StreamOwned::new(session, stream);
        tls.write_all(b"GET /api/v4/version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut text = Vec::new();
        let _ = tls.read_to_end(&mut text);
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    assert!(connect(true).unwrap().starts_with("HTTP/1.1 401"));
    assert!(connect(false).is_err());
    assert!(gitlab.storage_url().starts_with("https://"));
}
