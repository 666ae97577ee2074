//! Hours or days of one source and attribute, as the tables `hourly` and `daily` have them.

use demograph_core::{
    periods::PeriodKind,
    record::{Attribute, EventTime},
};
use demograph_service::sink::history::{Asked, Found, PeriodRow};
use jiff::{ToSpan, civil::Date, tz::Offset};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    answer::Text,
    left_out::LeftOutFiles,
    live::LiveCategory,
    problem::Problem,
    query::{Query, attribute},
};
use crate::time::Time;

/// The most dates of an answer.
const DATES_MAX: i32 = 400;
/// Dates of an answer where the request does not say from when.
const DATES: i32 = 7;

pub(super) const PARAMETERS: [&str; 6] = ["source", "attribute", "step", "from", "to", "format"];

/// The periods of a source and attribute, in the order of time.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Series {
    source: String,
    attribute: &'static str,
    /// "hour" or "day".
    step: &'static str,
    /// The first date, by the clock of the source.
    from: String,
    /// The last date.
    to: String,
    left_out: LeftOutFiles,
    periods: Vec<Period>,
}

/// One hour or day. It may come more than once, for other windows: where the source moved to another partition, or the service
/// was stopped or changed meanwhile. Their people add up.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Period {
    start: Time,
    end: Time,
    /// The end of the last window that began in the period: it may lie in the next.
    covers_until: Time,
    time_zone: String,
    /// Votes of the windows in which the attribute is shown; null where none shows it.
    people: Option<u64>,
    shown_ratio: Option<f64>,
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
pub(super) fn asked(query: &Query, today: EventTime) -> Result<Asked, Problem> {
    query.only(&PARAMETERS)?;
    let (source, attribute) = of_one(query)?;
    let kind = match query.one("step")? {
        None | Some("hour") => PeriodKind::Hour,
        Some("day") => PeriodKind::Day,
        Some(other) => {
            return Err(Problem::parameter(format!(
                "step is {other:?}: write hour or day"
            )));
        }
    };
    // East of Greenwich it may be tomorrow.
    let until = match query.one("to")? {
        Some(text) => date("to", text)?,
        None => utc(today).saturating_add(1.day()),
    };
    let from = match query.one("from")? {
        Some(text) => date("from", text)?,
        None => until.saturating_sub(DATES.days()),
    };
    Ok(Asked {
        source,
        attribute,
        kind,
        dates: span(from, until, DATES_MAX)?,
    })
}

/// The one source and attribute that must be named.
pub(super) fn of_one(query: &Query) -> Result<(String, Attribute), Problem> {
    let source = query.needed("source", "the name of a source")?.to_owned();
    let attribute = attribute(query.needed("attribute", "age, gender or ethnicity")?)?;
    Ok((source, attribute))
}

/// The first and the last date, if they are not too many.
pub(super) fn span(from: Date, until: Date, dates_max: i32) -> Result<(Date, Date), Problem> {
    let dates = until - from;
    if from > until || dates.get_days() >= dates_max {
        return Err(Problem::parameter(format!(
            "from is {from} and to is {until}: write a span of 1 to {dates_max} dates"
        )));
    }
    Ok((from, until))
}

pub(super) fn date(name: &str, text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| {
        Problem::parameter(format!(
            "{name} is {text:?}: write a date such as 2026-03-01"
        ))
    })
}

pub(super) fn utc(time: EventTime) -> Date {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    Offset::UTC.to_datetime(time).date()
}

impl Series {
    pub(super) fn of(asked: Asked, found: Found<PeriodRow>) -> Self {
        let is_same = |a: &PeriodRow, b: &PeriodRow| {
            let of = |row: &PeriodRow| (row.start, row.shown.partition, row.covers_until);
            of(a) == of(b) && (&a.shown.model, &a.shown.policy) == (&b.shown.model, &b.shown.policy)
        };
        let periods = found.rows.chunk_by(is_same).map(Period::of).collect();
        let (from, to) = asked.dates;
        Self {
            source: asked.source,
            attribute: asked.attribute.name(),
            step: match asked.kind {
                PeriodKind::Hour => "hour",
                PeriodKind::Day => "day",
            },
            from: from.to_string(),
            to: to.to_string(),
            left_out: LeftOutFiles::of(&found.left_out),
            periods,
        }
    }

    /// A row for each period and category, as CSV has them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.periods.iter().flat_map(move |period| {
            period.categories.iter().map(move |one| Row {
                source: Text::of(&self.source),
                attribute: self.attribute,
                start: period.start,
                end: period.end,
                time_zone: &period.time_zone,
                category: Text::of(&one.category),
                votes: one.votes,
                share_naive: one.share_naive,
                share: one.share,
                share_low: one.share_low,
                share_high: one.share_high,
                effective_n: one.effective_n,
                people: period.people,
                shown_ratio: period.shown_ratio,
                shift_p: period.shift_p,
                calibration_fits: period.calibration_fits,
                suppressed: period.suppressed,
                model: &period.model,
                files_left_out: self.left_out.files,
            })
        })
    }
}

