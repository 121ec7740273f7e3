//! What can be chosen in filters: the values that there are, with counts where these cost nothing.
//!
//! Counts come from the tally alone. A filter by anything that the tally does not know leaves them out, because
//! they would be those of another list.

use ox_issue::severity::Severity;
use rusqlite::Transaction;
use serde::Serialize;

use super::super::super::{Result, Store, now};
use super::conditions::Of;
use super::filter::{IssueFilter, Reprioritised, Standing};

/// Values of one filter that are told.
const MOST: u32 = 60;

/// A value of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choices {
    /// The value.
    pub value: String,
    /// Issues that the list would have with it, where that is known.
    pub issues: Option<u64>,
}

/// What can be chosen in filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// Tools of connections.
    pub source_tool: Vec<Choices>,
    /// Names of connections.
    pub connection: Vec<Choices>,
    /// The tool's severities, from the worst.
    pub severity_before: Vec<(Severity, Option<u64>)>,
    /// Ways a severity was moved.
    pub reprioritised: Vec<(Reprioritised, Option<u64>)>,
    /// Where issues stand.
    pub standing: Vec<(Standing, Option<u64>)>,
    /// Who reported, in lower case.
    pub reported_by: Vec<String>,
    /// Rules of factors.
    pub factor: Vec<String>,
    /// Categories, in lower case.
    pub category: Vec<String>,
    /// Owners.
    pub owner: Vec<String>,
    /// Teams.
    pub team: Vec<String>,
    /// Services.
    pub service: Vec<String>,
    /// Environments.
    pub environment: Vec<String>,
    /// Business priorities.
    pub priority: Vec<String>,
    /// Standards.
    pub standard: Vec<String>,
    /// Applications.
    pub application: Vec<String>,
    /// Who works on issues.
    pub assignee: Vec<String>,
}

/// A row of the tally.
struct Tallied {
    connection: String,
    tool: String,
    standing: Standing,
    severity: Severity,
    original: Severity,
    issues: u64,
}

fn tallied(tx: &Transaction<'_>) -> Result<Vec<Tallied>> {
    let mut statement = tx.prepare_cached(
        "SELECT connection.name, connection.source_tool, state, is_excluded, severity, original, issues
         FROM issue_tally JOIN connection ON connection.id = issue_tally.connection_id WHERE issues > 0",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let state: String = row.get(2)?;
        let issues: i64 = row.get(6)?;
        all.push(Tallied {
            connection: row.get(0)?,
            tool: row.get(1)?,
            standing: match (state.as_str(), row.get(3)?) {
                ("open", false) => Standing::Open,
                ("open", true) => Standing::Excluded,
                ("resolved", _) => Standing::Resolved,
                _ => Standing::Removed,
            },
            severity: Severity::from_rank(row.get(4)?),
            original: Severity::from_rank(row.get(5)?),
            issues: u64::try_from(issues).unwrap_or(0),
        });
    }
    Ok(all)
}

impl Tallied {
    fn moved(&self) -> Reprioritised {
        match self.severity.cmp(&self.original) {
            std::cmp::Ordering::Greater => Reprioritised::Increased,
            std::cmp::Ordering::Less => Reprioritised::Decreased,
            std::cmp::Ordering::Equal => Reprioritised::Unchanged,
        }
    }

    /// True when a filter takes it.
    fn is_in(&self, filter: &IssueFilter) -> bool {
        fn any<T: PartialEq>(values: &[T], value: &T) -> bool {
            values.is_empty() || values.contains(value)
        }
        let standing = match filter.standing.as_slice() {
            [] => self.standing == Standing::Open,
            some => some.contains(&self.standing),
        };
        standing
            && (filter.source_tool.is_empty()
                || filter
                    .source_tool
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(&self.tool)))
            && any(&filter.connection, &self.connection)
            && any(&filter.severity, &self.severity)
            && filter
                .min_severity
                .is_none_or(|least| self.severity >= least)
            && any(&filter.severity_before, &self.original)
            && any(&filter.reprioritised, &self.moved())
    }
}

