//! Images: what is scanned, what is not and why, and one image with its layers and packages.

use askama::Template;

use crate::Chrome;
use crate::parts::{Badge, Choice, Pager, When};

/// How many issues of one severity, and where they are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityCount {
    /// The severity.
    pub badge: Badge,
    /// How many.
    pub count: u64,
    /// The list.
    pub href: String,
}

impl SeverityCount {
    /// The number with thin spaces.
    #[must_use]
    pub fn shown(&self) -> String {
        crate::text::count(self.count)
    }
}

/// One of the lists of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// What people read.
    pub label: &'static str,
    /// Where it is.
    pub href: String,
    /// How many there are, where that is known.
    pub count: Option<u64>,
    /// It is the one shown.
    pub current: bool,
}

impl Tab {
    /// The number with thin spaces.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        self.count.map(crate::text::count)
    }
}

/// `/images`.
#[derive(Template)]
#[template(path = "pages/images.html")]
pub struct Images {
    /// Around it.
    pub chrome: Chrome,
    /// Scanned, not scanned, failed.
    pub tabs: Vec<Tab>,
    /// Word of the shown tab, for the form.
    pub tab: &'static str,
    /// What is looked for.
    pub query: String,
    /// The connections; the first is all of them.
    pub connections: Vec<Choice>,
    /// Part of a path of a location.
    pub location: String,
    /// Only one reason, on the tab of what was not scanned.
    pub reason: String,
    /// What is shown.
    pub shown: Shown,
    /// Where the list goes on.
    pub pager: Pager,
    /// Something is asked for, so an empty list means that nothing is like that.
    pub filtered: bool,
    /// An account is connected.
    pub connected: bool,
}

/// What a tab shows.
#[derive(Clone, Debug)]
pub enum Shown {
    /// Images that were read.
    Scanned(Vec<ImageLine>),
    /// What was left out, by reason.
    Skipped(Vec<SkipGroup>),
    /// Locations whose last scan failed or is partial.
    Failed(Vec<FailedLine>),
}

/// An image of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLine {
    /// Its page.
    pub href: String,
    /// `registry/repository`.
    pub repository: String,
    /// The first tags.
    pub tags: Vec<String>,
    /// Tags beyond those.
    pub more_tags: u64,
    /// `sha256:0123456789ab`.
    pub digest: String,
    /// `linux/amd64`.
    pub platform: String,
    /// `debian 12`; empty when there is none.
    pub system: String,
    /// Reference of the base image; empty when nothing tells of one.
    pub base: String,
    /// Packages in it, for people.
    pub packages: String,
    /// Open issues, the worst first; none with zero.
    pub issues: Vec<SeverityCount>,
    /// All of it was read.
    pub complete: bool,
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// When it was seen first.
    pub first_seen: When,
    /// When it was seen last.
    pub last_seen: When,
}

/// What was left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipGroup {
    /// Its word (`over-limit`).
    pub reason: String,
    /// The same for people ("over a limit").
    pub phrase: String,
    /// Something that should have been read, and was not.
    pub worrying: bool,
    /// How many things.
    pub count: u64,
    /// The first of them.
    pub lines: Vec<SkipLine>,
    /// All of them, where more are there than shown.
    pub all: Option<String>,
}

impl SkipGroup {
    /// "1 234 things".
    #[must_use]
    pub fn things(&self) -> String {
        crate::text::counted(self.count, "thing", "things")
    }
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipLine {
    /// `tag`, `layer`, …
    pub subject: &'static str,
    /// Its name.
    pub name: String,
    /// Page of the image that it is part of.
    pub image: Option<String>,
    /// Path of the location.
    pub location: String,
    /// Why, in a sentence.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
    /// When that was seen.
    pub seen: When,
}

/// A location whose last scan did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLine {
    /// Path of the location.
    pub location: String,
    /// Name of the connection.
    pub connection: String,
    /// It failed; otherwise it is partial.
    pub failed: bool,
    /// What kind of reason ("permission"); empty for a partial one.
    pub class: String,
    /// Why, in a sentence.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
    /// The list of what was left out there, for a partial one.
    pub skipped: Option<String>,
    /// When it was scanned.
    pub at: Option<When>,
}

/// `/images/{connection}/{digest}`.
#[derive(Template)]
#[template(path = "pages/image.html")]
pub struct ImagePage {
    /// Around it.
    pub chrome: Chrome,
    /// `registry/repository:tag`.
    pub name: String,
    /// All of it was read.
    pub complete: bool,
    /// Why it is not complete, when it is not.
    pub incomplete: String,
    /// What is known of it: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Its whole digest.
    pub digest: String,
    /// Every tag.
    pub tags: Vec<String>,
    /// The base image, and how that is known.
    pub base: Option<BaseImage>,
    /// Open issues, the worst first.
    pub issues: Vec<SeverityCount>,
    /// All issues of it.
    pub issues_href: String,
    /// Label and address of each download.
    pub downloads: Vec<(&'static str, String)>,
    /// Why no bill of materials can be had.
    pub no_downloads: Option<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Secrets and the like, worst first.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
    /// What was not looked at, by reason.
    pub skipped: Vec<SkipGroup>,
    /// Formats of packages, to choose one.
    pub formats: Vec<Choice>,
    /// The layer that packages are shown of, to choose one.
    pub layer_choices: Vec<Choice>,
    /// What is looked for in names of packages.
    pub query: String,
    /// Packages of this page; `None` when they have never come whole.
    pub packages: Option<Vec<PackageLine>>,
    /// Where the list of packages goes on.
    pub pager: Pager,
    /// Where else it is: location, and page.
    pub also: Vec<String>,
    /// Licences, most packages first: name, and how many packages.
    pub licences: Vec<(String, String)>,
}

/// The base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseImage {
    /// Its reference; empty when only its layers are known.
    pub name: String,
    /// Its digest; may be empty.
    pub digest: String,
    /// "the lowest 3 layers"; may be empty.
    pub layers: String,
    /// How this is known; may be empty.
    pub why: String,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Counted from 0, the lowest.
    pub index: usize,
    /// Digest of the blob.
    pub digest: String,
    /// Its beginning.
    pub short: String,
    /// Bytes for people.
    pub size: String,
    /// What made it.
    pub command: String,
    /// `base`, `own`, or empty when that is not known.
    pub of: &'static str,
    /// Packages that it brought.
    pub packages: String,
    /// Where those are listed; `None` when there are none.
    pub packages_href: Option<String>,
    /// Findings that lead to it.
    pub findings: String,
}

/// A secret, a misconfiguration or another finding of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Severity in the tool's word, as a badge.
    pub badge: Badge,
    /// `secret`, `misconfiguration`, …
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// What was seen, masked.
    pub seen: String,
    /// Where: a path.
    pub place: String,
    /// The layer; empty when not known.
    pub layer: String,
    /// `detected`, `dismissed`, …
    pub state: String,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `dpkg`, `npm`, …
    pub format: String,
    /// Ecosystem under which advisories know it, or why it is not looked up.
    pub ecosystem: String,
    /// As stated.
    pub licences: String,
    /// Number of its layer.
    pub layer: String,
    /// `base-image`, `user-layer`, …
    pub origin: &'static str,
    /// The file that says so.
    pub path: String,
}
