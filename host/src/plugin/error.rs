//! How loading a component or calling it can fail, in words for people.

use std::path::PathBuf;

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use super::interfaces::CONTRACT_VERSIONS;
use super::limits::{Limit, Limits};
use crate::contract::Failure;
use crate::egress::EgressCounters;

/// Why the sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine can't run here.
    #[error("the WebAssembly engine can't start: {0:#}")]
    Engine(anyhow::Error),
    /// The folder of compiled code can't be used.
    #[error("the folder for compiled code {} can't be used: {source}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Why a component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("the connector {} can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than the limit.
    #[error(
        "the file has {size} bytes, and the limit {} is {}; raise it with --limit {}=… if the file is right",
        Limit::ComponentBytes, Limit::ComponentBytes.unit().show(*limit), Limit::ComponentBytes
    )]
    TooLarge {
        /// Its size in bytes; at least that where it was not read to its end.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is a core module, not a component.
    #[error(
        "this is a core WebAssembly module, not a component; build it for the target wasm32-wasip2, \
         or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// It is something else.
    #[error("this is not a WebAssembly component: it begins with {0:?}")]
    NotWasm(String),
    /// It does not compile.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// It took too long to compile.
    #[error(
        "the component was not compiled within {}, the limit {}; raise it with --limit {}=…",
        Limit::CompileTime.unit().show(*limit), Limit::CompileTime, Limit::CompileTime
    )]
    CompileTime {
        /// The limit in milliseconds.
        limit: u64,
    },
    /// It needs more than the limits from the start.
    #[error("the component needs {needed} of {what} to start, and the limit {limit} is {allowed}")]
    NeedsMore {
        /// What it needs.
        what: &'static str,
        /// How much.
        needed: String,
        /// The limit.
        limit: Limit,
        /// Its value.
        allowed: String,
    },
    /// It imports what connectors don't get.
    #[error(
        "the component imports what this host does not grant: {}. A connector gets the interfaces of \
         ox:connector, outgoing wasi:http, wasi:io, wasi:clocks and wasi:random; wasi:cli and \
         wasi:filesystem are there but empty",
        refused.join(", ")
    )]
    Imports {
        /// All of them.
        refused: Vec<String>,
    },
    /// It exports no connector.
    #[error(
        "the component is no connector: it does not export ox:connector/connector (its exports: {})",
        if exports.is_empty() { "none".to_owned() } else { exports.join(", ") }
    )]
    NoConnector {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It speaks a version of the contract that this host does not.
    #[error(
        "the component speaks version {version} of ox:connector; this host speaks {}. Use a build of the \
         connector for one of these, or a newer host",
        CONTRACT_VERSIONS.join(", ")
    )]
    ContractVersion {
        /// The version.
        version: String,
    },
    /// Its imports or exports have other types than the contract.
    #[error("the component does not fit the contract that it names: {0}")]
    Mismatch(String),
    /// It could not say what it is.
    #[error("the component can't describe itself: {0}")]
    Describe(#[source] CallError),
    /// What it says of itself is not what the contract asks for.
    #[error("the component's manifest can't be used: {0}")]
    Manifest(String),
    /// This host is to blame.
    #[error("the component could not be loaded: {0:#}")]
    Host(anyhow::Error),
}

/// Why a call did not succeed.
#[derive(Debug)]
pub enum CallError {
    /// The connector answered a failure.
    Failure {
        /// Whose fault it is, and what to do.
        failure: Failure,
        /// What went over the wire.
        counters: Box<EgressCounters>,
    },
    /// The connector wanted more than it gets.
    Limit {
        /// Which limit.
        limit: Limit,
        /// Its value, with its unit.
        value: String,
        /// What happened.
        detail: String,
        /// What went over the wire.
        counters: Box<EgressCounters>,
    },
    /// The connector crashed.
    Crash {
        /// Its last words, or what happened to it.
        message: String,
        /// What went over the wire.
        counters: Box<EgressCounters>,
    },
    /// Somebody asked for the end.
    Cancelled,
    /// The call took too long.
    Timeout {
        /// Which call.
        call: &'static str,
        /// Which limit.
        limit: Limit,
        /// Its value, with its unit.
        value: String,
        /// What went over the wire.
        counters: Box<EgressCounters>,
    },
    /// The connector did or answered what the contract forbids.
    BadAnswer {
        /// What.
        message: String,
        /// What went over the wire.
        counters: Box<EgressCounters>,
    },
    /// The connector needs an origin that the host does not open.
    Refused {
        /// Which, why, and what would open it.
        message: String,
        /// What went over the wire: nothing yet.
        counters: Box<EgressCounters>,
    },
    /// The host is to blame, not the connector.
    Host(anyhow::Error),
}

