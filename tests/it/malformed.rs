//! Input that no decoder likes: counted by reason, and the stream goes on in the same memory.

use std::collections::BTreeMap;

use demograph_core::event::Event;
use serde_json::Value;

use super::world::{Broker, Service, duckdb, metric, repository};

const SOURCES: &str = "[[source]]\nid = \"cam\"\n";
/// How often the corpus is sent before the memory is looked at, and after.
const WARM_UP: usize = 10;
const ROUNDS: usize = 40;
/// The corpus is 0.7 MB: after [`ROUNDS`] of it 27 MB would have been kept.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// The corpus as events, and how many of them are rejected for each reason.
fn corpus() -> (Vec<Event>, BTreeMap<String, usize>) {
    let folder = repository("tests/data/malformed");
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: Vec<Value> = serde_json::from_str(&index).unwrap();
    let mut reasons = BTreeMap::new();
    let events = index.iter().map(|entry| {
        *reasons
            .entry(entry["reason"].as_str().unwrap().to_owned())
            .or_default() += 1;
        let headers = entry["headers"].as_object().unwrap().iter();
        Event {
            key: "cam".into(),
            headers: headers
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().into()))
                .collect(),
            payload: std::fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap(),
        }
    });
    (events.collect(), reasons)
}

fn valid_crop() -> Event {
    let file = repository("tests/data/composites/white-female-25-34-a.jpg");
    Event {
        key: "cam".into(),
        headers: Vec::new(),
        payload: std::fs::read(file).unwrap(),
    }
}

#[test]
fn malformed_payloads_are_counted_by_reason_and_the_stream_goes_on_in_the_same_memory() {
    let topic = Broker::shared().topic("malformed", 1);
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    let (events, reasons) = corpus();
    let crop = valid_crop();
    let send = |rounds: usize| {
        for _ in 0..rounds {
            topic.send(events.iter().chain([&crop]));
        }
    };
    let per_round = (events.len() + 1) as f64;
    send(WARM_UP);
    service.await_metric("demograph_records_total", WARM_UP as f64 * per_round, 120);
    let warm = service.process.resident_kib();
    send(ROUNDS);
    let all = (WARM_UP + ROUNDS) as f64 * per_round;
    service.await_metric("demograph_records_total", all, 120);
    let grown = service.process.resident_kib().saturating_sub(warm);
    assert!(
        grown <= GROWTH_MAX_KIB,
        "{grown} KiB more than the {warm} KiB before {ROUNDS} rounds"
    );

    let text = service.metrics();
    let rounds = WARM_UP + ROUNDS;
    for (reason, count) in &reasons {
        let series = format!("demograph_rejected_records_total{{reason=\"{reason}\"}}");
        assert_eq!(metric(&text, &series), (count * rounds) as f64, "{reason}");
    }
    let faces = metric(&text, "demograph_records_total{outcome=\"face\"}");
    assert_eq!(faces, rounds as f64);
    service.stop();

    let in_the_table = duckdb(&format!(
        "SELECT entry.key AS reason, sum(entry.value) AS records
         FROM (SELECT unnest(map_entries(rejected_by_reason)) AS entry
               FROM read_parquet('{}/windows/*/*.parquet')) GROUP BY ALL",
        folder.path().display()
    ));
    let in_the_table: BTreeMap<String, usize> = in_the_table
        .iter()
        .map(|row| {
            let records = row["records"].as_u64().unwrap();
            (row["reason"].as_str().unwrap().to_owned(), records as usize)
        })
        .collect();
    let expected: BTreeMap<String, usize> = reasons
        .into_iter()
        .map(|(reason, count)| (reason, count * rounds))
        .collect();
    assert_eq!(in_the_table, expected);
}
