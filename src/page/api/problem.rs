//! What is wrong with a request, as a problem document (RFC 9457).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// A problem document. Its `type` is "about:blank": the status says the kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here, and what to write instead.
    detail: String,
}

impl Problem {
    /// A parameter is not as it must be.
    pub(super) fn parameter(detail: String) -> Self {
        Self {
            title: "Bad parameter",
            status: StatusCode::BAD_REQUEST.as_u16(),
            detail,
        }
    }

    /// The policy does not allow it.
    pub(crate) fn forbidden(detail: String) -> Self {
        Self {
            title: "Not allowed",
            status: StatusCode::FORBIDDEN.as_u16(),
            detail,
        }
    }

    /// There is nothing at this path.
    pub(super) fn no_such_path(path: &str) -> Self {
        Self {
            title: "Not found",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail: format!("there is no {path}; /api/v1/openapi.json lists what there is"),
        }
    }

    /// Tables know nothing of a service.
    pub(super) fn no_service() -> Self {
        Self {
            title: "Not found",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail: "these are tables without a service: ask a running instance for its health"
                .into(),
        }
    }

    /// The API only reads.
    pub(super) fn method() -> Self {
        Self {
            title: "Method not allowed",
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            detail: "the API only answers GET".into(),
        }
    }

    /// An answer could not be written.
    pub(crate) fn internal(detail: String) -> Self {
        Self {
            title: "Internal error",
            status: StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
            detail,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let body = serde_json::to_string(&self).unwrap_or_default();
        (status, kind, body).into_response()
    }
}
