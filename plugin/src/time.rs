//! Times as GitLab, registries and HTTP headers write them, brought to RFC 3339 in UTC.
//!
//! A time that can't be read is `None`, never a guess.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Bytes of the longest text that is looked at; every form here is shorter.
const LONGEST: usize = 64;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Reads RFC 3339 (`2024-06-07T12:10:12.412+00:00`), GitLab's older `2024-06-07 12:10:12 UTC`, or a date
/// alone, which begins at midnight UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Some(civil) = text.strip_suffix(" UTC") {
        return civil.trim().parse::<DateTime>().ok().and_then(in_utc);
    }
    parse_date(text).and_then(|date| in_utc(date.to_datetime(jiff::civil::Time::midnight())))
}

/// Reads a date alone (`2026-01-01`), as `expires_at` of tokens has it.
pub fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim();
    // Exactly that form: the parser alone would take a date with a time behind it, and drop the time.
    if text.len() != "2026-01-01".len() {
        return None;
    }
    text.parse().ok()
}

/// Reads the date of an HTTP header (`Sun, 06 Nov 1994 08:49:37 GMT`).
pub fn parse_http(text: &str) -> Option<Timestamp> {
    if text.len() > LONGEST {
        return None;
    }
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text.trim())
        .ok()
}

/// The same time in RFC 3339 and UTC, or `None` where it can't be read or is the zero of Go (year 1),
/// which stands for "not given".
pub fn normal(text: &str) -> Option<String> {
    let time = parse(text)?;
    let year = time.to_zoned(TimeZone::UTC).year();
    (year > 1).then(|| time.to_string())
}

/// Seconds since 1970 as RFC 3339.
pub fn from_unix(seconds: u64) -> Option<String> {
    timestamp(seconds).map(|time| time.to_string())
}

/// Whole days from `now` (seconds since 1970) until `time`, rounded down; negative when it has passed.
pub fn days_until(time: Timestamp, now: u64) -> Option<i64> {
    let seconds = time.as_second().checked_sub(i64::try_from(now).ok()?)?;
    Some(seconds.div_euclid(SECONDS_A_DAY))
}

/// True when `time` is more than `days` days before `now` (seconds since 1970).
pub fn is_older_than(time: Timestamp, days: u32, now: u64) -> bool {
    let Ok(now) = i64::try_from(now) else {
        return false;
    };
    now.saturating_sub(time.as_second()) > i64::from(days) * SECONDS_A_DAY
}

fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn in_utc(civil: DateTime) -> Option<Timestamp> {
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_that_gitlab_writes_is_read() {
        for (text, expected) in [
            ("2019-01-10T13:38:57.391Z", "2019-01-10T13:38:57.391Z"),
            ("2024-06-07T12:10:12.412+00:00", "2024-06-07T12:10:12.412Z"),
            ("2024-06-07T14:10:12+02:00", "2024-06-07T12:10:12Z"),
            ("2024-06-07 12:10:12 UTC", "2024-06-07T12:10:12Z"),
            (
                "2024-06-07T12:10:12.412345678Z",
                "2024-06-07T12:10:12.412345678Z",
            ),
            ("2026-01-01", "2026-01-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "0001-01-01T00:00:00Z",
            "2024-13-01",
            "2024-06-07T12:10:12",
            "99999-01-01",
            "1",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
        assert_eq!(normal(&"2024-01-01".repeat(100)), None);
    }

    #[test]
    fn a_date_with_a_time_behind_it_is_no_date() {
        assert_eq!(parse_date("2024-06-07"), Some(Date::constant(2024, 6, 7)));
        assert_eq!(parse_date("2024-06-07T12:00:00Z"), None);
    }

    #[test]
    fn http_dates_are_read_whatever_the_weekday() {
        let expected = Timestamp::from_second(784_111_777).unwrap();
        assert_eq!(parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(expected));
        assert_eq!(parse_http("Mon, 06 Nov 1994 08:49:37 GMT"), Some(expected));
        assert_eq!(parse_http("tomorrow"), None);
    }

    #[test]
    fn days_are_whole_and_rounded_down() {
        let midnight = parse("2026-01-02").unwrap();
        let now = 1_767_225_600; // 2026-01-01T00:00:00Z
        assert_eq!(days_until(midnight, now), Some(1));
        assert_eq!(days_until(midnight, now + 1), Some(0));
        assert_eq!(days_until(midnight, now + 86_401), Some(-1));
        assert_eq!(days_until(midnight, u64::MAX), None);
    }

    #[test]
    fn age_counts_from_the_second() {
        let time = parse("2026-01-01").unwrap();
        let now = 1_767_225_600;
        assert!(!is_older_than(time, 1, now + 86_400));
        assert!(is_older_than(time, 1, now + 86_401));
        assert!(!is_older_than(time, 0, now - 10));
        assert_eq!(from_unix(now).as_deref(), Some("2026-01-01T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = normal(&text);
            let _ = parse_http(&text);
        }

        #[test]
        fn what_normal_writes_it_reads_again(seconds in 0_u64..4_000_000_000) {
            let text = from_unix(seconds).unwrap();
            prop_assert_eq!(normal(&text), Some(text));
        }
    }
}
