//! What trouble on the wire means to the host: the contract's `failure`.

use super::{Client, Headers, TransportError, TroubleKind};
use crate::contract::{Explanation, Failure, RateLimit};

impl From<TransportError> for Failure {
    /// Passing trouble is `unavailable`; what a person has to mend first (policy, certificates) is
    /// `unexpected-answer`, which the host does not repeat for long.
    fn from(error: TransportError) -> Self {
        let why = Explanation {
            message: error.message,
            hint: error.hint,
        };
        match error.kind {
            TroubleKind::Dns
            | TroubleKind::Connect
            | TroubleKind::Timeout
            | TroubleKind::Dropped => Self::Unavailable(why),
            TroubleKind::Denied | TroubleKind::Tls | TroubleKind::Digest => {
                Self::UnexpectedAnswer(why)
            }
            TroubleKind::OverLimit => Self::OverLimit(why),
            TroubleKind::Stopped => Self::Stopped,
        }
    }
}

impl Client<'_> {
    /// The failure for an answer that asks for patience (429, or 503 with a time) and was handed up: `what`
    /// names the address.
    pub fn rate_limited(&self, what: &str, status: u16, headers: &Headers) -> Failure {
        let retry_after = self.asked_wait(headers).map(|wait| {
            // Rounded up: a second early is a second 429.
            u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
        });
        let wait = match retry_after {
            Some(seconds) => format!(" and asks to wait {seconds} s"),
            None => String::new(),
        };
        let word = match status {
            429 => "too many requests",
            _ => "out of service",
        };
        Failure::RateLimited(RateLimit {
            retry_after,
            why: Explanation {
                message: format!("{what} answered {status} ({word}){wait}."),
                hint: "The scan goes on by itself after the wait; if it happens often, run fewer scans at \
                       once or ask the administrator for a higher rate limit."
                    .to_owned(),
            },
        })
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "tests")]
mod tests {
    use super::super::script::Script;
    use super::*;

    #[test]
    fn a_handed_up_429_says_how_long_rounded_up() {
        let script = Script::new();
        let headers = Headers::new([("Retry-After".to_owned(), "120.2".to_owned())]);
        let Failure::RateLimited(limit) =
            script
                .client()
                .rate_limited("https://gitlab.example", 429, &headers)
        else {
            panic!("another failure");
        };
        assert_eq!(limit.retry_after, Some(121));
        assert!(
            limit.why.message.contains("wait 121 s"),
            "{}",
            limit.why.message
        );
    }

    #[test]
    fn only_passing_trouble_is_unavailable() {
        for (kind, passing) in [
            (TroubleKind::Denied, false),
            (TroubleKind::Dns, true),
            (TroubleKind::Connect, true),
            (TroubleKind::Tls, false),
            (TroubleKind::Timeout, true),
            (TroubleKind::Dropped, true),
            (TroubleKind::Digest, false),
            (TroubleKind::OverLimit, false),
            (TroubleKind::Stopped, false),
        ] {
            let error = TransportError {
                kind,
                message: "m".to_owned(),
                hint: "h".to_owned(),
            };
            assert_eq!(error.is_passing(), passing);
            assert_eq!(
                matches!(Failure::from(error), Failure::Unavailable(_)),
                passing,
                "{kind:?}"
            );
        }
    }
}
