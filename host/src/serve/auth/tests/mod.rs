//! The daemon as a browser and a program see it, without a network: requests go into the router and come out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod coming_in;
mod guarding;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use tower::ServiceExt;

use super::{Actor, Role, Via};
use crate::host::{Host, HostOptions, SecretString};
use crate::serve::{ServeOptions, Server};

/// The password of every user of the tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A daemon over an empty data folder.
pub(crate) struct Daemon {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Arc<Server>,
    router: Router,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// What a cookie is set to.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let start = format!("{name}=");
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .find_map(|value| value.strip_prefix(&start))
            .map(|value| value.split(';').next().unwrap().to_owned())
    }
}

/// A request in the making: one of our own pages sends it, by default.
pub(crate) struct Ask<'a> {
    daemon: &'a Daemon,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Ask<'_> {
    /// With a header, in place of one of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With the session of somebody.
    pub(crate) fn session(self, session: &str) -> Self {
        self.with("cookie", &format!("ox_session={session}"))
    }

    /// As a program with a token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.without("sec-fetch-site")
            .without("accept")
            .with("authorization", &format!("Bearer {token}"))
    }

    /// With a form.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.with("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let response = self.daemon.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

impl Daemon {
    pub(crate) async fn start() -> Self {
        Self::with(ServeOptions::default(), |router| router).await
    }

    /// With other options, and with more around or beside the routes.
    pub(crate) async fn with(
        options: ServeOptions,
        more: impl FnOnce(Router<Arc<Server>>) -> Router<Arc<Server>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::open(HostOptions {
            data_dir: folder.path().join("data"),
            cache_dir: None,
            jobs: 1,
            plugin: None,
            limits: Vec::new(),
        })
        .await
        .unwrap();
        let server = Server::new(host, options).await.unwrap();
        let routes = more(crate::serve::console::routes().merge(crate::serve::api::routes()));
        let router = super::dressed(super::guard(routes, &server)).with_state(server.clone());
        Self {
            folder,
            server,
            router,
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            daemon: self,
            method,
            path: path.to_owned(),
            headers: vec![
                ("host".to_owned(), "127.0.0.1:8470".to_owned()),
                ("accept".to_owned(), "text/html,*/*;q=0.8".to_owned()),
                ("sec-fetch-site".to_owned(), "same-origin".to_owned()),
                ("sec-fetch-mode".to_owned(), "navigate".to_owned()),
            ],
            body: String::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    /// Adds a user with [`PASSWORD`], and answers a session of theirs.
    pub(crate) async fn user(&self, name: &str, role: Role) -> String {
        let password = SecretString::new(PASSWORD.to_owned());
        let user = self
            .server
            .accounts
            .add_user(name, role, password)
            .await
            .unwrap();
        let session = self.server.accounts.begin_session(user.id, None).await;
        session.unwrap().expose().to_owned()
    }

    /// A token of a user.
    pub(crate) async fn token(&self, name: &str, role: Role) -> (i64, String) {
        let user = self.server.accounts.user(name).unwrap();
        let maker = Actor {
            user: user.id,
            name: user.name,
            role: user.role,
            via: Via::Console,
        };
        let made = self
            .server
            .accounts
            .make_token(&maker, "test", role, None)
            .await;
        let (token, secret) = made.unwrap();
        (token.id, secret.expose().to_owned())
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.post("/signin")
            .form(&[("name", name), ("password", password), ("next", "/")])
            .send()
            .await
    }

    /// The audit log: who, what, to what, status; newest first.
    pub(crate) fn log(&self) -> Vec<(String, String, String, u16)> {
        let rows = self
            .server
            .accounts
            .audit(&super::AuditFilter::default(), None, 1000)
            .unwrap();
        rows.into_iter()
            .map(|row| (row.actor, row.action, row.subject, row.status))
            .collect()
    }
}
