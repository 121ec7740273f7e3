//! What a failure makes the host do. One table for listing and scanning.
//!
//! | fault | what happens |
//! |---|---|
//! | invalid settings, unauthenticated | everything ends: no other call would fare better, and a bad credential is never tried twice |
//! | forbidden, not found, over limit | this location fails, others go on |
//! | rate limited | waits what was asked for (capped), goes on from the last cursor |
//! | unavailable | backs off with jitter, goes on from the last cursor |
//! | unexpected answer | tried once more |
//! | crash, limit | goes on from the last cursor once; the second at the same cursor ends this location |
//! | stopped, cancelled | ends, resumable |
//! | the host's own fault | everything ends, resumable |
//!
//! The budget is one of progress: it is full again whenever the cursor is one that was not met before.

use std::collections::HashSet;
use std::time::Duration;

use super::runner::Fault;
use crate::contract::Failure;
use crate::host::FailureClass;

/// How patient the host is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Tries without progress before a passing failure counts as a lasting one.
    pub tries: u32,
    /// Wait before the second try; doubled for each further one.
    pub backoff: Duration,
    /// Longest wait of a backoff.
    pub backoff_most: Duration,
    /// Longest wait that the other side may ask for; more is answered with a failure of the location.
    pub retry_after_most: Duration,
    /// Attempts of one location in one run, progress or not.
    pub attempts_most: u32,
    /// Batches in a row with the same cursor after which a call counts as stuck.
    pub still_batches: u32,
    /// How long a cancelled call may take to end by itself before it is dropped.
    pub grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 5,
            backoff: Duration::from_secs(1),
            backoff_most: Duration::from_secs(60),
            retry_after_most: Duration::from_secs(15 * 60),
            attempts_most: 1000,
            still_batches: 2000,
            grace: Duration::from_millis(500),
        }
    }
}

/// Why a whole listing or scan ended early.
#[derive(Clone, Debug)]
pub enum ScanStop {
    /// Somebody wants it to.
    Cancelled,
    /// The connector's failure concerns every location.
    Failure(Failure),
    /// The connector crashes, or reaches a limit, before anything can be listed.
    Connector(String),
    /// The host can't go on (the disk is full).
    Host(String),
}

/// What to do next.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// Try again from the last cursor after a wait.
    Again { wait: Duration, message: String },
    /// Give this location (or branch) up.
    GiveUp {
        class: FailureClass,
        message: String,
        hint: String,
    },
    /// End everything.
    Stop(ScanStop),
}

/// The patience that is left for one location or branch.
pub(super) struct Budget {
    policy: Policy,
    met: HashSet<Option<String>>,
    attempts: u32,
    passing: u32,
    puzzling: u32,
    crashes: u32,
}

