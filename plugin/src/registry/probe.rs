//! The registry as `verify` sees it: connected to when the step comes, and told apart by its failures.

use std::cell::OnceCell;

use super::{Registry, RegistryInfo};
use crate::contract::Failure;
use crate::session::Session;
use crate::verify::{self, RegistryFacts};

/// A registry that `verify` tries.
pub struct Probe<'s, 't> {
    session: &'s Session<'t>,
    host: String,
    username: String,
    reached: OnceCell<Registry<'s, 't>>,
}

impl<'s, 't> Probe<'s, 't> {
    /// The registry at `host`, to be signed in to as `username`.
    pub fn new(session: &'s Session<'t>, host: &str, username: &str) -> Self {
        Self {
            session,
            host: host.to_owned(),
            username: username.to_owned(),
            reached: OnceCell::new(),
        }
    }

    fn reach(&self) -> Result<&Registry<'s, 't>, Failure> {
        if let Some(registry) = self.reached.get() {
            return Ok(registry);
        }
        let registry = Registry::connect(self.session, &self.username, &self.host)?;
        Ok(self.reached.get_or_init(|| registry))
    }
}

impl verify::Registry for Probe<'_, '_> {
    fn ping(&self) -> Result<RegistryFacts, Failure> {
        let RegistryInfo {
            version, database, ..
        } = self.reach()?.ask()?;
        Ok(RegistryFacts {
            database: version.is_some().then_some(database),
            version,
        })
    }

    fn probe_manifest(&self, repository: &str) -> Result<Option<String>, Failure> {
        self.reach()?.probe_manifest(&repository.to_lowercase())
    }
}
