//! Exclusions: what people decided not to work on, why, and until when.
//!
//! An exclusion is kept apart from the issues that it covers, so that it survives every scan and covers what
//! comes later, too; it ends by itself on its day, and what it covered is back in the queue.

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::issue::{Exclusion, ExclusionKind};

/// Bytes of a reason.
pub const MAX_REASON: usize = 4_000;
/// Bytes of a name or pattern.
pub const MAX_NAME: usize = 512;
/// Years until which an exclusion may last.
const MAX_YEARS: i64 = 10;

/// An exclusion, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What kind.
    pub kind: ExclusionKind,
    /// What it covers.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When it was made; RFC 3339.
    pub at: String,
    /// When it ends by itself; RFC 3339.
    pub until: Option<String>,
}

/// What an exclusion covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "scope", rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = ExclusionScope)]
pub enum Scope {
    /// One issue, by its number.
    Issue {
        /// Number.
        id: i64,
    },
    /// Every issue with such an id (`posture/root-user`, `secret/*`, `CVE-2024-1`), in one application or in
    /// all.
    Rule {
        /// A pattern; letter case does not count.
        pattern: String,
        /// The application.
        application: Option<String>,
    },
    /// Every issue of a package, in one application or in all.
    Package {
        /// Ecosystem without release (`Debian`, `npm`), or the format (`dpkg`); `None` is any.
        ecosystem: Option<String>,
        /// A pattern of its name, or of its source package's.
        name: String,
        /// The application.
        application: Option<String>,
    },
    /// Every issue of an application.
    Application {
        /// Its name.
        name: String,
    },
    /// Every issue of a location.
    Location {
        /// A pattern of its path.
        path: String,
    },
}

/// What an exclusion is held against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Number of the issue.
    pub id: i64,
    /// All its ids: CVE, GHSA, the advisory's, and for what the connector says `posture/<rule>` or
    /// `secret/<rule>` ([`rule_id`]).
    pub ids: &'a [&'a str],
    /// The application.
    pub application: &'a str,
    /// Path of the location.
    pub location: &'a str,
    /// Ecosystem of the package, with or without release.
    pub ecosystem: Option<&'a str>,
    /// Format of the package.
    pub format: Option<&'a str>,
    /// Name of the package.
    pub package: Option<&'a str>,
    /// Name of its source package.
    pub source_package: Option<&'a str>,
}

/// An exclusion can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nobody could tell later why.
    #[error("an exclusion needs a reason; say why, so that others can judge it later")]
    NoReason,
    /// Nobody could be asked.
    #[error("an exclusion needs the name of who makes it")]
    NoAuthor,
    /// Too long.
    #[error("the {0} is longer than {1} bytes; write a shorter one")]
    TooLong(&'static str, usize),
    /// Empty where something has to be.
    #[error("the {0} is empty; name what the exclusion is to cover")]
    Empty(&'static str),
    /// Control characters.
    #[error("the {0} has a control character in it; take it out")]
    Control(&'static str),
    /// No pattern.
    #[error(
        "the pattern {0:?} can't be used: {1}; write for example posture/*, CVE-2024-* or acme/**"
    )]
    Pattern(String, String),
    /// It would cover everything.
    #[error(
        "the pattern {0:?} covers every issue; name a rule, a package, an application or a location"
    )]
    Everything(String),
    /// No time.
    #[error("{0:?} is not a time as RFC 3339 writes it (2026-01-31T12:00:00Z)")]
    NotATime(String),
    /// It would end before it began.
    #[error("the exclusion would end at {0}, which has passed; name a later time")]
    Past(String),
    /// Later than anybody plans.
    #[error(
        "the exclusion would end at {0}, in more than {MAX_YEARS} years; name an earlier time, or none"
    )]
    TooFar(String),
    /// Later needs a when.
    #[error("a snooze needs an end; say until when")]
    NoEnd,
}

impl Rule {
    /// Checks what a person entered, before it is stored. `now` is RFC 3339.
    pub fn check(&self, now: &str) -> Result<(), Invalid> {
        let now = time(now)?;
        time(&self.at)?;
        if self.reason.trim().is_empty() {
            return Err(Invalid::NoReason);
        }
        if self.by.trim().is_empty() {
            return Err(Invalid::NoAuthor);
        }
        short("reason", &self.reason, MAX_REASON)?;
        short("name", &self.by, MAX_NAME)?;
        no_control("name", &self.by)?;
        if self
            .reason
            .chars()
            .any(|letter| letter.is_control() && letter != '\n' && letter != '\t')
        {
            return Err(Invalid::Control("reason"));
        }
        match &self.until {
            Some(until) => {
                let end = time(until)?;
                if end <= now {
                    return Err(Invalid::Past(until.clone()));
                }
                let years = end.duration_since(now).as_hours() / (24 * 365);
                if years >= MAX_YEARS {
                    return Err(Invalid::TooFar(until.clone()));
                }
            }
            None if self.kind == ExclusionKind::Snoozed => return Err(Invalid::NoEnd),
            None => {}
        }
        self.scope.check()
    }

