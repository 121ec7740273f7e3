//! The gear: the tree of locations of a connection, and which of them are scanned.

use askama::Template;

use crate::Chrome;
use crate::parts::When;

/// How a part of the tree stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tri {
    /// All of it is scanned.
    On,
    /// None of it is.
    Off,
    /// Some of it is.
    Mixed,
}

impl Tri {
    /// From how many of how many.
    #[must_use]
    pub fn of(chosen: u64, all: u64) -> Self {
        match chosen {
            0 => Self::Off,
            chosen if chosen == all => Self::On,
            _ => Self::Mixed,
        }
    }

    /// The word in `data-state`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Mixed => "mixed",
        }
    }
}

/// A location that holds others.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Id of its element.
    pub id: String,
    /// What the form calls it.
    pub key: String,
    /// Last part of its path.
    pub name: String,
    /// Its path.
    pub path: String,
    /// "Group".
    pub kind: String,
    /// How it stands.
    pub state: Tri,
    /// Locations below that are scanned.
    pub chosen: u64,
    /// Locations below that can be.
    pub all: u64,
    /// It is unfolded.
    pub is_open: bool,
    /// What is below it is not on the page: the address of a page on which it is.
    pub lazy: Option<String>,
    /// Archived, visibility, last activity.
    pub attributes: Vec<String>,
}

/// A location that can be scanned.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Last part of its path.
    pub name: String,
    /// Its path.
    pub path: String,
    /// "Image repository".
    pub kind: String,
    /// It is scanned.
    pub chosen: bool,
    /// Why it can't be scanned.
    pub unscannable: Option<(String, String)>,
    /// Archived, visibility, last activity, last scan.
    pub attributes: Vec<String>,
    /// It came after the selection was saved.
    pub is_new: bool,
}

/// The tree, in the order in which it is written.
#[derive(Clone, Debug)]
pub enum TreeRow {
    /// A location that holds others begins.
    Open(Holder),
    /// The leaves of one holder follow: what the form sends about them, so that a save that saw other locations
    /// than there are now is refused.
    Shown(String),
    /// A location that can be scanned.
    Leaf(Leaf),
    /// Leaves of the holder that are not on the page.
    Rest {
        /// How many.
        count: u64,
        /// How many of them are scanned.
        chosen: u64,
        /// What the form calls the holder.
        key: String,
    },
    /// The location that was opened last ends.
    Close,
}

/// `/connections/{name}/locations`.
#[derive(Template)]
#[template(path = "pages/locations.html")]
pub struct Locations {
    /// Around it.
    pub chrome: Chrome,
    /// Name of the connection.
    pub name: String,
    /// Where its page is.
    pub back: String,
    /// Where the forms post to.
    pub action: String,
    /// What was searched for.
    pub search: String,
    /// What is unfolded though the tree is large: keys.
    pub opened: Vec<String>,
    /// "48 of 52 locations are scanned".
    pub summary: String,
    /// When they were listed last.
    pub listed: Option<When>,
    /// What a search found, where it was cut.
    pub found: Option<String>,
    /// The tree.
    pub rows: Vec<TreeRow>,
    /// New locations are scanned.
    pub monitors_new: bool,
    /// Patterns of what is scanned, one a line.
    pub include: String,
    /// Patterns of what is left out, one a line.
    pub exclude: String,
    /// The patterns are not those that the tree would make.
    pub is_handwritten: bool,
    /// The fold of the patterns is open.
    pub patterns_open: bool,
    /// What is wrong with what came.
    pub fault: Option<String>,
}
