//! The queue as lists read it: filters, order, pages, the funnel, choices of filters, groups.

mod conditions;
mod facets;
mod filter;
mod funnel;
mod groups;
mod order;

use ox_issue::issue::{AgainstLastScan, Exclusion, Issue, SeverityOverride, Sla};
use ox_issue::severity::Severity;
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use serde::Serialize;

use super::super::{Result, Store, now};
use super::work;
use conditions::{Of, conditions, is_narrow};
pub use facets::{Choices, Facets};
pub use filter::{IssueFilter, Reprioritised, SlaFilter, Standing};
pub use funnel::{Funnel, SeverityCounts};
pub use groups::{Group, Grouping, Groups};
pub use order::{IssueOrder, SortKey};
use order::{read_cursor, write_cursor};

/// Most issues of one page.
pub const PAGE: usize = 10_000;

/// So many issues are found first and sorted then, where a filter names nothing that they are found by.
const FEW: u64 = 3_000;

/// A page of issues.
#[derive(Clone, Debug, Serialize)]
pub struct IssuePage {
    /// The issues.
    pub issues: Vec<Issue>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
    /// How many issues the filter takes in all.
    pub total: u64,
}

/// Columns that make an issue, in the order of [`issue_of`].
const COLUMNS: &str = "issue.id, issue.record, issue.state, issue.against, issue.severity, issue.own_severity,
     issue.exclusion, issue.excluded_until, issue.due, issue.assignee, issue.comments, issue.first_seen,
     issue.last_seen, issue.closed_at";

fn issue_of(
    row: &rusqlite::Row<'_>,
    stamp: &str,
    sla: &dyn Fn(&str) -> Option<Sla>,
) -> Result<Issue> {
    let record: String = row.get(1)?;
    let mut issue: Issue = serde_json::from_str(&record)?;
    issue.id = row.get(0)?;
    let state: String = row.get(2)?;
    if state == "open" {
        issue.status = ox_issue::issue::Status::Open;
    }
    let against: String = row.get(3)?;
    issue.against_last_scan = match against.as_str() {
        "new" => AgainstLastScan::New,
        "changed" => AgainstLastScan::Changed,
        "reopened" => AgainstLastScan::Reopened,
        "closed" => AgainstLastScan::Closed,
        _ => AgainstLastScan::Same,
    };
    issue.severity = Severity::from_rank(row.get(4)?);
    let own: Option<String> = row.get(5)?;
    issue.override_ = own
        .as_deref()
        .map(serde_json::from_str::<SeverityOverride>)
        .transpose()?;
    let exclusion: Option<String> = row.get(6)?;
    let until: Option<String> = row.get(7)?;
    issue.exclusion = match exclusion {
        Some(text) if until.as_deref().is_none_or(|until| until > stamp) => {
            Some(serde_json::from_str::<Exclusion>(&text)?)
        }
        _ => None,
    };
    let due: Option<String> = row.get(8)?;
    issue.sla = due.as_deref().and_then(sla);
    issue.assignee = row.get(9)?;
    issue.comments = row.get(10)?;
    issue.first_seen = row.get(11)?;
    issue.last_seen = row.get(12)?;
    issue.closed_at = row.get(13)?;
    Ok(issue)
}

/// An issue without its deadline; `None` where there is none of that number.
pub(in crate::store) fn issue_of_row(
    tx: &Transaction<'_>,
    id: i64,
    stamp: &str,
) -> Result<Option<Issue>> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM issue WHERE issue.id = ?1"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => Ok(Some(issue_of(row, stamp, &|_| None)?)),
        None => Ok(None),
    }
}

/// Tells how a deadline stands.
pub type Stand = Box<dyn Fn(&str) -> Option<Sla> + Send + Sync>;

/// How deadlines are read: the time until which one is near, and how one stands.
pub struct Deadlines {
    /// A deadline up to here is near; RFC 3339.
    pub near: String,
    /// How a deadline stands now.
    pub stand: Stand,
}

/// Adds issues to a page until it is full; true when it is and more would follow.
fn read_page(
    tx: &Transaction<'_>,
    order: &IssueOrder,
    (conditions, values): (&str, &[Value]),
    (limit, last): (usize, &mut Option<String>),
    (stamp, deadlines): (&str, &Deadlines),
    page: &mut IssuePage,
) -> Result<bool> {
    let key = order.by.sql();
    let from = match order.by {
        // In this order of joining: locations as their paths go, then the issues of each.
        SortKey::Location => {
            "location INDEXED BY location_by_path CROSS JOIN issue ON issue.location_id = location.id"
        }
        _ => "issue",
    };
    let sql = format!(
        "SELECT {COLUMNS}, {key} FROM {from}{conditions} ORDER BY {key} {}, issue.id {} LIMIT {}",
        if order.descends() { "DESC" } else { "ASC" },
        // The other way round is so to the last: equal ones too.
        if order.reverse { "DESC" } else { "ASC" },
        limit.saturating_sub(page.issues.len()).saturating_add(1)
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if page.issues.len() == limit {
            page.next = last.take();
            return Ok(true);
        }
        let issue = issue_of(row, stamp, &*deadlines.stand)?;
        let value: Value = row.get(14)?;
        *last = Some(write_cursor(&value, issue.id));
        page.issues.push(issue);
    }
    Ok(false)
}

