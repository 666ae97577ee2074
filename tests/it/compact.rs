//! `demograph compact` on the tables of a real run, read by DuckDB before and after.

use std::path::{Path, PathBuf};

use demograph::kafka::Event;
use serde_json::Value;

use super::world::{Broker, Finished, Process, Service, composites, demograph, duckdb};

const TABLES: [&str; 3] = ["demographics", "windows", "cells"];
const DATES: [&str; 2] = ["2001-01-01", "2020-01-01"];
const CAMERAS: usize = 6;
/// Crops a camera and date.
const CROPS: usize = 12;

/// What DuckDB says of a table below a folder: rows, and sums over every column that has one.
fn sums(folder: &Path, table: &str, date: &str) -> Value {
    let counted = match table {
        "demographics" => "sum(count) AS a, sum(total) AS b",
        "windows" => "sum(faces) AS a, sum(late + rejected) AS b",
        _ => "sum(parts) AS a, sum(cell) AS b",
    };
    let rows = duckdb(&format!(
        "SELECT count(*) AS rows, count(DISTINCT source) AS sources, {counted}
         FROM read_parquet('{}/{table}/date={date}/*.parquet')",
        folder.display()
    ));
    rows[0].clone()
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Cameras over two dates long ago, on four partitions.
fn crops() -> Vec<Event> {
    let images = composites();
    let mut events = Vec::new();
    for date in DATES {
        for n in 0..CAMERAS * CROPS {
            let second = n / CAMERAS;
            let time = format!("{date}T12:00:{second:02}Z");
            events.push(Event {
                key: format!("cam-{}", n % CAMERAS),
                headers: vec![("ce_time".into(), time.into_bytes())],
                payload: std::fs::read(&images[n % images.len()]).unwrap(),
            });
        }
    }
    events
}

fn compact(config: &Path, arguments: &[&str]) -> Finished {
    let mut compact = demograph(&["compact", "--config"]);
    compact.arg(config).args(arguments);
    Process::start("demograph compact", compact).finish(60)
}

#[test]
fn a_day_becomes_one_file_with_the_same_rows_once_and_old_days_go() {
    let topic = Broker::shared().topic("compact", 4);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let more = "[policy]\nunknown_sources = \"allow\"\n";
    let text = Service::config(&topic, &out, more)
        .replace("publish_interval", "cells = true\npublish_interval")
        .replace("on_stop", "past_max = \"36500d\"\non_stop");
    let mut service = Service::start(&text);
    let events = crops();
    let sent = events.len() as f64;
    topic.send(events);
    service.await_metric("demograph_records_total", sent, 120);
    service.stop();
    let config = folder.path().join("demograph.toml");
    std::fs::write(&config, &text).unwrap();
    let daily = out.join("daily");

    let tried = compact(&config, &["--dry-run"]);
    assert_eq!(tried.code, Some(0), "{}", tried.stderr);
    assert!(tried.stdout.contains("to be merged"), "{}", tried.stdout);
    assert!(!daily.exists());

    let done = compact(&config, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout.matches("merged").count(), 6, "{}", done.stdout);
    for table in TABLES {
        for date in DATES {
            let before = sums(&out, table, date);
            assert!(before["rows"].as_u64().unwrap() > 0, "{table} {date}");
            assert_eq!(sums(&daily, table, date), before, "{table} {date}");
            assert_eq!(
                files(daily.join(table).join(format!("date={date}"))).len(),
                1
            );
        }
    }
    assert!(files(out.join("windows/date=2020-01-01")).len() > 1);
    is_sorted_and_says_what_went_in(&out);

    let again = compact(&config, &[]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(
        again.stdout.matches("already there").count(),
        6,
        "{}",
        again.stdout
    );

    late_files_are_an_error(&config, &out);
    what_is_compacted_or_too_old_goes(&config, &text, &out);
}

fn is_sorted_and_says_what_went_in(out: &Path) {
    let file = out.join("daily/windows/date=2020-01-01/windows-2020-01-01.parquet");
    let unsorted = duckdb(&format!(
        "SELECT count(*) AS n FROM (SELECT (source, window_start) < lag((source, window_start)) OVER
             (ORDER BY file_row_number) AS wrong FROM read_parquet('{}', file_row_number = true)) WHERE wrong",
        file.display()
    ));
    assert_eq!(unsorted[0]["n"], 0);
    let facts = duckdb(&format!(
        "SELECT key::VARCHAR AS key, value::VARCHAR AS value FROM parquet_kv_metadata('{}')
         WHERE key::VARCHAR LIKE 'demograph.%'",
        file.display()
    ));
    let fact = |key: &str| {
        let found = facts.iter().find(|fact| fact["key"] == key);
        found.unwrap()["value"].as_str().unwrap().to_owned()
    };
    let small = files(out.join("windows/date=2020-01-01")).len();
    assert_eq!(fact("demograph.inputs"), small.to_string());
    assert_eq!(fact("demograph.inputs_sha256").len(), 64);
    assert!(fact("demograph.model").starts_with("utkface-small@"));
}

fn late_files_are_an_error(config: &Path, out: &Path) {
    let date = out.join("windows/date=2020-01-01");
    let late = date.join("part-late.parquet");
    std::fs::copy(&files(date)[0], &late).unwrap();
    let refused = compact(config, &[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    for expected in [
        "windows, 2020-01-01: 1 of",
        "part-late.parquet",
        "delete daily/windows/date=2020-01-01/",
    ] {
        assert!(
            refused.stderr.contains(expected),
            "{expected}: {}",
            refused.stderr
        );
    }
    std::fs::remove_file(late).unwrap();
}

fn what_is_compacted_or_too_old_goes(config: &Path, text: &str, out: &Path) {
    let before = sums(&out.join("daily"), "windows", "2020-01-01");
    let deleted = compact(config, &["--delete-compacted"]);
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    assert!(files(out.join("windows/date=2020-01-01")).is_empty());
    assert_eq!(sums(&out.join("daily"), "windows", "2020-01-01"), before);

    // Between the two dates for as long as this may be run.
    let kept = text.replace("cells = true", "keep = \"9000d\"\ncells = true");
    std::fs::write(config, kept).unwrap();
    let expired = compact(config, &[]);
    assert_eq!(expired.code, Some(0), "{}", expired.stderr);
    for table in TABLES {
        assert!(files(out.join("daily").join(table).join("date=2001-01-01")).is_empty());
        assert_eq!(
            files(out.join("daily").join(table).join("date=2020-01-01")).len(),
            1
        );
    }
}
