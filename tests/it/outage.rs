//! The broker goes away for a while: the service stays up, catches up, and is exact; what it could not hear is not
//! silence.

use demograph_core::event::Event;

use super::{
    torture::{self, Faces, QUICK_GROUP, clock, sources},
    world::{Audit, Broker, Service, audit, composites, counted, metric},
};

const EVENTS: usize = 200;
/// Longer than the session timeout.
const DOWN: u64 = 5_000;

#[test]
fn a_broker_that_comes_back_finds_the_service_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut broker = Broker::start(folder.path(), QUICK_GROUP);
    let topic = broker.topic("outage", 2);
    let mut service = Service::start(&torture::config(&topic, &out, &sources()));
    let mut faces = Faces::new(1);
    topic.send((0..EVENTS).map(|_| faces.next()));
    // In the middle of the work.
    service.await_metric("demograph_records_total", 20.0, 60);
    broker.signal("KILL");
    clock::pause(DOWN);
    broker.restart();
    broker.await_connections();
    topic.send((0..EVENTS).map(|_| faces.next()));
    let all = faces.all();
    // The same process: had it ended, waiting would fail.
    service
        .process
        .wait_for("everything is in the tables", 60, || {
            (counted(&out) >= all).then_some(())
        });
    service.stop();
    let found = audit(&out, faces.produced(), &topic.ends());
    let clean = Audit {
        spared: found.spared,
        ..Audit::default()
    };
    assert_eq!(found, clean);
}

#[test]
fn cameras_are_not_silent_because_the_broker_is_away() {
    const FACES: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut broker = Broker::start(folder.path(), QUICK_GROUP);
    let topic = broker.topic("away", 1);
    let config = torture::config(&topic, &out, &sources())
        .replace("idle_after = \"2s\"", "idle_after = \"4s\"")
        // It keeps its partition: one that is lost and taken up again would have been heard anew.
        .replace(
            "\"session.timeout.ms\" = 3000",
            "\"session.timeout.ms\" = 30000",
        );
    let mut service = Service::start(&config);
    service.await_ready();
    let image = std::fs::read(&composites()[0]).unwrap();
    let time = jiff::Timestamp::now().to_string();
    // All of one moment, before and after the outage.
    let send = || {
        topic.send((0..FACES).map(|_| Event {
            key: "cam-00".into(),
            headers: vec![("ce_time".into(), time.clone().into_bytes())],
            payload: image.clone(),
        }));
    };
    send();
    service.await_metric("demograph_records_total", FACES as f64, 60);
    // The end of the log is reported, and the camera is not silent for long enough yet.
    clock::pause(1_500);
    broker.signal("KILL");
    // Twice what makes a camera silent.
    clock::pause(8_000);
    broker.restart();
    broker.await_connections();
    send();
    service.await_metric("demograph_records_total", 2.0 * FACES as f64, 60);
    let text = service.metrics();
    let [faces, late] = ["face", "late"].map(|outcome| {
        metric(
            &text,
            &format!("demograph_records_total{{outcome=\"{outcome}\""),
        )
    });
    service.stop();
    assert_eq!((faces, late), (2.0 * FACES as f64, 0.0));
}
