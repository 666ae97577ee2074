//! What `evaluation.json` holds. Keys are stable: cards and scripts read them.

use std::collections::BTreeMap;

use demograph_lab::evaluate::Figures;
use demograph_model::infer::{Engine, InferenceSettings, Passed};
use serde::Serialize;

use super::measure::Measured;

/// One evaluation: what was measured, on what, and the figures.
#[derive(Debug, Serialize)]
pub(super) struct Document {
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
    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The self-test of the sessions that gave the figures. One that fails gives no document.
#[derive(Debug, Serialize)]
pub(super) struct SelfTest {
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
pub(super) struct Throughput {
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
    pub(super) fn new(measured: &Measured, settings: &InferenceSettings) -> Self {
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
