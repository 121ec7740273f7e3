//! Connectors, connections, their verification and their locations, as JSON.

use serde::{Deserialize, Serialize};

use super::enums::{FieldKind, SkipReason, StepStatus};
use super::{Attributes, attributes, document, pairs};
use crate::contract::{self, Manifest, Verification};
use crate::host::{
    Connection as HostConnection, Inspection as HostInspection, LocationRow, NetworkOptions,
    PluginVersion, Selection as HostSelection,
};
use crate::report::connector::contract as contract_of;
use crate::report::steps::{Labels, is_green};
use crate::report::text::without_userinfo;

/// A connected account, without its secrets.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Connection {
    /// Its name, unique.
    pub name: String,
    /// Id of the connector.
    pub connector: String,
    /// What the connector calls the account.
    pub display_name: String,
    /// Settings, without the secret ones.
    pub settings: Attributes,
    /// How requests leave.
    pub network: Network,
    /// Which locations are scanned.
    pub selection: Selection,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub verified_at: Option<String>,
    /// Whether every step passed then.
    pub verified: Option<bool>,
}

/// How requests of a connection leave. What is secret is counted, not told.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Network {
    /// Certificates that are trusted besides the system's.
    pub own_certificates: usize,
    /// Whether this host shows a certificate.
    pub client_certificate: bool,
    /// Where requests go through, without a password.
    pub proxy: Option<String>,
    /// Origins that the operator allows besides the connector's.
    pub allow: Vec<String>,
    /// Certificates are not verified.
    pub insecure_tls: bool,
}

/// Which locations of a connection are scanned.
pub type Selection = HostSelection;

impl From<&HostConnection> for Connection {
    fn from(connection: &HostConnection) -> Self {
        let network = &connection.network;
        Self {
            name: connection.name.clone(),
            connector: connection.connector.clone(),
            display_name: connection.display_name.clone(),
            settings: attributes(&connection.settings),
            network: Network {
                own_certificates: network.ca_pem.len(),
                // The chain comes with its key: only that there is one is told.
                client_certificate: network.client_pem.is_some(),
                proxy: network.proxy.as_deref().map(without_userinfo),
                allow: network.allow.clone(),
                insecure_tls: network.insecure_tls,
            },
            selection: connection.selection.clone(),
            created_at: connection.created_at.clone(),
            verified_at: connection.verified.as_ref().map(|(at, _)| at.clone()),
            verified: connection.verified.as_ref().map(|(_, green)| *green),
        }
    }
}

impl From<Connection> for HostConnection {
    /// As far as it was told: certificates are empty texts, as many as there are.
    fn from(json: Connection) -> Self {
        let network = json.network;
        Self {
            name: json.name,
            connector: json.connector,
            display_name: json.display_name,
            settings: pairs(json.settings),
            network: NetworkOptions {
                ca_pem: vec![String::new(); network.own_certificates.min(1000)],
                client_pem: network.client_certificate.then(String::new),
                proxy: network.proxy,
                allow: network.allow,
                insecure_tls: network.insecure_tls,
            },
            selection: json.selection,
            created_at: json.created_at,
            verified: json.verified_at.zip(json.verified),
        }
    }
}

#[derive(Serialize)]
struct Connections {
    connections: Vec<Connection>,
}

/// `{"kind": "connections", "connections": […]}`.
pub fn connections(list: &[HostConnection]) -> String {
    document(
        "connections",
        Connections {
            connections: list.iter().map(Connection::from).collect(),
        },
    )
}

/// `{"kind": "connection", …}`.
pub fn connection(connection: &HostConnection) -> String {
    document("connection", Connection::from(connection))
}

#[derive(Serialize)]
struct Disconnected<'a> {
    connection: &'a str,
}

/// `{"kind": "disconnected", "connection": name}`.
pub fn disconnected(name: &str) -> String {
    document("disconnected", Disconnected { connection: name })
}

/// What a verification saw.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Verification)]
pub struct Verified {
    /// Name of the connection.
    pub connection: String,
    /// Whether no step failed.
    pub verified: bool,
    /// Whether the connection was saved; null where nothing was to be saved.
    pub saved: Option<bool>,
    /// The steps.
    pub steps: Vec<Step>,
    /// What else the connector says.
    pub attributes: Attributes,
}

/// A step of a verification.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = VerificationStep)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// How it ended.
    pub status: StepStatus,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub hint: String,
}

impl Verified {
    /// Of a connection.
    pub fn new(
        name: &str,
        verification: &Verification,
        labels: &Labels,
        saved: Option<bool>,
    ) -> Self {
        let steps = verification.steps.iter().map(|step| Step {
            id: step.id.clone(),
            label: labels.of(&step.id),
            status: step.status.into(),
            seen: step.seen.clone(),
            hint: step.hint.clone(),
        });
        Self {
            connection: name.to_owned(),
            verified: is_green(verification),
            saved,
            steps: steps.collect(),
            attributes: attributes(&verification.attributes),
        }
    }
}

