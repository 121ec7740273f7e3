//! Why the host could not do something, in sentences.

use crate::contract::Failure;
use crate::scan::{Fault, ScanStop};
use crate::store::StoreError;

/// Why the host could not do something.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The connector answered a failure.
    #[error("{}", crate::host::describe_failure(.0))]
    Connector(Failure),
    /// Nothing has that name.
    #[error("no {what} is called {name:?}; `ox-host {list}` lists them")]
    Unknown {
        /// `connection`, `location`, `connector`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// The command that lists them.
        list: &'static str,
    },
    /// The connector crashed or reached a limit of its sandbox.
    #[error("{0}")]
    Limit(String),
    /// A setting, or a file that one names, can't be used; with its chain of causes.
    #[error(transparent)]
    Settings(anyhow::Error),
    /// Anything else, with its chain of causes.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<StoreError> for HostError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<Fault> for HostError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Failure(failure) => Self::Connector(failure),
            Fault::Cancelled => Self::Connector(Failure::Stopped),
            Fault::Crash(message) | Fault::Limit(message) => Self::Limit(message),
            Fault::Host(message) => Self::Other(anyhow::Error::msg(message)),
        }
    }
}

impl From<ScanStop> for HostError {
    fn from(stop: ScanStop) -> Self {
        match stop {
            ScanStop::Cancelled => Self::Connector(Failure::Stopped),
            ScanStop::Failure(failure) => Self::Connector(failure),
            ScanStop::Connector(message) => Self::Limit(message),
            ScanStop::Host(message) => Self::Other(anyhow::Error::msg(message)),
        }
    }
}

/// One line for a failure: the sentence, and what to do.
pub fn describe_failure(failure: &Failure) -> String {
    let (why, lead) = match failure {
        Failure::InvalidSettings(fault) => (&fault.why, format!("{}: ", fault.field)),
        Failure::Forbidden(lack) => (&lack.why, String::new()),
        Failure::RateLimited(limit) => (&limit.why, String::new()),
        Failure::Unauthenticated(why)
        | Failure::NotFound(why)
        | Failure::Unavailable(why)
        | Failure::UnexpectedAnswer(why)
        | Failure::OverLimit(why) => (why, String::new()),
        Failure::Stopped => return "the call was stopped".to_owned(),
    };
    if why.hint.is_empty() {
        format!("{lead}{}", why.message)
    } else {
        format!("{lead}{} {}", why.message, why.hint)
    }
}
