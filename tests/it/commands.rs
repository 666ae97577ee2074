//! The other commands, as their users meet them: `check`, `predict`, `demo`, and starts that must fail.

use std::{collections::BTreeMap, process::Stdio};

use demograph_core::event::Event;
use serde_json::Value;

use super::world::{
    Broker, Finished, Process, Service, Topic, check_config, demograph, duckdb, repository,
};

const SOURCE: &str = "[[source]]\nid = \"cam\"\n";

/// A broker that is not there.
fn nowhere() -> Topic {
    Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    }
}

/// A start that must end by itself.
fn failed_start(config: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, config).unwrap();
    let mut run = demograph(&["run", "--config"]);
    run.arg(&file);
    Process::start("demograph run", run).finish(60)
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_program_without_a_word() {
    let config = repository("deploy/demograph.toml").display().to_string();
    let mut check = demograph(&["check", "--config", &config]);
    check.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(141), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn every_subcommand_has_an_example_and_a_line_in_the_docs() {
    let help = |arguments: &[&str]| {
        let help = Process::start("demograph --help", demograph(arguments)).finish(60);
        assert_eq!(help.code, Some(0), "{}", help.stderr);
        help.stdout
    };
    let all = help(&["--help"]);
    let listed = all.split_once("Commands:\n").unwrap().1;
    let listed = listed.split("\n\n").next().unwrap();
    // A name stands two columns in; the words that go on below it stand further in.
    let names = listed.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        line.split(' ').next().filter(|name| !name.is_empty())
    });
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.len() >= 17, "{names:?}");
    let docs = std::fs::read_to_string(repository("docs/running.md")).unwrap();
    for name in names {
        assert!(
            docs.contains(&format!("\n| `{name}")),
            "{name}: docs/running.md"
        );
        let help = help(&[name, "--help"]).to_lowercase();
        assert!(help.contains("example"), "{name} --help has no example");
    }
}

#[test]
fn check_reports_all_faults_at_once_with_field_value_and_fix() {
    let config = r#"
[kafka]
brokers = "localhost:9092"
topic = ""
[model]
dir = "models/research-small"
[windows]
pane = "ten"
[output]
url = "out"
[limits]
image_side_max = 7
[colour]
"#;
    let said = check_config(config, &["--offline"]);
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    let expected = [
        "kafka.topic = \"\"",
        "windows.pane = \"ten\"",
        "limits.image_side_max = 7",
        "colour",
        "10s",
    ];
    for part in expected {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    assert!(said.stderr.contains("4 faults"), "{}", said.stderr);
}

#[test]
fn check_says_so_where_the_limits_let_faces_through_that_are_too_small_for_the_model() {
    let config = Service::config(&nowhere(), "out".as_ref(), SOURCE);
    assert!(!config.contains("[limits]"), "{config}");
    let note = "smaller than 32 pixels a side";
    let said = check_config(&config, &["--offline"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains(note), "{}", said.stdout);
    let enough = format!("{config}\n[limits]\nimage_side_min = 32\n");
    let said = check_config(&enough, &["--offline"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(!said.stdout.contains(note), "{}", said.stdout);
}

#[test]
fn check_finds_broker_topic_and_output_in_order_and_hides_secrets() {
    let topic = Broker::shared().topic("check", 3);
    let folder = tempfile::tempdir().unwrap();
    let secret = "[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n";
    let config = Service::config(&topic, folder.path(), &format!("{SOURCE}{secret}"));
    let said = check_config(&config, &[]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("has 3 partitions"), "{}", said.stdout);
    assert!(said.stdout.contains("<redacted>"), "{}", said.stdout);
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("hunter2"));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "the probe is gone"
    );
}

#[test]
fn check_names_a_missing_topic_a_missing_secret_and_a_missing_model_together() {
    let mut topic = Broker::shared().topic("check-missing", 1);
    topic.name = "no-such-topic".into();
    let folder = tempfile::tempdir().unwrap();
    let secret = "[output.options]\naws_secret_access_key = { env = \"DEMOGRAPH_TEST_UNSET\" }\n";
    let config = Service::config(&topic, folder.path(), &format!("{SOURCE}{secret}"))
        .replace("research-small", "no-such-model");
    let said = check_config(&config, &[]);
    assert_eq!(said.code, Some(4), "{}{}", said.stdout, said.stderr);
    for fault in ["no-such-topic", "DEMOGRAPH_TEST_UNSET", "no-such-model"] {
        let named = said
            .stdout
            .lines()
            .any(|line| line.starts_with("FAULT") && line.contains(fault));
        assert!(named, "{fault}: {}", said.stdout);
    }
}

#[test]
fn check_says_so_when_no_broker_answers() {
    let folder = tempfile::tempdir().unwrap();
    let said = check_config(&Service::config(&nowhere(), folder.path(), SOURCE), &[]);
    assert_eq!(said.code, Some(4), "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout
            .contains("FAULT  kafka: no broker can be reached"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("ok     output"), "{}", said.stdout);
}

#[test]
fn a_provider_that_is_not_there_stops_the_start_unless_the_cpu_may_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let with = |inference: &str| {
        Service::config(
            &nowhere(),
            folder.path(),
            &format!("{SOURCE}[inference]\nprovider = \"cuda\"\n{inference}"),
        )
    };
    let said = failed_start(&with(""));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    for part in ["cuda", "allow_cpu_fallback"] {
        assert!(
            said.stderr.to_lowercase().contains(part),
            "{part}: {}",
            said.stderr
        );
    }
    let service = Service::start(&with("allow_cpu_fallback = true\n"));
    let log = service.stop().stderr;
    assert!(
        log.contains("WARN") && log.contains("running on the CPU"),
        "{log}"
    );
}

#[test]
fn a_calibration_of_another_model_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = repository("models/research-small/calibration.int8.json");
    let text = std::fs::read_to_string(shipped).unwrap();
    let other = folder.path().join("other.json");
    std::fs::write(&other, text.replace("research-small@", "somebody-elses@")).unwrap();
    let more = format!(
        "{SOURCE}calibration = \"{0}\"\n[estimates]\ncalibration = \"{0}\"\n",
        other.display()
    );
    let said = failed_start(&Service::config(&nowhere(), folder.path(), &more));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    for part in [
        "estimates.calibration",
        "other.json",
        "somebody-elses@",
        "demograph calibrate",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
}

#[test]
fn a_topic_that_is_not_there_ends_the_start_with_the_fix() {
    let mut topic = Broker::shared().topic("run-missing", 1);
    topic.name = "not-there-either".into();
    let folder = tempfile::tempdir().unwrap();
    let said = failed_start(&Service::config(&topic, folder.path(), SOURCE));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr.contains("create it, or correct kafka.topic"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_store_that_fails_for_too_long_ends_the_program_with_its_error() {
    let topic = Broker::shared().topic("store-fails", 1);
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{SOURCE}[limits]\nstore_stall_max = \"2s\"\n");
    let service = Service::start(&Service::config(&topic, folder.path(), &limits));
    // A file where the table's folder should be.
    std::fs::write(folder.path().join("windows"), "").unwrap();
    topic.send([Event {
        key: "cam".into(),
        ..Event::default()
    }]);
    let said = service.process.finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("limits.store_stall_max: write windows/date="),
        "{}",
        said.stderr
    );
}

#[test]
fn the_log_of_a_start_is_short_enough_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&Service::config(&nowhere(), folder.path(), SOURCE));
    let log = service.stop().stderr;
    assert!(
        log.lines().count() < 30,
        "{} lines:\n{log}",
        log.lines().count()
    );
}

