//! The owners of the project that is scanned, read once a project and day.

use super::day;
use crate::contract::Failure;
use crate::gitlab::owners::{Owners, of_project};
use crate::gitlab::project::RepositoryFacts;
use crate::session::{Session, Sink};

/// The form of what is kept.
const VERSION: u32 = 1;

/// The owners of the repository's project. Its other repositories, scanned on the same day, find them in the
/// host's cache; what could not be read for now is not kept.
pub(super) fn owners(
    session: &Session<'_>,
    facts: &RepositoryFacts,
    sink: &mut dyn Sink,
) -> Result<Owners, Failure> {
    // The role is part of the name: whoever is given a better one sees it today.
    let key = format!(
        "owners-{VERSION}/{}/{}/{}",
        facts.project_id,
        facts.role.unwrap_or_default(),
        day(session.client.transport().unix_now())
    );
    if let Some(kept) = sink
        .cache_get(&key)
        .and_then(|kept| serde_json::from_slice(&kept).ok())
    {
        return Ok(kept);
    }
    let read = of_project(session, facts);
    let kept = match &read {
        Ok(owners) if owners.is_lasting() => serde_json::to_vec(owners).unwrap_or_default(),
        // An empty value: whoever waits for it reads for itself.
        _ => Vec::new(),
    };
    sink.cache_put(&key, &kept);
    read
}
