//! The policy: one TOML file with which an operator tunes severities, maps applications, teams and owners,
//! names environments, sets deadlines and chooses compliance standards.
//!
//! ```text
//! reader    takes the file apart, and tells every fault with line, column, key and the nearest right one
//! sections  what each section means
//! pattern   patterns, and what they are held against
//! error     what is wrong with a file
//! ```
//!
//! An unknown key is a fault, never passed over: a rule that is misspelt and silently not there would be
//! found out too late. Where several tables could apply, the first in the file does.
//!
//! Exclusions are not here: people make them while they work, so they are in the store ([`crate::exclusion`]).

mod error;
mod pattern;
mod reader;
mod sections;

pub use error::{Fault, MAX_FAULTS, PolicyError};
pub use pattern::{Match, Pattern, Subject};

use serde::Serialize;
use sha2::{Digest, Sha256};
use toml::de::DeTable;

use crate::compliance;
use crate::severity::Tuning;
use crate::sla::Terms;
use reader::{Faults, Table};

/// Bytes of a policy file.
pub const MAX_BYTES: usize = 1 << 20;
/// Patterns of a policy, all together: each is compiled.
pub const MAX_PATTERNS: usize = 5_000;

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// `[severity]`: how factors count, where it differs from the defaults.
    pub severity: Tuning,
    /// `[sla]`: deadlines.
    pub sla: Terms,
    /// `[[application]]`, in the order of the file: the first that matches counts.
    pub applications: Vec<Application>,
    /// `[[team]]`, in the order of the file.
    pub teams: Vec<Team>,
    /// `[[owner]]`, in the order of the file: the first that matches counts.
    pub owners: Vec<OwnerRule>,
    /// `[[environment]]`, in the order of the file: the first that matches any image counts.
    pub environments: Vec<Environment>,
    /// `[labels]`: what labels of images say.
    pub labels: Labels,
    /// `[compliance]`: ids of the standards that are shown, in the order of [`compliance::STANDARDS`].
    pub standards: Vec<String>,
}

/// What is known of an application, and which images are its.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Application {
    /// Its name. Several tables may have the same, one for each service.
    pub name: String,
    /// The service within it.
    pub service: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// `critical`, `high`, `medium`, `low`.
    pub priority: Option<String>,
    /// Where it runs, unless `[[environment]]` says otherwise of an image.
    pub environment: Option<String>,
    /// Whether it faces the internet.
    pub internet_facing: Option<bool>,
    /// Kinds of data ([`DATA`]).
    pub data: Vec<String>,
    /// Owners, the nearest first.
    pub owners: Vec<String>,
    /// What is of it.
    #[serde(rename = "match")]
    pub matches: Match,
}

/// A team.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Who owns what has no nearer owner.
    pub owners: Vec<String>,
    /// What is of it, beside the applications that name it.
    #[serde(rename = "match")]
    pub matches: Match,
}

/// Owners by pattern.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OwnerRule {
    /// Who: `@mira`, `@acme/platform`, `mira@example.com`, any name.
    pub owners: Vec<String>,
    /// What is theirs.
    #[serde(rename = "match")]
    pub matches: Match,
}

/// How the images of an environment are told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Environment {
    /// `production`, `staging`, `development`, `test`, or any name.
    pub name: String,
    /// Which images run there.
    #[serde(rename = "match")]
    pub matches: Match,
}

/// Keys of image labels, and what they say. Labels come with the base image too: what they say counts only
/// where the policy file says nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Labels {
    /// The service.
    pub service: Vec<String>,
    /// The team.
    pub team: Vec<String>,
    /// An owner.
    pub owner: Vec<String>,
    /// The branch that it was built from.
    pub branch: Vec<String>,
}

impl Default for Labels {
    fn default() -> Self {
        let list = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Self {
            service: list(&["com.example.service"]),
            team: list(&["com.example.team"]),
            owner: list(&[
                "maintainer",
                "org.opencontainers.image.authors",
                "org.opencontainers.image.vendor",
            ]),
            branch: list(&[
                "org.opencontainers.image.ref.name",
                "com.gitlab.ci.tagorbranch",
            ]),
        }
    }
}

/// Business priorities, from the highest down.
pub const PRIORITIES: [&str; 4] = ["critical", "high", "medium", "low"];
/// Kinds of data that an application may hold.
pub const DATA: [&str; 6] = [
    "personal",
    "payment",
    "health",
    "financial",
    "credentials",
    "confidential",
];

impl Default for Policy {
    /// What holds without a file: deadlines on, every standard shown, one application a project.
    fn default() -> Self {
        Self {
            severity: Tuning::default(),
            sla: Terms::default(),
            applications: Vec::new(),
            teams: Vec::new(),
            owners: Vec::new(),
            environments: Vec::new(),
            labels: Labels::default(),
            standards: compliance::STANDARDS
                .iter()
                .map(|one| one.id.to_owned())
                .collect(),
        }
    }
}

impl Policy {
    /// The default policy as a file, with an explanation and an example of every section. Reading it gives
    /// [`Policy::default`].
    pub fn default_text() -> &'static str {
        include_str!("default.toml")
    }

    /// Reads a policy file. All its faults are told at once.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let faults = Faults::of(text);
        if text.len() > MAX_BYTES {
            let message = format!(
                "the file has {} bytes; {MAX_BYTES} are the most",
                text.len()
            );
            let hint = "use patterns instead of one table each".to_owned();
            faults.tell(&(0..0), "", message, Some(hint));
            return Err(faults.into_error().unwrap_or_default());
        }
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let at = error.span().unwrap_or(0..0);
                let message = format!("this is not TOML: {}", error.message());
                faults.tell(&at, "", message, None);
                return Err(faults.into_error().unwrap_or_default());
            }
        };
        let policy = sections::read(&Table::root(&faults, &document));
        match faults.into_error() {
            Some(error) => Err(error),
            None => Ok(policy),
        }
    }

    /// A digest of what the policy means (`sha256:…`): the same for files that differ in comments, spaces or
    /// the order of keys. Issues that were weighed under another digest are to be weighed anew.
    pub fn digest(&self) -> String {
        // A policy consists of texts, numbers and lists: writing it as JSON can't fail.
        let meaning = serde_json::to_vec(self).unwrap_or_default();
        let hash = Sha256::digest(&meaning);
        let mut digest = String::from("sha256:");
        for byte in hash {
            digest.push_str(&format!("{byte:02x}"));
        }
        digest
    }
}

#[cfg(test)]
mod tests;
