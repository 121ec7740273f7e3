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

use url::Url;

use crate::contract::{Explanation, Failure};
use crate::http::{Fetched, Method, Request, Response, WINDOW};
use crate::session::Session;

pub use errors::Answered;
pub use reference::Digest;

/// Bytes of an answer that is neither a manifest nor a page of tags.
const SMALL_ANSWER: usize = 64 * 1024;

/// A registry that was reached.
pub struct Registry<'s, 't> {
    session: &'s Session<'t>,
    host: String,
    base: Url,
    info: RegistryInfo,
    tokens: token::Tokens<'s, 't>,
}

/// What a registry says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryInfo {
    /// Version of GitLab's registry; `None` for another one, or a very old one.
    pub version: Option<String>,
    /// True when it has its metadata in a database, and with it GitLab's own API.
    pub database: bool,
    /// It asks for a token. (Every registry of a GitLab does.)
    pub guarded: bool,
}

impl RegistryInfo {
    fn read(answer: &Fetched, guarded: bool) -> Self {
        let header = |name| answer.headers.get(name).map(str::trim);
        Self {
            version: header("gitlab-container-registry-version").map(str::to_owned),
            database: header("gitlab-container-registry-database-enabled")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            guarded,
        }
    }
}

impl<'s, 't> Registry<'s, 't> {
    /// Looks whether a registry answers at `host` (`host[:port]`, as GitLab names it) and how it is signed
    /// in to. `username` goes with the token; any will do, but for those of CI jobs.
    pub fn connect(session: &'s Session<'t>, username: &str, host: &str) -> Result<Self, Failure> {
        // A GitLab without TLS has a registry without.
        let scheme = if session.settings.base.scheme() == "http" {
            "http"
        } else {
            "https"
        };
        let host = host.trim_end_matches('/');
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
        let mut registry = Self {
            session,
            host: host.to_owned(),
            tokens: token::Tokens::new(session, username),
            base,
            info: RegistryInfo::default(),
        };
        let request = Request::get(registry.url("v2/"));
        let answer = session.client.fetch(&request, SMALL_ANSWER)?;
        match answer.status {
            200 => registry.info = RegistryInfo::read(&answer, false),
            401 => {
                let challenge = answer
                    .headers
                    .all("www-authenticate")
                    .find_map(token::Challenge::parse);
                registry.tokens.learn(challenge.as_ref())?;
                registry.info = RegistryInfo::read(&answer, true);
            }
            _ => return Err(registry.explain(&request, &answer, "")),
        }
        Ok(registry)
    }

    /// Its host, with the port where it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Signs in, asks the registry what it is, and remembers it.
    pub fn ping(&mut self) -> Result<RegistryInfo, Failure> {
        self.info = self.ask()?;
        Ok(self.info.clone())
    }

    /// Signs in, and asks the registry what it is.
    pub fn ask(&self) -> Result<RegistryInfo, Failure> {
        let request = Request::get(self.url("v2/"));
        let answer = self.fetch(request.clone(), "", SMALL_ANSWER)?;
        if answer.status != 200 {
            return Err(self.explain(&request, &answer, ""));
        }
        Ok(RegistryInfo::read(&answer, self.info.guarded))
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

    /// Resolves a link of an answer, if it stays in the registry.
    pub(crate) fn resolve(&self, asked: &str, link: &str) -> Option<String> {
        let url = Url::parse(asked).ok()?.join(link).ok()?;
        (url.host_str() == self.base.host_str()
            && url.port_or_known_default() == self.base.port_or_known_default())
        .then(|| {
            // Behind a proxy that ends TLS, absolute links may come as plain http.
            let mut url = url;
            let _ = url.set_scheme(self.base.scheme());
            url.to_string()
        })
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
        let (signed, token) = self.sign(request.clone(), repository)?;
        let answer = self.session.client.fetch(&signed, cap)?;
        if answer.status != 401 {
            self.tokens.proven(repository);
            return Ok(answer);
        }
        if !self.renew(repository, token.as_deref()) {
            return Ok(answer);
        }
        let (signed, _) = self.sign(request, repository)?;
        Ok(self.session.client.fetch(&signed, cap)?)
    }

    /// [`Self::fetch`] for many at once, in their order, each read when it is asked for.
    pub fn fetch_all<'a, K: 'a>(
        &'a self,
        requests: Vec<(K, Request)>,
        repository: &'a str,
        cap: usize,
    ) -> impl Iterator<Item = (K, Result<Fetched, Failure>)> + 'a {
        let mut requests = requests.into_iter();
        // A few windows at a time, each signed anew: a token may end on the way.
        std::iter::from_fn(move || {
            let some: Vec<(K, Request)> = requests.by_ref().take(WINDOW * 4).collect();
            (!some.is_empty()).then_some(some)
        })
        .flat_map(move |some| {
            let mut failed = Vec::new();
            let mut signed = Vec::with_capacity(some.len());
            for (key, request) in some {
                match self.sign(request.clone(), repository) {
                    Ok((sent, token)) => signed.push(((key, request, token), sent)),
                    Err(failure) => failed.push((key, Err(failure))),
                }
            }
            let answers = self.session.client.fetch_overlapped(signed, cap).map(
                move |((key, request, token), answer)| {
                    let answer = match answer {
                        Ok(answer)
                            if answer.status == 401 && self.renew(repository, token.as_deref()) =>
                        {
                            self.fetch(request, repository, cap)
                        }
                        Ok(answer) => Ok(answer),
                        Err(error) => Err(error.into()),
                    };
                    (key, answer)
                },
            );
            answers.chain(failed)
        })
    }

    /// Sends a request and leaves the body to the caller.
    pub fn stream(&self, request: Request, repository: &str) -> Result<Response, Failure> {
        let (signed, token) = self.sign(request.clone(), repository)?;
        let response = self.session.client.send(&signed)?;
        if response.status != 401 || !self.renew(repository, token.as_deref()) {
            return Ok(response);
        }
        drop(response);
        let (signed, _) = self.sign(request, repository)?;
        Ok(self.session.client.send(&signed)?)
    }

    /// Adds the token; answers it too, so that it can be told which one was refused.
    pub(crate) fn sign(
        &self,
        request: Request,
        repository: &str,
    ) -> Result<(Request, Option<String>), Failure> {
        if !self.info.guarded {
            return Ok((request, None));
        }
        let token = self.tokens.get(repository)?;
        Ok((
            request.with("authorization", format!("Bearer {token}")),
            Some(token),
        ))
    }

    /// After a 401: true when another try with a fresh token may help. A token that was fresh when it was
    /// refused lacks the permission, and another one would too.
    pub(crate) fn renew(&self, repository: &str, refused: Option<&str>) -> bool {
        refused.is_some_and(|refused| self.tokens.forget(repository, refused))
    }

    /// What an answer that is no success means.
    pub fn explain(&self, request: &Request, answer: &Fetched, repository: &str) -> Failure {
        errors::failure(self.session, &request.url, answer, repository)
    }
}
