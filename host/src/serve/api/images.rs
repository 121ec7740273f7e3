//! Images, their packages, and their bills of materials.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Meta, blocking, page, tagged};
use super::extract::{Path, Query};
use super::findings::SeenQuery;
use super::{ApiError, ErrorCode};
use crate::host::{Filter, Host, HostError, ImageRow};
use crate::report::detail::Detail;
use crate::report::json::{Image, Package};
use crate::report::sbom::{self, Form};
use crate::serve::Server;
use crate::serve::auth::Viewer;

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_images))
        .routes(routes!(get_image))
        .routes(routes!(list_packages))
        .routes(routes!(get_sbom))
}

/// A page of images.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ImageList {
    /// By location and first tag.
    pub(crate) images: Vec<Image>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List images
#[utoipa::path(get, path = "/images", tag = "images", params(SeenQuery),
    responses((status = 200, description = "The images", body = ImageList)))]
async fn list_images(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Query(asked): Query<SeenQuery>,
) -> Result<Json<ImageList>, ApiError> {
    let filter = asked.filter()?;
    let rows = blocking(&server, move |host| host.images(&filter)).await?;
    let (rows, meta) = page(rows, asked.after.as_deref(), asked.limit, |row| {
        let image = &row.image;
        format!(
            "{}\n{}\n{}\n{}",
            row.connection, row.location, image.repository, image.digest
        )
    })?;
    Ok(Json(ImageList {
        images: rows.iter().map(Image::from).collect(),
        meta,
    }))
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OneQuery {
    /// The connection, where the image came through several.
    connection: Option<String>,
}

/// The places of one image: of one digest, through one connection.
fn places(
    host: &Host,
    digest: &str,
    connection: Option<String>,
) -> Result<Result<Vec<ImageRow>, ApiError>, HostError> {
    let filter = Filter {
        connection,
        image: Some(digest.to_owned()),
        ..Filter::default()
    };
    let rows = host.images(&filter)?;
    let Some(first) = rows.first() else {
        return Err(HostError::Unknown {
            what: "image",
            name: digest.to_owned(),
            list: "images",
        });
    };
    let many = |what: &str| {
        Ok(Err(ApiError::new(ErrorCode::Conflict, what)
            .field("digest")
            .hint("GET /api/v1/images lists them")))
    };
    if rows
        .iter()
        .any(|row| row.image.digest != first.image.digest)
    {
        return many("more than one image begins with this; give more of the digest");
    }
    if rows.iter().any(|row| row.connection != first.connection) {
        return many(
            "the image came through several connections; say which is meant (?connection=)",
        );
    }
    Ok(Ok(rows))
}

/// An image, and where it is.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ImageReport)]
pub(crate) struct OneImage {
    /// The image, at the first of its places.
    pub(crate) image: Image,
    /// The same image at other places of its connection.
    pub(crate) also_in: Vec<Image>,
}

/// Read one image
#[utoipa::path(get, path = "/images/{digest}", tag = "images",
    params(("digest" = String, Path, description = "`sha256:…`, or a beginning of it"), OneQuery),
    responses((status = 200, description = "The image", body = OneImage,
               headers(("ETag" = String, description = "Of what it says"))),
              (status = 304, description = "As it was"),
              (status = 409, description = "Error: more than one image is meant")))]
async fn get_image(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
    Query(asked): Query<OneQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let rows = blocking(&server, move |host| places(host, &digest, asked.connection)).await??;
    let mut images = rows.iter().map(Image::from);
    let image = images.next().ok_or_else(gone)?;
    tagged(
        &headers,
        &OneImage {
            image,
            also_in: images.collect(),
        },
    )
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "the image is gone")
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PackageQuery {
    /// The connection, where the image came through several.
    connection: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of an image's packages.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PackageList {
    /// As they were found.
    pub(crate) packages: Vec<Package>,
    /// Where it goes on.
    pub(crate) meta: Meta,
}

/// List the packages of an image
#[utoipa::path(get, path = "/images/{digest}/packages", tag = "images",
    params(("digest" = String, Path, description = "`sha256:…`, or a beginning of it"), PackageQuery),
    responses((status = 200, description = "The packages", body = PackageList),
              (status = 409, description = "Error: more than one image is meant")))]
