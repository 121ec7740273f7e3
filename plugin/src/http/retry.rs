//! When to try again, and how long to wait before it.

use std::time::Duration;

use super::Headers;
use crate::time::parse_http;

/// Seconds of the longest wait that is believed. A server that says more means "not today".
const LONGEST_ASKED: u64 = 24 * 60 * 60;

/// How patient the client is.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Tries of one request before it fails, the first included.
    pub attempts: u32,
    /// Fruitless tries in a row at one origin, over all requests, after which each request gets one try
    /// only, until an answer comes. So a dead server is not asked `attempts` times for everything.
    pub budget: u32,
    /// Time spent in a row on fruitless tries and the waits between them, after which the same holds.
    pub patience: Duration,
    /// The first wait; doubles with each try. Each wait is drawn between nothing and that.
    pub first_wait: Duration,
    /// The longest single wait. A server that asks for more gets `failure.rate-limited`, so that the host
    /// waits.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 7,
            budget: 14,
            patience: Duration::from_secs(120),
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// For calls that a person waits for: an answer within seconds, if it is "nothing listens there".
    pub fn interactive() -> Self {
        Self {
            attempts: 3,
            budget: 4,
            patience: Duration::from_secs(20),
            longest_wait: Duration::from_secs(10),
            ..Self::default()
        }
    }

    /// The wait after the `attempt`th try (from 1): exponential, with full jitter from `random`.
    pub(super) fn backoff(&self, attempt: u32, random: u64) -> Duration {
        let doubled = 1_u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        jitter(
            self.first_wait
                .saturating_mul(doubled)
                .min(self.longest_wait),
            random,
        )
    }
}

/// A duration between nothing and `most`.
pub(super) fn jitter(most: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanos.saturating_add(1))
}

/// True for answers that may be other ones in a moment.
pub(super) fn is_passing_status(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// How long an answer asks to wait: `Retry-After` as seconds (whole or not) or a date, else
/// `RateLimit-Reset`, else `RateLimit-ResetTime`. Times are compared with the server's own `Date`, where it
/// sends one. What makes no sense counts as not said; what is absurdly long counts as a day.
pub(super) fn asked_wait(headers: &Headers, unix_now: u64) -> Option<Duration> {
    let now = server_now(headers, unix_now);
    let from =
        |name: &str, read: &dyn Fn(&str) -> Option<Duration>| headers.get(name).and_then(read);
    from("retry-after", &|text| {
        seconds(text).or_else(|| until_date(text, now))
    })
    .or_else(|| from("ratelimit-reset", &|text| until_unix(text, now)))
    .or_else(|| from("ratelimit-resettime", &|text| until_date(text, now)))
}

/// How long to leave the origin alone because this answer was the last one of its allowance.
pub(super) fn exhausted_for(headers: &Headers, unix_now: u64) -> Option<Duration> {
    if headers.get("ratelimit-remaining")?.trim() != "0" {
        return None;
    }
    let now = server_now(headers, unix_now);
    headers
        .get("ratelimit-reset")
        .and_then(|text| until_unix(text, now))
        .or_else(|| {
            headers
                .get("ratelimit-resettime")
                .and_then(|text| until_date(text, now))
        })
}

fn server_now(headers: &Headers, unix_now: u64) -> u64 {
    headers
        .get("date")
        .and_then(parse_http)
        .and_then(|time| u64::try_from(time.as_second()).ok())
        .unwrap_or(unix_now)
}

/// `120` or `1.500000`; nothing else, so neither signs nor exponents.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty()
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    let longest = Duration::from_secs(LONGEST_ASKED);
    Some(
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(longest)
            .min(longest),
    )
}

fn until_unix(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = text.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(
        at.saturating_sub(now).min(LONGEST_ASKED),
    ))
}

fn until_date(text: &str, now: u64) -> Option<Duration> {
    let at = parse_http(text)?.as_second();
    let wait = u64::try_from(at).unwrap_or(0).saturating_sub(now);
    Some(Duration::from_secs(wait.min(LONGEST_ASKED)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    fn asked(fields: &[(&str, &str)]) -> Option<Duration> {
        asked_wait(
            &Headers::new(
                fields
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
            ),
            NOW,
        )
    }

    #[test]
    fn every_spelling_of_a_wait_is_read() {
        let second = Duration::from_secs(1);
        assert_eq!(asked(&[("Retry-After", "7")]), Some(second * 7));
        assert_eq!(
            asked(&[("Retry-After", "1.500000")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            asked(&[("Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT")]),
            Some(second * 10)
        );
        assert_eq!(
            asked(&[("RateLimit-Reset", "784111800")]),
            Some(second * 23)
        );
        assert_eq!(
            asked(&[("RateLimit-ResetTime", "Sun, 06 Nov 1994 08:50:37 GMT")]),
            Some(second * 60)
        );
        assert_eq!(
            asked(&[("RateLimit-Reset", "784111800"), ("Retry-After", "2")]),
            Some(second * 2)
        );
    }

    #[test]
    fn a_clock_that_differs_is_made_up_for_by_the_servers_date() {
        let fields = [
            ("Date", "Sun, 06 Nov 1994 09:49:37 GMT"),
            ("RateLimit-Reset", "784115387"),
        ];
        assert_eq!(asked(&fields), Some(Duration::from_secs(10)));
    }

    #[test]
    fn absurd_waits_are_survived() {
        let day = Some(Duration::from_secs(LONGEST_ASKED));
        for text in ["99999999999999999999999", "1".repeat(500).as_str(), "86401"] {
            assert_eq!(asked(&[("Retry-After", text)]), day, "{text}");
        }
        for text in ["-1", "", "soon", "NaN", "inf", "1e9", ".", "1.2.3", "+5"] {
            assert_eq!(asked(&[("Retry-After", text)]), None, "{text}");
        }
        // Past times ask for nothing.
        assert_eq!(asked(&[("RateLimit-Reset", "0")]), Some(Duration::ZERO));
        assert_eq!(
            asked(&[("Retry-After", "Sun, 06 Nov 1904 08:49:37 GMT")]),
            Some(Duration::ZERO)
        );
        // What makes no sense leaves the word to the next field.
        assert_eq!(
            asked(&[("Retry-After", "-5"), ("RateLimit-Reset", "784111778")]),
            Some(Duration::from_secs(1))
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in ".{0,60}", other in ".{0,60}") {
            let fields = [("retry-after", value.as_str()), ("ratelimit-reset", other.as_str()), ("date", &value)];
            prop_assert!(asked(&fields).unwrap_or_default() <= Duration::from_secs(LONGEST_ASKED));
        }

        #[test]
        fn no_backoff_is_longer_than_the_longest_wait(attempt in 0_u32..=u32::MAX, random: u64) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.backoff(attempt, random) <= policy.longest_wait);
        }
    }
}
