//! The registry that `verify` signs in to, behind the little that it needs of one.

use super::{Registry, RegistryFacts};
use crate::contract::Failure;
use crate::registry;

impl Registry for registry::Registry<'_, '_> {
    fn ping(&mut self) -> Result<RegistryFacts, Failure> {
        let info = registry::Registry::ping(self)?;
        // Only GitLab's own registry says whether it has the database.
        let database = info.version.is_some().then_some(info.database);
        Ok(RegistryFacts {
            version: info.version,
            database,
        })
    }

    fn probe_manifest(&self, repository: &str) -> Result<Option<String>, Failure> {
        let read = registry::Registry::probe_manifest(self, repository)?;
        Ok(read)
    }
}
