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
