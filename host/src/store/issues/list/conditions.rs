//! A filter as the conditions of a question.

use ox_issue::severity::Severity;
use rusqlite::Transaction;
use rusqlite::types::Value;

use super::super::super::{Result, StoreError};
use super::super::rows;
use super::filter::{IssueFilter, Reprioritised, SlaFilter, Standing};
use crate::scan::Patterns;

pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// What a question is put to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Issues themselves.
    Issues,
    /// How many there are of each sort. The table is called `issue` in the question.
    Tally,
}

impl Of {
    /// True where the tally knows all that a filter asks for. It does not know the time, so an exclusion that
    /// ran out and was not ended yet must be looked at one by one.
    pub(super) fn what(tx: &Transaction<'_>, filter: &IssueFilter, stamp: &str) -> Result<Self> {
        let known = IssueFilter {
            standing: filter.standing.clone(),
            source_tool: filter.source_tool.clone(),
            connection: filter.connection.clone(),
            severity: filter.severity.clone(),
            min_severity: filter.min_severity,
            severity_before: filter.severity_before.clone(),
            reprioritised: filter.reprioritised.clone(),
            ..IssueFilter::default()
        };
        if known != *filter {
            return Ok(Self::Issues);
        }
        let ran_out: bool = tx
            // Said by name: the state alone would lead SQLite through every open issue.
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM issue INDEXED BY issue_until
                                WHERE excluded_until <= ?1 AND state = 'open')",
            )?
            .query_row([stamp], |row| row.get(0))?;
        Ok(if ran_out { Self::Issues } else { Self::Tally })
    }

    pub(super) fn from(self) -> &'static str {
        match self {
            Self::Issues => " FROM issue",
            Self::Tally => " FROM issue_tally AS issue",
        }
    }

    pub(super) fn count(self) -> &'static str {
        match self {
            Self::Issues => "count(*)",
            Self::Tally => "coalesce(sum(issue.issues), 0)",
        }
    }
}

/// True when a filter leaves few issues as a rule: they are found by what it names, and sorted then. Otherwise
/// issues are gone through in the order of the page.
fn is_narrow(filter: &IssueFilter) -> bool {
    !(filter.ids.is_empty()
        && filter.id.is_empty()
        && filter.package.is_empty()
        && filter.application.is_empty()
        && filter.repository.is_empty()
        && filter.tag.is_empty()
        && filter.digest.is_empty()
        && filter.text.is_none())
}

/// The distinct texts of a column that hold a text, by steps from one to the next in an index: there are many
/// times more issues than titles, packages and applications.
fn distinct_like(column: &str, table: &str, also: &str, collate: &str) -> String {
    format!(
        "WITH RECURSIVE one (value) AS (
             SELECT (SELECT {column} FROM {table} WHERE {also} {column} IS NOT NULL
                     ORDER BY {column} {collate} LIMIT 1)
             UNION ALL
             SELECT (SELECT {column} FROM {table} WHERE {also} {column} {collate} > one.value
                     ORDER BY {column} {collate} LIMIT 1)
             FROM one WHERE one.value IS NOT NULL)
         SELECT value FROM one WHERE value LIKE ? ESCAPE '\\'"
    )
}

impl Query {
    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
    }

    /// `column IN (…)`, when there are values.
    fn one_of<T: Into<Value>>(&mut self, column: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            return;
        }
        let marks = vec!["?"; values.len()].join(", ");
        self.and(&format!("{column} IN ({marks})"));
        self.values.extend(values);
    }

    /// Its connection is one of those.
    fn connection(&mut self, column: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        let marks = vec!["?"; values.len()].join(", ");
        self.and(&format!(
            "issue.connection_id IN (SELECT id FROM connection WHERE {column} IN ({marks}))"
        ));
        self.values.extend(values.iter().cloned().map(Value::from));
    }

    /// A word of the issue is one of these.
    fn word(&mut self, kind: &str, words: impl IntoIterator<Item = String>) {
        let words: Vec<String> = words.into_iter().collect();
        if words.is_empty() {
            return;
        }
        let marks = vec!["?"; words.len()].join(", ");
        self.and(&format!(
            "issue.id IN (SELECT issue_id FROM issue_word WHERE kind = '{kind}' AND word IN ({marks}))"
        ));
        for word in words {
            self.bind(word);
        }
    }

    /// An image of the issue is so.
    fn image(&mut self, conditions: Vec<(&str, String)>) {
        if conditions.is_empty() {
            return;
        }
        let any: Vec<&str> = conditions.iter().map(|(sql, _)| *sql).collect();
        self.and(&format!(
            "issue.id IN (SELECT occurrence.issue_id FROM occurrence JOIN image ON image.id = occurrence.image_id
                          WHERE {})",
            any.join(" OR ")
        ));
        for (_, value) in conditions {
            self.bind(value);
        }
    }
}

