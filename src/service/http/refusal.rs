//! Why a request is not answered, as a problem document (RFC 9457).

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A status, the reason, and when to try again.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: &'static str,
    wait: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: &'static str) -> Self {
        Self {
            status,
            detail,
            wait: None,
        }
    }

    /// It may be tried again after this time.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..self
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = json!({
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut answer = (self.status, Json(document)).into_response();
        let headers = answer.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(wait) = self.wait {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
