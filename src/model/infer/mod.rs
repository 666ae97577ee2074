//! Crops -> estimates. The trait here is all that the rest of the program knows of a model;
//! ONNX Runtime stays behind `onnx`.
//!
//! Promises: a model runs only if its bytes have the manifest's hash, its graph the manifest's inputs and outputs, and
//! its answers to the manifest's self-test are right; an attribute that a crop does not allow never becomes part of
//! its estimate.

mod batch;
mod choose;
mod engines;
mod files;
mod graph;
mod heads;
mod net;
mod onnx;
mod options;
mod pool;
mod providers;
mod runtime;
mod self_test;
mod session;
mod stub;
mod tensors;
mod trial;

pub use files::{ModelFiles, NetFile, sha256};
pub use onnx::{OnnxModel, describe};
pub use options::{Crew, Inference, PrecisionChoice, Provider};
pub use self_test::{Engine, Passed};
pub use stub::StubModel;
pub use tensors::TensorNet;

use std::{path::PathBuf, time::Duration};

use demograph_core::{
    facts::ModelFacts,
    record::{Crop, Estimate},
};

/// A loaded model. One instance belongs to one thread; several may share sessions.
pub trait Model: Send {
    fn facts(&self) -> &ModelFacts;

    /// One answer a crop, in order; only attributes that the crop allows are computed and kept. An error means that the
    /// model cannot go on; what is wrong with one crop is its own answer.
    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>>;

    /// How long it has waited for a session, since this was last asked.
    fn waited(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// What a model says of one crop.
pub type Answer = Result<Estimate, NoAnswer>;

/// The model has no answer for this crop: an output is not finite, or computing it failed for this crop alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model's answer is not finite")]
pub struct NoAnswer;

/// How to run a model.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceSettings {
    pub provider: Provider,
    pub precision: PrecisionChoice,
    pub allow_cpu_fallback: bool,
    pub device_id: i32,
    pub batch_max: usize,
    /// The ONNX Runtime library, where it is not at one of the usual places.
    pub onnxruntime: Option<PathBuf>,
    /// Where TensorRT keeps its engines.
    pub engine_cache: Option<PathBuf>,
    pub flush_denormals: bool,
    /// The name of coarser categories of ethnicity; all that the model tells apart by default.
    pub ethnicity: Option<String>,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        Self {
            provider: Provider::Cpu,
            precision: PrecisionChoice::Auto,
            allow_cpu_fallback: false,
            device_id: 0,
            batch_max: Inference::BATCH_ON_PROCESSOR,
            onnxruntime: None,
            engine_cache: None,
            flush_denormals: false,
            ethnicity: None,
        }
    }
}

#[cfg(test)]
mod tests;
