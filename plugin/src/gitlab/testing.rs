//! What the tests of this folder share.

use super::project::RepositoryFacts;
use crate::http::script::Script;
use crate::session::Session;
use crate::settings::Settings;

/// A session against a script.
pub(crate) fn session<'t>(script: &'t Script, base: &str) -> Session<'t> {
    Session {
        settings: Settings::sample(base),
        client: script.client(),
    }
}

/// The image repository `acme/shop/app` in project 34.
pub(crate) fn facts() -> RepositoryFacts {
    RepositoryFacts {
        project_id: 34,
        repository_id: 56,
        project_path: "Acme/Shop".to_owned(),
        name: "app".to_owned(),
        path: "acme/shop/app".to_owned(),
        registry_host: "registry.example:5050".to_owned(),
        status: None,
        default_branch: Some("main".to_owned()),
        role: Some(40),
        archived: false,
        has_code: true,
        unscannable: None,
        project_attributes: Vec::new(),
        attributes: Vec::new(),
        web_url: None,
    }
}
