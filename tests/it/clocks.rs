//! Clocks that are wrong, through the whole program: what they say is rejected, nothing else is harmed, and the metrics
//! name the source.

use demograph_core::event::Event;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::world::{Broker, Service, duckdb, repository};

const SOURCES: &str = "[policy]\nunknown_sources = \"allow\"\n";

/// A face that the source says was seen then.
fn face(source: &str, time: Timestamp) -> Event {
    let file = repository("tests/data/composites/white-female-25-34-a.jpg");
    Event {
        key: source.into(),
        headers: vec![("ce_time".into(), time.to_string().into_bytes())],
        payload: std::fs::read(file).unwrap(),
    }
}

#[test]
fn a_record_from_the_future_mutes_no_camera_and_a_clock_that_is_behind_is_seen() {
    let topic = Broker::shared().topic("clocks", 1);
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    service.await_ready();
    let now = Timestamp::now();
    topic.send([
        face("lobby", now),
        face("lobby", now + 50.minutes()),
        face("lobby", Timestamp::UNIX_EPOCH),
        face("lobby", "2099-01-01T00:00:00Z".parse().unwrap()),
    ]);
    service.await_metric("demograph_records_total", 4.0, 60);
    // In time, one after the other, and longer than a pane and the allowed lateness.
    topic.send((1..=60).map(|n| face("lobby", now + (100 * n).milliseconds())));
    topic.send((0..5).map(|_| face("cafe", now - 5.hours())));
    service.await_metric("demograph_records_total", 69.0, 60);
    let offset = "demograph_source_time_offset_seconds{source=\"cafe\"}";
    service.await_metric(offset, 17_900.0, 60);
    for (reason, records) in [("future_time", 2.0), ("past_time", 1.0)] {
        let name = format!("demograph_rejected_records_total{{reason=\"{reason}\"}}");
        service.await_metric(&name, records, 60);
    }
    service.stop();
    let rows = duckdb(&format!(
        "SELECT source, sum(faces) AS faces, sum(late) AS late, sum(rejected) AS rejected,
                count(*) FILTER (abs(epoch(window_start) - {})  > 86400) AS elsewhere
         FROM read_parquet('{}/windows/*/*.parquet') GROUP BY source ORDER BY source",
        now.as_second(),
        folder.path().display()
    ));
    assert_eq!(
        rows,
        [
            json!({ "source": "cafe", "faces": 5, "late": 0, "rejected": 0, "elsewhere": 0 }),
            json!({ "source": "lobby", "faces": 61, "late": 0, "rejected": 3, "elsewhere": 0 }),
        ]
    );
}
