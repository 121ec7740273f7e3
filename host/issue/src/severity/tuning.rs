//! The operator's say over the rules: the `[severity]` section of the policy file.
//!
//! Every number of every rule can be changed, rules switched off, thresholds and bounds moved. A name that is
//! not known is an error that names the nearest one that is; a number outside of its limits is an error, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule::Rule;
use super::{Severity, factors};

/// No factor moves a severity further than this.
pub const MAX_CHANGE: f64 = 3.0;

/// How severity is decided here, where it differs from the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", rename_all = "kebab-case")]
pub struct Tuning {
    /// An issue falls at most so many severities below the tool's.
    pub max_steps_down: u8,
    /// An issue rises at most so many severities above the tool's.
    pub max_steps_up: u8,
    /// What is known to be exploited does not fall below this. At most Critical.
    pub known_exploited_floor: Severity,
    /// An EPSS score from which exploitation is evident enough for Appoxalypse.
    pub appoxalypse_epss: f64,
    /// Rules by their id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, RuleTuning>,
}

/// One rule, where it differs from its defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleTuning {
    /// False switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The number of a rule that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// The numbers of a rule that has several, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, f64>,
    /// From where on they count, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f64>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_steps_down: 2,
            max_steps_up: 2,
            known_exploited_floor: Severity::High,
            appoxalypse_epss: 0.5,
            rules: BTreeMap::new(),
        }
    }
}

/// Why a tuning can't be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TuningError {
    /// A name that is none.
    #[error("severity: {what} {name:?} is not known{}", nearest(near))]
    Unknown {
        /// What it should have been the name of.
        what: String,
        /// As written.
        name: String,
        /// The nearest that is one, or all when none is near.
        near: Vec<String>,
    },
    /// A number outside of its limits.
    #[error("severity: {what} is {value}; it must be from {least} to {most}")]
    OutOfLimits {
        /// Which.
        what: String,
        /// As written.
        value: f64,
        /// Least.
        least: f64,
        /// Most.
        most: f64,
    },
    /// `change` where there are several numbers.
    #[error(
        "severity: rule {rule:?} has several numbers, so `change` does not say which; write `changes`, with one of {names}"
    )]
    WhichChange {
        /// The rule.
        rule: String,
        /// Its numbers.
        names: String,
    },
    /// `change` and `changes` of the same number, or of a rule without numbers.
    #[error("severity: rule {rule:?}: {why}")]
    Contradiction {
        /// The rule.
        rule: String,
        /// What contradicts what.
        why: String,
    },
    /// Not a severity.
    #[error("severity: known-exploited-floor: {0}")]
    Floor(String),
}

fn nearest(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean {one:?}?"),
        several => format!("; these are: {}", several.join(", ")),
    }
}

