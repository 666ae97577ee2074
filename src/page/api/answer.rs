//! The form of an answer: JSON, or CSV for a spreadsheet.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use demograph_core::sheets;
use serde::Serialize;

use super::{problem::Problem, query::Query};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

impl Format {
    /// As `format=` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// What `format=` says, else what the header `Accept` wishes most, else JSON.
    pub(super) fn of(query: &Query) -> Result<Self, Problem> {
        match query.one("format")? {
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(Problem::parameter(format!(
                "format is {other:?}: write json or csv"
            ))),
            None => match (query.wish("application/json"), query.wish("text/csv")) {
                (Some(0), Some(0)) => Err(Problem::not_acceptable()),
                (_, Some(0)) => Ok(Self::Json),
                (Some(0), _) => Ok(Self::Csv),
                (json, csv) if csv > json => Ok(Self::Csv),
                _ => Ok(Self::Json),
            },
        }
    }
}

/// A text that no spreadsheet takes for a formula.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn of(text: &str) -> Self {
        Self(sheets::harmless(text.to_owned()))
    }
}

/// The answer as JSON, or its rows as CSV: whatever the request asks for.
pub(super) fn of<T: Serialize>(
    query: &Query,
    answer: &T,
    rows: impl IntoIterator<Item = impl Serialize>,
) -> Result<Response, Problem> {
    match Format::of(query)? {
        Format::Json => Ok(Json(answer).into_response()),
        Format::Csv => csv(rows),
    }
}

/// The rows as CSV with a header.
pub(super) fn csv<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Response, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let written = writer.serialize(row);
        written.map_err(|error| Problem::internal(format!("write CSV: {error}")))?;
    }
    let bytes = writer.into_inner();
    let bytes = bytes.map_err(|error| Problem::internal(format!("write CSV: {error}")))?;
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((kind, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    #[test]
    fn the_parameter_counts_more_than_the_header() {
        let mut headers = HeaderMap::new();
        let format = |query: &str, headers: &HeaderMap| Format::of(&Query::read(query, headers));
        assert_eq!(format("", &headers).unwrap(), Format::Json);
        assert_eq!(format("format=csv", &headers).unwrap(), Format::Csv);
        headers.insert(header::ACCEPT, "text/csv".parse().unwrap());
        assert_eq!(format("", &headers).unwrap(), Format::Csv);
        assert_eq!(format("format=json", &headers).unwrap(), Format::Json);
        assert!(format("format=xml", &headers).is_err());
    }

    #[test]
    fn the_header_says_what_is_wished_most_and_what_never() {
        for (accept, expected) in [
            ("text/csv;q=0", Some(Format::Json)),
            ("application/json;q=0", Some(Format::Csv)),
            ("text/csv, application/json", Some(Format::Json)),
            ("text/csv, application/json;q=0.9", Some(Format::Csv)),
            ("text/csv, */*", Some(Format::Json)),
            ("text/csv, */*;q=0.8", Some(Format::Csv)),
            ("text/html, */*;q=0.8", Some(Format::Json)),
            ("text/html", Some(Format::Json)),
            ("text/csv;q=0, application/json;q=0", None),
            ("*/*;q=0", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            let format = Format::of(&Query::read("", &headers));
            assert_eq!(format.ok(), expected, "{accept}");
        }
    }

    #[test]
    fn a_name_is_no_formula() {
        let written = |text| serde_json::to_string(&Text::of(text)).unwrap();
        assert_eq!(written("=cmd()"), "\"'=cmd()\"");
        assert_eq!(written("lobby"), "\"lobby\"");
    }
}
