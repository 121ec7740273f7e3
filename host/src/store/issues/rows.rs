//! Issues as rows: what is written when one opens, changes, stays or ends, with its words, places and event.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ox_issue::issue::{AgainstLastScan, Exclusion, ExclusionKind, Issue, SeverityOverride, Status};
use ox_issue::severity::Severity;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;

use super::super::Result;
use super::{history, pairing, work};
use crate::queue::{Book, Judged, LocationInputs};

/// An issue as the store has it, before it is laid beside what should be there.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) key: pairing::Key,
    pub(super) is_open: bool,
    pub(super) severity: i64,
    pub(super) clock: Clock,
    pub(super) own_severity: Option<SeverityOverride>,
    /// `None` when it can't be read any more (an older program wrote it): it is made anew.
    pub(super) record: Option<Issue>,
}

/// What a deadline counts from.
#[derive(Clone)]
pub(super) struct Clock {
    pub(super) from: String,
    pub(super) rose: Option<(String, Severity)>,
}

/// What a run writes beside the issues.
pub(super) struct Run<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) run: i64,
    pub(super) scan: Option<i64>,
    pub(super) cause: String,
    pub(super) stamp: String,
}

pub(super) fn rows(tx: &Transaction<'_>, location: i64) -> Result<Vec<Row>> {
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
            key: (row.get(1)?, row.get(2)?, row.get(3)?),
            is_open: row.get::<_, String>(4)? == "open",
            severity: row.get(5)?,
            clock: Clock {
                from: row.get(6)?,
                rose: rose.0.zip(rose.1.map(Severity::from_rank)),
            },
            own_severity: own.as_deref().map(serde_json::from_str).transpose()?,
            record: serde_json::from_str(&record).ok(),
        });
    }
    Ok(found)
}

pub(super) fn kind_word(issue: &Issue) -> String {
    issue.kind.word().to_owned()
}

/// What is written of an issue besides its record.
pub(super) struct Columns {
    severity: Severity,
    excluded: Option<Exclusion>,
    due: Option<String>,
}

pub(super) fn columns(
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

pub(super) fn insert(
    run: &Run<'_>,
    inputs: &LocationInputs,
    mut judged: Judged,
    book: &Book,
    exclusions: &work::Covering<'_>,
) -> Result<i64> {
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
    places(run, id, &judged, &HashSet::new())?;
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
    Ok(id)
}

pub(super) fn update(
    run: &Run<'_>,
    row: &mut Row,
    mut judged: Judged,
    unread: &HashSet<(i64, String, String)>,
    book: &Book,
    exclusions: &work::Covering<'_>,
) -> Result<AgainstLastScan> {
    let reopened = !row.is_open;
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
    let changes = match &row.record {
        Some(before) => history::changes(before, issue),
        None => {
            vec!["what was known of it could not be read any more, and was made anew".to_owned()]
        }
    };
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
                    last_seen = CASE WHEN ?27 THEN ?21 ELSE last_seen END, changed_at = CASE WHEN ?22 THEN ?21 ELSE changed_at END, closed_at = NULL,
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
            // Only a scan looks; what is weighed again for another reason was not seen again.
            run.scan.is_some() || reopened,
        ])?;
    let same_words = row
        .record
        .as_ref()
        .is_some_and(|before| word_set(before) == word_set(issue));
    if !same_words {
        run.tx
            .prepare_cached("DELETE FROM issue_word WHERE issue_id = ?1")?
            .execute([row.id])?;
        words(run.tx, row.id, issue)?;
    }
    places(run, row.id, &judged, unread)?;
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
pub(super) fn word_set(issue: &Issue) -> BTreeSet<(&'static str, String)> {
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

pub(super) fn words(tx: &Transaction<'_>, id: i64, issue: &Issue) -> Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO issue_word (issue_id, kind, word) VALUES (?1, ?2, ?3)",
    )?;
    for (kind, word) in word_set(issue) {
        insert.execute(params![id, kind, word])?;
    }
    Ok(())
}

/// The places of an issue now; those that it had before keep the day that they were seen first.
pub(super) fn places(
    run: &Run<'_>,
    id: i64,
    judged: &Judged,
    unread: &HashSet<(i64, String, String)>,
) -> Result<()> {
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
    for place in before.into_keys().filter(|place| !unread.contains(place)) {
        let (image, path, version) = place;
        delete.execute(params![id, image, path, version])?;
    }
    Ok(())
}

/// It stays open although nothing shows it, and says why, once.
pub(super) fn keep(run: &Run<'_>, row: &Row, why: &str) -> Result<()> {
    if run.scan.is_some() {
        run.tx
            .prepare_cached("UPDATE issue SET against = 'same' WHERE id = ?1")?
            .execute([row.id])?;
    }
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

pub(super) fn end(
    run: &Run<'_>,
    row: &Row,
    state: &'static str,
    status: Status,
    same_as: Option<i64>,
) -> Result<()> {
    let record = match row.record.clone() {
        Some(mut issue) => {
            issue.status = status.clone();
            Some(serde_json::to_string(&issue)?)
        }
        None => None,
    };
    run.tx
        .prepare_cached(
            "UPDATE issue SET state = ?2, against = 'closed', closed_at = ?3, changed_at = ?3, due = NULL,
                    record = coalesce(?4, record)
             WHERE id = ?1",
        )?
        .execute(params![row.id, state, run.stamp, record])?;
    if let Some(other) = same_as {
        // Who worked on the one works on the other.
        run.tx
            .prepare_cached(
                "UPDATE issue SET assignee = coalesce(assignee, (SELECT assignee FROM issue WHERE id = ?2)) WHERE id = ?1",
            )?
            .execute([other, row.id])?;
    }
    history::record(
        run.tx,
        &history::New {
            issue: row.id,
            run: Some(run.run),
            scan: run.scan,
            at: &run.stamp,
            kind: state,
            cause: &run.cause,
            record: json!({ "status": status, "same_as": same_as }),
        },
    )
}
