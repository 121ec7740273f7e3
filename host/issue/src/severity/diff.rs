//! What changed between two verdicts on the same issue.

use serde::{Deserialize, Serialize};

use crate::factor::{Factor, Verdict};

/// How a factor changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffStatus {
    /// It did not count before.
    New,
    /// Its number is higher.
    Increased,
    /// Its number is lower.
    Decreased,
    /// It no longer counts.
    Removed,
}

/// One factor that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorChange {
    /// Id of its rule.
    pub rule: String,
    /// As it is called now, or was.
    pub short_name: String,
    /// How it changed.
    pub status: DiffStatus,
    /// The number before; 0 when it did not count.
    pub before: f64,
    /// The number now; 0 when it does not count.
    pub after: f64,
    /// By how much the score moved through it.
    pub change: f64,
    /// The sentence of now. Of a factor that went because something is no longer known, it says so; else the
    /// sentence that no longer holds.
    pub reason: String,
}

/// What changed, the largest change first. A factor that only tells of something unknown counts as 0.
pub fn diff(old: &Verdict, new: &Verdict) -> Vec<FactorChange> {
    let mut changes: Vec<FactorChange> = Vec::new();
    for after in &new.factors {
        let before = find(old, &after.rule);
        changes.extend(compare(before, Some(after)));
    }
    for before in &old.factors {
        if find(new, &before.rule).is_none() {
            changes.extend(compare(Some(before), None));
        }
    }
    changes.sort_by(|a, b| {
        b.change
            .abs()
            .total_cmp(&a.change.abs())
            .then_with(|| a.rule.cmp(&b.rule))
    });
    changes
}

fn find<'v>(verdict: &'v Verdict, rule: &str) -> Option<&'v Factor> {
    verdict.factors.iter().find(|factor| factor.rule == rule)
}

fn compare(before: Option<&Factor>, after: Option<&Factor>) -> Option<FactorChange> {
    let was = before.map_or(0.0, |factor| factor.change);
    let is = after.map_or(0.0, |factor| factor.change);
    let hundredths = ((is - was) * 100.0).round();
    if hundredths == 0.0 {
        return None;
    }
    let status = if was == 0.0 {
        DiffStatus::New
    } else if is == 0.0 {
        DiffStatus::Removed
    } else if is > was {
        DiffStatus::Increased
    } else {
        DiffStatus::Decreased
    };
    // What is not known any more has no name of its own: the one it had says more.
    let named = if is == 0.0 { before } else { after };
    Some(FactorChange {
        rule: named?.rule.clone(),
        short_name: named?.short_name.clone(),
        status,
        before: was,
        after: is,
        change: hundredths / 100.0,
        reason: after.or(before)?.reason.clone(),
    })
}
