//! The shipped models, and what happens when a model folder is wrong. Needs the ONNX Runtime library (`make setup`).

mod cases;
mod crew;
mod groups;
mod images;
mod inputs;
mod outputs;
mod preprocessing;
mod self_test;

use std::path::{Path, PathBuf};

use demograph_core::{
    golden::repository,
    record::{Attribute, Attributes, Posterior},
};

use super::*;
use crate::{
    decode::{self, Limits},
    manifest::{Manifest, Precision},
};

const LIMITS: Limits = Limits {
    payload_bytes_max: 1 << 20,
    image_side_min: 16,
    image_side_max: 2048,
    future_max: 0,
    past_max: i64::MAX,
};

fn load(name: &str, settings: &InferenceSettings) -> anyhow::Result<OnnxModel> {
    OnnxModel::load(
        &ModelFiles::read(&repository("models").join(name), settings)?,
        settings,
    )
}

fn all() -> Attributes {
    Attribute::ALL.into_iter().collect()
}

/// The composites with their labels: band of ages, gender, ethnicity.
fn composites(attributes: Attributes) -> Vec<(Crop, [String; 3])> {
    let folder = repository("tests/data/composites");
    let mut labels = csv::Reader::from_path(folder.join("labels.csv")).unwrap();
    labels
        .records()
        .map(|row| {
            let row = row.unwrap();
            let bytes = std::fs::read(folder.join(&row[0])).unwrap();
            let crop = decode::image(&bytes, &LIMITS, attributes).unwrap();
            (
                crop,
                [row[1].to_owned(), row[2].to_owned(), row[3].to_owned()],
            )
        })
        .collect()
}

fn winner<'a>(posterior: &Posterior, labels: &'a [String]) -> &'a str {
    posterior.winner(labels).unwrap().0
}

/// The estimates of crops that all have one.
fn answers(model: &mut OnnxModel, crops: &[Crop]) -> Vec<Estimate> {
    let answers = model.estimate(crops).unwrap();
    answers.into_iter().map(Result::unwrap).collect()
}

/// The share of crops for which the model says what the label does.
fn agreement(estimates: &[Option<Posterior>], labels: &[&str], names: &[String]) -> f64 {
    let right = estimates
        .iter()
        .zip(labels)
        .filter(|(posterior, label)| winner(posterior.as_ref().unwrap(), names) == **label)
        .count();
    right as f64 / labels.len() as f64
}

#[test]
fn the_shipped_model_agrees_with_the_labels_of_the_composites() {
    // The composites have five ethnicities.
    let settings = InferenceSettings {
        ethnicity: Some("five".into()),
        ..Default::default()
    };
    let mut model = load("research-small", &settings).unwrap();
    let (crops, labels): (Vec<_>, Vec<_>) = composites(all()).into_iter().unzip();
    let estimates = answers(&mut model, &crops);
    let facts = model.facts().clone();
    let genders: Vec<_> = estimates
        .iter()
        .map(|estimate| estimate.gender.clone())
        .collect();
    let ethnicities: Vec<_> = estimates
        .iter()
        .map(|estimate| estimate.ethnicity.clone())
        .collect();
    let gender = agreement(
        &genders,
        &labels.iter().map(|l| l[1].as_str()).collect::<Vec<_>>(),
        &facts.gender,
    );
    let ethnicity = agreement(
        &ethnicities,
        &labels.iter().map(|l| l[2].as_str()).collect::<Vec<_>>(),
        &facts.ethnicity,
    );
    println!("composites: gender {gender:.3}, ethnicity {ethnicity:.3}");
    assert!(
        gender >= 0.90 && ethnicity >= 0.80,
        "gender {gender:.3}, ethnicity {ethnicity:.3}"
    );
}

#[test]
fn a_model_of_two_nets_runs_as_one() {
    let mut model = load("age-gender-cc0", &InferenceSettings::default()).unwrap();
    let (crops, labels): (Vec<_>, Vec<_>) = composites(all()).into_iter().unzip();
    let estimates = answers(&mut model, &crops);
    assert!(
        estimates
            .iter()
            .all(|estimate| estimate.age.is_some() && estimate.ethnicity.is_none())
    );
    let genders: Vec<_> = estimates
        .iter()
        .map(|estimate| estimate.gender.clone())
        .collect();
    let gender = agreement(
        &genders,
        &labels.iter().map(|l| l[1].as_str()).collect::<Vec<_>>(),
        &model.facts().gender,
    );
    println!("composites: gender {gender:.3}");
    assert!(gender >= 0.80, "gender {gender:.3}");
}

fn in_half(provider: Provider) -> InferenceSettings {
    InferenceSettings {
        provider,
        precision: PrecisionChoice::Fp16,
        ..Default::default()
    }
}

#[test]
fn half_precision_runs_its_own_file_and_passes_its_own_self_test() {
    // No GPU is here: the CPU computes the file in its place.
    let settings = InferenceSettings {
        allow_cpu_fallback: true,
        ..in_half(Provider::Cuda)
    };
    let mut half = load("fairface-small", &settings).unwrap();
    let engine = half.engine();
    assert_eq!(engine.precision, Precision::Fp16);
    let passed = half.self_test();
    assert!(passed.images > 0 && passed.largest_difference > 0.0);
    assert_eq!(passed.tolerance, 0.02);
    let settings = InferenceSettings {
        precision: PrecisionChoice::Fp32,
        ..Default::default()
    };
    let mut whole = load("fairface-small", &settings).unwrap();
    assert_ne!(half.facts().id, whole.facts().id);
    let crops: Vec<Crop> = composites(all()).into_iter().map(|one| one.0).collect();
    let pairs = answers(&mut half, &crops)
        .into_iter()
        .zip(answers(&mut whole, &crops));
    for (half, whole) in pairs {
        let [half, whole] = [half, whole].map(|one| one.gender.unwrap().0[0]);
        assert!((half - whole).abs() < 0.01, "{half}, not {whole}");
    }
}

