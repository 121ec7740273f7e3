//! Weighing a location: the issues that should be there beside those that are.
//!
//! One transaction a location: its issues, their events, and the mark that it was to be weighed. A killed
//! program weighs it again from the same facts and ends in the same rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ox_issue::issue::{AgainstLastScan, Exclusion, ExclusionKind, Issue, SeverityOverride, Status};
use ox_issue::severity::Severity;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::json;

use super::super::{Result, Store, now};
use super::{close, history, read, work};
use crate::queue::{Book, Fate, Judged, LocationInputs, compose, judge};

/// What weighing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WeighTotals {
    /// Locations that were weighed.
    pub locations: usize,
    /// Issues that are new.
    pub opened: usize,
    /// Issues that are back.
    pub reopened: usize,
    /// Issues that changed.
    pub changed: usize,
    /// Issues whose cause is mended.
    pub resolved: usize,
    /// Issues whose images or advisories are gone.
    pub removed: usize,
}

impl WeighTotals {
    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            locations: self.locations + other.locations,
            opened: self.opened + other.opened,
            reopened: self.reopened + other.reopened,
            changed: self.changed + other.changed,
            resolved: self.resolved + other.resolved,
            removed: self.removed + other.removed,
        }
    }
}

/// One step of weighing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// A location was weighed; more may wait.
    Location(WeighTotals),
    /// Nothing waits.
    Done,
}

/// An issue as the store has it, before it is laid beside what should be there.
struct Row {
    id: i64,
    kind: String,
    subject: String,
    primary: String,
    state: String,
    severity: i64,
    clock: Clock,
    own_severity: Option<SeverityOverride>,
    record: Issue,
}

/// What a deadline counts from.
#[derive(Clone)]
struct Clock {
    from: String,
    rose: Option<(String, Severity)>,
}

/// What a run writes beside the issues.
struct Run<'a> {
    tx: &'a Transaction<'a>,
    run: i64,
    scan: Option<i64>,
    cause: String,
    stamp: String,
}

impl Store {
    /// Weighs one location that waits for it.
    pub async fn weigh_next(&self, run: i64, book: Arc<Book>) -> Result<Weighed> {
        self.write(move |tx| {
            let next: Option<(i64, String, Option<i64>)> = tx
                .prepare_cached(
                    "SELECT location_id, cause, scan_id FROM pending ORDER BY location_id LIMIT 1",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((location, cause, scan)) = next else {
                return Ok(Weighed::Done);
            };
            let run = Run {
                tx,
                run,
                scan,
                cause,
                stamp: now(),
            };
            let totals = weigh(&run, location, &book)?;
            tx.prepare_cached("DELETE FROM pending WHERE location_id = ?1")?
                .execute([location])?;
            tx.prepare_cached("UPDATE location SET weighed_on = ?2 WHERE id = ?1")?
                .execute(params![location, book.today()])?;
            Ok(Weighed::Location(totals))
        })
        .await
    }

    /// How many locations wait to be weighed.
    pub fn pending(&self) -> Result<u64> {
        self.read(|tx| {
            let count: i64 = tx.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    /// Marks every location that has anything to weigh.
    pub async fn pend_all(&self, cause: &'static str) -> Result<()> {
        self.write(move |tx| pend_all(tx, cause)).await
    }

    /// Marks every location with issues that name one of those ids (CVEs whose KEV or EPSS changed).
    pub async fn pend_ids(&self, ids: Vec<String>, cause: &'static str) -> Result<()> {
        self.write(move |tx| {
            let mut mark = tx.prepare_cached(
                "INSERT INTO pending (location_id, cause)
                 SELECT DISTINCT issue.location_id, ?2 FROM issue_word JOIN issue ON issue.id = issue_word.issue_id
                 WHERE issue_word.kind = 'id' AND issue_word.word = ?1 AND issue.state = 'open'
                 ON CONFLICT (location_id) DO NOTHING",
            )?;
            for id in ids {
                mark.execute(params![id, cause])?;
            }
            Ok(())
        })
        .await
    }

    /// Marks what a new day makes old: locations that were weighed on another day (ages count in days), and
    /// ends exclusions whose time has come.
    pub async fn pend_day(&self, today: String) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO pending (location_id, cause)
                 SELECT id, 'day' FROM location WHERE weighed_on IS NOT NULL AND weighed_on <> ?1
                    AND EXISTS (SELECT 1 FROM issue WHERE issue.location_id = location.id AND issue.state = 'open')
                 ON CONFLICT (location_id) DO NOTHING",
                [&today],
            )?;
            work::end_expired(tx)
        })
        .await
    }
}

