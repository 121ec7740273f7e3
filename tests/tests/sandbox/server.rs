//! A small HTTP server that remembers what arrived.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that remembers what arrived, and answers by path: `/to/<url>` redirects there, `/echo` answers
/// the request, anything else `hello`.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Requests that are being answered, and the most that were at once.
    busy: Arc<AtomicUsize>,
    pub(crate) peak: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::listen("127.0.0.1:0").await
    }

    async fn listen(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            arrived: Arc::default(),
            connections: Arc::default(),
            busy: Arc::default(),
            peak: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                let server = serving.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        request.extend(&buffer[..read]);
                        if is_whole(&request) {
                            break;
                        }
                    }
                    let request = String::from_utf8_lossy(&request).into_owned();
                    if request.is_empty() {
                        return;
                    }
                    server.arrived.lock().unwrap().push(request.clone());
                    let busy = server.busy.fetch_add(1, Ordering::Relaxed) + 1;
                    server.peak.fetch_max(busy, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    server.busy.fetch_sub(1, Ordering::Relaxed);
                    let _ = stream.write_all(answer(&request).as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    body.len() >= length
}

fn answer(request: &str) -> String {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let reply = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    match path.strip_prefix("/to/") {
        Some(target) => format!(
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        None if path == "/loop" => answer("GET /to//loop "),
        None if path == "/echo" => reply(request),
        None => reply("hello"),
    }
}
