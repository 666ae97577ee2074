//! What every request passes before it is answered: who asks, what it brings along, which other pages may ask.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    connections::Caller,
    door::{Door, Doors},
    refusal::Refusal,
    users::{Doorkeeper, Verdict},
};
use crate::clock;

/// They say nothing of people, and Kubernetes' probes have no place for a secret.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// What the middleware knows.
pub(super) struct Guard {
    doors: Doors,
    keeper: Doorkeeper,
    /// Pages of these origins may ask.
    origins: Vec<HeaderValue>,
}

impl Guard {
    pub(super) fn new(doors: Doors, origins: &[String]) -> Arc<Self> {
        let origins = origins.iter();
        Arc::new(Self {
            doors,
            keeper: Doorkeeper::new(clock::instant()),
            origins: origins.filter_map(|origin| origin.parse().ok()).collect(),
        })
    }

    /// The request's origin, if pages from there may ask.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins.contains(origin).then(|| origin.clone())
    }

    async fn refuse(&self, door: &Door, request: &Parts) -> Option<Response> {
        if has_body(&request.headers) {
            let refusal = Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "No body is read here: ask by GET alone.",
            );
            let mut answer = refusal.into_response();
            let headers = answer.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            return Some(answer);
        }
        if !door.asks() || OPEN.contains(&request.uri.path()) {
            return None;
        }
        let caller = request.extensions.get::<Caller>();
        let from = caller.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |caller| caller.0);
        let shown = request.headers.get(header::AUTHORIZATION);
        match self.keeper.judge(&door.users, shown, from).await {
            Verdict::Welcome => None,
            Verdict::Stranger => Some(unknown(door)),
            Verdict::Later(wait) => {
                let why = "Too many logins that were wrong. Wait before you try again.";
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, why);
                Some(refusal.after(wait).into_response())
            }
        }
    }
}

/// Passes requests on, or refuses them.
pub(super) async fn pass(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let door = guard.doors.now();
    let (request, body) = request.into_parts();
    let origin = guard.origin(&request.headers);
    let is_preflight = request.method == Method::OPTIONS
        && request
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = match (is_preflight, &origin) {
        // A browser sends no login with it.
        (true, Some(_)) if !has_body(&request.headers) => StatusCode::NO_CONTENT.into_response(),
        _ => match guard.refuse(&door, &request).await {
            Some(refusal) => refusal,
            None => next.run(Request::from_parts(request, body)).await,
        },
    };
    let headers = answer.headers_mut();
    for (name, value) in &door.headers {
        headers.insert(name, value.clone());
    }
    if !guard.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_preflight {
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization"),
                (header::ACCESS_CONTROL_MAX_AGE, "600"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    }
    answer
}

/// A request with a body could hide another request in it.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn unknown(door: &Door) -> Response {
    let why =
        "Show who you are: a user and password of http.web_config, or a token of http.tokens.";
    let mut answer = Refusal::new(StatusCode::UNAUTHORIZED, why).into_response();
    let headers = answer.headers_mut();
    if door.users.has_passwords() {
        let basic = HeaderValue::from_static("Basic realm=\"demograph\", charset=\"UTF-8\"");
        headers.append(header::WWW_AUTHENTICATE, basic);
    }
    if door.users.has_tokens() {
        let bearer = HeaderValue::from_static("Bearer realm=\"demograph\"");
        headers.append(header::WWW_AUTHENTICATE, bearer);
    }
    answer
}
