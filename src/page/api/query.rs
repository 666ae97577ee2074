//! The parameters of a request. An unknown name or a bad value is refused by name.

use std::collections::BTreeSet;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use demograph_core::record::{Attribute, SourceId};

use super::{
    problem::Problem,
    site::{Local, NAMES_MAX},
};

/// Sources or windows of an answer where the request does not say how many.
const LIMIT: usize = 50;
pub(super) const LIMIT_MAX: usize = 1_000;

/// The parameters as they were written, and the `Accept` header.
#[derive(Debug)]
pub(super) struct Query {
    parameters: Vec<(String, String)>,
    accept: String,
    limit_max: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Self::read(parts.uri.query().unwrap_or_default(), &parts.headers);
        Ok(match parts.extensions.get::<Local>() {
            None => query,
            // Another instance asks for what it merges.
            Some(Local) => Self {
                limit_max: NAMES_MAX,
                ..query
            },
        })
    }
}

impl Query {
    pub(super) fn read(query: &str, headers: &HeaderMap) -> Self {
        let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let accept = headers.get_all(header::ACCEPT).iter();
        let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        Self {
            parameters: parameters.collect(),
            accept: accept.join(","),
            limit_max: LIMIT_MAX,
        }
    }

    pub(super) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The same without these parameters.
    pub(super) fn without(mut self, names: &[&str]) -> Self {
        self.parameters
            .retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// How much the header `Accept` wishes for a kind of answer such as "text/csv", in thousandths: 0 never, 1,000 most. Nothing
    /// where it does not speak of it. The range that names the kind most closely counts (RFC 9110, 12.5.1).
    pub(super) fn wish(&self, kind: &str) -> Option<u16> {
        let (main, _) = kind.split_once('/').unwrap_or((kind, ""));
        let group = format!("{main}/*");
        let ranges = self.accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let closeness = ["*/*", &group, kind]
                .iter()
                .position(|range| *range == name)?;
            let mut quality = parts.filter_map(|part| {
                let (key, value) = part.split_once('=')?;
                key.trim().eq_ignore_ascii_case("q").then_some(value.trim())
            });
            let quality: f32 = quality.next().unwrap_or("1").parse().ok()?;
            Some((
                closeness,
                (quality.clamp(0.0, 1.0) * 1_000.0).round() as u16,
            ))
        });
        ranges.max().map(|(_, wish)| wish)
    }

    /// Refuses parameters of another name.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let stranger = self.parameters.iter().map(|(name, _)| name);
        let stranger = stranger
            .into_iter()
            .find(|name| !known.contains(&name.as_str()));
        match stranger {
            None => Ok(()),
            Some(name) => Err(Problem::parameter(format!(
                "{name:?} is no parameter; there are: {}",
                known.join(", ")
            ))),
        }
    }

    pub(super) fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let parameters = self.parameters.iter();
        parameters
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// The value, if it is there once.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Problem> {
        let values: Vec<&str> = self.all(name).collect();
        match values[..] {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Problem::parameter(format!("{name} is there twice"))),
        }
    }

    /// The value, which must be there.
    pub(super) fn needed<'a>(&'a self, name: &'a str, what: &str) -> Result<&'a str, Problem> {
        let value = self.one(name)?;
        value.ok_or_else(|| Problem::parameter(format!("{name} is missing: write {what}")))
    }

    /// How many are left out, and how many are taken at most.
    pub(super) fn page(&self) -> Result<(usize, usize), Problem> {
        let offset = self.number("offset", usize::MAX)?.unwrap_or(0);
        let limit = self.number("limit", self.limit_max)?.unwrap_or(LIMIT);
        Ok((offset, limit))
    }

    fn number(&self, name: &str, max: usize) -> Result<Option<usize>, Problem> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        match value.parse() {
            Ok(number) if number <= max => Ok(Some(number)),
            _ => Err(Problem::parameter(format!(
                "{name} is {value:?}: write a whole number from 0 to {max}"
            ))),
        }
    }
}

/// Which sources and attributes are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// These; empty: all.
    pub sources: BTreeSet<SourceId>,
    /// Those whose name holds this, in lower case.
    pub search: String,
    pub attribute: Option<Attribute>,
    pub offset: usize,
    pub limit: usize,
}

