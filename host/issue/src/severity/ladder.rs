//! The way from the tool's severity to ours, step by step: what a person reads who was never told why an issue
//! is not what the tool said.

use super::Severity;
use crate::factor::{Category, Factor, Verdict};

/// One step of the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What kind of step.
    pub kind: StepKind,
    /// Two to four words.
    pub label: String,
    /// The sentence.
    pub reason: String,
    /// Of a factor: its category.
    pub category: Option<Category>,
    /// Of a factor: its number.
    pub change: Option<f64>,
    /// The score after this step.
    pub score: f64,
    /// The severity that the score rounds to after this step; at the end, what comes out.
    pub severity: Severity,
}

/// Kinds of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// What the tool said.
    Original,
    /// A factor with its number.
    Factor,
    /// A bound that held the outcome.
    Held,
    /// What comes out.
    Final,
}

/// The steps: the original, each factor that counts, the bound where one held, and the outcome. What is not
/// known is no step: see [`not_known`].
pub fn ladder(verdict: &Verdict) -> Vec<Step> {
    let mut hundredths = i64::from(verdict.original.rank()) * 100;
    let mut steps = vec![Step {
        kind: StepKind::Original,
        label: "Original".to_owned(),
        reason: verdict.original_why.clone(),
        category: None,
        change: None,
        score: hundredths as f64 / 100.0,
        severity: verdict.original,
    }];
    for factor in verdict.factors.iter().filter(|factor| factor.change != 0.0) {
        hundredths += (factor.change * 100.0).round() as i64;
        steps.push(Step {
            kind: StepKind::Factor,
            label: factor.short_name.clone(),
            reason: factor.reason.clone(),
            category: Some(factor.category),
            change: Some(factor.change),
            score: hundredths as f64 / 100.0,
            severity: of_score(hundredths),
        });
    }
    if let Some(held) = &verdict.held {
        steps.push(Step {
            kind: StepKind::Held,
            label: "Held".to_owned(),
            reason: held.clone(),
            category: None,
            change: None,
            score: verdict.score,
            severity: verdict.severity,
        });
    }
    let reason = match verdict.severity.cmp(&verdict.original) {
        std::cmp::Ordering::Less => format!("Lowered from {}", verdict.original),
        std::cmp::Ordering::Equal => format!("{} as it was", verdict.original),
        std::cmp::Ordering::Greater => format!("Raised from {}", verdict.original),
    };
    steps.push(Step {
        kind: StepKind::Final,
        label: "Result".to_owned(),
        reason,
        category: None,
        change: None,
        score: verdict.score,
        severity: verdict.severity,
    });
    steps
}

/// The factors that tell of something that is not known and would count.
pub fn not_known(verdict: &Verdict) -> impl Iterator<Item = &Factor> {
    verdict.factors.iter().filter(|factor| factor.change == 0.0)
}

/// The ladder as text, one line a step, then one for all that is not known.
pub fn explain(verdict: &Verdict) -> String {
    let steps = ladder(verdict);
    let label = steps
        .iter()
        .map(|step| step.label.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for step in &steps {
        let change = match (step.kind, step.change) {
            (_, Some(change)) => format!("{change:+.2}"),
            (StepKind::Held, None) => "held".to_owned(),
            _ => String::new(),
        };
        let line = format!(
            "{:<11}  {:>5.2}  {change:>5}  {:<label$}  {}",
            step.severity, step.score, step.label, step.reason
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let unknown: Vec<&str> = not_known(verdict)
        .flat_map(|factor| &factor.evidence)
        .map(|evidence| evidence.value.as_str())
        .collect();
    if !unknown.is_empty() {
        text.push_str(&format!("Not known: {}\n", unknown.join(", ")));
    }
    text
}

/// What a score rounds to, without bounds.
fn of_score(hundredths: i64) -> Severity {
    let rank = (hundredths + 50).div_euclid(100).clamp(0, 5);
    Severity::from_rank(u8::try_from(rank).unwrap_or_default())
}
