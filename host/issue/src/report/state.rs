//! What was decided about an issue, in the words that VEX formats share.
//!
//! Nobody has judged an open issue yet, so it is under investigation; a match with an advisory alone is no
//! statement of its author. Whoever accepts a risk says that the product is affected. Only a false positive,
//! a VEX document and what a tool's users dismissed as such say that it is not.

use crate::Issue;
use crate::issue::{ExclusionKind, Status};

/// What is stated about the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stated {
    /// Nobody has judged it.
    UnderInvestigation,
    /// It is so, and is accepted.
    Accepted,
    /// It is not so.
    FalsePositive,
    /// The product is not affected.
    NotAffected,
    /// The product is not affected, because something else protects it.
    Mitigated,
    /// The cause is mended.
    Fixed,
    /// What had it is gone.
    Gone,
}

/// The state of an issue.
pub(super) fn of(issue: &Issue) -> Stated {
    match &issue.status {
        Status::Resolved { .. } => return Stated::Fixed,
        Status::Removed { .. } => return Stated::Gone,
        Status::Open => {}
    }
    let Some(exclusion) = &issue.exclusion else {
        return Stated::UnderInvestigation;
    };
    match exclusion.kind {
        ExclusionKind::Excluded => Stated::Accepted,
        ExclusionKind::Snoozed => Stated::UnderInvestigation,
        ExclusionKind::FalsePositive => Stated::FalsePositive,
        ExclusionKind::Vex => Stated::NotAffected,
        ExclusionKind::DismissedInTool => dismissed(issue),
    }
}

/// GitLab's reasons for a dismissal; one that is not known is an acceptance, which claims the least.
fn dismissed(issue: &Issue) -> Stated {
    let reasons = issue
        .sources
        .iter()
        .filter_map(|source| source.state_reason.as_deref())
        .chain(issue.exclusion.iter().map(|one| one.reason.as_str()));
    for reason in reasons {
        let word: String = reason
            .chars()
            .take(40)
            .map(|c| {
                if c == ' ' || c == '-' {
                    '_'
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        if word.starts_with("false_positive") {
            return Stated::FalsePositive;
        }
        if word.starts_with("mitigating_control") {
            return Stated::Mitigated;
        }
        if word.starts_with("not_applicable") || word.starts_with("used_in_tests") {
            return Stated::NotAffected;
        }
    }
    Stated::Accepted
}

/// Why, in a sentence or more; never empty.
pub(super) fn why(issue: &Issue) -> String {
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { how }, _) => filled(how),
        (Status::Removed { why }, _) => filled(why),
        (Status::Open, Some(exclusion)) => {
            let mut why = filled(&exclusion.reason);
            if !exclusion.by.is_empty() {
                why.push_str(&format!(" ({})", exclusion.by));
            }
            if let Some(until) = &exclusion.until {
                why.push_str(&format!(" Until {}.", super::text::day(until)));
            }
            why
        }
        (Status::Open, None) => "Nobody has judged it yet.".to_owned(),
    }
}

fn filled(text: &str) -> String {
    if text.trim().is_empty() {
        "No reason was given.".to_owned()
    } else {
        text.to_owned()
    }
}

/// When it was decided; RFC 3339 as stated.
pub(super) fn since(issue: &Issue) -> Option<&str> {
    match issue.status {
        Status::Open => issue.exclusion.as_ref().map(|one| one.at.as_str()),
        _ => issue.closed_at.as_deref(),
    }
}

/// True when it belongs to the queue: open and not excluded.
pub(super) fn is_open(issue: &Issue) -> bool {
    issue.status == Status::Open && issue.exclusion.is_none()
}
