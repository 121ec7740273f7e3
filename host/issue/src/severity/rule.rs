//! What a rule is: everything that is said of it in tables, and the function that judges one issue.

use super::case::Case;
use super::input::Input;
use crate::factor::{Category, Evidence};
use crate::facts::Kind;

/// A rule of severity, declared once.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable (`known-exploited`); the policy file's name of it.
    pub id: &'static str,
    /// OX's category.
    pub category: Category,
    /// Two to four words, where no change has its own.
    pub short_name: &'static str,
    /// One sentence of what it means.
    pub meaning: &'static str,
    /// Issues of these kinds are judged by it.
    pub kinds: &'static [Kind],
    /// What it asks for.
    pub needs: &'static [Input],
    /// Its numbers.
    pub changes: &'static [Change],
    /// From where on they count.
    pub thresholds: &'static [Threshold],
    /// True when a bound or another rule asks for the same input: what is not known is told then even where
    /// all numbers of this rule are 0.
    pub bounds: bool,
    /// The judge.
    pub(crate) judge: fn(&Case<'_>) -> Judged,
}

/// One number of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Name within its rule (`low`).
    pub name: &'static str,
    /// Two to four words.
    pub short_name: &'static str,
    /// Severities up (+) or down (-), by default.
    pub default: f64,
    /// When it counts ("is archived").
    pub when: &'static str,
}

/// A limit from which a rule counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Name within its rule (`high-score`).
    pub name: &'static str,
    /// By default.
    pub default: f64,
    /// The least that makes sense.
    pub least: f64,
    /// The most that makes sense.
    pub most: f64,
    /// What it is.
    pub meaning: &'static str,
}

/// What a rule says of one issue.
pub(crate) enum Judged {
    /// It does not concern it.
    Nothing,
    /// The change of this name applies.
    Applies {
        /// Name of the change.
        change: &'static str,
        /// A sentence with the issue's own facts.
        reason: String,
        /// What shows it.
        evidence: Vec<Evidence>,
    },
    /// It would count, but this is not known.
    NotKnown {
        /// What.
        input: Input,
        /// The sentence, where the input's own does not say it best.
        reason: Option<String>,
    },
}

impl Judged {
    pub(crate) fn applies(change: &'static str, reason: String, evidence: Vec<Evidence>) -> Self {
        Self::Applies {
            change,
            reason,
            evidence,
        }
    }

    pub(crate) fn not_known(input: Input) -> Self {
        Self::NotKnown {
            input,
            reason: None,
        }
    }
}

impl Rule {
    pub(crate) fn change(&self, name: &str) -> Option<&'static Change> {
        self.changes.iter().find(|one| one.name == name)
    }
}

/// Something that shows that a factor applies.
pub(crate) fn evidence(label: &str, value: impl Into<String>) -> Evidence {
    Evidence {
        label: label.to_owned(),
        value: value.into(),
        link: None,
    }
}

/// The same, with a page.
pub(crate) fn linked(label: &str, value: impl Into<String>, link: String) -> Evidence {
    Evidence {
        link: Some(link),
        ..evidence(label, value)
    }
}
