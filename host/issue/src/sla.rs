//! Deadlines.
//!
//! An issue is due so many days after it was first seen, by its severity. Two things move that:
//!
//! - Where the terms have a start, what was there before counts from the start: a backlog gets its time, and
//!   is not overdue on the first day.
//! - When its severity rises, it gets the days of the new one from then on, for nobody could have kept a
//!   deadline that was not there; but never more time than it had before. When it falls, the longer term
//!   counts from the first day.
//!
//! What is excluded or closed has no deadline, and neither has a severity without days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::Severity;
use crate::issue::{Sla, SlaState};

/// How long an issue may stay open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// False: no issue has a deadline.
    pub enabled: bool,
    /// The day on which deadlines begin (`2026-01-31`, midnight UTC).
    pub start: Option<String>,
    /// Days before the deadline from which an issue is near.
    pub near_days: u32,
    /// Days of each severity. Without, there is no deadline.
    pub days: BTreeMap<Severity, u32>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            enabled: true,
            start: None,
            near_days: 3,
            days: BTreeMap::from([
                (Severity::Appoxalypse, 2),
                (Severity::Critical, 7),
                (Severity::High, 30),
                (Severity::Medium, 90),
                (Severity::Low, 180),
            ]),
        }
    }
}

/// What the deadline of an issue depends on. Times are RFC 3339.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    /// What comes out: OX's severity, or what a person set.
    pub severity: Severity,
    /// When it was first seen (or seen again after it was closed).
    pub first_seen: &'a str,
    /// How it came to its present severity, when that was a rise.
    pub rose: Option<Rise<'a>>,
    /// Excluded, resolved or removed.
    pub is_out: bool,
    /// Now.
    pub now: &'a str,
}

/// A severity that rose.
#[derive(Clone, Copy, Debug)]
pub struct Rise<'a> {
    /// When.
    pub at: &'a str,
    /// What it was before.
    pub from: Severity,
}

/// A time that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time as RFC 3339 writes it (2026-01-31T12:00:00Z), so the deadline is not known"
)]
pub struct NotATime(pub String);

impl Terms {
    /// The deadline of an issue; `None` when it has none.
    pub fn of(&self, clock: Clock<'_>) -> Result<Option<Sla>, NotATime> {
        if !self.enabled || clock.is_out {
            return Ok(None);
        }
        let Some(days) = self.days.get(&clock.severity) else {
            return Ok(None);
        };
        let start = match &self.start {
            Some(day) => Some(time(&format!("{day}T00:00:00Z"))?),
            None => None,
        };
        let from = |at: Timestamp| start.map_or(at, |start| start.max(at));
        let first = from(time(clock.first_seen)?);
        let mut due = after(first, *days);
        if let Some(rise) = clock.rose {
            let anew = after(from(time(rise.at)?), *days);
            let before = self.days.get(&rise.from).map(|days| after(first, *days));
            due = due.max(before.map_or(anew, |before| before.min(anew)));
        }
        let now = time(clock.now)?;
        let left = due.duration_since(now).as_secs().div_euclid(DAY);
        let state = if now > due {
            SlaState::Overdue
        } else if left < i64::from(self.near_days) {
            SlaState::Near
        } else {
            SlaState::Within
        };
        Ok(Some(Sla {
            due: due.to_string(),
            state,
            days_left: left,
        }))
    }
}

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

fn time(text: &str) -> Result<Timestamp, NotATime> {
    text.parse().map_err(|_| NotATime(text.to_owned()))
}

/// So many days later; what is beyond the calendar is its end.
fn after(at: Timestamp, days: u32) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(i64::from(days) * DAY))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "sla_tests.rs"]
mod tests;
