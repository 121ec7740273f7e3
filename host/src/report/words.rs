//! The words for the contract's enumerations, in JSON and on the screen.
//!
//! They are part of the output format: a word that changes here breaks somebody's script. The contract's
//! own names may change with its version; these stay.

use crate::contract::{
    FieldKind, FindingKind, FindingState, LogLevel, PackageOrigin, Severity, SkipReason,
    SkipSubject, StepStatus,
};
use crate::host::{FailureClass, LocationOutcome};

/// Severities, worst first.
pub const SEVERITIES: [Severity; 6] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Info,
    Severity::Unknown,
];

/// `critical`, `high`, `medium`, `low`, `info`, `unknown`.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "unknown",
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The place of a severity in their order: the worse, the higher. `unknown` is lowest.
pub fn severity_rank(severity: Severity) -> u8 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// `detected`, `confirmed`, `resolved`, `dismissed`.
pub fn finding_state(state: FindingState) -> &'static str {
    match state {
        FindingState::Detected => "detected",
        FindingState::Confirmed => "confirmed",
        FindingState::Resolved => "resolved",
        FindingState::Dismissed => "dismissed",
    }
}

/// Whether somebody still has to act on it.
pub fn is_open(state: FindingState) -> bool {
    matches!(state, FindingState::Detected | FindingState::Confirmed)
}

/// `vulnerability`, `secret`, `misconfiguration`, `licence`, `other`.
pub fn finding_kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Vulnerability => "vulnerability",
        FindingKind::Secret => "secret",
        FindingKind::Misconfiguration => "misconfiguration",
        FindingKind::Licence => "licence",
        FindingKind::Other => "other",
    }
}

/// `passed`, `warning`, `failed`, `skipped`.
pub fn step_status(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Passed => "passed",
        StepStatus::Warning => "warning",
        StepStatus::Failed => "failed",
        StepStatus::Skipped => "skipped",
    }
}

/// `location`, `tag`, `image`, `layer`, `file`, `source`.
pub fn skip_subject(subject: SkipSubject) -> &'static str {
    match subject {
        SkipSubject::Location => "location",
        SkipSubject::Tag => "tag",
        SkipSubject::Image => "image",
        SkipSubject::Layer => "layer",
        SkipSubject::File => "file",
        SkipSubject::Source => "source",
    }
}

/// `not-selected`, `not-an-image`, `unavailable-here`, …: as in the contract.
pub fn skip_reason(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NotSelected => "not-selected",
        SkipReason::NotAnImage => "not-an-image",
        SkipReason::UnavailableHere => "unavailable-here",
        SkipReason::Gone => "gone",
        SkipReason::Forbidden => "forbidden",
        SkipReason::Unsupported => "unsupported",
        SkipReason::OverLimit => "over-limit",
        SkipReason::Corrupt => "corrupt",
        SkipReason::Unreachable => "unreachable",
        SkipReason::Empty => "empty",
        SkipReason::NotLicensed => "not-licensed",
    }
}

/// The same as a few words for a summary.
pub fn skip_reason_phrase(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NotSelected => "left out by an option",
        SkipReason::NotAnImage => "not an image",
        SkipReason::UnavailableHere => "registry switched off, moved or being deleted",
        SkipReason::Gone => "gone while the scan ran",
        SkipReason::Forbidden => "no permission",
        SkipReason::Unsupported => "format not supported",
        SkipReason::OverLimit => "over a limit",
        SkipReason::Corrupt => "broken",
        SkipReason::Unreachable => "could not be fetched",
        SkipReason::Empty => "nothing there",
        SkipReason::NotLicensed => "not in this edition",
    }
}

/// `unknown`, `base-image`, `operating-system`, `user-layer`, `java-archive`.
pub fn package_origin(origin: PackageOrigin) -> &'static str {
    match origin {
        PackageOrigin::Unknown => "unknown",
        PackageOrigin::BaseImage => "base-image",
        PackageOrigin::OperatingSystem => "operating-system",
        PackageOrigin::UserLayer => "user-layer",
        PackageOrigin::JavaArchive => "java-archive",
    }
}

/// `url`, `text`, `secret`, `toggle`, `number`, `patterns`.
pub fn field_kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Url => "url",
        FieldKind::Text => "text",
        FieldKind::Secret => "secret",
        FieldKind::Toggle => "toggle",
        FieldKind::Number => "number",
        FieldKind::Patterns => "patterns",
    }
}

/// `debug`, `info`, `warn`, `error`.
pub fn log_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

/// `permission`, `connectivity`, `limit`, `connector`.
pub fn failure_class(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Permission => "permission",
        FailureClass::Connectivity => "connectivity",
        FailureClass::Limit => "limit",
        FailureClass::Connector => "connector",
    }
}

/// `complete`, `partial`, `failed`, `interrupted`.
pub fn outcome(outcome: &LocationOutcome) -> &'static str {
    match outcome {
        LocationOutcome::Complete => "complete",
        LocationOutcome::Partial => "partial",
        LocationOutcome::Failed { .. } => "failed",
        LocationOutcome::Interrupted => "interrupted",
    }
}