impl Budget {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            met: HashSet::new(),
            attempts: 0,
            passing: 0,
            puzzling: 0,
            crashes: 0,
        }
    }

    /// `cursor` is the last one that was stored (or, in a listing, the one of the page that failed).
    pub(super) fn decide(&mut self, fault: &Fault, cursor: Option<&str>) -> Decision {
        if self.met.insert(cursor.map(str::to_owned)) {
            (self.passing, self.puzzling, self.crashes) = (0, 0, 0);
        }
        self.attempts = self.attempts.saturating_add(1);
        let decision = self.by_fault(fault);
        match decision {
            Decision::Again { message, .. } if self.attempts >= self.policy.attempts_most => {
                Decision::GiveUp {
                    class: class_of(fault),
                    message: format!(
                        "{message} It was the attempt number {} of this scan.",
                        self.attempts
                    ),
                    hint: "Scan it again later; it goes on where this scan ended what it could."
                        .to_owned(),
                }
            }
            decision => decision,
        }
    }

    fn by_fault(&mut self, fault: &Fault) -> Decision {
        match fault {
            Fault::Cancelled | Fault::Failure(Failure::Stopped) => {
                Decision::Stop(ScanStop::Cancelled)
            }
            Fault::Host(message) => Decision::Stop(ScanStop::Host(message.clone())),
            Fault::Failure(
                failure @ (Failure::InvalidSettings(_) | Failure::Unauthenticated(_)),
            ) => Decision::Stop(ScanStop::Failure(failure.clone())),
            Fault::Failure(Failure::Forbidden(lack)) => {
                give_up(fault, &lack.why.message, &lack.why.hint)
            }
            Fault::Failure(Failure::NotFound(why) | Failure::OverLimit(why)) => {
                give_up(fault, &why.message, &why.hint)
            }
            Fault::Failure(Failure::RateLimited(limit)) => {
                let asked = limit
                    .retry_after
                    .map(|seconds| Duration::from_secs(seconds.into()));
                if let Some(asked) = asked.filter(|asked| *asked > self.policy.retry_after_most) {
                    return give_up(
                        fault,
                        &format!(
                            "{} It asks to wait {} seconds, and this host waits at most {}.",
                            limit.why.message,
                            asked.as_secs(),
                            self.policy.retry_after_most.as_secs()
                        ),
                        "Scan it again later; it goes on where this scan ended.",
                    );
                }
                self.wait_and_try(fault, &limit.why.message, &limit.why.hint, asked)
            }
            Fault::Failure(Failure::Unavailable(why)) => {
                self.wait_and_try(fault, &why.message, &why.hint, None)
            }
            Fault::Failure(Failure::UnexpectedAnswer(why)) => {
                self.puzzling = self.puzzling.saturating_add(1);
                if self.puzzling > 1 {
                    return give_up(fault, &why.message, &why.hint);
                }
                Decision::Again {
                    wait: self.backoff(1),
                    message: why.message.clone(),
                }
            }
            Fault::Crash(message) | Fault::Limit(message) => {
                self.crashes = self.crashes.saturating_add(1);
                if self.crashes > 1 {
                    return give_up(
                        fault,
                        &format!("The connector failed twice at the same place: {message}"),
                        "Everything that was stored is kept, and other locations went on. Report it to the connector's author.",
                    );
                }
                Decision::Again {
                    wait: Duration::ZERO,
                    message: message.clone(),
                }
            }
        }
    }

    fn wait_and_try(
        &mut self,
        fault: &Fault,
        message: &str,
        hint: &str,
        asked: Option<Duration>,
    ) -> Decision {
        self.passing = self.passing.saturating_add(1);
        if self.passing >= self.policy.tries {
            return give_up(
                fault,
                &format!("{message} {} tries brought nothing new.", self.passing),
                hint,
            );
        }
        // What was asked for is a minimum; jitter keeps parallel calls from coming back all at once.
        let wait = match asked {
            Some(asked) => asked.saturating_add(jitter(self.policy.backoff)),
            None => self.backoff(self.passing),
        };
        Decision::Again {
            wait,
            message: message.to_owned(),
        }
    }

    /// Between half and all of the doubled wait.
    fn backoff(&self, tries: u32) -> Duration {
        let doubled = self
            .policy
            .backoff
            .saturating_mul(1_u32 << tries.saturating_sub(1).min(16));
        let whole = doubled.min(self.policy.backoff_most);
        let half = whole / 2;
        half.saturating_add(jitter(whole.saturating_sub(half)))
    }
}

fn give_up(fault: &Fault, message: &str, hint: &str) -> Decision {
    Decision::GiveUp {
        class: class_of(fault),
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

/// What kind of reason a fault is for giving a location up.
fn class_of(fault: &Fault) -> FailureClass {
    match fault {
        Fault::Failure(failure) => match failure {
            Failure::Unauthenticated(_) | Failure::Forbidden(_) => FailureClass::Permission,
            Failure::NotFound(_)
            | Failure::RateLimited(_)
            | Failure::Unavailable(_)
            | Failure::UnexpectedAnswer(_) => FailureClass::Connectivity,
            Failure::OverLimit(_) => FailureClass::Limit,
            Failure::InvalidSettings(_) | Failure::Stopped => FailureClass::Connector,
        },
        Fault::Limit(_) => FailureClass::Limit,
        Fault::Crash(_) | Fault::Cancelled | Fault::Host(_) => FailureClass::Connector,
    }
}

/// A random part of a duration. Without random numbers, all of it.
fn jitter(most: Duration) -> Duration {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => most.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)),
        Err(_) => most,
    }
}
