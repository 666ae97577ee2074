//! The page of a service with as many sources as are allowed, and with a broker that goes away and comes back.

use std::fmt::Write as _;

use demograph_core::event::Event;

use super::{
    tools,
    torture::{self, QUICK_GROUP},
    world::{Broker, Service, composites},
};

const MANY: usize = 10_000;

fn look(service: &Service, what: &str) -> String {
    let script = ["tests/tools/page_many.py", &service.url, what];
    tools::run(tools::python(), &script, "")
}

#[test]
fn ten_thousand_sources_stay_usable_and_a_broker_that_goes_away_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path(), QUICK_GROUP);
    let topic = broker.topic("many", 1);
    let mut sources = String::new();
    for number in 0..MANY {
        writeln!(sources, "[[source]]\nid = \"cam-{number:05}\"").unwrap();
    }
    let config = torture::config(&topic, &folder.path().join("out"), &sources);
    let mut service = Service::start(&config);
    service.await_ready();
    let image = std::fs::read(&composites()[0]).unwrap();
    topic.send((0..4).map(|number| Event {
        key: format!("cam-{number:05}"),
        headers: vec![("ce_trackid".into(), number.to_string().into_bytes())],
        payload: image.clone(),
    }));
    service.await_metric("demograph_records_total", 4.0, 60);
    println!("{}", look(&service, "many"));
    look(&service, "back");
    broker.signal("KILL");
    look(&service, "away");
    broker.restart();
    broker.await_connections();
    look(&service, "back");
    service.stop();
}
