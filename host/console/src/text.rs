//! Text from outside, made fit to be shown: times, sizes, counts, names that try to look like others.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is left as it is in one part of a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One part of a path or a value of a query, percent-encoded.
#[must_use]
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, PLAIN).to_string()
}

/// Text without what turns it around or hides in it: control characters, and the marks that change the direction
/// of writing, are shown as a visible sign.
#[must_use]
pub fn plain(value: &str) -> String {
    value
        .chars()
        .map(|one| match one {
            '\n' | '\t' => one,
            '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{061c}' => '\u{fffd}',
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => '\u{fffd}',
            one if one.is_control() => '\u{fffd}',
            one => one,
        })
        .collect()
}

/// An address that a page may link to: http and https only.
#[must_use]
pub fn link(url: &str) -> Option<&str> {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://")).then_some(url)
}

/// `sha256:0123456789ab`: enough of a digest for people.
#[must_use]
pub fn short_digest(digest: &str) -> String {
    let cut = digest.find(':').map_or(0, |colon| colon + 1) + 12;
    digest.chars().take(cut).collect()
}

/// A number with thin spaces between thousands.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// "1 image", "2 images".
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Bytes for people: `1.5 MiB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "bytes" {
        counted(number, "byte", "bytes")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// Milliseconds for people: `0.4 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..=9 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago (or how soon) something is: `now` and `then` are RFC 3339. The text as it is where one can't be read.
#[must_use]
pub fn ago(then: &str, now: &str) -> String {
    let (Ok(at), Ok(from)) = (
        then.parse::<jiff::Timestamp>(),
        now.parse::<jiff::Timestamp>(),
    ) else {
        return plain(then);
    };
    let seconds = from.duration_since(at).as_secs();
    let (past, seconds) = (seconds >= 0, seconds.unsigned_abs());
    let text = match seconds {
        0..=44 => {
            return if past {
                "just now".to_owned()
            } else {
                "in a moment".to_owned()
            };
        }
        45..=5399 => counted((seconds + 30) / 60, "minute", "minutes"),
        5400..=129_599 => counted((seconds + 1800) / 3600, "hour", "hours"),
        _ => counted((seconds + 43_200) / 86_400, "day", "days"),
    };
    if past {
        format!("{text} ago")
    } else {
        format!("in {text}")
    }
}

/// A time for people, in UTC: `2026-11-23 01:04`.
#[must_use]
pub fn moment(time: &str) -> String {
    time.parse::<jiff::Timestamp>().map_or_else(
        |_| plain(time),
        |at| at.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_turns_writing_around_shows_that_it_would() {
        assert_eq!(plain("a\u{202e}b\u{7}c"), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(link("HTTPS://a.example"), Some("HTTPS://a.example"));
        assert_eq!(link("javascript:alert(1)"), None);
        assert_eq!(link("data:text/html,x"), None);
        assert_eq!(link("ht"), None);
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(duration(400), "0.4 s");
        assert_eq!(duration(200_000), "3 min 20 s");
        assert_eq!(
            ago("2026-11-23T00:00:00Z", "2026-11-23T02:00:00Z"),
            "2 hours ago"
        );
        assert_eq!(
            ago("2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z"),
            "in 60 minutes"
        );
        assert_eq!(ago("yesterday", "2026-11-23T02:00:00Z"), "yesterday");
        assert_eq!(moment("2026-11-23T01:04:49.123Z"), "2026-11-23 01:04");
    }
}