/// Marks a location. A scan's mark outweighs others: it says which scan brought it.
pub(in crate::store) fn pend(
    tx: &Transaction<'_>,
    location: i64,
    cause: &str,
    scan: Option<i64>,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO pending (location_id, cause, scan_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (location_id) DO UPDATE SET
             cause = CASE WHEN excluded.scan_id IS NULL THEN cause ELSE excluded.cause END,
             scan_id = coalesce(excluded.scan_id, scan_id)",
    )?
    .execute(params![location, cause, scan])?;
    Ok(())
}

/// Marks every location with images, findings or open issues.
pub(in crate::store) fn pend_all(tx: &Transaction<'_>, cause: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO pending (location_id, cause)
         SELECT location.id, ?1 FROM location
         WHERE EXISTS (SELECT 1 FROM image WHERE image.location_id = location.id)
            OR EXISTS (SELECT 1 FROM finding WHERE finding.location_id = location.id)
            OR EXISTS (SELECT 1 FROM issue WHERE issue.location_id = location.id)
         ON CONFLICT (location_id) DO NOTHING",
        [cause],
    )?;
    Ok(())
}

fn weigh(run: &Run<'_>, location: i64, book: &Book) -> Result<WeighTotals> {
    let mut totals = WeighTotals {
        locations: 1,
        ..WeighTotals::default()
    };
    let Some(inputs) = read::inputs(run.tx, location)? else {
        return Ok(totals);
    };
    let active = work::active(run.tx, &run.stamp)?;
    let exclusions = active.compile();
    let mut rows = rows(run.tx, location)?;
    let mut by_key: HashMap<(String, String, String), usize> = HashMap::new();
    let mut by_name: HashMap<(String, String, String), usize> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        by_key.insert(
            (row.kind.clone(), row.subject.clone(), row.primary.clone()),
            at,
        );
        for (name, id) in names_and_ids(&row.record) {
            by_name.entry((row.kind.clone(), name, id)).or_insert(at);
        }
    }
    let mut taken: HashSet<usize> = HashSet::new();
    let drafts = compose(&inputs);
    // Issues that are found by their own key first: another one may share an id with them.
    let mut judged: Vec<(Judged, Option<usize>)> = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let one = judge(draft, &inputs, book);
        let key = (
            kind_word(&one.issue),
            one.subject.clone(),
            one.issue.primary.clone(),
        );
        let at = by_key.get(&key).copied();
        taken.extend(at);
        judged.push((one, at));
    }
    for (one, at) in &mut judged {
        if at.is_none() {
            // The same thing under another name: an alias that was not known, a tool's finding that an
            // advisory now explains.
            let kind = kind_word(&one.issue);
            let found = names_and_ids(&one.issue)
                .into_iter()
                .find_map(|(name, id)| by_name.get(&(kind.clone(), name, id)).copied());
            *at = found.filter(|found| taken.insert(*found));
        }
    }
    for (one, at) in judged {
        let outcome = match at.and_then(|at| rows.get_mut(at)) {
            Some(row) => update(run, row, one, book, &exclusions)?,
            None => insert(run, &inputs, one, book, &exclusions)?,
        };
        match outcome {
            AgainstLastScan::New => totals.opened += 1,
            AgainstLastScan::Reopened => totals.reopened += 1,
            AgainstLastScan::Changed => totals.changed += 1,
            AgainstLastScan::Same | AgainstLastScan::Closed => {}
        }
    }
    for (at, row) in rows.iter().enumerate() {
        if row.state != "open" || taken.contains(&at) {
            continue;
        }
        match close::fate_of(run.tx, &inputs, row.id, &row.record, book)? {
            Fate::Kept(why) => keep(run, row, &why)?,
            Fate::Resolved(how) => {
                end(run, row, "resolved", Status::Resolved { how })?;
                totals.resolved += 1;
            }
            Fate::Removed(why) => {
                end(run, row, "removed", Status::Removed { why })?;
                totals.removed += 1;
            }
        }
    }
    Ok(totals)
}

