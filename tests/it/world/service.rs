//! The program under test, as its users start it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{Finished, Process, Topic, command, repository, setup};

/// Two cameras, one of which may show ethnicity.
pub const LOBBY_AND_CAFE: &str = r#"
[[source]]
id = "lobby"
attributes = ["age", "gender", "ethnicity"]
legal_basis = "test: composites, no natural person"
[[source]]
id = "cafe"
"#;

/// How long a start may take: the model is loaded, a new group formed.
const START_SECONDS: u64 = 60;

/// `demograph` with arguments, in the project's folder.
pub fn demograph(arguments: &[&str]) -> Command {
    let library = setup("onnxruntime/libonnxruntime.so", "setup/onnxruntime");
    let mut demograph = command(env!("CARGO_BIN_EXE_demograph"));
    demograph
        .args(arguments)
        .env("ORT_DYLIB_PATH", library)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    demograph
}

/// `demograph check` on a text.
pub fn check_config(text: &str, arguments: &[&str]) -> Finished {
    with_config(text, &[&["check"], arguments].concat())
}

/// A command of the program with this configuration.
pub fn with_config(text: &str, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = demograph(arguments);
    command.arg("--config").arg(&file);
    Process::start(&format!("demograph {}", arguments.join(" ")), command).finish(60)
}

/// Runs the service until it has folded so many records.
pub fn run_until(config: &str, records: usize) {
    let mut service = Service::start(config);
    service.await_metric("demograph_records_total", records as f64, 60);
    service.stop();
}

/// `demograph publish` to the topic.
pub fn publish(topic: &Topic, crops: &Path, arguments: &[&str]) -> Process {
    let mut publish = demograph(&["publish", "--brokers", &topic.brokers]);
    publish
        .args(["--topic", &topic.name])
        .args(arguments)
        .arg(crops);
    Process::start("demograph publish", publish)
}

/// A label file as `publish` reads it, of rows (file, source, track).
pub fn crops_csv(folder: &Path, rows: impl Iterator<Item = (PathBuf, String, String)>) -> PathBuf {
    let path = folder.join("crops.csv");
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(["file", "source", "trackid"]).unwrap();
    for (file, source, track) in rows {
        writer
            .write_record([&file.display().to_string(), &source, &track])
            .unwrap();
    }
    writer.flush().unwrap();
    path
}

/// The composites in the order of their names.
pub fn composites() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(repository("tests/data/composites")).unwrap();
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jpg"))
        .collect();
    files.sort();
    files
}

/// A `demograph run` that may end at any moment: nothing was waited for.
pub struct Launched {
    pub process: Process,
    _folder: TempDir,
}

/// `demograph run` with a config and environment variables.
pub fn launch(config: &str, environment: &[(&str, &str)]) -> Launched {
    launch_as("run", config, environment, &[])
}

fn launch_as(
    subcommand: &str,
    config: &str,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> Launched {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, config).unwrap();
    let mut run = demograph(&[subcommand, "--config"]);
    run.arg(&file)
        .args(arguments)
        .envs(environment.iter().copied());
    Launched {
        process: Process::start(&format!("demograph {subcommand}"), run),
        _folder: folder,
    }
}

/// A running `demograph run`.
pub struct Service {
    pub process: Process,
    /// Where it answers, `http://127.0.0.1:PORT`.
    pub url: String,
    _folder: TempDir,
}

impl Service {
    /// A config for tests: short panes, files at once, a free port. `more` is added at its end.
    /// Checkpoints lie in the same folder, so that one temporary folder holds everything.
    pub fn config(topic: &Topic, out: &Path, more: &str) -> String {
        let is_local = !out.to_string_lossy().contains("://");
        let place = match is_local {
            true => format!("[state]\nurl = \"{}\"\n", out.display()),
            false => String::new(),
        };
        let (place, more) = match is_local && more.contains("[state]\n") {
            true => (String::new(), more.replacen("[state]\n", &place, 1)),
            false => (place, more.to_owned()),
        };
        format!(
            r#"
[kafka]
brokers = "{brokers}"
topic = "{name}"
group = "{name}"
[model]
dir = "{model}"
[windows]
pane = "2s"
people_min = 0
lateness_max = "1s"
idle_after = "2s"
rolling = ["10s", "1m"]
on_stop = "close"
[output]
url = "{out}"
publish_interval = "1s"
{place}[http]
listen = "127.0.0.1:0"
{more}"#,
            brokers = topic.brokers,
            name = topic.name,
            model = repository("models/research-small").display(),
            out = out.display(),
        )
    }

    /// Starts it, and waits until it answers (not until it is ready).
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// The same with environment variables.
    pub fn start_with(config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_as("run", config, environment, &[])
    }

    /// `demograph camera` with a config and environment variables.
    #[cfg(feature = "gateway")]
    pub fn camera(config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_as("camera", config, environment, &[])
    }

    /// The same with more arguments.
    #[cfg(feature = "gateway")]
    pub fn camera_with_arguments(
        config: &str,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        Self::start_as("camera", config, environment, arguments)
    }

    /// `demograph run` with more arguments.
    pub fn start_with_arguments(config: &str, arguments: &[&str]) -> Self {
        Self::start_as("run", config, &[], arguments)
    }

    fn start_as(
        subcommand: &str,
        config: &str,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let Launched {
            mut process,
            _folder,
        } = launch_as(subcommand, config, environment, arguments);
        let log = process.log_file();
        let url = process.wait_for("it says where /metrics is", START_SECONDS, || {
            let text = std::fs::read_to_string(&log).ok()?;
            let (_, rest) = text.split_once("metrics=")?;
            let (url, _) = rest.split_once("/metrics")?;
            Some(url.trim_matches('"').to_owned())
        });
        Self {
            process,
            url,
            _folder,
        }
    }

    /// Waits until the group has given it partitions.
    pub fn await_ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        self.process
            .wait_for("it is ready", START_SECONDS, || ureq::get(&url).call().ok());
    }

    /// The text at /metrics.
    pub fn metrics(&self) -> String {
        get(&format!("{}/metrics", self.url)).expect("/metrics answers")
    }

    /// Waits until the sum of all series whose text begins so is at least this.
    pub fn await_metric(&mut self, series: &str, at_least: f64, seconds: u64) {
        let url = format!("{}/metrics", self.url);
        let what = format!("{series} reaches {at_least}");
        self.process.wait_for(&what, seconds, || {
            (metric(&get(&url)?, series) >= at_least).then_some(())
        });
    }

    /// The status of an answer.
    pub fn status(&self, path: &str) -> u16 {
        let request = ureq::get(format!("{}{path}", self.url));
        let config = request.config().http_status_as_error(false);
        config.build().call().unwrap().status().as_u16()
    }

    /// SIGTERM, and a clean end.
    pub fn stop(self) -> Finished {
        self.process.terminate();
        let finished = self.process.finish(30);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished
    }
}

/// The body of an answer with status 200.
fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}

/// The sum of all series whose text begins so, such as `demograph_records_total{outcome="face"`.
pub fn metric(text: &str, series: &str) -> f64 {
    text.lines()
        .filter(|line| line.starts_with(series))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