#[test]
fn half_precision_without_a_file_says_how_to_make_one_and_tensorrt_needs_none() {
    for provider in [Provider::Cuda, Provider::Cpu] {
        let error = load("research-small", &in_half(provider)).err();
        let error = format!("{:#}", error.expect("it has no such file"));
        assert!(
            error.contains("model.onnx has no fp16 variant")
                && error.contains("models/train/half.py"),
            "{error}"
        );
    }
    // The library of the tests has no TensorRT.
    let error = load("research-small", &in_half(Provider::Tensorrt)).err();
    let error = format!("{:#}", error.expect("no TensorRT is here"));
    assert!(
        error.contains("\"tensorrt\" is not available")
            && error.contains("cuDNN 9 and TensorRT 10 must be there"),
        "{error}"
    );
}

#[test]
fn what_a_crop_does_not_allow_is_not_estimated() {
    let mut model = load("research-small", &InferenceSettings::default()).unwrap();
    let only_gender: Attributes = [Attribute::Gender].into_iter().collect();
    let mut crops: Vec<Crop> = composites(all())
        .into_iter()
        .take(1)
        .map(|(crop, _)| crop)
        .collect();
    crops.extend(
        composites(only_gender)
            .into_iter()
            .take(1)
            .map(|(crop, _)| crop),
    );
    let estimates = answers(&mut model, &crops);
    assert!(estimates[0].ethnicity.is_some() && estimates[0].age.is_some());
    assert!(estimates[1].ethnicity.is_none() && estimates[1].age.is_none());
    assert_eq!(
        winner(estimates[0].gender.as_ref().unwrap(), &model.facts().gender),
        winner(estimates[1].gender.as_ref().unwrap(), &model.facts().gender),
    );
}

#[test]
fn the_size_of_the_batch_changes_no_decision() {
    let crops: Vec<Crop> = composites(all())
        .into_iter()
        .take(11)
        .map(|(crop, _)| crop)
        .collect();
    let mut model = load("research-small", &InferenceSettings::default()).unwrap();
    let together = answers(&mut model, &crops);
    let settings = InferenceSettings {
        batch_max: 1,
        ..Default::default()
    };
    let alone = answers(&mut load("research-small", &settings).unwrap(), &crops);
    for (a, b) in together.iter().zip(&alone) {
        let difference = (a.age.as_ref().unwrap().mean() - b.age.as_ref().unwrap().mean()).abs();
        assert!(difference < 0.01, "{difference} years");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&copied).unwrap();
            copy(&path, &copied);
        } else {
            std::fs::copy(&path, copied).unwrap();
        }
    }
}

/// A copy of a shipped model's folder, changed.
fn changed(name: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&repository("models").join(name), folder.path());
    let manifest = folder.path().join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, change(text)).unwrap();
    folder
}

fn fault(folder: &Path) -> String {
    let settings = InferenceSettings::default();
    let files = ModelFiles::read(folder, &settings);
    let error = files
        .and_then(|files| OnnxModel::load(&files, &settings))
        .err();
    format!("{:#}", error.expect("the model is refused"))
}

#[test]
fn a_manifest_that_does_not_fit_its_net_is_refused_with_what_the_net_has() {
    for (from, to, expected) in [
        (
            "name = \"images\"",
            "name = \"pixels\"",
            "the inputs are [\"images\"]",
        ),
        (
            "output = \"probabilities\"",
            "output = \"p\"",
            "the outputs are [\"probabilities\"]",
        ),
        ("width = 32", "width = 48", "has the shape"),
        (
            "\"female\", \"male\"",
            "\"a\", \"b\", \"c\"",
            "gives 2 numbers a crop, the manifest names 3",
        ),
        (
            "colour = \"rgb\"",
            "color = \"rgb\"",
            "'color' was unexpected",
        ),
        (
            "layout = \"nchw\"",
            "layout = \"chw\"",
            "input.layout = \"chw\"",
        ),
    ] {
        let folder = changed("age-gender-cc0", |text| text.replace(from, to));
        let fault = fault(folder.path());
        assert!(fault.contains(expected), "{from} -> {to}: {fault}");
    }
}

#[test]
fn a_net_that_is_not_the_manifest_s_is_refused_by_its_hash() {
    let folder = changed("age-gender-cc0", |text| text);
    let net = folder.path().join("gender.onnx");
    let mut bytes = std::fs::read(&net).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&net, bytes).unwrap();
    assert!(fault(folder.path()).contains("its SHA-256 is"));
}

#[test]
fn a_provider_that_is_not_there_stops_the_start_unless_the_cpu_may_take_over() {
    let cuda = InferenceSettings {
        provider: Provider::Cuda,
        ..Default::default()
    };
    let error = load("age-gender-cc0", &cuda)
        .err()
        .map(|error| format!("{error:#}"));
    let error = error.expect("this library has no CUDA");
    assert!(error.contains("allow_cpu_fallback"), "{error}");

    let fallback = InferenceSettings {
        allow_cpu_fallback: true,
        ..cuda
    };
    assert!(load("age-gender-cc0", &fallback).is_ok());
}

#[test]
fn the_published_schema_of_the_manifest_is_the_one_that_checks_it() {
    let schema = serde_json::to_string_pretty(&Manifest::schema()).unwrap() + "\n";
    demograph_core::golden::equals("schemas/model-manifest.v1.schema.json", &schema);
}
