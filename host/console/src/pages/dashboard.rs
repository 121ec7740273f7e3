//! The dashboard: what needs attention first, and how things go.

use askama::Template;

use super::advisories::Alarm;
use super::images::SeverityCount;
use crate::Chrome;
use crate::chart::Chart;
use crate::parts::{Badge, When};

/// `/dashboard`.
#[derive(Template)]
#[template(path = "pages/dashboard.html")]
pub struct Dashboard {
    /// Around it.
    pub chrome: Chrome,
    /// The steps that are left before there is something to see; empty when all is set up.
    pub steps: Vec<Step>,
    /// What somebody should look at now, the worst first.
    pub attention: Vec<Attention>,
    /// Open issues by severity, from the worst; zeros too.
    pub open: Vec<SeverityCount>,
    /// All of them, for people.
    pub open_total: String,
    /// What the last scans brought.
    pub since: Vec<SinceLine>,
    /// The trend; `None` before the end of the first day.
    pub trend: Option<Chart>,
    /// Days of the trend.
    pub days: u32,
    /// How old open issues are.
    pub ages: Vec<AgeLine>,
    /// Deadlines.
    pub sla: Sla,
    /// How long it takes to mend.
    pub mttr: Vec<MttrLine>,
    /// Repositories that weigh most.
    pub repositories: Vec<TopLine>,
    /// Applications that weigh most.
    pub applications: Vec<TopLine>,
    /// What is looked at.
    pub coverage: Coverage,
    /// How the advisories stand.
    pub advisories: Alarm,
    /// What runs now or waits.
    pub running: Vec<RunLine>,
    /// What runs next by itself.
    pub next: Vec<RunLine>,
}

impl Dashboard {
    /// Labels of the columns of the ages.
    pub const AGES: [&'static str; 4] = ["under 7 days", "7 to 30", "30 to 90", "over 90"];

    /// Steps that are done.
    #[must_use]
    pub fn steps_done(&self) -> usize {
        self.steps.iter().filter(|step| step.done).count()
    }

    /// True for the first step that is left.
    fn is_next(&self, step: &Step) -> bool {
        self.steps.iter().find(|one| !one.done) == Some(step)
    }
}

/// A step of setting up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// It is done.
    pub done: bool,
    /// "Connect an account".
    pub title: &'static str,
    /// What it is good for.
    pub text: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// Where it leads.
    pub href: &'static str,
}

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// `bad` or `warn`.
    pub tone: &'static str,
    /// A sentence.
    pub text: String,
    /// What the link says.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
}

/// What the last scan of a connection brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinceLine {
    /// Name of the connection.
    pub connection: String,
    /// When it was scanned.
    pub at: When,
    /// New issues.
    pub opened: String,
    /// Issues that came back.
    pub reopened: String,
    /// Resolved or removed ones.
    pub closed: String,
    /// The changes of that scan.
    pub href: String,
}

/// How old the open issues of one severity are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgeLine {
    /// The severity.
    pub badge: Badge,
    /// A number for each column of [`Dashboard::AGES`], with where they are listed.
    pub counts: Vec<(String, Option<String>)>,
    /// Parts of a bar, in thousandths: where each begins and how wide it is.
    pub bar: Vec<(u32, u32)>,
}

/// Deadlines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sla {
    /// There are deadlines at all.
    pub enabled: bool,
    /// Past theirs: number and list.
    pub overdue: (u64, String),
    /// Near theirs.
    pub near: (u64, String),
    /// Days that count as near.
    pub near_days: u32,
}

impl Sla {
    /// The number with thin spaces.
    #[must_use]
    pub fn overdue_shown(&self) -> String {
        crate::text::count(self.overdue.0)
    }

    /// The number with thin spaces.
    #[must_use]
    pub fn near_shown(&self) -> String {
        crate::text::count(self.near.0)
    }
}

/// How long issues of one severity took until they were resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MttrLine {
    /// The severity.
    pub badge: Badge,
    /// "12 days"; `None` where too few were resolved to say.
    pub mean: Option<String>,
    /// How many were resolved.
    pub resolved: String,
}

/// A repository or an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopLine {
    /// Its name.
    pub name: String,
    /// Its open issues.
    pub href: String,
    /// Its weight, for people.
    pub weight: String,
    /// Its weight against that of the first, in thousandths.
    pub part: u32,
    /// Open issues by severity, the worst first.
    pub counts: Vec<SeverityCount>,
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Locations that are selected.
    pub selected: u64,
    /// Locations that could be scanned and are not selected.
    pub not_selected: u64,
    /// Selected locations whose last scan was complete.
    pub complete: u64,
    /// Partial.
    pub partial: u64,
    /// Failed.
    pub failed: u64,
    /// Never scanned.
    pub never: u64,
    /// Images that were read completely.
    pub images: u64,
    /// Images that were read in part.
    pub images_partial: u64,
    /// What was left out, by reason: words, how many, list.
    pub left_out: Vec<(String, String, String)>,
}

impl Coverage {
    /// Parts of the bar of locations, in thousandths: class, word, count, begin, width.
    #[must_use]
    pub fn bar(&self) -> Vec<(&'static str, &'static str, String, u32, u32)> {
        let parts = [
            ("good", "complete", self.complete),
            ("warn", "partial", self.partial),
            ("bad", "failed", self.failed),
            ("none", "never scanned", self.never),
        ];
        let all: u64 = parts.iter().map(|part| part.2).sum();
        let mut begin = 0;
        parts
            .into_iter()
            .filter(|part| part.2 > 0)
            .map(|(class, word, count)| {
                let width = u32::try_from(count.saturating_mul(1000) / all.max(1)).unwrap_or(0);
                let at = begin;
                begin += width;
                (class, word, crate::text::count(count), at, width)
            })
            .collect()
    }

    /// "12 locations".
    #[must_use]
    pub fn locations(&self) -> String {
        crate::text::counted(self.selected, "location is", "locations are")
    }

    /// "3 images".
    #[must_use]
    pub fn images_shown(&self) -> String {
        crate::text::counted(self.images, "image was", "images were")
    }
}

/// Something that runs, waits, or will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// "Scan of acme".
    pub what: String,
    /// "scanning, 3 of 12 locations".
    pub how: String,
    /// Its page.
    pub href: String,
    /// Since when, or when.
    pub at: Option<When>,
}
