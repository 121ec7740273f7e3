//! From the tool's severity to ours.

use super::bounds;
use super::case::{Case, best_vector};
use super::factors;
use super::input::Input;
use super::original::original;
use super::rule::{Judged, evidence};
use super::tuning::Tuning;
use crate::factor::{Factor, Verdict};
use crate::facts::Facts;

/// Weighs an issue: the tool's severity, changed by every factor that applies, held within bounds.
///
/// Pure and deterministic. What is not known and would count is a factor with change 0, which says what is
/// missing and how it can be supplied; the name of the missing input is its only evidence ("Not known").
pub fn weigh(facts: &Facts, tuning: &Tuning) -> Verdict {
    let original = original(facts);
    let vector = best_vector(facts);
    let mut factors: Vec<Factor> = Vec::new();
    let mut unknown: Vec<(Input, Factor)> = Vec::new();
    // Hundredths, so that the sum is exact whatever the order.
    let mut sum: i64 = 0;

    for rule in factors::all().filter(|rule| rule.kinds.contains(&facts.kind)) {
        let counts = tuning.counts(rule);
        if !counts && !rule.bounds {
            continue;
        }
        let case = Case {
            facts,
            tuning,
            rule,
            vector: vector.as_ref(),
        };
        match (rule.judge)(&case) {
            Judged::Nothing => {}
            Judged::Applies {
                change,
                reason,
                evidence,
            } => {
                let hundredths = tuning.hundredths(rule, change);
                if hundredths == 0 {
                    continue;
                }
                sum += hundredths;
                factors.push(Factor {
                    rule: rule.id.to_owned(),
                    category: rule.category,
                    short_name: rule
                        .change(change)
                        .map_or(rule.short_name, |one| one.short_name)
                        .to_owned(),
                    reason,
                    change: hundredths as f64 / 100.0,
                    evidence,
                });
            }
            Judged::NotKnown { input, reason } => {
                // Several rules ask for the same; it is said once.
                if unknown.iter().any(|(other, _)| *other == input) {
                    continue;
                }
                let factor = Factor {
                    rule: rule.id.to_owned(),
                    category: rule.category,
                    short_name: rule.short_name.to_owned(),
                    reason: reason.unwrap_or_else(|| input.missing().to_owned()),
                    change: 0.0,
                    evidence: vec![evidence("Not known", input.name())],
                };
                unknown.push((input, factor));
            }
        }
    }

    // Stable: equal numbers stay in the order of declaration.
    factors.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
    factors.extend(unknown.into_iter().map(|(_, factor)| factor));

    let score = i64::from(original.severity.rank()) * 100 + sum;
    let rounded = (score + 50).div_euclid(100);
    let (severity, held) = bounds::hold(
        rounded,
        original.severity,
        facts,
        vector.as_ref().map(|(cvss, _)| cvss),
        tuning,
    );
    Verdict {
        original: original.severity,
        original_why: original.why,
        factors,
        score: score as f64 / 100.0,
        severity,
        held,
    }
}
