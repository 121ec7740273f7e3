//! Changes: what is different between two scans, and why.

use askama::Template;

use crate::Chrome;
use crate::parts::{Badge, Choice, When};

/// `/changes`.
#[derive(Template)]
#[template(path = "pages/changes.html")]
pub struct Changes {
    /// Around it.
    pub chrome: Chrome,
    /// The connections.
    pub connections: Vec<Choice>,
    /// The earlier scan; the first is the beginning.
    pub from: Vec<Choice>,
    /// The later scan.
    pub to: Vec<Choice>,
    /// What there is to show.
    pub state: State,
}

/// What there is to show.
#[derive(Clone, Debug)]
pub enum State {
    /// No account is connected.
    NothingConnected,
    /// The connection was never scanned.
    NeverScanned {
        /// Its page.
        href: String,
    },
    /// What changed.
    Compared(Compared),
}

/// What changed between two scans.
#[derive(Clone, Debug)]
pub struct Compared {
    /// "From scan 3 (2 days ago) to scan 4 (5 minutes ago)".
    pub sentence: String,
    /// The scan is the first, so everything is new.
    pub is_first: bool,
    /// The scans are in the wrong order, or the same.
    pub warning: Option<String>,
    /// What happened, in the order in which people ask.
    pub kinds: Vec<Kind>,
}

impl Compared {
    /// True when nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|kind| kind.count == 0)
    }
}

/// One thing that happens to issues.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Word (`opened`), for the anchor.
    pub word: &'static str,
    /// "New".
    pub label: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// How often it happened.
    pub count: u64,
    /// By cause, most first.
    pub causes: Vec<CauseGroup>,
}

impl Kind {
    /// The number with thin spaces.
    #[must_use]
    pub fn shown(&self) -> String {
        crate::text::count(self.count)
    }
}

/// What happened for one cause.
#[derive(Clone, Debug)]
pub struct CauseGroup {
    /// "by scan 4", "by an update of the advisories".
    pub cause: String,
    /// How often.
    pub count: u64,
    /// The first of them.
    pub lines: Vec<ChangeLine>,
}

impl CauseGroup {
    /// "12 issues".
    #[must_use]
    pub fn issues(&self) -> String {
        crate::text::counted(self.count, "change", "changes")
    }

    /// How many are not listed.
    #[must_use]
    pub fn more(&self) -> Option<String> {
        let more = self.count.saturating_sub(self.lines.len() as u64);
        (more > 0).then(|| crate::text::count(more))
    }
}

/// One change of one issue.
#[derive(Clone, Debug)]
pub struct ChangeLine {
    /// `OX-17`.
    pub issue: String,
    /// Its page.
    pub href: String,
    /// Severity now.
    pub badge: Badge,
    /// Severity before, where that is what changed.
    pub before: Option<Badge>,
    /// One line.
    pub title: String,
    /// Path of the location.
    pub location: String,
    /// What exactly.
    pub what: String,
    /// When.
    pub at: When,
}
