//! How a metric is declared: its kind, its name under the program's, its labels; registered once.

use prometheus::{
    CounterVec, Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
    proto::MetricFamily,
};

pub fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("demograph")
}

/// The registry and, because it is silent about metrics without a value, the names of all.
#[derive(Default)]
pub struct Declared {
    pub registry: Registry,
    pub names: Vec<String>,
}

/// The text exposition format: all metrics, or those with one of these names.
pub fn text(mut families: Vec<MetricFamily>, names: &[String]) -> String {
    families.retain(|family| names.is_empty() || names.iter().any(|name| name == family.name()));
    let mut bytes = Vec::new();
    TextEncoder::new()
        .encode(&families, &mut bytes)
        .expect("a buffer in memory takes every write");
    String::from_utf8(bytes).expect("the text format is UTF-8")
}

pub fn add<C: Collector + Clone + 'static>(to: &mut Declared, made: prometheus::Result<C>) -> C {
    let collector = made.expect("the metric's name and labels are valid");
    let names = collector
        .desc()
        .into_iter()
        .map(|desc| desc.fq_name.clone());
    to.names.extend(names);
    to.registry
        .register(Box::new(collector.clone()))
        .expect("each metric is declared once");
    collector
}

pub fn counter(name: &str, help: &str) -> prometheus::Result<IntCounter> {
    IntCounter::with_opts(opts(name, help))
}

pub fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(opts(name, help), labels)
}

pub fn float_counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<CounterVec> {
    CounterVec::new(opts(name, help), labels)
}

pub fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::with_opts(opts(name, help))
}

pub fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(opts(name, help), labels)
}

pub fn float_gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(opts(name, help), labels)
}

pub fn histogram(name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
    Histogram::with_opts(
        HistogramOpts::new(name, help)
            .namespace("demograph")
            .buckets(buckets.to_vec()),
    )
}

pub fn stage_histogram(name: &str, help: &str) -> prometheus::Result<HistogramVec> {
    let buckets = vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
    HistogramVec::new(
        HistogramOpts::new(name, help)
            .namespace("demograph")
            .buckets(buckets),
        &["stage"],
    )
}
