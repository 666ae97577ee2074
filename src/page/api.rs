//! The API under `/api/v1`: each answer as JSON, or as CSV where it is a table.

mod answer;
mod health;
mod live;
mod openapi;
mod problem;
mod query;
mod sources;
mod stream;

use axum::{
    Json, Router,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::Service;
use answer::Format;
use problem::Problem;
use query::{Query, Wanted};

pub use openapi::description;

/// Where the API lies.
const ROOT: &str = "/api/v1";

pub(super) fn routes() -> Router<Service> {
    let api = Router::new()
        .route("/sources", get(list_sources))
        .route("/live", get(now))
        .route("/live/stream", get(stream::of))
        .route("/health", get(is_well))
        .route("/openapi.json", get(async || Json(description())))
        .fallback(async |OriginalUri(uri): OriginalUri| Problem::no_such_path(uri.path()))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(axum::middleware::map_response(crate::assets::guarded));
    Router::new().nest(ROOT, api)
}

async fn list_sources(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let sources = sources::Sources::of(&service, &wanted);
    match Format::of(&query)? {
        Format::Json => Ok(Json(sources).into_response()),
        Format::Csv => answer::csv(sources.rows()),
    }
}

async fn now(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let live = live::Live::of(&service.latest.get(), &wanted);
    match Format::of(&query)? {
        Format::Json => Ok(Json(live).into_response()),
        Format::Csv => answer::csv(live.rows()),
    }
}

async fn is_well(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    query.only(&["format"])?;
    let health = health::Health::of(&service);
    match Format::of(&query)? {
        Format::Json => Ok(Json(health).into_response()),
        Format::Csv => answer::csv(health.rows()),
    }
}
