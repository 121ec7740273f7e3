//! The queue: what was found and what came of it, the filters, the list, the groups; and what is excluded.

use askama::Template;

use crate::parts::{Badge, Choice, Pager, When};
use crate::{Chrome, text};

/// `/issues`.
#[derive(Template)]
#[template(path = "pages/issues.html")]
pub struct Issues {
    /// Around it.
    pub chrome: Chrome,
    /// What was found, and what came of it.
    pub funnel: Funnel,
    /// Saved views, the built-in ones first.
    pub views: Vec<View>,
    /// The view that is looked at, where one is.
    pub view: Option<CurrentView>,
    /// What is searched for.
    pub search: String,
    /// Filters that are always there.
    pub filters: Vec<Filter>,
    /// Filters behind "More filters".
    pub more: Vec<Filter>,
    /// Parameters that the form of the filters keeps.
    pub kept: Vec<(String, String)>,
    /// What is filtered by.
    pub chips: Vec<Chip>,
    /// The list without any filter, where there is one.
    pub clear: Option<String>,
    /// What of the address was not understood.
    pub notices: Vec<String>,
    /// What the list does not show, and why ("2 of 14 locations were not scanned completely").
    pub coverage: Option<Coverage>,
    /// Ways to lay issues together.
    pub groupings: Vec<Tab>,
    /// Columns that there are.
    pub columns: Vec<Choice>,
    /// Parameters that the form of the columns keeps.
    pub columns_kept: Vec<(String, String)>,
    /// The list, the groups, or why there are none.
    pub list: List,
    /// The query of this list, without its page.
    pub query: String,
    /// How many issues the filter takes.
    pub total: u64,
    /// Most issues of one action.
    pub bulk_limit: u64,
    /// Formats, each with the address that answers it.
    pub exports: Vec<(String, String)>,
}

impl Issues {
    /// How many filters behind "More filters" are used.
    #[must_use]
    pub fn more_active(&self) -> usize {
        self.more.iter().filter(|one| one.active > 0).count()
    }

    /// "1 234 issues".
    #[must_use]
    pub fn total_words(&self) -> String {
        text::counted(self.total, "issue", "issues")
    }

    /// True when one action may take all that the filter takes.
    #[must_use]
    pub fn may_take_all(&self) -> bool {
        self.total <= self.bulk_limit
    }

    /// "1 000".
    #[must_use]
    pub fn limit_words(&self) -> String {
        text::count(self.bulk_limit)
    }
}

/// What was found, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Funnel {
    /// What tools said.
    pub found: u64,
    /// What of it is in the queue.
    pub prioritised: u64,
    /// The issues that it makes.
    pub issues: u64,
    /// Each severity, the worst first.
    pub tiles: Vec<Tile>,
}

impl Funnel {
    /// A number with spaces.
    #[must_use]
    pub fn words(&self, number: &u64) -> String {
        text::count(*number)
    }
}

/// A severity of the funnel, which is a filter too.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The severity.
    pub badge: Badge,
    /// Issues of it.
    pub count: u64,
    /// What the tools found of it.
    pub found: u64,
    /// It is filtered by.
    pub chosen: bool,
    /// The list with this filter, or without it where it is chosen.
    pub href: String,
}

impl Tile {
    /// The number of issues.
    #[must_use]
    pub fn words(&self) -> String {
        text::count(self.count)
    }

    /// What tools found, in words.
    #[must_use]
    pub fn found_words(&self) -> String {
        text::count(self.found)
    }
}

/// A saved view.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub href: String,
    /// It is looked at.
    pub chosen: bool,
    /// It is looked at, with other filters than it was saved with.
    pub changed: bool,
}

/// The view that is looked at.
#[derive(Clone, Debug)]
pub struct CurrentView {
    /// Its number, where it is the person's own.
    pub id: Option<i64>,
    /// Its name.
    pub name: String,
    /// The filters differ from what was saved.
    pub changed: bool,
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The parameter.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it is about, in a few words; may be empty.
    pub help: String,
    /// What can be chosen or entered.
    pub input: Input,
    /// How many values are used.
    pub active: usize,
}

impl Filter {
    /// A number with spaces.
    #[must_use]
    pub fn words(&self, number: &u64) -> String {
        text::count(*number)
    }
}

/// What can be chosen or entered in a filter.
#[derive(Clone, Debug)]
pub enum Input {
    /// Any of these.
    Many(Vec<Choice>),
    /// One of these.
    One(Vec<Choice>),
    /// Words: those that are used, and what may be entered.
    Words {
        /// What is used.
        used: Vec<String>,
        /// What there is, as far as it is shown.
        known: Vec<String>,
        /// An example.
        example: String,
    },
    /// Any of these, and words besides.
    Dates {
        /// From this day on.
        from: String,
        /// Before this day.
        until: String,
    },
    /// A number.
    Number {
        /// What is used.
        value: String,
        /// An example.
        example: String,
    },
}

