//! The broker goes away for a while: the service stays up, catches up, and is exact.

use super::{
    torture::{self, Faces, QUICK_GROUP, clock, sources},
    world::{Audit, Broker, Service, audit, counted},
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
    let all = faces.produced().values().sum();
    // The same process: had it ended, waiting would fail.
    service
        .process
        .wait_for("everything is in the tables", 60, || {
            (counted(&out) >= all).then_some(())
        });
    service.stop();
    assert_eq!(
        audit(&out, faces.produced(), &topic.ends()),
        Audit::default()
    );
}
