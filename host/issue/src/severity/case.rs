//! One issue before its judges: its facts, and what several rules read from them.

use ox_advisory::cvss::Cvss;
use ox_advisory::epss::Score;
use ox_advisory::kev::Known;
use ox_advisory::rating;

use super::rule::Rule;
use super::tuning::Tuning;
use crate::facts::{Facts, PackageFacts};

/// The longest piece of somebody else's text within a reason.
const MAX_QUOTED_CHARS: usize = 120;

/// One issue, judged by one rule.
pub(crate) struct Case<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) tuning: &'a Tuning,
    pub(crate) rule: &'static Rule,
    /// The vector that counts, with who stated it.
    pub(crate) vector: Option<&'a (Cvss, String)>,
}

impl<'a> Case<'a> {
    /// A threshold of the rule, as tuned.
    pub(crate) fn threshold(&self, name: &str) -> f64 {
        self.tuning.threshold(self.rule, name)
    }

    pub(crate) fn package(&self) -> Option<&'a PackageFacts> {
        self.facts.package.as_ref()
    }

    /// Whole days from a time until now; `None` when one of them is not known or in no order.
    pub(crate) fn days_since(&self, then: Option<&str>) -> Option<i64> {
        let days = (seconds(&self.facts.now)? - seconds(then?)?).div_euclid(86_400);
        (days >= 0).then_some(days)
    }
}

/// The vector that counts: of the newest version, of several the one that was stated first.
pub(crate) fn best_vector(facts: &Facts) -> Option<(Cvss, String)> {
    let mut best: Option<(Cvss, String)> = None;
    for stated in &facts.ratings {
        let Some(cvss) = rating::rate(&stated.kind, &stated.value)
            .ok()
            .and_then(|rated| rated.cvss)
        else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|(so_far, _)| cvss.version > so_far.version)
        {
            best = Some((cvss, stated.source.clone()));
        }
    }
    best
}

/// The entry of the KEV catalogue: of several the one that was added first.
pub(crate) fn known_exploited(facts: &Facts) -> Option<&Known> {
    facts
        .threats
        .iter()
        .filter_map(|threat| threat.known_exploited.as_ref())
        .min_by(|a, b| (&a.added, &a.cve).cmp(&(&b.added, &b.cve)))
}

/// The EPSS scores that are numbers.
pub(crate) fn epss_scores(facts: &Facts) -> impl Iterator<Item = &Score> {
    facts
        .threats
        .iter()
        .filter_map(|threat| threat.epss.as_ref())
        .filter(|one| is_share(one.score) && is_share(one.percentile))
}

pub(crate) fn is_share(number: f64) -> bool {
    (0.0..=1.0).contains(&number)
}

/// True for `CVE-2024-12345`.
pub(crate) fn is_cve(id: &str) -> bool {
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| {
            year.len() == 4
                && (4..=19).contains(&number.len())
                && year
                    .bytes()
                    .chain(number.bytes())
                    .all(|byte| byte.is_ascii_digit())
        })
}

/// Somebody else's text for a sentence: one line, cut.
pub(crate) fn quoted(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .take(MAX_QUOTED_CHARS + 1)
        .collect();
    if out.chars().count() > MAX_QUOTED_CHARS {
        out = out.chars().take(MAX_QUOTED_CHARS).collect();
        out.push('…');
    }
    out.trim().to_owned()
}

/// `a, b, c and 4 more`.
pub(crate) fn listed<'t>(names: impl Iterator<Item = &'t str>) -> String {
    let all: Vec<&str> = names.collect();
    let first: Vec<String> = all.iter().take(3).map(|one| quoted(one)).collect();
    match all.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// 0.942 as `94.2 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        format!("{percent:.3} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// Seconds since 1970 of a time or a day.
fn seconds(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_second());
    }
    let day = text.parse::<jiff::civil::Date>().ok()?;
    let since = day
        .since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1)))
        .ok()?;
    Some(i64::from(since.get_days()) * 86_400)
}
