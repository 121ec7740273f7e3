//! A connector of which a test makes many versions without compiling any: what it says its version is, and
//! what it does, stands in a mark of fixed length, which a test writes over in the component's bytes.
//!
//! It makes no request. A scan emits a few observations with a pause between them, so that something is
//! going on for as long as a test wants.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "crashing is one of the things that it is for"
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

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::OnceLock;

use contract::exports::ox::connector::connector::Guest;
use contract::ox::connector::sink;
use contract::ox::connector::types::*;

/// `version;deed;`, filled up with dots. The test knows the first 16 bytes.
static MARK: [u8; 64] = *b"ox-version-mark:1.0.0;good;.....................................";

/// Observations of a scan.
const STEPS: u32 = 5;

static SETTINGS: OnceLock<HashMap<String, String>> = OnceLock::new();

/// The nth part of the mark.
fn mark(part: usize) -> String {
    // Without the box the compiler knows what stands there.
    let mark: &[u8; 64] = black_box(&MARK);
    let text = String::from_utf8_lossy(&mark[16..]).into_owned();
    text.split(';').nth(part).unwrap_or_default().to_owned()
}

fn version() -> String {
    mark(0)
}

fn does(deed: &str) -> bool {
    mark(1) == deed
}

fn setting(key: &str) -> &'static str {
    SETTINGS
        .get()
        .and_then(|settings| settings.get(key))
        .map_or("", String::as_str)
}

fn explained(message: &str) -> Explanation {
    Explanation {
        message: message.to_owned(),
        hint: "Take another version.".to_owned(),
    }
}

struct Versions;

contract::export!(Versions with_types_in contract);

impl Guest for Versions {
    fn describe() -> Manifest {
        assert!(!does("describe-trap"), "no description today");
        let field = |key: &str, kind: FieldKind| Field {
            key: key.to_owned(),
            label: key.to_owned(),
            help: String::new(),
            kind,
            required: key == "url",
            default: None,
            advanced: false,
        };
        Manifest {
            id: "versions".to_owned(),
            name: "Versions".to_owned(),
            version: version(),
            category: "Test".to_owned(),
            source_tool: "Versions".to_owned(),
            description: "Has many versions.".to_owned(),
            fields: vec![
                field("url", FieldKind::Url),
                field("token", FieldKind::Secret),
                field("pause", FieldKind::Text),
                field("down", FieldKind::Text),
            ],
            verify_steps: vec![StepInfo {
                id: "only".to_owned(),
                label: "Only".to_owned(),
            }],
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
        if does("configure-fail") {
            return Err(Failure::InvalidSettings(FieldFault {
                field: "pause".to_owned(),
                why: explained("This version wants another pause."),
            }));
        }
        // What an older version had in its form is dropped.
        let fields = Self::describe().fields;
        let kept = |key: &str| {
            fields
                .iter()
                .any(|field| field.key == key && field.kind != FieldKind::Secret)
        };
        Ok(Profile {
            display_name: "versions".to_owned(),
            settings: settings.into_iter().filter(|(key, _)| kept(key)).collect(),
            origins: vec![Origin {
                url: setting("url").to_owned(),
                purpose: "the server".to_owned(),
                secrets: true,
            }],
        })
    }

    fn verify() -> Result<Verification, Failure> {
        assert!(!does("verify-trap"), "no verification today");
        // A server that is down is so for every version.
        let failed = does("verify-fail") || setting("down") == "yes";
        let step = StepResult {
            id: "only".to_owned(),
            status: if failed {
                StepStatus::Failed
            } else {
                StepStatus::Passed
            },
            seen: format!("version {}", version()),
            hint: String::new(),
        };
        sink::report(&sink::Progress::Step(step.clone()));
        Ok(Verification {
            steps: vec![step],
            attributes: Vec::new(),
        })
    }

    fn list_locations(_: Option<String>, _: Option<String>) -> Result<LocationPage, Failure> {
        let location = |id: &str| Location {
            id: id.to_owned(),
            path: id.to_owned(),
            kind: "thing".to_owned(),
            name: id.to_owned(),
            parent: None,
            scannable: true,
            has_children: false,
            unscannable: None,
            web_url: None,
            attributes: Vec::new(),
        };
        Ok(LocationPage {
            locations: vec![location("one"), location("two")],
            next: None,
            skipped: Vec::new(),
        })
    }

    fn scan(request: ScanRequest) -> Result<ScanSummary, Failure> {
        assert!(!does("scan-trap"), "no scan today");
        let begun = request
            .cursor
            .as_deref()
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        for step in begun..STEPS {
            let seen = Observation::Context(Context {
                location: request.location.clone(),
                attributes: vec![(format!("step-{step}"), version())],
            });
            if sink::emit(&[seen], &(step + 1).to_string()).is_err() {
                return Err(Failure::Stopped);
            }
            pause();
        }
        Ok(ScanSummary {
            complete: true,
            tags: u64::from(STEPS),
            images: 0,
            packages: 0,
            findings: 0,
            skipped: 0,
            layers_read: 0,
            layers_reused: 0,
            attributes: Vec::new(),
        })
    }
}

#[cfg(target_arch = "wasm32")]
fn pause() {
    let milliseconds: u64 = setting("pause").parse().unwrap_or(0);
    wasi::clocks::monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
}

#[cfg(not(target_arch = "wasm32"))]
fn pause() {}
