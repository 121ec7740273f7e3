//! Every way in which GitLab says no, as a failure with its own sentence and remedy.
//!
//! GitLab has no one shape for errors: the token finder answers `message`, rack-oauth2 answers `error`,
//! GraphQL answers `errors`, Rack::Attack answers plain text, and whatever stands in front answers HTML.
//! They are told apart by status, by which key is there, and by a few words that GitLab's source fixes.

use serde_json::Value;

use crate::contract::{Explanation, Failure, FieldFault, LackOfPermission, RateLimit};
use crate::http::{Fetched, TransportError, TroubleKind};

/// Characters of a foreign sentence that are repeated to the user; longer ones are cut.
const QUOTE_CAP: usize = 300;

/// Seconds that gitlab.com bans an address after too many failed sign-ins.
const BAN_GITLAB_COM: u32 = 15 * 60;

/// Seconds that a self-managed GitLab bans an address, unless its administrator chose otherwise.
const BAN_SELF_MANAGED: u32 = 60 * 60;

/// The scopes of the manifest, in the order in which one is asked for.
pub const SCOPES: [&str; 3] = ["read_api", "read_user", "read_registry"];

/// An explanation from two sentences.
pub fn explain(message: impl Into<String>, hint: impl Into<String>) -> Explanation {
    Explanation {
        message: message.into(),
        hint: hint.into(),
    }
}

/// The explanation inside a failure.
pub fn explanation(failure: &Failure) -> Explanation {
    match failure {
        Failure::InvalidSettings(FieldFault { why, .. })
        | Failure::Forbidden(LackOfPermission { why, .. })
        | Failure::RateLimited(RateLimit { why, .. })
        | Failure::Unauthenticated(why)
        | Failure::NotFound(why)
        | Failure::Unavailable(why)
        | Failure::UnexpectedAnswer(why)
        | Failure::OverLimit(why) => why.clone(),
        Failure::Stopped => explain("The call was stopped.", ""),
    }
}

/// What a request met before an answer came, with something to do about it where the host knew nothing.
pub fn from_transport(mut error: TransportError) -> Failure {
    if error.hint.is_empty() {
        error.hint = match error.kind {
            TroubleKind::Denied => "Let the operator of the host allow this address.",
            TroubleKind::Dns => "Check the spelling of the host name, and that this network can resolve it.",
            TroubleKind::Tls => {
                "Give the host the certificate of the authority that signed the server's certificate."
            }
            TroubleKind::Digest => {
                "Something between here and the server changes what it sends; try without that proxy."
            }
            TroubleKind::Connect | TroubleKind::Timeout | TroubleKind::Dropped => {
                "Check that the server runs and that a firewall or proxy lets this host reach it."
            }
            TroubleKind::OverLimit | TroubleKind::Stopped => "",
        }
        .to_owned();
    }
    error.into()
}

/// What an error body holds, whatever its shape.
#[derive(Debug, Default, PartialEq)]
struct Body {
    /// rack-oauth2's code, or Grape's sentence.
    error: Option<String>,
    description: Option<String>,
    /// Scopes of which any one would do.
    scope: Option<String>,
    /// GitLab's own sentence, flattened.
    message: Option<String>,
    /// `errors[].message` of GraphQL and of `/jwt/auth`.
    errors: Vec<String>,
    /// The body was not JSON.
    text: Option<String>,
    html: bool,
}

impl Body {
    fn read(bytes: &[u8]) -> Self {
        let Ok(Value::Object(map)) = serde_json::from_slice::<Value>(bytes) else {
            let text = String::from_utf8_lossy(bytes);
            let text = text.trim();
            return Self {
                html: looks_like_html(text.as_bytes()),
                text: (!text.is_empty()).then(|| text.to_owned()),
                ..Self::default()
            };
        };
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            error: text("error"),
            description: text("error_description"),
            scope: text("scope"),
            message: map.get("message").and_then(flatten),
            errors: map
                .get("errors")
                .and_then(Value::as_array)
                .map(|all| {
                    all.iter()
                        .take(5)
                        .filter_map(|e| flatten(e.get("message")?))
                        .collect()
                })
                .unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The sentence to quote; empty when there is none that helps.
    fn sentence(&self) -> String {
        let best = [&self.description, &self.message, &self.error]
            .into_iter()
            .flatten()
            .next()
            .cloned();
        let best = best.or_else(|| self.errors.first().cloned());
        match (best, &self.text) {
            (Some(sentence), _) => quote(&sentence),
            (None, Some(text)) if !self.html => quote(text),
            _ => String::new(),
        }
    }
}

/// One line out of `message`: a string, `{"error": …}`, or `{"field": ["…"]}`.
fn flatten(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().take(5).filter_map(flatten).collect();
            (!all.is_empty()).then(|| all.join(", "))
        }
        Value::Object(map) => {
            let all: Vec<String> = map
                .iter()
                .take(5)
                .filter_map(|(key, value)| {
                    let text = flatten(value)?;
                    Some(if key == "error" {
                        text
                    } else {
                        format!("{key}: {text}")
                    })
                })
                .collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        _ => None,
    }
}

