//! The API under `/api/v1`: each answer as JSON, or as CSV where it is a table.

mod answer;
mod health;
mod inputs;
mod left_out;
mod live;
mod openapi;
mod people;
mod problem;
mod query;
mod series;
mod site;
mod sources;
mod stream;
mod texts;
mod windows;

use std::{net::IpAddr, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{OriginalUri, State},
    response::Response,
    routing::get,
};
use demograph_core::record::{Attribute, SourceId};
use demograph_service::{
    clock,
    http::{Caller, Full},
    sink::history::History,
    snapshot::Snapshot,
};
use serde_json::{Value, json};
use tokio::{task::JoinError, time::timeout};

use crate::{
    Origin, Service,
    origin::{self, OriginKind},
};
use query::{Query, Wanted};

pub(super) use problem::Problem;
pub(super) use texts::Texts;

pub use openapi::description;

/// How long an answer waits until it may read tables: less than the endpoint waits for it.
const TURN_MAX: Duration = Duration::from_secs(5);
/// How long an answer is waited for then. Both together are shorter than a connection stays open without an answer.
const READ_MAX: Duration = Duration::from_secs(4);

/// Where the API lies.
const ROOT: &str = "/api/v1";

pub(super) fn routes() -> Router<Service> {
    let api = Router::new()
        .route("/sources", get(list_sources))
        .route("/live", get(newest))
        .route("/live/stream", get(stream::of))
        .route("/series", get(history))
        .route("/windows", get(released))
        .route("/health", get(is_well))
        .route("/openapi.json", get(async || Json(description())))
        .fallback(async |OriginalUri(uri): OriginalUri| Problem::no_such_path(uri.path()))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(axum::middleware::from_fn(site::whole))
        .layer(axum::middleware::map_response(crate::assets::guarded));
    Router::new().nest(ROOT, api)
}

pub(super) fn live_of(now: &Snapshot) -> Value {
    let live = live::Live::of(OriginKind::Service, now, &Wanted::everything());
    json!(live)
}

async fn list_sources(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let now = origin::now(&service).await?;
    let sources = sources::Sources::of(&service.origin, &now, &wanted);
    answer::of(&query, &sources, sources.rows())
}

async fn newest(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    let wanted = Wanted::of(&query)?;
    let now = origin::now(&service).await?;
    let live = live::Live::of(service.origin.kind(), &now, &wanted);
    answer::of(&query, &live, live.rows())
}

async fn history(
    State(service): State<Service>,
    Extension(Caller(caller)): Extension<Caller>,
    query: Query,
) -> Result<Response, Problem> {
    let asked = series::asked(&query, clock::now())?;
    let wanted = asked.clone();
    let of = (asked.source.as_str(), asked.attribute);
    let found = read(service, caller, of, move |history| history.rows(&wanted)).await?;
    let series = series::Series::of(asked, found);
    answer::of(&query, &series, series.rows())
}

async fn released(
    State(service): State<Service>,
    Extension(Caller(caller)): Extension<Caller>,
    query: Query,
) -> Result<Response, Problem> {
    let asked = windows::asked(&query, clock::now())?;
    let wanted = asked.clone();
    let of = (asked.source.as_str(), asked.attribute);
    let found = read(service, caller, of, move |history| history.windows(&wanted)).await?;
    let windows = windows::Windows::of(asked, found);
    answer::of(&query, &windows, windows.rows())
}

/// What the tables say of an attribute of a source, if the policy of today allows it: the tables may be older.
async fn read<T: Send + 'static>(
    service: Service,
    caller: IpAddr,
    (source, attribute): (&str, Attribute),
    read: impl FnOnce(&History) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    if let Origin::Service(visible) = &service.origin {
        let granted = visible.policy.granted(&SourceId::new(source));
        if !granted.contains(attribute) {
            let detail = format!("no policy allows {attribute} of {source:?}");
            return Err(Problem::forbidden(detail));
        }
    }
    // One answer at a time reads tables: the service's own work comes first.
    let busy = |full| Problem::busy(full, "answers from tables");
    let place = service.answers.take(caller).map_err(busy)?;
    let turn = timeout(TURN_MAX, service.reading.clone().acquire_owned()).await;
    let turn = turn.map_err(|_| busy(Full::All))?;
    let found = tokio::task::spawn_blocking(move || {
        // Also while nobody waits for the answer any more.
        let _held = (place, turn);
        read(service.origin.history())
    });
    in_time(READ_MAX, found).await
}

/// What was read of the tables. A connection without an answer is closed after a while, so one that takes long is told before.
async fn in_time<T>(
    patience: Duration,
    found: impl Future<Output = Result<anyhow::Result<T>, JoinError>>,
) -> Result<T, Problem> {
    match timeout(patience, found).await {
        Ok(Ok(Ok(found))) => Ok(found),
        Ok(Ok(Err(error))) => Err(Problem::internal(format!("read the tables: {error:#}"))),
        Ok(Err(_)) => Err(Problem::internal("reading the tables failed".into())),
        Err(_) => Err(Problem::slow(patience)),
    }
}

async fn is_well(State(service): State<Service>, query: Query) -> Result<Response, Problem> {
    query.only(&["format"])?;
    let Origin::Service(visible) = &service.origin else {
        return Err(Problem::no_service());
    };
    let health = health::Health::of(visible);
    answer::of(&query, &health, health.rows())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use axum::{
        http::{StatusCode, header},
        response::IntoResponse,
    };

    use super::*;

    #[test]
    fn tables_that_take_long_are_told_before_the_connection_is_closed() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let never = in_time::<()>(Duration::ZERO, pending());
        let said = runtime.block_on(never).unwrap_err().into_response();
        assert_eq!(said.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(said.headers()[header::RETRY_AFTER], "2");
        let known = in_time(Duration::ZERO, ready(Ok(Ok(7))));
        assert_eq!(runtime.block_on(known).unwrap(), 7);
    }
}
