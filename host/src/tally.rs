//! What the whole process counts, where no handle of the daemon reaches: requests of connectors, the cache, calls in
//! flight, limits. Numbers that only rise (but for the calls in flight), read by [`crate::serve::metrics`].
//!
//! One process is one host, so these are static. Names of hosts come from outside, so there are at most so many of
//! them; the rest is counted together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hosts that are counted by name.
const HOSTS: usize = 200;
/// Under which the others are counted.
const OTHER: &str = "other";

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// So far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Bytes of bodies that connectors received.
    pub bytes: Count,
    /// Values that a connector asked the cache for and got.
    pub cache_hits: Count,
    /// Values that it did not get.
    pub cache_misses: Count,
    in_flight: AtomicI64,
    requests: Mutex<BTreeMap<(String, &'static str), u64>>,
    limits: Mutex<BTreeMap<&'static str, u64>>,
}

/// A call of a connector, as long as it goes on.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Tally);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The process's.
pub fn tally() -> &'static Tally {
    static TALLY: std::sync::LazyLock<Tally> = std::sync::LazyLock::new(Tally::default);
    &TALLY
}

impl Tally {
    /// A request to a host was answered with a status; `None` when it was not answered.
    pub fn request(&self, host: &str, status: Option<u16>) {
        let class = match status {
            Some(100..=199) => "1xx",
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(500..=599) => "5xx",
            _ => "none",
        };
        let mut requests = held(&self.requests);
        // Five classes or so a host.
        let known = requests.keys().any(|(name, _)| name == host);
        let host = if known || hosts(&requests) < HOSTS {
            host
        } else {
            OTHER
        };
        *requests.entry((host.to_owned(), class)).or_default() += 1;
    }

    /// Requests by host and class of status.
    pub fn requests(&self) -> Vec<(String, &'static str, u64)> {
        let requests = held(&self.requests);
        requests
            .iter()
            .map(|((host, class), many)| (host.clone(), *class, *many))
            .collect()
    }

    /// A limit of the sandbox was reached.
    pub fn limit(&self, name: &'static str) {
        *held(&self.limits).entry(name).or_default() += 1;
    }

    /// Limits that were reached, by name.
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        held(&self.limits)
            .iter()
            .map(|(name, many)| (*name, *many))
            .collect()
    }

    /// A call begins; it ends when the answer is dropped.
    pub fn call(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Calls that go on.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

fn hosts(requests: &BTreeMap<(String, &'static str), u64>) -> usize {
    let mut last = None;
    let mut many = 0;
    for (host, _) in requests.keys() {
        if last != Some(host) {
            many += 1;
            last = Some(host);
        }
    }
    many
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_nobody_bounds_are_counted_together() {
        let tally = Tally::default();
        for number in 0..HOSTS * 3 {
            tally.request(&format!("host-{number}.example.com"), Some(200));
        }
        tally.request("host-0.example.com", None);
        let requests = tally.requests();
        assert_eq!(
            requests.len(),
            HOSTS + 2,
            "the named ones, one more class, and the others"
        );
        let other = requests.iter().find(|(host, ..)| host == OTHER);
        assert_eq!(other.map(|(_, _, many)| *many), Some(2 * HOSTS as u64));
    }

    #[test]
    fn a_call_is_in_flight_until_it_ends() {
        let tally = Tally::default();
        let first = tally.call();
        let second = tally.call();
        assert_eq!(tally.in_flight(), 2);
        drop((first, second));
        assert_eq!(tally.in_flight(), 0);
    }
}
