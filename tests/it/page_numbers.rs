//! People and windows of the API against the tables: what it says is what DuckDB reads in them.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    page,
    world::{Service, duckdb},
};

/// A time of a table as the API writes it.
fn time(column: &str) -> String {
    format!("strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')")
}

/// A value of a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The people by hour that `/live` says of each source.
pub fn hours(live: &Value) -> Vec<Value> {
    let mut said = Vec::new();
    for source in live["sources"].as_array().unwrap() {
        for hour in source["people"]["hours"].as_array().unwrap() {
            said.push(json!({
                "source": source["source"], "start": hour["start"], "people": hour["people"],
            }));
        }
    }
    said
}

/// Of a service that has published all these records.
pub fn people_are_what_windows_say(service: &mut Service, out: &Path, records: i64) {
    let windows = format!("read_parquet('{}/windows/*/*.parquet')", out.display());
    service
        .process
        .wait_for("all records are published", 60, || {
            let published = duckdb(&format!(
                "SELECT sum(faces + spared + late + rejected)::BIGINT AS records FROM {windows}"
            ));
            (published[0]["records"] == records).then_some(())
        });
    let live = page::json(&service.url, "/api/v1/live");
    let (hour, until) = (time("date_trunc('hour', window_start)"), time("window_end"));
    let written = duckdb(&format!(
        "SELECT source, {hour} AS start, sum(tracks - stayed)::BIGINT AS people FROM {windows}
         WHERE tracks > 0 GROUP BY ALL ORDER BY ALL"
    ));
    assert!(!written.is_empty());
    assert_eq!(hours(&live), written);
    let newest = duckdb(&format!(
        "SELECT source, max({until}) AS until, arg_max(tracks, window_end) AS people FROM {windows}
         WHERE tracks > 0 GROUP BY ALL ORDER BY ALL"
    ));
    for (source, newest) in live["sources"].as_array().unwrap().iter().zip(&newest) {
        let people = &source["people"];
        let (said, known) = (&people["newest"], (&newest["until"], &newest["people"]));
        assert_eq!((&said["until"], &said["people"]), known, "{source}");
        // The first service of this group: nothing was released before it began.
        assert_eq!(people["since"], Value::Null, "{source}");
        assert_eq!(people["has_untracked"], false, "{source}");
        let today = duckdb(&format!(
            "SELECT coalesce(sum(tracks - stayed), 0)::BIGINT AS people FROM {windows}
             WHERE source = '{}' AND strftime(window_start AT TIME ZONE 'UTC', '%Y-%m-%d') = '{}'",
            text(&source["source"]),
            text(&people["date"])
        ));
        assert_eq!(people["today"], today[0]["people"], "{source}");
    }
}

/// `/windows` has the rows of the table, all of them and no other, in pages of so many windows.
pub fn windows_are_what_the_table_says(url: &str, out: &Path, limit: usize) -> usize {
    let table = format!("read_parquet('{}/demographics/*/*.parquet')", out.display());
    let (start, end) = (time("window_start"), time("window_end"));
    let mut written: Vec<String> = duckdb(&format!(
        "SELECT source, attribute, {start} AS start, {end} AS end, category, count AS votes, total, share_naive, share,
           share_low, share_high, effective_n, shift_p, calibration_fits, unit, suppressed, model, policy, partition
         FROM {table}"
    ))
    .iter()
    .map(Value::to_string)
    .collect();
    let mut said = Vec::new();
    for of in duckdb(&format!("SELECT DISTINCT source, attribute FROM {table}")) {
        // A month at a time.
        let spans = duckdb(&format!(
            "SELECT min(day)::VARCHAR AS first, max(day)::VARCHAR AS last FROM (
               SELECT (window_start AT TIME ZONE 'UTC')::DATE AS day FROM {table})
             GROUP BY epoch(day)::BIGINT // (31 * 86400) ORDER BY first"
        ));
        for span in spans {
            let path = format!(
                "/api/v1/windows?source={}&attribute={}&from={}&to={}&limit={limit}",
                encoded(text(&of["source"])),
                text(&of["attribute"]),
                text(&span["first"]),
                text(&span["last"])
            );
            let mut offset = 0;
            loop {
                let answer = page::json(url, &format!("{path}&offset={offset}"));
                let windows = answer["windows"].as_array().unwrap();
                assert!(windows.len() <= limit);
                said.extend(windows.iter().flat_map(|window| rows_of(window, &of)));
                offset += windows.len();
                if answer["has_more"] == false {
                    break;
                }
                assert_eq!(windows.len(), limit, "a page is full where more follow");
            }
        }
    }
    said.sort();
    written.sort();
    assert_eq!(said, written);
    said.len()
}

/// The rows of the table that a window stands for.
fn rows_of(window: &Value, of: &Value) -> Vec<String> {
    let row = |one: &Value| {
        json!({
            "source": of["source"], "attribute": of["attribute"], "start": window["start"], "end": window["end"],
            "category": one["category"], "votes": one["votes"], "total": window["votes"],
            "share_naive": one["share_naive"], "share": one["share"], "share_low": one["share_low"],
            "share_high": one["share_high"], "effective_n": one["effective_n"], "shift_p": window["shift_p"],
            "calibration_fits": window["calibration_fits"], "unit": window["unit"],
            "suppressed": one["votes"].is_null(), "model": window["model"], "policy": window["policy"],
            "partition": window["partition"],
        })
        .to_string()
    };
    let categories = window["categories"].as_array().unwrap();
    match categories.is_empty() {
        true => vec![row(&Value::Null)],
        false => categories.iter().map(row).collect(),
    }
}

/// Of tables alone: the hours of the table, up to 24 before the newest of a source.
pub fn people_are_what_hours_say(url: &str, out: &Path) {
    let live = page::json(url, "/api/v1/live");
    let start = time("period_start");
    let written = duckdb(&format!(
        "WITH hours AS (
           SELECT DISTINCT source, period_start, covers_until, partition, tracks, stayed
           FROM read_parquet('{}/hourly/*/*.parquet'))
         SELECT source, {start} AS start, sum(tracks - stayed)::BIGINT AS people FROM hours GROUP BY ALL ORDER BY ALL",
        out.display()
    ));
    assert!(!written.is_empty());
    assert_eq!(hours(&live), written);
    for source in live["sources"].as_array().unwrap() {
        let people = &source["people"];
        assert!(people["today"].as_i64() > Some(0), "{source}");
        assert_eq!(people["since"], Value::Null, "{source}");
    }
}
