//! What is wrong with a request, as a problem document (RFC 9457).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use demograph_service::http::Full;
use schemars::JsonSchema;
use serde::Serialize;

/// When a request that found no place may be sent again.
const WAIT_SECONDS: u64 = 2;

/// A problem document. Its `type` is "about:blank": the status says the kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here, and what to write instead.
    detail: String,
    /// When to try again, in seconds.
    #[serde(skip)]
    wait: Option<u64>,
}

impl Problem {
    /// There is no place for the request now.
    pub(super) fn busy(full: Full, what: &str) -> Self {
        let (status, whose) = match full {
            Full::All => (StatusCode::SERVICE_UNAVAILABLE, "All places for"),
            Full::OfOne => (
                StatusCode::TOO_MANY_REQUESTS,
                "All places of this address for",
            ),
        };
        Self {
            title: "Busy",
            status: status.as_u16(),
            detail: format!("{whose} {what} are taken: try again"),
            wait: Some(WAIT_SECONDS),
        }
    }

    /// The tables are still being read.
    pub(super) fn slow(patience: std::time::Duration) -> Self {
        Self {
            title: "Slow",
            status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            detail: format!(
                "reading the tables takes longer than {} s. It goes on, and what was read is kept: ask again, or ask for \
                 fewer dates. `demograph compact` makes fewer files",
                patience.as_secs()
            ),
            wait: Some(WAIT_SECONDS),
        }
    }

    /// A parameter is not as it must be.
    pub(super) fn parameter(detail: String) -> Self {
        Self {
            title: "Bad parameter",
            status: StatusCode::BAD_REQUEST.as_u16(),
            detail,
            wait: None,
        }
    }

    /// The policy does not allow it.
    pub(crate) fn forbidden(detail: String) -> Self {
        Self {
            title: "Not allowed",
            status: StatusCode::FORBIDDEN.as_u16(),
            detail,
            wait: None,
        }
    }

    /// There is nothing at this path.
    pub(super) fn no_such_path(path: &str) -> Self {
        Self {
            title: "Not found",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail: format!("there is no {path}; /api/v1/openapi.json lists what there is"),
            wait: None,
        }
    }

    /// Tables know nothing of a service.
    pub(super) fn no_service() -> Self {
        Self {
            title: "Not found",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail: "these are tables without a service: ask a running instance for its health"
                .into(),
            wait: None,
        }
    }

    /// The API only reads.
    pub(super) fn method() -> Self {
        Self {
            title: "Method not allowed",
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            detail: "the API only answers GET".into(),
            wait: None,
        }
    }

    /// The header `Accept` refuses both forms.
    pub(super) fn not_acceptable() -> Self {
        Self {
            title: "Not acceptable",
            status: StatusCode::NOT_ACCEPTABLE.as_u16(),
            detail: "the header Accept takes neither application/json nor text/csv: name one of them, or write format=json or \
                     format=csv"
                .into(),
            wait: None,
        }
    }

    /// A peer does not answer.
    pub(super) fn away(detail: String) -> Self {
        Self {
            title: "Peer away",
            status: StatusCode::BAD_GATEWAY.as_u16(),
            detail,
            wait: None,
        }
    }

    /// An answer could not be written.
    pub(crate) fn internal(detail: String) -> Self {
        Self {
            title: "Internal error",
            status: StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
            detail,
            wait: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut answer = (status, kind, body).into_response();
        if let Some(wait) = self.wait {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, wait.into());
        }
        answer
    }
}
