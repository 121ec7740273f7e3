//! Asking the advisories about components.

use ox_advisory::LookupError;
use ox_advisory::alias;
use ox_advisory::matching::{Advisories, Component, concerns};
use ox_advisory::osv::Head;

use super::{Group, GroupHead};

/// What the advisories say of a component, by vulnerability.
pub fn groups_of(
    component: &Component,
    advisories: &dyn Advisories,
) -> Result<Vec<Group>, LookupError> {
    let found = concerns(component, advisories)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let heads: Vec<&Head> = found.iter().map(|one| &one.advisory.head).collect();
    let groups = alias::groups(&heads);
    Ok(groups
        .into_iter()
        .map(|group| {
            let of_group: Vec<_> = group
                .records
                .iter()
                .chain(&group.evidence)
                .filter_map(|at| found.get(*at))
                .collect();
            Group {
                heads: of_group
                    .iter()
                    .map(|one| GroupHead::from(&one.advisory.head))
                    .collect(),
                matches: of_group.iter().map(|one| one.found.clone()).collect(),
                primary: group.primary,
                ids: group.ids,
                cves: group.cves,
            }
        })
        .collect())
}
