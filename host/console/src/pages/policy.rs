//! The policy: the text, what is wrong with it, and what it makes of the rules.

use askama::Template;

use crate::Chrome;
use crate::parts::{Badge, When};

/// `/policy`.
#[derive(Template)]
#[template(path = "pages/policy.html")]
pub struct Policy {
    /// Around it.
    pub chrome: Chrome,
    /// The text as it is set, or as it was sent to be checked.
    pub text: String,
    /// Nobody set one: the text is the default's.
    pub is_default: bool,
    /// Who set it, and when.
    pub set: Option<(String, When)>,
    /// What came of a check; `None` when nothing was checked.
    pub checked: Option<Checked>,
    /// Deadlines: severity, and days for people.
    pub deadlines: Vec<(Badge, String)>,
    /// Bounds: name, value, and whether it differs from the default.
    pub bounds: Vec<(&'static str, String, bool)>,
    /// Every rule.
    pub rules: Vec<Rule>,
    /// The default, to begin with.
    pub default_text: String,
}

impl Policy {
    /// True when what was checked can't be used.
    fn is_bad(&self) -> bool {
        matches!(self.checked, Some(Checked::Bad { .. }))
    }
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It can be used. Nothing was set.
    Good,
    /// It can't be used. Nothing was set.
    Bad {
        /// What is wrong.
        faults: Vec<Fault>,
        /// Faults beyond those.
        more: usize,
    },
}

/// Something that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Where in the file's structure; may be empty.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// A rule as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id in the file.
    pub id: &'static str,
    /// `Reachable`, `Exploitable`, `Damage`.
    pub category: &'static str,
    /// Two to four words.
    pub name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
    /// It counts.
    pub enabled: bool,
    /// Its numbers.
    pub numbers: Vec<Number>,
}

/// A number of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its name.
    pub name: &'static str,
    /// What counts.
    pub value: String,
    /// The default, where another counts.
    pub default: Option<String>,
    /// When it counts, or what it is.
    pub when: &'static str,
}
