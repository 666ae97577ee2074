//! Released windows of one source and attribute, as the table `demographics` has them.

use demograph_core::record::EventTime;
use demograph_service::sink::history::{AskedWindows, FoundWindows, WindowRow};
use jiff::ToSpan;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    answer::Text,
    left_out::LeftOutFiles,
    live::LiveCategory,
    problem::Problem,
    query::Query,
    series::{date, of_one, span, utc},
};
use crate::time::Time;

/// The most dates of an answer.
const DATES_MAX: i32 = 31;

pub(super) const PARAMETERS: [&str; 7] = [
    "source",
    "attribute",
    "from",
    "to",
    "offset",
    "limit",
    "format",
];

/// Windows of a source and attribute, in the order of time.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Windows {
    source: String,
    attribute: &'static str,
    /// The first date in UTC on which a window may begin.
    from: String,
    /// The last one.
    to: String,
    /// So many windows are left out.
    offset: usize,
    /// More windows follow: ask again with a larger offset.
    has_more: bool,
    left_out: LeftOutFiles,
    windows: Vec<Window>,
}

/// One released window. Two may name the same time, and hold different faces.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Window {
    start: Time,
    end: Time,
    /// Votes for the attribute; null where all of it is hidden.
    votes: Option<u64>,
    /// What a vote is: "tracks" or "detections".
    unit: String,
    shift_p: Option<f64>,
    calibration_fits: Option<bool>,
    /// No category is shown.
    suppressed: bool,
    model: String,
    policy: String,
    partition: i32,
    categories: Vec<LiveCategory>,
}

/// What the request asks for. `today` is the date in UTC.
pub(super) fn asked(query: &Query, today: EventTime) -> Result<AskedWindows, Problem> {
    query.only(&PARAMETERS)?;
    let (source, attribute) = of_one(query)?;
    let until = match query.one("to")? {
        Some(text) => date("to", text)?,
        None => utc(today),
    };
    let from = match query.one("from")? {
        Some(text) => date("from", text)?,
        None => until.saturating_sub(1.day()),
    };
    let (offset, limit) = query.page()?;
    Ok(AskedWindows {
        source,
        attribute,
        dates: span(from, until, DATES_MAX)?,
        offset,
        limit,
    })
}

impl Windows {
    pub(super) fn of(asked: AskedWindows, found: FoundWindows) -> Self {
        let windows = found.windows.iter();
        let windows = windows.filter_map(|rows| Window::of(rows)).collect();
        let (from, to) = asked.dates;
        Self {
            source: asked.source,
            attribute: asked.attribute.name(),
            from: from.to_string(),
            to: to.to_string(),
            offset: asked.offset,
            has_more: found.has_more,
            left_out: LeftOutFiles::of(&found.left_out),
            windows,
        }
    }

    /// A row for each window and category, as CSV has them; one without a category where none is shown.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.windows.iter().flat_map(move |window| {
            let shown = window.categories.iter().map(Some);
            let hidden = window.categories.is_empty().then_some(None);
            shown.chain(hidden).map(move |one| Row {
                source: Text::of(&self.source),
                attribute: self.attribute,
                start: window.start,
                end: window.end,
                category: one.map(|one| Text::of(&one.category)),
                votes: one.and_then(|one| one.votes),
                share_naive: one.and_then(|one| one.share_naive),
                share: one.and_then(|one| one.share),
                share_low: one.and_then(|one| one.share_low),
                share_high: one.and_then(|one| one.share_high),
                effective_n: one.and_then(|one| one.effective_n),
                votes_of_all: window.votes,
                unit: &window.unit,
                shift_p: window.shift_p,
                calibration_fits: window.calibration_fits,
                suppressed: window.suppressed,
                model: &window.model,
                policy: &window.policy,
                partition: window.partition,
                files_left_out: self.left_out.files,
            })
        })
    }
}

impl Window {
    fn of(rows: &[WindowRow]) -> Option<Self> {
        let first = rows.first()?;
        Some(Self {
            start: Time(first.start),
            end: Time(first.end),
            votes: first.shown.total,
            unit: first.unit.clone(),
            shift_p: first.shown.shift_p,
            calibration_fits: first.shown.calibration_fits,
            suppressed: rows.iter().all(|row| row.shown.suppressed),
            model: first.shown.model.clone(),
            policy: first.shown.policy.clone(),
            partition: first.shown.partition,
            categories: LiveCategory::all_of(rows.iter().map(|row| &row.shown)),
        })
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    source: Text,
    attribute: &'static str,
    start: Time,
    end: Time,
    category: Option<Text>,
    votes: Option<u64>,
    share_naive: Option<f64>,
    share: Option<f64>,
    share_low: Option<f64>,
    share_high: Option<f64>,
    effective_n: Option<f64>,
    /// Of all categories together.
    votes_of_all: Option<u64>,
    unit: &'a str,
    shift_p: Option<f64>,
    calibration_fits: Option<bool>,
    suppressed: bool,
    model: &'a str,
    policy: &'a str,
    partition: i32,
    files_left_out: usize,
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    /// 2026-03-01.
    const TODAY: EventTime = EventTime(1_772_323_200_000);

    fn said(query: &str) -> Result<AskedWindows, String> {
        let query = Query::read(query, &HeaderMap::new());
        asked(&query, TODAY).map_err(|problem| serde_json::to_string(&problem).unwrap())
    }

    #[test]
    fn the_last_two_dates_are_asked_for_unless_others_are_said() {
        let asked = said("source=lobby&attribute=age").unwrap();
        let dates = (asked.dates.0.to_string(), asked.dates.1.to_string());
        assert_eq!(dates, ("2026-02-28".into(), "2026-03-01".into()));
        assert_eq!((asked.offset, asked.limit), (0, 50));
        let asked = said("source=lobby&attribute=age&from=2026-01-01&to=2026-01-31&offset=7");
        assert_eq!(asked.unwrap().offset, 7);
    }

    #[test]
    fn what_costs_too_much_or_makes_no_sense_is_refused() {
        for (query, named) in [
            ("attribute=age", "source is missing"),
            ("source=lobby&attribute=age&step=day", "is no parameter"),
            (
                "source=lobby&attribute=age&from=2026-01-01&to=2026-02-01",
                "1 to 31 dates",
            ),
            (
                "source=lobby&attribute=age&limit=1001",
                "limit is \\\"1001\\\"",
            ),
        ] {
            let refused = said(query).unwrap_err();
            assert!(refused.contains(named), "{query}: {refused}");
        }
    }
}