/// True for what begins like a page for people.
pub fn looks_like_html(bytes: &[u8]) -> bool {
    let start = bytes
        .trim_ascii_start()
        .get(..256)
        .unwrap_or_else(|| bytes.trim_ascii_start());
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")
}

/// Somebody else's words, on one line and not too long.
pub fn quote(text: &str) -> String {
    let mut line = String::new();
    let mut characters = 0;
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
            characters += 1;
        }
        for character in word.chars().filter(|c| !c.is_control()) {
            if characters == QUOTE_CAP {
                line.push('…');
                return line;
            }
            line.push(character);
            characters += 1;
        }
    }
    line
}

/// What stands after the failed thing's name: the status, and GitLab's own words where it has any.
fn said(status: u16, body: &Body) -> String {
    let sentence = body.sentence();
    if sentence.is_empty() {
        format!("status {status}")
    } else {
        format!("status {status}: {sentence}")
    }
}

/// Turns an answer that is not a success into a failure. `url` is what was asked for; `wait` is what the
/// answer's headers ask to wait.
pub fn classify(url: &str, answer: &Fetched, wait: Option<std::time::Duration>) -> Failure {
    let url = url.split_once('?').map_or(url, |(path, _)| path);
    let body = Body::read(&answer.body);
    let said = said(answer.status, &body);
    match answer.status {
        401 => unauthorized(url, &body),
        403 => refused(url, &body, &said),
        404 | 410 => absent(url, &body, &said),
        405 => Failure::OverLimit(explain(
            format!("GitLab does not page through {url} any further ({said})."),
            "Connect a smaller group, or several accounts that each see a part.",
        )),
        429 => limited(url, &body, wait),
        503 if body
            .message
            .as_deref()
            .is_some_and(|m| m.contains("connecting to the Container Registry")) =>
        {
            Failure::Unavailable(explain(
                format!("GitLab can't reach its own container registry ({url}, {said})."),
                "Let the administrator of GitLab look at the registry service; this will be tried again.",
            ))
        }
        500.. => Failure::Unavailable(explain(
            format!(
                "GitLab is in trouble at {url} ({said}){}.",
                request_id(answer)
            ),
            "This will be tried again; look at GitLab's status page or ask its administrator if it stays.",
        )),
        300..=399 => Failure::UnexpectedAnswer(explain(
            format!("{url} answered a redirect that was not followed ({said})."),
            "Enter the address to which GitLab redirects, as the browser shows it after signing in.",
        )),
        _ => Failure::UnexpectedAnswer(explain(
            format!("GitLab refused the request to {url} ({said})."),
            "This GitLab may be older or newer than the connector knows; report it with this message.",
        )),
    }
}