impl From<Verified> for Verification {
    fn from(json: Verified) -> Self {
        Self {
            steps: json
                .steps
                .into_iter()
                .map(|step| contract::StepResult {
                    id: step.id,
                    status: step.status.into(),
                    seen: step.seen,
                    hint: step.hint,
                })
                .collect(),
            attributes: pairs(json.attributes),
        }
    }
}

/// `{"kind": "verification", "connection": name, "verified": …, "saved": …, "steps": […]}`. `saved` is null
/// where nothing was to be saved.
pub fn verification(
    name: &str,
    verification: &Verification,
    labels: &Labels,
    saved: Option<bool>,
) -> String {
    document(
        "verification",
        Verified::new(name, verification, labels, saved),
    )
}

/// A location as last listed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Location {
    /// The connector's id of it.
    pub id: String,
    /// What it is (`project`).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Id of the one that it is in.
    pub parent: Option<String>,
    /// Whether it can be scanned.
    pub scannable: bool,
    /// Whether a scan takes it.
    pub selected: bool,
    /// Why not, when it could be.
    pub reason: Option<String>,
    /// Why it can't be scanned.
    pub unscannable: Option<Unscannable>,
    /// Where a person can look at it.
    pub web_url: Option<String>,
    /// What else the connector says.
    pub attributes: Attributes,
    /// RFC 3339.
    pub last_scan_at: Option<String>,
    /// Whether it was scanned completely then.
    pub last_scan_complete: Option<bool>,
}

/// Why a location can't be scanned.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unscannable {
    /// In a word.
    pub reason: SkipReason,
    /// In a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl From<&LocationRow> for Location {
    fn from(row: &LocationRow) -> Self {
        let location = &row.location;
        Self {
            id: location.id.clone(),
            kind: location.kind.clone(),
            name: location.name.clone(),
            path: location.path.clone(),
            parent: location.parent.clone(),
            scannable: location.scannable,
            selected: row.selected,
            reason: row.reason.clone(),
            unscannable: location.unscannable.as_ref().map(|skip| Unscannable {
                reason: skip.reason.into(),
                message: skip.why.message.clone(),
                hint: skip.why.hint.clone(),
            }),
            web_url: location.web_url.clone(),
            attributes: attributes(&location.attributes),
            last_scan_at: row.last_scan.as_ref().map(|(at, _)| at.clone()),
            last_scan_complete: row.last_scan.as_ref().map(|(_, complete)| *complete),
        }
    }
}

impl From<Location> for LocationRow {
    fn from(json: Location) -> Self {
        Self {
            location: contract::Location {
                id: json.id,
                kind: json.kind,
                name: json.name,
                path: json.path,
                parent: json.parent,
                scannable: json.scannable,
                // Listed by now: what is below it is in the list.
                has_children: false,
                unscannable: json.unscannable.map(|skip| contract::Skip {
                    reason: skip.reason.into(),
                    why: contract::Explanation {
                        message: skip.message,
                        hint: skip.hint,
                    },
                }),
                web_url: json.web_url,
                attributes: pairs(json.attributes),
            },
            selected: json.selected,
            reason: json.reason,
            last_scan: json.last_scan_at.zip(json.last_scan_complete),
        }
    }
}

#[derive(Serialize)]
struct Locations<'a> {
    connection: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<Selection>,
    locations: Vec<Location>,
}

/// `{"kind": "locations", "connection": name, "locations": […]}`.
pub fn locations(connection: &str, rows: &[LocationRow]) -> String {
    let locations = rows.iter().map(Location::from).collect();
    document(
        "locations",
        Locations {
            connection,
            selection: None,
            locations,
        },
    )
}

/// `{"kind": "selection", "connection": name, "selection": …, "locations": […]}`.
pub fn selection(connection: &str, selection: &HostSelection, rows: &[LocationRow]) -> String {
    let locations = rows.iter().map(Location::from).collect();
    document(
        "selection",
        Locations {
            connection,
            selection: Some(selection.clone()),
            locations,
        },
    )
}

/// A connector, as it describes itself.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Connector {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// "Registry".
    pub category: String,
    /// "GitLab".
    pub source_tool: String,
    /// What it does.
    pub description: String,
    /// `sha256:…` of its file.
    pub digest: String,
    /// The fields of its form.
    pub fields: Vec<Field>,
    /// The steps of a verification.
    pub verify_steps: Vec<Named>,
    /// What a token has to allow.
    pub scopes: Vec<Scope>,
    /// The kinds of location that it lists.
    pub location_kinds: Vec<Kind>,
    /// What it can emit.
    pub emits: Vec<String>,
    /// What else it says.
    pub attributes: Attributes,
}

