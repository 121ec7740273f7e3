//! The queue as lists read it: filters, order, pages, and the funnel.

use ox_issue::facts::Kind;
use ox_issue::issue::{AgainstLastScan, Exclusion, Issue, SeverityOverride, Sla};
use ox_issue::severity::Severity;
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use serde::{Deserialize, Serialize};

use super::super::{Result, Store, StoreError, now};
use super::{rows, work};
use crate::scan::Patterns;

/// Most issues of one page.
pub const PAGE: usize = 10_000;

/// Where issues stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// What a question is put to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Issues themselves.
    Issues,
    /// How many there are of each sort. The table is called `issue` in the question.
    Tally,
}

impl Of {
    /// True where the tally knows all that a filter asks for. It does not know the time, so an exclusion that
    /// ran out and was not ended yet must be looked at one by one.
    fn what(tx: &Transaction<'_>, filter: &IssueFilter, stamp: &str) -> Result<Self> {
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

    fn from(self) -> &'static str {
        match self {
            Self::Issues => " FROM issue",
            Self::Tally => " FROM issue_tally AS issue",
        }
    }

    fn count(self) -> &'static str {
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
    let any: Vec<String> = standing
        .iter()
        .map(|standing| match standing {
            Standing::Open => format!("({state} = 'open' AND NOT {excluded})"),
            Standing::Excluded => format!("({state} = 'open' AND {excluded})"),
            Standing::Resolved => format!("{state} = 'resolved'"),
            Standing::Removed => format!("{state} = 'removed'"),
        })
        .collect();
    query.and(&format!("({})", any.join(" OR ")));
    for standing in standing {
        if of == Of::Issues && matches!(standing, Standing::Open | Standing::Excluded) {
            query.bind(stamp.to_owned());
        }
    }
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

/// Tells how a deadline stands.
pub type Stand = Box<dyn Fn(&str) -> Option<Sla> + Send + Sync>;

/// How deadlines are read: the time until which one is near, and how one stands.
pub struct Deadlines {
    /// A deadline up to here is near; RFC 3339.
    pub near: String,
    /// How a deadline stands now.
    pub stand: Stand,
}

impl IssueOrder {
    fn descends(&self) -> bool {
        self.by.descends() != self.reverse
    }
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
    let join = match order.by {
        SortKey::Location => " JOIN location ON location.id = issue.location_id",
        _ => "",
    };
    let sql = format!(
        "SELECT {COLUMNS}, {key} FROM issue{join}{conditions} ORDER BY {key} {}, issue.id {} LIMIT {}",
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
        let stamp = now();
        let limit = match order.limit {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        self.read(|tx| {
            let of = Of::what(tx, filter, &stamp)?;
            let query = conditions(tx, filter, of, &stamp, &deadlines.near)?;
            let total: i64 = tx
                .prepare_cached(&format!("SELECT {}{}{}", of.count(), of.from(), query.sql))?
                .query_row(params_from_iter(&query.values), |row| row.get(0))?;
            let mut page = IssuePage {
                issues: Vec::new(),
                next: None,
                total: u64::try_from(total).unwrap_or(0),
            };
            let query = conditions(tx, filter, Of::Issues, &stamp, &deadlines.near)?;
            // A page begins within those that have the same value as the last one of the page before, and goes
            // on with the values beyond: two questions, each of which an index answers from where it begins.
            let after = order.after.as_deref().map(read_cursor).transpose()?;
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

    /// The funnel of a filter: what its issues were made of, and what comes out.
    pub fn funnel(&self, filter: &IssueFilter, deadlines: &Deadlines) -> Result<Funnel> {
        let stamp = now();
        self.read(|tx| {
            let counts =
                |filter: &IssueFilter, column: &str, found: bool| -> Result<SeverityCounts> {
                    let of = Of::what(tx, filter, &stamp)?;
                    let query = conditions(tx, filter, of, &stamp, &deadlines.near)?;
                    let mut statement = tx.prepare_cached(&format!(
                        "SELECT {column}, {}{}{} GROUP BY {column}",
                        if found {
                            "sum(issue.found)"
                        } else {
                            of.count()
                        },
                        of.from(),
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
                found: counts(&all, "issue.original", true)?,
                prioritised: counts(filter, "issue.severity", true)?,
                issues: counts(filter, "issue.severity", false)?,
            })
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
