//! Runs: what was asked for, how far it is, and how it ended.

use askama::Template;

use super::connectors::{Fault, State};
use crate::Chrome;
use crate::parts::{Choice, Pager, When};

/// A run in a list.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub href: String,
    /// "Scan", "Advisories".
    pub kind: &'static str,
    /// Name of the connection, and where it is.
    pub connection: Option<(String, String)>,
    /// How it stands.
    pub state: State,
    /// "scheduled", "asked for by ada".
    pub cause: String,
    /// When it was asked for.
    pub asked: When,
    /// How long it took, or has taken so far.
    pub took: Option<String>,
    /// "12 of 48 locations".
    pub progress: String,
    /// Done, of; for a bar. `None` where it can't be said.
    pub bar: Option<(u64, u64)>,
    /// "2 troubled".
    pub troubled: Option<String>,
}

/// `/runs`.
#[derive(Template)]
#[template(path = "pages/runs.html")]
pub struct Runs {
    /// Around it.
    pub chrome: Chrome,
    /// Connections to choose from.
    pub connections: Vec<Choice>,
    /// States to choose from.
    pub states: Vec<Choice>,
    /// The runs.
    pub runs: Vec<RunRow>,
    /// A filter is set.
    pub is_filtered: bool,
    /// Where it goes on.
    pub pager: Pager,
}

/// A location of a run.
#[derive(Clone, Debug)]
pub struct LocationRow {
    /// Its path.
    pub path: String,
    /// How it ended.
    pub state: State,
    /// Why, and what to do.
    pub fault: Option<Fault>,
    /// "3 images, 412 packages".
    pub found: String,
    /// Requests.
    pub requests: String,
    /// Bytes.
    pub bytes: String,
    /// Wall time.
    pub took: String,
}

/// A line of a run's log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// `12:04:11`.
    pub time: String,
    /// `info`.
    pub level: String,
    /// Path of the location.
    pub subject: String,
    /// The line.
    pub message: String,
}

/// Something that was not scanned.
#[derive(Clone, Debug)]
pub struct SkipRow {
    /// Path of the location.
    pub location: String,
    /// What it is ("tag v1").
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub hint: String,
}

/// What may be done to a run now, by who looks at it: `cancel`, `pause`, `resume`, `retry`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct May {
    /// Stop it.
    pub cancel: bool,
    /// Let it rest.
    pub pause: bool,
    /// Let it go on.
    pub resume: bool,
    /// Ask for what failed.
    pub retry: bool,
}

/// `/runs/{id}`.
#[derive(Template)]
#[template(path = "pages/run.html")]
pub struct RunPage {
    /// Around it.
    pub chrome: Chrome,
    /// The run.
    pub run: RunRow,
    /// It is not over.
    pub is_live: bool,
    /// What is going on, in a few words.
    pub phase: String,
    /// Why it failed, or what to know about its end.
    pub message: Option<String>,
    /// Numbers: label and value.
    pub numbers: Vec<(&'static str, String)>,
    /// What is being looked at: location, and what of it.
    pub doing: Vec<(String, String)>,
    /// Facts: label and value.
    pub facts: Vec<(&'static str, String)>,
    /// The locations.
    pub locations: Vec<LocationRow>,
    /// "and 9 000 more", where not all are shown.
    pub more_locations: Option<String>,
    /// Only the troubled are shown: the address of the other choice.
    pub only_troubled: (bool, String),
    /// What was not scanned.
    pub skips: Vec<SkipRow>,
    /// "and 300 more".
    pub more_skips: Option<String>,
    /// Origins that were refused: the lines to add.
    pub refused: Vec<String>,
    /// Where the connection's allowed origins are set.
    pub network: Option<String>,
    /// The newest lines of the log.
    pub lines: Vec<LogLine>,
    /// What may be done.
    pub may: May,
}
