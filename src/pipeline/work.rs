//! The workers: decode and infer, each with a session of its own. Batches are pulled, not waited for:
//! the next one is whatever is there when the model is free.

use crossbeam_channel::{Receiver, Sender};

use super::{
    Meaning,
    feed::{Feed, Numbered},
};
use crate::{
    cores,
    decode::{Decoded, Limits, decode},
    infer::Model,
    metrics::{Metrics, stage},
    record::{Crop, EventTime, Record},
    window::{Evidence, Observation},
};

/// One worker's parts.
pub struct Worker {
    pub model: Box<dyn Model>,
    pub batch_max: usize,
    /// The core that the thread keeps to.
    pub core: Option<usize>,
    pub limits: Limits,
    pub meaning: Meaning,
    pub input: Receiver<Numbered<Record>>,
    pub output: Sender<Vec<Numbered<Observation>>>,
    pub metrics: Metrics,
}

impl Worker {
    /// Works until the input ends.
    pub fn run(mut self) -> anyhow::Result<()> {
        if let Some(core) = self.core {
            cores::keep_to(core);
        }
        while let Ok(first) = self.input.recv() {
            let batch = self.pull(first);
            let observed = self.observe(batch)?;
            let blocked = self.metrics.blocked(stage::INFER);
            let sent = self.output.send(observed);
            drop(blocked);
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The first item and what else is there, up to a batch.
    fn pull(&self, first: Numbered<Record>) -> Vec<Numbered<Record>> {
        let mut batch = vec![first];
        while batch.len() < self.batch_max
            && let Ok(next) = self.input.try_recv()
        {
            batch.push(next);
        }
        batch
    }

    fn observe(
        &mut self,
        batch: Vec<Numbered<Record>>,
    ) -> anyhow::Result<Vec<Numbered<Observation>>> {
        let mut crops = Vec::with_capacity(batch.len());
        let timer = self
            .metrics
            .stage_seconds
            .with_label_values(&[stage::DECODE])
            .start_timer();
        let mut observed: Vec<_> = batch
            .into_iter()
            .map(|item| Numbered {
                number: item.number,
                feed: self.decode(item.feed, &mut crops),
            })
            .collect();
        timer.observe_duration();
        let mut estimates = self.infer(crops)?.into_iter();
        for item in &mut observed {
            if let Feed::Data(Observation {
                outcome: Ok(evidence),
                ..
            }) = &mut item.feed
            {
                *evidence = estimates
                    .next()
                    .expect("the model gives one estimate a crop");
            }
        }
        Ok(observed)
    }

    /// Puts the crop aside for the batch; its evidence follows.
    fn decode(&self, feed: Feed<Record>, crops: &mut Vec<Crop>) -> Feed<Observation> {
        match feed {
            Feed::Data(record) => {
                let decoded = decode(&record, &self.limits, self.meaning.policy.as_ref());
                Feed::Data(observation(decoded, record.received, crops))
            }
            Feed::Tick(tick) => Feed::Tick(tick),
            Feed::Assigned(starts) => Feed::Assigned(starts),
            Feed::Revoked(partitions) => Feed::Revoked(partitions),
            Feed::Ended(partitions) => Feed::Ended(partitions),
            Feed::Lost(partitions) => Feed::Lost(partitions),
        }
    }

    /// The crops end here.
    fn infer(&mut self, crops: Vec<Crop>) -> anyhow::Result<Vec<Evidence>> {
        if crops.is_empty() {
            return Ok(Vec::new());
        }
        self.metrics.batch_crops.observe(crops.len() as f64);
        let timer = self
            .metrics
            .stage_seconds
            .with_label_values(&[stage::INFER])
            .start_timer();
        let estimates = self.model.estimate(&crops)?;
        timer.observe_duration();
        let categories = &self.meaning.terms.categories;
        Ok(estimates
            .iter()
            .map(|estimate| categories.evidence(estimate))
            .collect())
    }
}

fn observation(decoded: Decoded, received: EventTime, crops: &mut Vec<Crop>) -> Observation {
    Observation {
        position: decoded.position,
        received,
        source: decoded.source,
        time: decoded.time,
        track: decoded.track,
        outcome: decoded.crop.map(|crop| {
            crops.push(crop);
            Evidence::default()
        }),
    }
}
