//! The page and its API on a running service: in a real browser, and by requests that no page would send.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    page_numbers, tools,
    world::{Broker, Service, composites, crops_csv, duckdb, metric, publish},
};

const SOURCES: &str = r#"
[policy]
k_cell = 2
[[source]]
id = "lobby"
attributes = ["age", "gender", "ethnicity"]
legal_basis = "test: composites, no natural person"
[[source]]
id = "<b>café</b>"
"#;

pub struct Answer {
    pub status: u16,
    kind: String,
    pub body: String,
    policy: String,
}

pub fn ask(url: &str, path: &str) -> Answer {
    let request = ureq::get(format!("{url}{path}"));
    let request = request.config().http_status_as_error(false).build();
    let mut answer = request.call().unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    Answer {
        status: answer.status().as_u16(),
        kind: header("content-type"),
        policy: header("content-security-policy"),
        body: answer.body_mut().read_to_string().unwrap(),
    }
}

pub fn json(url: &str, path: &str) -> Value {
    let answer = ask(url, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// People of all kinds before two cameras.
fn crowd() -> impl Iterator<Item = (PathBuf, String, String)> {
    let crops = composites();
    (0..800).map(move |n| {
        let source = ["lobby", "<b>café</b>"][n % 2];
        let file = crops[n * 37 % crops.len()].clone();
        (file, source.to_owned(), n.to_string())
    })
}

/// The shares of the API, under the names of their series.
fn series(live: &Value) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for source in live["sources"].as_array().unwrap() {
        for view in source["views"].as_array().unwrap() {
            for attribute in view["attributes"].as_array().unwrap() {
                for one in attribute["categories"].as_array().unwrap() {
                    let name = format!(
                        "demograph_audience_share_ratio{{attribute={},category={},source={},window={}}}",
                        attribute["attribute"], one["category"], source["source"], view["view"]
                    );
                    if let Some(share) = one["share"].as_f64() {
                        found.insert(name, share);
                    }
                }
            }
        }
    }
    found
}

#[test]
fn the_page_shows_what_metrics_show_and_nothing_else() {
    let topic = Broker::shared().topic("page", 2);
    let folder = tempfile::tempdir().unwrap();
    let config = Service::config(&topic, &folder.path().join("out"), SOURCES);
    let config = config.replace("rolling = [\"10s\", \"1m\"]", "rolling = [\"30m\", \"1h\"]");
    let mut service = Service::start(&config);
    service.await_ready();
    let before = json(&service.url, "/api/v1/live");
    assert_eq!(before["sources"], serde_json::json!([]), "nothing yet");
    let crops = crops_csv(folder.path(), crowd());
    let published = publish(&topic, &crops, &["--rate", "100"]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", 800.0, 120);
    // The last window closes because its source is idle.
    service.await_metric("demograph_open_panes", 0.0, 60);

    the_api_says_what_metrics_say(&service);
    let out = folder.path().join("out");
    page_numbers::people_are_what_windows_say(&mut service, &out, 800);
    let rows = page_numbers::windows_are_what_the_table_says(&service.url, &out, 2);
    assert!(rows > 20, "{rows} rows of windows");
    requests_are_refused_with_their_fix(&service);
    let said = tools::run(
        tools::python(),
        &["tests/tools/page.py", &service.url, "lobby", "<b>café</b>"],
        "",
    );
    println!("{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(said["compared"].as_u64() > Some(10), "{said}");
    super::openapi::holds(&service);
    #[cfg(feature = "top")]
    super::top::shows_what_the_api_says(&service, ["lobby", "<b>café</b>"]);
    service.stop();
}

fn the_api_says_what_metrics_say(service: &Service) {
    let shares = series(&json(&service.url, "/api/v1/live"));
    assert!(shares.len() > 10, "{shares:?}");
    let metrics = service.metrics();
    for (name, share) in &shares {
        assert_eq!(metric(&metrics, name), *share, "{name}");
    }
    let of_metrics = metrics.lines();
    let of_metrics = of_metrics.filter(|line| line.starts_with("demograph_audience_share_ratio{"));
    assert_eq!(of_metrics.count(), shares.len());

    let live = json(&service.url, "/api/v1/live?source=%3Cb%3Ecaf%C3%A9%3C/b%3E");
    assert_eq!(live["total"], 1);
    assert!(
        !live.to_string().contains("ethnicity"),
        "no policy allows it"
    );
    let one = json(
        &service.url,
        "/api/v1/live?search=LOB&attribute=gender&limit=1",
    );
    let attributes = &one["sources"][0]["views"][0]["attributes"];
    assert_eq!(attributes.as_array().unwrap().len(), 1);
    assert_eq!(attributes[0]["attribute"], "gender");

    let sources = json(&service.url, "/api/v1/sources");
    assert_eq!(sources["total"], 2);
    assert_eq!(sources["sources"][1]["source"], "lobby");
    assert_eq!(sources["sources"][1]["k_cell"], 2);
    let health = json(&service.url, "/api/v1/health");
    assert_eq!(health["is_ready"], true);
    assert_eq!(health["lag"], 0);
    // It is of at most a second before, so /metrics is asked after it.
    health_says_what_the_stages_did(&health, &ask(&service.url, "/metrics").body);

    let csv = ask(&service.url, "/api/v1/live?format=csv");
    assert_eq!(csv.kind, "text/csv; charset=utf-8");
    assert!(
        csv.body
            .starts_with("source,view,from,until,attribute,category,votes,")
    );
    assert!(csv.body.lines().count() > shares.len());
}

fn health_says_what_the_stages_did(health: &Value, metrics: &str) {
    let stages = health["stages"].as_array().unwrap();
    let names: Vec<&str> = stages
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["poll", "decode", "infer", "fold", "write"]);
    for stage in stages {
        for part in ["busy_ratio", "blocked_ratio"] {
            if let Some(ratio) = stage[part].as_f64() {
                assert!((0.0..=1.0).contains(&ratio), "{stage}");
            }
        }
    }
    // 800 faces came within a minute of a start.
    let faces = health["delay"]["faces"].as_f64().unwrap();
    let estimated = metric(metrics, "demograph_event_to_estimate_seconds_count");
    assert!(faces > 0.0 && faces <= estimated, "{faces} of {estimated}");
    let half = health["delay"]["p50_within_seconds"].as_f64().unwrap();
    let most = health["delay"]["p99_within_seconds"].as_f64().unwrap();
    assert!(half <= most, "{health}");
    let batch = health["batch"]["crops_mean"].as_f64().unwrap();
    assert!(batch >= 1.0, "{health}");
    let written: jiff::Timestamp = health["last_checkpoint"].as_str().unwrap().parse().unwrap();
    let metric = metric(metrics, "demograph_last_checkpoint_timestamp_seconds");
    let age = metric - written.as_second() as f64;
    assert!((0.0..60.0).contains(&age), "{age} s: {health}");
}

fn requests_are_refused_with_their_fix(service: &Service) {
    for (path, status, named) in [
        ("/api/v1/live?limit=100000", 400, "from 0 to 1000"),
        (
            "/api/v1/live?from=2026-01-01",
            400,
            "\\\"from\\\" is no parameter",
        ),
        (
            "/api/v1/live?attribute=faces",
            400,
            "age, gender, ethnicity",
        ),
        ("/api/v1/health?format=xml", 400, "json or csv"),
        (
            "/api/v1/series?source=lobby&attribute=age&from=1900-01-01",
            400,
            "1 to 400 dates",
        ),
        (
            "/api/v1/series?source=../state&attribute=faces",
            400,
            "age, gender, ethnicity",
        ),
        (
            "/api/v1/series?source=%3Cb%3Ecaf%C3%A9%3C/b%3E&attribute=ethnicity",
            403,
            "no policy allows ethnicity",
        ),
        (
            "/api/v1/windows?source=%3Cb%3Ecaf%C3%A9%3C/b%3E&attribute=ethnicity",
            403,
            "no policy allows ethnicity",
        ),
        (
            "/api/v1/windows?source=lobby&attribute=age&from=2026-01-01&to=2026-03-01",
            400,
            "1 to 31 dates",
        ),
        ("/api/v1/../../etc/passwd", 404, ""),
        ("/api/v1/cells", 404, "there is no"),
    ] {
        let answer = ask(&service.url, path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(named), "{path}: {}", answer.body);
        if !named.is_empty() {
            assert_eq!(answer.kind, "application/problem+json", "{path}");
        }
    }
    let post = ureq::post(format!("{}/api/v1/live", service.url));
    let post = post.config().http_status_as_error(false).build();
    assert_eq!(post.send_empty().unwrap().status().as_u16(), 405);
    for path in ["/", "/api/v1/live"] {
        let rebound = ureq::get(format!("{}{path}", service.url));
        let rebound = rebound.header("host", "evil.example");
        let rebound = rebound.config().http_status_as_error(false).build();
        assert_eq!(rebound.call().unwrap().status().as_u16(), 403, "{path}");
    }
    for path in ["/", "/page.js", "/api/v1/live"] {
        let policy = ask(&service.url, path).policy;
        assert!(policy.starts_with("default-src 'self'"), "{path}: {policy}");
    }
}

/// Compares the API's series of the source "door" with the rows of the table, for the test of hours and days.
pub fn history_is_what_the_table_says(url: &str, out: &Path, table: &str) {
    let step = table.replace("hourly", "hour").replace("daily", "day");
    let series = json(
        url,
        &format!("/api/v1/series?source=door&attribute=gender&step={step}"),
    );
    let mut said = Vec::new();
    for period in series["periods"].as_array().unwrap() {
        for one in period["categories"].as_array().unwrap() {
            said.push(serde_json::json!({
                "start": period["start"], "category": one["category"], "people": one["votes"], "share": one["share"],
                "low": one["share_low"], "zone": period["time_zone"], "total": period["people"],
            }));
        }
    }
    let written = duckdb(&format!(
        "SELECT strftime(period_start AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS start, category, people, share,
           share_low AS low, time_zone AS zone, total
         FROM read_parquet('{}/{table}/*/*.parquet') WHERE source = 'door' AND category IS NOT NULL
         ORDER BY period_start, category",
        out.display()
    ));
    assert!(!written.is_empty(), "{table}");
    assert_eq!(said, written, "{table}");
}

#[test]
fn the_page_says_numbers_in_words() {
    // The driver of the browser brings Node.js along.
    const NODE: &str = "from playwright._impl._driver import compute_driver_executable; \
        print(compute_driver_executable()[0])";
    let node = tools::run(tools::python(), &["-c", NODE], "");
    let said = tools::run(node.trim(), &["--test", "tests/tools/words.test.mjs"], "");
    assert!(said.contains("pass 16"), "{said}");
}

#[test]
fn all_that_the_page_loads_is_small() {
    const SIZES: &str = "import gzip, pathlib; \
        files = [f for f in pathlib.Path('src/page/assets').rglob('*') if f.suffix in ('.js', '.css', '.html', '.svg')]; \
        print(len(files), sum(len(gzip.compress(f.read_bytes(), 9)) for f in files))";
    let said = tools::run(tools::python(), &["-c", SIZES], "");
    let (files, bytes) = said.trim().split_once(' ').unwrap();
    assert!(files.parse::<usize>().unwrap() > 10, "{said}");
    assert!(
        bytes.parse::<usize>().unwrap() < 60_000,
        "{bytes} bytes, gzip"
    );
}

/// `make check` looks at their form.
#[test]
fn the_scripts_of_the_page_are_typed_and_few() {
    let checked = [".setup/js/node_modules/.bin/tsc", "setup/js/tsconfig.json"];
    let [tsc, config] = checked.map(|path| tools::root().join(path));
    tools::run(tsc, &["--project", config.to_str().unwrap()], "");
    let folder = std::fs::read_dir(tools::root().join("src/page/assets")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let scripts = files.filter(|path| path.extension().is_some_and(|ending| ending == "js"));
    let lines = scripts.map(|path| std::fs::read_to_string(path).unwrap().lines().count());
    let lines: usize = lines.sum();
    assert!((500..1_200).contains(&lines), "{lines} lines of our own");
}
