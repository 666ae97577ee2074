//! `demograph evaluate`: a model against labelled faces, through the service's own decoding and inference.

mod summary;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use demograph_lab::{
    measure::AGE_BANDS,
    report::{Document, contact_sheet, page},
};

use super::faces::{FaceArgs, measured};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph evaluate --data tests/data/composites --labels tests/data/composites/labels.csv --out report \\
      --age-bands 0,18,25,35,45,55,65
  demograph evaluate --data faces.zip --labels faces.csv --split test --map F=female --map M=male --out report

Columns of the CSV: `file` (a path in --data; in a ZIP the name without folders is enough), and any of `age` (years), \
`age_band` (such as 20-29), `gender`, `ethnicity`, `split`, `label_conflict`. label_conflict = 1 marks copies of a picture \
with different labels: figures are then also given without them. Other columns are ignored. A face counts in each figure \
for which it has a label.

Writes evaluation.json for programs and report.html for people: one file, without scripts, nothing loaded from elsewhere. \
The predicted age band is the most probable one, as windows count it, not the band of the expected age.

Crops per second are those of this run: decoding and inference, one session for each core. Before you quote them, use a \
release build on an idle machine.")]
pub(super) struct EvaluateArgs {
    #[command(flatten)]
    faces: FaceArgs,
    /// Only rows with this value in the column `split`.
    #[arg(long)]
    split: Option<String>,
    /// The folder for evaluation.json and report.html. It is created if it does not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The first age of every band.
    #[arg(long, value_delimiter = ',', default_value = AGE_BANDS, value_name = "AGES")]
    age_bands: Vec<u32>,
    /// Put the pictures into the report, with predicted and true labels. Only for composites, or for people who agreed to be
    /// shown to the readers of the report: a photograph is personal data, and most data sets forbid it.
    #[arg(long)]
    contact_sheet: bool,
}

pub(super) fn run(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    let opened = args.faces.inputs(args.split, &args.age_bands).open()?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("make the folder {}", args.out.display()))?;
    let measured = measured(&opened, 0)?;
    let document = Document::new(&opened, &measured)?;
    let sheet = match args.contact_sheet {
        true => contact_sheet(&opened, &measured)?,
        false => String::new(),
    };
    write(&args.out.join("evaluation.json"), &document.json()?)?;
    let report = args.out.join("report.html");
    write(&report, &page(&document, &sheet))?;
    println!("{}", summary::table(&document));
    println!("{} tells the rest", report.display());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
