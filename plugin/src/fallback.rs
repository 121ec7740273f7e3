//! Stands in for the capabilities that are written in other branches, so that this one builds a component.
//! Replaced at merge: see `exports.rs`.

use crate::contract::{Explanation, Failure, ScanRequest, ScanSummary, Verification};
use crate::session::{Session, Sink};

fn missing(what: &str) -> Failure {
    Failure::UnexpectedAnswer(Explanation {
        message: format!("This build of the connector has no {what}."),
        hint: "Use a complete build.".to_owned(),
    })
}

pub(crate) fn verify(_: &Session<'_>) -> Result<Verification, Failure> {
    Err(missing("verify"))
}

pub(crate) fn scan(
    _: &Session<'_>,
    _: &ScanRequest,
    _: &mut dyn Sink,
) -> Result<ScanSummary, Failure> {
    Err(missing("scan"))
}

pub(crate) mod locations {
    use super::{Failure, Session, missing};
    use crate::contract::LocationPage;

    pub(crate) fn list(
        _: &Session<'_>,
        _: Option<&str>,
        _: Option<&str>,
    ) -> Result<LocationPage, Failure> {
        Err(missing("list-locations"))
    }
}
