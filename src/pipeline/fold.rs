//! The fold: observations in the order of reading, one shard a partition, released panes out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crossbeam_channel::{Receiver, Sender};

use super::{
    Meaning, audience,
    feed::{Feed, Numbered, Order, Tick},
    write::Task,
};
use crate::{
    clock,
    metrics::{Metrics, SOURCE_SERIES_LIMIT, outcome, stage},
    privacy::{Cells, ReleasedPane},
    record::{EventTime, SourceId},
    state::{self, Applied, Publication, Shard},
    window::{self, Observation, Outcome, Settings},
};

/// The fold's parts.
pub(super) struct Fold {
    pub input: Receiver<Vec<Numbered<Observation>>>,
    pub output: Sender<Task>,
    pub settings: Settings,
    pub rolling: state::Rolling,
    pub views: window::Rolling,
    pub meaning: Meaning,
    pub metrics: Metrics,
    pub shards: BTreeMap<i32, Shard>,
    /// Where each source was seen, to check the keying contract.
    pub seen: HashMap<SourceId, BTreeSet<i32>>,
}

/// The writer has ended; its own error says why.
struct WriterGone;

impl Fold {
    /// Folds until the input ends.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut order = Order::default();
        while let Ok(items) = self.input.recv() {
            let timer = self
                .metrics
                .stage_seconds
                .with_label_values(&[stage::FOLD])
                .start_timer();
            items.into_iter().for_each(|item| order.put(item));
            while let Some(feed) = order.take() {
                if let Err(WriterGone) = self.take(feed) {
                    return Ok(());
                }
            }
            timer.observe_duration();
        }
        Ok(())
    }

    fn take(&mut self, feed: Feed<Observation>) -> Result<(), WriterGone> {
        match feed {
            Feed::Data(observation) => self.apply(observation),
            Feed::Tick(tick) => self.tick(&tick),
            Feed::Assigned(starts) => {
                let now = clock::now();
                for (partition, next_offset) in starts {
                    let shard = Shard::new(partition, next_offset, self.settings, now);
                    self.shards.insert(partition, shard);
                }
                Ok(())
            }
            Feed::Revoked(partitions) => {
                for partition in partitions {
                    self.drain(partition)?;
                }
                self.send(Task::Drained)
            }
            Feed::Lost(partitions) => {
                for partition in partitions {
                    self.forget(partition);
                }
                self.send(Task::Drained)
            }
        }
    }

    fn apply(&mut self, observation: Observation) -> Result<(), WriterGone> {
        let partition = observation.position.partition;
        let (source, now) = (observation.source.clone(), observation.received);
        // A partition that was given up belongs to somebody else, who reads the record again.
        let Some(shard) = self.shards.get_mut(&partition) else {
            return Ok(());
        };
        let applied = shard.apply(observation, &self.meaning.policy);
        let Applied::Counted(outcome, released) = applied else {
            self.metrics
                .records
                .with_label_values(&[outcome::REPLAYED])
                .inc();
            return Ok(());
        };
        if !released.is_empty() {
            self.watermark(partition, &source);
        }
        self.count(outcome);
        self.check_keying(&source, partition);
        self.show(released, now);
        self.publish_if_due(partition, now)
    }

    fn tick(&mut self, tick: &Tick) -> Result<(), WriterGone> {
        for partition in self.shards.keys().copied().collect::<Vec<_>>() {
            if tick.at_end.contains(&partition) {
                let shard = self.shards.get_mut(&partition).expect("it was just listed");
                let released = shard.close_idle(tick.heard_until, &self.meaning.policy);
                for source in released
                    .iter()
                    .map(|pane| pane.source.clone())
                    .collect::<BTreeSet<_>>()
                {
                    self.watermark(partition, &source);
                }
                self.show(released, tick.now);
            }
            self.publish_if_due(partition, tick.now)?;
        }
        for view in self.views.expire(tick.now) {
            audience::show(&view, &self.meaning, &self.metrics);
        }
        self.measure(tick);
        Ok(())
    }

    fn drain(&mut self, partition: i32) -> Result<(), WriterGone> {
        let Some(mut shard) = self.forget(partition) else {
            return Ok(());
        };
        let now = clock::now();
        let released = shard.drain(&self.meaning.policy);
        self.show(released, now);
        match shard.publish(now) {
            Some(publication) => self.send(Task::Publish(publication)),
            None => Ok(()),
        }
    }

    /// The partition is somebody else's, and so is its lag.
    fn forget(&mut self, partition: i32) -> Option<Shard> {
        // Where no tick came yet there is no series to remove.
        drop(
            self.metrics
                .partition_lag
                .remove_label_values(&[&partition.to_string()]),
        );
        self.shards.remove(&partition)
    }

    fn publish_if_due(&mut self, partition: i32, now: EventTime) -> Result<(), WriterGone> {
        let shard = self.shards.get_mut(&partition);
        let publication: Option<Publication> =
            shard.and_then(|shard| shard.publish_if_due(now, self.rolling));
        publication.map_or(Ok(()), |publication| self.send(Task::Publish(publication)))
    }

    fn send(&self, task: Task) -> Result<(), WriterGone> {
        let _blocked = self.metrics.blocked(stage::FOLD);
        self.output.send(task).map_err(|_| WriterGone)
    }

    /// Shows released panes in /metrics: after disclosure control, never before.
    fn show(&mut self, released: Vec<ReleasedPane>, now: EventTime) {
        for pane in released {
            self.metrics
                .closed_panes
                .with_label_values(&[pane.by.name()])
                .inc();
            for attribute in &pane.attributes {
                if attribute.cells == Cells::Suppressed {
                    self.metrics
                        .suppressed_panes
                        .with_label_values(&[attribute.attribute.name()])
                        .inc();
                }
            }
            if pane.source.as_str() == SourceId::UNKNOWN {
                continue;
            }
            let source = pane.source.clone();
            for view in self.views.add(pane, now) {
                audience::show(&view, &self.meaning, &self.metrics);
            }
            if self.views.is_folded(&source) {
                self.metrics
                    .limit_hits
                    .with_label_values(&[SOURCE_SERIES_LIMIT])
                    .inc();
            }
        }
    }

    fn count(&self, outcome: Outcome) {
        let label = match outcome {
            Outcome::Face => outcome::FACE,
            Outcome::Late => outcome::LATE,
            Outcome::Rejected(reason) => {
                self.metrics
                    .rejected_records
                    .with_label_values(&[reason.name()])
                    .inc();
                outcome::REJECTED
            }
        };
        self.metrics.records.with_label_values(&[label]).inc();
    }

    /// The key is the source, so a source lives in one partition. Elsewhere its rows still add up, but small
    /// counts are judged apart, so more is hidden than need be.
    fn check_keying(&mut self, source: &SourceId, partition: i32) {
        if source.as_str() == SourceId::UNKNOWN
            || self
                .seen
                .get(source)
                .is_some_and(|seen| seen.contains(&partition))
        {
            return;
        }
        let seen = self.seen.entry(source.clone()).or_default();
        seen.insert(partition);
        if seen.len() > 1 {
            tracing::warn!(%source, partitions = ?seen, "a source comes in through more than one partition: use its id as the key of its records");
            self.metrics.partition_conflicts.inc();
        }
    }

    fn watermark(&self, partition: i32, source: &SourceId) {
        let until = self
            .shards
            .get(&partition)
            .and_then(|shard| shard.windows().closed_until(source));
        if let Some(until) = until
            && !self.views.is_folded(source)
        {
            let gauge = self
                .metrics
                .source_watermark
                .with_label_values(&[source.as_str()]);
            gauge.set(until.0 as f64 / 1_000.0);
        }
    }

    fn measure(&self, tick: &Tick) {
        let open: usize = self
            .shards
            .values()
            .map(|shard| shard.windows().open_panes())
            .sum();
        self.metrics.open_panes.set(open as i64);
        for (partition, shard) in &self.shards {
            let lag = match (tick.ends.get(partition), shard.next_offset()) {
                (Some(end), Some(next_offset)) => (end - next_offset).max(0),
                _ => continue,
            };
            self.metrics
                .partition_lag
                .with_label_values(&[&partition.to_string()])
                .set(lag);
        }
    }
}
