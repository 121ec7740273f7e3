//! The outbound side of one call of a connector.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime_wasi_http::Error;

use super::Egress;
use super::fault::{Code, Fault};
use super::limits::EgressLimits;
use super::origin::{Host, Origin, OriginError, Scheme};
use super::policy::allow_flag;
use super::redact::Redactor;
use super::secrets::{Secrets, StandIn};
use super::target::Target;
use crate::contract::Explanation;
use crate::secret::SecretString;
use crate::tally::tally;

/// Origins that a connector may declare.
const MAX_GRANTS: usize = 64;
/// Explanations kept for `explain`; the oldest goes first.
const MAX_EXPLANATIONS: usize = 256;
/// Bytes of a URL under which an explanation is kept.
const MAX_KEY: usize = 8 << 10;
/// Refusals kept for the report.
const MAX_REFUSED: usize = 100;
/// Hosts counted by name; further ones are summed under `…`.
const MAX_HOSTS: usize = 256;

/// The outbound side of one call. Closed until [`CallEgress::grant`].
#[derive(Debug)]
pub struct CallEgress {
    pub(super) shared: Arc<Egress>,
    pub(super) secrets: Secrets,
    pub(super) redactor: Arc<Redactor>,
    pub(super) places: Arc<Semaphore>,
    /// Requests that have a place or wait for one.
    pub(super) present: AtomicUsize,
    /// Bytes of collected request bodies.
    pub(super) held: AtomicUsize,
    pub(super) requests: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) cancel: CancellationToken,
    pub(super) state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) granted: Option<Arc<[Origin]>>,
    pub(super) secrets_declared: bool,
    pub(super) explanations: VecDeque<(String, Explanation)>,
    pub(super) refused: Vec<String>,
    pub(super) hosts: BTreeMap<String, HostCounters>,
}

/// Why the origins that a connector declared are not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    /// More than the cap.
    #[error("the connector declared {0} origins; at most {MAX_GRANTS} are granted")]
    TooMany(usize),
    /// Not an origin.
    #[error("the connector declared the origin {0:?}, which {1}")]
    Unreadable(String, OriginError),
    /// Plain http elsewhere than on the operator's own plain-http site.
    #[error("the connector declared {0}, which is plain http; add `{flag}` if this is right", flag = allow_flag(.0))]
    PlainHttp(Origin),
    /// Secrets elsewhere than at the operator's URL.
    #[error(
        "the connector wants to send secrets to {0}; they go only to {1}, the address of the connection"
    )]
    SecretsElsewhere(Origin, Origin),
}

/// What a call has sent and received.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EgressCounters {
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Bytes of response bodies.
    pub bytes_received: u64,
    /// Dead idle connections that were replaced in silence.
    pub retried_connections: u64,
    /// The same by host.
    pub by_host: BTreeMap<String, HostCounters>,
    /// What was refused, each with the exact flag that would allow it where one would.
    pub refused: Vec<String>,
}

/// What went to and came from one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct HostCounters {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of response bodies.
    pub bytes_received: u64,
}

