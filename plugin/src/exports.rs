//! The exports of the component: each opens a session and calls the core.

use std::sync::{Mutex, PoisonError};

use crate::contract::{
    Explanation, Failure, Guest, LocationPage, Manifest, Profile, ScanRequest, ScanSummary,
    Setting, Verification,
};
use crate::gitlab::locations;
use crate::http::wasi::WasiTransport;
use crate::http::{Client, RetryPolicy};
use crate::scan::scan;
use crate::session::{HostSink, Session};
use crate::settings::{self, Settings};
use crate::verify::verify;

/// What `configure` made of the settings. An instance lives for one call, so this is all its memory.
static SETTINGS: Mutex<Option<Settings>> = Mutex::new(None);

struct Connector;

impl Guest for Connector {
    fn describe() -> Manifest {
        settings::manifest()
    }

    fn configure(entered: Vec<Setting>) -> Result<Profile, Failure> {
        let (settings, profile) = settings::configure(entered)?;
        *SETTINGS.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
        Ok(profile)
    }

    fn verify() -> Result<Verification, Failure> {
        // A person is waiting.
        let session = session("verify", RetryPolicy::interactive())?;
        verify(&session)
    }

    fn list_locations(
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<LocationPage, Failure> {
        let session = session("list-locations", RetryPolicy::default())?;
        locations::list(&session, parent.as_deref(), cursor.as_deref())
    }

    fn scan(request: ScanRequest) -> Result<ScanSummary, Failure> {
        let session = session("scan", RetryPolicy::default())?;
        scan(&session, &request, &mut HostSink)
    }
}

fn session(call: &str, patience: RetryPolicy) -> Result<Session<'static>, Failure> {
    let settings = SETTINGS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
        .ok_or_else(|| {
            Failure::UnexpectedAnswer(Explanation {
                message: format!("The host called {call} before configure."),
                hint: "Call configure first, in the same instance.".to_owned(),
            })
        })?;
    Ok(Session {
        settings,
        client: Client::new(&WasiTransport, patience),
    })
}

#[allow(unreachable_pub, reason = "generated code")]
mod glue {
    use super::Connector;

    crate::contract::export!(Connector with_types_in crate::contract);
}
