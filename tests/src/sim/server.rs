//! Three listeners and the thread that serves them.

use super::fault::{Fault, Place};
use super::http::{Incoming, Reply, query_pairs};
use super::keys::Keys;
use super::modes::{Modes, Registry};
use super::organisation::{Organisation, moment};
use super::world::{LogEntry, Site, World};
use crate::image::Artefact;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming as Stream, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::{Ipv4Addr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// Bytes of a request body that are read: nothing that a client of a registry sends here is larger.
const MAX_REQUEST_BODY: usize = 4 << 20;

/// Where a simulator starts.
#[derive(Debug)]
pub struct GitLab;

impl GitLab {
    /// Starts a simulator on three free ports of 127.0.0.1. It ends when the value is dropped.
    ///
    /// # Errors
    /// When no port, key or thread can be had.
    pub fn start(organisation: Organisation, modes: Modes) -> anyhow::Result<Running> {
        let listeners = [listen(None)?, listen(None)?, listen(None)?];
        Self::start_on(organisation, modes, listeners)
    }

    /// Starts with GitLab itself on a given port.
    ///
    /// # Errors
    /// When the port is taken, or as [`Self::start`].
    pub fn start_on_port(
        organisation: Organisation,
        modes: Modes,
        port: u16,
    ) -> anyhow::Result<Running> {
        Self::start_on(
            organisation,
            modes,
            [listen(Some(port))?, listen(None)?, listen(None)?],
        )
    }

    fn start_on(
        organisation: Organisation,
        modes: Modes,
        listeners: [TcpListener; 3],
    ) -> anyhow::Result<Running> {
        let keys = Keys::new()?;
        let scheme = if modes.tls { "https" } else { "http" };
        let [gitlab, registry, storage] = &listeners;
        let root = modes.relative_root.trim_end_matches('/').to_owned();
        let site = Site {
            scheme,
            gitlab: format!("{scheme}://{}{root}", gitlab.local_addr()?),
            registry: registry.local_addr()?.to_string(),
            storage: format!("{scheme}://{}", storage.local_addr()?),
            root,
        };
        let tls = match modes.tls {
            true => Some(tokio_rustls::TlsAcceptor::from(Arc::new(keys.tls()?))),
            false => None,
        };
        let world = Arc::new(Mutex::new(World::new(organisation, modes, keys, site)));
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::clone(&world);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for the simulator")?;
        let thread = std::thread::Builder::new()
            .name("simulated-gitlab".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listeners, &shared, tls.as_ref(), stopped));
                runtime.shutdown_timeout(Duration::from_millis(100));
            })?;
        Ok(Running {
            world,
            stop,
            thread: Some(thread),
        })
    }
}

fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let port = port.unwrap_or(0);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("can't listen on 127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A simulator that runs.
pub struct Running {
    world: Arc<Mutex<World>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Running({})", self.base_url())
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a person enters: `http://127.0.0.1:port`, with the relative root.
    pub fn base_url(&self) -> String {
        self.lock().site.gitlab.clone()
    }

    /// `127.0.0.1:port` of the simulator's own registry.
    pub fn registry_host(&self) -> String {
        self.lock().site.registry.clone()
    }

    /// Address of the registry with its scheme.
    pub fn registry_url(&self) -> String {
        let world = self.lock();
        format!("{}://{}", world.site.scheme, world.site.registry)
    }

    /// Address of the storage that blobs are redirected to.
    pub fn storage_url(&self) -> String {
        self.lock().site.storage.clone()
    }

    /// The authority behind TLS, for `--ca`.
    pub fn authority_pem(&self) -> String {
        self.lock().keys.authority_pem.clone()
    }

    /// The certificate that a real registry is told to trust (`auth.token.rootcertbundle`).
    pub fn token_certificate_pem(&self) -> String {
        self.lock().keys.certificate_pem().to_owned()
    }

    /// Switches modes. The relative root and TLS stay as they were at the start.
    pub fn modes(&self, change: impl FnOnce(&mut Modes)) {
        change(&mut self.lock().modes);
    }

    /// Makes GitLab the token service of a registry at `host:port`.
    pub fn use_external_registry(&self, host: &str) {
        self.modes(|modes| modes.registry = Registry::External(host.to_owned()));
    }

    /// Looks at, or changes, everything.
    pub fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock())
    }

    /// Pushes an image now, as a pipeline does: under a tag that is there already, or a new one. The path is
    /// the registry's, in lower case; a repository that GitLab does not have is pushed to nobody.
    pub fn push(&self, path: &str, tag: &str, image: &Artefact) {
        let world = &mut *self.lock();
        if world
            .organisation
            .repositories
            .iter()
            .any(|row| row.path == path)
        {
            world.organisation.store.push(path, tag, image, &now());
        }
    }

    /// Deletes a tag. Its manifest stays until somebody collects garbage, as in a registry.
    pub fn delete_tag(&self, path: &str, tag: &str) {
        self.lock().organisation.store.delete_tag(path, tag);
    }

    /// Deletes every tag of a repository, which itself stays.
    pub fn delete_tags(&self, path: &str) {
        if let Some(repository) = self.lock().organisation.store.repositories.get_mut(path) {
            repository.tags.clear();
        }
    }

    /// Deletes an image repository with everything in it.
    pub fn delete_repository(&self, path: &str) {
        let organisation = &mut self.lock().organisation;
        organisation.repositories.retain(|row| row.path != path);
        organisation.store.repositories.remove(path);
    }

    /// Announces a fault.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Takes all announced faults back.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Every request so far, in the order of the answers.
    pub fn log(&self) -> Vec<LogEntry> {
        self.lock().log.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.lock().log.clear();
    }

    /// How many requests fit.
    pub fn count(&self, fits: impl Fn(&LogEntry) -> bool) -> usize {
        self.lock().log.iter().filter(|entry| fits(entry)).count()
    }

    /// How many requests `/jwt/auth` got.
    pub fn jwt_requests(&self) -> usize {
        self.count(|entry| entry.place == Place::Jwt)
    }
}

