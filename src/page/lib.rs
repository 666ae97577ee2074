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
use tokio::sync::Semaphore;

pub use api::description;
pub use origin::Origin;
pub use tables::Tables;

/// What the routes answer from.
type Service = Arc<Shared>;

struct Shared {
    origin: Origin,
    /// Who may read tables now.
    reading: Semaphore,
}

/// The page at `/`, and the API under `/api/v1`.
pub fn routes(origin: Origin) -> Router {
    let is_local = origin.is_local();
    let service = Shared {
        origin,
        reading: Semaphore::new(1),
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
    match is_local {
        true => routes.layer(axum::middleware::from_fn(host::only_local)),
        false => routes,
    }
}
