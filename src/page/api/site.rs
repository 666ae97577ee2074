//! The whole site: what this instance says of its sources, and what its peers say of theirs.
//!
//! Promises: peers are asked for themselves alone (`scope=local`), so no request goes round in a circle. What they say was
//! released by them, and is passed on as they said it.

mod merge;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use demograph_service::peers::{INSTANCE, Peers, Said, Trouble};
use serde_json::Value;

use super::{
    ROOT,
    answer::Format,
    problem::Problem,
    query::{LIMIT_MAX, Query, Wanted},
};
use merge::Rest;

pub(super) use merge::Page;

/// Sources of one instance that are merged by name: what a peer may be asked for at once.
pub(super) const NAMES_MAX: usize = 20_000;

/// What the request asks for beside the instance itself.
struct Asked {
    /// Only this instance.
    is_local: bool,
    /// Only this peer.
    instance: Option<String>,
    /// The other parameters.
    rest: Vec<(String, String)>,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let query = uri.query().unwrap_or_default();
        let mut asked = Self {
            is_local: false,
            instance: None,
            rest: Vec::new(),
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            match name.as_str() {
                "scope" => match value.as_str() {
                    "local" => asked.is_local = true,
                    "site" => asked.is_local = false,
                    _ => {
                        let detail = format!("scope is {value:?}: write local or site");
                        return Err(Problem::parameter(detail));
                    }
                },
                "instance" => asked.instance = Some(value),
                _ => asked.rest.push((name, value)),
            }
        }
        Ok(asked)
    }
}

/// A path with parameters; `more` counts where a name is there twice.
fn target(path: &str, rest: &[(String, String)], more: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let is_replaced = |name: &str| more.iter().any(|(one, _)| *one == name);
    for (name, value) in rest.iter().filter(|(name, _)| !is_replaced(name)) {
        query.append_pair(name, value);
    }
    query.extend_pairs(more);
    format!("{path}?{}", query.finish())
}

/// Answers for the site where there are peers, else for the instance.
pub(super) async fn whole(
    Extension(peers): Extension<Arc<Peers>>,
    request: Request,
    next: Next,
) -> Response {
    let mut answer = match answer(&peers, request, next).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    };
    if let Ok(own) = HeaderValue::from_str(peers.own()) {
        answer.headers_mut().insert(INSTANCE, own);
    }
    answer
}

async fn answer(peers: &Peers, mut request: Request, next: Next) -> Result<Response, Problem> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(next.run(request).await);
    }
    let asked = Asked::of(request.uri())?;
    let path = request.uri().path().to_owned();
    if ["/series", "/windows"].contains(&path.as_str())
        && let Some(instance) = &asked.instance
    {
        let target = target(
            &format!("{ROOT}{path}"),
            &asked.rest,
            &[("scope", "local"), ("format", format(&request)?.name())],
        );
        return forwarded(peers.ask_one(instance, &target).await, instance);
    }
    let is_merged = ["/sources", "/live", "/health"].contains(&path.as_str());
    let is_site = !asked.is_local && !peers.is_empty() && request.method() == Method::GET;
    if !is_merged || !is_site {
        if asked.is_local {
            request.extensions_mut().insert(Local);
        }
        let mut rest = asked.rest;
        if let Some(instance) = asked.instance {
            // Where it means nothing it is refused as any other name.
            rest.push(("instance".into(), instance));
        }
        if path != "/live/stream" {
            *request.uri_mut() = uri(&target(&path, &rest, &[]))?;
        }
        return Ok(next.run(request).await);
    }

    let form = format(&request)?;
    let page = match path.as_str() {
        "/health" => None,
        _ => {
            let query = target("", &asked.rest, &[]);
            Some(page(&Query::read(&query[1..], &HeaderMap::new()))?)
        }
    };
    let most = page.as_ref().map(|page| match path.as_str() {
        "/sources" => NAMES_MAX,
        _ => page.offset + page.limit,
    });
    let most = most.map(|most| most.to_string());
    let mut more = vec![("format", form.name())];
    if let Some(most) = &most {
        more.extend([("offset", "0"), ("limit", most.as_str())]);
    }
    let own = target(&path, &asked.rest, &more);
    more.push(("scope", "local"));
    let theirs = target(&format!("{ROOT}{path}"), &asked.rest, &more);
    *request.uri_mut() = uri(&own)?;
    request.extensions_mut().insert(Local);
    let own = next.run(request).await;
    if own.status() != StatusCode::OK {
        // Peers are not asked what this instance refuses.
        return Ok(own);
    }
    let theirs = peers.ask(&theirs).await;
    let own = to_bytes(own.into_body(), usize::MAX).await;
    let own = own.map_err(|error| Problem::internal(format!("read the own answer: {error}")))?;
    let unread = |error: String| Problem::internal(format!("merge the answers: {error}"));
    Ok(match form {
        Format::Json => {
            let own = serde_json::from_slice(&own).map_err(|error| unread(error.to_string()))?;
            Json(json(&path, own, theirs, page.as_ref())).into_response()
        }
        Format::Csv => {
            let merged = match &page {
                Some(page) => merge::csv_of_sources(&own, &theirs, page, path == "/sources"),
                None => merge::csv_of_health(&own, &theirs),
            };
            let merged = merged.map_err(|error| unread(error.to_string()))?;
            let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
            (kind, merged).into_response()
        }
    })
}