impl CallError {
    /// One sentence for people: what happened, and what to do.
    pub fn message(&self) -> String {
        match self {
            Self::Failure { failure, .. } => crate::host::describe_failure(failure),
            Self::Limit {
                limit,
                value,
                detail,
                ..
            } => {
                let lead = format!("the connector reached the limit {limit} ({value}): {detail}");
                if *limit == Limit::Stack {
                    lead
                } else {
                    format!("{lead}; raise it with --limit {limit}=… if that is right")
                }
            }
            Self::Crash { message, .. } => format!("the connector crashed: {message}"),
            Self::Cancelled => "the call was cancelled".to_owned(),
            Self::Timeout {
                call, limit, value, ..
            } => format!(
                "the connector did not finish {call} within {value}, the limit {limit}; raise it with \
                 --limit {limit}=… if that is right"
            ),
            Self::BadAnswer { message, .. } => {
                format!("the connector broke the contract: {message}")
            }
            Self::Refused { message, .. } => message.clone(),
            Self::Host(error) => format!("{error:#}"),
        }
    }

    /// Whether the same call may succeed later, without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failure { failure, .. } => matches!(
                failure,
                Failure::RateLimited(_) | Failure::Unavailable(_) | Failure::UnexpectedAnswer(_)
            ),
            // A scan goes on from its cursor; the gatherer sees whether it moves.
            Self::Timeout { .. } => true,
            Self::Limit { .. }
            | Self::Crash { .. }
            | Self::Cancelled
            | Self::BadAnswer { .. }
            | Self::Refused { .. }
            | Self::Host(_) => false,
        }
    }

    /// What went over the wire before the call ended.
    pub fn counters(&self) -> EgressCounters {
        match self {
            Self::Failure { counters, .. }
            | Self::Limit { counters, .. }
            | Self::Crash { counters, .. }
            | Self::Timeout { counters, .. }
            | Self::BadAnswer { counters, .. }
            | Self::Refused { counters, .. } => EgressCounters::clone(counters),
            Self::Cancelled | Self::Host(_) => EgressCounters::default(),
        }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for CallError {}

/// A limit that a host function, the limiter or the clock found reached; ends the call as a trap.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{limit}: {detail}")]
pub(crate) struct LimitHit {
    pub(crate) limit: Limit,
    pub(crate) detail: String,
}

/// Something that the contract forbids, found by a host function; ends the call as a trap.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Violation(pub(crate) String);

/// What is known of a call that ended in a trap.
pub(crate) struct Evidence<'a> {
    /// What the limiter refused.
    pub(crate) denied: Option<&'a LimitHit>,
    /// What the component printed last.
    pub(crate) last_words: Option<String>,
    pub(crate) limits: &'a Limits,
    pub(crate) counters: Box<EgressCounters>,
}

