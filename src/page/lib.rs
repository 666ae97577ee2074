//! A page to look at, and the API behind it (docs/page.md).
//!
//! Promises: what it says of people are the released values of the service's read model, and no others. Nothing is loaded
//! from elsewhere. What a request may cost is bounded.

mod api;
mod assets;
mod host;
mod time;

use std::sync::Arc;

use axum::{Router, routing::get};
use demograph_service::{http::Places, wiring::Visible};
use tokio::sync::Semaphore;

pub use api::description;

/// Answers from tables at a time, and half as many for one address.
const ANSWERS: usize = 32;
/// Streams of events at a time, and half as many for one address.
const STREAMS: usize = 128;

/// What the routes answer from.
type Service = Arc<Shared>;

struct Shared {
    visible: Visible,
    /// Who may read tables now: one at a time.
    reading: Arc<Semaphore>,
    /// Answers from tables that are being made or wait.
    answers: Places,
    /// Streams of events.
    streams: Places,
    /// What they say.
    texts: api::Texts,
}

/// The page at `/`, and the API under `/api/v1`.
pub fn routes(visible: Visible) -> Router {
    let is_local = visible.is_local;
    let peers = visible.peers.clone();
    let service = Shared {
        visible,
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
        .route("/draw.js", get(assets::draw))
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
