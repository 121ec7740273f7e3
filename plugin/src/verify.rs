//! `verify`: tries everything that a scan will need, step by step, and says what was seen.
//!
//! A step that fails is a result, not a failure of the call. What an earlier step makes moot is skipped
//! with the reason, so that a person sees one fault and not nine; and a refused token is not sent again.

mod outlook;
mod signed_in;

use serde_json::Value;

use crate::contract::sink::Progress;
use crate::contract::{Attribute, Explanation, Failure, StepResult, StepStatus, Verification};
use crate::gitlab::account::{self, FULL_SUPPORT, Metadata, OLDEST, Token, User};
use crate::gitlab::errors::{explain, explanation};
use crate::gitlab::{Api, errors};
use crate::http::Fetched;
use crate::session::{Session, report};
use crate::time;
use outlook::Outlook;

/// Days before a token's end from which on the step is a warning.
const EXPIRY_WARNING_DAYS: i64 = 30;

/// Image repositories that are tried until one has an image.
const PULL_TRIES: usize = 10;

/// What a registry says of itself once it let us in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFacts {
    /// `4.32.0-gitlab`; `None` for a registry that is not GitLab's.
    pub version: Option<String>,
    /// Whether GitLab's metadata database is behind it.
    pub database: Option<bool>,
}

/// A registry, as far as `verify` needs one.
pub trait Registry {
    /// Signs in with the token and asks for the base of the API.
    fn ping(&mut self) -> Result<RegistryFacts, Failure>;
    /// Reads one manifest of that repository: what was read, or `None` when it has no images.
    fn probe_manifest(&self, repository: &str) -> Result<Option<String>, Failure>;
}

/// Reaches the registry at a host (second), for a user (first).
pub type Connect<'c> = dyn Fn(&str, &str) -> Result<Box<dyn Registry + 'c>, Failure> + 'c;

/// Verifies against the real registry, and tells the host each step as it ends.
pub fn verify(session: &Session<'_>) -> Result<Verification, Failure> {
    let connect = |username: &str, host: &str| -> Result<Box<dyn Registry + '_>, Failure> {
        Ok(Box::new(crate::registry::Registry::connect(
            session, username, host,
        )?))
    };
    verify_with(session, &connect, &mut |step| {
        report(&Progress::Step(step.clone()));
    })
}

/// Verifies, and reports each step as it ends.
pub fn verify_with(
    session: &Session<'_>,
    connect: &Connect<'_>,
    report: &mut dyn FnMut(&StepResult),
) -> Result<Verification, Failure> {
    let mut run = Run {
        api: Api::new(session),
        report,
        steps: Vec::new(),
        attributes: Vec::new(),
    };
    run.all(connect)?;
    let Run {
        steps, attributes, ..
    } = run;
    Ok(Verification { steps, attributes })
}

/// The steps, in the order of the manifest.
const STEPS: [&str; 9] = [
    "address", "tls", "token", "scopes", "expiry", "account", "version", "registry", "pull",
];

struct Run<'r, 's, 't> {
    api: Api<'s, 't>,
    report: &'r mut dyn FnMut(&StepResult),
    steps: Vec<StepResult>,
    attributes: Vec<Attribute>,
}

/// What the token's own page told.
enum Met {
    Told(Token),
    /// GitLab is too old to tell, or does not tell this token.
    Untold,
}

