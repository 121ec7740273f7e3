//! The queue as lists read it: filters, order, pages, and the funnel.

use ox_issue::facts::Kind;
use ox_issue::issue::{AgainstLastScan, Exclusion, Issue, SeverityOverride, Sla};
use ox_issue::severity::Severity;
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use serde::{Deserialize, Serialize};

use super::super::{Result, Store, StoreError, now};
use super::{weigh, work};
use crate::scan::Patterns;

/// Most issues of one page.
pub const PAGE: usize = 10_000;

/// Where issues stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// To be worked on: open and not excluded.
    #[default]
    Open,
    /// Open and excluded, snoozed or dismissed.
    Excluded,
    /// Mended.
    Resolved,
    /// Gone.
    Removed,
}

/// Which way a severity was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reprioritised {
    /// Above what the tool said.
    Increased,
    /// Below what the tool said.
    Decreased,
    /// As the tool said.
    Unchanged,
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlaFilter {
    /// It has passed.
    Overdue,
    /// It is near.
    Near,
    /// There is time.
    Within,
    /// There is none.
    None,
}

/// Which issues a list takes. Empty lists and `None` take all; several values of one field are "or",
/// several fields are "and".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueFilter {
    /// Numbers.
    pub ids: Vec<i64>,
    /// Where they stand; empty means open.
    pub standing: Vec<Standing>,
    /// The tool of the connection ("GitLab").
    pub source_tool: Vec<String>,
    /// Who reported it ("GitLab", "OSV match", "OX connector").
    pub reported_by: Vec<String>,
    /// Names of connections.
    pub connection: Vec<String>,
    /// Globs over paths of locations.
    pub location: Vec<String>,
    /// OX's severities.
    pub severity: Vec<Severity>,
    /// At least this severe.
    pub min_severity: Option<Severity>,
    /// The tool's severities.
    pub severity_before: Vec<Severity>,
    /// Which way it was moved.
    pub reprioritised: Vec<Reprioritised>,
    /// Rules of factors (`known-exploited`).
    pub factor: Vec<String>,
    /// Kinds.
    pub kind: Vec<Kind>,
    /// OX's categories.
    pub category: Vec<String>,
    /// CVEs and other ids.
    pub id: Vec<String>,
    /// Names of packages, source packages too.
    pub package: Vec<String>,
    /// A fixed version is known.
    pub fixable: Option<bool>,
    /// In the catalogue of known exploited vulnerabilities.
    pub known_exploited: Option<bool>,
    /// EPSS score at least, 0 to 1.
    pub min_epss: Option<f64>,
    /// Applications.
    pub application: Vec<String>,
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
    /// Repositories in the registry.
    pub repository: Vec<String>,
    /// Tags of images.
    pub tag: Vec<String>,
    /// Digests of images, or beginnings of them.
    pub digest: Vec<String>,
    /// Seen first at or after; RFC 3339.
    pub first_seen_from: Option<String>,
    /// Seen first before; RFC 3339.
    pub first_seen_until: Option<String>,
    /// Against the last scan.
    pub against_last_scan: Vec<AgainstLastScan>,
    /// Deadlines.
    pub sla: Vec<SlaFilter>,
    /// Standards, or controls with their standard in front ("PCI DSS 4.0.1 6.3.3").
    pub compliance: Vec<String>,
    /// Who works on it; the empty text means nobody.
    pub assignee: Vec<String>,
    /// In title, ids, package, application or location.
    pub text: Option<String>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    fn sql(self) -> &'static str {
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

/// Counts by severity, from Appoxalypse down.
pub type SeverityCounts = Vec<(Severity, u64)>;

/// What tools found, what of it is in the queue by OX's severity, and how many issues that is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Funnel {
    /// Everything that was found in what is there now, by the tools' severities.
    pub found: SeverityCounts,
    /// The part of it that is not excluded, by OX's severities.
    pub prioritised: SeverityCounts,
    /// The issues that it makes.
    pub issues: SeverityCounts,
}

struct Query {
    sql: String,
    values: Vec<Value>,
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

const EXCLUDED: &str =
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
fn conditions(
    tx: &Transaction<'_>,
    filter: &IssueFilter,
    stamp: &str,
    near: &str,
) -> Result<Query> {
    let mut query = Query {
        sql: String::from(" WHERE TRUE"),
        values: Vec::new(),
    };
    let standing = match filter.standing.as_slice() {
        [] => &[Standing::Open][..],
        some => some,
    };
    let any: Vec<String> = standing
        .iter()
        .map(|standing| match standing {
            Standing::Open => format!("(issue.state = 'open' AND NOT {EXCLUDED})"),
            Standing::Excluded => format!("(issue.state = 'open' AND {EXCLUDED})"),
            Standing::Resolved => "issue.state = 'resolved'".to_owned(),
            Standing::Removed => "issue.state = 'removed'".to_owned(),
        })
        .collect();
    query.and(&format!("({})", any.join(" OR ")));
    for standing in standing {
        if matches!(standing, Standing::Open | Standing::Excluded) {
            query.bind(stamp.to_owned());
        }
    }
    query.one_of("issue.id", filter.ids.iter().copied());
    query.one_of(
        "connection.source_tool COLLATE NOCASE",
        filter.source_tool.iter().cloned(),
    );
    query.one_of("connection.name", filter.connection.iter().cloned());
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
            .map(|one| weigh::against_word(*one).to_owned()),
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
        query.and(
            "(issue.title LIKE ? ESCAPE '\\' OR issue.package LIKE ? ESCAPE '\\'
              OR issue.application LIKE ? ESCAPE '\\' OR location.path LIKE ? ESCAPE '\\'
              OR issue.id IN (SELECT issue_id FROM issue_word WHERE kind = 'id' AND word LIKE ? ESCAPE '\\'))",
        );
        for _ in 0..5 {
            query.bind(anywhere(text));
        }
    }
    Ok(query)
}

