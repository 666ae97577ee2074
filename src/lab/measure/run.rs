//! The threads of a measurement: each takes batches of rows until none is left.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, anyhow};
use demograph_core::{
    record::{Attribute, Attributes, Crop},
    reject::Reject,
};
use demograph_model::{
    decode::Limits,
    infer::{Inference, Model, OnnxModel},
};

use super::{Measured, Progress, clocks, views};
use crate::{
    dataset::{Labelled, Pictures},
    evaluate::{Answer, Reading},
    predict,
};

/// Crops given to the model at a time, as in the service.
const BATCH: usize = Inference::BATCH_ON_PROCESSOR;

/// The reason for a face that is not where the labels say.
const MISSING: &str = "missing_file";

/// What to measure; the threads share it.
pub(super) struct Job<'a> {
    pub rows: &'a [Labelled],
    pub reading: &'a Reading,
    /// Which view of each face (see [`views`]).
    pub view: usize,
    /// The first row that no thread has taken.
    pub next: AtomicUsize,
    pub progress: Progress<'a>,
}

/// What one thread did.
#[derive(Default)]
struct Done {
    outcomes: Vec<(usize, Result<Answer, &'static str>)>,
    /// CPU time of what the service does not do: reading files, reading answers for the figures.
    apart: Duration,
}

/// Answers for one view of every face.
pub(super) fn run(
    job: &Job<'_>,
    pictures: &Pictures,
    models: Vec<OnnxModel>,
) -> anyhow::Result<Measured> {
    let first = models.first().context("--sessions gives no session")?;
    let (engine, self_test) = (first.engine().clone(), first.self_test().clone());
    let sessions = models.len();
    let mut parts = Vec::new();
    for model in models {
        parts.push((model, pictures.again()?));
    }
    let (wall, cpu) = (clocks::wall(), clocks::process_cpu());
    let done = thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|(model, pictures)| scope.spawn(move || job.work(model, pictures)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect::<anyhow::Result<Vec<Done>>>()
    })?;
    let (wall, cpu) = (clocks::wall() - wall, clocks::process_cpu() - cpu);
    let apart: Duration = done.iter().map(|done| done.apart).sum();
    let mut outcomes: Vec<_> = done.into_iter().flat_map(|done| done.outcomes).collect();
    outcomes.sort_by_key(|(row, _)| *row);
    Ok(Measured {
        outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
        cpu: cpu.saturating_sub(apart),
        wall,
        sessions,
        engine,
        self_test,
    })
}

impl Job<'_> {
    /// Takes batches until none is left.
    fn work(&self, mut model: OnnxModel, mut pictures: Pictures) -> anyhow::Result<Done> {
        let mut done = Done::default();
        loop {
            let first = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let last = (first + BATCH).min(self.rows.len());
            if first >= last {
                return Ok(done);
            }
            let batch = self.batch(first..last, &mut model, &mut pictures, &mut done);
            if let Err(error) = batch {
                // The others need not go on.
                self.next.store(self.rows.len(), Ordering::Relaxed);
                return Err(error);
            }
            (self.progress)(last - first);
        }
    }

    fn batch(
        &self,
        rows: std::ops::Range<usize>,
        model: &mut OnnxModel,
        pictures: &mut Pictures,
        done: &mut Done,
    ) -> anyhow::Result<()> {
        let before = clocks::thread_cpu();
        let max = Limits::default().payload_bytes_max;
        let files = rows
            .clone()
            .map(|row| pictures.read(&self.rows[row].file, max))
            .collect::<anyhow::Result<Vec<_>>>()?;
        done.apart += clocks::thread_cpu() - before;

        let mut crops: Vec<Crop> = Vec::with_capacity(files.len());
        let decoded: Vec<Result<(), &'static str>> = files
            .into_iter()
            .map(|file| {
                crops.push(views::view(decode(file)?, self.view));
                Ok(())
            })
            .collect();
        let mut answers = model.estimate(&crops)?.into_iter();
        let before = clocks::thread_cpu();
        for (row, decoded) in rows.zip(decoded) {
            let outcome = match decoded {
                Err(reason) => Err(reason),
                Ok(()) => {
                    let answer = answers.next();
                    let answer = answer.context("the model gives one answer a crop")?;
                    answer
                        .map(|estimate| self.reading.answer(&estimate))
                        .map_err(|_no_answer| Reject::NoAnswer.name())
                }
            };
            done.outcomes.push((row, outcome));
        }
        done.apart += clocks::thread_cpu() - before;
        Ok(())
    }
}

/// As the service does it; labels were made to be compared, so that every attribute is allowed.
fn decode(file: Option<Vec<u8>>) -> Result<Crop, &'static str> {
    let all: Attributes = Attribute::ALL.into_iter().collect();
    let bytes = file.ok_or(MISSING)?;
    predict::crop(&bytes, all).map_err(Reject::name)
}
