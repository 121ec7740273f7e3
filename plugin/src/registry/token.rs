//! The tokens that the registry takes: short-lived ones (JWT) that GitLab's token service gives for the
//! connection's own token, one for each repository.
//!
//! A wrong token is never tried twice: GitLab bans addresses that do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::errors;
use crate::contract::{Explanation, Failure};
use crate::http::Request;
use crate::session::Session;

/// Bytes of an answer of the token service.
const MAX_ANSWER: usize = 128 * 1024;
/// Bytes of a token; it travels in a header.
const MAX_TOKEN: usize = 32 * 1024;
/// How long before its end a token is renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long a token counts when it does not say: the shortest that a client may assume.
const UNSAID_LIFE: Duration = Duration::from_secs(60);
/// How long a token counts at most, whatever it says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Tokens that are kept; a scan needs two.
const MAX_TOKENS: usize = 64;
/// Characters of a realm that are told.
const MAX_QUOTED_REALM: usize = 200;
/// What GitLab's registry calls itself.
const SERVICE: &str = "container_registry";

/// Where a registry sends its clients for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Address of the token service; may be relative.
    pub realm: String,
    /// What the registry is called there.
    pub service: Option<String>,
    /// `invalid_token`, `insufficient_scope`, or nothing.
    pub error: Option<String>,
}

impl Challenge {
    /// Reads a `WWW-Authenticate` field: the first challenge of the scheme `Bearer`, which may stand behind
    /// others.
    pub fn parse(field: &str) -> Option<Self> {
        let mut challenge: Option<Self> = None;
        let mut rest = field;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t']);
            let end = rest.find([',', ' ', '\t', '=', '"']).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end)?;
            let behind = after.trim_start_matches([' ', '\t']);
            let Some(written) = behind.strip_prefix('=').filter(|_| !word.is_empty()) else {
                // A word without a value begins a challenge.
                if challenge.is_some() {
                    return challenge;
                }
                if word.eq_ignore_ascii_case("bearer") {
                    challenge = Some(Self::default());
                }
                rest = after.strip_prefix(['=', '"']).unwrap_or(after);
                if rest.is_empty() {
                    return challenge;
                }
                continue;
            };
            let written = written.trim_start_matches([' ', '\t']);
            let value;
            (value, rest) = match written.strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None => {
                    let end = written.find([',', ' ', '\t']).unwrap_or(written.len());
                    let (value, rest) = written.split_at(end);
                    (value.to_owned(), rest)
                }
            };
            let Some(challenge) = &mut challenge else {
                continue;
            };
            match word.to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = value,
                "service" => challenge.service = Some(value),
                "error" => challenge.error = Some(value),
                _ => {}
            }
        }
    }
}

/// The text up to the closing quote, and what follows.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

struct Token {
    value: String,
    /// By [`crate::http::Transport::monotonic`].
    renew_at: Duration,
    /// It is the second one in a row: the first was refused.
    second: bool,
}

/// Where tokens come from.
struct Place {
    service: String,
    realm: Url,
    /// What the registry named instead, where the connection's token does not go.
    elsewhere: Option<String>,
}

/// The tokens of one registry.
pub struct Tokens<'s, 't> {
    session: &'s Session<'t>,
    username: String,
    place: RefCell<Place>,
    kept: RefCell<BTreeMap<String, Token>>,
    /// Repositories whose token was refused and forgotten.
    refused: RefCell<Vec<String>>,
    /// The token service did not accept the connection's token: nothing is tried again.
    barred: RefCell<Option<Failure>>,
}

