//! Who does something, and until when.

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::errors::{CliError, CliResult};

/// Who does it.
#[derive(Args, Clone, Debug)]
pub(crate) struct By {
    /// Who does it; this user unless told otherwise
    #[arg(long = "as", value_name = "NAME", env = "OX_HOST_USER")]
    by: Option<String>,
}

impl By {
    pub(crate) fn name(&self) -> String {
        let named = self.by.clone().filter(|name| !name.trim().is_empty());
        named
            .or_else(|| std::env::var("USER").ok().filter(|name| !name.is_empty()))
            .unwrap_or_else(|| "somebody".to_owned())
    }
}

/// A day (its beginning in UTC), a time, or so many days (`30d`) or weeks (`2w`) from now.
pub(crate) fn until(text: &str) -> CliResult<String> {
    let wrong = || {
        CliError::usage(
            format!("{text:?} is no day, no time and no number of days"),
            "write for example 2026-12-31, 2026-12-31T18:00:00Z, 30d or 2w",
        )
    };
    let from_now = |count: &str, days: i64| -> Option<Timestamp> {
        let count: i64 = count.parse().ok()?;
        let days = count
            .checked_mul(days)
            .filter(|days| (1..=3650).contains(days))?;
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        Some(now.checked_add(days.days()).ok()?.timestamp())
    };
    let time = if let Some(count) = text.strip_suffix('d') {
        from_now(count, 1)
    } else if let Some(count) = text.strip_suffix('w') {
        from_now(count, 7)
    } else if let Ok(date) = text.parse::<jiff::civil::Date>() {
        date.to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    } else {
        text.parse().ok()
    };
    Ok(format!("{:.3}", time.ok_or_else(wrong)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_and_a_number_counts_from_now() {
        assert_eq!(until("2026-12-31").unwrap(), "2026-12-31T00:00:00.000Z");
        let soon = until("2w").unwrap();
        assert!(soon > format!("{:.3}", Timestamp::now()));
        for wrong in ["", "d", "0d", "-3d", "99999d", "soon", "2026-13-01"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
