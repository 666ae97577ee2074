//! An ordinary camera with the default windows: what a shop door with 180 people an hour shows, over a restart in the
//! middle of a window.

use demograph_core::event::Event;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::world::{Broker, Service, check_config, duckdb, repository};

const PEOPLE: i64 = 180;

/// The two crops of a person, three seconds apart.
fn visit(person: i64, begin: Timestamp) -> [Event; 2] {
    let sex = ["female", "male"][person as usize % 2];
    let file = repository(&format!("tests/data/composites/white-{sex}-25-34-a.jpg"));
    let payload = std::fs::read(file).unwrap();
    [0, 3].map(|second| {
        let time = begin + (20 * person + second).seconds();
        Event {
            key: "door".into(),
            headers: vec![
                ("ce_time".into(), time.to_string().into_bytes()),
                ("ce_trackid".into(), person.to_string().into_bytes()),
            ],
            payload: payload.clone(),
        }
    })
}

#[test]
fn a_shop_door_shows_its_hour_with_the_default_windows_and_over_a_restart() {
    let topic = Broker::shared().topic("door", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let door = "[[source]]\nid = \"door\"\nattributes = [\"gender\"]\n";
    let config = Service::config(&topic, &out, door)
        .replace("pane = \"2s\"\npeople_min = 0\n", "")
        .replace("rolling = [\"10s\", \"1m\"]\non_stop = \"close\"\n", "");
    assert!(!config.contains("people_min") && !config.contains("on_stop"));
    // An hour (UTC) that is over.
    let second = Timestamp::now().as_second() - 2 * 3_600;
    let begin = Timestamp::from_second(second / 3_600 * 3_600).unwrap();
    let mut first = Service::start(&config);
    first.await_ready();
    topic.send((0..40).flat_map(|person| visit(person, begin)));
    first.await_metric("demograph_records_total", 80.0, 60);
    first.await_metric("demograph_growing_windows", 1.0, 60);
    first.stop();
    let mut service = Service::start(&config);
    service.await_ready();
    topic.send((40..=PEOPLE + 5).flat_map(|person| visit(person, begin)));
    service.await_metric("demograph_released_windows_total", 2.0, 60);
    let until = "demograph_audience_until_timestamp_seconds{source=\"door\",window=\"1h\"}";
    let end = begin.as_second() + 3_590;
    service.await_metric(until, end as f64, 60);
    let rows = "demograph_rows_written_total{table=\"windows\"}";
    service.await_metric(rows, 2.0, 60);
    service.stop();
    let windows = duckdb(&format!(
        "SELECT tracks, votes, epoch(window_start)::BIGINT - {} AS start, epoch(window_end)::BIGINT - {} AS until
         FROM read_parquet('{}/windows/*/*.parquet') ORDER BY window_start",
        begin.as_second(),
        begin.as_second(),
        out.display()
    ));
    assert_eq!(
        windows,
        [
            json!({ "tracks": 100, "votes": 100, "start": 0, "until": 1_990 }),
            json!({ "tracks": 80, "votes": 80, "start": 2_000, "until": 3_590 }),
        ]
    );
    let shown = duckdb(&format!(
        "SELECT sum(count)::BIGINT AS people FROM read_parquet('{}/demographics/*/*.parquet') WHERE attribute = 'gender'",
        out.display()
    ));
    assert_eq!(shown, [json!({ "people": PEOPLE })]);
    let said = check_config(&config, &[]).stdout;
    let hint =
        "note   windows: door: 181 people an hour in the last days: a window about every 33 min";
    assert!(said.contains(hint), "{said}");
    let panes = config.replace("[windows]\n", "[windows]\npeople_min = 0\n");
    let said = check_config(&panes, &[]).stdout;
    assert!(said.contains("door: 181 people an hour"), "{said}");
    assert!(
        said.contains("0.5 in each pane of 10s. Fewer than 10 are hidden"),
        "{said}"
    );
}
