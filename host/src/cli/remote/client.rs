//! The way to a daemon: one request a connection, HTTP/1.1, with the system's certificates and those that the
//! operator adds. Errors say what to do.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::contract::{Explanation, Failure, LackOfPermission};
use crate::host::{HostError, SecretString};
use crate::serve::api::{ErrorBody, ErrorCode};
use crate::store::StoreError;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How long an answer may take: a verification asks somebody else, a policy weighs the whole queue.
const ANSWER: Duration = Duration::from_secs(1800);
/// Largest answer, in bytes.
const ANSWER_BYTES: usize = 512 << 20;

/// A stream that TLS may be around.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The way to one daemon.
pub(super) struct Client {
    base: Url,
    token: Option<SecretString>,
    tls: Arc<rustls::ClientConfig>,
}

/// An answer that said yes.
pub(super) struct Answer {
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, HostError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            unavailable(
                format!(
                    "the daemon answered something else than this program understands: {error}"
                ),
                "use an ox-host of the daemon's version",
            )
        })
    }
}

fn unavailable(message: String, hint: &str) -> HostError {
    HostError::Connector(Failure::Unavailable(Explanation {
        message,
        hint: hint.to_owned(),
    }))
}

fn settings(message: String) -> HostError {
    HostError::Settings(anyhow::Error::msg(message))
}

impl Client {
    /// Towards an address (`https://ox.example.com`), with PEM files of further certificates.
    pub(super) fn new(
        address: &str,
        token: Option<SecretString>,
        ca_pem: &[String],
    ) -> Result<Self, HostError> {
        let base = Url::parse(address)
            .map_err(|error| settings(format!("--server {address:?} is no address: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(settings(format!(
                "--server {address:?} is not the address of a daemon; write it like http://127.0.0.1:8470"
            )));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(settings(
                "--server holds a user name or password; give an API token with --server-token-file or \
                 OX_HOST_TOKEN"
                    .to_owned(),
            ));
        }
        Ok(Self {
            base,
            token,
            tls: Arc::new(tls(ca_pem)?),
        })
    }

    fn where_(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, HostError> {
        let host = self.base.host_str().unwrap_or_default();
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.base.port_or_known_default().unwrap_or(80);
        let stream = timeout(CONNECT, TcpStream::connect((plain, port))).await;
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(unavailable(
                    format!("no daemon can be reached at {}: {error}", self.where_()),
                    "start one with `ox-host serve`, or name the right address with --server",
                ));
            }
            Err(_) => {
                return Err(unavailable(
                    format!("{} did not take the connection in time", self.where_()),
                    "check the address, and that nothing in between blocks it",
                ));
            }
        };
        let _ = stream.set_nodelay(true);
        if self.base.scheme() == "http" {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(plain.to_owned())
            .map_err(|error| settings(format!("{plain:?} is no name of a server: {error}")))?;
        let connector = tokio_rustls::TlsConnector::from(self.tls.clone());
        match timeout(CONNECT, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(unavailable(
                format!("{} can't be trusted: {error}", self.where_()),
                "give its certificate authority with --server-ca FILE",
            )),
            Err(_) => Err(unavailable(
                format!("{} did not answer the TLS handshake in time", self.where_()),
                "check that the address is one of https",
            )),
        }
    }

    /// Sends a request and answers the head; the body comes as it comes.
    pub(super) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, HostError> {
        let stream = self.dial().await?;
        let broken = |error: hyper::Error| {
            unavailable(
                format!("the connection to {} broke: {error}", self.where_()),
                "look at the daemon's log, and try again",
            )
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tokio::spawn(connection);
        let prefix = self.base.path().trim_end_matches('/');
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{prefix}/api/v1{path}"))
            .header(header::HOST, self.authority())
            .header(
                header::USER_AGENT,
                concat!("ox-host/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value
                .map_err(|_| settings("the API token has characters that none has".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| settings(format!("the request can't be made: {error}")))?;
        match timeout(ANSWER, sender.send_request(request)).await {
            Ok(answer) => answer.map_err(broken),
            Err(_) => Err(unavailable(
                format!("{} did not answer in time", self.where_()),
                "look at the daemon's log",
            )),
        }
    }

    fn authority(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Sends a request; whatever is not a yes is an error.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Answer, HostError> {
        let response = self.open(method, path, headers, body).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES);
        let body = match timeout(ANSWER, body.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => {
                return Err(unavailable(
                    format!("the answer of {} could not be read: {error}", self.where_()),
                    "try again",
                ));
            }
            Err(_) => {
                return Err(unavailable(
                    format!("the answer of {} did not end in time", self.where_()),
                    "try again",
                ));
            }
        };
        if status.is_success() {
            return Ok(Answer { body });
        }
        Err(self.refusal(status, &body))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HostError> {
        self.ask(Method::GET, path, &[], Bytes::new()).await?.json()
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<Answer, HostError> {
        let body = serde_json::to_vec(body).map_err(anyhow::Error::from)?;
        // The command line says what it does to what is there now, as it does without a daemon.
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        self.ask(method, path, &headers, body.into()).await
    }

    pub(super) fn refusal(&self, status: StatusCode, body: &[u8]) -> HostError {
        let Ok(ErrorBody { error }) = serde_json::from_slice(body) else {
            return unavailable(
                format!(
                    "{} answered {status}, and not as a daemon of ox-host does",
                    self.where_()
                ),
                "check the address that --server names",
            );
        };
        let why = Explanation {
            message: error.message.clone(),
            hint: error.hint.clone(),
        };
        match error.code {
            ErrorCode::Unauthenticated => HostError::Connector(Failure::Unauthenticated(Explanation {
                message: format!("{}: {}", self.where_(), error.message),
                hint: "make an API token in the console (Account), and give it in OX_HOST_TOKEN or with \
                       --server-token-file"
                    .to_owned(),
            })),
            ErrorCode::Forbidden => HostError::Connector(Failure::Forbidden(LackOfPermission {
                missing_scopes: Vec::new(),
                why,
            })),
            ErrorCode::NotFound | ErrorCode::Conflict | ErrorCode::Changed => {
                StoreError::Refused(error.message).into()
            }
            ErrorCode::Upstream | ErrorCode::Unavailable | ErrorCode::TooMany => {
                HostError::Connector(Failure::Unavailable(why))
            }
            ErrorCode::Unexpected => HostError::Other(anyhow::Error::msg(error.message)),
            _ => {
                let field = error.field.map(|field| format!("{field}: ")).unwrap_or_default();
                let hint = match error.hint.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", error.hint),
                };
                settings(format!("{field}{}{hint}", error.message))
            }
        }
    }
}

fn tls(ca_pem: &[String]) -> Result<rustls::ClientConfig, HostError> {
    let mut roots = rustls::RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    for pem in ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate
                .context("--server-ca holds a certificate that can't be read")
                .map_err(HostError::Settings)?;
            roots
                .add(certificate)
                .context("--server-ca holds a certificate that can't be used")
                .map_err(HostError::Settings)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(anyhow::Error::from)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
