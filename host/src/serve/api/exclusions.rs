//! What is kept out of the queue, why, and until when.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, blocking, page};
use super::extract::{Body, Path, Query, must_be_of, read};
use super::{ApiError, ErrorCode};
use crate::serve::Server;
use crate::serve::auth::{Analyst, Told, Viewer};
use crate::serve::bus::Topic;
use crate::store::issues::{Covers, ExclusionRow, NewExclusion};

/// Largest VEX document, in bytes.
const VEX_BYTES: usize = 32 << 20;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_exclusions, create_exclusion))
        .routes(routes!(import_vex))
        .routes(routes!(get_exclusion, end_exclusion))
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExclusionQuery {
    /// Those that ended, too.
    ended: Option<bool>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of exclusions.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ExclusionList {
    /// The newest first.
    pub(crate) exclusions: Vec<ExclusionRow>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List exclusions
#[utoipa::path(get, path = "/exclusions", tag = "exclusions", params(ExclusionQuery),
    responses((status = 200, description = "The exclusions", body = ExclusionList)))]
async fn list_exclusions(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<ExclusionQuery>,
) -> Result<Json<ExclusionList>, ApiError> {
    let ended = asked.ended.unwrap_or_default();
    let rows = blocking(&server, move |host| host.exclusions(ended)).await?;
    let (exclusions, meta) = page(rows, asked.after.as_deref(), asked.limit, |row| {
        row.id.to_string()
    })?;
    Ok(Json(ExclusionList { exclusions, meta }))
}

/// Kinds of exclusion that people make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PersonalKind {
    /// Accepted.
    #[default]
    Excluded,
    /// It is not so.
    FalsePositive,
    /// Later.
    Snoozed,
}

impl From<PersonalKind> for ExclusionKind {
    fn from(kind: PersonalKind) -> Self {
        match kind {
            PersonalKind::Excluded => Self::Excluded,
            PersonalKind::FalsePositive => Self::FalsePositive,
            PersonalKind::Snoozed => Self::Snoozed,
        }
    }
}

/// An exclusion to be made.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewExclusion)]
pub(crate) struct Asked {
    /// What kind.
    #[serde(default)]
    pub(crate) kind: PersonalKind,
    /// What it covers.
    pub(crate) covers: Scope,
    /// Why.
    #[schema(min_length = 1)]
    pub(crate) reason: String,
    /// When it ends by itself; RFC 3339.
    #[serde(default)]
    pub(crate) until: Option<String>,
}

/// Exclude something
///
/// What is found later and is covered is excluded too.
#[utoipa::path(post, path = "/exclusions", tag = "exclusions", request_body = Asked,
    responses((status = 201, description = "Excluded", body = ExclusionRow,
               headers(("Location" = String, description = "The exclusion")))))]
async fn create_exclusion(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Body(new): Body<Asked>,
) -> Result<Response, ApiError> {
    let record = serde_json::to_value(&new).unwrap_or_default();
    let id = server
        .host
        .exclude(NewExclusion {
            kind: new.kind.into(),
            covers: Covers::Scope(new.covers),
            reason: new.reason,
            by: actor.name,
            until: new.until,
        })
        .await?;
    server.bus.publish(
        Topic::Queue,
        "",
        serde_json::json!({"what": "excluded", "exclusion": id}),
    );
    let row = one(&server, id).await?;
    let mut response = (StatusCode::CREATED, Json(row)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/api/v1/exclusions/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response.extensions_mut().insert(Told {
        subject: format!("exclusion {id}"),
        record,
    });
    Ok(response)
}

async fn one(server: &Arc<Server>, id: i64) -> Result<ExclusionRow, ApiError> {
    let rows = blocking(server, |host| host.exclusions(true)).await?;
    let row = rows.into_iter().find(|row| row.id == id);
    row.ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, format!("there is no exclusion {id}"))
            .hint("GET /api/v1/exclusions lists them")
    })
}

/// Read one exclusion
#[utoipa::path(get, path = "/exclusions/{id}", tag = "exclusions",
    params(("id" = i64, Path, description = "Number of the exclusion")),
    responses((status = 200, description = "The exclusion", body = ExclusionRow)))]
async fn get_exclusion(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Json<ExclusionRow>, ApiError> {
    Ok(Json(one(&server, id).await?))
}

/// End an exclusion
///
/// What it covered is back in the queue; that it was there is kept.
#[utoipa::path(delete, path = "/exclusions/{id}", tag = "exclusions",
    params(("id" = i64, Path, description = "Number of the exclusion")),
    responses((status = 204, description = "Ended"),
              (status = 422, description = "Error: it ended already")))]
async fn end_exclusion(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    server.host.end_exclusion(id, &actor.name).await?;
    server.bus.publish(
        Topic::Queue,
        "",
        serde_json::json!({"what": "exclusion-ended", "exclusion": id}),
    );
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Told {
        subject: format!("exclusion {id}"),
        record: serde_json::Value::Null,
    });
    Ok(response)
}

/// What came of a VEX document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct VexReport {
    /// Statements in it.
    pub(crate) statements: u64,
    /// Those that say that something is not affected or fixed: each is an exclusion now.
    pub(crate) excluded: u64,
}

/// Read a VEX document
///
/// OpenVEX or CycloneDX, 32 MiB at most: what it calls not affected is excluded.
#[utoipa::path(post, path = "/exclusions/vex", tag = "exclusions",
    request_body(content = Object, content_type = "application/json", description = "The document"),
    responses((status = 201, description = "Read", body = VexReport)))]
async fn import_vex(
    Analyst(actor): Analyst,
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, ApiError> {
    must_be_of(
        request.headers(),
        &["application/json", "application/vnd.cyclonedx+json"],
    )?;
    let bytes = read(request, VEX_BYTES).await?;
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("the body is no JSON: {error}"),
        ));
    }
    if let Err(error) = ox_issue::vex::read(&bytes) {
        return Err(ApiError::new(ErrorCode::Invalid, error.to_string()));
    }
    let (statements, excluded) = server.host.import_vex(&bytes, &actor.name).await?;
    server
        .bus
        .publish(Topic::Queue, "", serde_json::json!({"what": "vex"}));
    let report = VexReport {
        statements: statements as u64,
        excluded: excluded as u64,
    };
    let told = Told {
        subject: "VEX document".to_owned(),
        record: serde_json::to_value(&report).unwrap_or_default(),
    };
    let mut response = (StatusCode::CREATED, Json(report)).into_response();
    response.extensions_mut().insert(told);
    Ok(response)
}
