//! A real Prometheus that scrapes the service under test.

use std::io::Write as _;

use serde_json::Value;
use tempfile::TempDir;

use super::{Process, command, free_port};

/// A running Prometheus.
pub struct Prometheus {
    process: Process,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes `http://HOST:PORT/metrics` every second as the job `demograph`.
    pub fn scrape(url: &str) -> Self {
        Self::scrape_with(url, "")
    }

    /// The same with more keys of the job, each `name: value, `.
    pub fn scrape_with(url: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (scheme, target) = url.split_once("://").unwrap();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
                 scrape_configs: [{{job_name: demograph, scheme: {scheme}, {more}static_configs: [{{targets: ['{target}']}}]}}]\n"
            ),
        )
        .unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut prometheus = command("prometheus");
        prometheus
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start("prometheus (setup/system-packages test)", prometheus);
        let url = format!("http://{address}");
        let ready = format!("{url}/-/ready");
        process.wait_for("Prometheus is ready", 60, || ureq::get(&ready).call().ok());
        Self {
            process,
            url,
            _folder: folder,
        }
    }

    /// Waits until the expression gives at least one series that is a number.
    pub fn await_data(&mut self, expression: &str, seconds: u64) -> Vec<Value> {
        let url = self.url.clone();
        self.process
            .wait_for(&format!("{expression} has data"), seconds, || {
                let is_number = |series: &Value| series["value"][1] != "NaN";
                let series = ask(&url, expression);
                series.iter().any(is_number).then_some(series)
            })
    }
}

fn ask(url: &str, expression: &str) -> Vec<Value> {
    let mut answer = ureq::get(format!("{url}/api/v1/query"))
        .query("query", expression)
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], "success", "{expression}: {body}");
    body["data"]["result"].as_array().unwrap().clone()
}

/// What `promtool check metrics` says of a scrape; empty where all is well.
pub fn promtool_check(metrics: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(metrics.as_bytes()).unwrap();
    let mut promtool = command("promtool");
    promtool
        .args(["check", "metrics"])
        .stdin(file.reopen().unwrap());
    let said = Process::start("promtool (setup/system-packages test)", promtool).finish(30);
    let verdict = format!("{}{}", said.stdout, said.stderr);
    match said.code {
        Some(0) => verdict,
        code => format!("exit code {code:?}: {verdict}"),
    }
}
