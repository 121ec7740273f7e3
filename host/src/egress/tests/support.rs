//! Servers, resolver and guest for the tests.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::super::*;

pub(super) type Reply = Response<BoxBody<Bytes, io::Error>>;

pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let body = Full::new(body.into()).map_err(|e: Infallible| match e {});
    response.body(body.boxed()).unwrap()
}

pub(super) fn redirect(to: &str) -> Reply {
    reply(307, &[("location", to)], "moved")
}

/// A body in these pieces, with a pause before each.
pub(super) fn pieces(pieces: Vec<Bytes>, pause: Duration) -> Reply {
    let stream = futures_util::stream::unfold(pieces.into_iter(), move |mut left| async move {
        let piece = left.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok(Frame::data(piece)), left))
    });
    Response::new(http_body_util::BodyExt::boxed(StreamBody::new(stream)))
}

/// What a server saw of one request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
    pub(super) version: http::Version,
}

/// A running server.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves HTTP with a function from what was seen.
pub(super) async fn serve(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
    serve_over(None, answer).await
}

pub(super) async fn serve_over(
    tls: Option<TlsAcceptor>,
    answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        port: listener.local_addr().unwrap().port(),
        connections: Arc::default(),
        seen: Arc::default(),
    };
    let (connections, seen, answer) = (
        Arc::clone(&server.connections),
        Arc::clone(&server.seen),
        Arc::new(answer),
    );
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let (seen, answer, tls) = (Arc::clone(&seen), Arc::clone(&answer), tls.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                    async move {
                        let (parts, body) = request.into_parts();
                        let one = Seen {
                            method: parts.method,
                            uri: parts.uri.to_string(),
                            headers: parts.headers,
                            version: parts.version,
                            body: body
                                .collect()
                                .await
                                .map(|b| b.to_bytes())
                                .unwrap_or_default(),
                        };
                        seen.lock().unwrap().push(one.clone());
                        Ok::<_, Infallible>(answer(&one))
                    }
                });
                let builder = auto::Builder::new(TokioExecutor::new());
                match tls {
                    None => drop(builder.serve_connection(TokioIo::new(tcp), service).await),
                    Some(tls) => {
                        if let Ok(tls) = tls.accept(tcp).await {
                            drop(builder.serve_connection(TokioIo::new(tls), service).await);
                        }
                    }
                }
            });
        }
    });
    server
}

/// Answers each connection, in order, with these bytes once a request's head has come, and closes it.
/// `None` closes without an answer.
pub(super) async fn serve_raw(answers: Vec<Vec<Option<Vec<u8>>>>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    tokio::spawn(async move {
        let mut answers = VecDeque::from(answers);
        while let Ok((mut tcp, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let script = answers.pop_front().unwrap_or_default();
            tokio::spawn(async move {
                for answer in script {
                    if !read_head(&mut tcp).await {
                        return;
                    }
                    match answer {
                        Some(bytes) => tcp.write_all(&bytes).await.unwrap(),
                        None => return,
                    }
                }
            });
        }
    });
    (port, count)
}

pub(super) async fn read_head(tcp: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// Answers from a table; a name's last answer is repeated.
#[derive(Debug, Default)]
pub(super) struct Names {
    table: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(super) fn new(table: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let names = Self::default();
        for (name, answers) in table {
            let answers = answers
                .iter()
                .map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect())
                .collect();
            names
                .table
                .lock()
                .unwrap()
                .insert((*name).to_owned(), answers);
        }
        Arc::new(names)
    }
}

#[async_trait::async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut table = self.table.lock().unwrap();
        let answers = table
            .get_mut(name)
            .ok_or_else(|| io::Error::other("no such name"))?;
        Ok(if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers.front().cloned().unwrap_or_default()
        })
    }
}

pub(super) fn config(operator: &str) -> EgressConfig {
    EgressConfig {
        operator_origin: Origin::parse_url(operator).unwrap(),
        allow: Vec::new(),
        ca_pem: Vec::new(),
        client_pem: None,
        proxy: None,
        insecure_tls: false,
        limits: EgressLimits::default(),
        resolver: Names::new(&[("localhost", &[&["127.0.0.1"]])]),
    }
}

pub(super) const TOKEN: &str = "glpat-Real+Token/Value_0123456789";

/// An opened call that declared the operator's origin with secrets; and the stand-in for [`TOKEN`].
pub(super) fn open(config: EgressConfig) -> (Arc<CallEgress>, String) {
    let operator = config.operator_origin.to_string();
    let stand_in = StandIn::random().unwrap();
    let text = stand_in.as_str().to_owned();
    let call = Egress::new(config)
        .unwrap()
        .open_call(&[(stand_in, SecretString::new(TOKEN.to_owned()))]);
    call.grant(&[declared(&operator, true)]).unwrap();
    (call, text)
}

pub(super) fn declared(url: &str, secrets: bool) -> crate::contract::Origin {
    crate::contract::Origin {
        url: url.to_owned(),
        purpose: "tests".to_owned(),
        secrets,
    }
}

pub(super) fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<WasiBody> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(body.into()).map_err(|e: Infallible| match e {});
    request.body(body.boxed_unsync()).unwrap()
}

/// What the guest has at the end.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Result<Bytes, Error>,
}

impl Got {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.as_ref().unwrap().to_vec()).unwrap()
    }
}

pub(super) async fn send(
    call: &Arc<CallEgress>,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Got, Error> {
    let work = async {
        let (parts, body) = call.send(request, options).await?.into_parts();
        Ok(Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.map(|b| b.to_bytes()),
        })
    };
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("a request that hangs")
}

pub(super) async fn get(call: &Arc<CallEgress>, url: &str) -> Result<Got, Error> {
    send(call, request(Method::GET, url, &[], ""), None).await
}

pub(super) async fn get_with(
    call: &Arc<CallEgress>,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<Got, Error> {
    send(call, request(Method::GET, url, headers, ""), None).await
}
