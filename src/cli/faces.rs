//! The arguments of the commands that compare labels with answers: `evaluate`, `calibrate`, `experiment`; and how far
//! they are.

use std::path::PathBuf;

use demograph_lab::measure::{Answered, Inputs, Measured, Opened};
use demograph_model::infer::PrecisionChoice;
use indicatif::{ProgressBar, ProgressStyle};

use super::predict::precision;

/// Which faces, and which model answers.
#[derive(Debug, clap::Args)]
pub(super) struct FaceArgs {
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small", value_name = "DIR")]
    pub model: PathBuf,
    /// Coarser categories of ethnicity that the manifest names, such as five. Default: all that the model tells apart.
    #[arg(long, value_name = "GROUPS")]
    pub ethnicity: Option<String>,
    /// The faces: a folder, or a ZIP.
    #[arg(long, value_name = "DIR|ZIP")]
    data: PathBuf,
    /// Their labels.
    #[arg(long, value_name = "CSV")]
    labels: PathBuf,
    /// Translate a label of the CSV to the model's. Nothing after the = leaves its faces out of the figure.
    #[arg(long = "map", value_name = "OTHER=LABEL", value_parser = renaming)]
    maps: Vec<(String, String)>,
    /// Where the CSV's column of an attribute has another name, such as ethnicity=race7.
    #[arg(long = "column", value_name = "ATTRIBUTE=COLUMN", value_parser = renaming)]
    columns: Vec<(String, String)>,
    /// Use only this many faces, spread evenly over the rows.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The precision, and with it the model's file that runs. auto: int8 if the model has it, else fp32.
    #[arg(long, value_parser = precision, default_value = "auto", value_name = "auto|fp32|bf16|fp16|int8")]
    precision: PrecisionChoice,
    /// The number of threads that decode and infer, each with a session of its own. 0: one for each core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    sessions: usize,
}

/// How calibrated ages are grouped.
#[derive(Debug, clap::Args)]
pub(super) struct BandArgs {
    /// The first age of each band. Must be those of windows.age_bands in the config.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0,20,30,40,50,60,70",
        value_name = "AGES"
    )]
    pub age_bands: Vec<u32>,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let (other, label) = text.split_once('=').ok_or("write NAME=NAME")?;
    Ok((other.trim().to_owned(), label.trim().to_owned()))
}

impl FaceArgs {
    /// The faces of a split, or of all.
    pub fn inputs(&self, split: Option<String>, age_bands: &[u32]) -> Inputs {
        Inputs {
            model: self.model.clone(),
            data: self.data.clone(),
            labels: self.labels.clone(),
            maps: self.maps.clone(),
            columns: self.columns.clone(),
            ethnicity: self.ethnicity.clone(),
            limit: self.limit,
            precision: self.precision,
            sessions: self.sessions,
            split,
            age_bands: age_bands.to_vec(),
        }
    }
}

/// Measures one view of every face, with a bar.
pub(super) fn measured(opened: &Opened, view: usize) -> anyhow::Result<Measured> {
    let bar = bar(opened)?;
    let measured = opened.measure(view, &|faces| bar.inc(faces as u64))?;
    bar.finish_and_clear();
    Ok(measured)
}

/// What the model says of one view of the usable faces, with a bar.
pub(super) fn answered(opened: &Opened, view: usize) -> anyhow::Result<Answered> {
    let bar = bar(opened)?;
    let answered = opened.answered(view, &|faces| bar.inc(faces as u64))?;
    bar.finish_and_clear();
    Ok(answered)
}

fn bar(opened: &Opened) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} faces, {per_sec}, {eta} to go")?;
    Ok(ProgressBar::new(opened.rows.len() as u64).with_style(style))
}