pub(super) const EXCLUDED: &str =
    "(issue.excluded IS NOT NULL AND (issue.excluded_until IS NULL OR issue.excluded_until > ?))";

fn lower(words: &[String]) -> impl Iterator<Item = String> + '_ {
    words.iter().map(|word| word.to_lowercase())
}

/// For `LIKE … ESCAPE '\'`.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The conditions of a filter. `near` is the time until which a deadline is near.
pub(super) fn conditions(
    tx: &Transaction<'_>,
    filter: &IssueFilter,
    of: Of,
    stamp: &str,
    near: &str,
) -> Result<Query> {
    // A plus keeps SQLite from going by the state when something narrower is asked for.
    let state = if is_narrow(filter) {
        "+issue.state"
    } else {
        "issue.state"
    };
    let excluded = match of {
        Of::Issues => EXCLUDED,
        Of::Tally => "issue.is_excluded",
    };
    let mut query = Query {
        sql: String::from(" WHERE TRUE"),
        values: Vec::new(),
    };
    let standing = match filter.standing.as_slice() {
        [] => &[Standing::Open][..],
        some => some,
    };
    let has = |one: Standing| standing.contains(&one);
    let mut any: Vec<String> = Vec::new();
    if has(Standing::Open) && has(Standing::Excluded) {
        any.push(format!("{state} = 'open'"));
    } else if has(Standing::Open) || has(Standing::Excluded) {
        let not = if has(Standing::Open) { "NOT " } else { "" };
        any.push(format!("({state} = 'open' AND {not}{excluded})"));
        if of == Of::Issues {
            query.bind(stamp.to_owned());
        }
    }
    for (one, word) in [
        (Standing::Resolved, "resolved"),
        (Standing::Removed, "removed"),
    ] {
        if has(one) {
            any.push(format!("{state} = '{word}'"));
        }
    }
    query.and(&format!("({})", any.join(" OR ")));
    query.one_of("issue.id", filter.ids.iter().copied());
    query.connection("source_tool COLLATE NOCASE", &filter.source_tool);
    query.connection("name", &filter.connection);
    query.word("tool", lower(&filter.reported_by));
    if !filter.location.is_empty() {
        let patterns = Patterns::new(&filter.location).map_err(StoreError::Refused)?;
        let all: Vec<(i64, String)> = tx
            .prepare_cached("SELECT id, path FROM location WHERE scannable")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let rows: Vec<String> = all
            .into_iter()
            .filter(|(_, path)| patterns.matches(path))
            .map(|(id, _)| id.to_string())
            .collect();
        // Rows of our own, so they can stand in the text: there may be more than SQLite takes as values.
        query.and(&format!("issue.location_id IN ({})", rows.join(",")));
    }
    let ranks = |severities: &[Severity]| -> Vec<i64> {
        severities.iter().map(|one| i64::from(one.rank())).collect()
    };
    query.one_of("issue.severity", ranks(&filter.severity));
    query.one_of("issue.original", ranks(&filter.severity_before));
    if let Some(least) = filter.min_severity {
        query.and("issue.severity >= ?");
        query.bind(i64::from(least.rank()));
    }
    if !filter.reprioritised.is_empty() {
        let any: Vec<&str> = filter
            .reprioritised
            .iter()
            .map(|one| match one {
                Reprioritised::Increased => "issue.severity > issue.original",
                Reprioritised::Decreased => "issue.severity < issue.original",
                Reprioritised::Unchanged => "issue.severity = issue.original",
            })
            .collect();
        query.and(&format!("({})", any.join(" OR ")));
    }
    query.word("factor", lower(&filter.factor));
    query.one_of(
        "issue.kind",
        filter.kind.iter().map(|kind| kind.word().to_owned()),
    );
    query.word("category", lower(&filter.category));
    query.word("id", filter.id.iter().map(|id| id.to_ascii_uppercase()));
    query.word("package", lower(&filter.package));
    if let Some(fixable) = filter.fixable {
        query.and("issue.fixable = ?");
        query.bind(i64::from(fixable));
    }
    if let Some(known) = filter.known_exploited {
        query.and("issue.known_exploited = ?");
        query.bind(i64::from(known));
    }
    if let Some(least) = filter.min_epss {
        query.and("issue.epss >= ?");
        query.bind(least);
    }
    query.one_of(
        "issue.application COLLATE NOCASE",
        filter.application.iter().cloned(),
    );
    query.word("owner", lower(&filter.owner));
    query.word("team", lower(&filter.team));
    query.word("service", lower(&filter.service));
    query.word("environment", lower(&filter.environment));
    query.word("priority", lower(&filter.priority));
    let images = |sql: &'static str, values: &[String]| -> Vec<(&'static str, String)> {
        values.iter().map(|value| (sql, value.clone())).collect()
    };
    query.image(images(
        "? COLLATE NOCASE IN (image.repository, image.registry || '/' || image.repository)",
        &filter.repository,
    ));
    query.image(images(
        "EXISTS (SELECT 1 FROM image_tag WHERE image_tag.image_id = image.id AND image_tag.tag = ?)",
        &filter.tag,
    ));
    query.image(images(
        "image.digest LIKE ? || '%'",
        &filter
            .digest
            .iter()
            .map(|one| {
                if one.contains(':') {
                    one.clone()
                } else {
                    format!("sha256:{one}")
                }
            })
            .map(|one| one.replace(['%', '_'], ""))
            .collect::<Vec<_>>(),
    ));
    if let Some(from) = &filter.first_seen_from {
        query.and("issue.first_seen >= ?");
        query.bind(from.clone());
    }
    if let Some(until) = &filter.first_seen_until {
        query.and("issue.first_seen < ?");
        query.bind(until.clone());
    }
    query.one_of(
        "issue.against",
        filter
            .against_last_scan
            .iter()
            .map(|one| rows::against_word(*one).to_owned()),
    );
    if !filter.sla.is_empty() {
        let any: Vec<String> = filter
            .sla
            .iter()
            .map(|one| match one {
                SlaFilter::Overdue => "issue.due <= ?".to_owned(),
                SlaFilter::Near => "(issue.due > ? AND issue.due <= ?)".to_owned(),
                SlaFilter::Within => "issue.due > ?".to_owned(),
                SlaFilter::None => "issue.due IS NULL".to_owned(),
            })
            .collect();
        query.and(&format!("({})", any.join(" OR ")));
        for one in &filter.sla {
            match one {
                SlaFilter::Overdue => query.bind(stamp.to_owned()),
                SlaFilter::Near => {
                    query.bind(stamp.to_owned());
                    query.bind(near.to_owned());
                }
                SlaFilter::Within => query.bind(near.to_owned()),
                SlaFilter::None => {}
            }
        }
    }
    if !filter.compliance.is_empty() {
        let words: Vec<String> = lower(&filter.compliance).collect();
        let marks = vec!["?"; words.len()].join(", ");
        query.and(&format!(
            "issue.id IN (SELECT issue_id FROM issue_word WHERE kind IN ('control', 'standard') AND word IN ({marks}))"
        ));
        for word in words {
            query.bind(word);
        }
    }
    query.one_of(
        "coalesce(issue.assignee, '') COLLATE NOCASE",
        filter.assignee.iter().cloned(),
    );
    if let Some(text) = &filter.text {
        query.and(&format!(
            "issue.id IN (
                 SELECT id FROM issue WHERE title IN ({title})
                 UNION SELECT id FROM issue WHERE package IN ({package})
                 UNION SELECT id FROM issue WHERE application COLLATE NOCASE IN ({application})
                 UNION SELECT id FROM issue WHERE location_id IN
                     (SELECT id FROM location WHERE path LIKE ? ESCAPE '\\')
                 UNION SELECT issue_id FROM issue_word WHERE kind = 'id' AND word IN ({id}))",
            title = distinct_like("title", "issue", "", ""),
            package = distinct_like("package", "issue", "", ""),
            application = distinct_like("application", "issue", "", "COLLATE NOCASE"),
            id = distinct_like("word", "issue_word", "kind = 'id' AND", ""),
        ));
        for _ in 0..5 {
            query.bind(anywhere(text));
        }
    }
    Ok(query)
}
