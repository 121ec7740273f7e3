//! Connected accounts: connect, read, verify, forget.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{EDITS, Meta, Page, blocking, must_match, page, tag_of, tagged};
use super::extract::{Body, Path, Query};
use super::{ApiError, ErrorCode};
use crate::host::{ConnectionDraft, HostError, NetworkOptions, SecretString, Silent};
use crate::report::json::{Attributes, Connection, Verified, pairs};
use crate::report::steps::{Labels, is_green};
use crate::serve::Server;
use crate::serve::auth::{Admin, Told, Viewer};
use crate::serve::bus::Topic;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_connections, create_connection))
        .routes(routes!(get_connection, edit_connection, delete_connection))
        .routes(routes!(verify_connection))
}

/// A page of connections.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ConnectionList)]
pub(crate) struct List {
    /// By name.
    pub(crate) connections: Vec<Connection>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// What is entered to connect an account.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// Id of the connector.
    pub connector: String,
    /// Name of the connection; null takes the account's.
    #[serde(default)]
    pub name: Option<String>,
    /// Values of the form's fields, without the secret ones.
    #[serde(default)]
    pub settings: Attributes,
    /// Values of the form's secret fields. Never told again.
    #[serde(default)]
    #[schema(write_only)]
    pub secrets: BTreeMap<String, String>,
    /// How requests leave.
    #[serde(default)]
    pub network: NewNetwork,
}

/// How requests of a connection leave, beyond what the connector declares.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewNetwork {
    /// PEM certificates that are trusted besides the system's.
    pub ca_pem: Vec<String>,
    /// PEM certificate chain and key that this host shows.
    #[schema(write_only)]
    pub client_pem: Option<String>,
    /// `http://host:port`; requests go through it.
    pub proxy: Option<String>,
    /// Origins that are allowed besides the connector's.
    pub allow: Vec<String>,
    /// Do not verify certificates.
    pub insecure_tls: bool,
}

impl From<NewNetwork> for NetworkOptions {
    fn from(json: NewNetwork) -> Self {
        Self {
            ca_pem: json.ca_pem,
            client_pem: json.client_pem,
            proxy: json.proxy,
            allow: json.allow,
            insecure_tls: json.insecure_tls,
        }
    }
}

impl From<NetworkOptions> for NewNetwork {
    fn from(network: NetworkOptions) -> Self {
        Self {
            ca_pem: network.ca_pem,
            client_pem: network.client_pem,
            proxy: network.proxy,
            allow: network.allow,
            insecure_tls: network.insecure_tls,
        }
    }
}

impl NewConnection {
    fn draft(self) -> ConnectionDraft {
        ConnectionDraft {
            connector: self.connector,
            name: self.name,
            settings: pairs(self.settings),
            secrets: self
                .secrets
                .into_iter()
                .map(|(key, value)| (key, SecretString::new(value)))
                .collect(),
            network: self.network.into(),
        }
    }
}

/// When a connection is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Save {
    /// When no step failed.
    #[default]
    Verified,
    /// Whatever the steps say.
    Always,
    /// Not at all: it is tried.
    Never,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CreateQuery {
    /// When it is saved: `verified` unless told otherwise.
    #[param(inline)]
    save: Option<Save>,
}

/// What came of connecting.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = TriedConnection)]
pub struct Tried {
    /// What the connector calls the account.
    pub display_name: String,
    /// The steps.
    pub verification: Verified,
    /// The connection as it was saved; null where it was not.
    pub connection: Option<Connection>,
}

/// List the connected accounts
#[utoipa::path(get, path = "/connections", tag = "connections", params(Page),
    responses((status = 200, description = "The connections, by name", body = List)))]
async fn list_connections(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
) -> Result<Json<List>, ApiError> {
    let all = blocking(&server, |host| host.connections()).await?;
    let all = all.iter().map(Connection::from).collect();
    let (connections, meta) = page(
        all,
        asked.after.as_deref(),
        asked.limit,
        |one: &Connection| one.name.clone(),
    )?;
    Ok(Json(List { connections, meta }))
}

