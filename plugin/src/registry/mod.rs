//! The container registry: signing in, tags, manifests and blobs.
//!
//! Everything here is one repository deep: a token is for one repository, and a failure is one of the
//! contract's, so that a scan can hand it on or make a `skipped` of it.

pub mod errors;
pub mod manifest;
pub mod reference;
pub mod tags;
pub mod token;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::contract::{Explanation, Failure};
use crate::http::{
    Client, Fetched, Headers, Method, Request, Response, RetryPolicy, TransportError,
};
use crate::session::Session;
use crate::settings::Settings;

pub use errors::Answered;
pub use reference::Digest;

/// Bytes of an answer that is neither a manifest nor a page of tags.
const SMALL_ANSWER: usize = 64 * 1024;

/// Answers in a row that say that the registry is in trouble, after which it is asked whether it is there at
/// all. Trouble with some manifests is theirs; trouble with everything is the location's.
const MAX_TROUBLE_ROW: u32 = 8;

/// A registry that was reached.
pub struct Registry<'s, 't> {
    session: &'s Session<'t>,
    host: String,
    base: Url,
    info: RegistryInfo,
    /// It asks for a token. (Every registry of a GitLab does.)
    guarded: Cell<bool>,
    tokens: token::Tokens<'s, 't>,
    trouble_row: Cell<u32>,
}

/// What a registry says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryInfo {
    /// Version of GitLab's registry; `None` for another one, or a very old one.
    pub version: Option<String>,
    /// True when it has its metadata in a database, and with it GitLab's own API.
    pub database: bool,
}

impl RegistryInfo {
    fn read(answer: &Fetched) -> Self {
        let header = |name| answer.headers.get(name).map(str::trim);
        Self {
            version: header("gitlab-container-registry-version").map(str::to_owned),
            database: header("gitlab-container-registry-database-enabled")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        }
    }
}

/// The schemes to try, in this order: GitLab does not say its registry's. Without TLS only where the person
/// who connected GitLab allowed that (loopback needs no leave), and first only on this machine.
fn schemes(settings: &Settings, host: &str) -> &'static [&'static str] {
    let loopback = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|name| host.starts_with(name));
    match (settings.base.scheme(), loopback) {
        ("http", true) => &["http", "https"],
        ("http", false) => &["https", "http"],
        _ if settings.insecure_http => &["https", "http"],
        _ => &["https"],
    }
}

