//! Connectors, connections, their verification and their locations, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{attributes, document};
use crate::contract::{Manifest, Verification};
use crate::host::{
    Connection as HostConnection, Inspection as HostInspection, LocationRow, NewLocations, PluginVersion,
    Selection as HostSelection,
};
use crate::report::connector::contract;
use crate::report::steps::{Labels, is_green};
use crate::report::text::without_userinfo;
use crate::report::words;

#[derive(Serialize)]
struct Connection<'a> {
    name: &'a str,
    connector: &'a str,
    display_name: &'a str,
    settings: BTreeMap<&'a str, Vec<&'a str>>,
    network: Network<'a>,
    selection: Selection<'a>,
    created_at: &'a str,
    verified_at: Option<&'a str>,
    verified: Option<bool>,
}

#[derive(Serialize)]
struct Network<'a> {
    own_certificates: usize,
    client_certificate: bool,
    proxy: Option<String>,
    allow: &'a [String],
    insecure_tls: bool,
}

#[derive(Serialize)]
struct Selection<'a> {
    include: &'a [String],
    exclude: &'a [String],
    new_locations: &'static str,
}

impl<'a> From<&'a HostSelection> for Selection<'a> {
    fn from(selection: &'a HostSelection) -> Self {
        Self {
            include: &selection.include,
            exclude: &selection.exclude,
            new_locations: match selection.new_locations {
                NewLocations::Include => "include",
                NewLocations::Exclude => "exclude",
            },
        }
    }
}

impl<'a> From<&'a HostConnection> for Connection<'a> {
    fn from(connection: &'a HostConnection) -> Self {
        let network = &connection.network;
        Self {
            name: &connection.name,
            connector: &connection.connector,
            display_name: &connection.display_name,
            settings: attributes(&connection.settings),
            network: Network {
                own_certificates: network.ca_pem.len(),
                // The chain comes with its key: only that there is one is told.
                client_certificate: network.client_pem.is_some(),
                proxy: network.proxy.as_deref().map(without_userinfo),
                allow: &network.allow,
                insecure_tls: network.insecure_tls,
            },
            selection: (&connection.selection).into(),
            created_at: &connection.created_at,
            verified_at: connection.verified.as_ref().map(|(at, _)| at.as_str()),
            verified: connection.verified.as_ref().map(|(_, green)| *green),
        }
    }
}

#[derive(Serialize)]
struct Connections<'a> {
    connections: Vec<Connection<'a>>,
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

#[derive(Serialize)]
struct Verified<'a> {
    connection: &'a str,
    verified: bool,
    saved: Option<bool>,
    steps: Vec<Step<'a>>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
}

#[derive(Serialize)]
struct Step<'a> {
    id: &'a str,
    label: String,
    status: &'static str,
    seen: &'a str,
    hint: &'a str,
}

/// `{"kind": "verification", "connection": name, "verified": …, "saved": …, "steps": […]}`. `saved` is null
/// where nothing was to be saved.
pub fn verification(
    name: &str,
    verification: &Verification,
    labels: &Labels,
    saved: Option<bool>,
) -> String {
    let steps = verification.steps.iter().map(|step| Step {
        id: &step.id,
        label: labels.of(&step.id),
        status: words::step_status(step.status),
        seen: &step.seen,
        hint: &step.hint,
    });
    document(
        "verification",
        Verified {
            connection: name,
            verified: is_green(verification),
            saved,
            steps: steps.collect(),
            attributes: attributes(&verification.attributes),
        },
    )
}

#[derive(Serialize)]
struct Location<'a> {
    id: &'a str,
    kind: &'a str,
    name: &'a str,
    path: &'a str,
    parent: Option<&'a str>,
    scannable: bool,
    selected: bool,
    reason: Option<&'a str>,
    unscannable: Option<Unscannable<'a>>,
    web_url: Option<&'a str>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
    last_scan_at: Option<&'a str>,
    last_scan_complete: Option<bool>,
}

#[derive(Serialize)]
struct Unscannable<'a> {
    reason: &'static str,
    message: &'a str,
    hint: &'a str,
}

