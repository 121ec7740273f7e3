//! The one envelope of every error of the API.
//!
//! ```json
//! {"error": {"code": "not-found", "message": "no connection is called \"acme\"", "hint": "…", "field": "name"}}
//! ```

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::contract::{Explanation, Failure};
use crate::host::HostError;
use crate::serve::auth::Role;
use crate::serve::runs::Conflict;
use crate::store::StoreError;

/// What kind of error it is. Each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 400: what came can't be understood.
    BadRequest,
    /// 401: nobody is signed in, or the token is not known.
    Unauthenticated,
    /// 403: the role does not allow it.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 409: it is not in a state for that.
    Conflict,
    /// 412: somebody else changed it meanwhile.
    Changed,
    /// 413.
    TooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 422: understood, and refused.
    Invalid,
    /// 428: an edit has to say what it edits (`If-Match`).
    PreconditionRequired,
    /// 429.
    TooMany,
    /// 502: GitLab (or whatever is connected) could not be reached or said no.
    Upstream,
    /// 503: the daemon is ending, or the store can't be written.
    Unavailable,
    /// 500.
    Unexpected,
}

impl ErrorCode {
    /// The status that it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unexpected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request was not done. A page shows it as a page, the API as the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiError {
    /// What kind.
    pub code: ErrorCode,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The field of the request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Seconds after which it may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// The envelope.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

impl ApiError {
    /// An error with a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: String::new(),
            field: None,
            retry_after: None,
        }
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// With the field that it is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "nobody is signed in")
            .hint("send an API token: Authorization: Bearer oxh_…")
    }

    pub(crate) fn forbidden(role: Role) -> Self {
        let role = match role {
            Role::Viewer => "viewer",
            Role::Analyst => "analyst",
            Role::Admin => "admin",
        };
        Self::new(ErrorCode::Forbidden, format!("this needs the role {role}"))
            .hint("ask an administrator of this host")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let retry_after = self.retry_after;
        let mut response = (
            status,
            axum::Json(ErrorBody {
                error: self.clone(),
            }),
        )
            .into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The console's layer makes a page of it.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<HostError> for ApiError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Unknown { what, name, list } => {
                let known = Self::new(ErrorCode::NotFound, format!("no {what} is called {name:?}"));
                match list {
                    "connections" | "connectors" | "images" => {
                        known.hint(format!("GET /api/v1/{list} lists them"))
                    }
                    "locations" => {
                        known.hint("GET /api/v1/connections/{name}/locations lists them")
                    }
                    _ => known,
                }
            }
            HostError::Settings(error) => Self::new(ErrorCode::Invalid, format!("{error:#}")),
            HostError::Connector(failure) => of_failure(failure),
            HostError::Limit(message) => Self::new(ErrorCode::Upstream, message).hint(
                "the connector reached a limit of its sandbox; the log of the host says more",
            ),
            HostError::Other(error) => of_other(&error),
        }
    }
}

fn of_failure(failure: Failure) -> ApiError {
    let told = |code, why: Explanation| ApiError::new(code, why.message).hint(why.hint);
    match failure {
        Failure::InvalidSettings(fault) => told(ErrorCode::Invalid, fault.why).field(fault.field),
        // Whoever asks is signed in here; it is the account's token that is not.
        Failure::Forbidden(lack) => told(ErrorCode::Upstream, lack.why),
        Failure::RateLimited(limit) => {
            let mut error = told(ErrorCode::Upstream, limit.why);
            error.retry_after = limit.retry_after.map(u64::from);
            error
        }
        Failure::Unauthenticated(why)
        | Failure::NotFound(why)
        | Failure::Unavailable(why)
        | Failure::UnexpectedAnswer(why)
        | Failure::OverLimit(why) => told(ErrorCode::Upstream, why),
        Failure::Stopped => ApiError::new(ErrorCode::Unavailable, "it was stopped"),
    }
}

fn of_other(error: &anyhow::Error) -> ApiError {
    if error.is::<Conflict>() {
        return ApiError::new(ErrorCode::Conflict, format!("{error:#}"));
    }
    let code = match error.downcast_ref::<StoreError>() {
        // The store has one word for what is not there and for what breaks a rule of it.
        Some(StoreError::Refused(why)) if why.starts_with("there is no ") => ErrorCode::NotFound,
        Some(StoreError::Refused(_)) => ErrorCode::Invalid,
        Some(StoreError::InUse { .. } | StoreError::DiskFull | StoreError::Closed) => {
            ErrorCode::Unavailable
        }
        _ => ErrorCode::Unexpected,
    };
    ApiError::new(code, format!("{error:#}"))
}