impl<'s, 't> Registry<'s, 't> {
    /// Looks whether a registry answers at `host` (`host[:port]`, as GitLab names it) and how it is signed
    /// in to. `username` goes with the token; any will do, but for those of CI jobs.
    pub fn connect(session: &'s Session<'t>, username: &str, host: &str) -> Result<Self, Failure> {
        let host = host.trim_end_matches('/');
        let schemes = schemes(&session.settings, host);
        let mut first_failure = None;
        for (at, scheme) in schemes.iter().enumerate() {
            let base = Url::parse(&format!("{scheme}://{host}/"))
                .ok()
                .filter(|url| url.username().is_empty() && url.path() == "/" && url.query().is_none())
                .ok_or_else(|| {
                    Failure::UnexpectedAnswer(Explanation {
                        message: format!("GitLab names its registry {host:?}, which is no host."),
                        hint: "Ask the administrator to check the registry's address in GitLab's configuration."
                            .to_owned(),
                    })
                })?;
            let registry = Self {
                session,
                host: host.to_owned(),
                tokens: token::Tokens::new(session, username),
                base,
                info: RegistryInfo::default(),
                guarded: Cell::new(false),
                trouble_row: Cell::new(0),
            };
            match registry.reach(at + 1 == schemes.len()) {
                Ok(info) => return Ok(Self { info, ..registry }),
                Err(failure @ Failure::Stopped) => return Err(failure),
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                }
            }
        }
        Err(first_failure.unwrap_or(Failure::Stopped))
    }

    /// One look at the base of the API. With another scheme left to try, once is enough.
    fn reach(&self, patiently: bool) -> Result<RegistryInfo, Failure> {
        let request = Request::get(self.url("v2/"));
        let answer = if patiently {
            self.session.client.fetch(&request, SMALL_ANSWER)?
        } else {
            let once = RetryPolicy {
                attempts: 1,
                ..RetryPolicy::default()
            };
            Client::new(self.session.client.transport(), once).fetch(&request, SMALL_ANSWER)?
        };
        match answer.status {
            200 => {}
            401 => {
                self.challenged(&answer.headers);
            }
            _ => return Err(self.explain(&request, &answer, "")),
        }
        Ok(RegistryInfo::read(&answer))
    }

    /// After a 401: from now on requests are signed. True when that is news.
    fn challenged(&self, headers: &Headers) -> bool {
        if let Some(challenge) = headers
            .all("www-authenticate")
            .find_map(token::Challenge::parse)
        {
            self.tokens.learn(&challenge);
        }
        !self.guarded.replace(true)
    }

    /// Its host, with the port where it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Signs in, asks the registry what it is, and remembers it.
    pub fn ping(&mut self) -> Result<RegistryInfo, Failure> {
        self.ping_for("")
    }

    /// [`Self::ping`] with the token for a repository that is read next, so that one token does for both.
    pub fn ping_for(&mut self, repository: &str) -> Result<RegistryInfo, Failure> {
        let request = Request::get(self.url("v2/"));
        let answer = self.fetch(request.clone(), repository, SMALL_ANSWER)?;
        if answer.status != 200 {
            return Err(self.explain(&request, &answer, repository));
        }
        self.info = RegistryInfo::read(&answer);
        Ok(self.info.clone())
    }

    /// Takes for granted what an earlier call was told.
    pub fn remember(&mut self, info: RegistryInfo) {
        self.info = info;
    }

    /// True when the registry itself answers, whatever it says.
    pub fn is_alive(&self) -> bool {
        let request = Request::get(self.url("v2/"));
        let answer = self.session.client.fetch(&request, SMALL_ANSWER);
        answer.is_ok_and(|answer| answer.status < 500)
    }

    /// Makes sure that a manifest of the repository can be read: answers what was, or `None` when there is
    /// none to try it with.
    pub fn probe_manifest(&self, repository: &str) -> Result<Option<String>, Failure> {
        let mut request = Request::get(self.url(&format!("v2/{repository}/tags/list?n=1")));
        let answer = self.fetch(request.clone(), repository, tags::MAX_PAGE_BYTES)?;
        let Some(tag) = tags::first(&answer) else {
            return match Answered::read(&answer) {
                answered if answered.status == 200 || answered.is("NAME_UNKNOWN") => Ok(None),
                _ => Err(self.explain(&request, &answer, repository)),
            };
        };
        request = manifest::request(self, repository, &tag, Method::Head);
        let answer = self.fetch(request.clone(), repository, SMALL_ANSWER)?;
        match answer.status {
            200 => Ok(Some(format!("{repository}:{tag}"))),
            // Cleaned up in between: the sign-in has worked all the same.
            404 => Ok(None),
            _ => Err(self.explain(&request, &answer, repository)),
        }
    }

    /// An address below the registry's.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where a link of an answer to a list leads. Behind proxies the registry may name a host that only it
    /// knows, so path and query are taken relative to the address that works; `None` for a link that leads
    /// to something else than a list.
    pub(crate) fn resolve(&self, asked: &str, link: &str) -> Option<String> {
        let target = Url::parse(asked).ok()?.join(link).ok()?;
        let list = target.path().trim_end_matches('/').ends_with("/tags/list")
            && (target.path().starts_with("/v2/") || target.path().starts_with("/gitlab/v1/"));
        let mut url = self.base.clone();
        url.set_path(target.path());
        url.set_query(target.query());
        list.then(|| url.to_string())
    }

    /// What it said of itself.
    pub fn info(&self) -> &RegistryInfo {
        &self.info
    }

    /// The session it was reached in.
    pub fn session(&self) -> &'s Session<'t> {
        self.session
    }

    /// Sends a request for `repository` (empty: for none) and reads the answer whole. A token that ended is
    /// renewed once.
    pub fn fetch(
        &self,
        request: Request,
        repository: &str,
        cap: usize,
    ) -> Result<Fetched, Failure> {
        self.fetch_or_trouble(request, repository, cap)?
            .map_err(Failure::from)
    }

    /// [`Self::fetch`] that leaves trouble on the wire to the caller: of a blob it may be the storage's.
    pub(crate) fn fetch_or_trouble(
        &self,
        request: Request,
        repository: &str,
        cap: usize,
    ) -> Result<Result<Fetched, TransportError>, Failure> {
        let (signed, token) = self.sign(request.clone(), repository)?;
        let mut answer = self.session.client.fetch(&signed, cap);
        if let Ok(refused) = &answer
            && refused.status == 401
            && self.may_try_again(&refused.headers, repository, token.as_deref())
        {
            let (signed, _) = self.sign(request, repository)?;
            answer = self.session.client.fetch(&signed, cap);
        }
        match answer {
            Ok(answer) => self.judge(repository, answer).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// [`Self::fetch`] for many at once, in their order, each read when it is asked for.
    pub fn fetch_all<'a, K: 'a>(
        &'a self,
        requests: Vec<(K, Request)>,
        repository: &'a str,
        cap: usize,
    ) -> impl Iterator<Item = (K, Result<Fetched, Failure>)> + 'a {
        // Signed when they start, and not before: a token may end on the way.
        let signed = requests.into_iter().map(move |(key, request)| {
            let (sent, token) = self
                .sign(request.clone(), repository)
                // The answer will be 401, and the second try says what is wrong.
                .unwrap_or_else(|_| (request.clone(), None));
            ((key, request, token), sent)
        });
        self.session.client.fetch_overlapped(signed, cap).map(
            move |((key, request, token), answer)| {
                let answer = match answer {
                    Ok(answer)
                        if answer.status == 401
                            && self.may_try_again(
                                &answer.headers,
                                repository,
                                token.as_deref(),
                            ) =>
                    {
                        self.fetch(request, repository, cap)
                    }
                    Ok(answer) => self.judge(repository, answer),
                    Err(error) => Err(error.into()),
                };
                (key, answer)
            },
        )
    }

    /// Sends a request and leaves the body to the caller.
    pub fn stream(
        &self,
        request: Request,
        repository: &str,
    ) -> Result<Result<Response, TransportError>, Failure> {
        let (signed, token) = self.sign(request.clone(), repository)?;
        let answer = self.session.client.send(&signed);
        self.second_stream(answer, request, repository, token.as_deref())
    }

    /// What comes of an answer to a request that [`Self::sign`] has signed: itself, or that of a second try
    /// with a fresh token.
    pub(crate) fn second_stream(
        &self,
        answer: Result<Response, TransportError>,
        request: Request,
        repository: &str,
        token: Option<&str>,
    ) -> Result<Result<Response, TransportError>, Failure> {
        let Ok(response) = answer else {
            return Ok(answer);
        };
        if response.status != 401 || !self.may_try_again(&response.headers, repository, token) {
            if response.status != 401 {
                self.tokens.proven(repository);
            }
            return Ok(Ok(response));
        }
        drop(response);
        let (signed, _) = self.sign(request, repository)?;
        let answer = self.session.client.send(&signed);
        if answer.as_ref().is_ok_and(|answer| answer.status != 401) {
            self.tokens.proven(repository);
        }
        Ok(answer)
    }

    /// Adds the token; answers it too, so that it can be told which one was refused.
    pub(crate) fn sign(
        &self,
        request: Request,
        repository: &str,
    ) -> Result<(Request, Option<String>), Failure> {
        if !self.guarded.get() {
            return Ok((request, None));
        }
        let token = self.tokens.get(repository)?;
        Ok((
            request.with("authorization", format!("Bearer {token}")),
            Some(token),
        ))
    }

    /// After a 401: true when another try with a fresh token may help. A token that was fresh when it was
    /// refused lacks the permission, and another one would too. Without a token there is one to try: some
    /// registries let everybody see their base, and guard what is below it.
    fn may_try_again(&self, headers: &Headers, repository: &str, refused: Option<&str>) -> bool {
        match refused {
            Some(refused) => self.tokens.forget(repository, refused),
            None => {
                self.challenged(headers);
                true
            }
        }
    }

    /// Notes what an answer says of the token and of the registry's health.
    fn judge(&self, repository: &str, answer: Fetched) -> Result<Fetched, Failure> {
        if answer.status != 401 {
            self.tokens.proven(repository);
        }
        if answer.status < 500 {
            self.trouble_row.set(0);
            return Ok(answer);
        }
        self.trouble_row.set(self.trouble_row.get() + 1);
        if self.trouble_row.get() < MAX_TROUBLE_ROW {
            return Ok(answer);
        }
        self.trouble_row.set(0);
        if self.is_alive() {
            Ok(answer)
        } else {
            Err(self.explain(&Request::get(self.url("v2/")), &answer, repository))
        }
    }

    /// What an answer that is no success means.
    pub fn explain(&self, request: &Request, answer: &Fetched, repository: &str) -> Failure {
        let mut failure = errors::failure(self.session, &request.url, answer, repository);
        // A token that was asked for elsewhere than the registry wanted may be the wrong one.
        if let Failure::Forbidden(lack) = &mut failure
            && let Some(sentence) = self.tokens.elsewhere()
        {
            lack.why.message = format!("{} {sentence}", lack.why.message);
            lack.why.hint =
                "Connect GitLab by the address that the registry names, or let the administrator \
                             correct the token realm in the registry's configuration."
                    .to_owned();
        }
        failure
    }
}
