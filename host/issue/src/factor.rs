//! What changed a severity, and how the severity came out.

use serde::{Deserialize, Serialize};

use crate::Severity;

/// OX's three categories of factors.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[schema(as = FactorCategory)]
pub enum Category {
    /// Can an attacker get to it?
    Reachable,
    /// Can (and do) attackers use it?
    Exploitable,
    /// What would it cost?
    Damage,
}

/// One reason for which a severity is not what the tool said, or a reason that is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Factor {
    /// Id of its rule (`known-exploited`), stable.
    pub rule: String,
    /// OX's category.
    pub category: Category,
    /// Two to four words ("Known exploited").
    pub short_name: String,
    /// One sentence with this issue's own facts in it.
    pub reason: String,
    /// Signed: how many severities up (+) or down (-), in hundredths at the finest. 0 tells of something
    /// that is not known and would count.
    pub change: f64,
    /// What shows that it is so.
    pub evidence: Vec<Evidence>,
}

/// What shows that a factor applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// What it is ("KEV catalogue", "Tag").
    pub label: String,
    /// Its value ("added 2021-12-10").
    pub value: String,
    /// Where it can be looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// How a severity came out: the chain from the tool's to OX's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verdict {
    /// The tool's severity, or what it counts as when the tool gave none.
    pub original: Severity,
    /// Who said so, in words ("AlmaLinux rates it Important", "CVSS 3.1 score 9.8 of the advisory").
    pub original_why: String,
    /// In the order in which they are read: the largest change first, unknowns last.
    pub factors: Vec<Factor>,
    /// Rank of the original plus all changes, before it is rounded and held within bounds.
    pub score: f64,
    /// What comes out.
    pub severity: Severity,
    /// When the outcome is not the rounded score: which bound held it, in a sentence.
    pub held: Option<String>,
}
