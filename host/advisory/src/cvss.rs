//! CVSS vectors: the base score that a vector stands for, and the metrics that severity factors ask about.
//!
//! The arithmetic is RustSec's `cvss` crate. All 110 889 base vectors of the four versions were compared
//! with two independent implementations (Red Hat's for Python, {metæffekt}'s for JavaScript) without one
//! difference. What the crate leaves open is closed here: a vector of 3.x without one of its base metrics is
//! refused, only base metrics are scored (a threat or environment that somebody assumed is not ours), and
//! the spellings that feeds really use (`CVSS2#…`, parentheses, `CVSS:2.0/…`) are taken.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longer texts are no vector: the longest of version 4.0 has under 250 characters.
pub const MAX_VECTOR_BYTES: usize = 512;

/// A version of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// 2.0
    #[serde(rename = "2.0")]
    V2,
    /// 3.0
    #[serde(rename = "3.0")]
    V30,
    /// 3.1
    #[serde(rename = "3.1")]
    V31,
    /// 4.0
    #[serde(rename = "4.0")]
    V4,
}

impl Version {
    /// As people write it (`3.1`).
    pub fn text(self) -> &'static str {
        match self {
            Self::V2 => "2.0",
            Self::V30 => "3.0",
            Self::V31 => "3.1",
            Self::V4 => "4.0",
        }
    }

    /// The base metrics in the order of the specification.
    fn base_metrics(self) -> &'static [&'static str] {
        match self {
            Self::V2 => &["AV", "AC", "Au", "C", "I", "A"],
            Self::V30 | Self::V31 => &["AV", "AC", "PR", "UI", "S", "C", "I", "A"],
            Self::V4 => &[
                "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA",
            ],
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// From where it can be attacked (AV).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttackVector {
    /// With the thing in one's hands.
    Physical,
    /// From within the machine or container.
    Local,
    /// From the same network.
    Adjacent,
    /// From anywhere.
    Network,
}

/// What an attacker must be allowed to do before (PR; `Au` of version 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privileges {
    /// Those of an administrator (2.0: to sign in more than once).
    High,
    /// Those of a user (2.0: to sign in once).
    Low,
    /// None.
    None,
}

/// Whether somebody else has to do something (UI).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interaction {
    /// Somebody has to do something that they could notice (4.0 only).
    Active,
    /// Somebody has to do something (4.0: without noticing).
    Required,
    /// Nobody.
    None,
}

/// A vector that was understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// Version of the standard.
    pub version: Version,
    /// The base metrics, in the order and spelling of the specification.
    pub vector: String,
    /// Base score, 0.0 to 10.0 in tenths.
    pub score: f64,
    /// AV.
    pub attack_vector: AttackVector,
    /// PR, or Au.
    pub privileges: Privileges,
    /// UI; version 2.0 does not have it.
    pub interaction: Option<Interaction>,
}

/// Why a text is no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CvssError {
    /// Nothing is there.
    #[error("the CVSS vector is empty")]
    Empty,
    /// Too long to be one.
    #[error("a CVSS vector has at most {MAX_VECTOR_BYTES} bytes, this has {0}")]
    TooLong(usize),
    /// A version that this program does not know.
    #[error("CVSS {0:?} is not known; 2.0, 3.0, 3.1 and 4.0 are")]
    UnknownVersion(String),
    /// A metric of the base group is not there.
    #[error("the CVSS {version} vector has no {metric}, which every one must have")]
    Missing {
        /// Version.
        version: Version,
        /// The metric.
        metric: &'static str,
    },
    /// A metric or value is not one of the version's.
    #[error("the CVSS {version} vector can't be read: {why}")]
    Metric {
        /// Version.
        version: Version,
        /// What is wrong.
        why: String,
    },
}

impl FromStr for Cvss {
    type Err = CvssError;

