//! The severity before all factors: whose word counts.
//!
//! First the distribution's own word for its package: it knows how it built it. Then what an advisory or a
//! tool says in a word, then a CVSS score. Where nothing can be read it counts as Medium and says so: to be
//! silent would be to say Low.

use ox_advisory::rating::{self, Level};

use super::Severity;
use super::case::quoted;
use crate::facts::{Facts, Rating};

/// Where an issue starts.
pub(crate) struct Original {
    pub(crate) severity: Severity,
    pub(crate) why: String,
    /// False when nobody stated a severity.
    pub(crate) stated: bool,
}

/// Sources that build the packages they rate.
const DISTRIBUTIONS: &[&str] = &[
    "debian",
    "ubuntu",
    "red hat",
    "redhat",
    "rhel",
    "almalinux",
    "rocky",
    "oracle",
    "amazon",
    "suse",
    "opensuse",
    "alpine",
    "wolfi",
    "chainguard",
    "photon",
    "azure linux",
    "mariner",
    "mageia",
    "openeuler",
    "arch",
    "fedora",
    "centos",
];

/// Formats whose packages a distribution builds.
pub(crate) const SYSTEM_FORMATS: &[&str] = &["dpkg", "apk", "rpm", "pacman", "opkg", "deb"];

/// Finds the severity that counts.
pub(crate) fn original(facts: &Facts) -> Original {
    let mut unreadable = Vec::new();
    let system = facts
        .package
        .as_ref()
        .is_some_and(|package| SYSTEM_FORMATS.contains(&package.format.as_str()));

    if let Some(urgency) = facts
        .package
        .as_ref()
        .and_then(|package| package.urgency.as_deref())
        && let Some(level) = rating::of_word(urgency)
    {
        let severity = severity_of(level);
        return Original {
            severity,
            why: format!(
                "The distribution rates it {} for this package{}",
                quoted(urgency),
                meaning(urgency, severity)
            ),
            stated: true,
        };
    }

    // The class first, then the order in which they were stated.
    let mut best: Option<(Class, Original)> = None;
    for stated in &facts.ratings {
        let (class, found) = match read(stated, system) {
            Ok(found) => found,
            Err(why) => {
                unreadable.push(why);
                continue;
            }
        };
        if best.as_ref().is_none_or(|(so_far, _)| class < *so_far) {
            best = Some((class, found));
        }
    }
    if let Some((_, found)) = best {
        return found;
    }
    let mut why = "Nobody stated a severity that can be read; it counts as Medium".to_owned();
    if let Some(first) = unreadable.first() {
        why.push_str(&format!(" ({first})"));
    }
    Original {
        severity: Severity::Medium,
        why,
        stated: false,
    }
}

/// What counts before what; less is first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Distribution,
    Word,
    /// 4.0 is 0, 2.0 is 3.
    Cvss(u8),
}

fn read(stated: &Rating, system: bool) -> Result<(Class, Original), String> {
    let source = match stated.source.trim() {
        "" => "The advisory".to_owned(),
        source => quoted(source),
    };
    // Only OX itself says this word; a queue that is imported again may hold it.
    if stated
        .value
        .trim()
        .eq_ignore_ascii_case(Severity::Appoxalypse.word())
    {
        let original = Original {
            severity: Severity::Appoxalypse,
            why: format!("{source} rates it Appoxalypse"),
            stated: true,
        };
        return Ok((Class::Word, original));
    }
    let rated = rating::rate(&stated.kind, &stated.value)
        .map_err(|error| format!("{source}: {}", quoted(&error.to_string())))?;
    let severity = severity_of(rated.level);
    if let Some(cvss) = rated.cvss {
        let original = Original {
            severity,
            why: format!("CVSS {} score {:.1} of {source}", cvss.version, cvss.score),
            stated: true,
        };
        return Ok((
            Class::Cvss(3_u8.saturating_sub(cvss.version as u8)),
            original,
        ));
    }
    let lower = stated.source.to_lowercase();
    let class = if system && DISTRIBUTIONS.iter().any(|one| lower.contains(one)) {
        Class::Distribution
    } else {
        Class::Word
    };
    let original = Original {
        severity,
        why: format!(
            "{source} rates it {}{}",
            quoted(&stated.value),
            meaning(&stated.value, severity)
        ),
        stated: true,
    };
    Ok((class, original))
}

/// What a word means here, when it is not the same word.
fn meaning(word: &str, severity: Severity) -> String {
    if word.trim().eq_ignore_ascii_case(severity.word()) {
        String::new()
    } else {
        format!(", which is {severity} here")
    }
}

fn severity_of(level: Level) -> Severity {
    match level {
        Level::Info => Severity::Info,
        Level::Low => Severity::Low,
        Level::Medium => Severity::Medium,
        Level::High => Severity::High,
        Level::Critical => Severity::Critical,
    }
}