fn rows(tx: &Transaction<'_>, location: i64) -> Result<Vec<Row>> {
    let mut statement = tx.prepare_cached(
        "SELECT id, kind, subject, primary_id, state, severity, clock_from, rose_at, rose_from, own_severity, record
         FROM issue WHERE location_id = ?1 ORDER BY state <> 'open', id",
    )?;
    let mut found = Vec::new();
    let mut rows = statement.query([location])?;
    while let Some(row) = rows.next()? {
        let rose: (Option<String>, Option<u8>) = (row.get(7)?, row.get(8)?);
        let own: Option<String> = row.get(9)?;
        let record: String = row.get(10)?;
        found.push(Row {
            id: row.get(0)?,
            kind: row.get(1)?,
            subject: row.get(2)?,
            primary: row.get(3)?,
            state: row.get(4)?,
            severity: row.get(5)?,
            clock: Clock {
                from: row.get(6)?,
                rose: rose.0.zip(rose.1.map(Severity::from_rank)),
            },
            own_severity: own.as_deref().map(serde_json::from_str).transpose()?,
            record: serde_json::from_str(&record)?,
        });
    }
    Ok(found)
}

/// Pairs by which an issue is the same under another key.
fn names_and_ids(issue: &Issue) -> Vec<(String, String)> {
    let Some(package) = &issue.package else {
        return Vec::new();
    };
    let names: BTreeSet<String> = std::iter::once(package.name.as_str())
        .chain(package.source_name.as_deref())
        .chain(issue.package_names.iter().map(String::as_str))
        .map(str::to_lowercase)
        .collect();
    let ids = issue
        .identifiers
        .iter()
        .filter(|one| one.kind != "cwe" && one.same);
    let ids: Vec<String> = ids.map(|one| one.value.clone()).collect();
    names
        .iter()
        .flat_map(|name| ids.iter().map(|id| (name.clone(), id.clone())))
        .collect()
}

pub(super) fn kind_word(issue: &Issue) -> String {
    issue.kind.word().to_owned()
}

/// What is written of an issue besides its record.
struct Columns {
    severity: Severity,
    excluded: Option<Exclusion>,
    due: Option<String>,
}

fn columns(
    judged: &mut Judged,
    own: Option<&SeverityOverride>,
    clock: &Clock,
    id: i64,
    book: &Book,
    exclusions: &work::Covering<'_>,
) -> Columns {
    let severity = own.map_or(judged.issue.verdict.severity, |own| own.severity);
    judged.issue.severity = severity;
    let excluded = exclusions
        .covering(id, &judged.issue)
        .or_else(|| judged.dismissed.clone());
    let due = match &excluded {
        // What is only late is late from the same day.
        Some(exclusion) if exclusion.kind != ExclusionKind::Snoozed => None,
        _ => book.due(severity, &clock.from, clock.rose.as_ref()),
    };
    Columns {
        severity,
        excluded,
        due,
    }
}

