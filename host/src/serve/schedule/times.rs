//! Cron with a time zone: which moment is the next one.
//!
//! Five fields, and the wall clock of an IANA zone. When the clock goes forward, a fixed time that does not exist
//! that day runs at the end of the gap; when it goes back, a fixed time runs once. Times that repeat (`*/15`) follow
//! the clock through both.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Longest cron text, in bytes.
const CRON_BYTES: usize = 120;
/// Longest name of a time zone, in bytes.
const ZONE_BYTES: usize = 64;

/// Times that repeat.
#[derive(Clone, Debug)]
pub(super) struct Times {
    cron: Cron,
    zone: TimeZone,
}

impl Times {
    /// Reads them; the error is a sentence and what to do.
    pub(super) fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let example = "write five fields: minute, hour, day of month, month, day of week, like \"17 3 * * *\" for 03:17 every day";
        if cron.len() > CRON_BYTES {
            return Err(format!(
                "the times have more than {CRON_BYTES} bytes; {example}"
            ));
        }
        let fields = cron.split_whitespace().count();
        if fields != 5 {
            return Err(format!(
                "the times {cron:?} have {fields} fields; {example}"
            ));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let parsed = parser
            .parse(cron)
            .map_err(|why| format!("the times {cron:?} can't be read ({why}); {example}"))?;
        if zone.len() > ZONE_BYTES {
            return Err(format!("a time zone's name has at most {ZONE_BYTES} bytes"));
        }
        let zone = TimeZone::get(zone).map_err(|_| {
            format!("there is no time zone {zone:?}; write the name of a place, like \"Europe/Berlin\", or \"UTC\"")
        })?;
        let times = Self { cron: parsed, zone };
        if times.after(Timestamp::now()).is_none() {
            return Err(format!("the times {cron:?} never come; {example}"));
        }
        Ok(times)
    }

    /// The first one after a moment. `None` when there is none any more.
    pub(super) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = moment.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?;
        // Whatever happens around a change of the clock: never backwards, and never the same again.
        (next.timestamp() > moment).then(|| next.timestamp())
    }
}
