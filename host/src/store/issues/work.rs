//! What people do with issues: assign, comment, set a severity, exclude. Each is a row of the history too.

use std::collections::{BTreeSet, HashMap};

use ox_issue::exclusion::{self, Compiled, Rule, Scope, Subject};
use ox_issue::issue::{Exclusion, ExclusionKind, Issue, SeverityOverride};
use ox_issue::severity::Severity;
use ox_issue::vex::Statement;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Result, Store, StoreError, now};
use super::{history, weigh};

/// Longest comment or reason, in characters.
pub(super) const TEXT_CHARS: usize = 10_000;
/// Longest name of a person, in characters.
pub(super) const NAME_CHARS: usize = 200;

/// What an exclusion covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ExclusionCovers)]
pub enum Covers {
    /// What a person named.
    Scope(Scope),
    /// What a statement of a VEX document speaks of.
    #[schema(value_type = Object)]
    Vex(Box<Statement>),
}

impl Covers {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Scope(Scope::Issue { id }) => format!("issue OX-{id}"),
            Self::Scope(scope) => scope.words(),
            Self::Vex(statement) => format!(
                "VEX statement about {}",
                statement.vulnerabilities.join(", ")
            ),
        }
    }
}

/// An exclusion to be made.
#[derive(Clone, Debug)]
pub struct NewExclusion {
    /// What kind.
    pub kind: ExclusionKind,
    /// What it covers.
    pub covers: Covers,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When it ends by itself; RFC 3339.
    pub until: Option<String>,
}

/// An exclusion, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Exclusion)]
pub struct ExclusionRow {
    /// Its number.
    pub id: i64,
    /// What kind.
    pub kind: ExclusionKind,
    /// What it covers.
    pub covers: Covers,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// RFC 3339.
    pub at: String,
    /// When it ends by itself; RFC 3339.
    pub until: Option<String>,
    /// When it ended, and by whom (`expiry`).
    pub ended: Option<(String, String)>,
}

/// The exclusions that count at a time.
pub(super) struct Active {
    rules: Vec<(i64, Rule)>,
    statements: Vec<(Exclusion, Statement)>,
    /// Places in `statements`, by vulnerability in upper case.
    by_vulnerability: HashMap<String, Vec<usize>>,
    stamp: String,
}

pub(super) fn active(tx: &Transaction<'_>, stamp: &str) -> Result<Active> {
    let rows = read(
        tx,
        "WHERE ended_at IS NULL AND (until IS NULL OR until > ?1) ORDER BY id",
        &[&stamp],
    )?;
    let mut active = Active {
        rules: Vec::new(),
        statements: Vec::new(),
        by_vulnerability: HashMap::new(),
        stamp: stamp.to_owned(),
    };
    for row in rows {
        match row.covers {
            Covers::Scope(scope) => active.rules.push((
                row.id,
                Rule {
                    kind: row.kind,
                    scope,
                    reason: row.reason,
                    by: row.by,
                    at: row.at,
                    until: row.until,
                },
            )),
            Covers::Vex(statement) => {
                for id in &statement.vulnerabilities {
                    let places = active
                        .by_vulnerability
                        .entry(id.to_ascii_uppercase())
                        .or_default();
                    places.push(active.statements.len());
                }
                active.statements.push((
                    Exclusion {
                        id: Some(row.id),
                        kind: ExclusionKind::Vex,
                        scope: Covers::Vex(statement.clone()).words(),
                        reason: row.reason,
                        by: row.by,
                        at: row.at,
                        until: row.until,
                    },
                    *statement,
                ));
            }
        }
    }
    Ok(active)
}

/// The same, with the patterns compiled for many issues.
pub(super) struct Covering<'a> {
    compiled: Vec<(i64, Compiled<'a>)>,
    active: &'a Active,
}

