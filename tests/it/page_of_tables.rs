//! `demograph page`: the page over tables alone says what DuckDB reads in them, also in a browser.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    page, page_numbers, tools,
    world::{Finished, Process, demograph, duckdb},
};

/// A free port.
const LOCAL: &str = "127.0.0.1:0";

fn start(out: &Path, listen: &str) -> Process {
    let place = out.display().to_string();
    let arguments = ["page", "--listen", listen, "--tables", &place];
    Process::start("demograph page", demograph(&arguments))
}

/// The page while it answers.
pub struct Opened {
    pub url: String,
    process: Process,
}

/// Opens it over the tables, and waits until it answers.
pub fn open(tables: &Path) -> Opened {
    let mut process = start(tables, LOCAL);
    let log = process.stdout_file();
    let url = process.wait_for("it says where the page is", 30, || {
        let text = std::fs::read_to_string(&log).ok()?;
        let (_, rest) = text.split_once(" is at ")?;
        let (url, _) = rest.split_once("/   (Ctrl-C")?;
        Some(url.to_owned())
    });
    Opened { url, process }
}

impl Opened {
    /// SIGTERM, and a clean end.
    pub fn end(self) {
        self.process.terminate();
        let ended = self.process.finish(20);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

/// Compares it with the tables of the test of hours and days.
pub fn says_what_the_tables_say(out: &Path) {
    let opened = open(out);
    let url = &opened.url;
    for table in ["hourly", "daily"] {
        page::history_is_what_the_table_says(url, out, table);
    }
    the_newest_periods_are_those_of_the_tables(url, out);
    page_numbers::people_are_what_hours_say(url, out);
    page_numbers::windows_are_what_the_table_says(url, out, 1_000);
    let sources = page::json(url, "/api/v1/sources");
    assert_eq!(sources["origin"], "tables");
    assert_eq!(
        sources["tables"],
        json!({ "url": out.display().to_string(), "dates": 31 })
    );
    assert_eq!(sources["sources"][0]["attributes"], json!(["gender"]));
    assert_eq!(sources["sources"][0]["people_min"], Value::Null);
    let health = page::ask(url, "/api/v1/health");
    assert_eq!(health.status, 404, "{}", health.body);
    assert!(health.body.contains("without a service"), "{}", health.body);
    tools::run(
        tools::python(),
        &["tests/tools/page_of_tables.py", url, "door", "gate"],
        "",
    );
    opened.end();
}

fn the_newest_periods_are_those_of_the_tables(url: &str, out: &Path) {
    let live = page::json(url, "/api/v1/live");
    for (table, view) in [("hourly", "1h"), ("daily", "24h")] {
        let mut said = Vec::new();
        for source in live["sources"].as_array().unwrap() {
            let views = source["views"].as_array().unwrap();
            let view = views.iter().find(|one| one["view"] == view).unwrap();
            assert_eq!(view["faces"], Value::Null);
            for one in view["attributes"][0]["categories"].as_array().unwrap() {
                said.push(json!({
                    "source": source["source"], "category": one["category"], "from": view["from"], "until": view["until"],
                    "votes": one["votes"], "share": one["share"], "low": one["share_low"], "high": one["share_high"],
                }));
            }
        }
        let written = duckdb(&format!(
            "WITH ranked AS (
               SELECT *, dense_rank() OVER (PARTITION BY source ORDER BY period_start DESC, covers_until DESC) AS place
               FROM read_parquet('{}/{table}/*/*.parquet'))
             SELECT source, category, strftime(covers_from AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS from,
               strftime(covers_until AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS until, people AS votes, share,
               share_low AS low, share_high AS high
             FROM ranked WHERE place = 1 ORDER BY source, category",
            out.display()
        ));
        assert_eq!(written.len(), 4, "{written:?}");
        assert_eq!(said, written, "{table}");
    }
}

fn refused(out: &Path, listen: &str) -> String {
    let Finished { code, stderr, .. } = start(out, listen).finish(30);
    assert_eq!(code, Some(1), "{stderr}");
    stderr
}

#[test]
fn errors_name_the_table_that_is_missing_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let said = refused(&nowhere, LOCAL);
    assert!(said.contains("there is no such folder"), "{said}");
    assert!(!nowhere.exists());
    let said = refused(folder.path(), LOCAL);
    assert!(said.contains("no table \"hourly\" or \"daily\""), "{said}");
    assert!(said.contains("output.url"), "{said}");
    let date = folder.path().join("windows/date=2026-03-01");
    std::fs::create_dir_all(&date).unwrap();
    std::fs::write(date.join("a.parquet"), "bytes").unwrap();
    let said = refused(folder.path(), LOCAL);
    assert!(said.contains("but windows: no hour is finished"), "{said}");
    let said = refused(folder.path(), "0.0.0.0:0");
    assert!(said.contains("--listen"), "{said}");
}