fn insert(
    run: &Run<'_>,
    inputs: &LocationInputs,
    mut judged: Judged,
    book: &Book,
    exclusions: &work::Covering<'_>,
) -> Result<AgainstLastScan> {
    // The earliest sight of what it is made of; a tool's finding may be older than this store's issue.
    let first_seen = judged
        .first_seen
        .clone()
        .filter(|first| *first < run.stamp)
        .unwrap_or_else(|| run.stamp.clone());
    let clock = Clock {
        from: run.stamp.clone(),
        rose: None,
    };
    let columns = columns(&mut judged, None, &clock, 0, book, exclusions);
    let issue = &judged.issue;
    let id: i64 = run
        .tx
        .prepare_cached(
            "INSERT INTO issue (connection_id, location_id, kind, subject, primary_id, state, against, severity,
                                verdict, original, title, package, fixable, known_exploited, epss, application,
                                owner, occurrences, due, clock_from, excluded, excluded_until, exclusion,
                                first_seen, last_seen, changed_at, record, found)
             VALUES (?1, ?2, ?3, ?4, ?5, 'open', 'new', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?22, ?18, ?18, ?23, ?24)
             RETURNING id",
        )?
        .query_row(
            params![
                inputs.connection,
                inputs.row,
                kind_word(issue),
                judged.subject,
                issue.primary,
                columns.severity.rank(),
                issue.verdict.severity.rank(),
                issue.verdict.original.rank(),
                issue.title,
                issue.package.as_ref().map(|package| &package.name),
                issue.remediation.fixed_version.is_some(),
                issue.known_exploited.is_some(),
                issue.epss.as_ref().map(|epss| epss.score),
                issue.context.application,
                issue.context.owners.first().map(|owner| &owner.name),
                i64::try_from(issue.occurrences.len()).unwrap_or(i64::MAX),
                columns.due,
                run.stamp,
                columns.excluded.as_ref().map(|one| work::kind_word(one.kind)),
                columns.excluded.as_ref().and_then(|one| one.until.clone()),
                columns.excluded.as_ref().map(serde_json::to_string).transpose()?,
                first_seen,
                serde_json::to_string(issue)?,
                i64::try_from(judged.found).unwrap_or(i64::MAX),
            ],
            |row| row.get(0),
        )?;
    words(run.tx, id, issue)?;
    places(run, id, &judged)?;
    history::record(
        run.tx,
        &history::New {
            issue: id,
            run: Some(run.run),
            scan: run.scan,
            at: &run.stamp,
            kind: "opened",
            cause: &run.cause,
            record: json!({
                "severity": columns.severity,
                "original": issue.verdict.original,
                "title": issue.title,
                "excluded": columns.excluded,
            }),
        },
    )?;
    Ok(AgainstLastScan::New)
}

