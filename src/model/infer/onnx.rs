//! The model that is really used: the nets of a folder, run one after the other.

use std::{
    mem,
    panic::resume_unwind,
    slice,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use demograph_core::{
    facts::ModelFacts,
    record::{Crop, Estimate},
};

use super::{
    Answer, Crew, Engine, InferenceSettings, Model, ModelFiles, NoAnswer, Passed,
    batch::Batch,
    choose::{self, Settled},
    graph,
    net::LoadedNet,
    pool::Pool,
    runtime,
    self_test::{self, Case},
    session::Opened,
};
use crate::manifest::draft;

/// What the graph of an ONNX file says of its inputs and outputs.
pub fn describe(onnx: Vec<u8>, settings: &InferenceSettings) -> anyhow::Result<draft::Graph> {
    let opened = Opened::new(&onnx.into(), None, settings)?;
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

/// A session of each net.
type Nets = Vec<LoadedNet>;

/// What one worker has of a model: batches of its own, and sessions that it may share with others.
pub struct OnnxModel {
    facts: ModelFacts,
    batches: Vec<Batch>,
    sessions: Pool<Nets>,
    waited: Duration,
    engine: Engine,
    cases: Arc<[Case]>,
    self_test: Passed,
    warnings: Vec<String>,
}

impl OnnxModel {
    /// One model, with a session of its own.
    pub fn load(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let Settled { settings, measured } = choose::settle(files, settings)?;
        let model = match measured {
            Some(model) => model,
            None => Self::with_provider(files, &settings)?,
        };
        model.warn();
        Ok(model)
    }

    /// One for each worker; `provider = "auto"` is settled once for all of them.
    pub fn load_several(
        files: &ModelFiles,
        settings: &InferenceSettings,
        crew: Crew,
    ) -> anyhow::Result<Vec<Self>> {
        let Settled { settings, measured } = choose::settle(files, settings)?;
        let mut models = Vec::from_iter(measured);
        let others = crew.sessions.saturating_sub(models.len());
        models.extend(beside(others, || Self::with_provider(files, &settings))?);
        models.iter().take(1).for_each(Self::warn);
        if crew.workers > models.len() {
            let shared = Pool::joined(models.iter().map(|model| &model.sessions));
            for model in &mut models {
                model.sessions = shared.clone();
            }
        }
        while models.len() < crew.workers {
            let first = models
                .first()
                .context("inference.sessions gives no session")?;
            let colleague = first.colleague()?;
            models.push(colleague);
        }
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
        let mut nets = nets.collect::<anyhow::Result<Nets>>()?;
        let of_nets = nets.iter().flat_map(|net| net.warnings().iter().cloned());
        let warnings = files.manifest.warnings().into_iter().chain(of_nets);
        let engine = Engine {
            precision: files.precision,
            provider: settings.provider,
            library: format!("ONNX Runtime {}", runtime::version()),
        };
        let tolerance = files.manifest.self_test_tolerance.of(files.precision);
        let batches = nets.iter().map(LoadedNet::batch);
        let mut model = Self {
            warnings: warnings.collect(),
            facts: files.facts.clone(),
            batches: batches.collect::<anyhow::Result<_>>()?,
            sessions: Pool::new([]),
            waited: Duration::ZERO,
            engine,
            cases: files.self_tests.clone(),
            self_test: Passed::before(tolerance),
        };
        model.self_test = model.prove(&mut nets)?;
        model.sessions = Pool::new([nets]);
        Ok(model)
    }

    /// Another worker on the same sessions.
    fn colleague(&self) -> anyhow::Result<Self> {
        let nets = self.sessions.take();
        let batches = nets.iter().map(LoadedNet::batch);
        Ok(Self {
            facts: self.facts.clone(),
            batches: batches.collect::<anyhow::Result<_>>()?,
            sessions: self.sessions.clone(),
            waited: Duration::ZERO,
            engine: self.engine.clone(),
            cases: self.cases.clone(),
            self_test: self.self_test.clone(),
            warnings: self.warnings.clone(),
        })
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
    fn prove(&mut self, nets: &mut Nets) -> anyhow::Result<Passed> {
        let batches = &mut self.batches;
        let tolerance = self.self_test.tolerance;
        self_test::run(&self.cases, tolerance, &self.engine, |crops| {
            estimate(nets, batches, crops)
        })
        .with_context(|| self.facts.id.clone())
    }

    /// New sessions, which pass the self-test.
    fn reopen(&mut self, nets: &mut Nets) -> anyhow::Result<()> {
        nets.iter_mut().try_for_each(LoadedNet::reopen)?;
        self.prove(nets)?;
        Ok(())
    }

    /// Asks for one crop alone. If that fails, the crop is to blame as long as the sessions still pass the self-test, be it
    /// anew.
    fn ask_alone(&mut self, nets: &mut Nets, crop: &Crop) -> anyhow::Result<Answer> {
        match estimate(nets, &mut self.batches, slice::from_ref(crop)) {
            Ok(mut answers) => Ok(answers.pop().unwrap_or(Err(NoAnswer))),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a crop cannot be computed");
                if self.prove(nets).is_err() {
                    self.reopen(nets)
                        .context("inference failed, and a new session fails too")?;
                }
                Ok(Err(NoAnswer))
            }
        }
    }

    /// No crop stops the others: what has no answer in a batch is asked alone, since a crop can spoil the batch. Where
    /// none has an answer, the self-test tells whether the sessions are to blame or the crops. The same sessions are held to
    /// the end, so that they are the ones that it tries.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures a duration for a metric"
    )]
    fn estimate_batch(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
        let mut answers = no_answers_yet(crops);
        write(&mut self.batches, crops, &mut answers);
        let asked = Instant::now();
        let mut nets = self.sessions.take();
        self.waited += asked.elapsed();
        if let Err(error) = run(&mut nets, &self.batches, crops, &mut answers) {
            tracing::warn!(
                error = format!("{error:#}"),
                "inference failed: trying each crop with a new session"
            );
            self.reopen(&mut nets)
                .context("inference failed, and a new session fails too")?;
            answers = vec![Err(NoAnswer); crops.len()];
        }
        for (crop, answer) in crops.iter().zip(&mut answers) {
            if answer.is_err() {
                *answer = self.ask_alone(&mut nets, crop)?;
            }
        }
        if answers.iter().all(Result::is_err) && !answers.is_empty() {
            self.prove(&mut nets)?;
        }
        Ok(answers)
    }

    /// Computes again what lies in its batches, so many crops: inference alone, for measurements.
    pub fn rerun(&mut self, crops: usize) -> anyhow::Result<()> {
        let mut nets = self.sessions.take();
        for (net, batch) in nets.iter_mut().zip(&mut self.batches) {
            batch.pretend(crops);
            net.run(batch, &batch.all_heads())?;
        }
        Ok(())
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn self_test(&self) -> &Passed {
        &self.self_test
    }
}

fn no_answers_yet(crops: &[Crop]) -> Vec<Answer> {
    vec![Ok(Estimate::default()); crops.len()]
}

/// Makes the batches ready. At most as many crops as fit.
fn write(batches: &mut [Batch], crops: &[Crop], answers: &mut [Answer]) {
    for batch in batches {
        if !batch.wanted(crops).is_empty() {
            batch.write(crops, answers);
        }
    }
}

/// Runs the batches and adds what the nets say of the crops in them.
fn run(
    nets: &mut Nets,
    batches: &[Batch],
    crops: &[Crop],
    answers: &mut [Answer],
) -> anyhow::Result<()> {
    for (net, batch) in nets.iter_mut().zip(batches) {
        let wanted = batch.wanted(crops);
        if !wanted.is_empty() {
            let outputs = net.run(batch, &wanted);
            let outputs = outputs.with_context(|| net.file().to_owned())?;
            batch.read(&wanted, &outputs, crops, answers);
        }
    }
    Ok(())
}

/// Both, on sessions that are held.
fn estimate(nets: &mut Nets, batches: &mut [Batch], crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
    let mut answers = no_answers_yet(crops);
    write(batches, crops, &mut answers);
    run(nets, batches, crops, &mut answers)?;
    Ok(answers)
}

impl Model for OnnxModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
        let largest = self.batches.iter().map(Batch::largest).min();
        let batches = crops.chunks(largest.unwrap_or(usize::MAX));
        let mut answers = Vec::with_capacity(crops.len());
        for crops in batches {
            answers.extend(self.estimate_batch(crops)?);
        }
        Ok(answers)
    }

    fn waited(&mut self) -> Duration {
        mem::take(&mut self.waited)
    }
}
