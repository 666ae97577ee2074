//! Metrics, dashboards and alerts say the same: every name and label that is asked for exists, every metric is shown,
//! and the tools of Prometheus and Grafana accept the files.

use std::collections::{BTreeMap, BTreeSet};

use demograph_gateway::CameraMetrics;
use demograph_service::{
    http::Exposed,
    metrics::{Metrics, put},
};
use serde_json::{Value, json};

use crate::{
    dashboards::{self, Values},
    tools,
};

const VALUES: Values = Values {
    source: ".*",
    window: "10s",
    instance: ".*",
    camera: ".*",
    rate_interval: "1m",
};

/// Labels that Prometheus adds: of the target, and of a histogram's buckets.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// The metrics with a series each, so that their labels show.
fn filled() -> Metrics {
    let metrics = Metrics::new();
    metrics
        .build_info
        .with_label_values(&["0.1.0", "model", "policy", "calibration"])
        .set(1);
    metrics.partition_lag.with_label_values(&["0"]).set(1);
    metrics.source_watermark.with_label_values(&["a"]).set(1.0);
    let sources = &metrics.sources;
    sources.late_faces.with_label_values(&["a"]).inc();
    sources.time_offset.with_label_values(&["a"]).set(1.0);
    let audience = &metrics.audience;
    for gauge in [&audience.faces, &audience.from, &audience.until] {
        put(gauge, &["a", "10s"], Some(1.0));
    }
    for gauge in [
        &audience.shown,
        &audience.shift_p,
        &audience.calibration_fits,
    ] {
        put(gauge, &["a", "age", "10s"], Some(1.0));
    }
    for gauge in [
        &audience.votes,
        &audience.share_naive,
        &audience.share,
        &audience.share_low,
        &audience.share_high,
        &audience.effective_n,
    ] {
        put(gauge, &["a", "age", "0-17", "10s"], Some(1.0));
    }
    metrics
}

/// Everything that the service and the gateway show.
fn exposition() -> String {
    let cameras = CameraMetrics::new();
    cameras.expect("door");
    Exposed::render(&filled(), &[]) + &cameras.render(&[])
}

/// The names of all metrics.
fn names() -> Vec<String> {
    let cameras = CameraMetrics::new();
    [filled().names(), cameras.names()].concat()
}

/// The labels of each series name in the text format, those of histograms with their suffixes.
fn labels_by_name(exposition: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in exposition.lines().filter(|line| !line.starts_with('#')) {
        for selector in selectors(line) {
            found
                .entry(selector.name)
                .or_default()
                .extend(selector.labels);
        }
    }
    found
}

/// A metric in a PromQL expression or in the text format, with the labels in its braces.
struct Selector {
    name: String,
    labels: Vec<String>,
}

