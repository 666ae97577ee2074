//! `/live` again and again, as server-sent events: one whenever the service has a new picture of itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use demograph_service::{http::Caller, peers::Peers, snapshot::Snapshot};
use futures_util::{Stream, stream};

use super::{
    ROOT,
    live::Live,
    problem::Problem,
    query::{Query, Wanted},
    site,
};
use crate::{Service, origin};

/// How often the service is looked at: the most events a second that a page gets.
const EVERY: Duration = Duration::from_secs(1);
/// A sign of life, well before the endpoint closes a connection on which nothing is answered.
const ALIVE_EVERY: Duration = Duration::from_secs(4);

/// What a stream is of.
struct Asked {
    wanted: Wanted,
    query: Query,
    /// Pages that ask the same have the same text here.
    same: String,
    /// The part of the site's list; none where only this instance is streamed.
    page: Option<site::Page>,
}

pub(super) async fn of(
    State(service): State<Service>,
    Extension(Caller(caller)): Extension<Caller>,
    Extension(peers): Extension<Arc<Peers>>,
    query: Query,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    if let Some(format) = query.one("format")?.filter(|format| *format != "json") {
        return Err(Problem::parameter(format!(
            "format is {format:?}: the events of a stream hold JSON. Leave format out, or ask {ROOT}/live?format=csv as often as \
             you need it"
        )));
    }
    // The site is streamed, or this instance alone.
    let is_site = !peers.is_empty() && query.one("scope")? != Some("local");
    let query = query.without(&["scope"]);
    let wanted = Wanted::of(&query)?;
    let page = match is_site {
        true => Some(site::page(&query)?),
        false => None,
    };
    let asked = Arc::new(Asked {
        wanted,
        same: format!("{:?}", query.parameters()),
        query,
        page,
    });
    let place = service.streams.take(caller);
    let place = place.map_err(|full| Problem::busy(full, "streams"))?;
    let events = stream::unfold(None, move |last: Option<Arc<Snapshot>>| {
        // It goes with the stream.
        let _held = &place;
        let (service, peers, asked) = (service.clone(), peers.clone(), asked.clone());
        async move {
            let Asked {
                wanted,
                query,
                same,
                page,
            } = &*asked;
            // A stream that ends is asked for again, and the answer then says what is wrong.
            let newest = next(&service, last, is_site).await.ok()?;
            let origin = service.origin.kind();
            let text = match page {
                None => service.texts.of(&newest, same, || {
                    let live = Live::of(origin, &newest, wanted);
                    serde_json::to_string(&live).unwrap_or_default()
                }),
                Some(page) => {
                    let own = Live::of(origin, &newest, &wanted.with_those_before());
                    let own = serde_json::to_value(own).unwrap_or_default();
                    let live = site::live(&peers, own, query, page).await;
                    live.to_string().into()
                }
            };
            let event = Event::default().event("live").data(text);
            Some((Ok(event), Some(newest)))
        }
    });
    let alive = KeepAlive::new().interval(ALIVE_EVERY);
    Ok(Sse::new(events).keep_alive(alive))
}

/// The next picture that differs from the last. With peers each second has one: what they say may differ.
async fn next(
    service: &Service,
    last: Option<Arc<Snapshot>>,
    is_site: bool,
) -> Result<Arc<Snapshot>, Problem> {
    let Some(last) = last else {
        return origin::now(service).await;
    };
    loop {
        tokio::time::sleep(EVERY).await;
        let newest = origin::now(service).await?;
        if is_site || !Arc::ptr_eq(&newest, &last) {
            return Ok(newest);
        }
    }
}
