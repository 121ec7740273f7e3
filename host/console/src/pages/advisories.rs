//! Advisories: what is known about vulnerabilities, how old that is, and what it covers.

use askama::Template;

use crate::Chrome;
use crate::parts::{Badge, When};

/// `/advisories`.
#[derive(Template)]
#[template(path = "pages/advisories.html")]
pub struct Advisories {
    /// Around it.
    pub chrome: Chrome,
    /// How it stands.
    pub alarm: Alarm,
    /// Sources of records.
    pub sources: Vec<SourceLine>,
    /// KEV and EPSS.
    pub feeds: Vec<FeedLine>,
    /// Number of the last change, for people.
    pub generation: String,
    /// Bytes of the index, for people.
    pub size: String,
    /// Ecosystems of the packages of current images.
    pub ecosystems: Vec<EcosystemLine>,
    /// Why packages are not looked up: reason, and of how many.
    pub not_looked_up: Vec<(String, String)>,
    /// When it is brought up to date.
    pub schedule: Option<ScheduleFacts>,
    /// A run that brings it up to date now: its page.
    pub running: Option<String>,
    /// What was looked for and not found.
    pub not_found: Option<String>,
}

/// How the advisories stand, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// They are new enough.
    Fine(String),
    /// Something is old or missing.
    Old(String),
    /// Nothing was imported: nothing is matched.
    Missing,
}

/// A source of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// Its name.
    pub name: String,
    /// Records in it, for people.
    pub records: String,
    /// Withdrawn ones.
    pub withdrawn: String,
    /// Broken ones; empty when none.
    pub broken: String,
    /// The first of them, with why.
    pub broken_first: Vec<String>,
    /// Its newest record.
    pub newest: Option<When>,
    /// It is old.
    pub is_old: bool,
    /// When it was brought in.
    pub imported: When,
    /// When it was looked at last.
    pub checked: When,
    /// From where.
    pub origin: String,
}

/// KEV or EPSS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedLine {
    /// `KEV`, `EPSS`.
    pub name: &'static str,
    /// What it is good for.
    pub meaning: &'static str,
    /// What is there of it; `None` when it was not imported.
    pub there: Option<SourceLine>,
    /// What that means, when it is missing.
    pub missing: &'static str,
}

/// Packages of one ecosystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcosystemLine {
    /// Its name.
    pub name: String,
    /// How many packages.
    pub packages: String,
    /// Advisories of it were imported.
    pub covered: bool,
}

/// When the advisories are brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFacts {
    /// Five fields, and the time zone.
    pub cron: String,
    /// It is on.
    pub enabled: bool,
    /// The next time.
    pub next: Option<When>,
    /// The last time.
    pub last: Option<When>,
}

/// `/advisories/{id}`.
#[derive(Template)]
#[template(path = "pages/advisory.html")]
pub struct Advisory {
    /// Around it.
    pub chrome: Chrome,
    /// Its id.
    pub id: String,
    /// One line.
    pub summary: String,
    /// Since when it is withdrawn.
    pub withdrawn: Option<When>,
    /// Why it is no vulnerability, when it isn't one.
    pub informational: Option<String>,
    /// Published, modified, severity and so on.
    pub facts: Vec<(&'static str, String)>,
    /// The same vulnerability elsewhere: id, and page where it is here.
    pub aliases: Vec<(String, Option<String>)>,
    /// What this record fixes here.
    pub upstream: Vec<(String, Option<String>)>,
    /// Since when it is known to be exploited, and what KEV says.
    pub exploited: Option<String>,
    /// EPSS.
    pub epss: Option<String>,
    /// Paragraphs.
    pub details: Vec<String>,
    /// What it affects.
    pub affected: Vec<AffectedLine>,
    /// Of so many more.
    pub more_affected: u64,
    /// Pages: kind, address as shown, and as a link where it may be one.
    pub references: Vec<(String, String, Option<String>)>,
    /// Issues of ours that it concerns, in all.
    pub issues: u64,
    /// The list of them.
    pub issues_href: String,
    /// The first of them.
    pub first_issues: Vec<ConcernedLine>,
}

impl Advisory {
    /// "3 open issues".
    #[must_use]
    pub fn concerned(&self) -> String {
        crate::text::counted(self.issues, "open issue", "open issues")
    }
}

/// A package that an advisory affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedLine {
    /// Ecosystem.
    pub ecosystem: String,
    /// Name of the package.
    pub package: String,
    /// Ranges of versions.
    pub ranges: Vec<String>,
    /// The first of the versions that are named.
    pub versions: String,
    /// The distribution's word.
    pub urgency: String,
}

/// An issue that an advisory concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcernedLine {
    /// `OX-17`.
    pub issue: String,
    /// Its page.
    pub href: String,
    /// Its severity.
    pub badge: Badge,
    /// One line.
    pub title: String,
    /// Path of the location.
    pub location: String,
}