const FROM: &str = " FROM issue JOIN location ON location.id = issue.location_id
     JOIN connection ON connection.id = issue.connection_id";

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

/// How deadlines are read: the time until which one is near, and how one stands.
pub struct Deadlines {
    /// A deadline up to here is near; RFC 3339.
    pub near: String,
    /// How a deadline stands now.
    pub stand: Box<dyn Fn(&str) -> Option<Sla> + Send + Sync>,
}

impl Store {
    /// A page of issues.
    pub fn issues(
        &self,
        filter: &IssueFilter,
        order: &IssueOrder,
        deadlines: &Deadlines,
    ) -> Result<IssuePage> {
        let stamp = now();
        let limit = match order.limit {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        self.read(|tx| {
            let query = conditions(tx, filter, &stamp, &deadlines.near)?;
            let total: i64 = tx
                .prepare_cached(&format!("SELECT count(*){FROM}{}", query.sql))?
                .query_row(params_from_iter(&query.values), |row| row.get(0))?;
            let key = order.by.sql();
            let descends = order.by.descends() != order.reverse;
            let mut paged = query;
            if let Some(after) = &order.after {
                let (value, id) = read_cursor(after)?;
                let beyond = if descends { "<" } else { ">" };
                paged.and(&format!(
                    "({key} {beyond} ? OR ({key} = ? AND issue.id > ?))"
                ));
                paged.bind(value.clone());
                paged.bind(value);
                paged.bind(id);
            }
            let direction = if descends { "DESC" } else { "ASC" };
            let sql = format!(
                "SELECT {COLUMNS}, {key}{FROM}{} ORDER BY {key} {direction}, issue.id LIMIT {}",
                paged.sql,
                limit + 1
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(&paged.values))?;
            let mut page = IssuePage {
                issues: Vec::new(),
                next: None,
                total: u64::try_from(total).unwrap_or(0),
            };
            let mut last = None;
            while let Some(row) = rows.next()? {
                if page.issues.len() == limit {
                    page.next = last.take();
                    break;
                }
                let issue = issue_of(row, &stamp, &*deadlines.stand)?;
                let value: Value = row.get(14)?;
                last = Some(write_cursor(&value, issue.id));
                page.issues.push(issue);
            }
            Ok(page)
        })
    }

    /// The funnel of a filter: what its issues were made of, and what comes out.
    pub fn funnel(&self, filter: &IssueFilter, deadlines: &Deadlines) -> Result<Funnel> {
        let stamp = now();
        self.read(|tx| {
            let counts =
                |filter: &IssueFilter, column: &str, sum: &str| -> Result<SeverityCounts> {
                    let query = conditions(tx, filter, &stamp, &deadlines.near)?;
                    let mut statement = tx.prepare_cached(&format!(
                        "SELECT {column}, {sum}{FROM}{} GROUP BY {column}",
                        query.sql
                    ))?;
                    let mut rows = statement.query(params_from_iter(&query.values))?;
                    let mut counts: SeverityCounts = Severity::ALL
                        .into_iter()
                        .map(|severity| (severity, 0))
                        .collect();
                    while let Some(row) = rows.next()? {
                        let severity = Severity::from_rank(row.get(0)?);
                        let count: i64 = row.get(1)?;
                        if let Some(entry) = counts.iter_mut().find(|(one, _)| *one == severity) {
                            entry.1 = u64::try_from(count).unwrap_or(0);
                        }
                    }
                    Ok(counts)
                };
            let mut all = filter.clone();
            if all.standing.is_empty() {
                all.standing = vec![Standing::Open, Standing::Excluded];
            }
            Ok(Funnel {
                found: counts(&all, "issue.original", "sum(issue.found)")?,
                prioritised: counts(filter, "issue.severity", "sum(issue.found)")?,
                issues: counts(filter, "issue.severity", "count(*)")?,
            })
        })
    }

    /// One issue, wherever it stands.
    pub fn issue(&self, id: i64, deadlines: &Deadlines) -> Result<Issue> {
        let stamp = now();
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached(&format!("SELECT {COLUMNS}{FROM} WHERE issue.id = ?1"))?;
            let mut rows = statement.query([id])?;
            match rows.next()? {
                Some(row) => issue_of(row, &stamp, &*deadlines.stand),
                None => Err(work::no_issue(id)),
            }
        })
    }
}

/// The text of a place in an order: a letter for the type, the value, the number.
fn write_cursor(value: &Value, id: i64) -> String {
    match value {
        Value::Integer(value) => format!("i{value}/{id}"),
        Value::Real(value) => format!("r{value}/{id}"),
        Value::Text(value) => format!("t{value}/{id}"),
        Value::Null | Value::Blob(_) => format!("t/{id}"),
    }
}

fn read_cursor(text: &str) -> Result<(Value, i64)> {
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