async fn list_packages(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
    Query(asked): Query<PackageQuery>,
) -> Result<Json<PackageList>, ApiError> {
    let connection = asked.connection.clone();
    let found = blocking(&server, move |host| {
        let rows = match places(host, &digest, connection)? {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let Some(row) = rows.first() else {
            return Ok(Err(gone()));
        };
        host.packages(Some(&row.connection), &row.image.digest)
            .map(Ok)
    });
    let numbered: Vec<_> = found.await??.into_iter().enumerate().collect();
    // The same package may be there twice; the inventory of a digest does not change its order.
    let (rows, meta) = page(
        numbered,
        asked.after.as_deref(),
        asked.limit,
        |(place, one)| format!("{place}\n{}\n{}", one.purl, one.path),
    )?;
    Ok(Json(PackageList {
        packages: rows.iter().map(|(_, one)| Package::from(one)).collect(),
        meta,
    }))
}

/// Forms of a bill of materials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
enum SbomFormat {
    /// CycloneDX 1.6, JSON.
    #[default]
    #[serde(rename = "cyclonedx")]
    CycloneDx,
    /// SPDX 2.3, JSON.
    Spdx,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SbomQuery {
    /// The connection, where the image came through several.
    connection: Option<String>,
    /// Which form; CycloneDX unless told otherwise.
    #[param(inline)]
    format: Option<SbomFormat>,
}

/// Download the bill of materials of an image
#[utoipa::path(get, path = "/images/{digest}/sbom", tag = "images",
    params(("digest" = String, Path, description = "`sha256:…`, or a beginning of it"), SbomQuery),
    responses((status = 200, description = "The bill of materials",
               content((Object = "application/vnd.cyclonedx+json"), (Object = "application/spdx+json")),
               headers(("Content-Disposition" = String, description = "A name for the file"))),
              (status = 409, description = "Error: more than one image is meant, or its packages have not come whole")))]
async fn get_sbom(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path(digest): Path<String>,
    Query(asked): Query<SbomQuery>,
) -> Result<Response, ApiError> {
    let connection = asked.connection.clone();
    let detail = blocking(&server, move |host| {
        match places(host, &digest, connection)? {
            Ok(rows) => detail(host, rows),
            Err(error) => Ok(Err(error)),
        }
    });
    let detail = detail.await??;
    if detail.packages.is_none() {
        return Err(ApiError::new(
            ErrorCode::Conflict,
            "the packages of this image have not come whole, so a bill of materials would leave some out",
        )
        .hint("scan its location again"));
    }
    let (form, media_type, ending) = match asked.format.unwrap_or_default() {
        SbomFormat::CycloneDx => (
            Form::CycloneDx,
            "application/vnd.cyclonedx+json; version=1.6",
            "cdx.json",
        ),
        SbomFormat::Spdx => (Form::Spdx, "application/spdx+json", "spdx.json"),
    };
    let made = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let hex = detail
        .row
        .image
        .digest
        .rsplit(':')
        .next()
        .unwrap_or("image");
    let short: String = hex
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(12)
        .collect();
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{short}.{ending}\""),
        ),
    ];
    Ok((headers, sbom::write(form, &detail, &made)).into_response())
}

/// All that is known of an image.
fn detail(host: &Host, rows: Vec<ImageRow>) -> Result<Result<Detail, ApiError>, HostError> {
    let mut rows = rows.into_iter();
    let Some(row) = rows.next() else {
        return Ok(Err(gone()));
    };
    let filter = Filter {
        connection: Some(row.connection.clone()),
        image: Some(row.image.digest.clone()),
        ..Filter::default()
    };
    let packages = match host.packages(Some(&row.connection), &row.image.digest) {
        Ok(packages) => Some(packages),
        Err(HostError::Unknown { what: "image", .. }) => None,
        Err(error) => return Err(error),
    };
    let mut findings = host.findings(&filter)?;
    findings.retain(|found| found.location == row.location);
    let mut skipped = host.skipped(&filter)?;
    skipped.retain(|skip| skip.location == row.location);
    Ok(Ok(Detail {
        row,
        tag: None,
        also: rows.collect(),
        packages,
        findings,
        skipped,
    }))
}
