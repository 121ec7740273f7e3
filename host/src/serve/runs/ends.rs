//! What an end means: the state, a sentence, and what to do.

use crate::contract::Failure;
use crate::host::{
    Counts, FailureClass, HostError, LocationOutcome, LocationReport, ScanReport, describe_failure,
};
use crate::report::text::count;
use crate::store::TaskOutcome;

use super::{RunProgress, RunState};

/// Why a run was stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody does not want it.
    Cancel(String),
    /// Somebody wants it later.
    Pause(String),
    /// The daemon ends; the next one goes on.
    Drain,
    /// Its connection was removed.
    Gone,
}

/// A state with what there is to say.
pub(super) type End = (RunState, TaskOutcome);

/// The end of a run that was stopped.
pub(super) fn stopped(stop: &Stop, progress: RunProgress) -> End {
    let (state, message) = match stop {
        Stop::Cancel(by) => (
            RunState::Cancelled,
            Some(format!(
                "Cancelled by {by}. What was found until then is stored, and the next scan goes on from there."
            )),
        ),
        Stop::Pause(by) => (
            RunState::Paused,
            Some(format!(
                "Paused by {by}. It goes on from here when somebody resumes it."
            )),
        ),
        Stop::Drain => (RunState::Queued, None),
        Stop::Gone => (
            RunState::Cancelled,
            Some("Its connection was removed.".to_owned()),
        ),
    };
    (
        state,
        TaskOutcome {
            progress,
            message,
            ..TaskOutcome::default()
        },
    )
}

/// The end of a scan that came to its end.
pub(super) fn scanned(report: &ScanReport, mut progress: RunProgress) -> End {
    progress.phase.clear();
    progress.doing.clear();
    progress.counts = report.counts;
    let tally = Tally::of(&report.locations);
    progress.done = report.locations.len().saturating_sub(tally.interrupted);
    progress.of = report.locations.len();
    progress.troubled = tally.troubled();
    let mut outcome = TaskOutcome {
        progress,
        refused: report.refused.clone(),
        ..TaskOutcome::default()
    };
    let state = if report.complete {
        if report.locations.is_empty() {
            outcome.message = Some(
                "Nothing is selected to be scanned. Choose locations in the connection's settings."
                    .to_owned(),
            );
        }
        RunState::Complete
    } else if tally.failed > 0 && tally.failed == report.locations.len() {
        outcome.class = Some(tally.class());
        outcome.message = Some(format!(
            "None of {} could be scanned. {}",
            count(tally.failed as u64, "location", "locations"),
            tally.first
        ));
        RunState::Failed
    } else {
        outcome.class = tally.crashed.then_some(FailureClass::Connector);
        outcome.message = Some(tally.sentence());
        RunState::Partial
    };
    (state, outcome)
}

/// The end of a run that could not be done.
pub(super) fn failed(error: &HostError, mut progress: RunProgress) -> End {
    progress.phase.clear();
    progress.doing.clear();
    let (message, class) = match error {
        HostError::Connector(failure) => (describe_failure(failure), class_of(failure)),
        HostError::Limit(message) => (
            format!(
                "The connector crashed or reached a limit: {message} What was stored is kept, and other connections \
                 are not affected. Try it again, or report it to the connector's author."
            ),
            FailureClass::Connector,
        ),
        HostError::Settings(error) => (format!("{error:#}"), FailureClass::Permission),
        HostError::Unknown { .. } => (error.to_string(), FailureClass::Connectivity),
        HostError::Other(error) => (format!("{error:#}"), FailureClass::Connectivity),
    };
    let outcome = TaskOutcome {
        progress,
        message: Some(message),
        class: Some(class),
        refused: Vec::new(),
    };
    (RunState::Failed, outcome)
}

/// The sum of what is stored about locations that ended.
pub(super) fn counts_of(locations: &[LocationReport]) -> Counts {
    locations.iter().fold(Counts::default(), |sum, location| {
        sum.plus(&location.counts)
    })
}

fn class_of(failure: &Failure) -> FailureClass {
    match failure {
        Failure::Unauthenticated(_) | Failure::Forbidden(_) | Failure::InvalidSettings(_) => {
            FailureClass::Permission
        }
        Failure::OverLimit(_) => FailureClass::Limit,
        _ => FailureClass::Connectivity,
    }
}

/// How many locations ended how.
#[derive(Default)]
struct Tally {
    failed: usize,
    partial: usize,
    interrupted: usize,
    crashed: bool,
    all_crashed: bool,
    /// Why the first of them failed.
    first: String,
}

impl Tally {
    fn of(locations: &[LocationReport]) -> Self {
        let mut tally = Self {
            all_crashed: true,
            ..Self::default()
        };
        for location in locations {
            match &location.outcome {
                LocationOutcome::Complete => {}
                LocationOutcome::Partial => tally.partial += 1,
                LocationOutcome::Interrupted => tally.interrupted += 1,
                LocationOutcome::Failed {
                    class,
                    message,
                    hint,
                } => {
                    tally.failed += 1;
                    let crashed = *class == FailureClass::Connector;
                    tally.crashed |= crashed;
                    tally.all_crashed &= crashed;
                    if tally.first.is_empty() {
                        tally.first = format!("{}: {message} {hint}", location.path)
                            .trim_end()
                            .to_owned();
                    }
                }
            }
        }
        tally
    }

    fn troubled(&self) -> usize {
        self.failed + self.partial
    }

    fn class(&self) -> FailureClass {
        if self.all_crashed {
            FailureClass::Connector
        } else {
            FailureClass::Connectivity
        }
    }

    fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if self.failed > 0 {
            parts.push(format!(
                "{} failed",
                count(self.failed as u64, "location", "locations")
            ));
        }
        if self.partial > 0 {
            let some = count(self.partial as u64, "location was", "locations were");
            parts.push(format!("{some} looked at in part"));
        }
        if self.interrupted > 0 {
            let some = count(self.interrupted as u64, "location was", "locations were");
            parts.push(format!("{some} not reached"));
        }
        if parts.is_empty() {
            return "Some of the locations could not be listed, so there may be more than was scanned. The log says \
                    which."
                .to_owned();
        }
        let first = if self.first.is_empty() {
            String::new()
        } else {
            format!(" The first: {}", self.first)
        };
        format!("{}.{first} Retry scans only these again.", parts.join(", "))
    }
}
