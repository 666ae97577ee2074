//! `demograph evaluate`: a model against labelled faces, through the service's own decoding and inference.

mod clocks;
mod document;
mod faces;
mod html;
mod labels;
mod measure;
mod pictures;
mod sheet;
mod summary;
mod views;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, thread::available_parallelism};

use anyhow::{Context, bail};

pub(super) use self::{
    clocks::thread_cpu,
    faces::{Answered, BandArgs, FaceArgs},
};
use demograph_core::{record::Attribute, window::Categories};
use demograph_lab::evaluate::{Face, Figures, Names, Reading};
use demograph_model::infer::{Model, ModelFiles};

use self::{
    document::{Document, Throughput},
    labels::Labelled,
    measure::Measured,
};

/// Decades, with children and the old in one band each: the bands of the figures that models are compared by.
const AGE_BANDS: &str = "0,10,20,30,40,50,60";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph evaluate --data tests/data/composites --labels tests/data/composites/labels.csv --out report \\
      --age-bands 0,18,25,35,45,55,65
  demograph evaluate --data faces.zip --labels faces.csv --split test --map F=female --map M=male --out report

The CSV has a column `file` (a path in --data; for a ZIP the name without folders will do) and any of `age` (years),
`age_band` (a name such as 20-29, where the age itself is not known), `gender`, `ethnicity`, `split` and
`label_conflict` (1 where copies of a picture carry different labels: figures are then also given without these).
Other columns are ignored. A face counts in each figure for which it has a label.

Writes evaluation.json for machines and report.html for people (one file, no scripts, nothing loaded from elsewhere).
The predicted age band is the most probable one, as windows count it, not the band of the expected age.
Crops per second are those of this run: decoding and inference, one session a core; give the machine nothing else to do
and use a release build before you quote them.")]
pub(super) struct EvaluateArgs {
    #[command(flatten)]
    faces: FaceArgs,
    /// Only rows with this value in the column `split`.
    #[arg(long)]
    split: Option<String>,
    /// Where evaluation.json and report.html go; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The first age of every band.
    #[arg(long, value_delimiter = ',', default_value = AGE_BANDS, value_name = "AGES")]
    age_bands: Vec<u32>,
    /// Put the pictures themselves into the report, predicted beside true. For composites, or for people who have
    /// agreed to be shown to whoever gets the report: a photograph is personal data, and most data sets forbid it.
    #[arg(long)]
    contact_sheet: bool,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let (other, label) = text.split_once('=').ok_or("write OTHER=LABEL")?;
    Ok((other.trim().to_owned(), label.trim().to_owned()))
}

pub(super) fn run(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    let opened = args.faces.open(args.split.as_deref(), &args.age_bands)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("make the folder {}", args.out.display()))?;
    let models = opened.models()?;
    let first = models.first().context("--sessions gives no session")?;
    let (engine, self_test) = (first.engine().clone(), first.self_test().clone());
    let model = first.facts().id.clone();

    let measured = opened.measure(models, 0)?;
    let (rows, names) = (&opened.rows, &opened.names);
    let faces = faces(rows, &measured);
    if faces.is_empty() {
        bail!(
            "no face was usable: {:?}; --data must hold the files of the CSV's column `file`",
            rejected(&measured)
        );
    }
    let document = Document {
        demograph: env!("CARGO_PKG_VERSION"),
        model,
        engine,
        processor: clocks::processor(),
        data: name(&args.faces.data),
        labels: name(&args.faces.labels),
        split: args.split.clone(),
        age_band_rule: "most probable band",
        self_test: self_test.into(),
        throughput: Throughput::new(&measured, &opened.settings),
        rejected: measured.outcomes.len() - faces.len(),
        rejected_by_reason: rejected(&measured),
        figures: figures(&faces, names, |_| true),
        without_label_conflict: faces
            .iter()
            .any(|face| face.truth.label_conflict)
            .then(|| figures(&faces, names, |face| !face.truth.label_conflict)),
    };
    let sheet = if args.contact_sheet {
        sheet::draw(rows, &measured, &args.faces.data, names)?
    } else {
        String::new()
    };
    write(&args.out.join("evaluation.json"), &document.json()?)?;
    let report = args.out.join("report.html");
    write(&report, &html::page(&document, &sheet))?;
    println!("{}", summary::table(&document));
    println!("{} tells the rest", report.display());
    Ok(ExitCode::SUCCESS)
}

/// What the model's answers are called and how they are read.
fn meaning(files: &ModelFiles, age_starts: &[u32]) -> anyhow::Result<(Names, Reading)> {
    if age_starts.first() != Some(&0) || age_starts.windows(2).any(|pair| pair[0] >= pair[1]) {
        bail!("--age-bands {age_starts:?}: begin with 0 and go up, such as {AGE_BANDS}");
    }
    let categories = Categories::new(age_starts, &files.facts);
    let temperature = |attribute| {
        let head = files.manifest.head(attribute);
        head.map_or(1.0, |head| head.temperature)
    };
    let names = Names {
        age_starts: age_starts.to_vec(),
        age_bands: categories.labels(Attribute::Age).to_vec(),
        gender: files.facts.gender.clone(),
        ethnicity: files.facts.ethnicity.clone(),
        interval_level: files
            .age_interval()
            // Through the decimal form, or 0.9 would print as 0.8999999761581421.
            .and_then(|interval| interval.level.to_string().parse().ok()),
    };
    let reading = Reading {
        categories,
        interval: files.age_interval().cloned(),
        temperatures: Attribute::ALL.map(temperature),
    };
    Ok((names, reading))
}

fn sessions(asked: usize) -> usize {
    match asked {
        0 => available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

fn faces(rows: &[Labelled], measured: &Measured) -> Vec<Face> {
    rows.iter()
        .zip(&measured.outcomes)
        .filter_map(|(row, outcome)| {
            Some(Face {
                truth: row.truth.clone(),
                answer: outcome.as_ref().ok()?.clone(),
            })
        })
        .collect()
}

fn figures(faces: &[Face], names: &Names, counts: impl Fn(&Face) -> bool) -> Figures {
    let counted: Vec<&Face> = faces.iter().filter(|face| counts(face)).collect();
    Figures::new(&counted, names)
}

fn rejected(measured: &Measured) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for reason in measured.outcomes.iter().filter_map(|o| o.as_ref().err()) {
        *reasons.entry(*reason).or_default() += 1;
    }
    reasons
}

/// The last part of a path: where it lies is nobody's business.
fn name(path: &std::path::Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn write(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