/// What an error of wasmtime means. `wasmtime` has no types for some of its limits, so their texts are
/// looked for; the integration tests reach each of them, so a text that changes is noticed.
pub(crate) fn classify(error: &wasmtime::Error, evidence: Evidence<'_>) -> CallError {
    let Evidence {
        denied,
        last_words,
        limits,
        counters,
    } = evidence;
    let reached = counters.clone();
    let limit = |limit: Limit, detail: &str| CallError::Limit {
        limit,
        value: limit.unit().show(limits.get(limit)),
        detail: detail.to_owned(),
        counters: reached,
    };
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return limit(hit.limit, &hit.detail);
    }
    if let Some(Violation(message)) = error.downcast_ref::<Violation>() {
        return CallError::BadAnswer {
            message: message.clone(),
            counters,
        };
    }
    // A program that is refused memory aborts, or panics with words of its own: the cause comes first.
    if let Some(hit) = denied {
        return limit(
            hit.limit,
            &match last_words {
                Some(words) => format!("{} ({words})", hit.detail),
                None => hit.detail.clone(),
            },
        );
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        let words = last_words
            .map(|words| format!(": {words}"))
            .unwrap_or_default();
        return CallError::Crash {
            message: format!("it ended itself with exit code {code}{words}"),
            counters,
        };
    }
    if matches!(
        error.downcast_ref::<ResourceTableError>(),
        Some(ResourceTableError::Full)
    ) {
        return limit(
            Limit::Resources,
            "it opened too many requests, bodies or streams at once",
        );
    }
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::StackOverflow)) {
        return limit(Limit::Stack, "it called itself too deeply");
    }
    let chain = format!("{error:#}");
    if chain.contains("store handle limit exceeded") {
        return limit(Limit::Handles, "it holds too many handles at once");
    }
    if chain.contains("too much data is being copied between the host and the guest") {
        return limit(Limit::HostcallBytes, "it handed over too much at once");
    }
    if chain.contains("resource limit exceeded: instance count") {
        return limit(Limit::Instances, "it is made of too many instances");
    }
    if chain.contains("resource limit exceeded: memory count")
        || chain.contains("resource limit exceeded: table count")
    {
        return limit(Limit::Memories, "it is made of too many memories or tables");
    }
    CallError::Crash {
        message: last_words.unwrap_or_else(|| match error.downcast_ref::<Trap>() {
            Some(trap @ Trap::MemoryOutOfBounds) => {
                format!("{trap} (its own stack may have run over, by too deep a recursion)")
            }
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        }),
        counters,
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;
    use crate::contract::{Explanation, RateLimit};

    fn judged(error: wasmtime::Error, denied: Option<&LimitHit>, words: Option<&str>) -> CallError {
        classify(
            &error,
            Evidence {
                denied,
                last_words: words.map(str::to_owned),
                limits: &Limits::default(),
                counters: Box::default(),
            },
        )
    }

    #[test]
    fn a_program_that_was_refused_memory_did_not_just_crash() {
        let hit = LimitHit {
            limit: Limit::Memory,
            detail: "it asked for 70 MiB".to_owned(),
        };
        let error = judged(
            Trap::UnreachableCodeReached.into(),
            Some(&hit),
            Some("allocation failed"),
        );
        let message = error.message();
        assert!(matches!(
            error,
            CallError::Limit {
                limit: Limit::Memory,
                ..
            }
        ));
        for part in [
            "memory (64 MiB)",
            "asked for 70 MiB",
            "allocation failed",
            "--limit memory=",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    #[test]
    fn a_panic_is_told_by_its_last_words_and_a_silent_one_by_the_trap() {
        let told = judged(
            Trap::UnreachableCodeReached.into(),
            None,
            Some("no such layer"),
        );
        assert_eq!(told.message(), "the connector crashed: no such layer");
        let silent = judged(Trap::UnreachableCodeReached.into(), None, None);
        assert!(silent.message().contains("unreachable"), "{silent}");
        let exit = judged(I32Exit(3).into(), None, None);
        assert!(exit.message().contains("exit code 3"), "{exit}");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let why = || Explanation {
            message: "m".to_owned(),
            hint: "h".to_owned(),
        };
        let failure = |failure| CallError::Failure {
            failure,
            counters: Box::default(),
        };
        assert!(failure(Failure::Unavailable(why())).is_retryable());
        assert!(
            failure(Failure::RateLimited(RateLimit {
                retry_after: None,
                why: why()
            }))
            .is_retryable()
        );
        assert!(!failure(Failure::Unauthenticated(why())).is_retryable());
        assert!(!CallError::Cancelled.is_retryable());
        assert!(!judged(Trap::StackOverflow.into(), None, None).is_retryable());
    }
}