impl Wanted {
    pub(super) const PARAMETERS: [&str; 6] =
        ["source", "search", "attribute", "offset", "limit", "format"];

    pub(super) fn of(query: &Query) -> Result<Self, Problem> {
        query.only(&Self::PARAMETERS)?;
        let attribute = match query.one("attribute")? {
            None => None,
            Some(name) => Some(attribute(name)?),
        };
        let (offset, limit) = query.page()?;
        Ok(Self {
            sources: query.all("source").map(SourceId::new).collect(),
            search: query.one("search")?.unwrap_or_default().to_lowercase(),
            attribute,
            offset,
            limit,
        })
    }

    /// All of every source.
    pub(super) fn everything() -> Self {
        Self {
            sources: BTreeSet::new(),
            search: String::new(),
            attribute: None,
            offset: 0,
            limit: usize::MAX,
        }
    }

    /// The same sources and those before them.
    pub(super) fn with_those_before(&self) -> Self {
        Self {
            offset: 0,
            limit: self.offset.saturating_add(self.limit),
            ..self.clone()
        }
    }

    /// Whether the request asks for this source.
    pub(super) fn has(&self, source: &SourceId) -> bool {
        (self.sources.is_empty() || self.sources.contains(source))
            && source.as_str().to_lowercase().contains(&self.search)
    }
}

pub(super) fn attribute(name: &str) -> Result<Attribute, Problem> {
    let found = Attribute::ALL.into_iter().find(|one| one.name() == name);
    let names = Attribute::ALL.map(Attribute::name).join(", ");
    found.ok_or_else(|| Problem::parameter(format!("attribute is {name:?}: write one of {names}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::read(text, &HeaderMap::new())
    }

    #[test]
    fn the_closest_range_of_the_header_counts() {
        let wish = |accept: &str, kind: &str| {
            let mut headers = HeaderMap::new();
            for one in accept.split(" and ") {
                headers.append(header::ACCEPT, one.parse().unwrap());
            }
            Query::read("", &headers).wish(kind)
        };
        for (accept, csv, json) in [
            ("", None, None),
            ("text/html", None, None),
            ("text/csv;q=0", Some(0), None),
            (
                "text/csv; q=0.25, application/json; q=0.5",
                Some(250),
                Some(500),
            ),
            ("*/*;q=0.1, TEXT/CSV", Some(1_000), Some(100)),
            (
                "text/*;Q=0.2, text/csv;header=present;q=0.3",
                Some(300),
                None,
            ),
            (
                "application/json and text/csv;q=0.9",
                Some(900),
                Some(1_000),
            ),
            ("text/csv;q=much", None, None),
            ("text/csv-schema", None, None),
        ] {
            assert_eq!(wish(accept, "text/csv"), csv, "{accept}");
            assert_eq!(wish(accept, "application/json"), json, "{accept}");
        }
    }

    #[test]
    fn parameters_say_what_is_wanted() {
        let wanted = Wanted::of(&query("")).unwrap();
        assert_eq!((wanted.offset, wanted.limit), (0, 50));
        assert!(wanted.has(&SourceId::new("lobby")));
        let text = "source=lobby&source=caf%C3%A9&search=CAF&attribute=age&offset=3&limit=7";
        let wanted = Wanted::of(&query(text)).unwrap();
        assert!(!wanted.has(&SourceId::new("lobby")));
        assert!(wanted.has(&SourceId::new("café")));
        assert_eq!(wanted.attribute, Some(Attribute::Age));
        assert_eq!((wanted.offset, wanted.limit), (3, 7));
    }

    #[test]
    fn bad_parameters_are_refused_by_name() {
        for (text, named) in [
            ("sources=lobby", "\"sources\" is no parameter"),
            ("limit=1001", "limit is \"1001\""),
            ("limit=-1", "limit is \"-1\""),
            ("offset=x", "offset is \"x\""),
            ("limit=1&limit=2", "limit is there twice"),
            ("attribute=faces", "write one of age, gender, ethnicity"),
        ] {
            let problem = Wanted::of(&query(text)).unwrap_err();
            let said = serde_json::to_string(&problem).unwrap();
            let said: serde_json::Value = serde_json::from_str(&said).unwrap();
            let detail = said["detail"].as_str().unwrap();
            assert!(detail.contains(named), "{text}: {detail}");
        }
    }
}
