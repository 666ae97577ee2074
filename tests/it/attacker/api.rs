//! The API says what the attacker reads elsewhere: `/live` what /metrics and the table `windows` say, `/series` and `/windows`
//! what the tables say. So what he cannot learn from those he cannot learn from it.

use std::{collections::BTreeMap, path::Path};

use demograph_core::{
    periods::{PeriodKind, Zone},
    privacy::ReleasedWindow,
    record::{EventTime, SourceId},
};
use serde_json::{Value, json};

use crate::{page, page_numbers, page_of_tables, world::duckdb};

/// Numbers of a category, by the series that has them.
const OF_CATEGORY: [(&str, &str); 6] = [
    ("votes", "votes"),
    ("share_naive", "share_naive_ratio"),
    ("share", "share_ratio"),
    ("share_low", "share_low_ratio"),
    ("share_high", "share_high_ratio"),
    ("effective_n", "effective_n"),
];
const OF_ATTRIBUTE: [(&str, &str); 3] = [
    ("shown_ratio", "shown_ratio"),
    ("shift_p", "shift_p_value"),
    ("calibration_fits", "calibration_fits"),
];
const OF_VIEW: [(&str, &str); 3] = [
    ("faces", "faces"),
    ("from", "from_timestamp_seconds"),
    ("until", "until_timestamp_seconds"),
];

/// The numbers of an object, under the names of their series.
fn numbers(of: &Value, names: &[(&str, &str)], labels: &str, found: &mut BTreeMap<String, f64>) {
    for (key, series) in names {
        let number = match &of[key] {
            Value::Null => continue,
            Value::Bool(is) => f64::from(*is),
            Value::String(time) => {
                let time: jiff::Timestamp = time.parse().unwrap();
                time.as_millisecond() as f64 / 1_000.0
            }
            number => number.as_f64().unwrap(),
        };
        found.insert(format!("demograph_audience_{series}{{{labels}}}"), number);
    }
}

/// `/live` has the numbers of /metrics, all of them and no other.
pub fn live_is_what_metrics_say(live: &Value, metrics: &str) {
    let mut said = BTreeMap::new();
    for source in live["sources"].as_array().unwrap() {
        for view in source["views"].as_array().unwrap() {
            let ends = format!("source={},window={}", source["source"], view["view"]);
            numbers(view, &OF_VIEW, &ends, &mut said);
            for attribute in view["attributes"].as_array().unwrap() {
                let name = format!("attribute={}", attribute["attribute"]);
                let labels = format!("{name},{ends}");
                numbers(attribute, &OF_ATTRIBUTE, &labels, &mut said);
                for one in attribute["categories"].as_array().unwrap() {
                    let labels = format!("{name},category={},{ends}", one["category"]);
                    numbers(one, &OF_CATEGORY, &labels, &mut said);
                }
            }
        }
    }
    let series = metrics.lines().filter_map(|line| {
        let (name, number) = line.rsplit_once(' ')?;
        let is_of_people = name.starts_with("demograph_audience_");
        is_of_people.then(|| (name.to_owned(), number.parse().unwrap()))
    });
    let series: BTreeMap<String, f64> = series.collect();
    assert_eq!(said, series);
}

/// The people of `/live` are sums of `tracks - stayed` of the windows that were released so far: columns of the table `windows`.
pub fn people_are_what_windows_say(
    live: &Value,
    released: &[(&SourceId, &ReleasedWindow)],
    zone: &Zone,
    now: EventTime,
) {
    let mut expected: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for (series, window) in released {
        let hour = zone.period(PeriodKind::Hour, window.start).start;
        if hour > now.minus(24 * 3_600_000) && window.tracks + window.votes > 0 {
            let people = window.tracks - window.stayed;
            let series = series.as_str().to_owned();
            *expected.entry((series, hour.0)).or_default() += people;
        }
    }
    let mut said = BTreeMap::new();
    for source in live["sources"].as_array().unwrap() {
        let hours = source["people"]["hours"].as_array();
        for hour in hours.into_iter().flatten() {
            let start: jiff::Timestamp = text(&hour["start"]).parse().unwrap();
            let key = (text(&source["source"]).to_owned(), start.as_millisecond());
            said.insert(key, hour["people"].as_u64().unwrap());
        }
    }
    assert_eq!(said, expected);
}

/// `/series` and `/windows` have the rows of the tables, all of them and no other.
pub fn series_are_what_the_tables_say(published: &Path) -> usize {
    let mut rows = 0;
    let page = page_of_tables::open(published);
    for (table, step) in [("hourly", "hour"), ("daily", "day")] {
        let file = format!("{}/{table}/*/*.parquet", published.display());
        let written = duckdb(&format!(
            "SELECT source, attribute, strftime(period_start AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS start, category,
               people AS votes, total AS people, share_naive, share, share_low, share_high, effective_n, shown_ratio,
               shift_p, calibration_fits, suppressed
             FROM read_parquet('{file}') ORDER BY ALL"
        ));
        let span = &duckdb(&format!(
            "SELECT min(local_date)::VARCHAR AS first, max(local_date)::VARCHAR AS last FROM read_parquet('{file}')"
        ))[0];
        let dates = format!("from={}&to={}", text(&span["first"]), text(&span["last"]));
        let mut said = Vec::new();
        let asked = duckdb(&format!(
            "SELECT DISTINCT source, attribute FROM read_parquet('{file}')"
        ));
        for one in asked {
            let (source, attribute) = (text(&one["source"]), text(&one["attribute"]));
            let path =
                format!("/api/v1/series?source={source}&attribute={attribute}&step={step}&{dates}");
            let series = page::json(&page.url, &path);
            for period in series["periods"].as_array().unwrap() {
                said.extend(rows_of(period, &one));
            }
        }
        let sorted = |rows: Vec<Value>| {
            let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
            rows.sort();
            rows
        };
        rows += written.len();
        assert_eq!(sorted(said), sorted(written), "{table}");
    }
    rows += page_numbers::windows_are_what_the_table_says(&page.url, published, 1_000);
    page.end();
    rows
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The rows of the table that a period stands for.
fn rows_of(period: &Value, of: &Value) -> Vec<Value> {
    let row = |one: &Value| {
        json!({
            "source": of["source"], "attribute": of["attribute"], "start": period["start"], "category": one["category"],
            "votes": one["votes"], "people": period["people"], "share_naive": one["share_naive"], "share": one["share"],
            "share_low": one["share_low"], "share_high": one["share_high"], "effective_n": one["effective_n"],
            "shown_ratio": period["shown_ratio"], "shift_p": period["shift_p"],
            "calibration_fits": period["calibration_fits"], "suppressed": one["votes"].is_null(),
        })
    };
    let categories = period["categories"].as_array().unwrap();
    match categories.is_empty() {
        true => vec![row(&Value::Null)],
        false => categories.iter().map(row).collect(),
    }
}