/// A filter that is used.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Name of the filter.
    pub label: String,
    /// Its value.
    pub value: String,
    /// The list without it.
    pub remove: String,
}

/// What was not looked at.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// A sentence.
    pub sentence: String,
    /// Where it is told: label and address.
    pub link: (String, String),
}

/// One of several ways.
#[derive(Clone, Debug)]
pub struct Tab {
    /// What people read.
    pub label: String,
    /// Where it is.
    pub href: String,
    /// It is looked at.
    pub chosen: bool,
}

/// What is below the filters.
#[derive(Clone, Debug)]
pub enum List {
    /// Issues.
    Rows {
        /// Heads of columns after the first three.
        heads: Vec<Head>,
        /// Heads of the first columns: severity, issue.
        severity: Head,
        /// The column with title, package and location.
        title: Head,
        /// The issues.
        rows: Vec<Row>,
        /// Where it goes on.
        pager: Pager,
    },
    /// Groups of issues.
    Groups {
        /// What they are laid together by ("Package").
        by: String,
        /// The groups.
        groups: Vec<Group>,
        /// Where there are more: a sentence.
        more: Option<String>,
    },
    /// Nothing, and what to do.
    Empty(Empty),
}

/// A head of a column.
#[derive(Clone, Debug)]
pub struct Head {
    /// What people read.
    pub label: String,
    /// The list sorted by it; `None` where nothing is sorted by it.
    pub href: Option<String>,
    /// `ascending`, `descending`, or empty.
    pub sorted: &'static str,
    /// Numbers stand to the right.
    pub number: bool,
}

/// An issue of the list.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub href: String,
    /// OX's severity.
    pub badge: Badge,
    /// The tool's, where it is another.
    pub before: Option<Badge>,
    /// `up` or `down`; empty where it was not moved.
    pub moved: &'static str,
    /// One line.
    pub title: String,
    /// The package with its version.
    pub package: String,
    /// The location.
    pub location: String,
    /// Words about it: known exploited, fix, excluded, new; each with a tone.
    pub marks: Vec<(String, &'static str)>,
    /// The cells of the other columns.
    pub cells: Vec<Cell>,
    /// Which state of the issue is shown: an edit says it.
    pub version: String,
}

/// A cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number.
    Number(String),
    /// A time.
    When(When),
    /// A word with a tone.
    State(String, &'static str),
}

/// Issues that have something in common.
#[derive(Clone, Debug)]
pub struct Group {
    /// What it is.
    pub name: String,
    /// The list of its issues.
    pub href: String,
    /// The worst severity.
    pub worst: Badge,
    /// How many issues.
    pub issues: u64,
    /// How many of each severity, the worst first, without those that have none.
    pub counts: Vec<(Badge, u64)>,
    /// How many of them have a fix.
    pub fixable: u64,
    /// How many of them are known to be exploited.
    pub exploited: u64,
}

impl Group {
    /// A number with spaces.
    #[must_use]
    pub fn words(&self, number: &u64) -> String {
        text::count(*number)
    }
}

/// Why a list is empty, and what to do.
#[derive(Clone, Debug)]
pub struct Empty {
    /// A few words.
    pub title: String,
    /// What it means and what to do.
    pub sentence: String,
    /// Label and address.
    pub action: Option<(String, String)>,
}

/// `/exclusions`.
#[derive(Template)]
#[template(path = "pages/exclusions.html")]
pub struct Exclusions {
    /// Around it.
    pub chrome: Chrome,
    /// The exclusions, the newest first.
    pub rows: Vec<ExclusionRow>,
    /// Those that ended are shown, too.
    pub ended: bool,
    /// What was wrong with the form.
    pub error: Option<String>,
    /// What was entered.
    pub entered: ExclusionForm,
    /// Where there are more than are shown: a sentence.
    pub more: Option<String>,
}

/// What was entered for an exclusion that covers more than one issue.
#[derive(Clone, Debug, Default)]
pub struct ExclusionForm {
    /// `rule`, `package`, `application`, `location`.
    pub scope: String,
    /// The pattern or the name.
    pub value: String,
    /// Only in this application.
    pub application: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: String,
    /// What kind.
    pub kind: String,
}

/// An exclusion.
#[derive(Clone, Debug)]
pub struct ExclusionRow {
    /// Its number.
    pub id: i64,
    /// What kind, in words.
    pub kind: String,
    /// What it covers.
    pub covers: String,
    /// Where that is.
    pub href: Option<String>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: When,
    /// When it ends by itself.
    pub until: Option<When>,
    /// When it ended, and by whom.
    pub ended: Option<(When, String)>,
}
