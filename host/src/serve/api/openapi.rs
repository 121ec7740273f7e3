//! The description of the API: generated from the handlers, and completed with what all of them have in common.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema,
    SecurityRequirement, Server, tag::TagBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use ox_issue::Severity;
use ox_issue::facts::Kind;
use ox_issue::issue::AgainstLastScan;

use super::{ApiError, ErrorBody, ErrorCode};
use crate::store::issues::{Reprioritised, SlaFilter, SortKey, Standing};

/// What each part of the API is about, in the order in which people meet them.
const TAGS: [(&str, &str); 15] = [
    (
        "connectors",
        "The connectors that can be used, and how each describes itself.",
    ),
    (
        "plugins",
        "Versions of connectors: install, activate, roll back, remove.",
    ),
    ("connections", "Connected accounts."),
    (
        "locations",
        "What an account holds, and which part of it is scanned.",
    ),
    ("schedules", "When things run by themselves."),
    ("runs", "What is running, what waits, and what ended."),
    ("findings", "What tools said, before it is judged."),
    (
        "images",
        "Images, their packages, and their bills of materials.",
    ),
    ("issues", "The queue: what to work on, and why."),
    (
        "exclusions",
        "What is kept out of the queue, why, and until when.",
    ),
    ("changes", "What changed between two scans."),
    ("advisories", "What is known about vulnerabilities."),
    (
        "policy",
        "What tunes severities, maps applications and sets deadlines.",
    ),
    ("accounts", "Who may do what, and what was done."),
    ("events", "What happens, as it happens."),
];

/// Completes what the handlers say.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("ox-host")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Everything that the console and the command line of the host do.\n\n\
             Lists are read a page at a time: `meta.next` of a page is `after` of the next. Edits say what they edit \
             (`If-Match` with the ETag that was read). Every error has one shape. Parameters and fields that are not \
             described here are refused.",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    api.servers = Some(vec![Server::new("/api/v1")]);
    api.tags = Some(
        TAGS.iter()
            .map(|(name, about)| {
                TagBuilder::new()
                    .name(*name)
                    .description(Some(*about))
                    .build()
            })
            .collect(),
    );
    api.security = Some(vec![
        SecurityRequirement::new("token", Vec::<String>::new()),
        SecurityRequirement::new("session", Vec::<String>::new()),
    ]);
    let components = api.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("An API token (`oxh_…`)."))
                .build(),
        ),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "ox_session",
            "A session of the console.",
        ))),
    );
    let mut schemas = Vec::new();
    ErrorBody::schemas(&mut schemas);
    ApiError::schemas(&mut schemas);
    ErrorCode::schemas(&mut schemas);
    schemas.push((ErrorBody::name().into_owned(), ErrorBody::schema()));
    schemas.push((ApiError::name().into_owned(), ApiError::schema()));
    schemas.push((ErrorCode::name().into_owned(), ErrorCode::schema()));
    // Parameters refer to these, and no body may happen to have them.
    named::<Standing>(&mut schemas);
    named::<Reprioritised>(&mut schemas);
    named::<SlaFilter>(&mut schemas);
    named::<SortKey>(&mut schemas);
    named::<Severity>(&mut schemas);
    named::<Kind>(&mut schemas);
    named::<AgainstLastScan>(&mut schemas);
    for (name, schema) in schemas {
        components.schemas.entry(name).or_insert(schema);
    }
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            errors(path, operation);
        }
    }
    api
}

fn named<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// The errors that an operation can answer by what it takes.
fn errors(path: &str, operation: &mut Operation) {
    let mut codes = vec![
        ErrorCode::BadRequest,
        ErrorCode::Unauthenticated,
        ErrorCode::Forbidden,
        ErrorCode::TooMany,
        ErrorCode::Unexpected,
        ErrorCode::Unavailable,
    ];
    // A filter may name a connection that is not there.
    let has_parameters = operation
        .parameters
        .as_ref()
        .is_some_and(|list| !list.is_empty());
    if path.contains('{') || has_parameters {
        codes.push(ErrorCode::NotFound);
    }
    if operation.request_body.is_some() || has_parameters {
        codes.extend([ErrorCode::Invalid]);
    }
    if operation.request_body.is_some() {
        codes.extend([
            ErrorCode::TooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::NotFound,
        ]);
    }
    for code in codes {
        let status = code.status().as_u16().to_string();
        operation
            .responses
            .responses
            .entry(status)
            .or_insert_with(|| RefOr::T(error(code.status())));
    }
    for response in operation.responses.responses.values_mut() {
        // A status that a handler names without a body is an error: it has the envelope.
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.starts_with("Error: ") && response.content.is_empty() {
            let filled = error(StatusCode::INTERNAL_SERVER_ERROR);
            response.content = filled.content;
        }
    }
}

fn error(status: StatusCode) -> utoipa::openapi::Response {
    let words = status.canonical_reason().unwrap_or("Error");
    let content = Content::builder()
        .schema(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))))
        .build();
    ResponseBuilder::new()
        .description(format!("Error: {words}"))
        .content("application/json", content)
        .build()
}
