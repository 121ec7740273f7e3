//! How often somebody may try to sign in: a few times at once, then after pauses that double.
//!
//! Tries are counted before the password is checked, so that many at once count as many. They are counted by
//! name and by address. By name the pause stays short, so that nobody is locked out by somebody else who keeps
//! trying their name; by address it gets long. Memory is bounded: when too many are remembered, those with the
//! fewest tries are forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names and addresses that are remembered, each.
const REMEMBERED: usize = 4096;
/// How long a try is remembered after the last one.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// One kind of thing to count by.
struct Rule {
    /// Tries without a pause.
    free: u32,
    /// The longest pause.
    longest: Duration,
}

const BY_NAME: Rule = Rule {
    free: 5,
    longest: Duration::from_secs(60),
};
const BY_ADDRESS: Rule = Rule {
    free: 20,
    longest: Duration::from_secs(900),
};

impl Rule {
    /// The pause after so many tries.
    fn pause(&self, tries: u32) -> Duration {
        let Some(over) = tries.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        Duration::from_secs(1 << over.min(20)).min(self.longest)
    }
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    last: Instant,
}

#[derive(Default)]
struct Book {
    names: HashMap<String, Tries>,
    addresses: HashMap<Option<IpAddr>, Tries>,
}

/// Counts tries to sign in.
#[derive(Default)]
pub(super) struct Throttle {
    book: Mutex<Book>,
}

impl Throttle {
    /// Counts a try. An error is how long to wait, and then nothing was counted.
    pub(super) fn attempt(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Duration> {
        let (name, address) = (name_key(name), address.map(network));
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = wait(&BY_NAME, book.names.get(&name), now).max(wait(
            &BY_ADDRESS,
            book.addresses.get(&address),
            now,
        ));
        if !wait.is_zero() {
            return Err(wait);
        }
        count(&mut book.names, name, now);
        count(&mut book.addresses, address, now);
        Ok(())
    }

    /// The password was right: the name starts anew, and the try does not count for the address.
    pub(super) fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.names.remove(&name_key(name));
        if let Some(tries) = book.addresses.get_mut(&address.map(network)) {
            tries.count = tries.count.saturating_sub(1);
        }
    }
}

fn wait(rule: &Rule, tries: Option<&Tries>, now: Instant) -> Duration {
    let Some(tries) = tries.filter(|tries| now.duration_since(tries.last) < FORGOTTEN) else {
        return Duration::ZERO;
    };
    rule.pause(tries.count)
        .saturating_sub(now.duration_since(tries.last))
}

fn count<K: std::hash::Hash + Eq + Clone>(map: &mut HashMap<K, Tries>, key: K, now: Instant) {
    if map.len() >= REMEMBERED && !map.contains_key(&key) {
        map.retain(|_, tries| now.duration_since(tries.last) < FORGOTTEN);
        if map.len() >= REMEMBERED {
            let least = map
                .iter()
                .min_by_key(|(_, tries)| (tries.count, tries.last))
                .map(|(key, _)| key.clone());
            if let Some(least) = least {
                map.remove(&least);
            }
        }
    }
    let tries = map.entry(key).or_insert(Tries {
        count: 0,
        last: now,
    });
    if now.duration_since(tries.last) >= FORGOTTEN {
        tries.count = 0;
    }
    tries.count = tries.count.saturating_add(1);
    tries.last = now;
}

/// Names are the same in upper and lower case. No name is longer than this, so a longer text needs no room.
fn name_key(name: &str) -> String {
    name.chars()
        .take(64)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Somebody who has one address of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn pauses_double_by_name_and_end_with_the_right_password() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for number in 0..12_u8 {
            // From another address each time: the name alone is counted.
            let from = address(&format!("192.0.2.{number}"));
            if let Err(pause) = throttle.attempt("ada", from, now) {
                pauses.push(pause.as_secs());
                now += pause;
                throttle.attempt("ADA", from, now).unwrap();
            }
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60]);
        throttle.succeeded("Ada", None);
        throttle.attempt("ada", address("192.0.2.77"), now).unwrap();
    }

    #[test]
    fn one_address_is_slowed_down_whatever_names_it_tries() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let tried = |from: &str| {
            (0..100)
                .take_while(|number| {
                    throttle
                        .attempt(&format!("{from}{number}"), address(from), now)
                        .is_ok()
                })
                .count()
        };
        assert_eq!(tried("192.0.2.1"), 20);
        // All of a /64 is one.
        assert_eq!(tried("2001:db8::1"), 20);
        assert_eq!(tried("2001:db8::2:1"), 0);
        assert_eq!(tried("2001:db8:0:1::1"), 20);
    }

    #[test]
    fn an_hour_of_quiet_is_forgiven_and_memory_is_bounded() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..5 {
            throttle.attempt("ada", address("192.0.2.1"), now).unwrap();
        }
        throttle
            .attempt("ada", address("192.0.2.2"), now)
            .unwrap_err();
        for number in 0..REMEMBERED * 2 {
            let from = IpAddr::V4(u32::try_from(number).unwrap().into());
            throttle
                .attempt(&format!("name{number}"), Some(from), now)
                .unwrap();
        }
        let book = throttle.book.lock().unwrap();
        assert!(book.names.len() <= REMEMBERED && book.addresses.len() <= REMEMBERED);
        // The flood did not make it forget the name that is under attack.
        assert_eq!(book.names.get("ada").unwrap().count, 5);
        drop(book);
        throttle
            .attempt("ada", address("192.0.2.2"), now + FORGOTTEN)
            .unwrap();
    }
}
