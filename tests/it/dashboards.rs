//! What the dashboards ask: every panel's query and every variable's, as Prometheus gets to see them.
//!
//! Promises: no query of `dashboards/*.json` is left out, collapsed rows included; what it returns holds no `$`.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Panels (dashboard, title) that a healthy run may leave empty, each with its reason.
pub const MAY_BE_EMPTY: [(&str, &str); 2] = [
    // Only sources with a legal basis in the policy have it.
    ("audience", "Ethnicity: shares"),
    ("audience", "Ethnicity: votes"),
];

/// The dashboard of `demograph camera`.
pub const CAMERAS: &str = "cameras";

/// What stands for the dashboards' variables.
pub struct Values<'a> {
    /// A regular expression over sources.
    pub source: &'a str,
    /// A rolling window as the config writes it, for example "10s".
    pub window: &'a str,
    /// A regular expression over instances.
    pub instance: &'a str,
    /// A regular expression over cameras.
    pub camera: &'a str,
    /// At least four scrapes long.
    pub rate_interval: &'a str,
}

/// One query of one panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub dashboard: String,
    pub panel: String,
    pub expr: String,
}

/// A variable that Prometheus fills: the values of `label` over the series that `selector` names.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    pub dashboard: String,
    pub name: String,
    pub selector: String,
    pub label: String,
}

/// Every dashboard of the project with its name.
pub fn read_all() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let dashboard = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, dashboard)
    };
    paths.iter().map(read).collect()
}

/// The panels of a dashboard without its rows, those inside collapsed rows included.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for panel in array(&dashboard["panels"]) {
        match panel["type"].as_str() {
            Some("row") => found.extend(array(&panel["panels"])),
            _ => found.push(panel),
        }
    }
    found
}

/// Every query of every panel with the variables filled in.
pub fn queries(values: &Values) -> Vec<Query> {
    let mut found = Vec::new();
    for (name, dashboard) in read_all() {
        for panel in panels(&dashboard) {
            for target in array(&panel["targets"]) {
                found.push(Query {
                    dashboard: name.clone(),
                    panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                    expr: fill(target["expr"].as_str().unwrap_or_default(), values),
                });
            }
        }
    }
    found
}

/// Every variable that Prometheus fills, its selector with the other variables filled in.
pub fn variables(values: &Values) -> Vec<Variable> {
    let mut found = Vec::new();
    for (dashboard, json) in read_all() {
        for variable in array(&json["templating"]["list"]) {
            if variable["type"] != "query" {
                continue;
            }
            let query = variable["query"]["query"].as_str().unwrap_or_default();
            let (selector, label) = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')')?.rsplit_once(','))
                .unwrap_or_else(|| panic!("{dashboard}: {query:?} is not label_values(m, l)"));
            found.push(Variable {
                dashboard: dashboard.clone(),
                name: variable["name"].as_str().unwrap_or_default().to_owned(),
                selector: fill(selector.trim(), values),
                label: label.trim().to_owned(),
            });
        }
    }
    found
}

fn fill(text: &str, values: &Values) -> String {
    let filled = [
        ("$__rate_interval", values.rate_interval),
        ("$source", values.source),
        ("$window", values.window),
        ("$instance", values.instance),
        ("$camera", values.camera),
    ]
    .iter()
    .fold(text.to_owned(), |text, (variable, value)| {
        text.replace(variable, value)
    });
    assert!(!filled.contains('$'), "a variable without a value: {text}");
    filled
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
