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
    /// Reads a `WWW-Authenticate` field of the scheme `Bearer`.
    pub fn parse(field: &str) -> Option<Self> {
        let field = field.trim();
        let rest = match field.get(..6) {
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => field.get(6..)?,
            _ => return None,
        };
        let mut challenge = Self::default();
        let mut rest = rest.trim_start();
        while let Some((key, after)) = rest.split_once('=') {
            let key = key.trim_matches([',', ' ', '\t']).to_ascii_lowercase();
            let after = after.trim_start();
            let value;
            (value, rest) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None => {
                    let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
                    let (value, rest) = after.split_at(end);
                    (value.to_owned(), rest)
                }
            };
            match key.as_str() {
                "realm" => challenge.realm = value,
                "service" => challenge.service = Some(value),
                "error" => challenge.error = Some(value),
                _ => {}
            }
        }
        Some(challenge)
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

/// The tokens of one registry.
pub struct Tokens<'s, 't> {
    session: &'s Session<'t>,
    username: String,
    service: String,
    realm: Url,
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
            service: SERVICE.to_owned(),
            realm: Url::parse(&session.settings.jwt())
                .unwrap_or_else(|_| session.settings.base.clone()),
            kept: RefCell::default(),
            refused: RefCell::default(),
            barred: RefCell::default(),
        }
    }

    /// Takes over where the registry sends its clients, if the token may go there.
    pub fn learn(&mut self, challenge: Option<&Challenge>) -> Result<(), Failure> {
        let Some(challenge) = challenge else {
            return Ok(());
        };
        if let Some(service) = challenge
            .service
            .as_ref()
            .filter(|service| !service.is_empty())
        {
            self.service.clone_from(service);
        }
        if challenge.realm.is_empty() {
            return Ok(());
        }
        let base = &self.session.settings.base;
        // Seen relative in the wild: to GitLab, not to the registry.
        let realm = match Url::parse(&challenge.realm) {
            Ok(mut realm) => {
                // Behind a proxy that ends TLS, GitLab may think of itself as plain http.
                if realm.scheme() == "http"
                    && base.scheme() == "https"
                    && realm.host() == base.host()
                {
                    let _ = realm.set_scheme("https");
                    let _ = realm.set_port(base.port());
                }
                Ok(realm)
            }
            Err(_) if challenge.realm.starts_with("//") => base.join(&challenge.realm),
            Err(_) if challenge.realm.trim_start_matches('/') == "jwt/auth" => {
                Url::parse(&self.session.settings.jwt())
            }
            Err(_) => base.join(&challenge.realm),
        };
        match realm {
            Ok(realm) if realm.origin() == base.origin() => {
                self.realm = realm;
                Ok(())
            }
            // GitLab's own token service under another name: an alias, or a proxy in front of it. The one at
            // the configured address signs the same tokens, and the credential stays there.
            Ok(realm) if realm.has_host() && realm.path().ends_with("/jwt/auth") => Ok(()),
            Ok(realm) => Err(Failure::UnexpectedAnswer(Explanation {
                message: format!(
                    "The registry wants its clients to sign in at {}, but the token is for {} and goes nowhere \
                     else.",
                    realm.origin().ascii_serialization(),
                    self.session.settings.origin()
                ),
                hint: "Connect GitLab by the address that the registry names, or let the administrator correct \
                       the token realm in the registry's configuration."
                    .to_owned(),
            })),
            Err(_) => Err(Failure::UnexpectedAnswer(Explanation {
                message: format!("The registry names {:?} as its token service, which is no address.", challenge.realm),
                hint: "Let the administrator correct the token realm in the registry's configuration.".to_owned(),
            })),
        }
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
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("service", &self.service);
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
        let value = serde_json::from_slice::<Value>(&answer.body)
            .ok()
            .and_then(|body| {
                let text = |key| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
                text("token").or_else(|| text("access_token")).map(str::to_owned)
            })
            .filter(|token| token.len() <= MAX_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| {
                Failure::UnexpectedAnswer(Explanation {
                    message: format!("GitLab's token service at {} answered without a token.", self.realm),
                    hint: "Check that GitLab itself is at this address, and not a sign-in page of a proxy.".to_owned(),
                })
            })?;
        let unix = self.session.client.transport().unix_now();
        let life = life(&value, unix);
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

/// How long a token is good, from when it was received. Its own two times are compared with each other, so
/// that a clock that is wrong here does no harm.
fn life(token: &str, unix_now: u64) -> Duration {
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .unwrap_or_default();
    let time = |key: &str| {
        let value = claims.get(key)?;
        value
            .as_u64()
            .or_else(|| value.as_f64().map(|seconds| seconds as u64))
    };
    let begin = time("iat").or_else(|| time("nbf")).unwrap_or(unix_now);
    match time("exp") {
        Some(end) if end > begin => Duration::from_secs(end - begin).min(LONGEST_LIFE),
        _ => UNSAID_LIFE,
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