pub(super) async fn one(server: &Arc<Server>, name: &str) -> Result<Connection, ApiError> {
    let all = blocking(server, |host| host.connections()).await?;
    let one = all.iter().find(|one| one.name == name);
    one.map(Connection::from).ok_or_else(|| unknown(name))
}

pub(super) fn unknown(name: &str) -> ApiError {
    HostError::Unknown {
        what: "connection",
        name: name.to_owned(),
        list: "connections",
    }
    .into()
}

/// Read one connected account
#[utoipa::path(get, path = "/connections/{name}", tag = "connections",
    params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 200, description = "The connection", body = Connection,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was")))]
async fn get_connection(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tagged(&headers, &one(&server, &name).await?)
}

/// Connect an account
///
/// It is configured and verified step by step, and saved when no step failed. A connection of the same name is
/// replaced; one of the same account keeps what was found through it.
#[utoipa::path(post, path = "/connections", tag = "connections", params(CreateQuery),
    request_body = NewConnection,
    responses((status = 201, description = "Connected", body = Tried,
               headers(("Location" = String, description = "The connection"))),
              (status = 200, description = "Tried, and not saved", body = Tried),
              (status = 502, description = "Error: the account could not be asked")))]
async fn create_connection(
    _: Admin,
    State(server): State<Arc<Server>>,
    Query(asked): Query<CreateQuery>,
    Body(new): Body<NewConnection>,
) -> Result<Response, ApiError> {
    let save = asked.save.unwrap_or_default();
    let connector = new.connector.clone();
    let cancel = server.stopping.child_token();
    // Dropped with the request: who went away does not wait for the steps.
    let _end = cancel.clone().drop_guard();
    let trial = server
        .host
        .try_connection(new.draft(), &Silent, &cancel)
        .await?;
    let green = is_green(&trial.verification);
    let keep = save == Save::Always || (save == Save::Verified && green);
    let saved = if keep {
        let host = server.host.clone();
        let display_name = trial.profile.display_name.clone();
        let verification = trial.verification.clone();
        let saved = tokio::task::spawn_blocking(move || host.save_connection(&trial))
            .await
            .map_err(|error| ApiError::new(ErrorCode::Unexpected, error.to_string()))??;
        server.bus.publish(
            Topic::Connection,
            &saved.name,
            serde_json::json!({"what": "saved"}),
        );
        (display_name, verification, Some(Connection::from(&saved)))
    } else {
        (trial.profile.display_name, trial.verification, None)
    };
    let (display_name, verification, connection) = saved;
    let labels = labels(&server, &connector).await?;
    let name = connection.as_ref().map_or(&display_name, |one| &one.name);
    let address = connection
        .as_ref()
        .map(|one| format!("/api/v1/connections/{}", segment(&one.name)));
    let told = Told {
        subject: name.clone(),
        record: serde_json::json!({"connector": connector, "saved": connection.is_some(), "verified": green}),
    };
    let tried = Tried {
        verification: Verified::new(name, &verification, &labels, Some(connection.is_some())),
        display_name,
        connection,
    };
    let mut response = match &address {
        Some(_) => (StatusCode::CREATED, Json(tried)).into_response(),
        None => Json(tried).into_response(),
    };
    if let Some(address) = address.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    response.extensions_mut().insert(told);
    Ok(response)
}

/// A name as a part of an address.
pub(super) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn labels(server: &Arc<Server>, connector: &str) -> Result<Labels, ApiError> {
    let all = server.host.connectors().await?;
    let steps = all
        .into_iter()
        .find(|(manifest, _)| manifest.id == connector)
        .map(|(manifest, _)| manifest.verify_steps)
        .unwrap_or_default();
    Ok(Labels::new(&steps))
}

