//! Small parts that many pages have: a severity, a time, a page of a list. Their markup is in
//! `templates/parts.html`.

use crate::text;

/// A time, absolute and as people say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// RFC 3339, for machines.
    pub stamp: String,
    /// `2026-11-23 01:04` (UTC), shown on hover.
    pub moment: String,
    /// `3 hours ago`.
    pub ago: String,
}

impl When {
    /// From RFC 3339 texts.
    #[must_use]
    pub fn new(stamp: &str, now: &str) -> Self {
        Self {
            stamp: text::plain(stamp),
            moment: text::moment(stamp),
            ago: text::ago(stamp, now),
        }
    }
}

/// A severity as a badge: word, icon, colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge {
    /// `Critical`.
    pub label: &'static str,
    /// `critical`: class of the badge, name of its icon.
    pub class: &'static str,
}

impl Badge {
    /// Of a severity.
    #[must_use]
    pub fn of(severity: ox_issue::Severity) -> Self {
        use ox_issue::Severity::{Appoxalypse, Critical, High, Info, Low, Medium};
        let (label, class) = match severity {
            Appoxalypse => ("Appoxalypse", "appoxalypse"),
            Critical => ("Critical", "critical"),
            High => ("High", "high"),
            Medium => ("Medium", "medium"),
            Low => ("Low", "low"),
            Info => ("Info", "info"),
        };
        Self { label, class }
    }
}

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// "1–50 of 1 234 issues".
    pub summary: String,
    /// Address of the first page, where this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// A choice of a select, a filter, a radio group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What people read.
    pub label: String,
    /// It is chosen.
    pub chosen: bool,
    /// How many there are, where that is known.
    pub count: Option<u64>,
}

impl Choice {
    /// A choice without a count.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>, chosen: bool) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            chosen,
            count: None,
        }
    }
}
