//! Records that are gone when their turn comes: the program stops, or counts the gap, as the config says.

use demograph_core::event::Event;

use super::world::{Broker, Finished, Process, Service, Topic, demograph, duckdb, launch, metric};

fn send(topic: &Topic, records: usize) {
    topic.send((0..records).map(|_| Event {
        key: "cam".into(),
        ..Event::default()
    }));
}

/// Reads what is there, and stops.
fn read(topic: &Topic, config: &str, records: f64) {
    let mut service = Service::start(config);
    service.await_ready();
    send(topic, records as usize);
    service.await_metric("demograph_records_total", records, 60);
    service.stop();
}

fn fails(config: &str) -> Finished {
    let said = Service::start(config).process.finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    said
}

#[test]
fn records_that_retention_took_stop_the_program_or_are_counted_as_skipped() {
    let topic = Broker::shared().topic("lost-data", 1);
    let folder = tempfile::tempdir().unwrap();
    let stop = Service::config(&topic, folder.path(), "[[source]]\nid = \"cam\"\n");
    read(&topic, &stop, 10.0);
    send(&topic, 20);
    topic.delete_before(0, 25);
    let said = fails(&stop);
    assert!(
        said.stderr.contains("kafka.on_lost_data"),
        "{}",
        said.stderr
    );

    let go_on = stop.replace("[model]", "on_lost_data = \"continue\"\n[model]");
    let mut service = Service::start(&go_on);
    service.await_metric("demograph_records_total", 5.0, 60);
    let skipped = metric(&service.metrics(), "demograph_skipped_offsets_total");
    service.stop();
    assert_eq!(skipped, 15.0);
    let rows = duckdb(&format!(
        "SELECT sum(faces + spared + late + rejected) AS records FROM read_parquet('{}/windows/*/*.parquet')",
        folder.path().display()
    ));
    assert_eq!(rows[0]["records"], 15);
}

#[test]
fn a_topic_that_was_made_anew_is_not_taken_for_the_old_one() {
    let topic = Broker::shared().topic("made-anew", 1);
    let folder = tempfile::tempdir().unwrap();
    let config = Service::config(&topic, folder.path(), "[[source]]\nid = \"cam\"\n");
    read(&topic, &config, 10.0);
    topic.make_anew(1);
    let said = fails(&config.replace("[model]", "on_lost_data = \"continue\"\n[model]"));
    assert!(
        said.stderr.contains("demograph state reset"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_topic_that_is_made_anew_while_it_is_read_stops_the_program() {
    let topic = Broker::shared().topic("made-anew-running", 1);
    let folder = tempfile::tempdir().unwrap();
    let config = Service::config(&topic, folder.path(), "[[source]]\nid = \"cam\"\n");
    let mut service = Service::start(&config);
    service.await_ready();
    send(&topic, 10);
    service.await_metric("demograph_records_total", 10.0, 60);
    topic.make_anew(1);
    // More than before: the next offset exists in the new one, too.
    send(&topic, 30);
    let said = service.process.finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    // And so it stays, however often a supervisor tries.
    let again = (0..4).map(|_| launch(&config, &[]).process.finish(60));
    for said in std::iter::once(said).chain(again) {
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(
            said.stderr.contains("demograph state reset"),
            "{}",
            said.stderr
        );
    }
    reset(&config);
    let mut service = Service::start(&config);
    service.await_metric("demograph_records_total", 30.0, 60);
    let records = metric(&service.metrics(), "demograph_records_total");
    service.stop();
    assert_eq!(records, 30.0);
}

/// `demograph state reset` of partition 0 to its beginning.
fn reset(config: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, config).unwrap();
    let mut reset = demograph(&[
        "state",
        "reset",
        "--partition",
        "0",
        "--offset",
        "0",
        "--yes",
    ]);
    reset.arg("--config").arg(&file);
    let said = Process::start("demograph state reset", reset).finish(60);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}
