//! What a source's severity means: the words of distributions, advisories and tools, and the bands of CVSS.
//!
//! A word is taken at its face: "important" of Red Hat is High, "negligible" of Ubuntu is Info. Words that say
//! "not rated (yet)" are no rating, and so is everything unknown; what that counts as is the caller's affair.

use serde::{Deserialize, Serialize};

use crate::cvss::{Cvss, CvssError, Version};

/// How bad a source says something is, on the scale that all of them share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// No impact, or in theory only.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// One row of the table of words.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word, in small letters.
    pub word: &'static str,
    /// What it means; `None` says that the source has not rated it.
    pub level: Option<Level>,
    /// Who uses it.
    pub used_by: &'static str,
}

const fn word(word: &'static str, level: Level, used_by: &'static str) -> Word {
    Word {
        word,
        level: Some(level),
        used_by,
    }
}

const fn unrated(word: &'static str, used_by: &'static str) -> Word {
    Word {
        word,
        level: None,
        used_by,
    }
}

/// Every word that is understood. No two sources use one word for different things, so one table does.
pub const WORDS: &[Word] = &[
    word("critical", Level::Critical, "all"),
    word(
        "high",
        Level::High,
        "Debian, Ubuntu, GHSA, GitLab, npm, Arch, Photon, Bitnami",
    ),
    word(
        "important",
        Level::High,
        "Red Hat, AlmaLinux, Rocky, Oracle, SUSE, Amazon, Azure Linux",
    ),
    word(
        "medium",
        Level::Medium,
        "Debian, Ubuntu, GitLab, Amazon, Arch, Photon",
    ),
    word(
        "moderate",
        Level::Medium,
        "Red Hat, AlmaLinux, Rocky, Oracle, SUSE, GHSA, npm",
    ),
    word("low", Level::Low, "all"),
    // A fault in what is not built or installed, or no security boundary: others scanners' Low.
    word("unimportant", Level::Low, "Debian"),
    word("minor", Level::Low, "SUSE"),
    word("negligible", Level::Info, "Ubuntu, Grype"),
    word("info", Level::Info, "GitLab, npm"),
    word("informational", Level::Info, "RustSec"),
    word("information", Level::Info, "Azure"),
    word("none", Level::Info, "CVSS, Red Hat"),
    unrated("unknown", "GitLab, Alpine, Arch, Trivy"),
    unrated("undefined", "GitLab"),
    unrated("untriaged", "Ubuntu"),
    unrated("unspecified", "several"),
    unrated("not yet assigned", "Debian"),
    unrated("undetermined", "Debian"),
    unrated(
        "end-of-life",
        "Debian: it tells of the fix, not of the fault",
    ),
    unrated("ignored", "Debian: it tells of the fix, not of the fault"),
    unrated("postponed", "Debian: it tells of the fix, not of the fault"),
    unrated("unassigned", "several"),
];

/// What a word of a source means. Case, spaces around it and Debian's asterisks (`low**`: taken from elsewhere)
/// do not matter; `None` when it is no rating.
pub fn of_word(text: &str) -> Option<Level> {
    let text = text.trim().trim_end_matches('*').trim_end();
    WORDS
        .iter()
        .find(|one| one.word.eq_ignore_ascii_case(text))
        .and_then(|one| one.level)
}

/// The band that a score lies in. Version 2.0 has no critical.
pub fn of_score(version: Version, score: f64) -> Level {
    match version {
        // 0.0 of version 2.0 is in its lowest band; it means the same as in the others.
        Version::V2 if score >= 7.0 => Level::High,
        _ if score >= 9.0 => Level::Critical,
        _ if score >= 7.0 => Level::High,
        _ if score >= 4.0 => Level::Medium,
        _ if score >= 0.1 => Level::Low,
        _ => Level::Info,
    }
}

/// A rating that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Rated {
    /// What it means.
    pub level: Level,
    /// The vector, when it was one.
    pub cvss: Option<Cvss>,
}

/// Why a rating is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRating {
    /// The source has not rated it.
    #[error("{0:?} says that it is not rated")]
    NotRated(String),
    /// Nobody knows the word.
    #[error("{0:?} is not a word for a severity that is known here")]
    UnknownWord(String),
    /// A broken vector.
    #[error(transparent)]
    Cvss(#[from] CvssError),
}

/// Understands a rating as OSV records and tools state it: `kind` is `CVSS_V2`, `CVSS_V3`, `CVSS_V4`, or anything
/// else for a word (`word`, `Ubuntu`).
pub fn rate(kind: &str, value: &str) -> Result<Rated, NoRating> {
    if kind.starts_with("CVSS") || value.trim_start().starts_with("CVSS:") {
        let cvss: Cvss = value.parse()?;
        return Ok(Rated {
            level: of_score(cvss.version, cvss.score),
            cvss: Some(cvss),
        });
    }
    if let Some(level) = of_word(value) {
        return Ok(Rated { level, cvss: None });
    }
    let word = value.trim().trim_end_matches('*').trim_end();
    let said: String = value.chars().take(60).collect();
    if word.is_empty() || WORDS.iter().any(|one| one.word.eq_ignore_ascii_case(word)) {
        Err(NoRating::NotRated(said))
    } else {
        Err(NoRating::UnknownWord(said))
    }
}

#[cfg(test)]
mod tests;
