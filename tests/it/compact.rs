//! `demograph compact` on the tables of a real run, read by DuckDB before and after.

use std::path::{Path, PathBuf};

use demograph_core::event::Event;
use serde_json::Value;

use super::world::{Broker, Finished, Process, Service, composites, demograph, duckdb, repository};

const TABLES: [&str; 5] = ["demographics", "windows", "hourly", "daily", "cells"];
const DATES: [&str; 2] = ["2001-01-01", "2020-01-01"];
const CAMERAS: usize = 6;
/// Crops a camera and date.
const CROPS: usize = 12;

/// What DuckDB says of a table below a folder: rows, and sums over every column that has one.
fn sums(folder: &Path, table: &str, date: &str) -> Value {
    let counted = match table {
        "demographics" => "sum(count) AS a, sum(total) AS b",
        "windows" => "sum(faces) AS a, sum(spared + late + rejected) AS b",
        "hourly" | "daily" => "sum(people) AS a, sum(total) AS b",
        _ => "sum(parts) AS a, sum(cell) AS b",
    };
    let rows = duckdb(&format!(
        "SELECT count(*) AS rows, count(DISTINCT source) AS sources, {counted}
         FROM read_parquet('{}/{table}/date={date}/*.parquet')",
        folder.display()
    ));
    rows[0].clone()
}

