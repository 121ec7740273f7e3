//! When to try again, and how long to wait before it.

use std::time::Duration;

use super::Headers;
use crate::time::parse_http;

/// Seconds of the longest wait that is believed. A server that says more means "not today".
const LONGEST_ASKED: u64 = 24 * 60 * 60;

/// Seconds since 1970 from which on a figure is a date (March 1973), and not a wait.
const FIRST_DATE: u64 = 100_000_000;

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

/// How long an answer asks to wait: `Retry-After` as seconds (whole or not) or a date, else the time at which
/// one of the rate-limit headers begins anew. Times are compared with the server's own `Date`, where it
/// sends one. What makes no sense counts as not said; what is absurdly long counts as a day.
pub(super) fn asked_wait(headers: &Headers, unix_now: u64) -> Option<Duration> {
    let now = server_now(headers, unix_now);
    headers
        .get("retry-after")
        .and_then(|text| seconds(text).or_else(|| until_date(text, now)))
        .or_else(|| reset(headers, now))
}

/// How long to leave the origin alone because this answer was the last one of its allowance.
pub(super) fn exhausted_for(headers: &Headers, unix_now: u64) -> Option<Duration> {
    let used_up = [
        headers.get("ratelimit-remaining"),
        headers.get("x-ratelimit-remaining"),
        combined(headers, &["remaining", "r"]),
    ]
    .into_iter()
    .flatten()
    .any(|left| left.trim() == "0");
    used_up
        .then(|| reset(headers, server_now(headers, unix_now)))
        .flatten()
}

/// When the allowance begins anew. GitLab has a field for each figure, its registry one for all
/// (`limit=60, remaining=0, reset=12`) and those with `X-`.
fn reset(headers: &Headers, now: u64) -> Option<Duration> {
    let at = |text: &str| until_reset(text, now);
    let field = |name: &str| headers.get(name);
    field("ratelimit-reset")
        .and_then(at)
        .or_else(|| field("ratelimit-resettime").and_then(|text| until_date(text, now)))
        .or_else(|| combined(headers, &["reset", "t"]).and_then(at))
        .or_else(|| field("x-ratelimit-reset").and_then(at))
}

/// A figure of the field `RateLimit`, by any of its names.
fn combined<'h>(headers: &'h Headers, names: &[&str]) -> Option<&'h str> {
    headers
        .get("ratelimit")?
        .split([',', ';'])
        .find_map(|part| {
            let (name, value) = part.split_once('=')?;
            names
                .iter()
                .any(|known| name.trim().eq_ignore_ascii_case(known))
                .then(|| value.trim())
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

/// GitLab says when (seconds since 1970), others in how many seconds.
fn until_reset(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(at) if at >= FIRST_DATE => Some(Duration::from_secs(
            at.saturating_sub(now).min(LONGEST_ASKED),
        )),
        _ => seconds(text),
    }
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

    fn exhausted(fields: &[(&str, &str)]) -> Option<Duration> {
        exhausted_for(
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
    fn the_registrys_own_rate_limit_headers_are_read() {
        let second = Duration::from_secs(1);
        for (fields, wait) in [
            (vec![("RateLimit", "limit=60, remaining=0, reset=12")], 12),
            (vec![("RateLimit", "limit=60,Remaining=0,Reset=12.5")], 12),
            (vec![("RateLimit", "\"default\";r=0;t=30")], 30),
            (
                vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "5")],
                5,
            ),
            (
                vec![
                    ("X-RateLimit-Remaining", "0"),
                    ("X-RateLimit-Reset", "784111800"),
                ],
                23,
            ),
            // Other servers count in seconds what GitLab says as a date.
            (
                vec![("RateLimit-Remaining", "0"), ("RateLimit-Reset", "9")],
                9,
            ),
        ] {
            assert_eq!(
                asked(&fields).map(|wait| wait.as_secs()),
                Some(wait),
                "{fields:?}"
            );
            assert_eq!(
                exhausted(&fields).map(|wait| wait.as_secs()),
                Some(wait),
                "{fields:?}"
            );
        }
        let more = [("RateLimit", "limit=60, remaining=7, reset=12")];
        assert_eq!(exhausted(&more), None);
        assert_eq!(exhausted(&[("RateLimit-Remaining", "0")]), None);
        // What the server asks for itself comes first.
        assert_eq!(
            asked(&[
                ("RateLimit", "limit=1, remaining=0, reset=60"),
                ("Retry-After", "1.000000")
            ]),
            Some(second)
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
