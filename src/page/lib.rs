//! A page to look at, and the API behind it (docs/page.md).
//!
//! Promises: what it says of people are the released values of the service's read model or of its tables, and no others. Nothing is loaded
//! from elsewhere. What a request may cost is bounded.

mod api;
mod assets;
mod host;
mod origin;
mod tables;
mod time;

use std::sync::Arc;

use axum::{Router, routing::get};
use demograph_service::{http::Places, snapshot::Snapshot};
use tokio::sync::Semaphore;

pub use api::description;
pub use origin::Origin;
pub use tables::Tables;

/// Answers from tables at a time, and half as many for one address.
const ANSWERS: usize = 32;
/// Streams of events at a time, and half as many for one address.
const STREAMS: usize = 128;

/// What the routes answer from.
type Service = Arc<Shared>;

struct Shared {
    origin: Origin,
    /// Who may read tables now: one at a time.
    reading: Arc<Semaphore>,
    /// Answers from tables that are being made or wait.
    answers: Places,
    /// Streams of events.
    streams: Places,
    /// What they say.
    texts: api::Texts,
}

/// What `/api/v1/live` says of all sources of a service: for the test that attacks it.
#[doc(hidden)]
pub fn live(now: &Snapshot) -> serde_json::Value {
    api::live_of(now)
}

/// The page at `/`, and the API under `/api/v1`.
pub fn routes(origin: Origin) -> Router {
    let is_local = origin.is_local();
    let peers = origin.peers().clone();
    let service = Shared {
        origin,
        reading: Arc::new(Semaphore::new(1)),
        answers: Places::new(ANSWERS, ANSWERS / 2),
        streams: Places::new(STREAMS, STREAMS / 2),
        texts: api::Texts::default(),
    };
    let assets = Router::new()
        .route("/", get(assets::html))
        .route("/page.css", get(assets::css))
        .route("/page.js", get(assets::js))
        .route("/words.js", get(assets::words))
        .route("/source.js", get(assets::source))
        .route("/people.js", get(assets::people))
        .route("/health.js", get(assets::health))
        .route("/draw.js", get(assets::draw))
        .route("/chart.js", get(assets::chart))
        .route("/compare.js", get(assets::compare))
        .route("/icon.svg", get(assets::icon))
        .route("/uplot.js", get(assets::uplot))
        .route("/uplot.css", get(assets::uplot_css))
        .layer(axum::middleware::map_response(assets::guarded));
    let routes = assets.merge(api::routes().with_state(Arc::new(service)));
    let routes = routes.layer(axum::Extension(peers));
    match is_local {
        true => routes.layer(axum::middleware::from_fn(host::only_local)),
        false => routes,
    }
}
