//! The ticks of `verify`: what was tried, what was seen, and what to do.

use super::look::Look;
use super::text::{cut, inert, pad, width, wrap};
use crate::contract::{StepInfo, StepResult, StepStatus, Verification};

/// Columns of the longest label that the others are aligned to.
const MAX_LABEL: usize = 40;

/// The labels of the steps, and how wide they are.
#[derive(Clone, Debug)]
pub struct Labels {
    labels: Vec<(String, String)>,
    width: usize,
}

impl Labels {
    /// From the manifest's `verify-steps`.
    pub fn new(steps: &[StepInfo]) -> Self {
        let labels: Vec<_> = steps
            .iter()
            .map(|step| (step.id.clone(), cut(&inert(&step.label), MAX_LABEL)))
            .collect();
        let width = labels
            .iter()
            .map(|(_, label)| width(label))
            .max()
            .unwrap_or(0);
        Self { labels, width }
    }

    /// The label of a step; its id when the manifest does not announce it.
    pub fn of(&self, id: &str) -> String {
        self.labels
            .iter()
            .find(|(known, _)| known == id)
            .map_or_else(|| cut(&inert(id), MAX_LABEL), |(_, label)| label.clone())
    }
}

/// One step: a line, and its hint below when there is something to do.
pub fn tick(labels: &Labels, step: &StepResult, look: Look) -> String {
    let mark = match step.status {
        StepStatus::Passed => look.good("✓"),
        StepStatus::Warning => look.warn("!"),
        StepStatus::Failed => look.bad("✗"),
        StepStatus::Skipped => look.faint("–"),
    };
    let column = labels.width + 4;
    let room = look
        .width
        .map(|screen| screen.saturating_sub(column).max(20));
    let label = pad(&labels.of(&step.id), labels.width);
    let label = if step.status == StepStatus::Skipped {
        look.faint(&label)
    } else {
        label
    };
    let mut out = String::new();
    for (place, line) in wrap(&inert(&step.seen), room).iter().enumerate() {
        let line = if step.status == StepStatus::Skipped {
            look.faint(line)
        } else {
            line.clone()
        };
        if place == 0 {
            out.push_str(format!("{mark} {label}  {line}").trim_end());
        } else {
            out.push_str(&" ".repeat(column));
            out.push_str(&line);
        }
        out.push('\n');
    }
    if step.status != StepStatus::Passed && !step.hint.is_empty() {
        for line in wrap(&inert(&step.hint), room) {
            out.push_str(&" ".repeat(column));
            let skipped = step.status == StepStatus::Skipped;
            out.push_str(&if skipped { look.faint(&line) } else { line });
            out.push('\n');
        }
    }
    out
}

/// Whether nothing failed. Warnings are fine.
pub fn is_green(verification: &Verification) -> bool {
    verification
        .steps
        .iter()
        .all(|step| step.status != StepStatus::Failed)
}

/// One line below the ticks.
pub fn verdict(verification: &Verification, look: Look) -> String {
    let count = |status| {
        verification
            .steps
            .iter()
            .filter(|step| step.status == status)
            .count()
    };
    let (failed, warnings, skipped) = (
        count(StepStatus::Failed),
        count(StepStatus::Warning),
        count(StepStatus::Skipped),
    );
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if warnings > 0 {
        parts.push(format!("{warnings} to look at"));
    }
    if skipped > 0 {
        parts.push(format!("{skipped} not tried"));
    }
    let detail = if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    };
    if failed > 0 {
        format!("{}{detail}\n", look.bad("Not verified"))
    } else {
        format!("{}{detail}\n", look.good("Verified"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn ticks_read_well() {
        let manifest = samples::manifest();
        let labels = Labels::new(&manifest.verify_steps);
        let mixed = samples::mixed_verification();
        let text: String = mixed
            .steps
            .iter()
            .map(|step| tick(&labels, step, Look::PLAIN))
            .collect();
        insta::assert_snapshot!(format!("{text}\n{}", verdict(&mixed, Look::PLAIN)));
    }

    #[test]
    fn hints_hang_below_what_was_seen_on_a_narrow_screen() {
        let manifest = samples::manifest();
        let labels = Labels::new(&manifest.verify_steps);
        let look = Look {
            width: Some(60),
            colour: false,
        };
        let text: String = samples::mixed_verification()
            .steps
            .iter()
            .map(|step| tick(&labels, step, look))
            .collect();
        assert!(text.lines().all(|line| width(line) <= 60), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_warning_is_green_and_a_failure_is_not() {
        assert!(is_green(&samples::green_verification()));
        assert!(!is_green(&samples::mixed_verification()));
    }

    #[test]
    fn a_step_that_the_manifest_does_not_announce_is_shown_by_its_id() {
        let step = StepResult {
            id: "sur\u{1b}prise".to_owned(),
            status: StepStatus::Passed,
            seen: String::new(),
            hint: String::new(),
        };
        assert_eq!(
            tick(&Labels::new(&[]), &step, Look::PLAIN),
            "✓ sur\u{fffd}prise\n"
        );
    }
}
