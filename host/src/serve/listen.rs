//! Listening, and the end in order.
//!
//! A client that is slow, or says nothing, costs a connection for a bounded time: heads have to be there soon, bodies
//! have to move and to end, and a connection on which nothing happens is closed. When the daemon is told to stop it
//! takes no more connections and begins no more runs, ends streams of events, lets requests that came in be
//! answered, and stops runs at their next checkpoint; the next process goes on with these.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, header};
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::Server;
use super::slow::{Moving, Patient};

/// Connections at the same time. More wait in the system's queue.
const CONNECTIONS: usize = 512;
/// Within this time the head of a request is there.
const HEAD: Duration = Duration::from_secs(15);
/// After this time a connection on which nothing moves in either direction is closed: longer than any answer takes.
/// Streams of events say something more often.
const IDLE: Duration = Duration::from_secs(300);
/// Bytes that a head may have, all together.
const HEAD_BYTES: usize = 64 << 10;
/// Headers that a head may have.
const HEADERS: usize = 100;
/// Wait after the system refused a connection (no descriptors are left).
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Answers requests until the server is told to stop.
pub async fn serve(server: Arc<Server>, listener: TcpListener) -> anyhow::Result<()> {
    server.runs.start().await?;
    server.schedules.start(server.stopping.clone());
    let router = server.router();
    let stopping = server.stopping.clone();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            place = places.clone().acquire_owned() => place.context("the server ended")?,
        };
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(
                    stream,
                    peer,
                    router.clone(),
                    stopping.clone(),
                    place,
                ));
            }
            Err(error) => {
                // One connection's fault, or descriptors have run out: the others go on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
        // Those that ended; their handles are not kept.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let within = Duration::from_secs(server.options.drain_seconds);
    let answered = async {
        let all = async { while connections.join_next().await.is_some() {} };
        tokio::time::timeout(within, all).await.is_ok()
    };
    let (runs_ended, answered) = tokio::join!(server.runs.drain(within), answered);
    if !runs_ended {
        tracing::warn!(
            "some runs did not stop in time; they go on where they are with the next start"
        );
    }
    if !answered {
        tracing::warn!("some requests were not answered in time");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn({
        let stopping = stopping.clone();
        move |request| answer(request, peer, router.clone(), stopping.clone())
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Patient::new(stream, IDLE)), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stopping.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    mut router: Router,
    stopping: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(|body| Body::new(Moving::new(body)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.call(request).await?;
    let streams = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    if !streams {
        return Ok(response);
    }
    // A stream of events has no end of its own.
    Ok(response.map(|body| {
        let until = async move { stopping.cancelled_owned().await };
        Body::from_stream(body.into_data_stream().take_until(Box::pin(until)))
    }))
}
