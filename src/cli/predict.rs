//! `demograph predict`: what the model says of single images, through the very path of the service.

use std::{path::PathBuf, process::ExitCode};

use comfy_table::{Table, presets};
use demograph_core::{
    facts::ModelFacts,
    record::{AgePosterior, Attribute, Attributes, Posterior},
};
#[cfg(feature = "camera")]
use demograph_lab::predict::{Named, crop, predict_crops};
use demograph_lab::{
    dataset::expand,
    predict::{Prediction, predict},
};
use demograph_model::{
    infer::{
        Inference, InferenceSettings, Model, ModelFiles, OnnxModel, PrecisionChoice, Provider,
    },
    manifest::AgeInterval,
};
use serde_json::json;

/// Images given to the model at a time, as in the service.
const BATCH: usize = Inference::BATCH_ON_PROCESSOR;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph predict tests/data/composites/white-female-25-34-a.jpg
  demograph predict --json --attributes age,gender crops/ | jq -r '.file + \" \" + .gender.label'
  demograph predict --detect party.jpg

The model expects crops of one face. For photographs write --detect: each face is found, cut out and estimated as \
`demograph detect` would write it, and shown as party.jpg#1, party.jpg#2.

A folder stands for the JPEG, PNG and WebP files in it. Images that cannot be used are printed with the reason for \
rejection, and the exit code is 1.

Ages print with a prediction interval if the manifest defines one (31 (24-39)), else with the standard deviation (31 ± 5). \
No policy applies: these are your own files. --attributes chooses what is shown.")]
pub(super) struct PredictArgs {
    /// Face crops, or folders of them.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small")]
    model: PathBuf,
    /// The precision, and with it the model's file that runs. auto: int8 if the model has it, else fp32.
    #[arg(long, value_parser = precision, default_value = "auto", value_name = "auto|fp32|bf16|fp16|int8")]
    precision: PrecisionChoice,
    /// The execution provider: cpu, openvino, or auto (the faster of the two). Default: cpu, and openvino for bf16.
    #[arg(long, value_parser = provider, value_name = "cpu|openvino|auto")]
    provider: Option<Provider>,
    /// Find the faces in the images first.
    #[cfg(feature = "camera")]
    #[arg(long)]
    detect: bool,
    #[cfg(feature = "camera")]
    #[command(flatten, next_help_heading = "With --detect")]
    faces: super::detect::FinderArgs,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Coarser categories of ethnicity that the manifest names, such as five. Default: all that the model tells apart.
    #[arg(long, value_name = "GROUPS")]
    ethnicity: Option<String>,
    /// The attributes to estimate.
    #[arg(long, value_delimiter = ',', value_parser = attribute, default_value = "age,gender,ethnicity")]
    attributes: Vec<Attribute>,
}

pub(super) fn precision(name: &str) -> Result<PrecisionChoice, String> {
    match name {
        "auto" => Ok(PrecisionChoice::Auto),
        "fp32" => Ok(PrecisionChoice::Fp32),
        "bf16" => Ok(PrecisionChoice::Bf16),
        "fp16" => Ok(PrecisionChoice::Fp16),
        "int8" => Ok(PrecisionChoice::Int8),
        _ => Err("write auto, fp32, bf16, fp16 or int8".into()),
    }
}

fn provider(name: &str) -> Result<Provider, String> {
    match name {
        "cpu" => Ok(Provider::Cpu),
        "openvino" => Ok(Provider::Openvino),
        "auto" => Ok(Provider::Auto),
        _ => Err("write cpu, openvino or auto".into()),
    }
}

fn attribute(name: &str) -> Result<Attribute, String> {
    Attribute::ALL
        .into_iter()
        .find(|attribute| attribute.name() == name)
        .ok_or_else(|| "write age, gender or ethnicity".into())
}

