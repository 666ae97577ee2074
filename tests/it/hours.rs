//! The tables `hourly` and `daily` through a real Kafka, over a kill in the middle of an hour: what DuckDB reads in them is
//! what it reads in the windows.

use std::path::Path;

use demograph_core::{
    event::Event,
    periods::{PeriodKind, Zone},
    record::EventTime,
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::world::{Broker, Service, duckdb, repository, with_config};

/// One every half minute, for two hours.
const PEOPLE: i64 = 240;
const SOURCES: [&str; 2] = ["door", "gate"];
const CAMERAS: &str = r#"
[[source]]
id = "door"
attributes = ["gender"]
[[source]]
id = "gate"
attributes = ["gender"]
time_zone = "Asia/Kolkata"
"#;

/// A person before both cameras.
fn visits(person: i64, begin: Timestamp) -> Vec<Event> {
    let sex = ["female", "male"][person as usize % 2];
    let file = repository(&format!("tests/data/composites/white-{sex}-25-34-a.jpg"));
    let payload = std::fs::read(file).unwrap();
    let time = begin + (30 * person).seconds();
    let event = |source: &&str| Event {
        key: (*source).into(),
        headers: vec![
            ("ce_time".into(), time.to_string().into_bytes()),
            ("ce_trackid".into(), person.to_string().into_bytes()),
        ],
        payload: payload.clone(),
    };
    SOURCES.iter().map(event).collect()
}

/// Rows of a table that are not the sum of the windows that begin in them, and windows that no row holds.
fn differences(out: &Path, table: &str) -> Vec<Value> {
    let out = out.display();
    duckdb(&format!(
        "WITH windows AS (
           SELECT source, window_start, category, count, total FROM read_parquet('{out}/demographics/*/*.parquet')
           WHERE attribute = 'gender'),
         periods AS (
           SELECT source, period_start, period_end, category, people, total, windows
           FROM read_parquet('{out}/{table}/*/*.parquet')),
         summed AS (
           SELECT w.source, p.period_start, w.category, sum(w.count)::BIGINT AS people,
                  sum(w.total)::BIGINT AS total, count(*) AS windows
           FROM windows w LEFT JOIN periods p ON p.source = w.source AND p.category = w.category
             AND p.period_start <= w.window_start AND w.window_start < p.period_end
           GROUP BY ALL)
         SELECT s.source, s.period_start::VARCHAR AS s, p.period_start::VARCHAR AS p, s.people AS expected, p.people
         FROM summed s FULL JOIN periods p ON s.source = p.source AND s.period_start = p.period_start
           AND s.category = p.category
         WHERE s.people IS DISTINCT FROM p.people OR s.total IS DISTINCT FROM p.total
           OR s.windows IS DISTINCT FROM p.windows"
    ))
}

#[test]
fn hours_and_days_are_what_the_windows_say_over_a_kill_in_the_middle_of_an_hour() {
    let topic = Broker::shared().topic("hours", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, CAMERAS)
        .replace(
            "pane = \"2s\"\npeople_min = 0\n",
            "time_zone = \"Europe/Berlin\"\n",
        )
        .replace("rolling = [\"10s\", \"1m\"]\n", "")
        .replace("lateness_max = \"1s\"\nidle_after = \"2s\"\n", "")
        // Nobody waits long for the one that was killed.
        .replace(
            "[model]",
            "[kafka.properties]\n\"session.timeout.ms\" = 6000\n[model]",
        );
    assert!(config.contains("time_zone = \"Europe/Berlin\"") && !config.contains("people_min"));
    // Over midnight in Berlin, two nights ago.
    let before = EventTime(Timestamp::now().as_millisecond() - 86_400_000);
    let berlin = Zone::named("Europe/Berlin").unwrap();
    let midnight = berlin.period(PeriodKind::Day, before).start.0 / 1_000;
    let begin = Timestamp::from_second(midnight - 3_600).unwrap();

    let mut first = Service::start(&config);
    first.await_ready();
    topic.send((0..150).flat_map(|person| visits(person, begin)));
    first.await_metric("demograph_records_total", 300.0, 60);
    // The hour before midnight is over in Berlin, and so is the day.
    let rows = "demograph_rows_written_total{table=\"daily\"}";
    first.await_metric(rows, 2.0, 60);
    first.process.signal("KILL");
    drop(first);
    let mut service = Service::start(&config);
    service.await_ready();
    topic.send((150..PEOPLE).flat_map(|person| visits(person, begin)));
    service
        .process
        .wait_for("all people are in the tables", 120, || {
            let windows = format!("{}/windows/*/*.parquet", out.display());
            let waiting = duckdb(&format!(
                "SELECT count(*) AS windows FROM read_parquet('{windows}')"
            ));
            (waiting[0]["windows"].as_i64()? >= 6).then_some(())
        });
    #[cfg(feature = "page")]
    for table in ["hourly", "daily"] {
        super::page::history_is_what_the_table_says(&service.url, &out, table);
    }
    service.stop();
    #[cfg(feature = "page")]
    super::page_of_tables::says_what_the_tables_say(&out);

    for table in ["hourly", "daily"] {
        assert_eq!(differences(&out, table), Vec::<Value>::new(), "{table}");
        let twice = duckdb(&format!(
            "SELECT source, period_start::VARCHAR AS start, count(*) AS rows
             FROM read_parquet('{}/{table}/*/*.parquet') GROUP BY source, period_start, category HAVING count(*) > 1",
            out.display()
        ));
        assert_eq!(twice, Vec::<Value>::new(), "{table}");
    }
    the_rows_are_those_of_the_clock_on_the_wall(&out, midnight);
    the_questions_of_the_documents_are_answered(&out);
    the_chain_says_so_too(&config, folder.path());
}

