//! The model that is really used: the nets of a folder, run one after the other.

use std::{panic::resume_unwind, slice, sync::Arc, thread};

use anyhow::Context;
use demograph_core::{
    facts::ModelFacts,
    record::{Crop, Estimate},
};

use super::{
    Answer, Engine, InferenceSettings, Model, ModelFiles, NoAnswer, Passed, choose, graph,
    net::LoadedNet,
    runtime,
    self_test::{self, Case},
    session::Opened,
};
use crate::manifest::draft;

/// What the graph of an ONNX file says of its inputs and outputs.
pub fn describe(onnx: Vec<u8>, settings: &InferenceSettings) -> anyhow::Result<draft::Graph> {
    let opened = Opened::new(&onnx.into(), settings)?;
    graph::describe(&opened.session)
}

/// Opens so many at once: on a GPU each takes seconds, most of which it waits.
fn beside<T: Send>(
    count: usize,
    open: impl Fn() -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    thread::scope(|scope| {
        let opening: Vec<_> = (0..count).map(|_| scope.spawn(&open)).collect();
        let opened = opening.into_iter().map(|one| match one.join() {
            Ok(opened) => opened,
            Err(panic) => resume_unwind(panic),
        });
        opened.collect()
    })
}

/// A model with sessions of its own.
pub struct OnnxModel {
    facts: ModelFacts,
    nets: Vec<LoadedNet>,
    engine: Engine,
    cases: Arc<[Case]>,
    self_test: Passed,
    warnings: Vec<String>,
}

impl OnnxModel {
    /// One model.
    pub fn load(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let model = Self::with_provider(files, &choose::settle(files, settings)?)?;
        model.warn();
        Ok(model)
    }

    /// So many models that are alike; `provider = "auto"` is settled once for all of them.
    pub fn load_several(
        files: &ModelFiles,
        settings: &InferenceSettings,
        count: usize,
    ) -> anyhow::Result<Vec<Self>> {
        let settled = choose::settle(files, settings)?;
        let models = beside(count, || Self::with_provider(files, &settled))?;
        models.iter().take(1).for_each(Self::warn);
        Ok(models)
    }

    /// Makes a session for each net and runs the self-test on them: a model that computes wrongly does not load.
    /// The files were read and checked before, once for all sessions.
    pub(super) fn with_provider(
        files: &ModelFiles,
        settings: &InferenceSettings,
    ) -> anyhow::Result<Self> {
        let nets = files.nets.iter();
        let nets = nets.map(|net| LoadedNet::load(net, settings));
        let nets = nets.collect::<anyhow::Result<Vec<_>>>()?;
        let of_nets = nets.iter().flat_map(|net| net.warnings().iter().cloned());
        let warnings = files.manifest.warnings().into_iter().chain(of_nets);
        let engine = Engine {
            precision: files.precision,
            provider: settings.provider,
            library: format!("ONNX Runtime {}", runtime::version()),
        };
        let tolerance = files.manifest.self_test_tolerance.of(files.precision);
        let mut model = Self {
            warnings: warnings.collect(),
            facts: files.facts.clone(),
            nets,
            engine,
            cases: files.self_tests.clone(),
            self_test: Passed::before(tolerance),
        };
        model.self_test = model.prove()?;
        Ok(model)
    }

    /// What looks like a mistake in the manifest; each names its field.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn warn(&self) {
        for warning in &self.warnings {
            tracing::warn!(model = self.facts.id, "{warning}");
        }
    }

    /// Runs the self-test on the sessions as they are.
    fn prove(&mut self) -> anyhow::Result<Passed> {
        let nets = &mut self.nets;
        let tolerance = self.self_test.tolerance;
        self_test::run(&self.cases, tolerance, &self.engine, |crops| {
            estimate(nets, crops)
        })
        .with_context(|| self.facts.id.clone())
    }

    /// New sessions, which pass the self-test.
    fn reopen(&mut self) -> anyhow::Result<()> {
        self.nets.iter_mut().try_for_each(LoadedNet::reopen)?;
        self.prove()?;
        Ok(())
    }

    /// Asks for one crop alone. If that fails, the crop is to blame as long as the sessions still pass the self-test, be it
    /// anew.
    fn ask_alone(&mut self, crop: &Crop) -> anyhow::Result<Answer> {
        match estimate(&mut self.nets, slice::from_ref(crop)) {
            Ok(mut answers) => Ok(answers.pop().unwrap_or(Err(NoAnswer))),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a crop cannot be computed");
                if self.prove().is_err() {
                    self.reopen()
                        .context("inference failed, and a new session fails too")?;
                }
                Ok(Err(NoAnswer))
            }
        }
    }

    /// Computes again what lies in the batches of its nets, so many crops: inference alone, for measurements.
    pub fn rerun(&mut self, crops: usize) -> anyhow::Result<()> {
        self.nets.iter_mut().try_for_each(|net| net.rerun(crops))
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn self_test(&self) -> &Passed {
        &self.self_test
    }
}

fn estimate(nets: &mut [LoadedNet], crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
    let mut answers = vec![Ok(Estimate::default()); crops.len()];
    for net in nets {
        net.estimate(crops, &mut answers)?;
    }
    Ok(answers)
}

impl Model for OnnxModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// No crop stops the others: what has no answer in a batch is asked alone, since a crop can spoil the batch. Where
    /// none has an answer, the self-test tells whether the sessions are to blame or the crops.
    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
        let mut answers = match estimate(&mut self.nets, crops) {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "inference failed: trying each crop with a new session"
                );
                self.reopen()
                    .context("inference failed, and a new session fails too")?;
                vec![Err(NoAnswer); crops.len()]
            }
        };
        for (crop, answer) in crops.iter().zip(&mut answers) {
            if answer.is_err() {
                *answer = self.ask_alone(crop)?;
            }
        }
        if answers.iter().all(Result::is_err) && !answers.is_empty() {
            self.prove()?;
        }
        Ok(answers)
    }
}
