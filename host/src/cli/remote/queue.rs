//! The queue through a daemon.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use ox_advisory::index::Record;
use ox_issue::severity::Severity;
use serde_json::json;

use super::{Answer, ROWS, Remote, is_missing, segment};
use crate::cli::queue::Queue;
use crate::host::{
    AdvisoryStatus, Events, Gathered, HostError, IssueDetail, ScanDiff, ScanSummaryRow,
};
use crate::serve::api::client as api;
use crate::store::StoredPolicy;
use crate::store::issues::{
    Covers, ExclusionRow, Funnel, IssueFilter, IssueOrder, IssuePage, NewExclusion,
};

impl Remote {
    async fn edit(&self, method: Method, path: &str, body: serde_json::Value) -> Answer<()> {
        self.client.send(method, path, &body).await.map(drop)
    }
}

#[async_trait]
impl Queue for Remote {
    fn issues(&self, filter: &IssueFilter, order: &IssueOrder) -> Answer<IssuePage> {
        let wanted = match order.limit {
            0 => usize::MAX,
            limit => limit,
        };
        let mut order = order.clone();
        let mut issues = Vec::new();
        loop {
            order.limit = ROWS.min(wanted - issues.len());
            let page: api::IssueList = self.get(&api::issues("/issues", filter, &order))?;
            issues.extend(page.issues);
            let ended = page.meta.next.is_none() || issues.len() >= wanted;
            if ended {
                return Ok(IssuePage {
                    issues,
                    next: page.meta.next,
                    total: page.meta.total,
                });
            }
            order.after = page.meta.next;
        }
    }

    fn funnel(&self, filter: &IssueFilter) -> Answer<Funnel> {
        let path = api::issues("/issues/funnel", filter, &IssueOrder::default());
        let funnel: api::FunnelReport = self.get(&path)?;
        Ok(funnel.into())
    }

    fn issue(&self, id: i64) -> Answer<IssueDetail> {
        self.get(&format!("/issues/{id}"))
    }

    async fn assign(&self, id: i64, to: Option<&str>, _: &str) -> Answer<()> {
        let path = format!("/issues/{id}/assignee");
        self.edit(Method::PUT, &path, json!({"assignee": to})).await
    }

    async fn comment(&self, id: i64, text: &str, _: &str) -> Answer<()> {
        let path = format!("/issues/{id}/comments");
        self.edit(Method::POST, &path, json!({"text": text})).await
    }

    async fn set_severity(
        &self,
        id: i64,
        severity: Option<Severity>,
        reason: &str,
        _: &str,
    ) -> Answer<()> {
        let path = format!("/issues/{id}/severity");
        let body = json!({"severity": severity, "reason": reason});
        self.edit(Method::PUT, &path, body).await
    }

    fn exclusions(&self, ended: bool) -> Answer<Vec<ExclusionRow>> {
        let path = format!("/exclusions?ended={ended}");
        self.all(&path, |page: api::ExclusionList| {
            (page.exclusions, page.meta)
        })
    }

    async fn exclude(&self, new: NewExclusion) -> Answer<i64> {
        let Covers::Scope(scope) = new.covers else {
            return Err(HostError::Settings(anyhow::anyhow!(
                "a VEX statement comes with its document; `ox-host exclusions vex FILE` reads one"
            )));
        };
        let body = json!({
            "kind": new.kind, "covers": scope, "reason": new.reason, "until": new.until,
        });
        let answer = self.client.send(Method::POST, "/exclusions", &body).await?;
        Ok(answer.json::<ExclusionRow>()?.id)
    }

    async fn end_exclusion(&self, id: i64, _: &str) -> Answer<()> {
        let path = format!("/exclusions/{id}");
        let ended = self.client.ask(Method::DELETE, &path, &[], Bytes::new());
        ended.await.map(drop)
    }

    async fn import_vex(&self, bytes: &[u8], _: &str) -> Answer<(usize, usize)> {
        let headers = [("content-type", "application/json")];
        let body = Bytes::copy_from_slice(bytes);
        let answer = self
            .client
            .ask(Method::POST, "/exclusions/vex", &headers, body)
            .await?;
        let report: api::VexReport = answer.json()?;
        let many = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok((many(report.statements), many(report.excluded)))
    }

    fn scans(&self, connection: Option<&str>) -> Answer<Vec<ScanSummaryRow>> {
        let path = match connection {
            Some(name) => format!("/scans?connection={}", segment(name)),
            None => "/scans".to_owned(),
        };
        Ok(self.get::<api::ScanList>(&path)?.scans)
    }

    fn diff(&self, from: i64, to: i64) -> Answer<ScanDiff> {
        let connection = std::cell::RefCell::new(String::new());
        let path = format!("/changes?from={from}&to={to}");
        let changes = self.all(&path, |page: api::ChangeList| {
            *connection.borrow_mut() = page.connection;
            (page.changes, page.meta)
        })?;
        Ok(ScanDiff {
            connection: connection.into_inner(),
            from,
            to,
            changes: changes
                .into_iter()
                .map(|change| (change.event, change.issue))
                .collect(),
        })
    }

    fn policy(&self) -> Answer<Option<StoredPolicy>> {
        let policy: api::PolicyText = self.get("/policy")?;
        let (Some(by), Some(at)) = (policy.by, policy.at) else {
            return Ok(None);
        };
        Ok(Some(StoredPolicy {
            id: 0,
            digest: policy.digest,
            text: policy.text,
            by,
            at,
        }))
    }

    async fn set_policy(&self, text: &str, _: &str, _: Arc<dyn Events>) -> Answer<Gathered> {
        let body = json!({"text": text});
        let answer = self.client.send(Method::PUT, "/policy", &body).await?;
        Ok(answer.json::<api::SetPolicy>()?.gathered)
    }

    fn advisory_status(&self) -> Answer<AdvisoryStatus> {
        self.get("/advisories")
    }

    fn advisory(&self, id: &str) -> Answer<Option<Record>> {
        let found: Answer<api::AdvisoryRecord> = self.get(&format!("/advisories/{}", segment(id)));
        match found {
            Ok(record) => Ok(Some(Record {
                source: record.source,
                head: record.head,
                affected: record.affected,
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
