//! What the tests of this folder share.

use crate::http::script::Script;
use crate::session::Session;
use crate::settings::{Settings, TagOptions};

/// A session against a script.
pub(crate) fn session<'t>(script: &'t Script, base: &str) -> Session<'t> {
    let Ok(base) = url::Url::parse(base) else { unreachable!("a test's address") };
    Session {
        settings: Settings {
            base,
            token: "stand-in-for-the-token".to_owned(),
            tags: TagOptions::default(),
            platforms: Vec::new(),
        },
        client: script.client(),
    }
}