/// A field of a connector's form.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Field {
    /// Its key.
    pub key: String,
    /// Its label.
    pub label: String,
    /// What to enter.
    pub help: String,
    /// What kind of value it takes.
    pub kind: FieldKind,
    /// Whether it must be filled in.
    pub required: bool,
    /// Its value when it is not filled in.
    pub default: Option<String>,
    /// Most people leave it as it is.
    pub advanced: bool,
}

/// A step of a verification, before it is made.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = VerifyStep)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
}

/// A permission that a token needs.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = TokenScope)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// What it is needed for.
    pub purpose: String,
}

/// A kind of location.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LocationKind)]
pub struct Kind {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Whether such locations can be scanned.
    pub scannable: bool,
}

impl Connector {
    /// Of a manifest and the digest of its file.
    pub fn new(manifest: &Manifest, digest: &str) -> Self {
        let manifest = manifest.clone();
        Self {
            id: manifest.id,
            name: manifest.name,
            version: manifest.version,
            category: manifest.category,
            source_tool: manifest.source_tool,
            description: manifest.description,
            digest: digest.to_owned(),
            fields: manifest
                .fields
                .into_iter()
                .map(|field| Field {
                    key: field.key,
                    label: field.label,
                    help: field.help,
                    kind: field.kind.into(),
                    required: field.required,
                    default: field.default,
                    advanced: field.advanced,
                })
                .collect(),
            verify_steps: manifest
                .verify_steps
                .into_iter()
                .map(|step| Named {
                    id: step.id,
                    label: step.label,
                })
                .collect(),
            scopes: manifest
                .scopes
                .into_iter()
                .map(|scope| Scope {
                    name: scope.name,
                    purpose: scope.purpose,
                })
                .collect(),
            location_kinds: manifest
                .location_kinds
                .into_iter()
                .map(|kind| Kind {
                    id: kind.id,
                    label: kind.label,
                    scannable: kind.scannable,
                })
                .collect(),
            emits: manifest.emits,
            attributes: attributes(&manifest.attributes),
        }
    }

    /// The way back.
    pub fn manifest(self) -> (Manifest, String) {
        let manifest = Manifest {
            id: self.id,
            name: self.name,
            version: self.version,
            category: self.category,
            source_tool: self.source_tool,
            description: self.description,
            fields: self
                .fields
                .into_iter()
                .map(|field| contract::Field {
                    key: field.key,
                    label: field.label,
                    help: field.help,
                    kind: field.kind.into(),
                    required: field.required,
                    default: field.default,
                    advanced: field.advanced,
                })
                .collect(),
            verify_steps: self
                .verify_steps
                .into_iter()
                .map(|step| contract::StepInfo {
                    id: step.id,
                    label: step.label,
                })
                .collect(),
            scopes: self
                .scopes
                .into_iter()
                .map(|scope| contract::ScopeInfo {
                    name: scope.name,
                    purpose: scope.purpose,
                })
                .collect(),
            location_kinds: self
                .location_kinds
                .into_iter()
                .map(|kind| contract::KindInfo {
                    id: kind.id,
                    label: kind.label,
                    scannable: kind.scannable,
                })
                .collect(),
            emits: self.emits,
            attributes: pairs(self.attributes),
        };
        (manifest, self.digest)
    }
}

#[derive(Serialize)]
struct Connectors {
    connectors: Vec<Connector>,
}

/// `{"kind": "connectors", "connectors": […]}`.
pub fn connectors(list: &[(Manifest, String)]) -> String {
    let connectors = list
        .iter()
        .map(|(manifest, digest)| Connector::new(manifest, digest))
        .collect();
    document("connectors", Connectors { connectors })
}

/// `{"kind": "plugin-versions", "versions": […]}`.
pub fn plugin_versions(versions: &[PluginVersion]) -> String {
    #[derive(Serialize)]
    struct Versions<'a> {
        versions: &'a [PluginVersion],
    }
    document("plugin-versions", Versions { versions })
}

/// What a component file is.
#[derive(Clone, Debug, Serialize)]
pub struct Inspected {
    size: u64,
    contract: Option<String>,
    connector: Connector,
    imports: Vec<String>,
    exports: Vec<String>,
    limits: Vec<Limit>,
}

#[derive(Clone, Debug, Serialize)]
struct Limit {
    name: String,
    value: String,
}

/// `{"kind": "connector", …}` of an inspected component.
pub fn connector(inspected: &HostInspection) -> String {
    document(
        "connector",
        Inspected {
            size: inspected.size,
            contract: contract_of(inspected),
            connector: Connector::new(&inspected.manifest, &inspected.digest),
            imports: inspected.imports.clone(),
            exports: inspected.exports.clone(),
            limits: inspected
                .limits
                .iter()
                .map(|(name, value)| Limit {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
        },
    )
}