impl CallEgress {
    pub(super) fn new(shared: Arc<Egress>, secrets: &[(StandIn, SecretString)]) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(shared.limits.in_flight)),
            secrets: Secrets::new(secrets),
            redactor: Arc::new(Redactor::new(secrets.iter().map(|(_, secret)| secret))),
            shared,
            present: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            cancel: CancellationToken::new(),
            state: Mutex::default(),
        })
    }

    /// Opens the gate for what `configure` declared. All or nothing.
    pub fn grant(&self, origins: &[crate::contract::Origin]) -> Result<(), GrantRefused> {
        if origins.len() > MAX_GRANTS {
            return Err(GrantRefused::TooMany(origins.len()));
        }
        let policy = &self.shared.policy;
        let operator = policy.operator();
        let mut granted = Vec::new();
        let mut secrets_declared = false;
        for declared in origins {
            let origin: Origin = declared.url.parse().map_err(|why| {
                GrantRefused::Unreadable(
                    self.redactor
                        .text(&declared.url)
                        .chars()
                        .take(200)
                        .collect(),
                    why,
                )
            })?;
            // With an empty grant the policy says what the operator's own words allow.
            if origin.scheme == Scheme::Http && policy.judge(&origin, Some(&[])).is_err() {
                return Err(GrantRefused::PlainHttp(origin));
            }
            if declared.secrets {
                if origin != *operator {
                    return Err(GrantRefused::SecretsElsewhere(origin, operator.clone()));
                }
                secrets_declared = true;
            }
            granted.push(origin);
        }
        let mut state = self.state();
        state.granted = Some(granted.into());
        state.secrets_declared = secrets_declared;
        Ok(())
    }

    /// The host's words on the newest refused or failed request to that URL.
    pub fn explain(&self, url: &str) -> Option<Explanation> {
        let key = key_of(url);
        let state = self.state();
        let found = state
            .explanations
            .iter()
            .rev()
            .find(|(known, _)| *known == key);
        found.map(|(_, why)| why.clone())
    }

    /// What happened so far.
    pub fn counters(&self) -> EgressCounters {
        let state = self.state();
        EgressCounters {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_received: self.bytes.load(Ordering::Relaxed),
            retried_connections: self.retried.load(Ordering::Relaxed),
            by_host: state.hosts.clone(),
            refused: state.refused.clone(),
        }
    }

    /// Removes this call's secrets from texts.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }

    /// Ends the call: what is in flight is aborted, what comes later is refused.
    pub fn close(&self) {
        self.cancel.cancel();
    }

    pub(super) fn ended() -> Fault {
        Fault::new(
            Code::Terminated,
            "The call has ended, so its requests were aborted.",
            "",
        )
    }

    pub(super) fn limits(&self) -> &EgressLimits {
        &self.shared.limits
    }

    pub(super) fn cancelled(&self) -> WaitForCancellationFutureOwned {
        self.cancel.clone().cancelled_owned()
    }

    pub(super) fn count_request(&self, host: &Host) -> Result<(), Fault> {
        let limit = self.limits().requests;
        if self.requests.fetch_add(1, Ordering::Relaxed) >= limit {
            self.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Fault::connector(
                Code::LimitReached,
                format!("The call has sent {limit} requests, which is the limit for one call."),
            ));
        }
        self.count_host(host, |counters| counters.requests += 1);
        Ok(())
    }

    pub(super) fn count_bytes(&self, host: &Host, length: u64) -> Result<(), Fault> {
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        self.count_host(host, |counters| counters.bytes_received += length);
        tally().bytes.add(length);
        let limit = self.limits().call_bytes;
        if before.saturating_add(length) > limit {
            return Err(Fault::new(
                Code::ResponseBody(limit),
                format!("The call has received {limit} bytes, which is the limit for one call."),
                "Raise the limit, or leave large images out.",
            ));
        }
        Ok(())
    }

    fn count_host(&self, host: &Host, count: impl FnOnce(&mut HostCounters)) {
        let mut name = host.to_string();
        let mut state = self.state();
        if state.hosts.len() >= MAX_HOSTS && !state.hosts.contains_key(&name) {
            "…".clone_into(&mut name);
        }
        count(state.hosts.entry(name).or_default());
    }

    /// Keeps what happened, for `explain` and the report, and answers what the guest gets. Both without
    /// secrets: an address that a server redirected to may hold one.
    pub(super) fn record(&self, key: &str, mut fault: Fault) -> Error {
        fault.message = self.redactor.text(&fault.message).into_owned();
        fault.hint = self.redactor.text(&fault.hint).into_owned();
        let why = fault.explanation();
        tracing::debug!(code = ?fault.code, "egress: {}", why.message);
        let mut state = self.state();
        if matches!(fault.code, Code::Denied | Code::AddressProhibited)
            && state.refused.len() < MAX_REFUSED
        {
            let line = format!("{} {}", why.message, why.hint);
            if !state.refused.contains(&line) {
                state.refused.push(line);
            }
        }
        if state.explanations.len() >= MAX_EXPLANATIONS {
            state.explanations.pop_front();
        }
        state.explanations.push_back((key.to_owned(), why));
        drop(state);
        fault.error()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, counters and sentences are still true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One spelling for a URL, as far as it can be read.
pub(super) fn key_of(url: &str) -> String {
    let normal = url
        .parse()
        .ok()
        .and_then(|uri| Target::from_guest(&uri).ok());
    let mut key = normal.map_or_else(|| url.to_owned(), |target| target.url());
    if key.len() > MAX_KEY {
        let cut = (0..=MAX_KEY)
            .rev()
            .find(|&at| key.is_char_boundary(at))
            .unwrap_or(0);
        key.truncate(cut);
    }
    key
}
