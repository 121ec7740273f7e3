//! Which controls of compliance standards an issue touches.
//!
//! The controls are data ([`controls`]): each says in our own words what it asks for, and when an issue
//! touches it. "Touches" means that the issue is something an auditor of that control would ask about; it
//! does not say that the control is met or not. Only controls are listed that an image can touch at all.

mod controls;

pub use controls::STANDARDS;

use crate::Severity;
use crate::facts::{Facts, Kind};
use crate::issue::Control;

/// A standard.
#[derive(Debug)]
pub struct Standard {
    /// As the policy names it (`cis-docker`).
    pub id: &'static str,
    /// With its version ("CIS Docker 1.6.0").
    pub name: &'static str,
    /// Whole title.
    pub title: &'static str,
    /// Where it can be had.
    pub url: &'static str,
    /// In the standard's order.
    pub controls: &'static [Rule],
}

/// A control, and when an issue touches it.
#[derive(Debug)]
pub struct Rule {
    /// Its number ("4.1").
    pub control: &'static str,
    /// What it asks for, in our own words.
    pub asks: &'static str,
    /// When an issue touches it.
    pub when: When,
}

/// When an issue touches a control.
#[derive(Debug)]
pub enum When {
    /// It is of this kind.
    Is(Kind),
    /// The connector's rule is one of these.
    Rules(&'static [&'static str]),
    /// Its severity is at least this.
    AtLeast(Severity),
    /// Its severity is below this.
    Below(Severity),
    /// There is a version with the fix.
    HasFix,
    /// It is known to be exploited.
    Exploited,
    /// The package was made to do harm.
    Malicious,
    /// It is a library of the program, not of the operating system.
    Library,
    /// All of these hold.
    All(&'static [When]),
    /// One of these holds.
    Any(&'static [When]),
}

/// What a control is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// What the issue is about.
    pub kind: Kind,
    /// The connector's rule (`root-user`, `aws-secret-access-key`), with or without `posture/`, `secret/`.
    pub rule: Option<&'a str>,
    /// What comes out: OX's severity, or what a person set.
    pub severity: Severity,
    /// There is a version with the fix.
    pub has_fix: bool,
    /// One of its CVEs is known to be exploited.
    pub is_exploited: bool,
    /// The package was made to do harm (`MAL-…`).
    pub is_malicious: bool,
    /// The package is not the operating system's.
    pub is_library: bool,
}

impl<'a> Subject<'a> {
    /// From the facts of an issue.
    pub fn of(facts: &Facts, rule: Option<&'a str>, severity: Severity) -> Self {
        let package = facts.package.as_ref();
        Self {
            kind: facts.kind,
            rule,
            severity,
            has_fix: package.is_some_and(|one| one.fixed.is_some()),
            is_exploited: facts
                .threats
                .iter()
                .any(|threat| threat.known_exploited.is_some()),
            is_malicious: facts.threats.iter().any(|threat| is_malicious(&threat.id)),
            is_library: package.is_some_and(|one| {
                !one.origins.is_empty()
                    && one
                        .origins
                        .iter()
                        .all(|origin| origin != "operating-system" && origin != "unknown")
            }),
        }
    }
}

/// True for the ids of packages that were made to do harm.
pub fn is_malicious(id: &str) -> bool {
    id.starts_with("MAL-")
}

impl When {
    /// True when it holds.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Is(kind) => *kind == subject.kind,
            Self::Rules(rules) => {
                let rule = subject
                    .rule
                    .map(|rule| rule.rsplit('/').next().unwrap_or(rule));
                rule.is_some_and(|rule| rules.contains(&rule))
            }
            Self::AtLeast(severity) => subject.severity >= *severity,
            Self::Below(severity) => subject.severity < *severity,
            Self::HasFix => subject.has_fix,
            Self::Exploited => subject.is_exploited,
            Self::Malicious => subject.is_malicious,
            Self::Library => subject.is_library,
            Self::All(all) => all.iter().all(|one| one.holds(subject)),
            Self::Any(any) => any.iter().any(|one| one.holds(subject)),
        }
    }

    /// In words, for the table.
    fn words(&self) -> String {
        match self {
            Self::Is(Kind::Vulnerability) => "a vulnerability".to_owned(),
            Self::Is(Kind::Secret) => "a secret".to_owned(),
            Self::Is(Kind::Misconfiguration) => "a misconfiguration".to_owned(),
            Self::Is(Kind::Licence) => "a licence".to_owned(),
            Self::Is(Kind::Other) => "anything else".to_owned(),
            Self::Rules(rules) => format!("`{}`", rules.join("`, `")),
            Self::AtLeast(severity) => format!("{severity} or worse"),
            Self::Below(severity) => format!("below {severity}"),
            Self::HasFix => "with a fix".to_owned(),
            Self::Exploited => "known to be exploited".to_owned(),
            Self::Malicious => "a malicious package".to_owned(),
            Self::Library => "in a library".to_owned(),
            Self::All(all) => joined(all, " "),
            Self::Any(any) => joined(any, ", "),
        }
    }
}

fn joined(all: &[When], between: &str) -> String {
    all.iter()
        .map(When::words)
        .collect::<Vec<_>>()
        .join(between)
}

/// The controls that an issue touches, of the standards with these ids, in the order of [`STANDARDS`].
pub fn touched(subject: &Subject<'_>, standards: &[String]) -> Vec<Control> {
    STANDARDS
        .iter()
        .filter(|standard| standards.iter().any(|id| id == standard.id))
        .flat_map(|standard| {
            standard
                .controls
                .iter()
                .filter(|rule| rule.when.holds(subject))
                .map(|rule| Control {
                    standard: standard.name.to_owned(),
                    control: rule.control.to_owned(),
                    description: rule.asks.to_owned(),
                })
        })
        .collect()
}

/// The table of all controls, in Markdown.
pub fn table() -> String {
    let mut table = String::from(
        "| standard | control | asks that | touched by |\n| --- | --- | --- | --- |\n",
    );
    for standard in STANDARDS {
        for (index, rule) in standard.controls.iter().enumerate() {
            let name = match index {
                0 => format!("[{}]({})", standard.name, standard.url),
                _ => standard.name.to_owned(),
            };
            table.push_str(&format!(
                "| {name} | {} | {} | {} |\n",
                rule.control,
                rule.asks,
                rule.when.words()
            ));
        }
    }
    table
}

#[cfg(test)]
mod tests;