impl Period {
    fn of(rows: &[PeriodRow]) -> Self {
        let first = &rows[0];
        Self {
            start: Time(first.start),
            end: Time(first.end),
            covers_until: Time(first.covers_until),
            time_zone: first.time_zone.clone(),
            people: first.shown.total,
            shown_ratio: first.shown_ratio,
            shift_p: first.shown.shift_p,
            calibration_fits: first.shown.calibration_fits,
            suppressed: rows.iter().all(|row| row.shown.suppressed),
            model: first.shown.model.clone(),
            policy: first.shown.policy.clone(),
            partition: first.shown.partition,
            categories: LiveCategory::all_of(rows.iter().map(|row| &row.shown)),
        }
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    source: Text,
    attribute: &'static str,
    start: Time,
    end: Time,
    time_zone: &'a str,
    category: Text,
    votes: Option<u64>,
    share_naive: Option<f64>,
    share: Option<f64>,
    share_low: Option<f64>,
    share_high: Option<f64>,
    effective_n: Option<f64>,
    people: Option<u64>,
    shown_ratio: Option<f64>,
    shift_p: Option<f64>,
    calibration_fits: Option<bool>,
    suppressed: bool,
    model: &'a str,
    files_left_out: usize,
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use demograph_service::sink::history::ShownRow;

    use super::*;

    /// 2026-03-01.
    const TODAY: EventTime = EventTime(1_772_323_200_000);

    fn said(query: &str) -> Result<Asked, String> {
        let query = Query::read(query, &HeaderMap::new());
        asked(&query, TODAY).map_err(|problem| serde_json::to_string(&problem).unwrap())
    }

    #[test]
    fn a_span_ends_tomorrow_and_is_a_week_unless_it_is_said() {
        let asked = said("source=lobby&attribute=age").unwrap();
        assert_eq!(asked.kind, PeriodKind::Hour);
        let dates = (asked.dates.0.to_string(), asked.dates.1.to_string());
        assert_eq!(dates, ("2026-02-23".into(), "2026-03-02".into()));
        let asked = said("source=lobby&attribute=age&step=day&from=2025-03-01&to=2026-03-01");
        assert_eq!(asked.unwrap().kind, PeriodKind::Day);
    }

    #[test]
    fn spans_that_cost_too_much_or_make_no_sense_are_refused() {
        for (query, named) in [
            ("attribute=age", "source is missing"),
            ("source=lobby", "attribute is missing"),
            ("source=lobby&attribute=age&step=week", "write hour or day"),
            (
                "source=lobby&attribute=age&from=1.3.2026",
                "such as 2026-03-01",
            ),
            (
                "source=lobby&attribute=age&from=2000-01-01",
                "1 to 400 dates",
            ),
            (
                "source=lobby&attribute=age&from=-009999-01-01&to=9999-12-31",
                "1 to 400 dates",
            ),
            (
                "source=lobby&attribute=age&from=2026-03-09",
                "1 to 400 dates",
            ),
        ] {
            let refused = said(query).unwrap_err();
            assert!(refused.contains(named), "{query}: {refused}");
        }
    }

    /// A row of an hour; its windows reach so far.
    fn row(covers_until: i64, category: &str) -> PeriodRow {
        PeriodRow {
            start: EventTime(0),
            end: EventTime(3_600_000),
            covers_until: EventTime(covers_until),
            time_zone: "UTC".into(),
            shown_ratio: None,
            shown: ShownRow {
                category: Some(category.into()),
                votes: u64::try_from(covers_until).ok(),
                ..ShownRow::default()
            },
        }
    }

    fn found(rows: Vec<PeriodRow>) -> Found<PeriodRow> {
        Found {
            rows,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_period_is_suppressed_only_if_every_category_is() {
        let hidden = |category| {
            let mut row = row(1, category);
            row.shown.suppressed = true;
            row
        };
        let asked = said("source=lobby&attribute=gender").unwrap();
        let is_suppressed = |rows| Series::of(asked.clone(), found(rows)).periods[0].suppressed;
        assert!(!is_suppressed(vec![hidden("female"), row(1, "male")]));
        assert!(is_suppressed(vec![hidden("female"), hidden("male")]));
    }

    #[test]
    fn an_hour_in_which_the_service_was_stopped_is_two_periods() {
        let rows = [1, 2].map(|until| ["female", "male"].map(|category| row(until, category)));
        let asked = said("source=lobby&attribute=gender").unwrap();
        let series = Series::of(asked, found(rows.concat()));
        let periods: Vec<Vec<_>> = series
            .periods
            .iter()
            .map(|period| period.categories.iter().map(|one| one.votes).collect())
            .collect();
        assert_eq!(periods, [[Some(1); 2], [Some(2); 2]]);
    }
}