/// Where a table lies: exact cells lie beside the others.
fn place(out: &Path, table: &str) -> PathBuf {
    match table {
        "cells" => out.with_file_name("out-cells"),
        _ => out.to_owned(),
    }
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
                headers: vec![
                    ("ce_time".into(), time.into_bytes()),
                    ("ce_trackid".into(), second.to_string().into_bytes()),
                ],
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

/// Everything that `demograph estimate` says of the tables, and what it warns of.
fn estimate(out: &Path) -> Finished {
    let mut estimate = demograph(&["estimate", "--by", "all", "--format", "csv", "--tables"]);
    let said = Process::start("demograph estimate", {
        estimate.arg(out).arg("--calibration");
        estimate.arg(repository("models/research-small/calibration.int8.json"));
        estimate
    })
    .finish(60);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said
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
    // Once more, so that checkpoints follow those that published.
    let mut service = Service::start(&text);
    service.await_metric("demograph_checkpoints_total", 4.0, 60);
    service.stop();
    let config = folder.path().join("demograph.toml");
    std::fs::write(&config, &text).unwrap();
    let compacted = out.join("compacted");

    let tried = compact(&config, &["--dry-run"]);
    assert_eq!(tried.code, Some(0), "{}", tried.stderr);
    assert!(tried.stdout.contains("to be merged"), "{}", tried.stdout);
    assert!(!compacted.exists());

    let estimated = estimate(&out).stdout;
    let votes = format!(",{},", CAMERAS * CROPS * DATES.len());
    assert!(estimated.contains(&votes), "{estimated}");

    let done = compact(&config, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(
        estimate(&out).stdout,
        estimated,
        "compacted files beside the small ones"
    );
    assert_eq!(done.stdout.matches("merged").count(), 10, "{}", done.stdout);
    for table in TABLES {
        for date in DATES {
            let place = place(&out, table);
            let compacted = place.join("compacted");
            let before = sums(&place, table, date);
            assert!(before["rows"].as_u64().unwrap() > 0, "{table} {date}");
            assert_eq!(sums(&compacted, table, date), before, "{table} {date}");
            assert_eq!(
                files(compacted.join(table).join(format!("date={date}"))).len(),
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
        10,
        "{}",
        again.stdout
    );

    queries_of_the_documents_count_each_row_once(&out);
    copies_are_named_and_count_once(&config, &out, &estimated);
    late_files_are_an_error(&config, &out);
    what_is_compacted_or_too_old_goes(&config, &text, &out, &estimated);
}

fn is_sorted_and_says_what_went_in(out: &Path) {
    let file = out.join("compacted/windows/date=2020-01-01/windows-2020-01-01.parquet");
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
    assert!(fact("demograph.model").starts_with("research-small@"));
}

/// What the n-th query of a document answers, on these tables.
fn documented(document: &str, n: usize, out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(repository(document)).unwrap();
    let query = text.split("```sql").nth(n).unwrap();
    let query = query.split("```").next().unwrap();
    duckdb(&query.replace("'out/", &format!("'{}/", out.display())))
}

fn queries_of_the_documents_count_each_row_once(out: &Path) {
    let days = documented("schemas/README.md", 1, out);
    assert_eq!(days.len(), CAMERAS * DATES.len(), "{days:?}");
    let sources = documented("schemas/README.md", 2, out);
    assert_eq!(sources.len(), CAMERAS);
    let each = CROPS * DATES.len();
    assert!(
        sources.iter().all(|row| row["faces"] == each),
        "{sources:?}"
    );
    documented("README.md", 1, out);
}

/// A copy of a file that is in the compacted file, of one that is not, and one in the folder of another date.
fn copies_are_named_and_count_once(config: &Path, out: &Path, estimated: &str) {
    let cells = place(out, "cells");
    let date = cells.join("cells/date=2020-01-01");
    let compacted = cells.join("compacted/cells/date=2020-01-01/cells-2020-01-01.parquet");
    let (first, copy) = (
        files(date.clone())[0].clone(),
        date.join("part-copy.parquet"),
    );
    std::fs::copy(&first, &copy).unwrap();
    let aside = out.join("aside.parquet");
    for of in ["compacted/cells/", "cells/date=2020-01-01/part-"] {
        let refused = compact(config, &[]);
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(
            refused.stderr.contains("is a copy of"),
            "{}",
            refused.stderr
        );
        let said = estimate(out);
        assert_eq!(said.stdout, estimated);
        assert!(said.stderr.contains("is a copy"), "{}", said.stderr);
        assert!(said.stderr.contains(of), "{of}: {}", said.stderr);
        // Once more without the compacted file.
        if compacted.exists() {
            std::fs::rename(&compacted, &aside).unwrap();
        }
    }
    std::fs::rename(&aside, &compacted).unwrap();
    let moved = cells.join("cells/date=2001-01-01/part-moved.parquet");
    std::fs::rename(&copy, &moved).unwrap();
    let mut command = demograph(&["estimate", "--calibration"]);
    command.arg(repository("models/research-small/calibration.int8.json"));
    command.arg("--tables");
    let said = Process::start("demograph estimate", {
        command.arg(out);
        command
    })
    .finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(
        said.stderr
            .contains("part-moved.parquet holds a row of 2020-01-01"),
        "{}",
        said.stderr
    );
    std::fs::remove_file(moved).unwrap();
}

/// A small file that came after the compacted file was made, as after a long stop. What the message says to do mends it.
fn late_files_are_an_error(config: &Path, out: &Path) {
    let late = files(out.join("windows/date=2020-01-01"))[0].clone();
    let compacted = out.join("compacted/windows/date=2020-01-01/windows-2020-01-01.parquet");
    let aside = out.join("aside.parquet");
    std::fs::rename(&late, &aside).unwrap();
    std::fs::remove_file(&compacted).unwrap();
    assert_eq!(compact(config, &[]).code, Some(0));
    std::fs::rename(&aside, &late).unwrap();
    let refused = compact(config, &[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    for expected in [
        "windows, 2020-01-01: 1 of",
        late.file_name().unwrap().to_str().unwrap(),
        "delete compacted/windows/date=2020-01-01/",
    ] {
        assert!(
            refused.stderr.contains(expected),
            "{expected}: {}",
            refused.stderr
        );
    }
    std::fs::remove_file(compacted).unwrap();
    assert_eq!(compact(config, &[]).code, Some(0));
}

fn what_is_compacted_or_too_old_goes(config: &Path, text: &str, out: &Path, estimated: &str) {
    let before = sums(&out.join("compacted"), "windows", "2020-01-01");
    let deleted = compact(config, &["--delete-compacted"]);
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    assert!(files(out.join("windows/date=2020-01-01")).is_empty());
    assert!(files(place(out, "cells").join("cells/date=2020-01-01")).is_empty());
    assert_eq!(estimate(out).stdout, estimated, "compacted files alone");
    assert_eq!(
        sums(&out.join("compacted"), "windows", "2020-01-01"),
        before
    );

    let mut verify = demograph(&["state", "verify", "--config"]);
    verify.arg(config);
    let verified = Process::start("demograph state verify", verify).finish(60);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(
        verified.stdout.contains("found in the tables"),
        "{}",
        verified.stdout
    );

    // Between the two dates for as long as this may be run.
    let kept = text.replace("cells = true", "keep = \"9000d\"\ncells = true");
    std::fs::write(config, kept).unwrap();
    let expired = compact(config, &[]);
    assert_eq!(expired.code, Some(0), "{}", expired.stderr);
    for table in TABLES {
        let compacted = place(out, table).join("compacted").join(table);
        assert!(files(compacted.join("date=2001-01-01")).is_empty());
        assert_eq!(files(compacted.join("date=2020-01-01")).len(), 1);
    }
}
