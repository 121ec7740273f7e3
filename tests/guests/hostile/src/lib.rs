//! A connector that does everything that a connector must not do, one thing at a time.
//!
//! The setting `mode` chooses the deed; `tests/tests/sandbox` looks at what the host makes of it. The mode
//! `good` behaves, so that a test can see that the host goes on. What a scan sees (the answer to a request,
//! what was refused, and the host's words on it) it emits as a `context`, so that a test sees with its eyes.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "crashing is what it is for"
)]

mod contract {
    //! Generated from `wit/`.
    #![allow(
        missing_docs,
        unused_lifetimes,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        clippy::allow_attributes_without_reason,
        reason = "generated code; the documentation stands in wit/"
    )]
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "ox:connector/contract",
        pub_export_macro: true,
    });
}

mod deeds;
#[cfg(target_arch = "wasm32")]
mod http;

use std::collections::HashMap;
use std::sync::OnceLock;

use contract::exports::ox::connector::connector::Guest;
use contract::ox::connector::types::*;

/// What `configure` was given.
static SETTINGS: OnceLock<HashMap<String, String>> = OnceLock::new();

/// A setting, or nothing.
fn setting(key: &str) -> &'static str {
    SETTINGS
        .get()
        .and_then(|settings| settings.get(key))
        .map_or("", String::as_str)
}

/// A setting with what stands for the token put in.
fn filled(key: &str) -> String {
    setting(key).replace("{token}", setting("token"))
}

struct Hostile;

contract::export!(Hostile with_types_in contract);

impl Guest for Hostile {
    fn describe() -> Manifest {
        let field = |key: &str, kind: FieldKind| Field {
            key: key.to_owned(),
            label: key.to_owned(),
            help: String::new(),
            kind,
            required: key == "url",
            default: None,
            advanced: false,
        };
        let step = |id: &str| StepInfo {
            id: id.to_owned(),
            label: id.to_owned(),
        };
        Manifest {
            id: "hostile".to_owned(),
            name: "Hostile".to_owned(),
            version: "0.1.0".to_owned(),
            category: "Test".to_owned(),
            source_tool: "Hostile".to_owned(),
            description: "Does what it must not.".to_owned(),
            fields: vec![
                field("url", FieldKind::Url),
                field("token", FieldKind::Secret),
                field("mode", FieldKind::Text),
                field("target", FieldKind::Text),
                field("method", FieldKind::Text),
                field("path", FieldKind::Text),
                field("headers", FieldKind::Patterns),
                field("body", FieldKind::Text),
                field("origins", FieldKind::Patterns),
            ],
            verify_steps: vec![step("first"), step("second")],
            scopes: Vec::new(),
            location_kinds: vec![KindInfo {
                id: "thing".to_owned(),
                label: "Thing".to_owned(),
                scannable: true,
            }],
            emits: vec!["context".to_owned()],
            attributes: Vec::new(),
        }
    }

    fn configure(settings: Vec<Setting>) -> Result<Profile, Failure> {
        let _ = SETTINGS.set(settings.iter().cloned().collect());
        let mut profile = Profile {
            display_name: "hostile".to_owned(),
            settings,
            origins: vec![Origin {
                url: setting("url").to_owned(),
                purpose: "the server".to_owned(),
                secrets: true,
            }],
        };
        for url in setting("origins").lines() {
            profile.origins.push(Origin {
                url: url.to_owned(),
                purpose: "more".to_owned(),
                secrets: false,
            });
        }
        deeds::configure(setting("mode"), &mut profile)?;
        Ok(profile)
    }

    fn verify() -> Result<Verification, Failure> {
        deeds::verify(setting("mode"))
    }

    fn list_locations(_: Option<String>, cursor: Option<String>) -> Result<LocationPage, Failure> {
        deeds::list(setting("mode"), cursor)
    }

    fn scan(request: ScanRequest) -> Result<ScanSummary, Failure> {
        deeds::scan(setting("mode"), &request)
    }
}
