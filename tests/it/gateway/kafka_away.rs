//! The broker is frozen, goes on, dies, comes back: the gateway says so, skips frames, holds its memory, sends nothing twice.

use std::collections::BTreeSet;

use super::{await_sums, camera, film, sections, series};
use crate::world::{Broker, Process, Service, metric};

const DELIVERED: &str = "demograph_camera_events_total{outcome=\"delivered\"}";
const QUEUED: &str = "demograph_camera_queued_events";

fn await_ready(service: &mut Service, status: u16) {
    let url = format!("{}/readyz", service.url);
    let what = format!("/readyz answers {status}");
    service.process.wait_for(&what, 60, || {
        let config = ureq::get(&url).config().http_status_as_error(false);
        let answer = config.build().call().ok()?;
        (answer.status().as_u16() == status).then_some(())
    });
}

#[test]
fn a_gateway_whose_kafka_is_away_says_so_skips_frames_and_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file, 0);
    let mut broker = Broker::start(folder.path(), "");
    let topic = broker.topic("camera-away", 1);
    // Every face is sent: some three a second.
    let config = format!(
        "{}[crops]\nper_track=0\n{}",
        sections(&topic).replace("[http]", "queue_max=10\n[http]"),
        camera("lobby", &file, "")
    );
    let mut service = Service::camera(&config, &[]);
    await_ready(&mut service, 200);
    service.await_metric(DELIVERED, 5.0, 60);

    // It neither answers nor closes its connections.
    broker.signal("STOP");
    await_ready(&mut service, 503);
    let skipped = series("frames_total", "lobby", ",outcome=\"skipped_busy\"");
    service.await_metric(QUEUED, 10.0, 60);
    let before = metric(&service.metrics(), &skipped);
    let held = service.process.resident_kib();
    service.await_metric(&skipped, before + 60.0, 60);
    let grown = service.process.resident_kib().saturating_sub(held);
    let said = service.metrics();
    assert_eq!(metric(&said, QUEUED), 10.0, "{said}");
    // Sixty pictures of this size would take 20 MB.
    assert!(grown < 5_000, "{grown} KiB more");
    assert_eq!(service.status("/healthz"), 200);
    assert_eq!(metric(&said, &series("up", "lobby", "")), 1.0, "{said}");
    broker.signal("CONT");
    let delivered = metric(&said, DELIVERED);
    await_ready(&mut service, 200);
    service.await_metric(DELIVERED, delivered + 15.0, 60);

    broker.signal("KILL");
    await_ready(&mut service, 503);
    let mut witness = Process::start("sleep", {
        let mut sleep = crate::world::command("sleep");
        sleep.arg("1000");
        sleep
    });
    witness.wait_for("the broker is gone", 30, || {
        broker.has_ended().then_some(())
    });
    broker.restart();
    broker.await_connections();
    await_ready(&mut service, 200);
    let delivered = metric(&service.metrics(), DELIVERED);
    service.await_metric(DELIVERED, delivered + 5.0, 60);

    await_sums(&mut service);
    let finished = service.stop();
    let (_, told) = finished
        .stderr
        .split_once("no camera is watched any more")
        .unwrap();
    assert!(told.contains("failed=0 waiting=0"), "{told}");
    let records = topic.records();
    assert!(
        told.contains(&format!("delivered={} ", records.len())),
        "{told} {}",
        records.len()
    );
    let ids: BTreeSet<_> = records
        .iter()
        .map(|record| {
            let id = record.headers.iter().find(|(name, _)| name == "ce_id");
            id.unwrap().1.clone()
        })
        .collect();
    assert_eq!(ids.len(), records.len(), "an event was sent twice");
}
