//! The order of a list, and the place where a page ends.

use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::super::super::{Result, StoreError};

/// What a list is sorted by.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SortKey {
    /// OX's severity, then the number.
    #[default]
    Severity,
    /// The tool's severity.
    SeverityBefore,
    /// EPSS score.
    Epss,
    /// The number of images and places.
    Occurrences,
    /// When it was seen first.
    FirstSeen,
    /// When it changed last.
    Changed,
    /// The deadline.
    Due,
    /// The package.
    Package,
    /// The application.
    Application,
    /// The location.
    Location,
    /// The owner.
    Owner,
    /// The title.
    Title,
}

impl SortKey {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Severity => "issue.severity",
            Self::SeverityBefore => "issue.original",
            Self::Epss => "coalesce(issue.epss, -1.0)",
            Self::Occurrences => "issue.occurrences",
            Self::FirstSeen => "issue.first_seen",
            Self::Changed => "issue.changed_at",
            Self::Due => "coalesce(issue.due, '9')",
            Self::Package => "coalesce(issue.package, '')",
            Self::Application => "issue.application",
            Self::Location => "location.path",
            Self::Owner => "coalesce(issue.owner, '')",
            Self::Title => "issue.title",
        }
    }

    /// What is the natural end to begin with: the worst, the newest, the first letter.
    fn descends(self) -> bool {
        matches!(
            self,
            Self::Severity
                | Self::SeverityBefore
                | Self::Epss
                | Self::Occurrences
                | Self::FirstSeen
                | Self::Changed
        )
    }
}

/// The order of a list, and where it goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueOrder {
    /// By what.
    pub by: SortKey,
    /// The other way round.
    pub reverse: bool,
    /// `next` of the page before.
    pub after: Option<String>,
    /// Issues a page; 0 means as many as a page may have.
    pub limit: usize,
}

impl IssueOrder {
    pub(super) fn descends(&self) -> bool {
        self.by.descends() != self.reverse
    }
}

/// The text of a place in an order: a letter for the type, the value, the number.
pub(super) fn write_cursor(value: &Value, id: i64) -> String {
    match value {
        Value::Integer(value) => format!("i{value}/{id}"),
        Value::Real(value) => format!("r{value}/{id}"),
        Value::Text(value) => format!("t{value}/{id}"),
        Value::Null | Value::Blob(_) => format!("t/{id}"),
    }
}

pub(super) fn read_cursor(text: &str) -> Result<(Value, i64)> {
    let wrong = || StoreError::Refused(format!("{text:?} is not the end of a page"));
    let (value, id) = text.rsplit_once('/').ok_or_else(wrong)?;
    let id: i64 = id.parse().map_err(|_| wrong())?;
    let value = if let Some(value) = value.strip_prefix('t') {
        Value::Text(value.to_owned())
    } else if let Some(value) = value.strip_prefix('i') {
        Value::Integer(value.parse().map_err(|_| wrong())?)
    } else if let Some(value) = value.strip_prefix('r') {
        Value::Real(value.parse().map_err(|_| wrong())?)
    } else {
        return Err(wrong());
    };
    Ok((value, id))
}
