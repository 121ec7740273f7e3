//! What the commands of the queue need, from a host of this process or from a daemon.

use std::sync::Arc;

use async_trait::async_trait;
use ox_advisory::index::Record;
use ox_issue::severity::Severity;

use crate::host::{
    AdvisoryStatus, Events, Gathered, Host, HostError, IssueDetail, ScanDiff, ScanSummaryRow,
};
use crate::store::StoredPolicy;
use crate::store::issues::{
    ExclusionRow, Funnel, IssueFilter, IssueOrder, IssuePage, NewExclusion,
};

type Answer<T> = Result<T, HostError>;

/// The queue as the commands see it; the methods are those of [`Host`]. A daemon knows by itself who does
/// something, so `by` counts on a data folder only.
#[async_trait]
pub(crate) trait Queue: Send + Sync {
    fn issues(&self, filter: &IssueFilter, order: &IssueOrder) -> Answer<IssuePage>;
    fn funnel(&self, filter: &IssueFilter) -> Answer<Funnel>;
    fn issue(&self, id: i64) -> Answer<IssueDetail>;
    async fn assign(&self, id: i64, to: Option<&str>, by: &str) -> Answer<()>;
    async fn comment(&self, id: i64, text: &str, by: &str) -> Answer<()>;
    async fn set_severity(
        &self,
        id: i64,
        severity: Option<Severity>,
        reason: &str,
        by: &str,
    ) -> Answer<()>;
    fn exclusions(&self, ended: bool) -> Answer<Vec<ExclusionRow>>;
    async fn exclude(&self, new: NewExclusion) -> Answer<i64>;
    async fn end_exclusion(&self, id: i64, by: &str) -> Answer<()>;
    async fn import_vex(&self, bytes: &[u8], by: &str) -> Answer<(usize, usize)>;
    fn scans(&self, connection: Option<&str>) -> Answer<Vec<ScanSummaryRow>>;
    fn diff(&self, from: i64, to: i64) -> Answer<ScanDiff>;
    /// The policy as it was set; `None` while the default counts.
    fn policy(&self) -> Answer<Option<StoredPolicy>>;
    /// Sets a policy and brings the queue up to it.
    async fn set_policy(&self, text: &str, by: &str, events: Arc<dyn Events>) -> Answer<Gathered>;
    fn advisory_status(&self) -> Answer<AdvisoryStatus>;
    fn advisory(&self, id: &str) -> Answer<Option<Record>>;
}

#[async_trait]
impl Queue for Host {
    fn issues(&self, filter: &IssueFilter, order: &IssueOrder) -> Answer<IssuePage> {
        Host::issues(self, filter, order)
    }

    fn funnel(&self, filter: &IssueFilter) -> Answer<Funnel> {
        Host::funnel(self, filter)
    }

    fn issue(&self, id: i64) -> Answer<IssueDetail> {
        Host::issue(self, id)
    }

    async fn assign(&self, id: i64, to: Option<&str>, by: &str) -> Answer<()> {
        Host::assign(self, id, to, by).await
    }

    async fn comment(&self, id: i64, text: &str, by: &str) -> Answer<()> {
        Host::comment(self, id, text, by).await
    }

    async fn set_severity(
        &self,
        id: i64,
        severity: Option<Severity>,
        reason: &str,
        by: &str,
    ) -> Answer<()> {
        Host::set_severity(self, id, severity, reason, by).await
    }

    fn exclusions(&self, ended: bool) -> Answer<Vec<ExclusionRow>> {
        Host::exclusions(self, ended)
    }

    async fn exclude(&self, new: NewExclusion) -> Answer<i64> {
        Host::exclude(self, new).await
    }

    async fn end_exclusion(&self, id: i64, by: &str) -> Answer<()> {
        Host::end_exclusion(self, id, by).await
    }

    async fn import_vex(&self, bytes: &[u8], by: &str) -> Answer<(usize, usize)> {
        Host::import_vex(self, bytes, by).await
    }

    fn scans(&self, connection: Option<&str>) -> Answer<Vec<ScanSummaryRow>> {
        Host::scans(self, connection)
    }

    fn diff(&self, from: i64, to: i64) -> Answer<ScanDiff> {
        Host::diff(self, from, to)
    }

    fn policy(&self) -> Answer<Option<StoredPolicy>> {
        Host::policy(self)
    }

    async fn set_policy(&self, text: &str, by: &str, events: Arc<dyn Events>) -> Answer<Gathered> {
        Host::set_policy(self, text, by).await?;
        self.gather(&events).await
    }

    fn advisory_status(&self) -> Answer<AdvisoryStatus> {
        Host::advisory_status(self)
    }

    fn advisory(&self, id: &str) -> Answer<Option<Record>> {
        Ok(self.advisories()?.record(id).map_err(anyhow::Error::from)?)
    }
}
