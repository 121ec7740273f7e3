//! The words of runs.

use serde::{Deserialize, Serialize};

use crate::host::{Counts, LocationReport};

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Scans a connection.
    Scan,
    /// Brings the advisories up to date, and the queue up to them.
    Advisories,
}

/// Why a run was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its time came.
    Schedule,
    /// Its time had passed while nobody was there.
    Missed,
    /// Somebody asked.
    Person,
    /// What failed in an earlier run.
    Retry,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// Goes on.
    Running,
    /// Stopped until somebody resumes it.
    Paused,
    /// Over: everything was looked at.
    Complete,
    /// Over: parts were not looked at; it says which.
    Partial,
    /// Over: it could not be done; it says why.
    Failed,
    /// Over: somebody cancelled it.
    Cancelled,
}

impl RunState {
    /// True when nothing more will come of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Paused)
    }
}

/// The wish for a run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// What.
    pub kind: RunKind,
    /// Name of the connection; `None` for advisories.
    pub connection: Option<String>,
    /// Only these locations (paths or globs); empty takes the selection.
    pub locations: Vec<String>,
    /// Begin anew where an interrupted scan could be gone on with.
    pub fresh: bool,
    /// Why.
    pub cause: Cause,
    /// Who: name of the user, or `schedule`.
    pub by: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// What it does.
    pub kind: RunKind,
    /// Name of the connection.
    pub connection: Option<String>,
    /// Why it was asked for.
    pub cause: Cause,
    /// Who asked first.
    pub by: String,
    /// How many joined it.
    pub joined: u32,
    /// How it stands.
    pub state: RunState,
    /// RFC 3339.
    pub asked_at: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// The scan in the store, once there is one.
    pub scan: Option<i64>,
    /// `sha256:…` of the connector that it runs with.
    pub plugin: Option<String>,
    /// Only these locations were asked for.
    pub locations: Vec<String>,
    /// How far it is; the end's numbers when it is over.
    pub progress: RunProgress,
    /// Why it failed, or what to know about its end; a sentence and what to do.
    pub message: Option<String>,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct RunProgress {
    /// What is going on, in a few words ("listing locations", "scanning", "matching").
    pub phase: String,
    /// Locations that ended.
    pub done: usize,
    /// Locations of the run; 0 while they are listed.
    pub of: usize,
    /// Locations that are being scanned now: path, and what is looked at.
    pub doing: Vec<(String, String)>,
    /// The sum of what ended.
    pub counts: Counts,
    /// Waits (rate limits, retries) so far: how many, and milliseconds.
    pub waits: (u64, u64),
    /// Locations that failed or are partial.
    pub troubled: usize,
}

/// A run with everything about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunDetail {
    /// The run.
    pub run: Run,
    /// Its locations, the troubled ones first, then by path.
    pub locations: Vec<LocationReport>,
    /// What the egress policy refused, each with the line that would allow it.
    pub refused: Vec<String>,
}

/// A line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunLine {
    /// Rises within the run.
    pub seq: u64,
    /// RFC 3339.
    pub at: String,
    /// `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// Path of the location, or what is going on.
    pub subject: String,
    /// The line.
    pub message: String,
}

/// Which runs a list takes.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this connection.
    pub connection: Option<String>,
    /// In one of these states; empty takes all.
    pub states: Vec<RunState>,
}