/// This moment, as Rails writes it.
fn now() -> String {
    moment(jiff::Timestamp::now().as_second())
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Shared = Arc<Mutex<World>>;

#[derive(Clone, Copy)]
enum Door {
    GitLab,
    Registry,
    Storage,
}

async fn serve(
    listeners: [TcpListener; 3],
    world: &Shared,
    tls: Option<&tokio_rustls::TlsAcceptor>,
    mut stopped: watch::Receiver<bool>,
) {
    let doors = [Door::GitLab, Door::Registry, Door::Storage];
    for (listener, door) in listeners.into_iter().zip(doors) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            continue;
        };
        let (world, tls) = (Arc::clone(world), tls.cloned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (world, tls) = (Arc::clone(&world), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, door, world).await;
                            }
                        }
                        None => connection(stream, door, world).await,
                    }
                });
            }
        });
    }
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    door: Door,
    world: Shared,
) {
    let service = hyper::service::service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { handle(request, door, &world).await }
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    // An error here is a client that went away, or a connection that was dropped on purpose.
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn handle(
    request: Request<Stream>,
    door: Door,
    world: &Shared,
) -> Result<Response<Outgoing>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_REQUEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return respond(Reply::text(413, "Request Entity Too Large\n"), false).await,
    };
    let raw_query = head.uri.query().unwrap_or("").to_owned();
    let host = head.headers.get("host").and_then(|host| host.to_str().ok());
    let mut incoming = Incoming {
        host: head
            .uri
            .authority()
            .map_or_else(|| host.unwrap_or("").to_owned(), ToString::to_string),
        path: head.uri.path().to_owned(),
        query: query_pairs(&raw_query),
        raw_query,
        method: head.method,
        headers: head.headers,
        body,
    };
    let is_head = incoming.is_head();
    let reply = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(door, &mut incoming, &world.site.root);
        world.answer(place, &incoming)
    };
    respond(reply, is_head).await
}

/// Which room a request belongs to. The relative root is taken off.
fn place(door: Door, request: &mut Incoming, root: &str) -> Place {
    match door {
        Door::Registry => Place::Registry,
        Door::Storage => Place::Storage,
        Door::GitLab => {
            let Some(rest) = request.path.strip_prefix(root) else {
                return Place::Web;
            };
            let place = match rest {
                "/api/graphql" => Place::GraphQl,
                "/jwt/auth" => Place::Jwt,
                _ if rest.starts_with("/api/v4/") => Place::Api,
                _ => Place::Web,
            };
            request.path = rest.to_owned();
            place
        }
    }
}

async fn respond(reply: Reply, is_head: bool) -> Result<Response<Outgoing>, std::io::Error> {
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    if reply.hang_up {
        return Err(std::io::Error::other("dropped on purpose"));
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let stated = reply
        .headers
        .iter()
        .any(|(name, _)| name == "content-length");
    let body_allowed = !matches!(reply.status, 204 | 304);
    if !stated && body_allowed {
        response = response.header("content-length", reply.body.len());
    }
    let length = reply.body.len() as u64;
    let body = if is_head { Bytes::new() } else { reply.body };
    let body = match reply.cut_after.filter(|_| !is_head) {
        Some(bytes) => Outgoing {
            rest: body.slice(..bytes.min(body.len())),
            length: Some(length),
            cut: true,
            flushed: false,
        },
        None => Outgoing {
            length: (!is_head).then_some(body.len() as u64),
            rest: body,
            cut: false,
            flushed: true,
        },
    };
    response.body(body).map_err(std::io::Error::other)
}

/// A body that may end too early.
struct Outgoing {
    rest: Bytes,
    length: Option<u64>,
    cut: bool,
    flushed: bool,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        // Pieces of this size, so that a reader sees a stream and not one block.
        const PIECE: usize = 64 << 10;
        if !self.rest.is_empty() {
            let size = self.rest.len().min(PIECE);
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))));
        }
        if self.cut && !std::mem::replace(&mut self.flushed, true) {
            // Once more round, so that what was sent so far leaves before the connection ends.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if std::mem::take(&mut self.cut) {
            return Poll::Ready(Some(Err(std::io::Error::other("cut on purpose"))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        match (self.cut, self.length) {
            (false, Some(_)) => SizeHint::with_exact(self.rest.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
