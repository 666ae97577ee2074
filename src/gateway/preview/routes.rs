//! The page around the pictures, and the pictures as a stream of JPEGs (`multipart/x-mixed-replace`), which browsers show.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use demograph_core::record::SourceId;
use demograph_service::http::host;
use futures_util::stream;
use tokio::sync::Semaphore;

use super::{
    Screen,
    screen::{Still, Viewer},
};

/// So many may look at a time.
const VIEWERS_MAX: usize = 3;
const PAGE: &str = include_str!("page.html");
/// Nothing is loaded from elsewhere, and no other page may show it.
const POLICY: &str =
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Who looks, and at what.
struct Looking {
    name: String,
    screen: Screen,
    places: Arc<Semaphore>,
}

/// Everything under this path.
pub(super) fn of(source: &SourceId, path: &str, screen: Screen) -> Router {
    let looking = Looking {
        name: source.as_str().to_owned(),
        screen,
        places: Arc::new(Semaphore::new(VIEWERS_MAX)),
    };
    Router::new()
        .route(path, get(page))
        .route(&format!("{path}stream"), get(pictures))
        .with_state(Arc::new(looking))
        .layer(from_fn(guarded))
}

/// Only requests that name this machine are answered. No answer is kept, or shown within another page.
async fn guarded(request: Request, next: Next) -> Response {
    if !host::is_local(request.headers()) {
        return (StatusCode::FORBIDDEN, host::NOT_LOCAL).into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page(State(looking): State<Arc<Looking>>) -> Html<String> {
    Html(PAGE.replace("NAME", &escaped(&looking.name)))
}

fn escaped(name: &str) -> String {
    let name = name.replace('&', "&amp;").replace('<', "&lt;");
    name.replace('>', "&gt;").replace('"', "&quot;")
}

async fn pictures(State(looking): State<Arc<Looking>>) -> Response {
    let Ok(place) = looking.places.clone().try_acquire_owned() else {
        let words = format!("{VIEWERS_MAX} look already: close one of the pages");
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    };
    tracing::warn!(camera = looking.name, "somebody looks at the preview");
    let begin = (looking.screen.viewer(), place, true);
    let parts = stream::unfold(begin, async |(mut viewer, place, is_first)| {
        let part = part(&mut viewer, is_first).await?;
        Some((Ok::<Bytes, Infallible>(part), (viewer, place, false)))
    });
    let kind = [(
        header::CONTENT_TYPE,
        "multipart/x-mixed-replace; boundary=picture",
    )];
    (kind, Body::from_stream(parts)).into_response()
}

/// The next picture. The boundary stands behind it at once, so that a browser shows it at once.
async fn part(viewer: &mut Viewer, is_first: bool) -> Option<Bytes> {
    let still = viewer.next().await?;
    let Still { jpeg, .. } = &*still;
    let begin = if is_first { "--picture\r\n" } else { "" };
    let length = jpeg.len();
    let head = format!("{begin}Content-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
    Some(
        [head.as_bytes(), jpeg, b"\r\n--picture\r\n"]
            .concat()
            .into(),
    )
}
