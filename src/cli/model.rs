//! `demograph model`: what an integrator does first with an ONNX file. `new` writes a manifest with its guesses marked,
//! `check` says all that is known of a model's folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use demograph_core::record::{Attribute, Estimate};
use demograph_lab::{dataset, predict::predict};
use demograph_model::{
    infer::{Inference, InferenceSettings, Model, ModelFiles, OnnxModel, describe, sha256},
    manifest::draft,
};

const CARD: &str = "# Model card\n\nWhat the model is for, what it was trained on, under which terms, and how it errs.\n";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph model new genderage.onnx --out models/mine
  demograph model check models/mine --faces crops/

Start with `new`, correct each line that says \"guessed\", then run `check`. models/README.md explains every key.")]
pub(super) struct ModelArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Write a first manifest for an ONNX file into a new folder. Marks what it guessed.
    New {
        /// The ONNX file, with all weights inside.
        onnx: PathBuf,
        /// The folder to create. It must not exist yet.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Load a model folder as the service does, and report everything found. Exits with 1 if it does not load.
    Check {
        /// The model's folder.
        folder: PathBuf,
        /// Also run the model on the face crops in this folder, and summarise its answers.
        #[arg(long, value_name = "FOLDER")]
        faces: Option<PathBuf>,
    },
}

pub(super) fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    match args.task {
        Task::New { onnx, out } => new(&onnx, &out),
        Task::Check { folder, faces } => check(&folder, faces),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn new(onnx: &Path, out: &Path) -> anyhow::Result<()> {
    ensure!(
        !out.exists(),
        "{} is there already: name a new folder",
        out.display()
    );
    let bytes = std::fs::read(onnx).with_context(|| format!("read {}", onnx.display()))?;
    let file = onnx.file_name().and_then(|name| name.to_str());
    let file = file.with_context(|| format!("{} has no name", onnx.display()))?;
    let graph = describe(bytes.clone(), &InferenceSettings::default())
        .with_context(|| onnx.display().to_string())?;
    let manifest = match draft::manifest(&graph, (file, &sha256(&bytes))) {
        Ok(manifest) => manifest,
        Err(why) => bail!("{}: {why}", onnx.display()),
    };
    std::fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let files: [(&str, &[u8]); 3] = [
        (file, &bytes),
        ("manifest.toml", manifest.as_bytes()),
        ("CARD.md", CARD.as_bytes()),
    ];
    for (name, content) in files {
        let path = out.join(name);
        std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    println!(
        "{}: {} lines are guessed. Correct them, then run: demograph model check {}",
        out.join("manifest.toml").display(),
        manifest.matches("# guessed").count(),
        out.display()
    );
    Ok(())
}

fn check(folder: &Path, faces: Option<PathBuf>) -> anyhow::Result<()> {
    let settings = InferenceSettings::default();
    let files = ModelFiles::read(folder, &settings)?;
    let manifest = &files.manifest;
    let mut model = OnnxModel::load(&files, &settings)?;
    println!(
        "model      {}\nlicence    {}; commercial use: {}",
        model.facts().id,
        manifest.licence,
        if manifest.commercial_use { "yes" } else { "no" }
    );
    for net in &manifest.nets {
        let input = &net.input;
        println!(
            "net        {}: {:?}, {} x {} {:?}, {:?}, mean {:?}, std {:?}",
            net.file,
            input.layout,
            input.width,
            input.height,
            input.colour,
            input.resize,
            input.mean,
            input.std
        );
        for head in &net.heads {
            let classes = match head.labels.is_empty() {
                true => format!("{} numbers", head.numbers()),
                false => head.labels.join(", "),
            };
            println!(
                "head       {}: {:?} of {:?}: {classes}",
                head.attribute, head.kind, head.output
            );
        }
    }
    println!(
        "engine     {} on {}\nself-test  {}",
        model.engine().precision.name(),
        model.engine().library,
        model.self_test()
    );
    for warning in model.warnings() {
        println!("warning    {warning}");
    }
    faces.map_or(Ok(()), |faces| answers(&mut model, &faces))
}

/// What the model says of the crops in a folder.
fn answers(model: &mut OnnxModel, folder: &Path) -> anyhow::Result<()> {
    let files = dataset::expand(&[folder.to_path_buf()])?;
    ensure!(!files.is_empty(), "{} holds no image", folder.display());
    let mut estimates: Vec<Estimate> = Vec::new();
    let mut rejected: BTreeMap<&str, usize> = BTreeMap::new();
    for files in files.chunks(Inference::BATCH_ON_PROCESSOR) {
        for prediction in predict(files, model, Attribute::ALL.into_iter().collect())? {
            match prediction.result {
                Ok(estimate) => estimates.push(estimate),
                Err(reason) => *rejected.entry(reason.name()).or_default() += 1,
            }
        }
    }
    println!(
        "faces      {} answered, rejected: {rejected:?}",
        estimates.len()
    );
    let mut ages: Vec<f32> = estimates
        .iter()
        .filter_map(|estimate| Some(estimate.age.as_ref()?.mean()))
        .collect();
    ages.sort_by(f32::total_cmp);
    if let (Some(youngest), Some(oldest)) = (ages.first(), ages.last()) {
        let mean = ages.iter().sum::<f32>() / ages.len() as f32;
        let median = ages[ages.len() / 2];
        println!(
            "age        mean {mean:.1}, median {median:.1}, from {youngest:.1} to {oldest:.1} years"
        );
    }
    let facts = model.facts();
    for (attribute, labels) in [
        (Attribute::Gender, &facts.gender),
        (Attribute::Ethnicity, &facts.ethnicity),
    ] {
        let posteriors = estimates.iter().filter_map(|estimate| match attribute {
            Attribute::Gender => estimate.gender.as_ref(),
            _ => estimate.ethnicity.as_ref(),
        });
        let winners: Vec<(&str, f32)> = posteriors
            .filter_map(|posterior| posterior.winner(labels))
            .collect();
        if winners.is_empty() {
            continue;
        }
        let percent = |n: usize| 100.0 * n as f64 / winners.len() as f64;
        let shares = labels.iter().map(|label| {
            let n = winners.iter().filter(|(winner, _)| winner == label).count();
            format!("{label} {:.1} %", percent(n))
        });
        let sure = winners.iter().filter(|(_, p)| *p > 0.99).count();
        println!(
            "{:<10} {}; {:.1} % of the answers are surer than 0.99",
            attribute.name(),
            shares.collect::<Vec<_>>().join(", "),
            percent(sure)
        );
    }
    Ok(())
}
