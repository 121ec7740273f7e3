//! What the advisories say of one component, as it is kept beside it.

use ox_advisory::matching::Match;
use ox_advisory::osv::{Head, Reference, SeverityScore};
use serde::{Deserialize, Serialize};

/// Pages that a group keeps of each record.
const REFERENCES: usize = 12;
/// Longest summary that is kept, in characters.
const SUMMARY_CHARS: usize = 400;

/// Advisories about one vulnerability, each with why it concerns the component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The id that it is known by.
    pub primary: String,
    /// Ids of the same thing, the primary first.
    pub ids: Vec<String>,
    /// CVEs that it fixes or names; for KEV and EPSS, not for joining.
    pub cves: Vec<String>,
    /// The records, without their long texts.
    pub heads: Vec<GroupHead>,
    /// Why they concern the component.
    pub matches: Vec<Match>,
}

/// What is kept of a record: enough to rate and to show, not the long text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupHead {
    /// Its id.
    pub id: String,
    /// RFC 3339.
    pub published: Option<String>,
    /// One line.
    pub summary: String,
    /// Of the whole record.
    pub severity: Vec<SeverityScore>,
    /// The source's own word.
    pub severity_word: Option<String>,
    /// `CWE-79`.
    pub cwes: Vec<String>,
    /// Pages.
    pub references: Vec<Reference>,
    /// Why it is not a vulnerability, when it isn't.
    pub informational: Option<String>,
}

impl From<&Head> for GroupHead {
    fn from(head: &Head) -> Self {
        let mut summary: String = head.summary.chars().take(SUMMARY_CHARS).collect();
        if summary.is_empty() {
            // Many records have no summary; the first line of the text stands in for it.
            summary = head
                .details
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .chars()
                .take(SUMMARY_CHARS)
                .collect();
        }
        Self {
            id: head.id.clone(),
            published: head.published.clone(),
            summary,
            severity: head.severity.clone(),
            severity_word: head.severity_word.clone(),
            cwes: head.cwes.clone(),
            references: head.references.iter().take(REFERENCES).cloned().collect(),
            informational: head.informational.clone(),
        }
    }
}
