//! Rack::Attack: so many requests a minute and token, told in headers, refused in plain text.

use super::http::{Incoming, Reply};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Seconds of a window.
const WINDOW: u64 = 60;
const NAME: &str = "throttle_authenticated_api";

#[derive(Default)]
pub(crate) struct Throttle {
    windows: HashMap<String, (Instant, u32)>,
}

/// Where the caller stands in its window.
pub(crate) struct Standing {
    limit: u32,
    observed: u32,
    left: u64,
}

impl Throttle {
    pub(crate) fn count(&mut self, request: &Incoming, limit: u32) -> Standing {
        let who = ["private-token", "authorization"]
            .iter()
            .find_map(|name| request.header(name));
        let now = Instant::now();
        let window = self
            .windows
            .entry(who.unwrap_or("").to_owned())
            .or_insert((now, 0));
        if now.duration_since(window.0) >= Duration::from_secs(WINDOW) {
            *window = (now, 0);
        }
        window.1 += 1;
        let left = WINDOW
            .saturating_sub(now.duration_since(window.0).as_secs())
            .max(1);
        Standing {
            limit,
            observed: window.1,
            left,
        }
    }
}

impl Standing {
    pub(crate) fn exceeded(&self) -> bool {
        self.observed > self.limit
    }

    pub(crate) fn refusal(&self) -> Reply {
        refusal(self.left, self.limit, self.observed)
    }

    pub(crate) fn mark(&self, reply: Reply) -> Reply {
        marked(reply, self.left, self.limit, self.observed)
    }
}

fn marked(reply: Reply, left: u64, limit: u32, observed: u32) -> Reply {
    let reset = jiff::Timestamp::now()
        .as_second()
        .saturating_add_unsigned(left);
    reply
        .header("ratelimit-limit", limit.to_string())
        .header("ratelimit-name", NAME)
        .header("ratelimit-observed", observed.to_string())
        .header(
            "ratelimit-remaining",
            limit.saturating_sub(observed).to_string(),
        )
        .header("ratelimit-reset", reset.to_string())
}

/// The 429.
pub(crate) fn refusal(left: u64, limit: u32, observed: u32) -> Reply {
    let reset = jiff::Timestamp::now()
        .as_second()
        .saturating_add_unsigned(left);
    let date = jiff::Timestamp::from_second(reset)
        .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default();
    marked(Reply::text(429, "Retry later\n"), left, limit, observed)
        .header("ratelimit-resettime", date)
        .header("retry-after", left.to_string())
}