impl Active {
    pub(super) fn compile(&self) -> Covering<'_> {
        let rules = self.rules.iter();
        Covering {
            compiled: rules.map(|(id, rule)| (*id, Compiled::of(rule))).collect(),
            active: self,
        }
    }
}

impl Covering<'_> {
    /// The exclusion that covers an issue.
    pub(super) fn covering(&self, id: i64, issue: &Issue) -> Option<Exclusion> {
        let rule = exclusion::rule_id(issue.kind, &issue.primary);
        let ids: Vec<&str> = issue
            .identifiers
            .iter()
            .filter(|one| one.same)
            .map(|one| one.value.as_str())
            .chain(rule.as_deref())
            .collect();
        let package = issue.package.as_ref();
        let subject = Subject {
            id,
            ids: &ids,
            application: &issue.context.application,
            location: &issue.location,
            ecosystem: package.map(|package| package.ecosystem.as_str()),
            format: package.map(|package| package.format.as_str()),
            package: package.map(|package| package.name.as_str()),
            source_package: package.and_then(|package| package.source_name.as_deref()),
        };
        if let Some((id, one)) = exclusion::of_issue(&self.compiled, &subject, &self.active.stamp) {
            return Some(one.rule.shown(Some(*id)));
        }
        let places: BTreeSet<usize> = ids
            .iter()
            .filter_map(|id| self.active.by_vulnerability.get(&id.to_ascii_uppercase()))
            .flatten()
            .copied()
            .collect();
        places
            .into_iter()
            .filter_map(|at| self.active.statements.get(at))
            .find(|(_, statement)| crate::queue::vex_excludes(statement, issue))
            .map(|(exclusion, _)| exclusion.clone())
    }
}

/// As the column has it.
pub(super) fn kind_word(kind: ExclusionKind) -> &'static str {
    match kind {
        ExclusionKind::Excluded => "excluded",
        ExclusionKind::FalsePositive => "false-positive",
        ExclusionKind::Snoozed => "snoozed",
        ExclusionKind::DismissedInTool => "dismissed-in-tool",
        ExclusionKind::Vex => "vex",
    }
}

fn kind_of(word: &str) -> ExclusionKind {
    match word {
        "false-positive" => ExclusionKind::FalsePositive,
        "snoozed" => ExclusionKind::Snoozed,
        "dismissed-in-tool" => ExclusionKind::DismissedInTool,
        "vex" => ExclusionKind::Vex,
        _ => ExclusionKind::Excluded,
    }
}

fn read(
    tx: &Transaction<'_>,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<ExclusionRow>> {
    let mut statement = tx.prepare(&format!(
        "SELECT id, kind, scope, reason, by, at, until, ended_at, ended_by FROM exclusion {condition}"
    ))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let scope: String = row.get(2)?;
        let ended: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
        found.push(ExclusionRow {
            id: row.get(0)?,
            kind: kind_of(&kind),
            covers: match serde_json::from_str(&scope) {
                Ok(covers) => covers,
                Err(error) => {
                    // One that can't be read covers nothing, and does not stop the queue.
                    let id: i64 = row.get(0)?;
                    tracing::error!(id, %error, "an exclusion can't be read any more, and covers nothing");
                    continue;
                }
            },
            reason: row.get(3)?,
            by: row.get(4)?,
            at: row.get(5)?,
            until: row.get(6)?,
            ended: ended.0.zip(ended.1),
        });
    }
    Ok(found)
}

/// Exclusions whose time has come end; the locations that they covered are weighed again.
pub(super) fn end_expired(tx: &Transaction<'_>) -> Result<()> {
    let stamp = now();
    let ended = tx.execute(
        "UPDATE exclusion SET ended_at = until, ended_by = 'expiry' WHERE ended_at IS NULL AND until <= ?1",
        [&stamp],
    )?;
    if ended > 0 {
        tx.execute(
            "INSERT INTO pending (location_id, cause)
             SELECT DISTINCT location_id, 'exclusion' FROM issue WHERE excluded_until <= ?1
             ON CONFLICT (location_id) DO NOTHING",
            [&stamp],
        )?;
    }
    Ok(())
}