fn the_rows_are_those_of_the_clock_on_the_wall(out: &Path, midnight: i64) {
    let rows = |table: &str, columns: &str| {
        duckdb(&format!(
            "SELECT source, {columns}, sum(people)::BIGINT AS people, any_value(closed_by) AS closed_by,
               min(shown_ratio) AS shown, bool_and(share_low < share AND share < share_high) AS is_estimated
             FROM read_parquet('{}/{table}/*/*.parquet', hive_partitioning = true)
             WHERE date = local_date GROUP BY ALL ORDER BY ALL",
            out.display()
        ))
    };
    let hours = rows(
        "hourly",
        &format!("local_hour AS hour, (epoch(period_start) - {midnight})::BIGINT AS start"),
    );
    let row = |source: &str, hour: i64, start: i64, people: i64, by: &str| {
        json!({ "source": source, "hour": hour, "start": start, "people": people, "closed_by": by,
                "shown": 1.0, "is_estimated": true })
    };
    // In India an hour begins in the middle of one in Berlin. Its windows end with those of UTC, so that each is in the hour
    // in which it begins.
    let indian = |row: &&Value| row["source"] == "gate";
    let (gate, door): (Vec<&Value>, Vec<&Value>) = hours.iter().partition(indian);
    let expected = [
        row("door", 0, 0, 120, "end"),
        row("door", 23, -3_600, 120, "watermark"),
    ];
    assert_eq!(door, expected.iter().collect::<Vec<_>>());
    assert!(
        gate.iter()
            .all(|row| row["start"].as_i64().unwrap().rem_euclid(3_600) == 1_800)
    );
    let people = gate.iter().map(|row| row["people"].as_i64().unwrap());
    assert_eq!(people.sum::<i64>(), PEOPLE);
    let days = rows("daily", "local_date::VARCHAR AS date");
    let of_door: Vec<_> = days.iter().filter(|row| row["source"] == "door").collect();
    let by: Vec<_> = of_door
        .iter()
        .map(|row| (&row["people"], &row["closed_by"]))
        .collect();
    assert_eq!(
        by,
        [
            (&json!(120), &json!("watermark")),
            (&json!(120), &json!("end"))
        ]
    );
}

/// The first query of a document, on these tables: the rows of the door.
fn documented(document: &str, out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(repository(document)).unwrap();
    let query = text.split("```sql").nth(1).unwrap();
    let query = query.split("```").next().unwrap();
    let rows = duckdb(&query.replace("'out/", &format!("'{}/", out.display())));
    let of_door = |row: &Value| row["source"] == "door";
    rows.into_iter().filter(of_door).collect()
}

/// Women among visitors, by hour, and by hour and day.
fn the_questions_of_the_documents_are_answered(out: &Path) {
    let hours = documented("README.md", out);
    let both = documented("docs/running.md", out);
    let clock = |rows: &[Value]| -> Vec<Value> {
        let hours = rows.iter().map(|row| row["local_hour"].clone());
        hours.collect()
    };
    assert_eq!(clock(&hours), [23, 0], "{hours:?}");
    // Each day comes behind its hours.
    assert_eq!(
        clock(&both),
        [json!(23), json!(null), json!(0), json!(null)]
    );
    for row in hours.iter().chain(&both) {
        assert_eq!(row["people"], 60, "{row}");
        assert!(row["share_low"].as_f64().unwrap() < 0.5, "{row}");
        assert!(row["share_high"].as_f64().unwrap() > 0.5, "{row}");
    }
}

/// `demograph state verify` finds every hour and day.
fn the_chain_says_so_too(config: &str, folder: &Path) {
    let verify = || with_config(config, &["state", "verify"]);
    let verified = verify();
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(
        verified
            .stdout
            .contains("hours and days of these checkpoints found")
    );
    let dates = std::fs::read_dir(folder.join("out/daily")).unwrap();
    let first = dates.map(|date| date.unwrap().path()).min().unwrap();
    std::fs::remove_dir_all(first).unwrap();
    let verified = verify();
    assert_eq!(verified.code, Some(1), "{}", verified.stdout);
    assert!(
        verified.stdout.contains("are not there"),
        "{}",
        verified.stdout
    );
}