    /// True when its time has come. An end that can't be read has: an exclusion must not outlive its end by
    /// a fault.
    pub fn has_ended(&self, now: &str) -> bool {
        let Some(until) = &self.until else {
            return false;
        };
        match (time(until), time(now)) {
            (Ok(until), Ok(now)) => until <= now,
            _ => true,
        }
    }

    /// As an issue shows it. `id` is its number in the store.
    pub fn shown(&self, id: Option<i64>) -> Exclusion {
        Exclusion {
            id,
            kind: self.kind,
            scope: self.scope.words(),
            reason: self.reason.clone(),
            by: self.by.clone(),
            at: self.at.clone(),
            until: self.until.clone(),
        }
    }
}

impl Scope {
    /// In words ("this issue", "rule posture/root-user in shop").
    pub fn words(&self) -> String {
        let within = |text: String, application: &Option<String>| match application {
            Some(application) => format!("{text} in {application}"),
            None => text,
        };
        match self {
            Self::Issue { .. } => "this issue".to_owned(),
            Self::Rule {
                pattern,
                application,
            } => within(format!("rule {pattern}"), application),
            Self::Package {
                ecosystem,
                name,
                application,
            } => {
                let text = match ecosystem {
                    Some(ecosystem) => format!("package {name} of {ecosystem}"),
                    None => format!("package {name}"),
                };
                within(text, application)
            }
            Self::Application { name } => format!("application {name}"),
            Self::Location { path } => format!("location {path}"),
        }
    }

    /// How narrow it is: the narrower one is shown when several apply.
    fn breadth(&self) -> u8 {
        let wide = |application: &Option<String>| u8::from(application.is_none());
        match self {
            Self::Issue { .. } => 0,
            Self::Package { application, .. } => 1 + wide(application),
            Self::Rule { application, .. } => 3 + wide(application),
            Self::Location { .. } => 5,
            Self::Application { .. } => 6,
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        let application_of = |application: &Option<String>| match application {
            Some(name) => name_of("application", name),
            None => Ok(()),
        };
        match self {
            Self::Issue { .. } => Ok(()),
            Self::Rule {
                pattern,
                application,
            } => {
                pattern_of("rule", pattern, application.is_none())?;
                application_of(application)
            }
            Self::Package {
                ecosystem,
                name,
                application,
            } => {
                if let Some(ecosystem) = ecosystem {
                    name_of("ecosystem", ecosystem)?;
                }
                pattern_of(
                    "package",
                    name,
                    ecosystem.is_none() && application.is_none(),
                )?;
                application_of(application)
            }
            Self::Application { name } => name_of("application", name),
            Self::Location { path } => pattern_of("location", path, true),
        }
    }
}

/// A rule whose patterns are compiled, for many issues.
pub struct Compiled<'r> {
    /// The rule.
    pub rule: &'r Rule,
    glob: Option<GlobMatcher>,
}

impl<'r> Compiled<'r> {
    /// Compiles a rule. A pattern that can't be used covers nothing: [`Rule::check`] refused it before.
    pub fn of(rule: &'r Rule) -> Self {
        let glob = match &rule.scope {
            Scope::Rule { pattern, .. } => compile(pattern, false).ok(),
            Scope::Package { name, .. } => compile(name, false).ok(),
            Scope::Location { path } => compile(path, true).ok(),
            Scope::Issue { .. } | Scope::Application { .. } => None,
        };
        Self { rule, glob }
    }

    /// True when it covers the issue now.
    pub fn applies(&self, subject: &Subject<'_>, now: &str) -> bool {
        self.covers(subject) && !self.rule.has_ended(now)
    }