/// Text that a person wrote, within its limit.
pub(super) fn written(what: &str, text: &str, limit: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(StoreError::Refused(format!(
            "{what} is empty; say it in a few words"
        )));
    }
    let length = text.chars().count();
    if length > limit {
        return Err(StoreError::Refused(format!(
            "{what} has {length} characters, and the limit is {limit}"
        )));
    }
    Ok(text.to_owned())
}

fn must_exist(tx: &Transaction<'_>, issue: i64) -> Result<()> {
    let found: Option<i64> = tx
        .prepare_cached("SELECT id FROM issue WHERE id = ?1")?
        .query_row([issue], |row| row.get(0))
        .optional()?;
    found.map(drop).ok_or_else(|| no_issue(issue))
}

pub(super) fn no_issue(issue: i64) -> StoreError {
    StoreError::Refused(format!(
        "there is no issue OX-{issue}; `ox-host issues` lists them"
    ))
}

pub(super) fn told(
    tx: &Transaction<'_>,
    issue: i64,
    kind: &'static str,
    by: &str,
    record: serde_json::Value,
) -> Result<()> {
    history::record(
        tx,
        &history::New {
            issue,
            run: None,
            scan: None,
            at: &now(),
            kind,
            cause: by,
            record,
        },
    )
}

impl Store {
    /// Gives an issue to somebody, or to nobody.
    pub async fn assign(&self, issue: i64, to: Option<String>, by: String) -> Result<()> {
        self.write(move |tx| {
            must_exist(tx, issue)?;
            let by = written("the name of who does it", &by, NAME_CHARS)?;
            let to = to
                .map(|to| written("the assignee", &to, NAME_CHARS))
                .transpose()?;
            tx.execute(
                "UPDATE issue SET assignee = ?2 WHERE id = ?1",
                params![issue, to],
            )?;
            told(tx, issue, "assigned", &by, json!({ "to": to }))
        })
        .await
    }

    /// Says something about an issue.
    pub async fn comment(&self, issue: i64, text: String, by: String) -> Result<()> {
        self.write(move |tx| {
            must_exist(tx, issue)?;
            let by = written("the name of who says it", &by, NAME_CHARS)?;
            let text = written("the comment", &text, TEXT_CHARS)?;
            tx.execute(
                "UPDATE issue SET comments = comments + 1 WHERE id = ?1",
                [issue],
            )?;
            told(tx, issue, "comment", &by, json!({ "text": text }))
        })
        .await
    }

    /// Sets the severity of an issue, above what comes out by itself; `None` goes back to that.
    pub async fn set_severity(
        &self,
        issue: i64,
        severity: Option<Severity>,
        reason: String,
        by: String,
    ) -> Result<()> {
        self.write(move |tx| {
            must_exist(tx, issue)?;
            let by = written("the name of who sets it", &by, NAME_CHARS)?;
            let own = match severity {
                Some(severity) => Some(SeverityOverride {
                    severity,
                    reason: written("the reason", &reason, TEXT_CHARS)?,
                    by: by.clone(),
                    at: now(),
                }),
                None => None,
            };
            tx.execute(
                // A rise gives the days of the new severity from now, whoever raised it.
                "UPDATE issue SET own_severity = ?2, severity = coalesce(?3, verdict),
                        rose_at = CASE WHEN coalesce(?3, verdict) > severity THEN ?4 ELSE rose_at END,
                        rose_from = CASE WHEN coalesce(?3, verdict) > severity THEN severity ELSE rose_from END
                 WHERE id = ?1",
                params![
                    issue,
                    own.as_ref().map(serde_json::to_string).transpose()?,
                    own.as_ref().map(|own| own.severity.rank()),
                    now()
                ],
            )?;
            pend_issue(tx, issue)?;
            let reason: String = reason.trim().chars().take(TEXT_CHARS).collect();
            told(tx, issue, "severity", &by, json!({ "severity": severity, "reason": reason }))
        })
        .await
    }

