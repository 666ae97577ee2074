//! The API under `/api/v1`: each answer as JSON, or as CSV where it is a table.

mod answer;
mod health;
mod live;
mod openapi;
mod problem;
mod query;
mod series;
mod site;
mod sources;
mod stream;
mod texts;

use std::time::Duration;

use axum::{
    Extension, Json, Router,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
    routing::get,
};
use demograph_core::record::SourceId;
use demograph_service::{
    clock,
    http::{Caller, Full},
};

use crate::Service;
use answer::Format;
use query::{Query, Wanted};

pub(super) use problem::Problem;
pub(super) use texts::Texts;

pub use openapi::description;

/// How long an answer waits until it may read tables: less than the endpoint waits for it.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Where the API lies.
const ROOT: &str = "/api/v1";

pub(super) fn routes() -> Router<Service> {
    let api = Router::new()
        .route("/sources", get(list_sources))
        .route("/live", get(now))
        .route("/live/stream", get(stream::of))
        .route("/series", get(history))
        .route("/health", get(is_well))
        .route("/openapi.json", get(async || Json(description())))
        .fallback(async |OriginalUri(uri): OriginalUri| Problem::no_such_path(uri.path()))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(axum::middleware::from_fn(site::whole))
        .layer(axum::middleware::map_response(crate::assets::guarded));
    Router::new().nest(ROOT, api)
}

async fn list_sources(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let sources = sources::Sources::of(&service.visible, &wanted);
    match Format::of(&query)? {
        Format::Json => Ok(Json(sources).into_response()),
        Format::Csv => answer::csv(sources.rows()),
    }
}

async fn now(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let live = live::Live::of(&service.visible.latest.get(), &wanted);
    match Format::of(&query)? {
        Format::Json => Ok(Json(live).into_response()),
        Format::Csv => answer::csv(live.rows()),
    }
}

async fn history(
    State(service): State<Service>,
    Extension(Caller(caller)): Extension<Caller>,
    query: Query,
) -> Result<Response, Problem> {
    let asked = series::asked(&query, clock::now())?;
    // The tables may be older than the policy.
    let granted = service
        .visible
        .policy
        .granted(&SourceId::new(&asked.source));
    if !granted.contains(asked.attribute) {
        let detail = format!("no policy allows {} of {:?}", asked.attribute, asked.source);
        return Err(Problem::forbidden(detail));
    }
    // One answer at a time reads tables: the service's own work comes first.
    let busy = |full| Problem::busy(full, "answers from tables");
    let place = service.answers.take(caller).map_err(busy)?;
    let turn = tokio::time::timeout(TURN_MAX, service.reading.clone().acquire_owned()).await;
    let turn = turn.map_err(|_| busy(Full::All))?;
    let reader = service.clone();
    let wanted = asked.clone();
    let read = tokio::task::spawn_blocking(move || {
        // Also while nobody waits for the answer any more.
        let _held = (place, turn);
        reader.visible.history.rows(&wanted)
    });
    let read = read.await;
    let rows = match read {
        Ok(Ok(rows)) => rows,
        Ok(Err(error)) => return Err(Problem::internal(format!("read the tables: {error:#}"))),
        Err(_) => return Err(Problem::internal("reading the tables failed".into())),
    };
    let series = series::Series::of(asked, rows);
    match Format::of(&query)? {
        Format::Json => Ok(Json(series).into_response()),
        Format::Csv => answer::csv(series.rows()),
    }
}

async fn is_well(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    query.only(&["format"])?;
    let health = health::Health::of(&service.visible);
    match Format::of(&query)? {
        Format::Json => Ok(Json(health).into_response()),
        Format::Csv => answer::csv(health.rows()),
    }
}