    fn from_str(text: &str) -> Result<Self, CvssError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CvssError::Empty);
        }
        if text.len() > MAX_VECTOR_BYTES {
            return Err(CvssError::TooLong(text.len()));
        }
        let (version, metrics) = split_version(text)?;
        let stated = metrics_of(version, metrics)?;
        // The whole vector first: a metric that is wrong makes all of it doubtful, base or not.
        score(version, &write(version, &stated))?;

        let mut base: Vec<(String, String)> = Vec::new();
        for metric in version.base_metrics() {
            let found = stated.iter().find(|(name, _)| name == metric);
            base.push(
                found
                    .cloned()
                    .ok_or(CvssError::Missing { version, metric })?,
            );
        }
        let vector = write(version, &base);
        let value = |metric: &str| {
            base.iter()
                .find(|(name, _)| name == metric)
                .map_or("", |(_, value)| value.as_str())
        };
        Ok(Self {
            version,
            score: score(version, &vector)?,
            attack_vector: match value("AV") {
                "P" => AttackVector::Physical,
                "L" => AttackVector::Local,
                "A" => AttackVector::Adjacent,
                _ => AttackVector::Network,
            },
            privileges: match (version, value("PR"), value("Au")) {
                (Version::V2, _, "M") | (_, "H", _) => Privileges::High,
                (Version::V2, _, "S") | (_, "L", _) => Privileges::Low,
                _ => Privileges::None,
            },
            interaction: match (version, value("UI")) {
                (Version::V2, _) => None,
                (_, "A") => Some(Interaction::Active),
                (_, "R" | "P") => Some(Interaction::Required),
                _ => Some(Interaction::None),
            },
            vector,
        })
    }
}

/// Takes the version off the front. A vector without one is of version 2.0, which has no prefix.
fn split_version(text: &str) -> Result<(Version, &str), CvssError> {
    let text = text
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(text);
    if let Some(rest) = text.strip_prefix("CVSS2#") {
        return Ok((Version::V2, rest));
    }
    let Some(rest) = text.strip_prefix("CVSS:") else {
        return Ok((Version::V2, text));
    };
    let (version, metrics) = rest.split_once('/').unwrap_or((rest, ""));
    let version = match version {
        "2.0" => Version::V2,
        "3.0" => Version::V30,
        "3.1" => Version::V31,
        "4.0" => Version::V4,
        other => return Err(CvssError::UnknownVersion(other.chars().take(20).collect())),
    };
    Ok((version, metrics))
}

/// `AV:N/AC:L` as pairs. Version 3.x is written in small letters, too, by some.
fn metrics_of(version: Version, metrics: &str) -> Result<Vec<(String, String)>, CvssError> {
    let wrong = |why: String| CvssError::Metric { version, why };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in metrics.split('/') {
        let (name, value) = part
            .split_once(':')
            .ok_or_else(|| wrong(format!("{part:?} is not a metric and its value")))?;
        let (name, value) = match version {
            Version::V30 | Version::V31 => (name.to_ascii_uppercase(), value.to_ascii_uppercase()),
            Version::V2 | Version::V4 => (name.to_owned(), value.to_owned()),
        };
        if name.is_empty() || value.is_empty() {
            return Err(wrong(format!("{part:?} is not a metric and its value")));
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(wrong(format!("{name} is there twice")));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// The spelling of the specification.
fn write(version: Version, metrics: &[(String, String)]) -> String {
    let metrics: Vec<String> = metrics
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    let metrics = metrics.join("/");
    match version {
        Version::V2 => metrics,
        other => format!("CVSS:{other}/{metrics}"),
    }
}

/// The crate's score. Called with base metrics only, it is the base score.
fn score(version: Version, vector: &str) -> Result<f64, CvssError> {
    let wrong = |error: ::cvss::Error| match error {
        ::cvss::Error::MissingMandatoryMetricV2 { metric_type } => CvssError::Missing {
            version,
            metric: metric_type.name(),
        },
        ::cvss::Error::MissingMandatoryMetricV4 { metric_type } => CvssError::Missing {
            version,
            metric: metric_type.name(),
        },
        error => CvssError::Metric {
            version,
            why: error.to_string(),
        },
    };
    let score = match version {
        Version::V2 => vector
            .parse::<::cvss::v2::Vector>()
            .map_err(wrong)?
            .score()
            .value(),
        Version::V30 | Version::V31 => vector
            .parse::<::cvss::v3::Vector>()
            .map_err(wrong)?
            .score()
            .value(),
        Version::V4 => vector
            .parse::<::cvss::v4::Vector>()
            .map_err(wrong)?
            .score()
            .value(),
    };
    // Tenths exactly, whatever the floating point left.
    Ok((score * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
