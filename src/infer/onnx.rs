//! The model that is really used: the nets of a folder, run one after the other.

use anyhow::Context;

use super::{
    Engine, InferenceSettings, Model, ModelFacts, ModelFiles, Passed, choose, net::LoadedNet,
    runtime, self_test,
};
use crate::record::{Crop, Estimate};

/// A model with sessions of its own.
pub struct OnnxModel {
    facts: ModelFacts,
    nets: Vec<LoadedNet>,
    engine: Engine,
    self_test: Passed,
}

impl OnnxModel {
    /// One model.
    pub fn load(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Self> {
        Self::with_provider(files, &choose::settle(files, settings)?)
    }

    /// So many models that are alike; `provider = "auto"` is settled once for all of them.
    pub fn load_several(
        files: &ModelFiles,
        settings: &InferenceSettings,
        count: usize,
    ) -> anyhow::Result<Vec<Self>> {
        let settled = choose::settle(files, settings)?;
        (0..count)
            .map(|_| Self::with_provider(files, &settled))
            .collect()
    }

    /// Makes a session for each net and runs the self-test on them: a model that computes wrongly does not load.
    /// The files were read and checked before, once for all sessions.
    pub(super) fn with_provider(
        files: &ModelFiles,
        settings: &InferenceSettings,
    ) -> anyhow::Result<Self> {
        let mut nets = files
            .nets
            .iter()
            .map(|net| LoadedNet::load(net, settings))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let engine = Engine {
            precision: files.precision,
            provider: settings.provider,
            library: format!("ONNX Runtime {}", runtime::version()),
        };
        let tolerance = files.manifest.self_test_tolerance.of(files.precision);
        let self_test = self_test::run(&files.self_tests, (tolerance, &engine), |crops| {
            estimate(&mut nets, crops)
        })
        .with_context(|| files.facts.id.clone())?;
        Ok(Self {
            facts: files.facts.clone(),
            nets,
            engine,
            self_test,
        })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn self_test(&self) -> &Passed {
        &self.self_test
    }
}

fn estimate(nets: &mut [LoadedNet], crops: &[Crop]) -> anyhow::Result<Vec<Estimate>> {
    let mut estimates = vec![Estimate::default(); crops.len()];
    for net in nets {
        net.estimate(crops, &mut estimates)?;
    }
    Ok(estimates)
}

impl Model for OnnxModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Estimate>> {
        estimate(&mut self.nets, crops)
    }
}