/// What is changed of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionChange {
    /// Values of the form's fields, without the secret ones; one that is missing takes the form's default.
    pub(crate) settings: Attributes,
    /// Values of the form's secret fields; one that is missing keeps what is stored. Never told again.
    #[serde(default)]
    #[schema(write_only)]
    pub(crate) secrets: BTreeMap<String, String>,
    /// How requests leave. A proxy as it is told, without its secret, keeps what is stored.
    #[serde(default)]
    pub(crate) network: NewNetwork,
}

/// Change a connected account
///
/// It is configured, verified and saved, also where a step failed: the steps say which.
#[utoipa::path(put, path = "/connections/{name}", tag = "connections",
    params(("name" = String, Path, description = "Name of the connection"),
           ("If-Match" = Option<String>, Header, description = "ETag of the connection as it was read; required")),
    request_body = ConnectionChange,
    responses((status = 200, description = "The connection as it is now, and the steps", body = Tried,
               headers(("ETag" = String, description = "Of the connection as it is now"))),
              (status = 412, description = "Error: somebody changed it meanwhile"),
              (status = 428, description = "Error: If-Match is missing"),
              (status = 502, description = "Error: the account could not be asked")))]
async fn edit_connection(
    _: Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(new): Body<ConnectionChange>,
) -> Result<Response, ApiError> {
    let _edit = EDITS.lock().await;
    must_match(&headers, &one(&server, &name).await?)?;
    let cancel = server.stopping.child_token();
    let _end = cancel.clone().drop_guard();
    let secrets: Vec<_> = new
        .secrets
        .into_iter()
        .map(|(key, value)| (key, SecretString::new(value)))
        .collect();
    let changed: Vec<String> = secrets.iter().map(|(key, _)| key.clone()).collect();
    let (connection, verification) = server
        .host
        .edit_connection(
            &name,
            pairs(new.settings),
            secrets,
            new.network.into(),
            &Silent,
            &cancel,
        )
        .await?;
    server.bus.publish(
        Topic::Connection,
        &name,
        serde_json::json!({"what": "saved"}),
    );
    let labels = labels(&server, &connection.connector).await?;
    let connection = Connection::from(&connection);
    let tag = tag_of(&serde_json::to_vec(&connection).unwrap_or_default());
    let told = Told {
        subject: name.clone(),
        record: serde_json::json!({"settings": connection.settings, "new_secrets": changed}),
    };
    let tried = Tried {
        display_name: connection.display_name.clone(),
        verification: Verified::new(&name, &verification, &labels, Some(true)),
        connection: Some(connection),
    };
    let mut response = Json(tried).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(told);
    Ok(response)
}

/// Forget a connected account
///
/// Everything that was found through it is forgotten too.
#[utoipa::path(delete, path = "/connections/{name}", tag = "connections",
    params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 204, description = "Forgotten")))]
async fn delete_connection(
    _: Admin,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let gone = name.clone();
    blocking(&server, move |host| host.remove_connection(&gone)).await?;
    server.bus.publish(
        Topic::Connection,
        &name,
        serde_json::json!({"what": "removed"}),
    );
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Told {
        subject: name,
        record: serde_json::Value::Null,
    });
    Ok(response)
}

/// Verify a connected account again
///
/// A step that failed is an answer, not an error.
#[utoipa::path(post, path = "/connections/{name}/verifications", tag = "connections",
    params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 200, description = "The steps", body = Verified),
              (status = 502, description = "Error: the account could not be asked")))]
async fn verify_connection(
    _: crate::serve::auth::Analyst,
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Verified>, ApiError> {
    let connection = one(&server, &name).await?;
    let cancel: CancellationToken = server.stopping.child_token();
    let _end = cancel.clone().drop_guard();
    let verification = server.host.verify(&name, &Silent, &cancel).await?;
    let labels = labels(&server, &connection.connector).await?;
    Ok(Json(Verified::new(&name, &verification, &labels, None)))
}
