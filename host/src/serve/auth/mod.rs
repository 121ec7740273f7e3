//! Who is there, what they may do, and the log of what they did.
//!
//! Every guarded route has an [`Actor`]. A handler says what it needs by what it takes: [`Viewer`], [`Analyst`]
//! or [`Admin`]. A route that changes something is written into the audit log by the guard itself, so that no
//! handler can forget it; a handler adds what a person would want to read there ([`Told`]).
//!
//! `guard` stands before every route and decides; `origin` says whether a request is meant for this host and
//! comes from its own pages; `accounts` keeps users, sessions and tokens; `answer` is what every answer gets on
//! its way out: headers, an id, a line in the log, and a page where a browser asked for one.

mod accounts;
mod answer;
mod guard;
mod origin;
mod passwords;
mod secrets;
#[cfg(test)]
pub(crate) mod tests;
mod throttle;
mod words;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};

use super::api::ApiError;

pub use crate::store::accounts::{ApiToken, AuditFilter, AuditRow, Role, User};
pub use accounts::Accounts;
pub(super) use accounts::SignInError;
pub(super) use answer::dressed;
pub(super) use guard::{ClientAddress, SessionCookie, guard, session_cookie};
pub(super) use words::{outcome, sentence};

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

impl Via {
    /// Its word in the audit log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::Host => "host",
        }
    }
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

/// What a handler tells the audit log beyond the route and its answer: put it into the response's extensions.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it was done to ("OX-17", "acme").
    pub subject: String,
    /// What a person would want to read there. No secrets.
    pub record: serde_json::Value,
}

/// The name of what was done, where the route alone does not say it ("approve"): put it into the response's
/// extensions. Without it the audit log has the method and the route.
#[derive(Clone, Copy, Debug)]
pub struct Did(pub &'static str);

/// The id of a request: in the answer's `x-request-id`, the log and the audit log.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

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
