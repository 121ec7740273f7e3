//! Runs of the daemon: from the wish to the end, and what each said of itself.
//!
//! A connection has at most one task that is not over; the advisories have one of their own. Every change of
//! state names the state that it comes from, so that two who change the same task can't undo each other.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Result, Store, StoreError, now};
use crate::host::FailureClass;
use crate::serve::runs::{Cause, Run, RunFilter, RunKind, RunLine, RunProgress, RunState};

/// Lines that are kept of one run.
pub const TASK_LINES: u64 = 2000;
/// Tasks that are kept of one connection; older ones that are over are forgotten.
const TASKS_KEPT: i64 = 2000;
/// Locations that a wish may name.
const LOCATIONS: usize = 10_000;

/// A wish, as it comes in.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// What.
    pub kind: RunKind,
    /// Row of the connection; `None` for advisories.
    pub connection: Option<i64>,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub by: String,
    /// Only these locations; empty takes the selection.
    pub locations: Vec<String>,
    /// Begin anew.
    pub fresh: bool,
}

/// What a task is to do; the column `request`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRequest {
    /// Only these locations; empty takes the selection.
    pub locations: Vec<String>,
    /// Begin anew.
    pub fresh: bool,
    /// What was asked for while it ran and is more than it does: done behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<Box<TaskWish>>,
}

/// What is done behind a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskWish {
    /// Only these locations; empty takes the selection.
    pub locations: Vec<String>,
    /// Begin anew.
    pub fresh: bool,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub by: String,
}

/// How a task ended; the column `outcome`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskOutcome {
    /// The end's numbers.
    pub progress: RunProgress,
    /// What to know about it: a sentence, and what to do.
    pub message: Option<String>,
    /// What the egress policy refused.
    pub refused: Vec<String>,
    /// Whose fault a failed one is.
    pub class: Option<FailureClass>,
}

/// A task with what only the host needs.
#[derive(Clone, Debug)]
pub struct TaskRow {
    /// As everybody sees it.
    pub run: Run,
    /// Row of the connection.
    pub connection_id: Option<i64>,
    /// What it is to do.
    pub request: TaskRequest,
    /// How it ended.
    pub outcome: Option<TaskOutcome>,
}

/// A task that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingTask {
    /// Row.
    pub id: i64,
    /// What it does.
    pub kind: RunKind,
}

const SELECT: &str = "SELECT task.id, task.connection_id, task.kind, task.cause, task.asked_by, task.state, task.request,
        task.joined, task.asked_at, task.started_at, task.ended_at, task.scan_id, task.plugin_digest, task.outcome,
        connection.name
    FROM task LEFT JOIN connection ON connection.id = task.connection_id";

impl Store {
    /// Writes a wish down, or joins the task of that connection that is not over. True when it was joined.
    pub async fn ask_task(&self, new: NewTask) -> Result<(TaskRow, bool)> {
        if new.locations.len() > LOCATIONS {
            return Err(StoreError::Refused(format!(
                "{} locations are asked for, and the limit is {LOCATIONS}; ask for a group, or for all",
                new.locations.len()
            )));
        }
        self.write(move |tx| ask(tx, &new)).await
    }

    /// Tasks that ran when the last process ended wait again; says how many.
    pub async fn queue_running_tasks(&self) -> Result<usize> {
        self.write(|tx| {
            Ok(tx.execute(
                "UPDATE task SET state = 'queued' WHERE state = 'running'",
                [],
            )?)
        })
        .await
    }