impl<'a> From<&'a LocationRow> for Location<'a> {
    fn from(row: &'a LocationRow) -> Self {
        let location = &row.location;
        Self {
            id: &location.id,
            kind: &location.kind,
            name: &location.name,
            path: &location.path,
            parent: location.parent.as_deref(),
            scannable: location.scannable,
            selected: row.selected,
            reason: row.reason.as_deref(),
            unscannable: location.unscannable.as_ref().map(|skip| Unscannable {
                reason: words::skip_reason(skip.reason),
                message: &skip.why.message,
                hint: &skip.why.hint,
            }),
            web_url: location.web_url.as_deref(),
            attributes: attributes(&location.attributes),
            last_scan_at: row.last_scan.as_ref().map(|(at, _)| at.as_str()),
            last_scan_complete: row.last_scan.as_ref().map(|(_, complete)| *complete),
        }
    }
}

#[derive(Serialize)]
struct Locations<'a> {
    connection: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<Selection<'a>>,
    locations: Vec<Location<'a>>,
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
            selection: Some(selection.into()),
            locations,
        },
    )
}

#[derive(Serialize)]
struct Connector<'a> {
    id: &'a str,
    name: &'a str,
    version: &'a str,
    category: &'a str,
    source_tool: &'a str,
    description: &'a str,
    digest: &'a str,
    fields: Vec<Field<'a>>,
    verify_steps: Vec<Named<'a>>,
    scopes: Vec<Scope<'a>>,
    location_kinds: Vec<Kind<'a>>,
    emits: &'a [String],
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
}

#[derive(Serialize)]
struct Field<'a> {
    key: &'a str,
    label: &'a str,
    help: &'a str,
    kind: &'static str,
    required: bool,
    default: Option<&'a str>,
    advanced: bool,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct Scope<'a> {
    name: &'a str,
    purpose: &'a str,
}

#[derive(Serialize)]
struct Kind<'a> {
    id: &'a str,
    label: &'a str,
    scannable: bool,
}

fn described<'a>(manifest: &'a Manifest, digest: &'a str) -> Connector<'a> {
    Connector {
        id: &manifest.id,
        name: &manifest.name,
        version: &manifest.version,
        category: &manifest.category,
        source_tool: &manifest.source_tool,
        description: &manifest.description,
        digest,
        fields: manifest
            .fields
            .iter()
            .map(|field| Field {
                key: &field.key,
                label: &field.label,
                help: &field.help,
                kind: words::field_kind(field.kind),
                required: field.required,
                default: field.default.as_deref(),
                advanced: field.advanced,
            })
            .collect(),
        verify_steps: manifest
            .verify_steps
            .iter()
            .map(|step| Named {
                id: &step.id,
                label: &step.label,
            })
            .collect(),
        scopes: manifest
            .scopes
            .iter()
            .map(|scope| Scope {
                name: &scope.name,
                purpose: &scope.purpose,
            })
            .collect(),
        location_kinds: manifest
            .location_kinds
            .iter()
            .map(|kind| Kind {
                id: &kind.id,
                label: &kind.label,
                scannable: kind.scannable,
            })
            .collect(),
        emits: &manifest.emits,
        attributes: attributes(&manifest.attributes),
    }
}

#[derive(Serialize)]
struct Connectors<'a> {
    connectors: Vec<Connector<'a>>,
}

/// `{"kind": "connectors", "connectors": […]}`.
pub fn connectors(list: &[(Manifest, String)]) -> String {
    let connectors = list
        .iter()
        .map(|(manifest, digest)| described(manifest, digest))
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

#[derive(Serialize)]
struct Inspection<'a> {
    size: u64,
    contract: Option<String>,
    connector: Connector<'a>,
    imports: &'a [String],
    exports: &'a [String],
    limits: Vec<Limit<'a>>,
}

#[derive(Serialize)]
struct Limit<'a> {
    name: &'a str,
    value: &'a str,
}

/// `{"kind": "connector", …}` of an inspected component.
pub fn connector(inspected: &HostInspection) -> String {
    document(
        "connector",
        Inspection {
            size: inspected.size,
            contract: contract(inspected),
            connector: described(&inspected.manifest, &inspected.digest),
            imports: &inspected.imports,
            exports: &inspected.exports,
            limits: inspected
                .limits
                .iter()
                .map(|(name, value)| Limit { name, value })
                .collect(),
        },
    )
}
