//! What to do about an issue: the facts that advice is made of.

use ox_issue::Issue;
use ox_issue::issue::Remediation;

use super::LocationInputs;
use super::compose::Draft;
use super::surroundings::Surroundings;

/// Advice for a draft.
pub(super) fn advise(
    draft: &Draft<'_>,
    _inputs: &LocationInputs,
    _issue: &Issue,
    _around: &Surroundings,
) -> Remediation {
    Remediation {
        fixed_version: super::judge::fixed(draft),
        ..Remediation::default()
    }
}
