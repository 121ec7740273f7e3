//! Issues laid together: by CVE, package, image repository or application.

use ox_issue::severity::Severity;
use rusqlite::params_from_iter;
use serde::Serialize;

use super::super::super::{Result, Store, now};
use super::Deadlines;
use super::conditions::{Of, conditions};
use super::filter::IssueFilter;
use super::funnel::{Counts, SeverityCounts};

/// Groups that are told.
const MOST: usize = 200;

/// What issues are laid together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// The id that an issue is known by.
    Cve,
    /// The package.
    Package,
    /// The image repository: its location.
    Image,
    /// The application.
    Application,
}

impl Grouping {
    fn sql(self) -> &'static str {
        match self {
            // A plus keeps SQLite from going by an index of that column: it would read every record for the rest,
            // which stands in the index of facts.
            Self::Cve => "+issue.primary_id",
            Self::Package => "+issue.package",
            Self::Image => "+issue.location_id",
            Self::Application => "+issue.application",
        }
    }
}

/// Issues that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What it is: a CVE, a package, a path of a location, an application.
    pub name: String,
    /// The worst severity.
    pub worst: Severity,
    /// How many of each severity.
    pub counts: SeverityCounts,
    /// How many issues.
    pub issues: u64,
    /// How many with a fix.
    pub fixable: u64,
    /// How many that are known to be exploited.
    pub exploited: u64,
}

/// The worst groups of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Groups {
    /// The groups, the worst and largest first.
    pub groups: Vec<Group>,
    /// There are more.
    pub more: bool,
}

impl Store {
    /// The issues of a filter, laid together: the worst groups first, then the largest.
    pub fn groups(
        &self,
        filter: &IssueFilter,
        by: Grouping,
        deadlines: &Deadlines,
    ) -> Result<Groups> {
        let stamp = now();
        self.read(|tx| {
            let query = conditions(tx, filter, Of::Issues, &stamp, &deadlines.near)?;
            let key = by.sql();
            let counts: Vec<String> = Severity::ALL
                .iter()
                .map(|one| format!("sum(issue.severity = {})", one.rank()))
                .collect();
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {key}, max(issue.severity), count(*), sum(issue.fixable), sum(issue.known_exploited), {}
                 FROM issue{} AND {key} IS NOT NULL GROUP BY {key} ORDER BY 2 DESC, 3 DESC, 1 LIMIT {}",
                counts.join(", "),
                query.sql,
                MOST + 1
            ))?;
            let mut path = tx.prepare_cached("SELECT path FROM location WHERE id = ?1")?;
            let mut rows = statement.query(params_from_iter(&query.values))?;
            let mut all = Groups::default();
            while let Some(row) = rows.next()? {
                if all.groups.len() == MOST {
                    all.more = true;
                    break;
                }
                let number = |at: usize| -> Result<u64> {
                    let number: i64 = row.get(at)?;
                    Ok(u64::try_from(number).unwrap_or(0))
                };
                let mut counts = Counts::default();
                for (at, severity) in Severity::ALL.into_iter().enumerate() {
                    counts.add(severity, row.get(5 + at)?);
                }
                all.groups.push(Group {
                    name: match by {
                        Grouping::Image => {
                            let location: i64 = row.get(0)?;
                            path.query_row([location], |row| row.get(0))?
                        }
                        _ => row.get(0)?,
                    },
                    worst: Severity::from_rank(row.get(1)?),
                    counts: counts.0,
                    issues: number(2)?,
                    fixable: number(3)?,
                    exploited: number(4)?,
                });
            }
            Ok(all)
        })
    }
}
