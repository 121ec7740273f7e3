//! VEX statements as exclusions.

use ox_issue::Issue;
use ox_issue::vex::{Statement, Status, Subject};

/// True when a statement says that an issue is none: every place of it is covered.
pub fn excludes(statement: &Statement, issue: &Issue) -> bool {
    if issue.occurrences.is_empty() || reason(statement).is_none() {
        return false;
    }
    let ids: Vec<&str> = issue
        .identifiers
        .iter()
        .filter(|one| one.same)
        .map(|one| one.value.as_str())
        .collect();
    issue.occurrences.iter().all(|one| {
        statement.covers(&Subject {
            vulnerabilities: &ids,
            package: Some(one.purl.as_str()).filter(|purl| !purl.is_empty()),
            registry: issue.registry.as_deref(),
            repository: &one.repository,
            digest: &one.digest,
            tags: &one.tags,
        })
    })
}

/// Why a statement excludes, in its own words; `None` when it does not say that something is not affected or
/// mended.
pub fn reason(statement: &Statement) -> Option<String> {
    let word = match statement.status {
        Status::NotAffected => "not affected",
        Status::Fixed => "fixed",
        Status::Affected | Status::UnderInvestigation => return None,
    };
    let why = [&statement.justification, &statement.impact];
    let why: Vec<&str> = why.into_iter().flatten().map(String::as_str).collect();
    let who = statement.author.as_deref().unwrap_or("a VEX document");
    Some(match why.as_slice() {
        [] => format!("{who} says that it is {word}"),
        why => format!("{who} says that it is {word}: {}", why.join("; ")),
    })
}