impl Run<'_, '_, '_> {
    fn step(&mut self, status: StepStatus, seen: impl Into<String>, hint: impl Into<String>) {
        let id = STEPS.get(self.steps.len()).copied().unwrap_or_default();
        let step = StepResult {
            id: id.to_owned(),
            status,
            seen: seen.into(),
            hint: hint.into(),
        };
        (self.report)(&step);
        self.steps.push(step);
    }

    fn passed(&mut self, seen: impl Into<String>) {
        self.step(StepStatus::Passed, seen, "");
    }

    fn failed(&mut self, why: Explanation) {
        self.step(StepStatus::Failed, why.message, why.hint);
    }

    fn skip_rest(&mut self, why: &str) {
        while self.steps.len() < STEPS.len() {
            self.step(StepStatus::Skipped, why, "Mend the step above first.");
        }
    }

    fn attribute(&mut self, key: &str, value: impl Into<String>) {
        self.attributes.push((key.to_owned(), value.into()));
    }

    fn all(&mut self, connect: &Connect<'_>) -> Result<(), Failure> {
        let Some(met) = self.reach()? else {
            return Ok(());
        };
        self.scopes(&met)?;
        self.expiry(&met);
        let username = self.account()?;
        if self.api.refusal().is_some() {
            self.skip_rest("Not tried, because GitLab refused the token.");
            return Ok(());
        }
        self.version()?;
        self.registry(connect, &username)
    }

    /// Address, TLS and token: one request answers all three. `None` when there is nothing left to try.
    fn reach(&mut self) -> Result<Option<Met>, Failure> {
        let request = self.api.request(account::TOKEN_PATH);
        let answer = match self
            .api
            .session()
            .client
            .fetch(&request, crate::gitlab::api::OBJECT_CAP)
        {
            Ok(answer) => answer,
            Err(error) => {
                let kind = error.kind;
                let failure = errors::from_transport(error);
                if failure == Failure::Stopped {
                    return Err(failure);
                }
                let why = explanation(&failure);
                if kind == crate::http::TroubleKind::Tls {
                    self.passed(format!("{} answers", self.api.base()));
                }
                self.failed(why);
                self.skip_rest("Not tried, because GitLab could not be reached.");
                return Ok(None);
            }
        };
        let json = serde_json::from_slice::<Value>(&answer.body).is_ok();
        // Rack::Attack's answers are the only ones of GitLab's API that are plain text.
        let gitlab = json || matches!(answer.status, 403 | 429 | 500..);
        if !gitlab {
            let failure = if answer.status < 300 {
                errors::not_json(&request.url, &answer)
            } else {
                self.api.failure(&request.url, &answer)
            };
            self.failed(explanation(&failure));
            self.skip_rest("Not tried, because what answers is not GitLab's API.");
            return Ok(None);
        }
        if answer.status >= 500 {
            self.failed(explanation(&self.api.failure(&request.url, &answer)));
            self.skip_rest("Not tried, because GitLab is in trouble.");
            return Ok(None);
        }
        self.passed(format!("{} answers", self.api.base()));
        self.tls();
        self.token(answer)
    }

    fn tls(&mut self) {
        let base = self.api.session().settings.base.clone();
        let loopback = match base.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match (base.scheme(), loopback) {
            ("https", _) => self.passed("The certificate is trusted"),
            (_, true) => self.step(
                StepStatus::Skipped,
                "Plain http to this machine itself, so there is no TLS",
                "",
            ),
            _ => self.step(
                StepStatus::Warning,
                "Plain http: the token and everything else can be read on the way",
                "Use an https address if this GitLab has one.",
            ),
        }
    }

    fn token(&mut self, answer: Fetched) -> Result<Option<Met>, Failure> {
        let refused = "Not tried, because GitLab refuses the token.";
        let failure = match account::token(&self.api, answer) {
            Ok(Some(token)) if token.revoked == Some(true) || token.active == Some(false) => {
                let word = if token.revoked == Some(true) {
                    "is revoked"
                } else {
                    "is no longer active"
                };
                let why = format!("The token {} {word}", named(&token));
                self.failed(explain(why, "Create a new token and enter it."));
                self.skip_rest(refused);
                return Ok(None);
            }
            Ok(Some(token)) => {
                self.passed(format!("GitLab accepts the token {}", named(&token)));
                return Ok(Some(Met::Told(token)));
            }
            // Too old to tell, or the token may not ask: whether it is good shows with the user.
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        match failure {
            Some(Failure::Forbidden(lack)) if !lack.missing_scopes.is_empty() => {
                self.passed("GitLab knows the token");
                Ok(Some(Met::Untold))
            }
            Some(failure @ Failure::Stopped) => Err(failure),
            Some(failure) => {
                self.failed(explanation(&failure));
                self.skip_rest(refused);
                Ok(None)
            }
            None => match account::user(&self.api) {
                Ok(_) | Err(Failure::Forbidden(_)) => {
                    self.passed("GitLab accepts the token");
                    Ok(Some(Met::Untold))
                }
                Err(failure @ Failure::Stopped) => Err(failure),
                Err(failure) => {
                    self.failed(explanation(&failure));
                    self.skip_rest(refused);
                    Ok(None)
                }
            },
        }
    }

    fn scopes(&mut self, met: &Met) -> Result<(), Failure> {
        if let Met::Told(token) = met
            && let Some(scopes) = &token.scopes
        {
            self.attribute("token.scopes", scopes.join(" "));
            if token.granular != Some(true) {
                self.classic_scopes(token, &scopes.join(", "));
                return Ok(());
            }
        }
        // Fine-grained or untold: what the token may do shows only when it is tried.
        let tries = [
            ("read_user", "user"),
            ("read_api", "projects?membership=true&per_page=1"),
        ];
        let mut missing = Vec::new();
        for (scope, path) in tries {
            match self.api.json::<Value>(path) {
                Err(Failure::Forbidden(_)) => missing.push(scope),
                Err(failure @ Failure::Stopped) => return Err(failure),
                _ => {}
            }
        }
        if missing.is_empty() {
            let what = match met {
                Met::Told(_) => {
                    "The token is fine-grained; reading its user and its projects works"
                }
                Met::Untold => {
                    "GitLab does not tell the scopes; reading the user and its projects works"
                }
            };
            self.passed(what);
        } else {
            self.failed(lacking(&missing));
        }
        Ok(())
    }

    fn classic_scopes(&mut self, token: &Token, seen: &str) {
        let wanted = ["read_user", "read_registry", "read_api"];
        let unset: Vec<&str> = wanted
            .into_iter()
            .filter(|scope| !token.has(scope))
            .collect();
        let missing: Vec<&str> = wanted
            .into_iter()
            .filter(|scope| !token.covers(scope))
            .collect();
        if !missing.is_empty() {
            let seen = if seen.is_empty() { "none" } else { seen };
            let mut why = lacking(&missing);
            why.message = format!("{} (it has: {seen})", why.message);
            self.failed(why);
        } else if unset.is_empty() {
            self.passed(seen);
        } else {
            let wide = if token.has("api") { "api" } else { "read_api" };
            let seen = format!(
                "{seen}; not set: {}, but {wide} covers it",
                unset.join(", ")
            );
            if wide == "api" {
                let hint = "The scope api may write too: a token with read_user, read_registry and read_api is enough.";
                self.step(StepStatus::Warning, seen, hint);
            } else {
                self.passed(seen);
            }
        }
    }

    fn expiry(&mut self, met: &Met) {
        let Met::Told(token) = met else {
            return self.step(
                StepStatus::Skipped,
                "GitLab does not tell when this token ends",
                "",
            );
        };
        let Some(date) = &token.expires_at else {
            return self.passed("The token has no end; change it from time to time");
        };
        self.attribute("token.expires-at", date.as_str());
        let days = token
            .expires()
            .and_then(|end| time::days_until(end, self.api.now()));
        let rotate = "Create the next token before that day, and enter it here.";
        match days {
            None => self.step(
                StepStatus::Warning,
                format!("The token's end can't be read: {date}"),
                rotate,
            ),
            Some(days) if days < 0 => self.failed(explain(
                format!("The token ended on {date}"),
                "Create a new token and enter it.",
            )),
            Some(days) if days < EXPIRY_WARNING_DAYS => {
                let when = match days {
                    0 => "within a day".to_owned(),
                    1 => "in 1 day".to_owned(),
                    days => format!("in {days} days"),
                };
                self.step(
                    StepStatus::Warning,
                    format!("The token ends on {date}, {when}"),
                    rotate,
                );
            }
            Some(days) => self.passed(format!("The token ends on {date}, in {days} days")),
        }
    }

    /// The user's name, for signing in to the registry.
    fn account(&mut self) -> Result<String, Failure> {
        // The registry looks at the password only, but wants some name.
        let anybody = "gitlab-registry-connector".to_owned();
        let user: User = match account::user(&self.api) {
            Ok(user) => user,
            Err(failure @ Failure::Stopped) => return Err(failure),
            Err(failure) => {
                self.failed(explanation(&failure));
                return Ok(anybody);
            }
        };
        self.attribute("account.username", user.username.as_str());
        self.attribute("account.admin", (user.is_admin == Some(true)).to_string());
        let state = user.state.as_deref().unwrap_or("active");
        if state != "active" {
            self.failed(explain(
                format!("The account {} is {state}", user.username),
                "Let an administrator activate it, or use the token of another one.",
            ));
        } else if user.is_admin == Some(true) {
            self.passed(format!(
                "{}, an administrator: every group and project is listed",
                user.username
            ));
        } else if user.bot {
            self.passed(format!(
                "{}, the account of a project or group access token: only that project or group is listed",
                user.username
            ));
        } else {
            let external = if user.external { ", external" } else { "" };
            self.passed(format!(
                "{}{external}, not an administrator: what it is a member of is listed",
                user.username
            ));
        }
        Ok(if user.username.is_empty() {
            anybody
        } else {
            user.username
        })
    }

    fn version(&mut self) -> Result<(), Failure> {
        let metadata: Metadata = match account::metadata(&self.api) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => {
                let hint = "Versions from 15.11 on have everything that is used here.";
                self.step(
                    StepStatus::Warning,
                    "GitLab does not tell its version",
                    hint,
                );
                return Ok(());
            }
            Err(failure @ Failure::Stopped) => return Err(failure),
            Err(failure) => {
                let why = explanation(&failure);
                self.step(StepStatus::Warning, why.message, why.hint);
                return Ok(());
            }
        };
        let version = metadata.version.clone().unwrap_or_default();
        self.attribute("gitlab.version", version.as_str());
        if let Some(edition) = metadata.edition() {
            self.attribute("gitlab.edition", edition);
        }
        let seen = format!("{version}, {}", metadata.edition_words());
        let hint = "Update GitLab: from 15.11 on everything that is used here is there.";
        match metadata.major_minor() {
            Some(found) if found >= FULL_SUPPORT => self.passed(seen),
            Some(found) if found >= OLDEST => {
                self.step(
                    StepStatus::Warning,
                    format!("{seen}; older than 15.11, so parts are missing"),
                    hint,
                );
            }
            Some(_) => {
                self.step(
                    StepStatus::Warning,
                    format!("{seen}; older than 13.6, so it may not work at all"),
                    hint,
                );
            }
            None => self.step(
                StepStatus::Warning,
                format!("{seen}; the version can't be read"),
                hint,
            ),
        }
        Ok(())
    }

    fn registry(&mut self, connect: &Connect<'_>, username: &str) -> Result<(), Failure> {
        let outlook = match outlook::look(&self.api) {
            Ok(outlook) => outlook,
            Err(failure @ Failure::Stopped) => return Err(failure),
            Err(failure) => {
                self.failed(explanation(&failure));
                self.skip_rest("Not tried, because the projects can't be listed.");
                return Ok(());
            }
        };
        let (host, repositories) = match outlook {
            Outlook::NoProjects => {
                self.step(
                    StepStatus::Warning,
                    "The account is not a member of any project, so the registry is not known yet",
                    "Make it a member (Reporter) of the groups or projects whose images should be scanned.",
                );
                self.skip_rest("Not tried, because there is no project to read from.");
                return Ok(());
            }
            Outlook::NoRegistry => {
                self.failed(explain(
                    "No project that the account sees names a container registry: this GitLab has none, or none is switched on",
                    "Let the administrator enable the container registry, or switch it on in a project.",
                ));
                self.skip_rest("Not tried, because no container registry was found.");
                return Ok(());
            }
            Outlook::Registry { host, repositories } => (host, repositories),
        };
        self.attribute("registry.host", host.as_str());
        let signed_in = connect(username, &host).and_then(|mut registry| {
            let facts = registry.ping()?;
            Ok((registry, facts))
        });
        let registry = match signed_in {
            Ok((registry, facts)) => {
                let version = match &facts.version {
                    Some(version) => format!(", version {version}"),
                    None => ", not GitLab's own or a very old one".to_owned(),
                };
                let database = match facts.database {
                    Some(true) => ", with the metadata database",
                    Some(false) => ", without the metadata database",
                    None => "",
                };
                self.passed(format!("{host} lets the token in{version}{database}"));
                if let Some(version) = facts.version {
                    self.attribute("registry.version", version);
                }
                if let Some(database) = facts.database {
                    self.attribute("registry.database", database.to_string());
                }
                registry
            }
            Err(failure @ Failure::Stopped) => return Err(failure),
            Err(failure) => {
                self.failed(explanation(&failure));
                self.skip_rest("Not tried, because the registry does not let the token in.");
                return Ok(());
            }
        };
        self.pull(registry.as_ref(), &repositories)
    }

    fn pull(&mut self, registry: &dyn Registry, repositories: &[String]) -> Result<(), Failure> {
        let mut refused = None;
        for repository in repositories.iter().take(PULL_TRIES) {
            match registry.probe_manifest(repository) {
                Ok(Some(seen)) => {
                    self.passed(format!("{repository}: {seen}"));
                    return Ok(());
                }
                Ok(None) | Err(Failure::NotFound(_)) => {}
                // Some projects may be closed to this role; one that is open is enough.
                Err(failure @ Failure::Forbidden(_)) => refused = Some(failure),
                Err(failure @ Failure::Stopped) => return Err(failure),
                Err(failure) => {
                    self.failed(explanation(&failure));
                    return Ok(());
                }
            }
        }
        match refused {
            Some(failure) => self.failed(explanation(&failure)),
            None => self.step(
                StepStatus::Skipped,
                "None of the projects looked at has an image yet, so there was nothing to read",
                "",
            ),
        }
        Ok(())
    }
}

fn named(token: &Token) -> String {
    if token.name.is_empty() {
        "(without a name)".to_owned()
    } else {
        format!("\"{}\"", errors::quote(&token.name))
    }
}

fn lacking(missing: &[&str]) -> Explanation {
    let (word, names) = (
        if missing.len() == 1 {
            "scope"
        } else {
            "scopes"
        },
        missing.join(", "),
    );
    explain(
        format!("The token lacks the {word} {names}"),
        format!(
            "Create a token that has {names} too, and enter it; a token's scopes can't be changed afterwards."
        ),
    )
}

#[cfg(test)]
mod tests;