impl<'s, 't> Tokens<'s, 't> {
    /// With GitLab's own token service, until a challenge names another place.
    pub fn new(session: &'s Session<'t>, username: &str) -> Self {
        // Names of CI jobs would make the token a job's; and Basic has no colon in its name.
        let usable = !username.is_empty()
            && !username.ends_with("-ci-token")
            && username
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':');
        Self {
            session,
            username: if usable { username } else { "ox" }.to_owned(),
            place: RefCell::new(Place {
                service: SERVICE.to_owned(),
                realm: own_realm(session),
                elsewhere: None,
            }),
            kept: RefCell::default(),
            refused: RefCell::default(),
            barred: RefCell::default(),
        }
    }

    /// Takes over where the registry sends its clients. The connection's token goes to its own GitLab and
    /// nowhere else: where another host is named (often the same GitLab by a name that only it knows), its
    /// own token service is asked all the same.
    pub fn learn(&self, challenge: &Challenge) {
        let mut place = self.place.borrow_mut();
        if let Some(service) = challenge.service.as_ref().filter(|text| !text.is_empty()) {
            place.service.clone_from(service);
        }
        let written = challenge.realm.trim();
        if written.is_empty() {
            return;
        }
        let base = &self.session.settings.base;
        // Seen relative in the wild: to GitLab, not to the registry.
        let realm = match Url::parse(written) {
            Ok(mut realm) => {
                // Behind a proxy that ends TLS, GitLab may think of itself as plain http.
                if realm.scheme() == "http"
                    && base.scheme() == "https"
                    && realm.host() == base.host()
                {
                    let _ = realm.set_scheme("https");
                    let _ = realm.set_port(base.port());
                }
                Some(realm)
            }
            Err(_) if written.starts_with("//") => base.join(written).ok(),
            Err(_) if written.trim_start_matches('/') == "jwt/auth" => {
                Some(own_realm(self.session))
            }
            Err(_) => base.join(written).ok(),
        };
        match realm {
            Some(realm) if realm.origin() == base.origin() => {
                place.realm = realm;
                place.elsewhere = None;
            }
            _ => {
                place.realm = own_realm(self.session);
                place.elsewhere = Some(written.chars().take(MAX_QUOTED_REALM).collect());
            }
        }
    }

    /// A sentence on where the registry would have had us sign in, if that is another place.
    pub fn elsewhere(&self) -> Option<String> {
        let place = self.place.borrow();
        place.elsewhere.as_ref().map(|named| {
            format!(
                "The registry names {named:?} as its token service, but the token is for {} and goes nowhere \
                 else, so GitLab's own at {} was asked.",
                self.session.settings.origin(),
                place.realm
            )
        })
    }

    /// A token that lets read `repository`; for no repository when it is empty.
    pub fn get(&self, repository: &str) -> Result<String, Failure> {
        if let Some(failure) = &*self.barred.borrow() {
            return Err(failure.clone());
        }
        let now = self.session.client.transport().monotonic();
        if let Some(token) = self
            .kept
            .borrow()
            .get(repository)
            .filter(|token| now < token.renew_at)
        {
            return Ok(token.value.clone());
        }
        let mut url = self.place.borrow().realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("service", &self.place.borrow().service);
            if !repository.is_empty() {
                query.append_pair("scope", &format!("repository:{repository}:pull"));
            }
        }
        let pair = STANDARD.encode(format!("{}:{}", self.username, self.session.settings.token));
        let request = Request::get(url.to_string()).with("authorization", format!("Basic {pair}"));
        let answer = self.session.client.fetch(&request, MAX_ANSWER)?;
        if answer.status != 200 {
            let failure = errors::token_failure(self.session, &request.url, &answer);
            // Of what will not change by itself, and of a ban, one answer is enough.
            if matches!(
                failure,
                Failure::Unauthenticated(_) | Failure::Forbidden(_) | Failure::NotFound(_)
            ) || answer.status == 403
            {
                *self.barred.borrow_mut() = Some(failure.clone());
            }
            return Err(failure);
        }
        let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let text = |key| {
            body.get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let value = text("token")
            .or_else(|| text("access_token"))
            .filter(|token| {
                token.len() <= MAX_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map(str::to_owned)
            .ok_or_else(|| {
                Failure::UnexpectedAnswer(Explanation {
                    message: format!(
                        "GitLab's token service at {} answered without a token.",
                        self.place.borrow().realm
                    ),
                    hint: "Check that GitLab itself is at this address, and not a sign-in page of a proxy."
                        .to_owned(),
                })
            })?;
        let unix = self.session.client.transport().unix_now();
        // GitLab's tokens say themselves how long they are good; of others the answer may.
        let stated = body.get("expires_in").and_then(whole).filter(|s| *s > 0);
        let life = life(&value, unix).unwrap_or_else(|| {
            stated.map_or(UNSAID_LIFE, |seconds| {
                Duration::from_secs(seconds).min(LONGEST_LIFE)
            })
        });
        // Short-lived ones at half their life: renewing must not be all there is to do.
        let renew_in = life
            .checked_sub(RENEW_BEFORE)
            .unwrap_or_default()
            .max(life / 2);
        let second = self.take_refused(repository);
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= MAX_TOKENS {
            kept.clear();
        }
        kept.insert(
            repository.to_owned(),
            Token {
                value: value.clone(),
                renew_at: now + renew_in,
                second,
            },
        );
        Ok(value)
    }

    /// After the registry refused a token: true when another try is worth it. Requests that were in flight
    /// with the same token find it renewed already.
    pub fn forget(&self, repository: &str, refused: &str) -> bool {
        let mut kept = self.kept.borrow_mut();
        match kept.get(repository) {
            Some(token) if token.value != refused => true,
            Some(token) if token.second => false,
            Some(_) => {
                kept.remove(repository);
                self.refused.borrow_mut().push(repository.to_owned());
                true
            }
            None => true,
        }
    }

    /// The registry took the token: should it refuse it later, that is a new story.
    pub fn proven(&self, repository: &str) {
        if let Some(token) = self.kept.borrow_mut().get_mut(repository) {
            token.second = false;
        }
    }

    fn take_refused(&self, repository: &str) -> bool {
        let mut refused = self.refused.borrow_mut();
        let before = refused.len();
        refused.retain(|other| other != repository);
        refused.len() < before
    }
}

/// GitLab's token service below the configured address.
fn own_realm(session: &Session<'_>) -> Url {
    Url::parse(&session.settings.jwt()).unwrap_or_else(|_| session.settings.base.clone())
}

/// A number of seconds, with or without a fraction.
fn whole(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|seconds| seconds as u64))
}

/// How long a token says it is good, from when it was received. Its own two times are compared with each
/// other, so that a clock that is wrong here does no harm.
fn life(token: &str, unix_now: u64) -> Option<Duration> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims = serde_json::from_slice::<Value>(&bytes).ok()?;
    let time = |key: &str| claims.get(key).and_then(whole);
    let begin = time("iat").or_else(|| time("nbf")).unwrap_or(unix_now);
    let end = time("exp").filter(|end| *end > begin)?;
    Some(Duration::from_secs(end - begin).min(LONGEST_LIFE))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
