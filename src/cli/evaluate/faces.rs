//! Labelled faces and what a model answers, for the commands that compare the two: `evaluate`, `calibrate`,
//! `experiment`.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::{
    faces, labels,
    labels::{LabelOptions, Labelled},
    meaning,
    measure::{self, Measured},
    pictures::Pictures,
    renaming, sessions,
    views::VIEWS,
};
use crate::{
    cli::predict::{precision, provider_for},
    config::PrecisionChoice,
    evaluate::{Face, Names, Reading},
    infer::{InferenceSettings, ModelFiles, OnnxModel, Precision},
    record::Attribute,
};

/// Which faces, and which model answers.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct FaceArgs {
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small", value_name = "DIR")]
    pub model: PathBuf,
    /// The faces: a folder, or a ZIP.
    #[arg(long, value_name = "DIR|ZIP")]
    pub data: PathBuf,
    /// Their labels.
    #[arg(long, value_name = "CSV")]
    pub labels: PathBuf,
    /// A label of the CSV and what the model calls it; nothing after the = leaves these faces out of the figure.
    #[arg(long = "map", value_name = "OTHER=LABEL", value_parser = renaming)]
    maps: Vec<(String, String)>,
    /// So many faces only, spread evenly over the rows.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Which of the model's files runs; auto is int8 on the CPU where there is one.
    #[arg(long, value_parser = precision, default_value = "auto", value_name = "auto|fp32|bf16|int8")]
    precision: PrecisionChoice,
    /// Threads that decode and infer, each with a session of its own; 0 = one a core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    sessions: usize,
}

/// How calibrated ages are grouped.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct BandArgs {
    /// The first age of every band, as in the config's windows.age_bands.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0,18,25,35,45,55,65",
        value_name = "AGES"
    )]
    pub age_bands: Vec<u32>,
}

/// Everything that was named, opened: a wrong path should not cost minutes.
pub(super) struct Opened {
    pub files: ModelFiles,
    pub settings: InferenceSettings,
    pub names: Names,
    pub reading: Reading,
    pub rows: Vec<Labelled>,
    pictures: Pictures,
    sessions: usize,
}

/// Faces with their labels and answers.
pub(in crate::cli) struct Answered {
    pub model: String,
    pub precision: Precision,
    pub names: Names,
    pub faces: Vec<Face>,
}

impl FaceArgs {
    /// The faces of a split, or of all.
    pub(super) fn open(&self, split: Option<&str>, age_bands: &[u32]) -> anyhow::Result<Opened> {
        let settings = InferenceSettings {
            precision: self.precision,
            provider: provider_for(self.precision),
            ..Default::default()
        };
        let files = ModelFiles::read(&self.model, &settings)?;
        let (names, reading) = meaning(&files, age_bands)?;
        let options = LabelOptions {
            split,
            maps: &self.maps,
            names: &names,
            limit: self.limit,
        };
        let rows = labels::read(&self.labels, &options)?;
        Ok(Opened {
            rows,
            pictures: Pictures::open(&self.data)?,
            sessions: sessions(self.sessions),
            files,
            settings,
            names,
            reading,
        })
    }

    /// What the model says of the usable faces.
    pub(in crate::cli) fn answer(
        &self,
        split: Option<&str>,
        age_bands: &[u32],
    ) -> anyhow::Result<Answered> {
        self.open(split, age_bands)?.answered(0)
    }

    /// The same in every view of the faces, the faces as they are first.
    pub(in crate::cli) fn answer_views(
        &self,
        split: Option<&str>,
        age_bands: &[u32],
    ) -> anyhow::Result<Vec<Answered>> {
        let opened = self.open(split, age_bands)?;
        (0..VIEWS).map(|view| opened.answered(view)).collect()
    }
}

impl Opened {
    pub(super) fn models(&self) -> anyhow::Result<Vec<OnnxModel>> {
        OnnxModel::load_several(&self.files, &self.settings, self.sessions)
    }

    /// Runs the models over one view of every face.
    pub(super) fn measure(&self, models: Vec<OnnxModel>, view: usize) -> anyhow::Result<Measured> {
        let pictures = self.pictures.again()?;
        measure::run(&self.rows, pictures, models, (&self.reading, view)).context("run the model")
    }

    fn answered(&self, view: usize) -> anyhow::Result<Answered> {
        let measured = self.measure(self.models()?, view)?;
        let faces = faces(&self.rows, &measured);
        ensure!(
            !faces.is_empty(),
            "no face was usable; --data must hold the files of the CSV's column `file`"
        );
        Ok(Answered {
            model: self.files.facts.id.clone(),
            precision: self.files.precision,
            names: self.names.clone(),
            faces,
        })
    }
}

impl Answered {
    pub(in crate::cli) fn labels(&self, attribute: Attribute) -> &[String] {
        match attribute {
            Attribute::Age => &self.names.age_bands,
            Attribute::Gender => &self.names.gender,
            Attribute::Ethnicity => &self.names.ethnicity,
        }
    }

    /// True class and posterior of the faces that have both.
    pub(in crate::cli) fn pairs(&self, attribute: Attribute) -> Vec<(usize, &[f32])> {
        let pair = |face: &'_ Face| -> Option<usize> {
            match attribute {
                Attribute::Age => face.truth.age_band,
                Attribute::Gender => face.truth.gender,
                Attribute::Ethnicity => face.truth.ethnicity,
            }
        };
        let posterior = |face| posterior(face, attribute);
        let both = self
            .faces
            .iter()
            .filter_map(|face| Some((pair(face)?, posterior(face)?)));
        both.collect()
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
