//! `demograph evaluate` as its users meet it, on the composites.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::world::{Finished, Process, Service, Topic, check_config, demograph, repository};

const LABELS: &str = "tests/data/composites/labels.csv";
const DATA: &str = "tests/data/composites";
const COMPOSITE_BANDS: &str = "0,18,25,35,45,55,65";

/// Runs it to its end; the folder holds what it wrote.
fn evaluate(data: &str, labels: &str, more: &[&str]) -> (Finished, TempDir) {
    let out = tempfile::tempdir().unwrap();
    let mut command = demograph(&["--log", "warn", "evaluate", "--data", data]);
    command.args(["--labels", labels]).args(more);
    if !more.contains(&"--model") {
        // The composites have five ethnicities.
        command.args(["--ethnicity", "five"]);
    }
    command.arg("--out").arg(out.path().join("report"));
    (
        Process::start("demograph evaluate", command).finish(120),
        out,
    )
}

fn succeed(data: &str, labels: &str, more: &[&str]) -> (Value, TempDir) {
    let (said, out) = evaluate(data, labels, more);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let json = std::fs::read_to_string(out.path().join("report/evaluation.json")).unwrap();
    (serde_json::from_str(&json).unwrap(), out)
}

fn csv(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("labels.csv");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn composite(name: &str) -> PathBuf {
    repository(DATA).join(name)
}

#[test]
fn the_composites_give_every_figure_that_cards_and_scripts_read() {
    let (figures, out) = succeed(DATA, LABELS, &["--age-bands", COMPOSITE_BANDS]);
    let faces = csv::Reader::from_path(repository(LABELS))
        .unwrap()
        .records()
        .count();
    assert_eq!(figures["n"], faces);
    assert_eq!(figures["rejected"], 0);
    let known_within = [
        ("/gender/accuracy", 0.85),
        ("/gender/recall/female", 0.8),
        ("/gender/f1/male", 0.8),
        ("/ethnicity/balanced_accuracy", 0.6),
        ("/ethnicity/recall/black", 0.8),
        ("/ethnicity/macro_average/f1", 0.6),
        ("/age_band/accuracy", 0.4),
        ("/age_band/recall/0-17", 0.4),
        ("/throughput/crops_per_cpu_second", 0.5),
        ("/throughput/crops_per_second", 0.5),
        ("/gender/calibration/calibrated/ece", 0.0),
        ("/ethnicity/calibration/uncalibrated/ece", 0.0),
        ("/ethnicity/shares/tvd", 0.0),
        ("/cells/0/gender_accuracy/low", 0.3),
    ];
    for (key, least) in known_within {
        let value = figures.pointer(key).and_then(Value::as_f64);
        assert!(
            value.is_some_and(|value| value >= least),
            "{key}: {value:?}"
        );
    }
    for key in [
        "model",
        "precision",
        "provider",
        "library",
        "processor",
        "self_test",
    ] {
        assert!(!figures[key].is_null(), "{key}");
    }
    let counts = figures["ethnicity"]["confusion"]["counts"]
        .as_array()
        .unwrap();
    let sum: u64 = counts
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(sum, faces as u64, "every face is in the confusion once");
    assert!(figures.get("age").is_none(), "no face has an age in years");
    is_self_contained(&out.path().join("report/report.html"));
}

/// A page for people: complete, readable aloud, nothing from elsewhere, no picture unless asked for.
fn is_self_contained(report: &Path) {
    let page = std::fs::read_to_string(report).unwrap();
    for part in [
        "<svg",
        "role=\"img\"",
        "<desc>",
        "weighted avg",
        "lang=\"en\"",
        "</html>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "http://", "https://", "url(", "<img", "NaN"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn ages_in_years_give_errors_by_group_and_disputed_labels_are_left_out_apart() {
    let folder = tempfile::tempdir().unwrap();
    let labels = csv(
        &folder,
        "file,age,gender,split,label_conflict\n\
         white-female-25-34-a.jpg,29,F,test,0\n\
         black-male-35-44-a.jpg,40,M,test,0\n\
         asian-female-18-24-b.jpg,21,M,test,1\n\
         black-male-35-44-b.jpg,40,M,train,0\n\
         gone.jpg,40,M,test,0\n\
         README.md,40,M,test,0\n",
    );
    let maps = ["--map", "F=female", "--map", "M=male", "--split", "test"];
    let (figures, _out) = succeed(DATA, &labels, &maps);
    assert_eq!(
        (&figures["n"], &figures["rejected"]),
        (&3.into(), &2.into())
    );
    let reasons = &figures["rejected_by_reason"];
    assert_eq!(reasons["missing_file"], 1);
    assert_eq!(reasons["not_an_image"], 1);
    assert_eq!(figures["age"]["n"], 3);
    assert!(figures["age"]["mae"].as_f64().unwrap() < 15.0);
    assert_eq!(figures["age"]["by_gender"]["female"]["n"], 1);
    // The one that is disputed is a woman labelled as a man.
    let without = &figures["without_label_conflict"];
    assert_eq!(without["n"], 2);
    assert_eq!(without["gender"]["accuracy"], 1.0);
    assert!(figures["gender"]["accuracy"].as_f64().unwrap() < 0.7);
}

#[test]
fn unknown_labels_end_it_with_their_list_and_the_option_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let labels = csv(
        &folder,
        "file,gender,ethnicity\nwhite-female-25-34-a.jpg,F,white\nblack-male-35-44-a.jpg,male,martian\n",
    );
    let (said, out) = evaluate(DATA, &labels, &[]);
    assert_eq!(said.code, Some(1));
    for part in [
        "gender \"F\" (1 faces)",
        "ethnicity \"martian\" (1 faces)",
        "--map",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    assert!(!out.path().join("report").exists(), "nothing is begun");
}

#[test]
fn a_zip_gives_the_same_answers_as_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "white-female-25-34-a.jpg",
        "indian-male-25-34-a.jpg",
        "asian-male-45-54-b.jpg",
    ];
    let path = folder.path().join("faces.zip");
    let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
    for name in names {
        zip.start_file(format!("faces/{name}"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&std::fs::read(composite(name)).unwrap())
            .unwrap();
    }
    zip.finish().unwrap();
    let labels = csv(
        &folder,
        "file,gender,ethnicity\nwhite-female-25-34-a.jpg,female,white\nindian-male-25-34-a.jpg,male,indian\nasian-male-45-54-b.jpg,male,asian\n",
    );
    let (zipped, _out) = succeed(
        &path.display().to_string(),
        &labels,
        &["--precision", "fp32"],
    );
    let (plain, _out) = succeed(DATA, &labels, &["--precision", "fp32"]);
    assert_eq!(zipped["n"], 3);
    for part in ["gender", "ethnicity", "cells"] {
        assert_eq!(zipped[part], plain[part], "{part}");
    }
}

#[test]
fn pictures_are_in_the_report_only_when_asked_for() {
    let (_figures, out) = succeed(DATA, LABELS, &["--limit", "12", "--contact-sheet"]);
    let page = std::fs::read_to_string(out.path().join("report/report.html")).unwrap();
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 12);
    assert_eq!(page.matches("<img alt=\"").count(), 12);
}

