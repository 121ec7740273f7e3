//! Who is calling the REST or the GraphQL API: where a token may stand, in which order it is looked for,
//! and how each kind of bad token is refused.

use super::http::Incoming;
use super::http::Reply;
use super::people::{Token, TokenKind, User};
use super::world::World;
use base64::Engine as _;
use serde_json::json;

/// Who is calling.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// None for anonymous callers.
    pub(crate) user: Option<User>,
    /// The token they came with.
    pub(crate) token: Option<Token>,
}

impl Caller {
    /// The user, for what needs one.
    pub(crate) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Refuses anonymous callers.
    pub(crate) fn signed_in(&self) -> Result<(&User, &Token), Reply> {
        match (&self.user, &self.token) {
            (Some(user), Some(token)) => Ok((user, token)),
            _ => Err(unauthorized()),
        }
    }
}

/// Scopes that read the API.
pub(crate) const READ: [&str; 2] = ["api", "read_api"];
/// Scopes that read a user.
pub(crate) const READ_USER: [&str; 3] = ["api", "read_api", "read_user"];
/// Scopes that read files.
pub(crate) const READ_FILES: [&str; 3] = ["api", "read_api", "read_repository"];

pub(crate) fn unauthorized() -> Reply {
    Reply::message(401, "401 Unauthorized")
}

fn invalid_token(description: &str) -> Reply {
    let challenge = format!(
        "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", \
         error_description=\"{description}\""
    );
    let body = json!({ "error": "invalid_token", "error_description": description });
    Reply::json(401, &body).header("www-authenticate", challenge)
}

enum Presented {
    Nothing,
    Value(String),
}

/// Finds the token of a request: parameter, `PRIVATE-TOKEN`, `Authorization: Bearer`, in this order.
fn presented(request: &Incoming) -> Result<Presented, Reply> {
    let bearer = request
        .header("authorization")
        .and_then(|value| {
            value
                .get(..7)
                .filter(|s| s.eq_ignore_ascii_case("bearer "))
                .map(|_| value)
        })
        .and_then(|value| value.get(7..))
        .map(|value| value.trim().to_owned());
    let access_token = request.param("access_token").map(str::to_owned);
    if bearer.is_some() && access_token.is_some() {
        let body = json!({
            "error": "invalid_request",
            "error_description": "Both Authorization header and payload includes access token.",
        });
        return Err(Reply::json(400, &body));
    }
    let private = request
        .param("private_token")
        .or_else(|| request.header("private-token"))
        .filter(|value| !value.is_empty() && !value.starts_with("glcbt-"))
        .map(str::to_owned);
    Ok(match private.or(bearer).or(access_token) {
        Some(value) => Presented::Value(value),
        None => Presented::Nothing,
    })
}

/// Who calls the REST API, with a token that has one of the scopes. An empty list means any scope.
pub(crate) fn caller(world: &World, request: &Incoming, scopes: &[&str]) -> Result<Caller, Reply> {
    let value = match presented(request)? {
        Presented::Nothing => {
            return Ok(Caller {
                user: None,
                token: None,
            });
        }
        Presented::Value(value) => value,
    };
    let known = world
        .organisation
        .tokens
        .iter()
        .find(|token| token.value == value);
    let Some(token) = known.filter(|t| matches!(t.kind, TokenKind::Personal | TokenKind::OAuth))
    else {
        return Err(unauthorized());
    };
    let Some(user) = token.user.and_then(|id| world.organisation.find_user(id)) else {
        return Err(unauthorized());
    };
    if token.expired() {
        return Err(invalid_token(
            "Token is expired. You can either do re-authorization or token refresh.",
        ));
    }
    if token.revoked {
        return Err(invalid_token(
            "Token was revoked. You have to re-authorize from the user.",
        ));
    }
    if !scopes.is_empty() && !token.has_any(scopes) {
        let body = json!({
            "error": "insufficient_scope",
            "error_description":
                "The request requires higher privileges than provided by the access token.",
            "scope": scopes.join(" "),
        });
        return Err(Reply::json(403, &body));
    }
    if user.blocked {
        return Err(Reply::message(
            403,
            "403 Forbidden - Your account has been blocked.",
        ));
    }
    Ok(Caller {
        user: Some(user.clone()),
        token: Some(token.clone()),
    })
}

/// Who calls GraphQL. Whatever is wrong with the token, the answer is the same.
pub(crate) fn graphql_caller(world: &World, request: &Incoming) -> Result<Caller, Reply> {
    let refusal = |status: u16, text: &str| {
        Err(Reply::json(
            status,
            &json!({ "errors": [{ "message": text }] }),
        ))
    };
    match caller(world, request, &READ) {
        Ok(caller) => Ok(caller),
        Err(reply) if reply.status == 403 && !reply.body.starts_with(b"{\"error\"") => {
            refusal(403, "API not accessible for user")
        }
        Err(_) => refusal(401, "Invalid token"),
    }
}

/// User name and password of an `Authorization: Basic` header.
pub(crate) fn basic(request: &Incoming) -> Option<(String, String)> {
    let value = request.header("authorization")?;
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(rest.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