    /// Excludes what a scope covers. Answers its number; the issues follow when they are weighed.
    pub async fn exclude(&self, new: NewExclusion) -> Result<i64> {
        self.write(move |tx| {
            let stamp = now();
            let until = new.until.as_deref().map(normal).transpose()?;
            if let Covers::Scope(scope) = &new.covers {
                let rule = Rule {
                    kind: new.kind,
                    scope: scope.clone(),
                    reason: new.reason.clone(),
                    by: new.by.clone(),
                    at: stamp.clone(),
                    until: until.clone(),
                };
                rule.check(&stamp)
                    .map_err(|invalid| StoreError::Refused(invalid.to_string()))?;
            }
            let issue = match &new.covers {
                Covers::Scope(Scope::Issue { id }) => {
                    must_exist(tx, *id)?;
                    Some(*id)
                }
                _ => None,
            };
            let reason = new.reason.trim();
            let id = tx.query_row(
                "INSERT INTO exclusion (kind, scope, reason, by, at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                params![
                    kind_word(new.kind),
                    serde_json::to_string(&new.covers)?,
                    reason,
                    new.by,
                    stamp,
                    until
                ],
                |row| row.get(0),
            )?;
            match issue {
                Some(issue) => {
                    pend_issue(tx, issue)?;
                    let record = json!({ "kind": new.kind, "reason": reason, "until": until });
                    told(tx, issue, "excluded", &new.by, record)?;
                }
                None => weigh::pend_all(tx, "exclusion")?,
            }
            Ok(id)
        })
        .await
    }

    /// Ends an exclusion.
    pub async fn end_exclusion(&self, id: i64, by: String) -> Result<()> {
        self.write(move |tx| {
            let row = read(tx, "WHERE id = ?1", &[&id])?.pop().ok_or_else(|| {
                StoreError::Refused(format!(
                    "there is no exclusion {id}; `ox-host exclusions` lists them"
                ))
            })?;
            if let Some((at, who)) = row.ended {
                return Err(StoreError::Refused(format!(
                    "exclusion {id} ended on {at} already ({who})"
                )));
            }
            tx.execute(
                "UPDATE exclusion SET ended_at = ?2, ended_by = ?3 WHERE id = ?1",
                params![id, now(), by],
            )?;
            if let Covers::Scope(Scope::Issue { id: issue }) = &row.covers {
                pend_issue(tx, *issue)?;
                told(
                    tx,
                    *issue,
                    "exclusion-ended",
                    &by,
                    json!({ "exclusion": id }),
                )?;
            } else {
                weigh::pend_all(tx, "exclusion")?;
            }
            Ok(())
        })
        .await
    }

    /// Exclusions, the newest first; those that ended too when asked for.
    pub fn exclusions(&self, ended: bool) -> Result<Vec<ExclusionRow>> {
        self.read(|tx| {
            let condition = if ended {
                "ORDER BY id DESC"
            } else {
                "WHERE ended_at IS NULL AND (until IS NULL OR until > ?1) ORDER BY id DESC"
            };
            let stamp = now();
            let values: &[&dyn rusqlite::ToSql] = if ended { &[] } else { &[&stamp] };
            read(tx, condition, values)
        })
    }
}

pub(super) fn pend_issue(tx: &Transaction<'_>, issue: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO pending (location_id, cause) SELECT location_id, 'work' FROM issue WHERE id = ?1
         ON CONFLICT (location_id) DO NOTHING",
        [issue],
    )?;
    Ok(())
}

/// A time, in the store's form.
pub(super) fn normal(text: &str) -> Result<String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error| StoreError::Refused(format!("{text:?} is not a time: {error}")))?;
    Ok(format!("{time:.3}"))
}
