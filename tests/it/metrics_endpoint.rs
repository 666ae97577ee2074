//! /metrics, /healthz, /readyz of the running service, and a real Prometheus that scrapes it.

use super::world::{
    Broker, Prometheus, Service, Topic, metric, promtool_check, publish, repository,
};

const SOURCES: &str = "[[source]]\nid = \"lobby\"\n[[source]]\nid = \"cafe\"\n";

fn status(service: &Service, path: &str) -> u16 {
    let request = ureq::get(format!("{}{path}", service.url));
    let answer = request
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    answer.status().as_u16()
}

#[test]
fn without_a_broker_the_service_is_alive_but_not_ready_and_stops_when_asked() {
    let topic = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&Service::config(&topic, folder.path(), SOURCES));
    assert_eq!(
        (status(&service, "/healthz"), status(&service, "/readyz")),
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
        (status(&service, "/healthz"), status(&service, "/readyz")),
        (200, 200)
    );
    let mut prometheus = Prometheus::scrape(&service.url);
    let two_sources = [
        "--source", "lobby", "--source", "cafe", "--count", "600", "--rate", "100",
    ];
    let crops = repository("tests/data/composites");
    let published = publish(&topic, &crops, &two_sources).finish(60);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", 600.0, 120);
    service.await_metric("demograph_audience_share_ratio{", 0.001, 60);

    let text = service.metrics();
    assert_eq!(promtool_check(&text), "");
    assert_eq!(
        metric(&text, "demograph_records_total{outcome=\"face\"}"),
        600.0
    );
    let faces = prometheus.await_data("sum(demograph_records_total{outcome=\"face\"}) == 600", 30);
    assert_eq!(faces[0]["value"][1], "600");
    let sums = prometheus.await_data(
        "sum by (source, window) (demograph_audience_share_ratio{attribute=\"gender\", window=\"1m\"})",
        30,
    );
    for series in sums {
        let sum: f64 = series["value"][1].as_str().unwrap().parse().unwrap();
        assert!((sum - 1.0).abs() < 1e-6, "{series}");
    }
    service.stop();
}