impl Store {
    /// A page of issues.
    pub fn issues(
        &self,
        filter: &IssueFilter,
        order: &IssueOrder,
        deadlines: &Deadlines,
    ) -> Result<IssuePage> {
        self.issues_of(filter, order, deadlines, None)
    }

    /// A page of issues. Where it is known how many the filter takes, they are not counted again.
    pub fn issues_of(
        &self,
        filter: &IssueFilter,
        order: &IssueOrder,
        deadlines: &Deadlines,
        known: Option<u64>,
    ) -> Result<IssuePage> {
        let stamp = now();
        let limit = match order.limit {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        self.read(|tx| {
            let of = Of::what(tx, filter, &stamp)?;
            let query = conditions(tx, filter, of, &stamp, &deadlines.near)?;
            let total = match known {
                Some(total) => total,
                None => {
                    let total: i64 = tx
                        .prepare_cached(&format!(
                            "SELECT {}{}{}",
                            of.count(),
                            of.from(),
                            query.sql
                        ))?
                        .query_row(params_from_iter(&query.values), |row| row.get(0))?;
                    u64::try_from(total).unwrap_or(0)
                }
            };
            let mut page = IssuePage {
                issues: Vec::new(),
                next: None,
                total,
            };
            let after = order.after.as_deref().map(read_cursor).transpose()?;
            if total == 0 {
                return Ok(page);
            }
            let mut query = conditions(tx, filter, Of::Issues, &stamp, &deadlines.near)?;
            if of == Of::Issues && total <= FEW && !is_narrow(filter) {
                // In the order of the page one would go by nearly all issues to meet these. They are found in
                // the index of facts, and sorted.
                query.sql = format!(
                    " WHERE issue.id IN (SELECT issue.id FROM issue{})",
                    query.sql
                );
            }
            // A page begins within those that have the same value as the last one of the page before, and goes
            // on with the values beyond: two questions, each of which an index answers from where it begins.
            let parts = match after {
                None => vec![(String::new(), Vec::new())],
                Some((value, id)) => {
                    let key = order.by.sql();
                    vec![
                        (
                            format!(
                                " AND {key} = ? AND issue.id {} ?",
                                if order.reverse { "<" } else { ">" }
                            ),
                            vec![value.clone(), Value::from(id)],
                        ),
                        (
                            format!(" AND {key} {} ?", if order.descends() { "<" } else { ">" }),
                            vec![value],
                        ),
                    ]
                }
            };
            let mut last = None;
            for (sql, values) in parts {
                let sql = format!("{}{sql}", query.sql);
                let values: Vec<Value> = query.values.iter().cloned().chain(values).collect();
                if read_page(
                    tx,
                    order,
                    (&sql, &values),
                    (limit, &mut last),
                    (&stamp, deadlines),
                    &mut page,
                )? {
                    break;
                }
            }
            Ok(page)
        })
    }

    /// The place of an issue in an order: the next one stands behind it.
    pub fn place_of(&self, id: i64, by: SortKey) -> Result<String> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {} FROM issue JOIN location ON location.id = issue.location_id WHERE issue.id = ?1",
                by.sql()
            ))?;
            let mut rows = statement.query([id])?;
            match rows.next()? {
                Some(row) => Ok(write_cursor(&row.get(0)?, id)),
                None => Err(work::no_issue(id)),
            }
        })
    }

    /// How many locations were scanned, and how many of them not completely; one pair a connection.
    pub fn newest_coverage(&self) -> Result<Vec<(u64, u64)>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT count(*), sum(scanned_complete = 0) FROM location
                 WHERE scannable AND gone_at IS NULL AND scanned_at IS NOT NULL GROUP BY connection_id",
            )?;
            let pairs = statement
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
                .map(|pair| {
                    pair.map(|(all, partial)| (all.unsigned_abs(), partial.unsigned_abs()))
                })
                .collect::<rusqlite::Result<_>>()?;
            Ok(pairs)
        })
    }

    /// One issue, wherever it stands.
    pub fn issue(&self, id: i64, deadlines: &Deadlines) -> Result<Issue> {
        let stamp = now();
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached(&format!("SELECT {COLUMNS} FROM issue WHERE issue.id = ?1"))?;
            let mut rows = statement.query([id])?;
            match rows.next()? {
                Some(row) => issue_of(row, &stamp, &*deadlines.stand),
                None => Err(work::no_issue(id)),
            }
        })
    }
}
