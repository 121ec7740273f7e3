//! What no sum of small reasons may leave.
//!
//! In this order, the later above the earlier: the ends of the scale; so many steps from the tool's severity;
//! Info stays Info; what is known to be exploited stays at its floor; Appoxalypse only with evidence of
//! exploitation and a way to reach it.

use ox_advisory::cvss::{AttackVector, Cvss};

use super::Severity;
use super::case::{epss_scores, known_exploited, percent};
use super::factors;
use super::tuning::Tuning;
use crate::facts::{Facts, Kind};

/// Holds a rounded score within the bounds. The sentences of those that moved it are joined; `None` when
/// what comes out is what went in.
pub(crate) fn hold(
    rounded: i64,
    original: Severity,
    facts: &Facts,
    vector: Option<&Cvss>,
    tuning: &Tuning,
) -> (Severity, Option<String>) {
    let mut why: Vec<String> = Vec::new();
    let exploited = facts.kind == Kind::Vulnerability && known_exploited(facts).is_some();

    let from = i64::from(original.rank());
    let lowest = (from - i64::from(tuning.max_steps_down)).max(0);
    let highest =
        (from + i64::from(tuning.max_steps_up)).min(i64::from(Severity::Appoxalypse.rank()));
    let mut rank = rounded;
    if rank < lowest {
        rank = lowest;
        why.push(if lowest == 0 {
            "Info is the lowest severity".to_owned()
        } else {
            format!(
                "it falls at most {} below {original}",
                steps(tuning.max_steps_down)
            )
        });
    }
    if rank > highest {
        rank = highest;
        why.push(if from + i64::from(tuning.max_steps_up) > highest {
            "Appoxalypse is the highest severity".to_owned()
        } else {
            format!(
                "it rises at most {} above {original}",
                steps(tuning.max_steps_up)
            )
        });
    }
    let mut severity = Severity::from_rank(u8::try_from(rank).unwrap_or_default());

    if original == Severity::Info && severity != Severity::Info && !exploited {
        severity = Severity::Info;
        why.push(
            "what is there for information stays Info unless it is known to be exploited"
                .to_owned(),
        );
    }
    if exploited && severity < tuning.known_exploited_floor {
        severity = tuning.known_exploited_floor;
        why.push(format!(
            "what is known to be exploited does not fall below {severity}"
        ));
    }
    if severity == Severity::Appoxalypse
        && original != Severity::Appoxalypse
        && let Some(missing) = keeps_from_appoxalypse(facts, vector, tuning)
    {
        severity = Severity::Critical;
        why.push(missing);
    }

    if i64::from(severity.rank()) == rounded || why.is_empty() {
        return (severity, None);
    }
    let sentence = why.join("; ");
    let mut letters = sentence.chars();
    let first = letters
        .next()
        .map(|one| one.to_uppercase().to_string())
        .unwrap_or_default();
    (severity, Some(format!("{first}{}.", letters.as_str())))
}

fn steps(count: u8) -> String {
    match count {
        0 => "no step".to_owned(),
        1 => "one step".to_owned(),
        many => format!("{many} steps"),
    }
}

/// What is missing for Appoxalypse, as a part of a sentence.
fn keeps_from_appoxalypse(facts: &Facts, vector: Option<&Cvss>, tuning: &Tuning) -> Option<String> {
    if !evident(facts, tuning) {
        return Some(format!(
            "Appoxalypse needs evidence that it is exploited: an entry in the KEV catalogue, an EPSS score of {} or more, or a secret that everybody can read",
            percent(tuning.appoxalypse_epss)
        ));
    }
    if facts.kind == Kind::Secret {
        // Who can read it has reached it.
        return None;
    }
    if let Some(barrier) = barrier(facts, vector) {
        return Some(format!(
            "Appoxalypse needs a way to reach it, and {barrier}"
        ));
    }
    if !reachable(facts, vector) {
        return Some(
            "Appoxalypse needs a way to reach it: the image is not current, the attack not known to come over a network, and the policy names neither production nor the internet"
                .to_owned(),
        );
    }
    None
}

/// Evidence that somebody exploits it, or can at once.
fn evident(facts: &Facts, tuning: &Tuning) -> bool {
    match facts.kind {
        Kind::Secret => facts.place.visibility.as_deref() == Some("public"),
        Kind::Vulnerability => {
            known_exploited(facts).is_some()
                || epss_scores(facts).any(|one| one.score >= tuning.appoxalypse_epss)
        }
        Kind::Misconfiguration | Kind::Licence | Kind::Other => false,
    }
}

/// What stands between it and an attacker, for certain.
fn barrier(facts: &Facts, vector: Option<&Cvss>) -> Option<&'static str> {
    let package = facts.package.as_ref();
    if package.is_some_and(factors::is_kernel) {
        return Some("a kernel in an image never runs");
    }
    if package.is_some_and(|package| package.test_only == Some(true)) {
        return Some("the package is for tests only");
    }
    match vector.map(|cvss| cvss.attack_vector) {
        Some(AttackVector::Local) => Some("it can be attacked only from within the container"),
        Some(AttackVector::Physical) => Some("it can be attacked only by hand"),
        _ => None,
    }
}

/// Something that speaks for an attacker getting to it.
fn reachable(facts: &Facts, vector: Option<&Cvss>) -> bool {
    let business = &facts.business;
    facts
        .images
        .iter()
        .any(|image| image.latest || image.newest)
        || business.internet_facing == Some(true)
        || business
            .environment
            .as_deref()
            .and_then(factors::environment_change)
            == Some("production")
        || vector.is_some_and(|cvss| cvss.attack_vector >= AttackVector::Adjacent)
}
