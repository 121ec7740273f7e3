//! What a look at the clock means for one schedule. Pure: the clock and the dice are given.

use jiff::{SignedDuration, Timestamp};

use super::times::Times;
use super::{Missed, Schedule};

/// A time that is later than this was missed: nobody was there.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// A last run that is further ahead of the clock than this was noted by a clock that was wrong.
const WRONG: SignedDuration = SignedDuration::from_hours(24);
/// Longest jitter.
pub(super) const JITTER_MOST: u32 = 24 * 60;

/// The next time: as the cron says it, and when it really begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// As the cron says it.
    pub(super) slot: Timestamp,
    /// With jitter.
    pub(super) at: Timestamp,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Wait,
    /// Nothing, but the next time is another one than was noted.
    Move(Option<Next>),
    /// It runs now; then comes the next time. True when its time was missed.
    Run { missed: bool, next: Option<Next> },
}

/// When a schedule that is on runs next after a moment. `dice` is between 0 and 1.
pub(super) fn next(
    times: &Times,
    jitter_minutes: u32,
    after: Timestamp,
    dice: f64,
) -> Option<Next> {
    let slot = times.after(after)?;
    let mut most = SignedDuration::from_mins(i64::from(jitter_minutes.min(JITTER_MOST)));
    // Each time is before the one behind it, jitter included.
    if let Some(following) = times.after(slot) {
        most = most.min(
            following
                .duration_since(slot)
                .saturating_sub(SignedDuration::from_secs(1)),
        );
    }
    let jitter = SignedDuration::try_from_secs_f64(most.as_secs_f64() * dice.clamp(0.0, 1.0))
        .unwrap_or_default();
    let at = slot
        .checked_add(jitter.max(SignedDuration::ZERO))
        .unwrap_or(slot);
    Some(Next { slot, at })
}

/// What the clock says. `noted` is what was noted as the next time.
pub(super) fn look(
    schedule: &Schedule,
    times: &Times,
    noted: Option<Next>,
    now: Timestamp,
    dice: f64,
) -> Due {
    if !schedule.enabled {
        return if noted.is_some() {
            Due::Move(None)
        } else {
            Due::Wait
        };
    }
    let last = schedule
        .last_at
        .as_deref()
        .and_then(|last| last.parse::<Timestamp>().ok())
        .filter(|last| last.duration_since(now) < WRONG);
    // What ran is not run again because the clock was set back a little.
    let from = last.map_or(now, |last| last.max(now));
    let fresh = || next(times, schedule.jitter_minutes, from, dice);
    let Some(noted) = noted else {
        return match fresh() {
            Some(next) => Due::Move(Some(next)),
            None => Due::Wait,
        };
    };
    if noted.at > now {
        // Noted by a clock that was ahead, or by another cron: there is an earlier time.
        let earlier = times.after(from).is_some_and(|slot| slot < noted.slot);
        return if earlier {
            Due::Move(fresh())
        } else {
            Due::Wait
        };
    }
    let missed = now.duration_since(noted.at) > LATE;
    if missed && schedule.missed == Missed::Skip {
        return Due::Move(fresh());
    }
    Due::Run {
        missed,
        next: fresh(),
    }
}
