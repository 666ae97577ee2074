//! Everything that a measurement needs, opened: a wrong path should not cost minutes.

use std::{path::PathBuf, thread::available_parallelism, time::Duration};

use anyhow::{Context, bail, ensure};
use demograph_core::{record::Attribute, window::Categories};
use demograph_model::{
    infer::{Crew, InferenceSettings, ModelFiles, OnnxModel, PrecisionChoice},
    manifest::Precision,
};

use super::{
    Measured, Progress,
    run::{self, Job},
    views::VIEWS,
};
use crate::{
    dataset::{LabelOptions, Labelled, Pictures, read_labels},
    evaluate::{Face, Names, Reading},
};

/// Decades, with children and the old in one band each: the bands of the figures that models are compared by.
pub const AGE_BANDS: &str = "0,10,20,30,40,50,60";

/// Which faces, and which model answers.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The model's folder.
    pub model: PathBuf,
    /// The faces: a folder, or a ZIP.
    pub data: PathBuf,
    /// Their labels: a CSV.
    pub labels: PathBuf,
    /// A label of the CSV and what the model calls it.
    pub maps: Vec<(String, String)>,
    /// An attribute and its column in the CSV, where that has another name.
    pub columns: Vec<(String, String)>,
    /// So many faces only, spread evenly over the rows.
    pub limit: Option<usize>,
    pub precision: PrecisionChoice,
    /// Coarser categories of ethnicity that the manifest names.
    pub ethnicity: Option<String>,
    /// Threads that decode and infer, each with a session of its own; 0 = one a core.
    pub sessions: usize,
    /// Only rows with this value in the column `split`.
    pub split: Option<String>,
    /// The first age of every band.
    pub age_bands: Vec<u32>,
}

/// The inputs, read and opened.
pub struct Opened {
    pub inputs: Inputs,
    pub files: ModelFiles,
    pub settings: InferenceSettings,
    pub names: Names,
    pub reading: Reading,
    pub rows: Vec<Labelled>,
    pub(crate) pictures: Pictures,
}

/// Faces with their labels and answers.
pub struct Answered {
    pub model: String,
    pub precision: Precision,
    pub names: Names,
    pub faces: Vec<Face>,
    /// CPU time of decoding and inference.
    pub cpu_per_face: Duration,
}

impl Inputs {
    pub fn open(self) -> anyhow::Result<Opened> {
        let settings = InferenceSettings {
            precision: self.precision,
            provider: self.precision.provider(),
            ethnicity: self.ethnicity.clone(),
            ..Default::default()
        };
        let files = ModelFiles::read(&self.model, &settings)?;
        let (names, reading) = meaning(&files, &self.age_bands)?;
        let options = LabelOptions {
            split: self.split.as_deref(),
            maps: &self.maps,
            columns: &self.columns,
            names: &names,
            limit: self.limit,
        };
        let rows = read_labels(&self.labels, &options)?;
        Ok(Opened {
            rows,
            pictures: Pictures::open(&self.data)?,
            files,
            settings,
            names,
            reading,
            inputs: self,
        })
    }
}

impl Opened {
    /// Runs the model over one view of every face; view 0 is the face as it is.
    pub fn measure(&self, view: usize, progress: Progress<'_>) -> anyhow::Result<Measured> {
        let sessions = match self.inputs.sessions {
            0 => available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let crew = Crew::with_own_sessions(sessions);
        let models = OnnxModel::load_several(&self.files, &self.settings, crew)?;
        let job = Job {
            rows: &self.rows,
            reading: &self.reading,
            view,
            next: Default::default(),
            progress,
        };
        run::run(&job, &self.pictures, models).context("run the model")
    }

    /// What the model says of one view of the usable faces.
    pub fn answered(&self, view: usize, progress: Progress<'_>) -> anyhow::Result<Answered> {
        debug_assert!(view < VIEWS);
        let measured = self.measure(view, progress)?;
        let faces = measured.faces(&self.rows);
        ensure!(
            !faces.is_empty(),
            "no face was usable; --data must hold the files of the CSV's column `file`"
        );
        Ok(Answered {
            model: self.files.facts.id.clone(),
            precision: self.files.precision,
            names: self.names.clone(),
            cpu_per_face: measured.cpu / faces.len() as u32,
            faces,
        })
    }
}

impl Answered {
    pub fn labels(&self, attribute: Attribute) -> &[String] {
        match attribute {
            Attribute::Age => &self.names.age_bands,
            Attribute::Gender => &self.names.gender,
            Attribute::Ethnicity => &self.names.ethnicity,
        }
    }

    /// True class and posterior of the faces that have both.
    pub fn pairs(&self, attribute: Attribute) -> Vec<(usize, &[f32])> {
        let both = self.faces.iter();
        both.filter_map(|face| Some((class(face, attribute)?, posterior(face, attribute)?)))
            .collect()
    }
}

fn class(face: &Face, attribute: Attribute) -> Option<usize> {
    match attribute {
        Attribute::Age => face.truth.age_band,
        Attribute::Gender => face.truth.gender,
        Attribute::Ethnicity => face.truth.ethnicity,
    }
}

fn posterior(face: &Face, attribute: Attribute) -> Option<&[f32]> {
    let scores = match attribute {
        Attribute::Age => &face.answer.age.as_ref()?.bands,
        Attribute::Gender => face.answer.gender.as_ref()?,
        Attribute::Ethnicity => face.answer.ethnicity.as_ref()?,
    };
    Some(&scores.calibrated)
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
