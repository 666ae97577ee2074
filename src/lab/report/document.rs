//! What `evaluation.json` holds. Keys are stable: cards and scripts read them.

use std::{collections::BTreeMap, path::Path};

use anyhow::ensure;
use demograph_model::infer::{Engine, InferenceSettings, Passed};
use serde::Serialize;

use crate::{
    evaluate::{Face, Figures, Names},
    measure::{Measured, Opened, processor},
};

/// One evaluation: what was measured, on what, and the figures.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The program's version.
    pub demograph: &'static str,
    pub model: String,
    #[serde(flatten)]
    pub engine: Engine,
    pub processor: String,
    pub data: String,
    pub labels: String,
    pub split: Option<String>,
    pub age_band_rule: &'static str,
    pub self_test: SelfTest,
    pub throughput: Throughput,
    /// Rows without an answer: files that are missing, images that the service would reject.
    pub rejected: usize,
    pub rejected_by_reason: BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    pub figures: Figures,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_label_conflict: Option<Figures>,
}

impl Document {
    /// The figures of what was measured. An error where no face has an answer.
    pub fn new(opened: &Opened, measured: &Measured) -> anyhow::Result<Self> {
        let (inputs, names) = (&opened.inputs, &opened.names);
        let faces = measured.faces(&opened.rows);
        ensure!(
            !faces.is_empty(),
            "no face was usable: {:?}; --data must hold the files of the CSV's column `file`",
            measured.rejected()
        );
        Ok(Self {
            demograph: env!("CARGO_PKG_VERSION"),
            model: opened.files.facts.id.clone(),
            engine: measured.engine.clone(),
            processor: processor(),
            data: name(&inputs.data),
            labels: name(&inputs.labels),
            split: inputs.split.clone(),
            age_band_rule: "most probable band",
            self_test: measured.self_test.clone().into(),
            throughput: Throughput::new(measured, &opened.settings),
            rejected: measured.outcomes.len() - faces.len(),
            rejected_by_reason: measured.rejected(),
            figures: figures(&faces, names, |_| true),
            without_label_conflict: faces
                .iter()
                .any(|face| face.truth.label_conflict)
                .then(|| figures(&faces, names, |face| !face.truth.label_conflict)),
        })
    }

    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn figures(faces: &[Face], names: &Names, counts: impl Fn(&Face) -> bool) -> Figures {
    let counted: Vec<&Face> = faces.iter().filter(|face| counts(face)).collect();
    Figures::new(&counted, names)
}

/// The last part of a path: the folder stays private.
fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The self-test of the sessions that gave the figures. One that fails gives no document.
#[derive(Debug, Serialize)]
pub struct SelfTest {
    /// Null where the manifest has no self-test.
    pub passed: Option<bool>,
    #[serde(flatten)]
    pub facts: Passed,
}

impl From<Passed> for SelfTest {
    fn from(facts: Passed) -> Self {
        Self {
            passed: (facts.images > 0).then_some(true),
            facts,
        }
    }
}

/// How fast decoding and inference were, in this run.
#[derive(Debug, Serialize)]
pub struct Throughput {
    /// By the CPU time of the whole program, less that of reading files and of preparing figures.
    pub crops_per_cpu_second: f64,
    pub crops_per_second: f64,
    pub cpu_seconds: f64,
    pub seconds: f64,
    pub sessions: usize,
    pub batch_max: usize,
    /// Figures of a debug build are no figures.
    pub build: &'static str,
}

impl Throughput {
    fn new(measured: &Measured, settings: &InferenceSettings) -> Self {
        let crops = measured.outcomes.iter().filter(|o| o.is_ok()).count() as f64;
        let (cpu, wall) = (measured.cpu.as_secs_f64(), measured.wall.as_secs_f64());
        Self {
            crops_per_cpu_second: crops / cpu,
            crops_per_second: crops / wall,
            cpu_seconds: cpu,
            seconds: wall,
            sessions: measured.sessions,
            batch_max: settings.batch_max,
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
        }
    }
}
