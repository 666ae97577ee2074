//! The page and its API answer only requests that name this machine, while they listen on loopback only.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use demograph_service::http::host;

use crate::api::Problem;

/// Answers requests that name this machine; refuses others.
pub(super) async fn only_local(request: Request, next: Next) -> Response {
    match host::is_local(request.headers()) {
        true => next.run(request).await,
        false => Problem::forbidden(host::NOT_LOCAL.into()).into_response(),
    }
}