/// As a file has it.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Written {
    max_steps_down: u8,
    max_steps_up: u8,
    known_exploited_floor: String,
    appoxalypse_epss: f64,
    rules: BTreeMap<String, RuleTuning>,
    /// Whatever else is written, so that the error can name what was meant.
    #[serde(flatten)]
    others: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Default for Written {
    fn default() -> Self {
        let tuning = Tuning::default();
        Self {
            max_steps_down: tuning.max_steps_down,
            max_steps_up: tuning.max_steps_up,
            known_exploited_floor: tuning.known_exploited_floor.word().to_owned(),
            appoxalypse_epss: tuning.appoxalypse_epss,
            rules: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }
}

impl TryFrom<Written> for Tuning {
    type Error = TuningError;

    fn try_from(written: Written) -> Result<Self, TuningError> {
        if let Some(name) = written.others.keys().next() {
            let known = [
                "max-steps-down",
                "max-steps-up",
                "known-exploited-floor",
                "appoxalypse-epss",
                "rules",
            ];
            return Err(unknown("setting".to_owned(), name, known.into_iter()));
        }
        let tuning = Self {
            max_steps_down: written.max_steps_down,
            max_steps_up: written.max_steps_up,
            known_exploited_floor: written
                .known_exploited_floor
                .parse()
                .map_err(|error: super::NotASeverity| TuningError::Floor(error.to_string()))?,
            appoxalypse_epss: written.appoxalypse_epss,
            rules: written.rules,
        };
        tuning.validate()?;
        Ok(tuning)
    }
}

impl Tuning {
    /// Checks every name and number. A tuning that was read from a file has been checked already.
    pub fn validate(&self) -> Result<(), TuningError> {
        let steps = f64::from(Severity::Appoxalypse.rank());
        within(
            "max-steps-down".to_owned(),
            f64::from(self.max_steps_down),
            0.0,
            steps,
        )?;
        within(
            "max-steps-up".to_owned(),
            f64::from(self.max_steps_up),
            0.0,
            steps,
        )?;
        within(
            "appoxalypse-epss".to_owned(),
            self.appoxalypse_epss,
            0.0,
            1.0,
        )?;
        if self.known_exploited_floor == Severity::Appoxalypse {
            let why = "Appoxalypse needs more than that it is exploited; critical is the most";
            return Err(TuningError::Floor(why.to_owned()));
        }
        for (id, tuned) in &self.rules {
            let rule = factors::all().find(|rule| rule.id == id).ok_or_else(|| {
                unknown("rule".to_owned(), id, factors::all().map(|rule| rule.id))
            })?;
            tuned.validate(rule)?;
        }
        let epss = factors::all().find(|rule| rule.id == "epss");
        if let Some(rule) = epss {
            for (lower, higher) in [
                ("low-score", "high-score"),
                ("high-score", "very-high-score"),
                ("low-percentile", "high-percentile"),
            ] {
                if self.threshold(rule, lower) > self.threshold(rule, higher) {
                    return Err(TuningError::Contradiction {
                        rule: rule.id.to_owned(),
                        why: format!("{lower} is above {higher}"),
                    });
                }
            }
        }
        Ok(())
    }

    /// True when a rule can change anything.
    pub(crate) fn counts(&self, rule: &Rule) -> bool {
        rule.changes
            .iter()
            .any(|change| self.hundredths(rule, change.name) != 0)
    }

    /// A number of a rule, in hundredths of a severity; 0 when it is switched off.
    pub(crate) fn hundredths(&self, rule: &Rule, name: &str) -> i64 {
        let tuned = self.rules.get(rule.id);
        if tuned.and_then(|tuned| tuned.enabled) == Some(false) {
            return 0;
        }
        let default = rule.change(name).map_or(0.0, |one| one.default);
        let change = tuned
            .and_then(|tuned| tuned.changes.get(name).copied().or(tuned.change))
            .unwrap_or(default);
        // Not a number becomes 0; whoever fills the fields by hand is capped, too.
        (change.clamp(-MAX_CHANGE, MAX_CHANGE) * 100.0).round() as i64
    }

    /// A threshold of a rule.
    pub(crate) fn threshold(&self, rule: &Rule, name: &str) -> f64 {
        let default = rule
            .thresholds
            .iter()
            .find(|one| one.name == name)
            .map_or(f64::INFINITY, |one| one.default);
        self.rules
            .get(rule.id)
            .and_then(|tuned| tuned.thresholds.get(name).copied())
            .unwrap_or(default)
    }
}

impl RuleTuning {
    fn validate(&self, rule: &Rule) -> Result<(), TuningError> {
        let names = || rule.changes.iter().map(|one| one.name);
        if rule.changes.is_empty() && (self.change.is_some() || !self.changes.is_empty()) {
            return Err(TuningError::Contradiction {
                rule: rule.id.to_owned(),
                why: "it has no number; it only tells".to_owned(),
            });
        }
        if let Some(change) = self.change {
            if rule.changes.len() > 1 {
                return Err(TuningError::WhichChange {
                    rule: rule.id.to_owned(),
                    names: names().collect::<Vec<_>>().join(", "),
                });
            }
            if !self.changes.is_empty() {
                return Err(TuningError::Contradiction {
                    rule: rule.id.to_owned(),
                    why: "`change` and `changes` both set its number; write one of them".to_owned(),
                });
            }
            within(
                format!("rules.{}.change", rule.id),
                change,
                -MAX_CHANGE,
                MAX_CHANGE,
            )?;
        }
        for (name, value) in &self.changes {
            if rule.change(name).is_none() {
                return Err(unknown(
                    format!("in rule {:?} the number", rule.id),
                    name,
                    names(),
                ));
            }
            within(
                format!("rules.{}.changes.{name}", rule.id),
                *value,
                -MAX_CHANGE,
                MAX_CHANGE,
            )?;
        }
        for (name, value) in &self.thresholds {
            let Some(threshold) = rule.thresholds.iter().find(|one| one.name == name) else {
                let known = rule.thresholds.iter().map(|one| one.name);
                return Err(unknown(
                    format!("in rule {:?} the threshold", rule.id),
                    name,
                    known,
                ));
            };
            within(
                format!("rules.{}.thresholds.{name}", rule.id),
                *value,
                threshold.least,
                threshold.most,
            )?;
        }
        Ok(())
    }
}

fn within(what: String, value: f64, least: f64, most: f64) -> Result<(), TuningError> {
    // Not a number is within nothing.
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(TuningError::OutOfLimits {
            what,
            value,
            least,
            most,
        })
    }
}

fn unknown(what: String, name: &str, known: impl Iterator<Item = &'static str>) -> TuningError {
    let shown: String = name.chars().take(64).collect();
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        .map(|one| (distance(&shown.to_lowercase(), one), *one))
        .min()
        .filter(|(distance, one)| *distance <= one.len().div_ceil(3).max(2));
    TuningError::Unknown {
        what,
        near: match near {
            Some((_, one)) => vec![one.to_owned()],
            None => known.into_iter().map(str::to_owned).collect(),
        },
        name: shown,
    }
}

/// How many letters must be changed, added or taken out to make one text the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = index + 1;
        next.push(left);
        for ((other, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let cost = usize::from(letter != *other);
            left = (left + 1).min(above + 1).min(diagonal + cost);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
