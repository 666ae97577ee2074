//! A page to look at, and the API behind it (docs/page.md).
//!
//! Promises: what it says of people are the released values of the service's read model, and no others. Nothing is loaded
//! from elsewhere. What a request may cost is bounded.

mod api;
mod assets;
mod time;

use std::sync::Arc;

use axum::{Router, routing::get};
use demograph_service::wiring::Visible;

pub use api::description;

/// What the routes answer from.
type Service = Arc<Visible>;

/// The page at `/`, and the API under `/api/v1`.
pub fn routes(service: Visible) -> Router {
    let assets = Router::new()
        .route("/", get(assets::html))
        .route("/page.css", get(assets::css))
        .route("/page.js", get(assets::js))
        .route("/words.js", get(assets::words))
        .route("/icon.svg", get(assets::icon))
        .layer(axum::middleware::map_response(assets::guarded));
    assets.merge(api::routes().with_state(Arc::new(service)))
}
