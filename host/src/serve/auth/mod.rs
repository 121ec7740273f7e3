//! Who is there, what they may do, and the log of what they did.
//!
//! Every guarded route has an [`Actor`]. A handler says what it needs by what it takes: [`Viewer`], [`Analyst`]
//! or [`Admin`]. A route that changes something is written into the audit log by the guard itself, so that no
//! handler can forget it; a handler adds what a person would want to read there ([`Told`]).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};

use super::Server;
use super::api::ApiError;
use crate::host::Host;

/// What somebody may do. Each may do what those before may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works on issues, asks for scans.
    Analyst,
    /// Connects accounts, changes connectors, users and policy.
    Admin,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// With a session of the console.
    Console,
    /// With an API token.
    Api,
    /// The daemon itself.
    Host,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Row of the user; 0 is the daemon itself.
    pub user: i64,
    /// Name of the user.
    pub name: String,
    /// What they may do here and now.
    pub role: Role,
    /// How they came in.
    pub via: Via,
}

/// Who may do what: users, sessions, tokens, the audit log.
pub struct Accounts {
    _host: Arc<Host>,
}

impl Accounts {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { _host: host }
    }
}

/// Puts the guard around routes.
pub(super) fn guard(routes: Router<Arc<Server>>, _server: &Arc<Server>) -> Router<Arc<Server>> {
    // Until users are there, everybody is an administrator.
    routes.layer(middleware::from_fn(
        async |mut request: axum::extract::Request, next: middleware::Next| {
            request.extensions_mut().insert(Actor {
                user: 1,
                name: "admin".to_owned(),
                role: Role::Admin,
                via: Via::Console,
            });
            next.run(request).await
        },
    ))
}

/// What a handler tells the audit log beyond the route and its answer: put it into the response's extensions.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it was done to ("OX-17", "acme").
    pub subject: String,
    /// What a person would want to read there. No secrets.
    pub record: serde_json::Value,
}

macro_rules! at_least {
    ($(#[$about:meta])* $name:ident, $role:expr) => {
        $(#[$about])*
        pub struct $name(pub Actor);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
                let actor = parts.extensions.get::<Actor>().cloned();
                let actor = actor.ok_or_else(ApiError::unauthenticated)?;
                if actor.role < $role {
                    return Err(ApiError::forbidden($role));
                }
                Ok(Self(actor))
            }
        }
    };
}

at_least!(
    /// Somebody who may read.
    Viewer,
    Role::Viewer
);
at_least!(
    /// Somebody who may work on issues and ask for scans.
    Analyst,
    Role::Analyst
);
at_least!(
    /// Somebody who may change how the host is set up.
    Admin,
    Role::Admin
);