fn selectors(text: &str) -> Vec<Selector> {
    let starts = text.match_indices("demograph_").map(|(at, _)| at);
    starts
        .map(|at| {
            let rest = &text[at..];
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let braces = rest[end..].strip_prefix('{').map_or("", |rest| {
                rest.split_once('}').map_or(rest, |(inside, _)| inside)
            });
            Selector {
                name: rest[..end].to_owned(),
                labels: label_names(braces),
            }
        })
        .collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `a="x",b=~"y,z"` -> a, b
fn label_names(braces: &str) -> Vec<String> {
    // Every second piece lies between quotes.
    let outside = braces.split('"').step_by(2);
    let names = outside.map(|piece| piece.trim_matches(|c| !is_name(c)).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The labels that `by (..)` and `on (..)` name.
fn grouped_labels(expr: &str) -> Vec<String> {
    ["by (", "on ("]
        .iter()
        .flat_map(|word| expr.split(word).skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(inside, _)| inside.split(',').map(|label| label.trim().to_owned()))
        .collect()
}

/// Every expression of dashboards and alerts, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let panels = dashboards::queries(&VALUES)
        .into_iter()
        .map(|query| (format!("{}: {}", query.dashboard, query.panel), query.expr));
    let alerts = alerts()
        .into_iter()
        .map(|rule| (string(&rule["alert"]), string(&rule["expr"])));
    panels.chain(alerts).collect()
}

fn alerts() -> Vec<Value> {
    let rules = tools::yaml("deploy/prometheus/rules.yml");
    rules["groups"][0]["rules"].as_array().unwrap().clone()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_metric_has_a_name_and_a_form_that_prometheus_likes() {
    let text = exposition();
    for name in names() {
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "{name} is without series: add one to filled()"
        );
    }
    tools::run("promtool", &["check", "metrics"], &text);
}

#[test]
fn every_query_asks_for_metrics_and_labels_that_exist() {
    let known = labels_by_name(&exposition());
    let expressions = expressions();
    assert!(expressions.len() > 40, "the queries were not found");
    for (place, expr) in expressions {
        let mut all: BTreeSet<String> = ADDED.map(String::from).into();
        for selector in selectors(&expr) {
            let name = &selector.name;
            let labels = known
                .get(name)
                .unwrap_or_else(|| panic!("{place}: {name} is not declared"));
            for label in &selector.labels {
                let exists = labels.contains(label) || ADDED.contains(&label.as_str());
                assert!(exists, "{place}: {name} has no label {label}");
            }
            all.extend(labels.iter().cloned());
        }
        for label in grouped_labels(&expr) {
            assert!(all.contains(&label), "{place}: nothing has a label {label}");
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard() {
    let shown: String = dashboards::queries(&VALUES)
        .into_iter()
        .map(|query| query.expr + "\n")
        .collect();
    let shown: BTreeSet<String> = selectors(&shown).into_iter().map(|s| s.name).collect();
    for name in names() {
        let parts = ["", "_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"));
        assert!(
            parts.iter().any(|part| shown.contains(part)),
            "{name} is on no dashboard"
        );
    }
}

#[test]
fn every_variable_asks_for_a_label_that_exists() {
    let known = labels_by_name(&exposition());
    let variables = dashboards::variables(&VALUES);
    let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(
        names,
        ["source", "window", "instance", "camera", "instance"]
    );
    for variable in &variables {
        let labels = &known[&variable.selector];
        let exists = labels.contains(&variable.label) || ADDED.contains(&variable.label.as_str());
        assert!(exists, "{variable:?}");
    }
}

#[test]
fn every_panel_explains_itself() {
    for (name, dashboard) in dashboards::read_all() {
        let mut titles = BTreeSet::new();
        for panel in dashboards::panels(&dashboard) {
            let title = string(&panel["title"]);
            assert!(!title.is_empty(), "{name}: a panel without a title");
            assert!(titles.insert(title.clone()), "{name}: two panels {title:?}");
            let description = string(&panel["description"]);
            let place = format!("{name}: {title}");
            assert!(
                description.len() > 60,
                "{place}: {description:?} teaches nothing"
            );
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(unit.is_string(), "{place}: no unit");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{place}: no query");
            let prometheus = json!({"type": "prometheus", "uid": "${datasource}"});
            for part in targets.iter().chain([panel]) {
                assert_eq!(part["datasource"], prometheus, "{place}");
            }
        }
        for (dashboard, title) in dashboards::MAY_BE_EMPTY {
            assert!(dashboard != name || titles.contains(title), "no {title}");
        }
    }
}

#[test]
fn no_panel_lies_over_another_and_each_has_a_number_of_its_own() {
    for (name, dashboard) in dashboards::read_all() {
        let mut taken: BTreeMap<(u64, u64), String> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        let rows = dashboard["panels"].as_array().unwrap();
        let rows = rows.iter().filter(|panel| panel["type"] == "row");
        for panel in dashboards::panels(&dashboard).into_iter().chain(rows) {
            let place = format!("{name}: {}", string(&panel["title"]));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: its id");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| {
                let number = panel["gridPos"][key].as_u64();
                number.unwrap_or_else(|| panic!("{place}: no {key}"))
            });
            assert!(w > 0 && h > 0 && x + w <= 24, "{place}: beyond the edge");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                let before = taken.insert(cell, place.clone());
                assert_eq!(before, None, "{place} lies over another");
            }
            let targets = panel["targets"].as_array();
            let refs: Vec<String> = targets
                .into_iter()
                .flatten()
                .map(|target| string(&target["refId"]))
                .collect();
            let names: BTreeSet<&String> = refs.iter().collect();
            assert_eq!(names.len(), refs.len(), "{place}: two queries of a name");
        }
    }
}

#[test]
fn prometheus_parses_every_query() {
    let rules: Vec<Value> = dashboards::queries(&VALUES)
        .iter()
        .enumerate()
        .map(|(number, query)| json!({"record": format!("query:{number}"), "expr": query.expr}))
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    // JSON is YAML.
    let rules = json!({"groups": [{"name": "queries", "rules": rules}]});
    std::fs::write(file.path(), rules.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    tools::run("promtool", &["check", "rules", path], "");
}

#[test]
fn grafana_s_types_keep_the_dashboards() {
    let script = "tests/tools/round_trip.py";
    let names = dashboards::read_all().into_iter().map(|(name, _)| name);
    let files: Vec<String> = names
        .map(|name| format!("dashboards/{name}.json"))
        .collect();
    let files = files.iter().map(String::as_str);
    let arguments: Vec<&str> = std::iter::once(script).chain(files).collect();
    tools::run(tools::python(), &arguments, "");
}

#[test]
fn every_alert_says_what_it_means_and_what_to_do() {
    for rule in alerts() {
        let name = string(&rule["alert"]);
        for annotation in ["summary", "description", "fix"] {
            assert!(
                rule["annotations"][annotation].is_string(),
                "{name}: no {annotation}"
            );
        }
        let severity = string(&rule["labels"]["severity"]);
        let known = ["critical", "warning", "info"];
        assert!(known.contains(&severity.as_str()), "{name}: {severity:?}");
    }
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let config = "deploy/prometheus/prometheus.yml";
    tools::run("promtool", &["check", "config", config], "");
    let tests = "deploy/prometheus/rules_test.yml";
    tools::run("promtool", &["test", "rules", tests], "");
    // And each alert has both kinds of tests.
    let tests = tools::yaml(tests)["tests"].clone();
    let cases: Vec<&Value> = tests
        .as_array()
        .unwrap()
        .iter()
        .map(|test| &test["promql_expr_test"][0])
        .collect();
    for rule in alerts() {
        let selector = format!("alertname={}", rule["alert"]);
        let of_alert = || {
            cases
                .iter()
                .filter(|case| string(&case["expr"]).contains(&selector))
        };
        let fires = of_alert().filter(|case| case["exp_samples"] != json!([]));
        let is_silent = of_alert().filter(|case| case["exp_samples"] == json!([]));
        assert!(fires.count() > 0, "{selector} is never shown to fire");
        assert!(is_silent.count() > 0, "{selector} is never shown silent");
    }
}