fn unauthorized(url: &str, body: &Body) -> Failure {
    let description = body
        .description
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let new_token =
        "Create a new token with the scopes read_user, read_registry and read_api, and enter it.";
    let why = match body.error.as_deref() {
        Some("insufficient_scope") => return lacks_scope(url, body),
        Some("invalid_token") if description.contains("expired") => explain(
            format!("The token has expired, so GitLab refuses it ({url})."),
            new_token,
        ),
        Some("invalid_token") if description.contains("revoked") => explain(
            format!("The token was revoked, so GitLab refuses it ({url})."),
            new_token,
        ),
        Some("invalid_token") if description.contains("impersonation") => explain(
            format!(
                "The token is an impersonation token, and this GitLab has impersonation switched off ({url})."
            ),
            "Use a personal, project or group access token, or let the administrator allow impersonation.",
        ),
        Some("dpop_error") => explain(
            format!(
                "The token's user demands a proof of possession (DPoP) with each request ({url}): {}.",
                body.sentence()
            ),
            "Use the token of a user without DPoP (a service account, a group access token), or switch it off \
             in the user's preferences.",
        ),
        Some("invalid_request") => explain(
            format!(
                "GitLab saw two credentials in one request to {url}: {}.",
                body.sentence()
            ),
            "Something on the way adds an Authorization header; remove it from the proxy.",
        ),
        _ if body.html => explain(
            format!(
                "Something in front of GitLab asks for its own sign-in at {url} (status 401, a web page)."
            ),
            "Let the proxy pass requests to /api/, or enter the address at which GitLab itself answers.",
        ),
        _ if body.errors.iter().any(|e| e.contains("Invalid token")) => explain(
            format!("GitLab's GraphQL does not accept the token ({url}: Invalid token)."),
            new_token,
        ),
        _ => explain(
            format!("GitLab does not know the token ({url}, status 401)."),
            "Check that the token was copied whole and belongs to this GitLab; deploy tokens and job tokens \
             can't be used here. Otherwise create a new one.",
        ),
    };
    Failure::Unauthenticated(why)
}

/// The scopes of the manifest that are in the list GitLab gave (any one of the list would do).
fn missing_scopes(scope: Option<&str>) -> Vec<String> {
    let offered: Vec<&str> = scope.unwrap_or_default().split([' ', ',']).collect();
    let wanted = SCOPES
        .iter()
        .find(|scope| offered.contains(scope))
        .copied()
        .unwrap_or("read_api");
    vec![wanted.to_owned()]
}

fn lacks_scope(url: &str, body: &Body) -> Failure {
    let missing_scopes = missing_scopes(body.scope.as_deref());
    let names = missing_scopes.join(", ");
    let any = match body.scope.as_deref() {
        Some(scope) => format!("; any of these would do: {}", quote(scope)),
        None => String::new(),
    };
    Failure::Forbidden(LackOfPermission {
        why: explain(
            format!("The token lacks the scope {names}, which {url} needs{any}."),
            format!(
                "Create a token that has the scope {names} too; scopes can't be added to a token afterwards."
            ),
        ),
        missing_scopes,
    })
}

fn refused(url: &str, body: &Body, said: &str) -> Failure {
    let message = body.message.as_deref().unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    let why = if body.error.as_deref() == Some("insufficient_scope") {
        return lacks_scope(url, body);
    } else if body
        .errors
        .iter()
        .any(|e| e.contains("API not accessible for user"))
    {
        explain(
            format!(
                "The token's user is blocked or deactivated, so the API is closed to it ({url}, {said})."
            ),
            "Let an administrator unblock the user, or use the token of another one.",
        )
    } else if lower.contains("terms of service") || lower.contains("accept the terms") {
        explain(
            format!(
                "The token's user has to accept GitLab's terms of service first ({url}, {said})."
            ),
            "Sign in to GitLab as that user in a browser, accept the terms, and try again.",
        )
    } else if lower.contains("blocked")
        || lower.contains("deactivated")
        || lower.contains("not allowed to log")
    {
        explain(
            format!("The token's user is blocked or deactivated ({url}, {said})."),
            "Let an administrator unblock the user, or use the token of another one.",
        )
    } else if lower.contains("ip address") || lower.contains("from your ip") {
        explain(
            format!(
                "GitLab does not take requests from this address of the network ({url}, {said})."
            ),
            "Add the host's public address to the allow-list of the group or of the instance.",
        )
    } else if message.starts_with("403 Forbidden - ") {
        explain(
            format!("GitLab refuses the token's user ({url}, {said})."),
            "Do what GitLab asks for as that user, or use the token of another one.",
        )
    } else if body
        .text
        .as_deref()
        .is_some_and(|t| t.eq_ignore_ascii_case("forbidden"))
    {
        return banned(url);
    } else if body.html {
        explain(
            format!(
                "Something in front of GitLab refuses the request to {url} (status 403, a web page)."
            ),
            "Let the proxy or web application firewall in front of GitLab pass this host's requests to /api/.",
        )
    } else {
        explain(
            format!("The token's user may not read {url} ({said})."),
            "Give the user the role Reporter (Developer for vulnerabilities) there, or leave this location out.",
        )
    };
    Failure::Forbidden(LackOfPermission {
        missing_scopes: Vec::new(),
        why,
    })
}