#[test]
fn predict_prints_a_line_of_json_an_image_and_the_reason_where_it_cannot() {
    let mut predict = demograph(&["predict", "--json", "--attributes", "gender"]);
    predict.args([
        "tests/data/composites/white-female-25-34-a.jpg",
        "tests/data/malformed/cut_50.jpg",
    ]);
    let said = Process::start("demograph predict", predict).finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let lines: Vec<Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["gender"]["label"], "female", "{}", said.stdout);
    assert!(lines[0].get("age").is_none() && lines[0].get("ethnicity").is_none());
    assert_eq!(lines[1]["rejected"], "truncated");
}

#[test]
fn the_demo_ends_with_a_query_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let mut demo = demograph(&[
        "demo",
        "--seconds",
        "12",
        "--rate",
        "80",
        "--listen",
        "127.0.0.1:0",
        "--out",
    ]);
    demo.arg(&out);
    let said = Process::start("demograph demo", demo).finish(120);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let (summary, sql) = said
        .stdout
        .split_once("Ask the tables (DuckDB):")
        .expect("a query at the end");
    let (_, estimate) = summary
        .split_once(" estimate --tables ")
        .expect("a command that estimates");
    let tables = estimate.lines().next().unwrap();
    let estimate = demograph(&["estimate", "--tables", tables]);
    let estimated = Process::start("demograph estimate", estimate).finish(60);
    assert!(estimated.stdout.contains("female"), "{}", estimated.stderr);
    let rows = duckdb(sql);
    assert!(!rows.is_empty(), "{sql}");
    // The two shares of an hour in which no window hid anything.
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["share"].is_number()) {
        assert!(row["share_low"].as_f64() <= row["share"].as_f64(), "{row}");
        let hour = format!(
            "{} {} {}",
            row["source"], row["local_date"], row["local_hour"]
        );
        *sums.entry(hour).or_default() += row["share"].as_f64().unwrap();
    }
    assert!(!sums.is_empty(), "{rows:?}");
    for (hour, sum) in sums {
        assert!((sum - 1.0).abs() < 0.05, "{hour}: {sum}");
    }
    let count = |label: &str| -> f64 {
        let line = summary
            .lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .expect("a line of the summary");
        line.trim()
            .split([' ', ','])
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert_eq!(count("events sent"), count("crops read"), "{summary}");
    assert!(repository("tests/data/composites/labels.csv").exists());
    #[cfg(feature = "gateway")]
    for camera in ["door", "hall"] {
        let mut lines = summary.lines().filter_map(|line| {
            let (counted, rest) = line.trim().strip_prefix(camera)?.split_once(" of ")?;
            Some((counted.trim().strip_prefix("people ")?, rest))
        });
        let (counted, rest) = lines.next_back().expect("the truth beside the result");
        let (there, _) = rest.split_once(" counted").unwrap();
        let [counted, there] = [counted, there].map(|text| text.parse::<i32>().unwrap());
        assert!(
            there >= 6 && (counted - there).abs() <= 1,
            "{counted} of {there}"
        );
    }
}

#[cfg(feature = "gateway")]
#[test]
fn without_ffmpeg_the_demo_has_its_other_cameras_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ["demo", "--seconds", "2", "--listen", "127.0.0.1:0", "--out"];
    let mut demo = demograph(&listen);
    // What starts processes here is there, ffmpeg is not.
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink("/usr/bin/setpriv", programs.join("setpriv")).unwrap();
    demo.arg(folder.path().join("demo")).env("PATH", &programs);
    let said = Process::start("demograph demo", demo).finish(120);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let why = "There are no filmed cameras, only the four others: the program ffmpeg is not there: run setup/system-packages";
    assert!(said.stdout.contains(why), "{}", said.stdout);
    assert!(
        said.stdout.contains("Done.") && !said.stdout.contains("truth beside"),
        "{}",
        said.stdout
    );
}