fn update(
    run: &Run<'_>,
    row: &mut Row,
    mut judged: Judged,
    book: &Book,
    exclusions: &work::Covering<'_>,
) -> Result<AgainstLastScan> {
    let reopened = row.state != "open";
    let before = row.severity;
    let severity = row
        .own_severity
        .as_ref()
        .map_or(judged.issue.verdict.severity, |own| own.severity);
    // What comes back begins anew; what becomes worse has the days of what it is now.
    if reopened {
        row.clock = Clock {
            from: run.stamp.clone(),
            rose: None,
        };
    } else if i64::from(severity.rank()) > before {
        let from = Severity::from_rank(u8::try_from(before).unwrap_or(0));
        row.clock.rose = Some((run.stamp.clone(), from));
    }
    let columns = columns(
        &mut judged,
        row.own_severity.as_ref(),
        &row.clock,
        row.id,
        book,
        exclusions,
    );
    let issue = &judged.issue;
    let changes = history::changes(&row.record, issue);
    let outcome = match (reopened, changes.is_empty()) {
        (true, _) => AgainstLastScan::Reopened,
        (false, false) => AgainstLastScan::Changed,
        (false, true) => AgainstLastScan::Same,
    };
    // What an update of advisories leaves as it is stays what the last scan made it.
    let against = match outcome {
        AgainstLastScan::Same if run.scan.is_none() => None,
        outcome => Some(against_word(outcome)),
    };
    run.tx
        .prepare_cached(
            "UPDATE issue SET subject = ?2, primary_id = ?3, state = 'open', against = coalesce(?4, against),
                    severity = ?5, verdict = ?6, original = ?7, title = ?8, package = ?9, fixable = ?10,
                    known_exploited = ?11, epss = ?12, application = ?13, owner = ?14, occurrences = ?15,
                    due = ?16, clock_from = ?17, rose_at = ?25, rose_from = ?26, excluded = ?18, excluded_until = ?19, exclusion = ?20,
                    last_seen = ?21, changed_at = CASE WHEN ?22 THEN ?21 ELSE changed_at END, closed_at = NULL,
                    record = ?23, found = ?24
             WHERE id = ?1",
        )?
        .execute(params![
            row.id,
            judged.subject,
            issue.primary,
            against,
            columns.severity.rank(),
            issue.verdict.severity.rank(),
            issue.verdict.original.rank(),
            issue.title,
            issue.package.as_ref().map(|package| &package.name),
            issue.remediation.fixed_version.is_some(),
            issue.known_exploited.is_some(),
            issue.epss.as_ref().map(|epss| epss.score),
            issue.context.application,
            issue.context.owners.first().map(|owner| &owner.name),
            i64::try_from(issue.occurrences.len()).unwrap_or(i64::MAX),
            columns.due,
            row.clock.from,
            columns.excluded.as_ref().map(|one| work::kind_word(one.kind)),
            columns.excluded.as_ref().and_then(|one| one.until.clone()),
            columns.excluded.as_ref().map(serde_json::to_string).transpose()?,
            run.stamp,
            outcome != AgainstLastScan::Same,
            serde_json::to_string(issue)?,
            i64::try_from(judged.found).unwrap_or(i64::MAX),
            row.clock.rose.as_ref().map(|(at, _)| at),
            row.clock.rose.as_ref().map(|(_, from)| from.rank()),
        ])?;
    if outcome != AgainstLastScan::Same || words_differ(&row.record, issue) {
        run.tx
            .prepare_cached("DELETE FROM issue_word WHERE issue_id = ?1")?
            .execute([row.id])?;
        words(run.tx, row.id, issue)?;
    }
    places(run, row.id, &judged)?;
    if outcome != AgainstLastScan::Same {
        history::record(
            run.tx,
            &history::New {
                issue: row.id,
                run: Some(run.run),
                scan: run.scan,
                at: &run.stamp,
                kind: if reopened { "reopened" } else { "changed" },
                cause: &run.cause,
                record: json!({
                    "severity": columns.severity,
                    "before": Severity::from_rank(u8::try_from(before).unwrap_or(0)),
                    "changes": changes,
                }),
            },
        )?;
    }
    Ok(outcome)
}

pub(super) fn against_word(against: AgainstLastScan) -> &'static str {
    match against {
        AgainstLastScan::New => "new",
        AgainstLastScan::Same => "same",
        AgainstLastScan::Changed => "changed",
        AgainstLastScan::Reopened => "reopened",
        AgainstLastScan::Closed => "closed",
    }
}