    /// Tasks that wait, in the order of their turns: the connection that was served longest ago is the next.
    pub fn waiting_tasks(&self) -> Result<Vec<WaitingTask>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, kind FROM task WHERE state = 'queued'
                 ORDER BY (SELECT max(earlier.started_at) FROM task AS earlier
                           WHERE earlier.connection_id IS task.connection_id) NULLS FIRST, id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(WaitingTask {
                    id: row.get(0)?,
                    kind: word(row, 1)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A waiting task begins. `None` when it waits no more.
    pub async fn start_task(&self, id: i64, plugin: Option<String>) -> Result<Option<TaskRow>> {
        self.write(move |tx| {
            let changed = tx.execute(
                "UPDATE task SET state = 'running', started_at = coalesce(started_at, ?2),
                        plugin_digest = coalesce(?3, plugin_digest), outcome = NULL
                 WHERE id = ?1 AND state = 'queued'",
                params![id, now(), plugin],
            )?;
            if changed == 0 { Ok(None) } else { task(tx, id) }
        })
        .await
    }

    /// The scan of a task.
    pub async fn set_task_scan(&self, id: i64, scan: i64) -> Result<()> {
        self.write(move |tx| {
            tx.execute("UPDATE task SET scan_id = ?2 WHERE id = ?1", [id, scan])?;
            Ok(())
        })
        .await
    }

    /// A running task ends, or waits again (`queued`, `paused`). What was asked for behind it becomes a task of
    /// its own in the same transaction, when this one is over.
    pub async fn end_task(
        &self,
        id: i64,
        state: RunState,
        outcome: TaskOutcome,
    ) -> Result<Option<TaskRow>> {
        self.write(move |tx| {
            let ended = state.is_over().then(now);
            let changed = tx.execute(
                "UPDATE task SET state = ?2, ended_at = ?3, outcome = ?4 WHERE id = ?1 AND state = 'running'",
                params![id, text_of(&state)?, ended, serde_json::to_string(&outcome)?],
            )?;
            if changed > 0 && state.is_over() {
                follow_up(tx, id, state)?;
            }
            task(tx, id)
        })
        .await
    }

    /// Changes a task that does not run from one of `from`. `None` when it is in none of them.
    pub async fn move_task(
        &self,
        id: i64,
        from: &'static [RunState],
        to: RunState,
        message: Option<String>,
    ) -> Result<Option<TaskRow>> {
        self.write(move |tx| {
            let Some(found) = task(tx, id)? else {
                return Ok(None);
            };
            if !from.contains(&found.run.state) {
                return Ok(None);
            }
            let ended = to.is_over().then(now);
            let mut outcome = found.outcome.unwrap_or_default();
            outcome.message = message;
            tx.execute(
                "UPDATE task SET state = ?2, ended_at = ?3, outcome = ?4 WHERE id = ?1",
                params![id, text_of(&to)?, ended, serde_json::to_string(&outcome)?],
            )?;
            if to.is_over() {
                follow_up(tx, id, to)?;
            }
            task(tx, id)
        })
        .await
    }

    /// One task.
    pub fn task(&self, id: i64) -> Result<Option<TaskRow>> {
        self.read(|tx| task(tx, id))
    }

    /// Tasks, the newest first.
    pub fn tasks(
        &self,
        filter: &RunFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TaskRow>> {
        let states = filter
            .states
            .iter()
            .map(text_of)
            .collect::<Result<Vec<_>>>()?;
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "{SELECT}
                 WHERE (?1 IS NULL OR connection.name = ?1) AND (?2 IS NULL OR task.id < ?2)
                   AND (?3 = '[]' OR task.state IN (SELECT value FROM json_each(?3)))
                 ORDER BY task.id DESC LIMIT ?4"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = statement
                .query_map(
                    params![
                        filter.connection,
                        before,
                        serde_json::to_string(&states)?,
                        limit
                    ],
                    read_row,
                )?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            found.into_iter().map(finish).collect()
        })
    }

    /// How many tasks are in each of the states that are not over, and how many are over.
    pub fn task_counts(&self) -> Result<Vec<(RunState, u64)>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT state, count(*) FROM task WHERE state IN ('queued', 'running', 'paused') GROUP BY state",
            )?;
            let rows = statement.query_map([], |row| {
                Ok((word(row, 0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    // ---- Lines -----------------------------------------------------------------------------------

    /// Adds lines to a task's log; the oldest go when there are too many.
    pub async fn add_task_lines(&self, id: i64, lines: Vec<RunLine>) -> Result<()> {
        self.write(move |tx| {
            // A run whose connection was removed is gone, and its log with it.
            let there: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM task WHERE id = ?1)")?
                .query_row([id], |row| row.get(0))?;
            if !there {
                return Ok(());
            }
            let mut insert = tx.prepare_cached(
                "INSERT OR REPLACE INTO task_line (task_id, seq, at, level, subject, message)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let mut newest = 0;
            for line in &lines {
                newest = newest.max(line.seq);
                let seq = i64::try_from(line.seq).unwrap_or(i64::MAX);
                insert.execute(params![
                    id,
                    seq,
                    line.at,
                    line.level,
                    line.subject,
                    line.message
                ])?;
            }
            let oldest = i64::try_from(newest.saturating_sub(TASK_LINES)).unwrap_or(0);
            tx.prepare_cached("DELETE FROM task_line WHERE task_id = ?1 AND seq <= ?2")?
                .execute([id, oldest])?;
            Ok(())
        })
        .await
    }

    /// Lines of a task after `after`, in their order.
    pub fn task_lines(&self, id: i64, after: u64) -> Result<Vec<RunLine>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT seq, at, level, subject, message FROM task_line WHERE task_id = ?1 AND seq > ?2 ORDER BY seq",
            )?;
            let after = i64::try_from(after).unwrap_or(i64::MAX);
            let rows = statement.query_map([id, after], |row| {
                Ok(RunLine {
                    seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                    at: row.get(1)?,
                    level: row.get(2)?,
                    subject: row.get(3)?,
                    message: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Number of the newest line of a task.
    pub fn last_task_line(&self, id: i64) -> Result<u64> {
        self.read(|tx| {
            let last: i64 = tx
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM task_line WHERE task_id = ?1")?
                .query_row([id], |row| row.get(0))?;
            Ok(u64::try_from(last).unwrap_or(0))
        })
    }
}

fn ask(tx: &Transaction<'_>, new: &NewTask) -> Result<(TaskRow, bool)> {
    let open: Option<i64> = tx
        .prepare_cached(
            "SELECT id FROM task WHERE kind = ?1 AND connection_id IS ?2 AND state IN ('queued', 'running', 'paused')
             ORDER BY id LIMIT 1",
        )?
        .query_row(params![text_of(&new.kind)?, new.connection], |row| row.get(0))
        .optional()?;
    let id = match open {
        Some(id) => {
            let found = task(tx, id)?.ok_or(StoreError::Closed)?;
            let request = joined(&found, new);
            tx.execute(
                "UPDATE task SET joined = joined + 1, request = ?2 WHERE id = ?1",
                params![id, serde_json::to_string(&request)?],
            )?;
            id
        }
        None => {
            let request = TaskRequest {
                locations: new.locations.clone(),
                fresh: new.fresh,
                then: None,
            };
            insert(tx, new, &request)?
        }
    };
    let row = task(tx, id)?.ok_or(StoreError::Closed)?;
    Ok((row, open.is_some()))
}

fn insert(tx: &Transaction<'_>, new: &NewTask, request: &TaskRequest) -> Result<i64> {
    let id = tx.query_row(
        "INSERT INTO task (connection_id, kind, cause, asked_by, state, request, asked_at)
         VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?6) RETURNING id",
        params![
            new.connection,
            text_of(&new.kind)?,
            text_of(&new.cause)?,
            new.by,
            serde_json::to_string(request)?,
            now()
        ],
        |row| row.get(0),
    )?;
    tx.execute(
        "DELETE FROM task WHERE connection_id IS ?1 AND ended_at IS NOT NULL AND id <=
             (SELECT id FROM task WHERE connection_id IS ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![new.connection, TASKS_KEPT],
    )?;
    Ok(id)
}

/// What a task does after somebody joined it. One that waits becomes what both want; one that runs does what it
/// does, and what is more than that is done behind it.
fn joined(found: &TaskRow, new: &NewTask) -> TaskRequest {
    let mut request = found.request.clone();
    if found.run.state == RunState::Queued && found.run.started_at.is_none() {
        request.locations = both(&request.locations, &new.locations);
        request.fresh |= new.fresh;
        return request;
    }
    let covered = !new.fresh
        && (request.locations.is_empty()
            || (!new.locations.is_empty()
                && new
                    .locations
                    .iter()
                    .all(|one| request.locations.contains(one))));
    if !covered {
        request.then = Some(Box::new(match request.then.take() {
            Some(then) => TaskWish {
                locations: both(&then.locations, &new.locations),
                fresh: then.fresh || new.fresh,
                ..*then
            },
            None => TaskWish {
                locations: new.locations.clone(),
                fresh: new.fresh,
                cause: new.cause,
                by: new.by.clone(),
            },
        }));
    }
    request
}

/// Locations of two wishes; all when one of them wants all, or when the list would be too long.
fn both(one: &[String], other: &[String]) -> Vec<String> {
    if one.is_empty() || other.is_empty() {
        return Vec::new();
    }
    let mut all = one.to_vec();
    all.extend(other.iter().filter(|path| !one.contains(path)).cloned());
    if all.len() > LOCATIONS {
        all.clear();
    }
    all
}

/// What was asked for behind a task that is over. A cancelled one takes it along: who cancels wants quiet.
fn follow_up(tx: &Transaction<'_>, id: i64, state: RunState) -> Result<()> {
    let Some(over) = task(tx, id)? else {
        return Ok(());
    };
    let Some(then) = over.request.then else {
        return Ok(());
    };
    if state == RunState::Cancelled {
        return Ok(());
    }
    let new = NewTask {
        kind: over.run.kind,
        connection: over.connection_id,
        cause: then.cause,
        by: then.by,
        locations: then.locations,
        fresh: then.fresh,
    };
    ask(tx, &new).map(drop)
}

fn task(tx: &Transaction<'_>, id: i64) -> Result<Option<TaskRow>> {
    tx.prepare_cached(&format!("{SELECT} WHERE task.id = ?1"))?
        .query_row([id], read_row)
        .optional()?
        .map(finish)
        .transpose()
}

type Read = (TaskRow, String, Option<String>);

fn read_row(row: &Row<'_>) -> rusqlite::Result<Read> {
    let run = Run {
        id: row.get(0)?,
        kind: word(row, 2)?,
        connection: row.get(14)?,
        cause: word(row, 3)?,
        by: row.get(4)?,
        joined: row.get(7)?,
        state: word(row, 5)?,
        asked_at: row.get(8)?,
        started_at: row.get(9)?,
        ended_at: row.get(10)?,
        scan: row.get(11)?,
        plugin: row.get(12)?,
        locations: Vec::new(),
        progress: RunProgress::default(),
        message: None,
    };
    let task = TaskRow {
        run,
        connection_id: row.get(1)?,
        request: TaskRequest::default(),
        outcome: None,
    };
    Ok((task, row.get(6)?, row.get(13)?))
}

fn finish((mut task, request, outcome): Read) -> Result<TaskRow> {
    task.request = serde_json::from_str(&request)?;
    task.run.locations.clone_from(&task.request.locations);
    if let Some(outcome) = outcome {
        let outcome: TaskOutcome = serde_json::from_str(&outcome)?;
        task.run.progress = outcome.progress.clone();
        task.run.message.clone_from(&outcome.message);
        task.outcome = Some(outcome);
    }
    Ok(task)
}

/// The word of an enumeration as the columns have it.
fn text_of<T: Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

fn word<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
