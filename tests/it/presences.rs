//! Presence events among the faces: counted exactly once over a restart, in no row, and no reject. The ledger adds up.

use demograph_core::{
    event::{Event, PresenceEvent},
    record::EventTime,
};
use serde_json::json;

use super::world::{Broker, Service, composites, duckdb, metric, with_config};

const EACH: usize = 6;
const PRESENCES: &str = "demograph_presence_events_total";

fn face(image: &[u8]) -> Event {
    Event {
        key: "cam".into(),
        payload: image.to_vec(),
        ..Event::default()
    }
}

fn presence(number: usize) -> Event {
    let event = PresenceEvent {
        id: number.to_string(),
        source: "cam".into(),
        track: number.to_string(),
        // A face of this time would be rejected, and one of the future would close panes.
        first: EventTime(0),
        last: EventTime(4_102_444_800_000),
        facing: 1_000,
    };
    event.encode()
}

#[test]
fn presence_events_among_faces_are_counted_and_stand_in_no_row() {
    let topic = Broker::shared().topic("presences", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, "[[source]]\nid = \"cam\"\n");
    let image = std::fs::read(&composites()[0]).unwrap();
    for run in 0..2 {
        let mut service = Service::start(&config);
        service.await_ready();
        // The log ends with one: nothing but its own count can move the place in the log behind it.
        topic.send((0..EACH).flat_map(|number| [face(&image), presence(EACH * run + number)]));
        service.await_metric(PRESENCES, EACH as f64, 60);
        let said = service.metrics();
        let of = |series| metric(&said, series);
        assert_eq!(of(PRESENCES), EACH as f64, "{said}");
        assert_eq!(of("demograph_rejected_records_total"), 0.0, "{said}");
        assert_eq!(of("demograph_records_total"), EACH as f64, "{said}");
        assert_eq!(of("demograph_skipped_offsets_total"), 0.0, "{said}");
        service.stop();
    }
    let all = 4 * EACH as i64;
    assert_eq!(topic.committed_and_ends(), [(all, all)]);
    let rows = duckdb(&format!(
        "SELECT sum(faces + spared)::BIGINT AS faces, sum(late + rejected)::BIGINT AS others
         FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    assert_eq!(rows, [json!({ "faces": 2 * EACH, "others": 0 })]);
    let verified = with_config(&config, &["state", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    let said = format!("{} presence events, 0 skipped", 2 * EACH);
    assert!(verified.stdout.contains(&said), "{}", verified.stdout);
}
