//! What a swap did, step by step: as it is stored and shown, and as it is written while it happens.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::versions::{Refused, SwapWatch};
use crate::store::VersionState;

/// Longest message of a step, in characters: what a connector says of itself may be long.
const MESSAGE: usize = 2000;

/// A version of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginVersion {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Id of the connector; empty where it was refused before it could say so.
    pub connector: String,
    /// What it says its version is.
    pub version: String,
    /// Version of the contract that it speaks (`0.1.0`).
    pub contract: String,
    /// How it stands.
    pub state: VersionState,
    /// Bytes of the file.
    pub size: u64,
    /// RFC 3339.
    pub installed_at: String,
    /// Who installed it: name of a user, `host` for a dropped file.
    pub installed_by: String,
    /// When it became active last; RFC 3339.
    pub activated_at: Option<String>,
    /// Calls that are being made with it now.
    pub in_flight: u64,
    /// Scans, listings and verifications that began with it and go on with it, between two calls or in one.
    pub holders: u64,
    /// Crashes and limits reached in the last quarter of an hour.
    pub crashes: u64,
    /// It keeps crashing.
    pub failing: bool,
    /// What its last swap said.
    pub report: SwapReport,
}

/// What a swap did, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwapReport {
    /// The steps, in their order: `read`, `digest`, `signature`, `compile`, `link`, `describe`, `configure`,
    /// `verify`, `swap`, `drain`.
    pub steps: Vec<SwapStep>,
    /// Why it was refused; a sentence and what to do.
    pub refused: Option<String>,
}

/// A step of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwapStep {
    /// Its name.
    pub name: String,
    /// `passed`, `failed`, `skipped`, `running`.
    pub status: String,
    /// What was seen.
    pub message: String,
    /// How long it took.
    pub milliseconds: u64,
}

impl SwapStep {
    fn ended(name: &str, status: &str, message: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: status.to_owned(),
            message: crate::report::text::inert(message)
                .chars()
                .take(MESSAGE)
                .collect(),
            milliseconds: 0,
        }
    }
}

impl SwapReport {
    /// A report of one step that passed.
    pub(super) fn one_step(name: &str, message: &str) -> Self {
        Self {
            steps: vec![SwapStep::ended(name, "passed", message)],
            refused: None,
        }
    }

    /// A report of one step that failed.
    pub(super) fn refusal(name: &str, message: &str) -> Self {
        Self {
            steps: vec![SwapStep::ended(name, "failed", message)],
            refused: Some(message.to_owned()),
        }
    }

    /// As it is stored.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Writes a report while the swap happens.
pub(super) struct Steps {
    digest: String,
    watch: Arc<dyn SwapWatch>,
    report: SwapReport,
    running: Option<(String, Instant)>,
}

impl Steps {
    pub(super) fn new(digest: &str, watch: Arc<dyn SwapWatch>) -> Self {
        Self {
            digest: digest.to_owned(),
            watch,
            report: SwapReport::default(),
            running: None,
        }
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn report(&self) -> &SwapReport {
        &self.report
    }

    /// A step begins.
    pub(super) fn begin(&mut self, name: &str) {
        self.watch
            .step(&self.digest, &SwapStep::ended(name, "running", ""));
        self.running = Some((name.to_owned(), Instant::now()));
    }

    fn end(&mut self, status: &str, message: &str) {
        let Some((name, begun)) = self.running.take() else {
            return;
        };
        let mut step = SwapStep::ended(&name, status, message);
        step.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.watch.step(&self.digest, &step);
        // A version that is read a second time is still read once.
        self.report.steps.retain(|known| known.name != name);
        self.report.steps.push(step);
    }

    /// The step that runs has passed.
    pub(super) fn pass(&mut self, message: impl AsRef<str>) {
        self.end("passed", message.as_ref());
    }

    /// The step that runs has failed, and the version is refused.
    pub(super) fn fail(&mut self, message: impl AsRef<str>) -> Refused {
        let message = message.as_ref();
        let step = self.running.as_ref().map(|(name, _)| name.clone());
        self.end("failed", message);
        let shown: String = message.chars().take(MESSAGE).collect();
        self.report.refused = Some(match step {
            Some(step) => format!("The step {step} failed. {shown}"),
            None => shown,
        });
        Refused
    }

    /// A step is left out.
    pub(super) fn skip(&mut self, name: &str, message: &str) {
        let step = SwapStep::ended(name, "skipped", message);
        self.watch.step(&self.digest, &step);
        self.report.steps.push(step);
    }

    /// The whole report.
    pub(super) fn finish(self) -> SwapReport {
        self.report
    }
}
