//! The exit codes: public, documented, and chosen in one place.
//!
//! Scripts depend on them, so a code never changes its meaning. The table at the end of `--help` is made
//! from this enum.

use std::process::ExitCode;

use crate::contract::{Failure, Severity, StepStatus, Verification};
use crate::host::{FailureClass, FindingRow, HostError, LocationOutcome, ScanReport};
use crate::report::words;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// Something went wrong that has no code of its own.
    Unexpected = 1,
    /// The command line can't be understood, or names something that does not exist.
    Usage = 2,
    /// A setting of the connection or a file of the configuration can't be used.
    Settings = 3,
    /// The credential is unknown, expired or revoked, or lacks a scope or a role.
    Permission = 4,
    /// The other side can't be reached, asks for patience, or does not answer as it should.
    Connectivity = 5,
    /// A part was not looked at. Only with `--require-complete`.
    Partial = 6,
    /// The connector reached a limit or crashed.
    Limit = 7,
    /// An open finding or issue is at least as severe as `--fail-on` says.
    Findings = 10,
    /// The selection leaves nothing to scan.
    NothingSelected = 11,
    /// Ctrl-C or a request to terminate. What was stored is safe; the next scan goes on from there.
    Interrupted = 130,
}

impl Exit {
    /// All codes, in order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Settings,
        Self::Permission,
        Self::Connectivity,
        Self::Partial,
        Self::Limit,
        Self::Findings,
        Self::NothingSelected,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for the table in `--help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Unexpected => "something went wrong that has no code of its own",
            Self::Usage => {
                "the command line can't be understood, or names something that does not exist"
            }
            Self::Settings => "a setting or a file of the configuration can't be used",
            Self::Permission => "the token is not accepted, or may not do this",
            Self::Connectivity => "the other side can't be reached or does not answer as it should",
            Self::Partial => "a part was not looked at (only with --require-complete)",
            Self::Limit => "the connector reached a limit or crashed",
            Self::Findings => "an open finding or issue is at least as severe as --fail-on says",
            Self::NothingSelected => "nothing is selected to be scanned",
            Self::Interrupted => "interrupted; the next scan goes on from there",
        }
    }

    /// The table at the end of `--help`.
    pub fn table() -> String {
        let mut out = "Exit codes:\n".to_owned();
        for exit in Self::ALL {
            out.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
        }
        out
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The code for a failure that a connector answered.
pub fn of_failure(failure: &Failure) -> Exit {
    match failure {
        Failure::InvalidSettings(_) => Exit::Settings,
        Failure::Unauthenticated(_) | Failure::Forbidden(_) => Exit::Permission,
        Failure::NotFound(_)
        | Failure::RateLimited(_)
        | Failure::Unavailable(_)
        | Failure::UnexpectedAnswer(_) => Exit::Connectivity,
        Failure::OverLimit(_) => Exit::Limit,
        Failure::Stopped => Exit::Interrupted,
    }
}

/// The code for an error of the host.
pub fn of_host_error(error: &HostError) -> Exit {
    match error {
        HostError::Connector(failure) => of_failure(failure),
        HostError::Unknown { .. } => Exit::Usage,
        HostError::Limit(_) => Exit::Limit,
        HostError::Settings(_) => Exit::Settings,
        HostError::Other(other) => {
            let refused = other
                .chain()
                .filter_map(|cause| cause.downcast_ref::<crate::store::StoreError>())
                .any(|error| matches!(error, crate::store::StoreError::Refused(_)));
            if refused {
                return Exit::Usage;
            }
            let crashed = other.chain().any(|cause| cause.is::<wasmtime::Trap>());
            if crashed {
                Exit::Limit
            } else {
                Exit::Unexpected
            }
        }
    }
}

/// The code for a verification: of the first step that failed. The host does not know a connector's steps;
/// their names tell whether it was the credential or the way there.
pub fn of_verification(verification: &Verification) -> Exit {
    const CREDENTIAL: [&str; 7] = [
        "token",
        "scope",
        "account",
        "credential",
        "permission",
        "sign-in",
        "expiry",
    ];
    let failed = verification
        .steps
        .iter()
        .find(|step| step.status == StepStatus::Failed);
    match failed {
        None => Exit::Ok,
        Some(step) if CREDENTIAL.iter().any(|word| step.id.contains(word)) => Exit::Permission,
        Some(_) => Exit::Connectivity,
    }
}

/// What a scan's exit code depends on besides its report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    /// Fail when an open finding is at least this severe.
    pub fail_on: Option<Severity>,
    /// Fail when a part was not looked at.
    pub require_complete: bool,
}

/// The code for a scan. An interruption comes before everything, because then nothing else is known;
/// findings come before coverage, because they are certain.
pub fn of_scan(report: &ScanReport, findings: &[FindingRow], gate: Gate) -> Exit {
    let outcomes = report.locations.iter().map(|location| &location.outcome);
    if outcomes
        .clone()
        .any(|outcome| matches!(outcome, LocationOutcome::Interrupted))
    {
        return Exit::Interrupted;
    }
    if report.locations.is_empty() {
        return Exit::NothingSelected;
    }
    if gate
        .fail_on
        .is_some_and(|least| reaching(findings, least) > 0)
    {
        return Exit::Findings;
    }
    if gate.require_complete && !report.complete {
        return Exit::Partial;
    }
    of_failed(outcomes).unwrap_or(Exit::Ok)
}

/// The code for a scan in which every location failed: that of their reason, when they have one in common.
fn of_failed<'a>(outcomes: impl Iterator<Item = &'a LocationOutcome>) -> Option<Exit> {
    let mut all = None;
    for outcome in outcomes {
        let LocationOutcome::Failed { class, .. } = outcome else {
            return None;
        };
        let exit = match class {
            FailureClass::Permission => Exit::Permission,
            FailureClass::Connectivity => Exit::Connectivity,
            FailureClass::Limit | FailureClass::Connector => Exit::Limit,
        };
        all = match all {
            None => Some(exit),
            Some(known) if known == exit => all,
            Some(_) => Some(Exit::Unexpected),
        };
    }
    all
}

/// How many open findings are at least that severe.
pub fn reaching(findings: &[FindingRow], least: Severity) -> usize {
    let least = words::severity_rank(least);
    findings
        .iter()
        .map(|row| &row.finding)
        .filter(|finding| words::is_open(finding.state) && !finding.no_longer_detected)
        .filter(|finding| words::severity_rank(finding.severity) >= least)
        .count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::contract::{Explanation, FieldFault, LackOfPermission, RateLimit};
    use crate::host::LocationReport;
    use crate::report::samples;

    fn why() -> Explanation {
        Explanation {
            message: "it broke".to_owned(),
            hint: String::new(),
        }
    }

    #[test]
    fn the_numbers_never_change() {
        let numbers: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 130]);
    }

    #[test]
    fn each_failure_has_its_code() {
        let fault = FieldFault {
            field: "url".to_owned(),
            why: why(),
        };
        let lack = LackOfPermission {
            missing_scopes: vec![],
            why: why(),
        };
        let limit = RateLimit {
            retry_after: None,
            why: why(),
        };
        for (failure, exit) in [
            (Failure::InvalidSettings(fault), Exit::Settings),
            (Failure::Unauthenticated(why()), Exit::Permission),
            (Failure::Forbidden(lack), Exit::Permission),
            (Failure::NotFound(why()), Exit::Connectivity),
            (Failure::RateLimited(limit), Exit::Connectivity),
            (Failure::Unavailable(why()), Exit::Connectivity),
            (Failure::UnexpectedAnswer(why()), Exit::Connectivity),
            (Failure::OverLimit(why()), Exit::Limit),
            (Failure::Stopped, Exit::Interrupted),
        ] {
            assert_eq!(of_failure(&failure), exit, "{failure:?}");
            assert_eq!(of_host_error(&HostError::Connector(failure)), exit);
        }
    }

    #[test]
    fn each_host_error_has_its_code() {
        let unknown = HostError::Unknown {
            what: "connection",
            name: "x".to_owned(),
            list: "connections",
        };
        assert_eq!(of_host_error(&unknown), Exit::Usage);
        assert_eq!(
            of_host_error(&HostError::Limit("memory".to_owned())),
            Exit::Limit
        );
        assert_eq!(
            of_host_error(&HostError::Settings(anyhow::anyhow!("?"))),
            Exit::Settings
        );
        assert_eq!(
            of_host_error(&anyhow::anyhow!("?").into()),
            Exit::Unexpected
        );
        let trap = anyhow::Error::new(wasmtime::Trap::OutOfFuel).context("scan of acme/shop/api");
        assert_eq!(of_host_error(&trap.into()), Exit::Limit);
    }

    #[test]
    fn a_verification_fails_by_its_first_failed_step() {
        assert_eq!(of_verification(&samples::green_verification()), Exit::Ok);
        assert_eq!(
            of_verification(&samples::mixed_verification()),
            Exit::Permission
        );
        let mut unreachable = samples::mixed_verification();
        unreachable.steps.first_mut().unwrap().status = StepStatus::Failed;
        assert_eq!(of_verification(&unreachable), Exit::Connectivity);
    }

    fn scanned(outcomes: Vec<LocationOutcome>, complete: bool) -> ScanReport {
        let mut report = samples::scan_report();
        report.complete = complete;
        report.locations = outcomes
            .into_iter()
            .map(|outcome| LocationReport {
                path: "a/b".to_owned(),
                outcome,
                counts: report.counts,
                milliseconds: 1,
            })
            .collect();
        report
    }

    #[test]
    fn a_scan_has_the_code_of_the_first_thing_that_matters() {
        use FailureClass::{Connectivity, Connector, Limit, Permission};
        use LocationOutcome as L;
        let failed = |class| L::Failed {
            class,
            message: "no".to_owned(),
            hint: String::new(),
        };
        let gate = |fail_on, require_complete| Gate {
            fail_on,
            require_complete,
        };
        let findings = samples::findings();
        let high = Some(Severity::High);
        let cases = [
            (scanned(vec![L::Complete], true), gate(None, true), Exit::Ok),
            (
                scanned(vec![L::Complete, L::Partial], false),
                gate(None, false),
                Exit::Ok,
            ),
            (
                scanned(vec![L::Complete, L::Partial], false),
                gate(None, true),
                Exit::Partial,
            ),
            (
                scanned(vec![L::Complete, L::Partial], false),
                gate(high, true),
                Exit::Findings,
            ),
            (
                scanned(vec![L::Complete, L::Interrupted], false),
                gate(high, true),
                Exit::Interrupted,
            ),
            (
                scanned(vec![failed(Permission), failed(Permission)], false),
                gate(None, false),
                Exit::Permission,
            ),
            (
                scanned(vec![failed(Connectivity)], false),
                gate(None, false),
                Exit::Connectivity,
            ),
            (
                scanned(vec![failed(Limit), failed(Connector)], false),
                gate(None, false),
                Exit::Limit,
            ),
            (
                scanned(vec![failed(Limit), failed(Permission)], false),
                gate(None, false),
                Exit::Unexpected,
            ),
            (
                scanned(vec![failed(Permission), L::Complete], false),
                gate(None, false),
                Exit::Ok,
            ),
            (
                scanned(vec![], true),
                gate(high, false),
                Exit::NothingSelected,
            ),
        ];
        for (report, gate, exit) in cases {
            assert_eq!(
                of_scan(&report, &findings, gate),
                exit,
                "{report:?} {gate:?}"
            );
        }
    }

    #[test]
    fn dismissed_and_vanished_findings_do_not_fail_a_scan() {
        let mut findings = samples::findings();
        assert_eq!(reaching(&findings, Severity::High), 2);
        findings.first_mut().unwrap().finding.no_longer_detected = true;
        assert_eq!(reaching(&findings, Severity::High), 1);
        assert_eq!(reaching(&findings, Severity::Critical), 0);
        assert_eq!(reaching(&findings, Severity::Unknown), 2);
    }
}
