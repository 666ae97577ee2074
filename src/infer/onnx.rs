//! The model that is really used: the nets of a folder, run one after the other.

use super::{InferenceSettings, Model, ModelFacts, ModelFiles, net::LoadedNet};
use crate::record::{Crop, Estimate};

/// A model with sessions of its own.
pub struct OnnxModel {
    facts: ModelFacts,
    nets: Vec<LoadedNet>,
}

impl OnnxModel {
    /// Makes a session for each net. The files were read and checked before, once for all sessions.
    pub fn load(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Self> {
        Ok(Self {
            facts: files.facts.clone(),
            nets: files
                .nets
                .iter()
                .map(|net| LoadedNet::load(net, settings))
                .collect::<anyhow::Result<_>>()?,
        })
    }
}

impl Model for OnnxModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Estimate>> {
        let mut estimates = vec![Estimate::default(); crops.len()];
        for net in &mut self.nets {
            net.estimate(crops, &mut estimates)?;
        }
        Ok(estimates)
    }
}