fn json(path: &str, own: Value, theirs: Vec<Said>, page: Option<&Page>) -> Value {
    let rest = Rest::of(theirs);
    match (path, page) {
        ("/sources", Some(page)) => merge::sources(own, rest, page),
        (_, Some(page)) => merge::live(own, rest, page),
        _ => merge::health(own, rest),
    }
}

/// The same as `/live` for a stream, whose own part is there already, from the first source on.
pub(super) async fn live(peers: &Peers, own: Value, query: &Query, page: &Page) -> Value {
    let most = (page.offset + page.limit).to_string();
    let more = [
        ("format", "json"),
        ("offset", "0"),
        ("limit", most.as_str()),
        ("scope", "local"),
    ];
    let theirs = target(&format!("{ROOT}/live"), query.parameters(), &more);
    let theirs = peers.ask(&theirs).await;
    merge::live(own, Rest::of(theirs), page)
}

/// The request is for this instance alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local;

fn format(request: &Request) -> Result<Format, Problem> {
    let query = request.uri().query().unwrap_or_default();
    Format::of(&Query::read(query, request.headers()))
}

/// What the request wants of the merged list.
pub(super) fn page(query: &Query) -> Result<Page, Problem> {
    let wanted = Wanted::of(query)?;
    let (offset, limit) = (wanted.offset, wanted.limit);
    if offset.saturating_add(limit) > LIMIT_MAX {
        return Err(Problem::parameter(format!(
            "offset and limit are {offset} and {limit}: with peers they may be {LIMIT_MAX} together. Use search, or scope=local"
        )));
    }
    Ok(Page { offset, limit })
}

fn uri(target: &str) -> Result<Uri, Problem> {
    let uri: Result<Uri, _> = target.parse();
    uri.map_err(|error| Problem::parameter(format!("the query cannot be read: {error}")))
}

fn forwarded(
    said: Result<demograph_service::peers::Reply, Trouble>,
    instance: &str,
) -> Result<Response, Problem> {
    let reply = match said {
        Ok(reply) => reply,
        Err(Trouble::Unknown(there)) => {
            let detail = match there.is_empty() {
                true => {
                    format!("instance is {instance:?}: this instance has no peers (http.peers)")
                }
                false => format!("instance is {instance:?}: there are {there:?}"),
            };
            return Err(Problem::parameter(detail));
        }
        Err(Trouble::Silent(why)) => {
            return Err(Problem::away(format!("{instance} does not answer: {why}")));
        }
    };
    let known = ["application/json", "text/csv", "application/problem+json"];
    let is_known = known.iter().any(|kind| reply.kind.starts_with(kind));
    let kind = HeaderValue::from_str(&reply.kind).ok().filter(|_| is_known);
    let status = StatusCode::from_u16(reply.status).ok();
    match (kind, status) {
        (Some(kind), Some(status)) => {
            let mut answer = (status, Body::from(reply.body)).into_response();
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            Ok(answer)
        }
        _ => Err(Problem::away(format!(
            "{instance} answers {}, which is no answer of this API",
            reply.status
        ))),
    }
}
