//! When things run by themselves: cron with a time zone and a jitter, and what becomes of missed times.
//!
//! [`times`] says which moment is the next one, [`due`] what a look at the clock means, [`schedules`] keeps them and
//! asks for runs. The next time is in the store, so a daemon that was away knows what it missed; the clock is given,
//! so that tests set it.

mod advisories;
mod due;
mod schedules;
#[cfg(test)]
mod tests;
mod times;

use serde::{Deserialize, Serialize};

pub(crate) use advisories::update_options;
use advisories::was_updated;
pub use schedules::Schedules;

/// What tells the time.
pub(crate) trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> jiff::Timestamp;
}

/// The clock of this machine.
pub(crate) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// What becomes of a time that passed while the daemon was not there (or the machine slept). Times that pass while
/// a schedule is off are not missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// It is done once, now, however many were missed.
    #[default]
    Run,
    /// The next one counts.
    Skip,
}

/// When something runs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Schedule {
    /// Name of the connection; `None` is the update of the advisories.
    pub connection: Option<String>,
    /// Five fields: minute, hour, day of month, month, day of week (`17 3 * * *`).
    pub cron: String,
    /// IANA name (`Europe/Berlin`).
    pub time_zone: String,
    /// Starts at a random moment of so many minutes after the time, so that not everything starts at once.
    pub jitter_minutes: u32,
    /// Missed times.
    pub missed: Missed,
    /// Off keeps the rest.
    pub enabled: bool,
    /// When it runs next, jitter included; RFC 3339. `None` while it is off.
    pub next_at: Option<String>,
    /// When it ran last; RFC 3339.
    pub last_at: Option<String>,
}
