//! Versions of connectors: what is installed, what each swap did, and the way back.

use askama::Template;

use super::connectors::{State, Step};
use crate::Chrome;
use crate::parts::When;

/// A version.
pub struct VersionRow {
    /// `sha256:…`.
    pub digest: String,
    /// The beginning of it.
    pub short: String,
    /// What it says its version is.
    pub version: String,
    /// Version of the contract.
    pub contract: String,
    /// How it stands.
    pub state: State,
    /// Bytes of the file.
    pub size: String,
    /// Who installed it.
    pub by: String,
    /// When.
    pub installed: When,
    /// When it became active last.
    pub activated: Option<When>,
    /// Calls that are made with it now.
    pub in_flight: u64,
    /// What its last swap did.
    pub steps: Vec<Step>,
    /// Why it was refused.
    pub refused: Option<String>,
    /// It can be made active.
    pub can_activate: bool,
    /// It can be forgotten.
    pub can_remove: bool,
}

/// A connector with its versions.
pub struct ConnectorVersions {
    /// Its id.
    pub id: String,
    /// Its versions, the newest first.
    pub versions: Vec<VersionRow>,
    /// The version that "roll back" leads to.
    pub back_to: Option<String>,
}

/// `/plugins`.
#[derive(Template)]
#[template(path = "pages/plugins.html")]
pub struct Plugins {
    /// Around it.
    pub chrome: Chrome,
    /// The connectors.
    pub connectors: Vec<ConnectorVersions>,
    /// Signatures are asked for.
    pub is_signed: bool,
}

/// `/plugins/{digest}/remove`.
#[derive(Template)]
#[template(path = "pages/plugin_remove.html")]
pub struct RemovePlugin {
    /// Around it.
    pub chrome: Chrome,
    /// `gitlab-registry 0.2.0`.
    pub what: String,
    /// Its digest.
    pub digest: String,
}
