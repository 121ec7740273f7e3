//! A version is tried before it takes over: `configure` and `verify` on every live connection.
//!
//! What counts is what would change for the worse. A connection that fails with the new version is tried
//! with the active one too: where that passes, the new version is refused; where both fail (the other side
//! is down, the token ran out), it is a warning.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::live::LiveVersion;
use super::sandboxed::Sandboxed;
use super::swap_report::Steps;
use super::versions::Refused;
use super::{Account, Host, HostError, Silent, accounts};
use crate::contract::{StepStatus, Verification};
use crate::scan::EventOutlet;
use crate::store::ConnectionRecord;

/// Connections that are tried at the same time.
const AT_ONCE: usize = 4;

/// How long one connection may take with one version; a call has limits of its own, this is the sum.
const ONE: Duration = Duration::from_secs(180);

/// What is tried.
#[derive(Clone, Copy)]
enum What {
    Configure,
    Verify,
}

/// How a connection did.
enum Outcome {
    Passed,
    /// It fails with the active version too.
    Warning(String),
    Failed(String),
}

impl Host {
    /// Tries a version on every live connection of its connector, beside the active one.
    pub(super) async fn try_version(
        &self,
        sandboxed: &Arc<Sandboxed>,
        version: &Arc<LiveVersion>,
        old: Option<&Arc<LiveVersion>>,
        steps: &mut Steps,
        cancel: &CancellationToken,
    ) -> Result<Result<(), Refused>, HostError> {
        let mut records = self.store.connections()?;
        records.retain(|record| record.connection.connector == version.id());
        for (name, what) in [("configure", What::Configure), ("verify", What::Verify)] {
            if records.is_empty() {
                steps.skip(name, "No connection uses this connector.");
                continue;
            }
            steps.begin(name);
            let trial = Trial {
                host: self,
                sandboxed,
                version,
                old,
                what,
                cancel,
            };
            let tries: Vec<_> = records.iter().map(|record| trial.one(record)).collect();
            let outcomes: Vec<(String, Outcome)> = futures_util::stream::iter(tries)
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            if cancel.is_cancelled() {
                return Ok(Err(steps.fail("It was cancelled.")));
            }
            let of = records.len();
            let mut passed = 0;
            let mut warnings = Vec::new();
            let mut failures = Vec::new();
            for (connection, outcome) in outcomes {
                match outcome {
                    Outcome::Passed => passed += 1,
                    Outcome::Warning(why) => warnings.push(format!("{connection}: {why}")),
                    Outcome::Failed(why) => failures.push(format!("{connection}: {why}")),
                }
            }
            failures.sort();
            warnings.sort();
            if !failures.is_empty() {
                return Ok(Err(steps.fail(format!(
                    "With this version {} of {of} connections would fail: {}",
                    failures.len(),
                    failures.join("; ")
                ))));
            }
            let mut message = format!("{passed} of {of} connections pass.");
            if !warnings.is_empty() {
                message.push_str(&format!(
                    " The others fail with the version before as well: {}",
                    warnings.join("; ")
                ));
            }
            steps.pass(message);
        }
        Ok(Ok(()))
    }
}

struct Trial<'a> {
    host: &'a Host,
    sandboxed: &'a Arc<Sandboxed>,
    version: &'a Arc<LiveVersion>,
    old: Option<&'a Arc<LiveVersion>>,
    what: What,
    cancel: &'a CancellationToken,
}

impl Trial<'_> {
    async fn one(&self, record: &ConnectionRecord) -> (String, Outcome) {
        let name = record.connection.name.clone();
        let Err(why) = self.with(self.version, record).await else {
            return (name, Outcome::Passed);
        };
        let outcome = match self.old {
            // The same version is not better than itself: the connection has a fault of its own.
            Some(old) if old.digest() == self.version.digest() => Outcome::Warning(why),
            Some(old) => match self.with(old, record).await {
                Ok(()) => Outcome::Failed(why),
                Err(_) => Outcome::Warning(why),
            },
            None => Outcome::Warning(why),
        };
        (name, outcome)
    }

    async fn with(
        &self,
        version: &Arc<LiveVersion>,
        record: &ConnectionRecord,
    ) -> Result<(), String> {
        // A token of its own: time that is up ends this try alone.
        let cancel = self.cancel.child_token();
        let tried = tokio::time::timeout(ONE, self.call(version, record, &cancel)).await;
        cancel.cancel();
        tried.unwrap_or_else(|_| Err(format!("it took longer than {} seconds", ONE.as_secs())))
    }

    async fn call(
        &self,
        version: &Arc<LiveVersion>,
        record: &ConnectionRecord,
        cancel: &CancellationToken,
    ) -> Result<(), String> {
        let manifest = version.connector().manifest();
        let account: Account = self
            .host
            .account(record, manifest)
            .map_err(|error| format!("{error:#}"))?;
        let text = |failed: crate::scan::CallFailed| format!("{:#}", HostError::from(failed.fault));
        match self.what {
            What::Configure => {
                let outlet = Arc::new(EventOutlet::new("configure", Arc::new(Silent)));
                let profile = self
                    .sandboxed
                    .configure_with(version, &account, outlet, cancel.clone())
                    .await
                    .map_err(text)?;
                accounts::check_profile(&profile, manifest, &account.operator_origin)
                    .map_err(|error| format!("{error:#}"))
            }
            What::Verify => {
                let connector = self
                    .sandboxed
                    .connect_with(version.clone(), account)
                    .map_err(|error| format!("{error:#}"))?;
                let outlet = Arc::new(EventOutlet::new("verify", Arc::new(Silent)));
                let verified = connector
                    .verify(outlet, cancel.clone())
                    .await
                    .map_err(text)?;
                red_step(&verified.value)
            }
        }
    }
}

/// The first step that failed, in a sentence.
fn red_step(verification: &Verification) -> Result<(), String> {
    if accounts::passed(verification) {
        return Ok(());
    }
    let failed = verification
        .steps
        .iter()
        .find(|step| step.status == StepStatus::Failed);
    Err(failed.map_or_else(String::new, |step| {
        format!("{}: {} {}", step.id, step.seen, step.hint)
    }))
}
