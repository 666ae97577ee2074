//! `demograph calibrate` and `demograph experiment` as their users meet them, on the composites.

use serde_json::Value;

use super::world::{Finished, Process, demograph, repository};

// The composites have five ethnicities.
const FACES: [&str; 8] = [
    "--data",
    "tests/data/composites",
    "--labels",
    "tests/data/composites/labels.csv",
    "--age-bands",
    "0,18,25,35,45,55,65",
    "--ethnicity",
    "five",
];

fn run(subcommand: &str, more: &[&str]) -> Finished {
    let mut command = demograph(&["--log", "warn", subcommand]);
    command.args(FACES).args(more);
    Process::start("demograph", command).finish(600)
}

#[test]
fn calibrate_counts_every_face_and_no_face_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.json");
    let said = run("calibrate", &["--out", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let labels = repository("tests/data/composites/labels.csv");
    let rows = csv::Reader::from_path(labels).unwrap().records().count() as u64;
    for attribute in ["age", "gender", "ethnicity"] {
        let cells = file["attributes"][attribute]["cells"].as_array().unwrap();
        let faces = cells
            .iter()
            .flat_map(|cell| cell["faces"].as_array().unwrap());
        assert_eq!(
            faces.map(|n| n.as_u64().unwrap()).sum::<u64>(),
            rows,
            "{attribute}"
        );
    }
    assert!(!text.contains(".jpg"));
}

#[test]
fn a_class_with_too_few_faces_is_named() {
    let said = run("calibrate", &["--limit", "30", "--out", "unused.json"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("calibration faces: label at least 10"),
        "{}",
        said.stderr
    );
}

#[test]
fn on_composites_corrected_shares_beat_counting_and_intervals_hold() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let small = [
        "--calibration-split",
        "",
        "--population-split",
        "",
        "--tvd-draws",
        "20",
        "--track-draws",
        "3",
    ];
    let said = run(
        "experiment",
        &[&small[..], &["--coverage-draws", "20", "--out", out]].concat(),
    );
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("experiment.json")).unwrap();
    for head in ["age", "ethnicity"] {
        let figures = &report["heads"][head];
        let tvd = |method: &str| figures["tvd_points"][method].as_f64().unwrap();
        assert!(tvd("score") < tvd("naive") / 2.0, "{head}: {figures}");
        let bias = |votes: &str| figures["dwell_bias_points"][votes].as_f64().unwrap();
        assert!(
            bias("tracks") < bias("detections") / 4.0,
            "{head}: {figures}"
        );
        let vote = |way: &str| {
            let tracks = figures["tracks"].as_array().unwrap();
            let found = tracks
                .iter()
                .find(|row| row["crops"] == "10" && row["way"] == way);
            found.unwrap()["tvd_points"].as_f64().unwrap()
        };
        assert!(vote("spread") < vote("product") / 1.5, "{head}: {figures}");
        assert!(vote("spread") < vote("divided") / 1.2, "{head}: {figures}");
        let crops = figures["crops"].as_array().unwrap();
        let taken: Vec<f64> = crops
            .iter()
            .map(|row| row["crops_taken"].as_f64().unwrap())
            .collect();
        assert!(
            taken[0] < 2.0 && (3.0..4.0).contains(&taken[1]) && taken[3] == 30.0,
            "{taken:?}"
        );
        let apart = crops
            .iter()
            .map(|row| row["apart_points"].as_f64().unwrap());
        let apart: Vec<f64> = apart.collect();
        assert!(
            apart[0] > apart[1] && apart[1] > apart[2] && apart[3] == 0.0,
            "{apart:?}"
        );
        for coverage in figures["coverage"].as_array().unwrap() {
            let held = coverage["by_class"].as_object().unwrap().values();
            let held: Vec<f64> = held.map(|share| share.as_f64().unwrap()).collect();
            let mean = held.iter().sum::<f64>() / held.len() as f64;
            assert!(mean > 0.85, "{head}: {coverage}");
        }
    }
    assert!(read("experiment.svg").contains("ethnicity: naive"));
    assert!(read("shares.svg").contains("<circle"));
}

#[test]
fn few_faces_adapt_a_base_that_the_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (base, gate) = (path("base.json"), path("gate.json"));
    let said = run("calibrate", &["--out", &base]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);

    let few = ["--limit", "50", "--base", &base];
    let refused = run("calibrate", &few);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("--base needs --out"),
        "{}",
        refused.stderr
    );
    let said = run("calibrate", &[&few[..], &["--out", &gate]].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("gender: 50 faces; of each class"),
        "{}",
        said.stdout
    );

    let read = |path: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let file = read(&gate);
    assert!(file["base"].is_string() && read(&base)["base"].is_null());
    let local = file["attributes"]["age"]["local"].as_array().unwrap();
    let faces: u64 = local.iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(faces, 50);
    // An adapted file is none to adapt.
    let again = run(
        "calibrate",
        &["--limit", "50", "--base", &gate, "--out", &path("x.json")],
    );
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("adapted to a camera already"),
        "{}",
        again.stderr
    );

    let out = path("local");
    let splits = ["--calibration-split", "", "--population-split", ""];
    let draws = ["--base", &base, "--tvd-draws", "5", "--out", &out];
    let said = run("experiment", &[&splits[..], &draws[..]].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let report = read(&format!("{out}/local.json"));
    let ways = report["heads"]["gender"].as_array().unwrap();
    for way in ["counted", "base", "adapted", "alone"] {
        assert!(ways.iter().any(|row| row["way"] == way), "{way}: {report}");
    }
}
