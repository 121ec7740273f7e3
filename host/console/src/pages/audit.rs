//! The audit log: who did what, when, and how it ended.

use askama::Template;

use crate::Chrome;
use crate::parts::{Choice, Pager, When};

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// When.
    pub when: When,
    /// Who did it: name of a user, "the host", "somebody unknown".
    pub who: String,
    /// It is a name that can be looked for.
    pub actor: Option<String>,
    /// Console, API, command line, the host itself.
    pub via: &'static str,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// Class and words of how it ended.
    pub outcome: (&'static str, String),
    /// What there is to know besides: words and values.
    pub details: Vec<(String, String)>,
}

/// `/audit`.
#[derive(Template)]
#[template(path = "pages/audit.html")]
pub struct Audit {
    /// Around it.
    pub chrome: Chrome,
    /// Who is looked for.
    pub actors: Vec<Choice>,
    /// What is looked for.
    pub actions: Vec<Choice>,
    /// Text in what it was done to.
    pub subject: String,
    /// The first day (UTC).
    pub from: String,
    /// The last day (UTC).
    pub until: String,
    /// Something is looked for.
    pub filtered: bool,
    /// What of the filter can't be understood.
    pub error: Option<String>,
    /// The rows, newest first.
    pub lines: Vec<AuditLine>,
    /// Where it goes on.
    pub pager: Pager,
    /// Address of the same rows as CSV.
    pub csv: String,
}
