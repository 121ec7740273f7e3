//! Issues as rows: weighing a location ([`weigh`]), reading the queue ([`list`]), and what people do with
//! issues ([`work`]).

mod close;
mod history;
mod list;
mod pairing;
mod read;
mod rows;
mod weigh;
mod work;

pub use history::IssueEvent;
pub use list::{
    Choices, Deadlines, Facets, Funnel, Group, Grouping, Groups, IssueFilter, IssueOrder, IssuePage, PAGE, Reprioritised, SeverityCounts,
    SlaFilter, SortKey, Stand, Standing,
};
pub use weigh::{WeighTotals, Weighed};
pub(in crate::store) use weigh::{pend, pend_all as pend_everything};
pub use work::{Covers, ExclusionRow, NewExclusion};
