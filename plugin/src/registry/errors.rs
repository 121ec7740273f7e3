//! What a registry and GitLab's token service mean by their errors, one sentence each.

use serde_json::Value;

use crate::contract::{Explanation, Failure, LackOfPermission, RateLimit};
use crate::http::Fetched;
use crate::session::Session;

/// Characters of somebody else's text in our own sentence.
const MAX_QUOTE: usize = 200;

/// An error body, as far as it has the form of the distribution specification.
#[derive(Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Code of the first error (`NAME_UNKNOWN`); empty where the body is something else.
    pub code: String,
    /// Its message, or the beginning of the body.
    pub message: String,
}

impl Answered {
    /// Reads it, whatever it is.
    pub fn read(answer: &Fetched) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |key: &str| {
            body.get("errors")
                .and_then(|errors| errors.get(0))
                .and_then(|error| error.get(key))
                .and_then(Value::as_str)
                .map(quote)
        };
        let code = text("code").unwrap_or_default();
        let message =
            text("message").unwrap_or_else(|| quote(&String::from_utf8_lossy(&answer.body)));
        Self {
            status: answer.status,
            code,
            message,
        }
    }

    /// True when it is this error.
    pub fn is(&self, code: &str) -> bool {
        self.status >= 400 && self.code == code
    }

    fn said(&self) -> String {
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => format!("status {}", self.status),
            ("", message) if message.starts_with('<') => {
                format!("status {}, a web page", self.status)
            }
            ("", message) => format!("status {}: {message}", self.status),
            (code, message) => format!("status {}, {code}: {message}", self.status),
        }
    }
}

/// One line of somebody else's text.
fn quote(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .filter(|character| !character.is_control())
        .take(MAX_QUOTE)
        .collect()
}

fn why(message: String, hint: &str) -> Explanation {
    Explanation {
        message,
        hint: hint.to_owned(),
    }
}

fn no_permission(missing: &[&str], why: Explanation) -> Failure {
    Failure::Forbidden(LackOfPermission {
        missing_scopes: missing.iter().map(|scope| (*scope).to_owned()).collect(),
        why,
    })
}

/// True when the server said how long its trouble will last.
fn asks_to_wait(session: &Session<'_>, answer: &Fetched) -> bool {
    answer.headers.get("retry-after").is_some()
        && session
            .client
            .asked_wait(&answer.headers)
            .is_some_and(|wait| !wait.is_zero())
}

/// True for plain text: neither JSON nor a web page.
fn is_plain(answer: &Fetched) -> bool {
    let kind = answer.headers.get("content-type").unwrap_or_default();
    let page = answer.body.trim_ascii_start().starts_with(b"<") || kind.contains("html");
    !page && serde_json::from_slice::<Value>(&answer.body).is_err()
}

/// An answer of the registry that is no success.
pub fn failure(session: &Session<'_>, url: &str, answer: &Fetched, repository: &str) -> Failure {
    let answered = Answered::read(answer);
    let url = url.split('?').next().unwrap_or(url);
    let said = answered.said();
    match (answered.status, answered.code.as_str()) {
        // The token was fresh: the registry says so of lacking permission too, never 403.
        (401, _) => no_permission(
            &[],
            why(
                format!(
                    "The registry does not let the token's user read {repository} ({url}, {said})."
                ),
                "Give the user the Reporter role in the project and see that its container registry is switched \
                 on; if its role suffices, check that the registry trusts this GitLab's tokens.",
            ),
        ),
        (403, _) => no_permission(
            &[],
            why(
                format!("The registry (or something in front of it) refused {url} ({said})."),
                "Look at the rules of the proxy or firewall in front of the registry.",
            ),
        ),
        (404, "NAME_UNKNOWN") => Failure::NotFound(why(
            format!("The registry does not know the repository {repository} ({url})."),
            "Nothing was ever pushed there, or it was deleted.",
        )),
        (404 | 410, _) => Failure::NotFound(why(
            format!("{url} is not there ({said})."),
            "If this is the registry itself, check its address in GitLab's configuration.",
        )),
        (409, "RENAME_IN_PROGRESS") => Failure::Unavailable(why(
            format!("The repository {repository} is being renamed in the registry."),
            "It is tried again later.",
        )),
        (429, _) => session
            .client
            .rate_limited(url, answer.status, &answer.headers),
        (503, _) if asks_to_wait(session, answer) => {
            session
                .client
                .rate_limited(url, answer.status, &answer.headers)
        }
        (400, "CONNECTIONRESET" | "REQUESTCANCELED") | (500.., _) => Failure::Unavailable(why(
            format!("The registry is in trouble at {url} ({said})."),
            "It is tried again; if it stays, look at the registry's own log and its storage.",
        )),
        (300..=399, _) => Failure::UnexpectedAnswer(why(
            format!("{url} redirects to where the host does not follow ({said})."),
            "Check the address of the registry in GitLab's configuration.",
        )),
        _ => Failure::UnexpectedAnswer(why(
            format!("The registry gave an answer at {url} that is not understood ({said})."),
            "Check that a container registry is at this address, and not a web page.",
        )),
    }
}

