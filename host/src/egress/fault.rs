//! Why a request failed, in the code that the guest gets and in the words that a person gets.

use wasmtime_wasi_http::Error;

use crate::contract::Explanation;

/// The cases of `wasi:http`'s `error-code` that the host answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Denied,
    AddressProhibited,
    Dns,
    DnsTimeout,
    Refused,
    ConnectTimeout,
    Terminated,
    Unroutable,
    Unavailable,
    LimitReached,
    TlsCertificate,
    TlsProtocol,
    RequestBody,
    RequestHead,
    Uri,
    Method,
    ResponseHead(u32),
    ResponseBody(u64),
    ResponseTimeout,
    ReadTimeout,
    Upgrade,
    Protocol,
    Loop,
    /// `internal-error` with the message: for what `wasi:http` has no case for, such as a digest.
    Internal,
}

/// A request that failed or was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Fault {
    pub(super) code: Code,
    /// One sentence: what happened, and where.
    pub(super) message: String,
    /// One sentence: what to do.
    pub(super) hint: String,
    /// The flag that would allow it, where the policy refused and a person could decide otherwise.
    pub(super) allow: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            allow: None,
        }
    }

    /// Something that only the connector's author can put right.
    pub(super) fn connector(code: Code, message: impl Into<String>) -> Self {
        Self::new(
            code,
            message,
            "This is a fault of the connector; report it to its author.",
        )
    }

    pub(super) fn explanation(&self) -> Explanation {
        Explanation {
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }

    /// What the guest gets.
    pub(super) fn error(&self) -> Error {
        match self.code {
            Code::Denied => Error::HttpRequestDenied,
            Code::AddressProhibited => Error::DestinationIpProhibited,
            Code::Dns => Error::DnsError {
                rcode: None,
                info_code: None,
            },
            Code::DnsTimeout => Error::DnsTimeout,
            Code::Refused => Error::ConnectionRefused,
            Code::ConnectTimeout => Error::ConnectionTimeout,
            Code::Terminated => Error::ConnectionTerminated,
            Code::Unroutable => Error::DestinationIpUnroutable,
            Code::Unavailable => Error::DestinationUnavailable,
            Code::LimitReached => Error::ConnectionLimitReached,
            Code::TlsCertificate => Error::TlsCertificateError,
            Code::TlsProtocol => Error::TlsProtocolError,
            Code::RequestBody => Error::HttpRequestBodySize(None),
            Code::RequestHead => Error::HttpRequestHeaderSectionSize(None),
            Code::Uri => Error::HttpRequestUriInvalid,
            Code::Method => Error::HttpRequestMethodInvalid,
            Code::ResponseHead(limit) => Error::HttpResponseHeaderSectionSize(Some(limit)),
            Code::ResponseBody(limit) => Error::HttpResponseBodySize(Some(limit)),
            Code::ResponseTimeout => Error::HttpResponseTimeout,
            Code::ReadTimeout => Error::ConnectionReadTimeout,
            Code::Upgrade => Error::HttpUpgradeFailed,
            Code::Protocol => Error::HttpProtocolError,
            Code::Loop => Error::LoopDetected,
            Code::Internal => Error::InternalError(Some(self.message.clone())),
        }
    }
}