/// The distinct texts of a column, by steps from one to the next in an index.
fn distinct(
    tx: &Transaction<'_>,
    column: &str,
    table: &str,
    condition: &str,
) -> Result<Vec<String>> {
    let mut statement = tx.prepare_cached(&format!(
        "WITH RECURSIVE one (value) AS (
             SELECT (SELECT {column} FROM {table} WHERE {condition} ORDER BY {column} LIMIT 1)
             UNION ALL
             SELECT (SELECT {column} FROM {table} WHERE {condition} AND {column} > one.value
                     ORDER BY {column} LIMIT 1)
             FROM one WHERE one.value IS NOT NULL)
         SELECT value FROM one WHERE value IS NOT NULL LIMIT {MOST}"
    ))?;
    let values = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(values)
}

impl Store {
    /// What can be chosen beside what a filter has already.
    pub fn facets(&self, filter: &IssueFilter) -> Result<Facets> {
        let stamp = now();
        self.read(|tx| {
            let all = tallied(tx)?;
            let counts = Of::what(tx, filter, &stamp)? == Of::Tally;
            // Each filter's own values are counted as if it were not used: that is what choosing would give.
            let count = |mut without: IssueFilter,
                         leave: &dyn Fn(&mut IssueFilter),
                         is: &dyn Fn(&Tallied) -> bool| {
                leave(&mut without);
                let taken = all.iter().filter(|one| is(one) && one.is_in(&without));
                counts.then(|| taken.map(|one| one.issues).sum::<u64>())
            };
            let mut connections = tx.prepare_cached(
                "SELECT name, source_tool FROM connection ORDER BY name LIMIT 500",
            )?;
            let connections: Vec<(String, String)> = connections
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut tools: Vec<String> = connections.iter().map(|(_, tool)| tool.clone()).collect();
            tools.sort();
            tools.dedup();
            let word = |kind: &str| distinct(tx, "word", "issue_word", &format!("kind = '{kind}'"));
            Ok(Facets {
                source_tool: tools
                    .into_iter()
                    .map(|tool| Choices {
                        issues: count(
                            filter.clone(),
                            &|filter| filter.source_tool.clear(),
                            &|one| one.tool == tool,
                        ),
                        value: tool,
                    })
                    .collect(),
                connection: connections
                    .into_iter()
                    .map(|(name, _)| Choices {
                        issues: count(
                            filter.clone(),
                            &|filter| filter.connection.clear(),
                            &|one| one.connection == name,
                        ),
                        value: name,
                    })
                    .collect(),
                severity_before: Severity::ALL
                    .into_iter()
                    .map(|severity| {
                        let count = count(
                            filter.clone(),
                            &|filter| filter.severity_before.clear(),
                            &|one| one.original == severity,
                        );
                        (severity, count)
                    })
                    .collect(),
                reprioritised: [
                    Reprioritised::Increased,
                    Reprioritised::Decreased,
                    Reprioritised::Unchanged,
                ]
                .into_iter()
                .map(|moved| {
                    let count = count(
                        filter.clone(),
                        &|filter| filter.reprioritised.clear(),
                        &|one| one.moved() == moved,
                    );
                    (moved, count)
                })
                .collect(),
                standing: [
                    Standing::Open,
                    Standing::Excluded,
                    Standing::Resolved,
                    Standing::Removed,
                ]
                .into_iter()
                .map(|standing| {
                    let count = count(
                        filter.clone(),
                        &|filter| filter.standing = vec![standing],
                        &|_| true,
                    );
                    (standing, count)
                })
                .collect(),
                reported_by: word("tool")?,
                factor: word("factor")?,
                category: word("category")?,
                owner: word("owner")?,
                team: word("team")?,
                service: word("service")?,
                environment: word("environment")?,
                priority: word("priority")?,
                standard: word("standard")?,
                application: distinct(tx, "application", "issue", "application <> ''")?,
                assignee: distinct(tx, "assignee", "issue", "assignee IS NOT NULL")?,
            })
        })
    }
}