/// Rack::Attack's answer to an address from which too many sign-ins failed.
fn banned(url: &str) -> Failure {
    let seconds = if is_gitlab_com(url) {
        BAN_GITLAB_COM
    } else {
        BAN_SELF_MANAGED
    };
    Failure::RateLimited(RateLimit {
        retry_after: Some(seconds),
        why: explain(
            format!(
                "GitLab has banned this host's address for a while, because too many sign-ins from it failed \
                 ({url}, status 403: Forbidden)."
            ),
            "Find what signs in with a wrong password or token from this address, and wait; an administrator \
             can lift the ban.",
        ),
    })
}

fn is_gitlab_com(url: &str) -> bool {
    url.strip_prefix("https://")
        .is_some_and(|rest| rest == "gitlab.com" || rest.starts_with("gitlab.com/"))
}

fn absent(url: &str, body: &Body, said: &str) -> Failure {
    let why = if body.html || (body.text.is_some() && body.message.is_none()) {
        explain(
            format!("There is no GitLab API at {url} ({said})."),
            "Check the address. When GitLab lives below a path (https://example.com/gitlab), that path belongs to it.",
        )
    } else if body
        .error
        .as_deref()
        .is_some_and(|error| error.contains("404 Not Found"))
    {
        explain(
            format!("This GitLab does not have {url} ({said})."),
            "Its version is older than the feature, or the feature is switched off.",
        )
    } else {
        explain(
            format!("{url} does not exist, or the token's user can't see it ({said})."),
            "If it should be there, make the token's user a member of it.",
        )
    };
    Failure::NotFound(why)
}

fn limited(url: &str, body: &Body, wait: Option<std::time::Duration>) -> Failure {
    let retry_after = wait.map(|wait| {
        let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        u32::try_from(whole).unwrap_or(u32::MAX)
    });
    let when = retry_after.map_or(String::new(), |s| format!(", for {s} seconds"));
    let which = if body.text.is_some() {
        "GitLab's request limit for this user or address is reached"
    } else {
        "GitLab's own limit for this kind of request is reached"
    };
    Failure::RateLimited(RateLimit {
        retry_after,
        why: explain(
            format!("{which} ({url}, {}{when}).", said(429, body)),
            "The scan goes on after the wait; fewer instances at a time avoid it.",
        ),
    })
}

fn request_id(answer: &Fetched) -> String {
    answer
        .headers
        .get("x-request-id")
        .map_or(String::new(), |id| format!(", request id {}", quote(id)))
}

/// A success whose body is not the JSON that it should be: a maintenance page, a proxy's sign-in, another
/// server altogether.
pub fn not_json(url: &str, answer: &Fetched) -> Failure {
    let url = url.split_once('?').map_or(url, |(path, _)| path);
    let page = String::from_utf8_lossy(answer.body.get(..64 * 1024).unwrap_or(&answer.body))
        .to_ascii_lowercase();
    let kind = answer.headers.get("content-type").unwrap_or_default();
    let html = looks_like_html(&answer.body) || kind.starts_with("text/html");
    if html
        && [
            "maintenance",
            "deploy in progress",
            "be right back",
            "temporarily unavailable",
        ]
        .iter()
        .any(|word| page.contains(word))
    {
        return Failure::Unavailable(explain(
            format!(
                "GitLab is down for maintenance: {url} answered a web page (status {}).",
                answer.status
            ),
            "This will be tried again.",
        ));
    }
    if html {
        return Failure::UnexpectedAnswer(explain(
            format!(
                "{url} answered a web page (status {}) where GitLab's API answers JSON.",
                answer.status
            ),
            "Check the address and its path; a proxy or a sign-in page may stand in front of GitLab.",
        ));
    }
    Failure::UnexpectedAnswer(explain(
        format!(
            "{url} answered something that is not the JSON expected (status {}).",
            answer.status
        ),
        "Something on the way may change or cut answers; report it if it stays.",
    ))
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