    fn covers(&self, subject: &Subject<'_>) -> bool {
        let takes = |text: &str| self.glob.as_ref().is_some_and(|glob| glob.is_match(text));
        let within = |application: &Option<String>| {
            application
                .as_ref()
                .is_none_or(|name| name == subject.application)
        };
        match &self.rule.scope {
            Scope::Issue { id } => *id == subject.id,
            Scope::Rule { application, .. } => {
                within(application) && subject.ids.iter().any(|id| takes(id))
            }
            Scope::Package {
                ecosystem,
                application,
                ..
            } => {
                within(application)
                    && ecosystem
                        .as_deref()
                        .is_none_or(|wanted| of_ecosystem(subject, wanted))
                    && [subject.package, subject.source_package]
                        .into_iter()
                        .flatten()
                        .any(takes)
            }
            Scope::Application { name } => name == subject.application,
            Scope::Location { .. } => takes(subject.location),
        }
    }
}

/// True when a rule covers an issue now. For many issues, compile the rules once ([`Compiled`]).
pub fn applies(rule: &Rule, subject: &Subject<'_>, now: &str) -> bool {
    Compiled::of(rule).applies(subject, now)
}

/// The exclusion that an issue shows, of all that apply: a false positive before an exclusion before a
/// snooze, then the narrowest, then the one that lasts longest, then the oldest. `rules` come with their
/// numbers.
pub fn of_issue<'r>(
    rules: &'r [(i64, Compiled<'r>)],
    subject: &Subject<'_>,
    now: &str,
) -> Option<&'r (i64, Compiled<'r>)> {
    rules
        .iter()
        .filter(|(_, rule)| rule.applies(subject, now))
        .min_by(|(a_id, a), (b_id, b)| {
            let key = |one: &Rule| (strength(one.kind), one.scope.breadth());
            let end = |one: &Rule| {
                one.until
                    .as_deref()
                    .and_then(|until| time(until).ok())
                    .unwrap_or(Timestamp::MAX)
            };
            key(a.rule)
                .cmp(&key(b.rule))
                .then_with(|| end(b.rule).cmp(&end(a.rule)))
                .then_with(|| a_id.cmp(b_id))
        })
}

/// The id under which exclusions know what the connector says: `posture/root-user`,
/// `secret/aws-secret-access-key`. `None` for what is known by the id of an advisory.
pub fn rule_id(kind: crate::facts::Kind, rule: &str) -> Option<String> {
    match kind {
        crate::facts::Kind::Misconfiguration => Some(format!("posture/{rule}")),
        crate::facts::Kind::Secret => Some(format!("secret/{rule}")),
        _ => None,
    }
}

fn strength(kind: ExclusionKind) -> u8 {
    match kind {
        ExclusionKind::FalsePositive => 0,
        ExclusionKind::Vex => 1,
        ExclusionKind::Excluded => 2,
        ExclusionKind::DismissedInTool => 3,
        ExclusionKind::Snoozed => 4,
    }
}

fn of_ecosystem(subject: &Subject<'_>, wanted: &str) -> bool {
    let is = |text: &str| text.eq_ignore_ascii_case(wanted);
    subject
        .ecosystem
        .is_some_and(|one| is(one) || one.split_once(':').is_some_and(|(name, _)| is(name)))
        || subject.format.is_some_and(is)
}

fn name_of(what: &'static str, name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::Empty(what));
    }
    short(what, name, MAX_NAME)?;
    no_control(what, name)
}

fn pattern_of(what: &'static str, pattern: &str, is_alone: bool) -> Result<(), Invalid> {
    name_of(what, pattern)?;
    let glob = compile(pattern, what == "location")
        .map_err(|why| Invalid::Pattern(pattern.to_owned(), why))?;
    // What takes these two has nothing of its own in it.
    if is_alone && glob.is_match("a/b/c") && glob.is_match("Z-0") {
        return Err(Invalid::Everything(pattern.to_owned()));
    }
    Ok(())
}

fn compile(pattern: &str, is_path: bool) -> Result<GlobMatcher, String> {
    GlobBuilder::new(pattern)
        .literal_separator(is_path)
        .case_insensitive(true)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.kind().to_string())
}

fn short(what: &'static str, text: &str, most: usize) -> Result<(), Invalid> {
    match text.len() <= most {
        true => Ok(()),
        false => Err(Invalid::TooLong(what, most)),
    }
}

fn no_control(what: &'static str, text: &str) -> Result<(), Invalid> {
    match text.chars().any(char::is_control) {
        true => Err(Invalid::Control(what)),
        false => Ok(()),
    }
}

fn time(text: &str) -> Result<Timestamp, Invalid> {
    text.parse().map_err(|_| Invalid::NotATime(text.to_owned()))
}

#[cfg(test)]
#[path = "exclusion_tests.rs"]
mod tests;
