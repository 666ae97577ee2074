//! The writer's commits: those of different partitions overlap, because most of a commit is waiting for the store.
//!
//! Promises: at most `overlap` are under way at once; the commits of one partition come one after the other; what is
//! acknowledged is durable.

use std::{panic::resume_unwind, thread};

use demograph_core::{
    record::EventTime,
    state::{Chain, Checkpoint, Commit, CommitStep, Halt},
};

use super::{
    tables::{Edition, Written},
    write::{Ack, Task, Writer},
};
use crate::{clock, crash, metrics::stage};

/// Checkpoints between two collections of old ones.
const COLLECT_EVERY: u64 = 64;
/// Checkpoints behind the head that stay at any age.
const KEEP: u64 = 8;

/// A commit under way.
struct Begun {
    partition: i32,
    next_offset: i64,
    chain: Chain,
    commit: Commit,
    written: Vec<Written>,
    now: EventTime,
}

impl Writer {
    /// The checkpoints that wait behind this one and whose commits may overlap with its own; and the task after them.
    pub(super) fn gather(&self, first: Checkpoint) -> (Vec<Checkpoint>, Option<Task>) {
        let mut batch = vec![first];
        while batch.len() < self.overlap {
            match self.input.try_recv() {
                Ok(Task::Write(next)) if batch.iter().all(|c| c.partition != next.partition) => {
                    batch.push(next);
                }
                Ok(after) => return (batch, Some(after)),
                Err(_) => break,
            }
        }
        (batch, None)
    }

    /// Writes checkpoints of different partitions. A checkpoint of a partition that was fenced before has no answer.
    pub(super) fn write(&mut self, batch: Vec<Checkpoint>) -> anyhow::Result<Vec<Ack>> {
        let begun = batch.into_iter().filter_map(|checkpoint| {
            // Fenced: checkpoints that still come are dropped.
            let chain = self.chains.remove(&checkpoint.partition)?;
            Some(self.begin(chain, checkpoint))
        });
        let mut begun: Vec<Begun> = begun.collect::<anyhow::Result<_>>()?;
        let ours = self.carry_all_through(&mut begun)?;
        let ended = begun.into_iter().zip(ours);
        Ok(ended
            .map(|(begun, is_ours)| self.end(begun, is_ours))
            .collect())
    }

    fn begin(&self, chain: Chain, checkpoint: Checkpoint) -> anyhow::Result<Begun> {
        let (partition, now) = (checkpoint.partition, clock::now());
        let publish = checkpoint.publication.is_some();
        let commit = chain.commit(&checkpoint.saved, publish, now);
        let edition = Edition {
            partition,
            seq: commit.seq(),
            origin: commit.origin(),
            terms: checkpoint.terms,
        };
        let rows = checkpoint.publication.unwrap_or_default();
        let written = self.tables.files(&rows, &edition)?;
        let files = written.iter().map(|written| written.file.clone());
        Ok(Begun {
            partition,
            next_offset: checkpoint.next_offset,
            commit: commit.with_tables(files.collect()),
            chain,
            written,
            now,
        })
    }

    /// Takes every step of each commit, all at once. False where another instance owns the partition.
    fn carry_all_through(&self, begun: &mut [Begun]) -> anyhow::Result<Vec<bool>> {
        if let [only] = begun {
            return Ok(vec![self.carry(only)?]);
        }
        thread::scope(|scope| {
            let threads: Vec<_> = begun
                .iter_mut()
                .map(|begun| scope.spawn(move || self.carry(begun)))
                .collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended
                .map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    fn carry(&self, begun: &mut Begun) -> anyhow::Result<bool> {
        let seconds = &self.metrics.stage_seconds;
        let _timer = seconds.with_label_values(&[stage::WRITE]).start_timer();
        if !self.carry_through(&mut begun.commit)? {
            return Ok(false);
        }
        begun.chain.advance(&begun.commit);
        if begun.commit.seq() % COLLECT_EVERY == COLLECT_EVERY - 1 {
            self.collect(&begun.chain, begun.now);
        }
        Ok(true)
    }

    /// What the others learn of a commit.
    fn end(&mut self, begun: Begun, is_ours: bool) -> Ack {
        let partition = begun.partition;
        if !is_ours {
            tracing::warn!(
                partition,
                seq = begun.commit.seq(),
                "another instance owns the partition"
            );
            return Ack::Fenced {
                partition,
                ticket: self.tickets.get(&partition).copied().unwrap_or_default(),
            };
        }
        for written in &begun.written {
            let labels = [written.table.name()];
            let metrics = &self.metrics;
            metrics.files_written.with_label_values(&labels).inc();
            metrics
                .rows_written
                .with_label_values(&labels)
                .inc_by(written.rows as u64);
            metrics
                .bytes_written
                .with_label_values(&labels)
                .inc_by(written.file.bytes.len() as u64);
        }
        self.metrics.checkpoints.inc();
        let now = clock::now().0 / 1_000;
        self.metrics.last_checkpoint.set(now);
        self.chains.insert(partition, begun.chain);
        crash::at("published");
        Ack::Durable {
            partition,
            next_offset: begun.next_offset,
        }
    }

    /// Takes every step of the commit. False if another instance owns the partition.
    fn carry_through(&self, commit: &mut Commit) -> anyhow::Result<bool> {
        loop {
            match commit.step() {
                CommitStep::Create => crash::at("checkpoint-create"),
                CommitStep::ReadBack => {}
                CommitStep::HeadCheck => crash::at("checkpoint-created"),
                CommitStep::Publish(0) => crash::at("head-checked"),
                CommitStep::Publish(_) => crash::at("table-created"),
                CommitStep::Done => return Ok(true),
            }
            let step = self.insist(|stores| match commit.advance(stores) {
                Err(Halt::Fenced) => Ok(None),
                other => other.map(Some),
            })?;
            if step.is_none() {
                return Ok(false);
            }
        }
    }

    /// What is left over is collected the next time.
    fn collect(&self, chain: &Chain, now: EventTime) {
        if let Err(error) = chain.collect(&self.stores, KEEP, now.minus(self.keep_for)) {
            self.metrics.store_errors.inc();
            tracing::warn!(
                error = format!("{error:#}"),
                "old checkpoints were not deleted"
            );
        }
    }
}
