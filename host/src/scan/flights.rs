//! Values of a connection's cache that a call is making right now, so that another call which needs the same
//! one waits for it instead of making it, too: images of many repositories share their base, and its layers
//! are the largest.
//!
//! A call that asked for a key and got nothing is taken to be making the value. Others that ask for it wait
//! until it is put, given up (an empty value is put) or the call has ended; at most for [`PATIENCE`]. A call
//! never waits for one that waits itself, so they can't wait for each other in a circle: then both make it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How long one call waits for a value that another is making.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Keys that one call may be making at once; of more nobody is told.
const MAX_CLAIMS: usize = 1024;

/// Who makes what.
#[derive(Default)]
pub(super) struct Flights(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    makers: HashMap<String, Maker>,
    waiting: HashSet<u64>,
}

struct Maker {
    call: u64,
    /// Dropped when the value is there or nobody makes it any more.
    done: watch::Sender<()>,
}

/// What a call is to do about a value that may not be there.
pub(super) enum Claim {
    /// Look, and make it if it is not there.
    Make,
    /// Another call is making it: wait until this changes or ends, then ask again.
    Wait(watch::Receiver<()>),
}

impl Flights {
    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number for a call.
    pub(super) fn call(&self) -> u64 {
        self.state(|state| {
            state.next += 1;
            state.next
        })
    }

    /// Claims a key for a call, unless another one is making it that does not wait itself.
    pub(super) fn claim(&self, call: u64, key: &str) -> Claim {
        self.state(|state| {
            match state.makers.get(key) {
                Some(maker) if maker.call != call => {
                    if state.waiting.contains(&maker.call) {
                        return Claim::Make;
                    }
                    let done = maker.done.subscribe();
                    state.waiting.insert(call);
                    return Claim::Wait(done);
                }
                Some(_) => {}
                None => {
                    let own = state.makers.values().filter(|one| one.call == call).count();
                    if own < MAX_CLAIMS {
                        let done = watch::Sender::new(());
                        state.makers.insert(key.to_owned(), Maker { call, done });
                    }
                }
            }
            Claim::Make
        })
    }

    /// The call waits no longer.
    pub(super) fn awake(&self, call: u64) {
        self.state(|state| state.waiting.remove(&call));
    }

    /// The call has made that value, or does not make it.
    pub(super) fn done(&self, call: u64, key: &str) {
        self.state(|state| {
            if state
                .makers
                .get(key)
                .is_some_and(|maker| maker.call == call)
            {
                state.makers.remove(key);
            }
        });
    }

    /// The call has ended.
    pub(super) fn end(&self, call: u64) {
        self.state(|state| {
            state.waiting.remove(&call);
            state.makers.retain(|_, maker| maker.call != call);
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]

    use super::*;

    fn waits(claim: &Claim) -> bool {
        matches!(claim, Claim::Wait(_))
    }

    #[test]
    fn the_second_call_waits_until_the_first_is_done_or_has_ended() {
        let flights = Flights::default();
        let (one, two) = (flights.call(), flights.call());
        assert!(!waits(&flights.claim(one, "k")) && !waits(&flights.claim(one, "k")));
        let Claim::Wait(done) = flights.claim(two, "k") else {
            panic!("it does not wait");
        };
        assert!(done.has_changed().is_ok());
        flights.done(one, "k");
        assert!(done.has_changed().is_err(), "the sender is gone");
        flights.awake(two);
        assert!(!waits(&flights.claim(two, "k")));
        assert!(waits(&flights.claim(one, "k")));
        flights.end(two);
        flights.awake(one);
        assert!(!waits(&flights.claim(one, "k")));
    }

    #[test]
    fn two_calls_never_wait_for_each_other() {
        let flights = Flights::default();
        let (one, two, three) = (flights.call(), flights.call(), flights.call());
        flights.claim(one, "a");
        flights.claim(two, "b");
        flights.claim(three, "c");
        assert!(waits(&flights.claim(one, "b")));
        assert!(waits(&flights.claim(two, "c")));
        assert!(!waits(&flights.claim(three, "a")), "one waits already");
    }

    #[test]
    fn a_call_gives_up_only_what_is_its_own() {
        let flights = Flights::default();
        let (one, two) = (flights.call(), flights.call());
        flights.claim(one, "k");
        flights.done(two, "k");
        assert!(waits(&flights.claim(two, "k")));
    }
}
