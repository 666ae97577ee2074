//! The workers: each decodes a batch, and infers on a session that is free. Batches are pulled: when a worker is free, its
//! next one is all that is there. Only a batch that is not full may wait for more, where the config says so.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, select};
use demograph_core::{
    record::{Crop, EventTime},
    reject::Reject,
    window::Observation,
};
use demograph_model::{
    decode::Limits,
    infer::{Answer, Model},
};

use super::{Meaning, feed::Numbered, front::Candidate, watch::Sign};
use crate::{
    clock, cores,
    metrics::{Metrics, stage},
};

/// One worker's parts.
pub struct Worker {
    pub model: Box<dyn Model>,
    pub batch_max: usize,
    /// How long a batch that is not full waits for more.
    pub batch_wait_max: Duration,
    /// The core that the thread keeps to.
    pub core: Option<usize>,
    pub limits: Limits,
    pub meaning: Meaning,
    pub input: Receiver<Numbered<Candidate>>,
    pub output: Sender<Vec<Numbered<Observation>>>,
    /// Shows for how long a batch is held.
    pub sign: Sign,
    pub metrics: Metrics,
}

impl Worker {
    /// Works until the input ends.
    pub fn run(mut self) -> anyhow::Result<()> {
        if let Some(core) = self.core {
            cores::keep_to(core);
        }
        while let Ok(first) = self.input.recv() {
            let deadline = (!self.batch_wait_max.is_zero()).then(|| after(self.batch_wait_max));
            let batch = pull(first, &self.input, self.batch_max, deadline);
            self.sign.turn();
            let observed = self.observe(batch)?;
            self.sign.turn();
            let blocked = self.metrics.blocked(stage::INFER);
            let sent = self.output.send(observed);
            drop(blocked);
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn observe(
        &mut self,
        batch: Vec<Numbered<Candidate>>,
    ) -> anyhow::Result<Vec<Numbered<Observation>>> {
        let mut crops = Vec::with_capacity(batch.len());
        let mut sent = Vec::with_capacity(batch.len());
        let timer = self
            .metrics
            .stage_seconds
            .with_label_values(&[stage::DECODE])
            .start_timer();
        let mut observed: Vec<_> = batch
            .into_iter()
            .map(|item| {
                item.map(|candidate| {
                    let mut observation = candidate.observation;
                    match candidate.crop.decode(&self.limits) {
                        // The crop goes into the batch; its evidence follows.
                        Ok(crop) => {
                            sent.push(candidate.sent);
                            crops.push(crop);
                        }
                        Err(reason) => observation.outcome = Err(reason),
                    }
                    observation
                })
            })
            .collect();
        timer.observe_duration();
        let mut answers = self.infer(crops)?.into_iter();
        self.show_latency(&sent);
        let categories = &self.meaning.terms.categories;
        for Numbered { item: seen, .. } in &mut observed {
            if seen.outcome.is_ok() {
                let answer = answers.next().expect("the model gives one answer a crop");
                seen.outcome = answer
                    .map(|estimate| categories.evidence(&estimate))
                    .map_err(|_no_answer| Reject::NoAnswer);
            }
        }
        Ok(observed)
    }

    /// The clock that stamped the record may run ahead of this one: then it counts as 0 s.
    fn show_latency(&self, sent: &[EventTime]) {
        let now = clock::now();
        for sent in sent {
            let millis = now.0.saturating_sub(sent.0).max(0);
            self.metrics.event_to_estimate.observe(millis as f64 / 1e3);
        }
    }

    /// The crops end here.
    fn infer(&mut self, crops: Vec<Crop>) -> anyhow::Result<Vec<Answer>> {
        if crops.is_empty() {
            return Ok(Vec::new());
        }
        self.metrics.batch_crops.observe(crops.len() as f64);
        let inferring = self
            .metrics
            .stage_seconds
            .with_label_values(&[stage::INFER]);
        let timer = inferring.start_timer();
        let answers = self.model.estimate(&crops)?;
        // What was decoded waits where all sessions are busy.
        let waited = self.model.waited().as_secs_f64();
        inferring.observe((timer.stop_and_discard() - waited).max(0.0));
        let blocked = &self.metrics.stage_blocked_seconds;
        blocked.with_label_values(&[stage::DECODE]).inc_by(waited);
        Ok(answers)
    }
}

/// The first item and what else is there, up to a batch; then what comes before the deadline.
fn pull<T>(
    first: T,
    input: &Receiver<T>,
    batch_max: usize,
    deadline: Option<Receiver<Instant>>,
) -> Vec<T> {
    let mut batch = vec![first];
    while batch.len() < batch_max {
        let next = match (input.try_recv(), &deadline) {
            (Ok(next), _) => Some(next),
            (Err(_), None) => None,
            (Err(_), Some(deadline)) => select! {
                recv(input) -> next => next.ok(),
                recv(deadline) -> _ => None,
            },
        };
        let Some(next) = next else { break };
        batch.push(next);
    }
    batch
}

#[cfg(test)]
mod tests;
