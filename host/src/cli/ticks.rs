//! The ticks of a verification, printed as they happen.

use std::sync::{Arc, Mutex};

use super::output::{Output, lock};
use super::progress::Reporter;
use crate::contract::{Manifest, StepResult, Verification};
use crate::host::{Event, Events};
use crate::report::steps::{Labels, tick, verdict};

/// Prints each step once, and hands everything else on.
pub(crate) struct Ticks {
    pub(crate) labels: Labels,
    out: Arc<Output>,
    /// False when the verification is answered as JSON.
    live: bool,
    shown: Mutex<Vec<StepResult>>,
    reporter: Arc<dyn Reporter>,
}

impl Ticks {
    pub(crate) fn new(
        manifest: &Manifest,
        out: &Arc<Output>,
        live: bool,
        reporter: Arc<dyn Reporter>,
    ) -> Self {
        let labels = Labels::new(&manifest.verify_steps);
        Self {
            labels,
            out: Arc::clone(out),
            live,
            shown: Mutex::default(),
            reporter,
        }
    }

    /// Prints what did not come as an event, and the verdict.
    pub(crate) fn close(&self, verification: &Verification) {
        for step in &verification.steps {
            self.show(step);
        }
        if self.live {
            self.out
                .data(&format!("\n{}", verdict(verification, self.out.look)));
        }
    }

    fn show(&self, step: &StepResult) {
        let mut shown = lock(&self.shown);
        if self.live && !shown.contains(step) {
            self.out.data(&tick(&self.labels, step, self.out.look));
            shown.push(step.clone());
        }
    }
}

impl Events for Ticks {
    fn event(&self, event: Event) {
        match event {
            Event::Step(step) if self.live => self.show(&step),
            other => self.reporter.event(other),
        }
    }
}
