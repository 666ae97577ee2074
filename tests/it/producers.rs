//! How common producers write the event, through a real Kafka: what is meant is counted, and what cannot be read is
//! rejected under its camera.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use demograph_core::event::Event;
use serde_json::{Value, json};

use super::world::{Broker, Service, duckdb, repository};

const CROPS: usize = 24;
const HOUR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// As trackers write "not tracked".
const NOBODY: [&str; 6] = ["", "-1", "None", "null", "nan", "18446744073709551615"];
/// A quality is a number, 0 or greater, in any unit.
const QUALITIES: [&str; 4] = ["1e300", "0", "1e-300", "+.5"];
const NO_QUALITIES: [&str; 4] = ["NaN", "-1", "inf", "1e999"];

fn jpeg() -> Vec<u8> {
    std::fs::read(repository("tests/data/composites/white-female-25-34-a.jpg")).unwrap()
}

fn binary(source: &str, headers: &[(&str, &[u8])]) -> Event {
    Event {
        key: source.into(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
        payload: jpeg(),
    }
}

fn structured(source: &str, track: Value) -> Event {
    let json = json!({
        "specversion": "1.0", "type": "org.demograph.face-crop.v1", "id": "1", "source": source, "trackid": track,
        "data_base64": BASE64_URL_SAFE_NO_PAD.encode(jpeg()),
    });
    Event {
        payload: json.to_string().into_bytes(),
        ..binary("", &[("Content-Type", b"application/cloudevents+json")])
    }
}

/// Each producer's crops; three make a track where there are tracks.
fn events(now: jiff::Timestamp) -> Vec<Event> {
    let before = (now - HOUR).to_string();
    let mut events = Vec::new();
    for n in 0..CROPS {
        let nobody = NOBODY[n % NOBODY.len()];
        let track = (n / 3).to_string();
        let earlier = now - jiff::SignedDuration::from_millis(n as i64);
        let of_track = |source, name, value: &str| {
            let headers = [("ce_trackid", track.as_bytes()), (name, value.as_bytes())];
            binary(source, &headers)
        };
        events.extend([
            of_track("quality", "ce_quality", QUALITIES[n % 4]),
            of_track("quality-none", "ce_quality", NO_QUALITIES[n % 4]),
            of_track("backwards", "ce_time", &earlier.to_string()),
            binary("untracked", &[("ce_trackid", nobody.as_bytes())]),
            structured("untracked-json", nobody.into()),
            binary(
                "spring",
                &[
                    ("ce-time", before.as_bytes()),
                    ("ce-trackid", track.as_bytes()),
                    ("Content-Type", b"application/octet-stream"),
                ],
            ),
            structured("python-sdk", (n / 3).into()),
            binary(
                "binary-time",
                &[("ce_time", &now.as_millisecond().to_be_bytes())],
            ),
            structured("fractions", json!(n as f64 + 0.5)),
            binary("__unknown__", &[]),
        ]);
    }
    events
}

#[test]
fn what_common_producers_mean_is_counted_and_the_rest_rejected_under_its_camera() {
    let topic = Broker::shared().topic("producers", 1);
    let folder = tempfile::tempdir().unwrap();
    let policy = "[policy]\nunknown_sources = \"allow\"\n";
    let config = Service::config(&topic, folder.path(), policy);
    let mut service = Service::start(&config);
    let now = jiff::Timestamp::now();
    let events = events(now);
    topic.send(&events);
    service.await_metric("demograph_records_total", events.len() as f64, 60);
    service.stop();
    let rows = duckdb(&format!(
        "SELECT source, sum(faces + spared) AS faces, sum(tracks) AS tracks, sum(rejected) AS rejected,
                sum(coalesce(rejected_by_reason['malformed_event'], 0)) AS malformed_event,
                sum(coalesce(rejected_by_reason['invalid_time'], 0)) AS invalid_time,
                max(window_start) <= to_timestamp({}) AS is_earlier
         FROM read_parquet('{}/windows/*/*.parquet') GROUP BY source ORDER BY source",
        now.as_second() - 3_000,
        folder.path().display()
    ));
    let crops = CROPS as u64;
    let row = |source: &str, faces: u64, tracks: u64| {
        json!({
            "source": source, "faces": faces, "tracks": tracks, "rejected": crops - faces,
            "malformed_event": 0, "invalid_time": 0, "is_earlier": source == "spring",
        })
    };
    let rejected = |source: &str, reason: &str| {
        let mut row = row(source, 0, 0);
        row[reason] = crops.into();
        row
    };
    let expected = [
        rejected("__unknown__", "malformed_event"),
        row("backwards", crops, crops / 3),
        rejected("binary-time", "invalid_time"),
        rejected("fractions", "malformed_event"),
        row("python-sdk", crops, crops / 3),
        row("quality", crops, crops / 3),
        rejected("quality-none", "malformed_event"),
        row("spring", crops, crops / 3),
        row("untracked", crops, 0),
        row("untracked-json", crops, 0),
    ];
    assert_eq!(rows, expected);
}
