//! What the remote command line knows of the API: its shapes, and how its lists are asked for.

use crate::host::Filter;
use crate::store::issues::{IssueFilter, IssueOrder};

pub(crate) use super::advisories::AdvisoryRecord;
pub(crate) use super::changes::ChangeList;
pub(crate) use super::connections::List as ConnectionList;
pub(crate) use super::connectors::List as ConnectorList;
pub(crate) use super::exclusions::{ExclusionList, VexReport};
pub(crate) use super::findings::{FindingList, SkippedList};
pub(crate) use super::images::{ImageList, PackageList};
pub(crate) use super::issues::{FunnelReport, List as IssueList};
pub(crate) use super::locations::List as LocationList;
pub(crate) use super::policy::{PolicyText, SetPolicy};
pub(crate) use super::runs::{AskedRun, OneRun, ScanList};

/// The address of a list of findings, images or skips.
pub(crate) fn seen(path: &str, filter: &Filter) -> String {
    let query = super::findings::SeenQuery::of(filter).text();
    format!("{path}?{query}")
}

/// The address of the queue, or of its funnel.
pub(crate) fn issues(path: &str, filter: &IssueFilter, order: &IssueOrder) -> String {
    let query = super::issues::filter::IssueQuery::of(filter, order).text();
    format!("{path}?{query}")
}
