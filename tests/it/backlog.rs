//! A backlog is not silence: faces that wait behind another source's are counted in their own panes.

use demograph_core::event::Event;

use super::world::{Broker, Service, duckdb, repository};

const SOURCES: &str = "[[source]]\nid = \"lobby\"\n[[source]]\nid = \"cafe\"\n";
/// Several times `idle_after` of work for any machine that tests run on.
const BACKLOG: usize = 1_500;
const BEHIND: usize = 20;

/// A face seen by the source at the time, or when it is sent.
fn face(source: &str, time: Option<&str>) -> Event {
    let file = repository("tests/data/composites/white-female-25-34-a.jpg");
    let header = |time: &str| ("ce_time".to_owned(), time.as_bytes().to_vec());
    Event {
        key: source.into(),
        headers: time.map(header).into_iter().collect(),
        payload: std::fs::read(file).unwrap(),
    }
}

#[test]
fn a_source_behind_another_one_s_backlog_is_not_called_silent() {
    let topic = Broker::shared().topic("backlog", 4);
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    service.await_ready();
    let time = jiff::Timestamp::now().to_string();
    topic.send([face("cafe", Some(&time))]);
    service.await_metric("demograph_records_total", 1.0, 60);
    let lobby = face("lobby", None);
    topic.send((0..BACKLOG).map(|_| &lobby));
    topic.send((0..BEHIND).map(|_| face("cafe", Some(&time))));
    let all = (1 + BACKLOG + BEHIND) as f64;
    service.await_metric("demograph_records_total", all, 120);
    service.stop();
    let cafe = duckdb(&format!(
        "SELECT sum(faces) AS faces, sum(late) AS late
         FROM read_parquet('{}/windows/*/*.parquet') WHERE source = 'cafe'",
        folder.path().display()
    ));
    assert_eq!(
        (&cafe[0]["faces"], &cafe[0]["late"]),
        (&(1 + BEHIND).into(), &0.into()),
        "{cafe:?}"
    );
}
