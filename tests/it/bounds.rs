//! What is bounded: a store that does not answer makes the service wait in the same memory and in the group, not end;
//! more sources than may have rows of their own are counted all the same.

use std::path::Path;

use demograph_core::event::Event;

use super::world::{Broker, Service, duckdb, metric, repository};

/// More crops than the queues between the stages and the client's buffer hold together.
const CROPS: usize = 3_000;
/// The queues may fill; the crops that wait in Kafka may not come in: 3,000 of 3 KB are 9 MB, decoded 100 MB.
const GROWTH_MAX_KIB: u64 = 48 * 1024;
const SOURCES: usize = 10_500;
const SOURCES_MAX: usize = 10_000;

fn face() -> Event {
    let file = repository("tests/data/composites/white-female-25-34-a.jpg");
    Event {
        key: "cam".into(),
        headers: Vec::new(),
        payload: std::fs::read(file).unwrap(),
    }
}

fn records(out: &Path) -> i64 {
    let sum = duckdb(&format!(
        "SELECT coalesce(sum(faces + spared + late + rejected), 0) AS records FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    sum[0]["records"].as_i64().unwrap()
}

#[test]
fn while_the_store_is_away_the_service_waits_in_the_same_memory_and_then_catches_up() {
    let topic = Broker::shared().topic("stall", 1);
    let folder = tempfile::tempdir().unwrap();
    let config = Service::config(&topic, folder.path(), "[[source]]\nid = \"cam\"\n");
    let mut service = Service::start(&config);
    service.await_ready();
    topic.send([face()]);
    service.await_metric("demograph_checkpoints_total", 1.0, 60);
    // A file where the checkpoints' folder should be: no request succeeds.
    let (state, away) = (folder.path().join("state"), folder.path().join("away"));
    std::fs::rename(&state, &away).unwrap();
    std::fs::write(&state, "").unwrap();
    service.await_metric("demograph_store_errors_total", 2.0, 60);
    let before = service.process.resident_kib();
    let crop = face();
    topic.send((0..CROPS).map(|_| &crop));
    service.await_metric("demograph_store_errors_total", 12.0, 60);
    let text = service.metrics();
    assert_eq!(metric(&text, "demograph_assigned_partitions"), 1.0);
    assert_eq!(
        metric(&text, "demograph_rebalances_total{kind=\"revoked\"}"),
        0.0
    );
    let grown = service.process.resident_kib().saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more");

    std::fs::remove_file(&state).unwrap();
    std::fs::rename(&away, &state).unwrap();
    service.await_metric("demograph_records_total", (1 + CROPS) as f64, 180);
    service.stop();
    assert_eq!(records(folder.path()), 1 + CROPS as i64);
}

#[test]
fn ten_thousand_sources_have_rows_and_those_beyond_are_counted_under_one_name() {
    let topic = Broker::shared().topic("sources", 1);
    let folder = tempfile::tempdir().unwrap();
    let config = Service::config(
        &topic,
        folder.path(),
        "[policy]\nunknown_sources = \"allow\"\n",
    );
    let mut service = Service::start(&config);
    service.await_ready();
    // What they send is nothing, so that the time of inference is not what is measured.
    topic.send((0..SOURCES).map(|n| Event {
        key: format!("cam-{n}"),
        ..Event::default()
    }));
    service.await_metric("demograph_records_total", SOURCES as f64, 120);
    service.stop();
    let found = duckdb(&format!(
        "SELECT count(DISTINCT source) AS sources, sum(rejected) AS records,
           sum(rejected) FILTER (source = '__unknown__') AS beyond
         FROM read_parquet('{}/windows/*/*.parquet')",
        folder.path().display()
    ));
    let n = |name: &str| found[0][name].as_i64().unwrap() as usize;
    assert_eq!(
        (n("sources"), n("records"), n("beyond")),
        (SOURCES_MAX + 1, SOURCES, SOURCES - SOURCES_MAX)
    );
}
