//! `/live` again and again, as server-sent events: one whenever the service has a new picture of itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use demograph_service::{http::Caller, snapshot::Snapshot};
use futures_util::{Stream, stream};

use super::{
    live::Live,
    problem::Problem,
    query::{Query, Wanted},
};
use crate::{Service, origin};

/// How often the service is looked at: the most events a second that a page gets.
const EVERY: Duration = Duration::from_secs(1);
/// A sign of life, well before the endpoint closes a connection on which nothing is answered.
const ALIVE_EVERY: Duration = Duration::from_secs(4);

pub(super) async fn of(
    State(service): State<Service>,
    Extension(Caller(caller)): Extension<Caller>,
    query: Query,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let wanted = Wanted::of(&query)?;
    let place = service.streams.take(caller);
    let place = place.map_err(|full| Problem::busy(full, "streams"))?;
    let events = stream::unfold(None, move |last: Option<Arc<Snapshot>>| {
        // It goes with the stream.
        let _held = &place;
        let (service, wanted) = (service.clone(), &wanted);
        let wanted = Wanted::clone(wanted);
        async move {
            // A stream that ends is asked for again, and the answer then says what is wrong.
            let newest = next(&service, last).await.ok()?;
            let live = Live::of(service.origin.kind(), &newest, &wanted);
            let event = Event::default().event("live").json_data(&live);
            Some((Ok(event.unwrap_or_default()), Some(newest)))
        }
    });
    let alive = KeepAlive::new().interval(ALIVE_EVERY);
    Ok(Sse::new(events).keep_alive(alive))
}

/// The next picture that differs from the last.
async fn next(service: &Service, last: Option<Arc<Snapshot>>) -> Result<Arc<Snapshot>, Problem> {
    let Some(last) = last else {
        return origin::now(service).await;
    };
    loop {
        tokio::time::sleep(EVERY).await;
        let newest = origin::now(service).await?;
        if !Arc::ptr_eq(&newest, &last) {
            return Ok(newest);
        }
    }
}
