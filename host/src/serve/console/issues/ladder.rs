//! Why an issue is as severe as it is: the answer in words, then step by step.

use ox_console::pages::issue::{Ladder, Shown, Step as StepPart, Unknown};
use ox_console::parts::Badge;
use ox_console::text;
use ox_issue::factor::{Category, Evidence, Factor};
use ox_issue::severity::{StepKind, ladder, not_known};
use ox_issue::{Issue, Severity};

use super::listing::clipped;

/// Factors, unknowns and pieces of evidence that are shown.
const MOST: usize = 50;
/// Characters of a sentence.
const SENTENCE: usize = 600;

/// `+1.00`, `−0.30`.
pub(super) fn signed(change: f64) -> String {
    if change > 0.0 {
        format!("+{change:.2}")
    } else {
        number(change)
    }
}

/// `3.50`, `−0.40`, and never a zero with a sign.
pub(super) fn number(score: f64) -> String {
    let digits = format!("{:.2}", score.abs());
    if score < 0.0 && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        format!("−{digits}")
    } else {
        digits
    }
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Reachable => "Reachable",
        Category::Exploitable => "Exploitable",
        Category::Damage => "Damage",
    }
}

/// A piece of evidence.
pub(super) fn shown(evidence: &Evidence) -> Shown {
    let value = clipped(&evidence.value, 2_000);
    Shown {
        label: clipped(&evidence.label, 120),
        is_snippet: value.contains('\n'),
        value,
        link: evidence
            .link
            .as_deref()
            .and_then(text::link)
            .map(str::to_owned),
    }
}

/// The way from the tool's severity to what counts.
pub(super) fn of(issue: &Issue) -> Ladder {
    let verdict = &issue.verdict;
    let counted: Vec<&Factor> = verdict
        .factors
        .iter()
        .filter(|factor| factor.change != 0.0)
        .collect();
    let mut factors = counted.iter();
    let mut steps: Vec<StepPart> = Vec::new();
    for step in ladder(verdict) {
        let badge = Badge::of(step.severity);
        let reason = clipped(&step.reason, SENTENCE);
        let score = number(step.score);
        steps.push(match step.kind {
            StepKind::Original => StepPart {
                class: "from",
                change: "tool".to_owned(),
                name: format!("The tool says {}", step.severity),
                category: "",
                reason,
                evidence: Vec::new(),
                badge,
                score,
            },
            StepKind::Factor => {
                let change = step.change.unwrap_or_default();
                let evidence = factors.next().map(|factor| factor.evidence.as_slice());
                StepPart {
                    class: if change > 0.0 { "up" } else { "down" },
                    change: signed(change),
                    name: clipped(&step.label, 120),
                    category: step.category.map_or("", category),
                    reason,
                    evidence: evidence
                        .unwrap_or_default()
                        .iter()
                        .take(MOST)
                        .map(shown)
                        .collect(),
                    badge,
                    score,
                }
            }
            StepKind::Held => StepPart {
                class: "held",
                change: "held".to_owned(),
                name: "Held within a bound".to_owned(),
                category: "",
                reason,
                evidence: Vec::new(),
                badge,
                score,
            },
            StepKind::Final => StepPart {
                class: "to",
                change: "OX".to_owned(),
                name: format!("OX makes it {}", step.severity),
                category: "",
                reason: String::new(),
                evidence: Vec::new(),
                badge,
                score,
            },
        });
    }
    if let Some(own) = &issue.override_ {
        steps.push(StepPart {
            class: "set",
            change: "set".to_owned(),
            name: format!("{} set it to {}", clipped(&own.by, 120), own.severity),
            category: "",
            reason: clipped(&own.reason, SENTENCE),
            evidence: Vec::new(),
            badge: Badge::of(own.severity),
            score: text::moment(&own.at),
        });
    }
    Ladder {
        title: if issue.severity == verdict.original {
            format!("Why it is {}", issue.severity)
        } else {
            format!("Why it is {} and not {}", issue.severity, verdict.original)
        },
        answer: answer(issue, &counted),
        steps,
        unknown: not_known(verdict)
            .take(MOST)
            .map(|factor| Unknown {
                name: clipped(&factor.short_name, 120),
                category: category(factor.category),
                reason: clipped(&factor.reason, SENTENCE),
            })
            .collect(),
    }
}

/// The answer, for somebody who reads one or two sentences and no more.
fn answer(issue: &Issue, counted: &[&Factor]) -> String {
    let verdict = &issue.verdict;
    if let Some(own) = &issue.override_ {
        return format!(
            "{} set it to {}: {} By the rules it would be {}.",
            clipped(&own.by, 120),
            own.severity,
            ended(&clipped(&own.reason, 300)),
            verdict.severity
        );
    }
    let start = format!(
        "The tool says {} ({}).",
        verdict.original,
        clipped(verdict.original_why.trim_end_matches('.'), 200)
    );
    let largest = |up: bool| {
        counted
            .iter()
            .filter(|factor| (factor.change > 0.0) == up)
            .max_by(|one, other| one.change.abs().total_cmp(&other.change.abs()))
    };
    let because = |factor: &Factor| {
        format!(
            "{} ({}) {}",
            clipped(&factor.short_name, 120),
            signed(factor.change),
            lower_start(&factor.reason)
        )
    };
    let (verb, up) = match verdict.severity.cmp(&verdict.original) {
        std::cmp::Ordering::Equal => {
            return match (counted.is_empty(), &verdict.held) {
                (true, _) => format!("{start} Nothing that is known changes it."),
                (false, Some(held)) => format!("{start} It stays: {}", ended(&clipped(held, 300))),
                (false, None) => format!(
                    "{start} {} it, and together they do not change it.",
                    match counted.len() {
                        1 => "One factor bears on".to_owned(),
                        many => format!("{many} factors bear on"),
                    }
                ),
            };
        }
        std::cmp::Ordering::Less => ("lowers", false),
        std::cmp::Ordering::Greater => ("raises", true),
    };
    let mut words = format!("{start} OX {verb} it to {}", verdict.severity);
    match largest(up) {
        Some(factor) => words.push_str(&format!(", most of all for this: {}", because(factor))),
        None => match &verdict.held {
            Some(held) => words.push_str(&format!(": {}", ended(&clipped(held, 300)))),
            None => words.push('.'),
        },
    }
    if let Some(factor) = largest(!up) {
        words.push_str(&format!(" Against it speaks: {}", because(factor)));
    }
    words
}

/// A reason after a colon.
fn lower_start(reason: &str) -> String {
    format!("– {}", ended(&clipped(reason, 300)))
}

/// A sentence with its full stop.
fn ended(sentence: &str) -> String {
    let sentence = sentence.trim_end();
    if sentence.ends_with(['.', '!', '?', '…']) {
        sentence.to_owned()
    } else {
        format!("{sentence}.")
    }
}

/// Severities that a person may set; the first is what the rules say.
pub(super) fn choices(issue: &Issue) -> Vec<ox_console::parts::Choice> {
    let own = issue.override_.as_ref().map(|own| own.severity);
    let mut all = vec![ox_console::parts::Choice::new(
        "",
        format!("As the rules say ({})", issue.verdict.severity),
        own.is_none(),
    )];
    all.extend(Severity::ALL.into_iter().map(|severity| {
        ox_console::parts::Choice::new(
            severity.word().to_lowercase(),
            severity.word(),
            own == Some(severity),
        )
    }));
    all
}
