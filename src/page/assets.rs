//! The page's files, which the program carries in itself.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

/// Nothing but the page's own files and API; nobody may put the page into a frame.
const POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another version of the program has other files under the same names.
    (header::CACHE_CONTROL, "no-cache"),
];

pub(super) async fn html() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (kind, include_str!("assets/index.html"))
}

pub(super) async fn css() -> impl IntoResponse {
    style(include_str!("assets/page.css"))
}

pub(super) async fn js() -> impl IntoResponse {
    script(include_str!("assets/page.js"))
}

pub(super) async fn words() -> impl IntoResponse {
    script(include_str!("assets/words.js"))
}

pub(super) async fn source() -> impl IntoResponse {
    script(include_str!("assets/source.js"))
}

pub(super) async fn people() -> impl IntoResponse {
    script(include_str!("assets/people.js"))
}

pub(super) async fn health() -> impl IntoResponse {
    script(include_str!("assets/health.js"))
}

pub(super) async fn draw() -> impl IntoResponse {
    script(include_str!("assets/draw.js"))
}

pub(super) async fn chart() -> impl IntoResponse {
    script(include_str!("assets/chart.js"))
}

pub(super) async fn compare() -> impl IntoResponse {
    script(include_str!("assets/compare.js"))
}

/// Draws charts of time.
pub(super) async fn uplot() -> impl IntoResponse {
    script(include_str!("assets/uplot/uPlot.iife.min.js"))
}

pub(super) async fn uplot_css() -> impl IntoResponse {
    style(include_str!("assets/uplot/uPlot.min.css"))
}

pub(super) async fn icon() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
    (kind, include_str!("assets/icon.svg"))
}

fn style(text: &'static str) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, text)
}

fn script(text: &'static str) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, text)
}

/// The answer with the headers that keep a browser from loading anything else.
pub(super) async fn guarded(mut answer: Response) -> Response {
    for (name, value) in HEADERS {
        let headers = answer.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
