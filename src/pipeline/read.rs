//! The poll loop: records and rebalances in, numbered feeds out, commits back. Polling never stops.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::{
    attention::Attention,
    feed::{Feed, Numbered, Tick},
    write::Ack,
};
use crate::{
    clock,
    http::Health,
    kafka::{Consumer, Polled},
    metrics::{Metrics, rebalance, stage},
    record::{EventTime, Record},
    shutdown::Shutdown,
};

/// How long a poll waits: the longest time until a request to stop is seen.
const POLL: Duration = Duration::from_millis(100);
/// How often the other stages learn of the wall clock.
const TICK_MILLIS: i64 = 1_000;
/// How long to wait for room before fetching is paused: pausing throws the prefetch away, so not at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// The state of the poll loop.
pub(super) struct Reader {
    pub consumer: Consumer,
    pub output: Sender<Numbered<Record>>,
    pub acks: Receiver<Ack>,
    pub metrics: Metrics,
    pub health: Health,
    pub shutdown: Shutdown,
    /// Milliseconds.
    pub drain_max: i64,
    /// Milliseconds of silence after which panes are closed.
    pub idle_after: i64,
    pub assigned: BTreeSet<i32>,
    /// Partitions whose end was reached, as far as was heard.
    pub at_end: BTreeSet<i32>,
    pub attention: Attention,
    /// Polled while there was no room downstream.
    pub stash: VecDeque<Polled>,
    pub next_number: u64,
    pub last_tick: EventTime,
}

impl Reader {
    /// Reads until asked to stop, then drains.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        while !self.shutdown.is_requested() {
            let polled = match self.stash.pop_front() {
                Some(polled) => polled,
                None => self.listen()?,
            };
            self.take(polled)?;
            self.tick()?;
            self.commit_durable()?;
            self.health.beat();
        }
        if self.shutdown.has_failed() {
            bail!("another stage failed");
        }
        self.let_go(Feed::Revoked)?;
        self.consumer.leave();
        Ok(())
    }

    /// What has arrived, else what comes. Only a reader with nothing left to read hears silence: what waits
    /// behind a backlog has not been heard yet.
    fn listen(&mut self) -> anyhow::Result<Polled> {
        match self.consumer.poll_arrived()? {
            Polled::Nothing => {
                self.attention.listen(clock::now());
                self.consumer.poll(POLL)
            }
            polled => Ok(polled),
        }
    }

    fn take(&mut self, polled: Polled) -> anyhow::Result<()> {
        match polled {
            Polled::Record(record) => {
                self.at_end.remove(&record.position.partition);
                self.send(Feed::Data(record))
            }
            Polled::AtEnd(partition) => {
                self.at_end.insert(partition);
                Ok(())
            }
            Polled::Assigned(partitions) => self.begin(&partitions),
            Polled::Revoked(_) => self.let_go(Feed::Revoked),
            Polled::Lost(_) => self.let_go(Feed::Lost),
            Polled::Trouble(trouble) => {
                tracing::warn!(trouble, "kafka: going on");
                self.metrics.kafka_errors.inc();
                Ok(())
            }
            Polled::Nothing => Ok(()),
        }
    }

    fn begin(&mut self, partitions: &[i32]) -> anyhow::Result<()> {
        let starts = self.consumer.begin(partitions)?;
        tracing::info!(?starts, "partitions assigned");
        self.metrics
            .rebalances
            .with_label_values(&[rebalance::ASSIGNED])
            .inc();
        self.assigned.extend(partitions);
        self.metrics
            .assigned_partitions
            .set(self.assigned.len() as i64);
        self.health.ready();
        self.send(Feed::Assigned(starts))
    }

    /// Has the partitions drained (or forgotten), commits, and gives them up. The assignment is eager: all go.
    fn let_go(&mut self, signal: fn(Vec<i32>) -> Feed<Record>) -> anyhow::Result<()> {
        let partitions: Vec<i32> = std::mem::take(&mut self.assigned).into_iter().collect();
        self.at_end.clear();
        self.metrics.assigned_partitions.set(0);
        let feed = signal(partitions);
        let kind = if matches!(feed, Feed::Lost(_)) {
            rebalance::LOST
        } else {
            rebalance::REVOKED
        };
        tracing::info!(kind, "partitions go away");
        self.metrics.rebalances.with_label_values(&[kind]).inc();
        self.send(feed)?;
        self.await_drained()?;
        self.consumer.give_up()
    }

    /// Waits until everything that was sent is durable, committing as it becomes so.
    fn await_drained(&mut self) -> anyhow::Result<()> {
        let mut offsets = Vec::new();
        let deadline = clock::now().plus(self.drain_max);
        while clock::now() < deadline {
            match self.acks.recv_timeout(POLL) {
                Ok(Ack::Durable {
                    partition,
                    commit_offset,
                }) => offsets.push((partition, commit_offset)),
                Ok(Ack::Drained) => return self.commit(&offsets),
                Err(RecvTimeoutError::Timeout) if !self.shutdown.has_failed() => self.health.beat(),
                Err(_) => bail!("another stage ended before everything was durable"),
            }
        }
        bail!(
            "draining took longer than limits.drain_max; what is not durable is read again at the next start"
        )
    }

    fn commit_durable(&mut self) -> anyhow::Result<()> {
        let mut offsets = Vec::new();
        while let Ok(ack) = self.acks.try_recv() {
            if let Ack::Durable {
                partition,
                commit_offset,
            } = ack
            {
                offsets.push((partition, commit_offset));
            }
        }
        self.commit(&offsets)
    }

    /// A commit that fails is no loss: the same records are read again, and the next commit stands for it too.
    fn commit(&mut self, offsets: &[(i32, i64)]) -> anyhow::Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        match self.consumer.commit(offsets) {
            Ok(()) => self.metrics.commits.inc(),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "offsets were not committed");
                self.metrics.kafka_errors.inc();
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        let now = clock::now();
        if now < self.last_tick.plus(TICK_MILLIS) {
            return Ok(());
        }
        self.last_tick = now;
        let at_end = match self.attention.has_lasted(self.idle_after) {
            true => self.at_end.iter().copied().collect(),
            false => Vec::new(),
        };
        self.send(Feed::Tick(Tick {
            now,
            at_end,
            heard_until: self.attention.heard_until(),
            ends: self.consumer.high_watermarks(),
        }))
    }

    /// Hands on in order. While there is no room, fetching pauses but polling goes on.
    fn send(&mut self, feed: Feed<Record>) -> anyhow::Result<()> {
        let number = self.next_number;
        self.next_number += 1;
        let mut item = Numbered { number, feed };
        let blocked = self.metrics.blocked(stage::POLL);
        let mut paused: Vec<i32> = Vec::new();
        loop {
            match self.output.send_timeout(item, PATIENCE) {
                Ok(()) => break,
                Err(SendTimeoutError::Disconnected(_)) => bail!("the workers have ended"),
                Err(SendTimeoutError::Timeout(returned)) => {
                    item = returned;
                    if paused.is_empty() && !self.assigned.is_empty() {
                        paused = self.assigned.iter().copied().collect();
                        self.consumer.pause(&paused)?;
                    }
                    self.health.beat();
                    match self.consumer.poll(Duration::ZERO)? {
                        Polled::Nothing => {}
                        polled => self.stash.push_back(polled),
                    }
                }
            }
        }
        drop(blocked);
        if paused.is_empty() {
            return Ok(());
        }
        self.consumer.resume(&paused).context("after a pause")
    }
}
