//! /metrics, /healthz, /readyz of the running service, and a real Prometheus that scrapes it.

use std::path::PathBuf;

use demograph_core::{
    event::{Event, PresenceEvent},
    record::EventTime,
};

use super::{
    dashboards::{self, Values},
    world::{
        Broker, Prometheus, Service, Topic, composites, crops_csv, metric, promtool_check, publish,
        repository,
    },
};

const SOURCES: &str = "[[source]]\nid = \"lobby\"\n[[source]]\nid = \"cafe\"\n";

#[test]
fn without_a_broker_the_service_is_alive_but_not_ready_and_stops_when_asked() {
    let topic = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    assert_eq!(
        (service.status("/healthz"), service.status("/readyz")),
        (200, 503)
    );
    service.stop();
}

#[test]
fn metrics_pass_promtool_and_a_real_prometheus_gets_what_was_published() {
    let topic = Broker::shared().topic("metrics", 2);
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    service.await_ready();
    assert_eq!(
        (service.status("/healthz"), service.status("/readyz")),
        (200, 200)
    );
    let mut prometheus = Prometheus::scrape(&service.url);
    let two_sources = [
        "--source",
        "lobby",
        "--source",
        "cafe",
        "--count",
        "600",
        "--rate",
        "100",
        "--one-crop-a-person",
    ];
    let crops = repository("tests/data/composites");
    let published = publish(&topic, &crops, &two_sources).finish(60);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", 600.0, 120);
    service.await_metric("demograph_audience_share_naive_ratio{", 0.001, 60);

    let named = format!("{}/metrics?name%5B%5D=demograph_records_total", service.url);
    let named = ureq::get(named).call().unwrap().body_mut().read_to_string();
    let named = named.unwrap();
    let is_named = |line: &str| line.contains("demograph_records_total");
    assert!(
        named.lines().count() > 2 && named.lines().all(is_named),
        "{named}"
    );

    let text = service.metrics();
    assert_eq!(promtool_check(&text), "");
    assert_eq!(
        metric(&text, "demograph_records_total{outcome=\"face\"}"),
        600.0
    );
    let faces = prometheus.await_data("sum(demograph_records_total{outcome=\"face\"}) == 600", 30);
    assert_eq!(faces[0]["value"][1], "600");
    // A window hides both genders or none, so the naive shares sum to 1.
    let sums = prometheus.await_data(
        "sum by (source) (demograph_audience_share_naive_ratio{attribute=\"gender\", window=\"1m\"})
           - on (source) demograph_audience_shown_ratio{attribute=\"gender\", window=\"1m\"}",
        30,
    );
    for series in sums {
        let more: f64 = series["value"][1].as_str().unwrap().parse().unwrap();
        assert!((-1e-6..0.5).contains(&more), "{series}");
    }
    service.stop();
}

/// A run in which everything that the dashboards ask about happens: ethnicity with a legal basis, a source with
/// too few people, one more source than has series of its own.
const EVERYTHING: &str = r#"source_series_max = 2
[policy]
k_cell = 2
[[source]]
id = "lobby"
attributes = ["age", "gender", "ethnicity"]
legal_basis = "test: composites, no natural person"
[[source]]
id = "cafe"
[[source]]
id = "corner"
"#;

/// 1,600 crops; some cut off, few at the corner, some of a stranger, in the lobby some of one person who stays.
fn crowd() -> impl Iterator<Item = (PathBuf, String, String)> {
    // A category in which nobody is would be hidden, and others with it: all kinds of people.
    let crops = composites();
    let cut = repository("tests/data/malformed/cut_50.jpg");
    (0..1_600).map(move |n| {
        let file = if n % 20 == 7 {
            &cut
        } else {
            &crops[n * 37 % crops.len()]
        };
        let source = match n % 40 {
            1 => "stranger",
            2 => "corner",
            m if m % 2 == 0 => "cafe",
            _ => "lobby",
        };
        let track = match n % 40 {
            11 | 13 | 17 | 19 => 0,
            _ => n,
        };
        (file.clone(), source.to_owned(), track.to_string())
    })
}

/// A face that comes long after its window, and somebody whose face was not seen.
fn others() -> [Event; 2] {
    let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let late = Event {
        key: "lobby".into(),
        headers: vec![("ce_time".into(), hour_ago.to_string().into_bytes())],
        payload: std::fs::read(&composites()[0]).unwrap(),
    };
    let presence = PresenceEvent {
        id: "1".into(),
        source: "lobby".into(),
        track: "1".into(),
        first: EventTime(0),
        last: EventTime(1_000),
        facing: 1_000,
    };
    [late, presence.encode()]
}

#[test]
fn every_query_of_every_dashboard_has_data_in_a_real_prometheus() {
    let topic = Broker::shared().topic("dashboards", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, EVERYTHING);
    let mut service = Service::start(&config);
    let mut prometheus = Prometheus::scrape(&service.url);
    let values = Values {
        source: ".*",
        window: "10s",
        instance: ".*",
        camera: ".*",
        rate_interval: "10s",
    };
    let crops = crops_csv(folder.path(), crowd());
    let publishing = publish(&topic, &crops, &["--rate", "40"]);
    service.await_metric("demograph_audience_share_naive_ratio{", 0.001, 60);
    topic.send(others());
    // Zeros are data too: each of these has happened.
    for outcome in ["face", "spared", "late", "rejected"] {
        let series = format!("demograph_records_total{{outcome=\"{outcome}\"}} > 0");
        prometheus.await_data(&series, 60);
    }
    prometheus.await_data("demograph_presence_events_total > 0", 60);
    let mut queries = dashboards::queries(&values);
    // The gateway's own metrics (tests/it/gateway.rs).
    queries.retain(|query| query.dashboard != dashboards::CAMERAS);
    assert!(queries.len() >= 30, "{}", queries.len());
    for query in queries {
        // The calibration fits here: what is grey where it does not must at least find its labels.
        let expr = match query.expr.contains(" and on (") {
            true => query.expr.replace("_fits == 0", "_fits >= 0"),
            false => query.expr,
        };
        prometheus.await_data(&expr, 30);
    }
    let mut variables = dashboards::variables(&values);
    variables.retain(|variable| variable.dashboard != dashboards::CAMERAS);
    assert!(!variables.is_empty());
    for variable in variables {
        let label = format!(
            "count by ({0}) ({1}{{{0}!=\"\"}})",
            variable.label, variable.selector
        );
        let plain = !variable.selector.contains('{');
        let expression = if plain { label } else { variable.selector };
        prometheus.await_data(&expression, 30);
    }
    drop(publishing);
    service.stop();
}