/// The net for gender of `age-gender-cc0` alone, with a self-test that expects this probability of "female".
fn model_with_self_test(female: f32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shipped = repository("models/age-gender-cc0");
    let net = "gender.onnx";
    std::fs::copy(shipped.join(net), folder.path().join(net)).unwrap();
    // Red repeats five times from left to right, green from top to bottom, blue goes along the diagonal.
    let pattern = image::RgbImage::from_fn(240, 240, |x, y| {
        image::Rgb([5 * x, 5 * y, (x + y) / 2].map(|level| u8::try_from(level % 240).unwrap()))
    });
    pattern.save(folder.path().join("pattern.png")).unwrap();
    let manifest = std::fs::read_to_string(shipped.join("manifest.toml")).unwrap();
    let parts: Vec<&str> = manifest.split("[[net]]").collect();
    // Python's ONNX Runtime 1.26.0 through Pillow 13.0.0 says 0.079685.
    let text = format!(
        "{}[[net]]{}\n[[self_test]]\nimage = \"pattern.png\"\n[self_test.expected]\nprobabilities = [{female}, {}]\n",
        parts[0],
        parts[2],
        1.0 - female
    );
    std::fs::write(folder.path().join("manifest.toml"), text).unwrap();
    folder
}

fn check(model: &Path) -> Finished {
    let topic = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let config = Service::config(&topic, Path::new("out"), "[[source]]\nid = \"cam\"\n");
    let shipped = repository("models/research-small").display().to_string();
    assert!(config.contains(&shipped), "{config}");
    let config = config.replace(&shipped, &model.display().to_string());
    check_config(&config, &["--offline"])
}

#[test]
fn a_passed_self_test_is_shown_by_check_and_kept_with_the_figures() {
    let model = model_with_self_test(0.079_685);
    let said = check(model.path());
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout
            .contains("self-test: 1 images, largest difference 0.0000"),
        "{}",
        said.stdout
    );
    let folder = model.path().display().to_string();
    let (figures, _out) = succeed(DATA, LABELS, &["--limit", "4", "--model", &folder]);
    let test = &figures["self_test"];
    assert_eq!(
        (&test["passed"], &test["images"]),
        (&true.into(), &1.into())
    );
    assert_eq!(figures["precision"], "fp32");
}

#[test]
fn a_doctored_expectation_stops_check_and_evaluate_with_the_numbers() {
    let model = model_with_self_test(0.25);
    let said = check(model.path());
    assert_eq!(said.code, Some(4), "{}{}", said.stdout, said.stderr);
    let fault = said
        .stdout
        .lines()
        .find(|line| line.starts_with("FAULT  model"));
    let fault = fault.expect("the model is at fault");
    for part in ["pattern.png", "ONNX Runtime 1."] {
        assert!(fault.contains(part), "{part}: {fault}");
    }
    // Two classes differ by the same but for rounding: either may be named.
    let female = "gender \"female\" should be 0.2500 and is 0.0797";
    let male = "gender \"male\" should be 0.7500 and is 0.9203";
    assert!(fault.contains(female) || fault.contains(male), "{fault}");
    let folder = model.path().display().to_string();
    let (said, out) = evaluate(DATA, LABELS, &["--model", &folder]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("the self-test fails on pattern.png"),
        "{}",
        said.stderr
    );
    assert!(!out.path().join("report/evaluation.json").exists());
}