/// An answer of the token service (`/jwt/auth`) that is no success.
pub fn token_failure(session: &Session<'_>, url: &str, answer: &Fetched) -> Failure {
    let answered = Answered::read(answer);
    let url = url.split('?').next().unwrap_or(url);
    let said = answered.said();
    match (answered.status, answered.code.as_str()) {
        (401, _) => Failure::Unauthenticated(why(
            format!("GitLab does not accept the token for the registry ({url}, {said})."),
            "The token is wrong, expired or revoked, or its user is blocked. Create a new one with read_registry \
             (or read_api) and enter it; it is not tried again before.",
        )),
        (403, "DENIED") => no_permission(
            &["read_registry"],
            why(
                format!("The token may not read the registry ({url}, {said})."),
                "Create a token with the scope read_registry (read_api does too) and enter it.",
            ),
        ),
        // Rack::Attack answers in plain text; a page or JSON is from somebody else.
        (403, "") if is_plain(answer) => Failure::RateLimited(RateLimit {
            retry_after: Some(BAN_SECONDS),
            why: why(
                format!(
                    "GitLab has banned this address from signing in for a while ({url}, {said}), after too many \
                     sign-ins with a wrong token or password from it."
                ),
                "Wait for an hour. If it comes back, find what else behind this address signs in with an old \
                 token, or let the administrator put the address on the allow list.",
            ),
        }),
        (403, _) => no_permission(
            &[],
            why(
                format!(
                    "GitLab (or something in front of it) refused the sign-in for the registry ({url}, {said})."
                ),
                "Let the proxy or firewall in front of GitLab pass this host's requests to /jwt/auth; if GitLab \
                 itself refuses, look at its log.",
            ),
        ),
        (404, "UNAVAILABLE") => Failure::NotFound(why(
            format!("The container registry is switched off on this GitLab ({url}, {said})."),
            "Ask the administrator to switch it on, or leave this GitLab out.",
        )),
        (404, _) => Failure::NotFound(why(
            format!("GitLab's token service is not at {url} ({said})."),
            "Check the address of GitLab (with its relative root) and the token realm in the registry's \
             configuration.",
        )),
        (429, _) => session
            .client
            .rate_limited(url, answer.status, &answer.headers),
        (503, _) if asks_to_wait(session, answer) => {
            session
                .client
                .rate_limited(url, answer.status, &answer.headers)
        }
        (500, _) => Failure::Unavailable(why(
            format!("GitLab's token service fails at {url} ({said})."),
            "If the group restricts access by IP address, this is how GitLab refuses an address that is not on \
             the list: add it. Otherwise look at GitLab's log; it is tried again.",
        )),
        (501.., _) => Failure::Unavailable(why(
            format!("GitLab's token service is in trouble at {url} ({said})."),
            "It is tried again later.",
        )),
        _ => Failure::UnexpectedAnswer(why(
            format!(
                "GitLab's token service gave an answer at {url} that is not understood ({said})."
            ),
            "Check that GitLab itself is at this address, and not a sign-in page of a proxy.",
        )),
    }
}

/// Seconds of the longest ban that GitLab has by default (self-managed: an hour).
const BAN_SECONDS: u32 = 3600;
