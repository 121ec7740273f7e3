//! What a person does with one issue or with many at once: all of it or nothing, and a way back.
//!
//! Who edits says which state of an issue they looked at. Where somebody else changed one meanwhile, nothing is
//! done, and the answer names it. What is done is seen at once; weighing, which follows, brings what depends on
//! it (deadlines, other exclusions) up to date.

use ox_issue::exclusion::{Rule, Scope};
use ox_issue::issue::{Exclusion, ExclusionKind, Issue, SeverityOverride, Status};
use ox_issue::severity::Severity;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::{Result, Store, StoreError, now};
use super::list::issue_of_row;
use super::work::{
    Covers, NAME_CHARS, TEXT_CHARS, kind_word, no_issue, normal, pend_issue, told, written,
};

/// Most issues of one action.
pub const AT_ONCE: usize = 1000;

/// Which state of an issue somebody looks at. It changes with whatever an edit may change.
pub fn version(issue: &Issue) -> String {
    let state = json!([
        issue.severity,
        issue.override_,
        issue.exclusion,
        issue.assignee,
        issue.status
    ]);
    let digest = Sha256::digest(state.to_string().as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is done with issues.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Given to somebody, or to nobody.
    Assign {
        /// To whom.
        to: Option<String>,
    },
    /// A severity of a person's own, or back to the rules.
    Severity {
        /// Which.
        severity: Option<Severity>,
        /// Why.
        reason: String,
    },
    /// Kept out of the queue.
    Exclude {
        /// As what.
        kind: ExclusionKind,
        /// Why.
        reason: String,
        /// When it ends by itself; RFC 3339.
        until: Option<String>,
    },
    /// Said something about.
    Comment {
        /// What.
        text: String,
    },
}

/// The way back from what was done with one issue.
#[derive(Clone, Debug, PartialEq)]
pub enum UndoWork {
    /// It was given to `now`; before, it was `before`'s.
    Assign {
        /// The issue.
        issue: i64,
        /// Who has it since.
        now: Option<String>,
        /// Who had it.
        before: Option<String>,
    },
    /// Its severity was set.
    Severity {
        /// The issue.
        issue: i64,
        /// What was set.
        now: Option<SeverityOverride>,
        /// What was set before.
        before: Option<SeverityOverride>,
    },
    /// It was excluded.
    Exclude {
        /// The issue.
        issue: i64,
        /// The exclusion.
        exclusion: i64,
    },
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Worked {
    /// It is done.
    Done {
        /// Issues that are another now.
        issues: Vec<i64>,
        /// Issues that were so already, or to which it does not apply.
        left: usize,
        /// The way back.
        undo: Vec<UndoWork>,
    },
    /// These were changed meanwhile. Nothing was done.
    Changed(Vec<i64>),
}

fn read(tx: &Transaction<'_>, id: i64, stamp: &str) -> Result<Issue> {
    issue_of_row(tx, id, stamp)?.ok_or_else(|| no_issue(id))
}

/// A severity that a person sets, or takes back.
fn set_severity(tx: &Transaction<'_>, id: i64, own: Option<&SeverityOverride>) -> Result<()> {
    tx.prepare_cached(
        // A rise gives the days of the new severity from now, whoever raised it.
        "UPDATE issue SET own_severity = ?2, severity = coalesce(?3, verdict),
                rose_at = CASE WHEN coalesce(?3, verdict) > severity THEN ?4 ELSE rose_at END,
                rose_from = CASE WHEN coalesce(?3, verdict) > severity THEN severity ELSE rose_from END
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        own.map(serde_json::to_string).transpose()?,
        own.map(|own| own.severity.rank()),
        now()
    ])?;
    pend_issue(tx, id)
}

fn exclude(tx: &Transaction<'_>, issue: i64, rule: &Rule, until: Option<&String>) -> Result<i64> {
    let scope = Scope::Issue { id: issue };
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO exclusion (kind, scope, reason, by, at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
        )?
        .query_row(
            params![
                kind_word(rule.kind),
                serde_json::to_string(&Covers::Scope(scope))?,
                rule.reason,
                rule.by,
                rule.at,
                until
            ],
            |row| row.get(0),
        )?;
    let shown = Exclusion {
        id: Some(id),
        kind: rule.kind,
        scope: "this issue".to_owned(),
        reason: rule.reason.clone(),
        by: rule.by.clone(),
        at: rule.at.clone(),
        until: until.cloned(),
    };
    tx.prepare_cached(
        "UPDATE issue SET excluded = ?2, excluded_until = ?3, exclusion = ?4,
                due = CASE WHEN ?5 THEN due ELSE NULL END WHERE id = ?1",
    )?
    .execute(params![
        issue,
        kind_word(rule.kind),
        until,
        serde_json::to_string(&shown)?,
        rule.kind == ExclusionKind::Snoozed
    ])?;
    pend_issue(tx, issue)?;
    let record = json!({ "kind": rule.kind, "reason": rule.reason, "until": until });
    told(tx, issue, "excluded", &rule.by, record)?;
    Ok(id)
}

impl Store {
    /// Does one thing with issues, each of which is named with the state that was looked at, where that counts.
    pub async fn work_on(
        &self,
        on: Vec<(i64, Option<String>)>,
        work: Work,
        by: String,
    ) -> Result<Worked> {
        if on.len() > AT_ONCE {
            return Err(StoreError::Refused(format!(
                "one action takes at most {AT_ONCE} issues, and these are {}; filter further, or exclude by rule, package or application",
                on.len()
            )));
        }
        self.write(move |tx| {
            let stamp = now();
            let by = written("the name of who does it", &by, NAME_CHARS)?;
            let mut issues = Vec::new();
            let mut changed = Vec::new();
            for (id, looked_at) in on {
                let issue = read(tx, id, &stamp)?;
                if looked_at.is_some_and(|one| one != version(&issue)) {
                    changed.push(id);
                }
                issues.push(issue);
            }
            if !changed.is_empty() {
                return Ok(Worked::Changed(changed));
            }
            let all = issues.len();
            let mut done = Vec::new();
            let mut undo = Vec::new();
            match work {
                Work::Assign { to } => {
                    let to = to
                        .map(|to| written("the assignee", &to, NAME_CHARS))
                        .transpose()?;
                    for issue in issues.into_iter().filter(|issue| issue.assignee != to) {
                        set_assignee(tx, issue.id, to.as_ref())?;
                        told(tx, issue.id, "assigned", &by, json!({ "to": to }))?;
                        done.push(issue.id);
                        undo.push(UndoWork::Assign {
                            issue: issue.id,
                            now: to.clone(),
                            before: issue.assignee,
                        });
                    }
                }
                Work::Severity { severity, reason } => {
                    let own = severity
                        .map(|severity| -> Result<SeverityOverride> {
                            Ok(SeverityOverride {
                                severity,
                                reason: written("the reason", &reason, TEXT_CHARS)?,
                                by: by.clone(),
                                at: stamp.clone(),
                            })
                        })
                        .transpose()?;
                    let reason: String = reason.trim().chars().take(TEXT_CHARS).collect();
                    let is_so = |issue: &Issue| match (&issue.override_, &own) {
                        (None, None) => true,
                        (Some(one), Some(other)) => {
                            one.severity == other.severity && one.reason == other.reason
                        }
                        _ => false,
                    };
                    for issue in issues.into_iter().filter(|issue| !is_so(issue)) {
                        set_severity(tx, issue.id, own.as_ref())?;
                        let record = json!({ "severity": severity, "reason": reason });
                        told(tx, issue.id, "severity", &by, record)?;
                        done.push(issue.id);
                        undo.push(UndoWork::Severity {
                            issue: issue.id,
                            now: own.clone(),
                            before: issue.override_,
                        });
                    }
                }
                Work::Exclude {
                    kind,
                    reason,
                    until,
                } => {
                    let until = until.as_deref().map(normal).transpose()?;
                    let rule = Rule {
                        kind,
                        scope: Scope::Issue { id: 1 },
                        reason: reason.trim().to_owned(),
                        by: by.clone(),
                        at: stamp.clone(),
                        until: until.clone(),
                    };
                    rule.check(&stamp)
                        .map_err(|invalid| StoreError::Refused(invalid.to_string()))?;
                    let open =
                        |issue: &Issue| issue.status == Status::Open && issue.exclusion.is_none();
                    for issue in issues.into_iter().filter(open) {
                        let exclusion = exclude(tx, issue.id, &rule, until.as_ref())?;
                        done.push(issue.id);
                        undo.push(UndoWork::Exclude {
                            issue: issue.id,
                            exclusion,
                        });
                    }
                }
                Work::Comment { text } => {
                    let text = written("the comment", &text, TEXT_CHARS)?;
                    for issue in issues {
                        tx.prepare_cached(
                            "UPDATE issue SET comments = comments + 1 WHERE id = ?1",
                        )?
                        .execute([issue.id])?;
                        told(tx, issue.id, "comment", &by, json!({ "text": text }))?;
                        done.push(issue.id);
                    }
                }
            }
            Ok(Worked::Done {
                left: all - done.len(),
                issues: done,
                undo,
            })
        })
        .await
    }

    /// Goes back, where what was done still stands. Answers how many went back, and how many did not because
    /// somebody did something else with them since.
    pub async fn undo_work(&self, undo: Vec<UndoWork>, by: String) -> Result<(usize, usize)> {
        self.write(move |tx| {
            let stamp = now();
            let all = undo.len();
            let mut back = 0;
            for one in undo {
                back += usize::from(undo_one(tx, one, &by, &stamp)?);
            }
            Ok((back, all - back))
        })
        .await
    }
}

fn set_assignee(tx: &Transaction<'_>, id: i64, to: Option<&String>) -> Result<()> {
    tx.prepare_cached("UPDATE issue SET assignee = ?2 WHERE id = ?1")?
        .execute(params![id, to])?;
    Ok(())
}

fn undo_one(tx: &Transaction<'_>, undo: UndoWork, by: &str, stamp: &str) -> Result<bool> {
    match undo {
        UndoWork::Assign { issue, now, before } => {
            let is = issue_of_row(tx, issue, stamp)?;
            if is.is_none_or(|is| is.assignee != now) {
                return Ok(false);
            }
            set_assignee(tx, issue, before.as_ref())?;
            told(tx, issue, "assigned", by, json!({ "to": before }))?;
        }
        UndoWork::Severity { issue, now, before } => {
            let is = issue_of_row(tx, issue, stamp)?;
            if is.is_none_or(|is| is.override_ != now) {
                return Ok(false);
            }
            set_severity(tx, issue, before.as_ref())?;
            let record = json!({
                "severity": before.as_ref().map(|own| own.severity),
                "reason": before.as_ref().map_or("undone", |own| own.reason.as_str()),
            });
            told(tx, issue, "severity", by, record)?;
        }
        UndoWork::Exclude { issue, exclusion } => {
            let ended: Option<Option<String>> = tx
                .prepare_cached("SELECT ended_at FROM exclusion WHERE id = ?1")?
                .query_row([exclusion], |row| row.get(0))
                .optional()?;
            if ended != Some(None) {
                return Ok(false);
            }
            tx.execute(
                "UPDATE exclusion SET ended_at = ?2, ended_by = ?3 WHERE id = ?1",
                params![exclusion, stamp, by],
            )?;
            if issue_of_row(tx, issue, stamp)?
                .and_then(|is| is.exclusion)
                .is_some_and(|is| is.id == Some(exclusion))
            {
                tx.execute(
                    "UPDATE issue SET excluded = NULL, excluded_until = NULL, exclusion = NULL WHERE id = ?1",
                    [issue],
                )?;
            }
            pend_issue(tx, issue)?;
            told(
                tx,
                issue,
                "exclusion-ended",
                by,
                json!({ "exclusion": exclusion }),
            )?;
        }
    }
    Ok(true)
}
