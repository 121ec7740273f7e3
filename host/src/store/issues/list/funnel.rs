//! What issues were made of, and what comes out, by severity.

use ox_issue::severity::Severity;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::Serialize;

use super::super::super::{Result, Store, now};
use super::Deadlines;
use super::conditions::{EXCLUDED, Of, conditions};
use super::filter::{IssueFilter, Standing};

/// Counts by severity, from Appoxalypse down.
pub type SeverityCounts = Vec<(Severity, u64)>;

/// What tools found, what of it is in the queue by OX's severity, and how many issues that is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Funnel {
    /// Everything that was found in what is there now, by the tools' severities.
    pub found: SeverityCounts,
    /// The part of it that is not excluded, by OX's severities.
    pub prioritised: SeverityCounts,
    /// The issues that it makes.
    pub issues: SeverityCounts,
}

impl Default for Counts {
    fn default() -> Self {
        Self(
            Severity::ALL
                .into_iter()
                .map(|severity| (severity, 0))
                .collect(),
        )
    }
}

/// Counts that are being made.
pub(super) struct Counts(pub(super) SeverityCounts);

impl Counts {
    pub(super) fn add(&mut self, severity: Severity, count: i64) {
        if let Some(entry) = self.0.iter_mut().find(|(one, _)| *one == severity) {
            entry.1 = entry.1.saturating_add(u64::try_from(count).unwrap_or(0));
        }
    }
}

impl Store {
    /// The funnel of a filter: what its issues were made of, and what comes out.
    pub fn funnel(&self, filter: &IssueFilter, deadlines: &Deadlines) -> Result<Funnel> {
        let stamp = now();
        let mut all = filter.clone();
        // What is excluded was found, too, and is what the funnel takes away. Where a filter names what it
        // wants, it is that and nothing else.
        let divides = all.standing.is_empty();
        if divides {
            all.standing = vec![Standing::Open, Standing::Excluded];
        }
        self.read(|tx| {
            let of = Of::what(tx, &all, &stamp)?;
            let query = conditions(tx, &all, of, &stamp, &deadlines.near)?;
            let mut values: Vec<Value> = Vec::new();
            let is_out = match of {
                _ if !divides => "0",
                Of::Issues => {
                    values.push(Value::from(stamp.clone()));
                    EXCLUDED
                }
                Of::Tally => "issue.is_excluded",
            };
            values.extend(query.values);
            // Once through what the filter takes, for all three.
            let mut statement = tx.prepare_cached(&format!(
                "SELECT issue.severity, issue.original, {is_out}, sum(issue.found), {}{}{} GROUP BY 1, 2, 3",
                of.count(),
                of.from(),
                query.sql
            ))?;
            let mut rows = statement.query(params_from_iter(&values))?;
            let (mut found, mut prioritised, mut issues) =
                (Counts::default(), Counts::default(), Counts::default());
            while let Some(row) = rows.next()? {
                let (severity, original) = (
                    Severity::from_rank(row.get(0)?),
                    Severity::from_rank(row.get(1)?),
                );
                let is_out: bool = row.get(2)?;
                let said: i64 = row.get(3)?;
                found.add(original, said);
                if !is_out {
                    prioritised.add(severity, said);
                    issues.add(severity, row.get(4)?);
                }
            }
            Ok(Funnel {
                found: found.0,
                prioritised: prioritised.0,
                issues: issues.0,
            })
        })
    }
}