pub(super) fn run(args: PredictArgs) -> anyhow::Result<ExitCode> {
    let files = expand(&args.images)?;
    let settings = InferenceSettings {
        precision: args.precision,
        provider: args.provider.unwrap_or_else(|| args.precision.provider()),
        ethnicity: args.ethnicity.clone(),
        ..Default::default()
    };
    let model_files = ModelFiles::read(&args.model, &settings)?;
    let mut model = OnnxModel::load(&model_files, &settings)?;
    let attributes = args.attributes.iter().copied().collect();
    let predictions = predictions(&args, &files, &mut model, attributes)?;
    let words = Words {
        facts: model.facts(),
        interval: model_files.age_interval(),
    };
    if args.json {
        for prediction in &predictions {
            println!("{}", to_json(prediction, &words));
        }
    } else {
        println!("{}", to_table(&predictions, &words));
    }
    let all_well = predictions
        .iter()
        .all(|prediction| prediction.result.is_ok());
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The images are crops.
fn of_crops(
    files: &[PathBuf],
    model: &mut impl Model,
    attributes: Attributes,
) -> anyhow::Result<Vec<Prediction>> {
    let mut predictions = Vec::new();
    for files in files.chunks(BATCH) {
        predictions.extend(predict(files, model, attributes)?);
    }
    Ok(predictions)
}

#[cfg(not(feature = "camera"))]
fn predictions(
    _: &PredictArgs,
    files: &[PathBuf],
    model: &mut impl Model,
    attributes: Attributes,
) -> anyhow::Result<Vec<Prediction>> {
    of_crops(files, model, attributes)
}

#[cfg(feature = "camera")]
fn predictions(
    args: &PredictArgs,
    files: &[PathBuf],
    model: &mut impl Model,
    attributes: Attributes,
) -> anyhow::Result<Vec<Prediction>> {
    if !args.detect {
        return of_crops(files, model, attributes);
    }
    let mut finder = args.faces.open()?;
    let mut predictions = Vec::new();
    for file in files {
        let name = file.display();
        let crops = match super::detect::look(&mut finder, file)? {
            Err(reason) => vec![Named {
                name: name.to_string(),
                crop: Err(reason),
            }],
            Ok(looked) => {
                let faces = looked.found.faces.iter().enumerate();
                let named = faces.map(|(number, found)| {
                    // As the service gets it: the crop's JPEG.
                    let jpeg = found.shot.jpeg()?;
                    Ok(Named {
                        name: format!("{name}#{}", number + 1),
                        crop: crop(&jpeg, attributes),
                    })
                });
                named.collect::<anyhow::Result<Vec<_>>>()?
            }
        };
        if crops.is_empty() {
            eprintln!(
                "{name}: no face of {} pixels or more",
                finder.wanted.min_face
            );
        }
        let mut crops = crops.into_iter().peekable();
        while crops.peek().is_some() {
            let batch = crops.by_ref().take(BATCH).collect();
            predictions.extend(predict_crops(batch, model)?);
        }
    }
    Ok(predictions)
}

/// What it takes to put an estimate into words.
struct Words<'a> {
    facts: &'a ModelFacts,
    interval: Option<&'a AgeInterval>,
}

impl Words<'_> {
    fn age(&self, age: &AgePosterior) -> String {
        match self.interval.map(|interval| interval.of(age)) {
            Some((low, high)) => format!("{:.0} ({low:.0}-{high:.0})", age.mean()),
            None => format!("{:.0} ± {:.0}", age.mean(), age.spread()),
        }
    }
}

fn to_table(predictions: &[Prediction], words: &Words<'_>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["image", "age", "gender", "ethnicity"]);
    for prediction in predictions {
        let file = prediction.file.clone();
        let row = match &prediction.result {
            Ok(estimate) => [
                file,
                estimate
                    .age
                    .as_ref()
                    .map_or("-".into(), |age| words.age(age)),
                shown(estimate.gender.as_ref(), &words.facts.gender),
                shown(estimate.ethnicity.as_ref(), &words.facts.ethnicity),
            ],
            Err(reason) => [
                file,
                format!("rejected: {}", reason.name()),
                "-".into(),
                "-".into(),
            ],
        };
        table.add_row(row);
    }
    table
}

fn shown(posterior: Option<&Posterior>, labels: &[String]) -> String {
    posterior.map_or("-".into(), |posterior| {
        let (label, p) = posterior.winner(labels).unwrap_or_default();
        format!("{label} {:.0} %", p * 100.0)
    })
}

fn to_json(prediction: &Prediction, words: &Words<'_>) -> serde_json::Value {
    let facts = words.facts;
    let estimate = match &prediction.result {
        Ok(estimate) => estimate,
        Err(reason) => return json!({ "file": prediction.file, "rejected": reason.name() }),
    };
    let mut line = json!({ "file": prediction.file, "model": facts.id });
    if let Some(age) = &estimate.age {
        line["age"] = json!({ "mean": age.mean(), "spread": age.spread() });
        if let Some(interval) = words.interval {
            let (low, high) = interval.of(age);
            line["age"]["low"] = low.into();
            line["age"]["high"] = high.into();
            line["age"]["level"] = interval.level.into();
        }
    }
    let heads = [
        ("gender", &estimate.gender, &facts.gender),
        ("ethnicity", &estimate.ethnicity, &facts.ethnicity),
    ];
    for (name, posterior, labels) in heads {
        if let Some(posterior) = posterior {
            let probabilities: serde_json::Map<_, _> = labels
                .iter()
                .zip(&posterior.0)
                .map(|(label, &p)| (label.clone(), p.into()))
                .collect();
            let (label, _) = posterior.winner(labels).unwrap_or_default();
            line[name] = json!({ "label": label, "probabilities": probabilities });
        }
    }
    line
}