/// What filters ask for.
fn word_set(issue: &Issue) -> BTreeSet<(&'static str, String)> {
    let mut all = BTreeSet::new();
    let ids = issue.identifiers.iter();
    all.extend(ids.map(|one| ("id", one.value.to_ascii_uppercase())));
    let factors = issue.verdict.factors.iter();
    all.extend(
        factors
            .filter(|factor| factor.change != 0.0)
            .map(|factor| ("factor", factor.rule.clone())),
    );
    let owners = issue.context.owners.iter();
    all.extend(owners.map(|owner| ("owner", owner.name.to_lowercase())));
    let controls = issue.compliance.iter();
    all.extend(controls.flat_map(|one| {
        [
            (
                "control",
                format!("{} {}", one.standard, one.control).to_lowercase(),
            ),
            ("standard", one.standard.to_lowercase()),
        ]
    }));
    let tools = issue.sources.iter();
    all.extend(tools.map(|source| ("tool", source.tool.to_lowercase())));
    all.extend(
        issue
            .package_names
            .iter()
            .map(|name| ("package", name.to_lowercase())),
    );
    all.extend(
        issue
            .package
            .iter()
            .map(|package| ("package", package.name.to_lowercase())),
    );
    all.extend(
        [
            ("team", issue.context.team.as_ref()),
            ("service", issue.context.service.as_ref()),
            ("environment", issue.context.environment.as_ref()),
            ("priority", issue.context.priority.as_ref()),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?.to_lowercase()))),
    );
    all.insert(("category", issue.category.to_lowercase()));
    all
}

fn words_differ(before: &Issue, now: &Issue) -> bool {
    word_set(before) != word_set(now)
}

fn words(tx: &Transaction<'_>, id: i64, issue: &Issue) -> Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO issue_word (issue_id, kind, word) VALUES (?1, ?2, ?3)",
    )?;
    for (kind, word) in word_set(issue) {
        insert.execute(params![id, kind, word])?;
    }
    Ok(())
}

/// The places of an issue now; those that it had before keep the day that they were seen first.
fn places(run: &Run<'_>, id: i64, judged: &Judged) -> Result<()> {
    let mut before: BTreeMap<(i64, String, String), String> = run
        .tx
        .prepare_cached(
            "SELECT image_id, path, version, first_seen FROM occurrence WHERE issue_id = ?1",
        )?
        .query_map([id], |row| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut insert = run.tx.prepare_cached(
        "INSERT OR IGNORE INTO occurrence (issue_id, image_id, path, version, first_seen) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for place in &judged.places {
        if before.remove(place).is_none() {
            insert.execute(params![id, place.0, place.1, place.2, run.stamp])?;
        }
    }
    let mut delete = run.tx.prepare_cached(
        "DELETE FROM occurrence WHERE issue_id = ?1 AND image_id = ?2 AND path = ?3 AND version = ?4",
    )?;
    for (image, path, version) in before.into_keys() {
        delete.execute(params![id, image, path, version])?;
    }
    Ok(())
}

/// It stays open although nothing shows it, and says why, once.
fn keep(run: &Run<'_>, row: &Row, why: &str) -> Result<()> {
    let said: Option<String> = run
        .tx
        .prepare_cached(
            "SELECT record FROM issue_event WHERE issue_id = ?1 AND kind IN ('kept', 'opened', 'changed', 'reopened')
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row([row.id], |row| row.get(0))
        .optional()?;
    let record = json!({ "why": why });
    if said.as_deref() == Some(record.to_string().as_str()) {
        return Ok(());
    }
    history::record(
        run.tx,
        &history::New {
            issue: row.id,
            run: Some(run.run),
            scan: run.scan,
            at: &run.stamp,
            kind: "kept",
            cause: &run.cause,
            record,
        },
    )
}

fn end(run: &Run<'_>, row: &Row, state: &'static str, status: Status) -> Result<()> {
    let mut issue = row.record.clone();
    issue.status = status;
    run.tx
        .prepare_cached(
            "UPDATE issue SET state = ?2, against = 'closed', closed_at = ?3, changed_at = ?3, due = NULL, record = ?4
             WHERE id = ?1",
        )?
        .execute(params![row.id, state, run.stamp, serde_json::to_string(&issue)?])?;
    history::record(
        run.tx,
        &history::New {
            issue: row.id,
            run: Some(run.run),
            scan: run.scan,
            at: &run.stamp,
            kind: state,
            cause: &run.cause,
            record: json!({ "status": issue.status }),
        },
    )
}
