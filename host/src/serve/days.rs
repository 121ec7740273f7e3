//! Once a day: how the queue stood when the day ended, and what ages with the day.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::host::{Host, HostError};
use crate::store::QueueDay;

/// Days of a trend at most.
const DAYS: u32 = 3 * 366;

/// Notes days as they end.
#[derive(Default)]
pub(super) struct Days {
    /// The last day that is known to be noted: so the store is not asked at every look at the clock.
    noted: Mutex<Option<Date>>,
}

impl Days {
    /// Notes yesterday, if nobody did. True when a new day has begun since the last look.
    pub(super) async fn look(&self, host: &Host, now: Timestamp) -> Result<bool, HostError> {
        let Ok(yesterday) = day_of(now).yesterday() else {
            return Ok(false);
        };
        if *self.noted.lock().unwrap_or_else(PoisonError::into_inner) == Some(yesterday) {
            return Ok(false);
        }
        let day = yesterday.to_string();
        if host.store().last_queue_day()?.is_none_or(|last| last < day) {
            host.store().note_queue_day(day).await?;
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(yesterday);
        Ok(true)
    }
}

impl Host {
    /// How the queue stood at the end of the newest `days` days, and how it stands now (as the row of today); by
    /// connection and severity. A day on which no daemon ran is not there.
    pub fn trend(&self, days: u32) -> Result<Vec<QueueDay>, HostError> {
        let today = day_of(Timestamp::now()).to_string();
        Ok(self.store().trend(days.min(DAYS), &today)?)
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
